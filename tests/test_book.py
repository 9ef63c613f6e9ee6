"""The built book, as a reader meets it: its HTML, and its pages in a browser.  ``make book`` builds it beforehand."""

import gzip
import os
import re
import shutil
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urldefrag

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from fontTools import ttLib
from prose import uncited_numerals

from tools import book

ROOT, HTML = book.ROOT, book.HTML
#: Taken now: the session's fixtures clear the settings, and the book was built with them.
ENVIRON = book.environment()
#: Attributes that make a browser fetch what they name, by element; links to follow (``a``) are not among them.
FETCHED = {
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "iframe": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "video": ("src", "poster"),
    "audio": ("src",),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
    "form": ("action",),
}
EXTERNAL = re.compile(r"^\s*(?:[a-z][a-z0-9+.-]*:)?//", re.I)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
#: A figure is drawn 720 pixels wide; its smallest letters are then about ten pixels high.
READABLE = 720
#: For each figure: how wide it is, how wide the frame that shows it, how far that scrolls, and what a tap opens.
FIGURES = """[...document.querySelectorAll("div.cell_output figure img")].map(image => {
    const frame = image.parentElement
    frame.scrollLeft = 100000
    const [width, shown] = [image, frame].map(element => element.getBoundingClientRect().width)
    return {width, frame: shown, scrolled: frame.scrollLeft, source: image.src, target: frame.href}
})"""
#: For each block of code: by how much it is wider than its box, what was written, and what a reader copies by hand.
CODE = """[...document.querySelectorAll(":not(.output) > .highlight > pre")].map(code => {
    getSelection().selectAllChildren(code)
    const wider = code.scrollWidth - code.clientWidth
    return {wider, written: code.textContent.trimEnd(), copied: getSelection().toString().trimEnd()}
})"""
#: What helps on a screen and is of no use on paper.
FURNITURE = ".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .prev-next-footer, .copybtn, .headerlink"
#: Bytes that a page may ask for with all that it shows, as they are sent, and how many files that may be; elements that
#: a phone has to lay out.
MOST_BYTES, MOST_REQUESTS, MOST_ELEMENTS = 1_500_000, 60, 5_000
#: The colour of a block of code, and those of pieces of it that are put there as the highlighter would write them.
COLOURS = """classes => {
    const code = document.querySelector(".cell_input .highlight > pre > span")
    const piece = one => Object.assign(document.createElement("span"), {className: one})
    const colour = one => getComputedStyle(code.appendChild(piece(one))).color
    return [getComputedStyle(code).color, ...classes.map(colour)]
}"""
#: Of a page as it is printed: the furniture that can be seen, where its text lies, code that is cut off, letters too
#: pale for white paper, the size of the letters.
PRINTED = """furniture => {
    const article = document.querySelector("article.bd-article")
    const text = article.querySelector("section > p:not(.skin-open)"), place = text.getBoundingClientRect()
    const shown = selector => [...document.querySelectorAll(selector)].filter(one => one.getClientRects().length)
    const pale = one => getComputedStyle(one).color.match(/[0-9.]+/g).slice(0, 3).every(value => value > 140)
    const words = [...article.querySelectorAll("p, pre, pre span, td, figcaption")].filter(one => one.offsetParent)
    return {
        furniture: shown(furniture).length, title: shown("h1").length, foot: shown("footer .skin-footer").length,
        left: place.left, right: place.right,
        cut: [...article.querySelectorAll("pre")].filter(one => one.scrollWidth > one.clientWidth + 1).length,
        pale: words.filter(pale).map(one => one.textContent.slice(0, 40)),
        size: parseFloat(getComputedStyle(text).fontSize),
    }
}"""
FILE_NAME = re.compile(r"\.(png|jpe?g|svg|gif|webp)\b|^\S*[0-9a-f]{16}\S*$", re.I)


def pages():
    """Return the paths of the book's pages; the theme's templates among its static files are none."""
    return [path for path in sorted(HTML.rglob("*.html")) if "_static" not in path.parts]


def chapter_pages():
    """Return the paths of the pages that are notebooks."""
    return [HTML / "notebooks" / f"{path.stem}.html" for path in book.chapters()]


def name(path):
    """Return a page's address inside the book."""
    return path.relative_to(HTML).as_posix()


@cache
def soup(path):
    """Return a page's parsed HTML."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def article(path):
    """Return the element that holds a page's own content."""
    return soup(path).select_one("article.bd-article") or soup(path).find("main")


@pytest.fixture(scope="module", autouse=True)
def built():
    """No test of the book means anything on an old one."""
    if not (HTML / "index.html").exists():
        pytest.fail("there is no book: run `make book` first")
    if not book.is_fresh(book.digests(ENVIRON)):
        pytest.fail("the book is older than what it is made from: run `make book` first")


# What a page is made of


def test_every_page_of_the_table_of_contents_is_there():
    text = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    listed = re.findall(r"(?:root|file): (\S+)", text)
    assert [entry for entry in listed if not (HTML / f"{entry}.html").exists()] == []
    assert {f"notebooks/{path.stem}" for path in book.chapters()} <= set(listed)
    assert {f"book/{path.stem}" for path in (ROOT / "book").glob("*.md")} <= set(listed)


def test_every_image_says_what_it_shows():
    problems = []
    for path in pages():
        for image in soup(path).find_all("img"):
            alt = (image.get("alt") or "").strip()
            if not alt or FILE_NAME.search(alt):
                problems.append((name(path), image.get("src", "")[:80], alt))
    assert problems == []


def test_headings_are_in_order():
    problems = []
    for path in pages():
        levels = [int(tag.name[1]) for tag in article(path).find_all(re.compile("^h[1-6]$"))]
        if levels.count(1) != 1 or levels[0] != 1:
            problems.append((name(path), "its h1", levels))
        problems += [(name(path), a, b) for a, b in pairwise(levels) if b > a + 1]
    assert problems == []


def test_links_and_anchors_inside_the_book_lead_somewhere():
    problems = []
    for path in pages():
        for tag, attribute in (("a", "href"), ("link", "href"), ("script", "src"), ("img", "src"), ("form", "action")):
            for element in soup(path).find_all(tag):
                address = element.get(attribute, "")
                if re.match(r"[a-z][a-z0-9+.-]*:", address, re.I) or EXTERNAL.match(address):
                    continue
                file, anchor = urldefrag(address)
                file = unquote(file.split("?")[0])
                target = path if not file else (path.parent / file).resolve()
                if not target.is_file():
                    problems.append((name(path), address, "no such file"))
                elif anchor and not (target.suffix == ".html" and soup(target).find(id=unquote(anchor))):
                    problems.append((name(path), address, "no such anchor"))
    assert problems == []


def test_no_page_names_a_script_style_font_or_image_of_another_host():
    problems = []
    for path in pages():
        for tag, attributes in FETCHED.items():
            for element in soup(path).find_all(tag):
                values = [element.get(attribute) or "" for attribute in attributes]
                problems += [(name(path), tag, value) for value in values if EXTERNAL.match(value) or ", http" in value]
        inline = [element.get_text() for element in soup(path).find_all("style")]
        inline += [element["style"] for element in soup(path).find_all(style=True)]
        problems += [(name(path), "style", found) for text in inline for found in fetched_by_css(text)]
    for path in HTML.rglob("*.css"):
        problems += [(name(path), "css", found) for found in fetched_by_css(path.read_text(encoding="utf-8"))]
    assert problems == []


def fetched_by_css(text):
    """Return the addresses of other hosts that a style sheet fetches."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    found = re.findall(r"url\(\s*[\"']?([^\"')]+)", text) + re.findall(r"@import\s+[\"']([^\"']+)", text)
    return [address for address in found if EXTERNAL.match(address)]


def test_css_check_sees_what_it_looks_for():
    assert fetched_by_css('@import "https://a.b/c.css"; x {src: url(//a.b/f.woff)}') == [
        "//a.b/f.woff",
        "https://a.b/c.css",
    ]
    assert fetched_by_css("x {background: url(data:image/svg+xml,a); src: url('../f.woff')}") == []


def test_every_page_says_that_it_is_no_medical_device():
    assert [name(path) for path in pages() if "not a medical device" not in soup(path).get_text().lower()] == []
    footers = [path for path in pages() if path.parent != HTML or path.name == "search.html"]
    assert [name(path) for path in footers if not soup(path).select_one("footer .skin-footer")] == []


def test_every_page_says_which_edition_it_is_of_and_how_to_cite_it():
    release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    for path in set(pages()) - {HTML / "index.html"}:
        edition = soup(path).select_one("footer .skin-edition")
        words = " ".join(edition.get_text().split())
        assert re.match(rf"Version {re.escape(release)}, built on \d\d \w+ 20\d\d\. Cite this book", words)
        assert edition.find("a")["href"].endswith("licence.html#how-to-cite-this-book") or path.stem == "licence"


# Chapters


def test_every_chapter_shows_where_its_numbers_come_from_before_its_first_figure():
    problems = []
    for path in chapter_pages():
        box = soup(path).select_one(".skin-provenance")
        if box is None or box.find_all_previous("figure") or "Data hash" not in box.get_text():
            problems.append(name(path))
        elif "synthetic" in box.get_text().lower() and not re.search("SYNTHETIC DATA|RECORDED ON", box.get_text()):
            problems.append((name(path), "the notice is missing"))
    assert problems == []


def test_figures_are_numbered_through_the_book_and_each_has_a_caption():
    numbers, problems = [], []
    for path in [HTML / "book" / "index.html", *chapter_pages()]:
        for image in article(path).select(".cell_output img, figure img"):
            caption = image.find_parent("figure") and image.find_parent("figure").find("figcaption")
            label = caption and caption.select_one(".caption-number")
            if not label or not re.fullmatch(r"Fig\. \d+\s*", label.get_text()):
                problems.append((name(path), image.get("alt"), label and label.get_text()))
            else:
                numbers.append(int(re.search(r"\d+", label.get_text()).group()))
                if len(caption.get_text()) < len(label.get_text()) + 20:
                    problems.append((name(path), "hardly a caption", caption.get_text()))
    assert problems == []
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_chapter_shows_no_error_no_stderr_no_option_lines_and_no_notes_for_instructors():
    problems = []
    for source, path in zip(book.chapters(), chapter_pages(), strict=True):
        chatter = soup(path).select(".output.stderr, .output.traceback")
        problems += [(name(path), found.get_text()[:200]) for found in chatter]
        text = " ".join(article(path).get_text().split())
        if "#|" in text:
            problems.append((name(path), "#|"))
        for cell in nbformat.read(source, as_version=4).cells:
            if "instructor" in cell.metadata.get("tags", []):
                words = " ".join(re.sub(r"<[^>]+>|[*_`#>]|\[|\]\([^)]*\)", " ", cell.source).split()[:12])
                if words in text:
                    problems.append((name(path), words))
    assert problems == []


def test_solutions_are_folded_and_stubs_are_not():
    problems = []
    for source, path in zip(book.chapters(), chapter_pages(), strict=True):
        shown = {"".join(block.get_text().split()): block for block in soup(path).select(".cell_input pre")}
        for cell in nbformat.read(source, as_version=4).cells:
            tags = cell.metadata.get("tags", [])
            if {"solution", "stub"} & set(tags):
                block = shown.get("".join(cell.source.split()))
                folded = block is not None and block.find_parent("details") is not None
                if block is None or folded != ("solution" in tags):
                    problems.append((name(path), tags, cell.source[:60]))
    assert problems == []


def test_the_welcome_page_maps_every_chapter_in_its_order():
    cells = article(HTML / "book" / "index.html").select("tr > td:first-child a")
    assert [cell["href"].rpartition("/")[2] for cell in cells] == [path.name for path in chapter_pages()]


def test_the_repository_has_one_address_wherever_it_is_to_be_cloned_from():
    command = f"git clone {named_repository()}\ncd {named_repository().rsplit('/', 1)[1]}\n"
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")
    assert command in [block.get_text() for block in article(HTML / "book" / "setup.html").select("pre")]


def named_repository():
    """Return the repository's address, which pyproject.toml names."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def test_a_chapter_opens_in_colab_from_the_repository_that_the_project_names():
    repository = named_repository()
    configured = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    assert configured == {"url": repository, "branch": "main"}
    owner = repository.removeprefix("https://github.com/")
    for source, path in zip(book.chapters(), chapter_pages(), strict=True):
        start = f"https://colab.research.google.com/github/{owner}/blob/main/notebooks"
        links = [link["href"] for link in article(path).select("h1 + .skin-open a")]
        assert links == [f"{start}/{source.name}", f"{start}/learner/{source.name}"], name(path)
        assert (source.parent / "learner" / source.name).exists()
        assert soup(path).select_one(f".bd-header-article a[href='{links[0]}']"), "the rocket's menu"


# Prose of the pages under book/


def uncited(text):
    """Return the sentences of a page's Markdown that state a decimal number or a percentage without a source."""
    text = re.sub(r"^```\{glossary\}\n(.*?)^```", r"\1", text, flags=re.S | re.M)
    text = re.sub(r"\bCC BY(?:-NC)?(?:-SA)? 4\.0|\bPython 3\.\d+", "", text)
    return uncited_numerals(re.sub(r"\{cite(?::\w+)?\}`[^`]+`", "(Author 2000)", text))


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.md")), ids=lambda path: path.stem)
def test_no_page_types_a_result_by_hand(path):
    assert uncited(path.read_text(encoding="utf-8")) == []


def test_the_loader_says_what_the_page_on_own_images_says_it_says():
    text = (ROOT / "book" / "own-images.md").read_text(encoding="utf-8").split("| It says |")[1].split("##")[0]
    quoted = [row.split("|")[1].strip() for row in text.splitlines()[2:] if row.startswith("|")]
    code = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "helpers" / "data").glob("*.py")))
    code = re.sub(r'"\s*f?"|\{[^}]*\}', "", code)
    assert len(quoted) > 8
    assert [piece for row in quoted for piece in row.split(" ... ") if piece not in code] == []


def test_the_check_of_the_prose_sees_what_it_looks_for():
    assert uncited("It is right in 67 % of cases. A score of 0.9 is good.") != []
    assert len(uncited("It is right in 67 % of cases. A score of 0.9 is good.")) == 2
    assert uncited("Ink raised false alarms by 40 % {cite:p}`winkler2019markings`.") == []
    assert uncited("Under CC BY-NC 4.0, with Python 3.11, in `0.5` seconds.") == []
    assert uncited("```python\nx = 0.5\n```\n") == []
    assert uncited("```{glossary}\nterm\n  It is 0.5.\n```\n") == ["term It is 0.5."]


def test_the_references_are_the_works_that_the_book_cites_and_no_others():
    references = HTML / "book" / "references.html"
    listed = {entry["id"]: works_linked(entry) for entry in article(references).select(".citation")}
    cited, linked = set(), set()
    for path in set(pages()) - {references}:
        linked |= works_linked(article(path))
        anchors = [urldefrag(link["href"]) for link in article(path).find_all("a", href=True)]
        cited |= {anchor for file, anchor in anchors if file.endswith("references.html")}
    assert linked - set.union(*listed.values()) - {"10.7910/dvn/dbw86t"} == set()
    assert [entry for entry, works in listed.items() if entry not in cited and not works & linked] == []


def works_linked(element):
    """Return the DOIs, arXiv numbers and JSTOR numbers that an element's links lead to."""
    addresses = [unquote(link["href"]).lower() for link in element.find_all("a", href=True)]
    places = r"https?://(?:doi\.org|arxiv\.org/abs|www\.jstor\.org/stable)/(.+)"
    found = [re.match(places, address) for address in addresses]
    return {match.group(1) for match in found if match}


# In the browser


def browser_path():
    """Return the path of a Chromium, or None; on macOS Chrome is an application and not among the commands."""
    mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", mac))), None)


@pytest.fixture(scope="module")
def browser():
    """One headless Chromium for all tests; where there is none they skip, but not where CI is set."""
    if browser_path() is None:
        reason = "no Chromium is installed (on Debian: apt install chromium), so the pages were not tried in a browser"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser_path(), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A fresh page as wide as a laptop."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def visits(browser):
    """Visit each page once; return ``{page: what was seen}``: requests, widths, violations in light and dark."""
    from axe_playwright_python.sync_playwright import Axe

    axe, seen = Axe(), {}
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    tab = context.new_page()
    requests, errors = [], []
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    for path in pages():
        if path == HTML / "index.html":
            continue  # it sends the reader on at once
        requests.clear()
        errors.clear()
        tab.emulate_media(color_scheme="light")
        tab.goto(path.as_uri(), wait_until="load")
        found = seen[name(path)] = {"modes": {}}
        tab.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
        tab.evaluate("[...document.images].forEach(image => image.loading = 'eager')")
        tab.wait_for_function("[...document.images].every(image => image.complete)")
        for mode in ("light", "dark"):
            tab.emulate_media(color_scheme=mode)
            tab.wait_for_function("mode => document.documentElement.dataset.theme === mode", arg=mode)
            found["modes"][mode] = [
                (violation["id"], node["target"], node["html"][:160])
                for violation in axe.run(tab).response["violations"]
                for node in violation["nodes"]
            ]
        tab.set_viewport_size({"width": 375, "height": 800})
        found["wider"] = tab.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        found["figures"] = tab.evaluate(FIGURES)
        found["code"] = tab.evaluate(CODE)
        tab.wait_for_timeout(400)  # shortly after a change of width the theme lets the keyboard reach what scrolls
        scrolled = axe.run(tab, options={"runOnly": ["scrollable-region-focusable"]}).response["violations"]
        found["unreachable"] = [(node["target"], node["html"][:160]) for rule in scrolled for node in rule["nodes"]]
        tab.set_viewport_size({"width": 1280, "height": 900})
        found["requests"], found["errors"] = list(requests), list(errors)
    context.close()
    return seen


def test_no_page_asks_another_host_for_anything(visits):
    elsewhere = {
        where: [url for url in found["requests"] if not url.startswith(("file:", "data:", "blob:"))]
        for where, found in visits.items()
    }
    assert {where: urls for where, urls in elsewhere.items() if urls} == {}
    assert all(found["requests"] for found in visits.values())


def sent(path):
    """Return the bytes that a server sends of a file: text is compressed, as GitHub Pages does it."""
    content = path.read_bytes()
    return len(gzip.compress(content)) if path.suffix in (".html", ".css", ".js", ".svg") else len(content)


def test_no_page_is_heavy(visits):
    weights = {}
    for where, found in visits.items():
        asked = {unquote(urldefrag(url)[0].split("?")[0]) for url in found["requests"] if url.startswith("file:")}
        sizes = [sent(Path(url.removeprefix("file://"))) for url in asked]
        weights[where] = (sum(sizes), len(sizes))
    assert all(size > 10_000 for size, _ in weights.values())
    assert {where: one for where, one in weights.items() if one[0] > MOST_BYTES or one[1] > MOST_REQUESTS} == {}


def test_a_page_has_few_elements():
    counts = {name(path): len(soup(path).find_all()) for path in pages()}
    assert max(counts.values()) > 2000
    assert {where: count for where, count in counts.items() if count > MOST_ELEMENTS} == {}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_names_and_brackets_need_no_element_for_their_colour(page, mode):
    page.emulate_media(color_scheme=mode)
    page.goto(chapter_pages()[3].as_uri())
    plain, *others = page.evaluate(COLOURS, ["n", "nn", "nx", "p", "pm", "w", "k", "s2", "o"])
    assert set(others[:6]) == {plain} and plain not in others[6:]
    pieces = article(chapter_pages()[3]).select(".cell_input pre span[class]")
    kept = {one for piece in pieces for one in piece["class"]}
    assert {"k", "s2", "o", "nb", "kn"} <= kept and not kept & {"n", "p", "w"}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_page_prints_its_text_and_figures_alone_in_dark_ink(page, mode):
    page.set_viewport_size({"width": 680, "height": 900})  # A4 within its margins
    for path in [*chapter_pages(), HTML / "book" / "index.html"]:
        page.emulate_media(media="screen", color_scheme=mode)
        page.goto(path.as_uri())
        assert page.evaluate(PRINTED, FURNITURE)["furniture"] > 2
        page.emulate_media(media="print", color_scheme=mode)
        seen = page.evaluate(PRINTED, FURNITURE)
        assert seen["furniture"] == seen["cut"] == 0 and seen["pale"] == [], (name(path), seen)
        assert seen["title"] == seen["foot"] == 1, (name(path), seen)
        assert seen["left"] < 40 and seen["right"] > 640 and seen["size"] > 12, (name(path), seen)


def test_every_icon_that_a_page_shows_is_in_the_small_font(page):
    (sheet,) = HTML.glob("_static/*.css")
    text = sheet.read_text(encoding="utf-8")
    fonts = [ttLib.TTFont(HTML / "_static" / found) for found in re.findall(r'url\("([^"]+\.woff)"\)', text)]
    drawn = set().union(*(font.getBestCmap() for font in fonts))
    assert len(fonts) == 3 and len(drawn) < 100
    for path in (HTML / "book" / "index.html", chapter_pages()[0], HTML / "search.html"):
        page.goto(path.as_uri())
        icons = page.evaluate("""[...document.querySelectorAll('[class*="fa-"]')].map(
            icon => [icon.className, getComputedStyle(icon, "::before").content])""")
        assert len(icons) > 5
        titles = page.evaluate("""[...document.querySelectorAll('.admonition-title')].map(
            title => [title.textContent, getComputedStyle(title, "::after").content])""")
        icons += [title for title in titles if title[1] not in ("none", "normal")]
        assert [icon for icon in icons if not icon[1].strip('"') or ord(icon[1].strip('"')[0]) not in drawn] == []


def test_a_page_s_text_waits_for_one_style_sheet_and_one_small_script():
    for path in set(pages()) - {HTML / "index.html", HTML / "search.html"}:
        head = soup(path).head
        assert len(head.find_all("link", rel="stylesheet")) == 1, name(path)
        blocking = [one["src"] for one in head.find_all("script", src=True) if not one.has_attr("defer")]
        assert [Path(source.split("?")[0]).name for source in blocking] == ["documentation_options.js"], name(path)
        figures = article(path).select(".cell_output figure img")
        assert all(image["loading"] == "lazy" and image["width"] and image["height"] for image in figures), name(path)


def test_no_script_of_a_page_fails(visits):
    assert {where: found["errors"] for where, found in visits.items() if found["errors"]} == {}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_axe_finds_no_violation(visits, mode):
    assert {where: found["modes"][mode] for where, found in visits.items() if found["modes"][mode]} == {}


def test_axe_sees_what_it_looks_for(page):
    from axe_playwright_python.sync_playwright import Axe

    page.goto((HTML / "book" / "index.html").as_uri())
    page.evaluate("document.querySelector('img.skin-cover').removeAttribute('alt')")
    page.add_style_tag(content="article p {color: #aaa !important; background: #fff !important}")
    assert {"image-alt", "color-contrast"} <= {found["id"] for found in Axe().run(page).response["violations"]}


def test_no_page_scrolls_sideways_on_a_phone(visits):
    assert {where: found["wider"] for where, found in visits.items() if found["wider"] > 0} == {}


def test_figures_on_a_phone_keep_their_size_scroll_by_themselves_and_open_on_a_tap(visits):
    shown = [(where, figure) for where, found in visits.items() for figure in found["figures"]]
    assert len({where for where, _ in shown}) == len(chapter_pages())
    problems = []
    for where, figure in shown:
        reached = figure["frame"] + figure["scrolled"] >= figure["width"]
        if figure["width"] < READABLE or not reached or figure["frame"] > 375 or figure["target"] != figure["source"]:
            problems.append((where, figure))
    assert problems == []
    assert {where: found["unreachable"] for where, found in visits.items() if found["unreachable"]} == {}


def test_code_wraps_on_a_phone_and_is_copied_as_it_was_written(visits):
    seen = [(where, code) for where, found in visits.items() for code in found["code"]]
    assert sum(code["written"].count("\n") for _, code in seen) > 1000
    assert [(where, code) for where, code in seen if code["wider"] > 0 or code["copied"] != code["written"]] == []


def test_the_book_opens_at_its_welcome_page(page):
    page.goto((HTML / "index.html").as_uri())
    page.wait_for_url("**/book/index.html")
    assert "Learning to See Skin Lesions" in page.title()


def test_search_works_without_a_server(page):
    page.goto((HTML / "search.html").as_uri() + "?q=dermatofibroma")
    page.wait_for_selector("#search-results li a", timeout=10_000)
    assert any("glossary" in link.get_attribute("href") for link in page.query_selector_all("#search-results li a"))


def test_the_first_tab_stop_skips_to_the_content_and_can_be_seen(page):
    page.goto((HTML / "book" / "index.html").as_uri())
    page.keyboard.press("Tab")
    link = page.evaluate_handle("document.activeElement").as_element()
    assert link.get_attribute("href") == "#main-content"
    box = link.bounding_box()
    assert box["y"] >= 0 and box["x"] >= 0 and box["height"] > 10
    page.keyboard.press("Enter")
    page.wait_for_function("location.hash === '#main-content'")


def test_the_focus_of_links_buttons_and_folds_can_be_seen(page):
    page.goto((HTML / "book" / "index.html").as_uri())
    for selector in ("article a.reference", ".theme-switch-button", "article details > summary"):
        page.keyboard.press("Tab")  # the keyboard is in use, so focus is shown
        page.eval_on_selector(selector, "element => element.focus()")
        outline = page.eval_on_selector(selector, "element => getComputedStyle(element).outline")
        assert "none" not in outline and int(re.search(r"(\d+)px", outline).group(1)) >= 2, (selector, outline)


def test_what_a_cell_prints_fits_the_page_of_a_laptop(page):
    too_wide = {}
    for path in (*chapter_pages(), HTML / "book" / "reproduction.html"):
        page.goto(path.as_uri())
        found = page.evaluate("""[...document.querySelectorAll('.cell_output pre')]
            .filter(output => output.scrollWidth > output.clientWidth + 1).map(output => output.textContent)""")
        # Keras prints the address that it downloads from.
        too_wide[name(path)] = [text for text in found if "Downloading data" not in text]
    assert {where: texts for where, texts in too_wide.items() if texts} == {}

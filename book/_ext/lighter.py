"""Sphinx extension: make the written pages light, so that they are there at once on a phone.

The theme ships one look for all books: eight style sheets, a script that draws two thousand icons, scripts that run
before the text is shown.  When all pages are written, this extension keeps what they use: one style sheet, a font of
the icons that are shown, scripts that wait for the text, figures that are fetched when the reader comes near, and
code in few pieces.
"""

import hashlib
import os
import re
from pathlib import Path

from fontTools import subset, ttLib
from PIL import Image

#: Scripts that no page needs, since a font draws the icons too; and those of the search, which has a page of its own.
ICONS = re.compile(r'\s*<script defer src="[^"]*/fontawesome\.js[^"]*"></script>')
SEARCH = re.compile(r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>')
#: What makes a browser fetch, before the page's text, scripts that run after it.
HASTE = re.compile(r'\s*<link rel="preload" as="script" [^>]*>')
#: Scripts that can wait until the page is there; the options are read by lines in the page itself.
WAITING = re.compile(r'<script( [^>]*)? src="([^"]*_static/(?!documentation_options)[^"]+\.js[^"]*)"></script>')
FIGURE = re.compile(r'<img alt="([^"]*)" src="([^"]*_images/[^"]+)" style="width: (\d+)px;" />')
#: Pieces of code in the colour of all code: names, brackets, spaces.  Neighbours in one colour.
PLAIN = re.compile(r'<span class="(?:n|nn|nx|p|pm|w)">([^<]*)</span>')
ALIKE = re.compile(r'<span class="(\w+)">[^<]*</span>(?:<span class="\1">[^<]*</span>)+')
STYLE = re.compile(r'\s*<link(?: [^>]*)? href="([^"]*_static/)([^"?]+\.css)[^"]*"[^>]*>')
IMPORT = re.compile(r'@import (?:url\()?"([^"]+)"\)?;')
ADDRESS = re.compile(r"url\(([\"']?)(?![\"']?(?:data:|#))([^)\"']+)\1\)")
#: The rule of an icon by its names; an icon's place in a font; the lines that name the two files of a font.
ICON = re.compile(r'((?:\.fa-[\w-]+:before,?)+)\{content:"[^"]*"\}')
CODE = re.compile(r'content:"\\([ef][0-9a-f]{3})"')
FONT = re.compile(r'url\("([^"]+)\.woff2"\) format\("woff2"\),url\("[^"]+\.ttf"\) format\("truetype"\)')


def styles(path, static):
    """Return a style sheet with those that it imports, its addresses relative to the folder ``static``."""

    def address(match):
        return f'url("{Path(os.path.relpath(path.parent / match.group(2), static)).as_posix()}")'

    pieces = IMPORT.split(path.read_text(encoding="utf-8"))
    own, imported = pieces[::2], [styles(path.parent / name, static) for name in pieces[1::2]]
    return "".join([*imported, *(ADDRESS.sub(address, piece) for piece in own)])


def shown(sheet, pages):
    """Return a style sheet without the rules of icons that no page shows."""
    names = set(re.findall(r"\bfa-[\w-]+", "".join(pages)))

    def rule(match):
        return match.group() if names & set(re.findall(r"fa-[\w-]+", match.group(1))) else ""

    return ICON.sub(rule, sheet)


def with_small_fonts(sheet, static):
    """Write each icon font anew, with what a style sheet names of it; return the sheet, which names the new files."""
    # Some icons stand in the sheet as what they are, a character for private use.
    codes = {int(code, 16) for code in CODE.findall(sheet)}
    codes |= {ord(sign) for sign in sheet if "\ue000" <= sign <= "\uf8ff"}

    def small(match):
        font = ttLib.TTFont(static / f"{match.group(1)}.ttf", recalcTimestamp=False)
        # Layout rules make letters into icons ("house"), and would keep them all.
        cut = subset.Subsetter(subset.Options(layout_features=[], notdef_outline=True))
        cut.populate(unicodes=codes)
        cut.subset(font)
        font.flavor = "woff"
        font.save(static / f"{match.group(1)}.woff")
        for ending in ("ttf", "woff2"):
            (static / f"{match.group(1)}.{ending}").unlink()
        return f'url("{match.group(1)}.woff") format("woff")'

    return FONT.sub(small, sheet)


def extent(path):
    """Return width and height of a picture; those of a drawing (SVG) are in its ``viewBox``."""
    if path.suffix == ".svg":
        box = re.search(r'viewBox="[\d.-]+ [\d.-]+ ([\d.]+) ([\d.]+)"', path.read_text(encoding="utf-8"))
        return float(box.group(1)), float(box.group(2))
    with Image.open(path) as picture:
        return picture.size


def lighter(text, folder):
    """Return the HTML of a page in ``folder`` that can be read before its scripts run and its figures are there."""

    def figure(match):
        alt, source, width = match.groups()
        across, down = extent(folder / source)
        height = round(int(width) * down / across)
        # With its height the page keeps the figure's place.
        size = f'width="{width}" height="{height}" style="width: {width}px;"'
        return f'<img alt="{alt}" src="{source}" {size} loading="lazy" decoding="async" />'

    def together(match):
        inside = re.sub(r"</?span[^>]*>", "", match.group())
        return f'<span class="{match.group(1)}">{inside}</span>'

    text = ALIKE.sub(together, PLAIN.sub(r"\1", text))
    text = WAITING.sub(r'<script defer\1 src="\2"></script>', SEARCH.sub("", HASTE.sub("", text)))
    return FIGURE.sub(figure, text)


def lighten(app, error):
    """Make every page lighter, when all are written."""
    if error or app.builder.format != "html":
        return
    folder = Path(app.outdir)
    static = folder / "_static"
    written = [path for path in folder.rglob("*.html") if static not in path.parents]
    pages = {path: ICONS.sub("", path.read_text(encoding="utf-8")) for path in written}
    # All pages name the same style sheets in the same order; a page that sends the reader on names none.
    names = max((tuple(name for _, name in STYLE.findall(text)) for text in pages.values()), key=len)
    sheet = shown("\n".join(styles(static / name, static) for name in names), pages.values())
    sheet = with_small_fonts(sheet, static)
    bundle = f"book-{hashlib.sha256(sheet.encode()).hexdigest()[:16]}.css"
    (static / bundle).write_text(sheet, encoding="utf-8")
    for path, text in pages.items():
        first = iter([f'\n  <link rel="stylesheet" href="{place}{bundle}" />' for place, _ in STYLE.findall(text)[:1]])
        text = STYLE.sub(lambda match, first=first: next(first, ""), text)
        path.write_text(text if path.name == "search.html" else lighter(text, path.parent), encoding="utf-8")
    for name in {*names, "basic.css"}:
        (static / name).unlink()
    for path in (static / "scripts").glob("fontawesome.js*"):
        path.unlink()


def setup(app):
    """Run last of all: the theme, too, writes a style sheet when the pages are written."""
    app.connect("build-finished", lighten, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

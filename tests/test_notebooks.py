"""The chapters' notebooks: in step with their sources, within their limit, and readable in every renderer."""

import contextlib
import functools
import itertools
import re
import subprocess
import sys

import nbformat
import prose
import pytest
import yaml
from bs4 import BeautifulSoup
from chapters import SOURCES, tags, tasks

from helpers import settings
from tools import notebooks

ROOT = notebooks.ROOT
FOLDER = ROOT / "notebooks"


@functools.cache
def edition(path, learner=False):
    """A source's complete notebook or learner edition, not executed; a test says that the committed ones are these."""
    return notebooks.learner_edition(edition(path)) if learner else notebooks.build(path)


def stored(path, learner=False):
    """The committed notebook of a source."""
    return FOLDER / ("learner" if learner else "") / f"{path.stem}.ipynb"


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def markdown(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def figures(notebook):
    return [cell.metadata.mystnb for cell in code(notebook) if "figure" in cell.metadata.get("mystnb", {})]


def text_of(outputs):
    return "".join(output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in outputs)


chapters = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
editions = pytest.mark.parametrize("learner", [False, True], ids=["complete", "learner"])


def test_the_book_s_contents_are_the_notebooks_that_are_there():
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    pages = [page["file"] for part in contents["parts"] for page in part["chapters"]]
    listed = [page for page in pages if page.startswith("notebooks/")]
    assert listed == [f"notebooks/{path.stem}" for path in SOURCES] and len(SOURCES) >= 2
    for folder in (FOLDER, FOLDER / "learner"):
        assert {path.stem for path in folder.glob("*.ipynb")} == {path.stem for path in SOURCES}


def test_every_notebook_is_what_its_source_gives():
    assert notebooks.differences() == [], "run: make notebooks"


@editions
@chapters
def test_a_notebook_is_valid_and_small_enough(path, learner):
    nbformat.validate(nbformat.read(stored(path, learner), as_version=4))
    assert stored(path, learner).stat().st_size <= notebooks.MOST_BYTES


@chapters
def test_at_least_five_cells_have_a_text_that_nbval_compares(path):
    checked = [cell for cell in code(nbformat.read(stored(path), as_version=4)) if "nbval-check-output" in tags(cell)]
    assert len(checked) >= 5
    for cell in checked:
        assert text_of(cell.outputs).strip(), cell.source
        assert cell.execution_count, "nbval compares nothing where a cell has not run"


@chapters
def test_nothing_but_text_is_stored_and_that_of_checked_cells_alone(path):
    for cell in code(nbformat.read(stored(path), as_version=4)):
        assert "nbval-check-output" in tags(cell) or not cell.outputs
        for output in cell.outputs:
            assert output.output_type in ("stream", "display_data", "execute_result")
            assert set(output.get("data", {})) <= {"text/plain"}, cell.source


@chapters
def test_no_stored_text_differs_from_one_machine_or_day_to_the_next(path):
    texts = [text_of(cell.outputs) for cell in code(nbformat.read(stored(path), as_version=4))]
    assert any(texts)
    for text in texts:
        assert not re.search(r"(?:^|[\s'\"(])(?:/(?:home|root|tmp|Users)/|[A-Z]:\\)", text), text
        assert not re.search(r"\bat 0x|\b20[2-9]\d-\d\d-\d\d\b|\d (?:s|seconds)\b", text), text


@chapters
def test_the_learner_edition_has_no_solution_no_instructor_s_cell_and_no_output(path):
    complete = edition(path)
    learner = nbformat.read(stored(path, learner=True), as_version=4)
    withheld = {cell.id: cell for cell in complete.cells if {"solution", "instructor"} & set(tags(cell))}
    assert {"solution", "instructor"} <= {tag for cell in withheld.values() for tag in tags(cell)}
    assert not withheld.keys() & {cell.id for cell in learner.cells}
    text = "\n".join(cell.source for cell in learner.cells)
    for cell in withheld.values():
        assert cell.source not in text
    for cell in learner.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None
        folded = notebooks.FOLDED if cell.source.startswith("# @title ") else {}
        assert cell.metadata == folded | ({"tags": ["stub"]} if "stub" in tags(cell) else {})


@editions
@chapters
def test_the_first_code_cell_installs_the_helpers(path, learner):
    assert code(edition(path, learner))[0].source == f"# @title Set-up\n{notebooks.install()}"


@pytest.mark.parametrize(
    ("modules", "environ", "status", "runs", "fails"),
    [
        ([], {}, 0, 0, False),
        (["google.colab"], {}, 0, 1, False),
        ([], {"KAGGLE_KERNEL_RUN_TYPE": "Interactive"}, 0, 1, False),
        (["google.colab"], {}, 1, 1, True),
    ],
    ids=["a laptop", "Colab", "Kaggle", "pip fails"],
)
def test_the_helpers_are_installed_on_colab_and_kaggle_alone(monkeypatch, modules, environ, status, runs, fails):
    calls = []
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    for name in modules:
        monkeypatch.setitem(sys.modules, name, object())
    monkeypatch.setattr(
        subprocess, "run", lambda command: calls.append(command) or subprocess.CompletedProcess(command, status)
    )
    with pytest.raises(RuntimeError, match="Troubleshooting") if fails else contextlib.nullcontext():
        exec(notebooks.install(), {})
    assert len(calls) == runs
    # Nothing else of the runtime changes.
    assert all("--no-deps" in call and call[-1].startswith(notebooks.repository()) for call in calls)


@editions
@chapters
def test_a_notebook_asks_colab_for_a_gpu_where_it_trains_networks_and_only_there(path, learner):
    metadata = nbformat.read(stored(path, learner), as_version=4).metadata
    source = "\n".join(cell.source for cell in code(edition(path)))
    # A chapter names itself once; what trains under that name is in the settings.
    (chapter,) = set(re.findall(r'= start\("([\w-]+)"', source))
    assert chapter == path.stem
    asks = metadata.get("accelerator") == "GPU" and metadata.get("colab") == {"gpuType": "T4"}
    assert asks == (chapter in settings.GPU_CHAPTERS) == ("networks.train(" in source)
    assert asks or not {"accelerator", "colab"} & set(metadata)


#: The calls by which a chapter builds a network.
BUILDING = r"keras\.Sequential\(|networks\.(?:paper_cnn|backbone|classifier)\("


@chapters
def test_a_notebook_that_builds_networks_seeds_their_weights_before(path):
    cells = [cell.source for cell in code(edition(path))]
    building = [n for n, cell in enumerate(cells) if re.search(BUILDING, cell)]
    assert bool(building) == (path.stem in settings.GPU_CHAPTERS)
    seeded = [n for n, cell in enumerate(cells) if "keras.utils.set_random_seed(config.seed)" in cell]
    assert not building or seeded[0] < min(building), "two builds of one commit would show two networks"


@chapters
def test_a_chapter_has_its_parts(path):
    notebook = edition(path)
    source = "\n".join(cell.source for cell in notebook.cells)
    opening = notebook.cells[0].source
    assert re.match(r"# \S", opening) and "?" in opening and "minutes" in opening, "title, question, minutes"
    assert "config, ham = start(" in source and f'checks.quiz("{path.stem}")' in source
    assert re.search(r"^## Key points", source, re.M) and "What comes next" in source
    assert sum("instructor" in tags(cell) for cell in notebook.cells) >= 3
    assert sum("assertion" in tags(cell) for cell in notebook.cells) >= 1
    assert tasks(notebook)
    for name, task in tasks(notebook).items():
        assert task.stub and task.solution and task.check.startswith(f'checks.check("{name}"'), name


@chapters
def test_the_stored_verdict_on_each_stub_is_that_it_is_not_answered(path):
    notebook = nbformat.read(stored(path), as_version=4)
    checks = [cell for cell in code(notebook) if cell.source.startswith("checks.check(")]
    assert len(checks) == 3
    for cell in checks:
        assert "not answered yet" in text_of(cell.outputs)


@chapters
def test_code_that_a_page_shows_is_at_most_79_columns_wide(path):
    hidden = {"hide-cell", "hide-input", "remove-cell", "remove-input"}
    shown = [cell.source for cell in code(edition(path)) if hidden.isdisjoint(tags(cell))]
    assert [line for source in shown for line in source.splitlines() if len(line) > 79 and line[:2] != "#|"] == []


@chapters
def test_code_that_is_folded_says_what_it_holds(path):
    folded = [cell.source for cell in code(edition(path)) if "hide-input" in tags(cell)]
    assert folded and [source for source in folded if not source.startswith("# @title ")] == []


@chapters
def test_every_figure_has_a_name_a_caption_and_an_alternative_text(path):
    notebook = edition(path)
    assert len(figures(notebook)) == sum("plots.show(" in cell.source for cell in code(notebook)) >= 3
    for options in figures(notebook):
        caption, alt = options.figure.caption, options.image.alt
        assert len(caption.split()) >= 4, caption
        assert len(alt.split()) >= 8 and not re.fullmatch(r"\S+\.\w{3,4}", alt), alt
        assert alt != caption
        # A screen reader says that by itself.
        assert not re.match(r"(?:an? )?(?:image|picture|figure|plot) of", alt, re.I), alt


def test_no_two_figures_of_the_book_have_the_same_name_or_alternative_text():
    drawn = [options for path in SOURCES for options in figures(edition(path))]
    for values in ([options.figure.name for options in drawn], [options.image.alt for options in drawn]):
        assert len(set(values)) == len(values) > 0


@editions
@chapters
def test_no_mark_up_stands_in_a_notebook_that_colab_or_jupyterlab_would_show_raw(path, learner):
    texts = [cell.source for cell in markdown(edition(path, learner))]
    assert texts
    assert [piece for text in texts for piece in prose.myst(text)] == []


@chapters
def test_a_number_that_no_cell_computed_stands_beside_a_citation(path):
    notebook = edition(path)
    texts = [cell.source for cell in markdown(notebook)]
    texts += [text for options in figures(notebook) for text in (options.figure.caption, options.image.alt)]
    uncited = [sentence for text in texts for sentence in prose.uncited_numerals(text)]
    # A title may ask about a number that the opening cites.
    asked, opening = re.match(r"# ([^\n]+)\n\n(.+)", texts[0], re.S).groups()
    cited = all(number in opening for number in re.findall(prose.NUMERAL, asked))
    assert [sentence for sentence in uncited if not (cited and sentence == f"# {asked}")] == []


@editions
@chapters
def test_headings_stand_in_order_under_one_title(path, learner):
    heads = []
    for cell in markdown(edition(path, learner)):
        text = re.sub(r"^```.*?^```", "", cell.source, flags=re.M | re.S)
        heads += [len(head.group(1)) for head in re.finditer(r"^(#{1,6}) \S", text, re.M)]
    assert heads[0] == 1 and heads.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(heads)), heads


@editions
@chapters
def test_links_inside_the_project_lead_to_a_file(path, learner):
    inside = []
    for cell in markdown(edition(path, learner)):
        targets = re.findall(r"\]\(([^)\s]+)\)", cell.source)
        page = BeautifulSoup(cell.source, "html.parser")
        targets += [tag.get("href") or tag.get("src") for tag in page(["a", "img"])]
        inside += [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert inside
    assert [target for target in inside if not (stored(path, learner).parent / target.split("#")[0]).is_file()] == []


@chapters
def test_an_admonition_has_a_title_text_in_tags_and_no_blank_line(path):
    text = "\n\n".join(cell.source for cell in markdown(edition(path)))
    boxes = re.findall(r'^<div class="admonition.*?^</div>', text, re.M | re.S)
    assert len(boxes) == text.count("<div") >= 3
    for box in boxes:
        lines = box.splitlines()
        # The second half of the classes is what JupyterLab draws a box for.
        kinds = "note alert alert-info|tip alert alert-success|warning alert alert-warning"
        assert re.fullmatch(rf'<div class="admonition ({kinds})">', lines[0]), lines[0]
        assert lines[1].startswith('<p class="title">'), lines[1]
        assert all(line.strip() for line in lines), f"a blank line ends the box: {lines[1]}"
        loose = BeautifulSoup(box, "html.parser").div.find_all(string=True, recursive=False)
        assert not "".join(loose).strip(), f"text outside of a tag: {loose}"
        assert not re.search(r"\]\(|`|\*\*", box), f"Markdown inside HTML is shown raw: {lines[1]}"


@chapters
def test_an_instructor_s_cell_says_so_in_its_title(path):
    notes = [cell.source for cell in markdown(edition(path)) if "instructor" in tags(cell)]
    assert notes
    assert [note for note in notes if "nstructor" not in note] == []


# --- the rules themselves ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["See {ref}`here`.", "```{note}\nx\n```", ":::{tip}\nx\n:::", "(label)=\n# A", "There are {{ images }}.",
     "% hidden", "[@tschandl2018]", "[here](#there)", "{term}`dermoscopy`", "[x](project:a.md)"],
)  # fmt: skip
def test_myst_is_found(text):
    assert prose.myst(text)


@pytest.mark.parametrize(
    "text", ["`{'a': 1}`", "```python\nx = {}\n```", "$x_{ij}$", "{a}", "[a](b.ipynb)", "5 % 2", "f(x) = 2", "a (b)= c"]
)
def test_what_is_no_myst_is_not_taken_for_it(text):
    assert prose.myst(text) == []


@pytest.mark.parametrize(
    "text",
    ["It is 66.95 percent.", "It is 67 % right.", "About 67% are nevi.", "A share of .67 is much.",
     "Two in three per cent.", "As cited (Tschandl et al. 2018). It is 0.5.", "It is 95 % sure.",
     "- first 0.5\n- second ([A](https://a.example))", "<p>A 0.9.</p><p>[A](https://a.example)</p>",
     "See [0.5](split.ipynb).", "The exercise gives 0.3."],
)  # fmt: skip
def test_a_bare_number_is_found(text):
    assert prose.uncited_numerals(text)


@pytest.mark.parametrize(
    "text",
    ["Two in three.", "It reaches 90.5 % (Garg et al. 2019).", "It says 65.9 % ([Garg](https://arxiv.org/abs/1912.03798)).",
     "The exercise asks for it.", "### Exercise: count", "`x = 0.5`", "[Data](https://doi.org/10.1038/sdata.2018.161)",
     "1. first\n2. second", "There are 10,015 images.", "Tschandl, Rosendahl and Kittler 2018 count 66.9 %.",
     "The line is its 95 % confidence interval.", "It prints 78 % (its Table 2)."],
)  # fmt: skip
def test_a_cited_number_or_none_is_left_alone(text):
    assert prose.uncited_numerals(text) == []

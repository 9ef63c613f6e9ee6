"""Folded cells: what tools/notebooks.py makes of them, and how book/_ext/folds.py shows them on a page."""

import nbformat
import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx

from tools import notebooks

EXTENSIONS = notebooks.ROOT / "book" / "_ext"
TITLE = "# %% [markdown]\n# # A chapter\n\n"


def code(source, outputs=(), tags=("hide-input",)):
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})
    cell.outputs = [nbformat.v4.new_output("stream", text=text) for text in outputs]
    return cell


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a notebook: two folded cells, one that prints, one alone, one that is not folded, one with markup."""
    folder = tmp_path_factory.mktemp("folds")
    cells = [
        nbformat.v4.new_markdown_cell("# A page"),
        code("# @title Set-up\nimport a"),
        code("# @title Look the records up\nb = 1"),
        code("# @title Draw this figure\n#| name: c\n#| caption: d\n#|   e\nc = 1", ["drawn"]),
        code("# @title Draw this figure\nd = 1", ["drawn again"]),
        code("e = 1", tags=()),
        code("# @title Say <it>\nf = 1"),
        nbformat.v4.new_markdown_cell("Text between."),
        code("# @title Set-up\ng = 1"),
        code("h = 1", tags=("hide-cell",)),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=notebooks.METADATA), folder / "index.ipynb")
    (folder / "conf.py").write_text(
        f"import sys\nsys.path.insert(0, {str(EXTENSIONS)!r})\n"
        "extensions = ['myst_nb', 'figure_options', 'folds']\nnb_execution_mode = 'off'\n",
        encoding="utf-8",
    )
    Sphinx(folder, folder, folder / "html", folder / "trees", "html", status=None, warningiserror=True).build()
    return BeautifulSoup((folder / "html" / "index.html").read_text(encoding="utf-8"), "html.parser")


def test_neighbouring_folds_are_one_until_something_is_shown(page):
    folds = page.select("details.skin-fold")
    assert [fold.summary.get_text() for fold in folds] == [
        "Set-up · Look the records up · Draw this figure",
        "Draw this figure",
        "Say <it>",
        "Set-up",
    ]
    shown = [[block.get_text().strip() for block in fold.select("pre")] for fold in folds]
    assert shown == [["import a", "b = 1", "c = 1"], ["d = 1"], ["f = 1"], ["g = 1"]]


def test_what_a_folded_cell_shows_stands_after_its_fold_in_the_order_of_the_cells(page):
    texts = [block.get_text().strip() for block in page.select("pre")]
    assert texts == ["import a", "b = 1", "c = 1", "drawn", "d = 1", "drawn again", "e = 1", "f = 1", "g = 1", "h = 1"]
    for block in page.select(".cell_output pre"):
        assert block.find_parent("details") is None


def test_code_in_a_fold_is_highlighted_and_other_cells_stay_as_they_are(page):
    assert page.select_one("details.skin-fold .highlight-ipython3, details.skin-fold .highlight-default") is not None
    (other,) = [block for block in page.select("pre") if block.get_text().strip() == "h = 1"]
    assert "skin-fold" not in other.find_parent("details")["class"]


def build(tmp_path, cell):
    """Return the notebook of a chapter with one cell of code after its title."""
    (tmp_path / "notebooks" / "src").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nversion = "1.2.0"\n[project.urls]\nRepository = "https://host.example/course"\n'
    )
    (tmp_path / "_toc.yml").write_text("parts:\n- chapters:\n  - file: notebooks/a\n")
    path = tmp_path / "notebooks" / "src" / "a.py"
    path.write_text(TITLE + cell, encoding="utf-8")
    return notebooks.build(path, tmp_path)


def test_a_fold_of_a_source_is_a_title_for_colab_and_hidden_in_jupyterlab(tmp_path):
    figure = "#| name: dots\n#| caption: Two dots.\n#| alt: Dots.\nplots.show(fig)\n"
    notebook = build(tmp_path, f"# %%\n#| fold: Draw this figure\n{figure}")
    cell = notebook.cells[1]
    assert cell.source == f"# @title Draw this figure\n{figure}".strip()
    assert cell.metadata.cellView == "form" and cell.metadata.jupyter.source_hidden
    assert cell.metadata.tags == ["hide-input"]
    assert cell.metadata.mystnb.figure.caption == "Two dots."
    learner = notebooks.learner_edition(notebook).cells[1]
    assert learner.source == cell.source
    assert learner.metadata == {"cellView": "form", "jupyter": {"source_hidden": True}}
    assert notebooks.cell_options(cell.source) == {
        "fold": "Draw this figure",
        "name": "dots",
        "caption": "Two dots.",
        "alt": "Dots.",
    }


def test_the_cell_that_installs_the_helpers_is_folded_by_its_tag(tmp_path):
    cell = build(tmp_path, '# %% tags=["setup"]\nimport sys\n').cells[1]
    assert cell.source.startswith("# @title Set-up\n") and cell.metadata.tags == ["setup", "hide-input"]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("# %%\n#| fold: draw\nx = 1\n", "line 4: the fold 'draw' has to begin with a capital letter"),
        ("# %%\n#| fold: D\nx = 1\n", "the fold 'D'"),
        ('# %% tags=["stub"]\n#| fold: Your answer\nx = 1\n', "a cell tagged 'stub' cannot be folded as 'Your answer'"),
        ("# %%\n#| fold: Draw\n#| fold: Draw\nx = 1\n", "'fold' stands twice"),
    ],
)
def test_a_fold_that_is_not_as_it_should_be_is_refused_with_its_line(tmp_path, cell, message):
    with pytest.raises(notebooks.SourceError, match=r"^a\.py, line 4: ") as error:
        build(tmp_path, cell)
    assert message in str(error.value)

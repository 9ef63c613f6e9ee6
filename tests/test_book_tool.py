"""The tool that builds the book: what it re-uses, what it throws away, and what a failed build leaves behind."""

import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from jupyter_cache import get_cache

from tools import book
from tools.notebooks import sample_environment

CONFTEST = book.ROOT / "notebooks" / "conftest.py"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A project of a few files in the tool's place."""
    for path, text in {
        "helpers/a.py": "1",
        "notebooks/first.ipynb": "{}",
        "_toc.yml": "- file: notebooks/first\n",
        "requirements.lock": "x==1",
        "_config.yml": "a: 1",
        "book/index.md": "# A",
    }.items():
        write(tmp_path / path, text)
    build = tmp_path / "_build"
    monkeypatch.setattr(book, "ROOT", tmp_path)
    monkeypatch.setattr(book, "BUILD", build)
    monkeypatch.setattr(book, "HTML", build / "html")
    monkeypatch.setattr(book, "EXECUTED", build / "executed")
    monkeypatch.setattr(book, "CACHE", build / ".jupyter_cache")
    monkeypatch.setattr(book, "STAMP", build / "book.json")
    monkeypatch.setattr(book, "data_identity", lambda environ: environ.get("DATA_IN_THE_FOLDER", "sample"))
    return tmp_path


@pytest.mark.parametrize(
    "path",
    [
        "helpers/a.py",
        "helpers/deeper/b.py",
        "helpers/deeper/quiz.toml",
        "notebooks/first.ipynb",
        "notebooks/conftest.py",
        "book/results/a/run.json",
        "requirements.lock",
    ],
)
def test_notebooks_run_again_when_what_they_stand_on_changed(small, path):
    before = book.digests({})
    write(small / path, "changed")
    assert book.digests({})["results"] != before["results"]


@pytest.mark.parametrize("setting", ["SKIN_TIER", "SKIN_DATA", "SKIN_SUBSET", "DATA_IN_THE_FOLDER"])
def test_notebooks_run_again_when_a_setting_or_the_data_changed(small, setting):
    assert book.digests({setting: "workshop"})["results"] != book.digests({})["results"]


def test_notebooks_run_again_when_weights_or_own_results_are_new(small, tmp_path):
    environ = {"SKIN_WEIGHTS": str(tmp_path / "weights"), "SKIN_RUNS": str(tmp_path / "runs")}
    seen = [book.digests(environ)]
    for name, text in {
        "weights/vgg16.keras": "0",
        "runs/mine-full/run.json": '{"tier": "full"}',
        "runs/mine-quick/run.json": '{"tier": "quick"}',
    }.items():
        write(tmp_path / name, text)
        seen.append(book.digests(environ))
    assert seen[0] != seen[1] != seen[2] == seen[3], "a rehearsal is no result"
    assert len({digests["results"] for digests in seen}) == 1


def test_what_a_build_fetches_or_writes_itself_is_no_cause_for_another(small, monkeypatch):
    environ = {"SKIN_WEIGHTS": "random", "SKIN_RUNS": str(small / "runs")}
    fake_build(monkeypatch, returncode=0)
    run = book.subprocess.run

    def writing(*arguments, **options):
        write(small / "runs" / "mine" / "run.json", '{"tier": "workshop"}')
        return run(*arguments, **options)

    monkeypatch.setattr(book.subprocess, "run", writing)
    book.build(book.digests(environ), environ)
    assert book.is_fresh(book.digests(environ))
    assert book.EXECUTED.joinpath("results-from").read_text() == "".join(
        book.digests(environ)[name] for name in ("results", "outside")
    )


def test_an_edited_page_builds_the_pages_again_and_runs_no_notebook(small):
    before = book.digests({})
    (small / "book/index.md").write_text("# B")
    after = book.digests({})
    assert after["results"] == before["results"] and after["pages"] != before["pages"]


def fake_build(monkeypatch, returncode, pages=("first",)):
    """Put a run of the notebooks, and a builder that writes pages and ends with ``returncode``, in their place."""

    class Done:
        def __init__(self, returncode):
            self.returncode = returncode

    def run(command, **kwargs):
        for page in ("index", *(f"notebooks/{slug}" for slug in pages)):
            write(book.HTML / f"{page}.html", "a page")
        return Done(returncode)

    monkeypatch.setattr(book.subprocess, "run", run)
    monkeypatch.setattr(book, "run_notebooks", lambda environ: {"first": 1.0})


def test_a_failed_build_leaves_no_book_that_counts_as_good(small, monkeypatch):
    fake_build(monkeypatch, 0)
    book.build(book.digests({}), {})
    assert book.is_fresh(book.digests({}))
    (small / "book/index.md").write_text("# broken")
    assert not book.is_fresh(book.digests({}))
    fake_build(monkeypatch, 1)
    with pytest.raises(SystemExit, match="was not built"):
        book.build(book.digests({}), {})
    assert not book.is_fresh(book.digests({})) and not book.STAMP.exists()


def test_a_chapter_without_a_page_fails_the_build(small, monkeypatch):
    fake_build(monkeypatch, 0, pages=())
    with pytest.raises(SystemExit, match=r"first\.ipynb"):
        book.build(book.digests({}), {})
    assert not book.STAMP.exists()


def test_a_notebook_that_the_pages_run_again_fails_the_build(small, monkeypatch):
    fake_build(monkeypatch, 0)
    run = book.subprocess.run

    def running(*arguments, **options):
        # What MyST-NB does first with a notebook whose results are not in the cache.
        write(small / "notebooks/first.ipynb", nbformat.writes(nbformat.v4.new_notebook()))
        get_cache(book.CACHE).add_nb_to_project(str(small / "notebooks/first.ipynb"))
        return run(*arguments, **options)

    monkeypatch.setattr(book.subprocess, "run", running)
    with pytest.raises(SystemExit, match=r"first\.ipynb show another run"):
        book.build(book.digests({}), {})
    assert not book.STAMP.exists()


def test_results_are_thrown_away_when_their_causes_changed_and_kept_when_not(small, monkeypatch):
    fake_build(monkeypatch, 0)
    book.build(book.digests({}), {})
    results = [book.EXECUTED / "first.ipynb", book.CACHE / "result"]
    for result in results:
        write(result, "old")
    (small / "book/index.md").write_text("# B")
    book.build(book.digests({}), {})
    assert all(result.exists() for result in results)
    (small / "helpers/a.py").write_text("2")
    book.build(book.digests({}), {})
    assert not any(result.exists() for result in results)


def test_chapters_come_in_the_book_s_order_and_unlisted_notebooks_last(small):
    for slug in ("a", "unlisted"):
        write(small / "notebooks" / f"{slug}.ipynb", "{}")
    write(small / "_toc.yml", "- file: notebooks/first\n- file: book/setup\n- file: notebooks/a\n")
    assert [path.stem for path in book.chapters()] == ["first", "a", "unlisted"]


# --- the notebooks run once ------------------------------------------------------------------------------------------


def write_notebook(root, slug, *sources, stored=None):
    """Write a notebook of these cells; with ``stored``, its last cell is a checked one that printed so."""
    cells = [nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    if stored:
        cells[-1].metadata["tags"] = ["nbval-check-output"]
        cells[-1].execution_count = len(cells)
        cells[-1].outputs = [nbformat.v4.new_output("stream", name="stdout", text=stored)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    write(root / "notebooks" / f"{slug}.ipynb", nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=kernel)))


def test_the_pages_take_their_outputs_from_the_run_that_was_compared(small, capfd):
    shutil.copy(CONFTEST, small / "notebooks")
    picture = "from IPython.display import HTML, display\nprint('seen')\ndisplay(HTML('<b>bold</b>'))"
    write_notebook(small, "first", picture, "print(6 * 7)", stored="42\n")
    write_notebook(small, "raises", "1", "raise ValueError('no such lesion')", "2")
    write_notebook(small, "differs", "print(6 * 7)", stored="43\n")
    book.EXECUTED.mkdir(parents=True)
    with pytest.raises(SystemExit, match="A notebook failed"):
        book.run_notebooks(sample_environment())
    printed = capfd.readouterr().out
    assert "raises.ipynb::Cell 1" in printed and "no such lesion" in printed
    assert "differs.ipynb::Cell 0" in printed and "Cell outputs differ" in printed
    assert [path.name for path in book.EXECUTED.iterdir()] == ["first.ipynb"]
    ran_at = (book.EXECUTED / "first.ipynb").stat().st_mtime_ns

    # Elsewhere than on the sample nothing is compared, and what has passed does not run again.
    write_notebook(small, "raises", "1", "2", "3")
    seconds = book.run_notebooks(sample_environment() | {"SKIN_TIER": "workshop"})
    assert list(seconds) == ["first", "differs", "raises"] and min(seconds.values()) > 0
    assert (book.EXECUTED / "first.ipynb").stat().st_mtime_ns == ran_at
    cache = get_cache(book.CACHE)
    first, differs = (
        cache.merge_match_into_notebook(nbformat.read(small / "notebooks" / f"{slug}.ipynb", as_version=4))[1]
        for slug in ("first", "differs")
    )
    assert [output.output_type for output in first.cells[0].outputs] == ["stream", "display_data"]
    assert first.cells[0].outputs[1].data["text/html"] == "<b>bold</b>"
    assert differs.cells[0].outputs[0].text == "42\n"


# --- folders and the report ------------------------------------------------------------------------------------------


def test_relative_folders_are_taken_from_where_the_command_was_given(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SKIN_DATA", "images")
    assert Path(book.environment()["SKIN_DATA"]) == tmp_path / "images"
    monkeypatch.setenv("SKIN_RUNS", "mine")
    monkeypatch.setenv("SKIN_WEIGHTS", "weights")
    assert Path(book.environment()["SKIN_RUNS"]) == tmp_path / "mine"
    assert Path(book.environment()["SKIN_WEIGHTS"]) == tmp_path / "weights"
    monkeypatch.setenv("SKIN_WEIGHTS", "random")
    assert book.environment()["SKIN_WEIGHTS"] == "random"


def test_the_report_says_how_long_each_chapter_took_and_where_to_open_the_book(small, capsys):
    book.BUILD.mkdir()
    book.STAMP.write_text(json.dumps({"seconds": {"first": 12.34}}))
    book.report(reused=False)
    printed = capsys.readouterr().out
    assert "_build/html/index.html" in printed and re.search(r"first +ran in +12\.3 s", printed)
    assert str(small) not in printed

"""The tool that builds the book: what it re-uses, what it throws away, and what a failed build leaves behind."""

import json
import re
from pathlib import Path

import pytest

from tools import book


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A project of a few files in the tool's place."""
    for path, text in {
        "helpers/a.py": "1",
        "notebooks/01-first.ipynb": "{}",
        "requirements.lock": "x==1",
        "_config.yml": "a: 1",
        "book/index.md": "# A",
    }.items():
        write(tmp_path / path, text)
    build = tmp_path / "_build"
    monkeypatch.setattr(book, "ROOT", tmp_path)
    monkeypatch.setattr(book, "BUILD", build)
    monkeypatch.setattr(book, "HTML", build / "html")
    monkeypatch.setattr(book, "CACHE", build / ".jupyter_cache")
    monkeypatch.setattr(book, "STAMP", build / "book.json")
    monkeypatch.setattr(book, "data_identity", lambda environ: environ.get("DATA_IN_THE_FOLDER", "sample"))
    return tmp_path


@pytest.mark.parametrize(
    "path",
    ["helpers/a.py", "helpers/deeper/b.py", "notebooks/01-first.ipynb", "book/results/a/run.json", "requirements.lock"],
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
    assert len({one["results"] for one in seen}) == 1


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
    assert book.CACHE.joinpath("results-from").read_text() == "".join(
        book.digests(environ)[name] for name in ("results", "outside")
    )


def test_an_edited_page_builds_the_pages_again_and_runs_no_notebook(small):
    before = book.digests({})
    (small / "book/index.md").write_text("# B")
    after = book.digests({})
    assert after["results"] == before["results"] and after["pages"] != before["pages"]


def fake_build(monkeypatch, returncode, chapters=("01-first",)):
    """Put a builder in Jupyter Book's place that writes a page and ends with ``returncode``."""

    class Done:
        def __init__(self, returncode):
            self.returncode = returncode

    def run(command, **kwargs):
        book.HTML.mkdir(parents=True, exist_ok=True)
        (book.HTML / "index.html").write_text("a page")
        return Done(returncode)

    monkeypatch.setattr(book.subprocess, "run", run)
    monkeypatch.setattr(book, "run_times", lambda: dict.fromkeys(chapters, 1.0))


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


def test_a_chapter_that_did_not_run_fails_the_build(small, monkeypatch):
    fake_build(monkeypatch, 0, chapters=())
    with pytest.raises(SystemExit, match=r"01-first\.ipynb"):
        book.build(book.digests({}), {})
    assert not book.STAMP.exists()


def test_cached_results_are_thrown_away_when_their_causes_changed_and_kept_when_not(small, monkeypatch):
    fake_build(monkeypatch, 0)
    book.build(book.digests({}), {})
    result = book.CACHE / "result"
    result.write_text("old")
    (small / "book/index.md").write_text("# B")
    book.build(book.digests({}), {})
    assert result.exists()
    (small / "helpers/a.py").write_text("2")
    book.build(book.digests({}), {})
    assert not result.exists()


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
    book.STAMP.write_text(json.dumps({"seconds": {"01-first": 12.34}}))
    book.report(reused=False)
    printed = capsys.readouterr().out
    assert "_build/html/index.html" in printed and re.search(r"01-first +ran in +12\.3 s", printed)
    assert str(small) not in printed

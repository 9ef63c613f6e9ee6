"""What a chapter reads of the benchmarks' results is what they wrote; and each of them can still be started."""

import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted([*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "tools" / "measure").glob("[a-z]*.py")])


@pytest.mark.parametrize("name", ["pipeline", "networks"])
def test_the_package_carries_a_benchmark_s_results_as_they_were_measured(name):
    carried = (ROOT / "book" / "results" / f"{name}.json").read_bytes()
    assert carried == (ROOT / "benchmarks" / "results" / f"{name}.json").read_bytes()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_that_measures_finds_what_it_imports(path):
    assert callable(runpy.run_path(str(path), run_name="not started")["main"])


def test_the_scripts_that_measure_are_found():
    assert {path.parent.name for path in SCRIPTS} == {"benchmarks", "measure"}


def test_every_page_of_the_book_was_measured_with_lighthouse():
    measured = json.loads((ROOT / "benchmarks" / "results" / "lighthouse.json").read_text(encoding="utf-8"))
    listed = [f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.ipynb")]
    listed += [f"book/{path.stem}" for path in (ROOT / "book").glob("*.md")]
    assert {f"{page}.html" for page in listed} <= measured["pages"].keys()
    scores = [page["median"] for page in measured["pages"].values()]
    assert all(score[name] >= 95 for score in scores for name in ("accessibility", "best-practices"))
    # On a shared machine, whose speed swings by half within minutes, the same page scores ten points more or less.
    assert all(score["performance"] >= 85 for score in scores)


@pytest.mark.parametrize(("index", "factor"), [(900, 2), (1250, 2), (1500, 3), (1750, 4), (2400, 4)])
def test_a_slower_machine_is_slowed_down_less(index, factor):
    assert runpy.run_path(str(ROOT / "benchmarks" / "lighthouse.py"))["slowdown_of"](index) == factor

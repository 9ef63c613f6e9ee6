"""What a chapter reads of the benchmarks' results is what the benchmarks wrote."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", ["pipeline", "networks"])
def test_the_package_carries_a_benchmark_s_results_as_they_were_measured(name):
    carried = (ROOT / "book" / "results" / f"{name}.json").read_bytes()
    assert carried == (ROOT / "benchmarks" / "results" / f"{name}.json").read_bytes()

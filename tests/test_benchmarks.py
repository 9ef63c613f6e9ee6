"""What a chapter reads of the benchmarks' results is what the benchmarks wrote."""

from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_package_carries_the_results_of_the_pipeline_s_benchmark_as_they_were_measured():
    carried = (ROOT / "book" / "results" / "pipeline.json").read_bytes()
    assert carried == (ROOT / "benchmarks" / "results" / "pipeline.json").read_bytes()

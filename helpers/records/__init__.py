"""Run records: train once, evaluate anywhere.  A sealed folder a run, listed, compared, with its origin."""

from helpers.records._comparison import SCORES, by_lesion, chosen_both_ways, entries, lead, overview, pairs
from helpers.records._experiments import load_benchmark, load_experiment
from helpers.records._provenance import banner, weights_notice
from helpers.records._runs import compare, load_run, load_runs

__all__ = [
    "SCORES",
    "banner",
    "by_lesion",
    "chosen_both_ways",
    "compare",
    "entries",
    "lead",
    "load_benchmark",
    "load_experiment",
    "load_run",
    "load_runs",
    "overview",
    "pairs",
    "weights_notice",
]

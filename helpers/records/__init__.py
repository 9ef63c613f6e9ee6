"""Run records: train once, evaluate anywhere.  A sealed folder a run, listed, compared, with its origin."""

from helpers.records._comparison import (
    BY_CLASS,
    BY_IMAGE,
    FAMILIES,
    NUMBERS,
    SCORES,
    by_lesion,
    choose,
    entries,
    lead,
    on_slice,
    overview,
)
from helpers.records._experiments import EXPERIMENT_COLUMNS, load_experiment
from helpers.records._provenance import banner, weights_notice
from helpers.records._runs import compare, load_run, load_runs
from helpers.records._seal import book_folder

__all__ = [
    "BY_CLASS",
    "BY_IMAGE",
    "EXPERIMENT_COLUMNS",
    "FAMILIES",
    "NUMBERS",
    "SCORES",
    "banner",
    "book_folder",
    "by_lesion",
    "choose",
    "compare",
    "entries",
    "lead",
    "load_experiment",
    "load_run",
    "load_runs",
    "on_slice",
    "overview",
    "weights_notice",
]

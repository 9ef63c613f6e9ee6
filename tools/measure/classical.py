"""Measure the classical models on the real HAM10000 and write the book's records of them.

    python -m tools.measure.classical --data FOLDER --cache FOLDER [--only PATTERN] [--jobs N]

A part is one model on one fold.  A part that was measured is kept in the cache and not measured again, so a run that
was stopped goes on where it was; a record is written as soon as its parts are there.  The order is that of value.
"""

import json
import os
import zlib

import numpy as np

from helpers import classical, data
from helpers.records import _runs as runs
from helpers.records._seal import SPLITS
from tools.measure import _baselines as baselines
from tools.measure import _harness as harness

FOLDS = {"grouped": 5, "holdout938": 1, "image8020": 1}
SINGLE = ("holdout938", "image8020")
#: (protocol, features, model, weighted) of each record, the most valuable first.
ORDER = [
    ("grouped", "handcrafted", "svm", True),
    ("grouped", "handcrafted", "xgboost", False),
    ("grouped", "handcrafted", "svm", False),
    ("grouped", "handcrafted", "forest", False),
    ("holdout938", "handcrafted", "svm", False),
    ("image8020", "handcrafted", "svm", False),
    ("holdout938", "handcrafted", "svm", True),
    ("image8020", "handcrafted", "svm", True),
    ("grouped", "raw", "svm", False),
    ("grouped", "handcrafted", "xgboost", True),
    ("holdout938", "raw", "svm", False),
    ("image8020", "raw", "svm", False),
    *((protocol, "handcrafted", model, False) for protocol in SINGLE for model in ("forest", "xgboost")),
    *((protocol, "raw", model, False) for protocol in SINGLE for model in ("forest", "xgboost")),
    ("grouped", "raw", "forest", False),
    ("grouped", "handcrafted", "forest", True),
    ("grouped", "raw", "svm", True),
    ("grouped", "raw", "xgboost", False),
    *((protocol, "handcrafted", model, True) for protocol in SINGLE for model in ("forest", "xgboost")),
    *((protocol, "raw", model, True) for protocol in SINGLE for model in ("svm", "forest", "xgboost")),
    *(("grouped", "raw", model, True) for model in ("forest", "xgboost")),
]
#: What is tried of each model.  Trees take long on two cores: one set of parameters, which the record says.
CANDIDATES = {
    "svm": baselines.CANDIDATES["svm"],
    "forest": {"min_samples_leaf": (2,), "weight_power": (1.0,)},
    "xgboost": {"max_depth": (5,), "weight_power": (1.0,)},
}
NOTES = (
    "Image alone, no metadata. {tuning} Fit on the training rows of the split only; a temperature and seven offsets "
    "calibrated on its validation rows{calibration}. The answer is the highest probability. "
    "Lesion masks: those of the data set. images_per_second counts training images in the last fit. "
    "Two shared CPU cores: times are upper bounds."
)


PLAN = {
    f"classical-{protocol}-{kind}-{model}-{'weighted' if weighted else 'plain'}": (protocol, kind, model, weighted)
    for protocol, kind, model, weighted in ORDER
}


def fixed(pipeline):
    """Return what the steps of a pipeline are set to before tuning, as far as it is words and numbers."""

    def plain(value):
        return isinstance(value, (bool, int, str)) or (isinstance(value, float) and np.isfinite(value))

    return {
        name: {key: value for key, value in step.get_params(deep=False).items() if plain(value)}
        for name, step in pipeline.steps
    }


def part(name, entry, fold, features, ham, config, options):
    """Return the split of one fold and what the model predicts there, a dict; fit the model if it was not."""
    protocol, _, model, weighted = entry
    split = SPLITS[protocol](ham.table, fold, seed=config.seed)
    settled = json.dumps([split.hash, CANDIDATES[model], options.rows, features.names], sort_keys=True)

    def fit():
        fitted = baselines.fit_and_predict(
            model, features, ham.table, split, weighted, CANDIDATES[model], options.rows, jobs=options.jobs
        )
        harness.log(f"{name} fold {fold}: {fitted.seconds:.0f} s {fitted.parameters}")
        return {
            "validation": fitted.validation.tolist(),
            "test": fitted.test.tolist(),
            "parameters": fitted.parameters,
            "tried": fitted.tried.to_dict("records"),
            "calibration": fitted.calibration.round(4).tolist(),
            "seconds": fitted.seconds,
            "fit_seconds": fitted.fit_seconds,
        }

    path = config.cache / "measured" / f"{name}-{fold}-{zlib.crc32(settled.encode()):08x}.json"
    return split, harness.kept(path, fit)


def measure(name, entry, features, ham, config, options):
    """Measure all folds of one entry of the plan and write its record."""
    protocol, kind, model, weighted = entry
    folds = range(FOLDS[protocol])
    splits, parts = zip(*(part(name, entry, fold, features, ham, config, options) for fold in folds), strict=True)
    trained = sum(len(split.train) for split in splits)
    tuning = (
        f"Parameters: per fold, by grouped {baselines.INNER_FOLDS}-fold cross-validation on at most {options.rows} "
        f"training rows, scored by {'balanced accuracy' if weighted else 'accuracy'}."
        if parts[0]["tried"]
        else "One set of parameters, not tuned."
    )
    equal = ", each class counting alike: probabilities of a population with equal classes" if weighted else ""
    run = runs.facts(ham, config, device=f"{os.cpu_count()} CPU cores, shared") | {
        "name": name,
        "model": f"{model} on {kind} features, {'weighted' if weighted else 'unweighted'}",
        "folds": list(folds),
        "hyperparameters": {
            "features": kind,
            "columns": len(features.names),
            "image": list(config.sizes.image),
            "weighted": weighted,
            "candidates": CANDIDATES[model],
            "chosen": [part["parameters"] for part in parts],
            "tried": [part["tried"] for part in parts],
            "calibration": [part["calibration"] for part in parts],
            "tuning_rows": options.rows,
            "inner_folds": baselines.INNER_FOLDS,
            "fixed": fixed(baselines.build(model, kind, jobs=1)),
        },
        "wall_seconds": round(sum(part["seconds"] for part in parts), 1),
        "images_per_second": round(trained / sum(part["fit_seconds"] for part in parts), 1),
        "notes": NOTES.format(tuning=tuning, calibration=equal),
    }
    harness.write_run(run, ham.table, splits, [part["validation"] for part in parts], [part["test"] for part in parts])


def main():
    parser = harness.parser(__doc__)
    parser.add_argument("--jobs", type=int, default=-1, help="processor cores")
    parser.add_argument("--rows", type=int, default=3000, help="training rows that take part in tuning")
    options = parser.parse_args()
    plan = harness.chosen(PLAN, options.only)
    config, ham = harness.load("classical-baselines", options)
    pixels = data.load_pixels(ham, config)
    features = {}
    for name, entry in plan.items():
        if harness.stored_run(name) is not None:
            harness.log(f"{name}: there already")
            continue
        kind = entry[1]
        if kind not in features:
            features[kind] = classical.load_features(ham, pixels, config, kind)
        measure(name, entry, features[kind], ham, config, options)


if __name__ == "__main__":
    main()

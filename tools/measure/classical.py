"""Measure the classical models on the real HAM10000 and write the book's records of them.

    python tools/measure/classical.py --data FOLDER --cache FOLDER [--only TEXT] [--jobs N]

A part is one model on one fold.  A part that was measured is kept in the cache and not measured again, so a run that
was stopped goes on where it was; a record is written as soon as its parts are there.  The order is that of value.
"""

import argparse
import json
import os
import re
import time
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import settings
from helpers.classical import _features as features
from helpers.data import _loader as data
from helpers.data import _pixels as images
from helpers.records import _runs as runs
from helpers.records import _seal as records
from tools.measure import _baselines as baselines

RESULTS = Path(__file__).parents[2] / "book" / "results"
FOLDS = {"grouped": 5, "holdout938": 1, "image8020": 1}
SINGLE = ("holdout938", "image8020")
#: (protocol, features, model, weighted): the records, the most valuable first.
PLAN = [
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


def name_of(protocol, kind, model, weighted):
    return f"classical-{protocol}-{kind}-{model}-{'weighted' if weighted else 'plain'}"


def fixed(pipeline):
    """Return what the steps of a pipeline are set to before tuning, as far as it is words and numbers."""

    def plain(value):
        return isinstance(value, (bool, int, str)) or (isinstance(value, float) and np.isfinite(value))

    return {
        name: {key: value for key, value in step.get_params(deep=False).items() if plain(value)}
        for name, step in pipeline.steps
    }


def part(folder, name, fold, ham, found, arguments):
    """Return what one model said on one fold, and the split; measure it if it was not."""
    protocol, _, model, weighted = arguments["key"]
    split = records.SPLITS[protocol](ham.table, fold, seed=settings.SEED)
    settled = json.dumps([split.hash, CANDIDATES[model], arguments["rows"], found.names], sort_keys=True)
    path = folder / f"{name}-{fold}-{zlib.crc32(settled.encode()):08x}.npz"
    if not path.exists():
        fitted = baselines.fit_and_predict(
            model, found, ham.table, split, weighted, CANDIDATES[model], arguments["rows"], jobs=arguments["jobs"]
        )
        about = {
            "parameters": fitted.parameters,
            "tried": fitted.tried.to_dict("records"),
            "calibration": fitted.calibration.round(4).tolist(),
            "seconds": fitted.seconds,
            "fit_seconds": fitted.fit_seconds,
        }
        print(f"{time.strftime('%H:%M:%S')} {name} fold {fold}: {fitted.seconds:.0f} s {fitted.parameters}", flush=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        with open(partial, "wb") as stream:
            np.savez(stream, validation=fitted.validation, test=fitted.test, about=json.dumps(about))
        os.replace(partial, path)
    with np.load(path) as stored:
        return split, stored["validation"], stored["test"], json.loads(str(stored["about"]))


def measure(folder, ham, config, found, arguments):
    """Measure all folds of one entry of the plan and write its record."""
    protocol, kind, model, weighted = arguments["key"]
    name = name_of(*arguments["key"])
    if (RESULTS / name / "run.json").exists():
        return print(f"{name}: there already", flush=True)
    parts = [part(folder, name, fold, ham, found, arguments) for fold in range(FOLDS[protocol])]
    tested = [runs.frame(ham.table, split.test, test, fold) for fold, (split, _, test, _) in enumerate(parts)]
    validated = [runs.frame(ham.table, split.validation, val, fold) for fold, (split, val, _, _) in enumerate(parts)]
    abouts = [about for *_, about in parts]
    trained = sum(len(split.train) for split, *_ in parts)
    run = runs.facts(ham, config, device=f"{os.cpu_count()} CPU cores, shared") | {
        "name": name,
        "model": f"{model} on {kind} features, {'weighted' if weighted else 'unweighted'}",
        "folds": list(range(len(parts))),
        "hyperparameters": {
            "features": kind,
            "columns": len(found.names),
            "image": list(config.sizes.image),
            "weighted": weighted,
            "candidates": CANDIDATES[model],
            "chosen": [about["parameters"] for about in abouts],
            "tried": [about["tried"] for about in abouts],
            "calibration": [about["calibration"] for about in abouts],
            "tuning_rows": arguments["rows"],
            "inner_folds": baselines.INNER_FOLDS,
            "fixed": fixed(baselines.build(model, kind, jobs=1)),
        },
        "wall_seconds": round(sum(about["seconds"] for about in abouts), 1),
        "images_per_second": round(trained / sum(about["fit_seconds"] for about in abouts), 1),
        "notes": NOTES.format(
            tuning=(
                f"Parameters: per fold, by grouped {baselines.INNER_FOLDS}-fold cross-validation on at most "
                f"{arguments['rows']} training rows, scored by {'balanced accuracy' if weighted else 'accuracy'}."
                if abouts[0]["tried"]
                else "One set of parameters, not tuned."
            ),
            calibration=", each class counting alike: probabilities of a population with equal classes"
            if weighted
            else "",
        ),
    }
    runs.write_run(
        RESULTS,
        run,
        pd.concat(tested, ignore_index=True),
        table=ham.table,
        split=[split for split, *_ in parts],
        validation_predictions=pd.concat(validated, ignore_index=True),
    )
    print(f"{name}: {run['wall_seconds']} s\n{runs.load_run(RESULTS / name)!r}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="the folder with HAM10000")
    parser.add_argument("--cache", required=True, help="where pixels, features and measured parts are kept")
    parser.add_argument("--only", default="", help="only records whose name matches this regular expression")
    parser.add_argument("--jobs", type=int, default=-1, help="processor cores")
    parser.add_argument("--rows", type=int, default=3000, help="training rows that take part in tuning")
    options = parser.parse_args()
    config = settings.for_chapter("classical-baselines", tier="workshop", data=options.data, cache=options.cache)
    ham = data.load(config)
    if ham.synthetic:
        parser.error("these are drawn images; the book's records are measured on the real HAM10000")
    pixels = images.load_pixels(ham, config)
    folder = config.cache / "measured"
    folder.mkdir(parents=True, exist_ok=True)
    held = {}
    for key in PLAN:
        if re.search(options.only, name_of(*key)):
            kind = key[1]
            held[kind] = held.get(kind) or features.load_features(ham, pixels, config, kind)
            started = time.strftime("%H:%M:%S")
            print(f"{started} {name_of(*key)}", flush=True)
            measure(folder, ham, config, held[kind], {"key": key, "rows": options.rows, "jobs": options.jobs})


if __name__ == "__main__":
    main()

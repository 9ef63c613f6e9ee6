"""Measure whether preprocessing helps the hand-crafted features on the real HAM10000; write an experiment record.

    python tools/measure/preprocessing.py --data FOLDER --cache FOLDER

Arms: the images as they are, each step of helpers.data, and the lesion found by Otsu's threshold instead of the
data set's masks.  Rows: the training rows of fold 0, at most so many
of a class, by whole lesions.  Each repetition draws other folds and gives the same ones to all arms, so differences are
paired.  Features are cached, so a run that was stopped goes on where it was.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold

from helpers import settings, splits
from helpers.classical import _features as features
from helpers.data import _loader as data
from helpers.data import _pixels as images
from helpers.data import _preprocess as preprocess
from helpers.ham10000 import CLASSES
from helpers.records import _experiments as experiments
from helpers.records import _runs as runs
from tools.measure import _baselines as baselines

RESULTS = Path(__file__).parents[2] / "book" / "results"
ARMS = {
    "none": None,
    "no masks": lambda batch: batch,
    "equalise": preprocess.equalise,
    "clahe": preprocess.clahe,
    "shades of gray": preprocess.shades_of_gray,
    "denoise": preprocess.denoise,
    "remove hair": preprocess.remove_hair,
}
MOST = 300
REPETITIONS = 10
FOLDS = 3
PARAMETERS = {"C": 4.0, "gamma": 0.25}
CHUNK = 200


def draw(table, split, seed):
    """Return at most ``MOST`` training rows of each class, by whole lesion groups, sorted."""
    groups = splits.lesion_groups(table).to_numpy()
    codes = table["dx"].to_numpy()
    kept = []
    for dx in CLASSES:
        rows = split.train[codes[split.train] == dx]
        order = np.random.default_rng(seed).permutation(np.unique(groups[rows]))
        place = pd.Series(np.arange(len(order)), index=order)[groups[rows]].to_numpy()
        kept.append(rows[np.bincount(place).cumsum()[place] <= MOST])
    return np.sort(np.concatenate(kept))


def answers(values, codes, groups, seed):
    """Return the out-of-fold answers of a weighted SVM, ``(n,)``."""
    found = np.empty(len(codes), int)
    for train, test in StratifiedGroupKFold(FOLDS).split(values, codes, splits.shuffled(groups, seed)):
        pipeline = baselines.build("svm", seed=seed, **PARAMETERS)
        pipeline.fit(values[train], codes[train], model__sample_weight=baselines.class_weights(codes[train], 1.0))
        found[test] = pipeline.predict(values[test])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="the folder with HAM10000")
    parser.add_argument("--cache", required=True, help="where pixels and features are kept")
    options = parser.parse_args()
    config = settings.for_chapter("classical-baselines", tier="workshop", data=options.data, cache=options.cache)
    ham = data.load(config)
    if ham.synthetic:
        parser.error("these are drawn images; the book's records are measured on the real HAM10000")
    pixels = images.load_pixels(ham, config)
    rows = draw(ham.table, splits.grouped(ham.table, 0), config.seed)
    subset = dataclasses.replace(ham, table=ham.table.iloc[rows].reset_index(drop=True))
    codes = pd.Categorical(subset.table["dx"], categories=list(CLASSES)).codes.astype(int)
    groups = splits.lesion_groups(ham.table).to_numpy()[rows]
    original = pixels[rows]
    results = []
    for arm, step in ARMS.items():
        if step is None:
            values = features.load_features(ham, pixels, config).values[rows]
        else:
            changed = np.concatenate([step(original[i : i + CHUNK]) for i in range(0, len(rows), CHUNK)])
            values = features.load_features(subset, changed, config, masks=arm != "no masks").values
        for repetition in range(REPETITIONS):
            found = answers(values, codes, groups, config.seed + repetition)
            scores = {
                "balanced_accuracy": balanced_accuracy_score(codes, found),
                "accuracy": accuracy_score(codes, found),
            }
            results += [(repetition, arm, "all", metric, value) for metric, value in scores.items()]
            recalls = {dx: (found[codes == code] == code).mean() for code, dx in enumerate(CLASSES)}
            results += [(repetition, arm, dx, "recall", value) for dx, value in recalls.items()]
        mean = np.mean([value for *_, metric, value in results[-REPETITIONS * 9 :] if metric == "balanced_accuracy"])
        print(f"{arm}: balanced accuracy {mean:.4f}", flush=True)
    facts = runs.facts(ham, config)
    experiment = {key: facts[key] for key in facts if key != "tier"} | {
        "name": "classical-preprocessing",
        "question": "Does preprocessing the image help the hand-crafted features of a support vector machine?",
        "rows": len(rows),
        "rows_of_a_class": dict(zip(CLASSES, np.bincount(codes).tolist(), strict=True)),
        "repetitions": REPETITIONS,
        "folds": FOLDS,
        "parameters": PARAMETERS,
        "notes": (
            f"Training rows of grouped fold 0, at most {MOST} of a class, by whole lesions; no test row is read. "
            "Lesion masks of the data set in all arms but 'no masks', so the steps change colour and texture, not the "
            "segmentation. "
            "Parameters fixed, the same in all arms. Repetitions draw other folds of the same images: their spread is "
            "that of the folds, not of new patients. Accuracy is of this near-balanced draw."
        ),
    }
    results = pd.DataFrame(results, columns=["repetition", "arm", "stratum", "metric", "value"])
    print(experiments.write_experiment(RESULTS, experiment, results))


if __name__ == "__main__":
    main()

"""Measure whether preprocessing helps the hand-crafted features on the real HAM10000; write an experiment record.

    python -m tools.measure.preprocessing --data FOLDER --cache FOLDER

Arms: the images as they are, each step of helpers.data, and the lesion found by Otsu's threshold instead of the data
set's masks.  Rows: the training rows of fold 0, at most so many of a class, by whole lesions.  Each repetition draws
other folds and gives the same ones to all arms, so differences are paired.  Features are cached, so a run that was
stopped goes on where it was.
"""

import dataclasses

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold

from helpers import classical, data, splits
from helpers.ham10000 import CLASSES
from tools.measure import _baselines as baselines
from tools.measure import _harness as harness

NAME = "classical-preprocessing"
ARMS = {
    "none": None,
    "no masks": lambda batch: batch,
    "equalise": data.equalise,
    "clahe": data.clahe,
    "shades of gray": data.shades_of_gray,
    "denoise": data.denoise,
    "remove hair": data.remove_hair,
}
MOST = 300
REPETITIONS = 10
FOLDS = 3
PARAMETERS = {"C": 4.0, "gamma": 0.25}
CHUNK = 200
NOTES = (
    f"Training rows of grouped fold 0, at most {MOST} of a class, by whole lesions; no test row is read. "
    "Lesion masks of the data set in all arms but 'no masks', so the steps change colour and texture, not the "
    "segmentation. "
    "Parameters fixed, the same in all arms. Repetitions draw other folds of the same images: their spread is "
    "that of the folds, not of new patients. Accuracy is of this near-balanced draw."
)


def draw(table, split, seed):
    """Return at most ``MOST`` training rows of each class, by whole lesion groups, sorted."""
    groups = splits.lesion_groups(table).to_numpy()
    codes = table["dx"].to_numpy()
    drawn = []
    for dx in CLASSES:
        rows = split.train[codes[split.train] == dx]
        drawn.append(harness.subsample(rows, groups, MOST, seed))
    return np.sort(np.concatenate(drawn))


def answers(values, codes, groups, seed):
    """Return the out-of-fold answers of a weighted SVM, ``(n,)`` class codes."""
    predicted = np.empty(len(codes), int)
    for train, test in StratifiedGroupKFold(FOLDS).split(values, codes, splits.shuffled(groups, seed)):
        pipeline = baselines.build("svm", seed=seed, **PARAMETERS)
        pipeline.fit(values[train], codes[train], model__sample_weight=baselines.class_weights(codes[train], 1.0))
        predicted[test] = pipeline.predict(values[test])
    return predicted


def scores(codes, predicted):
    """Return ``(stratum, metric, value)`` of answers: two metrics of all images, and each class's recall."""
    recalls = [(dx, "recall", (predicted[codes == code] == code).mean()) for code, dx in enumerate(CLASSES)]
    return [
        ("all", "balanced_accuracy", balanced_accuracy_score(codes, predicted)),
        ("all", "accuracy", accuracy_score(codes, predicted)),
        *recalls,
    ]


def main():
    options = harness.parser(__doc__).parse_args()
    harness.chosen({NAME: ARMS}, options.only)
    config, ham = harness.load("classical-baselines", options)
    pixels = data.load_pixels(ham, config)
    rows = draw(ham.table, splits.grouped(ham.table, 0), config.seed)
    subset = dataclasses.replace(ham, table=ham.table.iloc[rows].reset_index(drop=True))
    codes = pd.Categorical(subset.table["dx"], categories=list(CLASSES)).codes.astype(int)
    groups = splits.lesion_groups(ham.table).to_numpy()[rows]
    original = pixels[rows]
    results = []
    for arm, step in ARMS.items():
        if step is None:
            values = classical.load_features(ham, pixels, config).values[rows]
        else:
            changed = np.concatenate([step(original[i : i + CHUNK]) for i in range(0, len(rows), CHUNK)])
            values = classical.load_features(subset, changed, config, masks=arm != "no masks").values
        for repetition in range(REPETITIONS):
            predicted = answers(values, codes, groups, config.seed + repetition)
            results += [(repetition, arm, *score) for score in scores(codes, predicted)]
        harness.log(f"{arm}: done")
    experiment = harness.experiment_facts(ham, config) | {
        "name": NAME,
        "question": "Does preprocessing the image help the hand-crafted features of a support vector machine?",
        "rows": len(rows),
        "rows_of_a_class": dict(zip(CLASSES, np.bincount(codes).tolist(), strict=True)),
        "repetitions": REPETITIONS,
        "folds": FOLDS,
        "parameters": PARAMETERS,
        "notes": NOTES,
    }
    results = harness.write_experiment(experiment, results)
    print(results.query("metric == 'balanced_accuracy'").groupby("arm", sort=False)["value"].mean().round(4))


if __name__ == "__main__":
    main()

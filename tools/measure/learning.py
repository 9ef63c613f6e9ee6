"""Measure what more lesions would buy, and which features a model uses, on the real HAM10000; an experiment record.

    python -m tools.measure.learning --data FOLDER --cache FOLDER

A support vector machine with class weights on the handcrafted features, with fixed parameters.  It learns from a part
of the training lesions of each grouped fold, and is scored on those images and on the fold's test images.  With all of
them it is scored on the fold's *validation* images once more after one family of features was shuffled among them.
"""

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from helpers import classical, data, splits
from helpers.ham10000 import CLASSES
from tools.measure import _baselines as baselines
from tools.measure import _harness as harness

NAME = "learning"
PARTS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)
FOLDS = 5
SHUFFLES = 5
PARAMETERS = {"C": 4.0, "gamma": 0.25}
NOTES = (
    "Parameters fixed. Repetitions are the grouped folds. Arms 'part 1/16' to 'part 1': a share of the training "
    "lesions, drawn at random, nested; strata 'training' and 'test' are the images that are scored. Arms 'shuffled "
    f"FAMILY': all training lesions, balanced accuracy lost on validation images, mean of {SHUFFLES} shuffles."
)


def fit(values, codes, rows, seed):
    """Return the model fitted to some rows, with classes weighted to count alike."""
    model = baselines.build("svm", seed=seed, **PARAMETERS)
    return model.fit(values[rows], codes[rows], model__sample_weight=baselines.class_weights(codes[rows], 1.0))


def learning_curve(values, codes, groups, split, seed):
    """Return ``[(arm, stratum, metric, value)]`` of one fold, and the model that learned from all lesions."""
    order = np.random.default_rng(seed).permutation(np.unique(groups[split.train]))
    results = []
    for part in PARTS:
        some = split.train[np.isin(groups[split.train], order[: round(part * len(order))])]
        model = fit(values, codes, some, seed)
        arm = f"part {part if part == 1 else f'1/{round(1 / part)}'}"
        results.append((arm, "training", "lesions", len(np.unique(groups[some]))))
        for stratum, rows in (("training", some), ("test", split.test)):
            answers = model.predict(values[rows])
            results.append((arm, stratum, "balanced_accuracy", balanced_accuracy_score(codes[rows], answers)))
            results.append((arm, stratum, "accuracy", accuracy_score(codes[rows], answers)))
    return results, model


def importance(model, features, codes, split, seed):
    """Return ``[(arm, stratum, metric, value)]``: what shuffling a family loses on a fold's validation images."""
    rng = np.random.default_rng(seed)
    values, truth = features.values[split.validation], codes[split.validation]
    whole = balanced_accuracy_score(truth, model.predict(values))
    results = [("as it is", "validation", "balanced_accuracy", whole)]
    for family in pd.unique(features.families):
        columns, losses = features.families == family, []
        for _ in range(SHUFFLES):
            shuffled = values.copy()
            shuffled[:, columns] = values[rng.permutation(len(values))][:, columns]
            losses.append(whole - balanced_accuracy_score(truth, model.predict(shuffled)))
        results.append((f"shuffled {family}", "validation", "balanced_accuracy_lost", float(np.mean(losses))))
    return results


def main():
    options = harness.parser(__doc__).parse_args()
    harness.chosen({NAME: PARTS}, options.only)
    config, ham = harness.load("classical-baselines", options)
    features = classical.load_features(ham, data.load_pixels(ham, config), config)
    codes = pd.Categorical(ham.table["dx"], categories=list(CLASSES)).codes.astype(int)
    groups = splits.lesion_groups(ham.table).to_numpy()
    results = []
    for fold in range(FOLDS):
        split = splits.grouped(ham.table, fold)
        curve, model = learning_curve(features.values, codes, groups, split, config.seed + fold)
        lost = importance(model, features, codes, split, config.seed + fold)
        results += [(fold, *row) for row in [*curve, *lost]]
        harness.log(f"fold {fold}: done")
    experiment = harness.experiment_facts(ham, config) | {
        "name": NAME,
        "question": "Would more lesions help a support vector machine, and which families of features does it use?",
        "parameters": PARAMETERS,
        "folds": FOLDS,
        "notes": NOTES,
    }
    harness.write_experiment(experiment, results)


if __name__ == "__main__":
    main()

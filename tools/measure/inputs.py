"""Measure what a wrong input costs a frozen VGG16, in points, and write the experiment record ``vgg16-input``.

    python -m tools.measure.inputs --data FOLDER --cache FOLDER

VGG16's averaged features of lesions that are fed to it rightly and wrongly; a logistic regression on those of training
lesions, scored on validation lesions of grouped fold 0.
"""

import os

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import data, networks, splits
from helpers.networks import IMAGENET_MEAN
from tools.measure import _harness as harness

NAME = "vgg16-input"
ARMS = ("right", "colours in the wrong order", "0 to 255", "0 to 1")
SIZE, POOL, ROWS, VALIDATION, REPETITIONS, BATCH = (72, 96), 700, 500, 400, 3, 50
SCORES = {"accuracy": accuracy_score, "balanced_accuracy": balanced_accuracy_score}
NOTES = (
    f"Images of {SIZE[1]} x {SIZE[0]}. Each repetition draws {ROWS} of the same {POOL} training images of grouped fold "
    f"0; at most {VALIDATION} validation images, by whole lesions. A logistic regression on standardised, averaged "
    "features, class weights, C = 0.01. Stratum 'refitted': fitted to features of the input that it is scored on; "
    "'kept': fitted to features of the right input."
)


def fed(images, arm):
    """Return what a backbone has to be given, so that VGG16's first layer gets images as an arm says.

    The backbone takes red, green, blue from 0 to 255, subtracts the mean and reads the colours in VGG16's order.  So an
    array ``z`` reaches VGG16 as it is if the backbone is given its colours in reverse, plus the mean.

    Parameters
    ----------
    images : (n, height, width, 3) float32, red, green, blue, 0 to 255
    arm : str, one of :data:`ARMS`
    """
    mean = np.array(IMAGENET_MEAN, "float32")
    reaching = {
        "right": (images - mean)[..., ::-1],
        "colours in the wrong order": images - mean,
        "0 to 255": images,
        "0 to 1": images / 255,
    }
    return reaching[arm][..., ::-1] + mean


def compare(features, codes, train, validation, repetition):
    """Return rows of the record: each arm's features, read by a regression of its own and by that of the first arm."""
    rows, kept = [], None
    for arm, X in features.items():
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=5000, class_weight="balanced"))
        model.fit(X[train], codes[train])
        kept = kept or model
        for stratum, judge in (("refitted", model), ("kept", kept)):
            answers = judge.predict(X[validation])
            rows += [
                (repetition, arm, stratum, metric, score(codes[validation], answers))
                for metric, score in SCORES.items()
            ]
    return rows


def main():
    options = harness.parser(__doc__).parse_args()
    harness.chosen({NAME: ARMS}, options.only)
    precision = networks.use_precision()
    config, ham = harness.load("transfer-vgg16", options, image=SIZE)
    split = splits.grouped(ham.table, 0, seed=config.seed)
    validation = harness.subsample(split.validation, splits.lesion_groups(ham.table), VALIDATION, config.seed)
    pool = np.random.default_rng(config.seed).choice(split.train, POOL, replace=False)
    pixels, codes = data.load_pixels(ham, config, size=SIZE), pd.factorize(ham.table["dx"], sort=True)[0]

    vgg = networks.backbone("vgg16", size=SIZE)
    if not vgg.pretrained:
        raise SystemExit("VGG16 has random weights here; name the folder with ImageNet's in SKIN_WEIGHTS")
    averaged = keras.Model(vgg.model.inputs, keras.layers.GlobalAveragePooling2D()(vgg.model.outputs[0]))
    asked, features = np.concatenate([pool, validation]), {}
    for arm in ARMS:
        features[arm] = np.zeros((len(codes), averaged.output.shape[-1]), "float32")
        for rows in np.array_split(asked, len(asked) // BATCH):
            features[arm][rows] = averaged.predict_on_batch(fed(pixels[rows].astype("float32"), arm))
        harness.log(arm)

    rows = []
    for repetition in range(REPETITIONS):
        train = np.random.default_rng(config.seed + repetition).choice(pool, ROWS, replace=False)
        rows += compare(features, codes, train, validation, repetition)
    facts = harness.experiment_facts(ham, config, device=f"{os.cpu_count()} CPU cores, shared") | {
        "name": NAME,
        "question": "What does a wrong input cost a frozen VGG16?",
        "arms": list(ARMS),
        "split_hash": split.hash,
        "weights": vgg.weights,
        "precision": str(precision),
        "notes": NOTES,
    }
    results = harness.write_experiment(facts, rows)
    print(results.groupby(["stratum", "metric", "arm"], sort=False)["value"].agg(["mean", "min", "max"]))


if __name__ == "__main__":
    main()

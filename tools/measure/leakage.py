"""Measure what siblings of test lesions in the training set are worth on the real HAM10000; write experiment records.

    python tools/measure/leakage.py --data FOLDER --cache FOLDER --part frozen
    python tools/measure/leakage.py --data FOLDER --cache FOLDER --part tuned

``frozen``: 1-NN, logistic regression and SVM on the averaged features of a frozen network; the paired design of
helpers.evaluate, the naive comparison of two protocols, and oversampling before and after the split.  ``tuned``: the
network's last block and a new head, trained in both arms.  Each repetition is kept in the cache, so a run that was
stopped goes on where it was.
"""

import argparse
import json
import time
import zlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from helpers import settings, splits
from helpers.data import _cache as caches
from helpers.data import _files as files
from helpers.data import _loader as data
from helpers.data import _pixels as images
from helpers.evaluate import _leakage as leakage
from helpers.ham10000 import CLASSES
from helpers.networks import _activations as activations
from helpers.networks import _architectures as models
from helpers.networks import _training as training
from helpers.records import _experiments as experiments
from helpers.records import _provenance as provenance

RESULTS = Path(__file__).parents[2] / "book" / "results"
NETWORK, LAYER = "resnet50v2_imagenet_stage3", "stage3_block5_add"
REPETITIONS = {"paired": 20, "naive": 3, "oversampled": 2, "tuned": 3}
#: Of the tuned network: images of a training set, of its validation set, epochs at most, learning rate, batch.
ROWS, VALIDATION, EPOCHS, RATE, BATCH = 2000, 300, 4, 3e-4, 32
NOTES = {
    "frozen": "Features: the averaged last feature maps of a frozen ResNet50V2 (stages 1-3) for images of 200 x 150, "
    "standardised, 200 principal components of the training rows. Parameters fixed beforehand, no class weights. Arms "
    "model/A and model/B: evaluate.leak_pair, the repetition draws the tested lesions and the swapped siblings. "
    "model/image8020 and model/grouped: the naive comparison of two protocols. model/before and model/after: classes "
    "made equal by copies before and after the split; 'rows' are the copied rows tested, 'all' are plain images.",
    "tuned": f"Last block of ResNet50V2 (stages 1-3) and a new head, trained on images of 200 x 150 in both arms of "
    f"evaluate.leak_pair: at most {ROWS} images a training set, {VALIDATION} validation images of other lesions, "
    f"the same in both arms, at most {EPOCHS} epochs, learning rate {RATE}, no augmentation, no class weights; the "
    "epoch of the lowest validation loss is kept.",
}


def answer(name, values, truth, train, test, seed):
    model = leakage.leak_models(seed, values.shape[1])[name]
    return model.fit(values[train], truth[train]).predict(values[test])


def paired(values, ham, truth, seed):
    """Return ``(arm, stratum, metric, value)`` rows of one repetition of the paired design."""
    draw, rows = leakage.leak_pair(ham.table, seed), []
    for name in leakage.leak_models(seed, values.shape[1]):
        for arm, train in (("A", draw.a), ("B", draw.b)):
            found = answer(name, values, truth, train, draw.test, seed)
            rows += [(f"{name}/{arm}", *one) for one in leakage.leak_scores(truth[draw.test], found, draw.strata)]
    return rows


def naive(values, ham, truth, seed):
    """Return the rows of one repetition of the comparison that deceives: two protocols, two test sets."""
    groups, rows = splits.lesion_groups(ham.table).to_numpy(), []
    for protocol, split in (
        ("image8020", splits.image8020(ham.table, seed=seed)),
        ("grouped", splits.grouped(ham.table, 0, seed=seed)),
    ):
        leaked = np.isin(groups[split.test], groups[split.train])
        strata = {"all": np.ones(len(leaked), bool), "leaked": leaked, "not leaked": ~leaked}
        for name in leakage.leak_models(seed, values.shape[1]):
            found = answer(name, values, truth, split.train, split.test, seed)
            rows += [(f"{name}/{protocol}", *one) for one in leakage.leak_scores(truth[split.test], found, strata)]
            # Nevi are the easy class: their share says how easy a test set is.
            rows += [
                (f"{name}/{protocol}", stratum, "share_nv", float((truth[split.test][inside] == "nv").mean()))
                for stratum, inside in strata.items()
                if inside.any()
            ]
    return rows


def copies(truth, rows, seed):
    """Return rows with copies, drawn at random, until all classes are as common as the commonest."""
    rng, counts = np.random.default_rng(seed), pd.Series(truth[rows]).value_counts()
    more = [rng.choice(rows[truth[rows] == dx], counts.max() - count) for dx, count in counts.items()]
    return np.concatenate([rows, *more])


def oversampled(values, ham, truth, seed):
    """Return the rows of one repetition of oversampling: before the split, and after it."""
    rows = []
    every = copies(truth, np.arange(len(truth)), seed)
    train, test = train_test_split(every, test_size=0.2, random_state=seed, stratify=truth[every])
    split = splits.grouped(ham.table, 0, seed=seed)
    fair = copies(truth, split.train, seed)
    shared = splits.audit(ham.table, train, test)
    rows.append(("before", "rows", "share_exact_copies", shared.exact_copies / shared.test_images))
    for name in ("1-nn", "logistic"):
        for arm, learned, asked, stratum in (("before", train, test, "rows"), ("after", fair, split.test, "all")):
            found = answer(name, values, truth, learned, asked, seed)
            strata = {stratum: np.ones(len(asked), bool)}
            rows += [(f"{name}/{arm}", *one) for one in leakage.leak_scores(truth[asked], found, strata)]
    return rows


def tuned(inputs, ham, truth, seed):
    """Return the rows of one repetition of the paired design with a network whose last block is trained."""
    rng, rows = np.random.default_rng(seed), []
    draw = leakage.leak_pair(ham.table, seed, rows=ROWS + VALIDATION)
    groups = splits.lesion_groups(ham.table).to_numpy()
    order = rng.permutation(np.unique(groups[draw.common]))
    place = pd.Series(np.arange(len(order)), index=order)[groups[draw.common]].to_numpy()
    held = draw.common[np.bincount(place).cumsum()[place] <= VALIDATION]
    codes = pd.Categorical(truth, categories=list(CLASSES)).codes.astype("int64")
    for arm, train in (("A", draw.a), ("B", draw.b)):
        train = np.setdiff1d(train, held)

        def batches(epoch, train=train):
            return activations.activation_training_batches(inputs, codes, train, BATCH, seed=seed, epoch=epoch)

        _, tail = models.cut(models.backbone(NETWORK, size=(150, 200)).model, LAYER)
        training.keras.utils.set_random_seed(seed)
        network = models.classifier(tail)
        training.fit(
            network,
            batches,
            activations.activation_batches(inputs, codes, held),
            epochs=EPOCHS,
            seed=seed,
            learning_rate=RATE,
            patience=EPOCHS,
        )
        prob = training.predict(network, activations.activation_batches(inputs, codes, draw.test))
        found = np.array(CLASSES)[prob.argmax(axis=1)]
        rows += [(f"tuned/{arm}", *one) for one in leakage.leak_scores(truth[draw.test], found, draw.strata)]
    return rows


def averaged(inputs, folder):
    """Return the features of all images: the rest of the frozen network on its activations, averaged, ``(n, d)``."""
    path = folder / "features.npy"
    if not path.exists():
        _, tail = models.cut(models.backbone(NETWORK, size=(150, 200)).model, LAYER)
        parts = [
            tail.predict_on_batch(np.asarray(inputs[first : first + 64, 0], "float32")).mean(axis=(1, 2))
            for first in range(0, len(inputs), 64)
        ]
        values = np.concatenate(parts)
        with caches.atomic_write(path, "features", values.nbytes) as partial, open(partial, "wb") as stream:
            np.save(stream, values)
    return np.load(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="the folder with HAM10000")
    parser.add_argument("--cache", required=True, help="where activations and finished repetitions are kept")
    parser.add_argument("--part", required=True, choices=["frozen", "tuned"])
    options = parser.parse_args()
    config = settings.for_chapter("transfer-resnet", tier="workshop", data=options.data, cache=options.cache)
    training.use_precision("float32")
    ham = data.load(config)
    if ham.synthetic:
        parser.error("these are drawn images; the book's records are measured on the real HAM10000")
    pixels = images.load_pixels(ham, config)
    frozen, _ = models.cut(models.backbone(NETWORK, size=(150, 200)).model, LAYER)
    inputs = activations.load_activations(frozen, ham, pixels, config)
    design = (leakage.FOLDS, leakage.SHARE, leakage.COMPONENTS)
    told = (ham.fingerprint, config.seed, NETWORK, LAYER, *design, ROWS, VALIDATION, EPOCHS, RATE, BATCH)
    folder = config.cache / "leakage" / f"{zlib.crc32(repr(told).encode()):08x}"
    truth = ham.table["dx"].to_numpy(dtype=str)
    steps = (
        {"tuned": tuned} if options.part == "tuned" else {"paired": paired, "naive": naive, "oversampled": oversampled}
    )
    values = inputs if options.part == "tuned" else averaged(inputs, folder)
    results, seconds = [], 0.0
    for step, measure in steps.items():
        for repetition in range(REPETITIONS[step]):
            kept = folder / f"{step}-{repetition}.json"
            if not kept.exists():
                started = time.process_time()
                rows = measure(values, ham, truth, config.seed + repetition)
                files.write_text(kept, json.dumps({"seconds": time.process_time() - started, "rows": rows}))
            found = json.loads(kept.read_text())
            seconds += found["seconds"]
            results += [(repetition, *row) for row in found["rows"]]
            print(step, repetition, f"{found['seconds']:.0f} s of processor time", flush=True)
    step, most = ("tuned", ROWS) if options.part == "tuned" else ("paired", None)
    draws = [leakage.leak_pair(ham.table, config.seed + repetition, most) for repetition in range(REPETITIONS[step])]
    experiment = {
        "name": f"leakage-{options.part}",
        "question": "What is a sibling of the test lesion in the training set worth?",
        "data": ham.source,
        "fingerprint": ham.fingerprint,
        "synthetic": ham.synthetic,
        "device": provenance.device(),
        "versions": provenance.versions(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "seed": config.seed,
        "repetitions": {step: REPETITIONS[step] for step in steps},
        # Of a repetition of the paired design, on average.
        "training_images": round(float(np.mean([len(draw.a) for draw in draws]))),
        "test_images": round(float(np.mean([len(draw.test) for draw in draws]))),
        "processor_seconds": round(seconds),
        "notes": NOTES[options.part],
    }
    results = pd.DataFrame(results, columns=list(experiments.EXPERIMENT_COLUMNS))
    print(experiments.write_experiment(RESULTS, experiment, results))
    print(leakage.leak_effects(results, experiment["test_images"] / experiment["training_images"]).round(4).to_string())


if __name__ == "__main__":
    main()

"""Measure what siblings of test lesions in the training set are worth on the real HAM10000; write experiment records.

    python -m tools.measure.leakage --data FOLDER --cache FOLDER [--only PATTERN]

``leakage-frozen``: 1-NN, logistic regression and SVM on the averaged features of a frozen network; the paired design of
helpers.evaluate, the naive comparison of two protocols, and oversampling before and after the split.
``leakage-tuned``: the network's last block and a new head, trained in both arms.  A repetition joins the record when it
is done; one that the record has is not measured again.
"""

import time
import zlib

import keras
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from helpers import data, evaluate, networks, splits
from helpers.data import _cache as caches
from helpers.ham10000 import CLASSES
from helpers.networks import _training as training
from tools.measure import _harness as harness

NETWORK, LAYER = "resnet50v2_imagenet_stage3", "stage3_block5_add"
REPETITIONS = {"paired": 20, "naive": 3, "oversampled": 2, "tuned": 10}
#: Of the tuned network: images of a training set, of its validation set, epochs at most, learning rate, batch.
ROWS, VALIDATION, EPOCHS, RATE, BATCH = 2000, 300, 4, 3e-4, 32
FROZEN = (
    "Features: the averaged last feature maps of a frozen ResNet50V2 (stages 1-3) for images of 200 x 150, "
    "standardised, 200 principal components of the training rows. Parameters fixed beforehand, no class weights. Arms "
    "model/A and model/B: "
)
TUNED = (
    f"at most {ROWS} images a training set, {VALIDATION} validation images of other lesions, "
    f"the same in both arms, at most {EPOCHS} epochs, learning rate {RATE}, no augmentation, no class weights; the "
    "epoch of the lowest validation loss is kept."
)
NOTES = {
    "leakage-frozen": f"{FROZEN}evaluate.leak_pair, the repetition draws the tested lesions and the swapped siblings. "
    "model/image8020 and model/grouped: the naive comparison of two protocols. model/before and model/after: classes "
    "made equal by copies before and after the split; 'rows' are the copied rows tested, 'all' are plain images.",
    "leakage-tuned": "Last block of ResNet50V2 (stages 1-3) and a new head, trained on images of 200 x 150 in both "
    f"arms of evaluate.leak_pair: {TUNED}",
}


def answer(name, values, truth, train, test, seed):
    model = evaluate.leak_models(seed, values.shape[1])[name]
    return model.fit(values[train], truth[train]).predict(values[test])


def scored(arm, truth, answers, strata):
    """Return ``(arm, stratum, metric, value)`` rows of the answers to test images."""
    return [(arm, *score) for score in evaluate.leak_scores(truth, answers, strata)]


def paired(values, ham, truth, seed):
    """Return ``(arm, stratum, metric, value)`` rows of one repetition of the paired design."""
    draw, rows = evaluate.leak_pair(ham.table, seed), []
    for name in evaluate.leak_models(seed, values.shape[1]):
        for arm, train in (("A", draw.a), ("B", draw.b)):
            answers = answer(name, values, truth, train, draw.test, seed)
            rows += scored(f"{name}/{arm}", truth[draw.test], answers, draw.strata)
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
        for name in evaluate.leak_models(seed, values.shape[1]):
            answers = answer(name, values, truth, split.train, split.test, seed)
            rows += scored(f"{name}/{protocol}", truth[split.test], answers, strata)
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
        for arm, trained, tested, stratum in (("before", train, test, "rows"), ("after", fair, split.test, "all")):
            answers = answer(name, values, truth, trained, tested, seed)
            rows += scored(f"{name}/{arm}", truth[tested], answers, {stratum: np.ones(len(tested), bool)})
    return rows


def halves():
    """Return the network up to :data:`LAYER`, which stays frozen, and the rest of it."""
    return networks.cut(networks.backbone(NETWORK, size=(150, 200)).model, LAYER)


def tuned(inputs, ham, truth, seed):
    """Return the rows of one repetition of the paired design with a network whose last block is trained."""
    rows = []
    draw = evaluate.leak_pair(ham.table, seed, rows=ROWS + VALIDATION)
    groups = splits.lesion_groups(ham.table).to_numpy()
    validation = harness.subsample(draw.common, groups, VALIDATION, seed)
    codes = pd.Categorical(truth, categories=list(CLASSES)).codes.astype("int64")
    for arm, train in (("A", draw.a), ("B", draw.b)):
        train = np.setdiff1d(train, validation)

        def batches(epoch, train=train):
            return networks.training_batches(inputs, codes, train, BATCH, seed=seed, epoch=epoch)

        _, tail = halves()
        keras.utils.set_random_seed(seed)
        model = networks.classifier(tail)
        networks.fit(
            model,
            batches,
            networks.batches(inputs, codes, validation, 64),
            epochs=EPOCHS,
            seed=seed,
            learning_rate=RATE,
            patience=EPOCHS,
        )
        y_prob = training.predict(model, networks.batches(inputs, codes, draw.test, 64))
        rows += scored(f"tuned/{arm}", truth[draw.test], evaluate.answers(y_prob), draw.strata)
    return rows


def averaged(inputs, ham, config):
    """Return the features of all images: the rest of the frozen network on its activations, averaged, ``(n, d)``."""
    key = zlib.crc32(repr((ham.fingerprint, NETWORK, LAYER)).encode())
    path = config.cache / "leakage" / f"features-{key:08x}.npy"
    if not path.exists():
        _, tail = halves()
        parts = [
            tail.predict_on_batch(np.asarray(inputs[first : first + 64, 0], "float32")).mean(axis=(1, 2))
            for first in range(0, len(inputs), 64)
        ]
        features = np.concatenate(parts)
        with caches.atomic_write(path, "features", features.nbytes) as partial, open(partial, "wb") as stream:
            np.save(stream, features)
    return np.load(path)


#: The steps of each record, and by what the names of a step's arms end.
PLAN = {
    "leakage-frozen": {paired: ("A", "B"), naive: ("image8020", "grouped"), oversampled: ("before", "after")},
    "leakage-tuned": {tuned: ("A", "B")},
}


def measure(name, steps, inputs, ham, config):
    """Measure the repetitions that the record of this name lacks, and add each to it."""
    same = {"name": name, "fingerprint": ham.fingerprint, "seed": config.seed}
    stored, results = harness.stored_experiment(name, same, TUNED if name == "leakage-tuned" else FROZEN)
    rows = list(results.itertuples(index=False, name=None))
    repetitions, seconds = (stored["repetitions"], stored["processor_seconds"]) if stored else ({}, 0)
    truth = ham.table["dx"].to_numpy(dtype=str)
    for step, ends in steps.items():
        measured = set(results["repetition"][results["arm"].str.split("/").str[-1].isin(ends)])
        for repetition in sorted(set(range(REPETITIONS[step.__name__])) - measured):
            started = time.process_time()
            rows += [(repetition, *row) for row in step(inputs, ham, truth, config.seed + repetition)]
            seconds += time.process_time() - started
            repetitions[step.__name__] = repetitions.get(step.__name__, 0) + 1
            harness.log(f"{name}: {step.__name__} {repetition} done")
            write(name, rows, repetitions, seconds, ham, config)


def write(name, rows, repetitions, seconds, ham, config):
    """Write the record of the repetitions measured so far."""
    step, most = ("tuned", ROWS) if name == "leakage-tuned" else ("paired", None)
    draws = [evaluate.leak_pair(ham.table, config.seed + repetition, most) for repetition in range(repetitions[step])]
    experiment = harness.experiment_facts(ham, config) | {
        "name": name,
        "question": "What is a sibling of the test lesion in the training set worth?",
        "repetitions": repetitions,
        # Of a repetition of the paired design, on average.
        "training_images": round(float(np.mean([len(draw.a) for draw in draws]))),
        "test_images": round(float(np.mean([len(draw.test) for draw in draws]))),
        "processor_seconds": round(seconds),
        "notes": NOTES[name],
    }
    results = harness.write_experiment(experiment, rows)
    print(
        evaluate.leak_effects(results, experiment["test_images"] / experiment["training_images"]).round(4).to_string()
    )


def main():
    options = harness.parser(__doc__).parse_args()
    plan = harness.chosen(PLAN, options.only)
    networks.use_precision("float32")
    config, ham = harness.load("transfer-resnet", options)
    frozen, _ = halves()
    inputs = networks.load_activations(frozen, ham, data.load_pixels(ham, config), config)
    for name, steps in plan.items():
        measure(name, steps, averaged(inputs, ham, config) if name == "leakage-frozen" else inputs, ham, config)


if __name__ == "__main__":
    main()

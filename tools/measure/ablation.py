"""Measure what two changes do to the paper's CNN, each alone and both together, and write the experiment record.

    python tools/measure/ablation.py --data FOLDER --cache FOLDER

A repetition, all arms of it, joins the record when it is done; one that the record has is not measured again.  Every
epoch leaves a checkpoint in the cache, so that a repetition that was stopped goes on where it was.
"""

import argparse
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from helpers import settings, splits
from helpers.data import _loader as data
from helpers.ham10000 import CLASSES
from helpers.networks import _recipes as recipes
from helpers.networks import _run as networks
from helpers.records import _experiments as experiments
from helpers.records import _provenance as provenance

RESULTS = Path(__file__).parents[2] / "book" / "results"
NAME = "cnn-ablation"
ARMS = {
    "paper": {},
    "batch-norm": {"batch_norm": True},
    "narrow-head": {"wide_head": False},
    "both": {"batch_norm": True, "wide_head": False},
}
SIZE, ROWS, EPOCHS, REPETITIONS = (90, 90), 2000, 8, 3
RECIPE, DROPOUT = recipes.RECIPES["cnn-improved"], recipes.IMPROVED["dropout"]
NOTES = (
    f"{ROWS:,} training images of {SIZE[1]} x {SIZE[0]}, {EPOCHS} epochs at most, learning rate "
    f"{RECIPE.learning_rate:g}, class weights, augmentation, dropout {DROPOUT:g}; scored on the validation set of "
    "grouped fold 0 at the epoch of the lowest validation loss; the training rows and the seed change with the "
    "repetition, alike for all arms."
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="the folder with HAM10000")
    parser.add_argument("--cache", required=True, help="where pixels and checkpoints are kept")
    options = parser.parse_args()
    config = settings.for_chapter("cnn-from-scratch", tier="workshop", data=options.data, cache=options.cache)
    config = replace(config, sizes=replace(config.sizes, image=SIZE, rows=ROWS, epochs=EPOCHS))
    ham = data.load(config)
    if ham.synthetic:
        parser.error("these are drawn images; the book's records are measured on the real HAM10000")
    split = splits.grouped(ham.table, 0, seed=config.seed)
    truth = ham.table["dx"].to_numpy()[split.validation]
    fixed = {
        "name": NAME,
        "question": "What do batch normalisation and a narrow head do to the paper's CNN?",
        "data": ham.source,
        "fingerprint": ham.fingerprint,
        "synthetic": ham.synthetic,
        "device": f"{os.cpu_count()} CPU cores, shared",
        "seed": config.seed,
        "arms": {arm: dict(layers) for arm, layers in ARMS.items()},
        "split_hash": split.hash,
    }
    path = RESULTS / NAME
    measured, results = {}, pd.DataFrame(columns=list(experiments.EXPERIMENT_COLUMNS))
    if (path / "experiment.json").exists():
        experiment, results = experiments.load_experiment(path)
        measured = experiment["measured"]
        if not experiment["notes"].startswith(NOTES) or any(experiment[key] != value for key, value in fixed.items()):
            parser.error(f"{path} was measured in another way; move it away to measure anew")
    for repetition in sorted(set(range(REPETITIONS)) - set(results["repetition"])):
        found = []
        for arm, layers in ARMS.items():
            recipe = replace(RECIPE, options=layers | {"dropout": DROPOUT})
            seeded = replace(config, seed=config.seed + repetition)
            trained = networks.train(recipe, ham, seeded, split)
            answers = [CLASSES[code] for code in trained.validation.argmax(axis=1)]
            for metric, score in (("accuracy", accuracy_score), ("balanced_accuracy", balanced_accuracy_score)):
                found.append((repetition, arm, "validation", metric, score(truth, answers)))
            print(found[-2:], round(trained.fitted.wall_seconds), "s", flush=True)
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        measured[str(repetition)] = f"{today}, {trained.facts['precision']}"
        found = pd.DataFrame(found, columns=list(experiments.EXPERIMENT_COLUMNS))
        results = pd.concat([results, found], ignore_index=True) if len(results) else found
        experiment = fixed | {
            "versions": provenance.versions(),
            "date": today,
            "measured": measured,
            "notes": f"{NOTES} Repetitions: {len(measured)} of {REPETITIONS}.",
        }
        experiments.write_experiment(RESULTS, experiment, results)
    print(results.groupby(["metric", "arm"], sort=False)["value"].agg(["mean", "min", "max"]))


if __name__ == "__main__":
    main()

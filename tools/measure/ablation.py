"""Measure what two changes do to the paper's CNN, each alone and both together, and write the experiment record.

    python -m tools.measure.ablation --data FOLDER --cache FOLDER

A repetition, all arms of it, joins the record when it is done; one that the record has is not measured again.  Every
epoch leaves a checkpoint in the cache, so that a repetition that was stopped goes on where it was.
"""

import os
from dataclasses import replace

from sklearn.metrics import accuracy_score, balanced_accuracy_score

from helpers import evaluate, networks, splits
from tools.measure import _harness as harness

NAME = "cnn-ablation"
ARMS = {
    "paper": {},
    "batch-norm": {"batch_norm": True},
    "narrow-head": {"wide_head": False},
    "both": {"batch_norm": True, "wide_head": False},
}
SIZE, ROWS, EPOCHS, REPETITIONS = (90, 90), 2000, 8, 3
RECIPE = networks.RECIPES["cnn-improved"]
DROPOUT = RECIPE.options["dropout"]
NOTES = (
    f"{ROWS:,} training images of {SIZE[1]} x {SIZE[0]}, {EPOCHS} epochs at most, learning rate "
    f"{RECIPE.learning_rate:g}, class weights, augmentation, dropout {DROPOUT:g}; scored on the validation set of "
    "grouped fold 0 at the epoch of the lowest validation loss; the training rows and the seed change with the "
    "repetition, alike for all arms."
)
SCORES = {"accuracy": accuracy_score, "balanced_accuracy": balanced_accuracy_score}


def measure(repetition, ham, config, split):
    """Train all arms with the seed of a repetition; return its rows and the precision of the training."""
    truth = ham.table["dx"].to_numpy()[split.validation]
    seeded = replace(config, seed=config.seed + repetition)
    rows = []
    for arm, layers in ARMS.items():
        recipe = replace(RECIPE, options=layers | {"dropout": DROPOUT})
        trained = networks.train(recipe, ham, seeded, split)
        answers = evaluate.answers(trained.validation)
        scores = {metric: score(truth, answers) for metric, score in SCORES.items()}
        rows += [(repetition, arm, "validation", metric, value) for metric, value in scores.items()]
        harness.log(repetition, arm, scores, f"{trained.fitted.wall_seconds:.0f} s")
    return rows, trained.facts["precision"]


def main():
    parser = harness.parser(__doc__)
    options = parser.parse_args()
    harness.chosen({NAME: ARMS}, options.only)
    config, ham = harness.load("cnn-from-scratch", options, image=SIZE, rows=ROWS, epochs=EPOCHS)
    split = splits.grouped(ham.table, 0, seed=config.seed)
    facts = harness.experiment_facts(ham, config, device=f"{os.cpu_count()} CPU cores, shared") | {
        "name": NAME,
        "question": "What do batch normalisation and a narrow head do to the paper's CNN?",
        "arms": ARMS,
        "split_hash": split.hash,
    }
    same = {key: value for key, value in facts.items() if key not in ("versions", "date")}
    experiment, results = harness.stored_experiment(NAME, same, NOTES)
    measured = experiment["measured"] if experiment else {}
    rows = list(results.itertuples(index=False, name=None))
    for repetition in sorted(set(range(REPETITIONS)) - set(results["repetition"])):
        new, precision = measure(repetition, ham, config, split)
        rows += new
        measured[str(repetition)] = f"{facts['date']}, {precision}"
        growing = {"measured": measured, "notes": f"{NOTES} Repetitions: {len(measured)} of {REPETITIONS}."}
        results = harness.write_experiment(facts | growing, rows)
    print(results.groupby(["metric", "arm"], sort=False)["value"].agg(["mean", "min", "max"]))


if __name__ == "__main__":
    main()

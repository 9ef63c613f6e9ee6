"""Train the networks on the real HAM10000 and write the book's records of them.

    python -m tools.measure.networks --data FOLDER --cache FOLDER [--only PATTERN]

Weights: the folder in SKIN_WEIGHTS.  Precision: SKIN_PRECISION.  Every epoch leaves a checkpoint in the cache, so a run
that was stopped goes on where it was.  A fold joins its record when it is trained; one that the record has is not
trained again.
"""

import json
import time
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from helpers import networks, records
from helpers.ham10000 import CLASSES
from helpers.networks._run import Trained
from helpers.networks._training import Fitted
from helpers.records._provenance import device
from helpers.records._seal import SPLITS
from helpers.settings import SEED
from tools.measure import _harness as harness
from tools.measure import _readings as readings

#: Images, (height, width).
CNN, LARGER, WHOLE = (96, 96), (128, 128), (150, 200)


@dataclass(frozen=True)
class Entry:
    """A record of the plan.  ``seed`` is that of the training; the split is always that of the course's own seed.

    ``epochs``: at most so many, where it is not the tier that says how many.
    """

    recipe: str
    protocol: str
    size: tuple[int, int]
    folds: range = range(1)
    seed: int = SEED
    epochs: int | None = None

    @property
    def name(self):
        height, width = self.size
        seed = "" if self.seed == SEED else f"-seed{self.seed}"
        return f"{self.recipe}-{self.protocol}-{width}x{height}{seed}"


#: The most valuable first.
ENTRIES = [
    *(
        Entry(recipe, protocol, WHOLE, folds)
        for protocol, folds in (("grouped", range(5)), ("holdout938", range(1)), ("image8020", range(1)))
        for recipe in ("vgg16-frozen", "resnet-frozen", "mobilenetv2-frozen")
    ),
    Entry("resnet-last", "holdout938", WHOLE),
    Entry("resnet-last", "grouped", WHOLE),
    Entry("resnet-tuned", "grouped", WHOLE, range(5)),
    Entry("vgg16-tuned", "grouped", WHOLE, range(5)),
    # The four best networks by their validation loss on fold 0.
    *(
        Entry(recipe, "grouped", WHOLE, seed=SEED + step)
        for step in (1, 2)
        for recipe in ("resnet-tuned", "vgg16-tuned", "resnet-last", "resnet-frozen")
    ),
    Entry("cnn-cosine", "grouped", CNN, range(5)),
    Entry("cnn-improved", "grouped", CNN),
    Entry("resnet-tuned", "holdout938", WHOLE),
    Entry("vgg16-tuned", "holdout938", WHOLE),
    Entry("cnn-paper", "grouped", CNN),
    Entry("cnn-improved", "holdout938", CNN),
    Entry("cnn-cosine", "holdout938", CNN),
    Entry("cnn-paper", "holdout938", CNN),
    Entry("resnet-last", "image8020", WHOLE),
    Entry("resnet-whole", "holdout938", WHOLE),
    Entry("resnet-whole", "grouped", WHOLE),
    Entry("cnn-improved", "grouped", LARGER, epochs=20),
    Entry("cnn-improved", "holdout938", LARGER, epochs=20),
]
PLAN = {entry.name: entry for entry in ENTRIES}
CHAPTERS = {"cnn": "cnn-from-scratch", "vgg16": "transfer-vgg16"}
#: Facts of a training that a record lists by fold where they differ.
BY_FOLD = ("epochs_trained", "best_epoch", "training_images", "precision", "trained_on")
NOTES = (
    "Image alone, no metadata. {chosen} chosen on the validation set, by lesion group, by the loss. "
    "Images of {stored} pixels{upsampled}. A shared machine: times are upper bounds."
)
EVENED = " The same training as the record without -evened: its probabilities, shifted to equally common classes."
RESTORED = (
    " The same training as the record without -restored: its probabilities, shifted back from the equally common "
    "classes of the class weights to the shares of the training images."
)
ON_TEST = (
    " MARKED: the epoch was chosen on the test set, to show what that is worth; every other choice is the same. What "
    "the network of that epoch said of the validation images was not kept, so there is no melanoma threshold."
)


def measure(entry, config, ham):
    """Train the folds that the record of an entry lacks; add each to its records when it is trained."""
    recipe = networks.RECIPES[entry.recipe]
    sizes = replace(config.sizes, image=entry.size, epochs=entry.epochs or config.sizes.epochs)
    config = replace(config, sizes=sizes, seed=entry.seed)
    stored = harness.stored_run(entry.name)
    missing = [fold for fold in entry.folds if stored is None or fold not in stored.facts["folds"]]
    if not missing:
        return harness.log(f"{entry.name}: there already")
    made_of = asdict(recipe)
    if recipe.network != "paper_cnn":
        backbone = networks.backbone(*recipe.network, size=entry.size)
        if not backbone.pretrained:
            raise SystemExit(
                f"{entry.name}: no ImageNet weights could be had; name the folder that has them in SKIN_WEIGHTS"
            )
        made_of["weights"] = backbone.weights
    if stored is not None:
        _check_alike(stored, made_of, ham)
    codes = pd.Categorical(ham.table["dx"], categories=list(CLASSES)).codes
    watch_test = entry.protocol == "holdout938"
    for fold in missing:
        split = SPLITS[entry.protocol](ham.table, fold, seed=SEED)
        trained = networks.train(recipe, ham, config, split, watch_test=watch_test)
        harness.log(f"{entry.name} fold {fold}\n{trained.fitted.history.round(3).to_string()}")
        notes = NOTES.format(
            chosen="Epoch" if recipe.cosine else "Epoch, learning rate and stopping",
            stored=f"{ham.size[1]} x {ham.size[0]}",
            upsampled=", upsampled" if trained.facts["upsampled"] else "",
        )
        for suffix, (reading, note) in _readings(trained, codes, recipe.weighted).items():
            # The network is one, and its record carries what was trained of it from scratch.
            weights = not suffix and (recipe.network == "paper_cnn" or recipe.frozen == "backbone")
            add_fold(entry.name + suffix, fold, reading, ham, config, notes + note, weights)


def _readings(trained, codes, weighted):
    """Return ``{end of the record's name: (Trained, note)}``: a training, read out with two priors.

    Under the paper's protocol there is one more, of the epoch that is best on the test set.  The training as it is
    comes last: its record says which folds are there.
    """
    y_train, y_test = codes[trained.split.train], codes[trained.split.test]
    if weighted:
        named = {"-restored": (readings.to_training_priors(trained, y_train), RESTORED)}
    else:
        named = {"-evened": (readings.to_equal_priors(trained, y_train), EVENED)}
    if trained.test_by_epoch:
        named["-on-test"] = readings.chosen_on_test(trained, y_test), ON_TEST
    return named | {"": (trained, "")}


def add_fold(name, fold, trained, ham, config, notes, weights=False):
    """Write the run record of this name with one more fold; the folds that it has are taken from it as they are."""
    facts = {"trained_on": f"{time.strftime('%Y-%m-%d', time.gmtime())}, {device()}"}
    folds = {fold: replace(trained, facts=trained.facts | facts)}
    run = harness.stored_run(name)
    if run is not None:
        folds |= {other: stored_fold(run, other, trained, ham) for other in run.facts["folds"] if other != fold}
    networks.save_record(
        name,
        [folds[number] for number in sorted(folds)],
        ham,
        config,
        harness.RESULTS,
        folds=sorted(folds),
        notes=notes,
        split_seed=None if config.seed == SEED else SEED,
        weights=weights,
    )
    harness.log(repr(records.load_run(harness.RESULTS / name)))


def stored_fold(run, fold, trained, ham):
    """Return one fold of a record as if it had just been trained: predictions, history, facts; the network if kept.

    Parameters
    ----------
    run : helpers.records.Run
    fold : int
    trained : Trained
        Another fold of the same recipe, whose description of it is taken over.
    ham : helpers.data.Dataset
    """
    number = run.facts["folds"].index(fold)
    split = SPLITS[run.facts["protocol"]](ham.table, fold, seed=SEED)
    if split.hash != run.facts["split_hashes"][number]:
        raise SystemExit(f"{run.name}: fold {fold} of its record is another split; move the record away to train anew")
    facts = {"trained_on": f"{run.facts['date']}, {run.facts['device']}"} | run.facts["hyperparameters"]
    facts |= {key: facts[key][number] for key in BY_FOLD if isinstance(facts[key], list)}
    facts |= {
        "recipe": trained.facts["recipe"],
        "chosen_on": run.facts["chosen_on"],
        "wall_seconds": run.facts["wall_seconds"] / len(run.facts["folds"]),
        "images_per_second": run.facts["images_per_second"],
    }
    images = ham.table["image_id"].to_numpy()
    history = run.history[run.history["fold"] == fold].drop(columns="fold")
    return Trained(
        model=networks.load(run.path) if run.facts.get("weights_of_fold") == fold else None,
        label=run.facts["model"],
        split=split,
        fitted=Fitted(history, facts["best_epoch"], facts["wall_seconds"], np.nan),
        validation=harness.probabilities(run.validation, fold, images[split.validation]),
        test=harness.probabilities(run.predictions, fold, images[split.test]),
        test_by_epoch=[],
        facts=facts,
    )


def _check_alike(run, made_of, ham):
    """End with a message where a record's folds are of other images, or of a network that is made otherwise."""
    made_of = json.loads(json.dumps(made_of))
    stored = run.facts["hyperparameters"]["recipe"]
    different = [key for key in made_of if key in stored and stored[key] != made_of[key]]
    if run.facts["fingerprint"] != ham.fingerprint:
        different.append("images")
    if different:
        raise SystemExit(f"{run.name} was trained with other {', '.join(different)}; move it away to train anew")


def main():
    options = harness.parser(__doc__).parse_args()
    for entry in harness.chosen(PLAN, options.only).values():
        started = time.perf_counter()
        config, ham = harness.load(CHAPTERS.get(entry.recipe.split("-")[0], "transfer-resnet"), options)
        measure(entry, config, ham)
        harness.log(f"done in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()

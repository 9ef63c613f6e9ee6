"""Train the networks on the real HAM10000 and write the book's records of them.

    python tools/measure/networks.py --data FOLDER --cache FOLDER [--only TEXT]

Weights: the folder in SKIN_WEIGHTS.  Precision: SKIN_PRECISION.  Every epoch leaves a checkpoint in the cache, so a run
that was stopped goes on where it was; a record that is there is not measured again.  The order is that of value.
"""

import argparse
import re
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd

from helpers import settings
from helpers.data import _loader as data
from helpers.ham10000 import CLASSES
from helpers.networks import _architectures as models
from helpers.networks import _recipes as recipes
from helpers.networks import _run as networks
from helpers.records import _runs as runs
from helpers.records import _seal as records

RESULTS = Path(__file__).parents[2] / "book" / "results"
#: Recipe, protocol, folds, image (height, width): the records, the most valuable first.
CNN, LARGER, WHOLE = (96, 96), (128, 128), (150, 200)
PLAN = [
    *(
        (recipe, protocol, folds, WHOLE)
        for protocol, folds in (("grouped", range(5)), ("holdout938", range(1)), ("image8020", range(1)))
        for recipe in ("vgg16-frozen", "resnet-frozen", "mobilenetv2-frozen")
    ),
    ("resnet-last", "holdout938", range(1), WHOLE),
    ("resnet-last", "grouped", range(1), WHOLE),
    ("resnet-tuned", "grouped", range(1), WHOLE),
    ("vgg16-tuned", "grouped", range(1), WHOLE),
    ("cnn-cosine", "grouped", range(1), CNN),
    ("cnn-improved", "grouped", range(1), CNN),
    ("resnet-tuned", "holdout938", range(1), WHOLE),
    ("vgg16-tuned", "holdout938", range(1), WHOLE),
    ("cnn-paper", "grouped", range(1), CNN),
    ("cnn-improved", "holdout938", range(1), CNN),
    ("cnn-cosine", "holdout938", range(1), CNN),
    ("cnn-paper", "holdout938", range(1), CNN),
    ("resnet-last", "image8020", range(1), WHOLE),
    ("resnet-whole", "holdout938", range(1), WHOLE),
    ("resnet-whole", "grouped", range(1), WHOLE),
    ("cnn-improved", "grouped", range(1), LARGER),
    ("cnn-improved", "holdout938", range(1), LARGER),
]
#: At most so many epochs where it is not the tier that says how many: at this size one takes long on a processor.
EPOCHS = {LARGER: 20}
CHAPTERS = {"cnn": "cnn-from-scratch", "vgg16": "transfer-vgg16"}
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


def name_of(recipe, protocol, size):
    return f"{recipe}-{protocol}-{size[1]}x{size[0]}"


def measure(recipe, protocol, folds, size, config, ham):
    """Train one entry of the plan and write its records.

    Each training is read out with two priors: as trained, and with the other one, evened or restored.  Under the
    paper's protocol there is one record more: of the epoch that is best on the test set.
    """
    name = name_of(recipe, protocol, size)
    if (RESULTS / name / "run.json").exists():
        return print(f"{name}: there already", flush=True)
    config = replace(config, sizes=replace(config.sizes, image=size, epochs=EPOCHS.get(size, config.sizes.epochs)))
    network = recipes.RECIPES[recipe].network
    if network != "paper_cnn" and not models.backbone(*network, size=size).pretrained:
        raise SystemExit(f"{name}: no ImageNet weights could be had; name the folder that has them in SKIN_WEIGHTS")
    codes = pd.Categorical(ham.table["dx"], categories=list(CLASSES)).codes
    watch = protocol == "holdout938"
    trained = []
    for fold in folds:
        split = records.SPLITS[protocol](ham.table, fold, seed=config.seed)
        one = networks.train(recipes.RECIPES[recipe], ham, config, split, watch_test=watch)
        print(f"{time.strftime('%H:%M:%S')} {name} fold {fold}\n{one.fitted.history.round(3).to_string()}", flush=True)
        trained.append(one)
    found = {name: (trained, "")}
    if watch:
        found[f"{name}-on-test"] = ([networks.chosen_on_test(trained[0], codes[trained[0].split.test])], ON_TEST)
    if recipes.RECIPES[recipe].weighted:
        shifted = [networks.to_training_priors(one, codes[one.split.train]) for one in trained]
        found[f"{name}-restored"] = shifted, RESTORED
    else:
        shifted = [networks.to_equal_priors(one, codes[one.split.train]) for one in trained]
        found[f"{name}-evened"] = shifted, EVENED
    upsampled = ", upsampled" if trained[0].facts["upsampled"] else ""
    chosen = "Epoch" if recipes.RECIPES[recipe].cosine else "Epoch, learning rate and stopping"
    notes = NOTES.format(chosen=chosen, stored=f"{ham.size[1]} x {ham.size[0]}", upsampled=upsampled)
    for one, (runs_of_it, note) in reversed(found.items()):  # the plain one last: it says that all are there
        networks.save_record(one, runs_of_it, ham, config, RESULTS, folds=list(folds), notes=notes + note)
        print(repr(runs.load_run(RESULTS / one)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="the folder with HAM10000")
    parser.add_argument("--cache", required=True, help="where pixels, activations and checkpoints are kept")
    parser.add_argument("--only", default="", help="only records whose name matches this regular expression")
    options = parser.parse_args()
    for recipe, protocol, folds, size in PLAN:
        if re.search(options.only, name_of(recipe, protocol, size)):
            chapter = CHAPTERS.get(recipe.split("-")[0], "transfer-resnet")
            config = settings.for_chapter(chapter, tier="workshop", data=options.data, cache=options.cache)
            ham = data.load(config)
            if ham.synthetic:
                parser.error("these are drawn images; the book's records are measured on the real HAM10000")
            started = time.perf_counter()
            measure(recipe, protocol, folds, size, config, ham)
            print(f"{time.strftime('%H:%M:%S')} done in {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()

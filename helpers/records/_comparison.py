"""Models side by side: which row of a table a record belongs to, and what two models say of the very same images.

Chapter 8 introduces it.  A training is read out in two ways: **by image**, with the classes as common as they are, for
scores that count images; and **by class**, with class weights or evened priors, for balanced accuracy.  So a model has
one row, and a record is one reading of it.  Records of drawn images, and of networks whose epoch was chosen on the test
set, have no row here.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from helpers.evaluate import _metrics as metrics
from helpers.ham10000 import CLASSES
from helpers.records._runs import Run

BY_IMAGE, BY_CLASS = "by image", "by class"
OTHER = "not in the paper"
#: ``{beginning of a record's name, without its protocol: (model of the paper, label)}``, in the order of a table.
ROWS = {
    "classical-raw-forest": ("Random Forest", "forest, raw pixels"),
    "classical-handcrafted-forest": ("Random Forest", "forest, handcrafted features"),
    "classical-raw-xgboost": ("XGBoost", "XGBoost, raw pixels"),
    "classical-handcrafted-xgboost": ("XGBoost", "XGBoost, handcrafted features"),
    "classical-raw-svm": ("SVM", "SVM, raw pixels"),
    "classical-handcrafted-svm": ("SVM", "SVM, handcrafted features"),
    "cnn-paper": ("CNN", "CNN, as printed"),
    "cnn-improved": ("CNN", "CNN, improved"),
    "cnn-cosine": ("CNN", "CNN, improved, cosine"),
    "vgg16-frozen": ("VGG16", "VGG16, frozen"),
    "vgg16-tuned": ("VGG16", "VGG16, last block"),
    "resnet-frozen": ("ResNet", "ResNet50V2*, frozen"),
    "resnet-last": ("ResNet", "ResNet50V2*, last block"),
    "resnet-tuned": ("ResNet", "ResNet50V2*, last blocks"),
    "resnet-whole": ("ResNet", "ResNet50V2*, whole"),
    "mobilenetv2-frozen": (OTHER, "MobileNetV2, frozen"),
}
#: Of ResNet50V2 the first three stages, as a label has it: the book's records are of that part.
PART = "ResNet50V2*"
FAMILIES = tuple(dict.fromkeys(family for family, _ in ROWS.values()))
#: Pixels of the book's records, (height, width): a label names the size of a record that has another one.
USUAL = [150, 200]
#: ``{column: (metric, class)}`` of an overview.
SCORES = {
    "accuracy": ("accuracy", "all"),
    "weighted precision": ("precision_weighted", "all"),
    "weighted F1": ("f1_weighted", "all"),
    "macro-F1": ("f1_macro", "all"),
    "melanoma recall": ("recall", "mel"),
    "balanced accuracy": ("balanced_accuracy", "all"),
}
NUMBERS = ["value", "low", "high", "floor"]


@dataclass(frozen=True)
class Entry:
    """A record and its place: the model of the paper that it stands beside, its row's label, and how it is read."""

    family: str
    model: str
    protocol: str
    reading: str
    run: Run


@dataclass(frozen=True)
class Lead:
    """The best model on the images that all were tested on, and its lead over each other: see :func:`lead`."""

    best: str
    value: float
    images: int
    lesions: int
    table: pd.DataFrame


def entries(found):
    """Return the :class:`Entry` of each run that belongs into a comparison, in the order of :data:`ROWS`, yours last.

    Epochs chosen on the test set do not belong, nor does what is not ``comparable``.  The label
    of a run of yours says so, with its tier; of two records for one place the second also has its name.

    Parameters
    ----------
    found : list of helpers.records.Run
    """
    places, kept, taken = list(ROWS), [], set()
    for run in found:
        if not run.comparable or run.facts.get("chosen_on") == "test":
            continue
        stem = run.name.replace(f"-{run.facts['protocol']}", "")
        place = next((number for number, name in enumerate(places) if stem.startswith(name)), len(places))
        family, label = (
            ROWS[places[place]] if place < len(places) else (OTHER, run.facts["model"].split(", priors ")[0])
        )
        spot = _label(run, label), run.facts["protocol"], reading(run)
        if spot in taken:
            spot = f"{spot[0]} ({run.name})", *spot[1:]
        taken.add(spot)
        kept.append(((FAMILIES.index(family), run.origin != "the book", place, run.name), Entry(family, *spot, run)))
    return [entry for _, entry in sorted(kept, key=lambda pair: pair[0])]


def reading(run):
    """Return :data:`BY_CLASS` for class weights or evened priors, else :data:`BY_IMAGE`."""
    chosen = run.facts["hyperparameters"]
    priors = chosen.get("priors", "as trained")
    weighted = chosen.get("recipe", chosen).get("weighted", False)
    return BY_CLASS if priors == "evened" or (weighted and priors == "as trained") else BY_IMAGE


def choose(found, protocol, how):
    """Return ``{model: Entry}`` of one protocol: the reading ``how``, and the other one of a model that lacks it."""
    there = [entry for entry in found if entry.protocol == protocol]
    chosen = {entry.model: None for entry in there}
    chosen |= {entry.model: entry for entry in there if entry.reading != how}
    return chosen | {entry.model: entry for entry in there if entry.reading == how}


def overview(found):
    """Return the stored scores of entries: index (protocol, model, reading), columns (score, value/low/high/floor)."""
    table = {
        (entry.protocol, entry.model, entry.reading): {
            (name, number): entry.run.metric(*key)[number] for name, key in SCORES.items() for number in NUMBERS
        }
        for entry in found
    }
    return pd.DataFrame.from_dict(table, orient="index").rename_axis(["protocol", "model", "reading"])


def on_slice(found, name, stratum):
    """Return :func:`overview` of one slice of the test images, as it is stored; too small a slice has no row."""
    table = {}
    for entry in found:
        part = entry.run.slices
        part = part[(part["slice"] == name) & (part["stratum"] == stratum)].set_index(["metric", "dx"])
        if part.empty:
            continue
        row = table[entry.protocol, entry.model, entry.reading] = {("test set", "images"): part["images"].iloc[0]}
        for score, key in SCORES.items():
            if key in part.index:
                row |= {(score, number): part.loc[key, number] for number in NUMBERS}
    return pd.DataFrame.from_dict(table, orient="index").rename_axis(["protocol", "model", "reading"])


def by_lesion(found):
    """Return accuracy and balanced accuracy, with their floors, of each image and of each lesion.

    A lesion's answer is that of the mean of its images' probabilities (:func:`helpers.evaluate.per_lesion`).

    Returns
    -------
    pandas.DataFrame with the index of :func:`overview` and the columns (unit, score), unit "image" or "lesion", score
    "count", "accuracy", "balanced accuracy", "floor" (of accuracy).
    """
    table = {}
    for entry in found:
        tested = entry.run.predictions
        each = tested["true"].to_numpy(), tested[list(CLASSES)].to_numpy(), tested["group"].to_numpy()
        row = table[entry.protocol, entry.model, entry.reading] = {}
        for unit, (truth, prob, groups) in {"image": each, "lesion": metrics.per_lesion(*each)}.items():
            scored = metrics.report(truth, prob, groups, resamples=0).set_index(["metric", "dx"])
            row[unit, "count"] = len(truth)
            row[unit, "accuracy"] = scored.loc[("accuracy", "all"), "value"]
            row[unit, "balanced accuracy"] = scored.loc[("balanced_accuracy", "all"), "value"]
            row[unit, "floor"] = scored.loc[("accuracy", "all"), "floor"]
    return pd.DataFrame.from_dict(table, orient="index").rename_axis(["protocol", "model", "reading"])


def shared(chosen):
    """Return ``truth, groups, {model: (n, 7) probabilities}`` of the images that all of the book's models answered.

    Your own models are in if they were tested on all of these.

    Parameters
    ----------
    chosen : dict
        ``{model: Entry}``, as :func:`choose` returns it.

    Raises
    ------
    ValueError
        If no image is shared, or two records differ in an image's class or group.
    """
    tested = {model: entry.run.predictions.set_index("image_id") for model, entry in chosen.items()}
    ours = [model for model, entry in chosen.items() if entry.run.origin == "the book"]
    common = sorted(set.intersection(*(set(tested[model].index) for model in ours))) if ours else []
    if not common:
        raise ValueError(
            f"no image was tested by all of {', '.join(ours) or 'the book, which has no model here'}: name fewer"
        )
    tested = {model: rows.loc[common] for model, rows in tested.items() if rows.index.isin(common).sum() == len(common)}
    facts = tested[ours[0]][["true", "group"]]
    for model, rows in tested.items():
        differing = np.flatnonzero((rows[["true", "group"]] != facts).any(axis=1))
        if len(differing):
            raise ValueError(
                f"image {common[differing[0]]} has another class or group in the record of {model!r} than in that of "
                f"{ours[0]!r}: they were made from other data; name fewer models"
            )
    probabilities = {model: rows[list(CLASSES)].to_numpy() for model, rows in tested.items()}
    return facts["true"].to_numpy(), facts["group"].to_numpy(), probabilities


def lead(chosen, metric, resamples=metrics.RESAMPLES):
    """Return the :class:`Lead` of the best model over each other by paired tests on :func:`shared` images.

    The columns of its table: ``value`` of the other model; ``lead`` (best minus other) with its 95 % interval ``low``,
    ``high`` (:func:`helpers.evaluate.paired_bootstrap`).  For accuracy, which is what McNemar's test is of, also
    ``only_best`` and ``only_other``, lesions that only one of the two answers rightly; ``p`` of the exact test on
    lesions; and ``p_holm``, the same after Holm's correction for so many tests (Scand J Statist 6:65-70, 1979).  The
    best is chosen on these very images, which flatters it.
    """
    truth, groups, probabilities = shared(chosen)
    key = {"accuracy": "accuracy", "balanced accuracy": "balanced_accuracy"}[metric]
    values = {}
    for model, prob in probabilities.items():
        scored = metrics.report(truth, prob, groups, resamples=0)
        values[model] = scored.loc[scored["metric"] == key, "value"].item()
    best, rows = max(values, key=values.get), {}
    for model in values:
        if model != best:
            both = probabilities[model], probabilities[best]
            pair = metrics.paired_bootstrap(truth, *both, groups, resamples, curves=False)
            rows[model] = (values[model], *pair.loc[pair["metric"] == key, ["difference", "low", "high"]].iloc[0])
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "lead", "low", "high"])
    if metric == "accuracy" and rows:
        lesions = {model: metrics.per_lesion(truth, prob, groups) for model, prob in probabilities.items()}
        answers = {model: metrics.answers(prob) for model, (_, prob, _) in lesions.items()}
        tests = [metrics.mcnemar(lesions[best][0], answers[best], answers[model]) for model in table.index]
        for column, name in (("only_best", "only_a"), ("only_other", "only_b"), ("p", "p_value")):
            table[column] = [getattr(test, name) for test in tests]
        table["p_holm"] = multipletests(table["p"], method="holm")[1]
    return Lead(best, values[best], len(truth), len(np.unique(groups)), table)


def _label(run, label):
    network = run.facts["model"].split(",")[0]
    if PART in label and network != "ResNet50V2 (stages 1-3)":
        label = label.replace(PART, network)
    if run.origin != "the book":
        return f"yours ({run.facts['tier']}): {label}"
    height, width = run.facts["hyperparameters"].get("image", USUAL)
    return label if [height, width] == USUAL else f"{label}, {width} x {height}"

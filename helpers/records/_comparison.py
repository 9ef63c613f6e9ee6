"""Models side by side: which row of a table a record belongs to, and what two models say of the very same images.

A training is read out in two ways: ``"by image"``, with the classes as common as they are, for scores that count
images; and ``"by class"``, with class weights or evened priors, for balanced accuracy.  So a model has one row, and a
record is one reading of it.  Records of drawn images, and of networks whose epoch was chosen on the test set, have no
row here.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.evaluate import _metrics as metrics
from helpers.ham10000 import CLASSES
from helpers.records._runs import NUMBERS, Run
from helpers.records._seal import SPLITS

BY_IMAGE, BY_CLASS = "by image", "by class"
READINGS = (BY_IMAGE, BY_CLASS)
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
#: ``{score: the reading that is for it}``, of the scores whose leads are asked for.
READ = {"accuracy": BY_IMAGE, "balanced accuracy": BY_CLASS}


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


def entries(runs):
    """Return the :class:`Entry` of each run that belongs into a comparison, in the order of a table, yours last.

    Epochs chosen on the test set do not belong, nor pools of other records, nor second trainings with another seed, nor
    what is not ``comparable``.  The label of a run of yours says so, with its tier; of two records for one place the
    second also has its name.

    Parameters
    ----------
    runs : list of Run
        As :func:`load_runs` returns them.

    Returns
    -------
    list of Entry
        ``family``, ``model`` (the label), ``protocol``, ``reading`` ("by image" or "by class") and ``run``.

    Examples
    --------
    >>> from helpers import records
    >>> (entry,) = records.entries([records.load_run("resnet-frozen-grouped-200x150-evened")])
    >>> entry.family, entry.model, entry.protocol, entry.reading
    ('ResNet', 'ResNet50V2*, frozen', 'grouped', 'by class')
    """
    beginnings, placed, taken = list(ROWS), [], set()
    for run in runs:
        if not _fair(run):
            continue
        places = (number for number, name in enumerate(beginnings) if run.recipe.startswith(name))
        place = next(places, len(beginnings))
        family, label = (
            ROWS[beginnings[place]] if place < len(beginnings) else (OTHER, run.facts["model"].split(", priors ")[0])
        )
        spot = _label(run, label), run.facts["protocol"], reading_of(run)
        if spot in taken:
            spot = f"{spot[0]} ({run.name})", *spot[1:]
        taken.add(spot)
        order = FAMILIES.index(family), run.origin != "the book", place, run.name
        placed.append((order, Entry(family, *spot, run)))
    return [entry for _, entry in sorted(placed, key=lambda pair: pair[0])]


def _fair(run):
    """Whether a run may stand in a comparison of models: comparable, ranked, and no choice made on the test set."""
    return run.comparable and run.ranked and run.facts.get("chosen_on") != "test"


def pairs(runs, first, second, folds=None, reading=BY_IMAGE):
    """Return the pairs of runs ``(run, run)`` of one recipe under two protocols, in the order of ``runs``.

    Parameters
    ----------
    runs : list of Run
    first, second : str
        Protocols: "grouped", "image8020" or "holdout938".
    folds : int, optional
        Only pairs of which the first was tested on so many folds.
    reading : str
        "by image" or "by class".

    Examples
    --------
    >>> from helpers import records
    >>> runs = [records.load_run(f"resnet-frozen-{protocol}-200x150") for protocol in ("grouped", "holdout938")]
    >>> [(a.name, b.name) for a, b in records.pairs(runs, "grouped", "holdout938", folds=5)]
    [('resnet-frozen-grouped-200x150', 'resnet-frozen-holdout938-200x150')]
    """
    for protocol in (first, second):
        _one_of("protocol", protocol, SPLITS)
    _one_of("reading", reading, READINGS)
    fair = [run for run in runs if _fair(run) and reading_of(run) == reading]
    seconds = {run.recipe: run for run in fair if run.facts["protocol"] == second}
    return [
        (run, seconds[run.recipe])
        for run in fair
        if run.facts["protocol"] == first
        and run.recipe in seconds
        and (folds is None or len(run.facts["folds"]) == folds)
    ]


def chosen_both_ways(runs):
    """Return the pairs ``(run, run)`` of one training whose epoch was chosen on validation images, and on the test set.

    Parameters
    ----------
    runs : list of Run

    Examples
    --------
    >>> from helpers import records
    >>> names = ("cnn-paper-holdout938-96x96", "cnn-paper-holdout938-96x96-on-test")
    >>> ((honest, peeked),) = records.chosen_both_ways([records.load_run(name) for name in names])
    >>> honest.facts["chosen_on"], peeked.facts["chosen_on"]
    ('validation', 'test')
    """
    peeked = {run.name: run for run in runs if run.comparable and run.facts.get("chosen_on") == "test"}
    return [(run, peeked[f"{run.name}-on-test"]) for run in runs if f"{run.name}-on-test" in peeked]


def _one_of(what, value, choices):
    """Raise a :class:`ValueError` that names the choices."""
    if value not in choices:
        raise ValueError(f"{what} {value!r} is not known; choose one of {', '.join(map(repr, choices))}")


def reading_of(run):
    """Return "by class" for class weights or evened priors, else "by image"."""
    hyperparameters = run.facts["hyperparameters"]
    priors = hyperparameters.get("priors", "as trained")
    weighted = hyperparameters.get("recipe", hyperparameters).get("weighted", False)
    return BY_CLASS if priors == "evened" or (weighted and priors == "as trained") else BY_IMAGE


def choose(entries, protocol, reading):
    """Return ``{model: Entry}`` of one protocol: one ``reading``, and the other one of a model that lacks it."""
    there = [entry for entry in entries if entry.protocol == protocol]
    chosen = {entry.model: None for entry in there}
    chosen |= {entry.model: entry for entry in there if entry.reading != reading}
    return chosen | {entry.model: entry for entry in there if entry.reading == reading}


def overview(entries, part=None):
    """Return the stored scores of entries, of all test images or of a part of them.

    Parameters
    ----------
    entries : list of Entry
    part : (str, str), optional
        Slice and stratum, such as ``("dx_type", "histo")``: a record whose part is too small has no row.

    Returns
    -------
    pandas.DataFrame
        Index: protocol, model, reading.  Columns, in two levels: the score ("accuracy", "weighted precision",
        "weighted F1", "macro-F1", "melanoma recall", "balanced accuracy") and of each "value", "low", "high" (95 %
        interval) and "floor".  Of a part also ("test set", "images").

    Examples
    --------
    >>> from helpers import records
    >>> entries = records.entries([records.load_run("resnet-frozen-holdout938-200x150")])
    >>> records.overview(entries)["accuracy"].round(3).to_numpy().tolist()
    [[0.893, 0.874, 0.913, 0.801]]
    >>> records.overview(entries, part=("dx_type", "histo"))["accuracy"].round(3).to_numpy().tolist()
    [[0.644, 0.583, 0.704, 0.352]]
    """
    table = {}
    for entry in entries:
        scored, counts = entry.run.metrics, {}
        if part:
            scored = entry.run.slices
            scored = scored[(scored["slice"] == part[0]) & (scored["stratum"] == part[1])]
            if scored.empty:
                continue
            counts = {("test set", "images"): scored["images"].iloc[0]}
        scored = scored.set_index(["metric", "dx"])
        table[entry.protocol, entry.model, entry.reading] = counts | {
            (score, number): scored.loc[key, number]
            for score, key in SCORES.items()
            if key in scored.index
            for number in NUMBERS
        }
    return pd.DataFrame.from_dict(table, orient="index").rename_axis(["protocol", "model", "reading"])


def by_lesion(entries):
    """Return accuracy and balanced accuracy, with their floors, of each image and of each lesion.

    A lesion's answer is the class of the highest mean of its images' probabilities.

    Parameters
    ----------
    entries : list of Entry

    Returns
    -------
    pandas.DataFrame with the index of :func:`overview` and the columns (unit, score), unit "image" or "lesion", score
    "count", "accuracy", "balanced accuracy", "floor" (of accuracy).

    Examples
    --------
    >>> from helpers import records
    >>> entries = records.entries([records.load_run("vgg16-tuned-grouped-200x150")])
    >>> records.by_lesion(entries)["lesion"].round(3).to_numpy().tolist()
    [[1490.0, 0.854, 0.642, 0.724]]
    """
    table = {}
    for entry in entries:
        tested = entry.run.predictions
        images = tested["true"].to_numpy(), tested[list(CLASSES)].to_numpy(), tested["group"].to_numpy()
        row = table[entry.protocol, entry.model, entry.reading] = {}
        for unit, (truth, prob, groups) in {"image": images, "lesion": metrics.per_lesion(*images)}.items():
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
    of_book = [model for model, entry in chosen.items() if entry.run.origin == "the book"]
    common = sorted(set.intersection(*(set(tested[model].index) for model in of_book))) if of_book else []
    if not common:
        raise ValueError(
            f"no image was tested by all of {', '.join(of_book) or 'the book, which has no model here'}: name fewer"
        )
    tested = {model: rows.loc[common] for model, rows in tested.items() if rows.index.isin(common).sum() == len(common)}
    facts = tested[of_book[0]][["true", "group"]]
    for model, rows in tested.items():
        differing = np.flatnonzero((rows[["true", "group"]] != facts).any(axis=1))
        if len(differing):
            raise ValueError(
                f"image {common[differing[0]]} has another class or group in the record of {model!r} than in that of "
                f"{of_book[0]!r}: they were made from other data; name fewer models"
            )
    probabilities = {model: rows[list(CLASSES)].to_numpy() for model, rows in tested.items()}
    return facts["true"].to_numpy(), facts["group"].to_numpy(), probabilities


def lead(entries, protocol, score, resamples=metrics.RESAMPLES):
    """Return the :class:`Lead` of the best model over each other by paired tests on the images that all were tested on.

    Accuracy is read by image, balanced accuracy by class; a model that has no record of that reading stands there with
    its other one.  Your own models are in if they were tested on all images that the book's models share.  The best is
    chosen on these very images, which flatters it.

    Parameters
    ----------
    entries : list of Entry
    protocol : str
        "grouped", "image8020" or "holdout938".
    score : str
        "accuracy" or "balanced accuracy".
    resamples : int

    Returns
    -------
    Lead
        ``best`` (a label), its ``value``, ``images`` and ``lesions`` that were shared, and a ``table`` with a row for
        each other model: its ``value`` and ``reading``; ``lead`` (best minus other) with its 95 % interval ``low``,
        ``high`` (:func:`helpers.evaluate.paired_bootstrap`).  For accuracy, which is what McNemar's test is of, also
        ``only_best`` and ``only_other``, lesions that only one of the two answers rightly; ``p`` of the exact test on
        lesions; and ``p_holm``, the same after Holm's correction for so many tests (Scand J Statist 6:65-70, 1979).

    Raises
    ------
    ValueError
        For an unknown protocol or score, if no image is shared, or two records differ in an image's class or group.

    Examples
    --------
    >>> from helpers import records
    >>> names = ("resnet-frozen-holdout938-200x150", "classical-holdout938-raw-svm-plain")
    >>> entries = records.entries([records.load_run(name) for name in names])
    >>> lead = records.lead(entries, "holdout938", "accuracy", resamples=100)
    >>> lead.best, lead.images
    ('ResNet50V2*, frozen', 938)
    >>> lead.table[["only_best", "only_other"]].to_dict("index")
    {'SVM, raw pixels': {'only_best': 77, 'only_other': 20}}
    """
    from statsmodels.stats.multitest import multipletests

    _one_of("protocol", protocol, SPLITS)
    _one_of("score", score, READ)
    chosen = choose(entries, protocol, READ[score])
    truth, groups, probabilities = shared(chosen)
    metric = SCORES[score][0]
    values = {}
    for model, prob in probabilities.items():
        scored = metrics.report(truth, prob, groups, resamples=0)
        values[model] = scored.loc[scored["metric"] == metric, "value"].item()
    best = max(values, key=values.get)
    others, rows = [model for model in values if model != best], {}
    answered = [probabilities[model] for model in others]
    paired = metrics.paired_bootstraps(truth, answered, probabilities[best], groups, resamples, curves=False)
    for model, pair in zip(others, paired, strict=True):
        difference = pair.loc[pair["metric"] == metric, ["difference", "low", "high"]].iloc[0]
        rows[model] = (values[model], chosen[model].reading, *difference)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["value", "reading", "lead", "low", "high"])
    if score == "accuracy" and rows:
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

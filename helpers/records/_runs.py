"""Run records: train once, evaluate anywhere.  A folder a run, written whole, sealed, listed and compared.

A run record holds ``run.json`` (what was run on what), ``predictions.csv.gz`` (image_id, group, fold, true class, seven
probabilities), where there are any ``validation.csv.gz`` (the same of the validation sets) and ``history.csv``, and
what follows: ``metrics.json`` and ``slices.csv``, computed once, when it is written; of some networks also
``weights.npz.gz``, what was trained from scratch, for :func:`helpers.networks.load`.  The book's records, measured on
the real HAM10000, come with the package; yours go to ``runs/``, or where ``SKIN_RUNS`` says.  No record holds an image.
"""

import json
import os
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import splits
from helpers.evaluate import _metrics as metrics
from helpers.evaluate import _slices as slices
from helpers.ham10000 import CLASSES
from helpers.records import _provenance as provenance
from helpers.records import _seal as seal
from helpers.records._seal import RecordError

TEXT = ("image_id", "group", "true")
NUMBERS = ["value", "low", "high", "floor"]
HEADLINES = ("balanced_accuracy", "f1_macro", "accuracy")
#: Every record has these: its metrics, all of them, and the columns of its slices.
METRICS = {
    *((name, "all") for name in ("accuracy", "balanced_accuracy", "brier", "ece")),
    *((f"{name}_{mean}", "all") for name in ("precision", "recall", "f1") for mean in ("macro", "weighted", "micro")),
    *((name, dx) for name in ("precision", "recall", "f1", "support") for dx in CLASSES),
}


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A run record.  ``facts`` is ``run.json``; ``origin`` says whose it is: "the book" or "yours".

    ``predictions`` and ``validation`` have the columns ``image_id``, ``group``, ``fold``, ``true`` and one a class with
    its probability; ``metrics`` is as :func:`helpers.evaluate.report` returns it, ``slices`` has the same for parts of
    the test set.  ``validation`` and ``history`` (one row an epoch) are None where the run has none.
    """

    path: Path
    origin: str
    facts: dict
    predictions: pd.DataFrame
    validation: pd.DataFrame | None
    history: pd.DataFrame | None
    metrics: pd.DataFrame
    slices: pd.DataFrame

    @property
    def name(self):
        return self.facts["name"]

    @property
    def recipe(self):
        """The name without its protocol: the same for one recipe under several protocols."""
        return self.name.replace(f"-{self.facts['protocol']}", "")

    @property
    def answers(self):
        """The class code that the model answers for each row of ``predictions``: an (n,) array of str."""
        return metrics.answers(self.predictions[list(CLASSES)])

    @property
    def marks(self):
        """What every page that shows a number of this run has to say with it."""
        facts, weights = self.facts, self.facts["hyperparameters"].get("recipe", {}).get("weights") or ""
        marks = {
            f"LEAKY: {facts['leaked_images']:,} test images show lesions seen before the test": facts["leaky"],
            "CHOSEN ON THE TEST SET: the epoch was picked on the very images that are scored here": (
                facts.get("chosen_on") == "test"
            ),
            "SYNTHETIC: drawn images, which say nothing about skin": facts["synthetic"],
            "RANDOM WEIGHTS: what should have been learned on ImageNet was not there": weights.startswith("RANDOM"),
            "REHEARSAL: the quick tier, few images and epochs": facts["tier"] == "quick",
            f"OTHER IMAGES: {facts['data']}": not facts["synthetic"] and not facts["data"].startswith("HAM10000"),
        }
        return tuple(mark for mark, holds in marks.items() if holds)

    @property
    def weights(self):
        """Whether the record carries the weights of its network, for :func:`helpers.networks.load`."""
        return seal.WEIGHTS in self.facts["files"]

    @property
    def ranked(self):
        """Whether it is a model of its own: no pool of other records, and no second training with another seed."""
        return "members" not in self.facts["hyperparameters"] and "split_seed" not in self.facts

    @property
    def comparable(self):
        """Whether it may stand beside the book's: of HAM10000, above the quick tier, with ImageNet's weights if any."""
        apart = ("SYNTHETIC", "RANDOM WEIGHTS", "REHEARSAL", "OTHER IMAGES")
        return not any(mark.startswith(apart) for mark in self.marks)

    def metric(self, name, dx="all"):
        """Return one row of ``metrics``: a Series with value, low, high, floor, undefined and note.

        ``dx`` is "all" or a class; a :class:`KeyError` says which metrics there are.
        """
        row = self.metrics[(self.metrics["metric"] == name) & (self.metrics["dx"] == dx)]
        if row.empty:
            names = ", ".join(self.metrics["metric"].unique())
            raise KeyError(f"run {self.name!r} has no metric {name!r} of {dx!r}; it has {names}, of all or by class")
        return row.iloc[0]

    def __repr__(self):
        facts = self.facts
        lines = [f"*** {mark} ***" for mark in self.marks]
        lines += [f"{self.name} ({self.origin})", f"{facts['model']}, {facts['protocol']}, folds {facts['folds']}"]
        lines.append(f"{facts['data']}; tier {facts['tier']}; {facts['device']}; {facts['date']}")
        for name in HEADLINES:
            row = self.metric(name)
            lines.append(
                f"{name:<18} {row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}], floor {row['floor']:.3f}"
            )
        return "\n".join(lines)


def facts(ham, config, device=None):
    """Return what ``run.json`` says of data, tier, seed, versions, device and date; add the rest of it yourself.

    The rest: name, model, folds, hyperparameters, wall_seconds, images_per_second, notes (what was tried); and
    split_seed, where the split was drawn with another seed than the model.
    """
    return {
        "tier": config.tier,
        "data": ham.source,
        "fingerprint": ham.fingerprint,
        "synthetic": ham.synthetic,
        "seed": config.seed,
        "versions": provenance.versions(),
        "device": device or provenance.device(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def frame(table, rows, y_prob, fold=0):
    """Return predictions as a record holds them, for the rows (positions) of ``table`` that one fold's model tested."""
    about = {
        "image_id": table["image_id"].to_numpy()[rows],
        "group": splits.lesion_groups(table).to_numpy()[rows],
        "fold": np.full(len(rows), fold),
        "true": table["dx"].to_numpy()[rows],
    }
    return pd.DataFrame(about).join(pd.DataFrame(np.asarray(y_prob), columns=list(CLASSES)))


def write_run(
    folder,
    run,
    predictions,
    *,
    table,
    split,
    validation_predictions=None,
    history=None,
    weights=None,
    resamples=None,
):
    """Check a run, compute its metrics and slices, write its record; return the record's path, ``folder / name``.

    Parameters
    ----------
    folder : Path or None
        Where records lie; None: ``SKIN_RUNS``, or ``runs`` in the working folder.  A record of the same name is
        replaced, but for one of the book.
    run : dict
        :func:`facts` and the rest that it names.  Protocol, split hashes and leaked images are added here.
    predictions, validation_predictions : pandas.DataFrame
        :func:`frame` of each fold's test and validation images, under each other.  The validation predictions choose
        the melanoma thresholds, fold by fold; without them, or without a melanoma there, that metric is left out.
    table : pandas.DataFrame
        ``Dataset.table``.
    split : Split or list of Split
        What was trained on, in the order of ``run["folds"]``.
    history : pandas.DataFrame, optional
        One row an epoch.
    weights : list of arrays, optional
        Of the network; kept as float16.
    resamples : int, optional
        Default: :data:`helpers.evaluate.RESAMPLES`.

    Raises
    ------
    RecordError
        If a fact is missing, the name is that of a record of the book, a row is no distribution, ids, groups or classes
        are not those of the split, a test lesion is trained on under a protocol that forbids it, or the weights are too
        large.
    """
    seal.check_facts(run)
    path = seal.target(folder, run["name"])
    resamples = metrics.RESAMPLES if resamples is None else resamples
    folds, parts = run["folds"], [split] if isinstance(split, splits.Split) else list(split)
    protocol = seal.check_folds(folds, parts)
    files = {}
    for name, predicted, rows in (
        ("predictions.csv.gz", predictions, [part.test for part in parts]),
        ("validation.csv.gz", validation_predictions, [part.validation for part in parts]),
    ):
        if predicted is not None:
            predicted = predicted.reset_index(drop=True)
            seal.check_predictions(predicted, folds, name)
            seal.check_split(predicted, table, folds, rows, name)
            files[name] = seal.pack(seal.to_csv(predicted, seal.DECIMALS))
    leaked = [seal.check_leak(part, table, fold) for part, fold in zip(parts, folds, strict=True)]
    run = run | {
        "protocol": protocol,
        "split_hashes": [part.hash for part in parts],
        "leaked_images": sum(leaked),
        "leaky": protocol == seal.LEAKY,
        "resamples": resamples,
    }
    # From here on from what the files say, so that the metrics are those of the record.
    tested = seal.from_csv(files["predictions.csv.gz"], TEXT)
    validated = seal.from_csv(files["validation.csv.gz"], TEXT) if "validation.csv.gz" in files else None
    rows = pd.Index(table["image_id"]).get_indexer(tested["image_id"])
    thresholds = _thresholds(tested, validated)
    by_slice = slices.report_slices(table, rows, tested[list(CLASSES)], resamples, melanoma_threshold=thresholds)
    scored = reevaluate(tested, validated, resamples)
    files["metrics.json"] = scored.to_json(orient="records", indent=1, double_precision=6).encode()
    files["slices.csv"] = seal.to_csv(by_slice, 4)
    if history is not None:
        files["history.csv"] = seal.to_csv(history, 6)
    if weights is not None:
        files[seal.WEIGHTS] = seal.pack_weights(weights)
    return seal.save(path, "run.json", run, files)


def reevaluate(predictions, validation=None, resamples=metrics.RESAMPLES):
    """Return :func:`helpers.evaluate.report` of a record's predictions, as :func:`write_run` computes it."""
    prob, thresholds = predictions[list(CLASSES)], _thresholds(predictions, validation)
    return metrics.report(predictions["true"], prob, predictions["group"], resamples, melanoma_threshold=thresholds)


def load_run(name_or_path):
    """Return the :class:`Run` of a record: of the book or yours by its name, any other by the path of its folder.

    Parameters
    ----------
    name_or_path : str or Path

    Raises
    ------
    RecordError
        If there is no such record, or it is not whole and as it was written; the message says what to do.

    Examples
    --------
    >>> from helpers import records
    >>> run = records.load_run("resnet-frozen-holdout938-200x150")
    >>> run.origin, run.facts["protocol"], run.predictions.shape
    ('the book', 'holdout938', (938, 11))
    >>> "{value:.3f} [{low:.3f}, {high:.3f}], floor {floor:.3f}".format(**run.metric("accuracy"))
    '0.893 [0.874, 0.913], floor 0.801'
    """
    path = seal.find(name_or_path, "run.json")
    facts, files = seal.read(path, "run.json", required=("predictions.csv.gz", "metrics.json", "slices.csv"))
    try:
        run = Run(
            path=path,
            origin=seal.origin(path.parent),
            facts=facts,
            predictions=seal.from_csv(files["predictions.csv.gz"], TEXT),
            validation=seal.from_csv(files["validation.csv.gz"], TEXT) if "validation.csv.gz" in files else None,
            history=seal.from_csv(files["history.csv"]) if "history.csv" in files else None,
            metrics=pd.DataFrame(json.loads(files["metrics.json"])).astype(dict.fromkeys(NUMBERS, float)),
            slices=seal.from_csv(files["slices.csv"], ("slice", "stratum", "metric", "dx", "note")),
        )
        _check(run)
    except RecordError as error:
        raise RecordError(f"{path} does not hold what a run record holds. {error}") from error
    except Exception as error:  # whatever a file of another version, or of another program, makes a parser raise
        raise RecordError(
            f"{path} cannot be read ({type(error).__name__}: {error}): another version of this package wrote it, or "
            "another program. Remove the folder, and train and write the record again."
        ) from error
    return run


def _check(run):
    """Raise :class:`RecordError` unless a run has what every list and every chapter takes from it."""
    facts, hyperparameters = run.facts, run.facts.get("hyperparameters")
    seal.check_facts(facts, seal.FACTS | seal.ADDED)
    recipe, image = hyperparameters.get("recipe", {}), hyperparameters.get("image", [1, 1])
    expected = {
        "protocol": (facts["protocol"] in seal.SPLITS, f"one of {', '.join(seal.SPLITS)}"),
        "hyperparameters": (
            isinstance(recipe, dict)
            and isinstance(recipe.get("weights") or "", str)
            and isinstance(image, list)
            and [type(side) for side in image] == [int, int],
            "a recipe that is a dict with its weights in words, and an image of two whole numbers, if any",
        ),
    }
    for name, (holds, remedy) in expected.items():
        if not holds:
            raise RecordError(f"run.json: {name} is {facts[name]!r}; give {remedy}")
    if run.origin == "the book":
        return  # its tables were checked when they were written, and the seal says that they are the same
    seal.check_predictions(run.predictions, facts["folds"])
    if run.validation is not None:
        seal.check_predictions(run.validation, facts["folds"], "validation.csv.gz")
    missing = METRICS - set(zip(run.metrics["metric"], run.metrics["dx"], strict=True))
    if missing:
        raise RecordError(f"metrics.json lacks {' of '.join(min(missing))!r}: write the record again")
    if list(run.slices.columns) != list(slices.COLUMNS):
        raise RecordError(f"slices.csv has the columns {list(run.slices.columns)}: write the record again")


def verify(run, table):
    """Raise :class:`RecordError` unless a record is true to ``table``: its splits, made anew, have the same hashes."""
    facts = run.facts
    seed = facts.get("split_seed", facts["seed"])
    parts = [seal.SPLITS[facts["protocol"]](table, fold, seed=seed) for fold in facts["folds"]]
    for fold, part, noted in zip(facts["folds"], parts, facts["split_hashes"], strict=True):
        if part.hash != noted:
            raise RecordError(
                f"run {run.name!r}, fold {fold}: its split has the hash {noted[:16]}, the data give {part.hash[:16]}: "
                "other data or another seed. Compare the fingerprint in run.json with the data's."
            )
        seal.check_leak(part, table, fold)
    seal.check_split(run.predictions, table, facts["folds"], [part.test for part in parts])


def load_runs(own=None):
    """Return all runs, the book's first, then yours, by name; no two have the same.

    What is wrong with a record of yours never stops a page: it is left out, with a warning of one line that names the
    folder, why, and what to do.  So is one with the name of a record of the book, whose place it would take.

    Parameters
    ----------
    own : Path, optional
        The folder of your records.  Default: ``SKIN_RUNS``, or ``runs`` in the working folder.

    Returns
    -------
    list of Run

    Examples
    --------
    >>> from helpers import records
    >>> runs = records.load_runs()
    >>> sorted({run.facts["protocol"] for run in runs if run.origin == "the book"})
    ['grouped', 'holdout938', 'image8020']
    """
    runs = {}
    own = Path(own or seal.own_folder())
    seal.restore(own)
    for folder in dict.fromkeys((seal.book_folder().resolve(), own.resolve())):
        for path in _record_folders(folder):
            try:
                run = load_run(path)
                if run.name in runs:
                    raise RecordError(
                        f"{path} has the name of a record of {runs[run.name].origin}, {run.name!r}. Write it again "
                        "under another name; a folder that was copied keeps its record's name."
                    )
            except RecordError as error:
                warnings.warn(f"left out: {_one_line(error)}", stacklevel=2)
            else:
                runs[run.name] = run
    return list(runs.values())


def _record_folders(folder):
    """Return the folders of records in a folder, by name; a warning where it cannot be listed."""
    try:
        names = sorted(os.listdir(folder)) if folder.is_dir() else []
    except OSError as error:
        warnings.warn(f"left out: all records in {folder} ({error.strerror}). Make it readable.", stacklevel=3)
        return []
    return [folder / name for name in names if not name.startswith(".") and os.path.lexists(folder / name / "run.json")]


def _one_line(error, most=500):
    """Return an error's message on one line; of a long one the beginning, with the folder, and the end, the remedy."""
    line = " ".join(str(error).split())
    return line if len(line) <= most else f"{line[: most // 2]} ... {line[-most // 2 :]}"


def compare(a, b, resamples=metrics.RESAMPLES):
    """Return :func:`helpers.evaluate.paired_bootstrap` of two runs, b minus a, on the test images of both.

    Where one has more folds than the other, those that both have are compared.  The areas under curves are left out.

    Parameters
    ----------
    a, b : Run
    resamples : int

    Raises
    ------
    RecordError
        If the test images differ: scores on different test sets are not comparable, each stands beside its own floor.

    Examples
    --------
    >>> from helpers import records
    >>> svm = records.load_run("classical-holdout938-handcrafted-svm-plain")
    >>> resnet = records.load_run("resnet-frozen-holdout938-200x150")
    >>> records.compare(svm, resnet, resamples=100)[["metric", "difference", "low", "high"]].head(2).round(3)
                  metric  difference    low   high
    0           accuracy       0.002 -0.011  0.018
    1  balanced_accuracy      -0.042 -0.123  0.025
    """
    key = ["fold", "image_id"]
    folds = sorted(set(a.predictions["fold"]) & set(b.predictions["fold"]))
    first, second = (run.predictions.query(f"fold in {folds}").sort_values(key, ignore_index=True) for run in (a, b))
    if not folds or not first[[*key, "group", "true"]].equals(second[[*key, "group", "true"]]):
        tested = (f"{len(run.predictions):,} of {run.facts['protocol']}, folds {run.facts['folds']}" for run in (a, b))
        raise RecordError(
            f"{a.name!r} and {b.name!r} were not tested on the same images ({'; '.join(tested)}). "
            "Compare each with its own floor: run.metric('accuracy')."
        )
    probabilities = (predictions[list(CLASSES)].to_numpy() for predictions in (first, second))
    return metrics.paired_bootstrap(first["true"], *probabilities, first["group"], resamples, curves=False)


def _thresholds(predictions, validation):
    """Return ``{specificity: (n,) thresholds}``, each fold's from its validation set; None if one can give none."""
    parts = {} if validation is None else dict(list(validation.groupby("fold")))
    if not parts or any((part["true"] == "mel").nunique() < 2 for part in parts.values()):
        return None
    by_fold = {fold: metrics.melanoma_threshold(part["true"], part[list(CLASSES)]) for fold, part in parts.items()}
    return {share: np.array([by_fold[fold][share] for fold in predictions["fold"]]) for share in metrics.SPECIFICITIES}

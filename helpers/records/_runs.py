"""Run records: train once, evaluate anywhere.  A folder a run, written whole, sealed, listed and compared.

Chapter 4 introduces it.  A run record holds ``run.json`` (what was run on what), ``predictions.csv.gz`` (image_id,
group, fold, true class, seven probabilities), where there are any ``validation.csv.gz`` (the same of the validation
sets) and ``history.csv``, and what follows: ``metrics.json`` and ``slices.csv``, computed once, when it is written.
The book's records, measured on the real HAM10000,
come with the package; yours go to ``runs/``, or where ``SKIN_RUNS`` says.  No record holds an image.
"""

import json
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
from helpers.records import _seal as records
from helpers.records._seal import RecordError

TEXT = ("image_id", "group", "true")
LISTED = ("model", "protocol", "leaky", "folds", "tier", "data", "synthetic", "device", "date")
HEADLINES = ("balanced_accuracy", "f1_macro", "accuracy")


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A record that was found whole.  ``facts`` is ``run.json``; ``origin`` says whose it is: "the book" or "yours".

    ``predictions`` and ``validation`` have the columns of :data:`helpers.records.COLUMNS`; ``metrics`` is as
    :func:`helpers.evaluate.report` returns it, ``slices`` as ``report_slices`` does.  ``validation``
    and ``history`` are None where the run has none.
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
    def marks(self):
        """What every page that shows a number of this run has to say with it."""
        facts, weights = self.facts, self.facts["hyperparameters"].get("recipe", {}).get("weights", "")
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
    def comparable(self):
        """Whether it may stand beside the book's: of HAM10000, above the quick tier, with ImageNet's weights if any."""
        apart = ("SYNTHETIC", "RANDOM WEIGHTS", "REHEARSAL", "OTHER IMAGES")
        return not any(mark.startswith(apart) for mark in self.marks)

    def metric(self, name, dx="all"):
        """Return one row of ``metrics``: a Series with value, low, high, floor, undefined and note."""
        row = self.metrics[(self.metrics["metric"] == name) & (self.metrics["dx"] == dx)]
        if row.empty:
            raise KeyError(f"run {self.name!r} has no metric {name!r} of {dx!r}; see run.metrics")
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


def write_run(folder, run, predictions, *, table, split, validation_predictions=None, history=None, resamples=None):
    """Check a run, compute its metrics and slices, write its record; return the record's path, ``folder / name``.

    Parameters
    ----------
    folder : Path or None
        Where records lie; None: :func:`helpers.records.own_folder`.  A record of the same name is replaced.
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
    resamples : int, optional
        Default: :data:`helpers.evaluate.RESAMPLES`.

    Raises
    ------
    RecordError
        If a fact is missing, a row is no distribution, ids, groups or classes are not those of the split, or a test
        lesion is trained on under a protocol that forbids it.
    """
    records.check_facts(run)
    resamples = metrics.RESAMPLES if resamples is None else resamples
    folds, parts = run["folds"], [split] if isinstance(split, splits.Split) else list(split)
    protocol = records.check_folds(folds, parts)
    files = {}
    for name, given, rows in (
        ("predictions.csv.gz", predictions, [part.test for part in parts]),
        ("validation.csv.gz", validation_predictions, [part.validation for part in parts]),
    ):
        if given is not None:
            given = given.reset_index(drop=True)
            records.check_predictions(given, folds, name)
            records.check_split(given, table, folds, rows, name)
            files[name] = records.pack(records.to_csv(given, records.DECIMALS))
    leaked = [records.check_leak(part, table, fold) for part, fold in zip(parts, folds, strict=True)]
    run = run | {
        "protocol": protocol,
        "split_hashes": [part.hash for part in parts],
        "leaked_images": sum(leaked),
        "leaky": protocol == records.LEAKY,
        "resamples": resamples,
    }
    # From here on from what the files say, so that the metrics are those of the record.
    tested = records.from_csv(files["predictions.csv.gz"], TEXT)
    validated = records.from_csv(files["validation.csv.gz"], TEXT) if "validation.csv.gz" in files else None
    rows = pd.Index(table["image_id"]).get_indexer(tested["image_id"])
    chosen = _thresholds(tested, validated)
    by_slice = slices.report_slices(table, rows, tested[list(CLASSES)], resamples, melanoma_threshold=chosen)
    found = reevaluate(tested, validated, resamples)
    files["metrics.json"] = found.to_json(orient="records", indent=1, double_precision=6).encode()
    files["slices.csv"] = records.to_csv(by_slice, 4)
    if history is not None:
        files["history.csv"] = records.to_csv(history, 6)
    return records.save(Path(folder or records.own_folder()) / run["name"], "run.json", run, files)


def reevaluate(predictions, validation=None, resamples=metrics.RESAMPLES):
    """Return :func:`helpers.evaluate.report` of a record's predictions, as ``write`` does: do it again."""
    prob, chosen = predictions[list(CLASSES)], _thresholds(predictions, validation)
    return metrics.report(predictions["true"], prob, predictions["group"], resamples, melanoma_threshold=chosen)


def load_run(path):
    """Return the :class:`Run` in a folder; raise :class:`RecordError` if it is not whole and as it was written."""
    path = Path(path)
    run, files = records.read(path, "run.json")
    table = pd.DataFrame(json.loads(files["metrics.json"]))
    numbers = ["value", "low", "high", "floor"]
    return Run(
        path=path,
        origin=records.origin(path.parent),
        facts=run,
        predictions=records.from_csv(files["predictions.csv.gz"], TEXT),
        validation=records.from_csv(files["validation.csv.gz"], TEXT) if "validation.csv.gz" in files else None,
        history=records.from_csv(files["history.csv"]) if "history.csv" in files else None,
        metrics=table.astype(dict.fromkeys(numbers, float)),
        slices=records.from_csv(files["slices.csv"], ("slice", "stratum", "metric", "dx", "note")),
    )


def verify(run, table):
    """Raise :class:`RecordError` unless a record is true to ``table``: its splits, made anew, have the same hashes."""
    facts = run.facts
    seed = facts.get("split_seed", facts["seed"])
    parts = [records.SPLITS[facts["protocol"]](table, fold, seed=seed) for fold in facts["folds"]]
    for fold, part, noted in zip(facts["folds"], parts, facts["split_hashes"], strict=True):
        if part.hash != noted:
            raise RecordError(
                f"run {run.name!r}, fold {fold}: its split has the hash {noted[:16]}, the data give {part.hash[:16]}: "
                "other data or another seed. Compare the fingerprint in run.json with the data's."
            )
        records.check_leak(part, table, fold)
    records.check_split(run.predictions, table, facts["folds"], [part.test for part in parts])


def load_runs(own=None):
    """Return all runs, the book's first, then yours (``own``, default :func:`helpers.records.own_folder`), by name.

    A record that is not whole is left out with a warning that says why.
    """
    found = []
    for folder in dict.fromkeys((records.book_folder().resolve(), Path(own or records.own_folder()).resolve())):
        for path in sorted(folder.glob("[!.]*/run.json")):
            try:
                found.append(load_run(path.parent))
            except RecordError as error:
                warnings.warn(f"left out: {error}", stacklevel=2)
    return found


def list_runs(own=None):
    """Return one row a run: whose, what, on which data, the headline metrics with interval and floor, and its marks."""
    scores = [f"{name}{end}" for name in HEADLINES for end in ("", "_low", "_high", "_floor")]
    rows = []
    for run in load_runs(own):
        row = [run.name, run.origin, *(run.facts[key] for key in LISTED), len(run.predictions)]
        for name in HEADLINES:
            row += run.metric(name)[["value", "low", "high", "floor"]].tolist()
        rows.append([*row, run.path])
    return pd.DataFrame(rows, columns=["name", "origin", *LISTED, "images", *scores, "path"])


def compare(a, b, resamples=metrics.RESAMPLES):
    """Return :func:`helpers.evaluate.paired_bootstrap` of two runs on the same test images, in the folds of both.

    Without the areas under curves.

    Raises
    ------
    RecordError
        If the test images differ: scores on different test sets are not comparable, each stands beside its own floor.
    """
    key = ["fold", "image_id"]
    folds = sorted(set(a.predictions["fold"]) & set(b.predictions["fold"]))
    first, second = (run.predictions.query(f"fold in {folds}").sort_values(key, ignore_index=True) for run in (a, b))
    if not folds or not first[[*key, "group", "true"]].equals(second[[*key, "group", "true"]]):
        tested = (f"{len(run.predictions):,} of {run.facts['protocol']}, folds {run.facts['folds']}" for run in (a, b))
        raise RecordError(
            f"{a.name!r} and {b.name!r} were not tested on the same images ({'; '.join(tested)}). "
            "Compare each with its own floor: runs.list_runs."
        )
    probabilities = (one[list(CLASSES)].to_numpy() for one in (first, second))
    return metrics.paired_bootstrap(first["true"], *probabilities, first["group"], resamples, curves=False)


def _thresholds(predictions, validation):
    """Return ``{specificity: (n,) thresholds}``, each fold's from its validation set; None if one can give none."""
    parts = {} if validation is None else dict(list(validation.groupby("fold")))
    if not parts or any((part["true"] == "mel").nunique() < 2 for part in parts.values()):
        return None
    chosen = {fold: metrics.melanoma_threshold(v["true"], v[list(CLASSES)]) for fold, v in parts.items()}
    return {share: np.array([chosen[fold][share] for fold in predictions["fold"]]) for share in metrics.SPECIFICITIES}

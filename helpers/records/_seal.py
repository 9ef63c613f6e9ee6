"""Folders of results that are whole, sealed and true to their split, or refused.  :mod:`helpers.records` uses it.

Chapter 4 introduces it.  A record is written under a temporary name and moved into place, so there is no half of one.
Its main file lists a SHA-256 of every other file and one of itself, so an edit by hand is seen when it is loaded.
"""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import uuid
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import splits
from helpers.ham10000 import CLASSES

COLUMNS = ("image_id", "group", "fold", "true", *CLASSES)
#: Written with so many decimals; metrics are computed from what is written.
DECIMALS = 5
#: How far from 1 the probabilities of an image may sum.
TOLERANCE = 1e-3
#: Under this protocol siblings of test images are trained on, and every page that shows a number of it says so.
LEAKY = "image8020"
SPLITS = {
    "grouped": splits.grouped,
    "image8020": lambda table, fold, seed: splits.image8020(table, seed=seed),
    "holdout938": lambda table, fold, seed: splits.holdout938(table, seed=seed),
}
FACTS = {
    "name": str,
    "model": str,
    "tier": str,
    "data": str,
    "fingerprint": str,
    "synthetic": bool,
    "folds": list,
    "seed": int,
    "hyperparameters": dict,
    "versions": dict,
    "device": str,
    "wall_seconds": Real,
    "images_per_second": Real,
    "date": str,
    "notes": str,
}
KINDS = {str: "text", bool: "True or False", list: "a list", int: "a whole number", dict: "a dict", Real: "a number"}


class RecordError(ValueError):
    """A record cannot be written or read as it is.  The message names file, row or value, and the remedy."""


def own_folder():
    """Return the folder of your own records: ``SKIN_RUNS``, or ``runs`` in the working folder."""
    return Path(os.environ.get("SKIN_RUNS") or "runs").expanduser()


def book_folder():
    """Return the folder of the book's records: in the installed package, or in a checkout of the repository."""
    package = Path(__file__).parents[1]
    installed = package / "results"
    return installed if installed.is_dir() else package.parent / "book" / "results"


def origin(folder):
    """Say whose records a folder holds: "the book" or "yours"."""
    return "the book" if folder.resolve() == book_folder().resolve() else "yours"


def check_facts(facts, required=FACTS, file="run.json"):
    """Raise :class:`RecordError` for a fact that is missing or of another type than ``required`` says."""
    for name, kind in required.items():
        if name not in facts:
            raise RecordError(f"{file} lacks {name!r}: add it to the facts; it needs {', '.join(required)}")
        if not isinstance(facts[name], kind) or (isinstance(facts[name], bool) and kind is not bool):
            raise RecordError(f"{file}: {name} is {facts[name]!r}; give {KINDS[kind]}")
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", facts["name"]):
        raise RecordError(
            f"{file}: the name {facts['name']!r} becomes the folder's: use lower-case letters, digits, '-', '_' and '.'"
        )


def check_folds(folds, parts):
    """Return the one protocol of the splits; raise :class:`RecordError` unless there is one split a fold."""
    protocols = sorted({part.protocol for part in parts})
    if len(set(folds)) != len(parts) or len(folds) != len(parts) or len(protocols) != 1 or protocols[0] not in SPLITS:
        raise RecordError(
            f"run.json: folds {folds} with {len(parts)} splits of {protocols}; give one split a fold, all of one "
            f"protocol of {', '.join(SPLITS)}"
        )
    return protocols[0]


def check_predictions(predictions, folds, file="predictions.csv.gz"):
    """Raise :class:`RecordError`, with the row, for predictions that are not one distribution an image."""
    if list(predictions.columns) != list(COLUMNS):
        raise RecordError(f"{file} has the columns {list(predictions.columns)}; give {list(COLUMNS)}, in this order")
    if predictions.empty:
        raise RecordError(f"{file} has no row: predict the images of the split and write them all")

    def refuse(wrong, why):
        """Name the first wrong row."""
        rows = np.flatnonzero(wrong)
        if len(rows):
            row = predictions.iloc[rows[0]]
            raise RecordError(f"{file}, row {rows[0]} (image {row['image_id']}): {why(row)}")

    refuse(predictions.duplicated(["image_id", "fold"]), lambda row: "it stands there twice; predict each image once")
    refuse(~predictions["true"].isin(CLASSES), lambda row: f"{row['true']!r} is no class; use {', '.join(CLASSES)}")
    refuse(~predictions["fold"].isin(folds), lambda row: f"fold {row['fold']} is not among the run's folds {folds}")
    prob = predictions[list(CLASSES)].to_numpy(dtype=float)
    refuse(
        ~((prob >= 0).all(axis=1) & (np.abs(prob.sum(axis=1) - 1) <= TOLERANCE)),
        lambda row: (
            f"the probabilities {[round(float(row[dx]), 4) for dx in CLASSES]} sum to "
            f"{float(sum(row[dx] for dx in CLASSES)):.4f}; they must be at least 0 and sum to 1 (a softmax, not logits)"
        ),
    )


def check_split(predictions, table, folds, parts, file="predictions.csv.gz"):
    """Raise :class:`RecordError` unless fold by fold the ids are those of ``parts``, rows of ``table``.

    Groups and classes must be the table's, too.
    """
    expected = pd.DataFrame(
        {"image_id": table["image_id"], "group": splits.lesion_groups(table), "true": table["dx"]}
    ).set_index("image_id")
    for fold, rows in zip(folds, parts, strict=True):
        mine = predictions[predictions["fold"] == fold]
        ids, wanted = set(mine["image_id"]), set(table["image_id"].iloc[rows])
        for some, what in ((ids - wanted, "not in the split"), (wanted - ids, "of the split missing")):
            if some:
                raise RecordError(
                    f"{file}, fold {fold}: image ids {what}: {len(some)}, the first is {min(some)}. Predict exactly "
                    "the images of the split that the run names; if the data changed, split and train again."
                )
        for column in ("group", "true"):
            facts = expected.loc[mine["image_id"], column].to_numpy()
            wrong = np.flatnonzero(mine[column].to_numpy() != facts)
            if len(wrong):
                row = mine.iloc[wrong[0]]
                raise RecordError(
                    f"{file}, row {mine.index[wrong[0]]} (image {row['image_id']}): {column} is {row[column]!r}, but "
                    f"the data say {facts[wrong[0]]!r}. Take it from the table, as runs.frame does."
                )


def check_leak(split, table, fold):
    """Return how many test images of a fold have a sibling in training; raise :class:`RecordError` where none may.

    ``holdout938`` splits by lesion_id, so the missed pairs of Abhishek et al. may cross it: they are counted.
    """
    seen = np.concatenate([split.train, split.validation])
    lesions = table["lesion_id"].to_numpy()
    leaked = splits.audit(table, seen, split.test).leaked_images
    shared = np.intersect1d(lesions[seen], lesions[split.test])
    if (split.protocol == "grouped" and leaked) or (split.protocol != LEAKY and len(shared)):
        groups = splits.lesion_groups(table).to_numpy()
        first = np.intersect1d(groups[seen], groups[split.test])[0]
        raise RecordError(
            f"fold {fold}: {leaked} test images show a lesion that is also trained on, the first of group {first!r}; "
            f"the protocol {split.protocol!r} forbids it. Split with helpers.splits, or call the protocol {LEAKY!r}."
        )
    return leaked


def to_csv(frame, decimals):
    """Return a table as the bytes of a CSV file, the same on every system."""
    return frame.to_csv(index=False, float_format=f"%.{decimals}f", lineterminator="\n").encode()


def from_csv(content, text=()):
    """Return the table of such a file; the columns ``text`` are str, with no word read as a missing value."""
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    columns = content.split(b"\n", 1)[0].decode().strip().split(",")
    # Only an empty number is a missing value: "NA" may be a name.
    missing = {column: [""] for column in columns if column not in text}
    dtype = dict.fromkeys(text, str)
    return pd.read_csv(io.BytesIO(content), dtype=dtype, na_values=missing, keep_default_na=False)


def pack(content):
    """Return ``content`` gzipped, the same bytes whenever it is done."""
    return gzip.compress(content, mtime=0)


def save(folder, main, facts, files):
    """Write ``files`` ({name: bytes}) and the sealed ``main`` into ``folder``, whole or not at all; return it.

    An older record there is replaced.
    """
    facts = facts | {"files": {name: _digest(content) for name, content in files.items()}}
    try:
        # Through JSON and back, so that the seal is of what a reader of the file finds.
        facts = json.loads(json.dumps(facts, allow_nan=False, default=_plain))
    except (TypeError, ValueError) as error:
        raise RecordError(
            f"{main} cannot hold the facts: {error}. Give finite numbers, text, lists and dicts."
        ) from error
    text = json.dumps(facts | {"seal": _seal(facts)}, indent=1, ensure_ascii=False) + "\n"
    partial, old = (folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.{end}") for end in ("partial", "old"))
    try:
        partial.mkdir(parents=True)
        for name, content in (files | {main: text.encode()}).items():
            (partial / name).write_bytes(content)
        if folder.exists():
            os.replace(folder, old)
        os.replace(partial, folder)
    except OSError as error:
        if old.exists():
            os.replace(old, folder)
        raise RecordError(
            f"the record {folder} cannot be written ({error.strerror}). Set SKIN_RUNS to a folder that you "
            "can write to, on a disk with room."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return folder


def read(folder, main):
    """Return the facts and the files ({name: bytes}) of a record; raise :class:`RecordError` for a broken seal."""
    folder = Path(folder)
    remedy = "Remove the folder and write the record again; a record is never edited by hand."
    try:
        facts = json.loads((folder / main).read_text(encoding="utf-8"))
        seal, names = facts.pop("seal"), facts["files"]
    except FileNotFoundError as error:
        raise RecordError(
            f"{folder} is no record: it has no {main}. Name the folder that runs.write_run returned."
        ) from error
    except (json.JSONDecodeError, KeyError, AttributeError, TypeError, UnicodeDecodeError) as error:
        raise RecordError(f"{folder / main} is damaged ({type(error).__name__}: {error}). {remedy}") from error
    if seal != _seal(facts):
        raise RecordError(f"{folder / main} was changed after it was written. {remedy}")
    files = {}
    for name, digest in names.items():
        if not (folder / name).is_file():
            raise RecordError(f"{folder / name} is missing. {remedy}")
        files[name] = (folder / name).read_bytes()
        if _digest(files[name]) != digest:
            raise RecordError(f"{folder / name} was changed after it was written. {remedy}")
    return facts, files


def _digest(content):
    # Line ends do not count: a checkout on Windows may change those of text files.
    return hashlib.sha256(content if content[:2] == b"\x1f\x8b" else content.replace(b"\r\n", b"\n")).hexdigest()


def _seal(facts):
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _plain(value):
    """Return a NumPy number as Python's, for JSON."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{value!r} is no JSON value")

"""Folders of results that are whole, sealed and true to their split, or refused.

A record is written under a hidden name and moved into place, so there is no half of one.  Its main file lists a SHA-256
of every other file and one of itself, so an edit by hand is seen when it is loaded.
"""

import contextlib
import difflib
import errno
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

#: The file of a network's weights, and how many bytes it may have.
WEIGHTS, MOST_WEIGHTS = "weights.npz.gz", 5_000_000
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
#: What :func:`helpers.records._runs.write_run` adds to the facts.
ADDED = {"protocol": str, "split_hashes": list, "leaked_images": int, "leaky": bool, "resamples": int}
#: So long may a record's name be: hidden files beside it have longer ones, and a file system takes 255 characters.
LONGEST_NAME = 150
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


def target(folder, name):
    """Return the path of a record to be written, ``folder / name``; None: :func:`own_folder`.

    Raises
    ------
    RecordError
        For the name of a record of the book, anywhere but among the book's own.
    """
    folder = Path(folder or own_folder())
    if origin(folder) == "yours" and (book_folder() / name).is_dir():
        raise RecordError(
            f"{name!r} is the name of a record of the book, and yours would be taken for it: give yours another name, "
            f"such as {name + '-mine'!r}"
        )
    return folder / name


def find(name_or_path, main):
    """Return the folder of a record: a path as it is, a name looked for in the book and then in :func:`own_folder`.

    A name stands alone, without a folder in front.

    Raises
    ------
    RecordError
        If no record has the name; it lists the names that are nearest.
    """
    if isinstance(name_or_path, Path) or Path(name_or_path).name != str(name_or_path):
        return Path(name_or_path)
    folders = book_folder(), own_folder()
    restore(own_folder(), name_or_path)
    for folder in folders:
        if (folder / name_or_path).is_dir():
            return folder / name_or_path
    names = [path.parent.name for folder in folders for path in folder.glob(f"[!.]*/{main}")]
    near = difflib.get_close_matches(name_or_path, names, n=3, cutoff=0.5)
    raise RecordError(
        f"no record is called {name_or_path!r}, neither in the book nor in {folders[1]}"
        + (f"; did you mean {' or '.join(near)}?" if near else "; give the name or the path of one that is there")
    )


def check_facts(facts, required=FACTS, file="run.json"):
    """Raise :class:`RecordError` for a fact that is missing or of another type than ``required`` says."""
    for name, kind in required.items():
        if name not in facts:
            raise RecordError(f"{file} lacks {name!r}: add it to the facts; it needs {', '.join(required)}")
        if not isinstance(facts[name], kind) or (isinstance(facts[name], bool) and kind is not bool):
            raise RecordError(f"{file}: {name} is {facts[name]!r}; give {KINDS[kind]}")
    if len(facts["name"]) > LONGEST_NAME:
        raise RecordError(
            f"{file}: the name {facts['name'][:20] + '...'!r} has {len(facts['name'])} characters and becomes the "
            f"folder's: use at most {LONGEST_NAME}"
        )
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
        tested = predictions[predictions["fold"] == fold]
        ids, expected_ids = set(tested["image_id"]), set(table["image_id"].iloc[rows])
        for differing, what in ((ids - expected_ids, "not in the split"), (expected_ids - ids, "of the split missing")):
            if differing:
                raise RecordError(
                    f"{file}, fold {fold}: image ids {what}: {len(differing)}, the first is {min(differing)}. Predict "
                    "exactly the images of the split that the run names; if the data changed, split and train again."
                )
        for column in ("group", "true"):
            facts = expected.loc[tested["image_id"], column].to_numpy()
            wrong = np.flatnonzero(tested[column].to_numpy() != facts)
            if len(wrong):
                row = tested.iloc[wrong[0]]
                raise RecordError(
                    f"{file}, row {tested.index[wrong[0]]} (image {row['image_id']}): {column} is {row[column]!r}, but "
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


def pack_weights(weights):
    """Return arrays as the bytes of a packed file of float16, the same whenever it is done.

    Raises
    ------
    RecordError
        If a weight is too large for float16, or all together for a record.
    """
    with np.errstate(over="ignore"):  # what overflows is refused
        halves = [np.asarray(weight).astype(np.float16) for weight in weights]
    if not all(np.isfinite(half).all() for half in halves):
        raise RecordError("a weight is not finite, or too large for float16: write the record without weights")
    stream = io.BytesIO()
    np.savez(stream, *halves)
    content = pack(stream.getvalue())
    if len(content) > MOST_WEIGHTS:
        raise RecordError(
            f"the weights take {len(content):,} bytes, and a record carries at most {MOST_WEIGHTS:,}: write it without"
        )
    return content


def unpack_weights(content):
    """Return the float32 arrays that :func:`pack_weights` packed."""
    with np.load(io.BytesIO(gzip.decompress(content))) as stored:
        return [stored[name].astype(np.float32) for name in stored.files]


def save(folder, main, facts, files):
    """Write ``files`` ({name: bytes}) and the sealed ``main`` into ``folder``, whole or not at all; return it.

    An older record there is replaced.  A process that is killed on the way leaves hidden folders beside it, and the
    older record in one of them: :func:`restore` puts it back.

    Raises
    ------
    RecordError
        If the facts are no JSON, the disk refuses, or another process wrote the same record meanwhile.
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
    for leftover in restore(folder.parent, folder.name):
        shutil.rmtree(leftover, ignore_errors=True)
    partial, old = (folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.{end}") for end in ("partial", "old"))
    try:
        partial.mkdir(parents=True)
        for name, content in (files | {main: text.encode()}).items():
            (partial / name).write_bytes(content)
        if folder.exists():
            os.replace(folder, old)
        os.replace(partial, folder)
    except OSError as error:
        restore(folder.parent, folder.name)
        if isinstance(error, FileNotFoundError) or error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise RecordError(
                f"the record {folder} was written by another process at the same time. What lies there is whole; write "
                "yours again, under another name if both are to be kept."
            ) from error
        raise RecordError(
            f"the record {folder} cannot be written ({error.strerror}). Set SKIN_RUNS to a folder that you "
            "can write to, on a disk with room."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
    return folder


def restore(folder, name="*"):
    """Put back a record that a kill left under its hidden name; return the hidden folders that are left over.

    Where that is not possible, as in a folder that may only be read, the record stays where it is.
    """
    leftovers = []
    for path in sorted(folder.glob(f".{name}.*.old")) + sorted(folder.glob(f".{name}.*.partial")):
        hidden = re.fullmatch(r"\.(.+)\.[0-9a-f]{32}\.(old|partial)", path.name)
        if not hidden or name not in ("*", hidden[1]):
            continue
        record = folder / hidden[1]
        if hidden[2] == "old" and not record.exists():
            with contextlib.suppress(OSError):
                os.replace(path, record)
                continue
        leftovers.append(path)
    return leftovers


def read(folder, main, required=()):
    """Return the facts and the files ({name: bytes}) of a record.

    Raises
    ------
    RecordError
        If the folder holds no record, a seal is broken, or one of the ``required`` files is not in it.
    """
    folder = Path(folder)
    remedy = "Remove the folder and write the record again; a record is never edited by hand."
    if not (folder / main).exists():
        raise RecordError(
            f"{folder} is no record: it has no {main}. Name a record, or the folder of one: the one that "
            "networks.save_record returned."
        )
    try:
        facts = json.loads(_content(folder / main))
        seal, names = facts.pop("seal"), dict(facts["files"])
        broken = seal != _seal(facts)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError, OSError) as error:
        raise RecordError(f"{folder / main} is damaged ({type(error).__name__}: {error}). {remedy}") from error
    if broken:
        raise RecordError(f"{folder / main} was changed after it was written. {remedy}")
    for name in [*required, *names]:
        if name not in names or Path(name).name != name:
            raise RecordError(f"{folder / main} names the files {', '.join(names)}, not {name!r} alone. {remedy}")
    files = {}
    for name, digest in names.items():
        if not (folder / name).is_file():
            raise RecordError(f"{folder / name} is missing. {remedy}")
        try:
            files[name] = _content(folder / name)
        except OSError as error:
            raise RecordError(f"{folder / name} cannot be read ({error.strerror}). {remedy}") from error
        if _digest(files[name]) != digest:
            raise RecordError(f"{folder / name} was changed after it was written. {remedy}")
    return facts, files


def _content(path):
    """Return the bytes of a regular file: what is a folder, or a pipe that never ends, is refused."""
    if not path.is_file():
        raise OSError(errno.EINVAL, "no file", str(path))
    return path.read_bytes()


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

"""A full check of a data folder: each image and mask is read and decoded.  ``python -m helpers.data check`` runs it."""

import os
from collections import Counter
from dataclasses import dataclass

import numpy as np

from helpers.data._files import DataError, checksum_of, decode, open_image, progress
from helpers.data._loader import load
from helpers.data._workers import in_parallel
from helpers.ham10000 import PUBLISHED_IMAGES, PUBLISHED_LESIONS

#: How many images a worker is given at a time, and below how many a worker process is not worth its start.
CHUNK, IMAGES_A_WORKER = 64, 2000
#: So many problems are listed; the rest is counted.
LISTED = 20


@dataclass(frozen=True)
class Report:
    """What a check saw: ``facts`` about the data set, and ``problems``, none where all is well; ``print`` it."""

    facts: tuple[str, ...]
    problems: tuple[str, ...]

    def __str__(self):
        rest = len(self.problems) - LISTED
        lines = [*self.facts, *(f"PROBLEM: {problem}" for problem in self.problems[:LISTED])]
        lines += [f"... and {rest:,} more"] * (rest > 0)
        return "\n".join([*lines, f"{len(self.problems):,} problems" if self.problems else "No problem was seen."])


def check(config):
    """Load a data set, read and decode each of its images and masks, and return a :class:`Report`.

    Each image's bytes are compared with the checksum in the table, which a zip, or an earlier load, has set.

    Raises
    ------
    helpers.data.DataError
        If the folder cannot be loaded at all.
    """
    ham = load(config, subset=True)
    table = ham.table
    jobs = [
        [(ham.stored[i], checksum, ham.stored_masks.get(i)) for i, checksum in rows]
        for rows in _chunks(list(zip(table["image_id"], table["checksum"], strict=True)))
    ]
    problems, sizes = [], Counter()
    workers = min(os.cpu_count() or 1, len(table) // IMAGES_A_WORKER)
    with progress(len(table), "checking") as bar:
        for looked_at in in_parallel(_look, jobs, workers, "checks images"):
            for size, problem in looked_at:
                sizes[size] += 1
                problems += [problem] * bool(problem)
            bar.update(len(looked_at))
    if ham.missing:
        problems.append(f"{ham.missing:,} images that the metadata lists are not there")
    lesions = table["lesion_id"].nunique()
    classes = table["dx"].value_counts().sort_index()
    if ham.source.startswith("HAM10000") and not ham.missing:
        lesion_classes = table.drop_duplicates("lesion_id")["dx"].value_counts()
        for name, counts, published in (
            ("images", classes, PUBLISHED_IMAGES),
            ("lesions", lesion_classes, PUBLISHED_LESIONS),
        ):
            if counts.to_dict() != published:
                problems.append(f"the {name} a class are {dict(sorted(counts.items()))}; published are {published}")
    facts = (
        repr(ham),
        "classes: " + ", ".join(f"{dx} {count:,}" for dx, count in classes.items()),
        "sizes: " + ", ".join(f"{w} x {h} ({n:,})" for (h, w), n in sizes.most_common(5) if h),
        f"lesions: {lesions:,}; data hash: {ham.fingerprint[:16]}",
        *ham.notices,
    )
    return Report(facts, tuple(problems))


def _chunks(rows):
    return [rows[first : first + CHUNK] for first in range(0, len(rows), CHUNK)]


def _look(job):
    """Return ``((height, width), problem)`` of each image of a job; no problem is ""."""
    return [_look_at(*images) for images in job]


def _look_at(image, checksum, mask):
    size = (0, 0)
    try:
        if (now := checksum_of(image)) != checksum:
            return size, f"{image} has changed: its checksum is {now}, and {checksum} was remembered"
        size = decode(image).shape[:2]
        if mask is not None:
            open_image(mask, lambda picture: np.asarray(picture.convert("L")))
    except DataError as error:
        return size, str(error)
    return size, ""

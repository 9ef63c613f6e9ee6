"""Download HAM10000 for a reader with internet: Harvard Dataverse, the ISIC challenge's storage, or Kaggle.

Chapter 1 names it; ``python -m helpers.download`` runs it.  HAM10000 is the work of Tschandl, Rosendahl, Kittler,
Sci Data 5:180161 (2018), https://doi.org/10.1038/sdata.2018.161: not ours, and for non-commercial use only.

A file gets its name only when it is whole: it is fetched into a folder ``partial-...`` beside it, compared with the
published checksum (where there is none, every zip member is read and the members are counted), and then renamed.
The record ``download.json`` is written last, so that a download that broke off never counts as complete.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from helpers import __version__

METADATA = "HAM10000_metadata.csv"
RECORD = "download.json"
KAGGLE = "kmader/skin-cancer-mnist-ham10000"

#: What goes with every download.  Kaggle's page names another licence than the authors' own; both are said.
NOTICE = (
    "HAM10000 is licensed CC BY-NC 4.0 at Harvard Dataverse (Kaggle's page says CC BY-NC-SA 4.0): no commercial use. "
    "Cite: Tschandl, P., Rosendahl, C., Kittler, H. The HAM10000 dataset, a large collection of multi-source "
    "dermatoscopic images of common pigmented skin lesions. Sci Data 5, 180161 (2018). "
    "https://doi.org/10.1038/sdata.2018.161"
)

#: Harvard Dataverse refuses the default User-Agent of Python's HTTP libraries.
HEADERS = {"User-Agent": f"learning-to-see-skin-lesions/{__version__}"}
#: Seconds to wait for a connection, and for the next byte: a stalled server is given up after the second.
TIMEOUT = (15, 60)
#: Seconds of pause before each further attempt, after an error that may pass.
PAUSES = (2, 8, 30)
#: A ``partial-...`` folder in which nothing changed for this many seconds was left by a run that was killed.
LEFTOVER = 600

#: What the challenge calls the way a diagnosis was confirmed, in the terms of HAM10000's ``dx_type``.
CONFIRMED_BY = {
    "histopathology": "histo",
    "serial imaging showing no change": "follow_up",
    "single image expert consensus": "consensus",
    "confocal microscopy with consensus dermoscopy": "confocal",
}


class DownloadError(RuntimeError):
    """A download that failed; the message names the file, the address, what happened and what to do."""


class _Damaged(Exception):
    """The bytes that came are not the file that was asked for."""


@dataclass(frozen=True)
class Remote:
    """One file to fetch: the name it gets here, its address, its published ``md5`` (None where there is none), its
    ``size`` in bytes (rounded; for the free-space check alone) and how many images, or rows of a table, it holds.
    """

    name: str
    url: str
    md5: str | None
    size: int
    members: int


DATAVERSE = "https://dataverse.harvard.edu/api/access/datafile/"
ISIC = "https://isic-archive.s3.amazonaws.com/challenges/2018/ISIC2018_Task3_Training_"

#: The files of each source that is fetched over HTTP.  ``metadata`` is one file, or the two that it is made from.
SOURCES = {
    "dataverse": {
        "metadata": (Remote(METADATA, DATAVERSE + "4338392?format=original", None, 700_000, 10_015),),
        "masks": (
            Remote(
                "HAM10000_segmentations_lesion_tschandl.zip",
                DATAVERSE + "3838943",
                "6e8d252e09cfdb0189199f15985a5b84",
                14_000_000,
                10_015,
            ),
        ),
        "images": (
            Remote(
                "HAM10000_images_part_1.zip",
                DATAVERSE + "3172585",
                "4639bfa73ab251610530a97c898e6e46",
                1_370_000_000,
                5_000,
            ),
            Remote(
                "HAM10000_images_part_2.zip",
                DATAVERSE + "3172584",
                "da43d6cc50f6613013be07e8986b384b",
                1_400_000_000,
                5_015,
            ),
        ),
    },
    "isic": {
        "metadata": (
            Remote("GroundTruth.zip", ISIC + "GroundTruth.zip", None, 100_000, 1),
            Remote("LesionGroupings.csv", ISIC + "LesionGroupings.csv", None, 500_000, 10_015),
        ),
        "masks": (),
        "images": (Remote("ISIC2018_Task3_Training_Input.zip", ISIC + "Input.zip", None, 2_770_000_000, 10_015),),
    },
}


def folder(cache, source):
    """Return the folder of a source inside the cache."""
    return Path(cache) / f"ham10000-{source}"


def _record(target):
    """Return the record of an earlier download into ``target``, empty where there is none that can be read."""
    try:
        record = json.loads((target / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def found(cache):
    """Return the folder of a complete earlier download in ``cache``, or None.

    Dataverse goes before Kaggle (both have age, sex and site), Kaggle before ISIC.  It looks at the record and at
    the sizes of the files, so it takes no time; the loader reads what is in them.

    Parameters
    ----------
    cache : str or Path
    """
    for source in ("dataverse", "kaggle", "isic"):
        record = _record(folder(cache, source))
        place = Path(record.get("folder", folder(cache, source)))
        files = record.get("files", {})
        names = record.get("complete", ())
        if names and all(_size(place / name) == files.get(name, {}).get("size", -1) for name in names):
            return place
    return None


def _size(path):
    return path.stat().st_size if path.is_file() else None

"""Where the images are: a folder that is named, an earlier download, Kaggle's own copy, or the embedded sample.

On Colab and on Kaggle the data set that Kaggle keeps is attached through kagglehub: no login, and nothing is copied to
the machine's disk.  Its table lacks the column ``dataset``, the source of each image; the table of Harvard Dataverse
(0.7 MB) has it.
"""

import os
import sys
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pandas as pd

from helpers.data import _download, _sample
from helpers.data._files import DataError
from helpers.settings import SAMPLE

#: Where Kaggle attaches the inputs of a notebook, and Colab the data sets of Kaggle.
KAGGLE_INPUT = Path("/kaggle/input")
#: Seconds after which attaching Kaggle's copy counts as failed: kagglehub itself would wait for ever.
PATIENCE = 300


@dataclass(frozen=True)
class Place:
    """A data folder: where it came from in words, and what a reader should know of that ("" if nothing).

    ``lacks_sources`` is true of Kaggle's copy, whose table has no column ``dataset``.
    """

    folder: Path
    origin: str
    notice: str = ""
    lacks_sources: bool = False


def platform():
    """Return ``"Colab"``, ``"Kaggle"`` or ``""``: whose machine this runs on.

    Examples
    --------
    >>> platform() in ("Colab", "Kaggle", "")
    True
    """
    if "google.colab" in sys.modules:
        return "Colab"
    return "Kaggle" if os.environ.get("KAGGLE_KERNEL_RUN_TYPE") else ""


def resolve(config):
    """Return the :class:`Place` of the images, the first there is.

    The order: ``config.data``; an earlier download in ``config.cache``; on Colab and on Kaggle, Kaggle's own copy; the
    embedded sample.  Elsewhere nothing is downloaded unasked.

    Raises
    ------
    DataError
        If the sample cannot be drawn into the cache.
    """
    if config.data not in (None, SAMPLE):
        return Place(config.data, f"from the folder {config.data.resolve().name}")
    if config.data is None:
        if downloaded := _download.found(config.cache):
            return Place(downloaded, "downloaded earlier")
        if platform():
            try:
                return Place(_attach_kaggle(), f"in Kaggle's copy, attached on {platform()}", lacks_sources=True)
            except DataError as error:
                return _sample_place(config, f"The real images could not be attached: {error}")
        return _sample_place(
            config,
            "No real images are here. To fetch them once (2.8 GB), run: python -m helpers.data download. If you have "
            "them, set SKIN_DATA to their folder.",
        )
    return _sample_place(config)


def _sample_place(config, notice=""):
    try:
        return Place(_sample.ensure(config.cache, config.seed), "drawn into the cache", notice)
    except OSError as error:
        raise DataError(
            f"the embedded sample cannot be written into {config.cache} ({error.strerror}). Set SKIN_CACHE to a folder "
            "that you can write to, on a disk with room."
        ) from error


def _attach_kaggle():
    """Return the folder of Kaggle's copy; raise DataError with the reason, and the one next step."""
    attached = _with_metadata(KAGGLE_INPUT)
    if attached:
        return attached
    next_step = (
        "On Kaggle choose Add Input, search for skin-cancer-mnist-ham10000, and run this again."
        if platform() == "Kaggle"
        else "Run this cell again; if it fails again, run: python -m helpers.data download."
    )
    try:
        import kagglehub
    except ImportError as error:
        raise DataError(f"the package kagglehub is not installed here. {next_step}") from error
    answer = Future()

    def ask():
        try:
            answer.set_result(Path(kagglehub.dataset_download(_download.KAGGLE)))
        except Exception as error:  # kagglehub passes on its own errors, those of requests and those of the disk
            answer.set_exception(error)

    Thread(target=ask, daemon=True).start()  # a daemon, so that one that waits for ever does not keep Python alive
    try:
        folder = answer.result(PATIENCE)
    except TimeoutError as error:
        raise DataError(f"nothing came from Kaggle in {PATIENCE // 60} minutes. {next_step}") from error
    except Exception as error:
        raise DataError(f"{type(error).__name__}: {_first_line(error)}. {next_step}") from error
    place = _with_metadata(folder)
    if not place:
        raise DataError(f"{folder} came from Kaggle and holds no HAM10000_metadata.csv. {next_step}")
    return place


def with_sources(table, cache):
    """Return the table with the column ``dataset`` of Harvard Dataverse's, and notices.

    The file is fetched once, into ``cache``.  Where it cannot be had the table stays as it is, and a notice says so.
    """
    try:
        published = pd.read_csv(_download.fetch_table(cache), index_col="image_id")["dataset"]
    except (_download.DownloadError, OSError, ValueError, KeyError) as error:
        told = f"The source of each image is not known here: Dataverse's table could not be had ({_first_line(error)})."
        return table, (told,)
    return table.assign(dataset=table["image_id"].map(published).fillna("unknown")), ()


def _first_line(error):
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else "no reason was given"


def _with_metadata(folder):
    """Return the folder, at most two levels below ``folder``, that holds HAM10000's table and images; None if none."""
    for pattern in ("", "*/", "*/*/", "*/*/*/"):
        for table in sorted(folder.glob(f"{pattern}HAM10000_metadata.csv")):
            if any(table.parent.glob("[Hh][Aa][Mm]10000_images_part_1*")):
                return table.parent
    return None

"""What can be downloaded of HAM10000, from where, and how to tell that it is whole.  Chapter 1 names it.

Addresses and checksums are those of Harvard Dataverse, doi:10.7910/DVN/DBW86T, and of the ISIC 2018 challenge, task 3
(https://challenge.isic-archive.com/data/), which publishes no checksums: there every zip member is read instead.
"""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PureWindowsPath

import pandas as pd
import pooch

from helpers.ham10000 import CLASSES, COLUMNS, PUBLISHED_IMAGES

METADATA = "HAM10000_metadata.csv"
KAGGLE = "kmader/skin-cancer-mnist-ham10000"
#: Images in the whole data set.
IMAGES = sum(PUBLISHED_IMAGES.values())

#: What goes with every download.  Kaggle's page names another licence than the authors' own; both are said.
NOTICE = (
    "HAM10000 is licensed CC BY-NC 4.0 at Harvard Dataverse (Kaggle's page says CC BY-NC-SA 4.0): no commercial use. "
    "Cite: Tschandl, P., Rosendahl, C., Kittler, H. The HAM10000 dataset, a large collection of multi-source "
    "dermatoscopic images of common pigmented skin lesions. Sci Data 5, 180161 (2018). "
    "https://doi.org/10.1038/sdata.2018.161"
)

#: What the challenge calls the way a diagnosis was confirmed, in the terms of HAM10000's ``dx_type``.
CONFIRMED_BY = {
    "histopathology": "histo",
    "serial imaging showing no change": "follow_up",
    "single image expert consensus": "consensus",
    "confocal microscopy with consensus dermoscopy": "confocal",
}


class DownloadError(RuntimeError):
    """A download that failed; the message names the file, the address, what happened and what to do."""


class Damaged(Exception):
    """What came is not the file that was asked for."""


@dataclass(frozen=True)
class Remote:
    """One file to fetch.

    ``name`` is its path inside the folder of the source, ``md5`` its published checksum (None where there is none),
    ``size`` its bytes (rounded; for the progress bar and the free-space check alone), ``members`` how many images or
    tables a zip holds, or how many rows a table has, and ``columns`` what a table must have.
    """

    name: str
    url: str
    md5: str | None
    size: int
    members: int
    columns: tuple[str, ...] = ()


DATAVERSE = "https://dataverse.harvard.edu/api/access/datafile/"
ISIC = "https://isic-archive.s3.amazonaws.com/challenges/2018/ISIC2018_Task3_Training_"
MASKS = "HAM10000_segmentations_lesion_tschandl.zip"
#: The challenge's two tables; they lie in a folder of their own, so that nobody takes the zip for images.
TRUTH, GROUPINGS = "labels/GroundTruth.zip", "labels/LesionGroupings.csv"
GROUPING_COLUMNS = ("image", "lesion_id", "diagnosis_confirm_type")

#: What is fetched over HTTP from each source, small files first.
SOURCES = {
    "dataverse": (
        Remote(METADATA, DATAVERSE + "4338392?format=original", None, 700_000, IMAGES, COLUMNS),
        Remote(MASKS, DATAVERSE + "3838943", "6e8d252e09cfdb0189199f15985a5b84", 14_000_000, IMAGES),
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
    "isic": (
        Remote(TRUTH, ISIC + "GroundTruth.zip", None, 100_000, 1),
        Remote(GROUPINGS, ISIC + "LesionGroupings.csv", None, 500_000, IMAGES, GROUPING_COLUMNS),
        Remote("ISIC2018_Task3_Training_Input.zip", ISIC + "Input.zip", None, 2_800_000_000, IMAGES),
    ),
}


def _members(archive):
    """Return the names of the images and tables in an open zip, without folders, licences and macOS's extras."""
    kinds = (".jpg", ".jpeg", ".png", ".csv")
    return [name for name in archive.namelist() if name.lower().endswith(kinds) and "__MACOSX" not in name]


def check(path, remote):
    """Raise :class:`Damaged` unless the file at ``path`` is the :class:`Remote`, whole, and safe to unpack."""
    try:
        if remote.md5 is not None and (md5 := pooch.file_hash(str(path), alg="md5")) != remote.md5:
            raise Damaged(f"its md5 is {md5}, and {remote.md5} is published")
        if remote.columns:
            table = pd.read_csv(path)
            if absent := sorted(set(remote.columns) - set(table.columns)):
                raise Damaged(f"it has no column {', '.join(absent)}")
            members = len(table)
        else:
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if PureWindowsPath(name).anchor or ".." in PureWindowsPath(name).parts:
                        raise Damaged(f"its member {name!r} would land outside the folder it is unpacked in")
                if remote.md5 is None and (broken := archive.testzip()):
                    raise Damaged(f"its member {broken} is broken")
                members = len(_members(archive))
        if members != remote.members:
            raise Damaged(f"it holds {members:,} entries instead of {remote.members:,}")
    except (Damaged, ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        with open(path, "rb") as file:
            page = file.read(64).lstrip().startswith(b"<")
        what = "a web page (a login, a block or a proxy?)" if page else f"{path.stat().st_size:,} bytes"
        raise Damaged(f"what came is {what}: {error}") from error


def isic_metadata(target):
    """Return the metadata of HAM10000 made from the challenge's two tables in the folder ``target``.

    The challenge publishes neither age nor sex nor site; they are missing, as they are where HAM10000 lacks them.
    Its classes stand in another order than ours, so they are taken by name.

    Returns
    -------
    pandas.DataFrame
        One row an image, with the official columns but ``dataset``, sorted by image_id.

    Raises
    ------
    DownloadError
        If the tables contradict each other, or hold what HAM10000 does not.
    """
    with zipfile.ZipFile(target / TRUTH) as archive, archive.open(_members(archive)[0]) as file:
        truth = pd.read_csv(file)
    groupings = pd.read_csv(target / GROUPINGS)

    def refuse(problem):
        return DownloadError(
            f"the ISIC tables in {target / 'labels'} do not fit HAM10000: {problem}. Delete that folder and run this "
            "again, or choose --source dataverse."
        )

    names = [name.upper() for name in CLASSES]
    if absent := sorted({"image", *names} - set(truth.columns)):
        raise refuse(f"{TRUTH} has no column {', '.join(absent)}")
    if sorted(truth["image"]) != sorted(set(groupings["image"])):
        raise refuse(f"{TRUTH} and {GROUPINGS} list different images, or one twice")
    one_hot = truth.set_index("image")[names]
    wrong = one_hot.index[(one_hot == 1).sum(axis=1) != 1]
    if len(wrong):
        raise refuse(f"{wrong[0]} has not exactly one diagnosis in {TRUTH}")
    table = groupings.set_index("image").rename_axis("image_id").sort_index()
    table["dx"] = one_hot.idxmax(axis=1).str.lower()
    table["dx_type"] = table["diagnosis_confirm_type"].map(CONFIRMED_BY)
    if table["dx_type"].isna().any():
        row = table[table["dx_type"].isna()].iloc[0]
        raise refuse(f"{row.name} is confirmed by {row['diagnosis_confirm_type']!r}, which is not known")
    return table.assign(age=None, sex="unknown", localization="unknown").reset_index()[list(COLUMNS[:-1])]

"""One loader for HAM10000, for your own images in its layout, and for the embedded sample.  Chapter 1 introduces it.

A folder holds the metadata and the images, as zips or loose.  Nothing is unpacked: images are read where they lie,
and everything that could make a later number wrong is checked first.  Data set: Tschandl, Rosendahl, Kittler,
Sci Data 5:180161 (2018), https://doi.org/10.1038/sdata.2018.161 (CC BY-NC 4.0).  Not a medical device.
"""

import hashlib
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd
from PIL import Image

from helpers.data import _download as download
from helpers.data import _files as files
from helpers.data import _sample as sample
from helpers.data._files import DataError, Stored, decode, open_image, upright_size
from helpers.ham10000 import CLASSES, COLUMNS

__all__ = ["DataError", "Dataset", "load"]

METADATA = re.compile(r"ham10000_metadata(\.csv|\.tab|\.tsv|\.txt)?", re.IGNORECASE)
OLDEST = 120


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A validated table of images, and access to each of them.  It can be sent to worker processes.

    ``table`` has one row an image, sorted by ``image_id``: the columns of :data:`helpers.ham10000.COLUMNS` (``age`` in
    years, NaN where missing; ``sex``, ``localization`` and ``dataset`` "unknown" where missing) and ``checksum``, the
    CRC-32 of the image file.  ``size`` is the most common (height, width) in pixels among 25 images spread over the
    table.  ``missing`` counts images that the metadata lists and that are absent: 0 unless a subset was asked for.
    """

    table: pd.DataFrame
    source: str
    licence: str
    synthetic: bool
    missing: int
    size: tuple[int, int]
    stored: dict[str, Stored] = field(repr=False)
    stored_masks: dict[str, Stored] = field(repr=False)

    @cached_property
    def fingerprint(self):
        """A SHA-256 over the table, checksums included: same rows in the same order, same hash, in zips or loose."""
        text = self.table.assign(age=self.table["age"].map("{:g}".format)).astype(str)
        rows = ("\x1f".join(row) for row in text[[*COLUMNS, "checksum"]].itertuples(index=False, name=None))
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()

    def __repr__(self):
        lesions = self.table["lesion_id"].nunique()
        return f"{self.source}: {len(self.table):,} images of {lesions:,} lesions, {len(self.stored_masks):,} masks"

    def image(self, image_id):
        """Return one image as stored, upright: ``(height, width, 3)`` uint8, RGB.

        Raises :class:`DataError` for an id that is not in the table, or a file that cannot be decoded.
        """
        return decode(self._find(image_id)).copy()

    def mask(self, image_id):
        """Return the lesion's mask at the size of its image: ``(height, width)`` bool; None where there is none.

        A mask of another size than its image is scaled; a pixel belongs to the lesion if at least half of it does.
        """
        image = self._find(image_id)
        if image_id not in self.stored_masks:
            return None
        height, width = open_image(image, upright_size)
        grey = open_image(self.stored_masks[image_id], lambda picture: np.asarray(picture.convert("L")))
        # Half of the largest value: masks are written with 255 or with 1 for the lesion.
        lesion = Image.fromarray(np.where(grey > grey.max() // 2, 255, 0).astype(np.uint8))
        return np.asarray(lesion.resize((width, height), Image.Resampling.BOX)) >= 128

    def _find(self, image_id):
        if image_id not in self.stored:
            raise DataError(f"no image {image_id!r}; the table's ids run from {min(self.stored)} to {max(self.stored)}")
        return self.stored[image_id]


def load(config, subset=None):
    """Return the :class:`Dataset` of a folder, of an earlier download, or of the embedded sample: the first there is.

    Parameters
    ----------
    config : helpers.settings.Settings
        ``config.data`` is a folder or None; ``config.cache`` holds downloads, the sample and remembered checksums.
    subset : bool, optional
        Take the images that are there, although the metadata lists more; default: environment variable ``SKIN_SUBSET``.

    Raises
    ------
    DataError
        For a folder, metadata or images that cannot be used; it names what is wrong, where, and the remedy.
    """
    if subset is None:
        subset = os.environ.get("SKIN_SUBSET", "0") not in ("", "0")
    folder, origin = _resolve(config)
    if not folder.is_dir():
        what = "is a file, not a folder: name the folder it lies in" if folder.exists() else "does not exist"
        raise DataError(
            f"the data folder {folder} {what}. Set SKIN_DATA to the folder that holds HAM10000_metadata.csv and the "
            "images, or unset it to use the embedded sample."
        )
    images, masks, others = files.inventory(folder)
    metadata = _find_metadata(folder, others)
    table = _read_metadata(metadata)
    stored = _index(files.with_checksums(images, config.cache))
    ids = set(table["image_id"])
    extra = sorted(set(stored) - ids)
    if extra:
        raise DataError(
            f"{len(extra):,} images have no row in {metadata.name}: {_first(extra)}; the first is {stored[extra[0]]}. "
            "Add a row for each, or move them out of the folder."
        )
    absent = sorted(ids - set(stored))
    if absent and not (subset and stored):
        raise DataError(_absent_message(folder, metadata, absent, table, images, others))
    table = table[table["image_id"].isin(stored)].sort_values("image_id", ignore_index=True)
    table["checksum"] = [stored[image_id].checksum for image_id in table["image_id"]]
    spread = np.unique(np.linspace(0, len(table) - 1, 25).astype(int))
    sizes = Counter(open_image(stored[table["image_id"][row]], upright_size) for row in spread)
    synthetic = any(path.name == "SYNTHETIC.txt" for path in others)
    source, licence = _source(origin, table, synthetic)
    return Dataset(
        table=table,
        source=source,
        licence=licence,
        synthetic=synthetic,
        missing=len(absent),
        size=sizes.most_common(1)[0][0],
        stored=stored,
        stored_masks={image_id: mask for image_id, mask in masks.items() if image_id in stored},
    )


def _resolve(config):
    """Return the folder to read and, in words, where it comes from."""
    if config.data is not None:
        return config.data, f"from the folder {config.data.resolve().name}"
    downloaded = download.found(config.cache)
    if downloaded is not None:
        return downloaded, "downloaded earlier"
    try:
        return sample.ensure(config.cache, config.seed), "drawn into the cache"
    except OSError as error:
        raise DataError(
            f"the embedded sample cannot be written into {config.cache} ({error.strerror}). Set SKIN_CACHE to a folder "
            "that you can write to, on a disk with room."
        ) from error


def _find_metadata(folder, others):
    found = [path for path in others if METADATA.fullmatch(path.name)]
    if not found:
        raise DataError(
            f"no HAM10000_metadata.csv in {folder} (it holds {_first(sorted(os.listdir(folder))) or 'nothing'}). "
            "Put the metadata of HAM10000 there, or a file of that name for your own images; unpack "
            "dataverse_files.zip first if that is what you have."
        )
    found.sort(key=lambda path: len(path.parts))
    for path in found[1:]:
        if len(path.parts) == len(found[0].parts) and path.read_bytes() != found[0].read_bytes():
            raise DataError(f"two different metadata files, {found[0]} and {path}. Keep one of them.")
    return found[0]


def _read_metadata(path):
    """Return the metadata as a checked table, in the file's order; every error names the line in the file."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            header = stream.readline()
            separator = max(",\t;", key=header.count)
            stream.seek(0)
            # The header is read as a row: so a row that is longer than it is an error, and never shifts the columns.
            cells = pd.read_csv(
                stream, sep=separator, dtype=str, header=None, keep_default_na=False, skip_blank_lines=False
            ).fillna("")
    except (OSError, ValueError) as error:  # pandas' parser errors and encoding errors are ValueErrors
        raise DataError(
            f"{path} cannot be read as a table ({error}). Save it as a comma-separated UTF-8 file."
        ) from error
    table = cells.iloc[1:].set_axis(cells.iloc[0].str.strip().str.lower().tolist(), axis="columns")
    repeated = table.columns[table.columns.duplicated()]
    if repeated.isin(COLUMNS).any():
        raise DataError(f"{path} has the column {repeated[0]} more than once. Keep the right one.")
    lacking = [column for column in COLUMNS if column not in table and column != "dataset"]
    if lacking:
        raise DataError(
            f"{path} has no column {', '.join(lacking)} (it has {', '.join(table.columns)}). Add it; where a value is "
            "not known, leave the cell empty."
        )
    if "dataset" not in table:
        table["dataset"] = ""
    table = table[list(COLUMNS)].apply(lambda column: column.str.strip())
    table = table[(table != "").any(axis=1)]
    if table.empty:
        raise DataError(f"{path} has a header and no rows. Add one row for each image, or download the file again.")

    def refuse(wrong, column, why):
        if wrong.any():
            line, value = wrong.idxmax(), table.loc[wrong.idxmax(), column]
            image = table.loc[line, "image_id"]
            raise DataError(f"{path}, line {line + 1} (image {image!r}), column {column}: {value!r} {why}")

    for column in ("lesion_id", "image_id"):
        refuse(table[column] == "", column, "is empty. Every image needs it; images of one lesion share the lesion_id.")
    refuse(~table["dx"].isin(CLASSES), "dx", f"is no known diagnosis. Use one of {', '.join(CLASSES)}.")
    refuse(table["image_id"].duplicated(), "image_id", "stands on an earlier line too. Keep one row for each image.")
    first = table.groupby("lesion_id")["dx"].transform("first")
    other = first[table["dx"] != first]
    if len(other):
        lesion = table.loc[other.index[0], "lesion_id"]
        refuse(
            table["dx"] != first,
            "dx",
            f"but an earlier line has {other.iloc[0]!r} for the same lesion, {lesion}. "
            "A lesion has one diagnosis: correct one of them, or give the images different lesion_ids.",
        )
    given = ~table["age"].str.lower().isin(["", "unknown", "na", "nan"])
    age = pd.to_numeric(table["age"].where(given), errors="coerce")
    refuse(
        given & ~age.between(0, OLDEST),
        "age",
        f"is no age in years from 0 to {OLDEST}. Leave the cell empty if it is not known.",
    )
    table["age"] = age.astype(float)
    table["sex"] = table["sex"].str.lower().replace("", "unknown")
    refuse(
        ~table["sex"].isin(["male", "female", "unknown"]), "sex", "is none of male, female, unknown. Write one of them."
    )
    return table.replace({column: {"": "unknown"} for column in ("dx_type", "localization", "dataset")})


def _index(images):
    """Return ``{image_id: Stored}``; the same id twice is one image if the bytes are the same, else an error."""
    index = {}
    for image in images:
        twin = index.setdefault(os.path.splitext(image.name)[0], image)
        if (twin.size, twin.checksum) != (image.size, image.checksum):
            raise DataError(f"two different files for one image_id: {twin} and {image}. Keep the right one.")
    return index


def _absent_message(folder, metadata, absent, table, images, others):
    parts = {match.group().lower() for image in images if (match := files.PART.search(str(image.path)))}
    zips = sorted({image.path.name for image in images if image.member})
    unused = [path.name for path in others if path.suffix.lower() in (".zip", *files.IMAGE_SUFFIXES)]
    present = len(table) - len(absent)
    if len(parts) == 1:
        cause = f"only {parts.pop()} is there, and the official images come in part 1 and part 2"
    elif zips and not parts:
        cause = (
            f"the official HAM10000_images_part_1.zip and HAM10000_images_part_2.zip are not there, only {_first(zips)}"
        )
    elif present == 0:
        cause = "the images have not been put into this folder, or their names are not the metadata's image_ids"
    else:
        cause = "a download or an unpacking that stopped half-way"
    return (
        f"{len(absent):,} of the {len(table):,} images that {metadata.name} lists are not in {folder}: "
        f"{_first(absent)}. Likely cause: {cause}."
        + (f" Not counted beside the official parts: {_first(unused)}." if unused else "")
        + " Put the missing files there"
        + (
            f"; or set SKIN_SUBSET=1 (in code: data.load(config, subset=True)) to use the {present:,} images that are "
            "there. Every page then says that it shows a subset."
            if present
            else "."
        )
    )


def _source(origin, table, synthetic):
    """Return what the images are and where they come from, and their licence."""
    if synthetic:
        return "embedded synthetic sample", "synthetic, drawn by this course (MIT)"
    if table["image_id"].str.fullmatch(r"ISIC_\d{7}").all() and table["lesion_id"].str.fullmatch(r"HAM_\d{7}").all():
        return f"HAM10000 (Tschandl et al. 2018) {origin}", "CC BY-NC 4.0, Tschandl, Rosendahl, Kittler 2018"
    return f"images {origin}", "as their owner says"


def _first(names, count=5):
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")

"""One loader for HAM10000, for your own images in its layout, and for the embedded sample.

A folder holds the metadata and the images, as zips or loose.  Nothing is unpacked: images are read where they lie,
and everything that could make a later number wrong is checked first.  Data set: Tschandl, Rosendahl, Kittler,
Sci Data 5:180161 (2018), https://doi.org/10.1038/sdata.2018.161 (CC BY-NC 4.0).  Not a medical device.
"""

import hashlib
import os
import re
import unicodedata
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PureWindowsPath

import numpy as np
import pandas as pd
from PIL import Image

from helpers import settings
from helpers.data import _files as files
from helpers.data import _isic, _places, _sample, _table
from helpers.data._files import DataError, Stored, decode, first_of, open_image, upright_size
from helpers.ham10000 import COLUMNS

__all__ = ["DataError", "Dataset", "load"]

METADATA = re.compile(r"ham10000_metadata(\.csv|\.tab|\.tsv|\.txt)?", re.IGNORECASE)
#: Image files that are not read, and packed folders that are not opened.
OTHER_IMAGES = (".bmp", ".tif", ".tiff", ".gif", ".webp", ".heic", ".heif", ".avif", ".jfif", ".jp2", ".dcm", ".npz")
PACKED = (".7z", ".rar", ".tar", ".tgz", ".gz", ".bz2", ".xz")


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A validated table of images, and access to each of them.  It can be sent to worker processes.

    ``table`` has one row an image, sorted by ``image_id``: the columns of :data:`helpers.ham10000.COLUMNS` (``age`` in
    years, NaN where missing; ``sex``, ``localization`` and ``dataset`` "unknown" where missing) and ``checksum``, the
    CRC-32 of the image file.  ``size`` is the most common (height, width) in pixels among 25 images spread over the
    table.  ``missing`` counts images that the metadata lists and that are absent: 0 unless a subset was asked for.
    ``synthetic`` is true where an image of the embedded sample is among them.  ``notices`` says in words what stood in
    another form than HAM10000's own and was read all the same.
    ``why`` says why the images are drawn where nobody asked for that, and how to get the real ones.
    """

    table: pd.DataFrame
    source: str
    licence: str
    synthetic: bool
    missing: int
    size: tuple[int, int]
    stored: dict[str, Stored] = field(repr=False)
    stored_masks: dict[str, Stored] = field(repr=False)
    notices: tuple[str, ...] = ()
    why: str = ""

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
        ``config.data`` is a folder, ``"sample"`` or None; ``config.cache`` holds downloads, the sample and remembered
        checksums.
    subset : bool, optional
        Take the images that are there, although the metadata lists more; default: environment variable ``SKIN_SUBSET``.

    Raises
    ------
    DataError
        For a folder, metadata or images that cannot be used; it names what is wrong, where, and the remedy.

    Examples
    --------
    >>> from helpers import data, settings
    >>> ham = data.load(settings.for_chapter("meet-the-data"))  # the embedded sample, where nothing else is here
    >>> ham
    embedded synthetic sample: 1,000 images of 750 lesions, 1,000 masks
    >>> ham.image("SYN_0000001").shape
    (150, 200, 3)
    """
    if subset is None:
        try:
            subset = settings.switch("SKIN_SUBSET")
        except ValueError as error:
            raise DataError(str(error)) from error
    place = _places.resolve(config)
    folder = place.folder
    if not folder.is_dir():
        raise DataError(_no_folder_message(folder))
    images, masks, others = files.inventory(folder)
    metadata = _find_metadata(folder, others)
    groupings = next((path for path in others if path.name.lower() == _isic.GROUPINGS.lower()), None)
    table, notices = _table.read(metadata, groupings)
    if place.lacks_sources:
        table, told = _places.with_sources(table, config.cache)
        notices += told
    stored = _index(files.with_checksums(images, config.cache))
    table["image_id"], stored, matched = _match(table["image_id"], stored)
    notices += matched
    ids = set(table["image_id"])
    extra = sorted(set(stored) - ids)
    if extra:
        raise DataError(_extra_message(metadata, extra, sorted(ids - set(stored)), stored))
    absent = sorted(ids - set(stored))
    if absent and not (subset and stored):
        raise DataError(_absent_message(folder, metadata, absent, table, images, others))
    table = table[table["image_id"].isin(stored)].sort_values("image_id", ignore_index=True)
    table["checksum"] = [stored[image_id].checksum for image_id in table["image_id"]]
    spread = np.unique(np.linspace(0, len(table) - 1, 25).astype(int))
    sizes = Counter(open_image(stored[table["image_id"][row]], upright_size) for row in spread)
    synthetic = bool(table["image_id"].str.fullmatch(_sample.IMAGE_ID).any())
    source, licence = _source(place.origin, table, synthetic)
    mask_of = {image_id: masks.get(_stem(image.name)) for image_id, image in stored.items()}
    return Dataset(
        table=table,
        source=source,
        licence=licence,
        synthetic=synthetic,
        missing=len(absent),
        size=sizes.most_common(1)[0][0],
        stored=stored,
        stored_masks={image_id: mask for image_id, mask in mask_of.items() if mask is not None},
        notices=notices,
        why=place.notice,
    )


def _no_folder_message(folder):
    remedy = (
        "Set SKIN_DATA to the folder that holds HAM10000_metadata.csv and the images, or unset it to use the embedded "
        "sample."
    )
    if folder.exists():
        return f"the data folder {folder} is a file, not a folder: name the folder it lies in. {remedy}"
    hint = ""
    if os.name == "posix" and PureWindowsPath(folder).drive:
        hint = " It is a path of Windows, and this is another system: in WSL, C:\\ is /mnt/c/; to Colab, upload it."
    else:
        parent = next(parent for parent in [*folder.absolute().parents] if parent.is_dir())
        hint = f" {parent} is there, and holds {first_of(sorted(os.listdir(parent))) or 'nothing'}."
    return f"the data folder {folder} does not exist.{hint} {remedy}"


def _find_metadata(folder, others):
    tables = [path for path in others if METADATA.fullmatch(path.name)]
    tables = tables or [path for path in others if path.name.lower() == _isic.TRUTH.lower()]
    if not tables:
        raise DataError(_no_metadata_message(folder, others))
    tables.sort(key=lambda path: len(path.parts))
    for path in tables[1:]:
        if len(path.parts) == len(tables[0].parts) and path.read_bytes() != tables[0].read_bytes():
            raise DataError(f"two different metadata files, {tables[0]} and {path}. Keep one of them.")
    return tables[0]


def _no_metadata_message(folder, others):
    near = [path.name for path in others if path.suffix.lower() in (".csv", ".tab", ".tsv", ".txt", ".xlsx", ".xls")]
    near = sorted(near, key=lambda name: "metadata" not in name.lower())
    inside = _zipped(others, (".csv", ".tab", ".tsv", ".zip"))
    if near:
        remedy = f"If {near[0]!r} is the metadata, rename it to HAM10000_metadata.csv."
    elif inside or any(path.suffix.lower() in PACKED for path in others):
        packed = inside or [path.name for path in others if path.suffix.lower() in PACKED]
        remedy = f"Unpack {packed[0]} first."
    else:
        remedy = "Put the metadata of HAM10000 there, or a file of that name for your own images."
    there = first_of(sorted(os.listdir(folder))) or "nothing"
    return f"no HAM10000_metadata.csv in {folder} (it holds {there}). {remedy}"


def _zipped(paths, suffixes):
    """Return the names of those zips that hold files with one of these endings."""
    names = []
    for path in paths:
        if path.suffix.lower() == ".zip" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if any(name.lower().endswith(suffixes) for name in archive.namelist()):
                    names.append(path.name)
    return names


def _stem(name):
    return os.path.splitext(name)[0]


def _index(images):
    """Return ``{image_id: Stored}``; the same id twice is one image if the bytes are the same, else an error."""
    index = {}
    for image in images:
        twin = index.setdefault(_stem(image.name), image)
        if (twin.size, twin.checksum) != (image.size, image.checksum):
            raise DataError(f"two different files for one image_id: {twin} and {image}. Keep the right one.")
    return index


def _match(image_ids, stored):
    """Pair ids and files whose names differ in spelling alone; return the ids, the files by id, and what was done.

    Only ids without a file and files without a row are looked at, and only pairs that are one to one: by Unicode form,
    letter case, ending, folder, leading zeros, or the "(1)" of a second copy.  A copy of another file's bytes under
    its name and an addition is left out.
    """
    notices = []
    lonely_ids, lonely_files = (sorted(names) for names in (set(image_ids) - set(stored), set(stored) - set(image_ids)))
    by_key = {}
    for kind, names in (("id", lonely_ids), ("file", lonely_files)):
        for name in names:
            by_key.setdefault(_key(name), {"id": [], "file": []})[kind].append(name)
    pairs = [names for names in by_key.values() if len(names["id"]) == len(names["file"]) == 1]
    file_of = {names["id"][0]: names["file"][0] for names in pairs}
    if file_of:
        first, file = next(iter(file_of.items()))
        notices.append(
            f"{len(file_of):,} image_ids are spelt otherwise than their files and were matched one to one, such as "
            f"{_apart(first, stored[file].name)}."
        )
        clean = {image_id: _clean(image_id) for image_id in file_of}
        stored = {name: image for name, image in stored.items() if name not in set(file_of.values())} | {
            clean[image_id]: stored[file] for image_id, file in file_of.items()
        }
        image_ids = image_ids.replace(clean)
    listed = set(image_ids)
    by_content = {}
    for name, image in stored.items():
        if name in listed:
            by_content.setdefault((image.size, image.checksum), []).append(name)
    copies = [
        name
        for name in set(stored) - listed
        if name.startswith(tuple(by_content.get((stored[name].size, stored[name].checksum), ())))
    ]
    if copies:
        notices.append(f"{len(copies):,} second copies of images were left out, such as {stored[min(copies)].name!r}.")
        stored = {name: image for name, image in stored.items() if name not in copies}
    return image_ids, stored, tuple(notices)


def _clean(image_id):
    """Return an id without folders and the ending of an image, in Unicode's composed form."""
    name = unicodedata.normalize("NFC", re.split(r"[\\/]", image_id)[-1])
    return _stem(name) if name.lower().endswith((*files.IMAGE_SUFFIXES, *OTHER_IMAGES)) else name


def _apart(image_id, file):
    """Return an id and the name of its file, written so that the difference between them can be seen."""
    if image_id == file:
        return f"{image_id!r}, which has the ending of its file"
    alike = unicodedata.normalize("NFC", image_id) == unicodedata.normalize("NFC", _stem(file))
    show = ascii if alike else repr
    return f"{show(image_id)} and {show(file)}"


def _key(name):
    """Return what two spellings of one name have in common."""
    key = re.sub(r"\s*\(\d+\)$", "", _clean(name)).casefold()
    return key.lstrip("0") if key.isdigit() else key


def _extra_message(metadata, extra, absent, stored):
    near = [image_id for image_id in absent if _key(image_id) == _key(extra[0])] or absent
    beside = f" Is one of them an id without an image, such as {near[0]!r}, spelt otherwise?" if near else ""
    return (
        f"{len(extra):,} images have no row in {metadata.name}: {first_of(extra)}; the first is {stored[extra[0]]}. "
        f"Add a row for each, or move them out of the folder.{beside}"
    )


def _absent_message(folder, metadata, absent, table, images, others):
    parts = {match.group().lower() for image in images if (match := files.PART.search(str(image.path)))}
    zips = sorted({image.path.name for image in images if image.member})
    unused = [path.name for path in others if path.suffix.lower() in (".zip", *files.IMAGE_SUFFIXES)]
    present = len(table) - len(absent)
    foreign = [path.name for path in others if path.suffix.lower() in OTHER_IMAGES] + _zipped(others, OTHER_IMAGES)
    packed = _zipped(others, (".zip",)) + [path.name for path in others if path.suffix.lower() in PACKED]
    if packed:
        cause = f"{packed[0]} has not been unpacked; unpack it into this folder, the zips inside can stay as they are"
    elif foreign:
        cause = f"images are read if they end in .jpg, .jpeg or .png, and not {foreign[0]}; save such files as PNG"
    elif len(parts) == 1:
        cause = f"only {parts.pop()} is there, and the official images come in part 1 and part 2"
    elif zips and not parts:
        cause = f"the official HAM10000_images_part_1.zip and ..._part_2.zip are not there, only {first_of(zips)}"
    elif present == 0:
        cause = "the images have not been put into this folder, or their names are not the metadata's image_ids"
    else:
        cause = "a download or an unpacking that stopped half-way"
    return (
        f"{len(absent):,} of the {len(table):,} images that {metadata.name} lists are not in {folder}: "
        f"{first_of(absent)}. Likely cause: {cause}."
        + (f" Not counted beside the official parts: {first_of(unused)}." if unused else "")
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

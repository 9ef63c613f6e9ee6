"""What lies in a data folder: loose files and zip members, listed, checked and decoded where they lie, not unpacked."""

import hashlib
import io
import json
import os
import re
import sys
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tqdm import tqdm

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
#: The only formats that Pillow may take an image for, whatever its name: some of its others start programs (EPS).
FORMATS = ("JPEG", "PNG")
#: An image file has at most so many bytes: what is larger is no photograph, and would fill the memory.
LARGEST = 200_000_000
MASK = re.compile(r"(.+)_segmentation\.png", re.IGNORECASE)
#: Markers of a JPEG: the end, Huffman tables, the interval of restarts, a scan of coded pixels, what may follow one.
END, TABLES, RESTARTS, SCAN = 0xD9, 0xC4, 0xDD, 0xDA
AFTER_A_SCAN = (END, TABLES, RESTARTS, SCAN, 0xDB, 0xDC, 0xFE)
#: Frames that are coded by other rules than the baseline's: progressive, lossless, arithmetic.
OTHER_CODINGS = frozenset(range(0xC2, 0xD0)) - {TABLES, 0xC8, 0xCC}
#: So many zero bytes in a row are no coded pixels.
ZEROS = 64
#: Colour modes of Pillow that turn into RGB without loss of meaning; 16-bit and float images do not.
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
ORIENTATION = 0x0112  # the EXIF tag
PART = re.compile(r"ham10000_images_part_\d+", re.IGNORECASE)


class DataError(ValueError):
    """The data cannot be used as they are.  The message names the file, the row or the value, and the remedy."""


@dataclass(frozen=True)
class Stored:
    """Where one image or mask lies: a loose file (``member`` is None) or a member of a zip.

    ``size`` is in bytes; ``checksum`` is the CRC-32 of the bytes as 8 hex digits, None where it is not known yet.
    """

    path: Path
    member: str | None
    size: int
    checksum: str | None

    def __str__(self):
        return str(self.path) if self.member is None else f"{self.member} in {self.path}"

    @property
    def name(self):
        """The file's name without its folders."""
        return self.path.name if self.member is None else re.split(r"[\\/]", self.member)[-1]

    def read(self):
        """Return the file's bytes; raises :class:`DataError` if it is gone, unreadable, damaged or no photograph."""
        if self.size > LARGEST:
            raise DataError(f"{self} has {self.size:,} bytes: that is no photograph. Remove it, or save it smaller.")
        try:
            if self.member is None:
                return self.path.read_bytes()
            return _archive(self.path, self.path.stat().st_mtime_ns, os.getpid()).read(self.member)
        except (OSError, RuntimeError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"{self} cannot be read ({error}). Restore the file, or download it again.") from error


@lru_cache(maxsize=16)
def _archive(path, modified, process):
    """Return the open zip.  Each process opens its own: a handle shared across a fork would mix up its position."""
    return zipfile.ZipFile(path)


def progress(total, what):
    """Return a tqdm bar, drawn where somebody watches it."""
    return tqdm(total=total, desc=what, unit="image", disable=not progress_shown())


def progress_shown():
    """Whether to draw progress: in a terminal and on Colab only, so that a notebook's stored output stays clean."""
    return sys.stderr.isatty() or "google.colab" in sys.modules


def walk(folder):
    """Yield ``(path, official)`` of each file below ``folder``, in order of name; hidden files are left out.

    ``official`` is true for the image parts of HAM10000: ``HAM10000_images_part_1.zip``, and whatever lies in a folder
    ``HAM10000_images_part_1``, in either letter case, at any depth.
    """

    def fail(error):
        raise DataError(f"{error.filename} cannot be read ({error.strerror}). Give yourself permission to read it.")

    seen = set()
    for root, folders, names in os.walk(folder, onerror=fail, followlinks=True):
        if os.path.realpath(root) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(root))
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        inside = any(PART.fullmatch(name) for name in os.path.relpath(root, folder).split(os.sep))
        for name in sorted(names):
            if not name.startswith("."):
                stem, suffix = os.path.splitext(name)
                yield Path(root, name), inside or (suffix.lower() == ".zip" and PART.fullmatch(stem) is not None)


def members(path):
    """Return a :class:`Stored` for each image or mask in a zip; raises :class:`DataError` for a bad zip."""
    try:
        infos = _archive(path, path.stat().st_mtime_ns, os.getpid()).infolist()
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path} cannot be opened as a zip ({error}). A download that stopped half-way looks like this: "
            "delete the file and download it again."
        ) from error
    stored = []
    for info in infos:
        parts = re.split(r"[\\/]", info.filename)
        if ".." in parts or parts[0] == "" or re.match("[A-Za-z]:", info.filename):
            raise DataError(
                f"{path} holds {info.filename!r}, a path outside its own folder. No official file does: "
                "do not use this zip, download it again from the source."
            )
        hidden = parts[0] == "__MACOSX" or parts[-1].startswith(".")
        if parts[-1].lower().endswith(IMAGE_SUFFIXES) and not hidden:
            stored.append(Stored(path, info.filename, info.file_size, f"{info.CRC:08x}"))
    return stored


def inventory(folder):
    """List a folder's images and masks.

    If official image parts are there, only these count as images; otherwise any zip and any loose image does.

    Returns
    -------
    images : list of Stored
    masks : dict of image_id to Stored
    others : list of Path
        The files that are neither, the metadata among them, and the images that the official parts make superfluous.

    Raises
    ------
    DataError
        If the folder, or a zip in it, cannot be read.
    """
    listed = list(walk(folder))
    only_official = any(official and path.suffix.lower() in (".zip", *IMAGE_SUFFIXES) for path, official in listed)
    images, masks, others = [], {}, []
    for path, official in listed:
        suffix = path.suffix.lower()
        takes_images = official or not only_official
        if suffix == ".zip" and (takes_images or "segmentation" in path.name.lower()):
            stored = members(path)
        elif suffix in IMAGE_SUFFIXES:
            stored = [Stored(path, None, _size(path), None)]
        else:
            stored = []
        used = False
        for file in stored:
            mask = MASK.fullmatch(file.name)
            if mask:
                masks.setdefault(mask.group(1), file)
            elif takes_images:
                images.append(file)
            used = used or bool(mask) or takes_images
        if not used:
            others.append(path)
    return images, masks, others


def _size(path):
    try:
        return path.stat().st_size
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): a link to a file that is gone? Mend or remove it."
        ) from error


def with_checksums(images, cache):
    """Return the images with every checksum known; loose files are read once and remembered in ``cache``.

    A remembered checksum holds as long as path, size and time of change stay the same.

    Raises
    ------
    DataError
        For a file that is empty, cut short or no JPEG or PNG at all, and for a cache that cannot be written.
    """
    empty = [image for image in images if image.size == 0]
    if empty:
        raise DataError(f"{empty[0]} is empty ({len(empty)} such files). Download or copy it again.")
    loose = [image for image in images if image.checksum is None]
    if not loose:
        return images
    folder = os.path.commonpath([os.path.abspath(image.path.parent) for image in loose])
    memory = cache / "checksums" / f"{hashlib.sha256(folder.encode()).hexdigest()[:16]}.json"
    known = _remembered(memory)
    stamps = {str(image.path): f"{image.size} {image.path.stat().st_mtime_ns}" for image in loose}
    new = [image for image in loose if known.get(str(image.path), ("", ""))[0] != stamps[str(image.path)]]
    with ThreadPoolExecutor() as pool, progress(len(new), "checksums") as bar:
        for image, checksum in zip(new, pool.map(checksum_of, new), strict=True):
            known[str(image.path)] = [stamps[str(image.path)], checksum]
            bar.update()
    if new:
        write_text(memory, json.dumps(known))
    return [replace(image, checksum=image.checksum or known[str(image.path)][1]) for image in images]


def _remembered(memory):
    """Return ``{path: (stamp, checksum)}`` from a file in the cache, without entries that are not of this form."""
    try:
        entries = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(entries, dict):
        return {}
    return {
        path: tuple(entry)
        for path, entry in entries.items()
        if isinstance(entry, list)
        and len(entry) == 2
        and isinstance(entry[0], str)
        and isinstance(entry[1], str)
        and re.fullmatch("[0-9a-f]{8}", entry[1])
    }


def checksum_of(image):
    """Return the CRC-32 of an image file as 8 hex digits; raise :class:`DataError` where its bytes show damage."""
    content = image.read()
    damage = damage_of(content)
    if damage:
        raise DataError(f"{image} {damage}.")
    return f"{zlib.crc32(content):08x}"


def damage_of(content):
    """Return in words what is wrong with the bytes of a JPEG or PNG, "" where nothing is seen.  Nothing is decoded.

    A JPEG decoder makes pixels of whatever stands between the first marker and the last.  Two kinds of damage in the
    middle are certain, though, and looked for in baseline JPEGs: a marker that cannot stand inside the pixels, and a
    run of zero bytes that no picture is coded to.  Bytes that are lost or turned over may leave neither.
    """
    again = "Download or copy it again"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "" if b"IEND" in content else f"is cut short: its end is missing. {again}"
    if not content.startswith(b"\xff\xd8\xff"):
        return "is neither a JPEG nor a PNG. Remove it, or save the image again as one of these"
    # Cameras may add bytes of their own after the end marker, so it need not be last: only after the last scan begins.
    if content.rfind(b"\xff\xd9") <= content.rfind(b"\xff\xda"):
        return f"is cut short: its end is missing. {again}"
    return f"is damaged in the middle, as by a bad copy. {again}" if _jpeg_damaged(content) else ""


def _jpeg_damaged(content):
    """Whether the coded pixels of a baseline JPEG hold what an encoder cannot have written (ITU-T T.81, annex B)."""
    at, restarts, symbols = 2, False, {}
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != END:
        marker = content[at + 1]
        segment = content[at + 4 : at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")]
        at += 4 + len(segment)
        if marker in OTHER_CODINGS:
            return False
        if marker == TABLES:
            symbols |= _first_symbols(segment)
        elif marker == RESTARTS:
            restarts = segment[:2] != b"\0\0"
        elif marker == SCAN:
            end = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]" if restarts else rb"\xff+[^\x00\xff]").search(content, at)
            if end is None or end.group()[-1] not in AFTER_A_SCAN:
                return True
            # To a decoder, zero bits are the first symbol of a table, again and again.  Where that is "no more
            # frequencies in this block", they are an even area; else block after block in which all 63 are the same.
            even = all(symbols.get(0x10 | table & 0x0F, 0) == 0 for table in segment[2 : 2 + 2 * segment[0] : 2])
            if not even and bytes(ZEROS) in content[at : end.start()]:
                return True
            at = end.end() - 2
    return False


def _first_symbols(segment):
    """Return ``{table: the symbol that zero bits stand for}`` of a segment of Huffman tables."""
    symbols = {}
    while len(segment) > 17:
        count = sum(segment[1:17])
        symbols[segment[0]] = segment[17]
        segment = segment[17 + count :]
    return symbols


def decode(stored, size=None):
    """Decode one image to a read-only ``(height, width, 3)`` uint8 RGB array, upright by its EXIF orientation.

    ``size`` is (height, width) in pixels, None for the image's own.  A JPEG that is to shrink at least four times is
    halved by the JPEG decoder itself, and the rest is done by an antialiased bicubic filter.  Greyscale, palette and
    CMYK images become RGB; what is transparent is laid over white, as an image viewer would show it.
    """

    def work(picture):
        if size:
            picture.draft(None, (2 * size[1], 2 * size[0]))
        if picture.getexif().get(ORIENTATION, 1) != 1:
            ImageOps.exif_transpose(picture, in_place=True)
        if picture.mode not in MODES:
            raise ValueError(f"pixels of kind {picture.mode!r}: save it with 8 bits a channel")
        if picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info:
            clear = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear)
        if picture.mode != "RGB":
            picture = picture.convert("RGB")
        if size and picture.size != (size[1], size[0]):
            picture = picture.resize((size[1], size[0]), Image.Resampling.BICUBIC)
        return np.asarray(picture)

    return open_image(stored, work)


def open_image(stored, work):
    """Open an image and return ``work(picture)``; whatever Pillow raises becomes a DataError that names the file."""
    content = stored.read()
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            return work(picture)
    except Exception as error:  # Pillow's readers raise OSError, SyntaxError, ValueError, struct.error and others
        raise DataError(
            f"{stored} cannot be decoded as an image ({error}). Download or copy it again, or take out both the "
            "file and its row in the metadata."
        ) from error


def upright_size(picture):
    """Return (height, width) in pixels of an open Pillow image as it is meant to be seen."""
    turned = picture.getexif().get(ORIENTATION, 1) >= 5
    return picture.size if turned else picture.size[::-1]


def write_text(path, text):
    """Write a small file under a temporary name, then move it into place; raises :class:`DataError` if that fails."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise DataError(
            f"{path.parent} cannot be written ({error.strerror}). Set SKIN_CACHE to a folder that you can write to."
        ) from error


def first_of(names, count=5):
    """Return the first names of a list in words, with dots where there are more."""
    return ", ".join(names[:count]) + (", ..." if len(names) > count else "")

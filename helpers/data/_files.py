"""What lies in a data folder: loose files and zip members, listed, checked and decoded where they are, never unpacked.

Chapter 1 uses it through :mod:`helpers.data`.
"""

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
MASK = re.compile(r"(.+)_segmentation\.png", re.IGNORECASE)
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
        """Return the file's bytes; raises :class:`DataError` if it is gone, unreadable or damaged."""
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
    found = []
    for info in infos:
        parts = re.split(r"[\\/]", info.filename)
        if ".." in parts or parts[0] == "" or re.match("[A-Za-z]:", info.filename):
            raise DataError(
                f"{path} holds {info.filename!r}, a path outside its own folder. No official file does: "
                "do not use this zip, download it again from the source."
            )
        hidden = parts[0] == "__MACOSX" or parts[-1].startswith(".")
        if parts[-1].lower().endswith(IMAGE_SUFFIXES) and not hidden:
            found.append(Stored(path, info.filename, info.file_size, f"{info.CRC:08x}"))
    return found


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
        for one in stored:
            mask = MASK.fullmatch(one.name)
            if mask:
                masks.setdefault(mask.group(1), one)
            elif takes_images:
                images.append(one)
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
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    stamps = {str(image.path): f"{image.size} {image.path.stat().st_mtime_ns}" for image in loose}
    new = [image for image in loose if known.get(str(image.path), [None])[0] != stamps[str(image.path)]]
    with ThreadPoolExecutor() as pool, progress(len(new), "checksums") as bar:
        for image, checksum in zip(new, pool.map(_checksum, new), strict=True):
            known[str(image.path)] = [stamps[str(image.path)], checksum]
            bar.update()
    if new:
        write_text(memory, json.dumps(known))
    return [replace(image, checksum=image.checksum or known[str(image.path)][1]) for image in images]


def _checksum(image):
    """Return the CRC-32 of a loose file as 8 hex digits, after a look at its first and last marker."""
    content = image.read()
    jpeg = content.startswith(b"\xff\xd8\xff")
    if not jpeg and not content.startswith(b"\x89PNG\r\n\x1a\n"):
        raise DataError(f"{image} is neither a JPEG nor a PNG. Remove it, or save the image again as one of these.")
    # Cameras may add bytes of their own after the end marker, so it need not be last: only after the last scan begins.
    if content.rfind(b"\xff\xd9") <= content.rfind(b"\xff\xda") if jpeg else b"IEND" not in content:
        raise DataError(f"{image} is cut short: its end is missing. Download or copy it again.")
    return f"{zlib.crc32(content):08x}"


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
        with Image.open(io.BytesIO(content)) as picture:
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

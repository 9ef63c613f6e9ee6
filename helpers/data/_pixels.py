"""Pixels, decoded and resized once, then read from a memory-mapped cache.

Decoding JPEGs takes longer than anything else in the data chapters, so each image is decoded once for each size; all
later runs map the file into memory and read only the rows they touch.
"""

import os
from functools import lru_cache

import numpy as np

from helpers.data._cache import add_checksum, atomic_write, checksum_agrees
from helpers.data._files import decode, progress
from helpers.data._workers import in_parallel

#: Raised whenever the same file would give other pixels: caches of an older recipe are then no longer used.
RECIPE = 1
#: How many images a worker is given at a time.
CHUNK = 64
#: Below this many images a worker process is not worth the seconds that it takes to start.
IMAGES_A_WORKER = 2000


def load_pixels(dataset, config, size=None):
    """Return all images of a data set at one size: ``(n, height, width, 3)`` uint8 RGB, in the table's order.

    The array is memory-mapped and read-only.  It lies in ``config.cache``, keyed by what determines it: the data set's
    fingerprint, the size and the recipe by which images are decoded.  An image of other proportions is stretched.

    Parameters
    ----------
    dataset : helpers.data.Dataset
        As :func:`helpers.data.load` returns it.
    config : helpers.settings.Settings
    size : tuple of int, optional
        (height, width) in pixels; default ``config.sizes.image``.

    Raises
    ------
    helpers.data.DataError
        If an image cannot be decoded (it names the file), or the cache folder is full or cannot be written.

    Examples
    --------
    >>> from helpers import data, settings
    >>> config = settings.for_chapter("meet-the-data", tier="quick")
    >>> ham = data.load(config)  # the embedded sample, where nothing else is here
    >>> data.load_pixels(ham, config).shape
    (1000, 75, 100, 3)
    """
    height, width = size or config.sizes.image
    shape = (len(dataset.table), height, width, 3)
    path = config.cache / "pixels" / f"{dataset.fingerprint[:20]}-{width}x{height}-recipe{RECIPE}.npy"
    pixels = _open(path, shape)
    if pixels is not None:
        return pixels
    with atomic_write(path, "pixels", int(np.prod(shape))) as partial:
        _fill(partial, dataset, shape)
        add_checksum(partial)
    return _open(path, shape)


def _open(path, shape):
    """Return the cached array, or None if there is none of this shape, or its bytes are not those that were written."""
    try:
        pixels = np.load(path, mmap_mode="r")
        status = path.stat()
    except (OSError, EOFError, ValueError, SyntaxError):
        return None
    if pixels.shape != shape or pixels.dtype != np.uint8:
        return None
    return pixels if _intact(path, status.st_size, status.st_mtime_ns) else None


@lru_cache(maxsize=256)
def _intact(path, size, changed):
    """Whether the file's checksum agrees; its bytes are read once in a process, as long as the file is untouched."""
    return checksum_agrees(path)


def _fill(path, dataset, shape):
    """Write the whole array to ``path`` on all cores; each worker writes its own rows straight into the file."""
    with open(path, "wb") as stream:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        start = stream.tell()
    bytes_a_row = int(np.prod(shape[1:]))
    stored = [dataset.stored[image_id] for image_id in dataset.table["image_id"]]
    jobs = [
        (path, start + first * bytes_a_row, stored[first : first + CHUNK], shape[1:3])
        for first in range(0, len(stored), CHUNK)
    ]
    workers = min(os.cpu_count() or 1, len(stored) // IMAGES_A_WORKER)
    with progress(len(stored), f"decoding to {shape[2]} x {shape[1]}") as bar:
        for written in in_parallel(_write_rows, jobs, workers, "decodes images"):
            bar.update(written)


def _write_rows(job):
    """Decode one chunk of images and write each at its place in the file; return how many."""
    path, offset, stored, size = job
    with open(path, "r+b") as stream:
        stream.seek(offset)
        for image in stored:
            stream.write(decode(image, size).data)
    return len(stored)

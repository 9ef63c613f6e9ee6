"""Pixels, decoded and resized once, then read from a memory-mapped cache.  Chapter 1 introduces it.

Decoding JPEGs takes longer than anything else in the data chapters, so each image is decoded once for each size; all
later runs map the file into memory and read only the rows they touch.
"""

import errno
import os
import shutil
import signal
import socket
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_all_start_methods, get_context
from threading import Thread

import numpy as np

from helpers.files import DataError, decode, progress

#: Raised whenever the same file would give other pixels: caches of an older recipe are then no longer used.
RECIPE = 1
#: How many images a worker is given at a time.
CHUNK = 64
#: Below this many images a worker is not worth its start.
IMAGES_A_WORKER = 500
DAY = 24 * 60 * 60
#: What the system says when there is no room: on the disk, in the user's quota, in a file of limited size.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def load_pixels(dataset, config, size=None):
    """Return all images of a data set at one size: ``(n, height, width, 3)`` uint8 RGB, in the table's order.

    The array is memory-mapped and read-only.  It lies in ``config.cache``, keyed by what determines it: the data set's
    fingerprint, the size and the recipe of :func:`helpers.files.decode`.  An image of other proportions is stretched.

    Parameters
    ----------
    dataset : helpers.data.Dataset
    config : helpers.settings.Settings
    size : tuple of int, optional
        (height, width) in pixels; default ``config.sizes.image``.

    Raises
    ------
    helpers.data.DataError
        If an image cannot be decoded (it names the file), or the cache folder is full or cannot be written.
    """
    height, width = size or config.sizes.image
    shape = (len(dataset.table), height, width, 3)
    folder = config.cache / "pixels"
    path = folder / f"{dataset.fingerprint[:20]}-{width}x{height}-recipe{RECIPE}.npy"
    pixels = _open(path, shape)
    if pixels is not None:
        return pixels
    needed = int(np.prod(shape))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_stale(folder)
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise DataError(_no_room(folder, needed, f"{free:,} bytes are free"))
        partial = temporary(path)
        try:
            _fill(partial, dataset, shape)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        if error.errno in FULL:
            raise DataError(_no_room(folder, needed, error.strerror)) from error
        raise DataError(
            f"{folder} cannot be written ({error.strerror}). Set SKIN_CACHE to a folder that you can write to."
        ) from error
    return _open(path, shape)


def _no_room(folder, needed, why):
    return (
        f"the pixel cache {folder} cannot be written: {why}, and {needed:,} bytes are needed. Make room there, "
        "set SKIN_CACHE to a folder on a larger disk, or choose a smaller tier."
    )


def _open(path, shape):
    """Return the cached array, or None if there is none of this shape."""
    try:
        pixels = np.load(path, mmap_mode="r")
    except (OSError, EOFError, ValueError):
        return None
    return pixels if pixels.shape == shape and pixels.dtype == np.uint8 else None


def temporary(path):
    """Return a temporary name that says which process of which machine writes it."""
    return path.with_name(f"{path.stem}~{socket.gethostname()}~{os.getpid()}~{time.monotonic_ns()}.partial")


def remove_stale(folder):
    """Remove what killed runs left behind: their process is gone from this machine, or the file is a day old."""
    for partial in folder.glob("*~*~*~*.partial"):
        _, host, process, _ = partial.name.rsplit("~", 3)
        # Signal 0 asks whether the process exists; on Windows it would end it.
        gone = host == socket.gethostname() and os.name == "posix" and not _running(int(process))
        if gone or time.time() - partial.stat().st_mtime > DAY:
            partial.unlink(missing_ok=True)


def _running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


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
        for written in map(_write_rows, jobs) if workers < 2 else _in_parallel(jobs, workers):
            bar.update(written)


def _in_parallel(jobs, workers):
    # A forked worker starts in milliseconds; where there is no fork, a new Python is started.
    method = "fork" if "fork" in get_all_start_methods() else "spawn"
    pool = ProcessPoolExecutor(workers, get_context(method), initializer=_start_worker, initargs=(os.getpid(),))
    try:
        for done in as_completed([pool.submit(_write_rows, job) for job in jobs]):
            yield done.result()
    except BrokenProcessPool as error:
        raise DataError(
            "a worker process that decodes images was ended from outside, most often for lack of memory. "
            "Close other programs and run the cell again; nothing half-written is left."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker(parent):
    """Leave Ctrl-C to the parent process, and do not outlive it if it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent):
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _write_rows(job):
    """Decode one chunk of images and write each at its place in the file; return how many."""
    path, offset, stored, size = job
    # Plain writes, not a memory map: on a full disk they fail with an error, where a map would kill the process.
    with open(path, "r+b") as stream:
        stream.seek(offset)
        for one in stored:
            stream.write(decode(one, size).data)
    return len(stored)

"""Files in the cache: whole or absent, whatever ends a run, and a clear word where they cannot be written."""

import errno
import os
import shutil
import socket
import time
from contextlib import contextmanager, suppress

from helpers.data._files import DataError

DAY = 24 * 60 * 60
#: What the system says when there is no room: on the disk, in the user's quota, in a file of limited size.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_write(path, what, needed):
    """Yield a temporary path beside ``path``; the file written there is renamed to ``path`` when the block is done.

    Write with plain writes, not through a memory map: on a full disk they fail with an error, where a map would kill
    the process.

    Parameters
    ----------
    path : Path
    what : str
        What the file holds, for the messages: ``"pixels"``.
    needed : int
        Bytes that will be written.

    Raises
    ------
    helpers.data.DataError
        If the disk is full, before the block or in it, or the folder cannot be written.
    """
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_stale(folder)
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise DataError(_no_room(what, folder, needed, f"{free:,} bytes are free"))
        partial = folder / f"{path.stem}~{socket.gethostname()}~{os.getpid()}~{time.monotonic_ns()}.partial"
        try:
            yield partial
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        if error.errno in FULL:
            raise DataError(_no_room(what, folder, needed, error.strerror)) from error
        raise DataError(
            f"{folder} cannot be written ({error.strerror or error}). Set SKIN_CACHE to a folder that you can write to."
        ) from error


def _no_room(what, folder, needed, why):
    return (
        f"the {what} cannot be written to {folder}: {why}, and {needed:,} bytes are needed. Make room there, "
        "set SKIN_CACHE to a folder on a larger disk, or choose a smaller tier."
    )


def remove_stale(folder):
    """Remove what killed runs left behind: their process is gone from this machine, or the file is a day old."""
    for partial in folder.glob("*~*~*~*.partial"):
        _, host, process, _ = partial.name.rsplit("~", 3)
        # Signal 0 asks whether the process exists; on Windows it would end it.
        gone = host == socket.gethostname() and os.name == "posix" and not _running(int(process))
        with suppress(FileNotFoundError):  # its owner may rename it meanwhile
            if gone or time.time() - partial.stat().st_mtime > DAY:
                partial.unlink()


def _running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True

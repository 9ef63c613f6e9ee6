"""Files in the cache: whole or absent, whatever ends a run, and a clear word where they cannot be written."""

import errno
import os
import shutil
import socket
import time
import zlib
from contextlib import contextmanager, suppress

from helpers.data._files import DataError

DAY = 24 * 60 * 60
#: What the system says when there is no room: on the disk, in the user's quota, in a file of limited size.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: The last bytes of a file with a checksum: this, and the CRC-32 of all bytes before it as 8 hex digits.
SEAL = b"\ncrc32 "


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
        partial = folder / partial_name(path.stem)
        try:
            yield partial
            _flush(partial)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        if error.errno in FULL:
            raise DataError(_no_room(what, folder, needed, error.strerror)) from error
        raise DataError(
            f"{folder} cannot be written ({error.strerror or error}). Set SKIN_CACHE to a folder that you can write to."
        ) from error


@contextmanager
def partial_folder(parent, name):
    """Yield a new hidden folder in ``parent`` for unfinished files; it is gone afterwards, whatever happens.

    What killed runs left in ``parent`` is removed first.
    """
    parent.mkdir(parents=True, exist_ok=True)
    remove_stale(parent)
    folder = parent / partial_name(f".{name}")
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def partial_name(name):
    """Return a name for an unfinished file or folder that says which process of which machine makes it."""
    return f"{name}~{socket.gethostname()}~{os.getpid()}~{time.monotonic_ns()}.partial"


def remove_stale(folder):
    """Remove what killed runs left behind: their process is gone from this machine, or nothing changed for a day."""
    for partial in folder.glob("*~*~*~*.partial"):
        _, host, process, _ = partial.name.rsplit("~", 3)
        if not process.isdigit():  # a file of somebody else's
            continue
        # Signal 0 asks whether the process exists; on Windows it would end it.
        gone = host == socket.gethostname() and os.name == "posix" and not _running(int(process))
        with suppress(FileNotFoundError):  # its owner may rename it meanwhile
            if not gone and time.time() - max(path.stat().st_mtime for path in (partial, *partial.rglob("*"))) < DAY:
                continue
            if partial.is_dir():
                shutil.rmtree(partial)
            else:
                partial.unlink()


def add_checksum(path):
    """Append the checksum of a file's bytes to it; readers of numpy's format do not see it."""
    checksum = _crc(path)
    with open(path, "ab") as stream:
        stream.write(SEAL + b"%08x" % checksum)


def checksum_agrees(path):
    """Whether the file ends with the checksum of its bytes: a power cut, or a bad disk, leaves other bytes or none."""
    length = len(SEAL) + 8
    try:
        size = path.stat().st_size - length
        with open(path, "rb") as stream:
            stream.seek(max(size, 0))
            return stream.read() == SEAL + b"%08x" % _crc(path, size)
    except OSError:
        return False


def _crc(path, size=None):
    """Return the CRC-32 of the first ``size`` bytes of a file; None: of all."""
    checksum, left = 0, path.stat().st_size if size is None else size
    with open(path, "rb") as stream:
        while left > 0 and (block := stream.read(min(left, 2**22))):
            checksum, left = zlib.crc32(block, checksum), left - len(block)
    return checksum


def _flush(path):
    """Wait until the file's bytes are on the disk: else a power cut after the rename leaves a name without them."""
    with suppress(FileNotFoundError), open(path, "r+b") as stream:
        os.fsync(stream.fileno())


def _no_room(what, folder, needed, why):
    return (
        f"the {what} cannot be written to {folder}: {why}, and {needed:,} bytes are needed. Make room there, "
        "set SKIN_CACHE to a folder on a larger disk, or choose a smaller tier."
    )


def _running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True

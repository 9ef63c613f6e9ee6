"""Download HAM10000 for a reader with internet: Harvard Dataverse, the ISIC challenge's storage, or Kaggle.

Chapter 1 names it; ``python -m helpers.data`` runs it.  HAM10000 is the work of Tschandl, Rosendahl, Kittler,
Sci Data 5:180161 (2018), https://doi.org/10.1038/sdata.2018.161: not ours, and for non-commercial use only.

A file gets its name only when it is whole: it is fetched into a folder ``.partial-...`` beside it, compared with the
published checksum (where there is none, every zip member is read and the members are counted), and then renamed.
The record ``download.json`` is written last, so that a download that broke off never counts as complete.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pooch
from tqdm import tqdm

from helpers import __version__, settings
from helpers.data._sources import (
    IMAGES,
    KAGGLE,
    MASKS,
    METADATA,
    NOTICE,
    SOURCES,
    Damaged,
    DownloadError,
    check,
    isic_metadata,
)

RECORD = "download.json"

#: Harvard Dataverse refuses the default User-Agent of Python's HTTP libraries.
HEADERS = {"User-Agent": f"learning-to-see-skin-lesions/{__version__}"}
#: Seconds to wait for a connection, and for the next byte: a stalled server is given up after the second.
TIMEOUT = (15, 60)
#: Seconds of pause before each further attempt, after an error that may pass.
PAUSES = (2, 8, 30)
#: A ``.partial-...`` folder in which nothing changed for this many seconds was left by a run that was killed.
LEFTOVER = 600


def folder(cache, source):
    """Return the folder of a source inside the cache."""
    return Path(cache) / f"ham10000-{source}"


def found(cache):
    """Return the folder of a complete earlier download in ``cache``, or None.

    Dataverse goes before Kaggle (its table also names the source of each image), Kaggle before ISIC (which has no
    age, sex or site).  Only the record and the sizes of the files are looked at; the loader reads what is in them.

    Parameters
    ----------
    cache : str or Path
    """
    for source in ("dataverse", "kaggle", "isic"):
        record = _record(folder(cache, source))
        place = Path(record.get("folder", folder(cache, source)))
        files = record.get("files", {})
        if files and all((_stat(place / name) or {}).get("size") == entry["size"] for name, entry in files.items()):
            return place
    return None


def _record(target):
    """Return the record of an earlier download into ``target``, empty where there is none that can be read."""
    try:
        return json.loads((target / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _write_record(target, partial, **entries):
    (partial / RECORD).write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    os.replace(partial / RECORD, target / RECORD)


def _stat(path):
    """Return what tells an untouched file without reading it, or None where there is no file."""
    if not path.is_file():
        return None
    return {"size": path.stat().st_size, "changed": path.stat().st_mtime_ns}


@contextmanager
def _partial_folder(target):
    """Make ``target``, and in it a folder for unfinished files that is gone afterwards, whatever happens."""
    target.mkdir(parents=True, exist_ok=True)
    for left in target.glob(".partial-*"):
        with suppress(FileNotFoundError):  # another process may tidy up at the same time
            if time.time() - max(path.stat().st_mtime for path in (left, *left.iterdir())) > LEFTOVER:
                shutil.rmtree(left)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=target))
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _interactive():
    """Whether somebody watches: a terminal, or a notebook."""
    ipython = sys.modules.get("IPython")
    return sys.stderr.isatty() or hasattr(ipython and ipython.get_ipython(), "kernel")


def _download(remote, path, goal):
    """Fetch ``remote`` to ``path`` and check it; try again, after a pause, what may pass; else :class:`DownloadError`.

    A refusal (such as HTTP 403 or 404) is reported at once, wrong content the second time it comes.  ``goal`` is where
    a reader may put the file by hand.
    """
    import requests  # a tenth of a second that only a download needs

    by_hand = f"open the address in a browser, save the file as {goal}, and run this again"
    damaged = False
    for attempt, pause in enumerate((*PAUSES, None), start=1):
        try:
            bar = tqdm(total=remote.size, unit="B", unit_scale=True, desc=goal.name, disable=not _interactive())
            with bar:
                get = pooch.HTTPDownloader(progressbar=bar, chunk_size=2**20, headers=HEADERS, timeout=TIMEOUT)
                get(remote.url, str(path), None)
            check(path, remote)
            return
        except requests.HTTPError as error:
            status = error.response.status_code
            what = f"HTTP {status} {error.response.reason}"
            if status < 500 and status not in (408, 429):
                why = "There is nothing at this address any more" if status in (404, 410) else "The server refuses it"
                raise DownloadError(
                    f"{goal.name} could not be downloaded from {remote.url}: {what}. {why}: choose another --source "
                    f"({', '.join((*SOURCES, 'kaggle'))}) or another network; or {by_hand}."
                ) from error
        except requests.exceptions.ChunkedEncodingError:
            what = "the connection was cut"
        except requests.RequestException as error:
            stalled = "Read timed out" in str(error)
            cause = str(getattr(error.args[0], "reason", error)).split("): ", 1)[-1]  # without urllib3's wrapping
            what = f"nothing came for {TIMEOUT[1]} seconds" if stalled else f"no connection ({cause})"
        except Damaged as error:
            what = str(error)
            pause, damaged = None if damaged else pause, True
        if pause is None:
            raise DownloadError(
                f"{goal.name} could not be downloaded from {remote.url}: {what} ({attempt} attempts). Run this again "
                f"later (what is whole is kept), or choose another --source; or {by_hand}."
            )
        print(f"{goal.name}: {what}; trying again in {pause} s", file=sys.stderr)
        time.sleep(pause)


def _whole(path, remote, recorded):
    """Whether the file is there and whole: unchanged since it was recorded, or else read and checked."""
    if not path.is_file():
        return False
    if _stat(path) == recorded:
        return True
    try:
        check(path, remote)
    except Damaged as error:
        print(f"{path} is downloaded again: {error}", file=sys.stderr)
        return False
    return True


def fetch(cache, source="dataverse", masks=True):
    """Download what is missing of HAM10000, and return its folder, in the layout that the loader takes.

    Files that are whole are kept.  Only when all are there does :func:`found` see the folder.

    Parameters
    ----------
    cache : str or Path
        Files go to ``<cache>/ham10000-<source>``; those of Kaggle stay where kagglehub keeps them.
    source : {"dataverse", "isic", "kaggle"}
        ISIC and Kaggle have no lesion masks, ISIC has no age, sex and site either.
    masks : bool
        Whether to fetch the lesion masks, where the source has them.

    Raises
    ------
    DownloadError
        If a file cannot be had, is not what was published, or cannot be written.
    ValueError
        If the source is not known.
    """
    if source != "kaggle" and source not in SOURCES:
        raise ValueError(f"source {source!r} is not known; choose one of {', '.join((*SOURCES, 'kaggle'))}")
    target = folder(cache, source)
    try:
        return _fetch_kaggle(target) if source == "kaggle" else _fetch_files(target, source, masks)
    except OSError as error:
        raise DownloadError(
            f"{error.filename or target} cannot be read or written: {error.strerror or error}. See that the disk has "
            "room and that you may write there, or name another place with --cache or SKIN_CACHE."
        ) from error


def _fetch_files(target, source, masks):
    wanted = [remote for remote in SOURCES[source] if masks or remote.name != MASKS]
    names = [METADATA, *(remote.name for remote in wanted if remote.name != METADATA)]
    recorded = _record(target).get("files", {})
    if all(name in recorded and _stat(target / name) == recorded[name] for name in names):
        return target
    with _partial_folder(target) as partial:
        missing = [remote for remote in wanted if not _whole(target / remote.name, remote, recorded.get(remote.name))]
        need, free = sum(remote.size for remote in missing), shutil.disk_usage(target).free
        if need > free:
            raise DownloadError(
                f"HAM10000 from {source} needs {need / 1e9:.1f} GB more in {target}, and {free / 1e9:.1f} GB is free. "
                "Make room, or name another place with --cache or SKIN_CACHE."
            )
        if missing:
            print(NOTICE)
        for remote in missing:
            goal = target / remote.name
            _download(remote, partial / goal.name, goal)
            goal.parent.mkdir(exist_ok=True)
            os.replace(partial / goal.name, goal)
        if source == "isic":
            isic_metadata(target).to_csv(partial / METADATA, index=False)
            os.replace(partial / METADATA, target / METADATA)
        _write_record(target, partial, files={name: _stat(target / name) for name in names})
    return target


def _fetch_kaggle(target):
    try:
        import kagglehub
    except ImportError as error:
        raise DownloadError(
            "--source kaggle needs the package kagglehub: run `pip install kagglehub`, or choose --source dataverse, "
            "which needs no more than is installed."
        ) from error
    print(NOTICE)
    address = f"https://www.kaggle.com/datasets/{KAGGLE}"
    try:
        place = Path(kagglehub.dataset_download(KAGGLE))
    except Exception as error:  # kagglehub passes on its own errors, those of requests and those of the disk
        raise DownloadError(
            f"{address} could not be downloaded: {type(error).__name__}: {error}. Run this again later, or choose "
            "--source dataverse."
        ) from error
    images = {path.stem for path in place.rglob("*.jpg")}  # every image is there twice
    if not (place / METADATA).is_file() or len(images) != IMAGES:
        raise DownloadError(
            f"{place}, downloaded from {address}, holds {len(images):,} images instead of {IMAGES:,}, or no "
            f"{METADATA}. Delete that folder and run this again, or choose --source dataverse."
        )
    with _partial_folder(target) as partial:
        _write_record(target, partial, folder=str(place), files={METADATA: _stat(place / METADATA)})
    return place


def main(arguments=None):
    """Run ``python -m helpers.data``; return the exit code: 0, 1 after an error, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m helpers.data download",
        description="Download HAM10000 (10,015 images, about 2.8 GB; 5.2 GB from Kaggle) for the course.",
        epilog=NOTICE,
    )
    parser.add_argument("--source", choices=(*SOURCES, "kaggle"), default="dataverse", help="where from (%(default)s)")
    parser.add_argument("--cache", help="where to (the folder in SKIN_CACHE, or the user's cache folder)")
    parser.add_argument("--no-masks", action="store_true", help="leave out the lesion masks (14 MB, Dataverse only)")
    options = parser.parse_args(arguments)
    cache = settings.for_chapter("meet-the-data", cache=options.cache).cache
    try:
        place = fetch(cache, options.source, masks=not options.no_masks)
    except DownloadError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; files that are whole are kept, run this again for the rest", file=sys.stderr)
        return 130
    print(f"HAM10000 is in {place}. The chapters take it from there when their cache is {cache}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

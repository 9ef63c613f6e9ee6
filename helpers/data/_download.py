"""Download HAM10000 for a reader with internet: Harvard Dataverse, the ISIC challenge's storage, or Kaggle.

``python -m helpers.data download`` runs it.  HAM10000 is the work of Tschandl, Rosendahl, Kittler,
Sci Data 5:180161 (2018), https://doi.org/10.1038/sdata.2018.161: not ours, and for non-commercial use only.

Addresses and checksums are those of Harvard Dataverse, doi:10.7910/DVN/DBW86T, and of the ISIC 2018 challenge, task 3
(https://challenge.isic-archive.com/data/), which publishes no checksums: there every zip member is read instead.  A
file gets its name only when it is whole.  The record ``download.json`` is written last, so that a download that broke
off never counts as complete.
"""

import json
import os
import shutil
import sys
import time
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import pandas as pd
import pooch
from tqdm import tqdm

from helpers import __version__
from helpers.data import _isic
from helpers.data._cache import partial_folder
from helpers.ham10000 import COLUMNS, PUBLISHED_IMAGES

METADATA = "HAM10000_metadata.csv"
MASKS = "HAM10000_segmentations_lesion_tschandl.zip"
RECORD = "download.json"
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

#: Harvard Dataverse refuses the default User-Agent of Python's HTTP libraries.
HEADERS = {"User-Agent": f"learning-to-see-skin-lesions/{__version__}"}
#: Seconds to wait for a connection, and for the next bytes: a stalled server is given up after the second.
TIMEOUT = (15, 60)
#: Seconds of pause before each further attempt, after an error that may pass; a server may ask for up to LONGEST.
PAUSES, LONGEST = (2, 8, 30), 120
#: Bytes a second below which a connection counts as stalled.
SLOWEST = 1_000
#: Bytes read at a time: small, so that a trickle is noticed.
CHUNK = 2**12


class DownloadError(RuntimeError):
    """A download that failed; the message names the file, the address, what happened and what to do."""


class Damaged(ValueError):
    """What came is not the file that was asked for."""


class Slow(Exception):
    """A connection on which hardly anything comes."""


@dataclass(frozen=True)
class Remote:
    """One file to fetch.

    ``name`` is its path inside the folder of the source, ``md5`` its published checksum (None where there is none),
    ``size`` its bytes (rounded: for the progress bar, the free space, and the most that is taken), ``members`` how
    many images or tables a zip holds, or how many rows a table has, and ``columns`` what a table must have.
    """

    name: str
    url: str
    md5: str | None
    size: int
    members: int
    columns: tuple[str, ...] = ()


DATAVERSE = "https://dataverse.harvard.edu/api/access/datafile/"
ISIC = "https://isic-archive.s3.amazonaws.com/challenges/2018/ISIC2018_Task3_Training_"
#: The challenge's two tables lie in a folder of their own, so that nobody takes the zip for images.
TRUTH, GROUPINGS = "labels/GroundTruth.zip", "labels/LesionGroupings.csv"

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
        Remote(GROUPINGS, ISIC + "LesionGroupings.csv", None, 500_000, IMAGES, _isic.GROUPING_COLUMNS),
        Remote("ISIC2018_Task3_Training_Input.zip", ISIC + "Input.zip", None, 2_800_000_000, IMAGES),
    ),
}
CHOICES = (*SOURCES, "kaggle")


def folder(cache, source):
    """Return the folder of a source inside the cache."""
    return Path(cache) / f"ham10000-{source}"


def found(cache):
    """Return the folder of a complete earlier download in ``cache``, or None.

    Dataverse goes before Kaggle (its table also names the source of each image), Kaggle before ISIC (which has no
    age, sex or site).  Only the record and the sizes of the files are looked at; the loader reads what is in them.
    """
    for source in ("dataverse", "kaggle", "isic"):
        target = folder(cache, source)
        record = _record(target)
        # Kaggle's files stay where kagglehub keeps them; those of the others are nowhere but in the cache.
        place = Path(record["folder"]) if source == "kaggle" and record["folder"] else target
        files = record["files"]
        if files and all((_stat(place / name) or {}).get("size") == entry["size"] for name, entry in files.items()):
            return place
    return None


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
    if source not in CHOICES:
        raise ValueError(f"source {source!r} is not known; choose one of {', '.join(CHOICES)}")
    target = folder(cache, source)
    try:
        return _fetch_kaggle(target) if source == "kaggle" else _fetch_files(target, source, masks)
    except OSError as error:
        raise DownloadError(
            f"{error.filename or target} cannot be read or written: {error.strerror or error}. See that the disk has "
            "room and that you may write there, or name another place with --cache or SKIN_CACHE."
        ) from error


def fetch_table(cache):
    """Return the path of Harvard Dataverse's table in ``cache``, fetched in one attempt if it is not there.

    Raises
    ------
    DownloadError
        If it cannot be had or written.
    """
    remote = SOURCES["dataverse"][0]
    goal = folder(cache, "dataverse") / remote.name
    try:
        if not _whole(goal, remote, None):
            with partial_folder(goal.parent, "download") as partial:
                _fetch_file(remote, partial, goal, pauses=())
    except OSError as error:
        raise DownloadError(f"{goal} cannot be written: {error.strerror or error}") from error
    return goal


def _fetch_files(target, source, masks):
    remotes = [remote for remote in SOURCES[source] if masks or remote.name != MASKS]
    names = [METADATA, *(remote.name for remote in remotes if remote.name != METADATA)]
    recorded = _record(target)["files"]
    if all(name in recorded and _stat(target / name) == recorded[name] for name in names):
        return target
    with partial_folder(target, "download") as partial:
        missing = [remote for remote in remotes if not _whole(target / remote.name, remote, recorded.get(remote.name))]
        need, free = sum(remote.size for remote in missing), shutil.disk_usage(target).free
        if need > free:
            raise DownloadError(
                f"HAM10000 from {source} needs {need / 1e9:.1f} GB more in {target}, and {free / 1e9:.1f} GB is free. "
                "Make room, or name another place with --cache or SKIN_CACHE."
            )
        if missing:
            print(NOTICE)
        for remote in missing:
            _fetch_file(remote, partial, target / remote.name, PAUSES)
        if source == "isic":
            _isic_metadata(target).to_csv(partial / METADATA, index=False)
            os.replace(partial / METADATA, target / METADATA)
        _write_record(target, partial, files={name: _stat(target / name) for name in names})
    return target


def _fetch_file(remote, partial, goal, pauses):
    """Fetch one file into the folder ``partial``, check it, and move it to ``goal``; try again what may pass.

    A refusal (such as HTTP 403 or 404) is reported at once, wrong content the second time it comes.
    """
    import requests  # a tenth of a second that only a download needs

    pooch.get_logger().setLevel("WARNING")  # it would name each file, and a notebook shows that in red
    store = pooch.create(partial, base_url="", registry={goal.name: None}, urls={goal.name: remote.url})
    by_hand = f"open the address in a browser, save the file as {goal}, and run this again"
    damaged = False
    for attempt, pause in enumerate((*pauses, None), start=1):
        try:
            store.fetch(goal.name, downloader=_downloader(remote, goal.name))
            goal.parent.mkdir(exist_ok=True)
            os.replace(partial / goal.name, goal)
            return
        except requests.HTTPError as error:
            status = error.response.status_code
            what = f"HTTP {status} {error.response.reason}"
            if status < 500 and status not in (408, 429):
                why = "There is nothing at this address any more" if status in (404, 410) else "The server refuses it"
                raise DownloadError(
                    f"{goal.name} could not be downloaded from {remote.url}: {what}. {why}: choose another --source "
                    f"({', '.join(CHOICES)}) or another network; or {by_hand}."
                ) from error
            asked = error.response.headers.get("Retry-After", "")
            if pause is not None and asked.isdigit():
                pause = min(max(pause, int(asked)), LONGEST)
        except requests.exceptions.ChunkedEncodingError:
            what = "the connection was cut"
        except Slow as error:
            what = str(error)
        except requests.exceptions.ProxyError as error:
            what = f"the proxy in HTTP_PROXY or HTTPS_PROXY does not answer ({_cause(error)})"
        except requests.RequestException as error:
            stalled = "Read timed out" in str(error)
            what = f"nothing came for {TIMEOUT[1]} seconds" if stalled else f"no connection ({_cause(error)})"
        except ValueError as error:  # damage, or a header that makes no sense
            what = str(error)
            pause, damaged = None if damaged else pause, True
        if pause is None:
            raise DownloadError(
                f"{goal.name} could not be downloaded from {remote.url}: {what} ({attempt} attempts). Run this again "
                f"later (what is whole is kept), or choose another --source; or {by_hand}."
            )
        print(f"{goal.name}: {what}; trying again in {pause} s", file=sys.stderr)
        time.sleep(pause)


def _downloader(remote, name):
    """Return a downloader for pooch that checks what came while it has no name yet; more than twice as much is cut."""

    def download(url, path, store):
        with _Bar(remote, name) as bar:
            get = pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK, headers=HEADERS, timeout=TIMEOUT)
            get(url, path, store)
        check(Path(path), remote)

    return download


class _Bar(tqdm):
    """A progress bar, drawn where somebody watches, that gives up a server that sends too much or too slowly."""

    def __init__(self, remote, name):
        super().__init__(total=remote.size, unit="B", unit_scale=True, desc=name, disable=not _interactive())
        self.expected, self.came, self.began = remote.size, 0, time.monotonic()

    def __bool__(self):  # tqdm's own is False where a server does not say how long a file is, and pooch then skips it
        return True

    def update(self, n=1):
        super().update(n)
        self.came += n
        seconds = time.monotonic() - self.began
        if self.came > 2 * self.expected + 1000 * CHUNK:
            raise Damaged(f"{self.came:,} bytes came, and there was no end, of a file of about {self.expected:,}")
        if seconds > TIMEOUT[1] and self.came < SLOWEST * seconds:
            raise Slow(f"hardly anything came: {self.came:,} bytes in {seconds:.0f} seconds")


def _interactive():
    """Whether somebody watches: a terminal, or a notebook."""
    ipython = sys.modules.get("IPython")
    return sys.stderr.isatty() or hasattr(ipython and ipython.get_ipython(), "kernel")


def _cause(error):
    """Return what went wrong with a connection, without urllib3's wrapping."""
    return str(getattr(error.args[0], "reason", error) if error.args else error).split("): ", 1)[-1]


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
    except (ValueError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        with open(path, "rb") as file:
            page = file.read(64).lstrip().startswith(b"<")
        what = "a web page (a login, a block or a proxy?)" if page else f"{path.stat().st_size:,} bytes"
        raise Damaged(f"what came is {what}: {error}") from error


def _members(archive):
    """Return the names of the images and tables in an open zip, without folders, licences and macOS's extras."""
    kinds = (".jpg", ".jpeg", ".png", ".csv")
    return [name for name in archive.namelist() if name.lower().endswith(kinds) and "__MACOSX" not in name]


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


def _record(target):
    """Return the record of an earlier download into ``target``; what is not of a record's form counts as none."""
    try:
        record = json.loads((target / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        record = {}
    place, files = (record.get("folder"), record.get("files")) if isinstance(record, dict) else (None, None)
    if not isinstance(files, dict) or not all(isinstance(entry, dict) and "size" in entry for entry in files.values()):
        files = {}
    return {"folder": place if isinstance(place, str) else None, "files": files}


def _write_record(target, partial, **entries):
    (partial / RECORD).write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    os.replace(partial / RECORD, target / RECORD)


def _stat(path):
    """Return what tells an untouched file without reading it, or None where there is no file."""
    if not path.is_file():
        return None
    return {"size": path.stat().st_size, "changed": path.stat().st_mtime_ns}


def _isic_metadata(target):
    """Return the metadata made from the challenge's two tables in the folder ``target``."""
    with zipfile.ZipFile(target / TRUTH) as archive, archive.open(_members(archive)[0]) as file:
        truth = pd.read_csv(file)
    try:
        return _isic.metadata(truth, pd.read_csv(target / GROUPINGS))
    except ValueError as error:
        raise DownloadError(
            f"the ISIC tables in {target / 'labels'} do not fit HAM10000: {error}. Delete that folder and run this "
            "again, or choose --source dataverse."
        ) from error


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
    with partial_folder(target, "download") as partial:
        _write_record(target, partial, folder=str(place), files={METADATA: _stat(place / METADATA)})
    return place

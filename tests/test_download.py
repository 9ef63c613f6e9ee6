"""Downloads, against a web server on this machine that serves real zips, and fails in the ways that servers fail."""

import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import data, settings
from helpers.data import __main__ as command
from helpers.data import _download as download
from helpers.data import _isic
from helpers.data._download import DownloadError, fetch, found
from helpers.ham10000 import CLASSES

IDS = [f"ISIC_{number:07d}" for number in range(14)]


def jpeg(seed):
    """A small JPEG that does not compress, so that a connection can be cut inside it."""
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def packed(members):
    """The bytes of a zip."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def csv(table):
    return table.to_csv(index=False).encode()


@pytest.fixture(scope="module")
def table():
    """Metadata of 14 images: two a class, one lesion each."""
    return pd.DataFrame(
        {
            "lesion_id": [f"HAM_{number:07d}" for number in range(14)],
            "image_id": IDS,
            "dx": [*CLASSES, *CLASSES],
            "dx_type": ["histo", "histo", "consensus", "consensus", "histo", "follow_up", "confocal"] * 2,
            "age": 50.0,
            "sex": "female",
            "localization": "back",
            "dataset": "rosendahl",
        }
    )


@pytest.fixture(scope="module")
def contents(table):
    """What the true server would send, by the last part of the address."""
    images = {f"{name}.jpg": jpeg(number) for number, name in enumerate(IDS)}
    mask = io.BytesIO()
    Image.new("L", (80, 60), 255).save(mask, "PNG")
    # The challenge's order of classes, which is not ours.
    order = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]
    truth = pd.DataFrame({name: (table["dx"].str.upper() == name).astype(float) for name in order})
    truth.insert(0, "image", IDS)
    confirmed = {ours: theirs for theirs, ours in _isic.CONFIRMED_BY.items()}
    groupings = pd.DataFrame(
        {
            "image": IDS[::-1],
            "lesion_id": table["lesion_id"][::-1],
            "diagnosis_confirm_type": table["dx_type"][::-1].map(confirmed),
        }
    )
    return {
        "4338392": csv(table),
        "3838943": packed({f"masks/{name}_segmentation.png": mask.getvalue() for name in IDS}),
        "3172585": packed(dict(list(images.items())[:6])),
        "3172584": packed(dict(list(images.items())[6:])),
        "GroundTruth.zip": packed({"GroundTruth/GroundTruth.csv": csv(truth), "GroundTruth/LICENSE.txt": b"CC-BY-NC"}),
        "LesionGroupings.csv": csv(groupings),
        "Input.zip": packed(
            {f"Input/{name}": content for name, content in images.items()}
            | {"Input/LICENSE.txt": b"CC-BY-NC", "Input/ATTRIBUTION.txt": b"Tschandl"}
        ),
    }


@dataclass
class Server:
    """What the server does with the next requests for a file (afterwards: send it), and what was asked of it."""

    base: str
    contents: dict
    behave: dict = field(default_factory=dict)
    requests: list = field(default_factory=list)
    agents: set = field(default_factory=set)
    patience: threading.Event = field(default_factory=threading.Event)

    def asked(self, name):
        return self.requests.count(name)


def send(answer, content, length=None):
    answer.send_response(200)
    if length != "unknown":
        answer.send_header("Content-Length", str(len(content) if length is None else length))
    answer.end_headers()
    answer.wfile.write(content)


def cut(answer, content):
    """Say how long the file is, and send half of it."""
    send(answer, content[: len(content) // 2], len(content))


def cut_unnoticed(answer, content):
    """Send half of the file without having said how long it is: as HTTP goes, nothing is wrong."""
    send(answer, content[: len(content) // 2], "unknown")


def stall(answer, content):
    send(answer, content[:100], len(content))
    answer.server.state.patience.wait(10)


def endless(answer, content):
    answer.send_response(200)
    answer.end_headers()
    for _ in range(100):
        answer.wfile.write(bytes(100_000))


def trickle(answer, content):
    answer.send_response(200)
    answer.send_header("Content-Length", str(len(content)))
    answer.end_headers()
    for start in range(0, len(content), 5_000):
        answer.wfile.write(content[start : start + 5_000])
        time.sleep(0.2)


def wrong_length(answer, content):
    send(answer, content, "many")


def wrong(answer, content):
    """As many bytes, and one of them another."""
    send(answer, content[:300] + bytes([content[300] ^ 1]) + content[301:])


def page(answer, content):
    send(answer, b"<!DOCTYPE html><title>Sign in</title>")


def empty(answer, content):
    """A firewall's challenge: a success, by its status."""
    answer.send_response(202)
    answer.send_header("Content-Length", "0")
    answer.end_headers()


def status(code):
    def refuse(answer, content):
        answer.send_error(code)

    return refuse


class Answer(BaseHTTPRequestHandler):
    """Like Dataverse, it sends a reader on to a storage server; that is where things go wrong."""

    def do_GET(self):
        state, name = self.server.state, self.path.split("/")[-1].split("?")[0]
        if not self.path.startswith("/storage/"):
            self.send_response(303)
            self.send_header("Location", f"{state.base}storage/{name}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        state.requests.append(name)
        state.agents.add(self.headers["User-Agent"])
        todo = state.behave.get(name, [])
        behaviour = todo.pop(0) if todo else send
        with suppress(ConnectionError):  # the reader hung up on us
            behaviour(self, state.contents[name])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(contents, monkeypatch):
    """A running :class:`Server`; the sources point at it, with the counts and checksums of what it serves."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    http.daemon_threads = True
    state = http.state = Server(f"http://127.0.0.1:{http.server_port}/", dict(contents))
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    for source, remotes in local_sources(state.base, contents).items():
        monkeypatch.setitem(download.SOURCES, source, remotes)
    monkeypatch.setattr(download, "PAUSES", (0, 0))
    monkeypatch.setattr(download, "TIMEOUT", (0.3, 0.3))
    yield state
    state.patience.set()
    http.shutdown()
    http.server_close()


def local_sources(base, contents):
    members = {"HAM10000_images_part_1.zip": 6, "HAM10000_images_part_2.zip": 8, download.TRUTH: 1}

    def local(remote):
        name = remote.url.split("/")[-1].split("?")[0].removeprefix("ISIC2018_Task3_Training_")
        return replace(
            remote,
            url=base + remote.url.split("/")[-1].removeprefix("ISIC2018_Task3_Training_"),
            md5=remote.md5 and hashlib.md5(contents[name]).hexdigest(),
            size=len(contents[name]),
            members=members.get(remote.name, 14),
        )

    return {source: tuple(local(remote) for remote in remotes) for source, remotes in download.SOURCES.items()}


def leftovers(cache):
    """All files and folders of the cache that are no finished part of a download."""
    done = {"download.json", "labels", *(Path(r.name).name for all_ in download.SOURCES.values() for r in all_)}
    done |= {"HAM10000_metadata.csv", "ham10000-dataverse", "ham10000-isic", "ham10000-kaggle"}
    return [path for path in cache.rglob("*") if path.name not in done]


# --- A download that goes well -----------------------------------------------------------------------------------


def test_published_addresses_and_checksums():
    """Compared with FACTS 4 and the pages of Dataverse and ISIC: a typing error here costs every reader an hour."""
    dataverse = {remote.name: (remote.url, remote.md5, remote.members) for remote in download.SOURCES["dataverse"]}
    base = "https://dataverse.harvard.edu/api/access/datafile/"
    assert dataverse == {
        "HAM10000_images_part_1.zip": (base + "3172585", "4639bfa73ab251610530a97c898e6e46", 5000),
        "HAM10000_images_part_2.zip": (base + "3172584", "da43d6cc50f6613013be07e8986b384b", 5015),
        "HAM10000_metadata.csv": (base + "4338392?format=original", None, 10015),
        "HAM10000_segmentations_lesion_tschandl.zip": (base + "3838943", "6e8d252e09cfdb0189199f15985a5b84", 10015),
    }
    base = "https://isic-archive.s3.amazonaws.com/challenges/2018/ISIC2018_Task3_Training_"
    assert [(remote.url, remote.members) for remote in download.SOURCES["isic"]] == [
        (base + "GroundTruth.zip", 1),
        (base + "LesionGroupings.csv", 10015),
        (base + "Input.zip", 10015),
    ]


def test_dataverse_gives_what_the_loader_takes(server, tmp_path, table, capsys):
    assert found(tmp_path) is None
    folder = fetch(tmp_path)
    assert folder == found(tmp_path) == tmp_path / "ham10000-dataverse"
    assert leftovers(tmp_path) == []
    ham = data.load(settings.for_chapter("meet-the-data", cache=tmp_path))
    assert ham.table["dx"].tolist() == table["dx"].tolist() and ham.mask(IDS[3]).all() and not ham.synthetic
    said = capsys.readouterr().out
    assert said.count("CC BY-NC 4.0") == said.count("180161") == 1 and "CC BY-NC-SA 4.0" in said
    assert all(agent.startswith("learning-to-see-skin-lesions/") for agent in server.agents)


def test_what_is_whole_is_not_downloaded_again(server, tmp_path, capsys):
    folder = fetch(tmp_path)
    before = len(server.requests)
    capsys.readouterr()
    assert fetch(tmp_path) == folder and len(server.requests) == before
    assert capsys.readouterr() == ("", "")  # the licence was said, there is no more to say
    (folder / "HAM10000_images_part_2.zip").unlink()
    assert found(tmp_path) is None
    assert fetch(tmp_path) == found(tmp_path)
    assert server.requests[before:] == ["3172584"]


def test_masks_can_be_left_out_and_fetched_later(server, tmp_path, monkeypatch):
    folder = fetch(tmp_path, masks=False)
    assert found(tmp_path) == folder and not (folder / download.MASKS).exists()
    before, read = len(server.requests), []
    monkeypatch.setattr(download, "check", lambda path, remote: read.append(remote.name))
    assert fetch(tmp_path, masks=True) == folder
    assert server.requests[before:] == ["3838943"] and (folder / download.MASKS).exists()
    assert read == [download.MASKS]  # gigabytes that did not change are not even read again


def test_a_file_put_there_by_hand_is_taken_if_it_is_the_right_one(server, tmp_path, contents, capsys):
    folder = tmp_path / "ham10000-dataverse"
    folder.mkdir()
    (folder / "HAM10000_images_part_1.zip").write_bytes(contents["3172585"])
    (folder / "HAM10000_images_part_2.zip").write_bytes(contents["3172584"][:-30])
    fetch(tmp_path)
    assert server.asked("3172585") == 0 and server.asked("3172584") == 1
    assert "HAM10000_images_part_2.zip is downloaded again" in capsys.readouterr().err


def test_a_file_that_was_changed_since_is_read_again(server, tmp_path):
    folder = fetch(tmp_path)
    zip_file = folder / "HAM10000_images_part_1.zip"
    os.utime(zip_file, (1, 1))
    before = len(server.requests)
    fetch(tmp_path)
    assert len(server.requests) == before  # touched, and still the same bytes
    content = bytearray(zip_file.read_bytes())
    content[500] ^= 1
    zip_file.write_bytes(content)
    fetch(tmp_path)
    assert server.requests[before:] == ["3172585"]


def test_two_runs_may_fill_one_cache_at_once(server, tmp_path):
    with ThreadPoolExecutor(2) as pool:
        folders = {run.result() for run in [pool.submit(fetch, tmp_path) for _ in range(2)]}
    assert folders == {found(tmp_path)} and leftovers(tmp_path) == []


def test_progress_is_shown_to_somebody_who_watches_only(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(download, "_interactive", lambda: False)
    fetch(tmp_path / "quiet")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(download, "_interactive", lambda: True)
    fetch(tmp_path / "watched")
    assert "HAM10000_images_part_1.zip: 100%" in capsys.readouterr().err


def test_somebody_watches_a_terminal_or_a_notebook(monkeypatch):
    def shell(answer):
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: answer))

    shell(None)
    for terminal in (False, True):
        monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda terminal=terminal: terminal))
        assert download._interactive() == terminal
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: False))
    monkeypatch.delitem(sys.modules, "IPython")
    assert not download._interactive()
    shell(SimpleNamespace(kernel=None))
    assert download._interactive()


# --- Servers and connections that fail ---------------------------------------------------------------------------


FAILURES = {
    "refused": (status(403), 1, "HTTP 403", "The server refuses it"),
    "gone": (status(404), 1, "HTTP 404", "nothing at this address"),
    "overloaded": (status(503), 3, "HTTP 503", "Run this again later"),
    "too many requests": (status(429), 3, "HTTP 429", "Run this again later"),
    "cut": (cut, 3, "the connection was cut", "Run this again later"),
    "cut unnoticed": (cut_unnoticed, 2, "its md5 is", "Run this again later"),
    "endless": (endless, 2, "bytes came, and there was no end", "Run this again later"),
    "a length that is no number": (wrong_length, 2, "invalid literal", "Run this again later"),
    "stalled": (stall, 3, "nothing came for 0.3 seconds", "Run this again later"),
    "one wrong bit": (wrong, 2, "its md5 is", "Run this again later"),
    "a web page": (page, 2, "what came is a web page", "Run this again later"),
    "empty": (empty, 2, "what came is 0 bytes", "Run this again later"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_that_stays_is_reported_and_leaves_nothing_half(failure, server, tmp_path):
    behaviour, attempts, what, remedy = FAILURES[failure]
    server.behave["3172585"] = [behaviour] * 10
    with pytest.raises(DownloadError) as raised:
        fetch(tmp_path)
    message = str(raised.value)
    goal = tmp_path / "ham10000-dataverse" / "HAM10000_images_part_1.zip"
    assert server.base + "3172585" in message and what in message and remedy in message and str(goal) in message
    assert "--source" in message and "\n" not in message
    assert server.asked("3172585") == attempts
    assert found(tmp_path) is None and leftovers(tmp_path) == [] and not goal.exists()

    server.behave.clear()
    assert fetch(tmp_path) == found(tmp_path) == goal.parent
    assert server.asked("3172585") == attempts + 1
    assert server.asked("4338392") == server.asked("3838943") == server.asked("3172584") == 1


@pytest.mark.parametrize("failure", [name for name, (_, attempts, *_) in FAILURES.items() if attempts > 1])
def test_a_failure_that_passes_is_overcome(failure, server, tmp_path, capsys):
    server.behave["3172585"] = [FAILURES[failure][0]]
    assert fetch(tmp_path) == found(tmp_path)
    assert server.asked("3172585") == 2
    said = capsys.readouterr().err
    assert FAILURES[failure][2] in said and "trying again" in said


def test_a_trickle_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "SLOWEST", 200_000)
    server.behave["3172585"] = [trickle] * 3
    with pytest.raises(DownloadError, match="hardly anything came"):
        fetch(tmp_path)
    assert found(tmp_path) is None and leftovers(tmp_path) == []


def test_it_waits_longer_before_each_attempt(server, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(download, "PAUSES", (2, 8, 30))
    monkeypatch.setattr(download.time, "sleep", pauses.append)
    server.behave["4338392"] = [status(503)] * 3
    fetch(tmp_path)
    assert [pause for pause in pauses if pause >= 1] == [2, 8, 30]


@pytest.mark.parametrize(("asks", "waits"), [("9", 9), ("1", 2), ("86400", 120), ("Wed, 21 Oct 2026", 2)])
def test_it_waits_as_long_as_a_server_asks_within_reason(asks, waits, server, tmp_path, monkeypatch):
    def busy(answer, content):
        answer.send_response(429)
        answer.send_header("Retry-After", asks)
        answer.send_header("Content-Length", "0")
        answer.end_headers()

    pauses = []
    monkeypatch.setattr(download, "PAUSES", (2, 8))
    monkeypatch.setattr(download.time, "sleep", pauses.append)
    server.behave["4338392"] = [busy]
    fetch(tmp_path)
    assert [pause for pause in pauses if pause >= 1] == [waits]  # the test's own server sleeps for less


def test_a_proxy_that_does_not_answer_is_named(server, tmp_path, monkeypatch):
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"the proxy in HTTP_PROXY or HTTPS_PROXY does not answer"):
        fetch(tmp_path)


def test_no_network(server, tmp_path, monkeypatch):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        first, *others = download.SOURCES["dataverse"]
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}/4338392"
        monkeypatch.setitem(download.SOURCES, "dataverse", (replace(first, url=address), *others))
        with pytest.raises(
            DownloadError, match=r"no connection \(Failed to establish .*refused\) \(3 attempts.*Run this again later"
        ):
            fetch(tmp_path)
    assert found(tmp_path) is None and leftovers(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["../evil.jpg", "/tmp/evil.jpg", "Input/../../evil.jpg", "C:\\evil.jpg", "..\\evil.jpg"]
)
@pytest.mark.parametrize("source", ["dataverse", "isic"])
def test_a_zip_that_reaches_outside_its_folder_is_refused(name, source, server, tmp_path, contents, monkeypatch):
    key = {"dataverse": "3172585", "isic": "Input.zip"}[source]
    server.contents[key] = packed({name: jpeg(0)})
    monkeypatch.setitem(download.SOURCES, source, local_sources(server.base, server.contents)[source])
    with pytest.raises(DownloadError, match="outside the folder"):
        fetch(tmp_path, source)
    assert found(tmp_path) is None and leftovers(tmp_path) == []


def test_a_killed_run_leaves_nothing_that_counts(server, tmp_path):
    server.behave["3172585"] = [stall]
    script = """
        import sys
        from helpers.data import _download as download
        from helpers.data._download import Remote
        download.SOURCES["dataverse"] = tuple(eval(sys.argv[1]))
        download.TIMEOUT = (10, 10)
        download.fetch(sys.argv[2])
    """
    arguments = [repr(list(download.SOURCES["dataverse"])), str(tmp_path)]
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script), *arguments])
    try:
        deadline = time.monotonic() + 60
        while not server.asked("3172585") or not list(tmp_path.rglob(".download~*.partial/*")):
            assert child.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        child.kill()
        child.wait()
    assert found(tmp_path) is None
    assert fetch(tmp_path) == found(tmp_path)
    assert server.asked("4338392") == 1 and server.asked("3172585") == 2


def test_leftovers_of_killed_runs_go_at_once_and_those_of_running_ones_stay(server, tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    names = {"killed": f"{socket.gethostname()}~{gone.pid}~1", "running": f"{socket.gethostname()}~{os.getpid()}~1"}
    names |= {"elsewhere": f"other-host~{gone.pid}~1", "elsewhere, old": f"other-host~{gone.pid}~2"}
    folders = {who: tmp_path / "ham10000-dataverse" / f".download~{name}.partial" for who, name in names.items()}
    for folder in folders.values():
        folder.mkdir(parents=True)
        (folder / "tmp1234").write_bytes(b"half")
    for path in (folders["elsewhere, old"], folders["elsewhere, old"] / "tmp1234"):
        os.utime(path, (1, 1))
    fetch(tmp_path)
    assert [who for who, folder in folders.items() if folder.exists()] == ["running", "elsewhere"]


# --- Disks that fail ---------------------------------------------------------------------------------------------


def test_too_little_room_is_said_before_anything_is_fetched(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: SimpleNamespace(free=10_000))
    with pytest.raises(DownloadError, match=r"needs 0\.0 GB more in .*, and 0\.0 GB is free.*--cache or SKIN_CACHE"):
        fetch(tmp_path)
    assert server.requests == [] and found(tmp_path) is None and leftovers(tmp_path) == []


def test_a_disk_that_fills_up_on_the_way(server, tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # as on a full disk, the write itself fails
    try:
        with pytest.raises(DownloadError, match=r"cannot be read or written: File too large.*disk has room"):
            fetch(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert server.asked("3172585") == 1  # another attempt would not help
    assert found(tmp_path) is None and leftovers(tmp_path) == []
    assert fetch(tmp_path) == found(tmp_path)


def test_a_place_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"file.* cannot be read or written: Not a directory"):
        fetch(tmp_path / "file")
    assert server.requests == []


# --- ISIC: no checksums, and tables of another form --------------------------------------------------------------


def test_isic_becomes_the_official_layout(server, tmp_path, table):
    folder = fetch(tmp_path, "isic")
    assert folder == found(tmp_path) == tmp_path / "ham10000-isic"
    written = pd.read_csv(folder / "HAM10000_metadata.csv")
    assert list(written) == ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"]
    same = ["lesion_id", "image_id", "dx", "dx_type"]
    pd.testing.assert_frame_equal(written[same], table[same])
    assert written["age"].isna().all()
    ham = data.load(settings.for_chapter("meet-the-data", cache=tmp_path))
    assert len(ham.table) == 14 and set(ham.table["sex"]) == set(ham.table["localization"]) == {"unknown"}
    assert ham.image(IDS[0]).shape == (60, 80, 3) and ham.mask(IDS[0]) is None
    before = len(server.requests)
    assert fetch(tmp_path, "isic") == folder and len(server.requests) == before


def test_isic_tables_of_the_whole_data_set(real_folder, tmp_path):
    """The conversion gives back the true diagnoses, lesions and dx_types of all 10,015 images."""
    truth = pd.read_csv(real_folder / "HAM10000_metadata.csv").sort_values("image_id", ignore_index=True)
    one_hot = pd.get_dummies(truth["dx"].str.upper()).astype(float)[["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]]
    confirmed = {ours: theirs for theirs, ours in _isic.CONFIRMED_BY.items()}
    groupings = truth[["image_id", "lesion_id"]].rename(columns={"image_id": "image"})
    groupings["diagnosis_confirm_type"] = truth["dx_type"].map(confirmed)
    (tmp_path / "labels").mkdir()
    one_hot.insert(0, "image", truth["image_id"])
    (tmp_path / download.TRUTH).write_bytes(packed({"a/b.csv": csv(one_hot.sample(frac=1, random_state=0))}))
    groupings.to_csv(tmp_path / download.GROUPINGS, index=False)
    same = ["lesion_id", "image_id", "dx", "dx_type"]
    pd.testing.assert_frame_equal(download._isic_metadata(tmp_path)[same], truth[same])


def broken_member(content):
    """A zip whose directory is fine, with one bit of an image turned over."""
    at = content.index(b"\xff\xd8\xff") + 2000
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


ISIC_DAMAGE = {
    "a member with a wrong bit": ("Input.zip", broken_member, r"Input/ISIC_0000000\.jpg is broken"),
    "a zip without its end": ("Input.zip", lambda c: c[:-100], "File is not a zip file"),
    "an image less": (
        "Input.zip",
        lambda c: packed({"Input/a.jpg": b"a", "__MACOSX/a.jpg": b""}),
        "1 entries instead of 14",
    ),
    "a row less": ("LesionGroupings.csv", lambda c: c[: c.rindex(b"ISIC")], "13 entries instead of 14"),
    "no column": ("LesionGroupings.csv", lambda c: c.replace(b"lesion_id", b"lesion"), "no column lesion_id"),
    "no table": ("LesionGroupings.csv", lambda c: b"", "No columns to parse"),
}


@pytest.mark.parametrize("damage", ISIC_DAMAGE)
def test_damage_is_seen_without_a_published_checksum(damage, server, tmp_path):
    key, spoil, message = ISIC_DAMAGE[damage]
    good = server.contents[key]
    server.contents[key] = spoil(good)
    with pytest.raises(DownloadError, match=message):
        fetch(tmp_path, "isic")
    assert found(tmp_path) is None and leftovers(tmp_path) == []
    server.contents[key] = good
    assert fetch(tmp_path, "isic") == found(tmp_path)


def spoil_truth(old, new):
    def spoil(contents):
        with zipfile.ZipFile(io.BytesIO(contents["GroundTruth.zip"])) as archive:
            text = archive.read("GroundTruth/GroundTruth.csv").decode()
        assert old in text
        contents["GroundTruth.zip"] = packed({"GroundTruth.csv": text.replace(old, new, 1)})

    return spoil


def spoil_groupings(old, new):
    def spoil(contents):
        assert old in contents["LesionGroupings.csv"]
        contents["LesionGroupings.csv"] = contents["LesionGroupings.csv"].replace(old, new, 1)

    return spoil


def spoil_both(old, new):
    def spoil(contents):
        spoil_truth(old.decode(), new.decode())(contents)
        spoil_groupings(old, new)(contents)

    return spoil


CONTRADICTIONS = {
    "two diagnoses": (spoil_truth("0.0", "1.0"), "ISIC_0000000 has not exactly one diagnosis"),
    "no diagnosis": (spoil_truth("1.0", "0.0"), "ISIC_0000000 has not exactly one diagnosis"),
    "a class less": (spoil_truth("AKIEC", "AK"), "has no column AKIEC"),
    "another image": (spoil_truth("ISIC_0000003", "ISIC_0000099"), "list different images"),
    "an image twice": (spoil_groupings(b"ISIC_0000003", b"ISIC_0000004"), "list different images"),
    "the same image twice in both": (spoil_both(b"ISIC_0000003", b"ISIC_0000004"), "or one twice"),
    "a new confirmation": (spoil_groupings(b"histopathology", b"guess"), "confirmed by 'guess', which is not known"),
}


@pytest.mark.parametrize("contradiction", CONTRADICTIONS)
def test_isic_tables_that_contradict_each_other(contradiction, server, tmp_path):
    spoil, message = CONTRADICTIONS[contradiction]
    spoil(server.contents)
    with pytest.raises(DownloadError, match=message) as raised:
        fetch(tmp_path, "isic")
    assert str(tmp_path / "ham10000-isic" / "labels") in str(raised.value)
    assert found(tmp_path) is None and leftovers(tmp_path) == []


# --- Kaggle: another package does the download -------------------------------------------------------------------


@pytest.fixture
def kaggle_folder(tmp_path, table, monkeypatch):
    """A folder like Kaggle's: every image twice, under two letter cases, and tables of pixels that nobody needs."""
    place = tmp_path / "kagglehub" / "versions" / "2"
    for name in ("HAM10000_images_part_1", "ham10000_images_part_1"):
        (place / name).mkdir(parents=True)
        for number, image in enumerate(IDS):
            (place / name / f"{image}.jpg").write_bytes(jpeg(number))
    table.drop(columns="dataset").to_csv(place / "HAM10000_metadata.csv", index=False)
    (place / "hmnist_8_8_L.csv").write_text("pixel0000,label\n0,0\n")
    monkeypatch.setattr(download, "IMAGES", 14)
    return place


def stand_in(monkeypatch, answer):
    monkeypatch.setitem(sys.modules, "kagglehub", SimpleNamespace(dataset_download=answer))


def test_kaggle_is_used_where_it_lies(kaggle_folder, tmp_path, monkeypatch, capsys):
    handles = []
    stand_in(monkeypatch, lambda handle: handles.append(handle) or str(kaggle_folder))
    cache = tmp_path / "cache"
    assert fetch(cache, "kaggle") == found(cache) == kaggle_folder
    assert handles == ["kmader/skin-cancer-mnist-ham10000"] and "CC BY-NC-SA 4.0" in capsys.readouterr().out
    assert [path.name for path in cache.rglob("*")] == ["ham10000-kaggle", "download.json"]
    assert len(data.load(settings.for_chapter("meet-the-data", cache=cache)).table) == 14
    (kaggle_folder / "HAM10000_metadata.csv").unlink()  # kagglehub's cache was emptied
    assert found(cache) is None


def test_without_kagglehub_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)  # an import of it fails
    with pytest.raises(DownloadError, match=r"pip install kagglehub.*--source dataverse"):
        fetch(tmp_path, "kaggle")
    assert found(tmp_path) is None


@pytest.mark.parametrize("error", [OSError("429 Too Many Requests"), RuntimeError("no such data set")])
def test_kaggle_that_fails(error, tmp_path, monkeypatch):
    def fail(handle):
        raise error

    stand_in(monkeypatch, fail)
    with pytest.raises(DownloadError) as raised:
        fetch(tmp_path, "kaggle")
    assert all(part in str(raised.value) for part in ("kaggle.com/datasets/kmader", str(error), "--source dataverse"))
    assert found(tmp_path) is None


@pytest.mark.parametrize("absent", ["HAM10000_metadata.csv", "*/ISIC_0000003.jpg"])
def test_kaggle_that_is_incomplete(absent, kaggle_folder, tmp_path, monkeypatch):
    stand_in(monkeypatch, lambda handle: str(kaggle_folder))
    for path in kaggle_folder.glob(absent):
        path.unlink()
    with pytest.raises(DownloadError, match="Delete that folder") as raised:
        fetch(tmp_path / "cache", "kaggle")
    assert str(kaggle_folder) in str(raised.value) and found(tmp_path / "cache") is None


# --- What counts as found ----------------------------------------------------------------------------------------


def test_dataverse_goes_before_kaggle_and_kaggle_before_isic(server, tmp_path, kaggle_folder, monkeypatch):
    stand_in(monkeypatch, lambda handle: str(kaggle_folder))
    cache = tmp_path / "cache"
    for source in ("isic", "kaggle", "dataverse"):
        assert fetch(cache, source) == found(cache)
    (cache / "ham10000-dataverse" / "download.json").unlink()
    assert found(cache) == kaggle_folder


def test_a_record_that_is_damaged_counts_as_none(server, tmp_path):
    record = fetch(tmp_path) / "download.json"
    whole = record.read_text()
    assert set(json.loads(whole)["files"]) == {remote.name for remote in download.SOURCES["dataverse"]}
    damaged = ["{}", "[]", "null", "7", '{"files": []}', '{"files": {"a": 7}}', '{"files": {"a": {}}}', "[" * 5000]
    for text in (whole[: len(whole) // 2], "", *damaged):
        record.write_text(text)
        assert found(tmp_path) is None
    record.write_bytes(b"\xff\xfe\x00")
    assert found(tmp_path) is None
    before = len(server.requests)
    assert fetch(tmp_path) == found(tmp_path) and len(server.requests) == before


def test_a_record_does_not_lead_out_of_the_cache(server, tmp_path):
    folder = fetch(tmp_path / "cache")
    moved = folder.rename(tmp_path / "elsewhere")
    folder.mkdir()
    record = json.loads((moved / "download.json").read_text())
    (folder / "download.json").write_text(json.dumps(record | {"folder": str(moved)}))
    assert found(tmp_path / "cache") is None


def test_a_file_that_shrank_does_not_count(server, tmp_path):
    folder = fetch(tmp_path)
    content = (folder / "HAM10000_images_part_1.zip").read_bytes()
    (folder / "HAM10000_images_part_1.zip").write_bytes(content[:-1])
    assert found(tmp_path) is None


def test_unknown_source(tmp_path):
    with pytest.raises(ValueError, match=r"'huggingface' is not known; choose one of dataverse, isic, kaggle"):
        fetch(tmp_path, "huggingface")


# --- The command -------------------------------------------------------------------------------------------------


def test_the_command_downloads_and_says_where(server, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SKIN_CACHE", str(tmp_path))
    assert command.main(["download", "--no-masks"]) == 0
    assert f"HAM10000 is in {tmp_path / 'ham10000-dataverse'}" in capsys.readouterr().out
    assert server.asked("3838943") == 0
    assert command.main(["download", "--source", "isic", "--cache", str(tmp_path / "other")]) == 0
    assert found(tmp_path / "other") == tmp_path / "other" / "ham10000-isic"


def test_the_command_fails_in_one_paragraph(server, tmp_path, capsys):
    server.behave["4338392"] = [status(404)]
    assert command.main(["download", "--cache", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: HAM10000_metadata.csv could not be downloaded") and error.count("\n") == 1
    assert "Traceback" not in error


def test_the_command_can_be_stopped(tmp_path, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "fetch", interrupt)
    assert command.main(["download", "--cache", str(tmp_path)]) == 130
    assert "run this again for the rest" in capsys.readouterr().err


def test_help_names_sources_licence_and_citation(capsys):
    with pytest.raises(SystemExit) as raised:
        command.main(["download", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert raised.value.code == 0
    for part in ("{dataverse,isic,kaggle}", "SKIN_CACHE", "CC BY-NC 4.0", "Tschandl", "GB"):
        assert part in text


# --- The other command: a full check -----------------------------------------------------------------------------


def test_the_check_of_a_whole_folder_finds_nothing(server, tmp_path, capsys, monkeypatch):
    folder = fetch(tmp_path)
    assert command.main(["check", "--data", str(folder), "--cache", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    # 14 images are not what is published; that is all.
    assert "14 images of 14 lesions, 14 masks" in said and "sizes: 80 x 60 (14)" in said
    assert said.count("PROBLEM") == 2 and "published are" in said
    mine = pd.read_csv(folder / "HAM10000_metadata.csv")
    mine.assign(lesion_id=mine["lesion_id"].str.replace("HAM", "MY")).to_csv(
        folder / "HAM10000_metadata.csv", index=False
    )
    assert command.main(["check", "--data", str(folder), "--cache", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("No problem was seen.\n")


def test_the_check_names_what_is_damaged_missing_or_changed(tmp_path, table, capsys):
    own = table.assign(lesion_id=table["lesion_id"].str.replace("HAM", "MY"))
    own.to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    for number, image in enumerate(IDS[:-1]):
        (tmp_path / f"{image}.jpg").write_bytes(jpeg(number))
    check = ["check", "--data", str(tmp_path), "--cache", str(tmp_path / ".cache")]
    assert command.main(check) == 1
    assert "1 images that the metadata lists are not there" in capsys.readouterr().out
    changed = tmp_path / f"{IDS[3]}.jpg"
    stamp = changed.stat().st_mtime_ns
    content = bytearray(changed.read_bytes())
    content[1000] ^= 4  # a bad disk: other bytes, and the file looks untouched
    changed.write_bytes(content)
    os.utime(changed, ns=(stamp, stamp))
    (tmp_path / f"{IDS[5]}_segmentation.png").write_bytes(b"\x89PNG\r\n\x1a\n cut")
    assert command.main(check) == 1
    said = capsys.readouterr().out
    assert f"{IDS[3]}.jpg has changed" in said and f"{IDS[5]}_segmentation.png cannot be decoded" in said
    assert "3 problems" in said


def test_the_check_of_what_cannot_be_loaded_fails_in_one_paragraph(tmp_path, capsys):
    assert command.main(["check", "--data", str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.startswith("error: the data folder")

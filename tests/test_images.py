"""The pixel cache: right pixels, whole or absent, and a clear word when it cannot be written."""

import errno
import io
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib.externals.loky import get_reusable_executor
from PIL import Image

from helpers import data, settings
from helpers.data import _cache as caches
from helpers.data import _files as files
from helpers.data import _pixels as pixel_cache
from helpers.data._files import DataError
from helpers.data._workers import in_parallel

ROOT = Path(__file__).parents[1]
COUNT, HEIGHT, WIDTH = 150, 30, 40


def blocks(seed):
    """A picture of large even blocks, which JPEG and resizing keep."""
    return np.random.default_rng(seed).integers(0, 256, (3, 4, 3), np.uint8).repeat(10, 0).repeat(10, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("skin")
    ids = [f"IMG_{number:04}" for number in range(COUNT)]
    columns = {"lesion_id": ids, "image_id": ids, "dx": "nv", "dx_type": "histo", "age": 40, "sex": "male"}
    pd.DataFrame(columns | {"localization": "back"}).to_csv(folder / "HAM10000_metadata.csv", index=False)
    for number, image_id in enumerate(ids):
        Image.fromarray(blocks(number)).save(folder / f"{image_id}.jpg", quality=95)
    return folder


@pytest.fixture
def config(folder, tmp_path):
    return settings.for_chapter("meet-the-data", data=folder, cache=tmp_path / "cache")


@pytest.fixture
def ham(config):
    return data.load(config)


@pytest.fixture
def two_workers(monkeypatch):
    """Use worker processes even for few images."""
    monkeypatch.setattr(pixel_cache, "IMAGES_A_WORKER", 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def listing(config):
    return sorted(path.name for path in (config.cache / "pixels").iterdir())


def test_pixels_are_those_of_the_images_in_table_order(ham, config):
    pixels = data.load_pixels(ham, config, (HEIGHT, WIDTH))
    assert isinstance(pixels, np.memmap) and pixels.dtype == np.uint8
    assert pixels.shape == (COUNT, HEIGHT, WIDTH, 3)
    for row, image_id in enumerate(ham.table["image_id"]):
        assert np.array_equal(pixels[row], ham.image(image_id))
        assert np.abs(pixels[row, 5::10, 5::10].astype(int) - blocks(row)[5::10, 5::10]).max() < 12
    with pytest.raises(ValueError, match="read-only"):
        pixels[0] = 0


def test_the_default_size_is_the_chapters(ham, config):
    assert data.load_pixels(ham, config).shape[1:3] == config.sizes.image


def test_shrinking_averages_and_does_not_skip_pixels(folder, config, tmp_path):
    # Thin stripes become even grey; taking every fourth pixel would leave them black or white.
    stripes = np.zeros((240, 320, 3), np.uint8)
    stripes[:, ::2] = 255
    pd.read_csv(folder / "HAM10000_metadata.csv").head(1).to_csv(tmp_path / "HAM10000_metadata.csv", index=False)
    for kind, size in (("jpg", (30, 40)), ("jpg", (120, 160)), ("png", (60, 80))):
        stream = io.BytesIO()
        Image.fromarray(stripes).save(stream, "JPEG" if kind == "jpg" else "PNG", quality=95)
        for old in tmp_path.glob("IMG*"):
            old.unlink()
        (tmp_path / f"IMG_0000.{kind}").write_bytes(stream.getvalue())
        pixels = data.load_pixels(data.load(replace(config, data=tmp_path)), config, size)[0]
        assert pixels.shape == (*size, 3)
        assert pixels[5:-5, 5:-5].min() > 110 and pixels[5:-5, 5:-5].max() < 145


def test_workers_and_a_single_process_give_the_same_file(ham, config, tmp_path, two_workers, monkeypatch):
    monkeypatch.setattr(pixel_cache, "CHUNK", 7)
    parallel = data.load_pixels(ham, config, (11, 13))
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    alone = data.load_pixels(ham, replace(config, cache=tmp_path / "other"), (11, 13))
    assert np.array_equal(parallel, alone)
    assert Path(parallel.filename).read_bytes() == Path(alone.filename).read_bytes()


def test_a_second_load_decodes_nothing(ham, config, monkeypatch):
    first = data.load_pixels(ham, config)
    monkeypatch.setattr(pixel_cache, "decode", None)
    assert np.array_equal(data.load_pixels(ham, config), first)


def test_other_content_size_or_recipe_is_another_file(ham, config, monkeypatch):
    data.load_pixels(ham, config)
    data.load_pixels(ham, config, (10, 10))
    data.load_pixels(data.load(config, subset=True), config)
    assert len(listing(config)) == 2
    turned = replace(ham, table=ham.table.iloc[::-1].reset_index(drop=True))
    assert np.array_equal(data.load_pixels(turned, config), data.load_pixels(ham, config)[::-1])
    monkeypatch.setattr(pixel_cache, "RECIPE", pixel_cache.RECIPE + 1)
    data.load_pixels(ham, config)
    assert len(listing(config)) == 4


@pytest.mark.parametrize("harm", [lambda content: b"", lambda content: content[:-1000], lambda content: b"x" * 500])
def test_a_damaged_cache_is_made_anew(harm, ham, config):
    good = data.load_pixels(ham, config)
    expected, path = np.array(good), Path(good.filename)
    del good
    path.write_bytes(harm(path.read_bytes()))
    assert np.array_equal(data.load_pixels(ham, config), expected)
    np.save(path, np.zeros((3, 3)))
    assert np.array_equal(data.load_pixels(ham, config), expected)


@pytest.mark.parametrize("parallel", [False, True])
def test_an_image_that_does_not_decode_is_named_and_nothing_stays(parallel, ham, config, tmp_path, request):
    if parallel:
        request.getfixturevalue("two_workers")
    bad = tmp_path / "IMG_0077.jpg"
    bad.write_bytes(b"\xff\xd8\xff and no more")
    stored = ham.stored | {"IMG_0077": files.Stored(bad, None, 10, "0" * 8)}
    with pytest.raises(DataError, match=r"IMG_0077\.jpg cannot be decoded"):
        data.load_pixels(replace(ham, stored=stored), config)
    assert listing(config) == []


# --- runs that end too early, run side by side, or have no room ------------------------------------------------------

RUN = """
import os, sys, time
from helpers import data, settings
from helpers.data import _pixels
write_rows = _pixels._write_rows
config = settings.for_chapter("meet-the-data", data=sys.argv[1], cache=sys.argv[2])
ham = data.load(config)
{before}
pixels = data.load_pixels(ham, config)
"""


def start(before, config):
    command = [sys.executable, "-c", RUN.format(before=before), config.data, config.cache]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


SLOWLY = """
_pixels.IMAGES_A_WORKER, _pixels.CHUNK, os.cpu_count = 1, 8, lambda: 2
_pixels._write_rows = lambda job: time.sleep(0.4) or write_rows(job)
"""


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def children(process):
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def test_a_killed_run_leaves_nothing_that_counts_and_no_process(ham, config):
    run = start(SLOWLY, config)
    partials = config.cache / "pixels"
    wait_for(lambda: any(path.stat().st_size > 100_000 for path in partials.glob("*.partial")))
    workers = children(run.pid) if sys.platform == "linux" else []
    run.kill()
    run.communicate()
    (left,) = listing(config)
    assert left.endswith(".partial")
    pixels = data.load_pixels(ham, config, (HEIGHT, WIDTH))
    assert np.array_equal(pixels[3], ham.image("IMG_0003"))
    assert not any(name.endswith(".partial") for name in listing(config))
    wait_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def test_an_interrupted_run_leaves_nothing(config):
    # A shell's background job, such as a CI run may be, starts with Ctrl-C ignored; a terminal's does not.
    run = start("import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n" + SLOWLY, config)
    wait_for(lambda: any(path.stat().st_size > 10_000 for path in (config.cache / "pixels").glob("*.partial")))
    os.killpg(run.pid, signal.SIGINT)  # as Ctrl-C does: to the workers too
    _, errors = run.communicate(timeout=120)
    assert errors.rstrip().endswith("KeyboardInterrupt") and errors.count("Traceback") == 1
    assert listing(config) == []


def test_a_worker_ended_from_outside_is_explained_and_nothing_stays(ham, config, two_workers, monkeypatch):
    def killed(job):
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(pixel_cache, "_write_rows", killed)
    with pytest.raises(DataError, match=r"a worker process that decodes images was ended from outside.*memory"):
        data.load_pixels(ham, config)
    assert listing(config) == []


def test_workers_answer_in_order_and_pass_on_an_error():
    def slowest_first(number):
        time.sleep(0.2 * (number == 0))
        return number / (number - 7)

    jobs = list(range(7))
    assert list(in_parallel(slowest_first, jobs, 2, "counts")) == [slowest_first(job) for job in jobs]
    with pytest.raises(ZeroDivisionError):
        list(in_parallel(slowest_first, [1, 7, 2], 2, "counts"))
    here = os.getpid()
    assert list(in_parallel(lambda job: os.getpid(), [1, 2], 1, "counts")) == [here, here]
    assert here not in list(in_parallel(lambda job: os.getpid(), [1, 2], 2, "counts"))


def test_two_processes_that_fill_one_cache_both_get_it_right(ham, config):
    after = 'import atexit; atexit.register(lambda: print(int(pixels.sum(dtype="u8")), pixels.shape))'
    runs = [start(after, config) for _ in range(2)]
    answers = [run.communicate(timeout=120) for run in runs]
    pixels = data.load_pixels(ham, config)
    assert [answer for answer, _ in answers] == [f"{pixels.sum(dtype='u8')} {pixels.shape}\n"] * 2
    assert len(listing(config)) == 1


def test_a_run_clears_what_is_stale_and_spares_what_is_alive(ham, config):
    folder = config.cache / "pixels"
    folder.mkdir(parents=True)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    host = socket.gethostname()
    names = {
        "dead": f"a~{host}~{gone.pid}~1.partial",
        "alive": f"a~{host}~{os.getpid()}~1.partial",
        "another's": f"a~{host}~1~1.partial",
        "elsewhere": f"a~other-{host}~{gone.pid}~1.partial",
        "old": f"a~other-{host}~{gone.pid}~2.partial",
        "not ours": "thesis.partial",
    }
    for name in names.values():
        (folder / name).write_bytes(b"x")
    two_days_ago = time.time() - 2 * caches.DAY
    os.utime(folder / names["old"], (two_days_ago, two_days_ago))
    data.load_pixels(ham, config)
    left = set(listing(config))
    assert {key for key, name in names.items() if name in left} == {"alive", "another's", "elsewhere", "not ours"}


def test_a_process_of_another_user_counts_as_running(monkeypatch):
    def refuse(process, number):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "kill", refuse)
    assert caches._running(12345)


def no_room(ham, config, size=None):
    with pytest.raises(DataError) as caught:
        data.load_pixels(ham, config, size)
    text = str(caught.value)
    height, width = size or config.sizes.image
    assert str(config.cache / "pixels") in text and "SKIN_CACHE" in text
    assert f"{COUNT * height * width * 3:,} bytes are needed" in text
    assert listing(config) == []
    return text


def test_too_little_free_space_is_found_before_any_work(ham, config, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10, 9, 1))
    monkeypatch.setattr(pixel_cache, "decode", None)
    assert "1 bytes are free" in no_room(ham, config)


@pytest.mark.parametrize("parallel", [False, True])
def test_a_disk_that_fills_up_on_the_way(parallel, ham, config, request):
    # The limit on a file's size makes the system refuse a write, as a full disk does.
    if parallel:
        request.getfixturevalue("two_workers")
        get_reusable_executor().shutdown()  # only new workers have this process's limits
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        text = no_room(ham, config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in text


def test_a_full_file_system(ham, config, tmp_path, monkeypatch, two_workers):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system can only be mounted by root")
    try:
        config = replace(config, cache=disk)
        assert "bytes are free" in no_room(ham, config)
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10**9, 0, 10**9))
        assert "No space left on device" in no_room(ham, config)
        pixels = data.load_pixels(ham, config, (30, 40))
        assert np.array_equal(pixels[-1], ham.image(ham.table["image_id"].iloc[-1]))
        del pixels
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_cache_that_cannot_be_written(ham, config, tmp_path):
    # A folder below a file: not even root, as whom the tests may run, can make it.
    (tmp_path / "file").write_bytes(b"")
    blocked = replace(config, cache=tmp_path / "file" / "cache")
    with pytest.raises(DataError, match=r"file/cache/pixels cannot be written \(Not a directory\).*SKIN_CACHE"):
        data.load_pixels(ham, blocked)


# --- the progress bar ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("terminal", "colab"), [(False, False), (True, False), (False, True)])
def test_progress_shows_in_a_terminal_and_on_colab_alone(terminal, colab, ham, config, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    if colab:
        monkeypatch.setitem(sys.modules, "google.colab", object())
    data.load_pixels(ham, config)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert ("150/150" in printed.err) == (terminal or colab)
    if not (terminal or colab):
        assert printed.err == ""

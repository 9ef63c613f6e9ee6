"""The first call of a chapter: what it chooses and says, and what it keeps on a reader's Drive."""

import os
import shutil
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest

import helpers
from helpers import _start, settings, start
from helpers.data._files import DataError


@pytest.fixture
def shown(monkeypatch):
    """What ``start`` displays."""
    boxes = []
    monkeypatch.setattr(_start, "display", boxes.append)
    return boxes


@pytest.fixture
def sample_cache(config, monkeypatch):
    monkeypatch.setenv("SKIN_CACHE", str(config.cache))


def test_a_chapter_starts_with_one_call_and_the_box_says_what_was_chosen_and_why(shown, sample_cache, monkeypatch):
    monkeypatch.delenv("SKIN_TIER", raising=False)
    monkeypatch.setattr(settings, "gpus", lambda: 0)
    config, ham = start("meet-the-data")
    assert (config.chapter, config.tier) == ("meet-the-data", "quick") and ham.synthetic
    (box,) = shown
    text = repr(box)
    assert "drawn by a program" in text and "python -m helpers.data download" in text
    assert "no GPU is here; set SKIN_TIER to quick, workshop, full to change it" in text
    assert "under a minute a notebook" in text


def test_a_chapter_starts_without_the_libraries_that_take_seconds_to_import():
    slow = {"matplotlib", "scipy.stats", "seaborn", "skimage", "sklearn", "statsmodels", "tensorflow", "xgboost"}
    code = "import sys; from helpers import start; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert "helpers._start" in imported and not imported & slow


def test_who_asks_for_the_sample_is_not_told_how_to_do_without(shown, sample_cache, monkeypatch):
    monkeypatch.setenv("SKIN_DATA", "sample")
    _, ham = start("meet-the-data")
    assert ham.synthetic and "helpers.data download" not in repr(shown[0])


def test_nothing_else_is_found_where_start_is():
    with pytest.raises(AttributeError, match="no attribute 'stat'"):
        helpers.stat  # noqa: B018


@pytest.mark.parametrize(("gpus", "tier"), [(0, "quick"), (1, "workshop"), (2, "workshop")])
def test_the_tier_follows_the_device_unless_it_is_named(gpus, tier, monkeypatch):
    monkeypatch.delenv("SKIN_TIER", raising=False)
    monkeypatch.setattr(settings, "gpus", lambda: gpus)
    assert settings.for_chapter("transfer-vgg16").tier == tier
    monkeypatch.setenv("SKIN_TIER", "full")
    assert settings.for_chapter("transfer-vgg16").tier == "full"
    monkeypatch.setenv("SKIN_TIER", "auto")
    assert settings.for_chapter("transfer-vgg16").tier == tier


@pytest.fixture
def colab(monkeypatch, tmp_path):
    """A stub of Colab whose Drive is mounted when it is asked for; returns what a test may change."""
    state = SimpleNamespace(mounted=False, allowed=True, free=15e9, asked=0)

    def mount(place):
        state.asked += 1
        state.mounted = state.allowed

    stub = ModuleType("google.colab")
    stub.drive = SimpleNamespace(mount=mount)
    monkeypatch.setitem(sys.modules, "google.colab", stub)
    monkeypatch.setitem(sys.modules, "google", ModuleType("google"))
    sys.modules["google"].colab = stub
    drive = tmp_path / "content" / "drive"
    for module in (settings, _start):
        monkeypatch.setattr(module, "DRIVE", drive)
    monkeypatch.setattr(_start, "KEPT", drive / "MyDrive" / "course")
    monkeypatch.setattr(os.path, "ismount", lambda path: path == drive and state.mounted)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=state.free))
    for name in ("SKIN_CACHE", "SKIN_RUNS", "SKIN_TIER", "SKIN_DATA"):
        monkeypatch.setenv(name, "")
    return state


def stop_before_the_images(monkeypatch):
    def load(config):
        raise DataError("stop")

    monkeypatch.setattr(_start.data, "load", load)


def test_on_the_drive_caches_and_records_are_kept(colab, monkeypatch):
    stop_before_the_images(monkeypatch)
    with pytest.raises(DataError, match="stop"):
        start("transfer-vgg16", drive=True)
    assert colab.asked == 1
    kept = {"SKIN_CACHE": str(_start.KEPT / "cache"), "SKIN_RUNS": str(_start.KEPT / "runs")}
    assert {name: os.environ[name] for name in kept} == kept
    with pytest.raises(DataError, match="stop"):
        start("transfer-vgg16", drive=True)
    assert colab.asked == 1, "what is mounted is not asked for again"


def test_a_drive_that_was_not_allowed_is_refused_before_a_byte_is_written(colab, tmp_path):
    colab.allowed = False
    with pytest.raises(ValueError, match="no Drive is mounted"):
        start("transfer-vgg16", drive=True)
    assert not list(tmp_path.iterdir()) and not os.environ["SKIN_CACHE"]


def test_a_drive_without_room_for_the_chapter_is_refused(colab, monkeypatch):
    stop_before_the_images(monkeypatch)
    monkeypatch.setattr(settings, "gpus", lambda: 1)
    colab.free = 2e9
    with pytest.raises(ValueError, match=r"may write 5\.\d GB, and your Drive has 2\.0 GB left"):
        start("transfer-vgg16", drive=True)
    assert not os.environ["SKIN_CACHE"]
    with pytest.raises(DataError, match="stop"):
        start("meet-the-data", drive=True)


@pytest.mark.parametrize("variable", ["SKIN_CACHE", "SKIN_RUNS"])
def test_folders_on_a_drive_that_is_not_mounted_are_refused(variable, colab, monkeypatch):
    monkeypatch.setenv(variable, str(settings.DRIVE / "MyDrive" / "mine"))
    with pytest.raises(ValueError, match=f"{variable} is .*no Drive is mounted"):
        start("meet-the-data")


def test_elsewhere_there_is_no_drive():
    with pytest.raises(ValueError, match="Colab alone can mount"):
        start("meet-the-data", drive=True)

"""Where the images come from: in each world, what is attached, what is drawn instead, and what a reader is told."""

import sys
import time
from types import ModuleType, SimpleNamespace

import pandas as pd
import pytest

from helpers.data import _places as places
from helpers.data._files import DataError


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """The sample's folder; nothing is drawn."""
    folder = tmp_path / "sample"
    folder.mkdir()
    monkeypatch.setattr(places._sample, "ensure", lambda cache, seed: folder)
    return folder


@pytest.fixture
def config(tmp_path):
    return SimpleNamespace(data=None, cache=tmp_path / "cache", seed=1)


@pytest.fixture(params=["Colab", "Kaggle"])
def cloud(request, monkeypatch, tmp_path):
    """A stub of Colab's or Kaggle's machine, with nothing attached."""
    monkeypatch.setattr(places, "KAGGLE_INPUT", tmp_path / "kaggle" / "input")
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    if request.param == "Colab":
        monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    else:
        monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    return request.param


def kaggle_copy(folder, case="HAM10000"):
    """Write the names that Kaggle's copy has, read-only as its mount is."""
    for part in (f"{case}_images_part_1", f"{case}_images_part_2"):
        (folder / part).mkdir(parents=True)
    (folder / "HAM10000_metadata.csv").touch()
    (folder / "hmnist_28_28_RGB.csv").touch()
    folder.chmod(0o555)
    return folder


def stub_kagglehub(monkeypatch, download):
    module = ModuleType("kagglehub")
    module.dataset_download = download
    monkeypatch.setitem(sys.modules, "kagglehub", module)


@pytest.mark.parametrize("case", ["HAM10000", "ham10000"])
def test_on_a_cloud_kaggle_s_copy_is_attached_and_nothing_is_asked(cloud, case, config, drawn, monkeypatch, tmp_path):
    asked = []
    copy = kaggle_copy(tmp_path / "mount" / "skin-cancer-mnist-ham10000", case)
    stub_kagglehub(monkeypatch, lambda slug: asked.append(slug) or str(copy))
    place = places.resolve(config)
    assert (place.folder, place.notice, place.lacks_sources) == (copy, "", True) and cloud in place.origin
    assert asked == ["kmader/skin-cancer-mnist-ham10000"]


@pytest.mark.parametrize("below", ["skin-cancer-mnist-ham10000", "datasets/kmader/skin-cancer-mnist-ham10000"])
def test_an_attached_input_is_found_without_kagglehub(cloud, below, config, drawn, monkeypatch):
    copy = kaggle_copy(places.KAGGLE_INPUT / below)
    stub_kagglehub(monkeypatch, lambda slug: pytest.fail("kagglehub was asked"))
    assert places.resolve(config).folder == copy


def forbidden(slug):
    raise RuntimeError("403 Client Error.\nYou don't have permission to access resource")


@pytest.mark.parametrize(
    ("download", "why"),
    [
        (forbidden, "RuntimeError: 403 Client Error"),
        (lambda slug: "/nowhere", "holds no HAM10000_metadata.csv"),
        (lambda slug: time.sleep(0.5), "nothing came from Kaggle"),
        (None, "kagglehub is not installed"),
    ],
    ids=["refused", "empty", "slow", "absent"],
)
def test_where_kaggle_fails_the_sample_is_taken_and_says_why_and_what_next(
    cloud, download, why, config, drawn, monkeypatch
):
    monkeypatch.setattr(places, "PATIENCE", 0.1)
    if download:
        stub_kagglehub(monkeypatch, download)
    else:
        monkeypatch.setitem(sys.modules, "kagglehub", None)
    place = places.resolve(config)
    assert place.folder == drawn and why in place.notice and "\n" not in place.notice
    assert {"Colab": "helpers.data download", "Kaggle": "Add Input"}[cloud] in place.notice


def test_a_laptop_downloads_nothing_unasked_and_says_how_to(config, drawn, monkeypatch):
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    stub_kagglehub(monkeypatch, lambda slug: pytest.fail("kagglehub was asked"))
    place = places.resolve(config)
    assert place.folder == drawn and "python -m helpers.data download" in place.notice


def test_who_asks_for_the_sample_gets_it_on_a_cloud_too_and_without_a_word(cloud, config, drawn, monkeypatch):
    stub_kagglehub(monkeypatch, lambda slug: pytest.fail("kagglehub was asked"))
    config.data = places.SAMPLE
    assert places.resolve(config) == places.Place(drawn, "drawn into the cache")


def test_a_named_folder_and_an_earlier_download_go_before_kaggle(cloud, config, drawn, monkeypatch, tmp_path):
    stub_kagglehub(monkeypatch, lambda slug: pytest.fail("kagglehub was asked"))
    monkeypatch.setattr(places._download, "found", lambda cache: tmp_path / "fetched")
    assert places.resolve(config).folder == tmp_path / "fetched"
    config.data = tmp_path / "mine"
    assert places.resolve(config).folder == tmp_path / "mine"


def test_a_cache_that_cannot_be_written_is_named(config, monkeypatch):
    def refuse(cache, seed):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(places._sample, "ensure", refuse)
    with pytest.raises(DataError, match=r"cannot be written into .*cache \(Read-only file system\)\. Set SKIN_CACHE"):
        places.resolve(config)


@pytest.fixture
def table():
    return pd.DataFrame({"image_id": ["ISIC_2", "ISIC_1"], "dataset": "unknown"})


def test_the_sources_of_the_images_come_from_dataverse_s_table(table, tmp_path, monkeypatch):
    published = tmp_path / "published.csv"
    published.write_text("lesion_id,image_id,dataset\nHAM_1,ISIC_1,rosendahl\nHAM_2,ISIC_2,vienna_dias\n")
    monkeypatch.setattr(places._download, "fetch_table", lambda cache: published)
    completed, notices = places.with_sources(table, tmp_path)
    assert list(completed["dataset"]) == ["vienna_dias", "rosendahl"] and notices == ()


def test_where_dataverse_is_out_of_reach_the_sources_stay_unknown_and_that_is_said(table, tmp_path, monkeypatch):
    def refuse(cache):
        raise places._download.DownloadError("no connection\nand more")

    monkeypatch.setattr(places._download, "fetch_table", refuse)
    completed, (notice,) = places.with_sources(table, tmp_path)
    assert set(completed["dataset"]) == {"unknown"} and "no connection)" in notice and "\n" not in notice

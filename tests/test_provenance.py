import dataclasses
import os
import re
import subprocess
import sys

import pytest
from bs4 import BeautifulSoup

import helpers
from helpers import settings
from helpers.records import _provenance as provenance


def test_the_banner_says_data_size_hash_tier_device_and_versions(ham, config):
    text = repr(provenance.banner(ham, config))
    assert f"{len(ham.table):,} images of 200 x 150 pixels" in text
    assert ham.fingerprint[:16] in text
    assert "quick: images used at 100 x 75 pixels" in text
    assert f"helpers {helpers.__version__}" in text
    for package in ("Python", "numpy", "scikit-learn", "CPU cores"):
        assert package in text


def test_synthetic_data_say_so_first_and_real_data_do_not(ham, config, monkeypatch):
    monkeypatch.setattr(provenance, "RECORDED_CHAPTERS", frozenset())
    banner = provenance.banner(ham, config)
    assert repr(banner).startswith("*** SYNTHETIC DATA.")
    assert banner._repr_html_().index("SYNTHETIC DATA.") < banner._repr_html_().index("Data hash")
    real = provenance.banner(dataclasses.replace(ham, synthetic=False), config)
    assert "SYNTHETIC" not in repr(real) + real._repr_html_()


def test_a_page_that_speaks_from_records_of_real_images_says_so_instead(ham, config):
    recorded = settings.for_chapter("where-could-90-come-from", cache=config.cache)
    text = repr(provenance.banner(ham, recorded))
    assert text.startswith("*** RECORDED ON REAL IMAGES.") and "drawn by a program" in text
    assert "SYNTHETIC" not in text
    assert "RECORDED" not in repr(provenance.banner(dataclasses.replace(ham, synthetic=False), recorded))


def test_the_box_shows_images_and_work_and_folds_the_rest(ham, config):
    box = BeautifulSoup(provenance.banner(ham, config)._repr_html_(), "html.parser")
    shown = [label.get_text() for label in box.find_all("dt") if label.find_parent("details") is None]
    assert shown == ["Data", "Tier", "Work"]
    assert box.details.summary.get_text() == "Data hash, licence, seed, device, versions"


def test_upsampled_images_are_marked(ham, config):
    assert "UPSAMPLED" not in repr(provenance.banner(ham, config))
    full = settings.for_chapter("meet-the-data", tier="full", cache=config.cache)
    text = repr(provenance.banner(ham, full))
    assert "*** UPSAMPLED. This chapter asks for 600 x 450 pixels; the stored images have 200 x 150. ***" in text
    assert "600 x 450 pixels (upsampled)" in text
    height, width = config.sizes.image
    for stored in ((height - 1, width), (height, width - 1)):
        assert "UPSAMPLED" in repr(provenance.banner(dataclasses.replace(ham, size=stored), config))


def test_a_subset_is_marked(ham, config):
    part = dataclasses.replace(ham, table=ham.table.head(70), missing=9945)
    assert "SUBSET. 70 of the 10,015 images that the metadata lists" in repr(provenance.banner(part, config))


def test_what_comes_from_outside_is_escaped(ham, config):
    hostile = dataclasses.replace(ham, source="<script>alert(1)</script>")
    page = provenance.banner(hostile, config)._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_both_views_hold_the_same_rows(ham, config):
    banner = provenance.banner(ham, config)
    labels = re.findall(r"<dt[^>]*>(.*?)</dt>", banner._repr_html_())
    assert sorted(labels) == sorted(banner.rows)
    assert all(re.search(rf"^{label} ", repr(banner), flags=re.MULTILINE) for label in labels)


def test_device_names_tensorflow_s_gpus_only_if_tensorflow_is_loaded(monkeypatch):
    class Config:
        gpus = ()

        @classmethod
        def list_physical_devices(cls, kind):
            assert kind == "GPU"
            return list(cls.gpus)

    monkeypatch.setitem(sys.modules, "tensorflow", type("tensorflow", (), {"config": Config}))
    assert provenance.device().startswith("no GPU, ")
    Config.gpus = ("GPU:0",)
    assert provenance.device().startswith("1 GPU, ")


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A stand-in for the driver's command, and no TensorFlow: call it with a script, or not, and there is none."""
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))

    def write(script):
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)

    return write


def test_an_unused_gpu_is_mentioned(driver):
    driver('echo "GPU 0: Tesla T4 (UUID: GPU-1)"')
    assert provenance.device().endswith("a GPU is present, not used here")


def test_a_driver_without_a_gpu_is_none(driver):
    assert provenance.device().startswith("no GPU, ")
    driver('echo "NVIDIA-SMI has failed: GPU access blocked"; exit 9')
    assert provenance.device().startswith("no GPU, ")
    driver('echo "No devices were found"')
    assert provenance.device().startswith("no GPU, ")


@pytest.fixture
def colab(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.colab", object())


def test_on_colab_a_chapter_of_networks_without_a_gpu_says_what_to_click(ham, config, driver, colab, monkeypatch):
    networks = settings.for_chapter("cnn-from-scratch", cache=config.cache)
    text = repr(provenance.banner(ham, networks))
    assert "*** NO GPU." in text and "Runtime, then Change runtime type, then T4 GPU" in text
    assert "NO GPU." not in repr(provenance.banner(ham, config)), "the data chapters need none"
    driver('echo "GPU 0: Tesla T4"')
    assert "NO GPU." not in repr(provenance.banner(ham, networks))
    driver("exit 1")
    monkeypatch.delitem(sys.modules, "google.colab")
    assert "NO GPU." not in repr(provenance.banner(ham, networks)), "there is no such menu elsewhere"


def test_the_chapters_that_ask_for_a_gpu_are_those_that_train_networks():
    assert {"cnn-from-scratch", "transfer-vgg16", "transfer-resnet"} <= settings.GPU_CHAPTERS
    assert not {"meet-the-data", "classical-baselines"} & settings.GPU_CHAPTERS


def test_on_colab_alone_the_banner_says_where_your_files_lie_and_how_to_keep_them(ham, config, monkeypatch):
    assert "Your files" not in provenance.banner(ham, config).rows
    monkeypatch.setitem(sys.modules, "google.colab", object())
    monkeypatch.delenv("SKIN_RUNS", raising=False)
    told = provenance.banner(ham, config).rows["Your files"]
    assert str(config.cache) in told and "run records in runs" in told and "pass drive=True to start" in told
    monkeypatch.setattr(os.path, "ismount", lambda path: True)
    monkeypatch.setenv("SKIN_RUNS", "/content/drive/MyDrive/runs")
    told = provenance.banner(ham, config).rows["Your files"]
    assert "drive=True" in told and "records in /content/drive/MyDrive/runs" in told, "the cache is not there yet"
    kept = settings.for_chapter("meet-the-data", cache="/content/drive/MyDrive/skin")
    assert "deletes" not in provenance.banner(ham, kept).rows["Your files"]


def test_rooms_without_networks_do_not_import_tensorflow():
    code = (
        "import sys; from helpers import checks, classical, data, evaluate, plots, records, settings, splits; "
        "print(sorted({'tensorflow', 'keras', 'torch'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"

import dataclasses
import re
import subprocess
import sys

import helpers
from helpers import provenance, settings


def test_the_banner_says_data_size_hash_tier_device_and_versions(ham, config):
    text = repr(provenance.banner(ham, config))
    assert f"{len(ham.table):,} images of 200 x 150 pixels" in text
    assert ham.fingerprint[:16] in text
    assert "quick: images used at 100 x 75 pixels" in text
    assert f"helpers {helpers.__version__}" in text
    for package in ("Python", "numpy", "scikit-learn", "CPU cores"):
        assert package in text


def test_synthetic_data_say_so_first_and_real_data_do_not(ham, config):
    banner = provenance.banner(ham, config)
    assert repr(banner).startswith("*** SYNTHETIC DATA.")
    assert banner._repr_html_().index("SYNTHETIC DATA.") < banner._repr_html_().index("Data hash")
    real = provenance.banner(dataclasses.replace(ham, synthetic=False), config)
    assert "SYNTHETIC" not in repr(real) + real._repr_html_()


def test_upsampled_images_are_marked(ham, config):
    assert "UPSAMPLED" not in repr(provenance.banner(ham, config))
    full = settings.load("meet-the-data", tier="full", cache=config.cache)
    text = repr(provenance.banner(ham, full))
    assert "*** UPSAMPLED. This chapter asks for 600 x 450 pixels; the stored images have 200 x 150. ***" in text
    assert "600 x 450 pixels (upsampled)" in text


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
    assert labels == list(banner.rows)
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


def test_an_unused_gpu_is_mentioned(monkeypatch):
    monkeypatch.setattr(provenance.shutil, "which", lambda name: "nvidia-smi")
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    assert provenance.device().endswith("a GPU is present, not used here")


def test_data_rooms_do_not_import_tensorflow():
    code = (
        "import sys; from helpers import checks, data, images, plots, provenance, settings, splits; "
        "print(sorted({'tensorflow', 'keras', 'torch'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"

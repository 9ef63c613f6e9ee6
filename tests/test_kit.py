"""The kit for a room without a network: what is packed can be loaded, and all of it works without one."""

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace

import nbformat
import numpy as np
import pytest
from PIL import Image

from helpers import data, settings
from helpers.data._files import DataError, Stored
from helpers.networks import _architectures as models
from tools import kit

#: Runs a command where there is no network but the machine itself: a new network namespace, its loopback switched on.
OFFLINE = """
import fcntl, socket, struct, sys, os
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    fcntl.ioctl(one, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up, running
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture(scope="module")
def few(ham):
    """Eight images of the sample, one a file of its own."""
    table = ham.table.iloc[:8].reset_index(drop=True)
    ids = list(table["image_id"])
    kept = {name: {image_id: getattr(ham, name)[image_id] for image_id in ids} for name in ("stored", "stored_masks")}
    return replace(ham, table=table, **kept)


def reload(folder, tmp_path):
    return data.load(settings.for_chapter("meet-the-data", data=folder, cache=tmp_path / "cache"))


def test_packed_data_are_the_same_data(few, tmp_path):
    kit.pack_data(few, tmp_path / "data")
    again = reload(tmp_path / "data", tmp_path)
    assert again.synthetic and again.table.equals(few.table)  # checksums of the images are among its columns
    for image_id in again.table["image_id"]:
        assert np.array_equal(again.image(image_id), few.image(image_id))
        assert np.array_equal(again.mask(image_id), few.mask(image_id))


def test_large_images_are_shrunk_to_what_a_workshop_uses_and_masks_still_fit(few, tmp_path):
    image_id = few.table["image_id"][0]
    path = tmp_path / f"{image_id}.jpg"
    Image.fromarray(few.image(image_id)).resize((600, 450)).save(path, quality=95)
    large = replace(few, stored=few.stored | {image_id: Stored(path, None, path.stat().st_size, None)})
    kit.pack_data(large, tmp_path / "data")
    again = reload(tmp_path / "data", tmp_path)
    assert again.image(image_id).shape[:2] == kit.SIZE == (150, 200)
    assert np.abs(again.image(image_id).astype(int) - few.image(image_id)).mean() < 4
    assert again.mask(image_id).shape == kit.SIZE


def test_real_images_keep_their_licence_and_are_not_called_drawn(few, tmp_path):
    named = {image_id: image_id.replace("SYN", "ISIC") for image_id in few.table["image_id"]}
    few = replace(
        few,
        table=few.table.assign(image_id=few.table["image_id"].map(named)),
        stored={named[image_id]: stored for image_id, stored in few.stored.items()},
        stored_masks={named[image_id]: stored for image_id, stored in few.stored_masks.items()},
    )
    kit.pack_data(replace(few, synthetic=False, licence="CC BY-NC 4.0, Tschandl"), tmp_path / "data")
    assert not reload(tmp_path / "data", tmp_path).synthetic
    said = (tmp_path / "data" / "LICENCE.txt").read_text()
    for wanted in ("CC BY-NC 4.0", "Tschandl", "10.1038/sdata.2018.161", "creativecommons.org", "Changed: images"):
        assert wanted in said
    kit.pack_data(replace(few, synthetic=False, licence="as their owner says"), tmp_path / "own")
    assert (tmp_path / "own" / "LICENCE.txt").read_text() == "as their owner says\n"


def test_an_image_that_cannot_be_read_is_named(few, tmp_path):
    image_id = few.table["image_id"][0]
    gone = replace(few, stored=few.stored | {image_id: Stored(tmp_path / "gone.jpg", None, 1, None)})
    with pytest.raises(DataError, match=r"gone\.jpg"):
        kit.pack_data(gone, tmp_path / "data")


@pytest.mark.parametrize("name", kit.NETWORKS)
def test_packed_weights_are_the_same_network_at_another_size(name, tmp_path, monkeypatch):
    monkeypatch.delenv("SKIN_WEIGHTS", raising=False)
    label, build, blue_first = models.BACKBONES[name]
    monkeypatch.setitem(models.BACKBONES, name, (label, lambda size, weights: build(size, None), blue_first))
    monkeypatch.setattr(kit, "NETWORKS", (name,))
    found = models.backbone(name, size=(224, 224))
    with monkeypatch.context() as during:
        during.setattr(models, "backbone", lambda name, size: found)
        assert kit.pack_weights(tmp_path / "weights") == [f"{name}_imagenet.keras"]
    monkeypatch.setitem(models.BACKBONES, name, (label, build, blue_first))
    again = models.backbone(name, size=(64, 96), weights=tmp_path / "weights")
    assert again.pretrained
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 96, 3)).astype("float32")
    plain = build((64, 96), None)
    plain.set_weights(found.model.get_weights())
    assert np.allclose(again.model.predict(image, verbose=0), plain.predict(image, verbose=0), atol=1e-4)


def test_given_weights_are_copied_as_they_are(tmp_path, monkeypatch):
    (tmp_path / "given").mkdir()
    for name in ("vgg16_x.weights.h5", "resnet.keras", "notes.txt"):
        (tmp_path / "given" / name).write_bytes(name.encode())
    monkeypatch.setenv("SKIN_WEIGHTS", str(tmp_path / "given"))
    assert kit.pack_weights(tmp_path / "weights") == ["resnet.keras", "vgg16_x.weights.h5"]
    assert (tmp_path / "weights" / "resnet.keras").read_bytes() == b"resnet.keras"


def test_the_course_is_packed_and_nothing_that_lies_beside_it(tmp_path, monkeypatch):
    for name in kit.COURSE:
        (tmp_path / "there" / name).parent.mkdir(parents=True, exist_ok=True)
        if (kit.ROOT / name).is_dir():
            (tmp_path / "there" / name / "runs" / "mine").mkdir(parents=True)
            (tmp_path / "there" / name / "kept.txt").touch()
        else:
            (tmp_path / "there" / name).touch()
    (tmp_path / "there" / "my-images").mkdir()
    (tmp_path / "there" / "my-images" / "patient.jpg").touch()
    monkeypatch.setattr(kit, "ROOT", tmp_path / "there")
    kit.pack_course(tmp_path / "course")
    assert {path.name for path in (tmp_path / "course").iterdir()} == set(kit.COURSE)
    assert (tmp_path / "course" / "notebooks" / "kept.txt").exists()
    assert not (tmp_path / "course" / "notebooks" / "runs").exists()


@pytest.mark.parametrize("shown", [{"image/png": "iVBORw0KGgo="}, {"text/html": "<td>patient 7</td>"}])
def test_a_notebook_that_was_run_and_saved_is_not_passed_on(shown, tmp_path, monkeypatch):
    path = tmp_path / "notebooks" / "learner" / "01-run.ipynb"
    path.parent.mkdir(parents=True)
    cell = nbformat.v4.new_code_cell("show()", outputs=[nbformat.v4.new_output("display_data", shown)])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    monkeypatch.setattr(kit, "ROOT", tmp_path)
    with pytest.raises(kit.KitError, match=r"learner/01-run\.ipynb.*make notebooks"):
        kit.pack_course(tmp_path / "course")
    assert not (tmp_path / "course").exists()


@pytest.mark.skipif(not shutil.which("git") or not (kit.ROOT / ".git").exists(), reason="no git checkout")
def test_the_course_is_all_that_git_keeps():
    done = subprocess.run(["git", "ls-files"], cwd=kit.ROOT, capture_output=True, text=True, check=True)
    assert {path.split("/")[0] for path in done.stdout.split()} == set(kit.COURSE)


def test_of_a_subset_no_kit_is_packed(ham, tmp_path, monkeypatch):
    monkeypatch.setattr(kit, "BUILD", tmp_path)
    monkeypatch.setattr(kit, "HTML", tmp_path)
    (tmp_path / "index.html").touch()
    monkeypatch.setattr(kit.data, "load", lambda config: replace(ham, missing=7))
    with pytest.raises(kit.KitError, match="7 images are missing"):
        kit.main()


def test_a_kit_that_could_not_be_packed_leaves_none(tmp_path, monkeypatch):
    monkeypatch.setattr(kit, "BUILD", tmp_path)
    monkeypatch.setattr(kit, "HTML", tmp_path / "html")
    with pytest.raises(kit.KitError, match="make book"):
        kit.main()
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "index.html").write_text("")
    (tmp_path / f"{kit.NAME}.zip").write_bytes(b"an older kit")
    monkeypatch.setattr(kit, "pack_data", lambda *rest: None)
    monkeypatch.setattr(kit, "pack_weights", lambda *rest: [])
    monkeypatch.setattr(kit, "pack_wheels", lambda *rest: (_ for _ in ()).throw(kit.KitError("no package")))
    monkeypatch.setenv("SKIN_CACHE", str(kit.ROOT / "_build" / "cache"))
    with pytest.raises(kit.KitError, match="no package"):
        kit.main()
    assert not (tmp_path / f"{kit.NAME}.zip").exists()


@pytest.mark.long
def test_the_kit_works_with_the_network_off(tmp_path):
    """As a learner would: unpack, start, run a chapter that reads the packed data and one that reads the weights."""
    target = kit.BUILD / f"{kit.NAME}.zip"
    assert target.exists(), "make kit packs it"
    with zipfile.ZipFile(target) as packed:
        packed.extractall(tmp_path / "a room")
    (folder,) = (tmp_path / "a room").iterdir()
    assert len((folder / "README.txt").read_text().splitlines()) == 3
    assert (folder / "book" / "index.html").exists()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("SKIN_", "PIP_", "VIRTUAL"))}
    clean |= {"HOME": str(tmp_path), "SKIN_CACHE": str(tmp_path / "cache"), "PATH": os.defpath}

    def offline(*command):
        alone = ["unshare", "--net", "--map-root-user", sys.executable, "-c", OFFLINE, *command]
        done = subprocess.run(alone, env=clean | {"PYTHON": sys._base_executable}, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    with pytest.raises(AssertionError, match="unreachable"):
        offline(sys.executable, "-c", "import urllib.request as u; u.urlopen('http://192.0.2.1', timeout=3)")
    offline("sh", str(folder / "start.sh"), ".venv/ready")
    python = str(folder / "course" / ".venv" / "bin" / "python")
    clean |= {"SKIN_DATA": str(folder / "data"), "SKIN_WEIGHTS": str(folder / "weights")}
    chapters = sorted((folder / "course" / "notebooks").glob("0[16]-*.ipynb"))
    assert len(chapters) == 2
    offline(python, "-m", "pytest", "--rootdir", str(folder / "course"), "--nbval-lax", *map(str, chapters))

"""The embedded sample: the layout, the lessons that HAM10000 teaches, how hard it is, and safe caching."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from skimage import color, feature
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import data, settings
from helpers.data import _sample as sample
from helpers.data._sample import drawing
from helpers.ham10000 import CLASSES, COLUMNS, PUBLISHED_IMAGES

ROOT = Path(__file__).parents[1]


def digest(folder):
    """Return one hash over the names and the bytes of all files in a folder."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return total.hexdigest()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A sample of 40 images, drawn by one worker."""
    return sample.build(tmp_path_factory.mktemp("small") / "sample", seed=7, n_images=40, workers=1)


@pytest.fixture(scope="module")
def folder(ham, config):
    """The folder of the whole sample, which the fixture ``ham`` has drawn into the cache."""
    return sample.ensure(config.cache, config.seed)


@pytest.fixture(scope="module")
def metadata(folder):
    return pd.read_csv(folder / "HAM10000_metadata.csv")


def test_same_seed_same_bytes_whatever_the_workers(small, tmp_path):
    again = sample.build(tmp_path / "sample", seed=7, n_images=40, workers=3)
    assert digest(again) == digest(small)


def test_other_seed_other_images(small, tmp_path):
    other = sample.build(tmp_path / "sample", seed=8, n_images=40)
    ours, theirs = ({hashlib.sha256(p.read_bytes()).hexdigest() for p in f.rglob("*.jpg")} for f in (small, other))
    assert len(ours) == len(theirs) == 38  # two copies each
    assert not ours & theirs


def test_official_layout(folder, metadata):
    images = {}
    for part in ("HAM10000_images_part_1", "HAM10000_images_part_2"):
        ids = sorted(path.stem for path in (folder / part).iterdir())
        assert len(ids) == 500
        images |= dict.fromkeys(ids, part)
    masks = {path.name for path in (folder / "HAM10000_segmentations_lesion_tschandl").iterdir()}
    assert set(metadata["image_id"]) == set(images)
    assert masks == {f"{image_id}_segmentation.png" for image_id in images}
    assert metadata["image_id"].str.fullmatch(r"SYN_\d{7}").all()
    assert metadata["lesion_id"].str.fullmatch(r"SYL_\d{7}").all()
    assert "Nothing in this folder is real" in (folder / "SYNTHETIC.txt").read_text()


def test_the_table_has_the_schema_and_the_classes(metadata):
    assert tuple(metadata.columns) == COLUMNS
    assert metadata["image_id"].is_unique and len(metadata) == 1000
    images = metadata["dx"].value_counts()
    lesions = metadata.groupby("dx")["lesion_id"].nunique()
    assert set(images.index) == set(CLASSES)
    assert images.min() >= 25 and lesions.min() >= 15
    published = pd.Series(PUBLISHED_IMAGES) / sum(PUBLISHED_IMAGES.values())
    assert (images / 1000 - published).abs().max() < 0.05
    assert (metadata["dx"] != metadata["dx"].shift()).sum() > 300, "the rows are sorted by class"


def test_one_diagnosis_one_patient_one_source_for_each_lesion(metadata):
    columns = [column for column in COLUMNS if column != "image_id"]
    assert len(metadata[columns].drop_duplicates()) == metadata["lesion_id"].nunique()


def test_lesions_are_photographed_as_often_as_in_ham10000(metadata):
    in_several = metadata.groupby("lesion_id")["dx"].transform("size") > 1
    share = in_several.groupby(metadata["dx"]).mean()
    published = {"akiec": 0.538, "bcc": 0.660, "bkl": 0.600, "df": 0.661, "mel": 0.793, "nv": 0.342, "vasc": 0.549}
    assert (share - pd.Series(published)).abs().max() < 0.10


def test_dx_type_leaks_the_label(metadata):
    by_type = metadata.groupby("dx_type")["dx"].unique()
    assert list(by_type["follow_up"]) == ["nv"] and list(by_type["confocal"]) == ["bkl"]
    assert set(metadata.loc[metadata["dx"].isin(("mel", "bcc", "akiec")), "dx_type"]) == {"histo"}


def test_source_is_confounded_with_class(metadata):
    table = pd.crosstab(metadata["dataset"], metadata["dx"], normalize="index")
    assert table.loc["vidir_molemax", "nv"] > 0.88
    assert table.loc["rosendahl", "nv"] < 0.5
    assert set(metadata.loc[metadata["dx"] == "akiec", "dataset"]) <= {"rosendahl", "vidir_modern"}


def test_patients(metadata):
    ages = metadata["age"].dropna()
    assert 1 <= metadata["age"].isna().sum() <= 20
    assert ((ages % 5 == 0) & ages.between(0, 85)).all()
    means = metadata.groupby("dx")["age"].mean()
    assert means["nv"] < means["mel"] - 8 < means["akiec"]
    assert set(metadata["sex"]) == {"male", "female", "unknown"}
    assert (metadata["localization"] == "unknown").any()
    assert set(metadata["localization"]) <= set(sample.SITES)
    on_leg = (metadata["localization"] == "lower extremity").groupby(metadata["dx"]).mean()
    assert on_leg.idxmax() == "df"


def test_images_decode_and_masks_fit(ham):
    darker, areas = [], []
    for image_id in ham.table["image_id"]:
        image, mask = ham.image(image_id), ham.mask(image_id)
        assert image.shape == (150, 200, 3) and image.dtype == np.uint8
        assert mask.shape == (150, 200)
        areas.append(mask.mean())
        darker.append(image[mask].mean() < image[~mask].mean())
    areas = pd.Series(areas).groupby(ham.table["dx"])
    assert areas.min().min() > 0.003 and areas.max().max() < 0.97
    assert areas.median().between(0.08, 0.45).all()
    assert np.mean(darker) > 0.85


def test_files_are_plain_jpeg_and_png(folder):
    with Image.open(next((folder / "HAM10000_images_part_2").iterdir())) as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (200, 150))
    with Image.open(next((folder / "HAM10000_segmentations_lesion_tschandl").iterdir())) as mask:
        assert (mask.format, mask.mode, mask.size) == ("PNG", "L", (200, 150))
        assert set(np.unique(mask)) == {0, 255}


def test_two_identical_pairs_each_within_one_lesion(ham):
    copies = ham.table[ham.table.duplicated("checksum", keep=False)]
    assert sorted(copies["checksum"].value_counts()) == [2, 2]
    assert copies.groupby("checksum")["lesion_id"].nunique().eq(1).all()


# How hard it is: above what colour gives away, below what a trained eye sees, and with siblings that leak.


@pytest.fixture(scope="module")
def features(ham):
    """Mean colour (n, 3), and hand-crafted features of colour, texture and shape (n, d)."""
    means, handmade = [], []
    for image_id in ham.table["image_id"]:
        image, mask = ham.image(image_id), ham.mask(image_id)
        means.append(image.mean((0, 1)))
        half = np.asarray(Image.fromarray(image).reduce(2))
        lab, hsv = color.rgb2lab(half), color.rgb2hsv(half)
        grey = np.asarray(Image.fromarray(half).convert("L"))
        pattern = feature.local_binary_pattern(grey, 8, 1, "uniform")
        pairs = feature.graycomatrix(grey // 16, [1, 3], [0, np.pi / 2], 16, symmetric=True, normed=True)
        border = mask[1:, 1:] ^ mask[1:, :-1] | mask[1:, 1:] ^ mask[:-1, 1:]
        middle = lab[20:55, 30:70]
        handmade.append(
            np.concatenate(
                [np.histogram(hsv[..., i], 16, (0, 1), density=True)[0] for i in range(3)]
                + [values.mean((0, 1)) for values in (lab, middle)]
                + [values.std((0, 1)) for values in (lab, middle)]
                + [np.percentile(middle, (10, 90), axis=(0, 1)).ravel()]
                + [np.histogram(pattern, 10, (0, 10), density=True)[0]]
                + [feature.graycoprops(pairs, name).ravel() for name in ("contrast", "homogeneity", "correlation")]
                + [[mask.mean(), border.sum() ** 2 / (mask.sum() + 1)]]
            )
        )
    return np.array(means), np.array(handmade)


def grouped_accuracy(table, X, strength):
    """Return the balanced accuracy of a class-weighted logistic regression in five folds grouped by lesion."""
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=strength, class_weight="balanced", max_iter=2000, random_state=0)
    )
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    predicted = cross_val_predict(model, X, table["dx"], groups=table["lesion_id"], cv=folds)
    return balanced_accuracy_score(table["dx"], predicted)


def test_mean_colour_says_something_and_little(ham, features):
    assert 0.25 < grouped_accuracy(ham.table, features[0], strength=1) < 0.45


def test_handmade_features_are_neither_hopeless_nor_enough(ham, features):
    assert 0.45 < grouped_accuracy(ham.table, features[1], strength=0.02) < 0.70


def test_metadata_alone_beats_the_floor_and_not_the_images(ham, features):
    columns = pd.get_dummies(ham.table[["sex", "localization"]]).assign(age=ham.table["age"].fillna(50)).to_numpy(float)
    accuracy = grouped_accuracy(ham.table, columns, strength=1)
    assert 1 / 7 + 0.05 < accuracy < grouped_accuracy(ham.table, features[1], strength=0.02)


def test_each_source_has_its_own_look(ham, features):
    nevi = (ham.table["dx"] == "nv").to_numpy()
    table = ham.table[nevi].assign(dx=ham.table["dataset"])
    assert grouped_accuracy(table, features[1][nevi], strength=0.02) > 0.5


def test_nearest_neighbour_gains_from_siblings(ham, features):
    """One test set, two training sets of one size and class mix: clean, and with siblings swapped in (paired)."""
    rng = np.random.default_rng(0)
    table, X = ham.table, StandardScaler().fit_transform(features[1])
    several = table.loc[table.duplicated("lesion_id", keep=False), "lesion_id"].unique()
    tested = table["lesion_id"].isin(rng.choice(several, len(several) // 2, replace=False))
    test = tested & ~table.duplicated("lesion_id")
    siblings, clean = np.flatnonzero(tested & ~test), np.flatnonzero(~tested)
    leaky = list(siblings)
    for dx in CLASSES:
        rows = clean[(table["dx"].to_numpy()[clean] == dx)]
        room = len(rows) - (table["dx"].to_numpy()[siblings] == dx).sum()
        leaky += list(rng.choice(rows, room, replace=False))
    assert len(leaky) == len(clean)
    correct = {}
    for name, train in (("clean", clean), ("leaky", np.array(leaky))):
        model = KNeighborsClassifier(1).fit(X[train], table["dx"].iloc[train])
        correct[name] = (model.predict(X[test]) == table.loc[test, "dx"]).mean()
    assert correct["leaky"] > correct["clean"] + 0.15, correct


# Caching: drawn once, whole or not at all.


def in_other_process(code, cache):
    """Start Python code in which ``cache`` is a folder and the sample has 12 images; return the process."""
    start = (
        "import os, sys\nfrom helpers.data import _sample as sample\nfrom helpers.data._sample import drawing\n"
        "cache = sys.argv[1]; whole = sample.build\n"
        "sample.build = lambda folder, seed: whole(folder, seed, n_images=12, workers=1)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", start + code, str(cache)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.fixture
def few(monkeypatch):
    """The sample has 12 images; the list counts how often it was built."""
    whole, built = sample.build, []

    def build(folder, seed):
        built.append(folder)
        return whole(folder, seed, n_images=12)

    monkeypatch.setattr(sample, "build", build)
    return built


def loaded(cache):
    return data.load(settings.for_chapter("meet-the-data", cache=cache))


def test_drawn_images_are_called_drawn_whatever_lies_beside_them(few, tmp_path):
    folder = sample.ensure(tmp_path)
    (folder / "SYNTHETIC.txt").unlink()
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert loaded(tmp_path).synthetic
    assert data.load(settings.for_chapter("meet-the-data", data=moved, cache=tmp_path)).synthetic


@pytest.mark.parametrize("lost", ["*/SYN_*.jpg", "*/SYN_*.png", "HAM10000_metadata.csv", "contents.txt"])
def test_what_is_lost_of_the_sample_is_drawn_anew(lost, few, tmp_path):
    before = loaded(tmp_path)
    folder = sample.ensure(tmp_path)
    whole = digest(folder)
    next(folder.glob(lost)).unlink()
    assert loaded(tmp_path).fingerprint == before.fingerprint and digest(folder) == whole
    assert len(few) == 2 and [path.name for path in tmp_path.glob("*sample*")] == [folder.name]


def test_a_cut_image_of_the_sample_is_drawn_anew(few, tmp_path):
    folder = sample.ensure(tmp_path)
    whole, image = digest(folder), next(folder.glob("*/SYN_*.jpg"))
    image.write_bytes(image.read_bytes()[:-500])
    assert digest(sample.ensure(tmp_path)) == whole


def assert_whole(folder):
    assert len(list(folder.rglob("*.jpg"))) == len(list(folder.rglob("*.png"))) == 12
    assert len(pd.read_csv(folder / "HAM10000_metadata.csv")) == 12
    assert (folder / "SYNTHETIC.txt").exists()


def test_ensure_draws_once(few, tmp_path):
    first = sample.ensure(tmp_path / "not" / "there" / "yet")
    assert_whole(first)
    assert sample.ensure(tmp_path / "not" / "there" / "yet") == first
    assert len(few) == 1
    assert sample.ensure(tmp_path / "not" / "there" / "yet", seed=5) != first
    assert len(few) == 2


def test_a_failed_build_leaves_nothing(few, tmp_path, monkeypatch):
    def broken(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(drawing, "photos", broken)
        with pytest.raises(OSError, match="No space left"):
            sample.ensure(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert_whole(sample.ensure(tmp_path))


def test_a_killed_build_leaves_nothing_that_counts(few, tmp_path):
    code = (
        "draw, drawn = drawing.photos, []\n"
        "def photos(*arguments):\n"
        "    drawn.append(1)\n"
        "    if len(drawn) > 4: os._exit(9)\n"
        "    return draw(*arguments)\n"
        "drawing.photos = photos\n"
        "sample.ensure(cache)\n"
    )
    process = in_other_process(code, tmp_path)
    process.communicate(timeout=60)
    assert process.returncode == 9
    assert list(tmp_path.rglob("*.jpg")), "killed before it had written anything"
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert_whole(sample.ensure(tmp_path))


def test_two_processes_at_once_both_get_a_whole_sample(tmp_path):
    code = (
        "import time; draw = drawing.photos\n"
        "def photos(*arguments):\n"
        "    time.sleep(0.05)\n"
        "    return draw(*arguments)\n"
        "drawing.photos = photos\n"
        "folder = sample.ensure(cache); print(folder, len(list(folder.rglob('*.jpg'))))\n"
    )
    processes = [in_other_process(code, tmp_path) for _ in range(2)]
    answers = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    assert answers[0][0] == answers[1][0] and answers[0][0].endswith(b" 12" + os.linesep.encode())
    assert [path.name.startswith("sample-") for path in tmp_path.iterdir()] == [True]

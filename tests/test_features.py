"""Features: what they measure, that masks and caches do what they say, and that nothing is ever not a number."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from skimage.draw import disk, ellipse

from helpers import settings
from helpers.classical import _features as features
from helpers.classical import _lesions as lesions
from helpers.classical._features import load_features
from helpers.data._files import DataError


@pytest.fixture(scope="module")
def few(ham):
    """The first 24 images of the sample as a data set of its own."""
    table = ham.table.iloc[:24].reset_index(drop=True)
    return replace(ham, table=table)


@pytest.fixture
def own(tmp_path):
    return settings.for_chapter("classical-baselines", cache=tmp_path)


@pytest.fixture(scope="module")
def pixels(few, ham, tmp_path_factory):
    return np.stack([ham.image(image_id)[::2, ::2] for image_id in few.table["image_id"]])


def skin_with(rows, columns, colour=(90, 50, 40), shape=(75, 100)):
    image = np.full((*shape, 3), (220, 170, 150), np.uint8)
    image[rows, columns] = colour
    return image


def test_a_dark_disk_is_found_and_measured():
    rows, columns = disk((37, 50), 20)
    image = skin_with(rows, columns)
    truth = np.zeros(image.shape[:2], bool)
    truth[rows, columns] = True
    found = lesions.segment(image)
    assert (found & truth).sum() / (found | truth).sum() > 0.9
    measured = lesions.describe(image)
    assert measured["shape/axis-ratio"] > 0.95
    assert measured["asymmetry/long/shape"] < 0.1
    assert measured["contrast/lesion/mean/L"] < -20


def test_shape_does_not_depend_on_how_the_lesion_lies():
    level, steep = (
        lesions.describe(skin_with(*ellipse(50, 50, 12, 30, (100, 100), rotation=turn), shape=(100, 100)))
        for turn in (0.0, 0.9)
    )
    for name in ("shape/axis-ratio", "shape/eccentricity", "shape/solidity", "asymmetry/long/shape"):
        assert level[name] == pytest.approx(steep[name], abs=0.07), name
    assert level["shape/axis-ratio"] < 0.6


def test_light_that_is_added_to_everything_leaves_the_contrast_alone():
    rows, columns = disk((37, 50), 20)
    dim = lesions.describe(skin_with(rows, columns))
    warm = skin_with(rows, columns).astype(int) + np.array([10, 6, 0])
    bright = lesions.describe(warm.astype(np.uint8))
    moved = abs(bright["colour/lesion/mean/L"] - dim["colour/lesion/mean/L"])
    assert abs(bright["contrast/lesion/mean/L"] - dim["contrast/lesion/mean/L"]) < moved / 2


def test_half_a_lesion_of_another_colour_is_asymmetric():
    rows, columns = ellipse(37, 50, 15, 30)
    image = skin_with(rows, columns)
    mask = np.zeros(image.shape[:2], bool)
    mask[rows, columns] = True
    even = lesions.describe(image, mask)
    image[:, :50][mask[:, :50]] = (40, 20, 20)
    half = lesions.describe(image, mask)
    assert half["asymmetry/long/colour/L"] > even["asymmetry/long/colour/L"] + 3
    assert half["asymmetry/short/colour/L"] == pytest.approx(even["asymmetry/short/colour/L"], abs=1)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_image_of_one_colour_gives_numbers(value):
    assert np.isfinite(list(lesions.describe(np.full((75, 100, 3), value, np.uint8)).values())).all()


@pytest.mark.parametrize("mask", [np.zeros((75, 100), bool), np.ones((75, 100), bool)], ids=["empty", "full"])
def test_an_empty_or_full_mask_is_replaced_by_a_segmentation(mask):
    image = skin_with(*disk((37, 50), 20))
    assert lesions.describe(image, mask) == lesions.describe(image)


def test_a_lesion_that_leaves_no_skin_gives_numbers():
    image = np.random.default_rng(0).integers(0, 255, (75, 100, 3), dtype=np.uint8)
    mask = np.ones((75, 100), bool)
    mask[:2] = False
    assert np.isfinite(list(lesions.describe(image, mask).values())).all()


def test_features_of_the_sample_are_finite_named_and_the_same_from_the_cache(few, pixels, own, monkeypatch):
    first = load_features(few, pixels, own)
    assert first.values.shape == (24, len(first.names)) and first.values.dtype == np.float32
    assert np.isfinite(first.values).all()
    assert len(set(first.names)) == len(first.names)
    assert {"colour", "contrast", "texture", "shape", "asymmetry", "border", "hog"} <= set(first.families)
    one = lesions.describe(pixels[5], _small_mask(few, 5))
    np.testing.assert_allclose(first.values[5], list(one.values()), rtol=1e-4, atol=1e-4)
    monkeypatch.setattr(features, "_describe_all", lambda *_: pytest.fail("not read from the cache"))
    np.testing.assert_array_equal(load_features(few, pixels, own).values, first.values)
    monkeypatch.undo()
    changed = pixels.copy()
    changed[3] = 255 - changed[3]
    second = load_features(few, changed, own).values
    assert not np.array_equal(second[3], first.values[3])
    np.testing.assert_array_equal(np.delete(second, 3, axis=0), np.delete(first.values, 3, axis=0))


def _small_mask(dataset, row):
    mask = dataset.mask(dataset.table["image_id"][row])
    return mask[1::2, 1::2]


def test_without_masks_lesions_are_segmented(few, pixels, own):
    given, segmented = (load_features(few, pixels, own, masks=masks) for masks in (True, False))
    assert given.names == segmented.names
    assert not np.array_equal(given.values, segmented.values)


def test_raw_features_are_the_pixels_of_a_small_copy(few, pixels, own):
    found = load_features(few, pixels, own, "raw")
    height, width = features.RAW_SIZE
    assert found.values.shape == (24, height * width * 3)
    mean = found.values.reshape(24, -1, 3).mean(axis=1)
    np.testing.assert_allclose(mean, pixels.mean(axis=(1, 2)) / 255, atol=0.01)


def test_what_cannot_be_described_is_refused(few, pixels, own):
    with pytest.raises(ValueError, match=r"'deep'.*raw, handcrafted"):
        load_features(few, pixels, own, "deep")
    with pytest.raises(ValueError, match=r"shape \(23, .*needed are \(24"):
        load_features(few, pixels[1:], own)
    with pytest.raises(ValueError, match="float32"):
        load_features(few, pixels.astype(np.float32), own)


def test_a_cache_that_cannot_be_written_is_named(few, pixels, own):
    (own.cache / "features").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="SKIN_CACHE"):
        load_features(few, pixels, own)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a limit on files is POSIX's")
def test_features_that_find_no_room_are_told_so(few, pixels, own):
    """A file may grow to a kilobyte: as where a quota is used up, the write fails and the free disk does not tell."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(DataError, match=r"the features cannot be written to .*: File too large.* set SKIN_CACHE"):
            load_features(few, pixels, own)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert not list(own.cache.rglob("*.partial"))

"""Each step does to pixels what its docstring says, image by image."""

import numpy as np
import pytest
from skimage import color, draw, exposure

from helpers.data import _pixels as images
from helpers.data import _preprocess as preprocess

STEPS = {
    "equalise": preprocess.equalise,
    "equalise per channel": lambda batch: preprocess.equalise(batch, per_channel=True),
    "clahe": preprocess.clahe,
    "shades_of_gray": preprocess.shades_of_gray,
    "denoise": preprocess.denoise,
    "remove_hair": preprocess.remove_hair,
    "centre_crop": lambda batch: preprocess.centre_crop(batch, (40, 60)),
}


@pytest.fixture(scope="module")
def batch(ham, config):
    return np.array(images.load_pixels(ham, config)[::100])


def skin(height=150, width=200):
    """A smooth, bright, reddish image with a dark round lesion in the middle."""
    rows, columns = np.mgrid[:height, :width]
    lesion = np.clip(1.5 - np.hypot(rows - height / 2, columns - width / 2) / (height / 5), 0, 1)
    return (np.array((220, 170, 150)) - lesion[..., None] * (110, 100, 80)).astype(np.uint8)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_every_step_gives_uint8_image_by_image_and_leaves_its_input_alone(step, batch):
    before = batch.copy()
    result = step(batch)
    assert result.dtype == np.uint8 and result.ndim == 4 and len(result) == len(batch)
    assert np.array_equal(batch, before) and not np.shares_memory(result, batch)
    assert np.array_equal(step(batch[3:4])[0], result[3])
    assert not np.array_equal(result, batch)
    assert step(batch[:0]).shape == (0, *result.shape[1:])


@pytest.mark.parametrize("step", [*STEPS.values(), preprocess.hair_mask], ids=[*STEPS, "hair_mask"])
def test_what_is_no_batch_of_uint8_pixels_is_refused(step, batch):
    with pytest.raises(TypeError, match="float64"):
        step(batch / 255)
    with pytest.raises(TypeError, match="list"):
        step(batch.tolist())
    for wrong in (batch[0], batch[..., :2], batch[..., 0], batch[:, :0]):
        with pytest.raises(ValueError, match="height, width, 3"):
            step(wrong)


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_image_of_one_grey_stays_as_it_is(step, value):
    flat = np.full((1, 50, 70, 3), value, np.uint8)
    assert (step(flat) == value).all()


def test_equalising_spreads_the_luminance_and_keeps_the_colour_differences(batch):
    result = preprocess.equalise(batch)
    luminance = preprocess.LUMINANCE
    for image, after in zip(batch, result, strict=True):
        unclipped = ((after > 0) & (after < 255)).all(-1)
        difference = np.diff(image[unclipped].astype(int)) - np.diff(after[unclipped].astype(int))
        assert unclipped.mean() > 0.3 and np.abs(difference).max() <= 1
        wanted = 255 * exposure.equalize_hist(np.rint(image @ luminance).astype(np.uint8))
        assert np.abs((after @ luminance - wanted)[unclipped]).max() <= 1


def test_equalising_each_channel_equalises_each_and_turns_the_hue(batch):
    result = preprocess.equalise(batch, per_channel=True)
    quartiles = np.percentile(result, (25, 50, 75), axis=(1, 2))
    assert np.abs(quartiles - np.array((64, 128, 191))[:, None, None]).max() < 16

    def colourfulness(pixels):
        return np.hypot(*np.moveaxis(color.rgb2lab(pixels)[..., 1:].mean((1, 2)), -1, 0))

    # The mean colour of skin is lost: equalised channels average to grey.
    assert colourfulness(result).max() < 0.5 * colourfulness(preprocess.equalise(batch)).min()


def test_clahe_raises_the_contrast_of_a_small_pale_detail_more_than_equalising_the_whole_image_does():
    rng = np.random.default_rng(0)
    image = np.repeat(rng.integers(40, 240, (160, 200, 1)), 3, -1).astype(np.uint8)
    detail = np.s_[40:60, 50:75, 1]
    image[40:60, 50:75] = rng.integers(120, 124, (20, 25, 1))

    def contrast(pixels):
        return pixels[0][detail].std()

    whole, tiles = contrast(preprocess.equalise(image[None])), contrast(preprocess.clahe(image[None]))
    assert tiles > 1.2 * whole > 1.2 * image[detail].std()
    assert contrast(preprocess.clahe(image[None], clip=0.5)) > tiles


def test_constancy_takes_the_light_out():
    rng = np.random.default_rng(1)
    scene = rng.integers(0, 160, (1, 60, 80, 3)).astype(float)
    light = np.array((1.5, 1.0, 0.8))
    neutral = preprocess.shades_of_gray(scene.astype(np.uint8))
    lit = preprocess.shades_of_gray(np.rint(scene * light).astype(np.uint8))
    balance = neutral.mean((0, 1, 2)), lit.mean((0, 1, 2))
    ratios = [one / one.mean() for one in balance]
    np.testing.assert_allclose(ratios[0], ratios[1], atol=0.01)
    channels = np.cbrt((lit / 255) ** 3) ** 6
    np.testing.assert_allclose(channels.mean((0, 1, 2)) ** (1 / 6) / channels.mean() ** (1 / 6), 1, atol=0.01)


def test_a_minkowski_mean_below_one_is_refused(batch):
    for power in (0.5, float("nan")):
        with pytest.raises(ValueError, match="at least 1"):
            preprocess.shades_of_gray(batch, power=power)


def test_a_median_takes_single_wrong_pixels_out_and_keeps_edges():
    clean = np.full((1, 40, 40, 3), 90, np.uint8)
    clean[:, :, 20:] = 180
    noisy = clean.copy()
    noisy[0, 5::10, 5::10] = (255, 0, 255)
    assert np.array_equal(preprocess.denoise(noisy), clean)
    assert np.array_equal(preprocess.denoise(noisy, size=1), noisy)
    for size in (0, 4, -3):
        with pytest.raises(ValueError, match=rf"size is {size}"):
            preprocess.denoise(noisy, size=size)


def hairy(width):
    """A skin image with four hairs, drawn at 400 pixels and shrunk to ``width``, and where they are."""
    image = skin(300, 400)
    where = np.zeros(image.shape[:2], bool)
    for row0, column0, row1, column1 in (
        (20, 10, 120, 380),
        (280, 40, 180, 360),
        (10, 80, 290, 100),
        (200, 20, 40, 240),
    ):
        for shift in range(4):
            rows, columns = draw.line(row0, column0 + shift, row1, column1 + shift)
            where[rows, columns] = where[rows + shift, columns] = True
    image[where] = (60, 40, 30)
    shrink = 400 // width

    def shrunk(values):
        return values.reshape(300 // shrink, shrink, width, shrink, -1).mean((1, 3))

    return shrunk(image).astype(np.uint8), shrunk(where)[..., 0] > 0.5


@pytest.mark.parametrize("width", [100, 200, 400])
def test_hairs_are_found_in_all_directions_and_at_all_sizes_and_painted_over(width):
    image, where = hairy(width)
    bare = skin(*image.shape[:2])
    found = preprocess.hair_mask(image[None])[0]
    # The lesion is as dark as the hairs across it, so those pixels do not count.
    counts = where & (bare[..., 0] > 180)
    assert found[counts].mean() > 0.95
    # One pixel of rim on each side of hairs that are one, two or four pixels wide.
    assert found.sum() < (1.2 + 400 / width) * where.sum()
    error = np.abs(preprocess.remove_hair(image[None])[0].astype(int) - bare)
    assert error[found & counts].mean() < 6 < 60 < np.abs(image.astype(int) - bare)[counts].mean()
    assert np.array_equal(preprocess.remove_hair(image[None])[0][~found], image[~found])


def test_dots_a_lesion_and_pale_streaks_are_no_hair():
    image = skin()
    image[20:140:20, 20:190:20] = 30
    image[70:72, :80] = image[70:72, :80] + np.uint8(15)
    assert not preprocess.hair_mask(image[None]).any()
    assert np.array_equal(preprocess.remove_hair(image[None])[0], image)


def test_the_crop_is_the_middle():
    numbered = np.zeros((1, 7, 9, 3), np.uint8)
    numbered[..., 0], numbered[..., 1] = np.mgrid[:7, :9]
    crop = preprocess.centre_crop(numbered, (3, 4))
    assert crop[0, 0, 0].tolist() == [2, 2, 0] and crop[0, -1, -1].tolist() == [4, 5, 0]
    assert np.array_equal(preprocess.centre_crop(numbered, (7, 9)), numbered)
    # Of an odd border the smaller half is before the crop, in both directions.
    assert preprocess.centre_crop(numbered, (4, 6))[0, 0, 0].tolist() == [1, 1, 0]
    for size in ((8, 9), (7, 10), (0, 4)):
        with pytest.raises(ValueError, match=r"images of \(7, 9\)"):
            preprocess.centre_crop(numbered, size)

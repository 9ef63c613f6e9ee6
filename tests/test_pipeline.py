"""Augmented batches: right pixels, right labels, the same for the same seed."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from helpers import data, networks
from helpers.networks import Augmentation
from helpers.networks import _augmentation as augmentation
from helpers.networks._augmentation import DRAWS

import tensorflow as tf  # isort: skip  # after helpers.networks, which quietens TensorFlow's log

STILL = Augmentation(flip=False, rotate=0, translate=0, zoom=0, brightness=0, contrast=0)
SEED = 7


@pytest.fixture(scope="module")
def pixels(ham, config):
    return data.load_pixels(ham, config)


@pytest.fixture(scope="module")
def numbered():
    """Images that say in every pixel which they are, and unequal classes."""
    pixels = np.empty((50, 6, 8, 3), np.uint8)
    pixels[:] = np.arange(50)[:, None, None, None]
    return pixels, np.repeat((0, 1, 2), (35, 10, 5))


def smooth(height=60, width=80):
    """An image so smooth that two interpolations differ little from one."""
    y, x = np.mgrid[:height, :width] / 80 * 2 * np.pi
    image = np.stack([np.sin(x) + y / 3, np.cos(y + x / 2), np.sin(x / 2) * np.cos(y)], -1)
    return np.rint(127 + 60 * image / np.abs(image).max()).astype(np.uint8)


def draws(count):
    return tf.constant(np.random.default_rng(3).random((count, DRAWS)), tf.float32)


def everything(dataset):
    return [[part.numpy() for part in element] for element in dataset]


@pytest.mark.parametrize("size", [(60, 80), (80, 60), (64, 64)])
def test_one_matrix_does_what_the_four_steps_do_one_after_the_other(size):
    batch = np.repeat(smooth(*size)[None], 40, 0)
    steps = augmentation.matrices(draws(40), Augmentation(rotate=0.1), size)
    one_by_one = tf.cast(batch, tf.float32)
    for step in steps:
        one_by_one = augmentation.warp(one_by_one, step)
    at_once = augmentation.warp(batch, steps[0] @ steps[1] @ steps[2] @ steps[3]).numpy()
    # Where a later step looks outside, it sees the mirror image of a step's result, not of the source: leave that out.
    y, x = np.mgrid[: size[0], : size[1]].reshape(2, -1)
    points = np.repeat(np.stack([x, y, np.ones_like(x)])[None].astype(float), 40, 0)
    inside = np.ones((40, x.size), bool)
    for step in steps[::-1]:
        points = step.numpy() @ points
        inside &= (points[:, :2] >= 0).all(1) & (points[:, 0] <= size[1] - 1) & (points[:, 1] <= size[0] - 1)
    inside = inside.reshape(40, *size)
    error = np.abs(one_by_one.numpy() - at_once)
    assert inside.mean() > 0.6
    assert error[inside].max() < 2 and error[inside].mean() < 0.5
    assert np.abs(at_once - batch)[inside].mean() > 10
    limits = Augmentation(rotate=0.1, brightness=0, contrast=0)
    np.testing.assert_allclose(augmentation.augment(batch, limits, draws(40)), at_once, atol=0.1)


def test_the_warp_is_tensorflows_own_projective_transform(pixels):
    size = pixels.shape[1:3]
    flip, rotation, translation, zoom = augmentation.matrices(draws(8), Augmentation(), size)
    matrix = (flip @ rotation @ translation @ zoom).numpy()
    matrix[:, 2, :2] = np.random.default_rng(0).normal(0, 1e-3, (8, 2))  # some perspective
    ours = augmentation.warp(pixels[:8], tf.constant(matrix)).numpy()
    theirs = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(pixels[:8], tf.float32),
        transforms=matrix.reshape(8, 9)[:, :8],
        output_shape=size,
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    ).numpy()
    # A position that rounds to the other side of an edge's middle may differ; no more than a handful do.
    assert np.mean(np.abs(ours - theirs) > 0.1) < 0.002


def test_each_step_moves_the_image_as_its_name_says():
    size = (40, 60)
    image = np.random.default_rng(0).integers(0, 256, (1, *size, 3)).astype(np.uint8)
    low = np.full((1, DRAWS), 0.5, np.float32)

    def warped(number, draw, **limits):
        changed = low.copy()
        changed[0, list(draw)] = list(draw.values())
        limits = {"flip": False, "rotate": 0, "translate": 0, "zoom": 0, **limits}
        matrix = augmentation.matrices(tf.constant(changed), Augmentation(**limits), size)[number]
        return augmentation.warp(image, matrix).numpy()

    def same(first, second):
        np.testing.assert_allclose(first, second, atol=0.02)

    same(warped(0, {0: 0.2}, flip=True), image[:, :, ::-1])
    same(warped(0, {1: 0.2}, flip=True), image[:, ::-1])
    same(warped(0, {0: 0.2, 1: 0.2}), image)
    same(warped(1, {2: 1.0}, rotate=0.5), image[:, ::-1, ::-1])
    same(warped(2, {3: 1.0}, translate=0.1)[:, :-4], image[:, 4:])
    same(warped(2, {4: 0.0}, translate=0.1)[:, :, 6:], image[:, :, :-6])
    same(warped(2, {4: 1.0}, translate=0.1)[:, :, -6:], image[:, :, :-7:-1])
    half = augmentation.matrices(tf.constant(low + 0.5), Augmentation(zoom=0.5), size)[3].numpy()[0]
    np.testing.assert_allclose(half @ (0, 0, 1), (29.5 / 3, 19.5 / 3, 1), rtol=1e-4)


def test_a_quarter_turn_of_a_square_is_numpys():
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype(np.uint8)
    turned = np.full((1, DRAWS), 0.5, np.float32)
    turned[0, 2] = 1
    matrix = augmentation.matrices(tf.constant(turned), Augmentation(rotate=0.25), (32, 32))[1]
    np.testing.assert_allclose(augmentation.warp(image, matrix), np.rot90(image, axes=(1, 2)), atol=0.02)


def test_the_smallest_images_survive_any_matrix():
    for size in ((1, 1), (1, 5), (4, 1)):
        image = np.full((3, *size, 3), 77, np.uint8)
        for step in augmentation.matrices(draws(3), Augmentation(), size):
            assert np.allclose(augmentation.warp(image, step), 77)


def test_brightness_and_contrast_are_the_formula():
    batch = np.random.default_rng(0).integers(0, 256, (30, 10, 12, 3)).astype(np.uint8)
    random = draws(30)
    limits = Augmentation(flip=False, rotate=0, translate=0, zoom=0, brightness=0.2, contrast=0.4)
    result = augmentation.augment(batch, limits, random).numpy()
    signed = 2 * random.numpy()[:, :, None, None, None] - 1
    mean = batch.mean((1, 2), keepdims=True)
    wanted = mean + (batch - mean) * (1 + 0.4 * signed[:, 7]) + 255 * 0.2 * signed[:, 6]
    np.testing.assert_allclose(result, np.clip(wanted, 0, 255), atol=0.02)
    assert result.min() == 0 and result.max() == 255
    still = augmentation.augment(batch, STILL, random).numpy()
    np.testing.assert_allclose(still, batch, atol=0.01)


def test_too_few_random_numbers_are_named():
    images = np.zeros((3, 4, 4, 3), np.uint8)
    for shape in ((3, 7), (2, 8)):
        with pytest.raises(ValueError, match=rf"shape \({shape[0]}, {shape[1]}\); 3 images need \(3, 8\)"):
            augmentation.augment(images, Augmentation(), np.zeros(shape, np.float32))


@pytest.mark.parametrize("name", ["rotate", "translate", "zoom", "brightness", "contrast"])
def test_a_limit_that_makes_no_sense_is_refused(name):
    for value in (-0.1, float("nan"), 1.0 if name == "zoom" else float("inf")):
        with pytest.raises(ValueError, match=f"{name} is {value}"):
            Augmentation(**{name: value})


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("kind", ["codes", "names", "one-hot"])
def test_labels_stay_with_their_images(numbered, balanced, kind):
    pixels, codes = numbered
    labels = {"codes": codes, "names": np.array(["df", "mel", "nv"], object)[codes], "one-hot": np.eye(3)[codes]}[kind]
    if balanced and kind == "one-hot":
        with pytest.raises(ValueError, match="one class code an image"):
            networks.training_batches(pixels, labels, seed=1, balanced=True)
        return
    options = {"seed": SEED, "augmentation": Augmentation(brightness=0), "balanced": balanced}
    seen = []
    for epoch in (0, 1):
        seen += everything(networks.training_batches(pixels, labels, batch=8, epoch=epoch, **options))
    shown = np.concatenate([batch[:, 0, 0, 0] for batch, _ in seen]).round().astype(int)
    targets = np.concatenate([targets for _, targets in seen])
    expected = labels[shown] if kind != "names" else np.char.encode(labels[shown].astype(str))
    assert len(shown) == 100 and np.array_equal(targets, expected)
    # Each epoch shows every image once; balanced, each class as often as any other.
    for epoch in (shown[:50], shown[50:]):
        if balanced:
            assert np.ptp(np.bincount(codes[epoch])) <= 1
        else:
            assert sorted(epoch) == list(range(50))
    assert not np.array_equal(shown[:50], shown[50:])


def test_balanced_draws_reach_every_image_of_a_class_about_equally_often(numbered):
    pixels, codes = numbered
    rows = np.tile(np.arange(50), 40)
    epochs = [networks.training_batches(pixels, codes, rows, 500, seed=1, epoch=k, balanced=True) for k in range(3)]
    shown = [batch[:, 0, 0, 0] for epoch in epochs for batch, _ in everything(epoch)]
    times = np.bincount(np.concatenate(shown).astype(int), minlength=50)
    for code in range(3):
        mine = times[codes == code]
        assert mine.min() > 0.6 * mine.mean() and mine.max() < 1.5 * mine.mean()


def test_a_seed_repeats_whatever_the_threads_and_the_batch(pixels):
    labels = np.arange(len(pixels)) % 7
    rows = np.arange(0, len(pixels), 20)

    def run(batch=16, threads=None, **changed):
        settings = {"epoch": 1, "seed": SEED, "augmentation": Augmentation(), "batch": batch, **changed}
        dataset = networks.training_batches(pixels, labels, rows, **settings)
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads or 0
        shown = everything(dataset.with_options(options))
        return [np.concatenate(parts) for parts in zip(*shown, strict=True)]

    first, targets = run()
    for other in ({"threads": 1}, {"threads": 7}):
        again, same_targets = run(**other)
        assert np.array_equal(first, again) and np.array_equal(targets, same_targets)
    np.testing.assert_allclose(first, run(batch=5)[0], atol=0.01)
    for other in ({"seed": SEED + 1}, {"epoch": 0}):
        assert not np.array_equal(targets, run(**other)[1])


def test_keras_fits_on_it_and_knows_how_many_steps_it_has(numbered):
    import keras

    pixels, codes = numbered
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    dataset = networks.training_batches(pixels, codes, batch=8, seed=SEED, augmentation=Augmentation())
    assert int(dataset.cardinality()) == 7
    history = model.fit(
        dataset, epochs=2, shuffle=False, verbose=0, class_weight=networks.class_weights(codes),
        validation_data=networks.batches(pixels, codes, range(10)),
    )  # fmt: skip
    assert len(history.history["val_loss"]) == 2 and np.isfinite(history.history["loss"]).all()


def test_without_augmentation_images_come_as_they_are(pixels):
    labels = np.arange(len(pixels))
    (first, places), (rest, last) = everything(networks.batches(pixels, labels, rows=[5, 3, 9], batch=2))
    assert first.dtype == np.float32 and places.tolist() == [5, 3] and last.tolist() == [9]
    assert np.array_equal(first, pixels[[5, 3]]) and np.array_equal(rest, pixels[[9]])
    for batch, places in everything(networks.training_batches(pixels, labels, range(20), 8, seed=SEED)):
        assert batch.dtype == np.float32 and np.array_equal(batch, pixels[places])


def test_class_weights_are_the_balanced_formula(numbered):
    codes = numbered[1]
    weights = networks.class_weights(codes)
    assert weights == pytest.approx({0: 50 / (3 * 35), 1: 50 / (3 * 10), 2: 50 / (3 * 5)})
    np.testing.assert_allclose([weights[code] for code in codes], compute_sample_weight("balanced", codes))
    assert set(networks.class_weights(["nv", "mel", "nv"])) == {"nv", "mel"}
    for wrong in ([], np.eye(3)):
        with pytest.raises(ValueError, match="one class an image"):
            networks.class_weights(wrong)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"inputs": np.zeros((4, 5, 6, 3))}, TypeError, "float64"),
        ({"inputs": np.zeros((4, 5, 6), np.uint8)}, ValueError, r"\(4, 5, 6\)"),
        ({"inputs": np.zeros((50, 3), np.float16)}, ValueError, r"\(50, 3\); it must be \(n, views, ...\)"),
        ({"labels": [0, 1]}, ValueError, "2 labels for 50 images"),
        ({"rows": [1, 50]}, ValueError, "row 50"),
        ({"rows": [-1]}, ValueError, "row -1"),
        ({"rows": []}, ValueError, "at least one image"),
        ({"rows": np.ones(50, bool)}, TypeError, "flatnonzero"),
        ({"batch": 0}, ValueError, "batch is 0"),
        ({"seed": -1}, ValueError, "seed is -1"),
        ({"epoch": -2}, ValueError, "epoch -2"),
    ],
    ids=str,
)
def test_bad_input_is_named(numbered, changed, error, message):
    pixels, labels = numbered
    with pytest.raises(error, match=message):
        networks.training_batches(**{"inputs": pixels, "labels": labels, "seed": 0, **changed})


def test_activations_come_in_order_in_one_view_and_for_training_in_any():
    store = np.arange(8, dtype=np.float16)[:, None, None] * 10 + np.arange(3, dtype=np.float16)[:, None]
    (values, labels), (rest, last) = everything(networks.batches(store, np.arange(8), [5, 2, 7], 2, view=1))
    assert values.dtype == np.float32 and values.ravel().tolist() == [51, 21] and labels.tolist() == [5, 2]
    assert rest.ravel().tolist() == [71] and last.tolist() == [7]
    codes = np.array([0, 0, 0, 0, 0, 0, 1, 2])
    balanced = networks.training_batches(store, codes, None, 8, seed=SEED, balanced=True)
    ((values, labels),) = everything(balanced)
    assert np.array_equal(codes[(values.ravel() // 10).astype(int)], labels) and np.ptp(np.bincount(labels)) <= 1


def test_a_view_that_is_not_there_and_augmented_activations_are_named(numbered):
    pixels, labels = numbered
    store = np.zeros((50, 2, 3), np.float16)
    for inputs, view in ((store, 2), (store, -1), (pixels, 1)):
        with pytest.raises(ValueError, match=f"view {view} does not exist"):
            networks.batches(inputs, labels, view=view)
    with pytest.raises(ValueError, match="name the augmentation in load_activations"):
        networks.training_batches(store, labels, seed=1, augmentation=Augmentation())


def test_no_other_room_imports_tensorflow():
    code = (
        "import importlib, pkgutil, sys, helpers\n"
        "networks = {'networks'}\n"
        "rooms = {room.name for room in pkgutil.iter_modules(helpers.__path__)} - networks\n"
        "[importlib.import_module(f'helpers.{room}') for room in rooms]\n"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Cached activations: the same answers as the whole network, keyed by all that determines them."""

import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from helpers import networks
from helpers.data._files import DataError
from helpers.networks import _activations as activations
from helpers.networks import _training as training

PIXELS = np.random.default_rng(6).integers(0, 256, (10, 16, 16, 3), dtype=np.uint8)
DATASET = SimpleNamespace(fingerprint="some")


@pytest.fixture
def network():
    keras.utils.set_random_seed(6)
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu", name="first")(keras.layers.Rescaling(1 / 255)(inputs))
    x = keras.layers.Conv2D(4, 3, activation="relu", name="second")(x)
    return keras.Model(inputs, x)


@pytest.fixture
def config(tmp_path):
    return SimpleNamespace(cache=tmp_path, seed=7)


def test_the_cached_way_answers_as_the_whole_network(network, config):
    frozen, rest = networks.cut(network, "first")
    tail = networks.classifier(rest, units=5)
    cached = networks.load_activations(frozen, DATASET, PIXELS, config)
    assert cached.shape == (10, 1, 14, 14, 4) and cached.dtype == np.float16
    whole = keras.Model(frozen.input, tail(frozen.output))
    rows = np.array([7, 2, 9])
    said = training.predict(tail, networks.batches(cached, np.zeros(10, int), rows, 2))
    assert np.allclose(said, whole.predict(PIXELS[rows].astype("float32"), verbose=0), atol=2e-3)


def test_view_zero_is_the_image_the_others_are_changed_and_all_are_repeatable(network, config, tmp_path):
    frozen, _ = networks.cut(network, "first")
    one = networks.load_activations(frozen, DATASET, PIXELS, config)
    three = networks.load_activations(frozen, DATASET, PIXELS, config, views=3, augmentation=networks.Augmentation())
    assert np.array_equal(three[:, 0], one[:, 0])
    assert not np.allclose(three[:, 1], three[:, 0], atol=0.05) and not np.allclose(three[:, 1], three[:, 2], atol=0.05)
    again = SimpleNamespace(cache=tmp_path / "other", seed=7)
    assert np.array_equal(
        networks.load_activations(frozen, DATASET, PIXELS, again, views=3, augmentation=networks.Augmentation()), three
    )


def test_only_the_rows_asked_for_are_computed(network, config):
    frozen, _ = networks.cut(network, "first")
    some = networks.load_activations(frozen, DATASET, PIXELS, config, rows=[3, 8, 3])
    every = networks.load_activations(frozen, DATASET, PIXELS, config)
    assert np.array_equal(some[[3, 8]], every[[3, 8]]) and not some[[0, 9]].any()


def test_what_changes_the_answers_changes_the_file(network, config):
    frozen, _ = networks.cut(network, "first")

    def files():
        return len(list((config.cache / "activations").glob("*.npy")))

    networks.load_activations(frozen, DATASET, PIXELS, config)
    networks.load_activations(frozen, DATASET, PIXELS, config)
    assert files() == 1
    networks.load_activations(frozen, SimpleNamespace(fingerprint="other"), PIXELS, config)
    assert files() == 2
    network.get_layer("first").set_weights([weight + 0.1 for weight in network.get_layer("first").get_weights()])
    changed = networks.load_activations(frozen, DATASET, PIXELS, config)
    assert files() == 3 and changed.max() > 0
    for seed in (1, 2):
        seeded = SimpleNamespace(cache=config.cache, seed=seed)
        networks.load_activations(frozen, DATASET, PIXELS, seeded, views=2, augmentation=networks.Augmentation())
    assert files() == 5
    networks.load_activations(frozen, DATASET, PIXELS, config, views=3, augmentation=networks.Augmentation())
    assert files() == 6
    networks.load_activations(frozen, DATASET, PIXELS, config, views=3, augmentation=networks.Augmentation(zoom=0.2))
    assert files() == 7
    before = keras.config.dtype_policy()
    try:
        networks.use_precision("bfloat16")
        networks.load_activations(frozen, DATASET, PIXELS, config)
    finally:
        keras.config.set_dtype_policy(before)
    assert files() == 8
    networks.load_activations(frozen, DATASET, 255 - PIXELS, config)
    assert files() == 9


def test_a_damaged_cache_is_computed_anew(network, config):
    frozen, _ = networks.cut(network, "first")
    right = np.array(networks.load_activations(frozen, DATASET, PIXELS, config))
    (path,) = (config.cache / "activations").glob("*.npy")
    whole = path.read_bytes()
    for damaged in (whole[:200] + bytes(64) + whole[264:], whole[:-3000], b"", whole[:128] + bytes(len(whole) - 128)):
        path.write_bytes(damaged)
        assert np.array_equal(networks.load_activations(frozen, DATASET, PIXELS, config), right)
        assert path.read_bytes() == whole


def test_the_views_of_two_seeds_have_no_draw_in_common(network, config, tmp_path):
    frozen, _ = networks.cut(network, "first")
    of_7, of_8 = (
        networks.load_activations(
            frozen,
            DATASET,
            PIXELS,
            SimpleNamespace(cache=tmp_path, seed=seed),
            views=4,
            augmentation=networks.Augmentation(),
        )
        for seed in (7, 8)
    )
    assert not any(np.allclose(of_7[0, one], of_8[0, other]) for one in (1, 2, 3) for other in (1, 2, 3))


def test_a_full_disk_an_overflow_and_views_without_augmentation_are_said(network, config, monkeypatch):
    frozen, _ = networks.cut(network, "first")
    with pytest.raises(ValueError, match="more views need an augmentation"):
        networks.load_activations(frozen, DATASET, PIXELS, config, views=2)
    usage = shutil.disk_usage(config.cache)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100))
    with pytest.raises(DataError, match=r"100 bytes are free, and 15,680 bytes are needed.*SKIN_CACHE"):
        networks.load_activations(frozen, DATASET, PIXELS, config)
    monkeypatch.undo()
    layer = network.get_layer("first")
    layer.set_weights([weight * 1e7 for weight in layer.get_weights()])
    with pytest.raises(DataError, match="beyond what float16 holds"):
        networks.load_activations(frozen, DATASET, PIXELS, config)
    assert not list((config.cache / "activations").iterdir()), "nothing half-written is left"


def test_an_epoch_has_each_row_once_in_a_view_of_its_own():
    store = np.arange(8, dtype=np.float16)[:, None, None] * 10 + np.arange(3, dtype=np.float16)[None, :, None]
    rows = np.array([1, 4, 6, 7])

    def epoch(number, seed=1):
        parts = list(networks.training_batches(store, np.arange(8), rows, 3, seed=seed, epoch=number))
        values = np.concatenate([values.numpy() for values, _ in parts])[:, 0]
        codes = np.concatenate([codes.numpy() for _, codes in parts])
        return values, codes

    values, codes = epoch(0)
    assert sorted(codes) == list(rows) and np.array_equal(values // 10, codes)
    assert np.array_equal(epoch(0)[0], values)
    assert len({tuple(epoch(number)[1]) for number in range(6)}) > 1, "shuffled anew"
    assert {int(value % 10) for number in range(12) for value in epoch(number)[0]} == {0, 1, 2}, "every view occurs"


def layered(width=4, strides=1, activation="relu", dropout=0.5, side=8, crossed=False):
    keras.utils.set_random_seed(6)
    inputs = keras.Input((side, side, 3))
    x = keras.layers.Conv2D(width, 3, strides=strides, activation=activation, padding="same")(inputs)
    y = keras.layers.Dropout(dropout)(x)
    return keras.Model(inputs, keras.layers.Subtract()([y, x] if crossed else [x, y]))


@pytest.mark.parametrize(
    "change", [{"width": 5}, {"strides": 2}, {"activation": "tanh"}, {"dropout": 0.1}, {"side": 9}, {"crossed": True}]
)
def test_a_digest_knows_networks_apart_by_their_layers_and_how_they_hang_together(change):
    assert activations.digest(layered()) == activations.digest(layered())
    assert activations.digest(layered()) != activations.digest(layered(**change))


def test_a_digest_knows_a_cut_network_again_whatever_was_built_before():
    """Keras counts all tensors of a process, and names the input of what follows a cut by that number."""

    def tail():
        network = layered()
        return networks.cut(network, network.layers[1].name)[1]

    first, again = tail(), tail()
    assert first.layers[0].name != again.layers[0].name
    assert activations.digest(first) == activations.digest(again)

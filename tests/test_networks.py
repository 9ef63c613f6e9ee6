"""From a recipe to a run record, on the sample: one real network from end to end, and a toy for all else."""

import shutil
from dataclasses import asdict, replace

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from helpers import data, networks, settings, splits
from helpers.data._files import DataError
from helpers.ham10000 import CLASSES
from helpers.networks import RECIPES
from helpers.networks import _architectures as architectures
from helpers.networks import _run as run
from helpers.networks import _training as training
from helpers.networks._recipes import Recipe
from helpers.records import _runs as runs
from helpers.records import _seal as seal
from helpers.records._seal import RecordError

compile_network = keras.Model.compile


def toy(size, weights):
    """Return a small residual network with batch normalisations, cut by the rule before its last convolution."""
    inputs = keras.Input((*size, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    x = layers.Conv2D(8, 3, strides=4, padding="same", use_bias=False, name="Conv1")(x)
    x = shortcut = layers.BatchNormalization(name="bn_Conv1")(x)
    for block in (1, 2):
        x = layers.Conv2D(8, 3, padding="same", activation="relu", name=f"block_{block}_conv")(x)
        x = layers.BatchNormalization(name=f"block_{block}_norm")(x)
    x = layers.Add(name="block_2_add")([shortcut, x])
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="last_conv")(x)
    return keras.Model(inputs, layers.BatchNormalization(name="last_norm")(x))


@pytest.fixture(scope="module")
def small(config):
    sizes = settings.for_chapter("cnn-from-scratch").sizes
    return replace(config, chapter="cnn-from-scratch", sizes=replace(sizes, image=(32, 32), rows=30, epochs=2))


@pytest.fixture(scope="module")
def fresh(ham, small, tmp_path_factory):
    """A cache for one test with nothing but the pixels, in a tier that leaves checkpoints."""
    data.load_pixels(ham, small)

    def fresh():
        cache = tmp_path_factory.mktemp("cache")
        shutil.copytree(small.cache / "pixels", cache / "pixels", ignore=lambda _, names: {
            name for name in names if "-32x32-" not in name
        })  # fmt: skip
        return replace(small, tier="workshop", cache=cache)

    return fresh


@pytest.fixture(scope="module", autouse=True)
def offline():
    """No downloads, one precision, and the toy in MobileNetV2's place; its few steps are cheaper uncompiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKIN_WEIGHTS", "random")
        patch.setenv("SKIN_PRECISION", "float32")
        patch.setitem(architectures.BACKBONES, "mobilenetv2", ("MobileNetV2", toy, None))
        patch.setattr(
            keras.Model,
            "compile",
            lambda self, *args, **options: compile_network(self, *args, run_eagerly=True, **options),
        )
        yield


def few(split):
    """Return a split with few images to ask about."""
    return replace(split, validation=split.validation[:8], test=split.test[:8])


def codes_of(ham, rows):
    return pd.Categorical(ham.table["dx"], categories=list(CLASSES)).codes[rows]


@pytest.fixture(scope="module")
def trained(ham, fresh):
    """A MobileNetV2, compiled, last blocks retrained; what it said of the test images after each epoch; called twice.

    Returns the first call's result, the second's, and their settings.
    """
    # The share leaves few blocks to the tail: tracing them is what takes long.
    recipe = replace(RECIPES["resnet-tuned"], network=("mobilenetv2",), share=0.9, views=2, head_epochs=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(architectures.BACKBONES, "mobilenetv2", ("MobileNetV2", architectures._mobilenetv2, None))
        patch.setattr(keras.Model, "compile", compile_network)
        config, split = fresh(), few(splits.grouped(ham.table, 0))
        first = networks.train(recipe, ham, config, split, watch_test=True)
        patch.setattr(training, "_train", None)  # who trains again fails
        again = networks.train(recipe, ham, config, split, watch_test=True)
    return first, again, config


def test_a_trained_network_says_the_same_of_pixels_and_of_the_cache(ham, small, trained):
    first, _, config = trained
    rows = first.split.test[:5]
    plain = keras.Model(first.model.input, first.model.output).predict(
        data.load_pixels(ham, small)[rows].astype("float32"), verbose=0
    )
    (path,) = (config.cache / "activations").glob("*.npy")
    cached = networks.batches(np.load(path, mmap_mode="r"), np.zeros(len(ham.table), int), rows)
    (tail,) = [layer for layer in first.model.layers if layer.name == "classifier"]
    assert np.allclose(plain, training.predict(tail, cached), atol=5e-3)
    assert first.test.shape == (len(first.split.test), 7) and np.allclose(first.test.sum(axis=1), 1)
    assert first.facts["recipe"]["cut"].startswith("block_")


def test_the_frozen_part_of_a_trained_network_stays_so_whoever_trains_the_whole(trained):
    first, _, _ = trained
    frozen = [layer for layer in first.model.layers if layer.name.startswith("block_1_")]
    weights = [weight for layer in frozen for weight in layer.weights]
    before = [weight.numpy() for weight in weights]
    first.model(np.random.default_rng(2).uniform(0, 255, (4, 32, 32, 3)).astype("float32"), training=True)
    assert any("moving_mean" in weight.path for weight in weights)
    assert all(np.array_equal(value, weight.numpy()) for value, weight in zip(before, weights, strict=True))


def test_a_second_call_resumes_what_is_finished(trained):
    first, again, _ = trained
    assert np.allclose(first.test, again.test, atol=1e-6)
    assert len(first.test_by_epoch) == len(again.test_by_epoch) == first.facts["epochs_trained"]


@pytest.fixture
def folders(monkeypatch):
    """The folders of checkpoints that trainings ask for; none of them is trained."""
    folders = []

    def fit(*rest, folder, **options):
        folders.append(folder)
        raise InterruptedError

    monkeypatch.setattr(training, "fit", fit)
    return folders


def test_who_watches_the_test_images_does_not_resume_a_training_in_which_nobody_did(ham, fresh, folders):
    config = fresh()
    for watch_test in (False, False, True):
        with pytest.raises(InterruptedError):
            split = splits.grouped(ham.table, 0)
            networks.train(RECIPES["mobilenetv2-frozen"], ham, config, split, watch_test=watch_test)
    assert folders[0] == folders[1] != folders[2]


def test_a_training_above_the_quick_tier_leaves_its_checkpoints_in_the_cache(ham, small, fresh, folders):
    split, workshop = splits.grouped(ham.table, 0), fresh()
    for config in (small, workshop):
        with pytest.raises(InterruptedError):
            networks.train(RECIPES["mobilenetv2-frozen"], ham, config, split)
    assert folders[0] is None and folders[1].parent == workshop.cache / "training"


def test_a_head_is_not_resumed_on_another_backbone_nor_in_another_precision(ham, fresh, folders, monkeypatch):
    """The head alone is trained, and it starts alike; what it reads comes from weights of another draw."""

    def other_toy(size, weights):
        network = toy(size, weights)
        first = network.get_layer("Conv1")
        first.set_weights([weight + 1 for weight in first.get_weights()])
        return network

    config = fresh()
    try:
        for build, precision in ((toy, "float32"), (toy, "float32"), (other_toy, "float32"), (toy, "bfloat16")):
            monkeypatch.setitem(architectures.BACKBONES, "mobilenetv2", ("MobileNetV2", build, None))
            monkeypatch.setenv("SKIN_PRECISION", precision)
            with pytest.raises(InterruptedError):
                networks.train(RECIPES["mobilenetv2-frozen"], ham, config, splits.grouped(ham.table, 0))
    finally:
        networks.use_precision("float32")
    same, again, other, coarse = folders
    assert same == again and len({same, other, coarse}) == 3


@pytest.fixture(scope="module")
def watched(ham, fresh):
    """A toy whose answers to the test images were kept after each epoch, and its settings."""
    config, split = fresh(), few(splits.grouped(ham.table, 0))
    return networks.train(RECIPES["mobilenetv2-frozen"], ham, config, split, watch_test=True), config


def test_a_lost_file_of_watched_answers_is_named_with_the_remedy(ham, watched):
    trained, config = watched
    (path,) = config.cache.glob("training/*/test-001.npy")
    for content in (path.read_bytes()[:50], None):
        path.unlink()
        if content:
            path.write_bytes(content)
        with pytest.raises(training.TrainingError, match=r"test-001.npy, .* after epoch 1, .*Delete the folder"):
            networks.train(RECIPES["mobilenetv2-frozen"], ham, config, trained.split, watch_test=True)


def test_answers_in_memory_need_no_file_and_a_full_disk_is_said(tmp_path, monkeypatch):
    answers = iter(np.arange(3.0))
    watch = run._Watch(tmp_path, lambda: np.full((2, 7), next(answers)))
    watch(1), watch(2)
    assert np.array_equal(np.load(tmp_path / "test-002.npy"), np.ones((2, 7)))
    (tmp_path / "test-001.npy").unlink()
    assert [kept[0, 0] for kept in watch.by_epoch(2)] == [0, 1]
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(DataError, match="answers to the test images cannot be written"):
        watch(3)


def test_a_network_from_scratch_and_one_frozen_to_its_end(ham, small, tmp_path):
    split = splits.grouped(ham.table, 1)
    frozen = networks.train(RECIPES["mobilenetv2-frozen"], ham, small, split)
    # The smallest images that the CNN takes.
    config = replace(small, sizes=replace(small.sizes, image=(90, 90), rows=7, epochs=1))
    scratch = networks.train(RECIPES["cnn-improved"], ham, config, few(split))
    assert "frozen" in frozen.label and "90 x 90" in scratch.label
    for trained in (frozen, scratch):
        assert trained.facts["training_images"] <= 30 and trained.facts["images_per_second"] > 0
        assert trained.validation.shape == (len(trained.split.validation), 7) and not trained.test_by_epoch
    path = networks.save_record("both-folds", [frozen], ham, small, tmp_path, folds=[1], resamples=20)
    assert runs.load_run(path).facts["folds"] == [1]


def test_two_trainings_on_one_split_leave_records_that_both_verify(ham, small, tmp_path):
    split = splits.grouped(ham.table, 0, seed=small.seed)
    other = replace(small, seed=small.seed + 1)
    trained = networks.train(RECIPES["mobilenetv2-frozen"], ham, other, split)
    path = networks.save_record("other", [trained], ham, other, tmp_path, resamples=0, split_seed=small.seed)
    runs.verify(runs.load_run(path), ham.table)


def test_where_nothing_is_frozen_all_learns_once_the_head_has_but_no_running_average(ham, small, monkeypatch):
    watched, fit = [], training.fit

    def snapshot(model):
        kernel, average = model.get_layer("Conv1").kernel, model.get_layer("bn_Conv1").moving_mean
        watched.append((kernel.numpy(), average.numpy()))

    def watching(model, *args, **options):
        snapshot(model)
        fitted = fit(model, *args, **options)
        snapshot(model)
        return fitted

    monkeypatch.setattr(training, "fit", watching)
    recipe = replace(RECIPES["resnet-whole"], network=("mobilenetv2",), head_epochs=1)
    trained = networks.train(recipe, ham, small, few(splits.grouped(ham.table, 0)))
    first, before, begun, after = (kernel for kernel, _ in watched)
    assert np.array_equal(first, before), "not while the head learns alone"
    assert np.array_equal(before, begun) and not np.array_equal(begun, after)
    assert all(np.array_equal(average, watched[0][1]) for _, average in watched)
    assert "cut" not in trained.facts["recipe"] and trained.label.endswith("retrained whole")


@pytest.mark.parametrize(
    ("network", "frozen"), [("paper_cnn", "backbone"), ("paper_cnn", "boundary"), (("vgg16",), "al")]
)
def test_a_recipe_that_would_freeze_something_else_is_refused(network, frozen):
    with pytest.raises(ValueError, match=f"frozen is '{frozen}'; for the network .* choose"):
        Recipe("of that kind", network, frozen)


def test_a_recipe_may_want_fewer_epochs_than_the_tier_allows_but_gets_no_more(ham, small):
    split = few(splits.grouped(ham.table, 0))
    for of_the_recipe, trained_for in ((1, 1), (9, small.sizes.epochs)):
        recipe = replace(RECIPES["mobilenetv2-frozen"], epochs=of_the_recipe)
        trained = networks.train(recipe, ham, small, split)
        assert len(trained.fitted.history) == trained.facts["epochs_at_most"] == trained_for


def test_the_schedule_of_a_recipe_reaches_the_training(ham, small):
    cosine = RECIPES["cnn-cosine"]
    recipe = replace(RECIPES["mobilenetv2-frozen"], cosine=cosine.cosine, learning_rate=cosine.learning_rate)
    history = networks.train(recipe, ham, small, few(splits.grouped(ham.table, 1))).fitted.history
    assert np.allclose(history["learning_rate"], [1e-3, 5e-4])


class Asked(Exception):
    """Carries what ``fit`` was asked for."""


@pytest.mark.parametrize("name", ["cnn-improved", "mobilenetv2-frozen"])
def test_what_a_recipe_says_reaches_the_training(ham, small, monkeypatch, name):
    def fit(model, **options):
        raise Asked(options)

    monkeypatch.setattr(training, "fit", fit)
    config = replace(small, sizes=replace(small.sizes, image=(90, 90), rows=70))
    split, recipe = few(splits.grouped(ham.table, 0)), replace(RECIPES[name], augmentation=None)
    with pytest.raises(Asked) as caught:
        networks.train(recipe, ham, config, split)
    (asked,) = caught.value.args
    rows = config.training_rows(split)
    codes = codes_of(ham, rows)
    _, first = next(iter(asked["training"](0)))
    assert len(first) == recipe.batch < len(rows) and set(first.numpy()) <= set(codes)
    assert {key: asked[key] for key in ("learning_rate", "patience", "cosine")} == {
        "learning_rate": recipe.learning_rate,
        "patience": recipe.patience,
        "cosine": recipe.cosine,
    }
    if recipe.weighted:
        counts = np.bincount(codes, minlength=len(CLASSES))
        commonest, rarest = counts.argmax(), np.where(counts, counts, counts.max()).argmin()
        weights = asked["class_weight"]
        assert weights[commonest] * counts[commonest] == pytest.approx(weights[rarest] * counts[rarest])
    else:
        assert asked["class_weight"] is None


def test_an_answer_is_the_mean_over_the_views(ham, small, monkeypatch):
    asked = []

    def listening(*args, view=0):
        asked.append((networks.batches(*args, view=view), view))
        return asked[-1][0]

    def predict(_, dataset):
        (view,) = [view for of_view, view in asked if of_view is dataset]
        return np.full((sum(len(codes) for _, codes in dataset), len(CLASSES)), float(view))

    monkeypatch.setattr(run, "batches", listening)
    monkeypatch.setattr(training, "predict", predict)
    recipe = replace(RECIPES["resnet-tuned"], network=("mobilenetv2",), views=2, head_epochs=0)
    split = few(splits.grouped(ham.table, 0))
    trained = networks.train(recipe, ham, replace(small, sizes=replace(small.sizes, epochs=1)), split)
    assert trained.test.shape == (len(split.test), 7) and np.array_equal(np.unique(trained.test), [0.5])


def test_the_rows_of_a_tier_are_drawn_from_the_training_rows_alone(ham, small):
    split = splits.grouped(ham.table, 0)
    rows = small.training_rows(split)
    assert len(rows) == 30 and np.isin(rows, split.train).all() and len(np.unique(rows)) == 30
    everything = replace(small, sizes=replace(small.sizes, rows=None))
    assert np.array_equal(everything.training_rows(split), split.train)


@pytest.fixture(scope="module")
def frozen(ham, small):
    """A head on a toy that stands for a backbone with ImageNet's weights, and what gives that backbone again."""
    backbone = architectures.Backbone(toy((32, 32), None), "MobileNetV2", "ImageNet, from a file", pretrained=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(architectures, "backbone", lambda *names, size: backbone)
        return networks.train(RECIPES["mobilenetv2-frozen"], ham, small, splits.grouped(ham.table, 0)), backbone


def as_network(trained, model, recipe, **facts):
    """Return the same training as if it were of another network."""
    facts = {"recipe": asdict(recipe) | {"label": recipe.title}} | facts
    return replace(trained, model=model, facts=trained.facts | facts)


def test_a_record_carries_the_head_of_a_frozen_backbone_and_gives_the_network_back(
    ham, small, frozen, tmp_path, monkeypatch
):
    trained, backbone = frozen
    path = networks.save_record("head", [trained], ham, small, tmp_path, folds=[3], resamples=0, weights=True)
    run = runs.load_run(path)
    assert run.weights and run.facts["weights_of_fold"] == 3
    stored = seal.unpack_weights((path / seal.WEIGHTS).read_bytes())
    assert [weight.shape for weight in stored] == [
        weight.shape for weight in trained.model.get_layer("classifier").weights
    ], "nothing of the backbone"
    monkeypatch.setattr(architectures, "backbone", lambda *names, size: backbone)
    network = networks.load(path)
    pixels = data.load_pixels(ham, small)[trained.split.test].astype("float32")
    assert np.allclose(network.predict(pixels, verbose=0), trained.test, atol=5e-3)
    random = replace(backbone, pretrained=False)
    monkeypatch.setattr(architectures, "backbone", lambda *names, size: random)
    with pytest.raises(RecordError, match="head of MobileNetV2, whose ImageNet weights cannot be had"):
        networks.load(path)


def test_a_record_carries_a_network_from_scratch_whole_under_its_seal(ham, small, frozen, tmp_path):
    recipe = RECIPES["cnn-improved"]
    cnn = architectures.paper_cnn((90, 90), **recipe.options)
    rng = np.random.default_rng(1)
    cnn.set_weights([rng.uniform(0.01, 0.1, weight.shape) for weight in cnn.weights])
    trained = as_network(frozen[0], cnn, recipe, image=[90, 90])
    path = networks.save_record("cnn", [trained], ham, small, tmp_path, resamples=0, weights=True)
    pixels = rng.uniform(0, 255, (3, 90, 90, 3)).astype("float32")
    said = cnn(pixels)
    assert not np.allclose(architectures.paper_cnn((90, 90), **recipe.options)(pixels), said, atol=0.05)
    assert np.allclose(networks.load(path)(pixels), said, atol=5e-3)
    with open(path / seal.WEIGHTS, "ab") as file:
        file.write(b"0")
    with pytest.raises(RecordError, match="was changed after it was written"):
        networks.load(path)


def test_weights_that_others_trained_or_that_do_not_fit_stay_out_of_a_record(ham, small, frozen, tmp_path, monkeypatch):
    trained, _ = frozen
    retrained = as_network(trained, trained.model, RECIPES["vgg16-tuned"])
    with pytest.raises(RecordError, match="last block retrained layers of the backbone were retrained"):
        networks.save_record("tuned", [retrained], ham, small, tmp_path, resamples=0, weights=True)
    path = networks.save_record("plain", [trained], ham, small, tmp_path, resamples=0)
    assert not runs.load_run(path).weights
    with pytest.raises(RecordError, match="'plain' carries no weights"):
        networks.load(path)
    for wrong in (np.nan, 1e6):
        with pytest.raises(RecordError, match="not finite, or too large for float16"):
            seal.pack_weights([np.ones(3), np.array([wrong])])
    noise = np.random.default_rng(0).normal(size=1000)
    monkeypatch.setattr(seal, "MOST_WEIGHTS", 1000)
    with pytest.raises(RecordError, match="a record carries at most 1,000"):
        seal.pack_weights([noise])

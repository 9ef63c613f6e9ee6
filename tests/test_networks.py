"""From a recipe to a run record, on the sample."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers import settings, splits
from helpers.ham10000 import CLASSES
from helpers.networks import _activations as activations
from helpers.networks import _recipes as recipes
from helpers.networks import _run as networks
from helpers.networks import _training as training
from helpers.records import _runs as runs


@pytest.fixture(scope="module")
def small():
    config = settings.for_chapter("cnn-from-scratch")
    return replace(config, sizes=replace(config.sizes, image=(32, 32), rows=30, epochs=2))


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("SKIN_WEIGHTS", "random")
    monkeypatch.setenv("SKIN_PRECISION", "float32")


def codes_of(ham, rows):
    return pd.Categorical(ham.table["dx"], categories=list(CLASSES)).codes[rows]


@pytest.fixture(scope="module")
def trained(ham, small, tmp_path_factory):
    """A MobileNetV2, last blocks retrained, with what it said of the test images after each epoch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKIN_WEIGHTS", "random")
        patch.setenv("SKIN_PRECISION", "float32")
        recipe = replace(recipes.RECIPES["resnet-tuned"], network=("mobilenetv2",), views=2, head_epochs=1)
        config = replace(small, tier="workshop", cache=tmp_path_factory.mktemp("cache"))
        split = splits.grouped(ham.table, 0)
        first = networks.train(recipe, ham, config, split, watch_test=True)
        patch.setattr(training, "_train", None)  # who trains again fails
        again = networks.train(recipe, ham, config, split, watch_test=True)
        return first, again


def test_a_trained_network_says_the_same_of_pixels_and_of_the_cache(ham, small, trained):
    from helpers.data import _pixels as images

    first, _ = trained
    rows = first.split.test[:5]
    direct = first.model.predict(images.load_pixels(ham, small)[rows].astype("float32"), verbose=0)
    assert direct.shape == (5, 7) and first.test.shape == (len(first.split.test), 7)
    assert np.allclose(first.test.sum(axis=1), 1) and first.facts["recipe"]["cut"].startswith("block_")


def test_the_frozen_part_of_a_trained_network_stays_so_whoever_trains_the_whole(trained):
    first, _ = trained
    frozen = [layer for layer in first.model.layers if layer.name.startswith("block_1_")]
    averages = [weight for layer in frozen for weight in layer.weights]
    before = [weight.numpy() for weight in averages]
    first.model(np.random.default_rng(2).uniform(0, 255, (4, 32, 32, 3)).astype("float32"), training=True)
    assert any("moving_mean" in weight.path for weight in averages)
    assert all(np.array_equal(one, weight.numpy()) for one, weight in zip(before, averages, strict=True))


def test_a_second_call_resumes_what_is_finished(trained):
    first, again = trained
    assert np.allclose(first.test, again.test, atol=1e-6)
    assert len(first.test_by_epoch) == len(again.test_by_epoch) == first.facts["epochs_trained"]


def test_who_watches_the_test_images_does_not_resume_a_training_in_which_nobody_did(ham, small, tmp_path):
    config = replace(small, tier="workshop", cache=tmp_path)
    split, recipe = splits.grouped(ham.table, 0), recipes.RECIPES["mobilenetv2-frozen"]
    plain = networks.train(recipe, ham, config, split)
    watched = networks.train(recipe, ham, config, split, watch_test=True)
    assert not plain.test_by_epoch and len(watched.test_by_epoch) == watched.facts["epochs_trained"]


def test_a_training_above_the_quick_tier_leaves_its_checkpoints_in_the_cache(ham, small, monkeypatch, tmp_path):
    seen = []

    def fit(*rest, folder, **options):
        seen.append(folder)
        raise InterruptedError

    monkeypatch.setattr(networks.training, "fit", fit)
    split = splits.grouped(ham.table, 0)
    fitting = replace(small, sizes=replace(small.sizes, image=(90, 90)))  # the smallest that the CNN takes
    for config in (fitting, replace(fitting, tier="workshop", cache=tmp_path)):
        with pytest.raises(InterruptedError):
            networks.train(recipes.RECIPES["cnn-improved"], ham, config, split)
    assert seen[0] is None and seen[1].parent == tmp_path / "training"


def test_a_head_is_not_resumed_on_another_backbone_nor_in_another_precision(ham, small, monkeypatch, tmp_path):
    """The head alone is trained, and it starts alike; what it reads comes from weights of another draw."""
    folders, made = [], networks.models.backbone

    def fit(*rest, folder, **options):
        folders.append(folder)
        raise InterruptedError

    def drawn(*names, size):
        found = made(*names, size=size)
        first = found.model.get_layer("Conv1")
        first.set_weights([weight + 1 for weight in first.get_weights()])
        return found

    monkeypatch.setattr(networks.training, "fit", fit)
    config = replace(small, tier="workshop", cache=tmp_path)
    for backbone, precision in ((made, "float32"), (made, "float32"), (drawn, "float32"), (made, "bfloat16")):
        monkeypatch.setattr(networks.models, "backbone", backbone)
        monkeypatch.setenv("SKIN_PRECISION", precision)
        with pytest.raises(InterruptedError):
            networks.train(recipes.RECIPES["mobilenetv2-frozen"], ham, config, splits.grouped(ham.table, 0))
    same, again, other, coarse = folders
    assert same == again and len({same, other, coarse}) == 3
    training.use_precision("float32")


def test_choosing_on_the_test_set_is_never_worse_there_and_is_marked(ham, small, trained, tmp_path):
    first, _ = trained
    truth = codes_of(ham, first.split.test)
    chosen = networks.chosen_on_test(first, truth)
    right = [(prob.argmax(axis=1) == truth).mean() for prob in first.test_by_epoch]
    assert (chosen.test.argmax(axis=1) == truth).mean() == max(right)
    assert networks.to_equal_priors(chosen, codes_of(ham, first.split.train)).validation is None
    for name, one in (("honest", first), ("picked", chosen)):
        networks.save_record(name, [one], ham, small, tmp_path, resamples=20)
    honest, picked = runs.load_run(tmp_path / "honest"), runs.load_run(tmp_path / "picked")
    assert not any("CHOSEN ON THE TEST SET" in mark for mark in honest.marks)
    assert any("CHOSEN ON THE TEST SET" in mark for mark in picked.marks)
    assert len(honest.history) == first.facts["epochs_trained"]
    assert honest.validation is not None and picked.validation is None, "nobody asked the network of that epoch"
    with_threshold = [one.metrics["metric"].str.startswith("sensitivity_at").any() for one in (honest, picked)]
    assert with_threshold == [True, False]
    runs.verify(honest, ham.table)
    with pytest.raises(ValueError, match="watch_test=True"):
        networks.chosen_on_test(replace(first, test_by_epoch=[]), truth)


def test_evened_priors_divide_by_the_share_of_each_class(ham, trained):
    first, _ = trained
    y = codes_of(ham, first.split.train)
    evened = networks.to_equal_priors(first, y)
    ratio = first.test / (np.bincount(y, minlength=7) / len(y))
    assert np.allclose(evened.test, ratio / ratio.sum(axis=1, keepdims=True))
    assert (evened.test[:, 5] < first.test[:, 5]).all(), "nevi, the most frequent, lose"
    assert evened.facts["priors"] == "evened" != first.facts["priors"]


def test_restored_priors_multiply_by_the_share_of_each_class(ham, trained):
    first, _ = trained
    y = codes_of(ham, first.split.train)
    restored = networks.to_training_priors(first, y)
    product = first.test * np.bincount(y, minlength=7) / len(y)
    assert np.allclose(restored.test, product / product.sum(axis=1, keepdims=True))
    assert (restored.test[:, 5] > first.test[:, 5]).all(), "nevi, the most frequent, gain"
    assert restored.facts["priors"] == "restored" and restored.label.endswith("priors restored")
    for one, same in ((restored.validation, first.validation), (restored.test_by_epoch[0], first.test_by_epoch[0])):
        assert not np.allclose(one, same)


def test_a_network_from_scratch_and_one_frozen_to_its_end(ham, small, tmp_path):
    split = splits.grouped(ham.table, 1)
    frozen = networks.train(recipes.RECIPES["mobilenetv2-frozen"], ham, small, split)
    config = replace(small, sizes=replace(small.sizes, image=(90, 90), rows=14, epochs=1))
    scratch = networks.train(recipes.RECIPES["cnn-improved"], ham, config, split)
    assert "frozen" in frozen.label and "90 x 90" in scratch.label
    for one in (frozen, scratch):
        assert one.facts["training_images"] <= 30 and one.facts["images_per_second"] > 0
        assert one.validation.shape == (len(split.validation), 7)
    path = networks.save_record("both-folds", [frozen], ham, small, tmp_path, folds=[1], resamples=20)
    assert runs.load_run(path).facts["folds"] == [1]


def test_two_trainings_on_one_split_leave_records_that_both_verify(ham, small, tmp_path):
    split = splits.grouped(ham.table, 0, seed=small.seed)
    other = replace(small, seed=small.seed + 1)
    trained = networks.train(recipes.RECIPES["mobilenetv2-frozen"], ham, other, split)
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
    recipe = replace(recipes.RECIPES["resnet-whole"], network=("mobilenetv2",), head_epochs=1)
    trained = networks.train(recipe, ham, small, splits.grouped(ham.table, 0))
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
        recipes.Recipe("one", network, frozen)


def test_a_recipe_may_want_fewer_epochs_than_the_tier_allows_but_gets_no_more(ham, small):
    split = splits.grouped(ham.table, 0)
    for wanted, given in ((1, 1), (9, small.sizes.epochs)):
        recipe = replace(recipes.RECIPES["mobilenetv2-frozen"], epochs=wanted)
        trained = networks.train(recipe, ham, small, split)
        assert len(trained.fitted.history) == trained.facts["epochs_at_most"] == given


def test_the_schedule_of_a_recipe_reaches_the_training(ham, small):
    config = replace(small, sizes=replace(small.sizes, image=(90, 90), rows=14, epochs=2))
    history = networks.train(recipes.RECIPES["cnn-cosine"], ham, config, splits.grouped(ham.table, 1)).fitted.history
    assert np.allclose(history["learning_rate"], [1e-3, 5e-4])


class Asked(Exception):
    """Carries what ``fit`` was asked for."""


@pytest.mark.parametrize("name", ["cnn-improved", "mobilenetv2-frozen"])
def test_what_a_recipe_says_reaches_the_training(ham, small, monkeypatch, name):
    def fit(model, **options):
        raise Asked(options)

    monkeypatch.setattr(training, "fit", fit)
    config = replace(small, sizes=replace(small.sizes, image=(90, 90), rows=70))
    split, recipe = splits.grouped(ham.table, 0), recipes.RECIPES[name]
    with pytest.raises(Asked) as caught:
        networks.train(recipe, ham, config, split)
    (asked,) = caught.value.args
    rows = networks.training_rows(split, config)
    codes = codes_of(ham, rows)
    _, first = next(iter(asked["batches"](0)))
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
    batches, asked = activations.activation_batches, []

    def listening(cache, codes, rows, view=0):
        asked.append((batches(cache, codes, rows, view=view), view))
        return asked[-1][0]

    def predict(_, dataset):
        (view,) = [view for one, view in asked if one is dataset]
        return np.full((sum(len(codes) for _, codes in dataset), len(CLASSES)), float(view))

    monkeypatch.setattr(activations, "batches", listening)
    monkeypatch.setattr(training, "predict", predict)
    recipe = replace(recipes.RECIPES["resnet-tuned"], network=("mobilenetv2",), views=2, head_epochs=0)
    split = splits.grouped(ham.table, 0)
    trained = networks.train(recipe, ham, replace(small, sizes=replace(small.sizes, epochs=1)), split)
    assert trained.test.shape == (len(split.test), 7) and np.array_equal(np.unique(trained.test), [0.5])


def test_the_rows_of_a_tier_are_drawn_from_the_training_rows_alone(ham, small):
    split = splits.grouped(ham.table, 0)
    rows = networks.training_rows(split, small)
    assert len(rows) == 30 and np.isin(rows, split.train).all() and len(np.unique(rows)) == 30
    everything = replace(small, sizes=replace(small.sizes, rows=None))
    assert np.array_equal(networks.training_rows(split, everything), split.train)

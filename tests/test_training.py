"""The one fit: repeatable, resumable after a kill, stopped and slowed by the validation set, clear about NaN."""

import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from helpers import networks, settings
from helpers.ham10000 import CLASSES
from helpers.networks import _training as training

RNG = np.random.default_rng(8)
CODES = np.arange(42) % 7
PIXELS = (RNG.integers(0, 60, (42, 12, 12, 3)) + 25 * CODES[:, None, None, None]).astype(np.uint8)
ROOT = Path(__file__).parents[1]


compile_network = training._compile


#: Networks that tests share, with the weights, and once compiled the optimizer's numbers, that they start with.
SHARED, WEIGHTS, OPTIMIZER = {}, {}, {}


@pytest.fixture(scope="module", autouse=True)
def compiled_once():
    """A shared network that was compiled before starts anew with the steps that it has: that saves minutes."""

    def start_anew(model, learning_rate):
        if model not in OPTIMIZER:
            compile_network(model, learning_rate)
            if model in SHARED.values():
                OPTIMIZER[model] = [variable.numpy() for variable in model.optimizer.variables]
        else:
            for variable, start in zip(model.optimizer.variables, OPTIMIZER[model], strict=True):
                variable.assign(start)
            model.optimizer.learning_rate = learning_rate

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_compile", start_anew)
        yield


def new_network(dropout=0.4):
    keras.utils.set_random_seed(9)
    inputs = keras.Input((12, 12, 3), name="image")
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(6, 3, activation="relu", name="conv")(x)
    return networks.classifier(keras.Model(inputs, x), units=8, dropout=dropout)


def network(copy=0):
    """Return a shared network, one for each precision and ``copy``, with the weights that a new one has."""
    key = keras.config.dtype_policy().name, copy
    if key not in SHARED:
        SHARED[key] = new_network()
        WEIGHTS[key] = SHARED[key].get_weights()
    SHARED[key].set_weights(WEIGHTS[key])
    return SHARED[key]


@functools.cache
def batches(epoch):
    augmentation = networks.Augmentation(rotate=0.1)
    return networks.training_batches(PIXELS, CODES, np.arange(35), 7, seed=3, epoch=epoch, augmentation=augmentation)


@functools.cache
def in_order(*rows):
    return networks.batches(PIXELS, CODES, rows)


def fit(model, epochs=4, **options):
    options = {"epochs": epochs, "seed": 5, "learning_rate": 0.01} | options
    return training.fit(model, batches, in_order(*range(35, 42)), **options)


def distance(model, other):
    return max(np.abs(a - b).max() for a, b in zip(model.get_weights(), other.get_weights(), strict=True))


def test_the_same_seed_gives_the_same_network_and_another_seed_another():
    fit(model := network())
    fit(same := network(copy=1))
    assert distance(model, same) == 0
    fit(other := network(copy=1), seed=6)
    assert distance(model, other) > 0


def test_with_class_weights_the_validation_loss_is_what_keras_computes():
    weights = {code: 1.0 + code for code in range(7)}
    model = network()
    fitted = fit(model, 1, class_weight=weights)
    rows = np.arange(35, 42)
    by_keras = model.evaluate(
        PIXELS[rows].astype("float32"), CODES[rows], sample_weight=CODES[rows] + 1.0, verbose=0, return_dict=True
    )
    assert fitted.history["validation_loss"][0] == pytest.approx(by_keras["loss"], rel=1e-4)


def test_the_model_holds_the_best_epoch_s_weights_and_the_history_says_which():
    seen = []
    model = network()
    fitted = fit(model, 6, learning_rate=0.05, after_epoch=lambda epoch: seen.append((epoch, model.get_weights())))
    losses = fitted.history["validation_loss"]
    assert fitted.best_epoch == losses.idxmin() + 1 and list(fitted.history["epoch"]) == [epoch for epoch, _ in seen]
    kept = seen[fitted.best_epoch - 1][1]
    assert all(np.array_equal(a, b) for a, b in zip(kept, model.get_weights(), strict=True))
    assert fitted.epoch_seconds == pytest.approx(fitted.history["seconds"].iloc[1:].mean())


def test_the_weights_of_a_best_epoch_that_is_not_the_last_come_back(monkeypatch):
    losses, seen, model = iter([3.0, 1.0, 2.0]), [], network()

    def judged(*_):
        return {"validation_loss": next(losses), "validation_accuracy": 0.0, "validation_balanced_accuracy": 0.0}

    monkeypatch.setattr(training, "_judge", judged)
    fitted = fit(model, 3, after_epoch=lambda epoch: seen.append(model.get_weights()))
    assert fitted.best_epoch == 2
    assert all(np.array_equal(a, b) for a, b in zip(seen[1], model.get_weights(), strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(seen[2], model.get_weights(), strict=True))


def test_the_validation_set_slows_and_stops(monkeypatch):
    losses = iter([1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0])

    def judged(*_):
        return {"validation_loss": next(losses), "validation_accuracy": 0.0, "validation_balanced_accuracy": 0.0}

    monkeypatch.setattr(training, "_judge", judged)
    fitted = fit(network(), 20, patience=5, slow_down=2)
    assert len(fitted.history) == 6 and fitted.best_epoch == 1
    rates = fitted.history["learning_rate"].to_numpy()
    assert np.allclose(rates, 0.01 * np.array([1, 1, 1, 0.3, 0.3, 0.09]))


def test_a_cosine_takes_the_learning_rate_down_over_all_epochs_whatever_the_validation_set_says(tmp_path, monkeypatch):
    def judged(*_):
        return {"validation_loss": 1.0, "validation_accuracy": 0.0, "validation_balanced_accuracy": 0.0}

    monkeypatch.setattr(training, "_judge", judged)
    options = {"patience": 2, "slow_down": 1, "cosine": True}
    fitted = fit(network(), 4, **options)
    expected = 0.01 * (1 + np.cos(np.pi * np.arange(4) / 4)) / 2
    assert np.allclose(fitted.history["learning_rate"], expected) and fitted.best_epoch == 1

    def cut(epoch):
        if epoch == 3:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fit(network(), 4, folder=tmp_path, after_epoch=cut, **options)
    resumed = fit(network(), 4, folder=tmp_path, **options)
    assert np.allclose(resumed.history["learning_rate"], expected)
    assert np.allclose(resumed.history["loss"], fitted.history["loss"])
    fit(network(), 5, folder=tmp_path, **options)
    assert len(list(tmp_path.glob("checkpoint-*.npz"))) == 2, "another length is another schedule"


def test_class_weights_weigh():
    alone = {code: 1.0 if code == 2 else 0.0 for code in range(7)}
    model = network()
    fit(model, 6, class_weight=alone, patience=20, learning_rate=0.03)
    answers = training.predict(model, in_order(*range(42))).argmax(axis=1)
    assert (answers == 2).mean() > 0.9


def test_class_weights_by_name_are_those_by_code_and_other_keys_are_refused():
    by_code = {code: 1.0 + code for code in range(7)}
    by_name = {dx: by_code[code] for code, dx in enumerate(CLASSES)}
    losses = [fit(network(), 1, class_weight=weights).history["loss"][0] for weights in (by_code, by_name, None)]
    assert losses[0] == losses[1] != losses[2]
    for key in ("melanoma", "3", 7, -1):
        with pytest.raises(ValueError, match=f"class_weight has the key {key!r}, which is no class"):
            fit(network(), 1, class_weight={key: 2.0})


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (CODES + 1, r"label 7 is no class; .*subtract 1"),
        (CODES - 1, r"label -1 is no class"),
        (np.eye(7)[CODES], r"labels have the shape \(7, 7\); .*argmax"),
        (np.array(CLASSES)[CODES], r"labels are object, .*CLASSES.index"),
    ],
    ids=["from one", "negative", "one-hot", "names"],
)
def test_labels_that_are_no_class_codes_are_named(labels, message):
    rows = np.arange(35, 42)
    with pytest.raises(ValueError, match=message):
        training.fit(network(), batches, networks.batches(PIXELS, labels, rows), epochs=1, seed=5)


@pytest.mark.parametrize(
    ("labels", "message"),
    [(np.where(CODES == 6, 7, CODES), "label 7 is no class"), (np.eye(7)[CODES], r"shape \(8, 7\); .*argmax")],
    ids=["from one", "one-hot"],
)
def test_training_labels_that_are_no_class_codes_are_named_too(labels, message):
    def wrong(epoch):
        return networks.training_batches(PIXELS, labels, np.arange(35), 8, seed=3, epoch=epoch)

    with pytest.raises(ValueError, match=message):
        training.fit(new_network(), wrong, in_order(*range(35, 42)), epochs=1, seed=5)


def test_a_loss_that_is_no_number_stops_with_the_remedy():
    model = network()
    model.get_layer("classes").bias.assign([np.nan] * 7)
    with pytest.raises(training.TrainingError, match=r"loss is nan in epoch 1, batch 1\. Lower the learning rate"):
        fit(model)


def test_a_validation_loss_that_is_no_number_stops_too(tmp_path, monkeypatch):
    model = network()
    real = training._train

    def last_step_breaks(*args):
        logs = real(*args)
        model.get_layer("classes").bias.assign([np.nan] * 7)
        return logs

    monkeypatch.setattr(training, "_train", last_step_breaks)
    with pytest.raises(training.TrainingError, match=r"validation loss is nan in epoch 1\. Lower"):
        fit(model, folder=tmp_path)
    assert not list(tmp_path.iterdir()), "no checkpoint of a broken network"


CHILD = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
import test_training as t
model = t.new_network()
usual = t.batches
def late(epoch):
    data = usual(epoch)
    if epoch < 3:
        return data
    import time, tensorflow as tf
    def stuck():
        print("in mid-epoch", flush=True)
        time.sleep(60)
    def slow(inputs, codes):
        with tf.control_dependencies([tf.py_function(stuck, [], [])]):
            return tf.identity(inputs), codes
    return data.take(2).concatenate(data.skip(2).map(slow))
t.batches = late
t.fit(model, 5, folder={folder!r}, slow_down=1)
"""


def test_a_run_killed_in_mid_epoch_ends_as_if_it_had_not_been(tmp_path, monkeypatch):
    usual = batches
    whole, resumed = network(), network(copy=1)
    uncut = fit(whole, 5, slow_down=1)
    program = CHILD.format(root=str(ROOT), tests=str(ROOT / "tests"), folder=str(tmp_path))
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        assert child.stdout.readline().strip() == "in mid-epoch"
    finally:
        child.send_signal(signal.SIGKILL)
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
    assert len(list(tmp_path.glob("checkpoint-*.npz"))) == 1
    asked = []
    monkeypatch.setattr(sys.modules[__name__], "batches", lambda epoch: asked.append(epoch) or usual(epoch))
    fitted = fit(resumed, 5, folder=tmp_path, slow_down=1)
    assert asked == [3, 4], "three epochs were done"
    assert uncut.history["learning_rate"].iloc[3] < 0.01, "there was a fallen learning rate to restore"
    assert distance(whole, resumed) < 1e-5
    same = ["epoch", "learning_rate", "loss", "validation_loss"]
    assert np.allclose(fitted.history[same], uncut.history[same]) and fitted.best_epoch == uncut.best_epoch


def test_patience_and_learning_rate_go_on_counting_after_a_resume(tmp_path, monkeypatch):
    losses = iter([1.0, 2.0, 2.0, 2.0, 2.0, 2.0])

    def judged(*_):
        return {"validation_loss": next(losses), "validation_accuracy": 0.0, "validation_balanced_accuracy": 0.0}

    monkeypatch.setattr(training, "_judge", judged)
    fit(network(), 3, folder=tmp_path, patience=4, slow_down=3)
    fitted = fit(network(), 20, folder=tmp_path, patience=4, slow_down=3)
    assert len(fitted.history) == 5 and fitted.best_epoch == 1
    assert np.allclose(fitted.history["learning_rate"], [0.01] * 4 + [0.003])


@pytest.fixture
def untrained(monkeypatch):
    """Epochs in which nothing is learned: for tests of what the checkpoints are called."""
    monkeypatch.setattr(training, "_train", lambda *_: {"loss": 1.0, "accuracy": 0.0, "seconds": 0.1})


def test_other_settings_do_not_resume_and_a_broken_checkpoint_is_named(tmp_path, untrained):
    fit(network(), 1, folder=tmp_path)
    assert len(fit(network(), 1, folder=tmp_path).history) == 1
    others = [{"learning_rate": 0.02}, {"seed": 6}, {"class_weight": {0: 2.0}}, {"patience": 3}, {"slow_down": 2}]
    for number, other in enumerate(others, 2):
        fit(network(), 1, folder=tmp_path, **other)
        assert len(list(tmp_path.glob("checkpoint-*.npz"))) == number
    different = network()
    different.get_layer("conv").bias.assign([0.1] * 6)
    fit(different, 1, folder=tmp_path)
    fit(new_network(dropout=0.1), 1, folder=tmp_path)
    still = new_network()
    still.get_layer("conv").trainable = False
    fit(still, 1, folder=tmp_path)
    paths = sorted(tmp_path.glob("checkpoint-*.npz"))
    assert len(paths) == 9 and not list(tmp_path.glob("*.partial"))
    for path in paths:
        path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(training.TrainingError, match=r"checkpoint-.* cannot be read .*delete it"):
        fit(network(), 1, folder=tmp_path)


def test_a_checkpoint_of_more_epochs_than_are_asked_for_is_named(tmp_path):
    fit(network(), 3, folder=tmp_path)
    with pytest.raises(training.TrainingError, match=r"checkpoint-.* has seen 3 epochs, and 2 are asked for"):
        fit(network(), 2, folder=tmp_path)


def test_a_run_goes_on_in_its_own_precision_alone(tmp_path, untrained):
    before = keras.config.dtype_policy()
    try:
        for name in ("float16", "float32"):
            training.use_precision(name)
            assert len(fit(network(), 1, folder=tmp_path).history) == 1
    finally:
        keras.config.set_dtype_policy(before)
    assert len(list(tmp_path.glob("checkpoint-*.npz"))) == 2


def test_probabilities_sum_to_one_and_stand_in_order():
    model = network()
    prob = training.predict(model, in_order(5, 1))
    assert prob.dtype == np.float64 and np.allclose(prob.sum(axis=1), 1, atol=1e-12)
    assert np.allclose(prob[0], training.predict(model, in_order(5))[0], atol=1e-6)


@pytest.mark.parametrize(
    ("asked", "variable", "policy"), [(None, "bfloat16", "mixed_bfloat16"), ("float32", "", "float32")]
)
def test_precision_comes_from_the_call_then_the_variable(monkeypatch, asked, variable, policy):
    before = keras.config.dtype_policy()
    monkeypatch.setenv("SKIN_PRECISION", variable)
    try:
        training.use_precision(asked)
        assert keras.config.dtype_policy().name == policy
        with pytest.raises(ValueError, match="'half' is not known"):
            training.use_precision("half")
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_mixed_precision_trains_resumes_and_says_what_sums_to_one(tmp_path, name):
    before = keras.config.dtype_policy()
    try:
        training.use_precision(name)
        untrained = network().get_layer("conv").kernel.numpy()
        fit(model := network(), 2)
        assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) == (name == "float16")
        assert {weight.dtype for weight in model.weights} == {"float32"}
        kernel = model.get_layer("conv").kernel.numpy()
        assert np.abs(kernel - untrained).max() > 1e-3, "no step was skipped for its scaled loss"
        said = model(PIXELS.astype("float32"))
        assert said.dtype == "float32" and np.allclose(said.numpy().sum(axis=1), 1, atol=1e-6)
        whole = model.get_weights()
        fit(network(), 1, folder=tmp_path)
        fit(network(), 2, folder=tmp_path)
        assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(whole, model.get_weights(), strict=True))
    finally:
        keras.config.set_dtype_policy(before)


def test_checkpoints_lie_in_the_cache_in_a_folder_for_each_training_but_in_the_quick_tier(tmp_path):
    load = settings.for_chapter
    config = load("cnn-from-scratch", tier="workshop", cache=tmp_path)
    folder = training.checkpoints(config, "recipe", "data")
    assert folder.is_relative_to(tmp_path) and folder == training.checkpoints(config, "recipe", "data")
    others = [
        training.checkpoints(config, "recipe", "other data"),
        training.checkpoints(load("transfer-vgg16", tier="workshop", cache=tmp_path), "recipe", "data"),
        training.checkpoints(load("cnn-from-scratch", tier="full", cache=tmp_path), "recipe", "data"),
    ]
    assert len({folder, *others}) == 4
    assert training.checkpoints(load("cnn-from-scratch", tier="quick", cache=tmp_path), "recipe", "data") is None


def test_nothing_is_drawn_where_nobody_watches(capsys):
    fit(network(), 1)
    assert capsys.readouterr() == ("", "")

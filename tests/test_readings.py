"""One training read in other ways: the epoch that is best on the test set, other priors."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers import networks, settings, splits
from helpers.ham10000 import CLASSES
from helpers.networks._run import Trained
from helpers.networks._training import Fitted
from helpers.records import _runs as runs
from tools.measure import _readings as readings


def codes_of(ham, rows):
    return pd.Categorical(ham.table["dx"], categories=list(CLASSES)).codes[rows]


@pytest.fixture(scope="module")
def trained(ham):
    """A training that never was: its probabilities are drawn at random, for three epochs."""
    rng = np.random.default_rng(1)
    split = splits.grouped(ham.table, 0)
    test_by_epoch = [rng.dirichlet(np.ones(7), len(split.test)) for _ in range(3)]
    history = pd.DataFrame({"epoch": [1, 2, 3], "loss": 1.0, "validation_loss": 1.0})
    return Trained(
        model=None,
        label="none",
        split=split,
        fitted=Fitted(history, best_epoch=1, wall_seconds=1.0, epoch_seconds=0.3),
        validation=rng.dirichlet(np.ones(7), len(split.validation)),
        test=test_by_epoch[0],
        test_by_epoch=test_by_epoch,
        facts={
            "best_epoch": 1,
            "epochs_trained": 3,
            "chosen_on": "validation",
            "priors": "as trained",
            "wall_seconds": 1.0,
            "images_per_second": 10.0,
        },
    )


def test_choosing_on_the_test_set_is_never_worse_there_and_is_marked(ham, trained, tmp_path):
    y_test = codes_of(ham, trained.split.test)
    chosen = readings.chosen_on_test(trained, y_test)
    accuracies = [(y_prob.argmax(axis=1) == y_test).mean() for y_prob in trained.test_by_epoch]
    assert (chosen.test.argmax(axis=1) == y_test).mean() == max(accuracies)
    assert readings.to_equal_priors(chosen, codes_of(ham, trained.split.train)).validation is None
    config = settings.for_chapter("cnn-from-scratch")
    for name, reading in (("honest", trained), ("picked", chosen)):
        networks.save_record(name, [reading], ham, config, tmp_path, resamples=20)
    honest, picked = runs.load_run(tmp_path / "honest"), runs.load_run(tmp_path / "picked")
    assert not any("CHOSEN ON THE TEST SET" in mark for mark in honest.marks)
    assert any("CHOSEN ON THE TEST SET" in mark for mark in picked.marks)
    assert len(honest.history) == trained.facts["epochs_trained"]
    assert honest.validation is not None and picked.validation is None, "nobody asked the network of that epoch"
    has_threshold = [run.metrics["metric"].str.startswith("sensitivity_at").any() for run in (honest, picked)]
    assert has_threshold == [True, False]
    runs.verify(honest, ham.table)
    with pytest.raises(ValueError, match="watch_test=True"):
        readings.chosen_on_test(replace(trained, test_by_epoch=[]), y_test)


def test_equal_priors_divide_by_the_share_of_each_class(ham, trained):
    y_train = codes_of(ham, trained.split.train)
    equal = readings.to_equal_priors(trained, y_train)
    ratio = trained.test / (np.bincount(y_train, minlength=7) / len(y_train))
    assert np.allclose(equal.test, ratio / ratio.sum(axis=1, keepdims=True))
    assert (equal.test[:, 5] < trained.test[:, 5]).all(), "nevi, the most frequent, lose"
    assert equal.facts["priors"] == "evened" != trained.facts["priors"]


def test_training_priors_multiply_by_the_share_of_each_class(ham, trained):
    y_train = codes_of(ham, trained.split.train)
    shifted = readings.to_training_priors(trained, y_train)
    product = trained.test * np.bincount(y_train, minlength=7) / len(y_train)
    assert np.allclose(shifted.test, product / product.sum(axis=1, keepdims=True))
    assert (shifted.test[:, 5] > trained.test[:, 5]).all(), "nevi, the most frequent, gain"
    assert shifted.facts["priors"] == "restored" and shifted.label.endswith("priors restored")
    assert not np.allclose(shifted.validation, trained.validation)
    assert not np.allclose(shifted.test_by_epoch[0], trained.test_by_epoch[0])

import numpy as np
import pandas as pd
import pytest

from helpers import evaluate, splits


def test_a_cell_is_the_class_and_whether_the_lesion_was_photographed_once(ham):
    groups = splits.lesion_groups(ham.table)
    split = splits.holdout938(ham.table)
    classes = ham.table["dx"].to_numpy()
    cells = evaluate.mix_strata(classes[split.test], groups.to_numpy()[split.test], groups)
    assert list(cells) == [f"{dx}, once" for dx in classes[split.test]]
    every = evaluate.mix_strata(classes, groups.to_numpy(), groups)
    sizes = groups.map(groups.value_counts())
    assert [cell.endswith("several") for cell in every] == list(sizes > 1)
    with pytest.raises(ValueError, match="'nobody' is no group"):
        evaluate.mix_strata(["nv"], ["nobody"], groups)


def test_weighted_shares_are_those_that_were_wanted():
    here = np.array(["a"] * 6 + ["b"] * 3 + ["c"] * 5)
    target = np.array(["a"] * 1 + ["b"] * 3)
    found = evaluate.mix_weights(here, target)
    assert pd.Series(found).groupby(here).sum().to_dict() == pytest.approx({"a": 0.25, "b": 0.75, "c": 0.0})
    assert np.average(here == "b", weights=found) == pytest.approx(0.75)
    with pytest.raises(ValueError, match="no image of cell 'd'"):
        evaluate.mix_weights(here, np.array(["a", "d"]))


def test_redraws_have_the_mix_and_the_size_that_were_wanted_and_scatter_as_a_binomial_does():
    here = np.array(["a"] * 400 + ["b"] * 100)
    right = np.r_[np.arange(400) < 360, np.arange(100) < 20]
    target = np.array(["a"] * 50 + ["b"] * 50)
    found = evaluate.mix_redraws(right, here, target, 2000, seed=1)
    assert found.mean() == pytest.approx((0.9 + 0.2) / 2, abs=0.005)
    assert found.std() == pytest.approx(np.sqrt((0.9 * 0.1 + 0.2 * 0.8) / 2 / 100), rel=0.1)
    assert np.allclose(found * 100, np.round(found * 100)), "whole images of 100"
    assert np.array_equal(found, evaluate.mix_redraws(right, here, target, 2000, seed=1))
    with pytest.raises(ValueError, match="merge cells"):
        evaluate.mix_redraws(right, here, np.array(["d"]), 10, seed=1)

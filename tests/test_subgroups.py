"""The record of subgroups agrees with what each run record says of its slices, and its tests find what is there."""

import numpy as np
import pandas as pd
import pytest

from helpers import records
from tools.measure import _harness as harness
from tools.measure import subgroups


@pytest.fixture(scope="module")
def measured():
    return records.load_experiment("subgroups")[1].set_index(["arm", "stratum", "metric"])["value"]


@pytest.mark.parametrize("model", subgroups.MODELS)
def test_it_says_of_each_stratum_what_the_run_s_own_slices_say(model, measured):
    slices = pd.read_csv(harness.RESULTS / subgroups.MODELS[model] / "slices.csv")
    slices = slices[slices["slice"].isin(subgroups.SLICES) & (slices["stratum"] != "unknown")]
    names = {("accuracy", "all"): "accuracy", ("roc_auc", "mel"): "AUC", ("recall", "mel"): "recall mel"}
    names |= {("recall", dx): f"recall {dx}" for dx in ("nv", "bkl", "bcc", "akiec")}
    compared = 0
    for row in slices.itertuples():
        key = (model, f"{row.slice}: {row.stratum}", names.get((row.metric, row.dx)))
        if key in measured.index and not np.isnan(row.value):
            assert measured[key] == pytest.approx(row.value, abs=6e-5)
            compared += 1
    assert compared > 100


def test_a_permutation_test_sees_a_difference_and_no_mere_difference_in_mix():
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1], 400)
    classes = np.where(rng.random(800) < np.where(codes == 0, 0.2, 0.8), "mel", "nv")
    by_mix = rng.random(800) < np.where(classes == "mel", 0.3, 0.9)
    worse = rng.random(800) < np.where(codes == 0, 0.3, 0.9)
    ones = np.ones(800)
    p_mix, lowest = subgroups.permutation_test(np.c_[ones, by_mix], codes, classes, 2, rng)
    p_worse, _ = subgroups.permutation_test(np.c_[ones, worse], codes, classes, 2, rng)
    assert p_mix > 0.01 and p_worse < 0.001
    assert lowest < by_mix.mean()

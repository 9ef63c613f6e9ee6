import numpy as np
import pandas as pd
import pytest

from helpers import evaluate, splits


@pytest.fixture(scope="module")
def draw(ham):
    return evaluate.leak_pair(ham.table, seed=1)


def shape(table, rows):
    """How many lesions of each class give how many images."""
    groups = splits.lesion_groups(table).to_numpy()[rows]
    sizes = pd.Series(groups).value_counts()
    classes = table["dx"].iloc[rows].groupby(groups).first()
    return sorted(zip(classes[sizes.index], sizes, strict=True))


def test_both_training_sets_are_alike_in_classes_lesions_and_images_a_lesion(ham, draw):
    swapped = np.setdiff1d(draw.b, draw.common)
    given = np.setdiff1d(draw.a, draw.common)
    assert len(swapped) == len(given) > 20
    assert shape(ham.table, swapped) == shape(ham.table, given)
    groups = splits.lesion_groups(ham.table).to_numpy()
    assert not np.isin(groups[given], groups[draw.b]).any(), "B lacks the donors altogether"
    assert len(np.unique(groups[draw.a])) == len(np.unique(groups[draw.b]))


def test_only_images_that_could_leak_have_a_sibling_in_b_and_none_in_a(ham, draw):
    groups = splits.lesion_groups(ham.table).to_numpy()
    assert splits.audit(ham.table, draw.a, draw.test).leaked_images == 0
    assert np.array_equal(np.isin(groups[draw.test], groups[draw.b]), draw.could_leak)
    assert not np.isin(draw.test, np.r_[draw.a, draw.b]).any()
    assert len(np.unique(groups[draw.test])) == len(draw.test), "one image a lesion"
    sizes = pd.Series(groups).value_counts()
    assert np.array_equal(sizes[groups[draw.test]] > 1, draw.several)
    strata = draw.strata
    assert strata["control"].sum() > 0 and not (strata["control"] & strata["could leak"]).any()
    assert np.array_equal(strata["could not leak"], ~draw.could_leak) and strata["all"].all()
    assert 0.3 < draw.could_leak.sum() / draw.several.sum() < 0.7


def test_a_seed_repeats_itself_and_another_tests_other_lesions(ham, draw):
    again, other = (evaluate.leak_pair(ham.table, seed=seed) for seed in (1, 2))
    assert all(np.array_equal(getattr(draw, name), getattr(again, name)) for name in ("a", "b", "test", "could_leak"))
    assert not np.array_equal(draw.test, other.test)


def test_fewer_rows_keep_the_swapped_ones(ham, draw):
    small = evaluate.leak_pair(ham.table, seed=1, rows=300)
    assert len(small.a) == len(small.b) == 300
    assert np.array_equal(np.setdiff1d(small.b, small.a), np.setdiff1d(draw.b, draw.a))
    with pytest.raises(ValueError, match="ask for more rows"):
        evaluate.leak_pair(ham.table, seed=1, rows=5)


def test_siblings_merged_by_a_missed_pair_count_as_siblings():
    a, b = splits.MISSED_PAIRS[0]
    names = [a, b, *(f"x{k}" for k in range(60))]
    lesions = ["p", "q", *(f"l{k // 2}" for k in range(60))]
    table = pd.DataFrame({"image_id": names, "lesion_id": lesions, "dx": "nv"})
    for seed in range(8):
        found = evaluate.leak_pair(table, seed)
        for one in (0, 1):
            if one in found.test:
                assert 1 - one not in found.a
                assert (1 - one in found.b) == found.could_leak[list(found.test).index(one)]


def test_a_memoriser_gains_where_siblings_are_and_nowhere_else(ham):
    """Features that name the lesion, and nothing else: only a sibling helps."""
    groups = splits.lesion_groups(ham.table).to_numpy()
    codes = pd.factorize(groups)[0]
    values = np.random.default_rng(0).normal(size=(codes.max() + 1, 30))[codes]
    truth = ham.table["dx"].to_numpy()
    rows = []
    for repetition in range(3):
        draw = evaluate.leak_pair(ham.table, repetition)
        for arm, train in (("A", draw.a), ("B", draw.b)):
            model = evaluate.leak_models(0, 30)["1-nn"].fit(values[train], truth[train])
            scored = evaluate.leak_scores(truth[draw.test], model.predict(values[draw.test]), draw.strata)
            rows += [(repetition, f"1-nn/{arm}", *one) for one in scored]
    frame = pd.DataFrame(rows, columns=["repetition", "arm", "stratum", "metric", "value"])
    found = evaluate.leak_effects(frame, ratio=len(draw.test) / len(draw.a))
    gain = found.loc["1-nn", "could leak", "accuracy"]
    assert gain["B"] == 1 and gain["low"] > 0.1
    for stratum in ("could not leak", "control"):
        still = found.loc["1-nn", stratum, "accuracy"]
        assert still["low"] <= 0 <= still["high"] and abs(still["value"]) < 0.15


def test_scores_of_a_stratum_count_the_classes_it_holds():
    truth = np.array(["nv", "nv", "nv", "mel"])
    answers = np.array(["nv", "nv", "mel", "nv"])
    strata = {"all": np.ones(4, bool), "nevi": truth == "nv", "none": np.zeros(4, bool)}
    found = {row[:2]: row[2] for row in evaluate.leak_scores(truth, answers, strata)}
    assert found["all", "accuracy"] == 0.5 and found["all", "balanced_accuracy"] == pytest.approx(1 / 3)
    assert found["nevi", "balanced_accuracy"] == pytest.approx(2 / 3) and found["nevi", "images"] == 3
    assert ("none", "accuracy") not in found


@pytest.mark.parametrize("ratio", [0.25, 0.7])
def test_effects_are_paired_and_their_interval_is_the_corrected_one(ratio):
    values = {"A": [0.5, 0.6, 0.7], "B": [0.6, 0.7, 0.9], "before": [0.1, 0.2, 0.3]}
    rows = [(k, f"m/{arm}", "all", "accuracy", v) for arm, found in values.items() for k, v in enumerate(found)]
    frame = pd.DataFrame(rows, columns=["repetition", "arm", "stratum", "metric", "value"])
    row = evaluate.leak_effects(frame, ratio).iloc[0]
    assert row["value"] == pytest.approx(0.4 / 3) and (row["A"], row["repetitions"]) == (pytest.approx(0.6), 3)
    deviation = np.std([0.1, 0.1, 0.2], ddof=1)
    # Student's t of two degrees of freedom, 97.5th percentile: 4.303, from any table.
    half = 4.303 * deviation * np.sqrt(1 / 3 + ratio)
    assert row["high"] - row["value"] == pytest.approx(half, rel=1e-3)

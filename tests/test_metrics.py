import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn import metrics as sk
from sklearn.dummy import DummyClassifier

from helpers import evaluate, splits
from helpers.evaluate import _bootstrap as bootstrap
from helpers.evaluate import _metrics as metrics
from helpers.evaluate import _scores as scores
from helpers.evaluate import _slices as slices
from helpers.ham10000 import CLASSES

CODES = np.arange(7)
SHARES = np.array([0.05, 0.08, 0.15, 0.07, 0.15, 0.4, 0.1])


def made(n=400, seed=0, siblings=2, decimals=None):
    """Return y_true, y_prob, groups of a mediocre model on lesions of ``siblings`` images each."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(rng.choice(7, size=n // siblings, p=SHARES), siblings)
    logits = rng.normal(size=(n, 7)) + 1.2 * np.eye(7)[truth] + np.log(SHARES)
    prob = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    if decimals is not None:
        # Rounding ties scores of different images, as the votes of a forest do; the last class takes up the rest.
        prob = prob.round(decimals)
        prob[:, -1] = (1 - prob[:, :-1].sum(axis=1)).clip(0)
        prob /= prob.sum(axis=1, keepdims=True)
    groups = np.repeat([f"L{i:04d}" for i in range(n // siblings)], siblings)
    return np.array(CLASSES)[truth], prob, groups


def by_sklearn(truth, prob, thresholds):
    """Return every metric from scikit-learn's own functions; classes without an image are left out, as we say."""
    answer = prob.argmax(axis=1)
    present = np.unique(truth)
    found = {("accuracy", "all"): sk.accuracy_score(truth, answer)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it warns of answers that are not among the true classes
        found["balanced_accuracy", "all"] = sk.balanced_accuracy_score(truth, answer)
    functions = {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score}
    for name, function in functions.items():
        for average, labels in (("macro", present), ("weighted", present), ("micro", CODES)):
            found[f"{name}_{average}", "all"] = function(truth, answer, labels=labels, average=average, zero_division=0)
        each = function(truth, answer, labels=CODES, average=None, zero_division=0)
        found |= {(name, dx): each[code] if code in present else np.nan for code, dx in enumerate(CLASSES)}
    for name, function in (("roc_auc", sk.roc_auc_score), ("average_precision", sk.average_precision_score)):
        each = {code: function(truth == code, prob[:, code]) for code in present}
        found[f"{name}_macro", "all"] = np.mean(list(each.values()))
        found |= {(name, dx): each.get(code, np.nan) for code, dx in enumerate(CLASSES)}
    mel = truth == CLASSES.index("mel")
    for share, threshold in thresholds.items():
        called = prob[:, CLASSES.index("mel")] >= threshold
        found[f"sensitivity_at_specificity_{share:.0%}".rstrip("%"), "mel"] = sk.recall_score(mel, called)
        found[f"specificity_reached_{share:.0%}".rstrip("%"), "mel"] = sk.recall_score(~mel, ~called)
    found["brier", "all"] = sk.brier_score_loss(truth, prob, labels=CODES, scale_by_half=False)
    found["ece", "all"] = naive_ece(truth, prob)
    found |= {("support", dx): (truth == code).sum() for code, dx in enumerate(CLASSES)}
    return found


def naive_ece(truth, prob):
    """Fifteen bins of the highest probability, open below and closed above, each weighed by its images."""
    confidence, right = prob.max(axis=1), prob.argmax(axis=1) == truth
    ece = 0
    for k in range(15):
        inside = (confidence > k / 15) & (confidence <= (k + 1) / 15)
        if inside.any():
            ece += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return ece


@pytest.mark.parametrize("decimals", [None, 1], ids=["continuous", "tied"])
def test_every_metric_is_scikit_learns_on_the_sample_and_on_each_resample(decimals):
    y_true, prob, groups = made(decimals=decimals)
    # One class is never the answer, and one has so few lesions that resamples miss it.
    y_true[y_true == "df"] = "nv"
    y_true[:2] = "df"
    prob[:, CLASSES.index("vasc")] = 0
    prob /= prob.sum(axis=1, keepdims=True)
    truth = pd.Index(CLASSES).get_indexer(y_true)
    thresholds = {0.9: np.full(len(truth), 0.2), 0.95: np.full(len(truth), 0.4)}
    weights = next(evaluate.group_weights(groups, 12, seed=3))
    weights[:, 0] = 1
    absent = weights[0] == 0
    assert absent.any() and not absent.all()
    found = scores.weighted(truth, prob, weights, thresholds)
    for column in range(weights.shape[1]):
        rows = np.repeat(np.arange(len(truth)), weights[:, column].astype(int))
        expected = by_sklearn(truth[rows], prob[rows], {0.9: 0.2, 0.95: 0.4})
        mine = {key: value[column] for key, value in found.items()}
        assert mine == pytest.approx(expected, abs=1e-12, nan_ok=True)
        assert np.isnan(mine["recall", "df"]) == absent[column]


def test_sums_stay_exact_at_full_size():
    y_true, prob, groups = made(n=10_014)
    truth = pd.Index(CLASSES).get_indexer(y_true)
    weights = next(evaluate.group_weights(groups, 2, seed=1))
    found = scores.weighted(truth, prob, weights, {0.9: np.full(len(truth), 0.2)})
    rows = np.repeat(np.arange(len(truth)), weights[:, 1].astype(int))
    mine = {key: value[1] for key, value in found.items()}
    assert mine == pytest.approx(by_sklearn(truth[rows], prob[rows], {0.9: 0.2}), abs=1e-12)


def test_brier_and_ece_by_hand():
    prob = np.array([[0.8, 0.2, 0, 0, 0, 0, 0], [0.8, 0.2, 0, 0, 0, 0, 0]])
    table = evaluate.report(["akiec", "bcc"], prob, ["L1", "L2"], resamples=0).set_index("metric")
    # (.2² + .2² + .8² + .8²) / 2, and one bin with confidence .8 and accuracy .5.
    assert table.loc["brier", "value"] == pytest.approx(0.68)
    assert table.loc["ece", "value"] == pytest.approx(0.3)


def test_weights_count_how_often_each_group_was_drawn():
    groups = np.array(["b", "a", "b", "c"])
    weights = np.concatenate(list(evaluate.group_weights(groups, 250, seed=1)), axis=1)
    assert weights.shape == (4, 250)
    assert np.array_equal(weights[0], weights[2])
    assert (weights[[0, 1, 3]].sum(axis=0) == 3).all()
    assert weights.mean() == pytest.approx(1, abs=0.1)
    # No resample is dealt twice, across chunks neither.
    assert not np.array_equal(weights[:, :100], weights[:, 100:200])


def test_the_table_says_value_interval_and_floor():
    y_true, prob, groups = made()
    table = evaluate.report(y_true, prob, groups, resamples=300, melanoma_threshold={0.9: 0.3})
    truth = pd.Index(CLASSES).get_indexer(y_true)
    expected = by_sklearn(truth, prob, {0.9: 0.3})
    rows = table.set_index(["metric", "dx"])
    assert rows["value"].to_dict() == pytest.approx(expected)
    inside = rows[~rows.index.get_level_values("metric").isin(["support", "ece"])]
    assert (inside["low"] <= inside["value"]).all() and (inside["value"] <= inside["high"]).all()
    assert (inside["low"] < inside["high"]).all()
    assert rows.loc["support", ["low", "high"]].isna().all(axis=None)
    again = evaluate.report(y_true, prob, groups, resamples=300, melanoma_threshold={0.9: 0.3})
    assert table.equals(again)
    assert not table.equals(evaluate.report(y_true, prob, groups, 300, seed=1, melanoma_threshold={0.9: 0.3}))
    assert table["low"].equals(again["low"])


def test_without_resamples_there_is_no_interval():
    table = evaluate.report(*made(), resamples=0)
    assert table[["low", "high"]].isna().all(axis=None) and table["value"].notna().all()


def test_the_floor_is_always_answering_the_most_frequent_class_of_this_test_set():
    y_true, prob, groups = made()
    y_true[y_true == "nv"] = np.resize(["bkl", "bkl", "nv"], (y_true == "nv").sum())
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((len(y_true), 1)), y_true)
    assert list(dummy.classes_) == list(CLASSES)
    truth = pd.Index(CLASSES).get_indexer(y_true)
    expected = by_sklearn(truth, dummy.predict_proba(np.zeros((len(y_true), 1))), {})
    alone = evaluate.floor(y_true).set_index(["metric", "dx"])["value"]
    assert alone.to_dict() == pytest.approx(expected, abs=1e-12)
    table = evaluate.report(y_true, prob, groups, 0, melanoma_threshold={0.9: 0.05}).set_index(["metric", "dx"])
    at_threshold = table.index.get_level_values("metric").str.contains("specificity")
    assert table.loc[~at_threshold, "floor"].to_dict() == alone.to_dict()
    # Whoever always says "bkl" finds no melanoma and raises no alarm, wherever a threshold stands.
    assert table.loc[("sensitivity_at_specificity_90", "mel"), "floor"] == 0
    assert table.loc[("specificity_reached_90", "mel"), "floor"] == 1
    assert alone["accuracy", "all"] == (y_true == "bkl").mean()
    assert alone["balanced_accuracy", "all"] == pytest.approx(1 / 7)


def test_a_class_that_is_never_the_answer_has_precision_nought_and_a_note():
    y_true, prob, groups = made()
    prob[:, CLASSES.index("mel")] = 1e-6
    prob /= prob.sum(axis=1, keepdims=True)
    table = evaluate.report(y_true, prob, groups, resamples=100)
    rows = table.set_index(["metric", "dx"])
    assert (rows.loc[("precision", "mel"), ["value", "low", "high"]] == 0).all()
    assert rows.loc[("precision", "mel"), "note"] == metrics.NEVER_ANSWERED
    assert rows.loc[("precision_macro", "all"), "note"] == f"mel: {metrics.NEVER_ANSWERED}"
    assert (rows.loc["f1", "note"] == "").all() and rows.loc[("precision", "nv"), "note"] == ""
    assert (rows["undefined"] == 0).all()


def test_an_absent_class_has_no_score_and_stands_in_no_average():
    y_true, prob, groups = made()
    keep = y_true != "df"
    rows = evaluate.report(y_true[keep], prob[keep], groups[keep], resamples=50).set_index(["metric", "dx"])
    for name in ("precision", "recall", "f1", "roc_auc", "average_precision"):
        assert rows.loc[(name, "df"), ["value", "low", "high", "floor"]].isna().all()
        assert rows.loc[(name, "df"), "note"] == metrics.NO_IMAGE
        assert rows.loc[(name, "df"), "undefined"] == 50
        assert rows.loc[(f"{name}_macro", "all"), "value"] == pytest.approx(rows.loc[name, "value"].dropna().mean())
    assert rows.loc[("support", "df"), "value"] == 0
    assert rows.loc[("balanced_accuracy", "all"), "floor"] == pytest.approx(1 / 6)


def test_resamples_that_miss_a_class_are_counted_and_left_out_of_its_interval():
    y_true, prob, groups = made()
    y_true[y_true == "df"] = "nv"
    y_true[:2] = "df"
    table = evaluate.report(y_true, prob, groups, resamples=200, seed=5).set_index(["metric", "dx"])
    weights = np.concatenate(list(evaluate.group_weights(groups, 200, seed=5)), axis=1)
    missed = (weights[0] == 0).sum()
    assert 40 < missed < 110
    assert table.loc[("recall", "df"), "undefined"] == missed
    assert table.loc[("recall", "nv"), "undefined"] == table.loc[("balanced_accuracy", "all"), "undefined"] == 0
    # One lesion: the recall is the same in every resample that has it.
    assert (
        table.loc[("recall", "df"), "low"]
        == table.loc[("recall", "df"), "value"]
        == table.loc[("recall", "df"), "high"]
    )


def test_one_class_alone_has_no_roc_curve():
    rows = evaluate.report(["nv"] * 4, np.tile(SHARES, (4, 1)), list("abcd"), resamples=10).set_index(["metric", "dx"])
    assert np.isnan(rows.loc[("roc_auc", "nv"), "value"]) and np.isnan(rows.loc[("roc_auc_macro", "all"), "value"])
    assert rows.loc[("average_precision", "nv"), "value"] == 1


def coverage(groups_of, simulations=150):
    """Return how often the interval holds the true accuracy, .7, for lesions of six images, all right or all wrong."""
    held = 0
    for seed in range(simulations):
        rng = np.random.default_rng(seed)
        lesion = np.repeat(np.arange(40), 6)
        right = (rng.random(40) < 0.7)[lesion]
        prob = np.where(right[:, None], np.eye(7)[5], np.eye(7)[4])
        table = evaluate.report(["nv"] * 240, prob, groups_of(lesion), resamples=100, seed=seed)
        held += table["low"][0] <= 0.7 <= table["high"][0]
    return held / simulations


def test_intervals_over_lesions_hold_the_truth_and_over_images_would_not():
    # Siblings are perfectly correlated here: 40 lesions are 40 observations, not 240.
    assert coverage(lambda lesion: lesion) >= 0.88
    assert coverage(lambda lesion: np.arange(len(lesion))) < 0.7


def test_melanoma_threshold_keeps_the_specificity_on_the_validation_set():
    y_true = np.array(["mel"] * 4 + ["nv"] * 20)
    p_mel = np.r_[0.05, 0.5, 0.7, 0.9, np.arange(20) / 25]
    prob = np.zeros((24, 7))
    prob[:, CLASSES.index("mel")], prob[:, CLASSES.index("nv")] = p_mel, 1 - p_mel
    found = metrics.melanoma_threshold(y_true, prob)
    # Of 20 others 2 may be called at 90 %, 1 at 95 %: those at .72 and .76, and the next lies at .68, at .72.
    # The melanoma at .70 is caught for nothing at 90 %; no score lies in between at 95 %.
    assert found == pytest.approx({0.9: 0.70, 0.95: 0.76})
    assert metrics.melanoma_threshold(y_true, prob, (1.0,)) == pytest.approx({1.0: 0.9})
    # Exactly 90 % of 10 others lie below .9: that is enough.
    tenth = np.r_[0.95, np.arange(10) / 10][:, None] * np.eye(7)[[4]]
    tenth[:, 5] = 1 - tenth[:, 4]
    assert metrics.melanoma_threshold(np.array(["mel"] + ["nv"] * 10), tenth, (0.9,)) == pytest.approx({0.9: 0.9})
    # Where all scores are equal, no threshold below infinity keeps a specificity.
    assert metrics.melanoma_threshold(y_true, np.tile(SHARES, (24, 1))) == {0.9: np.inf, 0.95: np.inf}
    for part, count in ((slice(4), "4 of the 4"), (slice(4, None), "0 of the 20")):
        with pytest.raises(ValueError, match=f"{count} validation images are melanomas: .* use more validation data"):
            metrics.melanoma_threshold(y_true[part], prob[part])


def test_each_image_can_have_the_threshold_of_the_model_that_tested_it():
    y_true, prob, groups = made()
    fold = np.arange(len(y_true)) % 2
    threshold = np.where(fold == 0, 0.1, 0.5)
    table = evaluate.report(y_true, prob, groups, 0, melanoma_threshold={0.9: threshold}).set_index("metric")
    called = prob[:, CLASSES.index("mel")] >= threshold
    assert table.loc["sensitivity_at_specificity_90", "value"] == called[y_true == "mel"].mean()
    assert table.loc["specificity_reached_90", "value"] == (~called[y_true != "mel"]).mean()
    without = evaluate.report(y_true, prob, groups, 0)["metric"]
    assert not without.str.contains("specificity").any()


def test_paired_bootstrap_sees_a_difference_that_two_intervals_hide():
    y_true, prob, groups = made(n=600)
    better = prob + 0.06 * np.eye(7)[pd.Index(CLASSES).get_indexer(y_true)]
    better /= better.sum(axis=1, keepdims=True)
    pair = evaluate.paired_bootstrap(y_true, prob, better, groups, resamples=300).set_index(["metric", "dx"])
    a, b = (evaluate.report(y_true, p, groups, 300).set_index(["metric", "dx"]) for p in (prob, better))
    assert pair["a"].to_dict() == a["value"].iloc[:-7].to_dict()
    assert pair["b"].to_dict() == b["value"].iloc[:-7].to_dict()
    assert np.allclose(pair["difference"], pair["b"] - pair["a"])
    accuracy = "accuracy", "all"
    assert pair.loc[accuracy, "low"] > 0
    assert a.loc[accuracy, "high"] > b.loc[accuracy, "low"]
    assert (pair["undefined"] == 0).all()


def test_without_curves_a_paired_bootstrap_gives_the_same_numbers_but_for_the_areas():
    y_true, prob, groups = made()
    other = prob[:, ::-1]
    whole, quick = (evaluate.paired_bootstrap(y_true, prob, other, groups, 60, curves=c) for c in (True, False))
    areas = whole["metric"].str.contains("roc_auc|average_precision")
    assert areas.sum() == 16
    pd.testing.assert_frame_equal(quick, whole[~areas].reset_index(drop=True))


def test_a_model_does_not_differ_from_itself():
    y_true, prob, groups = made()
    pair = evaluate.paired_bootstrap(y_true, prob, prob, groups, resamples=50)
    assert (pair[["difference", "low", "high"]] == 0).all(axis=None)


def test_mcnemar_is_the_sign_test_of_the_images_that_divide_the_models():
    y_true = np.array(["nv"] * 40)
    pred_a = np.array(["nv"] * 25 + ["mel"] * 15)
    pred_b = np.array(["mel"] * 5 + ["nv"] * 20 + ["nv"] * 12 + ["bkl"] * 3)
    found = metrics.mcnemar(y_true, pred_a, pred_b)
    assert (found.only_a, found.only_b) == (5, 12)
    assert found.p_value == pytest.approx(binomtest(5, 17).pvalue)
    assert metrics.mcnemar(y_true, pred_b, pred_a) == dataclasses.replace(found, only_a=12, only_b=5)
    assert metrics.mcnemar(y_true, y_true, y_true) == metrics.McNemar(0, 0, 1.0)
    with pytest.raises(ValueError, match="40 true classes, but 40 and 39 answers"):
        metrics.mcnemar(y_true, pred_a, pred_b[1:])


def test_a_lesion_is_answered_by_the_mean_of_its_images():
    prob = np.eye(7)[[4, 5, 4, 2]] * [[0.7], [1], [0.3], [1]] + np.eye(7)[[5, 5, 5, 2]] * [[0.3], [0], [0.7], [0]]
    y_true, mean, groups = metrics.per_lesion(["mel", "nv", "mel", "bkl"], prob, ["b", "c", "b", "a"])
    assert (y_true.tolist(), groups.tolist()) == (["bkl", "mel", "nv"], ["a", "b", "c"])
    assert np.allclose(mean, [np.eye(7)[2], 0.5 * np.eye(7)[4] + 0.5 * np.eye(7)[5], np.eye(7)[5]])
    assert evaluate.answers(mean).tolist() == ["bkl", "mel", "nv"]
    with pytest.raises(ValueError, match="group 'b' holds images of 'mel' and of 'nv'"):
        metrics.per_lesion(["mel", "nv", "nv", "bkl"], prob, ["b", "c", "b", "a"])


def test_an_interval_ends_at_the_percentiles_of_ninety_five_in_a_hundred():
    draws = np.random.default_rng(0).permuted(np.tile(np.arange(1001.0), (2, 1)), axis=1)
    draws[1, :500] = np.nan
    low, high = bootstrap.interval(draws)
    assert (low[0], high[0]) == (25, 975)
    assert (low[1], high[1]) == tuple(np.percentile(draws[1, 500:], [2.5, 97.5]))


def test_no_group_of_the_real_data_has_two_diagnoses(real_ham):
    table = real_ham.table
    prob = np.tile(SHARES, (len(table), 1))
    y_true, _, groups = metrics.per_lesion(table["dx"], prob, splits.lesion_groups(table))
    assert len(y_true) == len(groups) == 7452


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda y, p, g: (np.where(np.arange(len(y)) == 3, "MEL", y), p, g),
            "row 3: 'MEL' is not a class; use one of akiec",
        ),
        (lambda y, p, g: (y, p * 2, g), r"row 0: the probabilities .* sum to 2.0000"),
        (lambda y, p, g: (y, np.where(p == p[7, 2], np.nan, p), g), "row 7: .* sum to nan"),
        (lambda y, p, g: (y, np.log(p), g), "not logits"),
        (lambda y, p, g: (y, p + np.eye(7)[0] * 0.4 - np.eye(7)[1] * 0.4, g), "at least 0"),
        (lambda y, p, g: (y, p[:, :5], g), r"y_prob has the shape \(400, 5\) .* need \(400, 7\)"),
        (lambda y, p, g: (y, p, g[1:]), r"groups \(399,\)"),
        (lambda y, p, g: (y[:0], p[:0], g[:0]), "no images to evaluate"),
    ],
)
def test_input_that_does_not_fit_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        evaluate.report(*change(*made()), resamples=0)


def test_strata_divide_the_images(ham):
    found = slices.strata(ham.table)
    for name in ("age", "sex", "site", "source", "leakable"):
        assert (sum(rows.astype(int) for (of, _), rows in found.items() if of == name) == 1).all(), name
    table = ham.table
    assert np.array_equal(found["dx_type", "histo"], table["dx_type"] == "histo")
    assert np.array_equal(found["age", "45 to 59"], (table["age"] >= 45) & (table["age"] < 60))
    assert np.array_equal(found["age", "75 and over"], table["age"] >= 75)
    assert found["age", "unknown"].sum() == table["age"].isna().sum() > 0
    siblings = splits.lesion_groups(table).map(splits.lesion_groups(table).value_counts())
    assert np.array_equal(found["leakable", "yes"], siblings > 1)


def test_a_slice_is_the_evaluation_of_its_images(ham):
    split = splits.grouped(ham.table)
    rng = np.random.default_rng(0)
    prob = rng.dirichlet(np.ones(7), len(split.test))
    threshold = {0.9: rng.random(len(split.test))}
    table = slices.report_slices(ham.table, split.test, prob, resamples=20, melanoma_threshold=threshold)
    groups = splits.lesion_groups(ham.table).to_numpy()
    tested = ham.table.iloc[split.test]
    mine = (tested["sex"] == "female").to_numpy()
    expected = evaluate.report(
        tested["dx"].to_numpy()[mine],
        prob[mine],
        groups[split.test][mine],
        20,
        melanoma_threshold={0.9: threshold[0.9][mine]},
    )
    found = table[(table["slice"] == "sex") & (table["stratum"] == "female")]
    columns = list(expected.columns)
    expected = expected[expected["note"] != metrics.NO_IMAGE].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[columns].reset_index(drop=True), expected)
    assert (found["images"] == mine.sum()).all()
    assert (found["lesions"] == len(np.unique(groups[split.test][mine]))).all()
    assert not {"image_id", "lesion_id", "group"} & set(table.columns)
    sizes = table.drop_duplicates(["slice", "stratum"])
    assert (sizes["small"] == (sizes["lesions"] < slices.SMALL)).all() and sizes["small"].any()
    # The fold has slices of a few lesions; they are no aggregates, and are left out.
    assert sizes["lesions"].min() >= slices.FEWEST > tested.groupby("localization")["lesion_id"].nunique().min()

"""Classical models: what they may see, that weights and calibration do what they say, that a seed settles all."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.svm import SVC

from helpers import splits
from helpers.classical._features import Features
from helpers.ham10000 import CLASSES
from tools.measure import _baselines as baselines
from tools.measure._baselines import fit_and_predict

SHARES = np.array([0.05, 0.07, 0.12, 0.04, 0.11, 0.57, 0.04])
CANDIDATES = {
    "forest": {"min_samples_leaf": (2,)},
    "xgboost": {"n_estimators": (30,), "colsample_bytree": (0.8,)},
    "svm": {"C": (2.0,)},
}


@pytest.fixture(scope="module")
def problem():
    """300 lesions photographed twice, described by ten noisy numbers, of which seven tell the classes."""
    rng = np.random.default_rng(1)
    codes = np.repeat(rng.permutation(np.repeat(np.arange(7), np.maximum((SHARES * 300).astype(int), 12))), 2)
    values = rng.normal(size=(len(codes), 10))
    values[:, :7] += 1.8 * np.eye(7)[codes]
    names = [f"I{i:04}" for i in range(len(codes))]
    lesion_ids = [f"L{i // 2:04}" for i in range(len(codes))]
    table = pd.DataFrame({"image_id": names, "lesion_id": lesion_ids, "dx": np.array(CLASSES)[codes]})
    return Features("handcrafted", values.astype(np.float32), tuple("abcdefghij")), table, splits.grouped(table, 0)


def run(problem, model, **options):
    features, table, split = problem
    options = {"candidates": CANDIDATES[model], "jobs": 1, "trees": 40} | options
    return fit_and_predict(model, features, table, options.pop("split", split), **options)


@pytest.mark.parametrize("model", baselines.MODELS)
def test_each_model_learns_and_gives_probabilities(problem, model):
    features, table, split = problem
    fitted = run(problem, model)
    for probabilities, rows in ((fitted.validation, split.validation), (fitted.test, split.test)):
        assert probabilities.shape == (len(rows), 7)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-9)
    truth = table["dx"].to_numpy()[split.test]
    right = (np.array(CLASSES)[fitted.test.argmax(axis=1)] == truth).mean()
    assert right > (truth == "nv").mean() + 0.05
    np.testing.assert_allclose(fitted.predict_proba(features.values[split.test]), fitted.test)


@pytest.mark.parametrize("model", baselines.MODELS)
def test_weights_trade_accuracy_for_balance(problem, model):
    _, table, split = problem
    truth = table["dx"].to_numpy()[split.test]
    balance = {}
    for weighted in (False, True):
        answers = np.array(CLASSES)[run(problem, model, weighted=weighted).test.argmax(axis=1)]
        balance[weighted] = balanced_accuracy_score(truth, answers), (answers == "nv").mean()
    assert balance[True][0] > balance[False][0]
    assert balance[True][1] < balance[False][1]


@pytest.mark.parametrize("model", baselines.MODELS)
def test_a_seed_settles_the_result_whatever_the_cores(problem, model):
    first, second = (run(problem, model, jobs=jobs, seed=7).test for jobs in (1, 2))
    np.testing.assert_allclose(first, second, atol=1e-6)


@pytest.mark.parametrize("model", baselines.MODELS)
def test_the_test_rows_choose_nothing(problem, model):
    features, table, split = problem
    candidates = CANDIDATES[model] | {"weight_power": (0.5, 1.0)}
    honest = run(problem, model, weighted=True, candidates=candidates)
    shuffled = table.copy()
    shuffled.loc[split.test, "dx"] = "nv"
    noise = features.values.copy()
    noise[split.test] = 99
    again = fit_and_predict(
        model, Features("handcrafted", noise, features.names), shuffled, split, True, candidates, jobs=1, trees=40
    )
    np.testing.assert_array_equal(honest.validation, again.validation)
    pd.testing.assert_frame_equal(honest.tried, again.tried)


def test_the_validation_rows_calibrate_and_do_not_train(problem):
    features, table, split = problem
    changed = table.copy()
    changed.loc[split.validation, "dx"] = "mel"
    before, after = (
        run(problem, "svm"),
        fit_and_predict("svm", features, changed, split, candidates=CANDIDATES["svm"], jobs=1),
    )
    np.testing.assert_array_equal(before.pipeline["model"].dual_coef_, after.pipeline["model"].dual_coef_)
    assert after.calibration[1 + CLASSES.index("mel")] > before.calibration[1 + CLASSES.index("mel")] + 0.5


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("model", baselines.MODELS)
def test_weights_enter_both_the_fit_and_the_calibration(problem, model, weighted):
    features, table, split = problem
    fitted = run(problem, model, weighted=weighted, seed=3)
    codes = pd.Categorical(table["dx"], categories=list(CLASSES)).codes.astype(int)
    parameters = {name: values[0] for name, values in CANDIDATES[model].items()}
    weights = baselines.class_weights(codes[split.train], float(weighted))
    pipeline = baselines.build(model, seed=3, jobs=1, trees=40, **parameters)
    pipeline.fit(features.values[split.train], codes[split.train], model__sample_weight=weights)
    raw = baselines.scores(pipeline, features.values[split.validation])
    expected = baselines.calibrated(raw, baselines.calibrate(raw, codes[split.validation], weighted))
    np.testing.assert_allclose(fitted.validation, expected, atol=1e-6)


def test_the_best_candidate_is_taken_and_all_are_listed(problem):
    fitted = run(problem, "svm", weighted=True, candidates={"C": (1e-3, 2.0), "weight_power": (0.5, 1.0)})
    assert len(fitted.tried) == 4
    assert fitted.parameters == fitted.tried.drop(columns="score").iloc[fitted.tried["score"].argmax()].to_dict()
    assert fitted.parameters["C"] == 2.0


def test_tuning_keeps_lesions_together_and_within_its_rows(problem, monkeypatch):
    _, table, split = problem
    groups = splits.lesion_groups(table).to_numpy()
    seen = []

    class Spy(baselines.StratifiedGroupKFold):
        def split(self, rows, y, groups):
            for train, test in super().split(rows, y, groups):
                seen.append((rows[train], rows[test]))
                yield train, test

    monkeypatch.setattr(baselines, "StratifiedGroupKFold", Spy)
    run(problem, "svm", candidates={"C": (1.0, 2.0)}, tuning_rows=300)
    assert len(seen) == baselines.INNER_FOLDS
    for train, test in seen:
        assert len(train) + len(test) <= 300
        assert not set(groups[train]) & set(groups[test])
        assert np.isin(np.concatenate([train, test]), split.train).all()


@pytest.mark.parametrize("model", baselines.MODELS)
def test_a_class_that_is_not_trained_on_is_never_the_answer(problem, model):
    _, table, split = problem
    codes = table["dx"].to_numpy()
    without = split.train[codes[split.train] != "akiec"]
    narrowed = splits.Split("grouped", without, split.validation[codes[split.validation] != "akiec"], split.test)
    fitted = run(problem, model, split=narrowed)
    assert fitted.test.shape[1] == 7
    assert (fitted.test.argmax(axis=1) != CLASSES.index("akiec")).all()


def test_calibration_finds_the_shares_and_the_sharpness():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 7)) * 1.5
    prob = baselines.softmax(logits + np.log(SHARES), axis=1)
    codes = (prob.cumsum(axis=1) > rng.random((len(prob), 1))).argmax(axis=1)
    raw = 3 * logits + 1
    calibrated = baselines.calibrated(raw, baselines.calibrate(raw, codes))
    np.testing.assert_allclose(calibrated.mean(axis=0), np.bincount(codes) / len(codes), atol=0.002)
    assert np.abs(calibrated - prob).mean() < 0.01
    weights = baselines.class_weights(codes, 1.0)
    even = baselines.calibrated(raw, baselines.calibrate(raw, codes, weighted=True))
    np.testing.assert_allclose(np.average(even, axis=0, weights=weights), np.full(7, 1 / 7), atol=0.01)


def test_class_weights_by_hand():
    codes = np.array([0, 0, 0, 0, 1])
    np.testing.assert_allclose(baselines.class_weights(codes, 1.0), [0.625, 0.625, 0.625, 0.625, 2.5])
    np.testing.assert_allclose(baselines.class_weights(codes, 0.0), 1)


@pytest.mark.parametrize("classes", [2, 4])
def test_pairwise_margins_favour_the_right_class(classes):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, classes, 200)
    values = rng.normal(size=(200, 5)) + 4 * np.eye(5)[codes]
    machine = SVC(decision_function_shape="ovo").fit(values, codes)
    coupled = baselines._coupled(machine.decision_function(values), classes)
    assert (coupled.argmax(axis=1) == machine.predict(values)).mean() > 0.98


def test_fewer_images_than_principal_components_will_do():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"image_id": [f"I{k}" for k in range(70)], "dx": np.repeat(CLASSES, 10)})
    table["lesion_id"] = table["image_id"]
    features = Features("raw", rng.normal(size=(70, 100)).astype(np.float32), tuple(map(str, range(100))))
    fitted = fit_and_predict("svm", features, table, splits.grouped(table), jobs=1)
    assert np.isfinite(fitted.test).all() and fitted.test.shape[1] == 7


def test_unknown_models_are_refused():
    with pytest.raises(ValueError, match=r"'tree'.*forest, xgboost, svm"):
        baselines.build("tree")

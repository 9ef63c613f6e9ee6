"""The measuring scripts: only real images, records that grow by folds and repetitions, a pool that no test row fits."""

import importlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import check_grad

from helpers import data, networks, records, splits
from helpers.evaluate import _metrics as metrics
from helpers.ham10000 import CLASSES
from helpers.networks import _architectures as architectures
from helpers.networks._recipes import Recipe
from helpers.records import _seal as seal
from helpers.records._runs import facts, frame
from tools.measure import _harness as harness
from tools.measure import classical, leakage, pool
from tools.measure import networks as network_plan

OPTIONS = SimpleNamespace(data=None, cache="unused", only="")
SIZE = (16, 16)


@pytest.fixture
def results(tmp_path, monkeypatch):
    """The folder of the book's records, empty; intervals of few resamples, since no test reads them."""
    monkeypatch.setattr(metrics, "RESAMPLES", 10)
    monkeypatch.setattr(seal, "book_folder", lambda: tmp_path / "results")
    monkeypatch.setattr(harness, "RESULTS", tmp_path / "results")
    return tmp_path / "results"


def test_drawn_images_are_refused(config, ham, monkeypatch):
    monkeypatch.setattr(data, "load", lambda config: ham)
    with pytest.raises(SystemExit, match="drawn images"):
        harness.load("meet-the-data", OPTIONS)


def test_only_what_matches_is_measured():
    assert list(harness.chosen(pool.PLAN, "holdout")) == ["pool-holdout938", "pool-retrained-holdout938"]
    with pytest.raises(SystemExit, match=r"'nothing' matches no record of the plan: pool-grouped, "):
        harness.chosen(pool.PLAN, "nothing")


def test_a_value_is_measured_once(tmp_path):
    path = tmp_path / "new" / "value.json"
    exact = [0.1 + 0.2, 1 / 3]
    assert harness.kept(path, lambda: exact) == exact
    assert harness.kept(path, lambda: pytest.fail("measured again")) == exact


def test_subsample_takes_whole_groups():
    groups = np.repeat([f"L{number}" for number in range(30)], 3)
    rows = np.arange(3, 90)
    drawn = harness.subsample(rows, groups, 20, seed=1)
    assert len(drawn) == 18 and (np.diff(drawn) > 0).all()
    assert np.isin(rows[np.isin(groups[rows], groups[drawn])], drawn).all()


def test_every_record_of_the_plans_that_the_book_has_bears_its_name():
    book = {path.parent.name for path in harness.RESULTS.glob("*/run.json")}
    suffixes = ("", "-evened", "-restored", "-on-test")
    planned = {name + suffix for name in {**network_plan.PLAN, **classical.PLAN, **pool.PLAN} for suffix in suffixes}
    assert book <= planned


class TestFolds:
    """Folds are added to the record of a network one at a time."""

    @pytest.fixture
    def train(self, ham, config, results, tmp_path, monkeypatch):
        """Return what trains a toy recipe on folds of the sample; ``trained`` counts the folds."""

        def paper_cnn(size):
            inputs = keras.Input((*size, 3))
            average = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
            return keras.Model(inputs, keras.layers.Dense(7, activation="softmax")(average))

        monkeypatch.setattr(architectures, "paper_cnn", paper_cnn)
        toy = Recipe("a toy", "paper_cnn", weighted=False, augmentation=None)
        monkeypatch.setitem(networks.RECIPES, "toy", toy)
        config = replace(config, cache=tmp_path, sizes=replace(config.sizes, image=SIZE, rows=70, epochs=1))
        whole = networks.train

        def counted(*arguments, **options):
            train.trained += 1
            return whole(*arguments, **options)

        monkeypatch.setattr(networks, "train", counted)

        def train(*folds, **changes):
            train.trained = 0
            network_plan.measure(network_plan.Entry("toy", "grouped", SIZE, folds, **changes), config, ham)

        return train

    def test_a_missing_fold_joins_and_the_others_stay(self, train, ham, results, monkeypatch):
        train(0)
        first = {suffix: records.load_run(results / f"toy-grouped-16x16{suffix}") for suffix in ("", "-evened")}
        weights = (results / "toy-grouped-16x16" / "weights.npz.gz").read_bytes()
        monkeypatch.setattr(network_plan, "device", lambda: "another machine")
        train(0, 2)
        assert train.trained == 1
        assert (results / "toy-grouped-16x16" / "weights.npz.gz").read_bytes() == weights, "those of the first fold"
        assert records.load_run(results / "toy-grouped-16x16").facts["weights_of_fold"] == 0
        assert not records.load_run(results / "toy-grouped-16x16-evened").weights, "they are the same"
        for suffix, before in first.items():
            run = records.load_run(results / f"toy-grouped-16x16{suffix}")
            assert run.facts["folds"] == [0, 2]
            assert run.facts["split_hashes"] == [splits.grouped(ham.table, fold).hash for fold in (0, 2)]
            for table in ("predictions", "validation", "history"):
                now = getattr(run, table)
                kept = now[now["fold"] == 0].reset_index(drop=True)
                pd.testing.assert_frame_equal(kept, getattr(before, table).reset_index(drop=True))
                assert (now["fold"] == 2).any()
            for key in ("recipe", "image", "priors"):
                assert run.facts["hyperparameters"][key] == before.facts["hyperparameters"][key]
            assert run.facts["wall_seconds"] > before.facts["wall_seconds"]
        train(0, 1, 2)
        assert train.trained == 1
        trained_on = records.load_run(results / "toy-grouped-16x16").facts["hyperparameters"]["trained_on"]
        assert [place.endswith(", another machine") for place in trained_on] == [False, True, True]
        train(0, 2)
        assert train.trained == 0

    def test_another_recipe_or_other_images_are_refused(self, train, results, monkeypatch):
        train(0)
        recipe = networks.RECIPES["toy"]
        monkeypatch.setitem(networks.RECIPES, "toy", replace(recipe, learning_rate=0.5))
        with pytest.raises(SystemExit, match="toy-grouped-16x16 was trained with other learning_rate"):
            train(0, 1)
        assert train.trained == 0

    def test_a_further_seed_has_a_record_of_its_own_on_the_same_split(self, train, ham, results):
        train(0, seed=2019)
        run = records.load_run(results / "toy-grouped-16x16-seed2019")
        assert (run.facts["seed"], run.facts["split_seed"]) == (2019, 2018)
        assert run.facts["split_hashes"] == [splits.grouped(ham.table, 0).hash]


class TestLeakage:
    """Repetitions join an experiment record; those that it has are not measured again."""

    def test_only_missing_repetitions_are_measured(self, ham, config, results, monkeypatch):
        seeds = []

        def tuned(inputs, ham, truth, seed):
            seeds.append(seed)
            strata = ("all", "could leak", "could not leak", "control")
            return [(f"tuned/{arm}", stratum, "accuracy", seed / 4000) for arm in "AB" for stratum in strata]

        monkeypatch.setattr(leakage, "ROWS", 200)
        steps = {tuned: ("A", "B")}
        for repetitions in (2, 3):
            monkeypatch.setitem(leakage.REPETITIONS, "tuned", repetitions)
            leakage.measure("leakage-tuned", steps, None, ham, config)
        assert seeds == [2018, 2019, 2020]
        experiment, rows = records.load_experiment(results / "leakage-tuned")
        assert experiment["repetitions"] == {"tuned": 3}
        np.testing.assert_allclose(rows["value"], (2018 + rows["repetition"]) / 4000, atol=1e-6)
        assert rows.groupby("repetition").size().to_dict() == dict.fromkeys(range(3), 8)

    @pytest.mark.parametrize("name", leakage.PLAN)
    def test_the_book_s_record_can_grow(self, name):
        notes = leakage.TUNED if name == "leakage-tuned" else leakage.FROZEN
        experiment, rows = harness.stored_experiment(name, {"name": name, "seed": 2018}, notes)
        measured = set()
        for step, ends in leakage.PLAN[name].items():
            of_step = rows[rows["arm"].str.split("/").str[-1].isin(ends)]
            assert of_step["repetition"].nunique() == experiment["repetitions"][step.__name__]
            measured |= set(of_step.index)
        assert measured == set(rows.index), "every row belongs to a step"


class TestPool:
    """Log-probabilities with weights that are not negative, fitted on validation predictions alone."""

    @pytest.fixture
    def problem(self):
        """Two models that each know a part of the truth, and one that knows nothing; two images a lesion."""
        rng = np.random.default_rng(0)
        y_true = np.repeat(rng.integers(0, 7, 700), 2)
        groups = np.repeat([f"L{number:04}" for number in range(700)], 2)
        signal = 2.0 * np.eye(7)[y_true]
        logits = [signal + rng.normal(size=signal.shape) for _ in range(2)] + [rng.normal(size=signal.shape)]
        y_probs = np.exp(logits)
        return y_probs / y_probs.sum(axis=2, keepdims=True), y_true, groups

    def test_it_finds_who_knows_something(self, problem):
        y_probs, y_true, groups = problem
        fitted = pool.fit(y_probs, y_true, groups)
        assert (fitted.weights >= 0).all() and fitted.weights[2] < 0.1 < fitted.weights[:2].min()
        accuracy = (fitted.predict_proba(y_probs).argmax(axis=1) == y_true).mean()
        assert accuracy > max((y_prob.argmax(axis=1) == y_true).mean() for y_prob in y_probs) + 0.05
        assert fitted.tried[fitted.ridge] == min(fitted.tried.values())

    def test_offsets_mend_the_priors_of_a_member(self, problem):
        y_probs, y_true, groups = problem
        shifted = y_probs[:1] * np.array([8, 1, 1, 1, 1, 1, 1 / 8])
        shifted /= shifted.sum(axis=2, keepdims=True)
        as_is, mended = (pool.fit(one, y_true, groups, ridges=(0.1,)) for one in (y_probs[:1], shifted))
        np.testing.assert_allclose(mended.predict_proba(shifted), as_is.predict_proba(y_probs[:1]), atol=0.01)

    def test_a_strong_ridge_is_the_geometric_mean(self, problem):
        y_probs, y_true, groups = problem
        pooled = pool.fit(y_probs, y_true, groups, ridges=(1e9,)).predict_proba(y_probs)
        mean = np.exp(np.log(y_probs).mean(axis=0))
        np.testing.assert_allclose(pooled, mean / mean.sum(axis=1, keepdims=True), atol=1e-3)

    def test_the_gradient_is_that_of_the_loss(self, problem, monkeypatch):
        y_probs, y_true, _ = problem
        losses = []
        monkeypatch.setattr(
            pool, "minimize", lambda loss, start, **options: losses.append(loss) or SimpleNamespace(x=start)
        )
        pool._minimise(np.log(y_probs), y_true, 3.0)
        point = np.linspace(0.1, 1, 10)
        assert check_grad(lambda x: losses[0](x)[0], lambda x: losses[0](x)[1], point) < 1e-2

    def test_a_record_of_zeros_stays_finite(self, problem):
        _, y_true, groups = problem
        sure = np.eye(7)[y_true][None]
        assert np.isfinite(pool.fit(sure, y_true, groups).predict_proba(1 - sure)).all()

    @pytest.fixture
    def answers(self, ham):
        """Return what makes up the predictions of a model on rows of the sample: the truth, and noise of a seed."""
        codes = pd.Categorical(ham.table["dx"], categories=list(CLASSES)).codes

        def answers(rows, seed):
            y_prob = np.exp(1.5 * np.eye(7)[codes[rows]] + np.random.default_rng(seed).normal(size=(len(rows), 7)))
            return y_prob / y_prob.sum(axis=1, keepdims=True)

        return answers

    @pytest.fixture
    def runs(self, ham, answers):
        """Two made-up runs of fold 0, by name."""
        split = splits.grouped(ham.table, 0)
        return {
            f"model {seed}": SimpleNamespace(
                validation=frame(ham.table, split.validation, answers(split.validation, seed)),
                predictions=frame(ham.table, split.test, answers(split.test, seed + 10)),
            )
            for seed in (1, 2)
        }

    def test_its_test_rows_are_pooled_as_its_validation_rows_say(self, runs, ham):
        split = splits.grouped(ham.table, 0)
        fitted, validation, test = pool.pool_fold({**runs, pool.CLINICAL: None}, 0, split, ham.table)
        by_age = pool.clinical(ham.table, split)
        y_true = pd.Categorical(ham.table["dx"], categories=list(CLASSES)).codes[split.validation].astype(int)
        groups = splits.lesion_groups(ham.table).to_numpy()[split.validation]
        probs = [np.array([*(run.validation[list(CLASSES)] for run in runs.values()), by_age[0]])]
        probs += [np.array([*(run.predictions[list(CLASSES)] for run in runs.values()), by_age[1]])]
        expected = pool.fit(probs[0], y_true, groups)
        np.testing.assert_allclose(fitted.weights, expected.weights)
        np.testing.assert_allclose(validation, expected.predict_proba(probs[0]))
        np.testing.assert_allclose(test, expected.predict_proba(probs[1]))

    def test_test_rows_choose_nothing(self, runs, ham):
        split = splits.grouped(ham.table, 0)
        fitted, validation, _ = pool.pool_fold(runs, 0, split, ham.table)
        other = ham.table.copy()
        other.loc[other.index[split.test], "dx"] = "mel"
        for run in runs.values():
            run.predictions[list(CLASSES)] = 1 / 7
        again, same, _ = pool.pool_fold(runs, 0, split, other)
        np.testing.assert_array_equal(fitted.weights, again.weights)
        np.testing.assert_array_equal(validation, same)

    def test_other_images_are_refused(self, runs, ham):
        with pytest.raises(SystemExit, match="other images"):
            pool.pool_fold(runs, 0, splits.grouped(ham.table, 1), ham.table)

    def test_its_records(self, answers, ham, config, results, monkeypatch, capsys):
        def write(name, folds, seed):
            parts = [splits.grouped(ham.table, fold) for fold in folds]
            run = facts(ham, config) | {"name": name, "model": name, "folds": folds, "notes": ""}
            run |= {"hyperparameters": {}, "wall_seconds": 1.0, "images_per_second": 1.0}
            test = [answers(part.test, seed) for part in parts]
            harness.write_run(run, ham.table, parts, [answers(part.validation, seed) for part in parts], test)

        write("first", [1], 1)
        write("second", [0, 1], 2)
        measure = partial(pool.measure, "pool-toy", "grouped", ["first", "second"], ham, config)
        measure()
        run, evened = (records.load_run(results / name) for name in ("pool-toy", "pool-toy-evened"))
        assert run.facts["folds"] == evened.facts["folds"] == [1], "the folds that all members have"
        assert run.facts["chosen_on"] == "validation"
        split = splits.grouped(ham.table, 1)
        members = {name: records.load_run(results / name) for name in ("first", "second")}
        fitted, _, test = pool.pool_fold(members, 1, split, ham.table)
        np.testing.assert_allclose(run.predictions[list(CLASSES)], test, atol=1e-5)
        hyperparameters = run.facts["hyperparameters"]
        np.testing.assert_allclose(list(hyperparameters["weights"][0].values()), fitted.weights, atol=1e-4)
        assert evened.facts["hyperparameters"]["priors"] == "evened"
        shares = ham.table["dx"].iloc[split.train].value_counts(normalize=True)
        shifted = test / shares[list(CLASSES)].to_numpy()
        shifted /= shifted.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(evened.predictions[list(CLASSES)], shifted, atol=1e-5)

        capsys.readouterr()
        measure()
        assert capsys.readouterr().out.endswith("pool-toy: there already\n")
        write("second", [0, 1], 3)
        measure()
        anew = records.load_run(results / "pool-toy").facts["hyperparameters"]
        assert anew["members"]["first"] == hyperparameters["members"]["first"]
        assert anew["weights"] != hyperparameters["weights"], "a member has changed"


def test_the_clinical_model_learns_from_training_rows(ham):
    split = splits.grouped(ham.table, 0)
    before = pool.clinical(ham.table, split)
    other = ham.table.copy()
    rows = np.concatenate([split.validation, split.test])
    other.loc[other.index[rows], "dx"] = "mel"
    for first, second in zip(before, pool.clinical(other, split), strict=True):
        np.testing.assert_array_equal(first, second)
        np.testing.assert_allclose(first.sum(axis=1), 1)


@pytest.mark.parametrize("path", sorted(Path(pool.__file__).parent.glob("[!_]*.py")), ids=lambda path: path.stem)
def test_a_script_finds_what_it_imports_and_says_how_it_is_started(path):
    assert callable(importlib.import_module(f"tools.measure.{path.stem}").main)
    assert f"python -m tools.measure.{path.stem} --data FOLDER --cache FOLDER" in path.read_text(encoding="utf-8")

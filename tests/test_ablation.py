"""The ablation's record grows by whole repetitions, and by none that was measured in another way."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from helpers import data, networks, records
from helpers.records import _seal as seal
from tools.measure import _harness as harness
from tools.measure import ablation


@pytest.fixture
def measure(ham, tmp_path, monkeypatch):
    """Return what starts the script with a network that needs no training; ``seeds`` has one entry a training."""
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    monkeypatch.setattr(seal, "book_folder", lambda: tmp_path)
    monkeypatch.setattr("sys.argv", ["ablation", "--data", str(tmp_path), "--cache", str(tmp_path)])
    monkeypatch.setattr(data, "load", lambda config: replace(ham, synthetic=False))
    seeds = []

    def train(recipe, ham, config, split):
        if len(seeds) == measure.cut_after:
            raise KeyboardInterrupt
        seeds.append(config.seed)
        answers = np.eye(7)[np.full(len(split.validation), config.seed % 7)]
        return SimpleNamespace(
            validation=answers, fitted=SimpleNamespace(wall_seconds=1), facts={"precision": "float32"}
        )

    monkeypatch.setattr(networks, "train", train)

    def measure(repetitions, cut_after=None):
        measure.cut_after = cut_after
        seeds.clear()
        monkeypatch.setattr(ablation, "REPETITIONS", repetitions)
        ablation.main()
        return records.load_experiment(tmp_path / "cnn-ablation")

    measure.seeds = seeds
    return measure


def test_a_repetition_joins_the_record_when_all_its_arms_are_done(measure, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        measure(3, cut_after=6)
    _, results = records.load_experiment(tmp_path / "cnn-ablation")
    assert set(results["repetition"]) == {0} and results["arm"].nunique() == 4
    experiment, results = measure(3)
    assert len(measure.seeds) == 8 and len(set(measure.seeds)) == 2, "what was there is not measured again"
    assert results.groupby("repetition")["arm"].nunique().to_dict() == {0: 4, 1: 4, 2: 4}
    assert experiment["notes"].endswith("Repetitions: 3 of 3.") and set(experiment["measured"]) == {"0", "1", "2"}
    by_metric = results.query("metric == 'balanced_accuracy'")
    assert np.allclose(by_metric["value"], 1 / 7), "one answer to all lesions"


@pytest.mark.parametrize("name, value", [("NOTES", "With other sizes."), ("ARMS", {"paper": {}})])
def test_a_record_measured_in_another_way_is_kept_and_named(measure, tmp_path, monkeypatch, name, value):
    measure(1)
    before = {path.name: path.read_bytes() for path in (tmp_path / "cnn-ablation").iterdir()}
    monkeypatch.setattr(ablation, name, value)
    with pytest.raises(SystemExit, match=f"cnn-ablation was measured in another way \\({name.lower()}\\)"):
        measure(2)
    assert {path.name: path.read_bytes() for path in (tmp_path / "cnn-ablation").iterdir()} == before
    assert not measure.seeds

"""The ablation's record grows by whole repetitions, and by none that was measured in another way."""

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from helpers.data import _loader as data
from helpers.networks import _run as networks
from helpers.records import _experiments as experiments

SCRIPT = Path(__file__).parents[1] / "tools" / "measure_ablation.py"


@pytest.fixture
def measure(ham, tmp_path, monkeypatch):
    """Return what starts the script with a network that needs no training; ``seeds`` has one entry a training."""
    main = runpy.run_path(str(SCRIPT), run_name="not started")["main"]
    monkeypatch.setitem(main.__globals__, "RESULTS", tmp_path)
    monkeypatch.setattr("sys.argv", [SCRIPT.name, "--data", str(tmp_path), "--cache", str(tmp_path)])
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
        monkeypatch.setitem(main.__globals__, "REPETITIONS", repetitions)
        main()
        return experiments.load_experiment(tmp_path / "cnn-ablation")

    measure.seeds, measure.script = seeds, main.__globals__
    return measure


def test_a_repetition_joins_the_record_when_all_its_arms_are_done(measure, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        measure(3, cut_after=6)
    _, results = experiments.load_experiment(tmp_path / "cnn-ablation")
    assert set(results["repetition"]) == {0} and results["arm"].nunique() == 4
    experiment, results = measure(3)
    assert len(measure.seeds) == 8 and len(set(measure.seeds)) == 2, "what was there is not measured again"
    assert results.groupby("repetition")["arm"].nunique().to_dict() == {0: 4, 1: 4, 2: 4}
    assert experiment["notes"].endswith("Repetitions: 3 of 3.") and set(experiment["measured"]) == {"0", "1", "2"}
    by_metric = results.query("metric == 'balanced_accuracy'")
    assert np.allclose(by_metric["value"], 1 / 7), "one answer to all lesions"


@pytest.mark.parametrize("name, value", [("NOTES", "With other sizes."), ("ARMS", {"paper": {}})])
def test_a_record_measured_in_another_way_is_kept_and_named(measure, tmp_path, monkeypatch, capsys, name, value):
    measure(1)
    before = {path.name: path.read_bytes() for path in (tmp_path / "cnn-ablation").iterdir()}
    monkeypatch.setitem(measure.script, name, value)
    with pytest.raises(SystemExit):
        measure(2)
    assert "cnn-ablation was measured in another way" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in (tmp_path / "cnn-ablation").iterdir()} == before
    assert not measure.seeds

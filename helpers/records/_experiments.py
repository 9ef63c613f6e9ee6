"""Experiment records: one question, its arms, and every number that was measured.  Written whole, sealed.

Chapter 3 reads the first.  An experiment record holds ``experiment.json`` (what was asked, of which data, on what) and
``results.csv`` (one row a number).  :mod:`helpers.records` keeps the records of models.
"""

from pathlib import Path

import numpy as np

from helpers.records import _seal as records
from helpers.records._seal import RecordError

EXPERIMENT_COLUMNS = ("repetition", "arm", "stratum", "metric", "value")
FACTS = {key: records.FACTS[key] for key in ("name", "data", "fingerprint", "synthetic", "device", "versions")}
FACTS |= {"question": str, "date": str, "seed": int, "notes": str}


def write_experiment(folder, experiment, results):
    """Write an experiment record and return its path, ``folder / name``; None: into :func:`helpers.records.own_folder`.

    Parameters
    ----------
    experiment : dict
        ``name``, ``question``, ``data``, ``fingerprint``, ``synthetic``, ``device``, ``versions``, ``date``, ``seed``,
        ``notes`` and whatever else describes it.
    results : pandas.DataFrame
        ``repetition, arm, stratum, metric, value``: one row a number measured.
    """
    records.check_facts(experiment, FACTS, "experiment.json")
    if list(results.columns) != list(EXPERIMENT_COLUMNS):
        raise RecordError(
            f"results.csv has the columns {list(results.columns)}; give {list(EXPERIMENT_COLUMNS)}, in this order"
        )
    wrong = np.flatnonzero(~np.isfinite(results["value"]))
    if len(wrong):
        row = results.iloc[wrong[0]].to_dict()
        raise RecordError(
            f"results.csv, row {wrong[0]} ({row}): the value is no finite number; measure it or leave it out"
        )
    files = {"results.csv": records.to_csv(results, 6)}
    return records.save(Path(folder or records.own_folder()) / experiment["name"], "experiment.json", experiment, files)


def load_experiment(path):
    """Return the facts and the results of an experiment record; raise :class:`RecordError` if it is not whole."""
    experiment, files = records.read(path, "experiment.json")
    return experiment, records.from_csv(files["results.csv"], ("arm", "stratum", "metric"))

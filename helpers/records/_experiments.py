"""Experiment records: one question, its arms, and every number that was measured.  Written whole, sealed.

An experiment record holds ``experiment.json`` (what was asked, of which data, on what) and ``results.csv`` (one row a
number).  A benchmark is one JSON file: what a machine took for something.
"""

import json

import numpy as np

from helpers.records import _seal as seal
from helpers.records._seal import RecordError

COLUMNS = ("repetition", "arm", "stratum", "metric", "value")
FACTS = {key: seal.FACTS[key] for key in ("name", "data", "fingerprint", "synthetic", "device", "versions")}
FACTS |= {"question": str, "date": str, "seed": int, "notes": str}


def write_experiment(folder, experiment, results):
    """Write an experiment record and return its path, ``folder / name``; None: among your own records.

    Parameters
    ----------
    folder : Path or None
    experiment : dict
        ``name``, ``question``, ``data``, ``fingerprint``, ``synthetic``, ``device``, ``versions``, ``date``, ``seed``,
        ``notes`` and whatever else describes it.
    results : pandas.DataFrame
        ``repetition, arm, stratum, metric, value``: one row a number measured.

    Raises
    ------
    RecordError
        If a fact or a column is missing, a value is no finite number, or the name is that of a record of the book.
    """
    seal.check_facts(experiment, FACTS, "experiment.json")
    path = seal.target(folder, experiment["name"])
    if list(results.columns) != list(COLUMNS):
        raise RecordError(f"results.csv has the columns {list(results.columns)}; give {list(COLUMNS)}, in this order")
    wrong = np.flatnonzero(~np.isfinite(results["value"]))
    if len(wrong):
        row = results.iloc[wrong[0]].to_dict()
        raise RecordError(
            f"results.csv, row {wrong[0]} ({row}): the value is no finite number; measure it or leave it out"
        )
    return seal.save(path, "experiment.json", experiment, {"results.csv": seal.to_csv(results, 6)})


def load_experiment(name_or_path):
    """Return the facts (a dict) and the results of an experiment record, by its name or the path of its folder.

    Returns
    -------
    dict, pandas.DataFrame
        The results have the columns ``repetition, arm, stratum, metric, value``: one row a number measured.

    Raises
    ------
    RecordError
        If there is no such record, or it is not whole and as it was written.

    Examples
    --------
    >>> from helpers import records
    >>> facts, results = records.load_experiment("cnn-ablation")
    >>> results["arm"].unique().tolist()
    ['paper', 'batch-norm', 'narrow-head', 'both']
    """
    path = seal.find(name_or_path, "experiment.json")
    experiment, files = seal.read(path, "experiment.json", required=("results.csv",))
    try:
        results = seal.from_csv(files["results.csv"], ("arm", "stratum", "metric"))
    except (ValueError, KeyError) as error:
        raise RecordError(f"{path / 'results.csv'} cannot be read ({error}): write the record again") from error
    return experiment, results


def load_benchmark(name):
    """Return what a benchmark of the book measured: a dict, with the device and the date.

    Parameters
    ----------
    name : str
        ``"pipeline"``: input pipelines, images a second.  ``"networks"``: training steps with and without a cache.

    Raises
    ------
    RecordError
        For an unknown name; it lists those that there are.

    Examples
    --------
    >>> from helpers import records
    >>> measured = records.load_benchmark("pipeline")
    >>> max(measured["images_per_second"], key=measured["images_per_second"].get)
    'no augmentation'
    """
    names = sorted(path.stem for path in seal.book_folder().glob("*.json"))
    if name not in names:
        raise RecordError(f"no benchmark is called {name!r}; there are {', '.join(names)}")
    return json.loads((seal.book_folder() / f"{name}.json").read_text(encoding="utf-8"))

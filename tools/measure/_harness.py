"""What the measuring scripts share: arguments, the real images, what a stopped run keeps, experiment records.

The command line is ``python -m tools.measure.SCRIPT --data FOLDER --cache FOLDER [--only PATTERN]``, from the root of
the repository.  A script measures the records of its plan in order, the most valuable first, and leaves alone what
:data:`RESULTS` has already.
"""

import argparse
import json
import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import data, records, settings
from helpers.data._files import write_text
from helpers.ham10000 import CLASSES
from helpers.records import _experiments, _runs

RESULTS = Path(__file__).parents[2] / "book" / "results"


def parser(doc):
    """Return the parser of a script's arguments; ``doc`` is the script's docstring."""
    arguments = argparse.ArgumentParser(description=doc.splitlines()[0])
    arguments.add_argument("--data", required=True, help="the folder with HAM10000")
    arguments.add_argument("--cache", required=True, help="where everything that a stopped run can use is kept")
    arguments.add_argument("--only", default="", help="only records whose name matches this regular expression")
    return arguments


def chosen(plan, only):
    """Return the part of a plan, ``{name of a record: what to measure}``, whose names match a regular expression.

    Raises
    ------
    SystemExit
        If no name matches.
    """
    entries = {name: entry for name, entry in plan.items() if re.search(only, name)}
    if not entries:
        raise SystemExit(f"--only {only!r} matches no record of the plan: {', '.join(plan)}")
    return entries


def load(chapter, options, **sizes):
    """Return settings and images of a chapter in the workshop tier; ``sizes`` replace some of the tier's.

    Raises
    ------
    SystemExit
        If the images are drawn: a record of the book is measured on the real ones.
    """
    config = settings.for_chapter(chapter, tier="workshop", data=options.data, cache=options.cache)
    config = replace(config, sizes=replace(config.sizes, **sizes))
    ham = data.load(config)
    if ham.synthetic:
        raise SystemExit("these are drawn images; the book's records are measured on the real HAM10000")
    return config, ham


def log(*values):
    """Print with the time of day, at once."""
    print(time.strftime("%H:%M:%S"), *values, flush=True)


def stored_run(name):
    """Return the book's run record of this name, or None."""
    path = RESULTS / name
    return records.load_run(path) if (path / "run.json").exists() else None


def kept(path, measure):
    """Return ``measure()``, a JSON value, from the file ``path`` if it is there; else measure, and keep it there."""
    if not path.exists():
        write_text(path, json.dumps(measure()))
    return json.loads(path.read_text(encoding="utf-8"))


def probabilities(predictions, fold, image_ids):
    """Return the probabilities ``(n, 7)`` that a record's predictions of a fold give to images, in their order.

    Raises
    ------
    SystemExit
        If the fold of the record is of other images.
    """
    of_fold = predictions[predictions["fold"] == fold].set_index("image_id")
    if set(of_fold.index) != set(image_ids):
        raise SystemExit(f"fold {fold} of a record is of other images than the split; move the record away")
    return of_fold.loc[image_ids, list(CLASSES)].to_numpy()


def write_run(run, table, splits, validation, test):
    """Write a run record of the book and log it.

    Parameters
    ----------
    run : dict
        See :func:`helpers.records._runs.write_run`.
    table : pandas.DataFrame
    splits : list of Split
        One for each of ``run["folds"]``.
    validation, test : list of (n, 7) probabilities
        Of the rows of each split.
    """

    def frames(rows, y_probs):
        parts = zip(splits, y_probs, run["folds"], strict=True)
        frames = [_runs.frame(table, getattr(split, rows), y_prob, fold) for split, y_prob, fold in parts]
        return pd.concat(frames, ignore_index=True)

    path = _runs.write_run(
        RESULTS,
        run,
        frames("test", test),
        table=table,
        split=splits,
        validation_predictions=frames("validation", validation),
    )
    log(repr(records.load_run(path)))


def subsample(rows, groups, most, seed):
    """Return at most ``most`` of the rows, drawn by whole lesion groups, sorted.

    Parameters
    ----------
    rows : (n,) positions in the table, sorted
    groups : group of each image of the table
    most, seed : int
    """
    order = np.random.default_rng(seed).permutation(np.unique(groups[rows]))
    place = pd.Series(np.arange(len(order)), index=order)[groups[rows]].to_numpy()
    return rows[np.bincount(place).cumsum()[place] <= most]


def experiment_facts(ham, config, device=None):
    """Return what an experiment record says of data, seed, versions, device and date."""
    facts = _runs.facts(ham, config, device)
    del facts["tier"]
    return facts


def stored_experiment(name, facts, notes):
    """Return facts and results of the book's experiment record of this name; None, and an empty table without one.

    Parameters
    ----------
    name : str
    facts : dict
        What has to be the same in the record, so that it can grow by further repetitions.
    notes : str
        What the record's notes have to contain, for the same reason.

    Raises
    ------
    SystemExit
        If the record was measured in another way.
    """
    path = RESULTS / name
    if not (path / "experiment.json").exists():
        return None, pd.DataFrame(columns=list(_experiments.COLUMNS))
    experiment, results = records.load_experiment(path)
    different = [key for key, value in facts.items() if experiment.get(key) != value]
    if notes not in experiment["notes"]:
        different.append("notes")
    if different:
        raise SystemExit(f"{path} was measured in another way ({', '.join(different)}); move it away to measure anew")
    return experiment, results


def write_experiment(experiment, rows):
    """Write an experiment record of the book and return its results.

    Parameters
    ----------
    experiment : dict
        See :func:`helpers.records._experiments.write_experiment`.
    rows : list of tuple
        ``(repetition, arm, stratum, metric, value)``.
    """
    results = pd.DataFrame(rows, columns=list(_experiments.COLUMNS))
    log(_experiments.write_experiment(RESULTS, experiment, results))
    return results

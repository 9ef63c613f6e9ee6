"""The metrics again, on parts of the test set: does the average hide somebody?

Aggregates only: a table of slices holds no row of the metadata, nor slices so small that they come close to one.
"""

from itertools import pairwise

import numpy as np
import pandas as pd

from helpers.evaluate import _metrics as metrics
from helpers.settings import SEED
from helpers.splits import lesion_groups

#: A slice of fewer lesion groups is marked ``small``: read its interval, not its value.
SMALL = 30
#: One of fewer than this is left out.
FEWEST = 10
#: Age bands in years, [from, to).
AGES = (0, 30, 45, 60, 75, np.inf)

COLUMNS = ("slice", "stratum", "images", "lesions", "small")
COLUMNS += ("metric", "dx", "value", "low", "high", "floor", "undefined", "note")


def strata(table):
    """Return ``{(slice, stratum): (n,) bool array}`` over the rows of a table with an image a row.

    Slices: ``dx_type`` (histo: diagnosed under the microscope), ``age`` in years, ``sex``, ``site``, ``source``, and
    ``leakable``: yes for an image whose lesion group has another image in the table, which a split by image can put
    into the training set.
    """
    masks = {("dx_type", "histo"): table["dx_type"] == "histo"}
    masks[("age", "unknown")] = table["age"].isna()
    for low, high in pairwise(AGES):
        label = f"{low} and over" if high == np.inf else f"{low} to {high - 1}"
        masks[("age", label)] = table["age"].between(low, high, inclusive="left")
    for name, column in {"sex": "sex", "site": "localization", "source": "dataset"}.items():
        masks.update({(name, value): table[column] == value for value in sorted(table[column].unique())})
    leakable = lesion_groups(table).duplicated(keep=False)
    masks.update({("leakable", "yes"): leakable, ("leakable", "no"): ~leakable})
    return {key: mask.to_numpy() for key, mask in masks.items() if mask.any()}


def report_slices(table, rows, y_prob, resamples=metrics.RESAMPLES, seed=SEED, melanoma_threshold=None):
    """Return :func:`helpers.evaluate.report` of each slice of a test set, with the floor of each slice.

    Left out are slices of fewer than :data:`FEWEST` lesion groups, and in a slice the classes that it does not have.

    Parameters
    ----------
    table : pandas.DataFrame
        ``Dataset.table``, whole: siblings are looked for in all of it.
    rows : (n,) array of int
        Positions of the tested images in the table.
    y_prob : (n, 7) array of float
    melanoma_threshold : dict, optional
        As of :func:`helpers.evaluate.report`; never chosen by slice.

    Returns
    -------
    pandas.DataFrame with ``slice``, ``stratum``, ``images``, ``lesions``, ``small`` (fewer than :data:`SMALL` lesions)
    and the columns of ``report``.
    """
    rows, y_prob = np.asarray(rows), np.asarray(y_prob)
    truth, groups = table["dx"].to_numpy()[rows], lesion_groups(table).to_numpy()[rows]
    thresholds = {share: np.broadcast_to(value, len(rows)) for share, value in (melanoma_threshold or {}).items()}
    tables = []
    for (name, stratum), whole in strata(table).items():
        part = whole[rows]
        lesions = len(np.unique(groups[part]))
        if lesions < FEWEST:
            continue
        own = {share: value[part] for share, value in thresholds.items()}
        scores = metrics.report(truth[part], y_prob[part], groups[part], resamples, seed, own)
        scores = scores[scores["note"] != metrics.NO_IMAGE]
        about = {"slice": name, "stratum": stratum, "images": part.sum(), "lesions": lesions, "small": lesions < SMALL}
        tables.append(scores.assign(**about)[[*about, *scores.columns]])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(COLUMNS))

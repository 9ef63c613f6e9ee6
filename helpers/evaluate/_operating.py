"""What a threshold finds, misses and costs, with intervals over lesions."""

import numpy as np
import pandas as pd

from helpers.evaluate._bootstrap import RESAMPLES, group_weights, interval
from helpers.settings import SEED


def operating_points(is_positive, probability, groups, thresholds, costs, resamples=RESAMPLES, seed=SEED):
    """Return what acting from each threshold on finds, spares and costs, with 95 % intervals over lesion groups.

    An image is acted on where its probability is at least the threshold.  The cost is that of 1,000 images: 1 for each
    negative that is acted on, ``cost`` for each positive that is not.

    Parameters
    ----------
    is_positive : (n,) bool array
        Whether each image is of the diagnosis that is looked for; some have to be, and some not.
    probability : (n,) float array
        What the model gives that diagnosis.
    groups : (n,) array of str
        Lesion group of each image.
    thresholds, costs : sequences of float
    resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        A row for each threshold.  Its columns have two levels: ``"sensitivity"``, ``"specificity"`` and each of the
        costs; ``"value"``, ``"low"`` and ``"high"``.

    Raises
    ------
    ValueError
        If all images are positive, or none is.

    Examples
    --------
    Two of three lesions with a probability of a half or more are melanomas, and one melanoma lies below.

    >>> from helpers import evaluate
    >>> is_melanoma = [True, True, False, True, False, False]
    >>> points = evaluate.operating_points(is_melanoma, [0.9, 0.8, 0.5, 0.2, 0.1, 0.1], list("abcdef"), [0.5], [20])
    >>> points.xs("value", axis=1, level=1).round(3)
         sensitivity  specificity      20
    0.5        0.667        0.667  3500.0
    """
    is_positive, probability = np.asarray(is_positive, dtype=bool), np.asarray(probability, dtype=float)
    if is_positive.all() or not is_positive.any():
        raise ValueError("sensitivity and specificity need positive and negative images: is_positive has one kind only")
    order = np.argsort(-probability, kind="stable")
    positive = is_positive[order][:, None]
    acted_on = len(order) - np.searchsorted(np.sort(probability), thresholds, side="left")

    def measures(weights):
        """The measures of each column of weights: an array (measures, thresholds, columns)."""
        weights = weights[order].astype(float)
        start = np.zeros((1, weights.shape[1]))
        found = np.vstack([start, np.cumsum(weights * positive, axis=0)])
        needless = np.vstack([start, np.cumsum(weights * ~positive, axis=0)])
        positives, negatives = found[-1], needless[-1]
        found, needless = found[acted_on], needless[acted_on]
        cost = [1000 * (one * (positives - found) + needless) / (positives + negatives) for one in costs]
        with np.errstate(invalid="ignore"):
            return np.stack([found / positives, 1 - needless / negatives, *cost])

    values = measures(np.ones((len(order), 1)))[:, :, 0]
    draws = np.concatenate([measures(weights) for weights in group_weights(groups, resamples, seed)], axis=2)
    table = {}
    for name, value, drawn in zip(["sensitivity", "specificity", *costs], values, draws, strict=True):
        low, high = interval(drawn)
        table |= {(name, "value"): value, (name, "low"): low, (name, "high"): high}
    return pd.DataFrame(table, index=list(thresholds))

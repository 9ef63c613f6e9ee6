"""Resamples of lesion groups as weights, and what follows from weights: percentile intervals, areas under curves.

A resample draws as many lesion groups as there are, with replacement; an image then weighs
as often as its group was drawn.  So a metric of 2,000 resamples is a metric of 2,000 columns of weights: sums become
matrix products, ranks become cumulative sums, and no image is copied.  Images of one lesion are not independent:
resampling images instead of groups makes the intervals too narrow (cluster bootstrap: Davison and Hinkley,
"Bootstrap Methods and their Application", 1997, section 3.8).
"""

import numpy as np

from helpers.settings import SEED

RESAMPLES = 2000
#: Resamples worked on together: 10,000 images by this many weights of 4 bytes take 4 MB.
CHUNK = 100


def group_weights(groups, resamples=RESAMPLES, seed=SEED):
    """Yield the weights of the images in bootstrap resamples of lesion groups, 100 resamples at a time.

    The weighted mean of a score, image by image, is that score in the resample: ``score @ weights /
    weights.sum(axis=0)``.

    Parameters
    ----------
    groups : (n,) array of str
        Lesion group of each image; see :func:`helpers.splits.lesion_groups`.
    resamples, seed : int

    Yields
    ------
    (n, at most 100) float32 array
        How often each image's group was drawn, one resample a column.  (float32 holds whole numbers up to 16 million
        exactly.)

    Examples
    --------
    Images of one lesion are drawn together, or not at all.

    >>> import numpy as np
    >>> from helpers import evaluate
    >>> weights = np.hstack(list(evaluate.group_weights(["a", "a", "b", "c"], resamples=5)))
    >>> weights.astype(int)
    array([[2, 2, 2, 2, 1],
           [2, 2, 2, 2, 1],
           [1, 0, 0, 1, 1],
           [0, 1, 1, 0, 1]])
    """
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    rng = np.random.default_rng(seed)
    for first in range(0, resamples, CHUNK):
        columns = min(CHUNK, resamples - first)
        drawn = rng.integers(len(names), size=(columns, len(names)))
        drawn += np.arange(columns)[:, None] * len(names)
        counts = np.bincount(drawn.ravel(), minlength=columns * len(names)).reshape(columns, len(names))
        yield np.ascontiguousarray(counts.T, dtype=np.float32)[codes]


def interval(draws):
    """Return ``low`` and ``high``, the 2.5th and 97.5th percentile of each row of ``(k, resamples)`` draws.

    A resample in which a metric is undefined (NaN) is left out of that metric's interval; where it is undefined in
    all of them, or there are none, so are both ends.
    """
    low, high = np.full((2, len(draws)), np.nan)
    for row, values in enumerate(draws):
        values = values[~np.isnan(values)]
        if len(values):
            low[row], high[row] = np.percentile(values, [2.5, 97.5])
    return low, high


def curve_areas(positive, score, weights):
    """Return the ROC-AUC and the PR-AUC (average precision) of each column of weights.

    As scikit-learn's ``roc_auc_score`` and ``average_precision_score`` with ``sample_weight``: images of equal score
    count half in the first, and share one threshold in the second.

    Parameters
    ----------
    positive : (n,) bool array
    score : (n,) float array
    weights : (n, resamples) float array

    Returns
    -------
    Two (resamples,) arrays; NaN where no positive or, for the ROC-AUC, no negative image has weight.
    """
    order = np.argsort(-score, kind="stable")
    positive, score = positive[order], score[order]
    starts = np.flatnonzero(np.r_[True, score[1:] != score[:-1]])
    # Only thresholds that a positive image reaches change either area.
    changes = np.logical_or.reduceat(positive, starts)
    ends = np.r_[starts[1:], len(score)][changes]
    starts = starts[changes]
    # Cut at the start and the end of each such run of equal scores; sum between the cuts, then accumulate.
    cuts = np.unique(np.r_[0, starts, ends[ends < len(score)]])
    weights = weights[order]
    reached = np.cumsum(np.add.reduceat(weights, cuts, axis=0), axis=0, dtype=float)
    total = reached[-1]
    reached = np.vstack([np.zeros_like(total), reached])
    cuts = np.r_[cuts, len(score)]
    before, after = reached[np.searchsorted(cuts, starts)], reached[np.searchsorted(cuts, ends)]
    rows = np.flatnonzero(positive)
    hits = np.add.reduceat(weights[rows], np.searchsorted(rows, starts), axis=0) if len(rows) else before
    hits = hits.astype(float)
    true_positives = np.cumsum(hits, axis=0)
    false_before = before - (true_positives - hits)
    false_after = after - true_positives
    positives = hits.sum(axis=0)
    negatives = total - positives
    with np.errstate(divide="ignore", invalid="ignore"):
        roc = (hits * (negatives - (false_before + false_after) / 2)).sum(axis=0) / (positives * negatives)
        pr = (hits * np.nan_to_num(true_positives / after)).sum(axis=0) / positives
    return roc, pr

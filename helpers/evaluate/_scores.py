"""Every metric as a function of weights: what ``_metrics`` reports and ``_bootstrap`` resamples.

Counts (who was called what, which bin, how many melanomas over the threshold) are sums over
images, so 2,000 resamples of them are one matrix product; the scores follow from the counts.
"""

import numpy as np
from scipy.sparse import csr_array

from helpers.evaluate._bootstrap import curve_areas
from helpers.ham10000 import CLASSES

#: Equal-width bins (k/15, (k+1)/15] of the highest probability, for the expected calibration error.
ECE_BINS = 15
MELANOMA = CLASSES.index("mel")


def weighted(truth, prob, weights, thresholds, curves=True):
    """Return ``{(metric, dx): (resamples,) array}``; ``dx`` is "all" or one class against the rest.

    Parameters
    ----------
    truth : (n,) array of int, positions in CLASSES
    prob : (n, 7) array of float
    weights : (n, resamples) array of float
    thresholds : dict
        ``{specificity: (n,) array}``, melanoma thresholds of each image.
    curves : bool
        Also the areas under the ROC and the precision-recall curves, which take most of the time.

    Notes
    -----
    A class of no weight has no score (NaN) and stands in no average over classes; precision without an answer is 0.
    ECE: the weighted mean over :data:`ECE_BINS` bins of |accuracy - mean confidence| (Guo et al., ICML 2017).
    Brier score: the mean over images of the sum over classes of squared errors, 0 to 2 (Brier, 1950).
    """
    answer = prob.argmax(axis=1)
    n_classes = len(CLASSES)
    confusion = _sums(truth * n_classes + answer, n_classes**2, weights).reshape(n_classes, n_classes, -1)
    support, answered, right = confusion.sum(axis=1), confusion.sum(axis=0), confusion.diagonal().T
    total = support.sum(axis=0)
    present = support > 0

    def ratio(numerator, denominator):
        """Return the ratio; 0 where the denominator is 0, NaN where the class has no image."""
        safe = np.where(denominator > 0, denominator, 1)
        return np.where(present, numerator / safe, np.nan)

    by_class = {
        "precision": ratio(right, answered),
        "recall": ratio(right, support),
        "f1": ratio(2 * right, support + answered),
    }
    under_curves = ("roc_auc", "average_precision") if curves else ()
    if curves:
        pairs = [curve_areas(truth == code, prob[:, code], weights) for code in range(n_classes)]
        by_class |= {name: np.array(areas) for name, areas in zip(under_curves, zip(*pairs, strict=True), strict=True)}
    accuracy = right.sum(axis=0) / total

    values = {("accuracy", "all"): accuracy, ("balanced_accuracy", "all"): _mean(by_class["recall"])}
    for name in ("precision", "recall", "f1"):
        values[f"{name}_macro", "all"] = _mean(by_class[name])
        values[f"{name}_weighted", "all"] = np.nansum(by_class[name] * support, axis=0) / total
        # One answer an image: every wrong one is one false positive and one false negative.
        values[f"{name}_micro", "all"] = accuracy
    for name in under_curves:
        values[f"{name}_macro", "all"] = _mean(by_class[name])
    melanoma = truth == MELANOMA
    for share, threshold in thresholds.items():
        called = prob[:, MELANOMA] >= threshold
        kinds = _sums(melanoma * 2 + called, 4, weights)
        with np.errstate(invalid="ignore"):
            values[f"sensitivity_at_specificity_{share * 100:g}", "mel"] = kinds[3] / (kinds[2] + kinds[3])
            values[f"specificity_reached_{share * 100:g}", "mel"] = kinds[0] / (kinds[0] + kinds[1])
    values["ece", "all"] = _ece(prob.max(axis=1), answer == truth, weights, total)
    errors = np.sum((prob - np.eye(n_classes)[truth]) ** 2, axis=1)
    values["brier", "all"] = _sums(np.zeros_like(truth), 1, weights, errors)[0] / total
    for name, rows in (by_class | {"support": support}).items():
        values.update({(name, dx): row for dx, row in zip(CLASSES, rows, strict=True)})
    return values


def _sums(codes, n_codes, weights, values=1.0):
    """Return the sum of weight x value of each code: ``(n_codes, resamples)``."""
    # One entry an image, so a sparse product touches each weight once; a dense one would also wake BLAS's threads,
    # which cost more than they bring here.
    values = np.broadcast_to(np.asarray(values, dtype=float), len(codes))
    return csr_array((values, (codes, np.arange(len(codes)))), shape=(n_codes, len(codes))) @ weights


def _mean(rows):
    """Return the mean over the classes that have a score."""
    scored = ~np.isnan(rows)
    return np.nansum(rows, axis=0) / np.where(scored.any(axis=0), scored.sum(axis=0), np.nan)


def _ece(confidence, right, weights, total):
    bins = np.digitize(confidence, np.linspace(0, 1, ECE_BINS + 1)[1:-1], right=True)
    # Weight x |accuracy - confidence| of a bin is |sum of (right - confidence)|, so empty bins need no care.
    return np.abs(_sums(bins, ECE_BINS, weights, right - confidence)).sum(axis=0) / total

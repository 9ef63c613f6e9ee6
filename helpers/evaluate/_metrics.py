"""How good the answers are, and how sure we are of it: every metric with its interval and its floor.

``y_true`` is an (n,) array of class codes such as ``"mel"``,
``y_prob`` an (n, 7) array of probabilities in the order of :data:`helpers.ham10000.CLASSES`; the answer is the class
of the highest one.  Every metric is a function of weights: weights of one give the value, resampled weights the 95 %
interval, so the two cannot be of different things.  The tests compare each with scikit-learn's function of it, resample
by resample.

Three conventions.  A class that is never the answer has a precision of 0 (scikit-learn's ``zero_division=0``), and
the note says so.  A class without an image in the test set, or in a resample, has no score there (NaN): averages over
classes leave it out, as scikit-learn's ``balanced_accuracy_score`` does, and so does its own interval; the column
``undefined`` counts such resamples.  Intervals are percentiles; that of the ECE is biased upwards, because resampling
adds noise to every bin.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.evaluate import _bootstrap as bootstrap
from helpers.evaluate import _scores as scores
from helpers.evaluate._bootstrap import RESAMPLES
from helpers.ham10000 import CLASSES
from helpers.settings import SEED

#: The specificities at which melanoma sensitivity is reported.
SPECIFICITIES = (0.90, 0.95)
#: How far from 1 the probabilities of an image may sum.
TOLERANCE = 1e-3
NEVER_ANSWERED = "never the answer; precision set to 0"
NO_IMAGE = "no image of this class"


def report(y_true, y_prob, groups, resamples=RESAMPLES, seed=SEED, melanoma_threshold=None):
    """Return every metric with its 95 % interval and its floor.

    Parameters
    ----------
    y_true : (n,) array of str
    y_prob : (n, 7) array of float
    groups : (n,) array of str
        Lesion groups, which the bootstrap resamples (:func:`helpers.splits.lesion_groups`).
    resamples, seed : int
        No resamples: no intervals (NaN).
    melanoma_threshold : dict, optional
        ``{specificity: threshold}`` from :func:`melanoma_threshold`, that is, from validation predictions.  A threshold
        is one number, or (n,) numbers where models with thresholds of their own tested the images.  None: the
        sensitivities are left out.

    Returns
    -------
    pandas.DataFrame with the columns

    - ``metric``; ``dx``: "all", or the class that is held against the rest;
    - ``value``, ``low``, ``high``: the metric and its 95 % percentile interval;
    - ``floor``: the same metric for always answering the most frequent class of this test set (:func:`floor`);
    - ``undefined``: in how many resamples the metric has no value; ``note``: what to know about the value.

    Raises
    ------
    ValueError
        For input that does not fit; it names the row and the value.

    Examples
    --------
    >>> import numpy as np
    >>> from helpers import evaluate
    >>> y_true = ["nv", "nv", "nv", "mel"]
    >>> y_prob = np.array([[0, 0, 0, 0, p, 1 - p, 0] for p in (0.1, 0.2, 0.7, 0.9)])  # one column a class
    >>> table = evaluate.report(y_true, y_prob, groups=["a", "a", "b", "c"], resamples=200)
    >>> table.loc[table["metric"].isin(["accuracy", "balanced_accuracy"]), ["metric", "value", "low", "high", "floor"]]
                  metric     value  low  high  floor
    0           accuracy  0.750000  0.0   1.0   0.75
    1  balanced_accuracy  0.833333  0.0   1.0   0.50
    """
    truth, prob, groups = _checked(y_true, y_prob, groups)
    thresholds = _thresholds(melanoma_threshold, len(truth))
    values = _value(truth, prob, thresholds)
    floors = _floor(truth, thresholds)
    table = pd.DataFrame(values.keys(), columns=["metric", "dx"])
    table["value"] = list(values.values())
    (draws,) = _draws(truth, [prob], groups, resamples, seed, thresholds)
    table["low"], table["high"] = bootstrap.interval(draws)
    table.loc[table["metric"] == "support", ["low", "high"]] = np.nan
    table["floor"] = list(floors.values())
    table["undefined"] = np.isnan(draws).sum(axis=1)
    answered = set(answers(prob))
    never = [dx for dx in CLASSES if values["support", dx] and dx not in answered]
    table["note"] = [_note(metric, dx, values, never) for metric, dx in values]
    return table


def floor(y_true):
    """Return ``metric, dx, value`` for always answering the most frequent class of ``y_true``.

    Its probabilities are the shares of the classes in ``y_true``, as those of scikit-learn's
    ``DummyClassifier(strategy="prior")``: one answer for every image, and calibrated.  So its ECE is 0, its ROC-AUC .5,
    and its PR-AUC the share of the class.

    Parameters
    ----------
    y_true : (n,) array of str

    Raises
    ------
    ValueError
        For what is no class, or no image at all.

    Examples
    --------
    >>> from helpers import evaluate
    >>> floor = evaluate.floor(["nv", "nv", "nv", "mel"]).set_index(["metric", "dx"])["value"]
    >>> float(floor["accuracy", "all"]), float(floor["balanced_accuracy", "all"]), float(floor["recall", "mel"])
    (0.75, 0.5, 0.0)
    """
    values = _floor(_codes(y_true), {})
    return pd.DataFrame(values.keys(), columns=["metric", "dx"]).assign(value=list(values.values()))


def answers(y_prob):
    """Return the class codes of the highest probabilities, (n,) str; of equal ones the first in class order.

    Parameters
    ----------
    y_prob : (n, 7) array of float
        Probabilities in the order of :data:`helpers.ham10000.CLASSES`.

    Examples
    --------
    >>> from helpers import evaluate
    >>> evaluate.answers([[0.1, 0.1, 0.1, 0.1, 0.2, 0.3, 0.1], [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]]).tolist()
    ['nv', 'mel']
    """
    return np.array(CLASSES)[np.argmax(y_prob, axis=1)]


def melanoma_threshold(y_true, y_prob, specificities=SPECIFICITIES):
    """Return ``{specificity: threshold}``: call melanoma where ``p(mel) >= threshold``.

    Give it **validation** predictions: a threshold chosen on the test set has seen the answers.  It is the lowest one
    that leaves at least that share of the other images below it (scikit-learn's ``roc_curve``); ``inf``, no call at
    all, where none does.

    Raises
    ------
    ValueError
        If there is no melanoma, or nothing else, among ``y_true``.
    """
    from sklearn.metrics import roc_curve

    truth, prob, _ = _checked(y_true, y_prob, y_true)
    melanoma = truth == scores.MELANOMA
    if melanoma.all() or not melanoma.any():
        raise ValueError(
            f"{melanoma.sum()} of the {len(truth)} validation images are melanomas: a threshold needs both melanomas "
            "and others; use more validation data"
        )
    false_alarms, _, thresholds = roc_curve(melanoma, prob[:, scores.MELANOMA], drop_intermediate=False)
    # 1 - .9 is a little less than .1, and must not cost a threshold at which exactly a tenth are called.
    return {share: float(thresholds[1 - false_alarms >= share - 1e-12][-1]) for share in specificities}


def paired_bootstrap(y_true, prob_a, prob_b, groups, resamples=RESAMPLES, seed=SEED, curves=True):
    """Return the difference of two models on the same images, metric by metric, with its 95 % interval.

    Both models see each resample, so what makes a test set easy for both cancels.  An interval without 0 says that b
    differs from a on lesions like these; whether training again would show the same, only several seeds can tell.  The
    ends are drawn, too: with another seed they move a little.

    Parameters
    ----------
    y_true : (n,) array of str
    prob_a, prob_b : (n, 7) arrays of float
    groups : (n,) array of str
        Lesion groups, which the bootstrap resamples.
    resamples, seed : int
    curves : bool
        False: without the areas under the ROC and the precision-recall curves, in a small part of the time.

    Returns
    -------
    pandas.DataFrame with the columns ``metric``, ``dx``, ``a``, ``b``, ``difference`` (b - a), ``low``, ``high`` and
    ``undefined``, in how many resamples it has no value.

    Raises
    ------
    ValueError
        For input that does not fit; it names the row and the value.

    Examples
    --------
    >>> import numpy as np
    >>> from helpers import evaluate
    >>> y_true = np.array(["nv", "mel"] * 50)
    >>> always_nv, perfect = np.eye(7)[[5] * 100], np.eye(7)[[5, 4] * 50]
    >>> pair = evaluate.paired_bootstrap(y_true, always_nv, perfect, np.arange(100), resamples=200, curves=False)
    >>> pair.loc[pair["metric"] == "accuracy", ["a", "b", "difference", "low", "high"]].round(2)
         a    b  difference  low  high
    0  0.5  1.0         0.5  0.4   0.6
    """
    return paired_bootstraps(y_true, [prob_a], prob_b, groups, resamples, seed, curves)[0]


def paired_bootstraps(y_true, probs_a, prob_b, groups, resamples=RESAMPLES, seed=SEED, curves=True):
    """Return :func:`paired_bootstrap` of each of ``probs_a`` with b, which is scored once for all of them."""
    truth, prob_b, groups = _checked(y_true, prob_b, groups)
    probs_a = [_checked(y_true, prob_a, groups)[1] for prob_a in probs_a]
    draws_b, *draws = _draws(truth, [prob_b, *probs_a], groups, resamples, seed, {}, curves)
    values_b, tables = _value(truth, prob_b, {}, curves), []
    for prob_a, draws_a in zip(probs_a, draws, strict=True):
        values_a = _value(truth, prob_a, {}, curves)
        table = pd.DataFrame(values_a.keys(), columns=["metric", "dx"])
        table["a"], table["b"] = list(values_a.values()), list(values_b.values())
        table["difference"] = table["b"] - table["a"]
        table["low"], table["high"] = bootstrap.interval(draws_b - draws_a)
        table["undefined"] = np.isnan(draws_b - draws_a).sum(axis=1)
        tables.append(table[table["metric"] != "support"].reset_index(drop=True))
    return tables


@dataclass(frozen=True)
class McNemar:
    """Images that only a, and only b, answers rightly, and the two-sided exact p-value of so uneven a division."""

    only_a: int
    only_b: int
    p_value: float


def mcnemar(y_true, pred_a, pred_b):
    """Return McNemar's exact test of equal accuracy (statsmodels); the answers are class codes, (n,) each.

    It takes images as independent, which images of one lesion are not: give it answers per lesion
    (:func:`per_lesion`), or use :func:`paired_bootstrap`.
    """
    from statsmodels.stats import contingency_tables

    truth, pred_a, pred_b = (_codes(values) for values in (y_true, pred_a, pred_b))
    if not len(truth) == len(pred_a) == len(pred_b):
        raise ValueError(f"{len(truth)} true classes, but {len(pred_a)} and {len(pred_b)} answers: give one an image")
    right_a, right_b = pred_a == truth, pred_b == truth
    table = pd.crosstab(right_a, right_b).reindex(index=[True, False], columns=[True, False], fill_value=0)
    p_value = contingency_tables.mcnemar(table, exact=True).pvalue
    return McNemar(int(table.loc[True, False]), int(table.loc[False, True]), float(p_value))


def per_lesion(y_true, y_prob, groups):
    """Return ``y_true, y_prob, groups`` with one row a lesion group: the mean of its images' probabilities.

    Raises
    ------
    ValueError
        For a group whose images carry different classes; it names the group.
    """
    truth, prob, groups = _checked(y_true, y_prob, groups)
    names, first, codes = np.unique(groups, return_index=True, return_inverse=True)
    mixed = np.flatnonzero(truth != truth[first][codes])
    if len(mixed):
        both = CLASSES[truth[first][codes][mixed[0]]], CLASSES[truth[mixed[0]]]
        raise ValueError(
            f"group {str(groups[mixed[0]])!r} holds images of {both[0]!r} and of {both[1]!r}: a lesion has one "
            "diagnosis; correct its rows, or give each its own group"
        )
    return np.array(CLASSES)[truth[first]], pd.DataFrame(prob).groupby(codes).mean().to_numpy(), names


def _value(truth, prob, thresholds, curves=True):
    """Return ``{(metric, dx): value}``."""
    columns = scores.weighted(truth, prob, np.ones((len(truth), 1)), thresholds, curves)
    return {key: float(column[0]) for key, column in columns.items()}


def _draws(truth, probs, groups, resamples, seed, thresholds, curves=True):
    """Return for each of ``probs`` the scores of the same resamples, (metrics, resamples)."""
    chunks = [
        [np.array(list(scores.weighted(truth, prob, weights, thresholds, curves).values())) for prob in probs]
        for weights in bootstrap.group_weights(groups, resamples, seed)
    ]
    if not chunks:
        return [np.empty((len(_value(truth, prob, thresholds, curves)), 0)) for prob in probs]
    return [np.concatenate(draws, axis=1) for draws in zip(*chunks, strict=True)]


def _floor(truth, thresholds):
    """Return ``{(metric, dx): value}`` of the floor, which calls nothing melanoma at any threshold."""
    share = np.bincount(truth, minlength=len(CLASSES)) / len(truth)
    never = {key: np.full(len(truth), np.inf) for key in thresholds}
    return _value(truth, np.tile(share, (len(truth), 1)), never)


def _note(metric, dx, values, never):
    if dx in CLASSES and values["support", dx] == 0:
        return NO_IMAGE
    if metric == "precision" and dx in never:
        return NEVER_ANSWERED
    if metric in ("precision_macro", "precision_weighted") and never:
        return f"{', '.join(never)}: {NEVER_ANSWERED}"
    return ""


def _thresholds(melanoma_threshold, n):
    return {share: np.broadcast_to(value, n) for share, value in (melanoma_threshold or {}).items()}


def _codes(y_true):
    """Return positions in CLASSES, (n,) int."""
    codes = pd.Index(CLASSES).get_indexer(np.asarray(y_true))
    if len(codes) == 0:
        raise ValueError("there are no images to evaluate")
    if codes.min() < 0:
        row = int(codes.argmin())
        raise ValueError(f"row {row}: {str(np.asarray(y_true)[row])!r} is not a class; use one of {', '.join(CLASSES)}")
    return codes


def _checked(y_true, y_prob, groups):
    """Return codes, probabilities and groups as arrays, or say what is wrong with them."""
    truth, prob, groups = _codes(y_true), np.asarray(y_prob, dtype=float), np.asarray(groups)
    if prob.shape != (len(truth), len(CLASSES)) or groups.shape != truth.shape:
        raise ValueError(
            f"y_prob has the shape {prob.shape} and groups {groups.shape}, but {len(truth)} images need "
            f"{(len(truth), len(CLASSES))} and {truth.shape}"
        )
    sums = prob.sum(axis=1)
    wrong = np.flatnonzero(~((np.abs(sums - 1) <= TOLERANCE) & (prob >= 0).all(axis=1)))
    if len(wrong):
        raise ValueError(
            f"row {wrong[0]}: the probabilities {prob[wrong[0]].round(4).tolist()} sum to {sums[wrong[0]]:.4f}; they "
            "must be at least 0 and sum to 1 (a softmax, not logits)"
        )
    return truth, prob, groups

"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from helpers.ham10000 import CLASSES

NAMES = ("accuracy", "micro precision", "micro recall", "weighted recall")


def given(function):
    return lambda ham: function


def numbers(**wrong):
    """A right answer to four-names, but for the names with underscores that are given, functions of the matrix."""

    def answer(matrix):
        found = dict.fromkeys(NAMES, np.trace(matrix) / matrix.sum())
        return found | {name.replace("_", " "): function(matrix) for name, function in wrong.items()}

    return answer


def recalls(matrix):
    return np.diag(matrix) / matrix.sum(axis=1).clip(1)


def undefined(matrix):
    with np.errstate(invalid="ignore"):
        return (np.diag(matrix) / matrix.sum(axis=1)) @ matrix.sum(axis=1) / matrix.sum()


def share(counts):
    return counts.max() / counts.sum()


def f1(counts):
    return 2 * share(counts) / (1 + share(counts))


def lesions(truth, prob_a, prob_b, groups, mean=True, sides="two-sided", turned=False, both=False):
    """A right answer to better-by-lesion, but for what the last four say."""
    if mean:
        averaged = [pd.DataFrame(prob).groupby(groups).mean() for prob in (prob_a, prob_b)]
        truth = pd.Series(truth).groupby(groups).first().to_numpy()
        prob_a, prob_b = (one.to_numpy() for one in averaged)
    a, b = (np.array(CLASSES)[prob.argmax(axis=1)] == truth for prob in (prob_a, prob_b))
    only = (a.sum(), b.sum()) if both else ((a & ~b).sum(), (b & ~a).sum())
    p = binomtest(int(only[0]), int(sum(only)), alternative=sides).pvalue if sum(only) else 1.0
    return (*(only[::-1] if turned else only), p)


def voted(truth, prob_a, prob_b, groups):
    """One answer a lesion, that of its first image."""
    first = np.unique(groups, return_index=True)[1]
    return lesions(truth[first], prob_a[first], prob_b[first], groups[first])


def never_equal(truth, prob_a, prob_b, groups):
    only_a, only_b, p = lesions(truth, prob_a, prob_b, groups)
    return only_a, only_b, p if only_a + only_b else 0.0


WRONG = {
    "four-names": {
        "macro recall for weighted": (
            given(numbers(weighted_recall=lambda matrix: recalls(matrix).mean())),
            "that is balanced accuracy",
        ),
        "macro precision for micro": (
            given(numbers(micro_precision=lambda m: (np.diag(m) / m.sum(axis=0).clip(1)).mean())),
            "a macro average",
        ),
        "weighed by answers": (
            given(numbers(weighted_recall=lambda m: recalls(m) @ m.sum(axis=0) / m.sum())),
            "weighs by the columns",
        ),
        "hundredths": (given(numbers(accuracy=lambda m: 100 * np.trace(m) / m.sum())), "in hundredths"),
        "a count": (given(numbers(micro_recall=np.trace)), "is a count"),
        "a class without an image": (given(numbers(weighted_recall=undefined)), "weighs nothing"),
        "a key is missing": (given(lambda matrix: {"accuracy": np.trace(matrix) / matrix.sum()}), "with the keys"),
    },
    "weighted-f1-floor": {
        "the floor of accuracy": (given(share), "floor of accuracy"),
        "the F1 of one class": (given(f1), "The others have 0"),
        "macro-F1": (given(lambda counts: f1(counts) / len(counts)), "floor of macro-F1"),
        "weighted precision": (given(lambda counts: share(counts) ** 2), "floor of weighted precision"),
        "hundredths": (given(lambda counts: 100 * share(counts) * f1(counts)), "in hundredths"),
        "always nv": (
            given(lambda counts: (s := counts.get("nv", 0) / counts.sum()) * 2 * s / (1 + s)),
            "Always nv is not the floor",
        ),
    },
    "better-by-lesion": {
        "by image": (given(lambda *four: lesions(*four, mean=False)), "You counted images"),
        "all right answers": (given(lambda *four: lesions(*four, both=True)), "Leave out the ones that both do"),
        "the wrong way round": (given(lambda *four: lesions(*four, turned=True)), "the wrong way round"),
        "one side": (given(lambda *four: lesions(*four, sides="greater")), "of one side"),
        "the first image": (given(voted), "highest mean probability"),
        "itself": (given(never_equal), "against itself"),
        "numbers for names": (given(lambda truth, *three: (0, 0, 1.0)), "truth` is text"),
        "no test": (given(lambda *four: (*lesions(*four)[:2], 0.5)), "a toss of a coin"),
    },
}

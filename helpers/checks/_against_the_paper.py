"""The checkers of *against-the-paper*; helpers/checks/__init__.py shows how one is written."""

import numpy as np
import pandas as pd

from helpers.checks._core import exercise
from helpers.evaluate import _metrics as metrics
from helpers.ham10000 import CLASSES

NAMES = ("accuracy", "micro precision", "micro recall", "weighted recall")


def _matrices():
    """Confusion matrices of all seven classes, and of a test set that lacks one and a model that never answers one."""
    whole = np.random.default_rng(81).integers(1, 30, (7, 7))
    part = whole.copy()
    part[3, :] = 0
    part[:, 6] = 0
    return whole, part


@exercise(
    "four-names",
    expects=f"a function that takes a confusion matrix and returns a dict of {', '.join(NAMES)}",
    praise="Four names, one number. A table that prints them all has said one thing four times.",
)
def one_number(answer, _ham):
    for matrix in _matrices():
        reply = answer(matrix.copy())
        if set(reply) != set(NAMES):
            return f"Return a dict with the keys {', '.join(NAMES)}; yours has {', '.join(map(str, reply)) or 'none'}."
        reply = {name: float(reply[name]) for name in NAMES}
        hits, total = np.trace(matrix), matrix.sum()
        rows, columns = matrix.sum(axis=1), matrix.sum(axis=0)
        recalls, precisions = np.diag(matrix) / rows.clip(1), np.diag(matrix) / columns.clip(1)
        for name, value in reply.items():
            if np.isnan(value):
                return f"The {name} is no number (NaN) where a class has no image. Such a class weighs nothing."
            if np.isclose(value, hits / total):
                continue
            if np.isclose(value, 100 * hits / total):
                return f"The {name} is given in hundredths; give a share between 0 and 1."
            if np.isclose(value, recalls.mean()) or np.isclose(value, recalls[rows > 0].mean()):
                return f"Your {name} counts each class the same: that is balanced accuracy. Count images."
            if np.isclose(value, precisions.mean()) or np.isclose(value, precisions[columns > 0].mean()):
                return f"Your {name} is a mean over classes: a macro average. Micro adds up counts first."
            if np.isclose(value, recalls @ columns / total):
                return f"Your {name} weighs by the columns, the answers. The weights are the true images of each class."
            if np.isclose(value, hits):
                return f"Your {name} is a count; divide it by the number of images."
            return (
                f"Your {name} is {value:.4f}, and {hits / total:.4f} is right for a matrix of {total} images of which "
                f"{hits} stand on the diagonal. Each image off it is one false positive and one false negative."
            )
    return None


COUNTS = (
    pd.Series({"akiec": 26, "bcc": 30, "bkl": 75, "df": 6, "mel": 39, "nv": 751, "vasc": 11}),
    pd.Series({"mel": 60, "nv": 40}),
    pd.Series({"bcc": 0, "bkl": 12, "df": 4, "nv": 9}),
)


@exercise(
    "weighted-f1-floor",
    expects="a function that takes a Series of counts and returns the weighted F1 of the floor, a share",
    praise="Any score has a floor. One that is printed without it cannot be judged.",
)
def weighted_f1_floor(answer, _ham):
    for counts in COUNTS:
        reply, share = float(answer(counts.copy())), counts.max() / counts.sum()
        f1 = 2 * share / (1 + share)
        nv = counts.get("nv", 0) / counts.sum()
        if np.isclose(reply, share * f1):
            continue
        here = f"For {counts.to_dict()} you give {reply:.4f}. "
        if counts.idxmax() != "nv" and np.isclose(reply, 2 * nv / (1 + nv) * nv):
            return here + "Always nv is not the floor of every test set: take its most frequent class."
        known = (
            (share, "That is the floor of accuracy. Weighted F1 also counts the precision of that one answer."),
            (f1, "That is the F1 of the one class that is answered. The others have 0, and weigh as well."),
            (f1 / len(counts), "That is the floor of macro-F1: every class weighs the same. Weigh by images."),
            (f1 / (counts > 0).sum(), "That is the floor of macro-F1: every class weighs the same. Weigh by images."),
            (share**2, "That is the floor of weighted precision. F1 is the harmonic mean of precision and recall."),
            (100 * share * f1, "That is in hundredths; give a share between 0 and 1."),
        )
        for value, hint in known:
            if np.isclose(reply, value):
                return here + hint
        return (
            here + "The one answer has a recall of 1 and a precision of its share; the other classes have an F1 of 0."
        )
    return None


def _lesions():
    """Truth, probabilities of two models, and groups of ninety images of forty lesions; the models share their luck."""
    rng = np.random.default_rng(83)
    groups = rng.permutation(np.r_[np.arange(40), rng.integers(0, 40, 50)])
    codes = rng.choice(7, 40, p=[0.05, 0.1, 0.15, 0.05, 0.15, 0.45, 0.05])[groups]
    common = rng.gamma(1.0, size=(90, 7))
    models = []
    for skill in (2.0, 0.9):
        prob = common + rng.gamma(0.6, size=(90, 7)) + skill * np.eye(7)[codes] * rng.random((90, 1))
        models.append(prob / prob.sum(axis=1, keepdims=True))
    return np.array(CLASSES)[codes], *models, np.array([f"lesion {number:02d}" for number in groups])


@exercise(
    "better-by-lesion",
    expects="a function that takes truth, two arrays of probabilities and groups; it returns two counts and a p-value",
    praise="The lesions on which both are right, or both wrong, say nothing about which is better.",
)
def better_by_lesion(answer, _ham):
    truth, prob_a, prob_b, groups = _lesions()
    means = metrics.per_lesion(truth, prob_a, groups), metrics.per_lesion(truth, prob_b, groups)
    calls = [metrics.answers(prob) for _, prob, _ in means]
    right = metrics.mcnemar(means[0][0], *calls)
    only_a, only_b, p = answer(truth.copy(), prob_a.copy(), prob_b.copy(), groups.copy())
    counts, p = (int(only_a), int(only_b)), float(p)
    by_image = metrics.mcnemar(truth, metrics.answers(prob_a), metrics.answers(prob_b))
    hits = [int((answers == means[0][0]).sum()) for answers in calls]
    if counts != (right.only_a, right.only_b):
        if counts == (right.only_b, right.only_a):
            return "The two counts are the wrong way round: first what only a answers rightly, then what only b does."
        if counts == (by_image.only_a, by_image.only_b):
            return "You counted images. Photographs of one lesion are no independent evidence: one answer a lesion."
        if counts == (0, 0):
            return (
                "No answer of yours equals a true class. `truth` is text, such as 'nv': turn the column with the "
                "highest mean into a name, `np.array(CLASSES)[...]`."
            )
        if counts == tuple(hits):
            return "Those are all lesions that a, or b, answers rightly. Leave out the ones that both do."
        return (
            f"You count {counts[0]} lesions that only a answers rightly, and {counts[1]} that only b does; there are "
            f"{right.only_a} and {right.only_b}. A lesion's answer is the class of the highest mean probability."
        )
    if np.isclose(p, right.p_value):
        # Two models that never differ: no lesion is left to test.
        itself = answer(truth.copy(), prob_a.copy(), prob_a.copy(), groups.copy())
        if tuple(float(part) for part in itself) != (0, 0, 1):
            return "A model against itself: no lesion tells them apart, so return 0, 0 and a p-value of 1."
        return None
    if np.isclose(p, right.p_value / 2):
        return "The counts are right. The p-value is of one side; either model might have been the better: use two."
    return (
        f"The counts are right; the p-value is {p:.4g}, the exact one {right.p_value:.4g}. If neither is better, each "
        "lesion that tells them apart is a toss of a coin: `scipy.stats.binomtest`."
    )

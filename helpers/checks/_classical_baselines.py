"""The checkers of *classical-baselines*; helpers/checks/__init__.py shows how one is written."""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from helpers.checks._core import exercise
from helpers.ham10000 import CLASSES


@exercise(
    "recall-and-precision",
    expects="a function that takes a table of counts and a diagnosis and returns two shares, recall and precision",
    praise="Recall divides by the row, precision by the column. Whoever prints only one of them chooses for you.",
)
def recall_and_precision(answer, _ham):
    rng = np.random.default_rng(41)
    counts = pd.DataFrame(rng.integers(1, 60, (7, 7)), CLASSES, CLASSES)
    counts["df"] = 0  # never the answer
    shuffled = counts[list(rng.permutation(CLASSES))]
    for table in (counts, shuffled):
        for dx in ("mel", "bkl", "df"):
            recall, precision = (float(value) for value in answer(table.copy(), dx))
            if hint := _misread(table, dx, recall, precision, shuffled is table):
                return hint
    return None


def _misread(table, dx, recall, precision, shuffled):
    hits, row, column = table.loc[dx, dx], table.loc[dx].sum(), table[dx].sum()
    right = hits / row, hits / column if column else 0.0
    if np.allclose((recall, precision), right, atol=1e-6):
        return None
    if not column and np.isnan(precision):
        return f"`{dx}` is never the answer, so its column is empty. Say 0, as scikit-learn does."
    if np.allclose((precision, recall), right, atol=1e-6):
        return "The two are swapped. Rows are true: recall divides by the row. Columns are answers: precision."
    if np.allclose((recall, precision), (hits / table.to_numpy().sum(),) * 2, atol=1e-6):
        return "You divide by all images. Recall divides by those of one row, precision by those of one column."
    if np.allclose((recall, precision), (100 * right[0], 100 * right[1]), atol=1e-4):
        return "These are percentages; give shares between 0 and 1."
    if shuffled:
        return "It reads places, not labels: it fails where the columns stand in another order. Use `.loc`."
    if np.isclose(recall, right[0], atol=1e-6):
        return f"The recall of `{dx}` is right; its precision is not. Divide by how often `{dx}` was the answer."
    if np.isclose(precision, right[1], atol=1e-6):
        return f"The precision of `{dx}` is right; its recall is not. Divide by how many images are `{dx}`."
    return f"Start from the images that are `{dx}` and were called so: `counts.loc[dx, dx]`. Divide that, twice."


def _melanomas():
    """Truth and probabilities of 300 images, many of them tied, since a model may say the same of several."""
    rng = np.random.default_rng(44)
    is_melanoma = rng.random(300) < 0.2
    return is_melanoma, np.round(1 / (1 + np.exp(1.5 - rng.normal(1.2 * is_melanoma))), 2)


@exercise(
    "sensitivity-at",
    expects="a function that takes truth, probabilities and a specificity and returns one share, the sensitivity",
    praise="One point of the curve, with both of its numbers, says more than the area under all of it.",
)
def sensitivity_at(answer, _ham):
    is_melanoma, p_melanoma = _melanomas()
    flagged, found, thresholds = roc_curve(is_melanoma, p_melanoma, drop_intermediate=False)
    for specificity in (0.9, 0.95, 0.5, 1.0):
        allowed = flagged <= 1 - specificity + 1e-9
        right, strict = found[allowed].max(), thresholds[np.flatnonzero(allowed)[-1]]
        reply = float(answer(is_melanoma.copy(), p_melanoma.copy(), specificity))
        if np.isclose(reply, right):
            continue
        here = f"At a specificity of {specificity} you give {reply:.3f}. "
        if np.isclose(reply, 100 * right):
            return here + "That is a percentage; give a share between 0 and 1."
        if np.isclose(reply, strict):
            return here + "That is the threshold. Return the share of melanomas that it finds."
        if np.isclose(reply, flagged[allowed].max()):
            return here + "That is the share of the *other* lesions that is flagged. Return that of the melanomas."
        if np.isclose(reply, found[flagged >= 1 - specificity - 1e-9].min()) and reply > right:
            return here + "That threshold flags too many of the others: the specificity is below what was asked."
        if np.isclose(reply, found[flagged <= specificity + 1e-9].max()):
            return here + "A specificity of 0.9 allows one in ten of the others to be flagged, not nine in ten."
        if np.isclose(reply, found[allowed][1:2].sum()) or reply < right:
            return here + f"Another allowed threshold finds more: {right:.3f}. Take the most of all that are allowed."
        return here + f"The most that is allowed is {right:.3f}. Of how many melanomas is the probability high enough?"
    return None


@exercise(
    "accuracy-and-floor",
    expects="a function that takes recalls and counts, two Series, and returns two shares, accuracy and floor",
    praise="The same recalls, another mix, another accuracy: it says as much of the test set as of the model.",
)
def exam(answer, _ham):
    recalls = pd.Series([0.4, 0.55, 0.5, 0.3, 0.45, 0.9, 0.7], CLASSES)
    mixes = (
        pd.Series([30, 50, 110, 12, 110, 670, 14], CLASSES),
        pd.Series([751, 39, 11, 26, 30, 75, 6], ["nv", "mel", "vasc", "akiec", "bcc", "bkl", "df"]),
        pd.Series([40, 300, 60, 90], ["nv", "mel", "bkl", "bcc"]),  # a clinic that sees what is suspicious
    )
    for counts in mixes:
        accuracy, floor = (float(value) for value in answer(recalls.copy(), counts.copy()))
        if hint := _misjudged(recalls, counts, accuracy, floor):
            return hint
    return None


def _misjudged(recalls, counts, accuracy, floor):
    hits, most = float((recalls * counts).sum()), counts.max() / counts.sum()
    if np.allclose((accuracy, floor), (hits / counts.sum(), most), atol=1e-6):
        return None
    if np.isclose(accuracy, hits, atol=1e-4) or np.isclose(floor, counts.max()):
        return "This counts images. Divide by the size of the test set."
    if any(np.isclose(accuracy, mean, atol=1e-6) for mean in (recalls.mean(), recalls[counts.index].mean())):
        return "The plain mean of the recalls is the balanced accuracy. Weigh each recall by its number of images."
    if not np.isclose(accuracy, hits / counts.sum(), atol=1e-6):
        return (
            f"With the order {', '.join(counts.index)} the accuracy is off. Recalls and counts belong together by "
            "label, not by place; a diagnosis without an image counts nothing."
        )
    if any(np.isclose(floor, 1 / number) for number in (len(recalls), len(counts))):
        return "One divided by the number of diagnoses is the floor of *balanced* accuracy. Here: the most frequent."
    if np.isclose(floor, counts["nv"] / counts.sum()):
        return "In this test set `nv` is not the most frequent. The floor belongs to the test set: take the largest."
    return "The accuracy is right. The floor is the share of the most frequent diagnosis of this test set."

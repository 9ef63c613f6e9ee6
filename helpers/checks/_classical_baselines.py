"""The checkers of *classical-baselines*; helpers/checks/__init__.py shows how one is written."""

import numpy as np
import pandas as pd

from helpers.checks._core import exercise
from helpers.evaluate import _bootstrap as bootstrap
from helpers.ham10000 import CLASSES

#: Of the draws of the check of 4.3, which compares their spread.
RESAMPLES = 3000


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


@exercise(
    "group-interval",
    expects="a function that takes `right`, `groups`, `resamples` and `seed` and returns two shares, low and high",
    praise="`helpers.evaluate` does the same for every metric of this book, two thousand times, with matrix products.",
)
def group_interval(answer, _ham):
    right, groups = _siblings()
    low, high = (float(value) for value in answer(right.copy(), groups.copy(), RESAMPLES, 3))
    expected = _interval(right, groups)
    width = expected[1] - expected[0]

    def near(ends):
        return np.allclose((low, high), ends, atol=0.05 * width)

    if near(expected):
        return None
    if near(expected[::-1]):
        return "Return the lower end first."
    if np.isclose(low, high, atol=1e-9):
        return "Low and high are the same. Draw *with* replacement: some groups twice, some not at all."
    if np.allclose((low, high), 100 * expected, atol=5 * width):
        return "These are percentages; give shares between 0 and 1."
    if near(_interval(right, np.arange(len(right)))):
        return (
            f"Its width is {high - low:.3f}; by lesion it is {width:.3f}. You draw single images, as if siblings were "
            "independent. Draw groups, and take all images of each."
        )
    if near(_interval(*_averaged(right, groups))):
        return "This averages over the groups first, so each lesion counts once. Pool the images of the drawn groups."
    if np.isclose((low + high) / 2, right.mean(), atol=0.1 * width) and high - low < 0.95 * width:
        return (
            f"Its width is {high - low:.3f}, and {width:.3f} was expected. For a 95 % interval take the percentiles "
            "2.5 and 97.5 of the resampled accuracies. If you do: a group that is drawn twice counts twice, "
            "and `np.isin` takes it once."
        )
    return (
        f"It gives {low:.3f} to {high:.3f}; expected is about {expected[0]:.3f} to {expected[1]:.3f}. Draw as many "
        "groups as there are, with replacement; the accuracy of all their images is one draw."
    )


def _siblings():
    """Return answers and groups, (n,) each, in which siblings are right or wrong together, large groups less often."""
    rng = np.random.default_rng(43)
    sizes = rng.choice([1, 2, 6, 12], 150)
    right = rng.random(150) < np.where(sizes > 2, 0.55, 0.85)
    order = rng.permutation(sizes.sum())
    return np.repeat(right, sizes)[order], np.repeat([f"L{number:03}" for number in range(150)], sizes)[order]


def _averaged(right, groups):
    means = pd.Series(right).groupby(groups).mean()
    return means.to_numpy(), means.index.to_numpy()


def _interval(right, groups):
    draws = [
        (np.asarray(right, float) @ weights) / weights.sum(axis=0)
        for weights in bootstrap.group_weights(groups, 4 * RESAMPLES, 7)
    ]
    return np.percentile(np.concatenate(draws), (2.5, 97.5))

"""The checkers of *how-sure*; helpers/checks/__init__.py shows how one is written."""

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from helpers.checks._core import exercise
from helpers.evaluate import _bootstrap as bootstrap

#: Of the draws of the checks of intervals, which compare their spread.
RESAMPLES = 3000


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


def _two_models():
    """Answers of two models to the images of :func:`_siblings`, and the groups: mostly right or wrong together."""
    right, groups = _siblings()
    rng = np.random.default_rng(45)
    _, codes = np.unique(groups, return_inverse=True)
    changed = rng.random(codes.max() + 1) < 0.15
    other = np.where(changed[codes], rng.random(len(right)) < 0.5, right)
    return right, other, groups


@exercise(
    "paired-interval",
    expects="a function that takes two arrays of answers, groups, `resamples` and `seed` and returns two numbers",
    praise="The luck that both models share has gone from the difference.",
)
def paired_interval(answer, _ham):
    right_a, right_b, groups = _two_models()
    low, high = (float(end) for end in answer(right_a.copy(), right_b.copy(), groups.copy(), RESAMPLES, 3))
    lead = right_a.astype(float) - right_b
    expected = _interval(lead, groups)
    width = expected[1] - expected[0]

    def near(ends):
        return np.allclose((low, high), ends, atol=0.06 * width)

    if near(expected):
        return None
    if near(expected[::-1]):
        return "Return the lower end first."
    if near(-expected[::-1]):
        return "The sign is turned: model a minus model b."
    if near(_interval(right_a, groups)) or near(_interval(right_b, groups)):
        return "That is the interval of one model's accuracy. Take the difference of the two, draw by draw."
    if near(_interval(lead, np.arange(len(lead)))):
        return "You draw single images, as if siblings were independent. Draw groups, and take all images of each."
    unpaired = np.hypot(np.ptp(_interval(right_a, groups)), np.ptp(_interval(right_b, groups)))
    if np.isclose(high - low, unpaired, atol=0.15 * unpaired):
        return (
            f"Its width is {high - low:.3f}, and {width:.3f} was expected: each model got lesions of its own. Score "
            "both on the *same* draw."
        )
    difference = _interval(right_a, groups) - _interval(right_b, groups)
    if near(difference) or near(np.sort(difference)):
        return "You subtract the ends of two intervals. Subtract two accuracies in each draw, then take percentiles."
    if np.isclose(low, high, atol=1e-9):
        return "Low and high are the same. Draw *with* replacement: some groups twice, some not at all."
    return (
        f"It gives {low:.3f} to {high:.3f}; expected is about {expected[0]:.3f} to {expected[1]:.3f}. Draw groups, sum "
        "a's right answers minus b's over their images, and divide by the images."
    )


#: Sorted, unsorted, with equal ones, and with ones that reach past one.
P_VALUES = ((0.01, 0.02, 0.03), (0.4, 0.001, 0.02, 0.03), (0.012, 0.012, 0.5), (0.9, 0.6, 0.3), (0.03,))


@exercise(
    "holm",
    expects="a function that takes an array of p-values and returns as many, in the same order",
    praise="Four lines, and your false alarms are few, however many questions you ask.",
)
def holm(answer, _ham):
    for p_values in map(np.array, P_VALUES):
        reply = np.asarray(answer(p_values.copy()), dtype=float)
        if reply.shape != p_values.shape:
            return f"You give {reply.size} numbers for {p_values.size} p-values."
        right = multipletests(p_values, method="holm")[1]
        if np.allclose(reply, right):
            continue
        here = f"For {p_values.tolist()} you give {reply.round(4).tolist()}. "
        order = np.argsort(p_values, kind="stable")
        factors = np.empty(len(p_values))
        factors[order] = np.arange(len(p_values), 0, -1)
        if np.allclose(reply, np.sort(right)) and not np.allclose(right, np.sort(right)):
            return here + "They are sorted: give each back in its own place."
        if np.allclose(reply, (p_values * len(p_values)).clip(max=1)):
            return here + "Every one is multiplied by their number: that is Bonferroni. After each, one fewer is left."
        if np.allclose(reply, (p_values * factors).clip(max=1)):
            return here + "One is smaller than the one before it in the order of size. None may be: take the larger."
        if (reply > 1).any():
            return here + "A p-value cannot be above one."
        return here + f"{right.round(4).tolist()} is right. Sort; times how many are left; never below the one before."
    return None

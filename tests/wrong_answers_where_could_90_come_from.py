"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import numpy as np
import pandas as pd


def given(function):
    return lambda ham: function


def counts(printed, digits, size, half=0.5, slack=1e-9, end=1):
    """A right answer to counts-behind, but for what the last three say."""
    return [k for k in range(size + end) if abs(k / size - printed) <= half * 10.0**-digits + slack]


def weights(cells, wanted, divide=True, scale=1.0, fill=0.0):
    """A right answer to mix-weights, but for what the last three say."""
    found = pd.Series(cells).map(pd.Series(wanted).value_counts(normalize=True)).fillna(fill)
    if divide:
        found = found / pd.Series(cells).map(pd.Series(cells).value_counts())
    return scale * found.to_numpy()


def swap(a, siblings, classes, seed, within=True, drop=True, most=None, end=np.sort, extra=(), replace=False):
    """A right answer to swap-siblings-in, but for what the last six say."""
    rng, out = np.random.default_rng(seed), []
    if drop and within:
        for dx in np.unique(classes[siblings]):
            out.extend(rng.choice(a[classes[a] == dx], (classes[siblings] == dx).sum(), replace=replace))
    elif drop:
        out.extend(rng.choice(a, len(siblings), replace=False))
    return end(np.concatenate([np.setdiff1d(a, out), siblings[:most], np.array(extra, int)]))


WRONG = {
    "counts-behind": {
        "equal, not rounded": (
            given(lambda printed, digits, size: [k for k in range(size + 1) if k / size == printed]),
            "it was rounded",
        ),
        "a whole unit": (given(lambda *task: counts(*task, half=1)), "not by a whole one"),
        "shares": (given(lambda printed, d, size: [k / size for k in counts(printed, d, size)]), "Those are shares"),
        "python's own rounding": (
            given(lambda printed, d, size: [k for k in range(size + 1) if round(k / size, d) == printed]),
            "A half may go either way",
        ),
        "never none": (
            given(lambda *task: [k for k in counts(*task) if k > 0]),
            "start at 0",
        ),
        "never all": (given(lambda *task: counts(*task, end=0)), "go up to `size` itself"),
        "nothing": (given(lambda *task: [0]), "Divide each count"),
    },
    "mix-weights": {
        "whole shares": (given(lambda *two: weights(*two, divide=False)), "divide it among them"),
        "all alike": (given(lambda cells, wanted: np.full(len(cells), 1 / len(cells))), "the mix as it was"),
        "sum not one": (given(lambda *two: weights(*two, scale=40)), "Make it one"),
        "no number": (given(lambda *two: weights(*two, fill=np.nan)), "weighs 0"),
        "one a wanted image": (given(lambda cells, wanted: weights(wanted, wanted)), "one weight each"),
        "the other way round": (
            given(lambda cells, wanted: 1 / pd.Series(cells).map(pd.Series(cells).value_counts()).to_numpy()),
            "stratum by stratum",
        ),
    },
    "swap-siblings-in": {
        "nobody goes out": (given(lambda *four: swap(*four, drop=False)), "one goes out"),
        "with replacement": (given(lambda *four: swap(*four, replace=True)), "without replacement"),
        "whatever diagnosis": (given(lambda *four: swap(*four, within=False)), "Swap within each diagnosis"),
        "half of the siblings": (given(lambda *four: swap(*four, most=3)), "all have to come in"),
        "not sorted": (given(lambda *four: swap(*four, end=lambda rows: rows[::-1])), "sort them"),
        "a sibling twice": (given(lambda a, s, c, seed: swap(a, s, c, seed, extra=s[:1])), "twice"),
        "always the same": (given(lambda a, s, c, seed: swap(a, s, c, 0)), "Another seed"),
        "never the same": (given(lambda a, s, c, seed: swap(a, s, c, None)), "the second time"),
        "a mask": (given(lambda a, s, c, seed: np.isin(np.arange(len(c)), swap(a, s, c, seed))), "row positions"),
    },
}

"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import numpy as np


def given(function):
    return lambda ham: function


def cost(is_melanoma, p_melanoma, weight, miss=None, needless=1, at=None, every=False, per=1000):
    """A right answer to cost-of, but for what the last five say."""
    cut = p_melanoma >= (1 / (1 + weight) if at is None else at)
    extra = cut if every else cut & ~is_melanoma
    return per * ((weight if miss is None else miss) * (is_melanoma & ~cut).sum() + needless * extra.sum()) / len(cut)


def threshold(p_true, coverage, shift=0, turned=False, other=False):
    """A right answer to set-threshold, but for what the last three say."""
    rank = int(np.floor((len(p_true) + 1) * (coverage if other else 1 - coverage) + 1e-9))
    ordered = np.sort(p_true)[::-1] if turned else np.sort(p_true)
    return ordered[min(rank - 1 + shift, len(p_true) - 1)] if rank else 0.0


def mask(p, share, key=lambda p: -p, more=0):
    """A right answer to refer, but for what the last two say."""
    chosen = np.zeros(len(p), bool)
    chosen[np.argsort(key(p))[: int(share * len(p)) + more]] = True
    return chosen


WRONG = {
    "cost-of": {
        "of one image": (given(lambda *three: cost(*three, per=1)), "per 1,000"),
        "of all": (given(lambda m, p, c: cost(m, p, c, per=len(m))), "per 1,000"),
        "all alike": (given(lambda *three: cost(*three, miss=1)), "weighs `cost`"),
        "swapped": (given(lambda m, p, c: cost(m, p, c, miss=1, needless=c)), "swapped"),
        "every cut": (given(lambda *three: cost(*three, every=True)), "not needless"),
        "only the missed": (given(lambda *three: cost(*three, needless=0)), "are missing"),
        "at one half": (given(lambda *three: cost(*three, at=0.5)), "at one half"),
        "at 1 / cost": (given(lambda m, p, c: cost(m, p, c, at=1 / c)), "are missed and"),
    },
    "set-threshold": {
        "from zero": (given(lambda *two: threshold(*two, shift=1)), "counted from one"),
        "downwards": (given(lambda *two: threshold(*two, turned=True)), "*below*"),
        "coverage": (given(lambda *two: threshold(*two, other=True)), "1 - coverage"),
        "quantile": (given(lambda p, coverage: np.quantile(p, 1 - coverage)), "np.quantile"),
        "never zero": (
            given(lambda p, c: threshold(p, c) if len(p) > 9 else p.min()),
            "too few images",
        ),
    },
    "refer": {
        "the lowest": (given(lambda p, share: mask(p, share, key=lambda p: p)), "should see the others"),
        "the unsure": (given(lambda p, share: mask(p, share, key=lambda p: abs(p - 0.5))), "least certain"),
        "one too many": (given(lambda p, share: mask(p, share, more=1)), "rounded down"),
        "positions": (given(lambda p, share: np.argsort(-p)[: int(share * len(p))]), "Return a mask"),
        "the first": (given(lambda p, share: mask(p, share, key=lambda p: np.arange(len(p)))), "the highest"),
    },
}

"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import numpy as np
from sklearn.metrics import roc_curve


def hits(counts, dx):
    return counts.loc[dx, dx]


def shares(counts, dx):
    called = counts[dx].sum()
    return hits(counts, dx) / counts.loc[dx].sum(), hits(counts, dx) / called if called else 0.0


def swapped(counts, dx):
    return shares(counts, dx)[::-1]


def of_all(counts, dx):
    return (hits(counts, dx) / counts.to_numpy().sum(),) * 2


def percentages(counts, dx):
    return tuple(100 * share for share in shares(counts, dx))


def empty_column(counts, dx):
    recall, precision = shares(counts, dx)
    return recall, precision if counts[dx].sum() else float("nan")


def by_place(counts, dx):
    place, values = list(counts.index).index(dx), counts.to_numpy()
    called = values[:, place].sum()
    return values[place, place] / values[place].sum(), values[place, place] / called if called else 0.0


def twice_recall(counts, dx):
    return (shares(counts, dx)[0],) * 2


def twice_precision(counts, dx):
    return (shares(counts, dx)[1],) * 2


def expected(recalls, counts):
    return (recalls * counts).sum() / counts.sum(), counts.max() / counts.sum()


def past(is_melanoma, p_melanoma, specificity, what="past"):
    """An answer to sensitivity-at that is wrong in one way."""
    flagged, found, thresholds = roc_curve(is_melanoma, p_melanoma, drop_intermediate=False)
    allowed = flagged <= 1 - specificity + 1e-9
    return {
        "past": found[min(allowed.sum(), len(found) - 1)],
        "threshold": thresholds[allowed.sum() - 1],
        "others": flagged[allowed].max(),
        "least": found[allowed].min(),
        "turned": found[flagged <= specificity + 1e-9].max(),
        "percentage": 100 * found[allowed].max(),
    }[what]


def answered(function, **options):
    return lambda ham: lambda *given: function(*given, **options)


WRONG = {
    "recall-and-precision": {
        "swapped": (answered(swapped), "The two are swapped"),
        "of all images": (answered(of_all), "divide by all images"),
        "percentages": (answered(percentages), "These are percentages"),
        "nothing in nothing": (answered(empty_column), "never the answer"),
        "by place": (answered(by_place), "Use `.loc`"),
        "recall twice": (answered(twice_recall), "its precision is not"),
        "precision twice": (answered(twice_precision), "its recall is not"),
        "counts": (answered(lambda counts, dx: (hits(counts, dx), 1)), "Divide that, twice"),
    },
    "accuracy-and-floor": {
        "balanced accuracy": (answered(lambda r, c: (r.mean(), c.max() / c.sum())), "is the balanced accuracy"),
        "counts": (answered(lambda r, c: ((r * c).sum(), c.max())), "This counts images"),
        "by place": (
            answered(lambda r, c: (np.dot(r.to_numpy()[: len(c)], c) / c.sum(), c.max() / c.sum())),
            "by label, not by place",
        ),
        "one in seven": (answered(lambda r, c: (expected(r, c)[0], 1 / 7)), "floor of *balanced* accuracy"),
        "always nv": (answered(lambda r, c: (expected(r, c)[0], c["nv"] / c.sum())), "take the largest"),
        "the rarest": (answered(lambda r, c: (expected(r, c)[0], c.min() / c.sum())), "most frequent diagnosis of"),
    },
    "sensitivity-at": {
        "one too many": (answered(past), "below what was asked"),
        "the threshold": (answered(past, what="threshold"), "That is the threshold"),
        "the others": (answered(past, what="others"), "of the *other* lesions"),
        "the first allowed": (answered(past, what="least"), "finds more"),
        "turned round": (answered(past, what="turned"), "not nine in ten"),
        "percentages": (answered(past, what="percentage"), "That is a percentage"),
        "argmax at one half": (answered(lambda m, p, s: (p[m] >= 0.5).mean()), "finds more"),
    },
}

"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import numpy as np
import pandas as pd


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


def resampled(right, groups, resamples, seed, size=1.0, replace=True, ends=(2.5, 97.5)):
    """A right answer to group-interval, but for what the last three say."""
    rng = np.random.default_rng(seed)
    rows = pd.Series(range(len(groups))).groupby(groups).indices
    names = np.array(list(rows))
    drawn = [
        right[np.concatenate([rows[name] for name in rng.choice(names, int(size * len(names)), replace)])].mean()
        for _ in range(resamples)
    ]
    return np.percentile(drawn, ends)


def by_image(right, groups, resamples, seed):
    return resampled(right, np.arange(len(right)), resamples, seed)


def each_once(right, groups, resamples, seed):
    rng = np.random.default_rng(seed)
    names, codes = np.unique(groups, return_inverse=True)
    drawn = [right[np.isin(codes, rng.integers(0, len(names), len(names)))].mean() for _ in range(resamples)]
    return np.percentile(drawn, (2.5, 97.5))


def by_mean_of_groups(right, groups, resamples, seed):
    means = pd.Series(right).groupby(groups).mean().to_numpy()
    return resampled(means, np.arange(len(means)), resamples, seed)


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
    "group-interval": {
        "by image": (answered(by_image), "You draw single images"),
        "the mean of groups": (answered(by_mean_of_groups), "each lesion counts once"),
        "a group at most once": (answered(each_once), "drawn twice counts twice"),
        "without replacement": (answered(resampled, replace=False), "Draw *with* replacement"),
        "ninety per cent": (answered(resampled, ends=(5, 95)), "percentiles 2.5 and 97.5"),
        "one standard deviation": (answered(resampled, ends=(16, 84)), "percentiles 2.5 and 97.5"),
        "upside down": (answered(resampled, ends=(97.5, 2.5)), "lower end first"),
        "half of the groups": (answered(resampled, size=0.5), "as many groups"),
        "percentages": (answered(lambda *given: 100 * resampled(*given)), "These are percentages"),
    },
}

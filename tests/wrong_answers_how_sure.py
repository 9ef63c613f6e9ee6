"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import numpy as np
import pandas as pd


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


def difference(a, b, groups, resamples, seed, paired=True, ends=(2.5, 97.5)):
    """A right answer to paired-interval, but for what the last two say."""
    rng = np.random.default_rng(seed)
    _, codes = np.unique(groups, return_inverse=True)
    sizes = np.bincount(codes)
    drawn = rng.integers(0, len(sizes), (resamples, len(sizes)))
    other = drawn if paired else rng.integers(0, len(sizes), (resamples, len(sizes)))
    means = [
        np.bincount(codes, weights=right)[rows].sum(axis=1) / sizes[rows].sum(axis=1)
        for right, rows in ((a, drawn), (b, other))
    ]
    return np.percentile(means[0] - means[1], ends)


def holm(p_values, step=1, keep=True, end=1.0, places=True):
    """A right answer to holm, but for what the last four say."""
    order = np.argsort(p_values)
    corrected, largest = np.empty(len(p_values)), 0.0
    for rank, place in enumerate(order):
        value = (len(order) - step * rank) * p_values[place]
        largest = max(largest, value) if keep else value
        corrected[place if places else rank] = min(largest, end)
    return corrected


def answered(function, **options):
    return lambda ham: lambda *given: function(*given, **options)


WRONG = {
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
    "paired-interval": {
        "other lesions for each": (answered(difference, paired=False), "the *same* draw"),
        "turned": (answered(lambda a, b, *rest: difference(b, a, *rest)), "a minus model b"),
        "one model": (answered(lambda a, b, *rest: resampled(a, *rest)), "one model's accuracy"),
        "by image": (answered(lambda a, b, g, *rest: difference(a, b, np.arange(len(g)), *rest)), "single images"),
        "ends subtracted": (answered(lambda a, b, *rest: resampled(a, *rest) - resampled(b, *rest)), "in each draw"),
        "upside down": (answered(difference, ends=(97.5, 2.5)), "lower end first"),
        "no draw": (answered(lambda a, b, *rest: [a.mean() - b.mean()] * 2), "*with* replacement"),
        "ninety per cent": (answered(difference, ends=(10, 90)), "expected is about"),
    },
    "holm": {
        "bonferroni": (answered(holm, step=0), "Bonferroni"),
        "falls again": (answered(holm, keep=False), "take the larger"),
        "past one": (answered(holm, end=9.0), "above one"),
        "sorted": (answered(holm, places=False), "in its own place"),
        "as they were": (answered(lambda p: p), "times how many are left"),
        "one fewer": (answered(lambda p: holm(p)[1:]), "You give"),
    },
}

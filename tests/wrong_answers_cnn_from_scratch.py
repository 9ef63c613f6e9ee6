"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import numpy as np


def sizes(size, steps, less=1, up=False, padded=False, whole=True, stop=True):
    """A right answer to output-size, but for what the last five say."""
    for kind, width in steps:
        if kind == "conv":
            size = size if padded else size - width + less
        else:
            size = size / width if not whole else -(-size // width) if up else size // width
        if stop and size < 1:
            return 0
    return size


def loss(prob, codes, class_weight, by=None, log=np.log, sign=-1, end=np.mean):
    """A right answer to weighted-loss, but for what the last four say."""
    each = np.array([class_weight[code] for code in (codes if by is None else by(prob))])
    return end(sign * each * log(prob[np.arange(len(codes)), codes]))


def plain(prob, codes, _):
    return -np.log(prob[np.arange(len(codes)), codes]).mean()


def by_weights(prob, codes, class_weight):
    each = [class_weight[code] for code in codes]
    return np.average(-np.log(prob[np.arange(len(codes)), codes]), weights=each)


def answered(function, **options):
    return lambda ham: lambda *given: function(*given, **options)


WRONG = {
    "output-size": {
        "padded": (answered(sizes, padded=True), "That is a padded convolution"),
        "rounded up": (answered(sizes, up=True), "Round down, not up"),
        "no remainder kept": (answered(sizes, whole=False), "Sizes are whole numbers"),
        "goes on below nothing": (answered(sizes, stop=False), "Return 0 there"),
        "one too few": (answered(sizes, less=0), "fits n - 2 times"),
        "the first step only": (answered(lambda s, steps: sizes(s, steps[:1])), "one step at a time"),
    },
    "number-of-weights": {
        "no bias": (answered(lambda c, k, f: k * k * c * f), "has a bias as well"),
        "no channels": (answered(lambda c, k, f: (k * k + 1) * f), "through all channels"),
        "a flat kernel": (answered(lambda c, k, f: (k * c + 1) * f), "high and"),
        "one bias": (answered(lambda c, k, f: k * k * c * f + 1), "one for each filter"),
        "filters forgotten": (answered(lambda c, k, f: k * k * c + 1), "Count one filter first"),
    },
    "weighted-loss": {
        "no weights": (answered(plain), "plain cross-entropies"),
        "the sum": (answered(loss, end=np.sum), "This is the sum"),
        "a weighted mean": (answered(by_weights), "the sum of the weights"),
        "positive logarithm": (answered(loss, sign=1), "The loss is minus that"),
        "base two": (answered(loss, log=np.log2), "base two"),
        "one minus": (answered(loss, log=lambda p: p - 1), "not 1 minus it"),
        "by the answer": (answered(loss, by=lambda prob: prob.argmax(axis=1)), "belongs to the true class"),
        "half of it": (answered(lambda *given: loss(*given) / 2), "Start with one image"),
    },
}

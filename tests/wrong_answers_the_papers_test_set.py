"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import numpy as np


def fitting(fits, first=1, end=1):
    """An answer to possible-supports: the numbers for which some k of n ``fits``."""
    return lambda ham: (
        lambda recall, largest: [
            n for n in range(first, largest + end) if any(fits(k, n, recall) for k in range(n + 1))
        ]
    )


def rounds(k, n, recall):
    return round(k / n, 2) == recall


def hundredths(fits, first=0, values=101):
    """An answer to chance-to-fit: the share of the values for which some k of n ``fits``."""
    return lambda ham: (
        lambda n: np.mean([any(fits(k, n, value / 100) for k in range(first, n + 1)) for value in range(values)])
    )


def near(k, n, value):
    return abs(k / n - value) <= 0.005 + 1e-9


def behind(choose, first=0, end=1, room=0.005 + 1e-9):
    """An answer to accuracy-between: ``choose`` is given the counts that fit each recall, and the numbers of images."""

    def make(ham):
        def accuracy_between(recalls, counts):
            fitting = [
                [k for k in range(first, n + end) if abs(k / n - recall) <= room]
                for recall, n in zip(recalls, counts, strict=True)
            ]
            return choose(fitting, counts)

        return accuracy_between

    return make


def ends(fitting, counts):
    return sum(map(min, fitting)) / sum(counts), sum(map(max, fitting)) / sum(counts)


def exact(recalls, counts):
    return sum(recall * n for recall, n in zip(recalls, counts, strict=True)) / sum(counts)


WRONG = {
    "possible-supports": {
        "equal, not rounded": (fitting(lambda k, n, recall: k / n == recall), "It was rounded"),
        "without the last, one by one": (
            lambda ham: lambda recall, largest: iter(fitting(rounds, end=0)(ham)(recall, largest)),
            "stops before `largest`",
        ),
        "cut, not rounded": (fitting(lambda k, n, recall: int(100 * k / n) == round(100 * recall)), "cut the further"),
        "without the last": (fitting(rounds, end=0), "stops before `largest`"),
        "one too far": (fitting(rounds, end=2), "yours has 61 too"),
        "the smallest only": (
            lambda ham: lambda recall, largest: fitting(rounds)(ham)(recall, largest)[0],
            "list of all that fit",
        ),
        "from ten on": (fitting(rounds, first=10), "it lacks 3: 2/3"),
        "never all of them": (
            lambda ham: (
                lambda recall, largest: [
                    n for n in range(1, largest + 1) if any(abs(k / n - recall) <= 0.005 + 1e-9 for k in range(n))
                ]
            ),
            "lacks 1: 1/1",
        ),
        "a little too far": (fitting(lambda k, n, recall: abs(k / n - recall) <= 0.0052), "it has 39, but 8/39"),
        "once for each fraction": (
            lambda ham: (
                lambda recall, largest: [n for n in range(1, largest + 1) for k in range(n + 1) if near(k, n, recall)]
            ),
            "more than once",
        ),
        "a trifle too far": (fitting(lambda k, n, recall: abs(k / n - recall) <= 0.0051), "it has 99, but 50/99"),
        "no whole numbers": (
            lambda ham: lambda recall, largest: [n + 0.4 for n in fitting(rounds)(ham)(recall, largest)],
            "is no whole number",
        ),
        "a whole hundredth off": (fitting(lambda k, n, recall: abs(k / n - recall) < 0.0099), "half a hundredth"),
        "halves to the even digit": (fitting(rounds), "40. 29/40 = 0.7250 is a half"),
        "no room for the computer's own rounding": (
            fitting(lambda k, n, recall: abs(k / n - recall) <= 0.005),
            "`1e-9` more",
        ),
        "from zero": (
            lambda ham: lambda recall, largest: [n for n in range(largest + 1) if rounds(round(recall * n), n, recall)],
            "ZeroDivisionError",
        ),
    },
    "chance-to-fit": {
        "a number of values": (lambda ham: lambda n: 101 * hundredths(near)(ham)(n), "Divide by 101"),
        "a percentage": (lambda ham: lambda n: 100 * hundredths(near)(ham)(n), "a percentage"),
        "those that do not fit": (lambda ham: lambda n: 1 - hundredths(near)(ham)(n), "do *not* fit"),
        "fractions, not values": (lambda ham: lambda n: (n + 1) / 101, "several round to one"),
        "without 1.00": (hundredths(near, values=100), "101 values"),
        "divided by a hundred": (lambda ham: lambda n: 1.01 * hundredths(near)(ham)(n), "101 values"),
        "from one on": (hundredths(near, first=1), "*k* starts at 0"),
        "equal, not rounded": (hundredths(lambda k, n, value: abs(k / n - value) < 1e-9), "It was rounded"),
        "a whole hundredth": (hundredths(lambda k, n, value: abs(k / n - value) <= 0.01 + 1e-9), "a whole hundredth"),
        "halves to the even digit": (hundredths(lambda k, n, value: round(k / n, 2) == value), "either way"),
        "no room for the computer's own rounding": (
            hundredths(lambda k, n, value: abs(k / n - value) <= 0.005),
            "`1e-9` more",
        ),
        "one for all": (lambda ham: lambda n: 1.0, "take the mean"),
    },
    "accuracy-between": {
        "the wrong way round": (behind(lambda *given: ends(*given)[::-1]), "lowest comes first"),
        "numbers of right answers": (
            behind(lambda fitting, counts: (sum(map(min, fitting)), sum(map(max, fitting)))),
            "Divide by all",
        ),
        "percentages": (behind(lambda *given: [100 * end for end in ends(*given)]), "percentages"),
        "balanced accuracy": (
            behind(
                lambda fitting, counts: [
                    np.mean([end(k) / n for k, n in zip(fitting, counts, strict=True)]) for end in (min, max)
                ]
            ),
            "balanced accuracy",
        ),
        "recalls taken as exact": (lambda ham: lambda recalls, counts: (exact(recalls, counts),) * 2, "as exact"),
        "half a hundredth either side": (
            lambda ham: lambda recalls, counts: (exact(recalls, counts) - 0.005, exact(recalls, counts) + 0.005),
            "whole numbers",
        ),
        "a whole hundredth": (behind(ends, room=0.01 + 1e-9), "a whole hundredth"),
        "the lowest alone": (behind(lambda *given: ends(*given)[0]), "Return two accuracies"),
        "the middle, too": (behind(lambda *given: (*ends(*given), 0.5)), "Return two accuracies"),
        "the last diagnosis forgotten": (
            behind(
                lambda fitting, counts: (
                    sum(map(min, fitting[:-1])) / sum(counts),
                    sum(map(max, fitting[:-1])) / sum(counts),
                )
            ),
            "Diagnosis by diagnosis",
        ),
        "takes the lists apart": (
            lambda ham: lambda recalls, counts: (recalls.pop(), counts.pop()),
            "changes the lists",
        ),
        "the lowest twice": (behind(lambda *given: (ends(*given)[0],) * 2), "more room"),
        "halves to the even digit": (
            lambda ham: (
                lambda recalls, counts: ends(
                    [
                        [k for k in range(n + 1) if round(k / n, 2) == recall]
                        for recall, n in zip(recalls, counts, strict=True)
                    ],
                    counts,
                )
            ),
            "a half may go either way",
        ),
    },
}

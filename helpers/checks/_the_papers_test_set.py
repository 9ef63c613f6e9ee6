"""The checkers of *the-papers-test-set*; helpers/checks/__init__.py shows how one is written."""

from collections import Counter

import numpy as np

from helpers.checks._core import exercise

#: Recalls and largest numbers.  8/39 is off 0.2, and 50/99 off 0.5, by little more than half a hundredth; of 101 images
#: two fractions round to 0.5.
RECALLS = ((0.67, 39), (0.62, 60), (0.09, 80), (0.73, 100), (1.0, 30), (0.0, 30), (0.2, 39), (0.5, 130))


@exercise(
    "possible-supports",
    expects="a function that takes a recall and the largest number, and returns a list of whole numbers",
    praise="The smaller the test set, the more a printed number gives away; with a hundred images it hides nearly all.",
)
def supports(answer, _ham):
    for recall, largest in RECALLS:
        reply = answer(recall, largest)
        if not isinstance(reply, int | float | np.number):
            reply = list(reply)
        if isinstance(reply, int | float | np.number):
            return "It returns one number. Return the list of all that fit."
        if broken := [number for number in reply if number != int(number)]:
            return f"{broken[0]} is no whole number. A number of test images is."
        if twice := [number for number, times in Counter(reply).items() if times > 1]:
            return f"{twice[0]} is in your list more than once. One fraction that fits is enough: go on to the next."
        if hint := _unfit({int(number) for number in reply}, recall, largest):
            return hint
    return None


def _unfit(reply, recall, largest):
    sure, possible = _fitting(recall, largest)
    if reply == possible:
        return None
    if reply == _where(lambda k, n: k / n == recall, largest):
        return f"You ask for fractions that equal {recall} exactly. It was rounded: 2/3 is printed as 0.67 as well."
    if reply == _where(lambda k, n: 100 * k // n == round(100 * recall), largest):
        return "You cut the further digits off. Tables are rounded: 0.666 becomes 0.67."
    if outside := [number for number in reply if not 1 <= number <= largest]:
        return f"Numbers from 1 to {largest} were asked for; yours has {outside[0]} too."
    if sure - reply == {largest}:
        return f"It stops before `largest`: {largest} itself fits {recall}. (`range` leaves out its end.)"
    if missing := min(sure - reply, default=None):
        k = round(recall * missing)
        return f"For {recall} it lacks {missing}: {k}/{missing} = {k / missing:.4f} rounds to {recall}."
    if halves := possible - reply:
        half = min(halves)
        k = min(range(half + 1), key=lambda k: abs(abs(k / half - recall) - 0.005))
        return (
            f"Nearly: for {recall} it lacks {half}. {k}/{half} = {k / half:.4f} is a half, which may have been rounded "
            "either way: count both. Allow half a hundredth and `1e-9` more, since the computer rounds too."
        )
    extra = min(reply - possible)
    return f"For {recall} it has {extra}, but {round(recall * extra)}/{extra} is off by more than half a hundredth."


def _where(fits, largest):
    return {n for n in range(1, largest + 1) if any(fits(k, n) for k in range(n + 1))}


def _fitting(recall, largest):
    """Return the numbers that surely fit, and those with the ones whose fraction lies on the edge of the rounding."""
    gaps = {n: np.abs(np.arange(n + 1) / n - recall).min() for n in range(1, largest + 1)}
    return {n for n in gaps if gaps[n] < 0.005 - 1e-9}, {n for n in gaps if gaps[n] < 0.005 + 1e-9}


def _share(n, half=0.005 + 1e-9, values=101, first=0):
    """Return the share of ``values`` hundredths that some fraction of ``n`` images is close enough to."""
    off = np.abs(np.arange(values)[:, None] / 100 - np.arange(first, n + 1) / n).min(axis=1)
    return (off <= half).mean()


@exercise(
    "chance-to-fit",
    expects="a function that takes a number of test images and returns a share, between 0 and 1",
    praise="From a hundred images on every printed value fits, and fitting proves nothing.",
)
def chance_to_fit(answer, _ham):
    for n in (6, 11, 26, 39, 40, 75, 99, 100, 751):
        reply, right = float(answer(n)), _share(n)
        what = f"For {n} images you give {reply:.4g}."
        if np.isclose(reply, right, atol=1e-6):
            continue
        if np.isclose(reply, round(101 * right), atol=1e-6):
            return f"{what} That is how many of the values fit. Divide by 101."
        if np.isclose(reply, 100 * right, atol=1e-4):
            return f"{what} That is a percentage; give a share between 0 and 1."
        if np.isclose(reply, 1 - right, atol=1e-6):
            return f"{what} That is the share of the values that do *not* fit."
        if np.isclose(reply, (n + 1) / 101, atol=1e-6):
            return f"{what} Count values, not fractions: a half may go either way, and several round to one."
        if np.isclose(reply, 1.01 * right, atol=1e-6) or np.isclose(reply, _share(n, values=100), atol=1e-6):
            return f"{what} From 0.00 to 1.00 there are 101 values, both ends included."
        if np.isclose(reply, _share(n, first=1), atol=1e-6):
            return f"{what} None may be found, too: *k* starts at 0."
        if np.isclose(reply, _share(n, half=1e-9), atol=1e-6):
            return f"{what} You ask for fractions that equal a value. It was rounded: allow half a hundredth."
        if np.isclose(reply, _share(n, half=0.01 + 1e-9), atol=1e-6):
            return f"{what} You allow a whole hundredth; rounding moves a number by half of one at most."
        if reply < right and _share(n, half=0.005 - 1e-9) - 1e-6 <= reply:
            return f"{what} A half may have been rounded either way: allow half a hundredth and `1e-9` more."
        return f"{what} For each of the values 0.00 to 1.00 ask whether some *k* of {n} rounds to it; take the mean."
    return None


def _counts(recall, n, half=0.005 + 1e-9):
    return [k for k in range(n + 1) if abs(k / n - recall) <= half]


#: Recalls and counts: the paper's; one with halves; one in which all or none are found.
PRINTED = (
    ([0.62, 0.73, 0.09, 0.67, 0.59, 0.82, 0.73], [26, 30, 75, 6, 39, 751, 11]),
    ([0.12, 0.5, 0.33], [200, 100, 900]),
    ([1.0, 0.0, 0.8], [300, 400, 5]),
)


@exercise(
    "accuracy-between",
    expects="a function that takes recalls and counts and returns two accuracies: the lowest and the highest",
    praise="Rounding leaves little room: what the tables say of the accuracy holds to a few tenths of a point.",
)
def accuracy_between(answer, _ham):
    for recalls, sizes in PRINTED:
        total = sum(sizes)
        ends = [(min(k), max(k)) for k in map(_counts, recalls, sizes)]
        low, high = (sum(end) / total for end in zip(*ends, strict=True))
        handed = list(recalls), list(sizes)
        reply = answer(*handed)
        if handed != (list(recalls), list(sizes)):
            return "It changes the lists that it is given."
        if isinstance(reply, int | float | np.number) or len(reply) != 2:
            return "Return two accuracies, the lowest and the highest."
        reply = [float(value) for value in reply]
        what = f"For recalls {recalls} of {sizes} images you give {reply[0]:.5g} and {reply[1]:.5g}."
        if np.allclose(reply, (low, high), atol=1e-7):
            continue
        if np.allclose(reply[::-1], (low, high), atol=1e-7):
            return "The lowest comes first, then the highest."
        if np.allclose(reply, (low * total, high * total), atol=1e-4):
            return f"{what} Those are numbers of right answers. Divide by all test images."
        if np.allclose(reply, (100 * low, 100 * high), atol=1e-5):
            return f"{what} Those are percentages; give shares between 0 and 1."
        per_class = [np.mean([end[side] / n for end, n in zip(ends, sizes, strict=True)]) for side in (0, 1)]
        if np.allclose(reply, per_class, atol=1e-7):
            return f"{what} That is the mean of the recalls, the balanced accuracy. Add up right *images*."
        if np.allclose(reply, [sum(r * n for r, n in zip(recalls, sizes, strict=True)) / total] * 2, atol=1e-7):
            return f"{what} You take the recalls as exact. Each was rounded: find the whole numbers behind it."
        loose = [sum(r * n for r, n in zip(recalls, sizes, strict=True)) / total + side for side in (-0.005, 0.005)]
        if np.allclose(reply, loose, atol=1e-7) or np.allclose(reply, np.clip(loose, 0, 1), atol=1e-7):
            return f"{what} Right answers are whole numbers: which *k* images of a diagnosis round to its recall?"
        wide = [_counts(r, n, half=0.01 + 1e-9) for r, n in zip(recalls, sizes, strict=True)]
        if np.allclose(reply, (sum(map(min, wide)) / total, sum(map(max, wide)) / total), atol=1e-7):
            return f"{what} You allow a whole hundredth; rounding moves a number by half of one at most."
        if low - 1e-7 <= reply[0] and reply[1] <= high + 1e-7:
            return f"{what} There is more room: a half may go either way (allow `1e-9` too), and all may be found."
        return f"{what} Diagnosis by diagnosis, add up the smallest and the largest *k* that round to its recall."
    return None

"""The checkers of *augment-and-weigh*; helpers/checks/__init__.py shows how one is written."""

import numpy as np
import pandas as pd

from helpers.checks._core import exercise


def _turned(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


def _moved(right, down):
    return np.array([[1, 0, -right], [0, 1, -down], [0, 0, 1.0]])


#: Matrices of a kind each, and one of all kinds together.
JOURNEYS = {
    "a shift": _moved(12, -5),
    "a zoom": np.diag([1 / 1.6, 1 / 1.6, 1]),
    "a turn": _turned(35),
    "a flip": np.diag([-1.0, 1, 1]),
    "a turn and a squash": _turned(35) @ np.diag([4 / 3, 1, 1]),
    "all at once": np.diag([-1.0, 1, 1]) @ _turned(50) @ _moved(9, 14) @ np.diag([0.8, 0.8, 1]),
}


@exercise(
    "follow-a-point",
    expects="a function that takes a matrix and a place, right and down, and returns the place in the new image",
    praise="Marks, boxes and outlines travel by the inverse of the matrix that the pixels are looked up with.",
)
def follow(answer, _ham):
    right, down = 20.0, -11.0
    wrong = {}
    for kind, matrix in JOURNEYS.items():
        reply = np.asarray(answer(matrix.copy(), right, down), float).ravel()
        if len(reply) == 3:
            return "It returns three numbers. A place has two, right and down; the one was only there for the shift."
        if len(reply) != 2:
            return f"It returns {len(reply)} numbers. Return two: right and down."
        if not np.allclose(reply, _journey(np.linalg.inv(matrix), right, down), atol=1e-3):
            wrong[kind] = reply
    return _astray(wrong, right, down) if wrong else None


def _journey(matrix, right, down):
    return (matrix @ [right, down, 1])[:2]


def _astray(wrong, right, down):
    def all_are(make):
        return all(np.allclose(reply, make(JOURNEYS[kind]), atol=1e-3) for kind, reply in wrong.items())

    if all_are(lambda matrix: _journey(matrix, right, down)):
        return (
            "Wrong way round: the matrix leads from the new image to the old one, and you are asked for the way from "
            "the old to the new."
        )
    if all_are(lambda matrix: np.linalg.inv(matrix[:2, :2]) @ [right, down]):
        return "The shift is lost: it stands in the third column, which only a place with a one at its end gets to see."
    if all_are(lambda matrix: _journey(np.linalg.inv(matrix), right, down)[::-1]):
        return "You return down, then right. The task asks for right, then down."
    if all_are(lambda matrix: _journey(np.linalg.inv(matrix), down, right)):
        return "You hand the place over as down, right. A place is written right, down, one."
    if all_are(lambda matrix: _journey(matrix.T, right, down)):
        return "You transpose the matrix. That undoes a turn, and nothing else: a zoom or a shift needs the inverse."
    kind = next(iter(wrong))
    return (
        f"Under {kind} it sends the place astray. Look for the new place p with `matrix @ p` equal to "
        f"({right:g}, {down:g}, 1)."
    )


#: Diagnoses of images, and the positions of the training rows among them.  The last has a class that is not trained on.
TABLES = (
    (np.array(["nv"] * 6 + ["mel"] * 2), np.arange(8)),
    (np.array(["nv", "mel", "nv", "nv", "df", "nv", "mel", "nv", "df", "df"]), np.array([9, 0, 1, 2, 3, 5])),
    (np.array(["nv", "mel", "nv", "bcc", "nv", "vasc"]), np.array([0, 1, 2, 4, 5])),
)


@exercise(
    "class-weights",
    expects="a function that takes an array of diagnoses and one of positions, and returns a Series of weights",
    praise="Times its number of images, each class weighs the same. No test image had a say in it.",
)
def class_weights(answer, _ham):
    for diagnosis, train in TABLES:
        given = diagnosis.copy(), train.copy()
        reply = pd.Series(answer(*given), dtype=float)
        if not (np.array_equal(given[0], diagnosis) and np.array_equal(given[1], train)):
            return "It changes the arrays that it is given. Work on a copy."
        if hint := _wrong_weights(reply, diagnosis, train):
            return hint
    return None


def _wrong_weights(reply, diagnosis, train):
    count = pd.Series(diagnosis[train]).value_counts()
    everywhere = pd.Series(diagnosis).value_counts()
    if set(reply.index) == set(everywhere.index) != set(count.index):
        return "It has a weight for a diagnosis without training images. Count the training rows alone."
    if set(reply.index) != set(count.index):
        return "The index of your answer should have the diagnoses of the training rows, each once."
    reply = reply[count.index]
    right = count.sum() / (len(count) * count)
    if np.allclose(reply, right):
        return None
    everywhere = everywhere[everywhere.index.isin(count.index)]
    classes = pd.Series(diagnosis).nunique()
    if np.allclose(reply, (len(diagnosis) / (classes * everywhere))[count.index]):
        return "You count all images, test images too. A weight is learned from the training rows alone."
    wrong = {
        "You return the numbers of images. Divide n by k times each of them.": count,
        "You return the share of each class: the common ones weigh most. Turn it round.": count / count.sum(),
        "The number of classes is missing: divide by k as well.": count.sum() / count,
        "That is one over the count. Multiply by n, and divide by k.": 1 / count,
        "You multiply by k. Divide by it.": count.sum() * len(count) / count,
        "You take all images as n. Take the training rows alone.": len(diagnosis) / (len(count) * count),
        "Your weights sum to one. In the formula nothing is divided by their sum.": right / right.sum(),
        "That is the square root of the weights, a half correction. The formula has none.": np.sqrt(right),
    }
    for hint, values in wrong.items():
        if np.allclose(reply, values):
            return hint
    name = (reply - right).abs().idxmax()
    return f"The weight of {name} is off: n is {count.sum()}, k is {len(count)}, and {count[name]} are {name}."


@exercise(
    "loss-shares",
    expects="a function that takes a Series of counts and two yes-or-no values, and returns a Series of shares",
    praise="Corrected once, all classes have the same share. Corrected twice, the shares go as one over the counts.",
)
def loss_shares(answer, ham):
    here = ham.table["dx"].value_counts()
    for counts in (pd.Series({"a": 50, "b": 200, "c": 1000}), here):
        for copied, weighted in ((False, False), (True, False), (False, True), (True, True)):
            handed = counts.copy()
            reply = answer(handed, copied, weighted)
            if not handed.equals(counts):
                return "It changes the counts that it is given. Work on a copy."
            reply = pd.Series(reply, dtype=float)
            if set(reply.index) != set(counts.index):
                return "The index of your answer differs from that of `counts`. Return one share for each class in it."
            if hint := _wrong_shares(reply[counts.index], counts, copied, weighted):
                return hint
    return None


def _wrong_shares(reply, counts, copied, weighted):
    largest = pd.Series(float(counts.max()), counts.index)
    images, weights = (largest if copied else counts), 1 / counts
    right = images * weights if weighted else images * 1.0
    if np.allclose(reply, right / right.sum(), atol=1e-4):
        return None
    case = f"With copied={copied} and weighted={weighted}"

    def shares(values):
        return np.allclose(reply / reply.sum(), values / values.sum(), atol=1e-4)

    if shares(right):
        return f"{case} your numbers sum to {reply.sum():,.2f}. Divide by their sum, so that they become shares."
    if copied and weighted and shares(largest):
        return (
            "With both, you weight by the *copied* counts, which are all alike, or not at all. The question is about "
            "weights from the original counts: that is the mistake to be measured."
        )
    if weighted and not copied and shares(weights):
        return "With weights alone you return the weights. A class's loss is its number of images times its weight."
    if copied and not weighted and shares(counts):
        return f"{case} nothing changes in yours. Copies make every class as large as the largest."
    if weighted and not copied and shares(counts):
        return f"{case} nothing changes in yours. Multiply each class by its balanced weight."
    if copied and shares(largest / counts):
        return f"{case} you return how often an image is copied. Multiply by the images that there were."
    return f"{case} the shares are off. Take the images of a class, with copies, times the weight; divide by the sum."

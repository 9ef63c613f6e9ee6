"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import numpy as np
import pandas as pd


def following(way):
    """An answer to follow-a-point that is given the matrix, right and down."""
    return lambda ham: way


def inverse(matrix, right, down):
    return np.linalg.inv(matrix) @ [right, down, 1]


def shared(images, weights, share=True):
    """An answer to loss-shares from the images and the weights that it takes a class to have."""

    def loss_shares(counts, copied, weighted):
        loss = images(counts, copied) * weights(counts, copied, weighted)
        return loss / loss.sum() if share else loss

    return lambda ham: loss_shares


def balanced(counts, copied):
    return 0 * counts + counts.max() if copied else counts


def weights(counts, copied, weighted):
    return counts.sum() / (len(counts) * counts) if weighted else 1


def spoiling(counts, copied, weighted):
    if copied:
        counts[:] = counts.max()
    return counts / counts.sum()


def weighing(make):
    """An answer to class-weights: ``make`` is given the counts of the training rows, and all diagnoses."""
    return lambda ham: lambda diagnosis, train: make(pd.Series(diagnosis[train]).value_counts(), pd.Series(diagnosis))


def formula(count):
    return count.sum() / (len(count) * count)


def sorting(diagnosis, train):
    train.sort()
    return formula(pd.Series(diagnosis[train]).value_counts())


WRONG = {
    "follow-a-point": {
        "the wrong way round": (following(lambda m, r, d: (m @ [r, d, 1])[:2]), "Wrong way round"),
        "without the shift": (following(lambda m, r, d: np.linalg.inv(m[:2, :2]) @ [r, d]), "The shift is lost"),
        "down, then right": (following(lambda m, r, d: inverse(m, r, d)[[1, 0]]), "down, then right"),
        "handed over as down, right": (following(lambda m, r, d: inverse(m, d, r)[:2]), "hand the place over"),
        "transposed": (following(lambda m, r, d: (m.T @ [r, d, 1])[:2]), "transpose the matrix"),
        "transposed and shrunk": (
            following(lambda m, r, d: m[:2, :2].T / abs(np.linalg.det(m)) @ (np.array([r, d]) - m[:2, 2])),
            "Under a turn and a squash",
        ),
        "three numbers": (following(inverse), "three numbers"),
        "one number": (following(lambda m, r, d: inverse(m, r, d)[:1]), "returns 1 numbers"),
        "stays where it was": (following(lambda m, r, d: (r, d)), "Under a shift it sends the place astray"),
    },
    "class-weights": {
        "of all images": (weighing(lambda count, every: formula(every.value_counts())), "test images too"),
        "all classes": (
            weighing(lambda count, every: formula(count).reindex(every.unique(), fill_value=1.0)),
            "without training images",
        ),
        "the counts": (weighing(lambda count, every: count), "numbers of images"),
        "the shares": (weighing(lambda count, every: count / count.sum()), "Turn it round"),
        "without k": (weighing(lambda count, every: count.sum() / count), "divide by k as well"),
        "one over the count": (weighing(lambda count, every: 1 / count), "one over the count"),
        "times k": (weighing(lambda count, every: len(count) * count.sum() / count), "You multiply by k"),
        "n of all": (weighing(lambda count, every: len(every) / (len(count) * count)), "all images as n"),
        "of sum one": (weighing(lambda count, every: formula(count) / formula(count).sum()), "sum to one"),
        "square root": (weighing(lambda count, every: formula(count) ** 0.5), "half correction"),
        "against the largest": (weighing(lambda count, every: count.max() / count), "is off"),
        "unnamed": (weighing(lambda count, every: formula(count).to_list()), "the diagnoses of the training rows"),
        "sorts what it is given": (lambda ham: sorting, "changes the arrays"),
    },
    "loss-shares": {
        "not divided": (shared(balanced, weights, share=False), "Divide by their sum"),
        "weights of the copied counts": (
            shared(balanced, lambda counts, copied, weighted: weights(balanced(counts, copied), copied, weighted)),
            "the *copied* counts",
        ),
        "the weights alone": (
            shared(lambda counts, copied: balanced(counts, copied) if copied else counts**0, weights),
            "With copied=False and weighted=False the shares are off",
        ),
        "weights in place of the loss": (
            shared(balanced, lambda counts, copied, weighted: counts**-2.0 if weighted else 1),
            "you return the weights",
        ),
        "without copies": (shared(lambda counts, copied: counts, weights), "Copies make every class"),
        "without weights": (shared(balanced, lambda *_: 1), "Multiply each class"),
        "the copies of an image": (
            lambda ham: (
                lambda counts, copied, weighted: (1 / counts) / (1 / counts).sum() if copied else counts / counts.sum()
            ),
            "how often an image is copied",
        ),
        "spoils the counts": (lambda ham: spoiling, "Work on a copy"),
    },
}

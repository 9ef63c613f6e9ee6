"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import numpy as np


def square(squashed=4 / 3, cropped=1 / 4):
    """An answer to cost-of-a-square."""
    return lambda ham: {"height over width, squashed": squashed, "share lost, cropped": cropped}


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


WRONG = {
    "cost-of-a-square": {
        "width over height": (square(squashed=3 / 4), "width over height"),
        "a circle": (square(squashed=1), "a circle"),
        "one side only": (square(squashed=512 / 450), "factor of one side"),
        "the sum of both": (square(squashed=512 / 450 + 512 / 600), "Check the first number"),
        "share kept": (square(cropped=0.75), "*kept*"),
        "percentage": (square(cropped=25), "percentage"),
        "512 of 450": (square(cropped=1 - 512**2 / (600 * 450)), "does not fit"),
        "one side": (square(cropped=150), "Check the second number"),
    },
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

"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import numpy as np


def relu(x):
    return np.maximum(x, 0)


def in_place(x, change, project):
    x += change(x)
    return relu(x)


def places(network, whole=False):
    """A right answer to cut-points, but for the last layer if ``whole``."""
    place = {name: k for k, (name, _) in enumerate(network)}
    return [
        name
        for k, (name, _) in enumerate(network if whole else network[:-1])
        if all(place[read] >= k for _, reads in network[k + 1 :] for read in reads)
    ]


def normal(kernel, gamma, beta, mean, variance, epsilon):
    scale = gamma / np.sqrt(variance + epsilon)
    return kernel * scale, beta - mean * scale


def answered(function):
    return lambda ham: function


WRONG = {
    "residual-block": {
        "no shortcut": (answered(lambda x, change, project: relu(change(x))), "The shortcut is missing"),
        "no ReLU": (answered(lambda x, change, project: change(x) + x), "ReLU comes after the addition."),
        "ReLU first": (answered(lambda x, change, project: relu(change(x)) + x), "not before"),
        "subtracted": (answered(lambda x, change, project: relu(change(x) - x)), "You subtract"),
        "twice": (answered(lambda x, change, project: relu(change(x) + 2 * x)), "another one"),
        "never projected": (answered(lambda x, change, project: relu(change(x) + x)), "could not be broadcast"),
        "always projected": (answered(lambda x, change, project: project(x)), "For the shape"),
        "projected alone": (
            answered(lambda x, change, project: relu(change(x) + (x if change(x).shape == x.shape else 0))),
            "the shortcut is project(x)",
        ),
        "no ReLU where projected": (
            answered(lambda x, c, p: relu(c(x) + x) if c(x).shape == x.shape else c(x) + p(x)),
            "is project(x), too",
        ),
        "channels alone": (
            answered(lambda x, c, p: relu(c(x) + (x if c(x).shape[-1] == x.shape[-1] else p(x)))),
            "could not be broadcast",
        ),
        "in place": (answered(in_place), "You changed the array"),
    },
    "cut-points": {
        "everywhere": (answered(lambda network: [name for name, _ in network[:-1]]), "you cut everywhere"),
        "the end, too": (answered(lambda network: places(network, whole=True)), "nothing is left to cut off"),
        "backwards": (answered(lambda network: places(network)[::-1]), "in the order of computing"),
        "places": (answered(lambda network: [network.index((n, r)) for n, r in network[:-1]]), "names of layers"),
        "twice": (answered(lambda network: places(network) * 2), "each once"),
        "two layers on": (
            answered(
                lambda network: [
                    name
                    for k, (name, _) in enumerate(network[:-1])
                    if not {read for _, reads in network[k + 1 : k + 3] for read in reads} & {n for n, _ in network[:k]}
                ]
            ),
            "still reads something",
        ),
        "read once": (
            answered(
                lambda network: [name for name, _ in network[:-1] if sum(name in reads for _, reads in network) == 1]
            ),
            "still reads something",
        ),
        "additions only": (
            answered(lambda network: [name for name, reads in network[:-1] if len(reads) > 1]),
            "one may cut after",
        ),
    },
    "fold-normalisation": {
        "no epsilon": (
            answered(lambda k, g, b, m, v, e: (k * g / np.sqrt(v), b - m * g / np.sqrt(v))),
            "Epsilon is missing",
        ),
        "no root": (answered(lambda k, g, b, m, v, e: (k * g / (v + e), b)), "The root is missing"),
        "epsilon late": (answered(lambda k, g, b, m, v, e: (k * g / (np.sqrt(v) + e), b)), "before the root"),
        "no gamma": (answered(lambda k, g, b, m, v, e: (k / np.sqrt(v + e), b)), "Gamma is missing"),
        "bias alone": (answered(lambda k, *rest: (k, normal(k, *rest)[1])), "has to be scaled"),
        "kernel another": (answered(lambda k, *rest: (2 * normal(k, *rest)[0], rest[1])), "another one: each filter"),
        "mean plain": (answered(lambda k, g, b, m, v, e: (normal(k, g, b, m, v, e)[0], b - m)), "has to be scaled as"),
        "mean added": (
            answered(lambda k, g, b, m, v, e: (normal(k, g, b, m, v, e)[0], b + m * g / np.sqrt(v + e))),
            "subtracted from beta",
        ),
        "mean forgotten": (answered(lambda k, *rest: (normal(k, *rest)[0], rest[1])), "beta minus the scaled mean"),
        "beta forgotten": (
            answered(lambda k, g, b, m, v, e: (normal(k, g, b, m, v, e)[0], -m * g / np.sqrt(v + e))),
            "Beta is missing",
        ),
        "zero": (answered(lambda k, *rest: (normal(k, *rest)[0], 0 * rest[1])), "put x = 0"),
        "one array": (answered(lambda k, *rest: normal(k, *rest)[0]), "Return two arrays"),
        "shape": (answered(lambda k, *rest: (k[0], rest[1])), "You give the shapes"),
    },
}

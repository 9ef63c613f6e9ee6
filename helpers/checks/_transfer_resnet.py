"""The checkers of *transfer-resnet*; helpers/checks/__init__.py shows how one is written."""

import numpy as np

from helpers.checks._core import exercise

#: Networks as pairs of a layer and what it reads: a chain; a block with a shortcut; two blocks, one with a projection;
#: a block of three layers.
CHAIN = [("image", []), ("conv", ["image"]), ("pool", ["conv"]), ("out", ["pool"])]
SHORTCUT = [("image", []), ("stem", ["image"]), ("conv", ["stem"]), ("add", ["stem", "conv"]), ("out", ["add"])]
BLOCKS = [
    ("image", []),
    ("a1", ["image"]),
    ("a2", ["a1"]),
    ("side", ["image"]),
    ("add_a", ["side", "a2"]),
    ("relu", ["add_a"]),
    ("b1", ["relu"]),
    ("b2", ["b1"]),
    ("add_b", ["relu", "b2"]),
    ("out", ["add_b"]),
]
LONG = [("image", []), ("a", ["image"]), ("b", ["a"]), ("c", ["b"]), ("add", ["image", "c"]), ("out", ["add"])]


@exercise(
    "residual-block",
    expects="a function that takes an array and two functions on arrays, and returns an array",
    praise="If the change is nothing, the block hands on what the block before it gave: nothing of that is negative.",
)
def block(answer, _ham):
    rng = np.random.default_rng(71)
    x, kernel, wider = rng.normal(size=(5, 4)), rng.normal(size=(4, 4)), rng.normal(size=(4, 6))
    kept = x.copy()
    plain = np.asarray(answer(x, lambda x: x @ kernel, lambda x: x @ wider))
    if not np.array_equal(x, kept):
        return "You changed the array that you were given. Make a new one."
    y = kept @ kernel
    known = (
        (np.maximum(y, 0), "The shortcut is missing: add x before ReLU."),
        (y + kept, "Sum and shortcut are right. ReLU comes after the addition."),
        (np.maximum(y, 0) + kept, "In the block of He et al. ReLU comes after the addition, not before."),
        (np.maximum(y - kept, 0), "You subtract the shortcut. Add it."),
    )
    if plain.shape != y.shape:
        return f"For the shape {kept.shape} and a change of the same shape you give {plain.shape}."
    for value, hint in known:
        if np.allclose(plain, value):
            return hint
    if not np.allclose(plain, np.maximum(y + kept, 0)):
        return "The sum is another one: change(x) plus x, and ReLU makes what is below zero zero."
    other = rng.normal(size=(4, 6))
    # One change gives other channels; one gives other rows, of the same channels.
    for change, project in (
        (lambda x: x @ wider, lambda x: x @ other),
        (lambda x: (x @ kernel)[::2], lambda x: (x @ kernel.T)[::2]),
    ):
        grown, whole = np.asarray(answer(x, change, project)), change(x) + project(x)
        if grown.shape == whole.shape and np.allclose(grown, whole):
            return "Sum and shortcut are right. ReLU comes after the addition, where the shortcut is project(x), too."
        if grown.shape != whole.shape or not np.allclose(grown, np.maximum(whole, 0)):
            return "Where change(x) has another shape than x, in whichever axis, the shortcut is project(x)."
    return None


@exercise(
    "cut-points",
    expects="a function that takes a list of (name, names read) and returns a list of names",
    praise="Between two blocks one tensor carries everything; inside a block two are on their way.",
)
def cuts(answer, _ham):
    for network in (CHAIN, SHORTCUT, BLOCKS, LONG):
        reply, right = list(answer([(name, list(reads)) for name, reads in network])), _cuts(network)
        if any(name not in dict(network) for name in reply) or len(set(reply)) < len(reply):
            return "Give names of layers, each once."
        shown = ", ".join(str(name) for name, _ in network)
        if reply == right:
            continue
        if network[-1][0] in reply:
            return f"In {shown}: after the last layer nothing is left to cut off. Leave it out."
        if reply == [name for name, _ in network[:-1]]:
            return f"In {shown}: you cut everywhere. Inside a block the shortcut would be cut off."
        if sorted(map(str, reply)) == sorted(right):
            return "The names are right. Give them in the order of computing."
        if extra := [name for name in reply if name not in right]:
            return f"In {shown}: after {extra[0]!r} a later layer still reads something that was made before it."
        missed = [name for name in right if name not in reply]
        return f"In {shown}: one may cut after {missed[0]!r}; no later layer reads anything that was made before it."


def _cuts(network):
    place = {name: k for k, (name, _) in enumerate(network)}
    return [
        name
        for k, (name, _) in enumerate(network[:-1])
        if all(place[read] >= k for _, reads in network[k + 1 :] for read in reads)
    ]


@exercise(
    "fold-normalisation",
    expects="a function that takes a kernel (height, width, channels, filters), four arrays (filters,) and a number, "
    "and returns a kernel and a bias",
    praise="A frozen normalisation costs nothing once it is folded in. Networks on telephones are made so.",
)
def folded(answer, _ham):
    rng = np.random.default_rng(73)
    kernel, (gamma, beta, mean) = rng.normal(size=(3, 3, 2, 4)), rng.normal(size=(3, 4))
    variance, epsilon = rng.uniform(0.5, 2, 4), 0.1
    reply = answer(*(one.copy() for one in (kernel, gamma, beta, mean, variance)), epsilon)
    if not isinstance(reply, tuple | list) or len(reply) != 2:
        return "Return two arrays: the kernel and the bias."
    new, bias = (np.asarray(one, dtype=float) for one in reply)
    if new.shape != kernel.shape or bias.shape != beta.shape:
        return f"You give the shapes {new.shape} and {bias.shape}; they are {kernel.shape} and {beta.shape}."
    scale = gamma / np.sqrt(variance + epsilon)
    wrong_scales = (
        (gamma / np.sqrt(variance), "Epsilon is missing: it is added to the variance, under the root."),
        (gamma / (variance + epsilon), "The root is missing: divide by the square root of variance plus epsilon."),
        (gamma / (np.sqrt(variance) + epsilon), "Epsilon is added to the variance, before the root is taken."),
        (1 / np.sqrt(variance + epsilon), "Gamma is missing in the kernel's scale."),
        (np.ones(4), "The kernel has to be scaled, filter by filter."),
    )
    for value, hint in wrong_scales:
        if np.allclose(new, kernel * value):
            return hint
    if not np.allclose(new, kernel * scale):
        return "The kernel is another one: each filter times gamma / sqrt(variance + epsilon)."
    wrong_biases = (
        (beta - mean, "The kernel is right. The mean has to be scaled as the kernel is before it is subtracted."),
        (beta + mean * scale, "The kernel is right. The scaled mean is subtracted from beta."),
        (beta, "The kernel is right. The bias is beta minus the scaled mean."),
        (-mean * scale, "The kernel is right. Beta is missing in the bias."),
    )
    for value, hint in wrong_biases:
        if np.allclose(bias, value):
            return hint
    if not np.allclose(bias, beta - mean * scale):
        return "The kernel is right, the bias is not: put x = 0 into the formula of the normalisation."

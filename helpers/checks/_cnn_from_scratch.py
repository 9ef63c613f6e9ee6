"""The checkers of *cnn-from-scratch*; helpers/checks/__init__.py shows how one is written."""

import numpy as np

from helpers.checks._core import exercise

#: Chains of layers, each with an input size: Table 1's first block, an odd pool, a chain that ends at nothing.
CHAINS = (
    (512, [("conv", 3), ("conv", 3), ("conv", 3), ("pool", 2)]),
    (249, [("conv", 3), ("pool", 2)]),
    (59, [("conv", 3), ("conv", 5)]),
    (11, [("pool", 3), ("conv", 2)]),
    (100, []),
    (6, [("conv", 3), ("pool", 2), ("conv", 5), ("pool", 2)]),
)


def _walk(size, steps, padded=False, up=False, less=1):
    for kind, width in steps:
        if kind == "conv":
            size = size if padded else size - width + less
        else:
            size = -(-size // width) if up else size // width
        if size < 1:
            return 0
    return size


@exercise(
    "output-size",
    expects="a function that takes a size and a list of steps and returns a whole number of pixels",
    praise="With it you can check any printed network before you believe it.",
)
def output_size(answer, _ham):
    reply = [answer(size, list(steps)) for size, steps in CHAINS]
    right = [_walk(size, steps) for size, steps in CHAINS]
    if reply == right:
        return None
    if reply == [_walk(size, steps, padded=True) for size, steps in CHAINS]:
        return "That is a padded convolution, which keeps the size. Here a kernel has to fit wholly inside."
    if reply == [_walk(size, steps, up=True) for size, steps in CHAINS]:
        return "A pool takes whole windows only. Round down, not up."
    if reply == [_walk(size, steps, less=0) for size, steps in CHAINS]:
        return "A kernel of 3 fits n - 2 times into n pixels, not n - 3 times: count its places in a row of 3."
    for (size, steps), mine, expected in zip(CHAINS, reply, right, strict=True):
        if not float(mine).is_integer():
            return f"From {size}, {steps} you give {mine}. Sizes are whole numbers: a pool rounds down at once."
        if mine != expected == 0:
            return f"From {size}, {steps} leaves nothing at some step. Return 0 there, before the next step."
        if mine != expected:
            return f"From {size}, {steps} you give {mine}; {expected} is left. Take one step at a time, in order."


@exercise(
    "number-of-weights",
    expects="a function that takes channels, kernel and filters and returns a whole number",
    praise="The image's size does not occur in it: that is why one network fits images of any size.",
)
def weights(answer, _ham):
    for channels, kernel, filters in ((4, 3, 32), (64, 5, 7), (1, 1, 4)):
        reply, right = answer(channels, kernel, filters), (kernel**2 * channels + 1) * filters
        if reply == right:
            continue
        what = f"For {channels} channels, a kernel of {kernel} and {filters} filters you give {reply}"
        if reply == kernel**2 * channels * filters:
            return f"{what}: each filter has a bias as well, one number more."
        if reply == (kernel**2 + 1) * filters:
            return f"{what}: a kernel reaches through all channels of its input. Multiply by them."
        if reply == (kernel * channels + 1) * filters:
            return f"{what}: the kernel is {kernel} high and {kernel} wide."
        if reply == kernel**2 * channels * filters + 1:
            return f"{what}: not one bias in all, but one for each filter."
        return f"{what}; {right} is right. Count one filter first, then multiply."
    return None


@exercise(
    "weighted-loss",
    expects="a function that takes probabilities, codes and class weights and returns one number",
    praise="Keras divides by the number of images, so a batch of rare classes weighs more than one of nevi.",
)
def weighted_loss(answer, _ham):
    rng = np.random.default_rng(53)
    prob, codes = rng.dirichlet(np.ones(7), 40), rng.integers(7, size=40)
    class_weight = dict(enumerate((4.0, 3.0, 1.3, 12.0, 1.2, 0.2, 10.0)))
    reply = float(answer(prob.copy(), codes.copy(), dict(class_weight)))
    each = np.array([class_weight[code] for code in codes])
    loss = -np.log(prob[np.arange(40), codes])
    known = {
        loss.mean(): "These are plain cross-entropies. Multiply each by the weight of its image's true class.",
        (each * loss).sum(): "This is the sum. Divide by the number of images.",
        (each * loss).sum()
        / each.sum(): "You divide by the sum of the weights. Keras divides by the number of images.",
        -(each * loss).mean(): "The logarithm of a probability is negative. The loss is minus that.",
        (each * loss).mean() / np.log(2): "That is the logarithm to base two. Use the natural one, `np.log`.",
        (
            each * (1 - prob[np.arange(40), codes])
        ).mean(): "Take minus the logarithm of the probability, not 1 minus it.",
    }
    if np.isclose(reply, (each * loss).mean(), rtol=1e-5):
        return None
    for value, hint in known.items():
        if np.isclose(reply, value, rtol=1e-5):
            return hint
    by_answer = np.array([class_weight[code] for code in prob.argmax(axis=1)])
    if np.isclose(reply, (by_answer * loss).mean(), rtol=1e-5):
        return "You weigh by the network's answer. The weight belongs to the true class."
    return (
        f"You give {reply:.4f}. Start with one image: the weight of its class, times minus the logarithm of "
        "`prob[0, codes[0]]`."
    )

"""The exercises and the quiz of chapter 5.  helpers/checks/__init__.py shows how a checker is written."""

import numpy as np

from helpers.checks._core import exercise
from helpers.checks._quiz import Option, Question

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
    "5.1",
    expects="a function that takes a size and a list of steps and returns a whole number of pixels",
    praise="With it you can check any printed network before you believe it.",
)
def output_size(answer, _ham):
    given = [answer(size, list(steps)) for size, steps in CHAINS]
    right = [_walk(size, steps) for size, steps in CHAINS]
    if given == right:
        return None
    if given == [_walk(size, steps, padded=True) for size, steps in CHAINS]:
        return "That is a padded convolution, which keeps the size. Here a kernel has to fit wholly inside."
    if given == [_walk(size, steps, up=True) for size, steps in CHAINS]:
        return "A pool takes whole windows only. Round down, not up."
    if given == [_walk(size, steps, less=0) for size, steps in CHAINS]:
        return "A kernel of 3 fits n - 2 times into n pixels, not n - 3 times: count its places in a row of 3."
    for (size, steps), mine, wanted in zip(CHAINS, given, right, strict=True):
        if not float(mine).is_integer():
            return f"From {size}, {steps} you give {mine}. Sizes are whole numbers: a pool rounds down at once."
        if mine != wanted == 0:
            return f"From {size}, {steps} leaves nothing at some step. Return 0 there, before the next step."
        if mine != wanted:
            return f"From {size}, {steps} you give {mine}; {wanted} is left. Take one step at a time, in order."


@exercise(
    "5.2",
    expects="a function that takes channels, kernel and filters and returns a whole number",
    praise="The image's size does not occur in it: that is why one network fits images of any size.",
)
def weights(answer, _ham):
    for channels, kernel, filters in ((4, 3, 32), (64, 5, 7), (1, 1, 4)):
        given, right = answer(channels, kernel, filters), (kernel**2 * channels + 1) * filters
        if given == right:
            continue
        what = f"For {channels} channels, a kernel of {kernel} and {filters} filters you give {given}"
        if given == kernel**2 * channels * filters:
            return f"{what}: each filter has a bias as well, one number more."
        if given == (kernel**2 + 1) * filters:
            return f"{what}: a kernel reaches through all channels of its input. Multiply by them."
        if given == (kernel * channels + 1) * filters:
            return f"{what}: the kernel is {kernel} high and {kernel} wide."
        if given == kernel**2 * channels * filters + 1:
            return f"{what}: not one bias in all, but one for each filter."
        return f"{what}; {right} is right. Count one filter first, then multiply."
    return None


@exercise(
    "5.3",
    expects="a function that takes probabilities, codes and class weights and returns one number",
    praise="Keras divides by the number of images, so a batch of rare classes weighs more than one of nevi.",
)
def weighted_loss(answer, _ham):
    rng = np.random.default_rng(53)
    prob, codes = rng.dirichlet(np.ones(7), 40), rng.integers(7, size=40)
    class_weight = dict(enumerate((4.0, 3.0, 1.3, 12.0, 1.2, 0.2, 10.0)))
    given = float(answer(prob.copy(), codes.copy(), dict(class_weight)))
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
    if np.isclose(given, (each * loss).mean(), rtol=1e-5):
        return None
    for value, hint in known.items():
        if np.isclose(given, value, rtol=1e-5):
            return hint
    by_answer = np.array([class_weight[code] for code in prob.argmax(axis=1)])
    if np.isclose(given, (by_answer * loss).mean(), rtol=1e-5):
        return "You weigh by the network's answer. The weight belongs to the true class."
    return (
        f"You give {given:.4f}. Start with one image: the weight of its class, times minus the logarithm of "
        "`prob[0, codes[0]]`."
    )


QUIZ = (
    Question(
        "A table prints a convolution of three by three from 57 to 57 pixels. What is it?",
        (
            Option(
                "A misprint, or a padded convolution that the text does not mention.",
                True,
                "Without padding 55 would be left. A table that does not say which cannot be rebuilt with certainty.",
            ),
            Option("Right: a convolution keeps the size.", False, "Only if the image is padded. Walk the sizes."),
            Option(
                "Right: the 57 counts channels.",
                False,
                "Channels are the number of filters; the side of the image follows from the kernel.",
            ),
        ),
    ),
    Question(
        "After two epochs with class weights the network answers `df` to every lesion. What do you do?",
        (
            Option(
                "Call it broken and take the class weights out.",
                False,
                "Without them it may answer `nv` to every lesion, look better, and have learned as little.",
            ),
            Option(
                "Look at the learning curve, and train on.",
                True,
                "A network that has hardly begun gives one answer, whichever; that is no verdict yet. Watch whether "
                "the validation loss falls.",
            ),
            Option(
                "Choose the epoch with the best test accuracy.",
                False,
                "Then the test set has chosen, and its score no longer says what a new lesion will meet.",
            ),
        ),
    ),
    Question(
        "Why can the dense layer of 4,096 units find nothing new in an image?",
        (
            Option(
                "Because dense layers are out of fashion.",
                False,
                "They hold many weights, which is a reason; fashion is none.",
            ),
            Option(
                "Because it comes after global pooling: it mixes 256 numbers, and no picture any more.",
                True,
                "What has not been seen by then is lost. It adds weights that can learn the training images by heart.",
            ),
            Option(
                "Because its dropout switches it off.",
                False,
                "Dropout leaves out a share of its answers in training, none in use.",
            ),
        ),
    ),
)

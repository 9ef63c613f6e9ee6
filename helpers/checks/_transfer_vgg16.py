"""The checkers of *transfer-vgg16*; helpers/checks/__init__.py shows how one is written."""

import numpy as np

from helpers.checks._core import exercise

#: ImageNet's mean of red, green and blue.
MEAN = np.array([123.68, 116.779, 103.939])
#: Chains of layers, each with a share: VGG16's, one that ends after the cut, one where the share is met exactly.
VGG16 = [kind for block in (2, 2, 3, 3, 3) for kind in ["conv"] * block + ["pool"]]
CHAINS = (
    (VGG16, 0.7),
    (["conv"] * 10, 0.7),
    (["conv", "pool", "conv", "conv", "conv"], 0.5),
    (["conv", "conv", "pool", "pool", "conv"], 0.4),
    (["conv", "conv", "conv", "pool"], 0.9),
)


@exercise(
    "prepare-for-vgg",
    expects="a function that takes an image (height, width, 3) uint8 and returns one of the same shape in float32",
    praise="Nothing in the network would have told you of a mistake.",
)
def prepared(answer, _ham):
    image = np.random.default_rng(61).integers(256, size=(4, 5, 3), dtype=np.uint8)
    kept, right = image.copy(), (image - MEAN)[..., ::-1]
    reply = np.asarray(answer(image))
    if not np.array_equal(image, kept):
        return "You changed the image that you were given. Work on a copy: `image.astype('float32')` makes one."
    if reply.shape != image.shape:
        return f"You give the shape {reply.shape}; the image has {image.shape}."
    if reply.dtype == np.uint8 and not np.array_equal(reply, image[..., ::-1]):
        return "You give whole numbers from 0 to 255, so what is below the mean wraps around. Turn to float32 first."
    known = (
        (image - MEAN, "The means are right, the order is not. VGG16 reads blue, green, red: turn the last axis."),
        (image[..., ::-1] - MEAN, "You turned the colours, and then took red's mean from blue. Subtract first."),
        (image[..., ::-1], "The order is right. Now each colour minus its mean over ImageNet."),
        (right / 255, "Do not divide by 255: VGG16 was trained without."),
        ((image / 255 - MEAN)[..., ::-1], "The means are on the scale from 0 to 255. Do not divide."),
        ((image - MEAN)[:, ::-1], "That turns the picture, left to right. The colours are the last axis."),
        ((image - MEAN)[::-1], "That turns the picture upside down. The colours are the last axis."),
        (image / 127.5 - 1, "That is another network's recipe. VGG16 wants each colour minus its mean, unscaled."),
    )
    for value, hint in known:
        if np.allclose(reply, value, atol=1e-2):
            return hint
    if not np.allclose(reply, right, atol=1e-2):
        return (
            f"The first pixel is {image[0, 0].tolist()} (red, green, blue), yours {np.round(reply[0, 0], 1).tolist()}. "
            "Subtract each colour's mean, then turn the last axis."
        )
    if reply.dtype != np.float32:
        return f"The numbers are right; their type is {reply.dtype}. Return float32."
    return None


def _cut(kinds, share, at_least=False, pools=True, of_layers=False):
    total, before = (len(kinds) if of_layers else kinds.count("conv")), 0
    for place, kind in enumerate(kinds):
        before += of_layers or kind == "conv"
        if before > share * total or (at_least and before >= share * total):
            while pools and kinds[place + 1 : place + 2] == ["pool"]:
                place += 1
            return place + 1
    return len(kinds)


@exercise(
    "where-to-freeze",
    expects="a function that takes a list of kinds and a share and returns a whole number of layers",
    praise="With it you can say in one number what a paper leaves to 'more than'.",
)
def cut_after(answer, _ham):
    reply = [answer(list(kinds), share) for kinds, share in CHAINS]
    right = [_cut(kinds, share) for kinds, share in CHAINS]
    if reply == right:
        return None
    if reply == [_cut(kinds, share, at_least=True) for kinds, share in CHAINS]:
        return "More than the share, not as much as it: seven of ten are not more than 0.7."
    if reply == [_cut(kinds, share, pools=False) for kinds, share in CHAINS]:
        return "The convolutions are right. A pool that follows the last frozen one at once stays with it."
    if reply == [_cut(kinds, share, of_layers=True) for kinds, share in CHAINS]:
        return "You count all layers. Pools have no weights to freeze: it is a share of the convolutions."
    if reply == [kinds[: _cut(kinds, share)].count("conv") for kinds, share in CHAINS]:
        return "You return the number of frozen convolutions. Return the number of layers, pools included."
    for (kinds, share), mine, expected in zip(CHAINS, reply, right, strict=True):
        if mine != expected:
            return (
                f"For {kinds} and {share} you give {mine}; {expected} layers stay frozen. Walk from the input and "
                "count convolutions until they are more than the share."
            )


@exercise(
    "equal-priors",
    expects="a function that takes probabilities (n, 7) and shares (7,) and returns probabilities (n, 7)",
    praise="One training, two readings. Which of them is right depends on whom the network is to meet.",
)
def evened(answer, _ham):
    rng = np.random.default_rng(63)
    prob, share = rng.dirichlet(np.ones(7), 30), np.array([3, 5, 11, 1, 11, 67, 2]) / 100
    reply = np.asarray(answer(prob.copy(), share.copy()), dtype=float)
    if reply.shape != prob.shape:
        return f"You give the shape {reply.shape}; one row an image and one column a class is {prob.shape}."

    def even(prob):
        return prob / prob.sum(axis=1, keepdims=True)

    known = (
        (prob / share, "The rows no longer sum to one. Divide each by its sum."),
        (even(prob * share), "You multiply by the shares: nevi gain still more. Divide by them."),
        (prob - share, "Subtracting can leave less than nothing. Divide by the shares."),
        ((prob / share) / (prob / share).sum(), "You divide by the sum over all images. Each row has its own sum."),
        ((prob / share) / (prob / share).sum(axis=0), "You divide by the sums of the columns. Rows sum to one."),
        (prob, "These are the probabilities as they were. Divide each column by its class's share."),
    )
    if np.allclose(reply, even(prob / share)):
        return None
    for value, hint in known:
        if np.allclose(reply, value):
            return hint
    if not np.allclose(reply.sum(axis=1), 1):
        return f"The first row sums to {reply[0].sum():.3f}. After the shift, divide each row by its sum."
    return "The rows sum to one, but are not the shifted ones. Divide each column by its class's share first."

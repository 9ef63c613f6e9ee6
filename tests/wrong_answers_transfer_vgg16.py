"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import numpy as np

MEAN = np.array([123.68, 116.779, 103.939], "float32")


def in_place(image):
    image[:] = 0
    return image


def layers(kinds, share, enough=lambda before, wanted: before > wanted, count=("conv",), pools=True):
    """A right answer to where-to-freeze, but for what the last three say."""
    total, before = sum(kind in count for kind in kinds), 0
    for place, kind in enumerate(kinds):
        before += kind in count
        if enough(before, share * total):
            while pools and kinds[place + 1 : place + 2] == ["pool"]:
                place += 1
            return place + 1
    return len(kinds)


def even(prob):
    return prob / prob.sum(axis=1, keepdims=True)


def answered(function, **options):
    return lambda ham: lambda *given: function(*given, **options)


WRONG = {
    "prepare-for-vgg": {
        "order forgotten": (answered(lambda image: image.astype("float32") - MEAN), "turn the last axis"),
        "turned first": (answered(lambda image: image[..., ::-1].astype("float32") - MEAN), "Subtract first"),
        "means forgotten": (answered(lambda image: image[..., ::-1].astype("float32")), "minus its mean over ImageNet"),
        "means forgotten, whole numbers": (answered(lambda image: image[..., ::-1]), "minus its mean over ImageNet"),
        "divided": (answered(lambda image: (image - MEAN)[..., ::-1] / 255), "Do not divide by 255"),
        "divided first": (answered(lambda image: (image / 255 - MEAN)[..., ::-1]), "scale from 0 to 255"),
        "mirrored": (answered(lambda image: (image - MEAN)[:, ::-1]), "left to right"),
        "upside down": (answered(lambda image: (image - MEAN)[::-1]), "upside down"),
        "another network's": (answered(lambda image: image / 127.5 - 1), "another network's recipe"),
        "whole numbers": (answered(lambda image: (image - MEAN.astype("uint8"))[..., ::-1]), "wraps around"),
        "in double precision": (answered(lambda image: (image - MEAN.astype(float))[..., ::-1]), "Return float32"),
        "in place": (answered(in_place), "You changed the image"),
        "one channel": (answered(lambda image: image.mean(axis=2)), "You give the shape"),
        "half of it": (answered(lambda image: (image - MEAN)[..., ::-1] / 2), "The first pixel is"),
    },
    "where-to-freeze": {
        "as much as": (answered(layers, enough=lambda before, wanted: before >= wanted), "not as much as it"),
        "no pool": (answered(layers, pools=False), "stays with it"),
        "all layers": (answered(layers, count=("conv", "pool")), "You count all layers"),
        "convolutions": (
            answered(lambda kinds, share: kinds[: layers(kinds, share)].count("conv")),
            "number of layers, pools included",
        ),
        "everything": (answered(lambda kinds, share: len(kinds)), "Walk from the input"),
    },
    "equal-priors": {
        "no sum": (answered(lambda prob, share: prob / share), "no longer sum to one"),
        "multiplied": (answered(lambda prob, share: even(prob * share)), "nevi gain still more"),
        "subtracted": (answered(lambda prob, share: prob - share), "less than nothing"),
        "sum of all": (answered(lambda prob, share: (prob / share) / (prob / share).sum()), "Each row has its own sum"),
        "columns": (answered(lambda prob, share: (prob / share) / (prob / share).sum(axis=0)), "sums of the columns"),
        "nothing": (answered(lambda prob, share: prob), "as they were"),
        "one row": (answered(lambda prob, share: even(prob / share)[0]), "You give the shape"),
        "halved": (answered(lambda prob, share: even(prob / share) / 2), "The first row sums to"),
        "squared": (answered(lambda prob, share: even((prob / share) ** 2)), "not the shifted ones"),
    },
}

"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""


def levels(*values):
    """An answer to ten-pixels: what 40, 60 and 200 become."""
    return lambda ham: dict(zip((40, 60, 200), values, strict=True))


def pairing(make):
    """An answer to paired-gain: ``make`` is given the gains, paired by label, and the two Series."""
    return lambda ham: lambda without, with_step: make(with_step - without, without, with_step)


def by_place(gain, without, with_step):
    gain = with_step.to_numpy() - without.to_numpy()
    return gain.mean(), (gain > 0).sum()


def spoiling(without, with_step):
    with_step -= without
    return with_step.mean(), (with_step > 0).sum()


def square(squashed=4 / 3, cropped=1 / 4):
    """An answer to cost-of-a-square."""
    return lambda ham: {"height over width, squashed": squashed, "share lost, cropped": cropped}


WRONG = {
    "ten-pixels": {
        "shares": (levels(0.4, 0.8, 1), "shares of the pixels"),
        "percentages": (levels(40, 80, 100), "percentages"),
        "times 256": (levels(102.4, 204.8, 256), "The brightest level is 255"),
        "darker only": (levels(0, 102, 204), "*no brighter*"),
        "not added up": (levels(102, 102, 51), "Add up"),
        "stretched": (levels(0, 32, 255), "stretches the levels"),
        "evenly spaced": (levels(0, 128, 255), "evenly"),
        "thirds": (levels(85, 170, 255), "evenly"),
        "one of them": (levels(102, 153, 255), "Check level 60"),
    },
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
    "paired-gain": {
        "by place": (pairing(by_place), "by their place"),
        "wrong sign": (pairing(lambda gain, *_: (-gain.mean(), (gain < 0).sum())), "wrong sign"),
        "count first": (pairing(lambda gain, *_: ((gain > 0).sum(), gain.mean())), "the count first"),
        "a share": (pairing(lambda gain, *_: (gain.mean(), (gain > 0).mean())), "is a share"),
        "ties ahead": (pairing(lambda gain, *_: (gain.mean(), (gain >= 0).sum())), "a tie as ahead"),
        "the sum": (pairing(lambda gain, *_: (gain.sum(), (gain > 0).sum())), "sum of the gains"),
        "the median": (pairing(lambda gain, *_: (gain.median(), (gain > 0).sum())), "median of the gains"),
        "the mean alone": (pairing(lambda gain, *_: gain.mean()), "returns 1 numbers"),
        "the largest": (pairing(lambda gain, *_: (gain.max(), (gain > 0).sum())), "Return their mean"),
        "spoils the scores": (lambda ham: spoiling, "Work on a copy"),
    },
}

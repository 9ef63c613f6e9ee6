"""The checkers of *preprocess*; helpers/checks/__init__.py shows how one is written."""

import numpy as np
import pandas as pd

from helpers.checks._core import exercise

#: The levels of ten pixels: their numbers, and what they become.
PIXELS = {40: 4, 60: 4, 200: 2}
EQUALISED = {40: 102, 60: 204, 200: 255}


@exercise(
    "ten-pixels",
    expects="a dict with three numbers, under 40, 60 and 200",
    praise="The level counts no more, only the rank: 40 and 60, neighbours before, are as far apart now as 0 and 102.",
)
def ten_pixels(answer, _ham):
    reply = np.array([float(answer[level]) for level in PIXELS])
    right = np.array(list(EQUALISED.values()), float)
    if np.allclose(reply, right, atol=0.5):
        return None
    levels, counts = np.array(list(PIXELS), float), np.array(list(PIXELS.values()), float)
    if np.allclose(reply, right / 255, atol=0.005):
        return "Those are shares of the pixels. A level runs from 0 to 255: multiply."
    if np.allclose(reply, right / 2.55, atol=0.5):
        return "Those are percentages. A level runs from 0 to 255."
    if np.allclose(reply, 256 * right / 255, atol=0.5) and not np.allclose(reply, right, atol=0.5):
        return "You multiply by 256. The brightest level is 255."
    if np.allclose(reply, [0, *right[:-1]], atol=0.6):
        return "You count the pixels that are darker. Count those that are *no brighter*: the level's own as well."
    if np.allclose(reply, 255 * counts / counts.sum(), atol=0.6):
        return "You take the share of the pixels that *have* the level. Add up those of the darker ones, too."
    if np.allclose(reply, 255 * (levels - levels.min()) / np.ptp(levels), atol=0.6):
        return "That stretches the levels to the full range. Equalising looks at how many pixels have a level."
    if np.allclose(reply, [0, 127.5, 255], atol=0.6) or np.allclose(reply, [85, 170, 255], atol=0.6):
        return "You space the three levels evenly. How far one rises depends on how many pixels are no brighter."
    wrong = next(level for level, given, due in zip(PIXELS, reply, right, strict=True) if abs(given - due) > 0.5)
    return f"Check level {wrong}: how many of the ten pixels are no brighter? Take 255 times that share."


def _near(value, target):
    return bool(np.isclose(float(value), target, atol=0.004))


@exercise(
    "cost-of-a-square",
    expects='a dict with two numbers, under "height over width, squashed" and "share lost, cropped"',
    praise="Neither is free: the one bends all shapes by a third, the other throws a quarter of the skin away.",
)
def square(answer, _ham):
    squashed, cropped = answer["height over width, squashed"], answer["share lost, cropped"]
    if _near(squashed, 4 / 3) and _near(cropped, 1 / 4):
        return None
    if not _near(squashed, 4 / 3):
        if _near(squashed, 3 / 4):
            return "Your first number is width over height. Squashed, the lesion is higher than wide: more than 1."
        if _near(squashed, 1):
            return (
                "Your first number is 1, a circle. But the width is multiplied by 512/600, and the height by 512/450."
            )
        if _near(squashed, 512 / 450) or _near(squashed, 512 / 600):
            return "Your first number is the factor of one side. Both sides change: divide the height's by the width's."
        return "Check the first number: the height is multiplied by 512/450, the width by 512/600. Divide."
    if _near(cropped, 25):
        return "Your second number is a percentage; give a share between 0 and 1."
    if _near(cropped, 3 / 4):
        return "Your second number is the share that is *kept*. The question is about the rest."
    if _near(cropped, 1 - 512 * 512 / (600 * 450)):
        return "A square of 512 pixels does not fit into 450 pixels of height. The largest that fits has 450 by 450."
    return "Check the second number: the largest square is 450 by 450 of 600 by 450 pixels. Which share is left over?"


#: Scores of repetitions without a step and with it: in one order, in two, and with a tie.
TRIALS = (
    (pd.Series([0.5, 0.625, 0.75]), pd.Series([0.625, 0.5, 1.0])),
    (pd.Series([0.25, 0.5, 0.75, 1.0], index=[3, 1, 0, 2]), pd.Series([0.5, 0.875, 0.75, 0.375], index=[0, 2, 3, 1])),
    (pd.Series([0.5, 0.5, 0.75]), pd.Series([0.5, 0.75, 0.25])),
)


@exercise(
    "paired-gain",
    expects="a function that takes two Series of scores and returns the mean gain, and how often it is ahead",
    praise="A mean says how much, a count how often. A step that is ahead in half of the repetitions is no help yet.",
)
def paired_gain(answer, _ham):
    for without, with_step in TRIALS:
        given = without.copy(), with_step.copy()
        reply = np.asarray(answer(*given), float).ravel()
        if not (given[0].equals(without) and given[1].equals(with_step)):
            return "It changes the scores that it is given. Work on a copy."
        if len(reply) != 2:
            return f"It returns {len(reply)} numbers. Return two: the mean gain, and the number of repetitions ahead."
        if hint := _unpaired(reply, without, with_step):
            return hint
    return None


def _unpaired(reply, without, with_step):
    gain = with_step - without
    mean, ahead = float(gain.mean()), int((gain > 0).sum())
    by_place = with_step.to_numpy() - without.to_numpy()
    if np.allclose(reply, (mean, ahead)):
        return None
    if np.allclose(reply, (ahead, mean)):
        return "You return the count first. The task asks for the mean gain, then the count."
    if np.allclose(reply, (-mean, (gain < 0).sum())) or np.allclose(reply, (-mean, ahead)):
        return "Your gain has the wrong sign: take the score with the step minus the score without."
    if np.allclose(reply, (mean, ahead / len(gain))):
        return "Your second number is a share. Return how many repetitions are ahead."
    if np.allclose(reply, (mean, (gain >= 0).sum())):
        return "You count a tie as ahead. A repetition without a gain is none."
    if np.allclose(reply, (mean, (by_place > 0).sum())):
        return "You pair the scores by their place. The index says which repetition a score belongs to."
    if np.allclose(reply, (gain.sum(), ahead)):
        return "Your first number is the sum of the gains. Return their mean."
    if np.allclose(reply, (gain.median(), ahead)):
        return "Your first number is the median of the gains. Return their mean."
    return (
        f"Without {without.to_dict()} and with the step {with_step.to_dict()}, the gains of the repetitions are "
        f"{gain.to_dict()}. Return their mean, and how many are above zero."
    )

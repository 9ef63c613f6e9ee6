"""The checkers of *probabilities-and-decisions*; helpers/checks/__init__.py shows how one is written."""

import numpy as np

from helpers.checks._core import exercise


def _melanomas():
    """Truth and calibrated probabilities of 400 images, some of them equal to a threshold of the formula."""
    rng = np.random.default_rng(97)
    p_melanoma = np.r_[rng.beta(0.6, 4, 397), 1 / 21, 1 / 2, 1 / 6]
    return rng.random(400) < p_melanoma, p_melanoma


@exercise(
    "cost-of",
    expects="a function that takes truth, probabilities and a cost and returns the cost per 1,000 images, one number",
    praise="Change the cost, and the same probabilities give another policy. That is what probabilities are for.",
)
def cost_of(answer, _ham):
    is_melanoma, p_melanoma = _melanomas()
    n = len(is_melanoma)
    for cost in (20, 5, 1):
        cut = p_melanoma >= 1 / (1 + cost)
        missed, needless = (is_melanoma & ~cut).sum(), (cut & ~is_melanoma).sum()
        right = 1000 * (cost * missed + needless) / n
        reply = float(answer(is_melanoma.copy(), p_melanoma.copy(), cost))
        if np.isclose(reply, right):
            continue
        here = f"With a cost of {cost} you give {reply:.1f}. "
        half = p_melanoma >= 0.5
        known = (
            (right / 1000, "That is the cost of one image; give it per 1,000."),
            (right * n / 1000, f"That is the cost of all {n} images; give it per 1,000."),
            (1000 * (missed + needless) / n, "Every mistake weighs one. A missed melanoma weighs `cost`."),
            (1000 * (missed + cost * needless) / n, "The weights are swapped: the missed melanoma is the dear one."),
            (1000 * (cost * missed + cut.sum()) / n, "You count every cut. Cutting a melanoma is not needless."),
            (1000 * cost * missed / n, "The needless excisions are missing: lesions that are cut and are no melanoma."),
            (
                1000 * (cost * (is_melanoma & ~half).sum() + (half & ~is_melanoma).sum()) / n,
                "You cut at one half. The threshold follows from the cost: 1 / (1 + cost).",
            ),
        )
        for value, hint in known:
            if np.isclose(reply, value):
                return here + hint
        return here + f"{missed} melanomas are missed and {needless} lesions cut for nothing, of {n} images."
    return None


@exercise(
    "set-threshold",
    expects="a function that takes an array of probabilities and a coverage and returns one number",
    praise="No assumption about the model, and a promise that holds on average. Ask for whom.",
)
def set_threshold(answer, _ham):
    rng = np.random.default_rng(98)
    for n, coverage in ((200, 0.9), (57, 0.8), (5, 0.9), (39, 0.95)):
        p_true = rng.beta(2, 1, n)
        rank = int(np.floor((n + 1) * (1 - coverage) + 1e-9))
        ordered = np.sort(p_true)
        right = ordered[rank - 1] if rank else 0.0
        reply = float(answer(p_true.copy(), coverage))
        if np.isclose(reply, right):
            continue
        here = f"For {n} images and a coverage of {coverage} you give {reply:.4f}. "
        if not rank:
            return here + "The rank is 0: too few images to leave any out, so the threshold is 0."
        if np.isclose(reply, ordered[rank]):
            return here + "That is the next one up: the rank is counted from one, and Python counts from zero."
        if np.isclose(reply, ordered[::-1][rank - 1]):
            return here + "You sorted downwards. Only a few may fall *below* the threshold."
        other = int(np.floor((n + 1) * coverage + 1e-9))
        if np.isclose(reply, ordered[min(other, n) - 1]):
            return here + "That is the rank of the coverage. It is the share 1 - coverage that may fall below."
        if np.isclose(reply, np.quantile(p_true, 1 - coverage)):
            return here + "`np.quantile` goes between two values, a little too high. Take the sorted value at the rank."
        return here + f"The rank is {rank}, and the sorted value there {right:.4f}."
    return None


@exercise(
    "refer",
    expects="a function that takes probabilities of melanoma and a share and returns a mask, one entry an image",
    praise="The doctor's time goes where a miss would cost most.",
)
def refer(answer, _ham):
    rng = np.random.default_rng(99)
    for n, share in ((50, 0.3), (41, 0.25), (20, 0.0)):
        p_melanoma = rng.permutation(np.linspace(0.01, 0.97, n))
        count = int(share * n)
        reply = np.asarray(answer(p_melanoma.copy(), share))
        if reply.dtype != bool or reply.shape != (n,):
            return f"Return a mask: {n} entries, True or False, one an image in its place."
        right = np.isin(p_melanoma, np.sort(p_melanoma)[n - count :])
        if np.array_equal(reply, right):
            continue
        here = f"Of {n} images with a share of {share} you refer {reply.sum()}. "
        if reply.sum() != count:
            return here + f"That share allows {count}, rounded down."
        if np.array_equal(reply, np.isin(p_melanoma, np.sort(p_melanoma)[:count])):
            return here + "Those are the ones least likely to be melanomas: the doctor should see the others."
        unsure = np.argsort(np.abs(p_melanoma - 0.5))[:count]
        if np.array_equal(np.flatnonzero(reply), np.sort(unsure)):
            return here + "Those are the least certain ones. A melanoma that is certain must be seen, too."
        return here + "Take the highest probabilities of melanoma, wherever they stand."
    return None

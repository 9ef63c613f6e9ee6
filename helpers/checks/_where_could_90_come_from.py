"""The checkers of *where-could-90-come-from*; helpers/checks/__init__.py shows how one is written."""

import numpy as np
import pandas as pd

from helpers.checks._core import exercise
from helpers.splits import audit, grouped, lesion_groups

#: Printed accuracy, digits after the point, size: the ResNet's, VGG16's, one that cannot be, two halves, all, none.
PRINTED = (
    (0.9051, 4, 938),
    (0.78, 2, 938),
    (0.6515, 4, 938),
    (0.12, 2, 200),
    (0.5, 1, 20),
    (1.0, 2, 50),
    (0.0, 2, 50),
)


def _counts(printed, digits, size, half=0.5, slack=1e-9, end=1):
    return [k for k in range(size + end) if abs(k / size - printed) <= half * 10.0**-digits + slack]


@exercise(
    "mix-weights",
    expects="a function that takes two arrays of strata and returns an array of weights, one a scored image",
    praise="With these weights any metric moves to another mix, not only accuracy.",
)
def mix_weights(answer, _ham):
    rng = np.random.default_rng(92)
    cells = rng.choice(["nv, once", "nv, several", "mel, once", "df, several"], 60, p=[0.5, 0.2, 0.2, 0.1])
    wanted = rng.choice(["nv, once", "mel, once", "nv, several"], 40, p=[0.8, 0.15, 0.05])
    here, there = pd.Series(cells).value_counts(), pd.Series(wanted).value_counts()
    share = pd.Series(cells).map(there / len(wanted)).fillna(0).to_numpy()
    right = share / pd.Series(cells).map(here).to_numpy()
    reply = np.asarray(answer(cells.copy(), wanted.copy()), dtype=float)
    if reply.shape != right.shape:
        return f"You give {reply.size} numbers, and {len(cells)} images were scored: one weight each."
    if np.isnan(reply).any():
        return "Some weights are no number (NaN): a stratum that `target_strata` lacks weighs 0."
    if np.allclose(reply, right):
        return None
    if np.allclose(reply, share):
        return "Each image has the whole share of its stratum. The images of a stratum have to divide it among them."
    if np.isclose(reply.sum(), 1) and np.allclose(reply, 1 / len(cells)):
        return "All weigh the same: that is the mix as it was."
    if np.allclose(reply / reply.sum(), right):
        return f"The weights are in proportion, and their sum is {reply.sum():.4g}. Make it one."
    sums = pd.Series(reply).groupby(cells).sum()
    return (
        "Add up your weights stratum by stratum and compare with the shares in `target_strata`: "
        f"{sums.round(3).to_dict()} against {(there / len(wanted)).round(3).to_dict()}."
    )


@exercise(
    "swap-siblings-in",
    expects="a function that takes a, siblings, classes and a seed and returns an array of row positions",
    praise="Same size, same classes, one difference. Draw it often, and the difference is the leak.",
)
def swap_in(answer, ham):
    table = ham.table
    split, groups = grouped(table, 0), lesion_groups(table).to_numpy()
    classes = table["dx"].to_numpy(str)
    tested = pd.Series(split.test).groupby(groups[split.test]).first().to_numpy()
    siblings = np.setdiff1d(split.test, tested)[::2]
    reply = np.asarray(answer(split.train.copy(), siblings.copy(), classes, 93))
    if not np.issubdtype(reply.dtype, np.integer) or reply.ndim != 1:
        return "Return row positions, whole numbers, in one array."
    if len(np.unique(reply)) != len(reply):
        return "Some rows are in your B twice."
    missing = np.setdiff1d(siblings, reply)
    if len(missing):
        return f"{len(missing)} of the {len(siblings)} siblings are not in your B: all have to come in."
    if np.isin(tested, reply).any():
        return "Your B holds tested images themselves. Only their siblings come in."
    if np.setdiff1d(reply, np.concatenate([split.train, siblings])).size:
        return "Your B holds rows that are neither in A nor siblings."
    if len(reply) != len(split.train):
        return (
            f"Your B has {len(reply)} rows, A has {len(split.train)}. For each sibling that comes in, one goes out "
            "(draw without replacement, or the same may go out twice)."
        )
    counts = pd.DataFrame({name: pd.Series(classes[rows]).value_counts() for name, rows in
                           (("A", split.train), ("B", reply))}).fillna(0)  # fmt: skip
    wrong = counts[counts["A"] != counts["B"]]
    if len(wrong):
        dx = wrong.index[0]
        return (
            f"A has {wrong.loc[dx, 'A']:.0f} images of {dx}, your B {wrong.loc[dx, 'B']:.0f}. "
            "Swap within each diagnosis, or the mix changes along with the leak."
        )
    if not np.array_equal(reply, np.sort(reply)):
        return "The rows are right; sort them."
    # Drawn with replacement, one image goes out twice under most seeds, not under all.
    if any(len(answer(split.train.copy(), siblings.copy(), classes, seed)) != len(reply) for seed in range(95, 125)):
        return "Under some seeds your B is larger than A: one image went out twice. Draw without replacement."
    if len(siblings) and np.array_equal(np.asarray(answer(split.train.copy(), siblings.copy(), classes, 94)), reply):
        return "Another seed gives the same rows. Draw who goes out at random, by `seed`."
    if not np.array_equal(np.asarray(answer(split.train.copy(), siblings.copy(), classes, 93)), reply):
        return "The same seed gives other rows the second time. Start a generator from `seed` inside the function."
    assert not len(siblings) or audit(table, reply, tested).leaked_images > 0
    return None


@exercise(
    "counts-behind",
    expects="a function that takes a printed accuracy, its digits and a size and returns a list of whole numbers",
    praise="One count means that the print is as good as the count; an empty list means another test set.",
)
def counts_behind(answer, _ham):
    for printed, digits, size in PRINTED:
        reply, right = list(answer(printed, digits, size)), _counts(printed, digits, size)
        if reply == right:
            continue
        what = f"For {printed} with {digits} digits, out of {size}, you give {reply}"
        if set(reply) == {k / size for k in right}:
            return f"{what}. Those are shares; give the counts."
        if right and reply == _counts(printed, digits, size, half=1):
            return f"{what}. A number is off by half a unit of its last digit at most, not by a whole one."
        if reply == [k for k in range(size + 1) if k / size == printed] and reply != right:
            return f"{what}. The share need not equal what is printed: it was rounded."
        if set(reply) < set(right) and size in set(right) - set(reply):
            return f"{what}. All may be right, too: go up to `size` itself."
        if set(reply) < set(right) and 0 in set(right) - set(reply):
            return f"{what}. None may be right, too: start at 0."
        if set(reply) < set(right):
            return f"{what}; {right} fit. A half may go either way; leave room for the computer's own rounding, `1e-9`."
        return f"{what}; {right or 'none'} fit. Divide each count by `size` and compare with what is printed."
    return None

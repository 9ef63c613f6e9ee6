"""What a test set's composition does to a score: the same answers, on images mixed as another test set is.

A test set of lesions that were photographed once, most of them nevi, is easier than all of
HAM10000.  To compare like with like, the images of one test set are weighted until their mix is that of the other.
Not a medical device.
"""

import numpy as np
import pandas as pd


def mix_strata(classes, groups, table_groups):
    """Return the cell of each image as ``"class, once"`` or ``"class, several"``: its class, and how often its lesion
    was photographed.

    Parameters
    ----------
    classes, groups : (n,) arrays of str
        True class and lesion group of each image.
    table_groups : array of str
        Lesion group of every image of the data set, so that siblings outside of this test set count.

    Raises
    ------
    ValueError
        For a group that the data set does not have.

    Examples
    --------
    >>> from helpers import evaluate
    >>> evaluate.mix_strata(["nv", "mel"], ["a", "b"], table_groups=["a", "b", "b", "c"]).tolist()
    ['nv, once', 'mel, several']
    """
    sizes = pd.Series(np.asarray(table_groups)).value_counts()
    several = sizes.reindex(np.asarray(groups)).to_numpy()
    if np.isnan(several).any():
        raise ValueError(f"group {str(np.asarray(groups)[np.isnan(several)][0])!r} is no group of the data set")
    times = np.where(several > 1, "several", "once")
    return np.array([f"{dx}, {time}" for dx, time in zip(classes, times, strict=True)])


def mix_weights(cells, wanted):
    """Return a weight for each image, of sum 1, under which the cells have the shares that they have in ``wanted``.

    Post-stratification: an image weighs its cell's share in ``wanted`` over the number of images of that cell here.

    Parameters
    ----------
    cells : (n,) array of str
        Cell of each image of the test set that was scored.
    wanted : (m,) array of str
        Cell of each image of the test set whose mix is wanted.

    Raises
    ------
    ValueError
        If a cell of ``wanted`` has no image here: nothing can stand for it.

    Examples
    --------
    >>> from helpers import evaluate
    >>> evaluate.mix_weights(["nv", "nv", "mel", "mel"], wanted=["nv", "nv", "nv", "mel"]).tolist()
    [0.375, 0.375, 0.125, 0.125]
    """
    here, there = pd.Series(cells).value_counts(), pd.Series(wanted).value_counts(normalize=True)
    missing = sorted(set(there.index) - set(here.index))
    if missing:
        raise ValueError(f"no image of cell {missing[0]!r} was scored, so none can stand for it: merge cells")
    return pd.Series(cells).map(there / here).fillna(0.0).to_numpy()


def mix_redraws(right, cells, wanted, repeats, seed):
    """Return the accuracies, ``(repeats,)``, of test sets drawn with replacement to the counts of ``wanted``.

    Parameters
    ----------
    right : (n,) bool
        Whether the model was right on each image that was scored.
    cells : (n,) array of str
    wanted : (m,) array of str
        Each redraw has m images, as many of each cell as here.

    Raises
    ------
    ValueError
        As :func:`mix_weights` does.

    Examples
    --------
    >>> from helpers import evaluate
    >>> evaluate.mix_redraws([True, True, False, True], ["nv", "nv", "mel", "mel"], ["nv", "mel"], 4, seed=1).tolist()
    [0.5, 1.0, 1.0, 1.0]
    """
    rng, right = np.random.default_rng(seed), np.asarray(right)
    mix_weights(cells, wanted)
    hits = np.zeros(repeats)
    for cell, count in pd.Series(wanted).value_counts().sort_index().items():
        hits += rng.choice(right[np.asarray(cells) == cell], (repeats, count)).sum(axis=1)
    return hits / len(wanted)

"""What a test set's composition does to a score: the same answers, on images mixed as another test set is.

Chapter 9 introduces it.  A test set of lesions that were photographed once, most of them nevi, is easier than all of
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
    """
    here, there = pd.Series(cells).value_counts(), pd.Series(wanted).value_counts(normalize=True)
    missing = sorted(set(there.index) - set(here.index))
    if missing:
        raise ValueError(f"no image of cell {missing[0]!r} was scored, so none can stand for it: merge cells")
    return pd.Series(cells).map(there / here).fillna(0.0).to_numpy()


def redraws(right, cells, wanted, repeats, seed):
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
    """
    rng, right = np.random.default_rng(seed), np.asarray(right)
    mix_weights(cells, wanted)
    found = np.zeros(repeats)
    for cell, count in pd.Series(wanted).value_counts().sort_index().items():
        found += rng.choice(right[cells == cell], (repeats, count)).sum(axis=1)
    return found / len(wanted)

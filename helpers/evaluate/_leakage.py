"""What a sibling in the training set is worth: the paired experiment on leakage.

Comparing the score of a leaky split with that of a clean one deceives: their test sets hold
other images.  Lesions photographed twice are more often melanomas, so the images that leak are the hard ones, and what
leaking wins hides behind what hardness costs.  Here the test images stay the same, and one thing changes: whether a
sibling of some of them is trained on.  Not a medical device.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.splits import lesion_groups, shuffled

#: One in so many lesion groups is tested.
FOLDS = 5
#: Of the multi-image lesions that are tested, the share whose siblings training set B gets.
SHARE = 0.5
#: Principal components of the features that the models see.
COMPONENTS = 200


@dataclass(frozen=True, eq=False)
class LeakPair:
    """One draw of the paired design; row positions, sorted.

    ``a`` and ``b`` are the training sets, of equal size, equal class counts and equally many images a lesion; ``b``
    holds siblings of some test images, ``a`` holds none.  ``test`` has one image of each tested lesion.  Over the test
    images, ``could_leak`` marks those with a sibling in ``b``, ``several`` those of lesions with several images: what
    is ``several`` and not ``could_leak`` was left out by a coin, and is the fairest control.
    """

    a: np.ndarray
    b: np.ndarray
    test: np.ndarray
    could_leak: np.ndarray
    several: np.ndarray

    @property
    def common(self):
        """Rows that both training sets hold."""
        return np.intersect1d(self.a, self.b)

    @property
    def strata(self):
        """Name of each stratum of the test images: a bool array over them."""
        return {
            "all": np.ones(len(self.test), bool),
            "could leak": self.could_leak,
            "could not leak": ~self.could_leak,
            "control": self.several & ~self.could_leak,
        }


def leak_pair(table, seed, rows=None):
    """Draw a test set and two training sets that differ in one thing: siblings of test images.

    A fifth of the lesion groups is tested, one image each, drawn at random.  Of those with several images a random
    half gives its other images to B.  For each such lesion A gets as many images of a **donor**, a lesion of the same
    class with as many images, not tested; B has none of the donor's.  A donor's last image is in neither set, as the
    tested one is.  So A and B are alike in size, in classes, in lesions and in images a lesion.  Where no donor has
    exactly as many images, the next larger one serves; where there is none, the lesion stays a control.

    Parameters
    ----------
    table : pandas.DataFrame
        ``Dataset.table``.
    seed : int
    rows : int, optional
        At most so many images in either training set; the swapped ones stay, the common ones are drawn.

    Raises
    ------
    ValueError
        If so few rows are asked for that the swapped images alone are as many.

    Examples
    --------
    >>> import pandas as pd
    >>> from helpers import evaluate
    >>> images = range(200)  # a hundred nevi, photographed twice each
    >>> table = pd.DataFrame({"image_id": [f"I{i}" for i in images], "lesion_id": [f"L{i // 2}" for i in images]})
    >>> draw = evaluate.leak_pair(table.assign(dx="nv"), seed=1)
    >>> len(draw.test), int(draw.could_leak.sum()), len(draw.a) == len(draw.b)
    (20, 8, True)
    """
    from sklearn.model_selection import StratifiedGroupKFold

    rng = np.random.default_rng(seed)
    groups = lesion_groups(table).to_numpy()
    classes = table["dx"].to_numpy()
    pool, tested = next(StratifiedGroupKFold(FOLDS).split(groups, classes, shuffled(groups, seed)))
    tested, donors = _shuffled(groups, tested, rng), _shuffled(groups, pool, rng)
    test, leaks, several, siblings, donated, spent = [], [], [], [], [], set()
    for members in tested.values():
        test.append(members[0])
        several.append(len(members) > 1)
        leaks.append(False)
        if len(members) == 1 or rng.random() >= SHARE:
            continue
        fitting = [
            name
            for name, rows_of in donors.items()
            if name not in spent and classes[rows_of[0]] == classes[members[0]] and len(rows_of) >= len(members)
        ]
        if fitting:
            chosen = min(fitting, key=lambda name: len(donors[name]))
            spent.add(chosen)
            leaks[-1] = True
            siblings += members[1:]
            donated += donors[chosen][1 : len(members)]
    common = pool[~np.isin(groups[pool], list(spent))]
    if rows is not None and len(common) + len(donated) > rows:
        if rows <= len(donated):
            raise ValueError(f"rows is {rows}, and {len(donated)} images are swapped already: ask for more rows")
        common = rng.choice(common, rows - len(donated), replace=False)
    order = np.argsort(test)
    return LeakPair(
        a=np.sort(np.r_[common, donated].astype(int)),
        b=np.sort(np.r_[common, siblings].astype(int)),
        test=np.array(test)[order],
        could_leak=np.array(leaks)[order],
        several=np.array(several)[order],
    )


def _shuffled(groups, rows, rng):
    """Return ``{group: list of rows}``, groups and the rows of each in random order."""
    members = {}
    for row in rng.permutation(rows):
        members.setdefault(groups[row], []).append(row)
    return members


def leak_models(seed, most):
    """Return the unfitted models of the paired design by name; their parameters are fixed beforehand.

    Each sees the first 200 principal components of the standardised features, or ``most``.

    Parameters
    ----------
    seed : int
    most : int
        The columns of the features, or the rows to train on if they are fewer: so many components can there be.

    Returns
    -------
    dict of scikit-learn pipelines

    Examples
    --------
    >>> from helpers import evaluate
    >>> list(evaluate.leak_models(seed=1, most=30))
    ['1-nn', 'logistic', 'svm']
    """
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    heads = {
        "1-nn": KNeighborsClassifier(1, algorithm="brute"),
        "logistic": LogisticRegression(C=0.01, max_iter=2000),
        "svm": SVC(C=4.0),
    }
    return {
        name: make_pipeline(
            StandardScaler(), PCA(min(COMPONENTS, most), svd_solver="randomized", random_state=seed), head
        )
        for name, head in heads.items()
    }


def leak_scores(truth, answers, strata):
    """Return ``(stratum, metric, value)`` rows: images, accuracy, balanced accuracy of each stratum with an image.

    Balanced accuracy is the mean recall of the classes that the stratum holds.

    Parameters
    ----------
    truth, answers : (n,) arrays of class codes or names
    strata : dict of (n,) bool arrays
        Such as the ``strata`` of what :func:`leak_pair` returns.

    Examples
    --------
    >>> import numpy as np
    >>> from helpers import evaluate
    >>> truth, answers = np.array(["nv", "nv", "nv", "mel"]), np.array(["nv", "nv", "nv", "nv"])
    >>> evaluate.leak_scores(truth, answers, {"all": np.ones(4, bool)})
    [('all', 'images', 4.0), ('all', 'accuracy', 0.75), ('all', 'balanced_accuracy', 0.5)]
    """
    right, rows = np.asarray(truth) == np.asarray(answers), []
    for name, inside in strata.items():
        if inside.any():
            recalls = pd.Series(right[inside]).groupby(np.asarray(truth)[inside]).mean()
            rows += [
                (name, "images", float(inside.sum())),
                (name, "accuracy", float(right[inside].mean())),
                (name, "balanced_accuracy", float(recalls.mean())),
            ]
    return rows


def leak_effects(results, ratio):
    """Return B minus A, paired by repetition: one row a model, stratum and metric.

    The interval is the corrected resampled t-interval (Nadeau and Bengio, Machine Learning 52:239, 2003): repetitions
    share images, so their spread alone would make it too narrow.

    Parameters
    ----------
    results : pandas.DataFrame
        ``repetition, arm, stratum, metric, value``, as in an experiment record; arms are ``model/A``, ``model/B``,
        others are left out.
    ratio : float
        Test images of a repetition, as a share of its training images: the more, the wider is the interval.

    Returns
    -------
    pandas.DataFrame indexed by model, stratum, metric: ``A`` and ``B`` (means), ``value`` (their difference), ``low``,
    ``high`` (95 %; NaN for a single repetition), ``repetitions``.

    Examples
    --------
    >>> from helpers import evaluate, records
    >>> facts, results = records.load_experiment("leakage-frozen")
    >>> effects = evaluate.leak_effects(results, facts["test_images"] / facts["training_images"])
    >>> effects.loc[("1-nn", "could leak", "accuracy"), ["value", "low", "high"]].round(3).tolist()
    [0.203, 0.172, 0.234]
    """
    from scipy import stats

    parts = results["arm"].str.rsplit("/", n=1, expand=True)
    wide = results.assign(model=parts[0], arm=parts[1])
    wide = wide[wide["arm"].isin(["A", "B"]) & (wide["metric"] != "images")]
    wide = wide.pivot(index=["model", "stratum", "metric", "repetition"], columns="arm", values="value").dropna()
    wide["value"] = wide["B"] - wide["A"]
    by = wide.groupby(level=["model", "stratum", "metric"])
    count, means = by.size(), by[["A", "B", "value"]].mean().rename_axis(columns=None)
    half = stats.t.ppf(0.975, count - 1) * by["value"].std() * np.sqrt(1 / count + ratio)
    return means.assign(low=means["value"] - half, high=means["value"] + half, repetitions=count)

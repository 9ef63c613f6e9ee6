"""Who is trained on, who is tested on: lesion groups, three protocols, and the audit that counts what leaks.

Rows are positions in ``Dataset.table`` (0 to n - 1), so they index ``load_pixels`` too.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from helpers.ham10000 import MISSED_PAIRS
from helpers.settings import SEED

#: The share of the training rows' groups that becomes the validation set: one fold of this many, or fewer.
VALIDATION_FOLDS = 8


@dataclass(frozen=True)
class Split:
    """Three sets of row positions, sorted, int64; no row is in two of them.

    ``protocol`` is ``"grouped"``, ``"image8020"`` or ``"holdout938"``.  The validation set is cut from the training
    part by lesion group, so that under every protocol what is chosen on it has not been memorised.
    """

    protocol: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @property
    def hash(self):
        """SHA-256 over the protocol and the three sets of rows: equal hashes, equal splits of a given table."""
        digest = hashlib.sha256(self.protocol.encode())
        for rows in (self.train, self.validation, self.test):
            digest.update(len(rows).to_bytes(8, "little") + rows.astype("<i8").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Audit:
    """What a test set shares with a training set; ``print`` it.

    ``leaked_images`` counts test rows whose lesion group is also trained on, ``shared_lesions`` those groups,
    ``exact_copies`` test rows whose image file, byte for byte, is also trained on.
    """

    test_images: int
    leaked_images: int
    shared_lesions: int
    exact_copies: int

    @property
    def leaked_share(self):
        """Leaked images as a share of the test images, 0 to 1."""
        return self.leaked_images / self.test_images

    def __str__(self):
        return (
            f"{self.leaked_images:,} of {self.test_images:,} test images ({self.leaked_share:.1%}) show a lesion "
            f"that is also trained on: {self.shared_lesions:,} lesions; "
            f"{self.exact_copies:,} are exact copies of training images"
        )


def lesion_groups(table):
    """Return one group label an image: its lesion_id, merged with those that show the same lesion.

    Two lesion_ids merge where a pair of :data:`helpers.ham10000.MISSED_PAIRS` joins them (Abhishek, Jain, Hamarneh,
    Sci Data 12:196, 2025).  A merged group carries its alphabetically first lesion_id.  Split on this label.

    Parameters
    ----------
    table : pandas.DataFrame
        With the columns ``image_id`` and ``lesion_id``.

    Returns
    -------
    pandas.Series of str, named "group", with the table's index.

    Examples
    --------
    >>> import pandas as pd
    >>> from helpers import splits
    >>> missed = ["ISIC_0033481", "ISIC_0033421"]  # one lesion under two ids
    >>> splits.lesion_groups(pd.DataFrame({"image_id": missed, "lesion_id": ["HAM_B", "HAM_A"]})).tolist()
    ['HAM_A', 'HAM_A']
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    lesions, codes = np.unique(table["lesion_id"].to_numpy(dtype=str), return_inverse=True)
    code_of = dict(zip(table["image_id"], codes, strict=True))
    pairs = [(code_of[a], code_of[b]) for a, b in MISSED_PAIRS if a in code_of and b in code_of]
    first, second = np.array(pairs, dtype=int).reshape(-1, 2).T
    joined = coo_array((np.ones(len(pairs)), (first, second)), shape=(len(lesions),) * 2)
    _, component = connected_components(joined, directed=False)
    # lesions is sorted, so the first member met in each component is its alphabetically first.
    _, leader = np.unique(component, return_index=True)
    return pd.Series(lesions[leader][component][codes], index=table.index, name="group")


def shuffled(groups, seed=SEED):
    """Return the groups under names dealt anew at random, int64, for a ``StratifiedGroupKFold`` without ``shuffle``.

    The folds are those of its own ``shuffle=True, random_state=seed`` in scikit-learn 1.8 and later.  Before, as on
    Colab, that mixes up which images a group holds: the folds are others, and not balanced by class.
    """
    names, codes = np.unique(groups, return_inverse=True)
    from sklearn.utils import check_random_state

    order = check_random_state(seed).permutation(len(names))
    return np.argsort(order)[codes]


def grouped(table, fold=0, n_folds=5, seed=SEED):
    """Return fold ``fold`` of the honest protocol: no lesion group on both sides, classes balanced over the folds.

    Source: scikit-learn's ``StratifiedGroupKFold`` on :func:`lesion_groups`, :func:`shuffled`.

    Raises
    ------
    ValueError
        If ``fold`` is not in 0 to ``n_folds - 1``, or a class has fewer groups than there are folds.

    Examples
    --------
    >>> import pandas as pd
    >>> from helpers import splits
    >>> table = pd.DataFrame(
    ...     {
    ...         "image_id": [f"I{n}" for n in range(60)],
    ...         "lesion_id": [f"L{n // 2}" for n in range(60)],
    ...         "dx": ["nv", "nv", "mel", "mel"] * 15,
    ...     }
    ... )
    >>> split = splits.grouped(table, fold=0)
    >>> len(split.train), len(split.validation), len(split.test)
    (42, 6, 12)
    """
    if not 0 <= fold < n_folds:
        raise ValueError(f"fold {fold} does not exist: choose 0 to {n_folds - 1}")
    groups = lesion_groups(table)
    fewest = groups.groupby(table["dx"]).nunique()
    if fewest.min() < n_folds:
        raise ValueError(
            f"class {fewest.idxmin()!r} has {fewest.min()} lesions, too few for {n_folds} folds: "
            "use fewer folds or more data"
        )
    test = _folds(table["dx"], groups, n_folds, seed)[fold]
    rest = np.setdiff1d(np.arange(len(table)), test)
    return _with_validation("grouped", table, groups, rest, test, seed)


def image8020(table, seed=SEED):
    """Return the naive split of many notebooks: 80 % / 20 % of the images, stratified by class, lesions ignored.

    Its test set leaks: :func:`audit` says how much.

    Raises
    ------
    ValueError
        If there are too few images of a class, or in all.

    Examples
    --------
    >>> import pandas as pd
    >>> from helpers import splits
    >>> table = pd.DataFrame(
    ...     {
    ...         "image_id": [f"I{n}" for n in range(60)],
    ...         "lesion_id": [f"L{n // 2}" for n in range(60)],
    ...         "dx": ["nv", "nv", "mel", "mel"] * 15,
    ...     }
    ... )
    >>> len(splits.image8020(table).test)
    12
    """
    rest, test = _stratified(table, np.arange(len(table)), 0.2, seed)
    return _with_validation("image8020", table, lesion_groups(table), rest, test, seed)


def holdout938(table, seed=SEED):
    """Return the reconstruction of the paper's split: 17 % of the lesions photographed once, stratified by class.

    On HAM10000 the test set has 938 images.  Share and seed (``random_state=101``) are those of many public notebooks;
    that the paper used them is an inference, which *Split without leaking* makes.  Those read the table in the order of
    its file, and a :class:`~helpers.data.Dataset` is sorted, so the same seed draws other images here.  ``seed`` cuts
    the validation set only.

    Raises
    ------
    ValueError
        If there are too few lesions photographed once of a class, or in all.

    Examples
    --------
    >>> import pandas as pd
    >>> from helpers import splits
    >>> ids = [f"L{n}" for n in range(60)]
    >>> once = pd.DataFrame({"image_id": ids, "lesion_id": ids, "dx": ["nv", "mel"] * 30})
    >>> len(splits.holdout938(once).test)
    11
    """
    _, test = _stratified(table, np.flatnonzero(~table["lesion_id"].duplicated(keep=False)), 0.17, 101)
    rest = np.setdiff1d(np.arange(len(table)), test)
    return _with_validation("holdout938", table, lesion_groups(table), rest, test, seed)


def audit(table, train, test):
    """Count what a test set shares with a training set.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``image_id``, ``lesion_id`` and ``checksum``.
    train, test : array of int
        Row positions; a row may occur more than once, as it does after oversampling.

    Returns
    -------
    Audit

    Examples
    --------
    >>> import pandas as pd
    >>> from helpers import splits
    >>> table = pd.DataFrame({"image_id": list("abc"), "lesion_id": ["L1", "L1", "L2"], "checksum": ["1", "2", "3"]})
    >>> splits.audit(table, train=[0], test=[1, 2]).leaked_share
    0.5
    """
    train, test = np.asarray(train), np.asarray(test)
    if len(test) == 0:
        raise ValueError("the test set is empty: there is nothing to audit")
    groups = lesion_groups(table).to_numpy()
    checksums = table["checksum"].to_numpy()
    leaked = pd.Series(groups[test]).isin(groups[train]).to_numpy()
    return Audit(
        test_images=len(test),
        leaked_images=int(leaked.sum()),
        shared_lesions=len(np.unique(groups[test][leaked])),
        exact_copies=int(pd.Series(checksums[test]).isin(checksums[train]).sum()),
    )


def _stratified(table, rows, share, seed):
    """Return scikit-learn's stratified split of the rows, or say which class is too small for one."""
    from sklearn.model_selection import train_test_split

    counts = table["dx"].iloc[rows].value_counts()
    if counts.min() < 2 or share * len(rows) < len(counts):
        raise ValueError(
            f"{len(rows)} images of {len(counts)} classes, {counts.min()} of them {counts.idxmin()!r}, are too few for "
            f"a stratified test set of {share:.0%}: add images of the small classes, or leave these out"
        )
    return train_test_split(rows, test_size=share, random_state=seed, stratify=table["dx"].iloc[rows])


def _with_validation(protocol, table, groups, rest, test, seed):
    """Cut a validation set from ``rest`` by lesion group and return the :class:`Split`."""
    # Where no class has eight lesions left, the validation set becomes a larger part.
    folds = min(VALIDATION_FOLDS, groups.iloc[rest].groupby(table["dx"].iloc[rest]).nunique().max())
    if folds < 2:
        raise ValueError(f"no class has two lesions left for a validation set beside {len(test)} test images: add some")
    validation = np.sort(rest[_folds(table["dx"].iloc[rest], groups.iloc[rest], folds, seed)[0]])
    return Split(protocol, train=np.setdiff1d(rest, validation), validation=validation, test=np.sort(test))


def _folds(classes, groups, n_folds, seed):
    """Return the positions in each fold; dealt once for the same rows, since HAM10000 takes scikit-learn seconds."""
    return _dealt(tuple(classes), tuple(shuffled(groups, seed).tolist()), n_folds)


@lru_cache(maxsize=64)
def _dealt(classes, groups, n_folds):
    from sklearn.model_selection import StratifiedGroupKFold

    return [fold for _, fold in StratifiedGroupKFold(n_folds).split(groups, classes, groups)]

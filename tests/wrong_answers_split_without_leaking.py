"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import functools

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold, train_test_split

from helpers.splits import lesion_groups


def counted(count):
    """An answer to leaked-images that is given the lesion of each row, and the two sets."""
    return lambda ham: lambda table, train, test: count(table["lesion_id"].to_numpy(dtype=str), train, test)


def leaked(lesions, train, test):
    return np.isin(lesions[test], lesions[train])


@functools.cache
def first_fold(diagnoses, groups, folds):
    """Cut stratified folds by group, seconds on all of HAM10000; return the places of the others and of the first."""
    cutter = StratifiedGroupKFold(folds, shuffle=True, random_state=3)
    return next(cutter.split(diagnoses, diagnoses, groups))


def halves(rows, table, labels, folds):
    """Cut ``rows`` in two by group, stratified; return rows of the table."""
    more, fewer = first_fold(tuple(table["dx"].to_numpy()[rows]), tuple(labels[rows]), folds)
    return rows[more], rows[fewer]


def sets(cut_test, cut_validation):
    """An answer to three-sets that cuts off a test set, and a validation set from what it left."""

    def three_sets(table):
        rest, test = cut_test(np.arange(len(table)), table)
        train, validation = cut_validation(rest, table)
        return train, validation, test

    return lambda ham: three_sets


def by_image(share):
    return lambda rows, table: train_test_split(rows, test_size=share, stratify=table["dx"].iloc[rows], random_state=0)


def by_group(folds):
    return lambda rows, table: halves(rows, table, lesion_groups(table).to_numpy(), folds)


def by_lesion(folds):
    return lambda rows, table: halves(rows, table, table["lesion_id"].to_numpy(), folds)


def places_in_rest(rows, table):
    groups = lesion_groups(table).to_numpy()[rows]
    return next(StratifiedGroupKFold(8).split(rows, table["dx"].iloc[rows], groups))


def some_dropped(rows, table):
    train, validation = by_group(8)(rows, table)
    return train[:-5], validation


def unstratified(share):
    def cut(rows, table):
        groups = lesion_groups(table).to_numpy()[rows]
        more, fewer = next(GroupShuffleSplit(1, test_size=share, random_state=2).split(rows, groups=groups))
        return rows[more], rows[fewer]

    return cut


def masks(ham):
    def three_sets(table):
        train, validation, test = sets(by_group(5), by_group(8))(ham)(table)
        return tuple(np.isin(np.arange(len(table)), rows) for rows in (train, validation, test))

    return three_sets


def copying(make):
    """An answer to copy-after-the-split: ``make`` is given the training rows, their diagnoses, and a generator."""
    return lambda ham: lambda train, classes, seed: make(train, pd.Series(classes[train]), np.random.default_rng(seed))


def topped_up(rows, labels, rng, size=None, first=False):
    """The rows, and for each diagnosis as many more as it lacks, or ``size``; of its first row alone if asked."""
    most = labels.value_counts().max()
    added = []
    for name in sorted(set(labels)):
        mine = rows[(labels == name).to_numpy()]
        added.append(rng.choice(mine[:1] if first else mine, most - len(mine) if size is None else size))
    return np.concatenate([rows, *added])


def from_the_whole_table(ham):
    def oversample(train, classes, seed):
        rng, most = np.random.default_rng(seed), pd.Series(classes[train]).value_counts().max()
        lacking = {name: most - (classes[train] == name).sum() for name in np.unique(classes)}
        return np.concatenate([train, *(rng.choice(np.flatnonzero(classes == n), k) for n, k in lacking.items())])

    return oversample


WRONG = {
    "leaked-images": {
        "a share": (counted(lambda *given: leaked(*given).mean()), "This is a share"),
        "lesions": (
            counted(lambda lesions, train, test: len(set(lesions[train]) & set(lesions[test]))),
            "counts *lesions*",
        ),
        "each row once": (
            counted(lambda lesions, train, test: leaked(lesions, train, np.unique(test)).sum()),
            "counts twice",
        ),
        "rows in both": (counted(lambda lesions, train, test: np.isin(test, train).sum()), "another row"),
        "the wrong way round": (counted(lambda lesions, train, test: leaked(lesions, test, train).sum()), "way round"),
        "siblings anywhere": (
            lambda ham: lambda table, train, test: table["lesion_id"].duplicated(keep=False).iloc[test].sum(),
            "sibling anywhere",
        ),
        "merged groups": (
            lambda ham: lambda table, train, test: leaked(lesion_groups(table).to_numpy(dtype=str), train, test).sum(),
            "go by `lesion_id`",
        ),
        "labels for positions": (
            lambda ham: (
                lambda table, train, test: table["lesion_id"].loc[test].isin(table["lesion_id"].loc[train]).sum()
            ),
            "by label",
        ),
        "not those in training": (
            counted(lambda lesions, train, test: (leaked(lesions, train, test) & ~np.isin(test, train)).sum()),
            "itself a training row",
        ),
        "all test images": (counted(lambda lesions, train, test: len(test)), "count the yeses"),
    },
    "copy-after-the-split": {
        "nothing copied": (copying(lambda rows, labels, rng: rows), "Nothing was copied"),
        "copied from all rows": (from_the_whole_table, "no training rows"),
        "without the originals": (
            copying(lambda rows, labels, rng: topped_up(rows, labels, rng)[len(rows) :]),
            "training rows are gone",
        ),
        "the most common thrown away": (
            copying(lambda rows, labels, rng: rows[(labels != labels.value_counts().idxmax()).to_numpy()]),
            "training rows are gone",
        ),
        "as many as the most common added": (
            copying(lambda rows, labels, rng: topped_up(rows, labels, rng, labels.value_counts().max())),
            "add what is lacking",
        ),
        "ten more of each": (copying(lambda rows, labels, rng: topped_up(rows, labels, rng, 10)), "the most common"),
        "places in train": (
            copying(lambda rows, labels, rng: topped_up(np.arange(len(rows)), labels, rng)),
            "`train[places]`",
        ),
        "diagnoses": (
            lambda ham: (
                lambda train, classes, seed: classes[
                    topped_up(train, pd.Series(classes[train]), np.random.default_rng(seed))
                ]
            ),
            "returns diagnoses",
        ),
        "decimals": (copying(lambda rows, labels, rng: topped_up(rows, labels, rng) / 1), "whole numbers, in one"),
        "counted from the end": (
            lambda ham: (
                lambda train, classes, seed: (
                    topped_up(train, pd.Series(classes[train]), np.random.default_rng(seed)) - len(classes)
                )
            ),
            "no rows of the table",
        ),
        "one image copied": (
            copying(lambda rows, labels, rng: topped_up(rows, labels, rng, first=True)),
            "of one image",
        ),
        "seed ignored": (
            copying(lambda rows, labels, rng: topped_up(rows, labels, np.random.default_rng())),
            "The same seed",
        ),
        "one seed for all": (
            copying(lambda rows, labels, rng: topped_up(rows, labels, np.random.default_rng(0))),
            "Another seed",
        ),
        "sorts what it is given": (
            lambda ham: lambda train, classes, seed: (train.sort(), train)[1],
            "changes the arrays",
        ),
    },
    "three-sets": {
        "split by image": (sets(by_image(0.2), by_image(1 / 8)), "not by image"),
        "validation cut by image": (sets(by_group(5), by_image(1 / 8)), "in train and in validation"),
        "places in rest": (sets(by_group(5), places_in_rest), "`rest[inner]`"),
        "lesion_id alone": (sets(by_lesion(5), by_lesion(8)), "missed pairs"),
        "not stratified": (sets(unstratified(0.2), unstratified(1 / 8)), "Stratify by diagnosis"),
        "rows dropped": (sets(by_group(5), some_dropped), "5 rows are in no set"),
        "test set of a third": (sets(by_group(3), by_group(8)), "a fifth was asked for"),
        "validation set of a third": (sets(by_group(5), by_group(3)), "an eighth was asked for"),
        "masks": (masks, "np.flatnonzero"),
        "six folds": (sets(by_group(6), by_group(6)), "a fifth was asked for"),
        "a seventh for validation": (sets(by_group(5), by_group(6)), "an eighth was asked for"),
        "changes the table": (
            lambda ham: lambda table: (table.insert(0, "new", 1), sets(by_group(5), by_group(8))(ham)(table))[1],
            "changes the table",
        ),
        "two sets": (lambda ham: lambda table: by_group(5)(np.arange(len(table)), table), "returns 2 things"),
        "positions counted from one": (
            lambda ham: lambda table: [rows + 1 for rows in sets(by_group(5), by_group(8))(ham)(table)],
            "no rows of the table",
        ),
    },
}

"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import functools

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, StratifiedGroupKFold, train_test_split

from helpers.splits import lesion_groups


def counted(count):
    """An answer to leaked-images that is given the lesion of each row, and the two sets."""
    return lambda ham: lambda table, train, test: count(table["lesion_id"].to_numpy(dtype=str), train, test)


def leaked(lesions, train, test):
    return np.isin(lesions[test], lesions[train])


@functools.cache
def first_fold(diagnoses, groups, folds):
    """Deal stratified folds by group, seconds on all of HAM10000; return the places of the others and of the first."""
    dealer = StratifiedGroupKFold(folds, shuffle=True, random_state=3)
    return next(dealer.split(diagnoses, diagnoses, groups))


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


def fitting(fits, first=1, end=1):
    """An answer to possible-supports: the numbers for which some k of n ``fits``."""
    return lambda ham: (
        lambda recall, largest: [
            n for n in range(first, largest + end) if any(fits(k, n, recall) for k in range(n + 1))
        ]
    )


def rounds(k, n, recall):
    return round(k / n, 2) == recall


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
        "all test images": (counted(lambda lesions, train, test: len(test)), "count the yeses"),
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
        "two sets": (lambda ham: lambda table: by_group(5)(np.arange(len(table)), table), "returns 2 things"),
        "positions counted from one": (
            lambda ham: lambda table: [rows + 1 for rows in sets(by_group(5), by_group(8))(ham)(table)],
            "no rows of the table",
        ),
    },
    "possible-supports": {
        "equal, not rounded": (fitting(lambda k, n, recall: k / n == recall), "It was rounded"),
        "cut, not rounded": (fitting(lambda k, n, recall: int(100 * k / n) == round(100 * recall)), "cut the further"),
        "without the last": (fitting(rounds, end=0), "stops before `largest`"),
        "one too far": (fitting(rounds, end=2), "yours has 61 too"),
        "the smallest only": (
            lambda ham: lambda recall, largest: fitting(rounds)(ham)(recall, largest)[0],
            "list of all that fit",
        ),
        "from ten on": (fitting(rounds, first=10), "it lacks 3: 2/3"),
        "never all of them": (
            lambda ham: (
                lambda recall, largest: [
                    n for n in range(1, largest + 1) if any(abs(k / n - recall) <= 0.005 + 1e-9 for k in range(n))
                ]
            ),
            "lacks 1: 1/1",
        ),
        "a little too far": (fitting(lambda k, n, recall: abs(k / n - recall) <= 0.0052), "it has 39, but 8/39"),
        "no whole numbers": (
            lambda ham: lambda recall, largest: [n + 0.4 for n in fitting(rounds)(ham)(recall, largest)],
            "is no whole number",
        ),
        "a whole hundredth off": (fitting(lambda k, n, recall: abs(k / n - recall) < 0.0099), "half a hundredth"),
        "halves to the even digit": (fitting(rounds), "40. 29/40 = 0.7250 is a half"),
        "no room for the computer's own rounding": (
            fitting(lambda k, n, recall: abs(k / n - recall) <= 0.005),
            "`1e-9` more",
        ),
        "from zero": (
            lambda ham: lambda recall, largest: [n for n in range(largest + 1) if rounds(round(recall * n), n, recall)],
            "ZeroDivisionError",
        ),
    },
}

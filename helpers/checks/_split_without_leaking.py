"""The checkers of *split-without-leaking*; helpers/checks/__init__.py shows how one is written."""

import numpy as np

from helpers import splits
from helpers.checks._core import exercise
from helpers.ham10000 import MISSED_PAIRS


@exercise(
    "leaked-images",
    expects="a function that takes a table and two arrays of row positions and returns a count",
    praise="`splits.audit` counts in the same way, by merged groups. Three lines, before every result you publish.",
)
def leaked_images(answer, ham):
    table = _with_missed_pairs(ham.table)
    # As text: of objects `np.isin` compares each with each, seconds on all of HAM10000.
    lesions = table["lesion_id"].to_numpy(dtype=str)
    rows = np.random.default_rng(21).permutation(len(table))
    fifth = len(rows) // 5
    # Part of the rows is in neither set, so that not every sibling is a training image; some test rows come twice.
    train, test = np.repeat(rows[2 * fifth :], 2), rows[:fifth]
    leaked = np.isin(lesions[test], lesions[train])
    test = np.concatenate([test, test[leaked][::3]])
    leaked = np.isin(lesions[test], lesions[train])
    count = float(answer(table.copy(), train.copy(), test.copy()))
    if count == leaked.sum():
        return None
    groups = splits.lesion_groups(table).to_numpy(dtype=str)
    if count == np.isin(groups[test], groups[train]).sum():
        return "You count by merged groups: better still, and the next sections come to it. Here go by `lesion_id`."
    if count in (leaked.mean(), 100 * leaked.mean()):
        return "This is a share. Count the images; divide later if you want to."
    if count == len(np.unique(lesions[test][leaked])):
        return "This counts *lesions* on both sides. The exam is sat by images: count every leaked test image."
    if count == len(np.unique(test[leaked])):
        return "A row that stands in `test` twice counts twice; yours counts once. Oversampled sets have such rows."
    if count == len(np.intersect1d(train, test)):
        return "This counts rows that are in both sets. A sibling is another row: compare the `lesion_id` of the rows."
    if count in (np.isin(lesions[train], lesions[test]).sum(), np.isin(lesions[np.unique(train)], lesions[test]).sum()):
        return "Wrong way round: this counts training images with a sibling in the test set. Count test images."
    if count == table["lesion_id"].duplicated(keep=False).to_numpy()[test].sum():
        return "This counts test images with a sibling anywhere. Only siblings in `train` leak."
    return "For each row in `test`, ask whether its `lesion_id` is among those of the rows in `train`; count the yeses."


@exercise(
    "three-sets",
    expects="a function that takes a table and returns three arrays of row positions: train, validation, test",
    praise="You held it to the published missed pairs too: no group is on two sides, on whatever table you call it.",
)
def three_sets(answer, ham):
    table = _with_missed_pairs(ham.table)
    sets = answer(table.copy())
    if len(sets) != 3:
        return f"It returns {len(sets)} things. Return three arrays: train, validation, test."
    sets = [np.asarray(rows) for rows in sets]
    if any(rows.dtype == bool for rows in sets):
        return "A set is a mask of true and false. Give row positions: `np.flatnonzero` makes them of a mask."
    train, validation, test = (rows.astype(int, casting="safe").ravel() for rows in sets)
    every = np.concatenate([train, validation, test])
    if len(every) and not 0 <= every.min() <= every.max() < len(table):
        return f"Some positions are no rows of the table, which has rows 0 to {len(table) - 1}."
    if len(np.unique(every)) < len(every):
        return (
            "Some rows stand in two sets, or twice in one. When you split `rest` a second time, the answer counts "
            "places in `rest`: `rest[inner]` turns them into rows of the table."
        )
    if len(every) < len(table):
        return f"{len(table) - len(every):,} rows are in no set. Each image has its place in exactly one."
    return _not_grouped(table, train, validation, test) or _not_balanced(table, train, validation, test)


def _with_missed_pairs(table):
    """Give image_ids of missed pairs to nevi of a table that has none, so that merging groups makes a difference."""
    table = table.copy()
    if not table["image_id"].isin([image for pair in MISSED_PAIRS for image in pair]).any():
        once = ~table["lesion_id"].duplicated(keep=False) & (table["dx"] == "nv")
        names = [image for pair in MISSED_PAIRS for image in pair]
        places = np.flatnonzero(once)[: len(names)]
        table.loc[places, "image_id"] = names[: len(places)]
    return table


def _not_grouped(table, train, validation, test):
    rest = np.concatenate([train, validation])
    lesions, groups = table["lesion_id"].to_numpy(), splits.lesion_groups(table).to_numpy()

    def shared(labels, first, second):
        return len(np.intersect1d(labels[first], labels[second]))

    if leaks := shared(lesions, rest, test):
        return f"{leaks:,} lesions of the test set are trained or validated on too. Split by group, not by image."
    if leaks := shared(lesions, train, validation):
        return f"The test set is clean, but {leaks:,} lesions are in train and in validation. Cut that by group too."
    if torn := shared(groups, rest, test) + shared(groups, train, validation):
        return (
            f"No `lesion_id` is shared, but {torn} published missed pairs are torn apart. Use `splits.lesion_groups`."
        )
    return None


def _not_balanced(table, train, validation, test):
    share, inner = len(test) / len(table), len(validation) / (len(train) + len(validation))
    if not 0.15 < share < 0.25:
        return f"The test set holds {share:.0%} of the rows; a fifth was asked for."
    if not 0.08 < inner < 0.18:
        return f"The validation set holds {inner:.0%} of the rows that the test set left; an eighth was asked for."
    counts = table["dx"].value_counts()
    for name, rows in (("validation", validation), ("test", test)):
        expected = counts * len(rows) / len(table)
        here = table["dx"].iloc[rows].value_counts().reindex(counts.index, fill_value=0)
        off = (here - expected).abs() - np.maximum(2.5, 0.15 * expected)
        if off.max() > 0:
            dx = off.idxmax()
            return (
                f"No group is shared. But {here[dx]:,} `{dx}` images are in the {name} set, where about "
                f"{expected[dx]:.0f} would be its share. Stratify by diagnosis, image by image, as "
                "`StratifiedGroupKFold` does; before scikit-learn 1.8 it does not if told `shuffle=True`."
            )
    return None


@exercise(
    "possible-supports",
    expects="a function that takes a recall and the largest number, and returns a list of whole numbers",
    praise="The smaller the test set, the more a printed number gives away; with a hundred images it hides nearly all.",
)
def supports(answer, _ham):
    # In the last case 8/39 is off by little more than half a hundredth.
    for recall, largest in ((0.67, 39), (0.62, 60), (0.09, 80), (0.73, 100), (1.0, 30), (0.0, 30), (0.2, 39)):
        reply = answer(recall, largest)
        if isinstance(reply, int | float | np.number):
            return "It returns one number. Return the list of all that fit."
        if broken := [number for number in reply if number != int(number)]:
            return f"{broken[0]} is no whole number. A number of test images is."
        if hint := _unfit({int(number) for number in reply}, recall, largest):
            return hint
    return None


def _unfit(reply, recall, largest):
    sure, possible = _fitting(recall, largest)
    if reply == possible:
        return None
    if reply == _where(lambda k, n: k / n == recall, largest):
        return f"You ask for fractions that equal {recall} exactly. It was rounded: 2/3 is printed as 0.67 as well."
    if reply == _where(lambda k, n: 100 * k // n == round(100 * recall), largest):
        return "You cut the further digits off. Tables are rounded: 0.666 becomes 0.67."
    if outside := [number for number in reply if not 1 <= number <= largest]:
        return f"Numbers from 1 to {largest} were asked for; yours has {outside[0]} too."
    if sure - reply == {largest}:
        return f"It stops before `largest`: {largest} itself fits {recall}. (`range` leaves out its end.)"
    if missing := min(sure - reply, default=None):
        k = round(recall * missing)
        return f"For {recall} it lacks {missing}: {k}/{missing} = {k / missing:.4f} rounds to {recall}."
    if halves := possible - reply:
        half = min(halves)
        k = min(range(half + 1), key=lambda k: abs(abs(k / half - recall) - 0.005))
        return (
            f"Nearly: for {recall} it lacks {half}. {k}/{half} = {k / half:.4f} is a half, which may have been rounded "
            "either way: count both. Allow half a hundredth and `1e-9` more, since the computer rounds too."
        )
    extra = min(reply - possible)
    return f"For {recall} it has {extra}, but {round(recall * extra)}/{extra} is off by more than half a hundredth."


def _where(fits, largest):
    return {n for n in range(1, largest + 1) if any(fits(k, n) for k in range(n + 1))}


def _fitting(recall, largest):
    """Return the numbers that surely fit, and those with the ones whose fraction lies on the edge of the rounding."""
    gaps = {n: np.abs(np.arange(n + 1) / n - recall).min() for n in range(1, largest + 1)}
    return {n for n in gaps if gaps[n] < 0.005 - 1e-9}, {n for n in gaps if gaps[n] < 0.005 + 1e-9}

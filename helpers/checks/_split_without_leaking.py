"""The checkers of *split-without-leaking*; helpers/checks/__init__.py shows how one is written."""

import numpy as np
import pandas as pd

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
    # Some training rows are tested, too, and the labels of the index are no positions.
    test = np.concatenate([test, test[leaked][::3], train[:7]])
    leaked = np.isin(lesions[test], lesions[train])
    table.index = np.random.default_rng(22).permutation(len(table))
    count = float(answer(table.copy(), train.copy(), test.copy()))
    if count == leaked.sum():
        return None
    by_label = table["lesion_id"]
    if count == by_label.loc[test].isin(by_label.loc[train]).sum():
        return "You look rows up by label, with `.loc`. `train` and `test` are positions: `.iloc`, or an array."
    if count == (leaked & ~np.isin(test, train)).sum():
        return "A test row that is itself a training row leaks as well: its lesion is trained on. Yours leaves it out."
    groups = splits.lesion_groups(table).to_numpy(dtype=str)
    if count == np.isin(groups[test], groups[train]).sum():
        return "You count by merged groups: better still, and the next sections come to it. Here go by `lesion_id`."
    if count in (leaked.mean(), 100 * leaked.mean()):
        return "This is a share. Count the images; divide later if you want to."
    if count == len(np.unique(lesions[test][leaked])):
        return "This counts *lesions* on both sides. What is tested are images: count every leaked test image."
    if count == len(np.unique(test[leaked])):
        return "A row that stands in `test` twice counts twice; yours counts once. Oversampled sets have such rows."
    if count in (len(np.intersect1d(train, test)), np.isin(test, train).sum()):
        return "This counts rows that are in both sets. A sibling is another row: compare the `lesion_id` of the rows."
    if count in (np.isin(lesions[train], lesions[test]).sum(), np.isin(lesions[np.unique(train)], lesions[test]).sum()):
        return "Wrong way round: this counts training images with a sibling in the test set. Count test images."
    if count == table["lesion_id"].duplicated(keep=False).to_numpy()[test].sum():
        return "This counts test images with a sibling anywhere. Only siblings in `train` leak."
    return "For each row in `test`, ask whether its `lesion_id` is among those of the rows in `train`; count the yeses."


@exercise(
    "copy-after-the-split",
    expects="a function that takes training rows, the diagnosis of every row and a seed, and returns row positions",
    praise="No copy can reach the test set: the rows that you copied were all training rows.",
)
def oversample(answer, ham):
    classes = ham.table["dx"].to_numpy(dtype=str)
    # A third of the rows, in no order; the diagnoses are as unequal as in the table.
    train = np.random.default_rng(31).permutation(len(classes))[: len(classes) // 3]
    counts = pd.Series(classes[train]).value_counts()
    kept = train.copy(), classes.copy()
    reply = np.asarray(answer(*kept, 7))
    if not (np.array_equal(kept[0], train) and np.array_equal(kept[1], classes)):
        return "It changes the arrays that it is given. Make new ones."
    if reply.dtype.kind in "US":
        return "It returns diagnoses. Return row positions, from which anyone can look the diagnoses up."
    if reply.dtype == bool or not np.issubdtype(reply.dtype, np.integer) or reply.ndim != 1:
        return "Return row positions, whole numbers, in one array."
    if len(reply) and not 0 <= reply.min() <= reply.max() < len(classes):
        return f"Some positions are no rows of the table, which has rows 0 to {len(classes) - 1}."
    if len(reply) and reply.max() < len(train) < len(classes) and not np.isin(reply, train).all():
        return "These look like places in `train`: `train[places]` turns them into rows of the table."
    if strangers := len(np.setdiff1d(reply, train)):
        return f"{strangers:,} of your rows are no training rows. Copy rows of `train` alone, or test images slip in."
    if lost := len(np.setdiff1d(train, reply)):
        return f"{lost:,} training rows are gone. Keep all of `train`, and add copies to it."
    now = pd.Series(classes[reply]).value_counts().reindex(counts.index)
    if now.equals(counts):
        return "Nothing was copied: each diagnosis is as common as before."
    if (now == counts + counts.max()).all() or (now.drop(counts.idxmax()) > counts.max()).any():
        name = now.idxmax()
        return f"Of `{name}` there are now {now[name]:,} rows, and the aim is {counts.max():,}: add what is lacking."
    if (now != counts.max()).any():
        name = (now - counts.max()).abs().idxmax()
        return f"Of `{name}` there are {now[name]:,} rows; the most common diagnosis of `train` has {counts.max():,}."
    return _not_drawn(answer, train, classes, reply, counts)


def _not_drawn(answer, train, classes, reply, counts):
    rarest = reply[classes[reply] == counts.idxmin()]
    times = pd.Series(rarest).value_counts()
    if len(times) > 1 and times.iloc[1:].max() == 1:
        return "All copies of a diagnosis are of one image. Draw each at random, so that many images are copied."
    again = np.asarray(answer(train.copy(), classes.copy(), 7))
    if not np.array_equal(np.sort(again), np.sort(reply)):
        return "The same seed gives other rows the second time. Start a generator from `seed` inside the function."
    other = np.asarray(answer(train.copy(), classes.copy(), 8))
    if np.array_equal(np.sort(other), np.sort(reply)):
        return "Another seed gives the same copies. Draw them at random, by `seed`."
    return None


@exercise(
    "three-sets",
    expects="a function that takes a table and returns three arrays of row positions: train, validation, test",
    praise="You held it to the published missed pairs too: no group is on two sides, on whatever table you call it.",
)
def three_sets(answer, ham):
    table = _with_missed_pairs(ham.table)
    handed = table.copy()
    sets = answer(handed)
    if not handed.equals(table):
        return "It changes the table that it is given. Work on a copy: whoever calls it needs the table as it was."
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
    if not 0.185 < share < 0.215:
        return f"The test set holds {share:.0%} of the rows; a fifth was asked for."
    if not 0.115 < inner < 0.135:
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

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from helpers import splits
from helpers.ham10000 import CLASSES, MISSED_PAIRS

PROTOCOLS = {"grouped": splits.grouped, "image8020": splits.image8020, "holdout938": splits.holdout938}


def counts(table, rows):
    return table["dx"].iloc[rows].value_counts().reindex(CLASSES).tolist()


def test_groups_merge_lesions_joined_by_a_missed_pair_even_in_a_chain():
    (a, b), (c, d) = MISSED_PAIRS[:2]
    table = pd.DataFrame(
        {
            "image_id": [a, b, c, d, "x1", "x2"],
            # b's lesion and c's lesion are one, so the two pairs chain three lesion_ids together.
            "lesion_id": ["L3", "L2", "L2", "L1", "L9", "L9"],
        },
        index=[10, 11, 12, 13, 14, 15],
    )
    groups = splits.lesion_groups(table)
    assert groups.tolist() == ["L1", "L1", "L1", "L1", "L9", "L9"]
    assert groups.index.equals(table.index)


def test_half_a_missed_pair_merges_nothing():
    table = pd.DataFrame({"image_id": [MISSED_PAIRS[0][0], "x"], "lesion_id": ["L1", "L2"]})
    assert splits.lesion_groups(table).tolist() == ["L1", "L2"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_split_uses_every_row_once_and_repeats_itself(ham, protocol):
    split = PROTOCOLS[protocol](ham.table)
    rows = np.concatenate([split.train, split.validation, split.test])
    assert np.array_equal(np.sort(rows), np.arange(len(ham.table)))
    assert split.protocol == protocol
    assert split.hash == PROTOCOLS[protocol](ham.table).hash
    assert split.hash != PROTOCOLS[protocol](ham.table, seed=1).hash
    for part in (split.train, split.validation, split.test):
        assert min(counts(ham.table, part)) > 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_validation_shares_no_lesion_with_training(ham, protocol):
    split = PROTOCOLS[protocol](ham.table)
    found = splits.audit(ham.table, split.train, split.validation)
    assert (found.leaked_images, found.shared_lesions, found.exact_copies) == (0, 0, 0)


def test_grouped_folds_never_leak_and_test_each_row_once(ham):
    folds = [splits.grouped(ham.table, fold) for fold in range(5)]
    for split in folds:
        assert splits.audit(ham.table, np.r_[split.train, split.validation], split.test).leaked_images == 0
    assert np.array_equal(np.sort(np.concatenate([split.test for split in folds])), np.arange(len(ham.table)))


def test_the_naive_split_leaks_and_has_a_fifth_of_each_class(ham):
    split = splits.image8020(ham.table)
    shares = np.array(counts(ham.table, split.test)) - np.array(counts(ham.table, np.arange(len(ham.table)))) / 5
    assert np.abs(shares).max() < 1
    assert splits.audit(ham.table, split.train, split.test).leaked_share > 0.1


def test_holdout_tests_only_lesions_photographed_once(ham):
    split = splits.holdout938(ham.table)
    images = ham.table.groupby("lesion_id")["image_id"].transform("size")
    assert (images.iloc[split.test] == 1).all()
    # Only the draw by the recipe's own seed is the protocol: another seed moves the validation set alone.
    assert np.array_equal(split.test, splits.holdout938(ham.table, seed=1).test)


def test_the_hash_tells_protocol_and_parts_apart(ham):
    split = splits.image8020(ham.table)
    assert split.hash != dataclasses.replace(split, protocol="grouped").hash
    assert split.hash != dataclasses.replace(split, train=split.test, test=split.train).hash
    moved = dataclasses.replace(
        split, train=split.train[1:], validation=np.sort(np.r_[split.train[:1], split.validation])
    )
    assert split.hash != moved.hash


def test_audit_counts_images_lesions_and_copies():
    table = pd.DataFrame(
        {
            "image_id": list("abcdef"),
            "lesion_id": ["L1", "L1", "L1", "L2", "L2", "L3"],
            "checksum": ["1", "2", "1", "4", "5", "6"],
        }
    )
    found = splits.audit(table, train=[0, 3], test=[1, 2, 4, 5])
    assert found == splits.Audit(test_images=4, leaked_images=3, shared_lesions=2, exact_copies=1)
    assert found.leaked_share == 0.75
    assert str(found).startswith("3 of 4 test images (75.0%) show a lesion that is also trained on: 2 lesions; 1 are")
    # After oversampling a row stands on both sides, and more than once.
    found = splits.audit(table, train=[5, 5, 0], test=[5, 5, 3])
    assert (found.test_images, found.leaked_images, found.shared_lesions, found.exact_copies) == (3, 2, 1, 2)


def test_bad_input_is_named(ham):
    with pytest.raises(ValueError, match="fold 5 does not exist: choose 0 to 4"):
        splits.grouped(ham.table, 5)
    with pytest.raises(ValueError, match="test set is empty"):
        splits.audit(ham.table, [0], [])
    fibromas = ham.table.query("dx == 'df'")
    rare = ham.table.drop(index=fibromas.index[fibromas["lesion_id"] != fibromas["lesion_id"].iloc[0]])
    with pytest.raises(ValueError, match="class 'df' has 1 lesions, too few for 5 folds"):
        splits.grouped(rare)


def small(lesions):
    """A table of so many lesions a class, one image each."""
    rows = [(f"i{dx}{k}", f"l{dx}{k}", dx) for dx in CLASSES for k in range(lesions)]
    return pd.DataFrame(rows, columns=["image_id", "lesion_id", "dx"])


@pytest.mark.parametrize("make", [splits.grouped, splits.image8020, splits.holdout938])
@pytest.mark.parametrize("lesions", [6, 9])
def test_a_handful_of_lesions_a_class_can_be_split(make, lesions):
    split = make(small(lesions))
    assert np.array_equal(np.sort(np.r_[split.train, split.validation, split.test]), np.arange(7 * lesions))
    assert min(len(split.train), len(split.validation), len(split.test)) >= 5


@pytest.mark.parametrize("make", [splits.image8020, splits.holdout938])
def test_too_few_for_a_stratified_test_set_is_said_with_the_class(make):
    with pytest.raises(ValueError, match=r"14 images of 7 classes, 2 of them 'akiec', are too few"):
        make(small(2))
    lonely = pd.concat([small(20), small(1).query("dx == 'df'").assign(dx="other", lesion_id="x")], ignore_index=True)
    with pytest.raises(ValueError, match=r"1 of them 'other', are too few"):
        make(lonely)


def test_nothing_left_to_validate_on_is_said():
    table = pd.DataFrame({"image_id": ["a", "b"], "lesion_id": ["p", "q"], "dx": "nv"})
    with pytest.raises(ValueError, match="no class has two lesions left for a validation set"):
        splits.grouped(table, n_folds=2)


def test_on_the_real_metadata(real_ham):
    table = real_ham.table
    groups = splits.lesion_groups(table)
    assert (table["lesion_id"].nunique(), groups.nunique()) == (7470, 7452)

    folds = [splits.grouped(table, fold) for fold in range(5)]
    by_class = np.array([counts(table, split.test) for split in folds])
    assert set(by_class.sum(axis=1)) <= {2002, 2003, 2004, 2005}
    assert (np.ptp(by_class, axis=0) <= 1).all()
    for split in folds:
        assert not set(groups.iloc[split.test]) & set(groups.iloc[np.r_[split.train, split.validation]])

    assert counts(table, splits.holdout938(table).test) == [26, 30, 75, 6, 39, 751, 11]

    shares = []
    for seed in range(50):
        rest, test = train_test_split(np.arange(len(table)), test_size=0.2, random_state=seed, stratify=table["dx"])
        shares.append(splits.audit(table, rest, test).leaked_share)
    assert np.mean(shares) == pytest.approx(0.386, abs=0.005)


def test_shuffled_groups_are_the_same_groups_and_give_the_folds_of_scikit_learn_s_own_shuffling():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 300, 1000)
    classes = groups % 7
    mixed = splits.shuffled(groups, 5)
    assert len(set(zip(groups, mixed, strict=True))) == len(set(groups)) == len(set(mixed))
    assert np.array_equal(mixed, splits.shuffled(groups, 5)) and not np.array_equal(mixed, splits.shuffled(groups, 6))
    ours = StratifiedGroupKFold(5).split(groups, classes, mixed)
    theirs = StratifiedGroupKFold(5, shuffle=True, random_state=5).split(groups, classes, groups)
    assert all(np.array_equal(one[1], other[1]) for one, other in zip(ours, theirs, strict=True))


def test_the_splits_of_ham10000_are_the_recorded_ones_in_every_version_of_scikit_learn(real_ham):
    # Another hash here would cut every record of the book, and every reader's, off from the others.
    found = [splits.grouped(real_ham.table, 0), splits.image8020(real_ham.table), splits.holdout938(real_ham.table)]
    assert [split.hash[:8] for split in found] == ["57af8b11", "70b2098a", "9bc867cb"]

"""Models side by side: the place of a record, pairs on shared images, the lead; on records made for the test."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from helpers import evaluate, plots, records
from helpers.ham10000 import CLASSES
from helpers.records import _comparison as comparison

BY_CLASS, BY_IMAGE = "by class", "by image"


@pytest.fixture(scope="module")
def svm():
    """One of the book's records, from which others are made."""
    return records.load_run("classical-holdout938-handcrafted-svm-plain")


def made(run, name, predictions=None, **facts):
    """A run under another name, with other facts and predictions."""
    hyperparameters = run.facts["hyperparameters"] | facts.pop("hyperparameters", {})
    facts = run.facts | {"name": name, "hyperparameters": hyperparameters} | facts
    return replace(run, facts=facts, predictions=run.predictions if predictions is None else predictions)


def skilled(run, share, seed=0):
    """The predictions of a model that is right on about that share of the images, and else answers the next class."""
    rows = run.predictions.copy()
    codes = pd.Categorical(rows["true"], categories=list(CLASSES)).codes
    right = np.random.default_rng(seed).random(len(rows)) < share
    rows[list(CLASSES)] = np.eye(7)[np.where(right, codes, (codes + 1) % 7)]
    return rows


def entered(*runs):
    return [(entry.family, entry.model, entry.protocol, entry.reading) for entry in records.entries(runs)]


def test_every_record_of_a_model_of_the_book_has_a_place_but_those_chosen_on_the_test_set():
    everything = [run for run in records.load_runs() if run.origin == "the book"]
    everything = [run for run in everything if not run.name.startswith("pool-") and "-seed" not in run.name]
    found = records.entries(everything)
    assert {entry.run.name for entry in found} == {
        run.name for run in everything if run.facts.get("chosen_on") != "test"
    }
    assert len({(entry.model, entry.protocol, entry.reading) for entry in found}) == len(found)
    assert all(
        run.name.replace(f"-{run.facts['protocol']}", "").startswith(tuple(comparison.ROWS)) for run in everything
    )
    assert all("yours" not in entry.model for entry in found)
    order = [comparison.FAMILIES.index(entry.family) for entry in found]
    assert order == sorted(order)


def test_a_record_has_its_family_its_label_and_its_reading(svm):
    weighted = made(svm, "classical-holdout938-handcrafted-svm-weighted", hyperparameters={"weighted": True})
    assert entered(svm, weighted) == [
        ("SVM", "SVM, handcrafted features", "holdout938", BY_IMAGE),
        ("SVM", "SVM, handcrafted features", "holdout938", BY_CLASS),
    ]
    other = made(svm, "convnext-holdout938", model="ConvNeXt, tuned")
    assert entered(other) == [(comparison.OTHER, "ConvNeXt, tuned", "holdout938", BY_IMAGE)]


@pytest.mark.parametrize(
    ("weighted", "priors", "how"),
    [
        (True, "as trained", BY_CLASS),
        (True, "restored", BY_IMAGE),
        (False, "as trained", BY_IMAGE),
        (False, "evened", BY_CLASS),
    ],
)
def test_a_network_is_read_as_its_weights_and_priors_say(svm, weighted, priors, how):
    chosen = {"recipe": {"weighted": weighted}, "priors": priors, "image": [96, 128]}
    network = made(svm, f"cnn-improved-holdout938-128x96-{priors}", hyperparameters=chosen)
    assert entered(network) == [("CNN", "CNN, improved, 128 x 96", "holdout938", how)]


@pytest.mark.parametrize(
    "fact",
    [
        {"synthetic": True},
        {"chosen_on": "test"},
        {"tier": "quick"},
        {"data": "images from the folder mine"},
        {"hyperparameters": {"recipe": {"weights": "RANDOM: no ImageNet weights could be had"}}},
    ],
)
def test_what_says_nothing_beside_the_book_s_records_has_no_place_and_says_so(svm, fact):
    assert entered(made(svm, "kept")) and not svm.marks
    apart = made(svm, "apart", **fact)
    assert entered(apart) == [] and len(apart.marks) == 1


def test_a_second_training_with_another_seed_is_no_model_of_its_own(svm):
    again = made(svm, "classical-holdout938-handcrafted-svm-plain-seed2019", split_seed=2018)
    assert entered(again) == [] and not again.marks


def test_a_pool_of_other_records_is_no_model_of_a_comparison(svm):
    hyperparameters = svm.facts["hyperparameters"] | {"members": {"kept": "a checksum"}}
    pool = made(svm, "pool-holdout938", hyperparameters=hyperparameters)
    assert entered(pool) == [] and not pool.marks
    grouped = records.load_run("pool-grouped")
    assert records.pairs([grouped, records.load_run("pool-holdout938")], "grouped", "holdout938") == []
    assert grouped.metric("accuracy")["value"] > 0.8, "it can be loaded like any other"


def test_a_whole_resnet_of_yours_is_not_called_the_part_that_the_book_has(svm):
    book = made(svm, "resnet-tuned-holdout938-200x150", model="ResNet50V2 (stages 1-3), last blocks retrained")
    yours = made(svm, "resnet-tuned-holdout938-224x224-full", model="ResNet50, last blocks retrained", tier="full")
    labels = [label for _, label, _, _ in entered(book, replace(yours, origin="yours"))]
    assert labels == ["ResNet50V2*, last blocks", "yours (full): ResNet50, last blocks"]


def test_your_records_say_so_stand_last_and_two_of_a_kind_are_told_apart(svm):
    forest = made(svm, "classical-holdout938-handcrafted-forest-plain")
    yours = [replace(made(svm, f"classical-holdout938-handcrafted-svm-{end}"), origin="yours") for end in "ab"]
    labels = [label for _, label, _, _ in entered(*yours, svm, forest)]
    assert labels == [
        "forest, handcrafted features",
        "SVM, handcrafted features",
        "yours (workshop): SVM, handcrafted features",
        "yours (workshop): SVM, handcrafted features (classical-holdout938-handcrafted-svm-b)",
    ]


def test_a_model_that_lacks_a_reading_is_chosen_with_its_other_one(svm):
    weighted = made(svm, "classical-holdout938-handcrafted-svm-weighted", hyperparameters={"weighted": True})
    forest = made(svm, "classical-holdout938-handcrafted-forest-plain")
    grouped = made(svm, "classical-grouped-handcrafted-forest-plain", protocol="grouped")
    found = records.entries([weighted, forest, svm, grouped])
    chosen = comparison.choose(found, "holdout938", BY_CLASS)
    assert {model: entry.reading for model, entry in chosen.items()} == {
        "forest, handcrafted features": BY_IMAGE,
        "SVM, handcrafted features": BY_CLASS,
    }
    chosen = comparison.choose(found, "holdout938", BY_IMAGE)
    assert {entry.reading for entry in chosen.values()} == {BY_IMAGE}


def chosen_of(*runs):
    return comparison.choose(records.entries(runs), "holdout938", BY_IMAGE)


def lead_of(*runs, score="accuracy", resamples=100):
    return records.lead(records.entries(runs), "holdout938", score, resamples)


def test_models_are_paired_on_the_images_that_all_were_tested_on_whatever_their_order(svm):
    some = svm.predictions.sample(300, random_state=1)
    forest = made(svm, "classical-holdout938-handcrafted-forest-plain", some)
    truth, groups, probabilities = comparison.shared(chosen_of(svm, forest))
    assert len(truth) == len(groups) == 300
    a, b = probabilities.values()
    np.testing.assert_array_equal(a, b)
    key = svm.predictions.set_index("group")["true"]
    assert list(truth) == [key[group] for group in groups]


def test_your_record_of_other_images_shrinks_nobody_s_test_set(svm):
    few = replace(made(svm, "vgg16-tuned-holdout938-64x48", svm.predictions.head(10)), origin="yours")
    all_of_them = replace(made(svm, "vgg16-frozen-holdout938-64x48"), origin="yours")
    truth, _, probabilities = comparison.shared(chosen_of(svm, few, all_of_them))
    assert len(truth) == len(svm.predictions)
    assert list(probabilities) == ["SVM, handcrafted features", "yours (workshop): VGG16, frozen"]


def test_records_of_other_data_are_not_paired(svm):
    other = svm.predictions.assign(image_id=lambda rows: "x" + rows["image_id"])
    with pytest.raises(ValueError, match="no image was tested by all of forest, handcrafted features, SVM"):
        comparison.shared(chosen_of(svm, made(svm, "classical-holdout938-handcrafted-forest-plain", other)))
    wrong = svm.predictions.copy()
    wrong.loc[5, "true"] = "df" if wrong.loc[5, "true"] != "df" else "nv"
    with pytest.raises(ValueError, match=f"image {wrong.loc[5, 'image_id']} has another class or group"):
        comparison.shared(chosen_of(svm, made(svm, "classical-holdout938-handcrafted-forest-plain", wrong)))


def test_the_lead_is_that_of_the_best_with_the_counts_of_the_lesions_that_tell_two_apart(svm):
    names = ("handcrafted-forest", "raw-forest", "handcrafted-svm")
    shares = (0.95, 0.5, 0.94)
    runs = [
        made(svm, f"classical-holdout938-{name}-plain", skilled(svm, share, seed))
        for seed, (name, share) in enumerate(zip(names, shares, strict=True))
    ]
    lead = lead_of(*runs, resamples=300)
    right = {
        entry.model: evaluate.answers(entry.run.predictions[list(CLASSES)]) == entry.run.predictions["true"]
        for entry in records.entries(runs)
    }
    assert lead.best == "forest, handcrafted features" and lead.value == right[lead.best].mean()
    assert (lead.images, lead.lesions) == (938, svm.predictions["group"].nunique())
    assert list(lead.table.index) == ["forest, raw pixels", "SVM, handcrafted features"]
    for model, row in lead.table.iterrows():
        assert row["value"] == right[model].mean()
        assert row["lead"] == pytest.approx(right[lead.best].mean() - right[model].mean())
        assert row["low"] < row["lead"] < row["high"]
        # No lesion of this test set has two images.
        counts = (right[lead.best] & ~right[model]).sum(), (right[model] & ~right[lead.best]).sum()
        assert (row["only_best"], row["only_other"]) == counts
        assert row["p"] == pytest.approx(binomtest(counts[0], sum(counts)).pvalue)
    assert lead.table["low"]["forest, raw pixels"] > 0 > lead.table["low"]["SVM, handcrafted features"]
    smaller, larger = sorted(lead.table["p"])
    assert sorted(lead.table["p_holm"]) == pytest.approx([2 * smaller, max(larger, 2 * smaller)])


def test_a_lead_in_balanced_accuracy_has_no_test_of_accuracy_beside_it(svm):
    always = svm.predictions.copy()
    always[list(CLASSES)] = np.eye(7)[CLASSES.index("nv")]
    blind = made(svm, "classical-holdout938-raw-forest-plain", always)
    fair = made(svm, "classical-holdout938-handcrafted-svm-plain", skilled(svm, 0.5))
    by_image, lead = (lead_of(blind, fair, score=score) for score in ("accuracy", "balanced accuracy"))
    assert (by_image.best, lead.best) == ("forest, raw pixels", "SVM, handcrafted features")
    assert lead.table.loc["forest, raw pixels", "value"] == pytest.approx(1 / 7)
    assert list(lead.table) == ["value", "reading", "lead", "low", "high"]
    assert list(lead.table["reading"]) == [BY_IMAGE], "there is no record of it by class"


def test_a_model_alone_leads_nobody(svm):
    lead = lead_of(svm, resamples=10)
    assert lead.best == "SVM, handcrafted features" and lead.table.empty


def test_a_slice_that_a_record_lacks_has_no_row(svm):
    without = made(svm, "classical-holdout938-handcrafted-forest-plain")
    without = replace(without, slices=svm.slices[svm.slices["slice"] != "dx_type"])
    table = records.overview(records.entries([svm, without]), part=("dx_type", "histo"))
    assert list(table.index.get_level_values("model")) == ["SVM, handcrafted features"]


def test_pairs_are_of_one_recipe_one_reading_and_so_many_folds(svm):
    def under(protocol, recipe, folds=(0, 1, 2, 3, 4), **facts):
        return made(svm, f"classical-{protocol}-{recipe}", protocol=protocol, folds=list(folds), **facts)

    weighted = {"weighted": True}
    runs = [
        under("grouped", "raw-svm-plain"),
        under("grouped", "raw-svm-weighted", hyperparameters=weighted),
        under("grouped", "raw-forest-plain", folds=(0,)),
        under("grouped", "raw-xgboost-plain"),
        under("holdout938", "raw-svm-plain", folds=(0,)),
        under("holdout938", "raw-svm-weighted", folds=(0,), hyperparameters=weighted),
        under("holdout938", "raw-forest-plain", folds=(0,)),
        under("image8020", "raw-xgboost-plain", folds=(0,)),
    ]

    def recipes(*args, **options):
        found = records.pairs(runs, *args, **options)
        assert all((a.facts["protocol"], b.facts["protocol"]) == args and a.recipe == b.recipe for a, b in found)
        return [a.recipe for a, _ in found]

    assert recipes("grouped", "holdout938", folds=5) == ["classical-raw-svm-plain"]
    assert recipes("grouped", "holdout938") == ["classical-raw-svm-plain", "classical-raw-forest-plain"]
    assert recipes("grouped", "holdout938", reading=BY_CLASS) == ["classical-raw-svm-weighted"]
    assert recipes("holdout938", "grouped", folds=5) == []
    for run in runs:
        run.facts["tier"] = "quick"
    assert recipes("grouped", "holdout938") == [], "a rehearsal is compared with nothing"


def test_a_training_that_was_chosen_both_ways_is_paired_with_itself(svm):
    honest, alone = (made(svm, f"{name}-holdout938-96x96", chosen_on="validation") for name in ("cnn-paper", "vgg16"))
    peeked = made(svm, "cnn-paper-holdout938-96x96-on-test", chosen_on="test")
    pairs = records.chosen_both_ways([alone, peeked, honest])
    assert [(a.name, b.name) for a, b in pairs] == [(honest.name, peeked.name)]


def test_an_unknown_protocol_score_or_reading_is_answered_with_the_choices(svm):
    with pytest.raises(
        ValueError, match="protocol 'holdout' is not known; choose one of 'grouped', 'image8020', 'hold"
    ):
        records.pairs([svm], "grouped", "holdout")
    with pytest.raises(ValueError, match="reading 'image' is not known; choose one of 'by image', 'by class'"):
        records.pairs([svm], "grouped", "holdout938", reading="image")
    with pytest.raises(ValueError, match="score 'f1' is not known; choose one of 'accuracy', 'balanced accuracy'"):
        lead_of(svm, score="f1")


def test_dollars_in_a_model_s_name_stop_no_figure(svm):
    yours = replace(made(svm, "mine-holdout938", model="a net for $x_{$ a month, $3"), origin="yours")
    (entry,) = records.entries([yours])
    scored = records.overview([entry]).droplevel(["protocol", "reading"])["accuracy"]
    figure, axis = plots.figure(2)
    plots.intervals(axis, scored[["value", "low", "high"]], "#0072B2")
    figure.canvas.draw()
    assert (
        axis.get_yticklabels()[0].get_text().replace("\\", "").startswith("yours (workshop): a net for $x_{$ a month")
    )

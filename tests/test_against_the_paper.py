"""The book's records and its comparison with the paper, computed again by plain scikit-learn: four decimals agree.

Nothing of ``helpers`` computes here: the records are read with pandas, the scores are scikit-learn's, the intervals
come from a loop over resamples.  Each record is read and scored once.  The chapter itself is run once, and its tables
are compared cell by cell.
"""

import json
import re
from functools import cache
from math import comb
from pathlib import Path

import chapters
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from IPython.display import Markdown
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    balanced_accuracy_score,
    brier_score_loss,
    confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
)

from tools import notebooks

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "book" / "results"
CLASSES = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
CODES = range(len(CLASSES))
TOLERANCE = {"abs": 0.00005}
AVERAGES = ("precision", "recall", "f1")
NAMES = sorted(path.parent.name for path in RESULTS.glob("*/run.json"))


@cache
def predictions(name):
    """The rows of a record, straight from its file: classes as codes, 0 to 6, which scikit-learn compares quickly."""
    rows = pd.read_csv(
        RESULTS / name / "predictions.csv.gz", keep_default_na=False, dtype=dict.fromkeys(CLASSES, float)
    )
    return rows.assign(
        true=pd.Categorical(rows["true"], CLASSES).codes.astype(int), answer=rows[CLASSES].to_numpy().argmax(axis=1)
    )


def of_record(name):
    """The true classes and the answers of a record, as codes."""
    rows = predictions(name)
    return rows["true"].to_numpy(), rows["answer"].to_numpy()


@cache
def stored(name):
    """``{(metric, class): row}`` of a record's own metrics."""
    return {(row["metric"], row["dx"]): row for row in json.loads((RESULTS / name / "metrics.json").read_text())}


def scores(truth, answers, sample_weight=None):
    """``{(metric, class): value}`` of what the page shows."""
    options = {"labels": CODES, "zero_division": 0, "sample_weight": sample_weight}
    values = {("accuracy", "all"): accuracy_score(truth, answers, sample_weight=sample_weight)}
    for average in ("macro", "weighted", "micro"):
        averaged = precision_recall_fscore_support(truth, answers, average=average, **options)
        values |= {(f"{name}_{average}", "all"): value for name, value in zip(AVERAGES, averaged, strict=False)}
    by_class = precision_recall_fscore_support(truth, answers, average=None, **options)
    for name, each in zip(AVERAGES, by_class, strict=False):
        values |= {(name, dx): value for dx, value in zip(CLASSES, each, strict=True)}
    return values | {("balanced_accuracy", "all"): balanced_accuracy_score(truth, answers, sample_weight=sample_weight)}


@cache
def scores_of(name):
    """A record's scores."""
    return scores(*of_record(name))


@cache
def floors_of(name):
    """The scores of always answering the most frequent class of a record's test images."""
    return always_the_most_frequent(of_record(name)[0])


def always_the_most_frequent(truth):
    return scores(truth, np.full(len(truth), np.bincount(truth).argmax()))


def of_probabilities(truth, prob):
    """``{(metric, class): value}`` of what the probabilities themselves are worth."""
    values = {("brier", "all"): brier_score_loss(truth, prob, labels=CODES, scale_by_half=False)}
    for name, score in (("roc_auc", roc_auc_score), ("average_precision", average_precision_score)):
        values |= {(name, dx): score(truth == code, prob[:, code]) for code, dx in enumerate(CLASSES)}
        values[f"{name}_macro", "all"] = np.mean([values[name, dx] for dx in CLASSES])
    confidence, right = prob.max(axis=1), prob.argmax(axis=1) == truth
    bins = pd.cut(confidence, np.linspace(0, 1, 16), labels=False)  # open below, closed above
    gaps = pd.DataFrame({"bin": bins, "gap": right - confidence}).groupby("bin")["gap"].sum().abs()
    return values | {("ece", "all"): gaps.sum() / len(truth)}


@pytest.mark.parametrize("name", NAMES)
def test_every_stored_score_and_its_floor_are_scikit_learn_s(name):
    truth, _ = of_record(name)
    values = scores_of(name) | of_probabilities(truth, predictions(name)[CLASSES].to_numpy())
    assert {key: stored(name)[key]["value"] for key in values} == pytest.approx(values, **TOLERANCE)
    floors = floors_of(name)
    assert {key: stored(name)[key]["floor"] for key in floors} == pytest.approx(floors, **TOLERANCE)
    assert [stored(name)["support", dx]["value"] for dx in CLASSES] == np.bincount(truth, minlength=7).tolist()
    at_threshold = {key for key in stored(name) if "specificity" in key[0]}
    assert set(stored(name)) - at_threshold - {("support", dx) for dx in CLASSES} == set(values), "none is left out"


@pytest.mark.parametrize("name", [name for name in NAMES if ("specificity_reached_90", "mel") in stored(name)])
def test_the_melanoma_thresholds_are_those_of_the_validation_images(name):
    """Fold by fold: the lowest threshold that leaves so many of the other validation images below it."""
    rows = predictions(name)
    validation = pd.read_csv(RESULTS / name / "validation.csv.gz", keep_default_na=False)
    melanoma = rows["true"] == CLASSES.index("mel")
    for percent in (90, 95):
        called = pd.Series(False, index=rows.index)
        for fold, part in validation.groupby("fold"):
            others = np.sort(part.loc[part["true"] != "mel", "mel"].to_numpy(float))
            candidates = np.unique(part["mel"].to_numpy(float))
            below = np.searchsorted(others, candidates) / len(others)
            threshold = candidates[below >= percent / 100 - 1e-9][0] if below[-1] >= percent / 100 - 1e-9 else np.inf
            called |= (rows["fold"] == fold) & (rows["mel"] >= threshold)
        reached = {
            "sensitivity_at_specificity": called[melanoma].mean(),
            "specificity_reached": (~called[~melanoma]).mean(),
        }
        for metric, value in reached.items():
            assert stored(name)[f"{metric}_{percent}", "mel"]["value"] == pytest.approx(value, **TOLERANCE)


@pytest.mark.parametrize("name", ["resnet-frozen-holdout938-200x150", "classical-holdout938-handcrafted-svm-weighted"])
def test_the_stored_intervals_are_those_of_a_plain_bootstrap_over_lesions(name):
    facts = json.loads((RESULTS / name / "run.json").read_text())
    truth, answers = of_record(name)
    lesions, places = np.unique(predictions(name)["group"], return_inverse=True)
    rng, counts = np.random.default_rng(facts["seed"]), []
    for _ in range(facts["resamples"] // 100):
        # A hundred draws at a time, so that the generator gives what it gave when the record was written.
        for drawn in rng.integers(len(lesions), size=(100, len(lesions))):
            weights = np.bincount(drawn, minlength=len(lesions))[places]
            counts.append(np.bincount(7 * truth + answers, weights, minlength=49).reshape(7, 7))
    counts = np.array(counts)
    # One resample by scikit-learn, so that the sums below are known to be its scores.
    last = scores(truth, answers, weights)
    support, answered, right = counts.sum(axis=2), counts.sum(axis=1), np.diagonal(counts, axis1=1, axis2=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(support > 0, right / support, np.nan)
        precision = np.where(answered > 0, right / answered, 0)
        f1 = np.where(support > 0, 2 * right / (support + answered), np.nan)
    total = support.sum(axis=1)
    draws = {
        ("accuracy", "all"): right.sum(axis=1) / total,
        ("balanced_accuracy", "all"): np.nanmean(recall, axis=1),
        ("precision_weighted", "all"): np.nansum(precision * support, axis=1) / total,
        ("f1_weighted", "all"): np.nansum(f1 * support, axis=1) / total,
        ("f1_macro", "all"): np.nanmean(f1, axis=1),
        ("recall", "mel"): recall[:, CLASSES.index("mel")],
    }
    for key, values in draws.items():
        assert values[-1] == pytest.approx(last[key]), key
        low, high = np.percentile(values[~np.isnan(values)], [2.5, 97.5])
        assert [stored(name)[key]["low"], stored(name)[key]["high"]] == pytest.approx([low, high], **TOLERANCE), key


# --- the page ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(tmp_path_factory, config):
    """The names of the chapter after its cells have run, and what they displayed."""
    patch = pytest.MonkeyPatch()
    patch.setenv("SKIN_RUNS", str(tmp_path_factory.mktemp("runs")))
    patch.setenv("SKIN_CACHE", str(config.cache))
    shown = []
    # Tables and boxes are HTML, sentences are Markdown.
    patch.setattr(
        "IPython.display.display", lambda it: shown.append(it.data if isinstance(it, Markdown) else it._repr_html_())
    )
    patch.setattr("helpers.plots.display", lambda *args, **options: None)
    try:
        space = chapters.run(notebooks.build(ROOT / "notebooks" / "src" / "against-the-paper.py"))
    finally:
        patch.undo()
    return space | {"displayed": shown}


SHOWN = {
    "accuracy": ("accuracy", "all"),
    "weighted precision": ("precision_weighted", "all"),
    "weighted F1": ("f1_weighted", "all"),
    "macro-F1": ("f1_macro", "all"),
    "melanoma recall": ("recall", "mel"),
    "balanced accuracy": ("balanced_accuracy", "all"),
}
#: What is to be compared stands first; the last columns scroll on a laptop.
COLUMNS = [
    "accuracy",
    "balanced accuracy",
    "balanced accuracy, read by class",
    "macro-F1",
    "melanoma recall",
    "weighted precision",
    "weighted F1",
]


def test_the_page_shows_every_record_of_a_single_model_but_those_chosen_on_the_test_set(page):
    single = [name for name in NAMES if not name.startswith("pool-") and "-seed" not in name]
    kept = [name for name in single if json.loads((RESULTS / name / "run.json").read_text()).get("chosen_on") != "test"]
    assert sorted(entry.run.name for entry in page["found"]) == kept
    assert len(page["scored"]) == len(kept)


def test_the_overview_is_scikit_learn_s(page):
    for entry in page["found"]:
        row = page["scored"].loc[(entry.protocol, entry.model, entry.reading)]
        values, floors = scores_of(entry.run.name), floors_of(entry.run.name)
        for name, key in SHOWN.items():
            assert row[name, "value"] == pytest.approx(values[key], **TOLERANCE)
            assert row[name, "floor"] == pytest.approx(floors[key], **TOLERANCE)


def captioned(page):
    """The tables of the section "The table": one a protocol, with its name above."""
    tables = [BeautifulSoup(text, "html.parser") for text in page["displayed"]]
    return [table for table in tables if table.caption]


def test_the_printed_table_has_these_numbers_in_the_right_places(page):
    tables = captioned(page)
    assert len(tables) == 3
    by_place = {(entry.protocol, entry.model, entry.reading): entry.run.name for entry in page["found"]}
    seen = set()
    for protocol, table in zip(("holdout938", "image8020", "grouped"), tables, strict=True):
        assert table.caption.text.startswith(protocol) and ("LEAKY" in table.caption.text) == (protocol == "image8020")
        heads = [cell.text for cell in table.thead.find_all("th")]
        assert heads == ["model", "images", *COLUMNS]
        for line in table.tbody.find_all("tr"):
            model, images, *cells = (cell.get_text(" ") for cell in line.find_all("td"))
            for head, text in zip(heads[2:], cells, strict=True):
                reading = "by class" if head.endswith("by class") else "by image"
                name = by_place.get((protocol, model, reading))
                if name:
                    seen.add(name)
                    value = scores_of(name)[SHOWN[head.split(",")[0]]]
                    assert float(text.split()[0]) == pytest.approx(value, abs=0.00051), (protocol, model, head)
                    assert re.fullmatch(r"\d\.\d{3}\n\[\d\.\d{3}, \d\.\d{3}\]", text)
                    assert images == f"{len(predictions(name)):,}"
                elif model not in ("always nv", "paper: CNN", "paper: VGG16", "paper: ResNet"):
                    assert text == "–", (protocol, model, head)
    # What is read by class is in the table by its balanced accuracy alone.
    assert seen == set(by_place.values())


def test_the_rows_of_the_floor_and_of_the_paper_s_cnn_are_arithmetic(page):
    rows = {}
    for table in captioned(page):
        for line in table.tbody.find_all("tr"):
            model, _, *cells = (cell.get_text(" ") for cell in line.find_all("td"))
            rows.setdefault(model, []).append(cells)
    support = {"akiec": 26, "bcc": 30, "bkl": 75, "df": 6, "mel": 39, "nv": 751, "vasc": 11}
    truth = np.repeat(CODES, list(support.values()))
    floors = always_the_most_frequent(truth)
    printed = [float(text) for text in rows["always nv"][0]]
    assert printed == pytest.approx([floors[SHOWN[head.split(",")[0]]] for head in COLUMNS], abs=0.00051)
    recalls = {"akiec": 0.62, "bcc": 0.73, "bkl": 0.09, "df": 0.67, "mel": 0.59, "nv": 0.82, "vasc": 0.73}
    hits = {dx: round(recalls[dx] * n) for dx, n in support.items()}
    (cells,) = rows["paper: CNN"]
    cnn = dict(zip(COLUMNS, cells, strict=True))
    assert float(cnn["accuracy"].split()[0]) == pytest.approx(sum(hits.values()) / 938, abs=0.00051)
    assert (cnn["weighted precision"], cnn["weighted F1"], cnn["macro-F1"]) == ("0.88", "0.77", "0.446")
    assert float(cnn["melanoma recall"].split()[0]) == pytest.approx(hits["mel"] / 39, abs=0.00051)
    mean = np.mean([hits[dx] / n for dx, n in support.items()])
    assert float(cnn["balanced accuracy, read by class"].split()[0]) == pytest.approx(mean, abs=0.00051)
    assert cnn["balanced accuracy"] == "–", "the paper's CNN was trained with class weights"
    assert [row[0].split()[0] for row in rows["paper: ResNet"] + rows["paper: VGG16"]] == ["0.905", "0.780"]


def test_the_leads_are_differences_on_shared_images_and_the_tests_are_binomial(page):
    kinds = {"accuracy": "by image", "balanced accuracy": "by class"}
    for (protocol, score), lead in page["leads"].items():
        readings = {}
        for entry in page["found"]:
            if entry.protocol == protocol:
                readings.setdefault(entry.model, {})[entry.reading] = entry.run.name
        names = {model: two.get(kinds[score]) or next(iter(two.values())) for model, two in readings.items()}
        assert {lead.best, *lead.table.index} == set(names)
        frames = {model: predictions(name).set_index("image_id") for model, name in names.items()}
        common = sorted(set.intersection(*(set(frame.index) for frame in frames.values())))
        assert lead.images == len(common)
        frames = {model: frame.loc[common] for model, frame in frames.items()}
        measure = {"accuracy": accuracy_score, "balanced accuracy": balanced_accuracy_score}[score]
        values, right = {}, {}
        for model, frame in frames.items():
            values[model] = measure(frame["true"], frame["answer"])
            by_lesion = frame.groupby("group")
            means, truth = by_lesion[CLASSES].mean(), by_lesion["true"].first()
            right[model] = means.to_numpy().argmax(axis=1) == truth.to_numpy()
        assert lead.best == max(values, key=values.get)
        assert lead.value == pytest.approx(values[lead.best], **TOLERANCE)
        for model, row in lead.table.iterrows():
            assert row["reading"] == next(how for how, name in readings[model].items() if name == names[model])
            assert row["value"] == pytest.approx(values[model], **TOLERANCE)
            assert row["lead"] == pytest.approx(values[lead.best] - values[model], **TOLERANCE)
            assert row["low"] <= row["lead"] <= row["high"]
            if score == "accuracy":
                a, b = (right[lead.best] & ~right[model]).sum(), (right[model] & ~right[lead.best]).sum()
                assert (row["only_best"], row["only_other"]) == (a, b)
                tail = sum(comb(int(a + b), k) for k in range(min(a, b) + 1)) / 2 ** int(a + b)
                assert row["p"] == pytest.approx(min(1, 2 * tail), **TOLERANCE)
        if score == "accuracy":
            worst, stepped = 0, {}
            for rank, (model, p) in enumerate(lead.table["p"].sort_values().items()):
                worst = max(worst, min(1, p * (len(lead.table) - rank)))
                stepped[model] = worst
            assert lead.table["p_holm"].to_dict() == pytest.approx(stepped, **TOLERANCE)


def test_one_interval_of_a_lead_is_that_of_a_plain_paired_bootstrap(page):
    lead, resamples = page["leads"]["holdout938", "accuracy"], 2000
    names = {e.model: e.run.name for e in page["found"] if (e.protocol, e.reading) == ("holdout938", "by image")}
    model = lead.table["lead"].idxmin()
    frames = [predictions(names[key]).sort_values("image_id") for key in (lead.best, model)]
    right = [(frame["answer"] == frame["true"]).to_numpy() for frame in frames]
    lesions, places = np.unique(frames[0]["group"], return_inverse=True)
    rng, draws = np.random.default_rng(2018), []
    for first in range(0, resamples, 100):
        for drawn in rng.integers(len(lesions), size=(min(100, resamples - first), len(lesions))):
            weights = np.bincount(drawn, minlength=len(lesions))[places]
            draws.append(np.average(right[0].astype(float) - right[1], weights=weights))
    ends = np.percentile(draws, [2.5, 97.5])
    assert lead.table.loc[model, ["low", "high"]].tolist() == pytest.approx(ends.tolist(), **TOLERANCE)


def test_recalls_the_confusion_matrix_and_the_cnn_s_table_are_scikit_learn_s(page):
    for reading, table in page["recalled"].items():
        names = {e.model: e.run.name for e in page["found"] if (e.protocol, e.reading) == ("holdout938", reading)}
        assert set(table.index) - {"paper: CNN"} == set(names)
        for model, name in names.items():
            recalls = [scores_of(name)["recall", dx] for dx in CLASSES]
            np.testing.assert_allclose(table.loc[model].astype(float), recalls, atol=TOLERANCE["abs"])
    networks = {
        e.model: e.run.name
        for e in page["found"]
        if (e.family, e.protocol, e.reading) == ("ResNet", "holdout938", "by image")
    }
    best = max(networks.values(), key=lambda name: scores_of(name)["accuracy", "all"])
    np.testing.assert_array_equal(page["matrix"], confusion_matrix(*of_record(best), labels=CODES))
    cnns = {
        e.model: e.run.name
        for e in page["found"]
        if (e.family, e.protocol, e.reading) == ("CNN", "holdout938", "by class")
    }
    assert set(page["beside"].columns.get_level_values(0)) == {"paper", *cnns}
    for model, name in cnns.items():
        for score in AVERAGES:
            by_class = [scores_of(name)[score, dx] for dx in CLASSES]
            assert page["beside"][model, score].tolist() == pytest.approx(by_class, **TOLERANCE)


def test_scores_by_lesion_are_those_of_mean_probabilities(page):
    names = {(e.model, e.reading): e.run.name for e in page["found"] if e.protocol == "grouped"}
    assert set(page["lesions"].index) == set(names)
    for place, name in names.items():
        by_lesion = predictions(name).groupby("group")
        lesions = by_lesion["true"].first().to_numpy(), by_lesion[CLASSES].mean().to_numpy().argmax(axis=1)
        for unit, (truth, answers) in {"lesion": lesions, "image": of_record(name)}.items():
            expected = [len(truth), accuracy_score(truth, answers), balanced_accuracy_score(truth, answers)]
            expected.append(np.bincount(truth).max() / len(truth))
            assert page["lesions"].loc[place][unit].tolist() == pytest.approx(expected, **TOLERANCE), (place, unit)


def test_scores_on_confirmed_lesions_are_those_of_the_metadata_s_histo_images(page, real_folder):
    metadata = pd.read_csv(real_folder / "HAM10000_metadata.csv").set_index("image_id")
    confirmed = page["confirmed"]
    assert set(confirmed.index) == {(e.protocol, e.model, e.reading) for e in page["found"] if e.reading == "by image"}
    for entry in page["found"]:
        if entry.reading != "by image":
            continue
        histo = (metadata.loc[predictions(entry.run.name)["image_id"], "dx_type"] == "histo").to_numpy()
        truth, answers = (values[histo] for values in of_record(entry.run.name))
        row = confirmed.loc[(entry.protocol, entry.model, entry.reading)]
        assert row["test set", "images"] == histo.sum()
        values, floors = scores(truth, answers), always_the_most_frequent(truth)
        for name, key in SHOWN.items():
            # The file itself has four decimals.
            assert row[name, "value"] == pytest.approx(values[key], abs=0.0001)
            assert row[name, "floor"] == pytest.approx(floors[key], abs=0.0001)


def test_the_comparison_with_the_paper_is_that_of_two_counts(page):
    for family, (model, difference, low, high) in page["against"].items():
        names = {
            e.model: e.run.name
            for e in page["found"]
            if (e.family, e.protocol, e.reading) == (family, "holdout938", "by image")
        }
        values = {key: scores_of(name)["accuracy", "all"] for key, name in names.items()}
        theirs = {"CNN": 696, "VGG16": 732, "ResNet": 849}[family]
        assert model == max(values, key=values.get)
        assert difference == pytest.approx(values[model] - theirs / 938, **TOLERANCE)

        def wilson(k, n=938, z=1.959964):
            middle, half = (k + z * z / 2) / (n + z * z), z * np.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
            return middle - half, middle + half

        # Newcombe's method 10: the two Wilson intervals, square and add.
        mine = round(values[model] * 938)
        (l1, u1), (l2, u2) = wilson(mine), wilson(theirs)
        p1, p2 = mine / 938, theirs / 938
        ends = p1 - p2 - np.hypot(p1 - l1, u2 - p2), p1 - p2 + np.hypot(u1 - p1, p2 - l2)
        assert (low, high) == pytest.approx(ends, **TOLERANCE)

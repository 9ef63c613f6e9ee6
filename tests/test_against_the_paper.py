"""Chapter 8's numbers, each computed again from the predictions by plain scikit-learn: four decimals have to agree.

Nothing of ``helpers`` computes here: the records are read with pandas, the scores are scikit-learn's, the intervals
come from a loop over resamples.  The chapter itself is run once, and its tables are compared cell by cell.
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
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
)

from tools import notebooks

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "book" / "results"
CLASSES = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
TOLERANCE = {"abs": 0.00005}
AVERAGES = {"precision": precision_score, "recall": recall_score, "f1": f1_score}
NAMES = sorted(path.parent.name for path in RESULTS.glob("*/run.json"))


@cache
def of_record(name):
    """The true classes, the answers and the groups of a record, straight from its file."""
    rows = pd.read_csv(RESULTS / name / "predictions.csv.gz", keep_default_na=False)
    answers = np.array(CLASSES)[rows[CLASSES].astype(float).to_numpy().argmax(axis=1)]
    return rows["true"].to_numpy(str), answers, rows["group"].to_numpy(str)


def scores(truth, answers, sample_weight=None):
    """``{(metric, class): value}`` of what the page shows."""
    options = {"labels": CLASSES, "zero_division": 0, "sample_weight": sample_weight}
    found = {
        ("accuracy", "all"): accuracy_score(truth, answers, sample_weight=sample_weight),
        ("balanced_accuracy", "all"): balanced_accuracy_score(truth, answers, sample_weight=sample_weight),
    }
    for name, score in AVERAGES.items():
        for average in ("macro", "weighted", "micro"):
            found[f"{name}_{average}", "all"] = score(truth, answers, average=average, **options)
        for dx, value in zip(CLASSES, score(truth, answers, average=None, **options), strict=True):
            found[name, dx] = value
    return found


def always_the_most_frequent(truth):
    values, counts = np.unique(truth, return_counts=True)
    return scores(truth, np.full(len(truth), values[counts.argmax()]))


@pytest.mark.parametrize("name", NAMES)
def test_every_stored_score_and_its_floor_are_scikit_learn_s(name):
    stored = {(row["metric"], row["dx"]): row for row in json.loads((RESULTS / name / "metrics.json").read_text())}
    truth, answers, _ = of_record(name)
    floors = always_the_most_frequent(truth)
    for key, value in scores(truth, answers).items():
        assert stored[key]["value"] == pytest.approx(value, **TOLERANCE), key
        assert stored[key]["floor"] == pytest.approx(floors[key], **TOLERANCE), key
    assert [stored["support", dx]["value"] for dx in CLASSES] == [(truth == dx).sum() for dx in CLASSES]


@pytest.mark.parametrize("name", ["resnet-frozen-holdout938-200x150", "classical-holdout938-handcrafted-svm-weighted"])
def test_the_stored_intervals_are_those_of_a_plain_bootstrap_over_lesions(name):
    facts = json.loads((RESULTS / name / "run.json").read_text())
    stored = {(row["metric"], row["dx"]): row for row in json.loads((RESULTS / name / "metrics.json").read_text())}
    truth, answers, groups = of_record(name)
    lesions, places = np.unique(groups, return_inverse=True)
    rng, found = np.random.default_rng(facts["seed"]), []
    for _ in range(facts["resamples"] // 100):
        # A hundred draws at a time, so that the generator gives what it gave when the record was written.
        for drawn in rng.integers(len(lesions), size=(100, len(lesions))):
            weights = np.bincount(drawn, minlength=len(lesions))[places]
            counts = np.zeros((7, 7))
            np.add.at(counts, (np.searchsorted(CLASSES, truth), np.searchsorted(CLASSES, answers)), weights)
            found.append(counts)
    counts = np.array(found)
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
        assert [stored[key]["low"], stored[key]["high"]] == pytest.approx([low, high], **TOLERANCE), key


# --- the page ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(tmp_path_factory, config):
    """The names of the chapter after its cells have run, and what they displayed."""
    patch = pytest.MonkeyPatch()
    patch.setenv("SKIN_RUNS", str(tmp_path_factory.mktemp("runs")))
    patch.setenv("SKIN_CACHE", str(config.cache))
    shown = []
    patch.setattr("IPython.display.display", lambda thing: shown.append(thing.data))
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


def test_the_page_shows_every_record_of_the_book_but_those_chosen_on_the_test_set(page):
    kept = [name for name in NAMES if json.loads((RESULTS / name / "run.json").read_text()).get("chosen_on") != "test"]
    assert sorted(entry.run.name for entry in page["found"]) == kept
    assert len(page["scored"]) == len(kept)


def test_the_overview_is_scikit_learn_s(page):
    for entry in page["found"]:
        row = page["scored"].loc[(entry.protocol, entry.model, entry.reading)]
        truth, answers, _ = of_record(entry.run.name)
        values, floors = scores(truth, answers), always_the_most_frequent(truth)
        for name, key in SHOWN.items():
            assert row[name, "value"] == pytest.approx(values[key], **TOLERANCE)
            assert row[name, "floor"] == pytest.approx(floors[key], **TOLERANCE)


def captioned(page):
    """The tables of the section "The table": one a protocol, with its name above."""
    found = [BeautifulSoup(text, "html.parser") for text in page["displayed"]]
    return [table for table in found if table.caption]


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
                    truth, answers, _ = of_record(name)
                    value = scores(truth, answers)[SHOWN[head.split(",")[0]]]
                    assert float(text.split()[0]) == pytest.approx(value, abs=0.00051), (protocol, model, head)
                    assert re.fullmatch(r"\d\.\d{3}\n\[\d\.\d{3}, \d\.\d{3}\]", text)
                    assert images == f"{len(truth):,}"
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
    truth = np.repeat(list(support), list(support.values()))
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
    for (protocol, score), one in page["leads"].items():
        readings = {}
        for entry in page["found"]:
            if entry.protocol == protocol:
                readings.setdefault(entry.model, {})[entry.reading] = entry.run.name
        names = {model: two.get(kinds[score]) or next(iter(two.values())) for model, two in readings.items()}
        assert {one.best, *one.table.index} == set(names)
        frames = {
            model: pd.read_csv(RESULTS / name / "predictions.csv.gz", keep_default_na=False).set_index("image_id")
            for model, name in names.items()
        }
        common = sorted(set.intersection(*(set(frame.index) for frame in frames.values())))
        assert one.images == len(common)
        frames = {model: frame.loc[common] for model, frame in frames.items()}
        measure = {"accuracy": accuracy_score, "balanced accuracy": balanced_accuracy_score}[score]
        values, right = {}, {}
        for model, frame in frames.items():
            said = np.array(CLASSES)[frame[CLASSES].to_numpy(float).argmax(axis=1)]
            values[model] = measure(frame["true"], said)
            means = frame.groupby("group")[CLASSES].mean()
            truth = frame.groupby("group")["true"].first()
            right[model] = np.array(CLASSES)[means.to_numpy().argmax(axis=1)] == truth.to_numpy()
        assert one.best == max(values, key=values.get)
        assert one.value == pytest.approx(values[one.best], **TOLERANCE)
        for model, row in one.table.iterrows():
            assert row["value"] == pytest.approx(values[model], **TOLERANCE)
            assert row["lead"] == pytest.approx(values[one.best] - values[model], **TOLERANCE)
            assert row["low"] <= row["lead"] <= row["high"]
            if score == "accuracy":
                a, b = (right[one.best] & ~right[model]).sum(), (right[model] & ~right[one.best]).sum()
                assert (row["only_best"], row["only_other"]) == (a, b)
                tail = sum(comb(int(a + b), k) for k in range(min(a, b) + 1)) / 2 ** int(a + b)
                assert row["p"] == pytest.approx(min(1, 2 * tail), **TOLERANCE)
        if score == "accuracy":
            worst, stepped = 0, {}
            for rank, (model, p) in enumerate(one.table["p"].sort_values().items()):
                worst = max(worst, min(1, p * (len(one.table) - rank)))
                stepped[model] = worst
            assert one.table["p_holm"].to_dict() == pytest.approx(stepped, **TOLERANCE)


def test_one_interval_of_a_lead_is_that_of_a_plain_paired_bootstrap(page):
    one, resamples = page["leads"]["holdout938", "accuracy"], 2000
    names = {e.model: e.run.name for e in page["found"] if (e.protocol, e.reading) == ("holdout938", "by image")}
    model = one.table["lead"].idxmin()
    frames = [
        pd.read_csv(RESULTS / names[key] / "predictions.csv.gz", keep_default_na=False).sort_values("image_id")
        for key in (one.best, model)
    ]
    right = [np.array(CLASSES)[f[CLASSES].to_numpy(float).argmax(axis=1)] == f["true"].to_numpy() for f in frames]
    lesions, places = np.unique(frames[0]["group"], return_inverse=True)
    rng, draws = np.random.default_rng(2018), []
    for first in range(0, resamples, 100):
        for drawn in rng.integers(len(lesions), size=(min(100, resamples - first), len(lesions))):
            weights = np.bincount(drawn, minlength=len(lesions))[places]
            draws.append(np.average(right[0].astype(float) - right[1], weights=weights))
    wanted = np.percentile(draws, [2.5, 97.5])
    assert one.table.loc[model, ["low", "high"]].tolist() == pytest.approx(wanted.tolist(), **TOLERANCE)


def test_recalls_the_confusion_matrix_and_the_cnn_s_table_are_scikit_learn_s(page):
    for reading, table in page["recalled"].items():
        names = {e.model: e.run.name for e in page["found"] if (e.protocol, e.reading) == ("holdout938", reading)}
        assert set(table.index) - {"paper: CNN"} == set(names)
        for model, name in names.items():
            truth, answers, _ = of_record(name)
            wanted = recall_score(truth, answers, labels=CLASSES, average=None)
            np.testing.assert_allclose(table.loc[model].astype(float), wanted, atol=TOLERANCE["abs"])
    networks = {
        e.model: e.run.name
        for e in page["found"]
        if (e.family, e.protocol, e.reading) == ("ResNet", "holdout938", "by image")
    }
    best = max(networks.values(), key=lambda name: accuracy_score(*of_record(name)[:2]))
    np.testing.assert_array_equal(page["matrix"], confusion_matrix(*of_record(best)[:2], labels=CLASSES))
    cnns = {
        e.model: e.run.name
        for e in page["found"]
        if (e.family, e.protocol, e.reading) == ("CNN", "holdout938", "by class")
    }
    assert set(page["beside"].columns.get_level_values(0)) == {"paper", *cnns}
    for model, name in cnns.items():
        values = scores(*of_record(name)[:2])
        for score in AVERAGES:
            wanted = [values[score, dx] for dx in CLASSES]
            assert page["beside"][model, score].tolist() == pytest.approx(wanted, **TOLERANCE)


def test_scores_by_lesion_are_those_of_mean_probabilities(page):
    names = {(e.model, e.reading): e.run.name for e in page["found"] if e.protocol == "grouped"}
    assert set(page["lesions"].index) == set(names)
    for place, name in names.items():
        rows = pd.read_csv(RESULTS / name / "predictions.csv.gz", keep_default_na=False).groupby("group")
        truth, said = rows["true"].first(), np.array(CLASSES)[rows[CLASSES].mean().to_numpy().argmax(axis=1)]
        for unit, (true, answers) in {"lesion": (truth, said), "image": of_record(name)[:2]}.items():
            row = page["lesions"].loc[place][unit]
            wanted = [len(true), accuracy_score(true, answers), balanced_accuracy_score(true, answers)]
            wanted.append(pd.Series(true).value_counts(normalize=True).max())
            assert row.tolist() == pytest.approx(wanted, **TOLERANCE), (place, unit)


def test_scores_on_confirmed_lesions_are_those_of_the_metadata_s_histo_images(page, real_folder):
    metadata = pd.read_csv(real_folder / "HAM10000_metadata.csv").set_index("image_id")
    confirmed = page["confirmed"]
    assert set(confirmed.index) == {(e.protocol, e.model, e.reading) for e in page["found"] if e.reading == "by image"}
    for entry in page["found"]:
        if entry.reading != "by image":
            continue
        images = pd.read_csv(RESULTS / entry.run.name / "predictions.csv.gz", usecols=["image_id"])["image_id"]
        histo = (metadata.loc[images, "dx_type"] == "histo").to_numpy()
        truth, answers, _ = (values[histo] for values in of_record(entry.run.name))
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
        values = {key: accuracy_score(*of_record(name)[:2]) for key, name in names.items()}
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
        wanted = p1 - p2 - np.hypot(p1 - l1, u2 - p2), p1 - p2 + np.hypot(u1 - p1, p2 - l2)
        assert (low, high) == pytest.approx(wanted, **TOLERANCE)

"""The record of the table: counts by diagnosis that add up, colours, scores, and no row of the table."""

import numpy as np
import pandas as pd
import pytest

from helpers import records
from tools.measure import table as script

TABLE = pd.DataFrame(
    {
        "lesion_id": ["A", "A", "B", "C", "D", "D", "D"],
        "dx": ["mel", "mel", "mel", "nv", "nv", "nv", "nv"],
        "dx_type": ["histo"] * 3 + ["follow_up"] * 4,
        "dataset": ["one", "two", "one", "one", "two", "two", "two"],
        "sex": ["male", "male", "unknown", "female", "female", "female", "female"],
        "localization": ["face", "face", "back", "face", "face", "face", "face"],
        "age": [60.0, 60.0, 80.0, np.nan, 0.0, 0.0, 0.0],
    }
)


@pytest.fixture
def counted(monkeypatch):
    monkeypatch.setattr(script, "RARE", 2)
    return {row[1:4]: row[4] for row in script.counts(TABLE)}


def test_images_lesions_and_siblings_are_counted_by_diagnosis(counted):
    of_mel = [counted["all", "mel", metric] for metric in ("images", "lesions", "siblings", "repeated")]
    assert of_mel == [3, 2, 2, 1]
    assert [counted["all", "nv", metric] for metric in ("images", "lesions", "siblings", "repeated")] == [4, 2, 3, 1]
    assert [counted[f"images of a lesion={number}", "all", "lesions"] for number in (1, 2, 3)] == [2, 1, 1]


def test_a_sibling_in_another_source_is_one(counted):
    # The only image of lesion A from source two has a sibling in source one.
    assert counted["dataset=two", "mel", "siblings"] == 1 == counted["dataset=one", "mel", "siblings"]
    assert counted["dataset=one", "mel", "lesions"] == 2


def test_rare_sites_are_one_and_the_table_keeps_its_own(counted):
    assert counted["localization=rare sites", "mel", "lesions"] == 1
    assert ("localization=back", "mel", "lesions") not in counted
    assert "back" in set(TABLE["localization"])


def test_ages_are_of_lesions_and_gaps_of_images(counted):
    assert counted["all", "mel", "age quartile 50"] == 70
    assert (counted["all", "nv", "age quartile 50"], counted["all", "nv", "age missing"]) == (0, 1)
    assert counted["all", "all", "age zero"] == 3


def test_the_source_explains_a_colour_that_it_alone_sets():
    table = TABLE.assign(dx="nv", lesion_id=[f"L{number}" for number in range(7)])
    pixels = np.full((7, 2, 2, 3), 100, np.uint8)
    pixels[..., 0] = np.where(table["dataset"] == "one", 50, 150)[:, None, None]
    pixels[..., 1] = np.array([0, 0, 20, 40, 10, 20, 30])[:, None, None]
    pixels[0, ..., 2] = 99
    rows = {row[1:4]: row[4] for row in script.colours(table, pixels)}
    assert rows["nevi", "all", "red explained"] == pytest.approx(1)
    assert rows["all", "all", "red explained"] == pytest.approx(0)
    assert (rows["nevi", "one", "red"], rows["nevi", "two", "red"]) == (50, 150)
    assert 0 < rows["nevi", "all", "green explained"] < 1


def test_scores_of_melanoma_are_its_recall_and_that_of_the_rest():
    true = np.array(["nv"] * 6 + ["mel"] * 3 + ["bcc"])
    answers = np.array(["nv"] * 4 + ["mel"] * 4 + ["nv"] * 2)
    scores = script.scores(true, answers)
    assert scores["mel", "sensitivity"] == pytest.approx(2 / 3)
    assert scores["mel", "specificity"] == pytest.approx(5 / 7)
    assert scores["all", "balanced_accuracy"] == pytest.approx((4 / 6 + 2 / 3) / 3)
    assert scores["nv", "answered"] == pytest.approx(0.6)


def test_the_book_s_record_adds_up_and_holds_no_row_of_the_table():
    facts, results = records.load_experiment("table")
    assert not facts["synthetic"] and facts["repetitions"] == results["repetition"].nunique()
    images = results[results["metric"] == "images"]
    for column in ("all", *script.GROUPINGS):
        of_column = images[images["arm"].str.partition("=")[0] == column]
        assert of_column["value"].sum() == facts["images"], column
    text = results[["arm", "stratum", "metric"]].agg(" ".join, axis=1)
    assert not text.str.contains(r"HAM_|ISIC_").any()

"""Chapters on a table that holds less than Dataverse's: the ISIC challenge's and Kaggle's do."""

from dataclasses import replace

import chapters
import pytest

from tools import notebooks

LACKING = {
    "isic": {"age": float("nan"), "sex": "unknown", "localization": "unknown", "dataset": "unknown"},
    "kaggle": {"dataset": "unknown"},
}


@pytest.mark.parametrize(
    ("chapter", "source"),
    [("meet-the-data", "isic"), ("meet-the-data", "kaggle"), ("preprocess", "kaggle")],
)
def test_the_chapters_that_read_the_columns_run_without_them(ham, config, monkeypatch, chapter, source):
    monkeypatch.setenv("SKIN_CACHE", str(config.cache))
    monkeypatch.setattr("helpers.plots.display", lambda *args, **options: None)
    monkeypatch.setattr("helpers.data.load", lambda *_: replace(ham, table=ham.table.assign(**LACKING[source])))
    space = chapters.run(notebooks.build(notebooks.chapters()[chapter].source))
    assert space["ham"].table["dataset"].nunique() == 1

"""The page on one's own images: what it tells a reader to write is tried."""

import re
import shutil

import pandas as pd
import pytest
from conftest import CACHE, ROOT
from PIL import Image

from helpers import data, settings, splits

PAGE = (ROOT / "book" / "own-images.md").read_text(encoding="utf-8")


def block(language):
    """Return the last fenced block of the page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.S | re.M)[-1]


@pytest.fixture
def with_patients(ham, config, tmp_path):
    """The sample as a folder of one's own: its lesions, two by two, belong to one patient."""
    table = max(config.cache.glob("sample-*/HAM10000_metadata.csv"), key=lambda path: path.stat().st_mtime)
    folder = shutil.copytree(table.parent, tmp_path / "mine")
    rows = pd.read_csv(folder / table.name, dtype=str, keep_default_na=False)
    lesions = sorted(rows["lesion_id"].unique())
    patients = {lesion: f"P{number // 2}" for number, lesion in enumerate(lesions)}
    rows.assign(patient_id=rows["lesion_id"].map(patients)).to_csv(folder / table.name, index=False)
    return folder


def test_the_split_by_patient_parts_no_patient_and_the_split_by_lesion_does(with_patients, monkeypatch):
    monkeypatch.setenv("SKIN_DATA", str(with_patients))
    monkeypatch.setenv("SKIN_CACHE", str(CACHE))
    made = {}
    exec(block("python"), made)
    patients, split = made["by_patient"]["lesion_id"], made["split"]
    assert patients.notna().all()
    sides = [set(patients.iloc[rows]) for rows in (split.train, split.validation, split.test)]
    assert sides[0].isdisjoint(sides[1]) and sides[0].isdisjoint(sides[2]) and sides[1].isdisjoint(sides[2])
    by_lesion = splits.grouped(made["ham"].table, seed=made["config"].seed)
    assert splits.audit(made["by_patient"], by_lesion.train, by_lesion.test).leaked_images > 0


def test_the_loader_takes_the_table_that_the_page_shows(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "HAM10000_metadata.csv").write_text(block("text"), encoding="utf-8")
    for number in (1, 2, 3):
        Image.new("RGB", (60, 45), (200, 150, 120)).save(folder / f"IMG_00{number}.jpg")
    table = data.load(settings.for_chapter("meet-the-data", data=folder, cache=tmp_path / "cache")).table
    assert table["lesion_id"].tolist() == ["L001", "L001", "L002"]
    assert table["localization"].tolist() == ["back", "back", "unknown"]

import itertools
import math
from pathlib import Path

import pytest

from helpers import settings


def test_without_a_gpu_quick_is_the_default_and_says_so(monkeypatch):
    monkeypatch.setattr(settings, "gpus", lambda: 0)
    chosen = settings.for_chapter("meet-the-data")
    assert chosen.tier == "quick"
    assert chosen.sizes == settings.CHAPTERS["meet-the-data"]["quick"]
    assert "no GPU is here; set SKIN_TIER to quick, workshop, full to change it" in str(chosen)


def test_environment_goes_before_the_default_and_an_argument_before_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SKIN_TIER", "workshop")
    monkeypatch.setenv("SKIN_DATA", str(tmp_path / "mine"))
    monkeypatch.setenv("SKIN_CACHE", "~/skin")
    chosen = settings.for_chapter("split-without-leaking")
    assert (chosen.tier, chosen.data, chosen.cache) == ("workshop", tmp_path / "mine", Path.home() / "skin")
    assert "(from SKIN_TIER)" in str(chosen)
    chosen = settings.for_chapter("split-without-leaking", tier="full", cache=tmp_path)
    assert (chosen.tier, chosen.cache) == ("full", tmp_path)
    assert "full: " in str(chosen) and "(passed as an argument)" in str(chosen)


def test_an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("SKIN_TIER", "")
    monkeypatch.setenv("SKIN_DATA", "")
    chosen = settings.for_chapter("meet-the-data")
    assert chosen.tier == "quick"
    assert chosen.data is None


def test_unknown_names_are_refused_with_the_choices(monkeypatch):
    with pytest.raises(ValueError, match="chapter 'meet' is not known; choose one of meet-the-data"):
        settings.for_chapter("meet")
    monkeypatch.setenv("SKIN_TIER", "fast")
    with pytest.raises(
        ValueError, match=r"tier 'fast' \(from SKIN_TIER\) is not known; choose one of auto, quick, workshop"
    ):
        settings.for_chapter("meet-the-data")


@pytest.mark.parametrize("chapter", settings.CHAPTERS)
def test_every_chapter_has_every_tier_and_a_higher_tier_is_never_smaller(chapter):
    sizes = settings.CHAPTERS[chapter]
    assert list(sizes) == list(settings.TIERS)
    values = [(*size.image, size.repeats, size.rows or math.inf, size.epochs or 0) for size in sizes.values()]
    for smaller, larger in itertools.pairwise(values):
        assert all(a <= b for a, b in zip(smaller, larger, strict=True))

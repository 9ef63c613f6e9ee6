"""The files around the code agree with one another."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import helpers
from helpers.ham10000 import CLASSES, COLOURS, MISSED_PAIRS, NAMES, PUBLISHED_IMAGES, PUBLISHED_LESIONS

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = [Requirement(line) for line in (ROOT / "requirements.lock").read_text().splitlines()]
WANTED = [
    Requirement(line)
    for lines in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for line in lines
]


@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_the_lock_holds_every_dependency_within_its_bounds(wanted):
    locked = [line for line in LOCK if line.name == wanted.name]
    assert locked, f"{wanted.name} is not in requirements.lock: run make lock"
    for line in locked:
        (pin,) = line.specifier
        assert pin.operator == "==" and pin.version in wanted.specifier


def test_dependencies_that_colab_has_are_lower_bounds_only():
    for line in PROJECT["dependencies"]:
        assert {part.operator for part in Requirement(line).specifier} == {">="}, line


def test_conda_reads_the_same_lock_and_a_python_that_the_project_takes():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = (line["pip"] for line in conda["dependencies"] if isinstance(line, dict))
    assert "--requirement requirements.lock" in pip
    (python,) = (line.split("=")[1] for line in conda["dependencies"] if str(line).startswith("python="))
    assert python in Requirement(f"python{PROJECT['requires-python']}").specifier


def test_the_version_stands_once_in_each_place_and_is_the_same():
    assert PROJECT["version"] == helpers.__version__
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == helpers.__version__
    assert f"## {helpers.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_no_address_in_the_lock():
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_readme_names_both_commands_the_licences_and_the_warning():
    readme = (ROOT / "README.md").read_text()
    for text in ("make book", "make test", "MIT", "CC BY 4.0", "CC BY-NC 4.0", "ot a medical device", "Tschandl"):
        assert text in readme


def test_one_class_order_everywhere():
    assert list(CLASSES) == sorted(CLASSES)
    for facts in (NAMES, COLOURS, PUBLISHED_IMAGES, PUBLISHED_LESIONS):
        assert tuple(facts) == CLASSES
    assert (sum(PUBLISHED_IMAGES.values()), sum(PUBLISHED_LESIONS.values())) == (10015, 7470)
    assert len(set(COLOURS.values())) == len(CLASSES)


def test_missed_pairs_are_eighteen_pairs_of_different_images():
    ids = [image for pair in MISSED_PAIRS for image in pair]
    assert len(MISSED_PAIRS) == 18 and len(set(ids)) == 36
    assert all(re.fullmatch(r"ISIC_\d{7}", image) for image in ids)


def test_rooms_are_small_and_import_only_from_rooms_before_them():
    order = re.split(r"\s*→\s*", re.search(r"``(ham10000 → .*?)``", helpers.__doc__, flags=re.DOTALL).group(1))
    for room in (ROOT / "helpers").rglob("*.py"):
        text = room.read_text()
        assert len(text.splitlines()) <= 300, f"{room.name} has more than 300 lines"
        name = room.relative_to(ROOT / "helpers").parts[0].removesuffix(".py")
        if name == "__init__":
            continue
        assert name in order, f"{name} is missing from the list of rooms in helpers/__init__.py"
        used = re.findall(r"^\s*from helpers\.(\w+)", text, flags=re.MULTILINE)
        used += [
            n.strip() for line in re.findall(r"^\s*from helpers import (.*)", text, flags=re.M) for n in line.split(",")
        ]
        later = {n for n in used if n in order and order.index(n) > order.index(name)}
        assert not later, f"{name} imports from rooms after it: {later}"

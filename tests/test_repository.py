"""The files around the code agree with one another."""

import datetime
import os
import re
import shutil
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import jsonschema
import pytest
import rooms
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

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


def here(extras=("",)):
    """Return the function that says whether a requirement holds for this Python and system, with one of ``extras``."""
    return lambda line: line.marker is None or any(line.marker.evaluate({"extra": extra}) for extra in extras)


def needed():
    """Return the names of all packages that the installed ones say the project needs, directly or by way of others."""
    found, todo = {}, [("learning-to-see-skin-lesions", frozenset(PROJECT["optional-dependencies"]))]
    while todo:
        name, extras = todo.pop()
        if extras <= found.get(name, frozenset()) and name in found:
            continue
        found[name] = found.get(name, frozenset()) | extras
        lines = WANTED if len(found) == 1 else map(Requirement, metadata.requires(name) or [])
        todo += [(canonicalize_name(line.name), frozenset(line.extras)) for line in filter(here(("", *extras)), lines)]
    return set(found) - {"learning-to-see-skin-lesions"}


def test_the_lock_holds_what_the_project_needs_and_nothing_else():
    locked = {canonicalize_name(line.name) for line in filter(here(), LOCK)}
    assert locked == needed()


def test_the_lock_pins_one_version_of_each_package_for_each_python():
    for name in {line.name for line in LOCK}:
        lines = [line for line in LOCK if line.name == name]
        for python in ("3.11.4", "3.11.9", "3.12.0", "3.13.0"):
            given = {"python_full_version": python, "python_version": python[:4]}
            fitting = [str(line) for line in lines if line.marker is None or line.marker.evaluate(given)]
            assert len(fitting) <= 1, f"Python {python}: {fitting}"


def test_the_packages_here_are_the_locked_ones():
    there = {line.name: next(iter(line.specifier)).version for line in filter(here(), LOCK)}
    assert {name: metadata.version(name) for name in there} == there, "run: make (the lock has changed since)"


def test_conda_reads_the_same_lock_and_a_python_that_the_project_takes():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = (line["pip"] for line in conda["dependencies"] if isinstance(line, dict))
    assert pip == ["--requirement requirements.lock", "--editable ."]
    plain = [line for line in conda["dependencies"] if isinstance(line, str)]
    (python,) = (line.split("=")[1] for line in plain if line.startswith("python="))
    assert python in Requirement(f"python{PROJECT['requires-python']}").specifier
    # Everything else is the lock's affair: a second list of versions would not stay the same.
    assert {*plain} == {f"python={python}", "make", "pip"}


#: What the Citation File Format 1.2.0 asks of the keys that this project uses; other keys are refused, so that a
#: misspelt one is found.  https://doi.org/10.5281/zenodo.5171937
PERSON = {
    "type": "object",
    "required": ["family-names", "given-names"],
    "properties": {"family-names": {"type": "string"}, "given-names": {"type": "string"}},
    "additionalProperties": False,
}
ENTITY = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "minLength": 1}},
    "additionalProperties": False,
}
DOI = {"type": "string", "pattern": r"^10\.\d{4,9}(\.\d+)?/[A-Za-z0-9:/_;\-\.\(\)\[\]\\]+$"}
AUTHORS = {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"anyOf": [PERSON, ENTITY]}}
REFERENCE = {
    "type": "object",
    "required": ["authors", "title", "type"],
    "properties": {
        "type": {"enum": ["article", "book", "conference-paper", "data", "dataset", "software"]},
        "title": {"type": "string", "minLength": 1},
        "authors": AUTHORS,
        "journal": {"type": "string"},
        "volume": {"type": ["string", "integer"]},
        "start": {"type": ["string", "integer"]},
        "year": {"type": ["string", "integer"]},
        "doi": DOI,
    },
    "additionalProperties": False,
}
CITATION = {
    "type": "object",
    "required": ["authors", "cff-version", "message", "title"],
    "properties": {
        "cff-version": {"const": "1.2.0"},
        "message": {"type": "string", "minLength": 1},
        "title": {"type": "string", "minLength": 1},
        "type": {"enum": ["dataset", "software"]},
        "authors": AUTHORS,
        "version": {"type": "string"},
        "date-released": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
        "license": {"const": "MIT"},
        "repository-code": {"type": "string", "pattern": "^https://"},
        "url": {"type": "string", "pattern": "^https://"},
        "keywords": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"type": "string"}},
        "references": {"type": "array", "items": REFERENCE},
    },
    "additionalProperties": False,
}


def test_the_citation_file_is_valid():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    jsonschema.validate(citation, CITATION)
    # Written in quotation marks: a bare date is none of the format's strings.
    datetime.date.fromisoformat(citation["date-released"])
    assert citation["license"] == PROJECT["license"].split(" AND ")[0], "that of the code, which is what one cites"
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("message", None), ("authors", []), ("date-released", "22.11.2026"), ("licence", "MIT"), ("version", 0.1)],
)
def test_the_check_of_the_citation_file_sees_what_it_looks_for(key, value):
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text()) | {key: value}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({name: kept for name, kept in citation.items() if kept is not None}, CITATION)


def test_the_citation_file_and_the_changes_name_the_same_day():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert f"## {citation['version']} ({citation['date-released']})" in (ROOT / "CHANGELOG.md").read_text()


def test_the_version_stands_once_in_each_place_and_is_the_same():
    assert PROJECT["version"] == helpers.__version__
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    if ".dev" in helpers.__version__:
        # Between two releases: the last one is cited, and the changes since then have no version yet.
        assert Version(cited) < Version(helpers.__version__)
        assert "## Unreleased\n" in (ROOT / "CHANGELOG.md").read_text()
    else:
        assert cited == helpers.__version__
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


# --- the rooms of the package ----------------------------------------------------------------------------------------


def test_the_rooms_export_what_the_chapters_call_and_a_learner_can_hold_it():
    assert rooms.calls(ROOT).keys() >= rooms.packages(ROOT).keys() > set()
    assert rooms.face(ROOT) == []


def test_tensorflow_is_imported_for_networks_alone():
    imported = {module.split(".")[0] for path in rooms.files(ROOT) for _, module in rooms.imports(path, ROOT)}
    assert imported >= rooms.FRAMEWORKS
    assert rooms.frameworks(ROOT) == []


def test_a_room_imports_only_from_the_floors_below_it():
    assert rooms.order(ROOT) == []


#: A project of three rooms that keeps every rule.
MADE_UP = {
    "helpers/__init__.py": '"""Rooms: ``ham10000 → data → networks; plots``."""\n',
    "helpers/ham10000.py": "CLASSES = ()\n",
    "helpers/_start.py": "from helpers import data\nfrom helpers.data._files import find\n\ndata.load()\n",
    "helpers/plots.py": "from helpers.ham10000 import CLASSES\n\ndef bars(): ...\n",
    "helpers/data/__init__.py": 'from helpers.data._files import load\n\n__all__ = ["load"]\n',
    "helpers/data/_files.py": "from helpers import ham10000\n\ndef load(): ...\n",
    "helpers/networks/__init__.py": 'from helpers.networks._fit import fit\n\n__all__ = ["fit"]\n',
    "helpers/networks/_fit.py": "def fit():\n    import tensorflow\n    from helpers import data\n",
    "notebooks/src/first.py": "# %%\nif colab:\n    # %pip install x\n\n# %%\nfrom helpers import data, networks as n\n"
    "from helpers.ham10000 import CLASSES\ndata.load(n.fit())\n",
}


def project(folder, changes=()):
    for name, text in {**MADE_UP, **dict(changes)}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_a_project_that_keeps_the_rules_has_no_problem(tmp_path):
    root = project(tmp_path)
    assert rooms.face(root) == rooms.frameworks(root) == rooms.order(root) == []


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("helpers/data/_files.py", "def load():\n    from helpers import networks\n", "data imports networks"),
        ("helpers/data/_files.py", "from helpers.networks._fit import fit\n", "data imports networks"),
        ("helpers/data/_files.py", "from helpers import (\n    ham10000,\n    plots,\n)\n", "data imports plots"),
        ("helpers/data/_files.py", "import helpers.networks as n\n", "data imports networks"),
        ("helpers/data/_files.py", "from ..networks import fit\n", "data imports networks"),
        ("helpers/ham10000.py", "if True:\n    import helpers.data\n", "ham10000 imports data"),
        ("helpers/data/_files.py", "def load():\n    from helpers import start\n", "data imports start"),
        ("helpers/data/_files.py", "from helpers._start import start\n", "data imports _start"),
        ("helpers/data/_files.py", "from helpers import __version__\n", None),
        ("helpers/late.py", "", "late is missing from the line"),
        ("helpers/__init__.py", '"""Rooms: ``ham10000 → data → gone → networks; plots``."""\n', "gone of the line"),
        ("helpers/__init__.py", '"""Rooms: ``ham10000 data → networks; plots``."""\n', "data imports ham10000"),
    ],
)
def test_the_check_of_the_order_sees_what_it_looks_for(tmp_path, name, text, problem):
    problems = rooms.order(project(tmp_path, [(name, text)]))
    assert problems == [] if problem is None else len(problems) == 1 and problem in problems[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("helpers/plots.py", "import keras\n"),
        ("helpers/data/_files.py", "def load():\n    from tensorflow.data import Dataset\n"),
        ("helpers/data/_deep/_deeper.py", "import numpy, tensorflow as tf\n"),
        ("helpers/ham10000.py", 'import importlib\nimportlib.import_module("keras.layers")\n'),
    ],
)
def test_the_check_of_tensorflow_sees_what_it_looks_for(tmp_path, name, text):
    (problem,) = rooms.frameworks(project(tmp_path, [(name, text)]))
    assert problem.startswith(name)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("notebooks/src/first.py", "from helpers import data, networks\ndata.load()\n", "exports fit, which no"),
        ("notebooks/src/more.py", "from helpers.data._files import load\n", "data._files.load, which is private"),
        ("notebooks/src/first.py", MADE_UP["notebooks/src/first.py"] + "data.look()\n", "calls helpers.data.look"),
        ("notebooks/src/more.py", "def f():\n    from helpers.data import find\n", "calls helpers.data.find"),
        ("notebooks/src/more.py", "from helpers import plots\nplots._bars()\n", "plots._bars, which is private"),
        ("helpers/data/__init__.py", "from helpers.data._files import load\n\n__all__ = []\n", "load"),
        (
            "helpers/data/__init__.py",
            'from helpers.data._files import load\n\n__all__ = ["load"]\n\ndef look(): ...\n',
            "has look, not in __all__",
        ),
        ("helpers/data/__init__.py", '__all__ = ["load"]\n', "lists load, which it has not"),
        ("helpers/data/sources.py", "", "its name has to begin with an underscore"),
        ("helpers/data/sample/__init__.py", "", "its name has to begin with an underscore"),
        (
            "notebooks/src/more.py",
            "from helpers import ham10000 as h\n" + "".join(f"h.N{number}\n" for number in range(rooms.MOST_NAMES)),
            "names are too many to hold",
        ),
    ],
)
def test_the_check_of_the_exports_sees_what_it_looks_for(tmp_path, name, text, problem):
    problems = rooms.face(project(tmp_path, [(name, text)]))
    assert problems and any(problem in sentence for sentence in problems)


# --- make ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed here")
@pytest.mark.parametrize(("target", "asked"), [("lab", False), (".venv/ready", True), ("repository", True)])
def test_make_asks_for_the_python_it_is_told_where_it_uses_it_and_nowhere_else(target, asked, tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    if not asked:
        (tmp_path / ".venv").mkdir()
        (tmp_path / ".venv" / "ready").touch()
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "-n", target, "PYTHON=python9.9"]
    done = subprocess.run(command, cwd=tmp_path, env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert ("python9.9 -c" in done.stdout) == asked

"""Colab has what the helpers need, in versions that they take: installing them there changes none of its packages."""

import re
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from tools import contract

TEXT = contract.FACTS.read_text(encoding="utf-8")
COLAB = contract.pins(TEXT)
PROJECT = tomllib.loads((contract.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WANTED = [
    Requirement(line)
    for lines in (PROJECT["dependencies"], *(PROJECT["optional-dependencies"][name] for name in contract.EXTRAS))
    for line in lines
]


def unmet(wanted, versions):
    """Return what a requirement finds on Colab, if that is not what it asks for."""
    found = versions.get(wanted.name)
    return None if found and found in wanted.specifier else f"{wanted}: Colab has {found}"


@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_colab_has_what_the_helpers_need(wanted):
    assert unmet(wanted, COLAB) is None


def test_the_check_sees_a_bound_above_colab_s_version_and_a_package_that_it_lacks():
    assert unmet(Requirement("numpy>=9"), COLAB) == f"numpy>=9: Colab has {COLAB['numpy']}"
    assert unmet(Requirement("no-such-package>=1"), COLAB) == "no-such-package>=1: Colab has None"


def test_colab_s_python_is_one_that_the_project_takes():
    assert f"{contract.python_of(TEXT)}.0" in Requirement(f"python{PROJECT['requires-python']}").specifier


def test_the_facts_are_names_and_versions_of_one_day_and_no_addresses():
    first, *lines = TEXT.splitlines()
    assert re.search(r" on 20\d\d-\d\d-\d\d, Python 3\.\d+; ", first)
    assert [line.split("==")[0] for line in lines] == sorted(COLAB)
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.+!]+", line) for line in lines)


def test_what_runs_a_notebook_is_among_the_facts():
    assert set(contract.RUNNERS) <= COLAB.keys()


def test_what_colab_leaves_out_is_asked_for_by_its_own_package_and_not_by_the_helpers():
    for name, asking in contract.LEFT_OUT_BY_COLAB.items():
        assert name not in COLAB and name not in {line.name for line in WANTED}
        assert name in {Requirement(line).name for line in metadata.requires(asking)}


def test_a_package_that_colab_has_not_is_named(monkeypatch):
    monkeypatch.setattr(contract, "needed", lambda fixed, python: {"numpy": "2.1.3", "jedi": "0.20", "lightgbm": "4.6"})
    assert contract.broken({"numpy": "2.1.3"}, "3.13") == [
        "lightgbm 4.6 would be installed: it is not among what Colab has"
    ]
    monkeypatch.setattr(contract, "resolve", lambda *rest: {})
    with pytest.raises(contract.ContractError, match="lightgbm"):
        contract.facts("# Colab on 2026-08-19\nnumpy==2.1.3\n", "3.13")


def test_of_a_freeze_what_is_needed_is_kept(monkeypatch):
    monkeypatch.setattr(contract, "needed", lambda fixed, python: {"scikit-image": "0.25", "jedi": "0.20"})
    freeze = "# Colab on 2026-08-19\nSCIKIT_image==0.25\ntorch @ https://host.example/torch.whl\nunused==1.0\n"
    text = contract.facts(freeze, "3.13")
    assert text.splitlines()[1:] == ["scikit-image==0.25"]
    assert "2026-08-19" in text and contract.python_of(text) == "3.13"
    with pytest.raises(contract.ContractError, match="of which day"):
        contract.facts("numpy==2.1.3\n", "3.13")


def test_a_version_that_the_registry_has_not_is_listed(monkeypatch):
    def resolve(wanted, fixed, python, *options):
        if wanted == ["xgboost==3.4.1"]:
            raise contract.ContractError("No solution found when resolving dependencies: needs Python 3.12")
        return {}

    monkeypatch.setattr(contract, "resolve", resolve)
    assert contract.absent({"numpy": "2.1.3", "xgboost": "3.4.1"}, "3.11") == ["xgboost"]


def test_a_registry_out_of_reach_says_nothing_about_a_package(monkeypatch):
    def resolve(wanted, fixed, python, *options):
        raise contract.ContractError("Failed to fetch: the connection was reset")

    monkeypatch.setattr(contract, "resolve", resolve)
    with pytest.raises(contract.ContractError, match="reset"):
        contract.absent({"numpy": "2.1.3"}, "3.11")


def test_where_uv_is_not_installed_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(contract, "UV", contract.ROOT / "_build" / "nowhere" / "uv")
    with pytest.raises(contract.ContractError, match="make _build/nowhere/uv"):
        contract.resolve(["numpy"], {}, "3.12")


@pytest.mark.long
def test_resolving_the_helpers_with_all_they_need_changes_nothing_on_colab():
    python = contract.python_of(TEXT)
    assert contract.broken(COLAB, python) == []
    with pytest.raises(contract.ContractError, match="numpy"):
        contract.broken(COLAB | {"numpy": "1.25.2"}, python)


@pytest.mark.long
def test_every_notebook_runs_in_an_empty_folder_at_colab_s_versions():
    assert contract.main([]) == 0, (contract.PLACE / "report.md").read_text(encoding="utf-8")

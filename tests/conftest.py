"""What all tests share: no setting of the shell leaks in, the sample is built once, real data are used if there."""

import os
from pathlib import Path
from unittest import mock

import pytest

from helpers import data, settings

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "_build" / "cache"
REAL = ROOT.parent / "shared" / "ham10000"


def forget_settings():
    """Put the sample, random weights and a folder of run records in the place of what the shell has set."""
    for name in [name for name in os.environ if name.startswith("SKIN_")]:
        del os.environ[name]
    os.environ |= {"SKIN_RUNS": str(ROOT / "_build" / "runs"), "SKIN_WEIGHTS": "random"}


def first_chapter():
    """Return the settings of the first chapter in the quick tier, with a cache inside the build folder."""
    return settings.for_chapter("meet-the-data", cache=CACHE)


def pytest_sessionstart(session):
    """Draw the sample before the workers start, so that each of them finds it in the cache."""
    if session.config.getoption("dist", "no") != "no":
        with mock.patch.dict(os.environ):
            forget_settings()
            data.load(first_chapter())


@pytest.fixture(autouse=True, scope="session")
def no_settings_from_the_shell():
    forget_settings()


@pytest.fixture(scope="session")
def config(no_settings_from_the_shell):
    """The settings of the first chapter."""
    return first_chapter()


@pytest.fixture(scope="session")
def ham(config):
    """The embedded synthetic sample."""
    return data.load(config)


@pytest.fixture(scope="session")
def real_folder():
    """The folder with all 10,015 real images at 200x150; tests that need it skip where it is not."""
    if not REAL.is_dir():
        pytest.skip("the real HAM10000 is not here (looked for ../shared/ham10000)")
    return REAL


@pytest.fixture(scope="session")
def real_ham(real_folder):
    """The real HAM10000 as a Dataset."""
    return data.load(settings.for_chapter("meet-the-data", data=real_folder, cache=CACHE))

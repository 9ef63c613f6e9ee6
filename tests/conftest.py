"""What all tests share: no setting of the shell leaks in, the sample is built once, real data are used if there."""

import os
from pathlib import Path

import pytest

from helpers import settings
from helpers.data import _loader as data

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "_build" / "cache"
REAL = ROOT.parent / "shared" / "ham10000"


@pytest.fixture(autouse=True, scope="session")
def no_settings_from_the_shell():
    for name in [name for name in os.environ if name.startswith("SKIN_")]:
        del os.environ[name]
    os.environ |= {"SKIN_RUNS": str(ROOT / "_build" / "runs"), "SKIN_WEIGHTS": "random"}


@pytest.fixture(scope="session")
def config(no_settings_from_the_shell):
    """Settings of chapter 1 in the quick tier, with a cache inside the build folder."""
    return settings.for_chapter("meet-the-data", cache=CACHE)


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

"""How ``pytest --nbval-lax notebooks/*.ipynb`` runs the notebooks and compares what tools/notebooks.py stored."""

import os
from unittest import mock

import pytest

from tools.notebooks import sample_environment


def pytest_collectstart(collector):
    """Compare the text of an output alone: the notebooks store neither its HTML nor its picture."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("text/html",)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """Start the kernel in the environment in which the stored outputs were made."""
    with mock.patch.dict(os.environ, sample_environment(), clear=True):
        return (yield)

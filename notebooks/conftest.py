"""How ``pytest --nbval-lax notebooks/*.ipynb`` runs the notebooks and compares what tools/notebooks.py stored.

With ``--executed FOLDER``, which tools/book.py gives, the notebooks run in the environment of the command, and each
that passes is written into the folder with its outputs: the book shows this run.  The stored outputs are those of the
embedded sample, so nothing is compared where the settings say anything else.
"""

import os
from pathlib import Path
from unittest import mock

import nbformat
import pytest

from tools.notebooks import sample_environment

#: Seconds until the outputs of a cell that has ended have to be there; nbval's own five are too few beside other work.
PATIENCE = 60
#: Of a notebook: the seconds of each cell that has passed, in order.
PASSED = pytest.StashKey[list]()


def pytest_addoption(parser):
    parser.addoption(
        "--executed", type=Path, help="write each notebook that passes, with its outputs, into this folder"
    )


def settings(environ):
    """Return what decides which numbers a notebook shows."""
    return {name: value for name, value in environ.items() if name.startswith("SKIN_")}


def pytest_collectstart(collector):
    """Compare the text of an output alone: the notebooks store neither its HTML nor its picture."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("text/html",)
        collector.stash[PASSED] = []


def pytest_collection_modifyitems(config, items):
    """Give a busy machine time, and compare nothing where the stored outputs are not what a notebook has to give."""
    elsewhere = config.option.executed and settings(os.environ) != settings(sample_environment())
    for item in items:
        item.output_timeout = PATIENCE
        if elsewhere:
            item.options["check"] = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """Start the kernel in the environment in which the stored outputs were made, unless the book asks for its own."""
    environ = os.environ if item.config.option.executed else sample_environment()
    with mock.patch.dict(os.environ, environ, clear=True):
        result = yield
    last = nextitem is None or nextitem.parent is not item.parent
    if item.config.option.executed and last:
        write_executed(item.parent, item.config.option.executed)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Keep the outputs of a cell that has passed where the notebook has its stored ones."""
    report = yield
    if report.when == "call" and report.passed:
        item.parent.stash[PASSED].append(report.duration)
        item.cell.execution_count = len(item.parent.stash[PASSED])
        item.cell.outputs = item.test_outputs
    return report


def write_executed(notebook, folder):
    """Write a notebook with its outputs, whole or not at all, if every one of its cells has passed."""
    seconds = notebook.stash[PASSED]
    if len(seconds) < sum(cell.cell_type == "code" for cell in notebook.nb.cells):
        return
    notebook.nb.metadata["seconds"] = sum(seconds)
    partial = folder / f"{notebook.path.stem}.part"
    nbformat.write(notebook.nb, partial)
    partial.replace(folder / notebook.path.name)

"""Sphinx extension: the pages under ``book/`` name chapters by slug, as the notebooks' sources do.

``{{chapter:cnn-from-scratch}}`` and ``{{number:cnn-from-scratch}}`` are filled in as a page is read, and the
substitution ``{{ chapters }}`` is how many there are: no page types a number that _toc.yml can move.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # the tools are not installed

from tools import notebooks  # noqa: E402

#: The way from a page under ``book/`` to the notebooks.
FOLDER = "../notebooks/"
BOOK = notebooks.chapters(ROOT)


def number(app, docname, source):
    """Number the chapters that a page names; a notebook's were numbered when it was made."""
    if docname.startswith("book/"):
        source[0] = notebooks.resolve(source[0], BOOK, FOLDER)


def count(app, config):
    """Hand the number of chapters to MyST before it reads a page."""
    config.myst_substitutions["chapters"] = str(len(BOOK))


def setup(app):
    """Number the chapters as each page is read."""
    app.connect("config-inited", count, priority=100)
    app.connect("source-read", number)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

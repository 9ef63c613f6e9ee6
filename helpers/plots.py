"""Figures: this room draws and computes nothing; what it draws is handed to it.

Chapter 1 introduces it.  Every class has one colour (:data:`helpers.ham10000.COLOURS`) throughout the book.
A figure's name, caption and alt text stand as ``#|`` comments at the head of the cell that draws it.
"""

import io
import re

import matplotlib.pyplot as plt
from IPython import get_ipython
from IPython.display import display

from helpers.ham10000 import CLASSES, COLOURS

#: Width of the book's text column in inches, and the figure resolution in dots an inch.
WIDTH = 7.2
DPI = 160

STYLE = {
    "figure.dpi": 100,
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "grid.color": "#D9D9D9",
    "grid.linewidth": 0.6,
}


def figure(height=3.2, rows=1, columns=1, **kwargs):
    """Return ``(figure, axes)`` in the book's style, as wide as its text column; ``height`` in inches."""
    with plt.rc_context(STYLE):
        return plt.subplots(rows, columns, figsize=(WIDTH, height), **kwargs)


def _option(name):
    """Return the text of the ``#| name:`` comment of the notebook cell that is running, or None outside one."""
    shell = get_ipython()
    cell = shell.user_ns["In"][-1] if shell is not None and "In" in shell.user_ns else ""
    found = re.search(rf"^#\| {name}: (.*(?:\n#\|  +.*)*)", cell, flags=re.MULTILINE)
    return re.sub(r"\s*\n#\|\s+", " ", found.group(1)).strip() if found else None


def show(fig, photo=False):
    """Display a figure and close it, with the cell's ``#| alt:`` comment as its alternative text.

    ``photo=True`` encodes it as JPEG, a quarter of the bytes for a figure made of images.
    """
    kind = "jpeg" if photo else "png"
    stream = io.BytesIO()
    quality = {"pil_kwargs": {"quality": 85, "optimize": True}} if photo else {}
    fig.savefig(stream, format=kind, dpi=DPI, facecolor="white", **quality)
    width = round(fig.get_figwidth() * 100)
    plt.close(fig)
    alt = _option("alt")
    display(
        {f"image/{kind}": stream.getvalue(), "text/plain": f"[figure: {alt}]"},
        raw=True,
        metadata={f"image/{kind}": {"width": width, **({"alt": alt} if alt else {})}},
    )

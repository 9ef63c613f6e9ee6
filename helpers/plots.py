"""Figures: this room draws and computes nothing; what it draws is handed to it.

Chapter 1 introduces it.  Every class has one colour (:data:`helpers.ham10000.COLOURS`) throughout the book.
A figure's name, caption and alt text stand as ``#|`` comments at the head of the cell that draws it.
"""

import io
import re

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from IPython.display import display

from helpers.ham10000 import COLOURS

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
    # The kernel's request holds the cell even where no history is kept, as when nbval runs the notebook.
    shell = get_ipython()
    request = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell = request.get("content", {}).get("code", "")
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


def bars(axis, values, colours=COLOURS, notes=None):
    """Draw horizontal bars, the first on top, with the number at the end of each.

    Parameters
    ----------
    axis : matplotlib axes
    values : Series or dict
        ``{label: number}``; a number is written with thousands separated, a share (below one) in hundredths.
    colours : dict or str
        ``{label: colour}``, as :data:`helpers.ham10000.COLOURS`, or one colour for all bars.
    notes : dict, optional
        ``{label: text}`` written after a bar's number.
    """
    labels, numbers = zip(*values.items(), strict=True)
    shades = colours if isinstance(colours, str) else [colours[label] for label in labels]
    texts = [_number(value) + (f"  {notes[label]}" if notes else "") for label, value in values.items()]
    drawn = axis.barh([str(label) for label in labels], numbers, 0.7, color=shades)
    axis.bar_label(drawn, texts, padding=3, fontsize=8.5)
    axis.invert_yaxis()
    axis.margins(x=0.18)
    axis.xaxis.set_visible(False)
    axis.spines[["bottom", "left"]].set_visible(False)
    axis.tick_params(left=False)


def _number(value):
    return f"{value:,.0f}" if value >= 1 or value == 0 else f"{value:.2f}"


def heatmap(axis, counts):
    """Draw a table of counts: the number in each cell, the cell's share of its row as its shade.

    ``counts`` is a DataFrame of non-negative whole numbers; a zero is drawn as a dot, a row of zeros stays white.
    """
    table = counts.to_numpy()
    shares = table / table.sum(axis=1, keepdims=True).clip(min=1)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(table):
        ink = "white" if shares[row, column] > 0.55 else "#1A1A1A"
        axis.text(column, row, f"{count:,}" if count else "\u00b7", ha="center", va="center", fontsize=8.5, color=ink)
    axis.set_xticks(range(table.shape[1]), [str(label) for label in counts.columns])
    axis.set_yticks(range(table.shape[0]), [str(label) for label in counts.index])
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


def gallery(rows, labels, titles=None, notes=None, colours=None):
    """Return a figure of images in rows: one row a label, its label at the left.

    Parameters
    ----------
    rows : list of lists of arrays (height, width, 3) uint8, or None for an empty place
    labels : list of str
        One a row; may hold line breaks.
    titles : list of str, optional
        One a column, above the first row.
    notes : list of lists of str, optional
        Small text below each image.
    colours : list of str, optional
        One a row: the colour of a bar between its label and its images.
    """
    columns = max(len(row) for row in rows)
    height, width = next(image for row in rows for image in row if image is not None).shape[:2]
    cell = (WIDTH - 1.0) / columns
    tall = cell * height / width + (0.17 if notes else 0.03)
    fig, axes = figure(tall * len(rows) + (0.25 if titles else 0.05), len(rows), columns, squeeze=False)
    fig.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    for number, row in enumerate(rows):
        axes[number, 0].set_ylabel(labels[number], rotation=0, ha="right", va="center", fontsize=9, labelpad=8)
        if colours:
            axes[number, 0].spines["left"].set(visible=True, color=colours[number], linewidth=5)
        for column, image in enumerate(row):
            if image is not None:
                axes[number, column].imshow(image, interpolation="bilinear")
                if notes:
                    axes[number, column].set_xlabel(notes[number][column], fontsize=7.5, labelpad=1)
    for column, title in enumerate(titles or []):
        axes[0, column].set_title(title, fontsize=9, loc="center", pad=3)
    return fig


def intervals(axis, table, colours):
    """Draw one dot a row with its interval as a line, the first row on top.

    ``table`` is a DataFrame with the columns ``middle``, ``low`` and ``high``; ``colours`` a dict ``{row label: colour}``
    or one colour for all.
    """
    for place, (label, row) in enumerate(table.iterrows()):
        shade = colours if isinstance(colours, str) else colours[label]
        axis.plot([row["low"], row["high"]], [place, place], color=shade, linewidth=2.5, solid_capstyle="butt")
        axis.plot(row["middle"], place, "o", color=shade, markersize=6)
    axis.set_yticks(range(len(table)), [str(label) for label in table.index])
    axis.invert_yaxis()
    axis.grid(axis="x")
    axis.set_axisbelow(True)
    axis.margins(y=0.12)


def scores(axis, table):
    """Draw models (rows of ``table``) by their scores (columns): one marker a score, on a scale of 0 to 1."""
    axis.hlines(range(len(table)), table.min(axis=1), table.max(axis=1), color="#BDBDBD", linewidth=2, zorder=1)
    styles = zip(table.columns, "os^D", ("#0072B2", "#D55E00", "#009E73", "#4D4D4D"), strict=False)
    for column, marker, shade in styles:
        axis.plot(table[column], range(len(table)), marker, color=shade, markersize=8, label=column)
    axis.set_yticks(range(len(table)), [str(label) for label in table.index])
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.grid(axis="x")
    axis.set_axisbelow(True)
    axis.margins(y=0.15)
    axis.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=len(table.columns), handletextpad=0.2)

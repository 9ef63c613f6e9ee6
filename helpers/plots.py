"""Figures: this room draws and computes nothing; what it draws is handed to it.

Chapter 1 introduces it.  Every class has one colour (:data:`helpers.ham10000.COLOURS`) throughout the book.
A figure's name, caption and alt text stand as ``#|`` comments at the head of the cell that draws it.
"""

import base64
import html
import io
import re

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from IPython.display import display
from matplotlib.colors import to_rgb

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
    """Return ``(figure, axes)`` as wide as the book's text column, ``height`` inches tall.

    The book's style stays on for what is drawn next: a title takes its size from it when it is written.
    """
    plt.rcParams.update(STYLE)
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
    """Display a figure and close it, with the cell's ``#| caption:`` and its ``#| alt:`` as alternative text.

    A notebook's front end shows them as HTML; the book takes the picture, and both texts from the cell's metadata.
    ``photo=True`` encodes it as JPEG, a quarter of the bytes for a figure made of images.
    """
    kind = "jpeg" if photo else "png"
    stream = io.BytesIO()
    quality = {"pil_kwargs": {"quality": 85, "optimize": True}} if photo else {}
    fig.savefig(stream, format=kind, dpi=DPI, facecolor="white", **quality)
    width = round(fig.get_figwidth() * 100)
    plt.close(fig)
    alt, caption = _option("alt") or "", _option("caption") or ""
    page = (
        f'<figure style="margin:0"><img width="{width}" style="max-width:100%;height:auto" alt="{html.escape(alt)}" '
        f'src="data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}">'
        f'<figcaption style="max-width:{width}px">{html.escape(caption)}</figcaption></figure>'
    )
    display(
        {f"image/{kind}": stream.getvalue(), "text/html": page, "text/plain": f"[figure: {alt}]"},
        raw=True,
        metadata={f"image/{kind}": {"width": width, "alt": alt}},
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
    values = dict(values)
    shades = colours if isinstance(colours, str) else [colours[label] for label in values]
    texts = [_number(value) + (f"  {notes[label]}" if notes else "") for label, value in values.items()]
    drawn = axis.barh(range(len(values)), list(values.values()), 0.7, color=shades)
    axis.set_yticks(range(len(values)), [str(label) for label in values])
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
    texts = counts.map(lambda count: f"{count:,}" if count else "\u00b7")
    _shaded(axis, counts.div(counts.sum(axis=1).clip(lower=1), axis=0), texts)


def recalls(axis, table):
    """Draw a table of shares, such as recalls: each in hundredths in its cell, and as its shade; NaN stays empty."""
    _shaded(axis, table, table.map(lambda share: "" if np.isnan(share) else f"{100 * share:.0f}"))


def _shaded(axis, shades, texts):
    """Draw ``texts`` in cells of ``shades``, 0 to 1; both are DataFrames with the same labels."""
    axis.imshow(shades, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), text in np.ndenumerate(texts.to_numpy()):
        ink = _ink(plt.get_cmap("Blues")(shades.iat[row, column]))
        axis.text(column, row, text, ha="center", va="center", fontsize=8.5, color=ink)
    axis.set_xticks(range(shades.shape[1]), [str(label) for label in shades.columns])
    axis.set_yticks(range(shades.shape[0]), [str(label) for label in shades.index])
    axis.xaxis.tick_top()
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


def shares(axis, table):
    """Draw one stacked bar a row: what it is made of, in the colours of the classes.

    ``table`` is a DataFrame of shares, one column a class, each row of sum 1; a share is written where there is room.
    """
    start = 0
    for label, column in table.items():
        bars_drawn = axis.barh(
            [str(row) for row in table.index], column, 0.7, left=start, color=COLOURS[label], label=label
        )
        texts = [f"{value:.0%}" if value > 0.07 else "" for value in column]
        axis.bar_label(bars_drawn, texts, label_type="center", fontsize=8.5, color=_ink(COLOURS[label]))
        start = start + column
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.xaxis.set_visible(False)
    axis.spines[["bottom", "left"]].set_visible(False)
    axis.tick_params(left=False)
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(table.columns), handlelength=1, columnspacing=1.2)


def _ink(colour):
    """Black or white, whichever stands out more on ``colour`` (relative luminance of WCAG 2)."""
    levels = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in to_rgb(colour)]
    return "black" if np.dot(levels, (0.2126, 0.7152, 0.0722)) > 0.179 else "white"


def gallery(rows, labels, titles=None, notes=None, colours=None, columns=None):
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
    columns : int, optional
        Places in a row; without it as many as the longest row has.
    """
    columns = columns or max(len(row) for row in rows)
    height, width = next(image for row in rows for image in row if image is not None).shape[:2]
    gap, head, foot = 0.05, 0.2 if titles else 0.02, 0.17 if notes else 0.0
    left = 0.25 + 0.075 * max(len(line) for label in labels for line in label.splitlines())
    cell = (WIDTH - left) / columns - gap
    tall = cell * height / width
    full = head + len(rows) * (tall + gap + foot)
    fig = plt.figure(figsize=(WIDTH, full), layout="none")

    def box(row, x, wide):
        return x / WIDTH, 1 - (head + row * (tall + gap + foot) + tall) / full, wide / WIDTH, tall / full

    for number, row in enumerate(rows):
        x, bottom, _, high = box(number, left, 0)
        fig.text(x - 0.13 / WIDTH, bottom + high / 2, labels[number], ha="right", va="center", fontsize=9)
        if colours:
            x, bottom, wide, high = box(number, left - 0.09, 0.06)
            fig.add_artist(plt.Rectangle((x, bottom), wide, high, color=colours[number]))
        for column, image in enumerate(row):
            place = box(number, left + column * (cell + gap), cell)
            if image is not None:
                axis = fig.add_axes(place)
                axis.imshow(image, interpolation="bilinear", aspect="auto")
                axis.set_axis_off()
            if notes and image is not None:
                x, bottom = place[0] + place[2] / 2, place[1] - 0.03 / full
                fig.text(x, bottom, notes[number][column], ha="center", va="top", fontsize=7.5)
    for column, title in enumerate(titles or []):
        x, bottom, wide, high = box(0, left + column * (cell + gap), cell)
        fig.text(x + wide / 2, bottom + high + 0.04 / full, title, ha="center", va="bottom", fontsize=9)
    return fig


def intervals(axis, table, colours, shift=0.0, marker="o", filled=True, above=False):
    """Draw one dot a row with its interval as a line, the first row on top.

    The three columns of ``table`` are where the dot stands, and the lower and the upper end of its line; ``colours``
    is a dict ``{row label: colour}``, or one colour for all.  ``shift`` moves the marks down by a part of a row, so
    that two sets fit side by side; ``marker`` and ``filled`` tell them apart.  With ``above`` the labels stand over
    their rows, inside the axis, so that long ones leave it the width.
    """
    for place, (label, dot, low, high) in enumerate(table.itertuples(name=None)):
        shade = colours if isinstance(colours, str) else colours[label]
        height = place + shift
        axis.plot([low, high], [height, height], color=shade, linewidth=2.5, solid_capstyle="butt")
        axis.plot(dot, height, marker, color=shade, markersize=5, markerfacecolor=shade if filled else "white")
    axis.set_yticks(np.arange(len(table)) - 0.45 * above, [str(label) for label in table.index])
    if above:
        axis.tick_params(axis="y", length=0, pad=-4)
        plt.setp(axis.get_yticklabels(), ha="left", bbox={"facecolor": "white", "linewidth": 0, "pad": 0.5})
        axis.set_ylim(len(table) - 0.5, -0.8)
    if not axis.yaxis_inverted():
        axis.invert_yaxis()
    axis.grid(True, axis="x")
    axis.set_axisbelow(True)
    axis.margins(y=0.12)


def floors(axis, table, colours, **style):
    """Draw :func:`intervals`, and a black tick where the column ``floor`` of ``table``, its fourth, stands."""
    intervals(axis, table.iloc[:, :3], colours, **style)
    axis.plot(table["floor"], range(len(table)), "k|", markersize=11, markeredgewidth=1.8)


def scores(axis, table):
    """Draw models (rows of ``table``) by their scores (columns): one shape a score, on a scale of 0 to 1.

    The shapes are black, grey and hollow, since the colours belong to the classes; none hides another.
    """
    axis.hlines(range(len(table)), table.min(axis=1), table.max(axis=1), color="#BDBDBD", linewidth=2, zorder=1)
    for column, marker, shade in zip(table.columns, "os^D", ("black", "none", "#9A9A9A", "none"), strict=False):
        style = {"markerfacecolor": shade, "markeredgecolor": "black", "markeredgewidth": 1.2, "markersize": 8}
        axis.plot(table[column], range(len(table)), marker, label=column, **style)
    axis.set_yticks(range(len(table)), [str(label) for label in table.index])
    axis.invert_yaxis()
    axis.set_xlim(0, 1)
    axis.grid(axis="x")
    axis.set_axisbelow(True)
    axis.margins(y=0.15)
    axis.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=len(table.columns), handletextpad=0.2)


def learning_curves(axes, history, best_epoch):
    """Draw loss (left axis) and balanced accuracy (right) over the epochs; a line marks the epoch that was kept.

    ``history`` and ``best_epoch`` are those of :class:`helpers.networks.Fitted`.
    """
    left, right = axes
    left.plot(history["epoch"], history["loss"], "o-", color="#9A9A9A", markersize=3, label="training")
    left.plot(history["epoch"], history["validation_loss"], "o-", color="#0072B2", markersize=3, label="validation")
    right.plot(history["epoch"], history["validation_balanced_accuracy"], "o-", color="#0072B2", markersize=3)
    right.axhline(1 / len(COLOURS), color="#1A1A1A", linestyle="--", linewidth=1)
    for axis, title in ((left, "loss"), (right, "balanced accuracy, validation")):
        axis.axvline(best_epoch, color="#D55E00", linewidth=1)
        axis.set(title=title, xlabel="epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
    right.set_ylim(0, 1)
    left.legend()


def layers(axis, table, shades):
    """Draw one dot a layer, the first on top: its number of weights on a logarithmic scale.

    ``table`` is a DataFrame indexed by layer name with the columns ``weights`` and ``state``; ``shades`` gives each
    state its colour.
    """
    for state, shade in shades.items():
        places = [place for place, one in enumerate(table["state"]) if one == state]
        axis.plot(table["weights"].iloc[places], places, "o", color=shade, label=f"{state} ({len(places)})")
    axis.set_yticks(range(len(table)), list(table.index), fontsize=8)
    axis.set(xscale="log", xlabel="weights")
    axis.invert_yaxis()
    axis.grid(axis="x")
    axis.set_axisbelow(True)
    axis.legend(loc="upper left", bbox_to_anchor=(0, 1.12), ncols=len(shades))

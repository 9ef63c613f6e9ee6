"""Figures: this room draws and computes nothing; what it draws is handed to it.

Every class has one colour (:data:`helpers.ham10000.COLOURS`) throughout the book.  A figure's name, caption and alt
text stand as ``#|`` comments at the head of the cell that draws it.

Labels are drawn as they stand: a ``$`` in a model's name or a body site begins no formula, and of a very long line the
middle is left out.
"""

import base64
import html
import io
import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from IPython import get_ipython
from IPython.display import HTML, display
from matplotlib.colors import to_rgb
from scipy.special import logit

from helpers.ham10000 import COLOURS

__all__ = [
    "bars",
    "explorer",
    "figure",
    "gallery",
    "heatmap",
    "intervals",
    "layers",
    "learning_curves",
    "scores",
    "shares",
    "show",
]

#: Width of the book's text column in inches, and the resolution of a figure in dots an inch.
_WIDTH = 7.2
_DPI = 160

#: Characters of a line in a label; the longest name of a record in the book has 48.
_LONGEST_LINE = 50

_STYLE = {
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
    """Return a figure as wide as the book's text column, and its axes.

    The book's style stays on for what is drawn next: a title takes its size from it when it is written.

    Parameters
    ----------
    height : float
        In inches.
    rows, columns : int
        Panels.
    **kwargs
        For :func:`matplotlib.pyplot.subplots`, such as ``sharey=True``.

    Returns
    -------
    (Figure, Axes or array of Axes)
        As :func:`matplotlib.pyplot.subplots` returns them.

    Examples
    --------
    >>> from helpers import plots
    >>> fig, (left, right) = plots.figure(2.5, columns=2)
    >>> fig.get_size_inches().tolist()
    [7.2, 2.5]
    """
    plt.rcParams.update(_STYLE)
    return plt.subplots(rows, columns, figsize=(_WIDTH, height), **kwargs)


def _option(name):
    """Return the text of the ``#| name:`` comment of the notebook cell that is running, or "" without one."""
    # The kernel's request holds the cell even where no history is kept, as when nbval runs the notebook.
    shell = get_ipython()
    request = shell.get_parent() if hasattr(shell, "get_parent") else {}
    cell = request.get("content", {}).get("code", "")
    match = re.search(rf"^#\| {name}: (.*(?:\n#\|  +.*)*)", cell, flags=re.MULTILINE)
    return re.sub(r"\s*\n#\|\s+", " ", match.group(1)).strip() if match else ""


def show(fig, photo=False):
    """Display a figure and close it, with the cell's ``#| caption:`` and its ``#| alt:`` as alternative text.

    A notebook's front end shows them as HTML; the book takes the picture, and both texts from the cell's metadata.
    Outside a notebook one line of text stands for the figure.

    Parameters
    ----------
    fig : matplotlib Figure
    photo : bool
        Encode it as JPEG instead of PNG: a quarter of the bytes for a figure made of images.

    Examples
    --------
    >>> from helpers import plots
    >>> fig, axis = plots.figure(2)
    >>> plots.show(fig)
    [figure: no alternative text]
    """
    kind = "jpeg" if photo else "png"
    stream = io.BytesIO()
    quality = {"pil_kwargs": {"quality": 85, "optimize": True}} if photo else {}
    fig.savefig(stream, format=kind, dpi=_DPI, facecolor="white", **quality)
    width = round(fig.get_figwidth() * 100)
    plt.close(fig)
    alt, caption = _option("alt"), _option("caption")
    text = f"[figure: {alt or 'no alternative text'}]"
    if get_ipython() is None:
        print(text)
        return
    page = (
        f'<figure style="margin:0"><img width="{width}" style="max-width:100%;height:auto" alt="{html.escape(alt)}" '
        f'src="data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}">'
        f'<figcaption style="max-width:{width}px">{html.escape(caption)}</figcaption></figure>'
    )
    display(
        {f"image/{kind}": stream.getvalue(), "text/html": page, "text/plain": text},
        raw=True,
        metadata={f"image/{kind}": {"width": width, "alt": alt}},
    )


#: Of the other images in an explorer one dot stands for so many.
_IMAGES_A_DOT = 20
_EXPLORER = Path(__file__).with_name("_explorer.html")


def explorer(points, is_melanoma, probability, cost, note):
    """Return a figure that a reader moves: a threshold and the cost of a miss, and what follows from both.

    It is one piece of HTML that needs nothing else, works with mouse, touch and keyboard, and tells a screen reader in
    a sentence what it shows.  Where scripts are off two curves stand still in its place.

    Parameters
    ----------
    points : DataFrame
        Of :func:`helpers.evaluate.operating_points`, from the lowest threshold to the highest; for each of its costs
        it has a row at the threshold 1 / (1 + cost).
    is_melanoma : (n,) bool array
    probability : (n,) float array
        What the images are, and the probability that they are melanomas: a dot a melanoma, and one for 20 others.
    cost : number
        The one of ``points`` that the figure begins with.
    note : str
        Stands below: which model and which images these are.

    Returns
    -------
    IPython HTML
        Which a notebook shows as the last line of a cell.

    Raises
    ------
    ValueError
        If ``points`` lacks that cost, or the threshold of one of its costs.

    Examples
    --------
    >>> from helpers import evaluate, plots
    >>> is_melanoma, probability = [True, False, True], [0.9, 0.1, 0.4]
    >>> points = evaluate.operating_points(is_melanoma, probability, list("abc"), [0, 0.5, 1.01], [1], resamples=10)
    >>> len(plots.explorer(points, is_melanoma, probability, 1, "Three images.").data) < 150_000
    True
    """
    costs = [name for name in points.columns.unique(level=0) if name not in ("sensitivity", "specificity")]
    thresholds = points.index.to_numpy(dtype=float).round(6)
    formula = [round(1 / (1 + one), 6) for one in costs]
    if cost not in costs:
        raise ValueError(f"points has no cost {cost}: it has {', '.join(map(str, costs))}")
    if not set(formula) <= set(thresholds):
        raise ValueError("points lacks a threshold 1 / (1 + cost) for one of its costs: add it to the thresholds")
    is_melanoma, probability = np.asarray(is_melanoma, dtype=bool), np.asarray(probability, dtype=float)
    # The columns of the figure: half a unit of the log-odds each, the first and the last with all that lies beyond.
    order = np.argsort(probability, kind="stable")
    columns = np.clip((logit(probability[order]) + 9.5) * 2, 0, 27).astype(int)
    melanoma = is_melanoma[order]
    data = {
        "thresholds": thresholds.tolist(),
        "formula": formula,
        "costs": costs,
        "first": cost,
        "positives": int(is_melanoma.sum()),
        "negatives": int((~is_melanoma).sum()),
        "sensitivity": points["sensitivity"].to_numpy().round(6).tolist(),
        "specificity": points["specificity"].to_numpy().round(6).tolist(),
        "cost": [points[one].to_numpy().round(1).tolist() for one in costs],
        "melanomas": columns[melanoma].tolist(),
        "others": columns[~melanoma][_IMAGES_A_DOT // 2 :: _IMAGES_A_DOT].tolist(),
        "each": _IMAGES_A_DOT,
    }
    page = _EXPLORER.read_text(encoding="utf-8")
    page = page.replace("{{data}}", json.dumps(data, separators=(",", ":")))
    page = page.replace("{{static}}", _still(points, cost)).replace("{{note}}", html.escape(note))
    return HTML(page)


def _still(points, cost):
    """Return the ROC curve and the cost curve as SVG, with the point of the formula on both."""
    at = points.loc[points.index[np.isclose(points.index, 1 / (1 + cost))][0]]
    fig, (roc, curve) = figure(3, 1, 2)
    roc.plot(1 - points["specificity", "value"], points["sensitivity", "value"], color="#0072B2")
    roc.plot(1 - at["specificity", "value"], at["sensitivity", "value"], "o", color="#B34700")
    roc.set(xlabel="others that are cut", ylabel="melanomas found")
    curve.plot(points.index, points[cost, "value"], color="#0072B2")
    curve.plot(at.name, at[cost, "value"], "o", color="#B34700")
    curve.set(xlabel="threshold", ylabel="cost of 1,000 images", xlim=(0, 1), ylim=(0, None))
    stream = io.StringIO()
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "explorer"}):
        fig.savefig(stream, format="svg", metadata={"Date": None})
    plt.close(fig)
    drawing = "<svg" + stream.getvalue().partition("<svg")[2]
    drawing = re.sub(r"<(metadata|style).*?</\1>", "", drawing, flags=re.S)
    alt = f"A ROC curve, and the cost curve where a miss costs {cost}; a point on both at the threshold of the formula."
    return drawing.replace("<svg ", f'<svg role="img" aria-label="{alt}" ', 1)


def _label(value):
    """Return ``value`` as text that matplotlib draws as it stands: ``$`` escaped, a long line without its middle."""
    end = _LONGEST_LINE // 2
    lines = str(value).split("\n")
    lines = [line if len(line) <= _LONGEST_LINE else f"{line[:end]}…{line[1 - end :]}" for line in lines]
    return "\n".join(lines).replace("$", r"\$")


def _label_rows(axis, labels, rise=0.0):
    """Write one label a row at the left, the first on top; the rows stand at 0, 1, 2 ..., the labels ``rise`` above."""
    axis.set_yticks(np.arange(len(labels)) - rise, [_label(label) for label in labels])
    if not axis.yaxis_inverted():
        axis.invert_yaxis()


def _legend(axis, handles, labels, **place):
    """Explain what was drawn; matplotlib before 3.10 leaves out a label that begins with an underscore."""
    texts = axis.legend(handles, range(len(handles)), **place).get_texts()
    for text, label in zip(texts, labels, strict=True):
        text.set_text(_label(label))


def _ink(colour):
    """Return black or white, whichever stands out more on ``colour`` (relative luminance of WCAG 2)."""
    levels = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in to_rgb(colour)]
    return "black" if np.dot(levels, (0.2126, 0.7152, 0.0722)) > 0.179 else "white"


def bars(axis, values, colours=COLOURS, notes=None):
    """Draw horizontal bars, the first on top, with the number at the end of each.

    Parameters
    ----------
    axis : matplotlib Axes
    values : Series or dict
        ``{label: number}``; a number is written with thousands separated, a share (below one) with two decimals.
    colours : dict or str
        ``{label: colour}``, as :data:`helpers.ham10000.COLOURS`, or one colour for all bars.
    notes : dict, optional
        ``{label: text}`` written after a bar's number.

    Examples
    --------
    >>> from helpers import plots
    >>> fig, axis = plots.figure(2)
    >>> plots.bars(axis, {"nv": 6705, "df": 115}, notes={"nv": "images", "df": "images"})
    >>> [text.get_text() for text in axis.texts]
    ['6,705  images', '115  images']
    """
    values = dict(values)
    texts = [_number(value) + (f"  {_label(notes[label])}" if notes else "") for label, value in values.items()]
    fills = colours if isinstance(colours, str) else [colours[label] for label in values]
    drawn = axis.barh(range(len(values)), list(values.values()), 0.7, color=fills)
    axis.bar_label(drawn, texts, padding=3, fontsize=8.5)
    _label_rows(axis, list(values))
    _bare(axis)
    axis.margins(x=0.18)


def _number(value):
    return f"{value:,.0f}" if value >= 1 or value == 0 else f"{value:.2f}"


def _bare(axis):
    """Leave bars that carry their own numbers without a scale."""
    axis.xaxis.set_visible(False)
    axis.spines[["bottom", "left"]].set_visible(False)
    axis.tick_params(left=False)


def shares(axis, table):
    """Draw one stacked bar a row: what it is made of, in the colours of the classes.

    Parameters
    ----------
    axis : matplotlib Axes
    table : DataFrame
        Shares, one column a class, each row of sum 1.  A share is written where there is room, above 7 %.

    Examples
    --------
    >>> import pandas as pd
    >>> from helpers import plots
    >>> fig, axis = plots.figure(1.5)
    >>> plots.shares(axis, pd.DataFrame({"mel": [0.05, 0.4], "nv": [0.95, 0.6]}, index=["all", "test"]))
    >>> [text.get_text() for text in axis.texts]
    ['', '40%', '95%', '60%']
    """
    start, stacks = np.zeros(len(table)), []
    for dx, column in table.items():
        drawn = axis.barh(range(len(table)), column, 0.7, left=start, color=COLOURS[dx], label=dx)
        texts = [f"{share:.0%}" if share > 0.07 else "" for share in column]
        axis.bar_label(drawn, texts, label_type="center", fontsize=8.5, color=_ink(COLOURS[dx]))
        start = start + column.to_numpy()
        stacks.append(drawn)
    _label_rows(axis, table.index)
    _bare(axis)
    axis.set_xlim(0, 1)
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": table.shape[1]}
    _legend(axis, stacks, table.columns, **place, handlelength=1, columnspacing=1.2)


def heatmap(axis, table, percent=False):
    """Draw a table of numbers, each in its shaded cell.

    Parameters
    ----------
    axis : matplotlib Axes
    table : DataFrame
        Counts, such as a confusion matrix: the shade is the cell's share of its row, a zero is a dot, and a row of
        zeros stays white.
    percent : bool
        ``table`` holds shares from 0 to 1 instead, such as recalls: each is written in hundredths and is the shade;
        NaN stays empty.

    Examples
    --------
    >>> import pandas as pd
    >>> from helpers import plots
    >>> fig, (left, right) = plots.figure(2, columns=2)
    >>> plots.heatmap(left, pd.DataFrame({"mel": [30, 0], "nv": [10, 1200]}, index=["mel", "nv"]))
    >>> [text.get_text() for text in left.texts]
    ['30', '10', '·', '1,200']
    >>> plots.heatmap(right, pd.DataFrame({"recall": [0.75, 1.0]}, index=["mel", "nv"]), percent=True)
    >>> [text.get_text() for text in right.texts]
    ['75', '100']
    """
    if percent:
        shades, texts = table, table.map(lambda share: f"{100 * share:.0f}")
    else:
        shades = table.div(table.sum(axis=1).clip(lower=1), axis=0)
        texts = table.map(lambda count: f"{count:,.0f}" if count else "·")
    shades = shades.to_numpy(float)
    look = {"cmap": "Blues", "vmin": 0, "vmax": 1, "cbar": False, "xticklabels": False, "yticklabels": False}
    sns.heatmap(shades, annot=texts, fmt="", annot_kws={"fontsize": 8.5}, **look, ax=axis)
    for text in axis.texts:
        column, row = (int(place) for place in text.get_position())
        text.set_color(_ink(plt.get_cmap("Blues")(shades[row, column])))
    axis.set_xticks(np.arange(table.shape[1]) + 0.5, [_label(label) for label in table.columns])
    axis.set_yticks(np.arange(table.shape[0]) + 0.5, [_label(label) for label in table.index])
    axis.xaxis.tick_top()
    axis.tick_params(length=0)


def gallery(rows, labels, titles=None, notes=None, colours=None, columns=None):
    """Return a figure of images in rows: one row a label, its label at the left.

    Parameters
    ----------
    rows : list of lists of arrays (height, width, 3) uint8
        None is an empty place.
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

    Returns
    -------
    Figure

    Examples
    --------
    >>> import numpy as np
    >>> from helpers import plots
    >>> photo = np.zeros((75, 100, 3), dtype=np.uint8)
    >>> fig = plots.gallery([[photo, photo], [photo, None]], labels=["mel", "nv"])
    >>> len(fig.axes)
    3
    """
    labels = [_label(label) for label in labels]
    columns = columns or max(len(row) for row in rows)
    pixels = next(image for row in rows for image in row if image is not None).shape[:2]
    # All in inches: the margin of the labels, then cells of `wide` by `tall`, a gap between them, room for the texts.
    gap, head, foot = 0.05, 0.2 if titles else 0.02, 0.17 if notes else 0.0
    left = 0.25 + 0.075 * max(len(line) for label in labels for line in label.splitlines())
    wide = (_WIDTH - left) / columns - gap
    tall = wide * pixels[0] / pixels[1]
    height = head + len(rows) * (tall + gap + foot)
    fig = plt.figure(figsize=(_WIDTH, height), layout="none")

    def at(x, y):
        """Inches from the left and from the top, as parts of the figure."""
        return x / _WIDTH, 1 - y / height

    for number, row in enumerate(rows):
        bottom = head + number * (tall + gap + foot) + tall
        fig.text(*at(left - 0.13, bottom - tall / 2), labels[number], ha="right", va="center", fontsize=9)
        if colours:
            bar = plt.Rectangle(at(left - 0.09, bottom), 0.06 / _WIDTH, tall / height, color=colours[number])
            fig.add_artist(bar)
        for column, image in enumerate(row):
            if image is None:
                continue
            x = left + column * (wide + gap)
            axis = fig.add_axes((*at(x, bottom), wide / _WIDTH, tall / height))
            axis.imshow(image, interpolation="bilinear", aspect="auto")
            axis.set_axis_off()
            if notes:
                text = _label(notes[number][column])
                fig.text(*at(x + wide / 2, bottom + 0.03), text, ha="center", va="top", fontsize=7.5)
    for column, title in enumerate(titles or []):
        x = left + column * (wide + gap) + wide / 2
        fig.text(*at(x, head - 0.04), _label(title), ha="center", va="bottom", fontsize=9)
    return fig


def intervals(axis, table, colours, shift=0.0, marker="o", filled=True, above=False):
    """Draw one dot a row with its interval as a line, the first row on top.

    Parameters
    ----------
    axis : matplotlib Axes
    table : DataFrame
        Its first three columns are where the dot stands, and the lower and the upper end of its line.  A fourth
        column ``floor`` is drawn as a black tick: what the most frequent answer alone would score.
    colours : dict or str
        ``{row label: colour}``, or one colour for all.
    shift : float
        Moves dot and line down by a part of a row, so that two sets fit side by side.
    marker : str
        Of matplotlib, for the dot.
    filled : bool
        Whether the dot is; a hollow one tells a second set apart.
    above : bool
        Labels stand over their rows, inside the axis, so that long ones leave it the width.

    Examples
    --------
    >>> import pandas as pd
    >>> from helpers import plots
    >>> fig, axis = plots.figure(1.5)
    >>> table = pd.DataFrame({"value": [0.7], "low": [0.6], "high": [0.8], "floor": [0.67]}, index=["forest"])
    >>> plots.intervals(axis, table, "#0072B2")
    >>> line, dot, floor = axis.lines
    >>> [float(x) for x in line.get_xdata()]
    [0.6, 0.8]
    """
    for row, (label, dot, low, high) in enumerate(table.iloc[:, :3].itertuples(name=None)):
        colour = colours if isinstance(colours, str) else colours[label]
        height = row + shift
        axis.plot([low, high], [height, height], color=colour, linewidth=2.5, solid_capstyle="butt")
        axis.plot(dot, height, marker, color=colour, markersize=5, markerfacecolor=colour if filled else "white")
    if "floor" in table:
        axis.plot(table["floor"], range(len(table)), "k|", markersize=11, markeredgewidth=1.8)
    _label_rows(axis, table.index, rise=0.45 * above)
    if above:
        axis.tick_params(axis="y", length=0, pad=-4)
        plt.setp(axis.get_yticklabels(), ha="left", bbox={"facecolor": "white", "linewidth": 0, "pad": 0.5})
        axis.set_ylim(len(table) - 0.5, -0.8)
    axis.grid(True, axis="x")
    axis.set_axisbelow(True)
    axis.margins(y=0.12)


def scores(axis, table):
    """Draw models by their scores: one shape a score, on a scale of 0 to 1.

    The shapes are black, grey and hollow, since the colours belong to the classes; none hides another.

    Parameters
    ----------
    axis : matplotlib Axes
    table : DataFrame
        One row a model, one column a score from 0 to 1, at most four.

    Raises
    ------
    ValueError
        If there are more scores than shapes.

    Examples
    --------
    >>> import pandas as pd
    >>> from helpers import plots
    >>> fig, axis = plots.figure(1.5)
    >>> plots.scores(axis, pd.DataFrame({"accuracy": [0.7], "macro-F1": [0.4]}, index=["forest"]))
    >>> [text.get_text() for text in axis.get_legend().get_texts()]
    ['accuracy', 'macro-F1']
    """
    shapes = (("o", "black"), ("s", "none"), ("^", "#9A9A9A"), ("D", "none"))
    if table.shape[1] > len(shapes):
        raise ValueError(f"{table.shape[1]} scores and {len(shapes)} shapes: draw {list(table)} in two figures")
    rows = range(len(table))
    axis.hlines(rows, table.min(axis=1), table.max(axis=1), color="#BDBDBD", linewidth=2, zorder=1)
    marks = []
    for (score, column), (marker, fill) in zip(table.items(), shapes, strict=False):
        style = {"markerfacecolor": fill, "markeredgecolor": "black", "markeredgewidth": 1.2, "markersize": 8}
        marks += axis.plot(column, rows, marker, label=score, **style)
    _label_rows(axis, table.index)
    axis.set_xlim(0, 1)
    axis.grid(axis="x")
    axis.set_axisbelow(True)
    axis.margins(y=0.15)
    place = {"loc": "lower center", "bbox_to_anchor": (0.45, 1.0), "ncols": table.shape[1]}
    _legend(axis, marks, table.columns, **place, handletextpad=0.2)


def learning_curves(axes, history, best_epoch):
    """Draw loss (left) and balanced accuracy (right) over the epochs; a line marks the epoch that was kept.

    A dashed line is the balanced accuracy of always giving the same answer, one in seven.

    Parameters
    ----------
    axes : two matplotlib Axes
    history : DataFrame
        One row an epoch: ``epoch``, ``loss``, ``validation_loss`` and ``validation_balanced_accuracy``, as in
        :class:`helpers.networks.Fitted`.
    best_epoch : int
        The epoch that was kept.

    Examples
    --------
    >>> import pandas as pd
    >>> from helpers import plots
    >>> fig, axes = plots.figure(2.5, columns=2)
    >>> history = pd.DataFrame({"epoch": [1, 2], "loss": [1.9, 1.7], "validation_loss": [1.9, 1.8]})
    >>> plots.learning_curves(axes, history.assign(validation_balanced_accuracy=[0.2, 0.3]), best_epoch=2)
    >>> [axis.get_title(loc="left") for axis in axes]
    ['loss', 'balanced accuracy, validation']
    """
    grey, blue = "#9A9A9A", "#0072B2"
    left, right = axes
    left.plot(history["epoch"], history["loss"], "o-", color=grey, markersize=3, label="training")
    left.plot(history["epoch"], history["validation_loss"], "o-", color=blue, markersize=3, label="validation")
    right.plot(history["epoch"], history["validation_balanced_accuracy"], "o-", color=blue, markersize=3)
    right.axhline(1 / len(COLOURS), color="#1A1A1A", linestyle="--", linewidth=1)
    for axis, title in ((left, "loss"), (right, "balanced accuracy, validation")):
        axis.axvline(best_epoch, color="#D55E00", linewidth=1)
        axis.set(title=title, xlabel="epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
    right.set_ylim(0, 1)
    left.legend()


def layers(axis, table, colours):
    """Draw one dot a layer, the first on top: its number of weights on a logarithmic scale.

    Parameters
    ----------
    axis : matplotlib Axes
    table : DataFrame
        Indexed by the layer's name, with the columns ``weights`` (int) and ``state`` (str).
    colours : dict
        ``{state: colour}``; the legend counts the layers of each.

    Raises
    ------
    ValueError
        If a layer is in a state that has no colour.

    Examples
    --------
    >>> import pandas as pd
    >>> from helpers import plots
    >>> fig, axis = plots.figure(1.5)
    >>> table = pd.DataFrame({"weights": [1792, 903], "state": ["frozen", "new"]}, index=["conv1", "answer"])
    >>> plots.layers(axis, table, {"frozen": "#9A9A9A", "new": "#E69F00"})
    >>> [text.get_text() for text in axis.get_legend().get_texts()]
    ['frozen (1)', 'new (1)']
    """
    unknown = sorted(set(table["state"]) - set(colours))
    if unknown:
        raise ValueError(f"no colour for the state {unknown[0]!r}: colours has {list(colours)}")
    dots, labels = [], []
    for state, colour in colours.items():
        rows = np.flatnonzero(table["state"] == state)
        dots += axis.plot(table["weights"].iloc[rows], rows, "o", color=colour)
        labels.append(f"{state} ({len(rows)})")
    _label_rows(axis, table.index)
    axis.tick_params(axis="y", labelsize=8)
    axis.set(xscale="log", xlabel="weights")
    axis.grid(axis="x")
    axis.set_axisbelow(True)
    _legend(axis, dots, labels, loc="upper left", bbox_to_anchor=(0, 1.12), ncols=len(colours))

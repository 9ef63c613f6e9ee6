"""What the book's figures show: numbers where they belong, in the order given, legible, with their alternative text.

What a function drew is read off matplotlib's artists; how a figure is shown is tried in a real kernel, since that is
where its alternative text comes from.
"""

import base64
import warnings

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.text import Text
from nbclient import NotebookClient

from helpers import plots
from helpers.ham10000 import CLASSES, COLOURS

CELL = """
#| name: one-line
#| caption: A line & no more.
#| alt: One rising line,
#|   from corner to corner.
#| other: not this
import matplotlib.pyplot as plt
fig, axis = plots.figure()
_ = axis.plot([0, 1])
plots.show(fig{arguments})
print(plt.get_fignums())
"""
ALT = "One rising line, from corner to corner."


@pytest.fixture(scope="module")
def outputs():
    """The outputs of a notebook's three figure cells: as PNG, as a photo, and without options."""
    code = [
        "from helpers import plots",
        CELL.format(arguments=""),
        CELL.format(arguments=", photo=True"),
        "plots.show(plots.figure()[0])",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in code])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return [cell.outputs for cell in notebook.cells[1:]]


@pytest.fixture
def axis():
    yield plots.figure()[1]
    plt.close("all")


@pytest.fixture
def axes():
    yield plots.figure(columns=2)[1]
    plt.close("all")


def row_labels(axis):
    """The labels at the left, from top to bottom."""
    marks = sorted(axis.get_yticklabels(), key=lambda label: label.get_position()[1])
    return [mark.get_text() for mark in (marks if axis.yaxis_inverted() else reversed(marks))]


def legend(axis):
    """What the legend says of each mark: ``{text: its handle}``."""
    texts = [text.get_text() for text in axis.get_legend().get_texts()]
    return dict(zip(texts, axis.get_legend().legend_handles, strict=True))


def points(line):
    return [(float(x), float(y)) for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)]


def contrast(ink, ground):
    """Contrast of two colours, 1 to 21 (WCAG 2)."""

    def luminance(colour):
        levels = np.array(to_rgb(colour))
        linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
        return linear @ (0.2126, 0.7152, 0.0722)

    dark, light = sorted((luminance(ink), luminance(ground)))
    return (light + 0.05) / (dark + 0.05)


# figure and show


def test_a_figure_is_as_wide_as_the_text_and_has_the_panels_and_the_style_of_the_book():
    fig, axes = plots.figure(4, 2, 3, sharey=True)
    assert fig.get_size_inches().tolist() == [7.2, 4]
    assert axes.shape == (2, 3)
    assert axes[0, 0].get_shared_y_axes().joined(axes[0, 0], axes[1, 2])
    title = axes[0, 0].set_title("left, and 11 points", loc=None)
    assert (title.get_horizontalalignment(), title.get_fontsize()) == ("left", 11)
    assert not axes[0, 0].spines["top"].get_visible()
    plt.close(fig)


@pytest.mark.parametrize(("cell", "kind", "signature"), [(0, "png", b"\x89PNG"), (1, "jpeg", b"\xff\xd8")])
def test_show_displays_one_picture_with_the_alt_text_of_its_cell_and_closes_it(outputs, cell, kind, signature):
    shown, printed = outputs[cell]
    assert base64.b64decode(shown.data[f"image/{kind}"]).startswith(signature)
    assert shown.metadata[f"image/{kind}"] == {"alt": ALT, "width": 720}
    assert shown.data["text/plain"] == f"[figure: {ALT}]"
    assert f'alt="{ALT}"' in shown.data["text/html"]
    assert ">A line &amp; no more.</figcaption>" in shown.data["text/html"]
    assert printed.text == "[]\n"


def test_show_takes_the_alt_text_of_the_running_cell_alone(outputs):
    (shown,) = outputs[2]
    assert shown.metadata["image/png"]["alt"] == ""
    assert 'alt=""' in shown.data["text/html"]


def test_outside_a_notebook_a_line_of_text_stands_for_the_figure(capsys):
    fig, _ = plots.figure()
    plots.show(fig)
    assert capsys.readouterr().out == "[figure: no alternative text]\n"
    assert not plt.fignum_exists(fig.number)


# bars and shares


def test_bars_carry_their_numbers_and_notes_and_the_colours_of_their_classes(axis):
    plots.bars(axis, {"nv": 6705, "df": 115}, notes={"nv": "(5,403)", "df": "(73)"})
    assert row_labels(axis) == ["nv", "df"]
    assert [text.get_text() for text in axis.texts] == ["6,705  (5,403)", "115  (73)"]
    assert [to_hex(bar.get_facecolor()) for bar in axis.patches] == [COLOURS["nv"].lower(), COLOURS["df"].lower()]
    assert [bar.get_width() for bar in axis.patches] == [6705, 115]
    assert [bar.get_y() + bar.get_height() / 2 for bar in axis.patches] == pytest.approx([0, 1])


def test_bars_of_nothing_are_an_empty_panel(axis):
    plots.bars(axis, {})
    assert row_labels(axis) == [] and not axis.patches


def test_bars_take_a_series_and_write_shares_in_hundredths(axis):
    plots.bars(axis, pd.Series({1: 0.5378, 2: 0.0}), colours="#6B7280")
    assert row_labels(axis) == ["1", "2"]
    assert [text.get_text() for text in axis.texts] == ["0.54", "0"]
    assert {to_hex(bar.get_facecolor()) for bar in axis.patches} == {"#6b7280"}


def test_stacked_shares_end_at_one_and_are_written_where_there_is_room(axis):
    table = pd.DataFrame({"df": [0.05, 0.2], "mel": [0.05, 0.3], "nv": [0.9, 0.5]}, index=["few", "many"])
    plots.shares(axis, table)
    edges = [[(bar.get_x(), bar.get_x() + bar.get_width()) for bar in stack] for stack in axis.containers]
    assert np.allclose(edges, [[(0, 0.05), (0, 0.2)], [(0.05, 0.1), (0.2, 0.5)], [(0.1, 1), (0.5, 1)]])
    assert [text.get_text() for text in axis.texts] == ["", "20%", "", "30%", "90%", "50%"]
    assert row_labels(axis) == ["few", "many"]
    assert axis.get_ylim()[0] > axis.get_ylim()[1], "the first row stands on top"


def test_shares_have_the_colours_of_their_classes_and_numbers_that_can_be_read(axis):
    plots.shares(axis, pd.DataFrame([[1 / 7] * 7], columns=CLASSES, index=["even"]))
    fills = {dx: to_hex(stack[0].get_facecolor()) for dx, stack in zip(CLASSES, axis.containers, strict=True)}
    assert fills == {dx: colour.lower() for dx, colour in COLOURS.items()}
    assert {dx: to_hex(handle.get_facecolor()) for dx, handle in legend(axis).items()} == fills
    assert len(axis.texts) == len(CLASSES)
    for dx, text in zip(CLASSES, axis.texts, strict=True):
        assert contrast(text.get_color(), COLOURS[dx]) >= 4.5, dx


def test_two_rows_of_one_name_are_two_bars(axis):
    plots.shares(axis, pd.DataFrame({"mel": [0.2, 0.4], "nv": [0.8, 0.6]}, index=["fold", "fold"]))
    assert sorted(bar.get_y() + bar.get_height() / 2 for bar in axis.containers[0]) == pytest.approx([0, 1])


# heat maps


def cells(axis):
    """What stands in each cell of a heat map, ``{(row, column): text}``."""
    return {(int(y), int(x)): text.get_text() for text in axis.texts for x, y in [text.get_position()]}


def shades(axis, table):
    (mesh,) = axis.collections
    return mesh.get_array().reshape(table.shape)


def test_a_heatmap_writes_each_count_in_its_place_and_shades_by_row(axis):
    table = pd.DataFrame([[3720, 0], [0, 0], [1, 3]], index=["molemax", "none", "modern"], columns=["nv", "df"])
    plots.heatmap(axis, table)
    expected = {(0, 0): "3,720", (0, 1): "·", (1, 0): "·", (1, 1): "·", (2, 0): "1", (2, 1): "3"}
    assert cells(axis) == expected
    assert row_labels(axis) == ["molemax", "none", "modern"]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["nv", "df"]
    assert axis.get_xlim() == (0, 2), "the first column stands at the left"
    assert axis.xaxis.get_ticks_position() == "top"
    np.testing.assert_allclose(shades(axis, table), [[1, 0], [0, 0], [0.25, 0.75]])
    assert axis.collections[0].get_clim() == (0, 1)


def test_a_heatmap_of_shares_writes_hundredths_shades_by_the_share_and_leaves_nan_empty(axes):
    table = pd.DataFrame([[0.854, 0.0], [np.nan, 1.0]], index=["ours", "theirs"], columns=["mel", "nv"])
    for axis in axes:
        plots.heatmap(axis, table, percent=True)
        assert cells(axis) == {(0, 0): "85", (0, 1): "0", (1, 1): "100"}
        assert row_labels(axis) == ["ours", "theirs"]
        np.testing.assert_allclose(shades(axis, table).filled(-1), [[0.854, 0], [-1, 1]])


@pytest.mark.parametrize("percent", [False, True])
def test_each_number_in_a_heatmap_can_be_read(axis, percent):
    counts = np.arange(101)
    table = pd.DataFrame({"a": counts, "b": 100 - counts})
    plots.heatmap(axis, table / 100 if percent else table, percent=percent)
    grounds = axis.collections[0].to_rgba(shades(axis, table))[..., :3]
    assert len(axis.texts) == 202
    for text in axis.texts:
        column, row = (int(place) for place in text.get_position())
        assert contrast(text.get_color(), grounds[row, column]) >= 4.5


# galleries


def test_a_gallery_keeps_the_images_proportions_their_order_and_the_empty_places():
    one, two, three = (np.full((75, 100, 3), level, dtype=np.uint8) for level in (10, 20, 30))
    fig = plots.gallery([[one, None], [two, three]], labels=["a", "b\nlong label"], titles=["left", "right"])
    width, height = fig.get_size_inches()
    boxes = {int(axis.images[0].get_array()[0, 0, 0]): axis.get_position() for axis in fig.axes}
    assert set(boxes) == {10, 20, 30}
    for box in boxes.values():
        assert box.width * width / (box.height * height) == pytest.approx(100 / 75)
    assert boxes[10].x0 == boxes[20].x0 < boxes[30].x0
    assert boxes[10].y0 > boxes[20].y0 == boxes[30].y0
    texts = {text.get_text(): text for text in fig.texts}
    assert list(texts) == ["a", "b\nlong label", "left", "right"]
    fig.canvas.draw()
    places = {}
    for text in fig.texts:
        places[text.get_text()] = text.get_window_extent().transformed(fig.transFigure.inverted())
        edges = places[text.get_text()]
        assert edges.x0 >= 0 and edges.y0 >= 0 and edges.x1 <= 1 and edges.y1 <= 1, text
    assert places["a"].x1 < boxes[10].x0 and boxes[10].y0 < places["a"].y0 < boxes[10].y1
    assert places["b\nlong label"].y1 < boxes[20].y1
    for title, box in (("left", boxes[10]), ("right", boxes[30])):
        assert places[title].y0 >= boxes[10].y1 and box.x0 < places[title].x0 < places[title].x1 < box.x1
    plt.close(fig)


def test_a_gallery_has_notes_below_its_images_and_a_coloured_bar_before_each_row():
    image = np.zeros((75, 100, 3), dtype=np.uint8)
    notes = [["histo", "lost"], ["follow-up", "consensus"]]
    colours = [COLOURS["mel"], COLOURS["nv"]]
    fig = plots.gallery([[image, None], [image, image]], ["mel", "nv"], notes=notes, colours=colours, columns=4)
    assert [text.get_text() for text in fig.texts] == ["mel", "histo", "nv", "follow-up", "consensus"]
    bars = fig.artists or fig.patches
    assert [to_hex(bar.get_facecolor()) for bar in bars] == [colour.lower() for colour in colours]
    first, second, third = (axis.get_position() for axis in fig.axes)
    for bar, box in zip(bars, (first, second), strict=True):
        assert bar.get_x() + bar.get_width() < box.x0
        assert (bar.get_y(), bar.get_height()) == pytest.approx((box.y0, box.height))
    fig.canvas.draw()
    for text, box in ((fig.texts[1], first), (fig.texts[3], second), (fig.texts[4], third)):
        place = text.get_window_extent().transformed(fig.transFigure.inverted())
        assert place.y1 < box.y0 and box.x0 < (place.x0 + place.x1) / 2 < box.x1
    assert first.width < 1 / 4
    plt.close(fig)


# intervals


def test_an_interval_has_its_dot_and_its_line_on_the_row_of_its_label(axis):
    table = pd.DataFrame({"median": [50, 60], "low": [40, 55], "high": [65, 62]}, index=["nv", "mel"])
    plots.intervals(axis, table, COLOURS)
    assert row_labels(axis) == ["nv", "mel"]
    drawn = [(list(line.get_xdata()), list(line.get_ydata()), line.get_color()) for line in axis.lines]
    assert drawn == [
        ([40, 65], [0, 0], COLOURS["nv"]),
        ([50], [0], COLOURS["nv"]),
        ([55, 62], [1, 1], COLOURS["mel"]),
        ([60], [1], COLOURS["mel"]),
    ]
    # Butt caps: a round one would add half a line's width to each end.
    assert {line.get_solid_capstyle() for line in axis.lines[::2]} == {"butt"}


def test_intervals_may_have_one_colour(axis):
    plots.intervals(axis, pd.DataFrame([[2, 1, 3]], index=["rosendahl"]), "#123456")
    assert {line.get_color() for line in axis.lines} == {"#123456"}


def test_two_sets_of_intervals_stand_side_by_side_and_are_told_apart(axis):
    table = pd.DataFrame({"value": [0.7, 0.5], "low": [0.6, 0.4], "high": [0.8, 0.6]}, index=["a", "b"])
    plots.intervals(axis, table, "#123456", shift=-0.17)
    plots.intervals(axis, table, "#123456", shift=0.17, marker="D", filled=False)
    lines, dots = axis.lines[::2], axis.lines[1::2]
    heights = [-0.17, 0.83, 0.17, 1.17]
    assert [points(dot)[0][1] for dot in dots] == pytest.approx(heights)
    assert np.allclose([line.get_ydata() for line in lines], [[height] * 2 for height in heights])
    assert [dot.get_marker() for dot in dots] == ["o", "o", "D", "D"]
    assert [dot.get_markerfacecolor() for dot in dots] == ["#123456"] * 2 + ["white"] * 2
    assert row_labels(axis) == ["a", "b"], "drawn twice, the first row is still on top"


def test_a_floor_stands_in_the_row_of_its_model_and_only_where_there_is_one(axes):
    table = pd.DataFrame({"value": [0.7, 0.5], "low": [0.6, 0.4], "high": [0.8, 0.6], "floor": [0.2, 0.14]})
    plots.intervals(axes[0], table, ["black", "grey"], shift=0.2)
    ticks = axes[0].lines[-1]
    assert points(ticks) == [(0.2, 0), (0.14, 1)]
    assert (ticks.get_marker(), ticks.get_color(), ticks.get_linestyle()) == ("|", "k", "None")
    plots.intervals(axes[1], table[["value", "low", "high"]], "black")
    assert not [line for line in axes[1].lines if line.get_marker() == "|"]


def test_a_label_stands_above_its_row_when_asked_and_beside_it_otherwise():
    table = pd.DataFrame({"value": [0.7, 0.5], "low": [0.6, 0.4], "high": [0.8, 0.6]}, index=["a", "b"])
    fig, (beside, above) = plots.figure(2, 1, 2)
    plots.intervals(beside, table, "black")
    plots.intervals(above, table, "black", above=True)
    fig.canvas.draw()
    for axis, over in ((beside, False), (above, True)):
        for row, label in enumerate(axis.get_yticklabels()):
            box, dot = label.get_window_extent(), axis.transData.transform((0.5, row))
            assert (label.get_text(), box.y0 > dot[1], box.x0 > axis.bbox.x0) == ("ab"[row], over, over)
    plt.close(fig)


# scores, learning curves, layers


def test_scores_have_one_marker_for_each_model_and_metric(axis):
    table = pd.DataFrame({"accuracy": [0.7, 0.2], "macro-F1": [0.1, 0.3]}, index=["blind", "weighted"])
    plots.scores(axis, table)
    assert row_labels(axis) == ["blind", "weighted"]
    assert {line.get_label(): points(line) for line in axis.lines} == {
        "accuracy": [(0.7, 0), (0.2, 1)],
        "macro-F1": [(0.1, 0), (0.3, 1)],
    }
    assert len({line.get_marker() for line in axis.lines}) == 2
    (*full, opaque), (*hollow, clear) = (to_rgba(line.get_markerfacecolor()) for line in axis.lines)
    assert len(set(full)) == len(set(hollow)) == 1, "the colours belong to the classes"
    assert (opaque, clear) == (1, 0), "a hollow mark does not hide the one beneath"
    assert {text: handle.get_marker() for text, handle in legend(axis).items()} == {
        line.get_label(): line.get_marker() for line in axis.lines
    }
    spans = [segment[:, 0].tolist() for segment in axis.collections[0].get_segments()]
    assert spans == [[0.1, 0.7], [0.2, 0.3]], "a grey line joins the scores of a model"
    assert axis.get_xlim() == (0, 1)


def test_a_score_without_a_shape_is_refused(axis):
    with pytest.raises(ValueError, match=r"5 scores and 4 shapes: draw .*'e'\] in two figures"):
        plots.scores(axis, pd.DataFrame([[0.1] * 5], columns=list("abcde")))


HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "loss": [1.9, 1.5, 1.1],
        "validation_loss": [1.8, 1.6, 1.7],
        "validation_balanced_accuracy": [0.2, 0.5, 0.4],
    }
)


def test_learning_curves_show_both_losses_at_the_left_and_balanced_accuracy_at_the_right(axes):
    left, right = axes
    plots.learning_curves(axes, HISTORY, best_epoch=2)
    assert [axis.get_title(loc="left") for axis in axes] == ["loss", "balanced accuracy, validation"]
    assert [axis.get_xlabel() for axis in axes] == ["epoch", "epoch"]
    curves = {line.get_label(): points(line) for line in left.lines}
    assert curves["training"] == [(1, 1.9), (2, 1.5), (3, 1.1)]
    assert curves["validation"] == [(1, 1.8), (2, 1.6), (3, 1.7)]
    assert points(right.lines[0]) == [(1, 0.2), (2, 0.5), (3, 0.4)]
    colours = {text: to_hex(handle.get_color()) for text, handle in legend(left).items()}
    assert colours == {line.get_label(): to_hex(line.get_color()) for line in left.lines[:2]}
    assert len(set(colours.values())) == 2
    assert to_hex(right.lines[0].get_color()) == colours["validation"]
    assert right.get_ylim() == (0, 1)


def test_learning_curves_mark_the_kept_epoch_and_the_chance_level_at_whole_epochs(axes):
    plots.learning_curves(axes, HISTORY, best_epoch=2)
    for axis in axes:
        upright = [line.get_xdata() for line in axis.lines if len(set(line.get_xdata())) == 1 < len(line.get_ydata())]
        assert [list(places) for places in upright] == [[2, 2]]
        axis.figure.canvas.draw()
        assert all(place == int(place) for place in axis.get_xticks())
    (floor,) = (line for line in axes[1].lines if line.get_linestyle() == "--")
    assert list(floor.get_ydata()) == [1 / 7] * 2


LAYERS = pd.DataFrame(
    {"weights": [1792, 36_928, 7, 903], "state": ["frozen", "frozen", "retrained", "new"]},
    index=["block1_conv1", "block1_conv2", "block5_conv1", "block1_conv1"],
)


def test_layers_stand_in_their_order_by_their_weights_in_the_colour_of_their_state(axis):
    plots.layers(axis, LAYERS, {"frozen": "#9A9A9A", "retrained": "#0072B2", "new": "#E69F00"})
    assert row_labels(axis) == list(LAYERS.index)
    assert {line.get_color(): points(line) for line in axis.lines} == {
        "#9A9A9A": [(1792, 0), (36_928, 1)],
        "#0072B2": [(7, 2)],
        "#E69F00": [(903, 3)],
    }
    assert {text: handle.get_color() for text, handle in legend(axis).items()} == {
        "frozen (2)": "#9A9A9A",
        "retrained (1)": "#0072B2",
        "new (1)": "#E69F00",
    }
    assert (axis.get_xscale(), axis.get_xlabel()) == ("log", "weights")


def test_a_layer_in_a_state_without_a_colour_is_refused(axis):
    with pytest.raises(ValueError, match=r"no colour for the state 'new'.*'frozen', 'retrained'"):
        plots.layers(axis, LAYERS, {"frozen": "#9A9A9A", "retrained": "#0072B2"})


# labels that come from data and from records

ODD = ["cost $x_{$ and more", "$5 to $9", "_private_model", "a^b_{c}", "x" * 400]
PHOTO = np.zeros((75, 100, 3), dtype=np.uint8)
NUMBERS = pd.DataFrame({"value": 0.7, "low": 0.6, "high": 0.8, "floor": 0.1}, index=ODD)
ODD_LAYERS = pd.DataFrame({"weights": 9, "state": ["_private_model"] + ["cost $x_{$"] * 4}, index=ODD)


def gallery_of_odd_labels(_):
    return plots.gallery([[PHOTO]] * len(ODD), ODD, titles=ODD[:1], notes=[[label] for label in ODD])


DRAWN = {
    "bars": lambda axis: plots.bars(axis, dict.fromkeys(ODD, 3), "black", notes=dict.fromkeys(ODD, "$x_{$")),
    "shares": lambda axis: plots.shares(axis, pd.DataFrame({"nv": 1.0}, index=ODD)),
    "heatmap": lambda axis: plots.heatmap(axis, pd.DataFrame(3, index=ODD, columns=ODD)),
    "gallery": gallery_of_odd_labels,
    "intervals": lambda axis: plots.intervals(axis, NUMBERS, "black"),
    "intervals, above": lambda axis: plots.intervals(axis, NUMBERS, dict.fromkeys(ODD, "black"), above=True),
    "scores": lambda axis: plots.scores(axis, pd.DataFrame(0.5, index=ODD, columns=ODD[:4])),
    "layers": lambda axis: plots.layers(axis, ODD_LAYERS, {"_private_model": "black", "cost $x_{$": "grey"}),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_labels_from_data_are_no_formulas_and_never_stop_a_figure(axis, draw):
    fig = draw(axis) or axis.figure
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fig.canvas.draw()
    written = [text for text in fig.findobj(Text) if text.get_text() and "mathdefault" not in text.get_text()]
    # What matplotlib makes of a text before it draws it: the text, and whether it is mathematics.
    seen = [text._preprocess_math(text.get_text()) for text in written]
    assert not [text for text, mathematics in seen if mathematics]
    texts = [text for text, _ in seen]
    for label in ODD[:-1]:
        assert any(text.startswith(label) for text in texts), label
    assert f"{'x' * 25}…{'x' * 24}" in texts, "the middle of a long label is left out"
    assert not [text for text in texts if "x" * 30 in text]


@pytest.mark.parametrize("draw", [DRAWN["scores"], DRAWN["layers"]], ids=["scores", "layers"])
def test_a_legend_names_what_begins_with_an_underscore(axis, draw):
    draw(axis)
    assert any(text.startswith("_private_model") for text in legend(axis))


def test_no_two_classes_have_one_colour_and_each_stands_out_from_white():
    assert set(COLOURS) == set(CLASSES) and len(set(COLOURS.values())) == len(CLASSES)
    assert min(contrast(colour, "white") for colour in COLOURS.values()) > 2

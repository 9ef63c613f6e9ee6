"""What the book's figures show: numbers where they belong, in the order given, legible on what they stand on."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb, to_rgba

from helpers import plots
from helpers.ham10000 import CLASSES, COLOURS


@pytest.fixture
def axis():
    yield plots.figure()[1]
    plt.close("all")


def labels(axis):
    """The labels at the left, from top to bottom."""
    marks = sorted(axis.get_yticklabels(), key=lambda label: label.get_position()[1])
    return [mark.get_text() for mark in (marks if axis.yaxis_inverted() else reversed(marks))]


def contrast(one, other):
    """Contrast of two colours, 1 to 21 (WCAG 2)."""

    def luminance(colour):
        levels = np.array(to_rgb(colour))
        linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
        return linear @ (0.2126, 0.7152, 0.0722)

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_bars_carry_their_numbers_and_notes_and_the_colours_of_their_classes(axis):
    plots.bars(axis, {"nv": 6705, "df": 115}, notes={"nv": "(5,403)", "df": "(73)"})
    assert labels(axis) == ["nv", "df"]
    assert [text.get_text() for text in axis.texts] == ["6,705  (5,403)", "115  (73)"]
    assert [to_hex(bar.get_facecolor()) for bar in axis.patches] == [COLOURS["nv"].lower(), COLOURS["df"].lower()]
    assert [bar.get_width() for bar in axis.patches] == [6705, 115]


def test_bars_of_nothing_are_an_empty_panel(axis):
    plots.bars(axis, {})
    assert labels(axis) == [] and not axis.patches


def test_bars_take_a_series_and_write_shares_in_hundredths(axis):
    plots.bars(axis, pd.Series({1: 0.5378, 2: 0.0}), colours="#6B7280")
    assert labels(axis) == ["1", "2"]
    assert [text.get_text() for text in axis.texts] == ["0.54", "0"]


def test_a_heatmap_writes_each_count_in_its_place_and_shades_by_row(axis):
    table = pd.DataFrame([[3720, 0], [0, 0], [1, 3]], index=["molemax", "none", "modern"], columns=["nv", "df"])
    plots.heatmap(axis, table)
    written = {text.get_position(): text.get_text() for text in axis.texts}
    assert written == {(0, 0): "3,720", (1, 0): "·", (0, 1): "·", (1, 1): "·", (0, 2): "1", (1, 2): "3"}
    assert labels(axis) == ["molemax", "none", "modern"]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["nv", "df"]
    np.testing.assert_allclose(axis.images[0].get_array(), [[1, 0], [0, 0], [0.25, 0.75]])


def test_each_number_in_a_heatmap_can_be_read(axis):
    counts = np.arange(101)
    plots.heatmap(axis, pd.DataFrame({"a": counts, "b": 100 - counts}))
    image = axis.images[0]
    for text in axis.texts:
        column, row = text.get_position()
        assert contrast(text.get_color(), image.to_rgba(image.get_array())[row, column][:3]) >= 4.5


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
    for text in fig.texts:
        edges = text.get_window_extent().transformed(fig.transFigure.inverted())
        assert edges.x0 >= 0 and edges.y0 >= 0 and edges.x1 <= 1 and edges.y1 <= 1, text
    assert texts["a"].get_window_extent().x1 / fig.bbox.width < boxes[10].x0
    plt.close(fig)


def test_a_gallery_has_notes_below_its_images_and_a_coloured_bar_before_each_row():
    image = np.zeros((75, 100, 3), dtype=np.uint8)
    fig = plots.gallery([[image, None]], ["mel"], notes=[["histo", "lost"]], colours=[COLOURS["mel"]], columns=4)
    assert [text.get_text() for text in fig.texts] == ["mel", "histo"]
    (bar,) = fig.artists if fig.artists else fig.patches
    assert to_hex(bar.get_facecolor()) == COLOURS["mel"].lower()
    (axis,) = fig.axes
    assert bar.get_x() + bar.get_width() < axis.get_position().x0
    assert axis.get_position().width < 1 / 4
    plt.close(fig)


def test_an_interval_has_its_dot_and_its_line_on_the_row_of_its_label(axis):
    table = pd.DataFrame({"median": [50, 60], "low": [40, 55], "high": [65, 62]}, index=["nv", "mel"])
    plots.intervals(axis, table, COLOURS)
    assert labels(axis) == ["nv", "mel"]
    drawn = [(list(line.get_xdata()), list(line.get_ydata()), line.get_color()) for line in axis.lines]
    assert drawn == [
        ([40, 65], [0, 0], COLOURS["nv"]),
        ([50], [0], COLOURS["nv"]),
        ([55, 62], [1, 1], COLOURS["mel"]),
        ([60], [1], COLOURS["mel"]),
    ]


def test_intervals_may_have_one_colour(axis):
    plots.intervals(axis, pd.DataFrame([[2, 1, 3]], index=["rosendahl"]), "#123456")
    assert {line.get_color() for line in axis.lines} == {"#123456"}


def test_scores_have_one_marker_for_each_model_and_metric(axis):
    table = pd.DataFrame({"accuracy": [0.7, 0.2], "macro-F1": [0.1, 0.3]}, index=["blind", "weighted"])
    plots.scores(axis, table)
    assert labels(axis) == ["blind", "weighted"]
    assert {line.get_label(): list(line.get_xdata()) for line in axis.lines} == table.to_dict("list")
    assert len({line.get_marker() for line in axis.lines}) == 2
    (*full, opaque), (*hollow, clear) = (to_rgba(line.get_markerfacecolor()) for line in axis.lines)
    assert len(set(full)) == len(set(hollow)) == 1, "the colours belong to the classes"
    assert (opaque, clear) == (1, 0), "a hollow mark does not hide the one beneath"
    assert [text.get_text() for text in axis.get_legend().get_texts()] == list(table)
    assert axis.get_xlim() == (0, 1)


def test_no_two_classes_have_one_colour_and_each_stands_out_from_white():
    assert set(COLOURS) == set(CLASSES) and len(set(COLOURS.values())) == len(CLASSES)
    assert min(contrast(colour, "white") for colour in COLOURS.values()) > 2

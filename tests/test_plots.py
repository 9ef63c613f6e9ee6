"""How a figure is shown, in a real kernel: that is where the alternative text comes from."""

import base64

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from helpers import plots

CELL = """
#| name: one-line
#| caption: A line & no more.
#| alt: One rising line,
#|   from corner to corner.
#| other: not this
fig, axis = plots.figure()
_ = axis.plot([0, 1])
plots.show(fig{arguments})
print(plots.plt.get_fignums())
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


@pytest.mark.parametrize(("cell", "kind", "signature"), [(0, "png", b"\x89PNG"), (1, "jpeg", b"\xff\xd8")])
def test_show_displays_one_picture_with_the_alt_text_of_its_cell_and_closes_it(outputs, cell, kind, signature):
    shown, printed = outputs[cell]
    assert base64.b64decode(shown.data[f"image/{kind}"]).startswith(signature)
    assert shown.metadata[f"image/{kind}"]["alt"] == ALT
    assert shown.data["text/plain"] == f"[figure: {ALT}]"
    assert f'alt="{ALT}"' in shown.data["text/html"]
    assert ">A line &amp; no more.</figcaption>" in shown.data["text/html"]
    assert printed.text == "[]\n"


def test_show_takes_the_alt_text_of_the_running_cell_alone(outputs):
    (shown,) = outputs[2]
    assert shown.metadata["image/png"]["alt"] == ""
    assert 'alt=""' in shown.data["text/html"]


def test_stacked_shares_end_at_one_and_are_written_where_there_is_room():
    table = pd.DataFrame({"df": [0.05, 0.2], "mel": [0.05, 0.3], "nv": [0.9, 0.5]}, index=["few", "many"])
    figure, axis = plots.figure()
    plots.shares(axis, table)
    ends = [bar.get_x() + bar.get_width() for bar in axis.containers[-1]]
    assert ends == pytest.approx([1, 1])
    assert [text.get_text() for text in axis.texts] == ["", "20%", "", "30%", "90%", "50%"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["few", "many"]
    assert axis.get_ylim()[0] > axis.get_ylim()[1], "the first row stands on top"
    plots.plt.close(figure)


def test_a_floor_stands_in_the_row_of_its_model():
    table = pd.DataFrame({"value": [0.7, 0.5], "low": [0.6, 0.4], "high": [0.8, 0.6], "floor": [0.2, 0.14]})
    figure, axis = plots.figure()
    plots.floors(axis, table, ["black", "grey"])
    ticks = axis.lines[-1]
    assert list(zip(ticks.get_xdata(), ticks.get_ydata(), strict=True)) == [(0.2, 0), (0.14, 1)]
    assert ticks.get_marker() == "|"
    plots.plt.close(figure)


def test_a_label_stands_above_its_row_when_asked_and_beside_it_otherwise():
    table = pd.DataFrame({"value": [0.7, 0.5], "low": [0.6, 0.4], "high": [0.8, 0.6]}, index=["a", "b"])
    figure, (beside, above) = plots.figure(2, 1, 2)
    plots.intervals(beside, table, "black")
    plots.intervals(above, table, "black", above=True)
    figure.canvas.draw()
    for axis, over in ((beside, False), (above, True)):
        for row, label in enumerate(axis.get_yticklabels()):
            box, dot = label.get_window_extent(), axis.transData.transform((0.5, row))
            assert (label.get_text(), box.y0 > dot[1], box.x0 > axis.bbox.x0) == ("ab"[row], over, over)
    plots.plt.close(figure)

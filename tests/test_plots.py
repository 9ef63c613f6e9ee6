import matplotlib.pyplot as plt
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

CELL = """
#| name: one-line
#| caption: A line.
#| alt: One rising line,
#|   from corner to corner.
#| other: not this
from helpers import plots
fig, axis = plots.figure()
_ = axis.plot([0, 1])
plots.show(fig{arguments})
"""


@pytest.fixture
def run_cell():
    """Run code as a notebook would, and return what it displayed."""
    shell = InteractiveShell.instance()

    def run(code):
        with capture_output() as captured:
            shell.run_cell(code, store_history=True).raise_error()
        return captured.outputs

    yield run
    InteractiveShell.clear_instance()
    plt.close("all")


@pytest.mark.parametrize(
    ("arguments", "kind", "signature"), [("", "png", b"\x89PNG"), (", photo=True", "jpeg", b"\xff\xd8")]
)
def test_show_displays_one_picture_with_the_alt_text_of_its_cell_and_closes_it(run_cell, arguments, kind, signature):
    (output,) = run_cell(CELL.format(arguments=arguments))
    alt = "One rising line, from corner to corner."
    assert output.data[f"image/{kind}"].startswith(signature)
    assert output.metadata[f"image/{kind}"]["alt"] == alt
    assert output.data["text/plain"] == f"[figure: {alt}]"
    assert plt.get_fignums() == []


def test_show_takes_the_alt_text_of_the_running_cell_alone(run_cell):
    run_cell(CELL.format(arguments=""))
    (output,) = run_cell("plots.show(plots.figure()[0])")
    assert "alt" not in output.metadata["image/png"]

"""book/_ext/figure_options.py: a rendered cell starts with its code, not with the options of its figure."""

import importlib.util

import pytest
from docutils import nodes
from docutils.utils import new_document

from tools.notebooks import ROOT

SPEC = importlib.util.spec_from_file_location("figure_options", ROOT / "book" / "_ext" / "figure_options.py")
figure_options = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(figure_options)


@pytest.mark.parametrize(
    ("element", "code", "shown"),
    [
        ("cell_code_source", "#| name: a\n#| alt: b\n#|   c\nx = 1\n\n#| not an option", "x = 1\n\n#| not an option"),
        ("cell_code_source", "# a comment\nx = 1", "# a comment\nx = 1"),
        ("cell_code_output", "#| printed", "#| printed"),
    ],
)
def test_only_the_leading_options_of_a_cell_s_code_are_dropped(element, code, shown):
    page = new_document("page")
    container = nodes.container(nb_element=element)
    container += nodes.literal_block(code, code)
    page += container
    figure_options.drop_options(None, page)
    (block,) = page.findall(nodes.literal_block)
    assert block.astext() == shown
    # Sphinx leaves a block unhighlighted where these two differ.
    assert block.rawsource == shown

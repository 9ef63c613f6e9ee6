"""Sphinx extension: code that a reader need not read is one quiet fold, named by what it holds.

The name is the cell's title, ``# @title Draw this figure``, which tools/notebooks.py writes.  Folded cells that follow
one another, with nothing shown between them, are one fold.
"""

from html import escape

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

TITLE = "# @title "


class Fold(nodes.Element):
    """Code behind a summary; ``names`` say what it holds."""


def visit_fold(translator, node):
    """Open the fold; the summary lists each name once."""
    summary = escape(" · ".join(dict.fromkeys(node["names_of_cells"])))
    translator.body.append(f'<details class="skin-fold"><summary>{summary}</summary>\n')


def depart_fold(translator, node):
    """Close the fold."""
    translator.body.append("</details>\n")


class Folds(SphinxPostTransform):
    """Put the code of titled cells into folds, and neighbours into one."""

    default_priority = 190  # before myst_nb's own folds, at 199
    formats = ("html",)

    def run(self, **kwargs):
        """Fold the cells of a page."""
        for cell in list(self.document.findall(nodes.container)):
            block = _titled(cell)
            if block is None:
                continue
            title, _, code = block.astext().partition("\n")
            _say(block, code)
            del cell["hide_mode"]
            source, before = cell.children[0], _before(cell)
            if before is None:
                fold = Fold(names_of_cells=[title.removeprefix(TITLE)])
                cell.replace(source, fold)
                fold += source
            else:
                fold = before.children[0]
                fold["names_of_cells"].append(title.removeprefix(TITLE))
                cell.remove(source)
                fold += source
                outputs = list(cell.children)
                cell.parent.remove(cell)
                before.extend(outputs)


def _titled(cell):
    """Return the block of code of a notebook's cell that is to be folded, None for anything else."""
    if cell.get("nb_element") != "cell_code" or cell.get("hide_mode") != "input" or not cell.children:
        return None
    block = next(iter(cell.children[0].findall(nodes.literal_block)), None)
    return block if block is not None and block.astext().startswith(TITLE) else None


def _before(cell):
    """Return the cell before this one if it is a fold and shows nothing, else None."""
    place = cell.parent.index(cell)
    before = cell.parent.children[place - 1] if place else None
    alone = isinstance(before, nodes.container) and len(before.children) == 1 and isinstance(before.children[0], Fold)
    return before if alone else None


def _say(block, code):
    """Let a block of code say this, as Sphinx highlights it: its text and its raw source are the same."""
    block.rawsource = code
    block.children = []
    block += nodes.Text(code)


def setup(app):
    """Fold when the pages are written."""
    app.add_node(Fold, html=(visit_fold, depart_fold))
    app.add_post_transform(Folds)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

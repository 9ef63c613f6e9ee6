"""Sphinx extension: the ``#|`` lines of a figure's cell do not show in the book, which draws from them its caption."""

from docutils import nodes


def drop_options(app, doctree):
    """Take the leading ``#|`` lines off the code of every notebook cell of a page."""
    for container in doctree.findall(nodes.container):
        if container.get("nb_element") != "cell_code_source":
            continue
        for block in container.findall(nodes.literal_block):
            lines = block.astext().splitlines()
            first = 1 if lines and lines[0].startswith("# @title ") else 0  # a folded cell's title stays for folds.py
            while len(lines) > first and lines[first].startswith("#|"):
                del lines[first]
            # Sphinx highlights a block only where both of these are the same text.
            block.rawsource = "\n".join(lines)
            block.children = []
            block += nodes.Text(block.rawsource)


def setup(app):
    """Clean each page as it is read."""
    app.connect("doctree-read", drop_options)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Sphinx extension: mathematics as MathML, made while the book builds; browsers draw it without a script."""

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util.math import get_node_equation_number


def inline(translator, node):
    """Write inline mathematics."""
    translator.body.append(translator.starttag(node, "span", "", CLASS="math") + convert(node.astext()) + "</span>")
    raise nodes.SkipNode


def block(translator, node):
    """Write displayed mathematics, with its number where it has one; the keyboard reaches it, to scroll it."""
    translator.body.append(translator.starttag(node, "div", CLASS="math", tabindex="0"))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(convert(node.astext(), display="block") + "</div>\n")
    raise nodes.SkipNode


def setup(app):
    """Register the renderer under the name ``mathml`` (``html_math_renderer``)."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

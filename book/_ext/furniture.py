"""Sphinx extension: small repairs to the HTML of a page that no option of the tools offers."""

import re

#: What the tools write, and what a screen reader can make sense of.
REPAIRS = {
    # The corner of a data frame or of a table: a heading cell without a heading.
    "<th></th>": "<td></td>",
    '<th class="head"><p></p></th>': '<td class="head"></td>',
    # Citations: a list whose children are no list items, in a role that has been withdrawn.
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    ' role="doc-biblioentry"': "",
    # The classes by which JupyterLab draws an admonition's box.
    " alert alert-info": "",
    " alert alert-success": "",
    " alert alert-warning": "",
    # A fold's name in place of what it says: "Show the solution".
    ' aria-label="Toggle hidden content"': "",
}
PRINTED = re.compile(r'<div class="(output (?:stream|text_plain)[^"]*)">(.*?<pre>)(.*?)(?=</pre>)', re.S)


def mark_sentences(match):
    """Mark what a cell printed as ``sentences`` where no line has columns: it may wrap, and a table may not."""
    classes, opening, text = match.groups()
    if re.search(r"\S {2,}\S", re.sub(r"<[^>]+>", "", text)):
        return match.group()
    return f'<div class="{classes} sentences">{opening}{text}'


def mend(app, pagename, templatename, context, doctree):
    """Mend the body of a page before it is written."""
    body = context.get("body", "")
    for written, wanted in REPAIRS.items():
        body = body.replace(written, wanted)
    context["body"] = PRINTED.sub(mark_sentences, body)


def setup(app):
    """Run after the theme has filled the page's context."""
    app.connect("html-page-context", mend, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Sphinx extension: small repairs to the HTML of a page that no option of the tools offers."""

#: What the tools write, and what a screen reader can make sense of.
REPAIRS = {
    # The corner of a data frame: a heading cell without a heading.
    "<th></th>": "<td></td>",
    # Citations: a list whose children are no list items, in a role that has been withdrawn.
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    ' role="doc-biblioentry"': "",
}


def mend(app, pagename, templatename, context, doctree):
    """Mend the body of a page before it is written."""
    for written, wanted in REPAIRS.items():
        context["body"] = context.get("body", "").replace(written, wanted)


def setup(app):
    """Run after the theme has filled the page's context."""
    app.connect("html-page-context", mend, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

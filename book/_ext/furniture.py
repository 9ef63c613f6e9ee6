"""Sphinx extension: what the tools leave out of a page: links that open a chapter, and small repairs to its HTML."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

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
CODE = re.compile(
    r'(<div class="highlight-[\w-]+ notranslate"><div class="highlight"><pre>)<span></span>(.*?)(?=</pre>)', re.S
)
PRINTED = re.compile(r'<div class="(output (?:stream|text_plain)[^"]*)">(.*?<pre>)(.*?)(?=</pre>)', re.S)


def mark_sentences(match):
    """Mark what a cell printed as ``sentences`` where no line has columns: it may wrap, and a table may not."""
    classes, opening, text = match.groups()
    if re.search(r"\S {2,}\S", re.sub(r"<[^>]+>", "", text)):
        return match.group()
    return f'<div class="{classes} sentences">{opening}{text}'


def by_lines(match):
    """Put each line of code into a span that knows its indent, so that a long line can wrap under its own start."""
    opening, code = match.groups()
    lines = code.splitlines(keepends=True)
    indents = [len(text) - len(text.lstrip(" ")) for text in (re.sub(r"<[^>]+>", "", line) for line in lines)]
    spans = (f'<span style="--in:{indent}ch">{line}</span>' for indent, line in zip(indents, lines, strict=True))
    return opening + "".join(spans)


def opening(app, pagename):
    """Return the line under a chapter's title: links that open its two notebooks in Colab; "" on other pages.

    Colab opens notebooks from GitHub, so a course that lies elsewhere has no such line.
    """
    learner = ROOT / "notebooks" / "learner" / f"{Path(pagename).name}.ipynb"
    theme = app.config.html_theme_options
    place = re.fullmatch(r"https://github\.com/(.+?)/?", theme.get("repository_url", ""))
    if not pagename.startswith("notebooks/") or not learner.exists() or not place:
        return ""
    start = f"{theme['launch_buttons']['colab_url']}/github/{place[1]}/blob/{theme['repository_branch']}/notebooks"
    complete, without = f"{start}/{learner.name}", f"{start}/learner/{learner.name}"
    return (
        f'<p class="skin-open">Open in Colab: <a href="{complete}">the complete notebook</a>, '
        f'or <a href="{without}">the one without solutions</a></p>'
    )


def mend(app, pagename, templatename, context, doctree):
    """Complete and mend the body of a page before it is written."""
    body = context.get("body", "").replace("</h1>", "</h1>" + opening(app, pagename), 1)
    for written, wanted in REPAIRS.items():
        body = body.replace(written, wanted)
    context["body"] = CODE.sub(by_lines, PRINTED.sub(mark_sentences, body))


def setup(app):
    """Mend a page after the theme has filled its context."""
    app.connect("html-page-context", mend, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

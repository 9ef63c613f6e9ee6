"""Sphinx extension: what ``book/status.md`` lists, made when the book is built: records, run times, versions.

The substitutions ``status_...`` come from the records and the installed packages.  The directive ``chapter-times``
is filled in last, when all notebooks have run.  ``book/results/t4.json`` has the minutes on Colab's free T4, as soon as
somebody has measured them: ``{chapter: {"minutes": number, "tier": text, "date": text}}``, the chapter by its file name
without the ending.
"""

import html
import json
import platform
import re
from functools import cache
from importlib import metadata
from pathlib import Path

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.util.docutils import SphinxDirective

from helpers import records
from helpers.records._seal import book_folder

ROOT = Path(__file__).resolve().parents[2]
MARKS = ("LEAKY", "CHOSEN ON THE TEST SET", "SYNTHETIC")
UNMEASURED = "not yet measured"
#: How the names of records end that read out a training in another way.
READINGS = r"-(evened|restored|on-test)$"
#: Packages whose versions the page names, beside those that the records name.
PACKAGES = (
    "scipy",
    "statsmodels",
    "matplotlib",
    "tensorflow",
    "keras",
    "xgboost",
    "jupyter-book",
    "myst-nb",
    "nbclient",
)
HEADS = ("Model and record", "Folds", "Wall time", "Images a second", "Date", "Marks")


@cache
def every_run(folder):
    """Return all runs in a folder, by name; an error for one that is not whole, which stops the build."""
    return [records.load_run(path.parent) for path in sorted(folder.glob("[!.]*/run.json"))]


def duration(seconds):
    """Return seconds as hours and minutes, minutes, or seconds."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 120 else f"{minutes} min"


def as_text(fact):
    """Return a fact of a record as Markdown that shows it as it is: no HTML, and no new cell of a table."""
    return html.escape(" ".join(str(fact).split()), quote=False).replace("|", "\\|")


def folds(numbers):
    """Return the folds of a run as a number or as a range; they are tested in order, from the first."""
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def marks(run):
    """Return a run's marks as short words."""
    return ", ".join(short for short in MARKS if any(mark.startswith(short) for mark in run.marks)) or "none"


def table(heads, rows, numbers=()):
    """Return a Markdown table in a frame of its own; the columns ``numbers`` are aligned to the right."""
    rule = ["---:" if place in numbers else "---" for place in range(len(heads))]
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [heads, rule, *rows]]
    return "\n".join(["```{table}", ":class: skin-records", "", *lines, "```"])


def record_tables(found):
    """Return Markdown of all run records: a heading a protocol, a table for each tier, data and device under it."""
    parts, protocol, by = [], None, {}
    for run in found:
        by.setdefault(tuple(run.facts[name] for name in ("protocol", "tier", "data", "device")), []).append(run)
    for (of, tier, source, device), runs_of_it in sorted(by.items()):
        if of != protocol:
            protocol = of
            parts.append(f"### Protocol `{protocol}`")
        rows = [
            (
                f"{as_text(run.facts['model'])} (`{run.name}`)",
                folds(run.facts["folds"]),
                duration(run.facts["wall_seconds"]),
                f"{run.facts['images_per_second']:,.1f}",
                as_text(run.facts["date"]),
                marks(run),
            )
            for run in runs_of_it
        ]
        parts.append(f"Tier {as_text(tier)}; {as_text(source)}; device: {as_text(device)}.")
        parts.append(table(HEADS, rows, numbers=(2, 3)))
    return "\n\n".join(parts)


def experiment_table(folder):
    """Return a Markdown table of the experiment records in a folder."""
    rows = []
    for path in sorted(folder.glob("*/experiment.json")):
        facts, results = records.load_experiment(path.parent)
        asked = f"{as_text(facts['question'])} (`{facts['name']}`)"
        rows.append(
            (asked, results["repetition"].nunique(), *(as_text(facts[key]) for key in ("data", "device", "date")))
        )
    return table(("Question and record", "Repetitions", "Data", "Device", "Date"), rows, numbers=(1,))


def benchmark_table(folder):
    """Return a Markdown table of the benchmarks in a folder: the JSON files that say what they measured."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        facts = json.loads(path.read_text(encoding="utf-8"))
        if "what" in facts:
            device = facts.get("device") or f"{facts['cores']} cores, {facts['processor']}"
            about = (as_text(fact) for fact in (facts["source"], device, facts["date"]))
            rows.append((f"{as_text(facts['what'])} (`{path.name}`)", *about))
    return table(("What and file", "Data", "Device", "Date"), rows)


def version_table(found):
    """Return a Markdown table: each package's version in this build, and those that the records were made with."""
    used = {}
    for run in found:
        for name, version in run.facts["versions"].items():
            used.setdefault(name, set()).add(version)
    # The record's own name of the course's package is that of its folder.
    names = [name for name in used if name not in ("Python", "helpers")]
    names += [name for name in PACKAGES if name not in names]
    rows = [("Python", platform.python_version(), ", ".join(sorted(used.get("Python", ()))) or "–")]
    for name in names:
        rows.append((name, metadata.version(name), ", ".join(sorted(used.get(name, ()))) or "–"))
    return table(("Package", "This build", "The records"), rows)


def trained_with(found):
    """Return a Markdown table: what the records of networks say that each recipe was trained with."""
    rows = []
    for run in found:
        chosen = run.facts["hyperparameters"]
        recipe = chosen.get("recipe")
        if recipe is None or chosen["priors"] != "as trained" or run.facts["chosen_on"] != "validation":
            continue
        height, width = chosen["image"]
        best = chosen["best_epoch"]
        row = (
            f"{as_text(recipe['label'])} (`{run.name}`)",
            f"{width} x {height}",
            f"`{recipe['cut']}`" if "cut" in recipe else "nothing",
            f"{recipe['learning_rate']:g}",
            recipe["batch"],
            f"{chosen['epochs_at_most']}; " + ", ".join(map(str, best if isinstance(best, list) else [best])),
            "yes" if recipe["weighted"] else "no",
            "yes" if recipe["augmentation"] else "no",
            as_text(chosen["precision"]),
        )
        rows.append(row)
    heads = ("Model and record", "Pixels", "Frozen up to", "Learning rate", "Batch", "Epochs: at most; best")
    heads += ("Class weights", "Augmented", "Precision")
    return table(heads, rows, numbers=(3, 4)) if rows else "There is no record of a network yet."


def substitutions(folder):
    """Return ``{name: text}`` of what the page says of the records in ``folder``."""
    found = every_run(folder)
    trained = {re.sub(READINGS, "", run.name): run for run in found}
    return {
        "status_count": str(len(found)),
        "status_trainings": str(len(trained)),
        "status_hours": f"{sum(run.facts['wall_seconds'] for run in trained.values()) / 3600:.0f}",
        "status_records": record_tables(found),
        "status_experiments": experiment_table(folder),
        "status_benchmarks": benchmark_table(folder),
        "status_versions": version_table(found),
        "trained_with": trained_with(found),
        "status_system": f"{platform.system()} on {platform.machine()}",
    }


def chapter_rows(env, folder):
    """Return ``(page, title, seconds, minutes on a T4)`` of each chapter, in the book's order; texts but the page."""
    path = folder / "t4.json"
    measured = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    rows = []
    for page in sorted(page for page in env.found_docs if page.startswith("notebooks/")):
        ran = NbMetadataCollector.get_exec_data(env, page)
        t4 = measured.get(page.split("/")[1])
        seconds = f"{ran['runtime']:.1f}" if ran and ran["runtime"] is not None else UNMEASURED
        on_t4 = f"{t4['minutes']:.1f} ({t4['tier']} tier, {t4['date']})" if t4 else UNMEASURED
        rows.append((page, env.titles[page].astext(), seconds, on_t4))
    return rows


class ChapterTimes(SphinxDirective):
    """A place for the table of run times, which are known when all pages have been read."""

    def run(self):
        return [chapter_times()]


class chapter_times(nodes.General, nodes.Element):
    """The place that :class:`ChapterTimes` keeps."""


def fill_times(app, doctree, page):
    """Put the table where a page kept a place for it."""
    for place in list(doctree.findall(chapter_times)):
        rows = chapter_rows(app.env, book_folder())
        group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in (6, 2, 4)), cols=3)
        heads = ("Chapter", "Seconds in this build", "Minutes on Colab's free T4")
        group += nodes.thead("", _row([nodes.Text(head) for head in heads]))
        body = nodes.tbody()
        for target, title, seconds, on_t4 in rows:
            link = nodes.reference("", title, internal=True, refuri=app.builder.get_relative_uri(page, target))
            body += _row([link, nodes.Text(seconds), nodes.Text(on_t4)])
        group += body
        place.replace_self(nodes.table("", group, classes=["table", "skin-records"]))


def _row(cells):
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))


def setup(app):
    """Hand the substitutions to MyST before it reads a page, and fill in the run times after the last."""
    app.add_node(chapter_times)
    app.add_directive("chapter-times", ChapterTimes)

    def fill(app, config):
        config.myst_substitutions.update(substitutions(book_folder()))

    app.connect("config-inited", fill, priority=100)
    app.connect("doctree-resolved", fill_times)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

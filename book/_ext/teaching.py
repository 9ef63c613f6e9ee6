"""Sphinx extension: how long the chapters take, and timetables made of them, for ``book/teaching.md``.

The minutes are those at the head of each chapter: change them there, and the timetables follow.
"""

import re
from datetime import datetime, timedelta

from chapter_links import BOOK, FOLDER, notebooks
from status_page import table

#: The rows of the table at a chapter's head that a class spends time on; while cells run, the teacher talks on.
READING = re.compile(r"^# \| to read \| (\d+) \|$", re.M)
EXERCISES = re.compile(r"^# \| to do the three exercises \| (\d+) \|$", re.M)

START = datetime(2000, 1, 1, 9)  # of this only the hour shows
WELCOME = ("Welcome; the box of the first chapter shows on every laptop", 15)
PAUSE, LUNCH = ("Pause", 15), ("Lunch", 60)
MIX = ("{{chapter:where-could-90-come-from}}: *Bet first*, *The mix*, *What each explanation is worth*", 40)
CLOSING = ("What will you now ask of a paper?", 15)
DATA, SPLIT, WEIGH = "meet-the-data", "split-without-leaking", "augment-and-weigh"
CLASSICAL, CNN, VGG16, RESNET = "classical-baselines", "cnn-from-scratch", "transfer-vgg16", "transfer-resnet"
PAPER, WHERE = "against-the-paper", "where-could-90-come-from"


def a_part_a_day(book):
    """Return one day for each part of the book: all its chapters, with pauses between them and lunch in the middle."""
    parts = {}
    for slug, chapter in book.items():
        parts.setdefault(chapter.part, []).append(slug)
    days = []
    for slugs in parts.values():
        pauses = [LUNCH if number == (len(slugs) + 1) // 2 else PAUSE for number in range(1, len(slugs))]
        days.append([item for pair in zip(slugs, [*pauses, PAUSE], strict=True) for item in pair][:-1])
    return [[WELCOME, *days[0]], *days[1:-1], [*days[-1], CLOSING]]


#: By plan, its days.  A slug is a whole chapter; the rest are words and minutes.
PLANS = {
    "half_day": [[WELCOME, DATA, PAUSE, SPLIT, PAUSE, MIX, CLOSING]],
    "one_day": [[WELCOME, DATA, PAUSE, SPLIT, LUNCH, CLASSICAL, PAUSE, PAPER, PAUSE, MIX, CLOSING]],
    "two_days": [
        [WELCOME, DATA, PAUSE, SPLIT, LUNCH, WEIGH, PAUSE, CLASSICAL, PAUSE, CNN],
        [VGG16, PAUSE, RESNET, LUNCH, PAPER, PAUSE, WHERE, PAUSE, CLOSING],
    ],
    "three_days": a_part_a_day(BOOK),
}


def durations(book):
    """Return ``{slug: (link, minutes of reading, minutes of exercises)}`` of the book's chapters.

    Raises ``ValueError`` for a chapter whose head does not say its minutes.
    """
    times = {}
    for slug, chapter in book.items():
        head = chapter.source.read_text(encoding="utf-8")
        reading, exercises = READING.search(head), EXERCISES.search(head)
        if not reading or not exercises:
            raise ValueError(f"{chapter.source}: the head lacks the minutes to read or to do the three exercises")
        link = f"[Chapter {chapter.number}: {chapter.title}]({FOLDER}{slug}.ipynb)"
        times[slug] = (link, int(reading.group(1)), int(exercises.group(1)))
    return times


def clock(day, times):
    """Return ``[(from when, what, minutes)]`` of the items of a day, one after the other, and when it ends."""
    now, rows = START, []
    for item in day:
        if isinstance(item, str):
            what, reading, exercises = times[item]
            minutes = reading + exercises
        else:
            what, minutes = item
        rows.append((f"{now:%H:%M}", what, minutes))
        now += timedelta(minutes=minutes)
    return rows, f"{now:%H:%M}"


def timetable(days, times):
    """Return Markdown: a table for each of the days."""
    parts = []
    for number, day in enumerate(days, 1):
        rows, end = clock(day, times)
        if len(days) > 1:
            parts.append(f"Day {number}")
        parts.append(table(("From", "What", "Minutes"), [*rows, (end, "End", "")], numbers=(2,)))
    return "\n\n".join(parts)


def substitutions(book):
    """Return ``{name: text}``: what each chapter takes, all of them together, and the plans."""
    times = durations(book)
    rows = [(link, reading, exercises, reading + exercises) for link, reading, exercises in times.values()]
    texts = {
        "teaching_chapters": table(("Chapter", "To read", "Exercises", "Together"), rows, numbers=(1, 2, 3)),
        "teaching_hours": f"{sum(row[-1] for row in rows) / 60:.0f}",
    }
    plans = {f"teaching_{plan}": timetable(days, times) for plan, days in PLANS.items()}
    return texts | {name: notebooks.resolve(text, book, FOLDER) for name, text in plans.items()}


def setup(app):
    """Hand the substitutions to MyST before it reads a page."""

    def fill(app, config):
        config.myst_substitutions.update(substitutions(BOOK))

    app.connect("config-inited", fill, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

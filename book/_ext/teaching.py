"""Sphinx extension: how long the chapters take, and timetables made of them, for ``book/teaching.md``.

The minutes are those at the head of each chapter: change them there, and the timetables follow.
"""

import re
from datetime import datetime, timedelta
from pathlib import Path

from status_page import table

ROOT = Path(__file__).resolve().parents[2]
TITLE = re.compile(r"^# # (.+)$", re.M)
#: The rows of the table at a chapter's head that a class spends time on; while cells run, the teacher talks on.
READING = re.compile(r"^# \| to read \| (\d+) \|$", re.M)
EXERCISES = re.compile(r"^# \| to do the three exercises \| (\d+) \|$", re.M)

START = datetime(2000, 1, 1, 9)  # of this only the hour shows
WELCOME = ("Welcome; the box of Chapter 1 shows on every laptop", 15)
PAUSE, LUNCH = ("Pause", 15), ("Lunch", 60)
MIX = ("{chapter9}: *Bet first*, *The mix*, *What each explanation is worth*", 40)
CLOSING = ("What will you now ask of a paper?", 15)
#: By plan, its days.  A number is a whole chapter; the rest are words and minutes.
PLANS = {
    "half_day": [[WELCOME, 1, PAUSE, 2, PAUSE, MIX, CLOSING]],
    "one_day": [[WELCOME, 1, PAUSE, 2, LUNCH, 4, PAUSE, 8, PAUSE, MIX, CLOSING]],
    "two_days": [
        [WELCOME, 1, PAUSE, 2, LUNCH, 3, PAUSE, 4, PAUSE, 5],
        [6, PAUSE, 7, LUNCH, 8, PAUSE, 9, PAUSE, CLOSING],
    ],
}


def chapters(folder):
    """Return ``{number: (link, minutes of reading, minutes of exercises)}`` of the chapters' sources in a folder.

    Raises ``ValueError`` for a chapter whose head does not say its minutes.
    """
    found = {}
    for path in sorted(folder.glob("[0-9][0-9]-*.py")):
        head = path.read_text(encoding="utf-8")
        parts = [pattern.search(head) for pattern in (TITLE, READING, EXERCISES)]
        if not all(parts):
            raise ValueError(f"{path}: the head lacks a title, or the minutes to read or to do the three exercises")
        title, reading, exercises = (part.group(1) for part in parts)
        number = int(path.stem[:2])
        link = f"[Chapter {number}: {title}](../notebooks/{path.stem}.ipynb)"
        found[number] = (link, int(reading), int(exercises))
    return found


def clock(day, found):
    """Return ``[(from when, what, minutes)]`` of the items of a day, one after the other, and when it ends."""
    links = {f"chapter{number}": link for number, (link, *_) in found.items()}
    now, rows = START, []
    for item in day:
        words, minutes = (f"{{chapter{item}}}", sum(found[item][1:])) if isinstance(item, int) else item
        rows.append((f"{now:%H:%M}", words.format_map(links), minutes))
        now += timedelta(minutes=minutes)
    return rows, f"{now:%H:%M}"


def timetable(days, found):
    """Return Markdown: a table for each of the days."""
    parts = []
    for number, day in enumerate(days, 1):
        rows, end = clock(day, found)
        if len(days) > 1:
            parts.append(f"Day {number}")
        parts.append(table(("From", "What", "Minutes"), [*rows, (end, "End", "")], numbers=(2,)))
    return "\n\n".join(parts)


def substitutions(found):
    """Return ``{name: text}``: what each chapter takes, all of them together, and the plans."""
    rows = [(link, reading, exercises, reading + exercises) for link, reading, exercises in found.values()]
    said = {
        "teaching_chapters": table(("Chapter", "To read", "Exercises", "Together"), rows, numbers=(1, 2, 3)),
        "teaching_hours": f"{sum(row[-1] for row in rows) / 60:.0f}",
    }
    return said | {f"teaching_{plan}": timetable(days, found) for plan, days in PLANS.items()}


def setup(app):
    """Hand the substitutions to MyST before it reads a page."""

    def fill(app, config):
        config.myst_substitutions.update(substitutions(chapters(ROOT / "notebooks" / "src")))

    app.connect("config-inited", fill, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

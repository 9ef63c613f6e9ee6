"""The quiz that ends a chapter: each option opens its own explanation.

Its text is data: ``quizzes/<slug of the chapter>.toml`` holds ``[[questions]]``, each with a ``text`` and some
``[[questions.options]]``; an option has a ``text``, says ``why`` it is right or wrong, and one of them is
``right = true``.  Line breaks within a text are blanks.

What is shown is plain HTML without scripts or addresses, so that it works in the book, in Colab and in JupyterLab, with
the keyboard and with a screen reader, and offline.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

from helpers.checks._core import in_html

QUIZZES = Path(__file__).parent / "quizzes"


@dataclass(frozen=True)
class Option:
    """One option of a question: its text, whether it is right, and why."""

    text: str
    right: bool
    why: str


@dataclass(frozen=True)
class Question:
    """A question and its options; in all their texts, what stands between backticks is shown as code."""

    text: str
    options: tuple[Option, ...]


@dataclass(frozen=True)
class Quiz:
    """The questions of a chapter; shown as HTML in a notebook, as text in a terminal."""

    chapter: str
    questions: tuple[Question, ...]

    def __repr__(self):
        lines = [f"Quiz: {self.chapter}"]
        for place, question in enumerate(self.questions, start=1):
            options = list(zip(ascii_uppercase, question.options, strict=False))
            lines += ["", f"{place}. {question.text}"]
            lines += [f"   {letter}. {option.text}" for letter, option in options]
        lines += ["", "Answers"]
        for place, question in enumerate(self.questions, start=1):
            for letter, option in zip(ascii_uppercase, question.options, strict=False):
                lines.append(f"{place}{letter}. {_judgement(option)} {option.why}")
        return "\n".join(lines)

    def _repr_html_(self):
        parts = [
            '<section class="skin-quiz" aria-label="Quiz" style="border:1px solid;border-radius:.4em;'
            'padding:.4em 1em .8em;margin:.5em 0;line-height:1.5">'
            "<p>Choose an option to open its explanation.</p>"
        ]
        for place, question in enumerate(self.questions, start=1):
            name = f"quiz-{self.chapter}-{place}"
            parts.append(f'<div role="group" aria-labelledby="{name}" style="margin:1em 0 0">')
            text = f"{place}. {in_html(question.text)}"
            parts.append(f'<p id="{name}" style="margin:0 0 .4em"><strong>{text}</strong></p>')
            for letter, option in zip(ascii_uppercase, question.options, strict=False):
                icon = "✓" if option.right else "✗"
                parts.append(
                    f'<details name="{name}" '
                    'style="border:1px solid;border-radius:.3em;margin:.3em 0;padding:.3em .7em">'
                    f'<summary style="cursor:pointer">{letter}. {in_html(option.text)}</summary>'
                    f'<p style="margin:.4em 0 .2em"><span aria-hidden="true">{icon}</span> '
                    f"<strong>{_judgement(option)}</strong> {in_html(option.why)}</p></details>"
                )
            parts.append("</div>")
        return "".join(parts) + "</section>"


def _judgement(option):
    return "Right." if option.right else "Not quite."


def quiz(chapter):
    """Return the :class:`Quiz` of a chapter, which a notebook shows as the last line of a cell.

    Parameters
    ----------
    chapter : str
        The chapter's slug, such as ``"split-without-leaking"``.

    Raises
    ------
    ValueError
        If that chapter has no quiz, or its file is not as it should be; the message names the question at fault.

    Examples
    --------
    >>> from helpers import checks
    >>> print(str(checks.quiz("split-without-leaking")).splitlines()[0])
    Quiz: split-without-leaking
    """
    path = QUIZZES / f"{chapter}.toml"
    if not path.is_file():
        known = ", ".join(sorted(other.stem for other in QUIZZES.glob("*.toml")))
        raise ValueError(f"there is no quiz {chapter!r}; there are {known}")
    return Quiz(chapter, read_questions(path))


def read_questions(path):
    """Return the questions of a quiz's file as a tuple of :class:`Question`.

    Raises
    ------
    ValueError
        Naming the file, the question and the remedy, if the file is no TOML, lacks a text or has one too many.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is no TOML: {error}") from None
    _require(content, {"questions": list}, path.name)
    return tuple(
        _question(entry, f"{path.name}, question {place}") for place, entry in enumerate(content["questions"], start=1)
    )


def _question(entry, where):
    _require(entry, {"text": str, "options": list}, where)
    options = []
    for letter, option in zip(ascii_uppercase, entry["options"], strict=False):
        _require({"right": False} | option, {"text": str, "right": bool, "why": str}, f"{where}, option {letter}")
        options.append(Option(_one_line(option["text"]), option.get("right", False), _one_line(option["why"])))
    if sum(option.right for option in options) != 1:
        raise ValueError(f"{where}: write 'right = true' in exactly one of its {len(options)} options")
    return Question(_one_line(entry["text"]), tuple(options))


def _require(table, kinds, where):
    """Raise unless a table holds exactly these keys, with values of these kinds that are not empty."""
    for key in table:
        if key not in kinds:
            raise ValueError(f"{where}: {key!r} is not known; choose from {', '.join(kinds)}")
    for key, kind in kinds.items():
        if not isinstance(table.get(key), kind) or table[key] in ("", []):
            raise ValueError(f"{where}: {key!r} has to be a {kind.__name__} and not empty")


def _one_line(text):
    return " ".join(text.split())

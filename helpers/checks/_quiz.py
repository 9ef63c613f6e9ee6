"""The quiz that ends a chapter: each option opens its own explanation.  Chapter 1 introduces it.

It is plain HTML without scripts or addresses, so that it works in the book, in Colab and in JupyterLab, with the
keyboard and with a screen reader, and offline.
"""

from dataclasses import dataclass
from string import ascii_uppercase

from helpers.checks._core import chapter_module, in_html


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

    chapter: int
    questions: tuple[Question, ...]

    def __repr__(self):
        lines = [f"Quiz of chapter {self.chapter}"]
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

    Raises
    ------
    ValueError
        If that chapter has none.
    """
    questions = chapter_module(chapter).QUIZ
    if not questions:
        raise ValueError(f"chapter {chapter} has no quiz")
    return Quiz(chapter, questions)

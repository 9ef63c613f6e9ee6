"""The verdict on an answer, and the register of the checkers.  Chapter 1 introduces it."""

import functools
import html
import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MODULES = {
    1: "_meet_the_data",
    2: "_split_without_leaking",
    3: "_preprocess_and_augment",
    4: "_classical_baselines",
    5: "_cnn_from_scratch",
    6: "_transfer_vgg16",
    7: "_transfer_resnet",
    8: "_against_the_paper",
    9: "_where_could_90_come_from",
}
_EXERCISES = {}


class _Unanswered(Exception):
    """The learner's function returns nothing yet."""


class _Raised(Exception):
    """The learner's function raised the exception that is this one's argument."""


@dataclass(frozen=True)
class Exercise:
    """One exercise: its number, what kind of answer it expects, what to say of a right one, and its checker."""

    number: str
    expects: str
    praise: str
    checker: Callable[..., str | None]


@dataclass(frozen=True)
class Verdict:
    """What a check says: ``message`` is the whole text, shown in a box in a notebook and plain elsewhere."""

    passed: bool
    message: str

    def __repr__(self):
        return self.message

    def _repr_html_(self):
        head, _, rest = self.message.partition(". ")
        icon, colour = ("✓", "#2E8B57") if self.passed else ("→", "#B8741A")
        return (
            f'<div class="skin-verdict" role="status" style="border:1px solid;border-left:.4em solid {colour};'
            'border-radius:.3em;padding:.5em .8em;margin:.3em 0;line-height:1.5">'
            f'<span aria-hidden="true">{icon}</span> <strong>{in_html(head)}.</strong> {in_html(rest)}</div>'
        )


def in_html(text):
    """Return plain text as HTML; what stands between backticks becomes code."""
    code = r'<code style="color:inherit;background:none">\1</code>'
    return re.sub(r"`([^`]+)`", code, html.escape(text))


def chapter_module(number):
    """Return the module ``chapterNN`` that holds a chapter's exercises and quiz.

    Raises
    ------
    ValueError
        If that chapter has none.
    """
    name = f"{__package__}.{MODULES.get(number)}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ValueError(f"chapter {number} has no exercises and no quiz") from None


def exercise(number, *, expects, praise):
    """Register a checker as that of exercise ``number``, "chapter.place".

    Parameters
    ----------
    number : str
        Such as ``"1.2"``.
    expects : str
        The kind of answer in words, "the share of nevi, between 0 and 1": said where an answer is blank or unreadable.
    praise : str
        What to say of a right answer: a sentence that takes the learner a step on.

    Raises
    ------
    ValueError
        If the number is taken.
    """

    def register(checker):
        there = _EXERCISES.get(number)
        if there and there.checker.__qualname__ != checker.__qualname__:
            raise ValueError(f"exercise {number} has a checker already: {there.checker.__qualname__}")
        _EXERCISES[number] = Exercise(number, expects, praise, checker)
        return checker

    return register


def exercises(chapter):
    """Return the chapter's exercises as ``{number: Exercise}``, in order."""
    chapter_module(chapter)
    return {number: _EXERCISES[number] for number in sorted(_EXERCISES) if number.split(".")[0] == str(chapter)}


def _is_blank(answer):
    if isinstance(answer, Mapping):
        return any(_is_blank(value) for value in answer.values())
    if isinstance(answer, list | tuple | set | frozenset):
        return any(_is_blank(value) for value in answer)
    return answer is None or answer is ...


def _guarded(function):
    """Return the learner's function; where it returns a blank or raises, an exception that :func:`check` knows."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            raise _Raised(error) from error
        if _is_blank(result):
            raise _Unanswered
        call.returned = type(result).__name__
        return result

    return call


def check(number, answer, *context):
    """Return the :class:`Verdict` on an answer.  No answer makes it raise: a blank, wrong or broken one gets a hint.

    Parameters
    ----------
    number : str
        The exercise, such as ``"1.2"``.
    answer : object
        What the exercise asks for: a value, a table or a function.
    *context : object
        What the checker compares with, as the notebook's check cell gives it: mostly the data set, ``ham``.

    Raises
    ------
    ValueError
        If there is no such exercise.
    """
    number = str(number)
    found = re.fullmatch(r"(\d+)\.(\d+)", number)
    known = exercises(int(found.group(1))) if found else {}
    if number not in known:
        raise ValueError(f"there is no exercise {number!r}; this chapter has {', '.join(known) or 'none'}")
    task = known[number]
    blank = Verdict(
        False,
        f"Exercise {number}: not answered yet. Expected: {task.expects}. "
        "Replace each `...`, run that cell, then run this one again.",
    )
    if _is_blank(answer):
        return blank
    given = _guarded(answer) if callable(answer) else answer
    try:
        hint = task.checker(given, *context)
    except _Unanswered:
        return blank
    except _Raised as raised:
        error = raised.args[0]
        hint = f"Your function raises `{type(error).__name__}: {error}`. Call it yourself in a new cell to see where."
    except Exception as error:
        kind = type(answer).__name__
        what = f"function returns a `{given.returned}`" if hasattr(given, "returned") else f"answer is a `{kind}`"
        hint = f"Your {what}, which this check cannot read ({type(error).__name__}). Expected: {task.expects}."
    if hint:
        return Verdict(False, f"Exercise {number}: not yet. {hint}")
    return Verdict(True, f"Exercise {number}: correct. {task.praise}")

"""The verdict on an answer, and the register of the checkers."""

import difflib
import functools
import html
import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_EXERCISES = {}


class _Unanswered(Exception):
    """The learner's function returns nothing yet."""


class _Raised(Exception):
    """The learner's function raised the exception that is this one's argument."""


@dataclass(frozen=True)
class Exercise:
    """One exercise: its slug, what kind of answer it expects, what to say of a right one, and its checker."""

    slug: str
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


def exercise(slug, *, expects, praise):
    """Register a checker as that of the exercise ``slug``, a name that no other exercise of the book has.

    Parameters
    ----------
    slug : str
        Such as ``"leaked-images"``.
    expects : str
        The kind of answer in words, "the share of nevi, between 0 and 1": said where an answer is blank or unreadable.
    praise : str
        What to say of a right answer: a sentence that takes the learner a step on.

    Raises
    ------
    ValueError
        If another checker has that slug.
    """

    def register(checker):
        other = _EXERCISES.get(slug)
        if other and _place(other.checker) != _place(checker):
            raise ValueError(f"exercise {slug!r} has a checker already, {_place(other.checker)}: choose another slug")
        _EXERCISES[slug] = Exercise(slug, expects, praise, checker)
        return checker

    return register


def _place(function):
    return f"{function.__module__}.{function.__qualname__}"


def exercises():
    """Return all exercises as ``{slug: Exercise}``; every module of this folder is imported, which registers them."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        importlib.import_module(f"{__package__}.{module.name}")
    return _EXERCISES


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


def check(slug, answer, *context):
    """Return the :class:`Verdict` on an answer.  No answer makes it raise: a blank, wrong or broken one gets a hint.

    Parameters
    ----------
    slug : str
        The exercise, such as ``"leaked-images"``.
    answer : object
        What the exercise asks for: a value, a table or a function.
    *context : object
        What the checker compares with, as the notebook's check cell gives it: mostly the data set, ``ham``.

    Raises
    ------
    ValueError
        If there is no such exercise; the message names those that are spelt most like it.

    Examples
    --------
    >>> from helpers import checks
    >>> answer = {"height over width, squashed": 4 / 3, "share lost, cropped": 0.75}
    >>> checks.check("cost-of-a-square", answer, None)  # None in place of a data set, which this one does not need
    Exercise cost-of-a-square: not yet. Your second number is the share that is *kept*. The question is about the rest.
    >>> checks.check("cost-of-a-square", answer | {"share lost, cropped": 0.25}, None).passed
    True
    """
    known = exercises()
    if slug not in known:
        nearest = difflib.get_close_matches(str(slug), known, cutoff=0)
        raise ValueError(f"there is no exercise {slug!r}; the nearest are {', '.join(nearest)}")
    task = known[slug]
    blank = Verdict(
        False,
        f"Exercise {slug}: not answered yet. Expected: {task.expects}. "
        "Replace each `...`, run that cell, then run this one again.",
    )
    if _is_blank(answer):
        return blank
    guarded = _guarded(answer) if callable(answer) else answer
    try:
        hint = task.checker(guarded, *context)
    except _Unanswered:
        return blank
    except _Raised as raised:
        error = raised.args[0]
        hint = f"Your function raises `{type(error).__name__}: {error}`. Call it yourself in a new cell to see where."
    except Exception as error:
        kind = type(answer).__name__
        returned = getattr(guarded, "returned", None)
        what = f"function returns a `{returned}`" if returned else f"answer is a `{kind}`"
        hint = f"Your {what}, which this check cannot read ({type(error).__name__}). Expected: {task.expects}."
    if hint:
        return Verdict(False, f"Exercise {slug}: not yet. {hint}")
    return Verdict(True, f"Exercise {slug}: correct. {task.praise}")

"""Checks of the exercises and the quizzes: an answer gets a verdict in words at once.  Chapter 1 introduces it.

In a notebook: ``checks.check("1.2", answer, ham)`` and ``checks.quiz(1)`` as the last line of a cell.  What chapter N
asks stands in ``helpers/checks/chapterNN.py``: three checkers and a quiz.  A checker takes the answer and the context,
and returns the hint that fits a wrong answer, or None if the answer is right::

    @exercise("1.2", expects="the share of nevi, between 0 and 1", praise="Two images in three show a nevus.")
    def share_of_nevi(answer, ham):
        right = (ham.table.dx == "nv").mean()
        if np.isclose(answer, 100 * right):
            return "This is a percentage; give a share between 0 and 1."
        if not np.isclose(answer, right):
            return "Divide the number of nv images by the number of all images."

It needs no guard: of a blank answer, of one that raises and of one of a wrong kind :func:`check` speaks by itself.
An answer that is a function is called like any other, ``answer(ham.table.copy())``; hand it copies.
"""

from helpers.checks._core import Exercise, Verdict, check, exercise, exercises
from helpers.checks._quiz import Option, Question, Quiz, quiz

__all__ = ["Exercise", "Option", "Question", "Quiz", "Verdict", "check", "exercise", "exercises", "quiz"]

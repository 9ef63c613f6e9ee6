"""Checks of the exercises, and quizzes: an answer gets a verdict in words at once.

In a notebook: ``checks.check("leaked-images", answer, ham)`` and ``checks.quiz("split-without-leaking")``, each as the
last line of a cell.  The checkers of a chapter stand in a module of this folder that has the chapter's name; it is
found by itself.  A checker takes the answer and the context, and returns the hint that fits a wrong answer, or None if
the answer is right::

    @exercise("share-of-nevi", expects="a share between 0 and 1", praise="Two images in three show a nevus.")
    def share_of_nevi(answer, ham):
        right = (ham.table["dx"] == "nv").mean()
        if np.isclose(answer, 100 * right):
            return "This is a percentage; give a share between 0 and 1."
        if not np.isclose(answer, right):
            return "Divide the number of nv images by the number of all images."

It needs no guard: of a blank answer, of one that raises and of one of a wrong kind :func:`check` speaks by itself.
An answer that is a function is called like any other, ``answer(ham.table.copy())``; hand it copies.

The text of a chapter's quiz stands in ``quizzes/``, in a file of the chapter's name.
"""

from helpers.checks._core import check
from helpers.checks._quiz import quiz

__all__ = ["check", "quiz"]

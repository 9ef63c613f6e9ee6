"""Every exercise: a blank fails, the solution passes, wrong answers get the hint that fits them.  And the quizzes."""

import importlib
import re

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from chapters import SOURCES, namespace, number, tasks

from helpers import checks, settings
from helpers.checks import _core as core
from helpers.checks import _quiz as questions
from tools import notebooks

EXERCISES = [name for path in SOURCES for name in checks.exercises(number(path))]
CHAPTERS = sorted({number(path) for path in SOURCES})
NOTEBOOKS = {number(path): notebooks.build(path) for path in SOURCES}
SLUGS = {number(path): path.stem[3:] for path in SOURCES}


def chapter_of(name):
    return int(name.split(".")[0])


def wrong_answers(name):
    return importlib.import_module(f"wrong_answers_{chapter_of(name):02d}").WRONG.get(name, {})


def verdict(name, code, given):
    """The verdict of the check cell after a stub's or a solution's code."""
    task = tasks(NOTEBOOKS[chapter_of(name)])[name]
    names = namespace(NOTEBOOKS[chapter_of(name)], given)
    exec(getattr(task, code), names)
    return eval(task.check, names)


@pytest.fixture(params=["ham", "real_ham"], ids=["sample", "real"])
def dataset(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def given(dataset, config):
    return lambda name: {"ham": dataset, "config": settings.for_chapter(SLUGS[chapter_of(name)], cache=config.cache)}


# --- the exercises -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_three_exercises_each_in_the_notebook_and_in_the_register(chapter):
    wanted = [f"{chapter}.{place}" for place in (1, 2, 3)]
    assert list(tasks(NOTEBOOKS[chapter])) == wanted
    assert list(checks.exercises(chapter)) == wanted


@pytest.mark.parametrize("name", EXERCISES)
def test_a_blank_answer_fails_and_is_told_so(name, given):
    found = verdict(name, "stub", given(name))
    assert not found.passed
    assert "not answered yet" in found.message


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_passes(name, given):
    found = verdict(name, "solution", given(name))
    assert found.passed, found


@pytest.mark.parametrize("name", EXERCISES)
def test_a_wrong_answer_gets_the_hint_that_fits_it(name, dataset):
    answers = wrong_answers(name)
    assert len(answers) >= 3, f"tests/wrong_answers_{chapter_of(name):02d}.py needs three wrong answers to {name}"
    hints = set()
    for what, (make, words) in answers.items():
        found = checks.check(name, make(dataset), dataset)
        assert not found.passed, f"{name} takes {what!r} for right"
        assert words in found.message, f"{name}, {what}: {found}"
        assert "not answered yet" not in found.message
        hints.add(found.message)
    assert len(hints) >= 3, f"{name} has one hint for different mistakes: {hints}"


@pytest.mark.parametrize("name", EXERCISES)
def test_a_stub_stands_line_by_line_in_its_solution(name):
    task = tasks(NOTEBOOKS[chapter_of(name)])[name]
    stub = [line.split("#")[0].split("...")[0].rstrip() for line in task.stub.splitlines()]
    solution = iter(task.solution.splitlines())
    for line in filter(None, stub):
        assert any(there.startswith(line) for there in solution), f"{name}: {line!r} is not in the solution, in order"


@pytest.mark.parametrize("name", EXERCISES)
def test_a_stub_and_its_solution_check_the_same_name(name):
    task = tasks(NOTEBOOKS[chapter_of(name)])[name]
    assert task.check.startswith(f'checks.check("{name}", ')
    assert task.solution.splitlines()[-1] == task.check


def spoil(*tables):
    """A learner's function that spoils what it is given."""
    for table in tables:
        if isinstance(table, pd.DataFrame):
            for column in list(table):
                del table[column]
    return 0


def unkind(*_):
    raise KeyError("dx")


ODD = [
    ..., None, "", "nv", 0, -1, True, float("nan"), 10**400, [], {}, {"a": ...}, (..., 1), {1, 2}, object(), int, pd.NA,
    pd.DataFrame(), pd.Series(dtype=float), np.array([]), np.zeros((2, 2)), np.array(["a"]), spoil, unkind, lambda: 1,
    lambda *_: ..., lambda *_: None, lambda *_: [], lambda *_: np.zeros((3, 3)), lambda *_: pd.DataFrame(),
]  # fmt: skip


@pytest.mark.parametrize("name", EXERCISES)
@pytest.mark.parametrize("answer", ODD, ids=[f"{place}-{type(odd).__name__}" for place, odd in enumerate(ODD)])
def test_no_odd_answer_raises_passes_or_changes_the_data(name, answer, ham):
    before = ham.table.copy()
    found = checks.check(name, answer, ham)
    assert isinstance(found, checks.Verdict)
    assert not found.passed
    pd.testing.assert_frame_equal(ham.table, before)


# --- the verdict ---------------------------------------------------------------------------------------------------


@pytest.fixture
def register(monkeypatch):
    monkeypatch.setattr(core, "_EXERCISES", {})

    @checks.exercise("1.1", expects="a function that doubles", praise="Twice `x` it is.")
    def doubling(answer, factor=2):
        if answer(3) != 3 * factor:
            return "Multiply, & do not add."

    return doubling


def test_a_right_answer_is_praised(register):
    found = checks.check("1.1", lambda x: 2 * x)
    assert found.passed
    assert repr(found) == "Exercise 1.1: correct. Twice `x` it is."


def test_a_wrong_answer_gets_the_checker_s_hint_and_the_context_counts(register):
    assert repr(checks.check("1.1", lambda x: x + 2)) == "Exercise 1.1: not yet. Multiply, & do not add."
    assert checks.check("1.1", lambda x: 3 * x, 3).passed


@pytest.mark.parametrize("answer", [..., None, lambda x: None, lambda x: ..., lambda x: [1, ...], {"a": {"b": None}}])
def test_a_blank_is_told_what_is_expected(register, answer):
    found = checks.check("1.1", answer)
    assert not found.passed
    assert "not answered yet. Expected: a function that doubles." in found.message


def test_a_function_that_raises_is_told_what_it_raised(register):
    assert "Your function raises `KeyError: 'dx'`" in checks.check("1.1", unkind).message


def test_an_answer_of_a_wrong_kind_is_told_its_type_and_what_is_expected(register):
    found = checks.check("1.1", 4).message
    assert "Your answer is a `int`" in found
    assert "Expected: a function that doubles." in found
    assert "Your function returns a `ndarray`" in checks.check("1.1", lambda x: np.arange(3)).message


def test_the_box_says_the_same_as_the_text_in_words_and_an_icon(register):
    for answer, icon in ((lambda x: 2 * x, "✓"), (lambda x: 1, "→")):
        found = checks.check("1.1", answer)
        box = BeautifulSoup(found._repr_html_(), "html.parser")
        assert box.text == f"{icon} {found.message.replace('`', '')}"
        assert box.find(attrs={"aria-hidden": "true"}).text == icon


def test_an_answer_cannot_put_mark_up_into_the_box(register):
    def spiteful(x):
        raise ValueError("<script>alert(1)</script>")

    assert "<script" not in checks.check("1.1", spiteful)._repr_html_()


@pytest.mark.parametrize("name", ["1.7", "99.1", "one", 1])
def test_an_exercise_that_is_not_there_is_the_notebook_s_mistake(register, name):
    with pytest.raises(ValueError, match=rf"there is no exercise {str(name)!r}|chapter 99 has no exercises"):
        checks.check(name, 1)


def test_the_number_of_an_exercise_may_be_a_number(register):
    assert checks.check(1.1, register).passed == checks.check("1.1", register).passed


def test_one_exercise_has_one_checker(register):
    with pytest.raises(ValueError, match=r"exercise 1\.1 has a checker already: .*doubling"):
        checks.exercise("1.1", expects="", praise="")(unkind)
    # A cell or a module that runs again registers its checker again.
    assert checks.exercise("1.1", expects="a", praise="b")(register) is register


def test_a_chapter_whose_module_is_broken_is_not_called_missing(monkeypatch):
    def broken(name):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(core.importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="torch"):
        checks.exercises(1)


# --- the quizzes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_quiz_has_a_right_option_a_wrong_one_and_a_reason_for_each(chapter):
    quiz = checks.quiz(chapter)
    assert 2 <= len(quiz.questions) <= 3
    for question in quiz.questions:
        assert {option.right for option in question.options} == {True, False}, question.text
        assert len({option.text for option in question.options}) == len(question.options) >= 3, question.text
        for option in question.options:
            assert len(option.why.split()) >= 4, f"{option.text}: an explanation has to explain"
    firsts = {[option.right for option in question.options].index(True) for question in quiz.questions}
    assert len(firsts) > 1, "the right option stands at the same place in every question"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_quiz_needs_no_script_no_network_and_breaks_no_order_of_headings(chapter):
    html = checks.quiz(chapter)._repr_html_()
    page = BeautifulSoup(html, "html.parser")
    assert not page.find_all(["script", "link", "img", "iframe", "h1", "h2", "h3", "h4", "h5", "h6"])
    assert not re.search(r"https?:|\bon\w+=|url\(", html)
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids))
    for group in page.find_all(attrs={"role": "group"}):
        assert group["aria-labelledby"] in ids
    for details in page.find_all("details"):
        assert details.find("summary", recursive=False).text.strip()
        assert details.find("strong").text in ("Right.", "Not quite.")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_quiz_says_the_same_in_text_as_in_html(chapter):
    quiz = checks.quiz(chapter)
    page = BeautifulSoup(quiz._repr_html_(), "html.parser").text
    for question in quiz.questions:
        for text in (question.text, *(part for option in question.options for part in (option.text, option.why))):
            assert text in repr(quiz)
            assert text.replace("`", "") in page


def test_ids_differ_between_the_quizzes_of_two_chapters():
    one = (checks.Question("Q?", (checks.Option("a", True, "w"), checks.Option("b", False, "w"))),)
    assert 'id="quiz-1-1"' in checks.Quiz(1, one)._repr_html_()
    assert 'id="quiz-2-1"' in checks.Quiz(2, one)._repr_html_()


def test_a_quiz_marks_the_right_option_and_escapes_what_it_says():
    options = (checks.Option("`<`", True, "a"), checks.Option("no", False, "b"))
    quiz = checks.Quiz(1, (checks.Question("Is 1 < 2?", options),))
    judged = [tag.text for tag in BeautifulSoup(quiz._repr_html_(), "html.parser").select("details strong")]
    assert judged == ["Right.", "Not quite."]
    assert "1. Is 1 &lt; 2?" in quiz._repr_html_()
    assert "<code" in quiz._repr_html_()
    assert "1A. Right. a\n1B. Not quite. b" in repr(quiz)


def test_a_chapter_without_a_quiz_says_so(monkeypatch):
    class Empty:
        QUIZ = ()

    monkeypatch.setattr(questions, "chapter_module", lambda number: Empty)
    with pytest.raises(ValueError, match="chapter 5 has no quiz"):
        checks.quiz(5)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="chapter 99 has no exercises and no quiz"):
        checks.quiz(99)

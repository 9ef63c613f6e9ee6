"""Every exercise: a blank fails, the solution passes, wrong answers get the hint that fits them.  And the quizzes."""

import importlib
import inspect
import re

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from chapters import SOURCES, namespace, tasks

from helpers import checks, settings
from helpers.checks import _core as core
from helpers.checks import _quiz as quizzes
from tools import notebooks

CHAPTERS = [path.stem for path in SOURCES]
NOTEBOOKS = {path.stem: notebooks.build(path) for path in SOURCES}
TASKS = {slug: task for notebook in NOTEBOOKS.values() for slug, task in tasks(notebook).items()}
CHAPTER_OF = {slug: chapter for chapter, notebook in NOTEBOOKS.items() for slug in tasks(notebook)}
EXERCISES = list(TASKS)


def module(chapter):
    return chapter.replace("-", "_")


def wrong_answers(exercise):
    return importlib.import_module(f"wrong_answers_{module(CHAPTER_OF[exercise])}").WRONG.get(exercise, {})


def verdict(exercise, code, names):
    """The verdict of the check cell after a stub's or a solution's code."""
    task = TASKS[exercise]
    space = namespace(NOTEBOOKS[CHAPTER_OF[exercise]], names)
    exec(getattr(task, code), space)
    return eval(task.check, space)


def reads_the_data(exercise):
    """Whether a checker looks at the data set: one that does not calls its parameter ``_ham``."""
    return "_ham" not in inspect.signature(core.exercises()[exercise].checker).parameters


#: Every exercise on the sample, and on the real images those whose checkers look at them.
on_data = pytest.mark.parametrize(
    ("exercise", "dataset"),
    [(exercise, "ham") for exercise in EXERCISES]
    + [(exercise, "real_ham") for exercise in EXERCISES if reads_the_data(exercise)],
    indirect=["dataset"],
)


@pytest.fixture
def dataset(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def names(dataset, config):
    """What a learner's notebook has before any exercise, by name."""
    return lambda exercise: {
        "ham": dataset,
        "config": settings.for_chapter(CHAPTER_OF[exercise], cache=config.cache),
    }


# --- the exercises -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_three_exercises_each_in_the_notebook_and_in_its_module(chapter):
    checkers = {slug: exercise.checker.__module__ for slug, exercise in core.exercises().items()}
    in_module = [slug for slug, name in checkers.items() if name == f"helpers.checks._{module(chapter)}"]
    assert list(tasks(NOTEBOOKS[chapter])) == in_module
    assert len(in_module) == 3


def test_no_two_exercises_share_a_slug_and_every_one_stands_in_a_notebook():
    in_notebooks = [slug for notebook in NOTEBOOKS.values() for slug in tasks(notebook)]
    assert len(set(in_notebooks)) == len(in_notebooks)
    assert set(core.exercises()) == set(in_notebooks)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug) for slug in in_notebooks)


@on_data
def test_a_blank_answer_fails_and_is_told_so(exercise, names):
    blank = verdict(exercise, "stub", names(exercise))
    assert not blank.passed
    assert "not answered yet" in blank.message


@on_data
def test_the_solution_passes(exercise, names):
    solved = verdict(exercise, "solution", names(exercise))
    assert solved.passed, solved


@on_data
def test_a_wrong_answer_gets_the_hint_that_fits_it(exercise, dataset):
    answers = wrong_answers(exercise)
    assert len(answers) >= 3, f"the wrong answers of {CHAPTER_OF[exercise]} need three to {exercise}"
    hints = set()
    for mistake, (make, words) in answers.items():
        wrong = checks.check(exercise, make(dataset), dataset)
        assert not wrong.passed, f"{exercise} takes {mistake!r} for right"
        assert words in wrong.message, f"{exercise}, {mistake}: {wrong}"
        assert "not answered yet" not in wrong.message
        hints.add(wrong.message)
    assert len(hints) >= 3, f"{exercise} has one hint for different mistakes: {hints}"


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_stub_stands_line_by_line_in_its_solution(exercise):
    task = TASKS[exercise]
    stub = [line.split("#")[0].split("...")[0].rstrip() for line in task.stub.splitlines()]
    assert any(stub)
    solution = iter(task.solution.splitlines())
    for line in filter(None, stub):
        assert any(there.startswith(line) for there in solution), f"{line!r} is not in the solution, in order"


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_stub_and_its_solution_check_the_same_name(exercise):
    task = TASKS[exercise]
    assert task.check.startswith(f'checks.check("{exercise}", ')
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


@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize("answer", ODD, ids=[f"{place}-{type(odd).__name__}" for place, odd in enumerate(ODD)])
def test_no_odd_answer_raises_passes_or_changes_the_data(exercise, answer, ham):
    before = ham.table.copy()
    odd = checks.check(exercise, answer, ham)
    assert isinstance(odd, core.Verdict)
    assert not odd.passed
    pd.testing.assert_frame_equal(ham.table, before)


# --- the verdict ---------------------------------------------------------------------------------------------------


@pytest.fixture
def register(monkeypatch):
    monkeypatch.setattr(core, "_EXERCISES", {})

    @core.exercise("doubling", expects="a function that doubles", praise="Twice `x` it is.")
    def doubling(answer, factor=2):
        if answer(3) != 3 * factor:
            return "Multiply, & do not add."

    return doubling


def test_a_right_answer_is_praised(register):
    found = checks.check("doubling", lambda x: 2 * x)
    assert found.passed
    assert repr(found) == "Exercise doubling: correct. Twice `x` it is."


def test_a_wrong_answer_gets_the_checker_s_hint_and_the_context_counts(register):
    assert repr(checks.check("doubling", lambda x: x + 2)) == "Exercise doubling: not yet. Multiply, & do not add."
    assert checks.check("doubling", lambda x: 3 * x, 3).passed


@pytest.mark.parametrize("answer", [..., None, lambda x: None, lambda x: ..., lambda x: [1, ...], {"a": {"b": None}}])
def test_a_blank_is_told_what_is_expected(register, answer):
    found = checks.check("doubling", answer)
    assert not found.passed
    assert "not answered yet. Expected: a function that doubles." in found.message


def test_a_function_that_raises_is_told_what_it_raised(register):
    assert "Your function raises `KeyError: 'dx'`" in checks.check("doubling", unkind).message


def test_an_answer_of_a_wrong_kind_is_told_its_type_and_what_is_expected(register):
    found = checks.check("doubling", 4).message
    assert "Your answer is a `int`" in found
    assert "Expected: a function that doubles." in found
    assert "Your function returns a `ndarray`" in checks.check("doubling", lambda x: np.arange(3)).message


def test_the_box_says_the_same_as_the_text_in_words_and_an_icon(register):
    for answer, icon in ((lambda x: 2 * x, "✓"), (lambda x: 1, "→")):
        found = checks.check("doubling", answer)
        box = BeautifulSoup(found._repr_html_(), "html.parser")
        assert box.text == f"{icon} {found.message.replace('`', '')}"
        assert box.find(attrs={"aria-hidden": "true"}).text == icon


def test_an_answer_cannot_put_mark_up_into_the_box(register):
    def spiteful(x):
        raise ValueError("<script>alert(1)</script>")

    assert "<script" not in checks.check("doubling", spiteful)._repr_html_()


@pytest.mark.parametrize("slug", ["leaked-image", "2.1", "", 1, None])
def test_an_exercise_that_is_not_there_is_the_notebook_s_mistake(slug):
    with pytest.raises(ValueError, match=f"there is no exercise {re.escape(repr(slug))}; the nearest are [a-z]"):
        checks.check(slug, 1)


def test_the_message_names_the_exercise_that_was_meant():
    with pytest.raises(ValueError, match="the nearest are leaked-images,"):
        checks.check("leaked_images", 1)


def test_one_exercise_has_one_checker(register):
    with pytest.raises(ValueError, match=r"exercise 'doubling' has a checker already, .*doubling: choose another slug"):
        core.exercise("doubling", expects="", praise="")(unkind)
    # A cell or a module that runs again registers its checker again.
    assert core.exercise("doubling", expects="a", praise="b")(register) is register


def test_two_chapters_with_a_checker_of_one_name_and_slug_are_told_apart(register):
    def other(answer):
        return None

    other.__qualname__, other.__module__ = register.__qualname__, "helpers.checks._another_chapter"
    with pytest.raises(ValueError, match="has a checker already"):
        core.exercise("doubling", expects="", praise="")(other)


def test_a_module_that_cannot_be_imported_is_not_passed_over(monkeypatch):
    def broken(name):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(core.importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="torch"):
        checks.check("leaked-images", 1)


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
    assert len(ids) == len(set(ids)) == len(checks.quiz(chapter).questions)
    groups, options = page.find_all(attrs={"role": "group"}), page.find_all("details")
    assert len(groups) == len(ids) and len(options) >= 3 * len(ids)
    for group in groups:
        assert group["aria-labelledby"] in ids
    for details in options:
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


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_tick_stands_beside_the_right_option_and_a_cross_beside_a_wrong_one(chapter):
    quiz = checks.quiz(chapter)
    icons = [icon.text for icon in BeautifulSoup(quiz._repr_html_(), "html.parser").select("details [aria-hidden]")]
    options = [option for question in quiz.questions for option in question.options]
    assert icons == ["✓" if option.right else "✗" for option in options] != []


def test_ids_differ_between_the_quizzes_of_two_chapters():
    questions = (quizzes.Question("Q?", (quizzes.Option("a", True, "w"), quizzes.Option("b", False, "w"))),)
    assert 'id="quiz-split-1"' in quizzes.Quiz("split", questions)._repr_html_()
    assert 'id="quiz-models-1"' in quizzes.Quiz("models", questions)._repr_html_()


def test_a_quiz_marks_the_right_option_and_escapes_what_it_says():
    options = (quizzes.Option("`<`", True, "a"), quizzes.Option("no", False, "b"))
    quiz = quizzes.Quiz("split", (quizzes.Question("Is 1 < 2?", options),))
    judged = [tag.text for tag in BeautifulSoup(quiz._repr_html_(), "html.parser").select("details strong")]
    assert judged == ["Right.", "Not quite."]
    assert "1. Is 1 &lt; 2?" in quiz._repr_html_()
    assert "<code" in quiz._repr_html_()
    assert "1A. Right. a\n1B. Not quite. b" in repr(quiz)


def test_every_quiz_belongs_to_a_chapter():
    assert {path.stem for path in quizzes.QUIZZES.iterdir()} == set(CHAPTERS)


@pytest.mark.parametrize("chapter", ["split", 2, None])
def test_a_chapter_without_a_quiz_says_so(chapter):
    with pytest.raises(ValueError, match=f"there is no quiz {chapter!r}; there are .*split-without-leaking"):
        checks.quiz(chapter)


QUIZ = '''\
[[questions]]
text = """
How
  many?"""

[[questions.options]]
text = "One."
right = true
why = "Count."

[[questions.options]]
text = "Two."
why = "Count again."
'''


def test_line_breaks_in_a_quiz_s_file_are_blanks_and_an_option_is_wrong_unless_it_says_right(tmp_path):
    (tmp_path / "quiz.toml").write_text(QUIZ)
    (question,) = quizzes.read_questions(tmp_path / "quiz.toml")
    assert question.text == "How many?"
    assert question.options == (quizzes.Option("One.", True, "Count."), quizzes.Option("Two.", False, "Count again."))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (QUIZ, "", "quiz.toml: 'questions' has to be a list and not empty"),
        (QUIZ, "questions = []", "quiz.toml: 'questions' has to be a list and not empty"),
        ("[[questions]]", "[[questions", "quiz.toml is no TOML: .*line 1"),
        ("[[questions]]\n", "[[questions]]\nhint = 'x'\n", "quiz.toml, question 1: 'hint' is not known"),
        ("right = true", "", "quiz.toml, question 1: write 'right = true' in exactly one of its 2 options"),
        ('text = "Two."', 'text = "Two."\nright = true', "in exactly one of its 2 options"),
        ("right = true", 'right = "yes"', "question 1, option A: 'right' has to be a bool"),
        ('why = "Count again."', "", "question 1, option B: 'why' has to be a str and not empty"),
        ('"Two."', '""', "question 1, option B: 'text' has to be a str and not empty"),
        ('"Two."', "2", "question 1, option B: 'text' has to be a str and not empty"),
    ],
)
def test_a_quiz_s_file_that_is_not_as_it_should_be_is_refused_by_place_and_reason(tmp_path, old, new, words):
    assert old in QUIZ
    (tmp_path / "quiz.toml").write_text(QUIZ.replace(old, new, 1))
    with pytest.raises(ValueError, match=words):
        quizzes.read_questions(tmp_path / "quiz.toml")

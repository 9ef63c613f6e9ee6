"""A chapter is put in between: its own files and one line of _toc.yml, and everything after it counts on."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from tools import notebooks

ROOT = notebooks.ROOT
BEFORE = "split-without-leaking"
SOURCE = """\
# %% [markdown]
# # Counting to two
#
# After {{chapter:split-without-leaking}}, before {{chapter:the-papers-test-set}}.
#
# | | minutes |
# |---|---:|
# | to read | 1 |
# | to do the three exercises | 1 |

# %%
from helpers import checks

# %% [markdown]
# ### Exercise: one and one

# %% tags=["stub"]
two = ...

# %% tags=["nbval-check-output"]
checks.check("one-and-one", two)

# %% tags=["solution", "nbval-check-output"]
two = 1 + 1
checks.check("one-and-one", two)

# %% tags=["nbval-check-output"]
checks.quiz("counting-to-two")
"""
CHECKER = '''\
"""The checkers of *counting-to-two*."""

from helpers.checks._core import exercise


@exercise("one-and-one", expects="a number", praise="You can count.")
def one_and_one(answer):
    return None if answer == 2 else "Count again."
'''
QUIZ = """\
[[questions]]
text = "What is one and one?"

[[questions.options]]
text = "Two."
right = true
why = "Count."

[[questions.options]]
text = "Three."
why = "Count again."
"""


def built(root):
    """Return ``{slug: text}`` of the notebooks that a project's sources give, not executed."""
    book = notebooks.chapters(root)
    return {slug: json.dumps(notebooks.build(chapter.source, root)) for slug, chapter in book.items()}


def insert(root):
    """Put a chapter in after the second, as an author would: its files, and one line in the contents."""
    (root / "notebooks" / "src" / "counting-to-two.py").write_text(SOURCE)
    (root / "helpers" / "checks" / "_counting_to_two.py").write_text(CHECKER)
    (root / "helpers" / "checks" / "quizzes" / "counting-to-two.toml").write_text(QUIZ)
    contents, line = root / "_toc.yml", f"      - file: notebooks/{BEFORE}\n"
    assert contents.read_text().count(line) == 1
    contents.write_text(contents.read_text().replace(line, f"{line}      - file: notebooks/counting-to-two\n"))


def copy(root, *names):
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, root / name)
    return root


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of what notebooks are made from; what they were before a chapter was put in; what they are after."""
    root = copy(tmp_path_factory.mktemp("project"), "_toc.yml", "pyproject.toml", "helpers", "tools", "notebooks/src")
    before = built(root)
    insert(root)
    return root, before, built(root)


def python(root, *arguments):
    environment = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.run([sys.executable, *arguments], cwd=root, env=environment, text=True, capture_output=True)


def test_the_other_notebooks_differ_by_the_numbers_of_the_chapters_that_moved_alone(project):
    _, before, after = project
    place = list(before).index(BEFORE) + 1
    assert list(after) == [*list(before)[:place], "counting-to-two", *list(before)[place:]]

    def counted_back(match):
        number = int(match[2])
        assert number != place + 1, "nothing but the new chapter has its number, and nobody links it yet"
        return f"Chapter{match[1]}{number - (number > place)}"

    assert any(after[slug] != before[slug] for slug in before)
    for slug in before:
        assert re.sub(r"Chapter(\\n| )(\d+)", counted_back, after[slug]) == before[slug], slug


def test_the_new_notebook_is_generated_and_its_exercise_and_quiz_are_there(project):
    root, *_ = project
    done = python(root, "tools/notebooks.py", "counting-to-two")
    assert done.returncode == 0, done.stderr
    for folder in ("", "learner"):
        made = nbformat.read(root / "notebooks" / folder / "counting-to-two.ipynb", as_version=4)
        opening = made.cells[0].source
        assert "[Chapter 2](split-without-leaking.ipynb), before [Chapter 4](the-papers-test-set" in opening
    complete = nbformat.read(root / "notebooks" / "counting-to-two.ipynb", as_version=4)
    texts = [output.data["text/plain"] for cell in complete.cells for output in cell.get("outputs", [])]
    assert texts[0].startswith("Exercise one-and-one: not answered yet.")
    assert texts[1] == "Exercise one-and-one: correct. You can count."
    assert texts[2].startswith("Quiz: counting-to-two\n\n1. What is one and one?\n   A. Two.\n   B. Three.")


@pytest.mark.long
def test_the_book_is_built_with_the_new_chapter_and_numbers_it(tmp_path):
    root = copy(
        tmp_path, "_toc.yml", "_config.yml", "pyproject.toml", "requirements.lock", "README.md", "helpers", "tools",
        "book", "notebooks/src", "benchmarks",
    )  # fmt: skip
    insert(root)
    for path in notebooks.sources(root):
        complete = notebooks.build(path, root)
        notebooks.write(complete, root / "notebooks" / f"{path.stem}.ipynb")
        notebooks.write(notebooks.learner_edition(complete), root / "notebooks" / "learner" / f"{path.stem}.ipynb")
    config = yaml.safe_load((root / "_config.yml").read_text())
    config["execute"] = {"execute_notebooks": "off"}
    (root / "_config.yml").write_text(yaml.safe_dump(config))
    done = python(root, Path(sys.executable).with_name("jupyter-book"), "build", ".", "--quiet")
    assert done.returncode == 0, done.stderr[-3000:]
    html = root / "_build" / "html"
    assert (html / "notebooks" / "counting-to-two.html").is_file()
    book = notebooks.chapters(root)
    for page, link in {
        "notebooks/counting-to-two.html": 'href="the-papers-test-set.html">Chapter 4</a>',
        "book/teaching.html": f'href="../notebooks/cnn-from-scratch.html">Chapter {book["cnn-from-scratch"].number}: ',
        "book/index.html": f"Chapters 1 to {len(book)} are here",
    }.items():
        text = re.sub(r"</?span[^>]*>", "", (html / page).read_text(encoding="utf-8"))
        assert link in re.sub(r' class="[^"]*"', "", text), page

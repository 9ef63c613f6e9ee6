"""What README.md, CONTRIBUTING.md and CHANGELOG.md say of the project is so."""

import re
from importlib.util import find_spec

import pytest

import helpers
from helpers.checks import _quiz as quizzes
from tools import notebooks

ROOT = notebooks.ROOT
README, CONTRIBUTING, CHANGELOG, NOTICE = (
    (ROOT / f"{name}.md").read_text(encoding="utf-8") for name in ("README", "CONTRIBUTING", "CHANGELOG", "NOTICE")
)
#: The book's pages and the sources of its chapters.
PAGES = sorted([*(ROOT / "book").glob("*.md"), *(ROOT / "notebooks" / "src").glob("*.py")])
#: Names of a chapter that CONTRIBUTING.md invents, where a path of the project has one.
INVENTED = re.compile(r"my[-_]chapter")


def missing_paths(text):
    """Return the paths between backticks, and the files that links lead to, that are not in the project."""
    paths = re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|md|toml|yml|cff|lock))`", text)
    paths += re.findall(r"\]\((?!https?://|#)([^)]+)\)", text)
    # Made by `make`: not there in a fresh clone.
    paths = {path for path in paths if not path.startswith(("_build", ".venv")) and not INVENTED.search(path)}
    folders = [ROOT, ROOT / "helpers", ROOT / "tools" / "measure"]
    return sorted(path for path in paths if not any((folder / path).exists() for folder in folders))


@pytest.mark.parametrize("text", [README, CONTRIBUTING, NOTICE], ids=["README", "CONTRIBUTING", "NOTICE"])
def test_every_path_in_the_documents_is_there(text):
    assert missing_paths(text) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_file_of_the_code_that_a_page_or_chapter_names_is_there(path):
    # `helpers.lesions` is looked for as a module or a name of one, `helpers/lesions.py` as a file.
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"(?:`|\")((?:helpers|tools|tests)/[\w./-]*)`", text)
    dotted = re.findall(r"(?<![\w.])helpers\.([a-z]\w*)", text)
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert [name for name in dotted if not find_spec(f"helpers.{name}")] == []


def test_a_path_that_is_not_there_is_found():
    assert missing_paths("`helpers/plots.py`, `helpers/nothing/`, [x](GONE.md), `tests/none.py`, `_toc.yml`") == [
        "GONE.md",
        "helpers/nothing/",
        "tests/none.py",
    ]


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_every_make_command_in_the_documents_is_there(text):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M)
    named = set(re.findall(r"(?:`|^|\s)make ([a-z-]+)(?:`|\s+#|\n)", text))
    assert {"book", "test"} <= named <= set(targets)


def table_after(text, head):
    """Return the first column of the table whose head line begins with ``head``, without backticks."""
    rows = text.split(f"\n| {head} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [name.strip() for row in rows for name in row.split("|")[1].replace("`", "").split(",")]


def test_the_documents_name_all_ten_rooms_in_their_order():
    line = re.search(r"``(ham10000 .*?)``", helpers.__doc__).group(1)
    rooms = re.findall(r"\w+", line)
    assert len(rooms) == 10
    assert table_after(README, "part of `helpers`") == rooms
    assert line in CONTRIBUTING


def test_contributing_names_the_measuring_scripts_and_tags_that_are_there():
    scripts = [path.stem for path in (ROOT / "tools" / "measure").glob("[a-z]*.py")]
    assert sorted(table_after(CONTRIBUTING, "script")) == sorted(scripts)
    tags = {tag for tag in table_after(CONTRIBUTING, "tag") if " " not in tag}
    assert {"setup", "stub", "solution", "instructor", "assertion", "nbval-check-output"} <= tags <= set(notebooks.TAGS)


def test_the_quiz_in_contributing_is_one(tmp_path):
    path = tmp_path / "my-chapter.toml"
    path.write_text(re.search(r"```toml\n(.*?)```", CONTRIBUTING, flags=re.S).group(1), encoding="utf-8")
    (question,) = quizzes.read_questions(path)
    assert [option.right for option in question.options] == [True, False]


def test_what_is_unreleased_stands_in_one_line_a_change_under_its_kind():
    unreleased = re.search(r"^## Unreleased\n(.*?)(?=^## )", CHANGELOG, flags=re.M | re.S)
    if unreleased is None or not unreleased.group(1).strip():  # right after a release
        return
    kinds = re.findall(r"^### (\w+)$", unreleased.group(1), flags=re.M)
    assert kinds == [kind for kind in ("Added", "Changed", "Removed", "Fixed") if kind in kinds] and kinds
    lines = [line for line in unreleased.group(1).splitlines() if line and not line.startswith("### ")]
    assert lines
    for line in lines:
        assert re.fullmatch(r"- .{10,118}\.", line), line

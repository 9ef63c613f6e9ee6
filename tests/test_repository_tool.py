"""tools/repository.py: one command moves the course to another address, and no file that it does not know names it."""

import json
import re
import shutil
import subprocess

import pytest

from tools import notebooks, repository

ROOT = repository.ROOT
FORK = "https://github.com/me/fork.of-it"
OWNER, NAME = repository.parse(repository.named())


def files():
    """Return the paths of all files of the project, committed or to be."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("this is no git checkout, so nobody can say which files belong to the project")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.fixture
def copy(tmp_path):
    """A copy of the files that name the repository, and of the sources of the notebooks."""
    for path in [*repository.places(), *notebooks.sources(), ROOT / "_toc.yml"]:
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    return tmp_path


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_no_other_file_names_the_repository():
    known = set(repository.places())
    named = []
    for path in files():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        if path not in known and (repository.names(text, (OWNER, NAME)) or f"{OWNER}/{NAME}" in text):
            named.append(path.relative_to(ROOT).as_posix())
    assert named == []


def test_every_file_that_has_to_name_it_does():
    for path in repository.places():
        assert repository.names(path.read_text(encoding="utf-8"), (OWNER, NAME)), path.name


def test_after_a_move_no_file_names_the_old_address_and_all_name_the_new_one(copy, capsys):
    assert repository.main([FORK], copy) == 0
    assert repository.named(copy) == FORK
    for path in repository.places(copy):
        text = path.read_text(encoding="utf-8")
        assert f"{OWNER}/{NAME}" not in text and f"{OWNER.lower()}.github.io" not in text, path.name
        assert repository.names(text, ("me", "fork.of-it")), path.name
    readme = (copy / "README.md").read_text(encoding="utf-8")
    assert f"git clone {FORK}\ncd fork.of-it\n" in readme
    assert "https://me.github.io/fork.of-it/" in readme
    assert f"{len(repository.places(copy))} files" in capsys.readouterr().out


def test_after_a_move_the_notebooks_are_what_their_sources_give(copy):
    repository.main([FORK], copy)
    assert notebooks.differences(copy) == []
    for path in repository.places(copy):
        if path.suffix == ".ipynb":
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            assert f"{FORK}/archive/refs/" in "".join(line for cell in cells for line in cell["source"])


def test_the_name_of_the_package_stays(copy):
    repository.main([FORK], copy)
    assert 'name = "learning-to-see-skin-lesions"' in (copy / "pyproject.toml").read_text(encoding="utf-8")


def test_there_and_back_is_where_it_was(copy):
    before = contents(copy)
    repository.move(FORK, copy)
    repository.move(f"https://github.com/{OWNER}/{NAME}.git", copy)
    assert contents(copy) == before


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.com/me/fork",
        "git@github.com:me/fork.git",
        "http://github.com/me/fork",
        "https://github.com/me",
        "https://github.com/me/fork/tree/main",
        "https://github.com/me/fork?tab=readme",
        "https://github.com/me/fo rk",
        "https://github.com/-me/fork",
        "https://github.com/me/..",
    ],
)
def test_what_is_no_repository_on_github_is_refused_and_nothing_changes(copy, capsys, url):
    before = contents(copy)
    assert repository.main([url], copy) == 1
    assert "write https://github.com/OWNER/NAME" in capsys.readouterr().err
    assert contents(copy) == before


def test_a_write_that_fails_changes_no_file(copy, monkeypatch, capsys):
    before = contents(copy)
    write, last = type(copy).write_text, repository.places(copy)[-1].name

    def refuse(path, *rest, **more):
        if path.name.startswith(last):
            raise OSError("No space left on device")
        return write(path, *rest, **more)

    monkeypatch.setattr(type(copy), "write_text", refuse)
    assert repository.main([FORK], copy) == 1
    assert "No space left" in capsys.readouterr().err
    assert contents(copy) == before


def test_without_an_address_it_says_which_it_is_and_changes_nothing(copy, capsys):
    before = contents(copy)
    assert repository.main([], copy) == 0
    printed = capsys.readouterr().out
    assert f"https://github.com/{OWNER}/{NAME}" in printed and "CITATION.cff" in printed
    assert contents(copy) == before


def test_a_longer_name_that_begins_alike_is_another_repository():
    old, new = ("me", "course"), ("you", "lesson")
    for same in (
        "github.com/me/course-2",
        "github.com/me/course.data",
        "github.com/me/courses",
        "me.github.io/course_b",
    ):
        assert repository.rewritten(f"https://{same}", old, new) == f"https://{same}"
    for text, wanted in {
        "See https://github.com/me/course.": "See https://github.com/you/lesson.",
        "git+https://github.com/me/course.git": "git+https://github.com/you/lesson.git",
        "https://colab.research.google.com/github/me/course/blob": "https://colab.research.google.com/github/you/lesson/blob",
        "https://me.github.io/course/a.html": "https://you.github.io/lesson/a.html",
        "cd course\ncd courses": "cd lesson\ncd courses",
    }.items():
        assert repository.rewritten(text, old, new) == wanted


def test_make_hands_the_address_to_the_tool():
    command = ["make", "--dry-run", "--no-print-directory", "repository", f"URL={FORK}"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert re.search(rf"tools/repository\.py {re.escape(FORK)}$", done.stdout.strip())

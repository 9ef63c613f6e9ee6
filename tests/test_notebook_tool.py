"""tools/notebooks.py on a notebook of the tests' own: both editions, the outputs it keeps, what it refuses."""

import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from tools import notebooks

ROOT = notebooks.ROOT
SOURCE = """\
# %% [markdown]
# # A tiny chapter
#
# See {{chapter:next}}, the [glossary](../book/glossary.md) and <img src="../book/a.png" alt="a">.

# %% tags=["setup"]
# {{install}}

# %%
import os
import time

import pandas as pd
from IPython.display import display

from helpers import plots

# %% tags=["nbval-check-output"]
#| name: two-dots
#| caption: Two dots
#|   and a line.
#| alt: Two dots on a white ground.
fig, ax = plots.figure()
ax.plot([1, 2], "o")
plots.show(fig)

# %% tags=["nbval-check-output"]
pd.DataFrame({"a": [1, 2]})

# %% tags=["nbval-check-output"]
print(os.environ["SKIN_TIER"], "SKIN_DATA" in os.environ, flush=True)
time.sleep(0.5)
print(os.path.basename(os.getcwd()))

# %%
print("not stored")

# %% [markdown] tags=["instructor"]
# Say this.

# %% tags=["stub"]
answer = ...

# %% tags=["solution"]
answer = 1

# %% tags=["assertion"]
assert answer == 1
"""


NEXT = "# %% [markdown]\n# # The next\n\n# %%\n# Chapter {{number:tiny}} comes before.\nx = 1\n"


def lay_out(root):
    """Write a project of two chapters; their notebooks import the real helpers."""
    (root / "notebooks" / "src").mkdir(parents=True)
    (root / "notebooks" / "src" / "tiny.py").write_text(SOURCE)
    (root / "notebooks" / "src" / "next.py").write_text(NEXT)
    (root / "pyproject.toml").write_text(
        '[project]\nversion = "1.2.0"\n[project.urls]\nRepository = "https://host.example/course"\n'
    )
    (root / "_toc.yml").write_text(
        "root: book/index\nparts:\n- chapters:\n  - file: book/setup\n- chapters:\n"
        "  - file: notebooks/tiny\n  - file: notebooks/next\n"
    )
    return root


@pytest.fixture
def project(tmp_path):
    """A project whose notebooks are not generated yet."""
    return lay_out(tmp_path)


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """The same after ``python tools/notebooks.py``; read only."""
    root = lay_out(tmp_path_factory.mktemp("project"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("SKIN_DATA", "/nowhere")
        patch.setenv("SKIN_TIER", "full")
        assert notebooks.main([], root) == 0
    return root


def edition(root, learner=False):
    folder = root / "notebooks" / "learner" if learner else root / "notebooks"
    return nbformat.read(folder / "tiny.ipynb", as_version=4)


def tag(cell):
    return cell.metadata.get("tags", [])


def replace(project, old, new):
    path = project / "notebooks" / "src" / "tiny.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    return path


# --- what it writes ------------------------------------------------------------------------------------------------


def test_the_tags_of_the_book_s_renderer_are_added(generated):
    by_tag = {name: tag(cell) for cell in edition(generated).cells for name in tag(cell)}
    assert by_tag["solution"] == ["solution", "hide-cell"]
    assert by_tag["instructor"] == ["instructor", "remove-cell"]
    assert by_tag["assertion"] == ["assertion", "remove-cell"]
    assert by_tag["setup"] == ["setup", "hide-input"]
    assert by_tag["stub"] == ["stub"]


def test_a_folded_solution_says_what_it_is(generated):
    (solution,) = (cell for cell in edition(generated).cells if "solution" in tag(cell))
    assert solution.metadata.mystnb.code_prompt_show == "Show the solution"


def test_the_book_does_not_show_that_nobody_has_answered(project):
    path = project / "notebooks" / "src" / "tiny.py"
    path.write_text(SOURCE + '\n# %% tags=["nbval-check-output"]\nchecks.check("a", answer, ham)\n')
    assert notebooks.build(path, project).cells[-1].metadata.tags == ["nbval-check-output", "remove-output"]


def test_both_editions_say_whom_an_assertion_is_for(generated):
    for learner in (False, True):
        (cell,) = (cell for cell in edition(generated, learner).cells if cell.source.endswith("assert answer == 1"))
        assert cell.source.startswith("# For the authors") and "skip" in cell.source.splitlines()[0]


@pytest.mark.parametrize(
    ("version", "archive"),
    [("1.2.0", "tags/v1.2.0.zip"), ("1.3.0.dev0", "heads/main.zip")],
)
def test_the_helpers_are_installed_from_the_release_that_the_project_is(tmp_path, version, archive):
    (tmp_path / "pyproject.toml").write_text(
        f'[project]\nversion = "{version}"\n[project.urls]\nRepository = "https://host.example/course"\n'
    )
    assert f'"https://host.example/course/archive/refs/{archive}"' in notebooks.install(tmp_path)


def test_both_editions_install_the_helpers_in_their_first_cell_of_code(generated):
    for learner in (False, True):
        cell = edition(generated, learner).cells[1]
        assert cell.source == f"# @title Set-up\n{notebooks.install(generated)}"


def test_a_figure_s_options_become_metadata_and_stay_in_the_cell(generated):
    cell = edition(generated).cells[3]
    assert cell.metadata.mystnb == {
        "figure": {"name": "two-dots", "caption": "Two dots and a line."},
        "image": {"alt": "Two dots on a white ground."},
    }
    assert cell.source.startswith("#| name: two-dots\n")


def test_only_the_text_of_checked_cells_is_stored(generated):
    stored = {place: cell.outputs for place, cell in enumerate(edition(generated).cells) if cell.get("outputs")}
    assert list(stored) == [3, 4, 5]
    assert stored[3][0].data == {"text/plain": "[figure: Two dots on a white ground.]"}
    assert stored[4][0].data == {"text/plain": "   a\n0  1\n1  2"}


def test_it_runs_beside_the_notebook_in_the_quick_tier_whatever_the_shell_says(generated):
    (output,) = edition(generated).cells[5].outputs  # one, however slowly it came
    assert output.text == "quick False\nnotebooks\n"


def test_the_learner_edition_lacks_solutions_instructions_outputs_and_the_book_s_metadata(generated):
    learner = edition(generated, learner=True)
    kept = [cell.id for cell in edition(generated).cells if not {"solution", "instructor"} & set(tag(cell))]
    assert [cell.id for cell in learner.cells] == kept
    assert "answer = 1" not in nbformat.writes(learner) and "Say this" not in nbformat.writes(learner)
    for cell in learner.cells:
        folded = notebooks.FOLDED if cell.source.startswith("# @title ") else {}
        assert cell.metadata == folded | ({"tags": ["stub"]} if cell.source == "answer = ..." else {})
        assert not cell.get("outputs") and cell.get("execution_count") is None


def test_links_out_of_the_folder_go_one_deeper_from_the_learner_s(generated):
    text = edition(generated, learner=True).cells[0].source
    assert (
        "[Chapter 2](next.ipynb)" in text and "](../../book/glossary.md)" in text and 'src="../../book/a.png"' in text
    )


def test_the_same_source_gives_the_same_bytes(generated, project, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert notebooks.main(["tiny"], project) == 0
    for name in ("tiny.ipynb", "learner/tiny.ipynb"):
        assert (project / "notebooks" / name).read_bytes() == (generated / "notebooks" / name).read_bytes()


def test_a_new_cell_leaves_the_other_cells_ids_alone(project):
    path = project / "notebooks" / "src" / "tiny.py"
    before = [cell.id for cell in notebooks.build(path, project).cells]
    replace(project, '# %%\nprint("not', '# %%\nprint(1)\n\n# %%\nprint(1)\n\n# %%\nprint("not')
    after = [cell.id for cell in notebooks.build(path, project).cells]
    assert [cell for cell in after if cell in before] == before
    assert len(set(after)) == len(after) == len(before) + 2


# --- what it refuses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('["stub"]', '["stubb"]', r"line 41: the tag 'stubb' is not known"),
        ('[markdown] tags=["instructor"]', '[markdown] tags=["solution"]', "does nothing to a cell of text"),
        ("#| alt: Two dots on a white ground.\n", "", "missing: alt"),
        ("#| name: two-dots\n#| caption: Two dots\n#|   and a line.\n#| alt: Two dots on a white ground.\n", "",
         "missing: name, caption, alt"),
        ("#| name: two-dots\n", "#| name: two-dots\n#| width: 3\n", "not known: width"),
        ("#| name: two-dots\n", "#| name: two-dots\n#| name: again\n", "'name' stands twice"),
        ("#| name: two-dots", "#| name: Two dots", "lower-case letters, digits and hyphens"),
        ("#| name: two-dots", "#|name: two-dots", "is no option"),
        ("#|   and a line.", "#| and a line.", "is no option"),
        ("# %% [markdown]\n# # A tiny", "x = 1\n\n# %% [markdown]\n# # A tiny", "before the first '# %%'"),
        ("{{chapter:next}}", "{{chapter:text}}", r"line 1: {{chapter:text}} names no chapter; there are tiny"),
        ("# %% [markdown]\n# # A tiny", "# %% [raw]\n# # A tiny", "a cell is text or code, not raw"),
        ("# %% [markdown]\n# # A tiny", "# %%\n\n# %% [markdown]\n# # A tiny", "line 1: the cell is empty"),
    ],
)  # fmt: skip
def test_a_source_that_is_not_as_it_should_be_is_refused_by_file_and_reason(project, capsys, old, new, words):
    path = replace(project, old, new)
    with pytest.raises(notebooks.SourceError, match=words):
        notebooks.build(path, project)
    assert notebooks.main(["--check"], project) == 1
    assert "tiny.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("assert answer == 1", "assert answer == 2", r"tiny\.py, line 47 \(cell 10, 'assert answer == 2'\) failed"),
        ('print("not stored")', "os._exit(3)", r"cell 6, 'os\._exit\(3\)'\) failed"),
        ('pd.DataFrame({"a": [1, 2]})', "x = 1", r"line 27 \(cell 4, 'x = 1'\): .* has to print or return some text"),
    ],
)
def test_a_notebook_that_fails_or_cannot_be_compared_is_named_and_nothing_is_written(
    project, capsys, monkeypatch, old, new, words
):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    replace(project, old, new)
    assert notebooks.main(["tiny"], project) == 1
    assert re.search(words, capsys.readouterr().err)
    assert not list(project.glob("notebooks/**/*.ipynb"))


def printed(text, name="stdout"):
    return [nbformat.v4.new_output("stream", name=name, text=text)]


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ([], "has to print or return some text"),
        (printed(" \n"), "has to print or return some text"),
        ([nbformat.v4.new_output("display_data", {"image/png": "AAAA"})], "has to print or return some text"),
        (printed("<object object at 0x7f3a>"), "an address in memory"),
        (printed(f"read {ROOT}/data"), "must not show the local path"),
        (printed("done\n") + printed("UserWarning: old", "stderr"), "must not write to stderr: 'UserWarning: old'"),
    ],
)
def test_an_output_that_says_nothing_or_differs_in_each_run_is_refused(outputs, words):
    with pytest.raises(notebooks.SourceError, match=words):
        notebooks.checked_text(outputs)


def test_a_cell_that_does_not_end_is_named(project, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    path = replace(project, "import os\nimport time\n", "import time\n\ntime.sleep(60)\n")
    with pytest.raises(notebooks.SourceError, match=r"cell 2, .*failed"):
        notebooks.execute(notebooks.build(path, project), path, project, timeout=2)


def test_a_notebook_is_written_whole_or_not_at_all(project, monkeypatch):
    notebook = notebooks.build(notebooks.sources(project)[0], project)
    target = project / "notebooks" / "tiny.ipynb"
    target.write_text("as it was")

    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="No space"):
            notebooks.write(notebook, target)
    assert target.read_text() == "as it was"
    notebook.cells[0].source = "x" * notebooks.MOST_BYTES
    with pytest.raises(notebooks.SourceError, match="at most 1,000,000"):
        notebooks.write(notebook, target)
    assert [path.name for path in target.parent.iterdir() if path.is_file()] == ["tiny.ipynb"]


# --- the pair in step ----------------------------------------------------------------------------------------------


@pytest.fixture
def copy(generated, tmp_path):
    shutil.copytree(generated, tmp_path / "copy")
    return tmp_path / "copy"


def test_check_finds_nothing_after_generating(copy, capsys):
    assert notebooks.main(["--check"], copy) == 0
    assert "all notebooks are what their sources give" in capsys.readouterr().out


def test_check_takes_outputs_as_they_are_in_the_complete_edition_alone(copy):
    for learner, found in ((False, []), (True, ["notebooks/learner/tiny.ipynb differs from its source"])):
        notebook = edition(copy, learner)
        notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="changed")]
        nbformat.write(notebook, copy / "notebooks" / ("learner" if learner else "") / "tiny.ipynb")
        assert notebooks.differences(copy) == found


def test_check_sees_a_source_that_moved_on(copy, capsys):
    replace(copy, 'print("not stored")', 'print("never stored")')
    assert notebooks.main(["--check"], copy) == 1
    told = capsys.readouterr().out
    assert "notebooks/tiny.ipynb differs" in told and "notebooks/learner/tiny.ipynb differs" in told
    assert "make notebooks" in told


@pytest.mark.parametrize("change", [{"tags": []}, {"mystnb": {"figure": {}}}])
def test_check_sees_metadata_changed_by_hand(copy, change):
    notebook = edition(copy)
    notebook.cells[3].metadata |= change
    nbformat.write(notebook, copy / "notebooks" / "tiny.ipynb")
    assert notebooks.differences(copy) == ["notebooks/tiny.ipynb differs from its source"]


def test_check_sees_a_notebook_missing_and_one_without_a_source(copy):
    (copy / "notebooks" / "learner" / "tiny.ipynb").rename(copy / "notebooks" / "gone.ipynb")
    assert notebooks.differences(copy) == [
        "notebooks/learner/tiny.ipynb is missing",
        "notebooks/gone.ipynb has no source",
    ]


def test_a_chapter_that_is_not_there_is_named(project, capsys):
    with pytest.raises(SystemExit):
        notebooks.main(["tinny"], project)
    assert "there is no chapter 'tinny'; there are tiny, next" in capsys.readouterr().err


# --- chapters by slug ----------------------------------------------------------------------------------------------


def test_chapters_come_in_the_order_of_the_contents_and_are_numbered_by_it(project):
    assert [(chapter.slug, chapter.number, chapter.title) for chapter in notebooks.chapters(project).values()] == [
        ("tiny", 1, "A tiny chapter"),
        ("next", 2, "The next"),
    ]
    assert [path.stem for path in notebooks.sources(project)] == ["tiny", "next"]
    contents = project / "_toc.yml"
    contents.write_text("parts:\n- chapters:\n  - file: notebooks/next\n- chapters:\n  - file: notebooks/tiny\n")
    assert {slug: chapter.number for slug, chapter in notebooks.chapters(project).items()} == {"next": 1, "tiny": 2}


def test_the_numbers_of_chapters_are_filled_in_text_and_code_and_leave_the_cells_ids_alone(project):
    first, second = (notebooks.build(path, project) for path in notebooks.sources(project))
    assert "See [Chapter 2](next.ipynb), the" in first.cells[0].source
    assert second.cells[1].source == "# Chapter 1 comes before.\nx = 1"
    contents = project / "_toc.yml"
    contents.write_text(
        contents.read_text().replace("/tiny", "/other").replace("/next", "/tiny").replace("/other", "/next")
    )
    moved = notebooks.build(project / "notebooks" / "src" / "tiny.py", project)
    assert "See [Chapter 1](next.ipynb), the" in moved.cells[0].source
    assert [cell.id for cell in moved.cells] == [cell.id for cell in first.cells]


def test_a_page_elsewhere_says_the_way_to_the_notebooks(project):
    book = notebooks.chapters(project)
    assert notebooks.resolve("{{chapter:next}}", book, "../notebooks/") == "[Chapter 2](../notebooks/next.ipynb)"
    assert notebooks.resolve("{{ images }} of {{number:next}}", book) == "{{ images }} of 2"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda folder: (folder / "new.py").write_text(NEXT), "does not list new.py: add '- file: notebooks/new'"),
        (lambda folder: (folder / "next.py").unlink(), "lists notebooks/next, but notebooks/src/next.py does not"),
        (lambda folder: (folder / "next.py").write_text("# %%\nx = 1\n"), "next.py has no title: write '# # "),
    ],
)
def test_contents_and_sources_that_do_not_fit_each_other_are_named(project, capsys, change, words):
    change(project / "notebooks" / "src")
    with pytest.raises(notebooks.SourceError, match=re.escape(words)):
        notebooks.chapters(project)
    assert notebooks.main([], project) == 1
    assert words in capsys.readouterr().err


# --- nbval on what it stored ---------------------------------------------------------------------------------------


def nbval(root):
    shutil.copy(ROOT / "notebooks" / "conftest.py", root / "notebooks")
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-c", os.devnull, "--rootdir", str(root), "-p"]
    command += ["no:cacheprovider", "--color=no", str(root / "notebooks" / "tiny.ipynb")]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "SKIN_TIER": "no such tier", "SKIN_DATA": "/nowhere"}
    return subprocess.run(command, cwd=root, env=environment, text=True, capture_output=True)


def test_nbval_passes_what_was_stored_whatever_the_shell_says_and_fails_what_is_wrong(copy):
    path = copy / "notebooks" / "tiny.ipynb"
    text = path.read_text()
    for there in ('"0  1\\n"', "[figure: Two"):
        assert there in text
        text = text.replace(there, there.replace("0", "9").replace("Two", "Ten"))
    path.write_text(text)
    done = nbval(copy)
    failed = re.findall(r"^FAILED \S+::Cell (\d)", done.stdout, re.M)
    assert failed == ["2", "3"], done.stdout
    assert "2 failed, 7 passed" in done.stdout

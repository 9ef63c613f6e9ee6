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
# See [the next](02-next.ipynb), the [glossary](../book/glossary.md) and <img src="../book/a.png" alt="a">.

# %% tags=["setup"]
import sys

if "google.colab" in sys.modules:
    # %pip install --quiet --no-deps "git+{{repository}}"

# %%
import os
import time

import pandas as pd
from IPython.display import display

from helpers import plots
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


@pytest.fixture
def project(tmp_path):
    """A project with one chapter; its notebooks import the real helpers."""
    (tmp_path / "notebooks" / "src").mkdir(parents=True)
    (tmp_path / "notebooks" / "src" / "01-tiny.py").write_text(SOURCE)
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "https://host.example/course"\n')
    return tmp_path


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """The same after ``python tools/notebooks.py``; read only."""
    root = tmp_path_factory.mktemp("project")
    (root / "notebooks" / "src").mkdir(parents=True)
    (root / "notebooks" / "src" / "01-tiny.py").write_text(SOURCE)
    (root / "pyproject.toml").write_text('[project.urls]\nRepository = "https://host.example/course"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("SKIN_DATA", "/nowhere")
        patch.setenv("SKIN_TIER", "full")
        assert notebooks.main([], root) == 0
    return root


def edition(root, learner=False):
    folder = root / "notebooks" / "learner" if learner else root / "notebooks"
    return nbformat.read(folder / "01-tiny.ipynb", as_version=4)


def tag(cell):
    return cell.metadata.get("tags", [])


def replace(project, old, new):
    path = project / "notebooks" / "src" / "01-tiny.py"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    return path


# --- what it writes ------------------------------------------------------------------------------------------------


def test_the_tags_of_the_book_s_renderer_are_added(generated):
    by_tag = {name: tag(cell) for cell in edition(generated).cells for name in tag(cell)}
    assert by_tag["solution"] == ["solution", "hide-cell"]
    assert by_tag["instructor"] == ["instructor", "remove-cell"]
    assert by_tag["assertion"] == ["assertion", "remove-cell"]
    assert by_tag["setup"] == ["setup", "hide-cell"]
    assert by_tag["stub"] == ["stub"]


def test_a_folded_solution_says_what_it_is(generated):
    (solution,) = (cell for cell in edition(generated).cells if "solution" in tag(cell))
    assert solution.metadata.mystnb.code_prompt_show == "Show the solution"


def test_both_editions_say_whom_an_assertion_is_for(generated):
    for learner in (False, True):
        (cell,) = (cell for cell in edition(generated, learner).cells if cell.source.endswith("assert answer == 1"))
        assert cell.source.startswith("# For the authors") and "skip" in cell.source.splitlines()[0]


def test_the_colab_cell_names_the_repository_of_pyproject(generated):
    for learner in (False, True):
        setup = edition(generated, learner).cells[1].source
        assert setup.endswith('    %pip install --quiet --no-deps "git+https://host.example/course"')


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
        assert cell.metadata == ({"tags": ["stub"]} if cell.source == "answer = ..." else {})
        assert not cell.get("outputs") and cell.get("execution_count") is None


def test_links_out_of_the_folder_go_one_deeper_from_the_learner_s(generated):
    text = edition(generated, learner=True).cells[0].source
    assert "](02-next.ipynb)" in text and "](../../book/glossary.md)" in text and 'src="../../book/a.png"' in text


def test_the_same_source_gives_the_same_bytes(generated, project, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert notebooks.main(["01"], project) == 0
    for name in ("01-tiny.ipynb", "learner/01-tiny.ipynb"):
        assert (project / "notebooks" / name).read_bytes() == (generated / "notebooks" / name).read_bytes()


def test_a_new_cell_leaves_the_other_cells_ids_alone(project):
    path = project / "notebooks" / "src" / "01-tiny.py"
    before = [cell.id for cell in notebooks.build(path, project).cells]
    replace(project, '# %%\nprint("not', '# %%\nprint(1)\n\n# %%\nprint(1)\n\n# %%\nprint("not')
    after = [cell.id for cell in notebooks.build(path, project).cells]
    assert [found for found in after if found in before] == before
    assert len(set(after)) == len(after) == len(before) + 2


# --- what it refuses -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('["stub"]', '["stubb"]', r"line 44: the tag 'stubb' is not known"),
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
        ("# %% [markdown]\n# # A tiny", "# %% [raw]\n# # A tiny", "a cell is text or code, not raw"),
    ],
)  # fmt: skip
def test_a_source_that_is_not_as_it_should_be_is_refused_by_file_and_reason(project, capsys, old, new, words):
    path = replace(project, old, new)
    with pytest.raises(notebooks.SourceError, match=words):
        notebooks.build(path, project)
    assert notebooks.main(["--check"], project) == 1
    assert "01-tiny.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("assert answer == 1", "assert answer == 2", r"01-tiny\.py, line 50 \(cell 10, 'assert answer == 2'\) failed"),
        ('print("not stored")', "os._exit(3)", r"cell 6, 'os\._exit\(3\)'\) failed"),
        ('pd.DataFrame({"a": [1, 2]})', "x = 1", r"line 30 \(cell 4, 'x = 1'\): .* has to print or return some text"),
    ],
)
def test_a_notebook_that_fails_or_cannot_be_compared_is_named_and_nothing_is_written(
    project, capsys, monkeypatch, old, new, words
):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    replace(project, old, new)
    assert notebooks.main([], project) == 1
    assert re.search(words, capsys.readouterr().err)
    assert [path.name for path in project.glob("notebooks/**/*") if path.is_file()] == ["01-tiny.py"]


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
    path = replace(project, 'print("not stored")', "import time\ntime.sleep(60)")
    with pytest.raises(notebooks.SourceError, match=r"cell 6, .*failed"):
        notebooks.execute(notebooks.build(path, project), path, project, timeout=2)


def test_a_notebook_is_written_whole_or_not_at_all(project, monkeypatch):
    notebook = notebooks.build(notebooks.sources(project)[0], project)
    target = project / "notebooks" / "01-tiny.ipynb"
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
    assert [path.name for path in target.parent.iterdir() if path.is_file()] == ["01-tiny.ipynb"]


# --- the pair in step ----------------------------------------------------------------------------------------------


@pytest.fixture
def copy(generated, tmp_path):
    shutil.copytree(generated, tmp_path / "copy")
    return tmp_path / "copy"


def test_check_finds_nothing_after_generating(copy, capsys):
    assert notebooks.main(["--check"], copy) == 0
    assert "all notebooks are what their sources give" in capsys.readouterr().out


def test_check_takes_outputs_as_they_are_in_the_complete_edition_alone(copy):
    for learner, found in ((False, []), (True, ["notebooks/learner/01-tiny.ipynb differs from its source"])):
        notebook = edition(copy, learner)
        notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="changed")]
        nbformat.write(notebook, copy / "notebooks" / ("learner" if learner else "") / "01-tiny.ipynb")
        assert notebooks.differences(copy) == found


def test_check_sees_a_source_that_moved_on(copy, capsys):
    replace(copy, 'print("not stored")', 'print("never stored")')
    assert notebooks.main(["--check"], copy) == 1
    told = capsys.readouterr().out
    assert "notebooks/01-tiny.ipynb differs" in told and "notebooks/learner/01-tiny.ipynb differs" in told
    assert "make notebooks" in told


@pytest.mark.parametrize("change", [{"tags": []}, {"mystnb": {"figure": {}}}])
def test_check_sees_metadata_changed_by_hand(copy, change):
    notebook = edition(copy)
    notebook.cells[3].metadata |= change
    nbformat.write(notebook, copy / "notebooks" / "01-tiny.ipynb")
    assert notebooks.differences(copy) == ["notebooks/01-tiny.ipynb differs from its source"]


def test_check_sees_a_notebook_missing_and_one_without_a_source(copy):
    (copy / "notebooks" / "learner" / "01-tiny.ipynb").rename(copy / "notebooks" / "02-gone.ipynb")
    assert notebooks.differences(copy) == [
        "notebooks/learner/01-tiny.ipynb is missing",
        "notebooks/02-gone.ipynb has no source",
    ]


def test_a_chapter_that_is_not_there_is_named(project, capsys):
    with pytest.raises(SystemExit):
        notebooks.main(["07"], project)
    assert "no such chapter; there are 01-tiny" in capsys.readouterr().err


# --- nbval on what it stored ---------------------------------------------------------------------------------------


def nbval(root):
    shutil.copy(ROOT / "notebooks" / "conftest.py", root / "notebooks")
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-c", os.devnull, "--rootdir", str(root), "-p"]
    command += ["no:cacheprovider", "--color=no", str(root / "notebooks" / "01-tiny.ipynb")]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "SKIN_TIER": "no such tier", "SKIN_DATA": "/nowhere"}
    return subprocess.run(command, cwd=root, env=environment, text=True, capture_output=True)


def test_nbval_passes_what_was_stored_whatever_the_shell_says_and_fails_what_is_wrong(copy):
    path = copy / "notebooks" / "01-tiny.ipynb"
    text = path.read_text()
    for there in ('"0  1\\n"', "[figure: Two"):
        assert there in text
        text = text.replace(there, there.replace("0", "9").replace("Two", "Ten"))
    path.write_text(text)
    done = nbval(copy)
    failed = re.findall(r"^FAILED \S+::Cell (\d)", done.stdout, re.M)
    assert failed == ["2", "3"], done.stdout
    assert "2 failed, 7 passed" in done.stdout

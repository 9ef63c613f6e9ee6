"""Turn notebooks/src/SLUG.py into notebooks/SLUG.ipynb and notebooks/learner/SLUG.ipynb.

``python tools/notebooks.py`` regenerates all; ``python tools/notebooks.py meet-the-data`` one chapter; ``--check`` runs
nothing and says which notebooks differ from their sources.

A chapter is known by its slug; its number is its place in _toc.yml, and no source types one.  In their place stand
``{{chapter:meet-the-data}}``, which becomes the link ``[Chapter 1](meet-the-data.ipynb)``, ``{{title:meet-the-data}}``,
the link ``[1. Meet the data](meet-the-data.ipynb)``, and, for code, captions and HTML, ``Chapter
{{number:meet-the-data}}``.

A line ``# {{install}}`` becomes the code that installs the helpers on Colab and on Kaggle: those of the release that
the project is, between two releases those of the branch main.

The complete notebook is executed on the embedded sample in the quick tier, and keeps only the text of the cells
tagged ``nbval-check-output``, which ``pytest --nbval-lax`` compares with its own run.  The learner edition has no
output, and no cell tagged ``solution`` or ``instructor``.  The same source gives the same bytes.
"""

import argparse
import copy
import hashlib
import os
import re
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from helpers.settings import GPU_CHAPTERS

ROOT = Path(__file__).resolve().parents[1]

#: Every tag a source may use, and the tag of the book's renderer that it brings along.
TAGS = {
    "assertion": "remove-cell",
    "hide-cell": None,
    "hide-input": None,
    "hide-output": None,
    "instructor": "remove-cell",
    "nbval-check-output": None,
    "remove-cell": None,
    "remove-input": None,
    "remove-output": None,
    "setup": None,
    "solution": "hide-cell",
    "stub": None,
}
#: Tags that do nothing to a cell of text.
CODE_ONLY = frozenset(TAGS) - {"instructor", "remove-cell"}
#: A learner's notebook has none of these.
WITHHELD = frozenset({"solution", "instructor"})
#: The options of a figure, as ``#| name: text`` lines at the head of the cell that draws it.
OPTIONS = ("name", "caption", "alt")
#: Bytes a notebook.
MOST_BYTES = 1_000_000

#: What stands above the assertions, which the book hides and a notebook shows.
FOR_AUTHORS = "# For the authors: do the sentences above hold on these data? You can skip this cell.\n"

#: The fold of a cell that installs the helpers; other folded cells name their own, ``#| fold: Draw this figure``.
SET_UP = "Set-up"
#: What makes a cell's code folded: on the page, in JupyterLab, in Colab.
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}
#: What the book writes on a folded solution.
SOLUTION = {"code_prompt_show": "Show the solution", "code_prompt_hide": "Hide the solution"}

#: Everything that the helpers stand on is there already, and stays as it is.
INSTALL = """\
import os
import subprocess
import sys

if "google.colab" in sys.modules or "KAGGLE_KERNEL_RUN_TYPE" in os.environ:
    course = "{archive}"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    if subprocess.run([*pip, course]).returncode:
        raise RuntimeError(
            "The course could not be installed; pip says why above. On Kaggle, "
            "switch Internet on: Settings, then Turn on internet. More in the "
            "book, under Troubleshooting."
        )"""

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "name": "python", "pygments_lexer": "ipython3"},
}
#: By these Colab gives a new session a GPU, where it has one to lend.
GPU = {"accelerator": "GPU", "colab": {"gpuType": "T4"}}


class SourceError(ValueError):
    """A notebook's source is not as it should be; the message names the file, the line and the remedy."""


@dataclass(frozen=True)
class Chapter:
    """A chapter: its slug, its number in the book, its title, the path of its source and the part that it stands in."""

    slug: str
    number: int
    title: str
    source: Path
    part: str = ""


def chapters(root=ROOT):
    """Return ``{slug: Chapter}`` in the order of _toc.yml, which alone numbers them.

    Raises
    ------
    SourceError
        If a chapter of _toc.yml has no source or no title, or a source is no chapter of _toc.yml.
    """
    folder = root / "notebooks" / "src"
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    files = {entry["file"]: part.get("caption", "") for part in toc["parts"] for entry in part["chapters"]}
    slugs = {file.removeprefix("notebooks/"): part for file, part in files.items() if file.startswith("notebooks/")}
    for slug in sorted({path.stem for path in folder.glob("*.py")} - set(slugs)):
        raise SourceError(f"_toc.yml does not list {slug}.py: add '- file: notebooks/{slug}' to one of its parts")
    book = {}
    for number, (slug, part) in enumerate(slugs.items(), start=1):
        source = folder / f"{slug}.py"
        if not source.exists():
            raise SourceError(f"_toc.yml lists notebooks/{slug}, but notebooks/src/{slug}.py does not exist")
        title = re.search(r"^# # (.+)$", source.read_text(encoding="utf-8"), re.M)
        if not title:
            raise SourceError(f"{slug}.py has no title: write '# # The title' in its first cell")
        book[slug] = Chapter(slug, number, title.group(1), source, part)
    return book


def sources(root=ROOT):
    """Return the paths of the chapters' sources, in the book's order."""
    return [chapter.source for chapter in chapters(root).values()]


def resolve(text, book, folder=""):
    """Return a text whose chapters are numbered: what {{chapter:slug}} and its like stand for is filled in.

    Parameters
    ----------
    text : str
        A cell of a source, or a page of the book.
    book : dict
        What :func:`chapters` returns.
    folder : str
        The way from the text's page to the notebooks, such as ``"../notebooks/"``.

    Raises
    ------
    SourceError
        If a slug is that of no chapter.
    """

    def filled(match):
        kind, slug = match.groups()
        if slug not in book:
            raise SourceError(f"{match.group()} names no chapter; there are {', '.join(book)}")
        chapter = book[slug]
        words = {"chapter": f"Chapter {chapter.number}", "title": f"{chapter.number}. {chapter.title}"}
        return f"[{words[kind]}]({folder}{slug}.ipynb)" if kind in words else str(chapter.number)

    return re.sub(r"\{\{(chapter|title|number):([^{}]*)\}\}", filled, text)


def repository(root=ROOT):
    """Return the address of the project's repository, which only pyproject.toml names."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def install(root=ROOT):
    """Return the code that installs the helpers where a notebook runs without the project: on Colab and on Kaggle."""
    version = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    place = "heads/main" if ".dev" in version else f"tags/v{version}"
    return INSTALL.format(archive=f"{repository(root)}/archive/refs/{place}.zip")


def cell_options(code):
    """Return the ``#|`` options at the head of a code cell as ``{name: text}``.

    A line that starts with ``#|`` and at least two blanks goes on with the line before it.  Colab's ``# @title``, the
    first line of a folded cell of a notebook, is its option ``fold``.
    """
    options = {}
    for line in code.splitlines():
        if not options and line.startswith("# @title "):
            options["fold"] = line.removeprefix("# @title ")
            continue
        if not line.startswith("#|"):
            break
        if option := re.fullmatch(r"#\| ([a-z]+): (.+)", line):
            name = option.group(1)
            if name in options:
                raise SourceError(f"the option {name!r} stands twice")
            options[name] = option.group(2).strip()
        elif options and re.match(r"#\|  +\S", line):
            name = list(options)[-1]
            options[name] += " " + line[2:].strip()
        else:
            raise SourceError(f"{line!r} is no option; write '#| name: text', and '#|   text' to go on with one")
    return options


def book_metadata(code, tags):
    """Return a code cell's options for the book: a figure's name, caption and alternative text; a solution's label."""
    metadata = dict(SOLUTION) if "solution" in tags else {}
    options = cell_options(code)
    options.pop("fold", None)
    if "plots.show(" in code or options:
        missing = [name for name in OPTIONS if name not in options]
        unknown = [name for name in options if name not in OPTIONS]
        if missing or unknown:
            raise SourceError(
                f"a figure cell needs the options {', '.join(OPTIONS)}; "
                + (f"missing: {', '.join(missing)}" if missing else f"not known: {', '.join(unknown)}")
            )
        if not re.fullmatch(r"[a-z][a-z0-9-]*", options["name"]):
            raise SourceError(f"the name {options['name']!r} has to be lower-case letters, digits and hyphens")
        metadata |= {
            "figure": {"caption": options["caption"], "name": options["name"]},
            "image": {"alt": options["alt"]},
        }
    return {"mystnb": metadata} if metadata else {}


def folded(code, tags):
    """Return a code cell as ``(code, tags, metadata)`` with what folds it, if its option ``fold`` names a fold.

    In the notebook the name is the cell's first line, a title that Colab shows in place of the code.
    """
    name = SET_UP if "setup" in tags else cell_options(code).get("fold")
    if name is None:
        return code, tags, {}
    if not re.fullmatch(r"[A-Z][^#{}]{2,40}", name):
        raise SourceError(f"the fold {name!r} has to begin with a capital letter and have 3 to 41 letters")
    if other := {"stub", "solution", "assertion", "hide-cell", "hide-input", "remove-input"} & set(tags):
        raise SourceError(f"a cell tagged {sorted(other)[0]!r} cannot be folded as {name!r}: choose one of the two")
    lines = [line for line in code.splitlines() if not line.startswith("#| fold:")]
    return "\n".join([f"# @title {name}", *lines]), [*tags, "hide-input"], FOLDED


def _tags(cell):
    tags = list(cell.metadata.get("tags", []))
    unknown = [tag for tag in tags if tag not in TAGS]
    if unknown:
        raise SourceError(f"the tag {unknown[0]!r} is not known; choose from {', '.join(TAGS)}")
    idle = [tag for tag in tags if cell.cell_type == "markdown" and tag in CODE_ONLY]
    if idle:
        raise SourceError(f"the tag {idle[0]!r} does nothing to a cell of text; write comments in a code cell instead")
    if cell.source.startswith("checks.check("):
        tags.append("remove-output")  # of the book: nobody has answered there
    for tag in list(tags):
        implied = TAGS[tag]
        if implied and implied not in tags:
            tags.append(implied)
    return tags


def build(path, root=ROOT):
    """Return the complete notebook of a source, not executed, as an nbformat node.

    Raises
    ------
    SourceError
        Naming file and line, if a tag, an option or a chapter is not known, or a figure lacks its name, caption or alt
        text.
    """
    text = path.read_text(encoding="utf-8")
    starts = _starts(text)
    parsed = jupytext.reads(text, fmt="py:percent").cells
    if len(parsed) != len(starts):
        raise SourceError(f"{path.name}: something stands before the first '# %%', outside of any cell")
    installation, book, cells, seen = install(root), chapters(root), [], {}
    for cell, line in zip(parsed, starts, strict=True):
        try:
            if not cell.source.strip():
                raise SourceError("the cell is empty: take it out")
            source = resolve(cell.source.replace("# {{install}}", installation), book)
            tags = _tags(cell)
            metadata = {}
            if cell.cell_type == "code":
                source, tags, metadata = folded(source, tags)
                metadata = metadata | book_metadata(source, tags)
            elif cell.cell_type != "markdown":
                raise SourceError(f"a cell is text or code, not {cell.cell_type}")
        except SourceError as error:
            raise SourceError(f"{path.name}, line {line}: {error}") from None
        # Of the source as it stands in the file: a cell keeps its name when another address or number is filled in.
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] = seen.get(digest, 0) + 1
        new = nbformat.v4.new_markdown_cell if cell.cell_type == "markdown" else nbformat.v4.new_code_cell
        if "assertion" in tags:
            source = FOR_AUTHORS + source
        if tags:
            metadata["tags"] = tags
        cells.append(new(source, metadata=metadata, id=f"{digest}-{seen[digest]}"))
    metadata = METADATA | (GPU if path.stem in GPU_CHAPTERS else {})
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=nbformat.from_dict(metadata))
    nbformat.validate(notebook)
    return notebook


def learner_edition(notebook):
    """Return the notebook without solutions, instructor's cells and outputs; links are one folder deeper."""
    cells = []
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if WITHHELD.isdisjoint(tags):
            metadata = {"tags": ["stub"]} if "stub" in tags else {}
            metadata |= {key: cell.metadata[key] for key in FOLDED if key in cell.metadata}
            if cell.cell_type == "code":
                cells.append(nbformat.v4.new_code_cell(cell.source, metadata=metadata, id=cell.id))
            else:
                deeper = re.sub(r"""(\]\(|(?:href|src)=["'])\.\./""", r"\1../../", cell.source)
                cells.append(nbformat.v4.new_markdown_cell(deeper, metadata=metadata, id=cell.id))
    return nbformat.v4.new_notebook(cells=cells, metadata=copy.deepcopy(notebook.metadata))


def sample_environment(root=ROOT):
    """Return the environment in which notebooks run here: the embedded sample, the quick tier, quiet libraries.

    The cache is the project's own, so that no download in the reader's cache takes the sample's place, and so is the
    folder of run records.  Weights are random: nothing is downloaded.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SKIN_")}
    paths = [str(root), *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUTF8": "1",
        "SKIN_CACHE": str(root / "_build" / "cache"),
        "SKIN_RUNS": str(root / "_build" / "runs"),
        "SKIN_TIER": "quick",
        "SKIN_WEIGHTS": "random",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }


def _starts(text):
    """Return the numbers of the lines at which the cells of a source start."""
    return [number for number, line in enumerate(text.splitlines(), start=1) if line.startswith("# %%")]


def _where(path, notebook, index):
    first = next((line for line in notebook.cells[index].source.splitlines() if not line.startswith("#")), "")
    return f"{path.name}, line {_starts(path.read_text(encoding='utf-8'))[index]} (cell {index}, {first!r})"


def checked_text(outputs, root=ROOT):
    """Return of a checked cell's outputs the text, which is what nbval compares.

    Raises
    ------
    SourceError
        If there is none, or it cannot be the same in another run: stderr, addresses in memory, local paths.
    """
    kept = []
    for output in outputs:
        if output.output_type == "stream":
            if output.name != "stdout":
                raise SourceError(f"a checked cell must not write to stderr: {output.text.strip()!r}")
            kept.append(nbformat.v4.new_output("stream", name="stdout", text=output.text))
        else:
            count = {"execution_count": output.execution_count} if "execution_count" in output else {}
            plain = {"text/plain": output.data["text/plain"]} if "text/plain" in output.data else {}
            kept.append(nbformat.v4.new_output(output.output_type, data=plain, **count))
    text = "\n".join(output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in kept)
    if not text.strip():
        raise SourceError("a cell tagged nbval-check-output has to print or return some text")
    if address := re.search(r"\bat 0x[0-9a-f]+", text):
        raise SourceError(f"an address in memory differs in each run: {address.group()!r}; print something else")
    for local in (str(root), str(Path.home())):
        if re.search(re.escape(local) + r"(?=[/\\\s'\")]|$)", text):
            raise SourceError(f"a checked cell must not show the local path {local}")
    return kept


def execute(notebook, path, root=ROOT, timeout=600):
    """Run a notebook in the folder of the notebooks; keep the text of its checked cells and no other output.

    Raises
    ------
    SourceError
        Naming the cell that failed, ran longer than ``timeout`` seconds, or left a checked output unfit to compare.
    """
    metadata = copy.deepcopy(notebook.metadata)  # running a notebook adds this Python's version
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        coalesce_streams=True,  # else how often a cell's text is split depends on how busy the machine is
        # The kernel warns of its unencrypted connection, which does not leave this machine.
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(root / "notebooks")}},
    )
    try:
        client.execute(env=sample_environment(root))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        ran = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.execution_count]
        begun = [i for i, cell in enumerate(notebook.cells) if "execution" in cell.metadata]
        index = max(ran + begun, default=0)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        raise SourceError(f"{_where(path, notebook, index)} failed:\n{plain}") from None
    for index, cell in enumerate(notebook.cells):
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            checked = "nbval-check-output" in cell.metadata.get("tags", [])
            try:
                cell.outputs = checked_text(cell.outputs, root) if checked else []
            except SourceError as error:
                raise SourceError(f"{_where(path, notebook, index)}: {error}") from None
    notebook.metadata = metadata
    nbformat.validate(notebook)
    return notebook


def write(notebook, target):
    """Write a notebook whole or not at all."""
    text = nbformat.writes(notebook) + "\n"
    if len(text.encode()) > MOST_BYTES:
        raise SourceError(f"{target.name} would have {len(text.encode()):,} bytes; at most {MOST_BYTES:,} are allowed")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def without_results(notebook):
    """Return the notebook as it was before it ran: its cells and metadata alone."""
    blank = {"outputs": [], "execution_count": None}
    cells = [cell | blank if cell.cell_type == "code" else cell for cell in notebook.cells]
    return nbformat.from_dict(notebook | {"cells": cells})


def differences(root=ROOT):
    """Return one sentence for each notebook that is not what its source gives; nothing is executed."""
    sentences, expected = [], {}
    for path in sources(root):
        complete = build(path, root)
        expected[root / "notebooks" / f"{path.stem}.ipynb"] = complete
        expected[root / "notebooks" / "learner" / f"{path.stem}.ipynb"] = learner_edition(complete)
    for target, notebook in expected.items():
        name = target.relative_to(root)
        if not target.exists():
            sentences.append(f"{name} is missing")
            continue
        stored = nbformat.read(target, as_version=4)
        if target.parent.name != "learner":
            stored = without_results(stored)
        if stored != notebook:
            sentences.append(f"{name} differs from its source")
    for folder in (root / "notebooks", root / "notebooks" / "learner"):
        for target in sorted(folder.glob("*.ipynb")):
            if target not in expected:
                sentences.append(f"{target.relative_to(root)} has no source")
    return sentences


def generate(path, root=ROOT):
    """Build, execute and write both editions of one chapter; return the seconds its execution took."""
    notebook = build(path, root)
    learner = learner_edition(notebook)
    began = time.monotonic()
    execute(notebook, path, root)
    took = time.monotonic() - began
    write(notebook, root / "notebooks" / f"{path.stem}.ipynb")
    write(learner, root / "notebooks" / "learner" / f"{path.stem}.ipynb")
    return took


def main(arguments=None, root=ROOT):
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapter", nargs="*", help="name of the source without .py; all if none is given")
    parser.add_argument("--check", action="store_true", help="run nothing; say what differs from its source")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            stale = differences(root)
            print("\n".join([*stale, "run: make notebooks"]) if stale else "all notebooks are what their sources give")
            return 1 if stale else 0
        book = chapters(root)
        for slug in options.chapter:
            if slug not in book:
                parser.error(f"there is no chapter {slug!r}; there are {', '.join(book) or 'none'}")
        for path in [book[slug].source for slug in options.chapter or book]:
            print(f"{path.stem}: {generate(path, root):.0f} s", flush=True)
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Run the notebooks as a learner on Colab does: installed helpers, nothing else of the course, an empty folder each.

``python3 tools/colab.py`` inside Colab's public runtime image (.github/workflows/colab.yml does it weekly).  It
installs the helpers without their dependencies, says if that changed any other package, runs each notebook and its
learner edition in the quick tier, and writes down as Markdown what failed and which versions it met.  It needs the
packages that Colab has (nbclient, nbformat) and none of this course's.  ``--installed`` leaves the installing out.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "learning-to-see-skin-lesions"
#: Packages whose versions the report names.
REPORTED = ("tensorflow", "keras", "numpy", "pandas", "scikit-learn", "scikit-image", "xgboost", "matplotlib")
#: Seconds that one cell may take, and lines of an error that the report shows.
TIMEOUT, LINES = 600, 25
#: Lists the installed packages; asked of a new process each time, which sees what was installed meanwhile.
LIST = "import json, importlib.metadata as m; print(json.dumps({d.name: d.version for d in m.distributions()}))"


def packages():
    """Return the installed packages as ``{name: version}``."""
    done = subprocess.run([sys.executable, "-c", LIST], check=True, capture_output=True, text=True, cwd=os.sep)
    return json.loads(done.stdout)


def changes(before, after):
    """Return one sentence for each package other than the course's own that is not what it was."""
    names = sorted((before.keys() | after.keys()) - {PACKAGE})
    pairs = {name: (before.get(name, "absent"), after.get(name, "absent")) for name in names}
    return [f"installing the helpers changed {name}: {a} -> {b}" for name, (a, b) in pairs.items() if a != b]


def install(root, folder):
    """Install the helpers without dependencies, from a copy in ``folder``: the course itself may be read-only.

    Returns
    -------
    list of str
        One sentence for each other package that changed.
    """
    before = packages()
    copy = folder / "course"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".*", "_build", "build", "runs"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", str(copy)]
    subprocess.run(command, check=True, cwd=folder)
    shutil.rmtree(copy)
    return changes(before, packages())


def environment(cache):
    """Return what the notebooks run with: the quick tier, the embedded sample, no question asked of anybody."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SKIN_") and name != "PYTHONPATH"}
    return kept | {"SKIN_TIER": "quick", "SKIN_CACHE": str(cache), "GIT_TERMINAL_PROMPT": "0", "PYTHONUTF8": "1"}


def run(path, folder, environ):
    """Run a notebook in an empty ``folder``; return what went wrong, or ``""``."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=TIMEOUT, kernel_name="python3", resources=resources)
    try:
        client.execute(env=environ)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
        return "\n".join(plain[-LINES:])
    return ""


def report(results, found, versions):
    """Return the report as Markdown.

    Parameters
    ----------
    results : list of (str, float, str)
        Of each notebook: its name, its seconds, what went wrong.
    found : list of str
        What installing changed.
    versions : dict
        The installed packages.
    """
    failed = [name for name, _, error in results if error]
    system = [f"Python {platform.python_version()}", *(f"{name} {versions.get(name, '(absent)')}" for name in REPORTED)]
    lines = [f"{len(results) - len(failed)} of {len(results)} notebooks ran.", "", ", ".join(system), ""]
    lines += [*(f"- {change}" for change in found), ""] if found else []
    lines += ["| notebook | seconds | |", "|---|---:|---|"]
    lines += [f"| {name} | {seconds:.0f} | {'**failed**' if error else 'ran'} |" for name, seconds, error in results]
    for name, _, error in results:
        if error:
            lines += ["", f"### {name}", "", "````", error, "````"]
    return "\n".join(lines) + "\n"


def main(arguments=None, root=ROOT):
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "notebook", nargs="*", type=Path, help="all chapters and their learner editions if none is given"
    )
    parser.add_argument("--installed", action="store_true", help="the helpers are installed already")
    parser.add_argument("--report", type=Path, help="also write the report into this file")
    options = parser.parse_args(arguments)
    folders = (root / "notebooks", root / "notebooks" / "learner")
    chosen = options.notebook or [path for folder in folders for path in sorted(folder.glob("*.ipynb"))]
    if not chosen:
        parser.error(f"there are no notebooks in {folders[0]}")
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        found = [] if options.installed else install(root, place)
        environ, results = environment(place / "cache"), []
        for number, path in enumerate(path.resolve() for path in chosen):
            empty = place / f"run-{number}"
            empty.mkdir()
            began = time.monotonic()
            error = run(path, empty, environ)
            label = f"{path.parent.name}/{path.stem}"
            results.append((label, time.monotonic() - began, error))
            print(f"{label}: {'failed' if error else 'ran'}, {results[-1][1]:.0f} s", flush=True)
    text = report(results, found, packages())
    print(f"\n{text}")
    if options.report:
        options.report.write_text(text, encoding="utf-8")
    return 1 if found or any(error for _, _, error in results) else 0


if __name__ == "__main__":
    sys.exit(main())

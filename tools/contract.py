"""Keep the promise to Colab: installing the helpers, with all that they need, changes none of its packages.

``python tools/contract.py`` resolves the helpers' dependencies against the versions in tests/colab-versions.txt for
Colab's Python and says what would change.  Then it makes an environment of those versions, as far as the registry has
them for the Python here (it lists what it has not), installs the helpers' wheel there and nothing else of the course,
and runs every notebook with tools/colab.py.  ``make test-all`` does it.

``python tools/contract.py --freeze FILE`` writes tests/colab-versions.txt anew from what ``pip freeze`` says in Colab.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FACTS = ROOT / "tests" / "colab-versions.txt"
#: The resolver; ``make lock`` and ``make test-all`` put it there.
UV = ROOT / "_build" / "uv" / "bin" / "uv"
PLACE = ROOT / "_build" / "colab"
#: What runs a notebook, in Colab and here.
RUNNERS = ("ipykernel", "nbclient", "nbformat")
#: The parts of the project that a notebook can use; those for building and testing the book are no affair of Colab's.
EXTRAS = ("models", "kaggle")
#: Colab leaves these out although a package that it ships asks for them.  An installation with dependencies adds them;
#: the notebooks' first cell installs without.
LEFT_OUT_BY_COLAB = {"jedi": "ipython"}


class ContractError(RuntimeError):
    """What Colab has and what the helpers need do not go together; the message is the resolver's."""


def pins(text):
    """Return ``{name: version}`` of the ``name==version`` lines of a freeze, the names as registries write them."""
    found = re.findall(r"^([A-Za-z0-9][\w.-]*)==([\w.!+-]+)$", text, flags=re.M)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def python_of(text):
    """Return Colab's version of Python, which the first line of the facts names."""
    return re.search(r"Python (3\.\d+)", text.splitlines()[0]).group(1)


def resolve(wanted, fixed, python, *options):
    """Return ``{name: version}`` that a resolution gives, with the versions ``fixed``, for one Python on Linux.

    Parameters
    ----------
    wanted : list of str
        Requirements, or the path of a pyproject.toml.
    fixed : dict

    Raises
    ------
    ContractError
        If there is none.
    """
    files = [line for line in wanted if line.endswith(".toml")]
    lines = "\n".join(line for line in wanted if line not in files)
    if not UV.exists():
        raise ContractError(f"uv is not here: run make {UV.relative_to(ROOT).as_posix()}, then this again")
    PLACE.mkdir(parents=True, exist_ok=True)
    constraints = PLACE / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in fixed.items()), encoding="utf-8")
    command = [str(UV), "pip", "compile", "--quiet", "--no-annotate", "--no-header", "--no-emit-index-url"]
    command += ["--python-version", python, "--python-platform", "linux", "--constraints", str(constraints)]
    done = subprocess.run([*command, *options, *files, "-"], input=lines, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise ContractError(done.stderr.strip())
    return pins(done.stdout)


def needed(fixed, python):
    """Return what the helpers, their extras and what runs a notebook need, as :func:`resolve` does."""
    extras = [part for name in EXTRAS for part in ("--extra", name)]
    return resolve([str(ROOT / "pyproject.toml"), *RUNNERS], fixed, python, *extras)


def broken(fixed, python):
    """Return one sentence for each package that installing the helpers with dependencies would change or add.

    Raises
    ------
    ContractError
        If no set of packages holds both what Colab has and what the helpers need.
    """
    after = needed(fixed, python)
    added = sorted(after.keys() - fixed.keys() - LEFT_OUT_BY_COLAB.keys())
    return [f"{name} {after[name]} would be installed: it is not among what Colab has" for name in added]


def facts(freeze, python):
    """Return the text of tests/colab-versions.txt: of all that Colab has, what the helpers and the notebooks need."""
    date = re.search(r"\d{4}-\d\d-\d\d", freeze)
    if not date:
        raise ContractError("the freeze has no line that says of which day it is, such as '# Colab on 2026-08-19'")
    there = pins(freeze)
    if found := broken(there, python):
        raise ContractError("\n".join(found))
    kept = sorted(needed(there, python).keys() & there.keys())
    head = f"# In Colab's runtime on {date.group()}, Python {python}; written by tools/contract.py --freeze.\n"
    return head + "".join(f"{name}=={there[name]}\n" for name in kept)


def absent(fixed, python):
    """Return the names of ``fixed`` of which the registry has no built version for this Python, with no other fault."""
    found = []
    for name, version in fixed.items():
        try:
            resolve([f"{name}=={version}"], {}, python, "--no-deps", "--only-binary", ":all:")
        except ContractError as error:
            if "No solution found" not in str(error):  # a registry out of reach says nothing about a package
                raise
            found.append(name)
    return found


def environment(fixed):
    """Make an environment in which the packages have the versions ``fixed`` as far as possible.

    Returns
    -------
    python : Path
        Its interpreter.
    others : list of str
        One sentence for each package that has another version.
    """
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    missing = absent(fixed, here)
    chosen = needed({name: version for name, version in fixed.items() if name not in missing}, here)
    python = PLACE / "env" / "bin" / "python"
    shutil.rmtree(PLACE / "env", ignore_errors=True)
    subprocess.run([UV, "venv", "--quiet", "--seed", "--python", sys.executable, python.parents[1]], check=True)
    lines = "".join(f"{name}=={version}\n" for name, version in chosen.items())
    command = [UV, "pip", "install", "--quiet", "--python", python, "--requirement", "-"]
    subprocess.run(command, input=lines, text=True, check=True)
    reason = f"the registry has no built one for Python {here}"
    return python, [f"{name} is {chosen.get(name, 'absent')} and not {fixed[name]}: {reason}" for name in missing]


def wheel(python):
    """Build the helpers' wheel from a copy of the course, install it without dependencies, and nothing else."""
    copy = PLACE / "course"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "_build", "build", "runs"))
    shutil.rmtree(PLACE / "wheel", ignore_errors=True)
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", PLACE / "wheel", copy], check=True)
    (built,) = (PLACE / "wheel").glob("*.whl")
    command = [UV, "pip", "install", "--quiet", "--no-deps", "--reinstall", "--python", python, built]
    subprocess.run(command, check=True)
    shutil.rmtree(copy)


def run(python, arguments):
    """Run the notebooks with tools/colab.py in an empty folder; return its exit status."""
    empty = PLACE / "empty"
    shutil.rmtree(empty, ignore_errors=True)
    empty.mkdir()
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    kept |= {"TF_CPP_MIN_LOG_LEVEL": "3", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    command = [python, ROOT / "tools" / "colab.py", "--installed", "--report", PLACE / "report.md", *arguments]
    return subprocess.run(command, cwd=empty, env=kept).returncode


def main(arguments=None):
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", nargs="*", type=Path, help="all chapters and learner editions if none is given")
    parser.add_argument("--freeze", type=Path, help="write tests/colab-versions.txt from this list and stop")
    parser.add_argument("--python", help="Colab's Python (the one that the facts name)")
    parser.add_argument("--resolve", action="store_true", help="resolve and stop; run no notebook")
    options = parser.parse_args(arguments)
    try:
        python = options.python or python_of(FACTS.read_text(encoding="utf-8"))
        if options.freeze:
            FACTS.write_text(facts(options.freeze.read_text(encoding="utf-8"), python), encoding="utf-8")
            return 0
        fixed = pins(FACTS.read_text(encoding="utf-8"))
        found = broken(fixed, python)
        print("\n".join(found) or f"Installing the helpers changes nothing of Colab's, Python {python}.", flush=True)
        if options.resolve:
            return 1 if found else 0
        interpreter, others = environment(fixed)
        print("\n".join(others), flush=True)
        wheel(interpreter)
        return run(interpreter, [path.resolve() for path in options.notebook]) or (1 if found else 0)
    except ContractError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

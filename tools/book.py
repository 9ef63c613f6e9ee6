"""Build the book: run every notebook, render the pages, say where to open them and how long each chapter took.

``python tools/book.py`` from anywhere.  The notebooks run once, two at a time, under ``pytest --nbval-lax``, which on
the embedded sample also compares the outputs of checked cells with the stored ones (notebooks/conftest.py).  The pages
take their outputs from that run.  A second build runs no notebook again unless something that can change a result has
changed: the helpers, the notebooks, the installed packages, the settings (SKIN_...), the data, the weights of the
networks that are on this machine, or run records of your own.  A build that fails leaves no book that counts as good:
the stamp, ``_build/book.json``, is written last.
"""

import functools
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
HTML = BUILD / "html"
#: The notebooks as they ran, each written when all of its cells had passed; and the cache from which MyST-NB takes
#: their outputs, and in which it keeps those of the appendix.
EXECUTED = BUILD / "executed"
CACHE = BUILD / ".jupyter_cache"
STAMP = BUILD / "book.json"

#: Notebooks that run at a time; seconds that a cell may take.
WORKERS, TIMEOUT = 2, 600

#: What a notebook's results can depend on, and what a page's looks can depend on besides.
RESULTS_FROM = (
    "helpers/**/*.py",
    "helpers/**/*.toml",
    "notebooks/*.ipynb",
    "notebooks/conftest.py",
    "book/results/**/*",
    "requirements.lock",
)
PAGES_FROM = ("_config.yml", "_toc.yml", "book/**/*", "pyproject.toml", "tools/book.py")


def chapters():
    """Return the paths of the notebooks, in the order of _toc.yml; those that it does not list come last."""
    listed = re.findall(r"file: notebooks/(\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return sorted((ROOT / "notebooks").glob("*.ipynb"), key=lambda path: ([*listed, path.stem].index(path.stem), path))


def environment():
    """Return the environment of the build: relative folders made absolute, since notebooks run in their own folder."""
    environ = dict(os.environ)
    for name in ("SKIN_DATA", "SKIN_CACHE", "SKIN_RUNS", "SKIN_WEIGHTS"):
        if environ.get(name) and (name, environ[name]) != ("SKIN_WEIGHTS", "random"):
            environ[name] = str(Path(environ[name]).expanduser().resolve())
    # The notebooks run in this Python's kernel, and no start-up chatter gets into the pages.
    return environ | {
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYTHONWARNINGS": "ignore:IProgress not found",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONUTF8": "1",
        "OPENBLAS_NUM_THREADS": "1",  # small matrices: two threads would wait for each other
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # notebooks that run side by side share the GPU's memory
    }


def data_identity(environ):
    """Return the hash of the data that the notebooks will load; None where no notebook is there to load any.

    Raises
    ------
    SystemExit
        With the loader's own words, if the data cannot be loaded.
    """
    if not chapters():
        return None
    chapter = chapters()[0].stem
    program = (
        f"from helpers import data, settings\nham = data.load(settings.for_chapter({chapter!r}))\n"
        "print(ham.fingerprint, len(ham.table), ham.missing, len(ham.stored_masks))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environ, text=True, stdout=subprocess.PIPE)
    if done.returncode:
        raise SystemExit("The data could not be loaded; the message above says why.  No book was built.")
    return done.stdout.strip()


@functools.cache
def packages():
    """Return the installed packages as ``["name==version", ...]``."""
    return sorted({f"{package.name}=={package.version}" for package in metadata.distributions()})


def digest(patterns, *words):
    """Return a sha256 over the contents of the files that match and over ``words``."""
    seen = hashlib.sha256(json.dumps(words, sort_keys=True).encode())
    for pattern in patterns:
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                seen.update(f"{path.relative_to(ROOT).as_posix()} {content}\n".encode())
    return seen.hexdigest()


def outside(environ):
    """Return a sha256 over what a notebook may find outside the project: weights, and records above the quick tier.

    A build may fetch the ones and write the others itself.
    """
    seen = hashlib.sha256()
    folder = environ.get("SKIN_WEIGHTS")
    keras_home = Path(environ.get("KERAS_HOME") or Path.home() / ".keras")
    weights = Path(folder) if folder else keras_home / "models"
    for path in sorted(weights.glob("*")) if folder != "random" else ():
        seen.update(f"{path.name} {path.stat().st_size}\n".encode())
    own = Path(environ.get("SKIN_RUNS") or ROOT / "notebooks" / "runs")
    for path in sorted(own.glob("*/run.json")):
        content = path.read_bytes()
        if b'"tier": "quick"' not in content:
            seen.update(content)
    return seen.hexdigest()


def digests(environ):
    """Return what a book comes from: ``{"results": ..., "outside": ..., "pages": ...}``, see :func:`outside`."""
    settings = {name: value for name, value in environ.items() if name.startswith("SKIN_")}
    results = digest(RESULTS_FROM, settings, platform.python_version(), packages(), data_identity(environ))
    return {"results": results, "outside": outside(environ), "pages": digest(PAGES_FROM, results)}


def stamp():
    """Return what the last good build wrote, or ``{}``."""
    return json.loads(STAMP.read_text(encoding="utf-8")) if STAMP.exists() else {}


def is_fresh(wanted):
    """Whether the built book is whole and comes from what is here now."""
    stamped = stamp()
    return (HTML / "index.html").exists() and all(stamped.get(name) == value for name, value in wanted.items())


def run_notebooks(environ):
    """Run the notebooks that have not run yet, and put what all of them gave into the cache of the pages.

    Returns
    -------
    dict
        ``{chapter: seconds}``.

    Raises
    ------
    SystemExit
        If a cell fails, or does not give the output that is stored; pytest has named it.
    """
    waiting = [str(path) for path in chapters() if not (EXECUTED / path.name).exists()]
    if waiting:
        command = [sys.executable, "-m", "pytest", "-n", str(WORKERS), "--dist", "loadfile", "--nbval-lax"]
        command += [f"--nbval-cell-timeout={TIMEOUT}", f"--executed={EXECUTED}", *waiting]
        if subprocess.run(command, cwd=ROOT, env=environ).returncode:
            raise SystemExit("A notebook failed; the first cell that is named above is the place to start.")
    cache, seconds = get_cache(CACHE), {}
    for path in chapters():
        notebook = nbformat.read(EXECUTED / path.name, as_version=4)
        seconds[path.stem] = notebook.metadata.pop("seconds")
        cache.cache_notebook_bundle(CacheBundleIn(notebook, str(path)), overwrite=True)
    return seconds


def run_by_the_pages():
    """Return the names of notebooks that the build of the pages ran itself, for want of their results in its cache."""
    return [Path(record.uri).name for record in get_cache(CACHE).list_project_records() if record.uri.endswith("ipynb")]


def build(wanted, environ):
    """Build the book from nothing but the notebooks' results, and stamp it.

    Raises
    ------
    SystemExit
        If a notebook fails, if anything warns, or if a chapter was left out.
    """
    STAMP.unlink(missing_ok=True)
    BUILD.mkdir(exist_ok=True)
    ran_from = EXECUTED / "results-from"
    causes = wanted["results"] + wanted["outside"]
    if not ran_from.exists() or ran_from.read_text(encoding="utf-8") != causes:
        for old in (EXECUTED, CACHE):
            shutil.rmtree(old, ignore_errors=True)
        EXECUTED.mkdir()
        ran_from.write_text(causes, encoding="utf-8")
    seconds = run_notebooks(environ)
    for old in (HTML, BUILD / ".doctrees", BUILD / "jupyter_execute"):
        shutil.rmtree(old, ignore_errors=True)
    program = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", program, "build", ".", "-W", "-n", "--keep-going", "--all"]
    if subprocess.run(command, cwd=ROOT, env=environ).returncode:
        raise SystemExit("The book was not built; the first error or warning above is the place to start.")
    left_out = [path.name for path in chapters() if not (HTML / "notebooks" / f"{path.stem}.html").exists()]
    if left_out:
        raise SystemExit(f"These chapters have no page: {', '.join(left_out)}.  Are they in _toc.yml?")
    if run_by_the_pages():
        raise SystemExit(f"The pages of {', '.join(run_by_the_pages())} show another run than the one that was tested.")
    built = wanted | {"outside": outside(environ), "seconds": seconds}
    ran_from.write_text(built["results"] + built["outside"], encoding="utf-8")
    unfinished = STAMP.with_suffix(".part")
    unfinished.write_text(json.dumps(built, indent=1), encoding="utf-8")
    os.replace(unfinished, STAMP)


def report(reused):
    """Print how long each chapter took and where to open the book."""
    print("\nThe book is up to date; nothing was run again." if reused else "\nThe book is built.")
    for chapter, seconds in stamp()["seconds"].items():
        print(f"  {chapter:<32} ran in {seconds:6.1f} s")
    print(f"Open it: {(HTML / 'index.html').relative_to(ROOT).as_posix()}")


def main():
    """Build the book unless it is up to date."""
    started = time.perf_counter()
    environ = environment()
    wanted = digests(environ)
    reused = is_fresh(wanted)
    if not reused:
        build(wanted, environ)
    report(reused)
    print(f"({time.perf_counter() - started:.0f} s in all)")


if __name__ == "__main__":
    main()

"""Give the course another home: write the address of its repository into every file that has to name it.

``make repository URL=https://github.com/me/fork``, or ``python tools/repository.py https://github.com/me/fork``.
pyproject.toml says which address it is now; without an argument the tool prints that one and the files that name it.
All files are rewritten or none is.  Needs nothing but Python, so it can be the first thing done in a fork.
"""

import argparse
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: The files that name the repository; a test says that no other does.
PLACES = (
    "pyproject.toml",
    "_config.yml",
    "CITATION.cff",
    "README.md",
    "notebooks/*.ipynb",
    "notebooks/learner/*.ipynb",
)
#: An address on GitHub, which is where Colab opens notebooks from and where the workflows publish the book.
ADDRESS = re.compile(r"https://github\.com/(?P<owner>[A-Za-z0-9](?:-?[A-Za-z0-9])*)/(?P<name>[A-Za-z0-9._-]+)")
#: What cannot go on with the name of a repository: ``.../course`` is not named by ``.../course-of-another``.
END = r"(?![\w-]|\.(?!git\b)\w)"


class AddressError(ValueError):
    """An address that cannot be the repository's; the message says what is wrong with it and what it looks like."""


def parse(url):
    """Return ``(owner, name)`` of a repository's address, which may end in a slash or in ``.git``.

    Raises
    ------
    AddressError
        If it is not ``https://github.com/OWNER/NAME``.
    """
    found = ADDRESS.fullmatch(url.strip().removesuffix("/").removesuffix(".git"))
    if not found or found["name"] in (".", ".."):
        raise AddressError(f"{url!r} is no address of a repository on GitHub: write https://github.com/OWNER/NAME")
    return found["owner"], found["name"]


def named(root=ROOT):
    """Return the address that pyproject.toml names.

    Raises
    ------
    AddressError
        If it names none.
    """
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^Repository = "(.+)"$', text, flags=re.M)
    if not found:
        raise AddressError('pyproject.toml has no line Repository = "https://github.com/OWNER/NAME"')
    return found.group(1)


def forms(owner, name):
    """Return the ways in which a file names a repository, as ``{pattern: text}``.

    On GitHub and in Colab's links; the site on GitHub Pages; the folder that a clone makes, after the clone.
    """
    return {
        rf"(?<=github\.com/){re.escape(f'{owner}/{name}')}{END}": f"{owner}/{name}",
        rf"(?<=colab\.research\.google\.com/github/){re.escape(f'{owner}/{name}')}{END}": f"{owner}/{name}",
        rf"https://{re.escape(owner.lower())}\.github\.io/{re.escape(name)}{END}": f"https://{owner.lower()}.github.io/{name}",
        rf"(?m)^cd {re.escape(name)}$": f"cd {name}",
    }


def rewritten(text, old, new):
    """Return ``text`` with one repository, ``(owner, name)``, in another's place."""
    for pattern, wanted in zip(forms(*old), forms(*new).values(), strict=True):
        text = re.sub(pattern, lambda match, wanted=wanted: wanted, text)
    return text


def names(text, repository):
    """Whether a text names the repository ``(owner, name)`` in any form."""
    return any(re.search(pattern, text) for pattern in forms(*repository))


def places(root=ROOT):
    """Return the paths of the files that may name the repository."""
    return [path for pattern in PLACES for path in sorted(root.glob(pattern))]


def move(url, root=ROOT):
    """Write another address into all files; return the paths of those that changed.

    Raises
    ------
    AddressError
        If either address is none; nothing is changed then.
    """
    old, new = parse(named(root)), parse(url)
    changes = {}
    for path in places(root):
        with open(path, encoding="utf-8", newline="") as file:  # line ends as they are
            before = file.read()
        after = rewritten(before, old, new)
        if after != before:
            changes[path] = after
    parts = {}
    try:
        for path, text in changes.items():
            parts[path] = path.with_name(f"{path.name}.{os.getpid()}.part")
            parts[path].write_text(text, encoding="utf-8", newline="")
        for path, part in parts.items():
            os.replace(part, path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
    return list(changes)


def main(arguments=None, root=ROOT):
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", nargs="?", default="", help="https://github.com/OWNER/NAME; without it nothing changes")
    options = parser.parse_args(arguments)
    try:
        if options.url:
            changed = move(options.url, root)
        else:
            repository = parse(named(root))
            changed = [path for path in places(root) if names(path.read_text(encoding="utf-8"), repository)]
    except (AddressError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The repository is {named(root)}, {'written into' if options.url else 'named in'} {len(changed)} files:")
    print("\n".join(f"  {path.relative_to(root).as_posix()}" for path in changed))
    return 0


if __name__ == "__main__":
    sys.exit(main())

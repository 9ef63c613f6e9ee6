"""Say whether a tag is the version that the project has, and print that version's part of CHANGELOG.md.

``python3 tools/release.py v0.2.0``, from .github/workflows/release.yml: the tag has to be ``v`` and the version of
pyproject.toml and CITATION.cff, and the changes have to be dated.  Needs nothing but Python.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class ReleaseError(ValueError):
    """The project is not ready for this tag; the message says which file says otherwise."""


def notes(tag, root=ROOT):
    """Return what CHANGELOG.md says of the version that a tag names.

    Raises
    ------
    ReleaseError
        If pyproject.toml, CITATION.cff or CHANGELOG.md is of another version, their dates differ, or CHANGELOG.md has
        changes that belong to no version.
    """
    version = tag.removeprefix("v")
    patterns = {
        "pyproject.toml": r'^version = "(.+)"$',
        "CITATION.cff": r"^version: (.+)$",
    }
    for name, pattern in patterns.items():
        found = re.search(pattern, (root / name).read_text(encoding="utf-8"), flags=re.M)
        if tag != f"v{version}" or not found or found.group(1) != version:
            raise ReleaseError(f"the tag is {tag!r}, and {name} has the version {found and found.group(1)}")
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if re.search(r"^## Unreleased\n+(?!## |\n)", changes, flags=re.M):
        raise ReleaseError(f"CHANGELOG.md has changes under Unreleased, not {version}: give them a version")
    part = re.search(rf"^## {re.escape(version)} \((\d{{4}}-\d\d-\d\d)\)\n(.*?)(?=^## |\Z)", changes, flags=re.M | re.S)
    if not part or not part.group(2).strip():
        raise ReleaseError(f"CHANGELOG.md has nothing under '## {version} (date)'")
    if f'date-released: "{part.group(1)}"' not in (root / "CITATION.cff").read_text(encoding="utf-8"):
        raise ReleaseError(f"CHANGELOG.md dates {version} {part.group(1)}, and CITATION.cff does not")
    return part.group(2).strip()


def main(arguments):
    """Run the command line; return its exit status."""
    if len(arguments) != 1:
        print("usage: release.py TAG", file=sys.stderr)
        return 2
    try:
        print(notes(arguments[0]))
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Sphinx extension: facts of the data set and of the project as substitutions, so that no page types one by hand."""

import tomllib
from pathlib import Path

from helpers import __version__, ham10000
from helpers.data import _download as sources

ROOT = Path(__file__).resolve().parents[2]
BIBTEX = """```bibtex
@misc{learning2026skin,
  title   = {Learning to See Skin Lesions: from raw dermoscopy images to numbers one can trust},
  author  = {{The Learning to See Skin Lesions authors}},
  year    = {2026},
  version = {%s},
  url     = {%s}
}
```"""


def substitutions():
    """Return ``{name: text}``, for ``{{ name }}`` on the pages under ``book/``.

    The published counts, the size of the download, how to cite the course, and the address that pyproject.toml names,
    as code and as commands.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    repository = project["urls"]["Repository"]
    folder = repository.rsplit("/", 1)[1]
    size = sum(remote.size for remote in sources.SOURCES["dataverse"])
    images, lesions = ham10000.PUBLISHED_IMAGES, ham10000.PUBLISHED_LESIONS
    found = {
        "images": f"{sum(images.values()):,}",
        "lesions": f"{sum(lesions.values()):,}",
        "classes": str(len(ham10000.CLASSES)),
        "missed_pairs": str(len(ham10000.MISSED_PAIRS)),
        "df_fold": f"{images['df'] / 5:.0f}",
        "download": f"{size / 1e9:.1f} GB",
        "repository": f"`{repository}`",
        "clone": f"```bash\ngit clone {repository}\ncd {folder}\n```",
        "bibtex": BIBTEX % (__version__, repository),
    }
    for dx in ham10000.CLASSES:
        found |= {f"{dx}_images": f"{images[dx]:,}", f"{dx}_lesions": f"{lesions[dx]:,}"}
        found[f"{dx}_name"] = ham10000.NAMES[dx]
    return found


def fill(app, config):
    """Hand the substitutions to MyST, and the course's version to the template of the footer."""
    config.myst_substitutions.update(substitutions())
    config.release = __version__


def setup(app):
    """Fill in the facts before any page is read."""
    app.connect("config-inited", fill, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Sphinx extension: numbers of the data set as substitutions, so that no page types one by hand."""

from helpers import ham10000


def substitutions():
    """Return ``{name: text}`` of the published counts, for ``{{ name }}`` on the pages under ``book/``."""
    images, lesions = ham10000.PUBLISHED_IMAGES, ham10000.PUBLISHED_LESIONS
    found = {
        "images": f"{sum(images.values()):,}",
        "lesions": f"{sum(lesions.values()):,}",
        "classes": str(len(ham10000.CLASSES)),
        "missed_pairs": str(len(ham10000.MISSED_PAIRS)),
    }
    for dx in ham10000.CLASSES:
        found |= {f"{dx}_images": f"{images[dx]:,}", f"{dx}_lesions": f"{lesions[dx]:,}"}
        found[f"{dx}_name"] = ham10000.NAMES[dx]
    return found


def setup(app):
    """Hand the substitutions to MyST before it reads a page."""
    app.connect("config-inited", lambda app, config: config.myst_substitutions.update(substitutions()), priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""Where a page's numbers come from: one banner at the top of each notebook."""

import html
import os
import platform
import sys
from dataclasses import dataclass
from importlib import metadata

import helpers
from helpers.records import _seal as seal
from helpers.settings import DRIVE, GPU_CHAPTERS, RECORDED_CHAPTERS, TIERS, gpus

#: Packages whose version can change a number.
PACKAGES = ("numpy", "pandas", "scikit-learn", "scikit-image", "pillow")
#: Rows of a box that a reader looks for; the others are behind a fold.
FIRST = ("Data", "Tier", "Work", "Your files", "Network", "Weights")
#: These are named only where a notebook has imported them: a data chapter does not wait for TensorFlow.
MODEL_PACKAGES = ("tensorflow", "keras", "xgboost")


def device():
    """Return the device in words: how many GPUs there are, and the processor cores.

    TensorFlow is not imported for it.  A GPU of the machine that no model uses yet is said so.
    """
    count, cores = gpus(), f"{os.cpu_count()} CPU cores ({platform.machine()})"
    if count and "tensorflow" not in sys.modules:
        return f"{cores}; a GPU is present, not used here"
    return f"{count or 'no'} GPU, {cores}"


def versions():
    """Return ``{package: version}`` of what can change a number, Python and this course included."""
    loaded = tuple(name for name in MODEL_PACKAGES if name in sys.modules)
    used = {"helpers": helpers.__version__, "Python": platform.python_version()}
    used |= {name: metadata.version(name) for name in PACKAGES}
    # A module may come from a package of another name, as TensorFlow does from tensorflow-cpu.
    return used | {name: sys.modules[name].__version__ for name in loaded}


@dataclass(frozen=True)
class Banner:
    """Rows of ``label: value`` and the notices above them; shown as HTML in a notebook, as text in a terminal.

    ``title`` is what a screen reader calls the box; no two boxes of a page have the same.
    """

    rows: dict[str, str]
    notices: tuple[str, ...]
    title: str = "Where the numbers on this page come from"

    def __repr__(self):
        width = max(len(label) for label in self.rows)
        lines = [f"*** {notice} ***" for notice in self.notices]
        return "\n".join(lines + [f"{label:<{width}}  {value}" for label, value in self.rows.items()])

    def _repr_html_(self):
        notices = "".join(
            '<p style="margin:0 0 .6em;padding:.5em .8em;border-left:.4em solid #B34700;background:#FFF1E5;'
            f'color:#3D1A00;font-weight:600">{html.escape(notice)}</p>'
            for notice in self.notices
        )
        folded = [label for label in self.rows if label not in FIRST]
        more = ""
        if folded:
            names = ", ".join([folded[0], *(label.lower() for label in folded[1:])])
            more = f"<details><summary>{html.escape(names)}</summary>{self._list(folded)}</details>"
        return (
            f'<section class="skin-provenance" aria-label="{html.escape(self.title)}" '
            'style="border:1px solid #8A8F98;border-radius:.4em;padding:.8em 1em;margin:0 0 1em;'
            'font-size:.9em;line-height:1.5">'
            f"{notices}{self._list(label for label in self.rows if label in FIRST)}{more}</section>"
        )

    def _list(self, labels):
        """Return some rows as an HTML list of terms and what is said of them."""
        rows = "".join(
            '<div style="display:flex;gap:1em;flex-wrap:wrap">'
            f'<dt style="flex:0 0 6.5em;font-weight:600">{html.escape(label)}</dt>'
            f'<dd style="flex:1 1 16em;margin:0">{html.escape(self.rows[label])}</dd></div>'
            for label in labels
        )
        return f'<dl style="margin:0">{rows}</dl>'


def banner(dataset, settings):
    """Return the :class:`Banner` of a page: data, resolution, hash, tier, device, versions.

    Parameters
    ----------
    dataset : helpers.data.Dataset
    settings : helpers.settings.Settings
        ``settings.sizes.image`` is what the chapter asks for; a data set with fewer pixels is marked as upsampled.
    """
    (height, width), (stored_height, stored_width) = settings.sizes.image, dataset.size
    notices = []
    why = f" {dataset.why}" if dataset.why else ""
    if dataset.synthetic and settings.chapter in RECORDED_CHAPTERS:
        notices.append(
            "RECORDED ON REAL IMAGES. What this page finds comes from run records of the real HAM10000. Where a cell "
            f"says that it uses the images at hand, these are drawn by a program.{why}"
        )
    elif dataset.synthetic:
        notices.append(
            "SYNTHETIC DATA. The images and every number computed from them on this page are drawn by a program, "
            f"not photographed. They show how the code works, and nothing about skin.{why}"
        )
    if dataset.missing:
        notices.append(
            f"SUBSET. {len(dataset.table):,} of the {len(dataset.table) + dataset.missing:,} images that the metadata "
            "lists are here; every number on this page is of that subset."
        )
    notices.extend(dataset.notices)
    upsampled = height > stored_height or width > stored_width
    if upsampled:
        notices.append(
            f"UPSAMPLED. This chapter asks for {width} x {height} pixels; the stored images have "
            f"{stored_width} x {stored_height}."
        )
    colab = "google.colab" in sys.modules
    if colab and settings.chapter in GPU_CHAPTERS and not gpus():
        notices.append(
            "NO GPU. This chapter trains networks. The quick tier can do without; for a larger one choose Runtime, "
            "then Change runtime type, then T4 GPU in Colab's menu, and run the chapter again from its first cell."
        )
    rows = {
        "Data": f"{dataset.source}, {len(dataset.table):,} images of {stored_width} x {stored_height} pixels",
        "Data hash": dataset.fingerprint[:16],
        "Licence": dataset.licence,
        "Tier": f"{settings.tier}: images used at {width} x {height} pixels" + (" (upsampled)" if upsampled else ""),
        "Work": f"{TIERS[settings.tier]} ({settings.reasons['tier']}; set SKIN_TIER first to change it)",
        "Seed": str(settings.seed),
        "Device": device(),
        "Versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
    }
    if colab:
        rows["Your files"] = _kept(settings)
    return Banner(rows=rows, notices=tuple(notices))


def _kept(settings):
    """Return in words where a reader's files lie on Colab, which deletes them, and how to keep them."""
    places = {
        "SKIN_CACHE": ("downloads and checkpoints", settings.cache),
        "SKIN_RUNS": ("run records", seal.own_folder()),
    }
    said = ", ".join(f"{what} in {path}" for what, path in places.values())
    lost = [variable for variable, (_, path) in places.items() if not path.resolve().is_relative_to(DRIVE)]
    if lost:
        said += ". Colab deletes what is not on your Drive when the session ends: to keep it, pass drive=True to start"
    return said


def weights_notice(backbone):
    """Return a :class:`Banner` that says which network a page uses and where its weights came from.

    Random weights are said as plainly as drawn images are.

    Parameters
    ----------
    backbone : helpers.networks.Backbone

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from helpers import records
    >>> records.weights_notice(SimpleNamespace(pretrained=True, label="VGG16", weights="ImageNet"))
    Network  VGG16
    Weights  ImageNet
    """
    notices = ()
    if not backbone.pretrained:
        notices = (
            "RANDOM WEIGHTS. The weights that this network learned on ImageNet could not be had here, so it has "
            "learned nothing. The cells show how the code works; what they compute with this network says nothing. "
            "What the chapter argues from are the recorded runs.",
        )
    rows = {"Network": backbone.label, "Weights": backbone.weights}
    return Banner(rows=rows, notices=notices, title="Which network this page uses, and where its weights come from")

"""What a run uses: its tier, its sizes, its seed, its folders; chosen once, and printable with the reason.

Environment variables: ``SKIN_TIER`` (auto, quick, workshop, full), ``SKIN_DATA`` (a folder with HAM10000 in the
official layout, or your own images in it; ``sample`` for drawn ones), ``SKIN_CACHE`` (where generated and downloaded
files go).
"""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pooch

TIERS = {
    "quick": "small enough for a laptop: under a minute a notebook on two CPU cores",
    "workshop": "moderate sizes on real data, for a small GPU; its minutes are not yet measured",
    "full": "the networks' usual sizes, and the paper's where it says them: as long as they take on a Colab GPU",
}

#: What ``SKIN_DATA`` says to ask for the drawn images.
SAMPLE = "sample"

#: Where Colab mounts a reader's Drive.
DRIVE = Path("/content/drive")

#: What switches an environment variable on, and what off.
ON, OFF = ("1", "true", "yes", "y", "on"), ("0", "false", "no", "n", "off", "none")

#: The seed of everything random, unless a cell says otherwise.
SEED = 2018


@dataclass(frozen=True)
class Sizes:
    """How much a chapter does: ``image`` is (height, width) in pixels, ``repeats`` how often a draw is repeated.

    ``rows``: models learn from at most so many images; None: all.  ``epochs``: networks see them at most so often.
    """

    image: tuple[int, int]
    repeats: int
    rows: int | None = None
    epochs: int | None = None


#: The sizes of each chapter in each tier.  A tier limits pixels, epochs and training rows, never the metadata.
CHAPTERS = {
    "meet-the-data": {
        "quick": Sizes(image=(75, 100), repeats=20),
        "workshop": Sizes(image=(150, 200), repeats=50),
        "full": Sizes(image=(450, 600), repeats=200),
    },
    "split-without-leaking": {
        "quick": Sizes(image=(75, 100), repeats=50),
        "workshop": Sizes(image=(150, 200), repeats=50),
        "full": Sizes(image=(450, 600), repeats=200),
    },
    # As in against-the-paper.
    "the-papers-test-set": {tier: Sizes(image=(75, 100), repeats=1) for tier in ("quick", "workshop", "full")},
    "preprocess": {
        "quick": Sizes(image=(75, 100), repeats=30),
        "workshop": Sizes(image=(150, 200), repeats=50),
        "full": Sizes(image=(450, 600), repeats=50),
    },
    "augment-and-weigh": {
        "quick": Sizes(image=(75, 100), repeats=1),
        "workshop": Sizes(image=(150, 200), repeats=1),
        "full": Sizes(image=(450, 600), repeats=1),
    },
    # Texture is measured pixel by pixel, so the full tier keeps the size of the book's records.
    "classical-baselines": {
        "quick": Sizes(image=(75, 100), repeats=5, rows=1000),
        "workshop": Sizes(image=(150, 200), repeats=10, rows=4000),
        "full": Sizes(image=(150, 200), repeats=20),
    },
    "cnn-from-scratch": {
        "quick": Sizes(image=(90, 90), repeats=1, rows=64, epochs=2),
        "workshop": Sizes(image=(96, 96), repeats=3, epochs=30),
        "full": Sizes(image=(512, 512), repeats=3, epochs=50),
    },
    "transfer-vgg16": {
        "quick": Sizes(image=(48, 64), repeats=1, rows=200, epochs=3),
        "workshop": Sizes(image=(150, 200), repeats=4, epochs=30),
        "full": Sizes(image=(224, 224), repeats=4, epochs=50),
    },
    "transfer-resnet": {
        "quick": Sizes(image=(48, 64), repeats=1, rows=128, epochs=2),
        "workshop": Sizes(image=(150, 200), repeats=4, epochs=30),
        "full": Sizes(image=(224, 224), repeats=4, epochs=50),
    },
    # No image is opened and nothing is trained: the tiers are alike.
    "against-the-paper": {tier: Sizes(image=(75, 100), repeats=1) for tier in ("quick", "workshop", "full")},
    # The live experiment learns from small copies of the images; the book's record has the deep features.
    "where-could-90-come-from": {
        "quick": Sizes(image=(75, 100), repeats=3, rows=1000),
        "workshop": Sizes(image=(150, 200), repeats=10, rows=4000),
        "full": Sizes(image=(150, 200), repeats=20),
    },
    # As in against-the-paper.
    "how-sure": {tier: Sizes(image=(75, 100), repeats=1) for tier in ("quick", "workshop", "full")},
    "probabilities-and-decisions": {tier: Sizes(image=(75, 100), repeats=1) for tier in ("quick", "workshop", "full")},
    "whom-does-it-fail": {tier: Sizes(image=(75, 100), repeats=1) for tier in ("quick", "workshop", "full")},
}

#: The chapters that train networks.  Above the quick tier they need a GPU, and their notebooks ask Colab for one.
GPU_CHAPTERS = frozenset(name for name, tiers in CHAPTERS.items() if tiers["full"].epochs)
#: The chapters whose findings all come from records of the real images, whichever images are at hand.
RECORDED_CHAPTERS = frozenset(
    {
        "against-the-paper",
        "classical-baselines",
        "cnn-from-scratch",
        "how-sure",
        "meet-the-data",
        "probabilities-and-decisions",
        "the-papers-test-set",
        "transfer-resnet",
        "transfer-vgg16",
        "where-could-90-come-from",
        "whom-does-it-fail",
    }
)


@dataclass(frozen=True)
class Settings:
    """What one run uses.  ``reasons`` says for each choice where it came from; ``print(settings)`` shows both."""

    chapter: str
    tier: str
    sizes: Sizes
    seed: int
    data: Path | str | None
    cache: Path
    reasons: dict[str, str] = field(compare=False)

    def __str__(self):
        height, width = self.sizes.image
        rows = {
            "chapter": self.chapter,
            "tier": f"{self.tier}: {TIERS[self.tier]}",
            "images": f"{width} x {height} pixels" + (f", models use {self.sizes.rows:,}" if self.sizes.rows else ""),
            "repeats": self.sizes.repeats,
            "seed": self.seed,
            "data": self.data or "not named",
            "cache": self.cache,
        }
        return "\n".join(
            f"{name:<8} {value}" + (f"  ({self.reasons[name]})" if name in self.reasons else "")
            for name, value in rows.items()
        )

    __repr__ = __str__

    def training_rows(self, split):
        """Return the rows to train on: those of the split, or as many of them, drawn at random, as the tier allows."""
        most = self.sizes.rows
        if not most or len(split.train) <= most:
            return split.train
        return np.sort(np.random.default_rng(self.seed).choice(split.train, most, replace=False))


def for_chapter(chapter, tier=None, data=None, cache=None):
    """Return the :class:`Settings` of a chapter.

    Parameters
    ----------
    chapter : str
        A key of :data:`CHAPTERS`: the notebook's name, such as ``"meet-the-data"``.
    tier, data, cache : str or Path, optional
        An argument goes before the environment variable, the variable before the default.  The tier ``"auto"`` is
        ``"workshop"`` where there is a GPU, else ``"quick"``; the data ``"sample"`` are the drawn images.

    Raises
    ------
    ValueError
        If the chapter or the tier is not known, or the cache or the records are to lie on a Drive that is not mounted.
        A ``data`` folder that does not exist is reported by
        :func:`helpers.data.load`, which knows what should be in it.

    Examples
    --------
    >>> from helpers import settings
    >>> config = settings.for_chapter("meet-the-data", tier="workshop")
    >>> config.sizes.image
    (150, 200)
    """
    if chapter not in CHAPTERS:
        raise ValueError(f"chapter {chapter!r} is not known; choose one of {', '.join(CHAPTERS)}")
    reasons = {}

    def choose(name, argument, default, why):
        variable = f"SKIN_{name.upper()}"
        if argument is not None:
            reasons[name] = "passed as an argument"
            return argument
        if os.environ.get(variable, "").strip():
            reasons[name] = f"from {variable}"
            return os.environ[variable]
        reasons[name] = f"{why}; set {variable} to change it"
        return default

    tier = choose("tier", tier, "auto", "the default").strip().lower()
    if tier == "auto":
        tier = "workshop" if gpus() else "quick"
        reasons["tier"] = f"{'a' if gpus() else 'no'} GPU is here; set SKIN_TIER to {', '.join(TIERS)} to change it"
    if tier not in TIERS:
        raise ValueError(f"tier {tier!r} ({reasons['tier']}) is not known; choose one of auto, {', '.join(TIERS)}")
    data = choose("data", data, None, "the first there is")
    cache = choose("cache", cache, pooch.os_cache("skin-lesions"), "the default")
    for variable, folder in (("SKIN_CACHE", _path(cache)), ("SKIN_RUNS", _path(os.environ.get("SKIN_RUNS", "runs")))):
        if folder.is_relative_to(DRIVE) and not os.path.ismount(DRIVE):
            raise ValueError(
                f"{variable} is {folder}, and no Drive is mounted at {DRIVE}: what is written there would be lost with "
                f"the session. Pass drive=True to start, which mounts it, or unset {variable}."
            )
    return Settings(
        chapter=chapter,
        tier=tier,
        sizes=CHAPTERS[chapter][tier],
        seed=SEED,
        data=data if data in (None, SAMPLE) else _path(data),
        cache=_path(cache),
        reasons=reasons,
    )


def gpus():
    """Return how many GPUs TensorFlow sees, if it is loaded, else how many the machine's driver lists.

    Examples
    --------
    >>> gpus() >= 0
    True
    """
    if "tensorflow" in sys.modules:
        return len(sys.modules["tensorflow"].config.list_physical_devices("GPU"))
    try:
        done = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    # The command can be there, and fail, where no GPU is.
    return 0 if done.returncode else sum(line.startswith("GPU ") for line in done.stdout.splitlines())


def switch(variable, default=False):
    """Return whether an environment variable is switched on.

    Raises
    ------
    ValueError
        If it is set to a word that is neither yes nor no.

    Examples
    --------
    >>> switch("SKIN_NOT_SET")
    False
    """
    word = os.environ.get(variable, "").strip().strip("\"'").lower()
    if not word:
        return default
    if word not in ON and word not in OFF:
        raise ValueError(f"{variable} is {word!r}; set it to 1 (on) or 0 (off), or unset it")
    return word in ON


def _path(written):
    """Return a path as people write it: in quotes, with a blank after it, as a file's address, with ~ or $HOME."""
    if isinstance(written, Path) or Path(written).exists():
        return Path(written).expanduser()
    text = written.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    if text.lower().startswith("file://"):
        text = url2pathname(urlsplit(text).path)
    return Path(os.path.expandvars(text)).expanduser()

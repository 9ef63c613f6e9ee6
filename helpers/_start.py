"""The first call of every chapter: which images, how much work, on which device; said in a box."""

import os
import shutil

from IPython.display import display

from helpers import data, records, settings
from helpers.data._places import platform
from helpers.ham10000 import PUBLISHED_IMAGES
from helpers.settings import DRIVE

#: Where files are kept on a reader's Drive, and the most that a chapter leaves there beside the pixels, in bytes.
KEPT = DRIVE / "MyDrive" / "learning-to-see-skin-lesions"
RECORDS_AND_CHECKPOINTS = 500_000_000
#: Channels of the activations that a transfer chapter caches: a sixteenth of the image's height and width, two bytes.
ACTIVATIONS = {"transfer-vgg16": 512, "transfer-resnet": 1024}


def start(chapter, *, drive=False):
    """Return ``(config, ham)``: a chapter's settings and its images; show where they come from.

    Images: the folder in ``SKIN_DATA``; else an earlier download; else, on Colab and on Kaggle, Kaggle's own copy,
    attached without a login and not copied; else the embedded sample of drawn images (``SKIN_DATA=sample`` asks for
    it).
    Work: the tier in ``SKIN_TIER``; else ``workshop`` where there is a GPU, and ``quick`` where there is none.

    Parameters
    ----------
    chapter : str
        The notebook's name, such as ``"meet-the-data"``.
    drive : bool
        Keep downloads, caches and run records on Google Drive, which Colab asks you to mount.

    Returns
    -------
    config : helpers.settings.Settings
    ham : helpers.data.Dataset

    Raises
    ------
    ValueError
        If the chapter or the tier is not known, or the Drive cannot be used; nothing is written then.
    helpers.data.DataError
        If the images or their table cannot be used.

    Examples
    --------
    >>> from helpers import start
    >>> config, ham = start("meet-the-data")  # doctest: +ELLIPSIS
    *** RECORDED ON REAL IMAGES...
    >>> len(ham.table), config.sizes.image
    (1000, (75, 100))
    """
    if drive:
        _keep_on_drive(chapter)
    config = settings.for_chapter(chapter)
    ham = data.load(config)
    display(records.banner(ham, config))
    return config, ham


def _keep_on_drive(chapter):
    """Mount the reader's Drive, see that a chapter's files fit, and keep caches and records there."""
    if platform() != "Colab":
        raise ValueError(
            "drive=True keeps files on Google Drive, which Colab alone can mount. Leave it out; set SKIN_CACHE and "
            "SKIN_RUNS to folders to keep files elsewhere."
        )
    if not os.path.ismount(DRIVE):
        from google.colab import drive

        drive.mount(str(DRIVE))
    if not os.path.ismount(DRIVE):
        raise ValueError(f"no Drive is mounted at {DRIVE}: allow Colab to use it, and run this cell again.")
    needed, free = _bytes_of(settings.for_chapter(chapter)), shutil.disk_usage(DRIVE).free
    if needed > free:
        raise ValueError(
            f"this chapter may write {needed / 1e9:.1f} GB, and your Drive has {free / 1e9:.1f} GB left. Make room, "
            "set SKIN_TIER to a smaller tier, or leave drive=True out."
        )
    os.environ["SKIN_CACHE"], os.environ["SKIN_RUNS"] = str(KEPT / "cache"), str(KEPT / "runs")


def _bytes_of(config):
    """Return how much a chapter may write on the whole of HAM10000: pixels, activations, checkpoints, records."""
    height, width = config.sizes.image
    images = sum(PUBLISHED_IMAGES.values())
    cached = images * height * width * 3
    if channels := ACTIVATIONS.get(config.chapter):
        cached += images * (height // 16) * (width // 16) * channels * 2 * config.sizes.repeats
    return cached + RECORDS_AND_CHECKPOINTS

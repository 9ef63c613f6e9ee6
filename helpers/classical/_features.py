"""Numbers that describe a lesion: its pixels, made few, or what people learned to look at, measured.

``raw`` features are the pixels of a small copy of the image.  ``handcrafted`` features follow
the dermatologist's eye: colour inside the lesion against the skin around it, border, shape, symmetry, texture.
Sources stand beside each family.  Not a medical device.
"""

import hashlib
import os
import zlib
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from PIL import Image

from helpers.classical._lesions import describe
from helpers.data._cache import atomic_write
from helpers.data._files import progress
from helpers.data._workers import in_parallel

KINDS = ("raw", "handcrafted")
#: Raised whenever the same pixels would give other features: caches of an older recipe are then no longer used.
RECIPE = 1
#: Height and width in pixels of the small copy whose pixels are the raw features: the size DermaMNIST made common.
RAW_SIZE = (28, 28)
#: Images that one task of a worker describes.
CHUNK = 50


@dataclass(frozen=True, eq=False)
class Features:
    """``values`` is ``(n, d)`` float32, finite, in the order of the images; ``names`` says what the d columns are."""

    kind: str
    values: np.ndarray
    names: tuple[str, ...]

    @property
    def families(self):
        """The family of each column, the part of its name before the first ``/``: colour, texture, shape, ..."""
        return np.array([name.split("/")[0] for name in self.names])


def load_features(dataset, pixels, config, kind="handcrafted", masks=True):
    """Return the :class:`Features` of all images; computed once on all cores, then read from ``config.cache``.

    Parameters
    ----------
    dataset : helpers.data.Dataset
        Its masks say where the lesion is; an image without one is segmented by Otsu's threshold.
    pixels : array, (n, height, width, 3) uint8
        In the table's order, as ``load_pixels`` returns them, or preprocessed.  The cache is keyed by their content.
    config : helpers.settings.Settings
    kind : str
        ``"raw"``: the pixels of a copy of 28 x 28 pixels, 0 to 1.  ``"handcrafted"``: colour, contrast, texture, shape,
        border and symmetry.
    masks : bool
        False: segment every image, as one has to with a photograph of one's own.

    Raises
    ------
    ValueError
        For an unknown kind, or pixels that are not one image a row of the table.
    helpers.data.DataError
        If a mask cannot be read, or the cache cannot be written.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from types import SimpleNamespace
    >>> from helpers import classical
    >>> ham = SimpleNamespace(table=pd.DataFrame({"image_id": ["a", "b"]}))  # a data set of two grey images
    >>> features = classical.load_features(ham, np.full((2, 75, 100, 3), 51, np.uint8), config=None, kind="raw")
    >>> features.values.shape, float(features.values[0, 0]), features.names[0]
    ((2, 2352), 0.20000000298023224, '0/0/0')
    """
    if kind not in KINDS:
        raise ValueError(f"features of kind {kind!r} are not known; choose one of {', '.join(KINDS)}")
    if pixels.ndim != 4 or pixels.dtype != np.uint8 or len(pixels) != len(dataset.table):
        raise ValueError(
            f"pixels are {pixels.dtype} of shape {pixels.shape}; needed are ({len(dataset.table)}, height, width, 3) "
            "uint8, one image a row of the table"
        )
    if kind == "raw":
        values = np.stack([_small(image) for image in pixels])
        return Features(kind, values, tuple(f"{c}/{y}/{x}" for y, x, c in np.ndindex(*RAW_SIZE, 3)))
    stored = dataset.stored_masks if masks else {}
    key = hashlib.sha256(f"{RECIPE} {dataset.fingerprint} {pixels.shape} {zlib.crc32(pixels)}".encode())
    for image_id, mask in sorted(stored.items()):
        key.update(f"{image_id} {mask.checksum or format(zlib.crc32(mask.read()), '08x')}\n".encode())
    path = config.cache / "features" / f"{kind}-{key.hexdigest()[:24]}.npy"
    names = tuple(_names(pixels.shape[1:3]))
    try:
        values = np.load(path)
    except (OSError, ValueError):
        values = None
    if values is None or values.shape != (len(pixels), len(names)):
        with atomic_write(path, "features", len(pixels) * len(names) * 4) as partial:
            values = _describe_all(dataset, pixels, stored)
            with open(partial, "wb") as stream:
                np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(values))
                stream.write(values.data)  # a plain write: np.save's error would not say that the disk is full
    return Features(kind, values, names)


def _small(image):
    height, width = RAW_SIZE
    copy = Image.fromarray(image).resize((width, height), Image.Resampling.BOX)
    return (np.asarray(copy, np.float32) / 255).reshape(-1)


def _describe_all(dataset, pixels, stored):
    ids = dataset.table["image_id"].to_numpy()
    jobs = [
        _job(dataset, stored, ids[row : row + CHUNK], pixels[row : row + CHUNK]) for row in range(0, len(ids), CHUNK)
    ]
    rows, workers = [], min(os.cpu_count() or 1, len(jobs))
    with progress(len(pixels), "describing lesions") as bar:
        for described in in_parallel(_describe_rows, jobs, workers, "describes lesions"):
            rows.append(described)
            bar.update(len(described))
    return np.concatenate(rows)


def _job(dataset, stored, ids, pixels):
    """Return what a worker needs of a few images: the data set with their files alone, their ids and their pixels."""
    images = {image_id: dataset.stored[image_id] for image_id in ids if stored}
    masks = {image_id: stored[image_id] for image_id in ids if image_id in stored}
    return replace(dataset, table=dataset.table.iloc[:0], stored=images, stored_masks=masks), ids, pixels


def _describe_rows(job):
    """Return the features of a few images, ``(m, d)`` float32."""
    dataset, ids, pixels = job
    rows = []
    for image_id, image in zip(ids, pixels, strict=True):
        mask = dataset.mask(image_id) if image_id in dataset.stored_masks else None
        if mask is not None:
            mask = np.asarray(Image.fromarray(mask).resize(image.shape[1::-1], Image.Resampling.NEAREST))
        rows.append(list(describe(np.asarray(image), mask).values()))
    return np.array(rows, np.float32)


@cache
def _names(size):
    """Return the names of the hand-crafted features: those of any image of this size."""
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    return list(describe(image))

"""Frozen parts run once: what a frozen network makes of each image, computed once, cached, and trained on.

While layers are frozen they answer each image with the same numbers in every epoch.  So they are asked once for each
image, and once for each of a few augmented views of it; only what comes after them is trained.
"""

import functools
import hashlib
import json
import zlib

import keras
import numpy as np
import tensorflow as tf

from helpers.data._cache import add_checksum, atomic_write, checksum_agrees
from helpers.data._files import DataError, progress
from helpers.networks._augmentation import DRAWS, augment

#: Raised whenever the same images would give other activations: caches of an older recipe are then no longer used.
RECIPE = 2
#: More views than anybody asks for: the draws of two seeds never meet.
MOST_VIEWS = 1000
#: Where in a network's configuration its layers are called by name.
NAMING = ("name", "inbound_nodes", "input_layers", "output_layers")


def load_activations(frozen, dataset, pixels, config, *, rows=None, views=1, augmentation=None, batch=64):
    """Return a frozen network's answers: ``(n, views, ...)`` float16, memory-mapped, read-only, in the table's order.

    View 0 is the image as it is, the others are changed at random by ``augmentation``, as ``config.seed`` says.  They
    lie in ``config.cache``, keyed by what determines them: the pixels, the network's layers and weights, its precision,
    the views.  A cached file that is damaged is computed anew.

    Parameters
    ----------
    frozen : keras.Model
        From images, 0 to 255, to one tensor: the first half of :func:`helpers.networks.cut`.
    dataset : helpers.data.Dataset
    pixels : (n, height, width, 3) uint8
        As :func:`helpers.data.load_pixels` returns them, all images of the table.
    config : helpers.settings.Settings
    rows : (m,) positions, optional
        The images to ask about; default all.  The others' places in the array hold zeros, and take no disk.
    views : int
        How many versions of each image, at least 1.
    augmentation : helpers.networks.Augmentation, optional
        Needed for more than one view.

    Raises
    ------
    ValueError
        If the number of views and the augmentation do not go together.
    helpers.data.DataError
        If the disk has no room for them (it says how much is needed), the cache cannot be written, or the answers do
        not fit float16.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from types import SimpleNamespace
    >>> pixels = np.zeros((5, 8, 8, 3), np.uint8)
    >>> frozen = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)])
    >>> ham = SimpleNamespace(fingerprint="five black images")  # what helpers.data.load returns has one
    >>> with tempfile.TemporaryDirectory() as cache:
    ...     config = SimpleNamespace(cache=Path(cache), seed=1)
    ...     load_activations(frozen, ham, pixels, config).shape
    (5, 1, 6, 6, 4)
    """
    if views < 1 or (views > 1) != (augmentation is not None):
        raise ValueError(
            f"views is {views}, augmentation {augmentation}: view 0 is the plain image; more views need an augmentation"
        )
    drawn = (augmentation, config.seed, batch) if views > 1 else None
    key = hashlib.sha256(
        f"{RECIPE} {dataset.fingerprint} {pixels.shape} {zlib.crc32(pixels)} {digest(frozen)} "
        f"{keras.config.dtype_policy().name} {views} {drawn}".encode()
    )
    rows = np.arange(len(pixels)) if rows is None else np.unique(rows)
    key.update(rows.astype("<i8").tobytes())
    shape = (len(pixels), views, *frozen.outputs[0].shape[1:])
    path = config.cache / "activations" / f"{key.hexdigest()[:24]}.npy"
    if not _is_intact(path):
        with atomic_write(path, "activations", len(rows) * int(np.prod(shape[1:])) * 2) as partial:
            _compute(partial, frozen, pixels, rows, shape, augmentation, config.seed, batch)
            add_checksum(partial)
    return np.load(path, mmap_mode="r")


def _is_intact(path):
    """Return whether a cached file is there and as it was written; it is read through once a process."""
    try:
        status = path.stat()
    except OSError:
        return False
    return _checksum_agrees(path, status.st_size, status.st_mtime_ns)


@functools.cache
def _checksum_agrees(path, size, changed):
    return checksum_agrees(path)


def _compute(path, frozen, pixels, rows, shape, augmentation, seed, batch):
    answer = tf.function(lambda images: tf.cast(frozen(images, training=False), tf.float32), autograph=False)
    views, bytes_a_view = shape[1], int(np.prod(shape[2:])) * 2
    with (
        open(path, "wb") as stream,
        progress(len(rows) * views, f"frozen layers, {views} view{'s' * (views > 1)}") as bar,
    ):
        np.lib.format.write_array_header_1_0(stream, {"descr": "<f2", "fortran_order": False, "shape": shape})
        start = stream.tell()
        stream.truncate(start + shape[0] * views * bytes_a_view)  # what is never written takes no disk
        for view in range(views):
            for first in range(0, len(rows), batch):
                places = rows[first : first + batch]
                chosen = pixels[places]
                if view:
                    draws = tf.random.stateless_uniform((len(chosen), DRAWS), (seed * MOST_VIEWS + view, first))
                    images = augment(chosen, augmentation, draws)
                else:
                    images = tf.cast(chosen, tf.float32)
                values = answer(images).numpy()
                if not np.abs(values).max() < np.finfo(np.float16).max:
                    raise DataError(
                        f"an activation of images {places[0]} to {places[-1]} is {np.abs(values).max():.3g}, "
                        "beyond what float16 holds. Cut the network elsewhere, check its weights, or compute them in "
                        "float32: SKIN_PRECISION=float32."
                    )
                for place, value in zip(places, values.astype("<f2"), strict=True):
                    stream.seek(start + (int(place) * views + view) * bytes_a_view)
                    stream.write(value.data)
                bar.update(len(chosen))


def digest(model):
    """Return a SHA-256 over a network: equal digests, equal layers with equal options, connections and weights.

    What Keras or anybody calls a layer plays no part: the same cell, run again, would count on.  Neither does the
    precision, nor which weights are trained.
    """
    config = model.get_config()
    names = {name: place for place, name in enumerate(dict.fromkeys(_names(config)))}
    content = hashlib.sha256(json.dumps(_nameless(config, names), sort_keys=True, default=str).encode())
    for weight in model.get_weights():
        content.update(np.ascontiguousarray(weight).tobytes())
    return content.hexdigest()


def _names(config):
    """Yield the names in a configuration, in order, those of networks inside it too."""
    if isinstance(config, dict):
        if isinstance(config.get("name"), str):
            yield config["name"]
        config = config.values()
    if not isinstance(config, str) and hasattr(config, "__iter__"):
        for part in config:
            yield from _names(part)


def _nameless(config, names, naming=False):
    """Return a configuration with places for names, and without what plays no part."""
    if isinstance(config, dict):
        return {
            key: _nameless(value, names, naming or key in NAMING)
            for key, value in config.items()
            if key not in ("dtype", "trainable")
        }
    if isinstance(config, list | tuple):
        return [_nameless(part, names, naming) for part in config]
    return names.get(config, config) if naming and isinstance(config, str) else config

"""From cached pixels to augmented batches, fast and repeatable.  Chapter 3 introduces it.

All that is random is a function of the seed, the epoch and the place in the epoch, never of threads or timing.
Needs TensorFlow; only the rooms of networks import this one.
"""

import numpy as np
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

from helpers.networks._augmentation import DRAWS, augmenter


def class_weights(y):
    """Return the weight of each class, ``n / (classes * images of the class)``, as a dict for Keras's ``class_weight``.

    With these weights each class adds as much to the loss as any other; the mean weight of an image is 1.

    Source: :func:`sklearn.utils.class_weight.compute_class_weight`, ``"balanced"`` (King and Zeng 2001).

    Parameters
    ----------
    y : (n,) class codes, or names

    Raises
    ------
    ValueError
        If ``y`` is empty or not one-dimensional.
    """
    y = np.asarray(y)
    if y.ndim != 1 or not len(y):
        raise ValueError(f"y has the shape {y.shape}; give one class an image, for at least one image")
    classes = np.unique(y)
    return dict(zip(classes.tolist(), compute_class_weight("balanced", classes=classes, y=y).tolist(), strict=True))


def batches(pixels, labels, rows=None, batch=32):
    """Return a ``tf.data.Dataset`` of the images as they are, in order: for validation and test.

    Each element is (images, labels): ``(batch, height, width, 3)`` float32, 0 to 255, and the labels as given; the
    last batch may be smaller.

    Parameters
    ----------
    pixels : (n, height, width, 3) uint8
        As :func:`helpers.data.load_pixels` returns them; read batch by batch, never copied as a whole.
    labels : (n, ...) array
        One for each image: class codes, or one-hot rows.
    rows : (m,) int, optional
        Which images, as positions; default all.
    batch : int

    Raises
    ------
    TypeError
        If the pixels are not uint8, or the rows not whole numbers.
    ValueError
        If the pixels' shape is another, the labels are not as many, a row does not exist, or there is none.
    """
    labels, rows = _checked(pixels, labels, rows, batch)
    return (
        tf.data.Dataset.from_tensor_slices(rows)
        .batch(batch)
        .map(_reader(pixels, labels), num_parallel_calls=tf.data.AUTOTUNE)
        .map(_plain(_float), num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def training_batches(
    pixels, labels, rows=None, batch=32, *, epochs, seed, augmentation=None, balanced=False, first_epoch=0
):
    """Return a ``tf.data.Dataset`` of ``epochs`` passes over the images, shuffled and augmented anew in each.

    Elements are those of :func:`batches`.  Each epoch has ``ceil(len(rows) / batch)`` batches; pass that number to
    ``model.fit`` as ``steps_per_epoch``, with ``shuffle=False``.  The same arguments give the same batches, whatever
    the number of threads; a run resumed with ``first_epoch`` continues with the batches that the uninterrupted run
    would have had.

    Parameters
    ----------
    pixels, labels, rows, batch
        As for :func:`batches`.
    epochs : int
        How many passes.
    seed : int
        At least 0.
    augmentation : helpers.networks.Augmentation, optional
        Default: none, images only change their order.
    balanced : bool
        Draw as many images of each class (to within one), with replacement, instead of each image once.  ``labels``
        must then be class codes or names.  Do not add class weights: that corrects the imbalance twice.
    first_epoch : int
        The number of the first pass.

    Raises
    ------
    TypeError, ValueError
        As :func:`batches`; also for less than one epoch, or ``balanced`` with labels of more than one dimension.
    """
    labels, rows = _checked(pixels, labels, rows, batch)
    if epochs < 1 or first_epoch < 0 or seed < 0:
        raise ValueError(f"epochs is {epochs}, first_epoch {first_epoch}, seed {seed}; at least 1, 0 and 0 are needed")
    if balanced and labels.ndim != 1:
        raise ValueError(f"the labels have the shape {labels.shape}; balanced sampling needs one class code an image")
    order = _balanced_order(rows, labels[rows]) if balanced else _shuffled_order(rows)
    numbers = tf.data.Dataset.range(first_epoch, first_epoch + epochs)
    seeds = numbers.map(_plain(lambda epoch: tf.random.fold_in(tf.constant([seed, 0], tf.int64), epoch)))

    def epoch_of(key):
        # Three streams of random numbers that never meet: the order, the images of a class, the augmentation.
        keys = tf.random.split(key, 3)
        draws = tf.random.stateless_uniform((len(rows), DRAWS), keys[2])
        return tf.data.Dataset.from_tensor_slices((order(keys[0], keys[1]), draws)).batch(batch)

    read = _reader(pixels, labels)
    augment = augmenter(augmentation, pixels.shape[1:3]) if augmentation else None

    def read_both(places, draws):
        images, targets = read(places)
        return images, draws, targets

    def change_images(images, draws, targets):
        return augment(images, draws) if augment else tf.cast(images, tf.float32), targets

    steps = epochs * -(-len(rows) // batch)
    return (
        seeds.flat_map(_plain(epoch_of))
        .map(_plain(read_both), num_parallel_calls=tf.data.AUTOTUNE)
        .map(_plain(change_images), num_parallel_calls=tf.data.AUTOTUNE)
        .apply(tf.data.experimental.assert_cardinality(steps))
        .prefetch(tf.data.AUTOTUNE)
    )


def _float(images, targets):
    return tf.cast(images, tf.float32), targets


def _plain(work):
    """Keep TensorFlow from rewriting a function that needs no rewriting."""
    return tf.autograph.experimental.do_not_convert(work)


def _shuffled_order(rows):
    return lambda key, _: tf.random.experimental.stateless_shuffle(rows, key)


def _balanced_order(rows, y):
    """Draw each class equally often, in random order, and an image of the class evenly, with replacement."""
    code, counts = np.unique(y, return_inverse=True, return_counts=True)[1:]
    members = rows[np.argsort(code, kind="stable")]
    starts = np.cumsum(counts) - counts

    def order(key, member_key):
        drawn = tf.random.experimental.stateless_shuffle(np.arange(len(rows)) % len(counts), key)
        share = tf.random.stateless_uniform((len(rows),), member_key, dtype=tf.float64)
        place = tf.cast(share * tf.cast(tf.gather(counts, drawn), tf.float64), tf.int64)
        return tf.gather(members, tf.gather(starts, drawn) + place)

    return order


def _reader(pixels, labels):
    """Return a function from positions to (images, labels), read from the memory map."""
    targets = tf.constant(labels)

    def read(places):
        images = tf.numpy_function(lambda chosen: pixels[chosen], [places], tf.uint8, stateful=False)
        images.set_shape((None, *pixels.shape[1:]))
        return images, tf.gather(targets, places)

    return _plain(read)


def _checked(pixels, labels, rows, batch):
    """Return labels and rows as arrays, or raise what is wrong with them."""
    if pixels.dtype != np.uint8:
        raise TypeError(f"the pixels are {pixels.dtype}; they must be uint8, 0 to 255, as load_pixels gives them")
    if pixels.ndim != 4 or pixels.shape[-1] != 3:
        raise ValueError(f"the pixels have the shape {pixels.shape}; it must be (n, height, width, 3)")
    labels = np.asarray(labels)
    labels = labels.astype(str) if labels.dtype == object else labels
    if len(labels) != len(pixels):
        raise ValueError(f"{len(labels)} labels for {len(pixels)} images; pass one for each image, and choose by rows")
    rows = np.arange(len(pixels)) if rows is None else np.asarray(rows)
    if rows.ndim != 1 or not len(rows):
        raise ValueError(f"rows has the shape {rows.shape}; name at least one image, as a list of positions")
    if rows.dtype.kind not in "iu":
        raise TypeError(f"rows are {rows.dtype}; they must be positions (for a mask of bool: numpy.flatnonzero(mask))")
    outside = rows[(rows < 0) | (rows >= len(pixels))]
    if len(outside):
        raise ValueError(f"row {outside[0]} does not exist: there are {len(pixels)} images, counted from 0")
    if batch < 1:
        raise ValueError(f"batch is {batch}; a batch holds at least one image")
    return labels, rows.astype(np.int64)

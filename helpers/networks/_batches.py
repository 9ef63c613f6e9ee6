"""From cached pixels, or cached activations, to the batches that a network is trained on: fast and repeatable.

All that is random is a function of the seed, the epoch and the place in the epoch, never of threads or timing.
"""

import numpy as np
import tensorflow as tf
from sklearn.utils.class_weight import compute_class_weight

from helpers.networks._augmentation import DRAWS, augment


def class_weights(y):
    """Return the weight of each class, ``n / (classes * images of the class)``, as a dict for :func:`fit` or Keras.

    With these weights each class adds as much to the loss as any other; the mean weight of an image is 1.

    Source: :func:`sklearn.utils.class_weight.compute_class_weight`, ``"balanced"`` (King and Zeng 2001).

    Parameters
    ----------
    y : (n,) class codes, or names

    Raises
    ------
    ValueError
        If ``y`` is empty or not one-dimensional.

    Examples
    --------
    >>> class_weights([5, 5, 5, 4])
    {4: 2.0, 5: 0.6666666666666666}
    """
    y = np.asarray(y)
    if y.ndim != 1 or not len(y):
        raise ValueError(f"y has the shape {y.shape}; give one class an image, for at least one image")
    classes = np.unique(y)
    return dict(zip(classes.tolist(), compute_class_weight("balanced", classes=classes, y=y).tolist(), strict=True))


def batches(inputs, labels, rows=None, batch=32, *, view=0):
    """Return a ``tf.data.Dataset`` of the inputs as they are, in order: for validation and test.

    Each element is (inputs, labels), the inputs as float32, the labels as they are; the last batch may be smaller.

    Parameters
    ----------
    inputs : (n, height, width, 3) uint8, or (n, views, ...) float16
        Pixels, as :func:`helpers.data.load_pixels` returns them, or :func:`load_activations`'s activations; read batch
        by batch, never copied as a whole.
    labels : (n, ...) array
        One for each image: class codes, names, or one-hot rows.
    rows : (m,) int, optional
        Which images, as positions; default all.
    batch : int
    view : int
        Of activations: which view of each image.

    Raises
    ------
    TypeError
        If the inputs are neither pixels nor activations, or the rows not whole numbers.
    ValueError
        If the inputs' shape is another, the labels are not as many, a row or the view does not exist, or there is none.

    Examples
    --------
    >>> pixels = np.arange(3, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    >>> for images, codes in batches(pixels, [5, 4, 5], rows=[2, 0, 1], batch=2):
    ...     print(images.shape, images.numpy()[:, 0, 0, 0], codes.numpy())
    (2, 2, 2, 3) [2. 0.] [5 5]
    (1, 2, 2, 3) [1.] [4]
    """
    labels, rows = _checked(inputs, labels, rows, batch)
    views = inputs.shape[1] if _is_cached(inputs) else 1
    if not 0 <= view < views:
        raise ValueError(f"view {view} does not exist: there are {views} of each image, counted from 0")
    if _is_cached(inputs):
        return _activation_batches(inputs, labels, rows, np.full(len(rows), view), batch)
    return _pixel_batches(inputs, labels, rows, batch)


def training_batches(inputs, labels, rows=None, batch=32, *, seed, epoch=0, augmentation=None, balanced=False):
    """Return a ``tf.data.Dataset`` of one pass over the images: shuffled; pixels augmented, activations in some view.

    Elements are those of :func:`batches`.  The same seed and epoch give the same batches, whatever the number of
    threads; so a training that was cut goes on with the batches that it would have had.

    Parameters
    ----------
    inputs, labels, rows, batch
        As for :func:`batches`.  Of cached activations, each image comes in a view that is drawn at random.
    seed : int
        At least 0.
    epoch : int
        Which pass, counted from 0: each has another order, other changes and other views.
    augmentation : helpers.networks.Augmentation, optional
        How pixels are changed; default, not at all.  Activations were augmented when they were computed.
    balanced : bool
        Draw as many images of each class (to within one), with replacement, instead of each image once.  ``labels``
        must then be class codes or names.  Do not add class weights: that corrects the imbalance twice.

    Raises
    ------
    TypeError, ValueError
        As :func:`batches`; also for a negative seed or epoch, ``balanced`` with labels of more than one dimension, or
        activations with an augmentation.

    Examples
    --------
    >>> pixels = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    >>> for epoch in (0, 1, 0):
    ...     (images, codes), = training_batches(pixels, [5, 4, 5, 5], seed=3, epoch=epoch)
    ...     print(images.numpy()[:, 0, 0, 0], codes.numpy())
    [3. 0. 2. 1.] [5 5 5 4]
    [1. 3. 0. 2.] [4 5 5 5]
    [3. 0. 2. 1.] [5 5 5 4]
    """
    labels, rows = _checked(inputs, labels, rows, batch)
    if seed < 0 or epoch < 0:
        raise ValueError(f"seed is {seed}, epoch {epoch}; neither can be negative")
    if balanced and labels.ndim != 1:
        raise ValueError(f"the labels have the shape {labels.shape}; balanced sampling needs one class code an image")
    with tf.device("CPU"):
        # Three streams of random numbers that never meet: the order, the images of a class, the augmentation.
        key = tf.random.fold_in(tf.constant([seed, 0], tf.int64), tf.constant(epoch, tf.int64))
        order_key, member_key, draws_key = tf.unstack(tf.random.split(key, 3))
        if balanced:
            rows = _balanced_order(rows, labels[rows], order_key, member_key)
        if _is_cached(inputs):
            if augmentation:
                raise ValueError("activations cannot be augmented; name the augmentation in load_activations")
            rng = np.random.default_rng((seed, epoch))
            rows = rows if balanced else rng.permutation(rows)
            return _activation_batches(inputs, labels, rows, rng.integers(inputs.shape[1], size=len(rows)), batch)
        if not balanced:
            rows = tf.random.experimental.stateless_shuffle(rows, order_key)
        draws = tf.random.stateless_uniform((len(rows), DRAWS), draws_key) if augmentation else None
    return _pixel_batches(inputs, labels, rows, batch, augmentation, draws)


def _balanced_order(rows, y, key, member_key):
    """Draw each class equally often, in random order, and an image of the class evenly, with replacement."""
    code, counts = np.unique(y, return_inverse=True, return_counts=True)[1:]
    members = rows[np.argsort(code, kind="stable")]
    starts = np.cumsum(counts) - counts
    drawn = tf.random.experimental.stateless_shuffle(np.arange(len(rows)) % len(counts), key).numpy()
    share = tf.random.stateless_uniform((len(rows),), member_key, dtype=tf.float64).numpy()
    return members[starts[drawn] + (share * counts[drawn]).astype(np.int64)]


def _pixel_batches(pixels, labels, rows, batch, augmentation=None, draws=None):
    """Return batches of pixels in the order of ``rows``, augmented by the draws of each."""
    targets = tf.constant(labels)

    def read(places, *drawn):
        images = tf.numpy_function(lambda chosen: pixels[chosen], [places], tf.uint8, stateful=False)
        images.set_shape((None, *pixels.shape[1:]))
        return images, tf.gather(targets, places), *drawn

    def change(images, targets, *drawn):
        return augment(images, augmentation, *drawn) if drawn else tf.cast(images, tf.float32), targets

    return (
        tf.data.Dataset.from_tensor_slices((rows,) if draws is None else (rows, draws))
        .batch(batch)
        .map(_plain(read), num_parallel_calls=tf.data.AUTOTUNE)
        .map(_plain(change), num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def _activation_batches(activations, labels, rows, views, batch):
    """Return batches of activations in the order of ``rows``, each image in its view."""
    targets = tf.constant(labels)

    def read(places, chosen):
        values = np.empty((len(places), *activations.shape[2:]), np.float16)
        for k in np.argsort(places):  # in the order of the file: a disk likes that
            values[k] = activations[places[k], chosen[k]]
        return values

    def look_up(places, chosen):
        values = tf.numpy_function(read, [places, chosen], tf.float16, stateful=False)
        values.set_shape((None, *activations.shape[2:]))
        return tf.cast(values, tf.float32), tf.gather(targets, places)

    return (
        tf.data.Dataset.from_tensor_slices((rows, views))
        .batch(batch)
        .map(_plain(look_up), num_parallel_calls=2)
        .prefetch(4)
    )


def _plain(work):
    """Keep TensorFlow from rewriting a function that needs no rewriting."""
    return tf.autograph.experimental.do_not_convert(work)


def _is_cached(inputs):
    return inputs.dtype == np.float16


def _checked(inputs, labels, rows, batch):
    """Return labels and rows as arrays, or raise what is wrong with them."""
    if inputs.dtype not in (np.uint8, np.float16):
        raise TypeError(
            f"the inputs are {inputs.dtype}; they must be pixels, uint8, 0 to 255, as load_pixels gives them, "
            "or activations, float16, as load_activations gives them"
        )
    if not _is_cached(inputs) and (inputs.ndim != 4 or inputs.shape[-1] != 3):
        raise ValueError(f"the pixels have the shape {inputs.shape}; it must be (n, height, width, 3)")
    if inputs.ndim < 3:
        raise ValueError(f"the activations have the shape {inputs.shape}; it must be (n, views, ...)")
    labels = np.asarray(labels)
    labels = labels.astype(str) if labels.dtype == object else labels
    if len(labels) != len(inputs):
        raise ValueError(f"{len(labels)} labels for {len(inputs)} images; pass one for each image, and choose by rows")
    rows = np.arange(len(inputs)) if rows is None else np.asarray(rows)
    if rows.ndim != 1 or not len(rows):
        raise ValueError(f"rows has the shape {rows.shape}; name at least one image, as a list of positions")
    if rows.dtype.kind not in "iu":
        raise TypeError(f"rows are {rows.dtype}; they must be positions (for a mask of bool: numpy.flatnonzero(mask))")
    outside = rows[(rows < 0) | (rows >= len(inputs))]
    if len(outside):
        raise ValueError(f"row {outside[0]} does not exist: there are {len(inputs)} images, counted from 0")
    if batch < 1:
        raise ValueError(f"batch is {batch}; a batch holds at least one image")
    return labels, rows.astype(np.int64)

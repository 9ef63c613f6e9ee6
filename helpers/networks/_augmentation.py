"""Change training images at random: flip, turn, shift, zoom, brightness, contrast.

Flip, rotation, translation and zoom are one 3 x 3 matrix each; their product says in one go where in the source image
each pixel of the result comes from, so every image is resampled once, and a whole batch is one compiled operation.
"""

import functools
import os
from dataclasses import dataclass

import numpy as np

# TensorFlow's start-up log is no part of a notebook's output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

#: Random numbers that one image takes: two flips, rotation, two translations, zoom, brightness, contrast.
DRAWS = 8


@dataclass(frozen=True)
class Augmentation:
    """How far an image may be changed; each amount is drawn evenly between minus and plus its limit, 0 is off.

    ``flip``: left to right and upside down, each for half of the images.  ``rotate``: in turns (0.5 is any angle).
    ``translate``: a share of height and of width.  ``zoom``: a share of the size, in height and width alike.
    ``brightness``: a share of 255, added to all channels.  ``contrast``: a share by which the distance to the image's
    mean colour grows or shrinks.  What comes into view from outside is the image's mirror image.

    Raises
    ------
    ValueError
        If a limit is negative or not a number, or ``zoom`` is 1 or more.

    Examples
    --------
    >>> Augmentation(rotate=0.25, contrast=0)
    Augmentation(flip=True, rotate=0.25, translate=0.1, zoom=0.1, brightness=0.1, contrast=0)
    >>> Augmentation(zoom=1.0)
    Traceback (most recent call last):
        ...
    ValueError: zoom is 1.0; it must be 0 (off) or more, below 1
    """

    flip: bool = True
    rotate: float = 0.5
    translate: float = 0.1
    zoom: float = 0.1
    brightness: float = 0.1
    contrast: float = 0.1

    def __post_init__(self):
        limits = {"rotate": np.inf, "translate": np.inf, "zoom": 1, "brightness": np.inf, "contrast": np.inf}
        for name, limit in limits.items():
            value = getattr(self, name)
            if not 0 <= value < limit:
                raise ValueError(f"{name} is {value}; it must be 0 (off) or more" + (", below 1" if limit == 1 else ""))


def matrices(draws, augmentation, size):
    """Return the four geometric steps, flip, rotation, translation and zoom, as matrices: a list of four (n, 3, 3).

    A matrix maps the (x, y, 1) of a pixel of the result to where it comes from.  One step after the other, in this
    order, is therefore the product of the four, in this order.

    Parameters
    ----------
    draws : (n, DRAWS) float32 tensor, 0 to 1
    augmentation : Augmentation
    size : (int, int)
        (height, width) in pixels.
    """
    height, width = size
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    signed = 2 * draws - 1
    one, zero = tf.ones_like(draws[:, 0]), tf.zeros_like(draws[:, 0])

    def about_the_middle(a, b, c, d):
        x = middle_x - a * middle_x - b * middle_y
        y = middle_y - c * middle_x - d * middle_y
        return tf.reshape(tf.stack([a, b, x, c, d, y, zero, zero, one], 1), (-1, 3, 3))

    mirror = [tf.where(draws[:, k] < 0.5, -one, one) if augmentation.flip else one for k in range(2)]
    angle = signed[:, 2] * (2 * np.pi * augmentation.rotate)
    down, right = (signed[:, 3 + k] * (augmentation.translate * size[k]) for k in range(2))
    scale = 1 / (1 + signed[:, 5] * augmentation.zoom)
    shift = tf.stack([one, zero, right, zero, one, down, zero, zero, one], 1)
    return [
        about_the_middle(mirror[0], zero, zero, mirror[1]),
        about_the_middle(tf.cos(angle), -tf.sin(angle), tf.sin(angle), tf.cos(angle)),
        tf.reshape(shift, (-1, 3, 3)),
        about_the_middle(scale, zero, zero, scale),
    ]


def warp(images, matrix):
    """Resample each image once, where its matrix says: bilinear, mirrored at the edges; returns float32.

    The eight numbers of a projective transform are used, so perspective would work as well.

    Source: as :class:`keras.layers.RandomRotation` and its like, ``fill_mode="reflect"``.

    Parameters
    ----------
    images : (n, height, width, 3) uint8 or float32 tensor
    matrix : (n, 3, 3) float32 tensor
        From a pixel (x, y, 1) of the result to its place in the source.
    """
    shape = tf.shape(images)
    count, height, width = shape[0], shape[1], shape[2]
    m = matrix[:, :, :, None, None]
    x = tf.cast(tf.range(width), tf.float32)[None, None, :]
    y = tf.cast(tf.range(height), tf.float32)[None, :, None]
    depth = m[:, 2, 0] * x + m[:, 2, 1] * y + m[:, 2, 2]
    left, right_share = _mirrored((m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2]) / depth, width)
    top, bottom_share = _mirrored((m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2]) / depth, height)
    # Pixels of all images in one list: a look-up of four neighbours is then one index and three offsets.
    flat = tf.cast(tf.reshape(images, (-1, 3)), tf.float32)
    index = (tf.range(count)[:, None, None] * height + top) * width + left
    step_right = tf.minimum(1, width - 1)
    step_down = width * tf.minimum(1, height - 1)
    upper = _between(tf.gather(flat, index), tf.gather(flat, index + step_right), right_share)
    index += step_down
    lower = _between(tf.gather(flat, index), tf.gather(flat, index + step_right), right_share)
    return _between(upper, lower, bottom_share)


def augment(images, augmentation, draws):
    """Return a batch of images, each changed at random: ``(n, height, width, 3)`` float32 tensor, 0 to 255.

    Geometry and colour are one operation, compiled once a process for each shape of a batch.

    Parameters
    ----------
    images : (n, height, width, 3) uint8
    augmentation : Augmentation
    draws : (n, 8) float32, 0 to 1
        The random numbers of each image: two flips, rotation, translation down and to the right, zoom, brightness,
        contrast.  A half stands for no change.

    Raises
    ------
    ValueError
        If there are not eight numbers for each image.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.array([[0, 50, 100], [150, 200, 250]], np.uint8)
    >>> images = np.repeat(image[None, :, :, None], 3, axis=3)
    >>> mirrored = np.full((1, 8), 0.5, np.float32)
    >>> mirrored[0, 0] = 0.1  # below a half: from left to right
    >>> augment(images, Augmentation(), mirrored).numpy()[0, :, :, 0].round()
    array([[100.,  50.,   0.],
           [250., 200., 150.]], dtype=float32)
    """
    if tuple(draws.shape) != (images.shape[0], DRAWS):
        raise ValueError(
            f"draws has the shape {tuple(draws.shape)}; {images.shape[0]} images need ({images.shape[0]}, {DRAWS})"
        )
    return _compiled(augmentation, tuple(images.shape[1:3]))(images, draws)


@functools.cache
def _compiled(augmentation, size):
    # XLA fuses the arithmetic with the look-ups, so nothing of an image's size is written but the result.
    @tf.function(jit_compile=True, autograph=False)
    def change(images, draws):
        flip, rotation, translation, zoom = matrices(draws, augmentation, size)
        return recolour(warp(images, flip @ rotation @ translation @ zoom), images, draws, augmentation)

    return change


def recolour(result, images, draws, augmentation):
    """Change the brightness and the contrast of ``result`` about the mean colour of ``images``; 0 to 255.

    Parameters
    ----------
    result, images : (n, height, width, 3) tensors
        The images after and before the geometric steps.
    draws : (n, DRAWS) float32 tensor, 0 to 1
    augmentation : Augmentation
    """
    if not (augmentation.brightness or augmentation.contrast):
        return result
    signed = 2 * draws - 1
    # A sum of whole numbers is exact in any order, and so the same on any number of threads.
    total = tf.reduce_sum(tf.cast(images, tf.int32), (1, 2), keepdims=True)
    mean = tf.cast(total, tf.float32) / tf.cast(tf.shape(images)[1] * tf.shape(images)[2], tf.float32)
    contrast = 1 + augmentation.contrast * signed[:, 7, None, None, None]
    brightness = 255 * augmentation.brightness * signed[:, 6, None, None, None]
    return tf.clip_by_value(mean + (result - mean) * contrast + brightness, 0, 255)


def _mirrored(position, length):
    """Return the pixel at or before each position on a line of ``length`` pixels, and the share of the next one."""
    long = tf.cast(length, tf.float32)
    # Half a pixel belongs to the image on either side of its outermost pixels' middles.
    position = tf.abs(position + 0.5)
    position -= tf.floor(position / (2 * long)) * (2 * long)
    position = tf.clip_by_value(tf.minimum(position, 2 * long - position) - 0.5, 0, long - 1)
    before = tf.minimum(tf.cast(position, tf.int32), tf.maximum(length - 2, 0))
    return before, (position - tf.cast(before, tf.float32))[..., None]


def _between(first, second, share):
    return first + (second - first) * share

"""Tileable random textures, from which the synthetic lesions are drawn: clouds, lines, and cells.

They are made once a process and looked up by position, so that two photos of one lesion show the same skin.
"""

import functools
import zlib

import numpy as np
from scipy import fft, spatial

#: Width of a texture in texels, and the mean distance of two cells in it.
TEXELS = 512
SPACING = 16

#: Width of a feature of each texture, in texels.
FEATURE = {"cloud": 60, "mottle": 20, "grain": 6, "lines": 4, "weave": 4}
FEATURE |= dict.fromkeys(("centre", "edge", "label"), SPACING)


def rise(values, low, high):
    """Return a smooth step from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def bodies(look, place, size, share, radius=0.36, soft=0.17):
    """Return round bodies of unequal size, ``size`` pixels apart, in a ``share`` of the cells: 0 outside to 1 inside.

    ``look`` is what :func:`sampler` returns; ``radius`` and ``soft``, the width of the border, are in spacings.
    """
    label = look("label", place, size)
    width = radius * (0.5 + 0.5 * (label * 17 % 1))
    return rise(width - look("centre", place, size), -0.3 * soft, 0.7 * soft) * (label < share)


def _noise(rng, long, short=None):
    """Return Gaussian noise of zero mean and unit variance with features about ``long`` x ``short`` texels wide."""
    vertical = np.fft.fftfreq(TEXELS)[:, None] * long
    horizontal = np.fft.rfftfreq(TEXELS)[None] * (short or long)
    spectrum = fft.rfft2(rng.standard_normal((TEXELS, TEXELS))) * np.exp(-3 * (vertical**2 + horizontal**2))
    spectrum[0, 0] = 0
    field = fft.irfft2(spectrum, s=(TEXELS, TEXELS))
    return (field / field.std()).astype(np.float32)


@functools.cache
def textures():
    """Return a dict of (512, 512) float32 arrays that tile the plane.

    ``cloud``, ``mottle``, ``grain``: smooth noise of three sizes; ``lines``: noise drawn out in one direction;
    ``weave``: ridges in two directions, as skin has.
    ``centre`` and ``edge``: distance to the centre and to the edge of the nearest of 1,024 irregular cells, in cell
    spacings (a Voronoi diagram); ``label``: a random number in 0..1 for each cell.
    """
    rng = np.random.default_rng(10015)
    grid = np.stack(np.mgrid[: TEXELS // SPACING, : TEXELS // SPACING], -1).reshape(-1, 2).astype(float)
    grid[:, 1] += 0.5 * (grid[:, 0] % 2)
    points = (grid + rng.uniform(-0.33, 0.33, grid.shape)) * SPACING % TEXELS
    texels = np.stack(np.mgrid[:TEXELS, :TEXELS], -1).reshape(-1, 2)
    distance, nearest = spatial.cKDTree(points, boxsize=TEXELS).query(texels, k=2)
    shape = (TEXELS, TEXELS)
    furrows = _noise(rng, FEATURE["weave"], 50), _noise(rng, 70, FEATURE["weave"])
    weave = np.maximum(*furrows) - 0.56  # the mean of the larger of two normal numbers
    return {
        "cloud": _noise(rng, FEATURE["cloud"]),
        "mottle": _noise(rng, FEATURE["mottle"]),
        "grain": _noise(rng, FEATURE["grain"]),
        "lines": _noise(rng, FEATURE["lines"], 60),
        "weave": weave,
        "centre": (distance[:, 0] / SPACING).reshape(shape).astype(np.float32),
        "edge": ((distance[:, 1] - distance[:, 0]) / SPACING).reshape(shape).astype(np.float32),
        "label": rng.random(len(points))[nearest[:, 0]].reshape(shape).astype(np.float32),
    }


def sampler(u, v, shift):
    """Return ``look(name, place, size)``, which gives the value of a texture at each position ``(u, v)``.

    Parameters
    ----------
    u, v : (height, width) float arrays
        Positions on the skin, in pixels of the lesion's own frame.
    shift : (int, int)
        Where in the textures this lesion lies.

    ``size`` is the width of a feature (of a cell, for cells) in pixels; ``place`` is any word: two words see unrelated
    parts of a texture.  Cells are bent a little, so that no two are alike.
    """

    def read(name, u, v, place, size):
        number = zlib.crc32(place.encode())
        scale = FEATURE[name] / size
        # 2**16 is a multiple of the width: it keeps the numbers positive, so that cutting off rounds all one way
        index = (v * scale + (shift[0] + (number & 511) + 2**16)).astype(np.int32)
        column = (u * scale + (shift[1] + (number >> 9 & 511) + 2**16)).astype(np.int32)
        index &= TEXELS - 1
        column &= TEXELS - 1
        index *= TEXELS
        index += column
        return textures()[name].take(index)

    bend_u, bend_v = (read("mottle", u, v, word, 6) for word in ("cells across", "cells down"))

    def look(name, place, size):
        bend = min(0.11 * size, 0.9) if name in ("centre", "edge", "label") else 0
        return read(name, u + bend * bend_u, v + bend * bend_v, place, size) if bend else read(name, u, v, place, size)

    return look

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

    ``cloud``, ``mottle``, ``grain``: smooth noise of three sizes; ``lines``: noise drawn out in one direction.
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
    return {
        "cloud": _noise(rng, 60),
        "mottle": _noise(rng, 20),
        "grain": _noise(rng, 6),
        "lines": _noise(rng, 4, 60),
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

    ``size`` is the width of a texel's feature (a cell's, for cells) in pixels; ``place`` is any word: two places see
    unrelated parts of a texture.
    """
    features = {"cloud": 60, "mottle": 20, "grain": 6, "lines": 6, "centre": SPACING, "edge": SPACING, "label": SPACING}

    def look(name, place, size):
        number = zlib.crc32(place.encode())
        scale = features[name] / size
        row = (v * scale + (shift[0] + (number & 511) + 4096 * 16)).astype(np.int32) & (TEXELS - 1)
        column = (u * scale + (shift[1] + (number >> 9 & 511) + 4096 * 16)).astype(np.int32) & (TEXELS - 1)
        return textures()[name][row, column]

    return look

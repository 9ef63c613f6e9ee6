"""Steps that change an image before any model sees it, each on a batch of pixels.

Every function takes ``(n, height, width, 3)`` uint8 RGB and returns a new array of that kind, image by image: no image
sees another one.  Each raises TypeError for an array that is not uint8, and ValueError for one of another shape.
"""

import numpy as np
from scipy import ndimage

#: The weights of red, green and blue in luminance (ITU-R BT.601, as in JPEG).
LUMINANCE = np.array((0.299, 0.587, 0.114), np.float32)
#: A hair is narrower than this share of the image's width, and runs straight for at least four times that.
HAIR_LINE = 0.035
#: How much darker than the skin beside it a hair is, in grey levels of 255.
HAIR_CONTRAST = 12
#: How much of such a straight run must be thin and dark.
HAIR_SHARE = 0.85


def equalise(batch, per_channel=False):
    """Equalise each image's histogram, so that every brightness is about equally frequent.

    Only the luminance changes: red, green and blue of a pixel all rise or fall by the same amount, as if Y of YCbCr
    were equalised, so colour differences stay.  With ``per_channel`` each channel is equalised by itself, which is how
    many notebooks read "histogram equalisation": it also equalises the colours, and turns skin blue or green.

    Source: Hummel, Computer Graphics and Image Processing 6, 1977; :func:`skimage.exposure.equalize_hist`.

    Parameters
    ----------
    batch : (n, height, width, 3) uint8
    per_channel : bool

    Examples
    --------
    >>> import numpy as np
    >>> from helpers import data
    >>> pale = np.array([100, 110, 120, 130], np.uint8).reshape(1, 2, 2, 1).repeat(3, axis=-1)
    >>> data.equalise(pale)[0, ..., 0].tolist()
    [[64, 128], [191, 255]]
    """
    from skimage import exposure

    if per_channel:
        return _each(
            batch,
            lambda image: _bytes(np.stack([_change(channel, exposure.equalize_hist) for channel in image.T]).T),
        )
    return _each(batch, lambda image: _relight(image, exposure.equalize_hist))


def clahe(batch, clip=0.01):
    """Equalise in tiles, with limited contrast: contrast-limited adaptive histogram equalisation, on luminance.

    An image is cut into 8 x 8 tiles, each is equalised by its own histogram, and the results are blended from tile to
    tile.  No grey level may take more than ``clip`` of a tile's histogram, which keeps noise from being blown up.

    Source: Zuiderveld, Graphics Gems IV, 1994; :func:`skimage.exposure.equalize_adapthist`.

    Parameters
    ----------
    batch : (n, height, width, 3) uint8
    clip : float
        Between 0 (hardly any change) and 1 (no limit).

    Examples
    --------
    >>> import numpy as np
    >>> from helpers import data
    >>> pale = np.linspace(100, 130, 64 * 64).reshape(1, 64, 64, 1).repeat(3, axis=-1).astype(np.uint8)
    >>> bool(np.ptp(data.clahe(pale)) > np.ptp(pale))
    True
    """
    from skimage import exposure

    return _each(
        batch,
        lambda image: _relight(image, lambda grey: exposure.equalize_adapthist(grey, clip_limit=clip)),
    )


def shades_of_gray(batch, power=6):
    """Take the colour of the light out of each image: Shades-of-Gray colour constancy.

    The light's colour is estimated as the Minkowski mean of each channel, ``mean(channel ** power) ** (1 / power)``;
    the channels are then scaled until the three estimates are equal.  Power 1 is the grey-world assumption, a power
    without bound takes the brightest pixel as white.  The values are used as the file stores them (sRGB, not linear).

    Source: Finlayson and Trezzi, Color Imaging Conference 12, 2004, who find 6 the best power.  Barata, Celebi and
    Marques (IEEE J. Biomed. Health Inform. 19, 2015) apply it to dermoscopy.

    Parameters
    ----------
    batch : (n, height, width, 3) uint8
    power : float
        At least 1.

    Raises
    ------
    ValueError
        Also if ``power`` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from helpers import data
    >>> reddish = np.full((1, 2, 2, 3), (200, 100, 100), np.uint8)
    >>> data.shades_of_gray(reddish)[0, 0, 0].tolist()  # grey, once the light's red is taken out
    [141, 141, 141]
    """
    if not power >= 1:
        raise ValueError(f"power is {power}; a Minkowski mean needs at least 1 (Finlayson and Trezzi use 6)")
    levels = np.arange(256)

    def work(image):
        counts = np.stack([np.bincount(channel, minlength=256) for channel in image.reshape(-1, 3).T])
        light = ((levels / 255) ** power @ counts.T / counts[0].sum()) ** (1 / power)
        # A channel that is black throughout says nothing of the light, and stays black.
        gain = np.sqrt((light**2).mean()) / np.where(light > 0, light, 1)
        table = _bytes(levels[:, None] * gain)
        return np.stack([table[image[..., channel], channel] for channel in range(3)], -1)

    return _each(batch, work)


def denoise(batch, size=3):
    """Replace each value by the median of the ``size`` x ``size`` pixels around it, in each channel.

    A median takes out single wrong pixels and the grain of a sensor, and keeps edges; it also takes out dots and
    streaks that are narrower than half the window.

    Source: Tukey, Exploratory Data Analysis, 1977; :func:`scipy.ndimage.median_filter`.

    Parameters
    ----------
    batch : (n, height, width, 3) uint8
    size : int
        Odd, in pixels.

    Raises
    ------
    ValueError
        Also if ``size`` is not odd.

    Examples
    --------
    >>> import numpy as np
    >>> from helpers import data
    >>> noisy = np.full((1, 5, 5, 3), 90, np.uint8)
    >>> noisy[0, 2, 2] = 255
    >>> int(data.denoise(noisy).max())
    90
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"size is {size}; a window with a middle pixel is 1, 3, 5, ... pixels wide")

    def work(image):
        channels = [ndimage.median_filter(np.ascontiguousarray(image[..., c]), size) for c in range(3)]
        return np.stack(channels, -1)

    return _each(batch, work)


def hair_mask(batch):
    """Find dark hair: ``(n, height, width)`` bool, true where a hair lies.

    A closing of the luminance along a short line fills whatever is dark and narrower than the line.  Four directions
    are tried (0, 45, 90, 135 degrees), and the highest result minus the image, the black-hat, is bright where
    something thin and dark lies.  Where that exceeds :data:`HAIR_CONTRAST` along a straight run, it is hair.  Strongly
    curved hair is missed, and a pigment network, which is thin and dark too, is taken for hair where its lines run on.

    Source: after DullRazor (Lee, Ng, Gallagher, Coldman and McLean, Computers in Biology and Medicine 27, 1997), which
    closes each colour channel, in three directions, and looks for runs in eight directions where we look in 24.

    Parameters
    ----------
    batch : (n, height, width, 3) uint8

    Examples
    --------
    >>> import numpy as np
    >>> from helpers import data
    >>> skin = np.full((1, 60, 80, 3), (220, 170, 150), np.uint8)
    >>> skin[0, 30, :] = 40  # a dark hair, one pixel wide
    >>> data.hair_mask(skin)[0, 20:40, 40].sum()  # with one pixel of rim on each side
    np.int64(3)
    """
    return _each(batch, _hair, channels=False)


def remove_hair(batch):
    """Paint hair over with the skin around it.

    The pixels of :func:`hair_mask` take a mean of the other pixels near by, weighted by a Gaussian of their distance
    (normalised convolution: Knutsson and Westin, CVPR 1993); all other pixels stay as they are.

    Source: the three steps of DullRazor (see :func:`hair_mask`): find, check the shape, replace.

    Parameters
    ----------
    batch : (n, height, width, 3) uint8

    Examples
    --------
    >>> import numpy as np
    >>> from helpers import data
    >>> skin = np.full((1, 60, 80, 3), (220, 170, 150), np.uint8)
    >>> skin[0, 30, :] = 40
    >>> data.remove_hair(skin)[0, 30, 40].tolist()
    [220, 170, 150]
    """

    def work(image):
        mask = _hair(image)
        if not mask.any():
            return image
        sigma = _hair_line(image) / 2

        def blur(values):
            return ndimage.gaussian_filter(values, sigma, mode="nearest", truncate=3)

        skin = (~mask).astype(np.float32)
        # Far from all skin the weights vanish: a trace of the image itself keeps the quotient defined.
        trace = np.float32(1e-6)
        weight = blur(skin)[mask] + trace
        result = image.copy()
        for channel in range(3):
            values = image[..., channel]
            result[mask, channel] = _bytes((blur(values * skin)[mask] + trace * values[mask]) / weight)
        return result

    return _each(batch, work)


def centre_crop(batch, size):
    """Cut the middle out of each image: ``(n, size[0], size[1], 3)``.

    The lesion is in the middle of nearly every dermoscopy image.  Where the border to remove is an odd number of
    pixels wide, the odd one goes at the bottom or on the right.

    Parameters
    ----------
    batch : (n, height, width, 3) uint8
    size : (int, int)
        (height, width) in pixels.

    Raises
    ------
    ValueError
        Also if ``size`` is larger than the images, or not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from helpers import data
    >>> data.centre_crop(np.zeros((2, 150, 200, 3), np.uint8), (100, 120)).shape
    (2, 100, 120, 3)
    """
    _check(batch)
    height, width = size
    if not (0 < height <= batch.shape[1] and 0 < width <= batch.shape[2]):
        raise ValueError(f"size is {tuple(size)}; images of {batch.shape[1:3]} can be cropped to 1 pixel up to that")
    top, left = (batch.shape[1] - height) // 2, (batch.shape[2] - width) // 2
    return np.array(batch[:, top : top + height, left : left + width])


def _check(batch):
    if getattr(batch, "dtype", None) != np.uint8:
        kind = getattr(batch, "dtype", type(batch).__name__)
        raise TypeError(f"the batch is {kind}; it must be a uint8 array with values 0 to 255, as load_pixels gives it")
    if batch.ndim != 4 or batch.shape[-1] != 3 or 0 in batch.shape[1:]:
        raise ValueError(
            f"the batch has the shape {batch.shape}; it must be (n, height, width, 3). For one image pass image[None]."
        )


def _each(batch, work, channels=True):
    """Return ``work(image)`` of each image, in one array."""
    _check(batch)
    result = np.empty(batch.shape if channels else batch.shape[:3], np.uint8 if channels else bool)
    for place, image in zip(result, batch, strict=True):
        place[:] = work(np.asarray(image))
    return result


def _bytes(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _relight(image, change):
    """Return the image with its luminance (height, width) changed by ``change``, its Cb and Cr kept."""
    luminance = image @ LUMINANCE
    return _bytes(image + (_change(_bytes(luminance), change) - luminance)[..., None])


def _change(grey, change):
    """Return ``change(grey)``, 0 to 255.  An image of one grey level has no contrast to change, and stays."""
    if grey.min() == grey.max():
        return grey.astype(float)
    return 255 * change(grey)


def _hair_line(image):
    """Return the length in pixels, odd and at least 5, of the lines that look for hair."""
    return max(5, 2 * round(HAIR_LINE * image.shape[1] / 2) + 1)


def _hair(image):
    """Return the hair of one image: (height, width) bool."""
    grey = _bytes(image @ LUMINANCE)
    length = _hair_line(image)
    diagonal = np.eye(2 * round(length / np.sqrt(2) / 2) + 1, dtype=bool)
    lines = (np.ones((1, length), bool), np.ones((length, 1), bool), diagonal, diagonal[::-1])
    closed = np.max([ndimage.grey_closing(grey, footprint=line, mode="nearest") for line in lines], axis=0)
    thin = closed - grey > HAIR_CONTRAST
    mask = thin & _streaks(thin, 4 * length)
    # The rim of a hair is half skin, half hair.
    return ndimage.binary_dilation(mask, np.ones((3, 3)))


def _streaks(thin, length):
    """Return where straight lines of ``length`` pixels run, in 24 directions, that are nearly all ``thin``."""
    reach = length // 2
    height, width = thin.shape
    streaks = np.zeros((height + 2 * reach, width + 2 * reach), bool)
    padded = np.pad(thin, reach).astype(np.uint16)
    steps = np.arange(-reach, reach + 1)
    for angle in np.arange(24) * np.pi / 24:
        places = [
            np.s_[reach + down : reach + down + height, reach + right : reach + right + width]
            for down, right in zip(*np.rint(np.outer((np.sin(angle), np.cos(angle)), steps)).astype(int), strict=True)
        ]
        middles = sum(padded[place] for place in places) >= HAIR_SHARE * len(steps)
        if middles.any():
            for place in places:
                streaks[place] |= middles
    return streaks[reach : reach + height, reach : reach + width]

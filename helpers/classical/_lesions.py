"""A lesion in numbers: where it is, and its colour, border, shape, symmetry and texture.

The families follow what dermatologists name and what texture analysis measures; the source
of each stands in its function.  Not a medical device.
"""

from functools import cache

import numpy as np
from scipy import fft, ndimage
from skimage import color, feature, filters, measure

#: Side in pixels of the patch that is turned so that the lesion's long axis is level.
PATCH = 64
#: Of the oriented filters, in pixels.
WAVELENGTHS = (4, 8, 16, 32)
#: The six colours that dermoscopists count (Nachbar et al., J Am Acad Dermatol 30:551, 1994), each as one CIELAB value
#: (L, a, b) of our choosing.
SIX_COLOURS = {
    "white": (88, 2, 4),
    "red": (55, 38, 20),
    "light-brown": (58, 17, 26),
    "dark-brown": (32, 16, 17),
    "blue-grey": (45, 2, -4),
    "black": (14, 3, 3),
}


def segment(image):
    """Return where the lesion probably is: ``(height, width)`` bool.

    Otsu's threshold (IEEE Trans Syst Man Cybern 9:62, 1979) on the smoothed luminance inside the field of view, then
    the dark region that covers most of the centre, its holes filled.  Where that fails, a central ellipse.
    """
    height, width = image.shape[:2]
    grey = ndimage.gaussian_filter(color.rgb2gray(image), width / 80)
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    ellipse = x**2 + y**2 < 0.5
    seen = _field_of_view(image)
    regions, count = ndimage.label(seen & (grey < filters.threshold_otsu(grey[seen])))
    if count == 0:  # an image of one grey
        return ellipse
    weight = ndimage.sum_labels(np.exp(-2 * (x**2 + y**2)), regions, np.arange(1, count + 1))
    lesion = ndimage.binary_fill_holes(regions == 1 + np.argmax(weight))
    return lesion if 0.01 < lesion.mean() < 0.9 else ellipse


def describe(image, mask=None):
    """Return the hand-crafted features of one image as a dict of name to number.

    Parameters
    ----------
    image : array, (height, width, 3) uint8
    mask : array, (height, width) bool, optional
        The lesion; default, and where it is empty or full: :func:`segment`.
    """
    if mask is None or not 0.002 < mask.mean() < 0.995:
        mask = segment(image)
    regions, distance = _regions(image, mask)
    lab = color.rgb2lab(image).astype(np.float32)
    features = {}
    with np.errstate(invalid="ignore", divide="ignore"):  # a ring without a pixel has no mean
        _colour(features, image, lab, regions)
        _profile(features, lab, distance, regions)
        _shape(features, mask)
        _filters(features, lab, regions)
        _patterns(features, lab, regions)
        _aligned(features, lab, mask, regions)
    values = np.nan_to_num(np.array(list(features.values()), np.float32), posinf=0, neginf=0)
    return dict(zip(features, values.tolist(), strict=True))


def _field_of_view(image):
    """Return the pixels that are not the black surround of the lens: ``(height, width)`` bool."""
    seen = image.max(axis=2) > 40
    return seen if seen.mean() > 0.2 else np.ones_like(seen)


def _regions(image, mask):
    """Return where is what: masks of the lesion, its rim, the ring of skin around it and the skin; and the distance
    from the border, in units of the lesion's radius, negative inside."""
    radius = np.sqrt(mask.sum() / np.pi)
    distance = ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)
    distance = (distance / radius).astype(np.float32)
    outside = ~mask & _field_of_view(image)
    regions = {
        "lesion": mask,
        "core": distance < -0.35,
        "rim": np.abs(distance) < 0.15,
        "ring": outside & (distance > 0.1) & (distance < 0.5),
        "skin": outside & (distance > 0.15),
    }
    for name in regions:
        if regions[name].sum() < 20:  # a lesion that fills the image leaves no skin to compare with
            regions[name] = mask if name in ("core", "rim") or outside.sum() < 20 else outside
    return regions, distance


def _colour(features, image, lab, regions):
    """Statistics and histograms of colour: in the lesion, in the skin, and the one less the other.

    The difference is a colour constancy of its own: what light and lens add to both, it takes away.  Six colours:
    the share of the lesion nearest to each (Nachbar et al. 1994).
    """
    hsv = color.rgb2hsv(image).astype(np.float32)
    angle = 2 * np.pi * hsv[..., 0]
    # Hue is an angle, so it enters as a point on the circle, weighted by saturation.
    planes = np.dstack([lab, hsv[..., 1] * np.cos(angle), hsv[..., 1] * np.sin(angle), hsv[..., 1:]])
    labels = ("L", "a", "b", "hue-x", "hue-y", "S", "V")
    statistics = {}
    for name, mask in regions.items():
        values = planes[mask]
        quantiles = np.percentile(values, (5, 25, 50, 75, 95), axis=0)
        mean, deviation = values.mean(axis=0), values.std(axis=0)
        skew = _cube(values - mean).mean(axis=0) / (deviation**3 + 1e-3)
        statistics[name] = dict(zip(("mean", "p5", "p25", "p50", "p75", "p95"), (mean, *quantiles), strict=True))
        for label, row in {**statistics[name], "sd": deviation, "skew": skew}.items():
            _put(features, f"colour/{name}/{label}", labels, row)
    for name in ("lesion", "core", "rim"):
        for label in ("mean", "p5", "p50", "p95"):
            _put(features, f"contrast/{name}/{label}", labels, statistics[name][label] - statistics["ring"]["p50"])
    inside = lab[regions["lesion"]]
    relative = inside - np.median(lab[regions["ring"]], axis=0)
    for channel, (low, high) in enumerate(((-60, 20), (-20, 30), (-35, 20))):
        shares = np.histogram(np.clip(relative[:, channel], low, high), 12, (low, high))[0] / len(relative)
        _put(features, f"contrast/histogram/{labels[channel]}", range(12), shares)
    for channel, (low, high) in enumerate(((0, 100), (-10, 50), (-20, 50))):
        shares = np.histogram(np.clip(inside[:, channel], low, high), 12, (low, high))[0] / len(inside)
        _put(features, f"colour/histogram/{labels[channel]}", range(12), shares)
    cells = ((np.clip((relative - (-50, -8, -25)) / (60, 32, 40), 0, 0.999) * 4).astype(int) @ (16, 4, 1)).ravel()
    _put(features, "contrast/joint", range(64), np.bincount(cells, minlength=64) / len(cells))
    six = np.array(list(SIX_COLOURS.values()), np.float32)
    nearest = (inside @ six.T - (six**2).sum(axis=1) / 2).argmax(axis=1)  # the smallest squared distance
    shares = np.bincount(nearest, minlength=6) / len(nearest)
    _put(features, "colour/share", SIX_COLOURS, shares)
    features["colour/count"] = np.sum(shares > 0.05)
    features["colour/entropy"] = measure.shannon_entropy(cells)
    # Colour constancy, Shades of Gray with p = 6: Finlayson, Trezzi, Color Imaging Conference 2004.
    light = (_cube(image.reshape(-1, 3).astype(np.float32)) ** 2).mean(axis=0) ** (1 / 6)
    balanced = image[regions["lesion"]] * (light.mean() / (light + 1e-3))
    _put(features, "colour/balanced/mean", "RGB", balanced.mean(axis=0))
    _put(features, "colour/balanced/sd", "RGB", balanced.std(axis=0))


def _profile(features, lab, distance, regions):
    """Mean and spread of colour from the centre outwards, relative to the skin: how sharply and how evenly it ends."""
    edges = np.array([-0.7, -0.5, -0.3, -0.15, 0.0, 0.15, 0.3, 0.5])
    ring = np.digitize(distance, edges)
    skin = np.median(lab[regions["ring"]], axis=0)
    index = np.arange(len(edges) + 1)
    for channel, label in enumerate("Lab"):
        mean = ndimage.mean(lab[..., channel], ring, index) - skin[channel]
        _put(features, f"profile/{label}/mean", index, mean)
        _put(features, f"profile/{label}/sd", index, ndimage.standard_deviation(lab[..., channel], ring, index))
    slope = np.hypot(*np.gradient(ndimage.gaussian_filter(lab[..., 0], 1.5)))[regions["rim"]]
    numbers = [slope.mean(), slope.std(), *np.percentile(slope, (10, 90))]
    _put(features, "border/slope", ("mean", "sd", "p10", "p90"), numbers)


def _shape(features, mask):
    """Size, roundness, symmetry and the border's irregularity; descriptors of the boundary's radius by Fourier."""
    regions, count = ndimage.label(mask)
    region = max(measure.regionprops(regions), key=lambda part: part.area)
    y, x = region.centroid
    features |= {
        "shape/area": np.log(mask.mean()),
        "shape/parts": count,
        "shape/compactness": 4 * np.pi * region.area / max(region.perimeter, 1) ** 2,
        "shape/solidity": region.solidity,
        "shape/extent": region.extent,
        "shape/eccentricity": region.eccentricity,
        "shape/axis-ratio": region.axis_minor_length / max(region.axis_major_length, 1),
        "shape/off-centre": np.hypot(y / mask.shape[0] - 0.5, x / mask.shape[1] - 0.5),
        "shape/at-the-edge": np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).mean(),
    }
    border = np.argwhere(mask & ~ndimage.binary_erosion(mask)) - (y, x)
    turn = np.arctan2(border[:, 0], border[:, 1]) - region.orientation
    steps = np.floor((turn % (2 * np.pi)) / (2 * np.pi) * 64).astype(int)
    radius = ndimage.mean(np.hypot(*border.T), steps, np.arange(64))
    radius = np.where(np.isnan(radius), np.nanmean(radius), radius) / np.nanmean(radius)
    spectrum = np.abs(np.fft.rfft(radius)) / 64
    _put(features, "border/harmonic", range(1, 13), spectrum[1:13])
    features["border/roughness"] = np.sqrt((spectrum[8:] ** 2).sum())
    features["border/radius-sd"] = radius.std()


@cache
def _bank(size):
    """Return the transfer functions of a bank of filters, ``(16, height, width)``: 4 wavelengths by 4 directions.

    Log-Gabor filters: Field, J Opt Soc Am A 4:2379 (1987).
    """
    v, u = np.meshgrid(np.fft.fftfreq(size[0]), np.fft.fftfreq(size[1]), indexing="ij")
    frequency, angle = np.hypot(u, v), np.arctan2(v, u)
    frequency[0, 0] = 1
    bank = []
    for wavelength in WAVELENGTHS:
        radial = np.exp(-(np.log(frequency * wavelength) ** 2) / (2 * np.log(0.6) ** 2))
        radial[0, 0] = 0
        for direction in np.arange(4) * np.pi / 4:
            apart = np.abs(np.angle(np.exp(1j * (angle - direction))))
            bank.append(radial * np.exp(-(apart**2) / (2 * (np.pi / 6) ** 2)))
    return np.array(bank, np.complex64)


def _filters(features, lab, regions):
    """Energies of oriented filters and of differences of Gaussians at four scales, in the lesion and in its skin.

    Over the directions only the mean, the largest and the spread are kept: a lesion has no up.  Blobs (dots, globules,
    white streaks) show as skewed responses of the differences of Gaussians.
    """
    response = np.abs(fft.ifft2(fft.fft2(lab[..., 0]) * _bank(lab.shape[:2]), overwrite_x=True))
    for name in ("lesion", "rim", "skin"):
        energy = response[:, regions[name]].mean(axis=1).reshape(4, 4)
        mean = energy.mean(axis=1)
        _put(features, f"texture/gabor/{name}/mean", WAVELENGTHS, mean)
        _put(features, f"texture/gabor/{name}/strongest", WAVELENGTHS, energy.max(axis=1) / (mean + 1e-3))
        _put(features, f"texture/gabor/{name}/spread", WAVELENGTHS, energy.std(axis=1) / (mean + 1e-3))
    for channel, label in enumerate("Lab"):
        scales = [lab[..., channel]] + [ndimage.gaussian_filter(lab[..., channel], s, truncate=3) for s in (1, 2, 4, 8)]
        for step in range(4):
            band = scales[step] - scales[step + 1]
            for name in ("lesion", "skin"):
                values = band[regions[name]]
                deviation = values.std() + 1e-3
                centred = (values - values.mean()) / deviation
                place = f"texture/blob/{label}{2**step}/{name}"
                numbers = (deviation, _cube(centred).mean(), (centred > 2).mean(), (centred < -2).mean())
                _put(features, place, ("sd", "skew", "bright", "dark"), numbers)


def _patterns(features, lab, regions):
    """Local binary patterns at three radii, and co-occurrence of grey levels at four distances, inside the lesion.

    LBP: Ojala, Pietikäinen, Mäenpää, IEEE TPAMI 24:971 (2002).  GLCM: Haralick, Shanmugam, Dinstein, IEEE Trans Syst
    Man Cybern 3:610 (1973).
    """
    light = np.clip(lab[..., 0] * 2.55, 0, 255).astype(np.uint8)
    for radius, points in ((1, 8), (2, 12), (4, 16)):
        patterns = feature.local_binary_pattern(light, points, radius, "uniform")
        for name in ("lesion", "ring"):
            shares = np.bincount(patterns[regions[name]].astype(int), minlength=points + 2)
            _put(features, f"texture/lbp/{name}/{radius}", range(points + 2), shares / shares.sum())
    lesion = regions["lesion"]
    box = ndimage.find_objects(lesion.astype(np.uint8))[0]
    for channel, (low, high) in enumerate(((5, 90), (-5, 45), (-15, 45))):
        levels = 1 + np.clip((lab[..., channel][box] - low) / (high - low) * 16, 0, 15).astype(np.uint8)
        levels[~lesion[box]] = 0
        pairs = feature.graycomatrix(levels, (1, 2, 4, 8), np.arange(4) * np.pi / 4, 17, symmetric=True)[1:, 1:]
        pairs = pairs.sum(axis=3, keepdims=True).astype(np.float64)
        pairs /= np.maximum(pairs.sum(axis=(0, 1)), 1)
        for what in ("contrast", "homogeneity", "ASM", "correlation", "dissimilarity"):
            _put(
                features, f"texture/glcm/{'Lab'[channel]}/{what}", (1, 2, 4, 8), feature.graycoprops(pairs, what)[:, 0]
            )


def _aligned(features, lab, mask, regions):
    """What needs the lesion turned level: colour in a grid, asymmetry over both axes, oriented gradients.

    HOG: Dalal, Triggs, CVPR 2005.  Asymmetry in two axes is the A of the ABCD rule (Stolz et al. 1994).
    """
    y, x = np.argwhere(mask).T
    centre = np.array([x.mean(), y.mean()])
    spread, axes = np.linalg.eigh(np.cov(x, y) + np.eye(2) * 1e-3)
    axes = axes[:, ::-1] * np.sqrt(spread[::-1])  # columns: long axis, short axis, one standard deviation long
    if np.linalg.det(axes) < 0:
        axes[:, 1] *= -1
    grid = np.stack(np.meshgrid(*[np.linspace(-2.6, 2.6, PATCH)] * 2))
    columns, rows = centre[:, None, None] + np.tensordot(axes, grid, 1)
    skin = np.median(lab[regions["ring"]], axis=0)
    patch = np.stack(
        [ndimage.map_coordinates(lab[..., c] - skin[c], (rows, columns), order=1, mode="nearest") for c in range(3)]
    )
    inside = ndimage.map_coordinates(mask.astype(np.float32), (rows, columns), order=1) > 0.5
    # A lesion has no first end: the half that is darker comes first.
    for axis in (1, 2):
        halves = np.array_split(patch[0], 2, axis=axis - 1)
        if halves[0].mean() > halves[1].mean():
            patch, inside = np.flip(patch, axis), np.flip(inside, axis - 1)
    cells = patch.reshape(3, 4, PATCH // 4, 4, PATCH // 4).mean(axis=(2, 4))
    for channel, label in enumerate("Lab"):
        _put(features, f"grid/{label}", range(16), cells[channel].ravel())
    for axis, label in ((0, "short"), (1, "long")):
        other = np.flip(inside, axis)
        features[f"asymmetry/{label}/shape"] = (inside ^ other).sum() / max((inside | other).sum(), 1)
        both = inside & other
        change = np.abs(patch - np.flip(patch, axis + 1)).mean(axis=(1, 2), where=both) if both.any() else np.zeros(3)
        _put(features, f"asymmetry/{label}/colour", "Lab", change)
    hog = feature.hog(patch[0], 8, (16, 16), (2, 2), "L2-Hys", feature_vector=False)
    _put(features, "hog", range(64), [*hog.mean(axis=(0, 1)).ravel(), *hog.std(axis=(0, 1)).ravel()])
    whole = feature.hog(patch[0], 6, (16, 16), (1, 1), "L2-Hys")
    _put(features, "hog/cell", range(len(whole)), whole)


def _cube(values):
    return values * values * values


def _put(features, prefix, labels, values):
    """Store ``values`` under ``prefix/label``."""
    features.update({f"{prefix}/{label}": value for label, value in zip(labels, values, strict=True)})

"""Photographs synthetic skin: where the dermatoscope is held, its light and colours, hair, gel, ruler and blur.

Each source of HAM10000 has a look of its own, and so has each here (column ``dataset``).
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

HEIGHT, WIDTH = 150, 200


@dataclass(frozen=True)
class Source:
    """How one source takes photos: gains of red, green and blue, contrast, magnification, and how often what shows."""

    gain: tuple[float, float, float]
    contrast: float
    scale: float
    circle: float  # the round edge of the dermatoscope
    ruler: float
    gel: float
    hair: str


SOURCES = {
    "rosendahl": Source((0.91, 0.97, 0.95), 1.12, 1.08, circle=0.12, ruler=0.45, gel=0.05, hair="stubble"),
    "vidir_modern": Source((0.86, 0.95, 0.98), 1.15, 0.90, circle=0.35, ruler=0.12, gel=0.08, hair="few"),
    "vidir_molemax": Source((1.02, 0.88, 0.88), 0.95, 1.00, circle=0.0, ruler=0.0, gel=0.0, hair="long"),
    "vienna_dias": Source((0.98, 0.98, 0.98), 1.28, 1.25, circle=0.0, ruler=0.0, gel=0.6, hair="few"),
}


@dataclass(frozen=True)
class Hair:
    """The hairs of one patch of skin: curves as for :func:`strokes`, how dark they are, and their reflectance."""

    curves: list
    darkness: float
    tint: np.ndarray


@dataclass(frozen=True)
class Studio:
    """How the photos of one lesion are taken: the source, its gains that day, light, and what is in the picture."""

    source: Source
    gain: np.ndarray
    light: float
    circle: bool
    ruler: bool
    gel: bool
    blur: float


@dataclass(frozen=True)
class Frame:
    """Where a photo looks: pixels a unit, turn in radians, and the lesion's centre (x, y) in the image."""

    scale: float
    angle: float
    centre: tuple[float, float]

    def positions(self):
        """Return the position on the skin, ``(u, v)``, of each pixel: two (150, 200) float32 arrays."""
        y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
        x, y = (x - self.centre[0]) / self.scale, (y - self.centre[1]) / self.scale
        cosine, sine = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        return cosine * x + sine * y, cosine * y - sine * x

    def pixels(self, points):
        """Return the pixel (x, y) of each position (u, v), both (n, 2): the inverse of :meth:`positions`."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        return self.scale * points @ np.array(((cosine, sine), (-sine, cosine))) + np.array(self.centre)


def studio(dataset, rng):
    """Draw how the photos of one lesion from the source ``dataset`` are taken."""
    source = SOURCES[dataset]
    return Studio(
        source=source,
        gain=(np.array(source.gain) * np.exp(rng.normal(0, (0.012, 0.02, 0.04)))).astype(np.float32),
        light=rng.uniform(0.92, 1.01),
        circle=rng.random() < source.circle,
        ruler=rng.random() < source.ruler,
        gel=rng.random() < source.gel,
        blur=rng.uniform(0.0, 0.55),
    )


def aim(studio, angle, radius, rng):
    """Return the frame of one more photo of a lesion at ``angle``, such that its ``radius`` fits in."""
    turn = rng.normal(0, 0.15) if rng.random() < 0.75 else rng.uniform(-np.pi, np.pi)
    scale = min(studio.source.scale * np.exp(rng.normal(0, 0.16)), 88 / radius)
    return Frame(float(scale), float(angle + turn), (100 + rng.normal(0, 8), 75 + rng.normal(0, 6)))


def strokes(curves, frame):
    """Return ``curves``, each ``((n, 2) positions, width)``, drawn tapering: (150, 200) float32 in 0..1."""
    canvas = Image.new("L", (3 * WIDTH, 3 * HEIGHT))
    draw = ImageDraw.Draw(canvas)
    for points, width in curves:
        pixels = 3 * frame.pixels(points)
        for part, share in ((pixels, 0.5), (pixels[: 2 * len(pixels) // 3], 1)):
            wide = 3 * width * share * frame.scale
            draw.line(part.ravel().tolist(), fill=int(255 * min(wide, 1)), width=max(round(wide), 1), joint="curve")
    return np.asarray(canvas.reduce(3), np.float32) / 255


def _curve(start, heading, length, bend, width, rng, wobble=0.06, steps=10):
    turns = heading + bend * np.arange(steps) / steps + wobble * rng.standard_normal(steps).cumsum()
    path = np.array((np.cos(turns), np.sin(turns))).cumsum(1).T * (length / steps)
    return start + path - path[0], width


def tree(radius, rng):
    """Return branching vessels as curves, growing inwards from the border of a lesion of ``radius`` pixels."""
    stems = []
    for place in rng.uniform(0, 2 * np.pi, rng.integers(2, 6)):
        start = radius * rng.uniform(0.4, 1.15) * np.array((np.cos(place), np.sin(place)))
        stems.append((start, place + np.pi + rng.normal(0, 0.8), radius * rng.uniform(0.5, 1.0), rng.uniform(0.7, 1.3)))
    curves = []
    while stems:
        start, heading, length, width = stems.pop()
        points, width = _curve(start, heading, length, rng.normal(0, 1.2), width, rng, wobble=0.3)
        curves.append((points, width))
        if width > 0.4:
            for at in rng.integers(2, 9, rng.integers(2, 5)):
                turn = rng.choice((-1, 1)) * rng.uniform(0.5, 1.2)
                stems.append((points[at], heading + turn, 0.55 * length, 0.62 * width))
    return curves


def hair(dataset, localization, rng):
    """Draw the hairs of a patch of skin: shaven stubble, a few, or many long ones."""
    kind = SOURCES[dataset].hair
    if localization in ("scalp", "face") and rng.random() < 0.3:
        kind = "stubble"
    bald, mean, shortest, longest, bend = {
        "stubble": (0.45, 10, 6, 16, 0.2),
        "few": (0.40, 3, 30, 120, 0.9),
        "long": (0.45, 10, 60, 210, 1.0),
    }[kind]
    number = 0 if rng.random() < bald else rng.poisson(mean) * (4 if rng.random() < 0.15 else 1)
    heading, spread = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.6)
    width = rng.uniform(0.3, 0.8) if kind == "long" else rng.uniform(0.4, 1.1)
    curves = []
    for _ in range(number):
        start = rng.uniform((-130, -110), (130, 110))
        length, thick = rng.uniform(shortest, longest), width * rng.uniform(0.6, 1.2)
        curves.append(_curve(start, rng.normal(heading, spread), length, rng.normal(0, bend), thick, rng))
    tint = np.array((0.24, 0.15, 0.10), np.float32) * rng.uniform(0.2, 1.5)
    return Hair(curves, float(rng.uniform(0.7, 1.0)), tint)


def _ticks(rng):
    """Return how dark a ruler's ticks make the corner (or the left edge) of the picture, (150, 200) in 0..1."""
    canvas = Image.new("L", (2 * WIDTH, 2 * HEIGHT))
    draw = ImageDraw.Draw(canvas)
    if rng.random() < 0.75:
        x, y, length = rng.uniform(290, 350), rng.uniform(-6, 12), rng.uniform(9, 20)
        slope, step = rng.uniform(0.6, 1.1), rng.uniform(16, 26)
        for i in range(rng.integers(3, 6)):
            left, top = x + step * i, y + 0.35 * step * i
            draw.line((left, top + slope * length, left + length, top), fill=235, width=2)
    else:
        x = rng.uniform(16, 60)
        for i, y in enumerate(np.arange(30, 270, 7)):
            draw.line((x, y, x + (9 if i % 5 == 0 else 5), y), fill=110)
    return np.asarray(canvas.reduce(2), np.float32) / 255


def _gel(picture, rng):
    """Draw bubbles of the contact gel and glints of the lamp into a PIL image."""
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.poisson(2)):
        x, y, r = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(1.5, 6)
        draw.ellipse((x - r, y - r, x + r, y + r), outline=(150, 115, 112))
        draw.arc((x - r, y - r, x + r, y + r), 180, 290, fill=(240, 230, 232))
        draw.point((x + r / 3, y + r / 3), fill=(250, 245, 245))
    x, y = rng.uniform(20, WIDTH - 20), rng.uniform(20, HEIGHT - 20)
    for _ in range(rng.poisson(9)):
        left, top = x + rng.normal(0, 22), y + rng.normal(0, 16)
        draw.line((left, top, left + rng.uniform(-2, 2), top + rng.uniform(-1, 1)), fill=(245, 240, 245))


def expose(colour, hair, frame, studio, rng):
    """Return the photo, (150, 200, 3) uint8, of skin with the reflectance ``colour``, (150, 200, 3) in 0..1."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    if hair.curves:
        cover = (hair.darkness * strokes(hair.curves, frame))[..., None]
        colour = colour * (1 - 0.3 * np.roll(cover, (1, 1), (0, 1)))
        colour = colour * (1 - cover) + cover * hair.tint
    if studio.ruler:
        colour = colour * (1 - 0.92 * _ticks(rng)[..., None])
    centre = 100 + rng.normal(0, 10), 75 + rng.normal(0, 8)
    away = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / 125**2
    light = studio.light * np.exp(rng.normal(0, 0.03)) * (1.08 - rng.uniform(0.05, 0.25) * away)
    if studio.circle and rng.random() < 0.85:
        radius = rng.uniform(102, 126)
        edge = np.clip((radius - np.hypot(x - 100 - rng.normal(0, 3), y - 75 - rng.normal(0, 3))) / 8, 0, 1)
        light = light * (0.04 + 0.96 * edge * edge * (3 - 2 * edge))
    gain = studio.gain * np.exp(rng.normal(0, 0.012, 3)).astype(np.float32)
    image = np.clip(colour, 0, 1) * light[..., None] * gain
    image = 0.7 * (np.maximum(image, 0) / 0.7) ** studio.source.contrast
    image += 0.007 * rng.standard_normal((HEIGHT, WIDTH, 1), np.float32)
    picture = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8))
    if studio.gel:
        _gel(picture, rng)
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(studio.blur)))

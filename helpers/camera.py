"""Photographs synthetic skin: where the dermatoscope is held, its light and colours, hair, gel, ruler and blur.

Each source of HAM10000 has a look of its own, and so has each here (``dataset`` in the table).
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

HEIGHT, WIDTH = 150, 200

#: Colour gains (red, green, blue) and contrast of each source, and how often it shows what.
SOURCES = {
    "rosendahl": {"gain": (0.98, 1.04, 1.02), "contrast": 1.05, "circle": 0.15, "ruler": 0.45, "gel": 0.05, "hair": "stubble"},
    "vidir_modern": {"gain": (0.92, 1.01, 1.06), "contrast": 1.05, "circle": 0.45, "ruler": 0.12, "gel": 0.08, "hair": "few"},
    "vidir_molemax": {"gain": (1.05, 0.94, 0.96), "contrast": 0.85, "circle": 0.0, "ruler": 0.0, "gel": 0.0, "hair": "long"},
    "vienna_dias": {"gain": (1.02, 1.0, 1.0), "contrast": 1.2, "circle": 0.0, "ruler": 0.02, "gel": 0.6, "hair": "few"},
}  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """Where a photo looks: pixels a unit, turn in radians, and the lesion's centre in the image."""

    scale: float
    angle: float
    centre: tuple[float, float]

    def positions(self, height, width):
        """Return the position on the skin, ``(u, v)``, of each pixel: two (height, width) float32 arrays."""
        y, x = np.mgrid[:height, :width].astype(np.float32)
        x, y = (x - self.centre[0]) / self.scale, (y - self.centre[1]) / self.scale
        cosine, sine = np.float32(np.cos(self.angle)), np.float32(np.sin(self.angle))
        return cosine * x + sine * y, cosine * y - sine * x

    def pixels(self, points):
        """Return the pixel (x, y) of each position: the inverse of :meth:`positions`, (n, 2) to (n, 2)."""
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        return self.scale * points @ np.array(((cosine, sine), (-sine, cosine))) + np.array(self.centre)


def aim(studio, angle, rng):
    """Return the frame of one more photo of a lesion that lies at ``angle``."""
    turn = rng.normal(0, 0.15) if rng.random() < 0.7 else rng.uniform(-np.pi, np.pi)
    scale = studio["scale"] * np.exp(rng.normal(0, 0.16))
    return Frame(float(scale), float(angle + turn), (100 + rng.normal(0, 8), 75 + rng.normal(0, 6)))


def studio(dataset, rng):
    """Draw once how the photos of one lesion are taken: colours, light, and what lies in the picture."""
    source = SOURCES[dataset]
    gain = np.array(source["gain"]) * np.exp(rng.normal(0, (0.03, 0.04, 0.06)))
    return {
        "source": source,
        "gain": gain.astype(np.float32),
        "scale": 1.0,
        "light": rng.uniform(0.86, 1.04),
        "circle": rng.random() < source["circle"],
        "ruler": rng.random() < source["ruler"],
        "gel": rng.random() < source["gel"],
        "blur": rng.uniform(0.3, 0.9),
    }


def strokes(curves, frame):
    """Return a (150, 200) float32 array in 0..1 with ``curves`` drawn in it, each ``((n, 2) positions, n widths)``."""
    canvas = Image.new("L", (2 * WIDTH, 2 * HEIGHT))
    draw = ImageDraw.Draw(canvas)
    for points, widths in curves:
        pixels = 2 * frame.pixels(points)
        for i in range(len(pixels) - 1):
            width = max(2 * widths[i] * frame.scale, 0.4)
            ink = int(255 * min(width, 1))
            draw.line([*pixels[i], *pixels[i + 1]], fill=ink, width=max(round(width), 1))
    return np.asarray(canvas.reduce(2), np.float32) / 255


def _curve(start, heading, length, bend, width, rng, steps=9):
    turns = heading + bend * np.linspace(0, 1, steps) + 0.06 * np.cumsum(rng.standard_normal(steps))
    path = np.cumsum(np.stack((np.cos(turns), np.sin(turns)), -1), 0) * (length / steps)
    return np.array(start) + path - path[0], width * np.linspace(1, 0.35, steps)


def tree(radius, rng):
    """Return branching vessels as curves, growing inwards from the border of a lesion."""
    curves = []
    for _ in range(rng.integers(2, 5)):
        place = rng.uniform(0, 2 * np.pi)
        start = radius * rng.uniform(0.5, 1.15) * np.array((np.cos(place), np.sin(place)))
        stems = [(start, place + np.pi + rng.normal(0, 0.6), radius * rng.uniform(0.6, 1.1), rng.uniform(1.0, 1.7))]
        while stems:
            start, heading, length, width = stems.pop()
            points, widths = _curve(start, heading, length, rng.normal(0, 0.9), width, rng)
            curves.append((points, widths))
            if width > 0.6:
                for at in rng.integers(2, 8, rng.integers(1, 4)):
                    stems.append((points[at], heading + rng.choice((-1, 1)) * rng.uniform(0.5, 1.1), 0.6 * length, 0.6 * width))
    return curves


def hair(dataset, localization, rng):
    """Return the hairs of the skin as curves with their darkness and tint."""
    kind = SOURCES[dataset]["hair"]
    if localization in ("scalp", "face") and rng.random() < 0.3:
        kind = "stubble"
    number = {"stubble": rng.poisson(9), "few": rng.poisson(2.5), "long": rng.poisson(5)}[kind]
    if rng.random() < {"stubble": 0.45, "few": 0.35, "long": 0.3}[kind]:
        number = 0
    elif rng.random() < 0.15:
        number *= 4
    heading, spread = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.7)
    width = rng.uniform(0.35, 1.0)
    curves = []
    for _ in range(number):
        start = rng.uniform((-130, -110), (130, 110))
        length = rng.uniform(6, 16) if kind == "stubble" else rng.uniform(40, 160)
        bend = rng.normal(0, 0.2 if kind == "stubble" else 0.8)
        thick = width * rng.uniform(0.6, 1.3) * (1.4 if kind == "stubble" else 1)
        curves.append(_curve(start, rng.normal(heading, spread), length, bend, thick, rng))
    return curves, rng.uniform(0.6, 0.95), np.array((0.20, 0.13, 0.10), np.float32) * rng.uniform(0.4, 2.2)


def _ticks(studio, rng):
    """Return the darkness of a ruler in the corner of the picture."""
    canvas = Image.new("L", (2 * WIDTH, 2 * HEIGHT))
    draw = ImageDraw.Draw(canvas)
    x, y = rng.uniform(300, 345), rng.uniform(-4, 12)
    for _ in range(rng.integers(3, 5)):
        length = rng.uniform(12, 22)
        draw.line((x, y + 0.8 * length, x + length, y), fill=230, width=2)
        x, y = x + 20, y + rng.uniform(3, 7)
    return np.asarray(canvas.reduce(2), np.float32) / 255


def _gel(image, rng):
    """Draw gel bubbles and glints of the lamp into a PIL image."""
    draw = ImageDraw.Draw(image)
    for _ in range(rng.poisson(2)):
        x, y, r = rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT), rng.uniform(1.5, 6)
        draw.ellipse((x - r, y - r, x + r, y + r), outline=(120, 95, 95))
        draw.arc((x - r, y - r, x + r, y + r), 180, 290, fill=(240, 230, 232))
        draw.point((x + r / 3, y + r / 3), fill=(250, 245, 245))
    x, y = rng.uniform(20, WIDTH - 20), rng.uniform(20, HEIGHT - 20)
    for _ in range(rng.poisson(9)):
        a, b = x + rng.normal(0, 22), y + rng.normal(0, 16)
        draw.line((a, b, a + rng.uniform(-2, 2), b + rng.uniform(-1, 1)), fill=(245, 240, 245))


def expose(colour, hairs, frame, studio, rng):
    """Return the photo, (150, 200, 3) uint8, of a reflectance, (150, 200, 3) float32 in 0..1."""
    source = studio["source"]
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    curves, darkness, tint = hairs
    if curves:
        cover = (darkness * strokes(curves, frame))[..., None]
        shadow = np.roll(cover, (1, 1), (0, 1)) * 0.35
        colour = colour * (1 - shadow)
        colour = colour * (1 - cover) + cover * tint
    if studio["ruler"]:
        colour = colour * (1 - 0.9 * _ticks(studio, rng)[..., None])
    away = ((x - 100 - rng.normal(0, 10)) / 125) ** 2 + ((y - 75 - rng.normal(0, 8)) / 125) ** 2
    light = studio["light"] * np.exp(rng.normal(0, 0.03)) * (1.06 - rng.uniform(0.03, 0.22) * away)
    if studio["circle"] and rng.random() < 0.85:
        radius = rng.uniform(93, 122)
        edge = np.clip((radius - np.hypot(x - 100 - rng.normal(0, 2), y - 75 - rng.normal(0, 2))) / 7, 0, 1)
        light = light * (0.03 + 0.97 * edge * edge * (3 - 2 * edge))
    gain = studio["gain"] * np.exp(rng.normal(0, 0.012, 3)).astype(np.float32)
    image = np.clip(colour, 0, 1) * light[..., None] * gain
    image = 0.62 * (np.maximum(image, 0) / 0.62) ** source["contrast"]
    image += rng.normal(0, 0.008, (HEIGHT, WIDTH, 1)).astype(np.float32)
    picture = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8))
    if studio["gel"]:
        _gel(picture, rng)
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(studio["blur"])))

"""Draws synthetic dermoscopy: one lesion, photographed several times.  Rough version."""

import numpy as np
from scipy import ndimage

HEIGHT, WIDTH = 150, 200


def photos(dx, dataset, localization, age, number, seed):
    rng = np.random.default_rng(seed)
    colours = {"akiec": (200, 130, 130), "bcc": (190, 140, 150), "bkl": (165, 115, 110), "df": (190, 125, 125),
               "mel": (125, 80, 80), "nv": (160, 95, 85), "vasc": (160, 50, 90)}
    r0, ell = rng.uniform(25, 60), rng.uniform(0.7, 1)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    made = []
    for _ in range(number):
        a, m = rng.uniform(0, 6.3), rng.uniform(0.8, 1.3)
        cy, cx = 75 + rng.normal(0, 6), 100 + rng.normal(0, 8)
        u = ((x - cx) * np.cos(a) + (y - cy) * np.sin(a)) / m
        v = (-(x - cx) * np.sin(a) + (y - cy) * np.cos(a)) / m / ell
        n = ndimage.gaussian_filter(rng.normal(size=x.shape), 8)
        d = r0 - np.hypot(u, v) + n / n.std() * 5
        w = 1 / (1 + np.exp(-d / 3))[..., None]
        skin = np.array((205, 155, 162)) + n[..., None] / n.std() * 4
        lesion = np.array(colours[dx]) + rng.normal(0, 15, 3)
        image = skin * (1 - w) + lesion * w + rng.normal(0, 3, (HEIGHT, WIDTH, 1))
        made.append((np.clip(image, 0, 255).astype(np.uint8), d > 0))
    return made

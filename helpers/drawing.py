"""Draws synthetic dermoscopy: the skin and a lesion as layers of pigment, blood and horn, in the lesion's own frame.

A lesion is a function of the position on the skin; a photo samples it.  So two photos of one lesion show the same
pattern, colours and outline, at another magnification, angle and light.  Colour comes from absorbance: melanin and
haemoglobin take out of white light what they take out of it in skin (Beer and Lambert), and horn and scars scatter.
"""

import numpy as np

from helpers import camera
from helpers.recipes import recipe
from helpers.textures import sampler

HEIGHT, WIDTH = 150, 200

#: Absorbance in the red, green and blue channel of one unit of each absorber.
MELANIN = np.array((0.62, 1.05, 1.25), np.float32)
BLOOD = np.array((0.17, 1.05, 0.62), np.float32)
DEEP = np.array((1.15, 0.92, 0.62), np.float32)  # melanin under scattering skin looks blue-grey
HORN = np.array((0.10, 0.30, 0.85), np.float32)
CRUST = np.array((0.8, 2.2, 2.2), np.float32)


def _rise(values, low, high):
    """Return a smooth step from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _disc(u, v, centre, radius):
    """Return a smooth bump at ``centre``, 1 in the middle and about 0 beyond ``radius``."""
    return np.exp(-2 * ((u - centre[0]) ** 2 + (v - centre[1]) ** 2) / radius**2)


def _skin(look, v, traits):
    """Return melanin, blood and white of the skin around the lesion."""
    mottle, cloud = look("mottle", "skin", 14), look("cloud", "skin", 50)
    grain = look("grain", "skin", 3)
    damage = traits["damage"]
    melanin = traits["tan"] * (1 + 0.10 * mottle + 0.12 * cloud + 0.05 * grain)
    freckles = _rise(look("mottle", "freckles", 11) + 0.5 * look("mottle", "freckles 2", 5), 0.9, 2.3)
    melanin += damage * (0.30 * freckles + 0.06 * np.maximum(look("mottle", "damage", 22), 0))
    blood = traits["flush"] * (1 + 0.16 * look("mottle", "blood", 18) + 0.2 * look("cloud", "blood", 45))
    capillaries = np.exp(-((look("mottle", "capillaries", 18) / 0.10) ** 2))
    capillaries *= _rise(look("mottle", "where capillaries", 30), -0.2, 1.2)
    blood += (0.05 + 0.3 * damage) * capillaries + 0.06 * damage * look("mottle", "flush", 9)
    creases = look("lines", "creases", 2.5) * 0.6 + look("grain", "pores", 2.5) * 0.4
    pores = _rise(0.30 - look("centre", "pores", 9), 0, 0.2) * (look("label", "pores", 9) > 0.5)
    white = 0.012 * traits["creases"] * creases + 0.05 * damage * pores
    if traits["ridges"]:
        ridges = np.sin(v * 1.25 + 1.5 * look("cloud", "ridges", 60))
        white, melanin = white + 0.05 * ridges, melanin * (1 - 0.15 * ridges)
    return melanin, blood, white


def _depth(u, v, look, amounts, traits):
    """Return how far inside the lesion a position lies, in pixels: below 0 outside, the radius in the middle."""
    radius = traits["radius"]
    wave = amounts["irregular"] * radius
    bend_u = wave * (0.7 * look("cloud", "bend u", 0.9 * radius + 8) + 0.35 * look("mottle", "bend u", 0.4 * radius + 4))
    bend_v = wave * (0.7 * look("cloud", "bend v", 0.9 * radius + 8) + 0.35 * look("mottle", "bend v", 0.4 * radius + 4))
    p, q = (u + bend_u) / radius, (v + bend_v) / radius
    depth = 1 - np.hypot(p, q / amounts["stretch"])
    if amounts["lobes"] > 0.15:
        for angle, away, size in traits["lobes"]:
            centre = away * np.cos(angle), away * np.sin(angle)
            depth = np.maximum(depth, size - np.hypot(p - centre[0], q - centre[1]))
    depth = depth * radius
    if amounts["moth"]:
        depth -= amounts["moth"] * 7 * _rise(look("mottle", "moth", 9), 0.3, 1.6) * (depth < 12)
    return depth, p, q


def _lesion(look, depth, p, q, amounts, traits):
    """Return the layers of the lesion: melanin, blood, deep pigment, horn, crust, white, white's warmth."""
    rough = depth + 1.6 * look("mottle", "rough", 5) + 1.0 * look("grain", "rough", 2.5)
    inside = 1 / (1 + np.exp(-np.clip(rough / (0.5 * amounts["soft"] + 0.4), -30, 30)))
    core = _rise(depth, 0, 0.5 * traits["radius"])
    cell = traits["cell"]
    fine = look("mottle", "fine", 7)
    coarse = look("cloud", "coarse", 0.55 * traits["radius"] + 6)

    pattern = 1 + amounts["mottle"] * fine + amounts["patch"] * coarse + 0.1 * look("grain", "pigment", 2.5)
    pattern += amounts["asymmetry"] * (p * traits["side"][0] + q * traits["side"][1])
    pattern += amounts["middle"] * (2 * core - 0.7)
    if amounts["network"]:
        warp = 0.12 * look("grain", "mesh", 4)
        mesh = np.exp(-(((look("edge", "mesh", cell) + warp) / 0.26) ** 2))
        where = 0.35 + 0.65 * _rise(look("mottle", "where mesh", 24), -0.8, 0.6)
        pattern *= 1 + amounts["network"] * where * (1.5 * mesh - 0.85)
    pigment = 0.15 + amounts["melanin"]
    melanin = amounts["melanin"] * inside * np.maximum(pattern, 0.08)
    if amounts["globules"]:
        bodies = _rise(0.36 - look("centre", "globules", 1.15 * cell), 0, 0.14)
        bodies *= look("label", "globules", 1.15 * cell) < 0.4 + 0.4 * amounts["globules"]
        near = _rise(depth, -2.5, 3)
        melanin = melanin * (1 - 0.3 * amounts["globules"] * near) + 1.2 * pigment * amounts["globules"] * bodies * near
    if amounts["streaks"]:
        angle = np.arctan2(q, p)
        turn = sampler(angle * (256 / (2 * np.pi)), depth * 0.15, traits["shift"])
        spokes = _rise(turn("mottle", "streaks", 10) + 0.6 * fine, 0.0, 1.2) * np.exp(-(((depth + 1) / 5) ** 2))
        melanin += amounts["streaks"] * 1.1 * pigment * spokes
    if amounts["blotch"]:
        spots = _rise(look("mottle", "blotch", 0.5 * traits["radius"] + 6) + 0.3 * fine, 0.2, 1.1)
        melanin += amounts["blotch"] * spots * _rise(rough, 0, 6)

    blood = amounts["redness"] * inside * np.maximum(1 + 0.35 * coarse + 0.2 * look("mottle", "red", 9), 0.1)
    blood += amounts["halo"] * _rise(depth, -0.5 * traits["radius"], 0) * np.maximum(1 + 0.5 * look("mottle", "halo", 16), 0)
    deep = amounts["deep"] * inside * (1 + 0.3 * coarse)
    horn = amounts["keratin"] * inside * np.maximum(0.6 + 0.6 * look("mottle", "horn", 10), 0)
    crust, white = np.zeros_like(depth), np.zeros_like(depth)

    if amounts["veil"]:
        haze = _disc(p, q, traits["spot"], 0.75) * inside * np.clip(1 + 0.4 * coarse + 0.3 * fine, 0, 2)
        deep += 0.9 * amounts["veil"] * haze
        melanin *= 1 - 0.3 * np.minimum(haze, 1) * amounts["veil"]
        white += 0.22 * amounts["veil"] * np.minimum(haze, 1)
    if amounts["nests"]:
        size = 0.42 * traits["radius"] + 6
        nests = _rise(0.40 - look("centre", "nests", size) + 0.10 * fine, 0, 0.16)
        nests *= (look("label", "nests", size) < 0.55) * _rise(depth, -1, 6)
        small = _rise(0.34 - look("centre", "dots", 5), 0, 0.12) * (look("label", "dots", 5) < 0.3)
        nests = np.maximum(nests, 0.7 * small * inside * _rise(look("mottle", "where dots", 16), 0, 1))
        deep += 1.2 * amounts["nests"] * nests
        melanin += 0.35 * amounts["nests"] * nests
    if amounts["regression"]:
        pale = _rise(look("cloud", "regression", 0.5 * traits["radius"] + 6) + 0.3 * fine, 0.1, 0.9) * inside
        melanin *= 1 - 0.8 * amounts["regression"] * pale
        white += 0.25 * amounts["regression"] * pale
        pepper = _rise(0.30 - look("centre", "pepper", 3.5), 0, 0.15) * (look("label", "pepper", 3.5) < 0.4)
        deep += amounts["regression"] * pale * (0.10 + 0.35 * pepper)
    if amounts["dotted"]:
        dots = _rise(0.32 - look("centre", "dotted", 4.5), 0, 0.16) * (look("label", "dotted", 4.5) < 0.55)
        blood += 0.7 * amounts["dotted"] * dots * inside * _rise(look("mottle", "where dotted", 20), -0.6, 0.6)
    if amounts["lacunae"]:
        size = 0.22 * traits["radius"] + 4
        edge = look("edge", "lacunae", size) + 0.10 * fine
        lagoon = _rise(edge, 0.02, 0.30) * _rise(depth, -1.5, 1.5)
        tone = 0.5 + look("label", "lacunae", size)
        blood = blood * 0.6 + 1.3 * amounts["lacunae"] * lagoon * tone
        deep += 0.45 * traits["dark"] * amounts["lacunae"] * lagoon * tone
        white += 0.16 * amounts["lacunae"] * (1 - lagoon) * inside
    if amounts["scar"]:
        scar = _disc(p, q, (0.3 * traits["spot"][0], 0.3 * traits["spot"][1]), 0.62)
        scar *= np.clip(1 + 0.35 * look("mottle", "scar", 8) + 0.25 * look("grain", "scar", 3), 0, 1.5)
        melanin *= 1 - 0.8 * np.minimum(scar, 1)
        white += 0.55 * amounts["scar"] * scar
    if amounts["shiny"]:
        lines = _rise(look("lines", "shiny", 2.5), 0.8, 2.2) * _rise(look("mottle", "where shiny", 12), 0, 1)
        white += 0.6 * amounts["shiny"] * lines * inside
    if amounts["milia"]:
        cysts = _rise(0.27 - look("centre", "milia", 10), 0, 0.14) * (look("label", "milia", 10) < 0.4)
        white += 0.55 * amounts["milia"] * cysts * inside
    if amounts["comedones"]:
        plugs = _rise(0.27 - look("centre", "plugs", 11) + 0.04 * fine, 0, 0.10) * (look("label", "plugs", 11) < 0.35)
        melanin += 1.1 * amounts["comedones"] * plugs * inside
        horn += 0.5 * amounts["comedones"] * plugs * inside
    if amounts["fissures"]:
        furrow = np.exp(-(((look("edge", "furrow", 2.2 * cell) + 0.15 * fine) / 0.2) ** 2)) * inside
        melanin += 0.45 * amounts["fissures"] * furrow * (0.3 + amounts["melanin"])
        white += 0.07 * amounts["fissures"] * (1 - furrow) * inside
    if amounts["follicles"]:
        where = inside * _rise(look("mottle", "where follicles", 26), -0.9, 0.5)
        centre = look("centre", "follicles", 1.25 * cell)
        blood += 0.45 * amounts["follicles"] * where * _rise(centre, 0.25, 0.55)
        melanin += 0.12 * amounts["follicles"] * where * _rise(centre, 0.3, 0.55)
        white += 0.45 * amounts["follicles"] * where * _rise(0.38 - centre, 0, 0.2)
    if amounts["scale"]:
        flakes = _rise(look("mottle", "scale", 12) + 0.5 * look("grain", "scale", 3.5), 0.7, 1.6) * core
        white += 0.8 * amounts["scale"] * flakes
        horn += 0.3 * amounts["scale"] * flakes
    if amounts["ulcer"]:
        sore = _disc(p, q, traits["sore"], 0.35) + 0.22 * fine + 0.08 * look("grain", "sore", 3)
        blood += 0.9 * amounts["ulcer"] * _rise(sore, 0.25, 0.5)
        crust += 0.8 * amounts["ulcer"] * _rise(sore + 0.15 * look("mottle", "crust", 5), 0.5, 0.8)
    if amounts["vessels"]:
        blood += 0.9 * amounts["vessels"] * camera.strokes(traits["vessels"], traits["frame"]) * _rise(depth, -8, 2)
    return melanin, blood, deep, horn, crust, white


def _traits(amounts, dataset, localization, age, rng):
    """Draw once what all photos of a lesion share, besides its structures: skin, size, places, hair, vessels."""
    radius = float(np.sqrt(amounts["area"] * HEIGHT * WIDTH / np.pi / amounts["stretch"]))
    turn = rng.uniform(0, 2 * np.pi, 4)
    return {
        "radius": radius,
        "shift": rng.integers(0, 512, 2).tolist(),
        "angle": turn[0],
        "side": (np.cos(turn[1]), np.sin(turn[1])),
        "spot": 0.35 * np.array((np.cos(turn[2]), np.sin(turn[2]))),
        "sore": 0.4 * np.array((np.cos(turn[3]), np.sin(turn[3]))),
        "lobes": [(rng.uniform(0, 6.3), rng.uniform(0.45, 0.8), rng.uniform(0.4, 0.7)) for _ in range(rng.integers(1, 4))],
        "cell": rng.uniform(5.0, 8.0),
        "dark": float(rng.random() ** 2),
        "tan": rng.uniform(0.05, 0.24),
        "flush": rng.uniform(0.20, 0.42),
        "creases": rng.uniform(0.3, 1.6),
        "damage": amounts["damage"] * min((50 if age is None else age) / 60, 1.2),
        "ridges": localization in ("acral", "foot", "hand") and rng.random() < 0.5,
        "hair": camera.hair(dataset, localization, rng),
        "vessels": camera.tree(radius, rng),
    }


def photos(dx, dataset, localization, age, number, seed):
    """Return ``number`` photos of one lesion as ``[(image, mask), ...]``.

    Parameters
    ----------
    dx, dataset, localization : str
        Diagnosis, source and body site, in the words of HAM10000.
    age : float or None
        Age in years: old skin shows more sun damage.
    number : int
    seed : int or numpy.random.SeedSequence

    Returns
    -------
    list of ((150, 200, 3) uint8, (150, 200) bool)
    """
    rng = np.random.default_rng(seed)
    amounts = recipe(dx, rng)
    traits = _traits(amounts, dataset, localization, age, rng)
    studio = camera.studio(dataset, rng)
    made = []
    for _ in range(number):
        frame = camera.aim(studio, traits["angle"], rng)
        u, v = frame.positions(HEIGHT, WIDTH)
        traits["frame"] = frame
        look = sampler(u, v, traits["shift"])
        depth, p, q = _depth(u, v, look, amounts, traits)
        skin = _skin(look, v, traits)
        melanin, blood, deep, horn, crust, white = _lesion(look, depth, p, q, amounts, traits)
        layers = ((melanin + skin[0], MELANIN), (blood + skin[1], BLOOD), (deep, DEEP), (horn, HORN), (crust, CRUST))
        colour = np.exp(-sum(layer[..., None] * absorbance for layer, absorbance in layers))
        white = np.clip(white + skin[2], -0.3, 0.92)[..., None]
        colour = colour + white * (np.array((0.97, 0.92, 0.90), np.float32) - colour)
        made.append((camera.expose(colour, traits["hair"], frame, studio, rng), depth > -0.3 * amounts["soft"]))
    return made

"""Draws synthetic dermoscopy: skin and lesion as layers of pigment, blood and horn.

A lesion is a function of the position on the skin; a photo samples it.  So two photos of one lesion show the same
pattern, colours and outline, at another magnification, angle and light.  Colour comes from absorbance: melanin and
haemoglobin take out of white light what they take out of it in skin (Beer and Lambert), and horn and scars scatter.
"""

from dataclasses import dataclass

import numpy as np

from helpers.data._sample import camera
from helpers.data._sample.patterns import recipe
from helpers.data._sample.textures import bodies, rise, sampler

#: Absorbance in the red, green and blue channel of one unit of each absorber, by layer.
ABSORBANCE = {
    "melanin": (0.50, 1.00, 1.10),
    "blood": (0.17, 0.98, 0.76),
    "wine": (0.20, 1.05, 0.55),  # blood in lagoons, poor in oxygen
    "deep": (1.10, 0.92, 0.68),  # melanin under scattering skin looks blue-grey
    "horn": (0.10, 0.30, 0.64),
    "crust": (0.85, 1.75, 1.95),
}

#: Reflectance of what scatters all light: horn, scars.
WHITE = np.array((0.96, 0.90, 0.89), np.float32)


@dataclass(frozen=True)
class Lesion:
    """What all photos of one lesion share: the amount of each structure, and the random traits of lesion and skin."""

    amounts: dict[str, float]
    radius: float  # in pixels at magnification 1
    shift: list[int]  # where in the textures it lies
    angle: float  # how it lies in the image, radians
    side: np.ndarray  # unit vector to its darker side
    spot: np.ndarray  # places of the veil, the scar and the sore, in radii
    sore: np.ndarray
    lobes: np.ndarray  # rows of angle, distance and size in radii of its other parts
    cell: float  # mesh width of the network, pixels
    venous: float  # 0 red .. 1 blue-black lacunae
    tan: float  # melanin and blood of the skin around
    flush: float
    creases: float
    damage: float
    ridges: bool  # the ridges of palms and soles
    hair: camera.Hair
    vessels: list
    tone: np.ndarray  # of its melanin: brown-black to rust


@dataclass(frozen=True)
class Site:
    """What the layers of one photo are drawn from, all (height, width): see :func:`_depth` and :func:`_site`."""

    look: object
    depth: np.ndarray  # pixels inside the outline, below 0 outside
    p: np.ndarray  # position in radii, bent like the outline
    q: np.ndarray
    inside: np.ndarray  # 0..1, soft at the border
    core: np.ndarray  # 0 at the border .. 1 in the middle
    fine: np.ndarray  # noise of unit variance
    coarse: np.ndarray


def _disc(site, centre, radius):
    """Return a smooth bump at ``centre``: 1 in the middle, about 0 beyond ``radius`` (both in lesion radii)."""
    return np.exp(-2 * ((site.p - centre[0]) ** 2 + (site.q - centre[1]) ** 2) / radius**2)


def _skin(look, v, lesion):
    """Return the layers of the skin around: melanin, blood, and a white that may be negative (a crease)."""
    damage = lesion.damage
    mottle = look("mottle", "skin", 13)
    melanin = lesion.tan * (1 + 0.12 * mottle + 0.12 * look("cloud", "skin", 60) + 0.06 * look("grain", "skin", 3))
    freckles = np.maximum(look("mottle", "freckles", 10) + 0.5 * look("mottle", "freckles 2", 4) - 1, 0)
    net = (look("centre", "net", lesion.cell) - 0.38) * np.maximum(1 + look("mottle", "where net", 20), 0)
    melanin += damage * (0.20 * freckles + 0.08 * net + 0.06 * np.maximum(look("mottle", "damage", 20), 0))
    blood = lesion.flush * (1 + 0.10 * look("mottle", "blood", 16) + 0.10 * look("cloud", "blood", 60))
    wander = look("mottle", "capillaries", 18) + 0.2 * look("grain", "capillaries", 5)
    capillaries = np.exp(-((wander / 0.2) ** 2)) * rise(look("mottle", "where capillaries", 13), 0, 2)
    blood += (0.02 + 0.22 * damage) * capillaries + damage * (0.03 * look("mottle", "flush", 6) + 0.06 * net)
    creases = 0.7 * look("weave", "creases", 2.2) + 0.5 * look("grain", "pores", 2.2)
    white = 0.020 * lesion.creases * creases + 0.05 * damage * bodies(look, "pores", 8, 0.5, 0.3)
    if lesion.ridges:
        ridges = np.sin(1.25 * v + 1.5 * look("cloud", "ridges", 60))
        white, melanin = white + 0.035 * ridges, melanin * (1 - 0.15 * ridges)
    return {"melanin": melanin, "blood": blood, "white": white}


def _depth(u, v, look, lesion):
    """Return how far inside the lesion a position lies, in pixels (below 0 outside), and the position in radii."""
    radius, wave = lesion.radius, lesion.amounts["irregular"] * lesion.radius
    p, q = (
        (place + wave * (0.65 * look("cloud", word, 0.9 * radius + 8) + 0.3 * look("mottle", word, 0.35 * radius + 4)))
        / radius
        for place, word in ((u, "bend u"), (v, "bend v"))
    )
    depth = 1 - np.hypot(p, q / lesion.amounts["stretch"])
    if lesion.amounts["lobes"] > 0.15:
        for angle, away, size in lesion.lobes:
            depth = np.maximum(depth, size - np.hypot(p - away * np.cos(angle), q - away * np.sin(angle)))
    depth = depth * radius
    if lesion.amounts["moth"]:
        bites = rise(look("mottle", "moth", 9), 0.3, 1.6) * rise(depth, 14, 6)
        depth = depth - 7 * lesion.amounts["moth"] * bites
    return depth, p, q


def _site(u, v, look, lesion):
    depth, p, q = _depth(u, v, look, lesion)
    rough = 0.2 + 2.5 * lesion.amounts["irregular"]
    edge = depth + rough * (1.2 * look("mottle", "rough", 7) + 0.4 * look("grain", "rough", 2.5))
    inside = 1 / (1 + np.exp(-np.clip(edge / (0.45 * lesion.amounts["soft"] + 0.4), -30, 30)))
    coarse = look("cloud", "coarse", 0.55 * lesion.radius + 6)
    fine = 0.9 * look("mottle", "fine", 1.7 * lesion.cell) + 0.4 * look("mottle", "finer", 0.8 * lesion.cell)
    return Site(look, depth, p, q, inside, rise(depth, 0, 0.55 * lesion.radius), fine, coarse)


def _pigment(site, layers, lesion):
    """Add the brown of melanocytes: mottled, in a network, in globules, streaks and blotches."""
    look, amounts, cell = site.look, lesion.amounts, lesion.cell
    pattern = 1 + amounts["mottle"] * site.fine + amounts["patch"] * site.coarse + 0.1 * look("grain", "pigment", 2.5)
    pattern += amounts["asymmetry"] * (site.p * lesion.side[0] + site.q * lesion.side[1])
    pattern += amounts["middle"] * (2 * site.core - 0.8)
    if amounts["network"]:
        mesh = np.exp(-((look("edge", "mesh", cell) / 0.28) ** 2)) * (0.7 + 0.6 * look("label", "mesh", cell))
        where = rise(look("mottle", "where mesh", 22), -1.2, 0.8) * (1 - 0.5 * site.core)
        pattern *= 1 + amounts["network"] * where * (1.3 * mesh - 0.65)
    density = amounts["melanin"] + 0.15
    melanin = amounts["melanin"] * site.inside * np.maximum(pattern, 0.08)
    if amounts["globules"]:
        near = rise(site.depth, -2.5, 3) * rise(look("mottle", "where globules", 18), -1.5, 0.3)
        round_ = bodies(look, "globules", 1.1 * cell, 0.45 + 0.4 * amounts["globules"]) * near
        melanin = melanin * (1 - 0.3 * amounts["globules"] * near) + 0.9 * density * amounts["globules"] * round_
    if amounts["streaks"]:
        around = sampler(np.arctan2(site.q, site.p) * (256 / np.pi), site.depth * 0.8, lesion.shift)
        ring = np.exp(-(((site.depth - 1) / 5.5) ** 2))
        melanin += amounts["streaks"] * density * ring * rise(around("mottle", "streaks", 20), 0.1, 1.4)
    if amounts["blotch"]:
        spots = rise(look("mottle", "blotch", 0.5 * lesion.radius + 6) + 0.3 * site.fine, 0.2, 1.4)
        melanin += amounts["blotch"] * spots * rise(site.depth, 0, 7)
    layers["melanin"] += melanin


def _deep(site, layers, lesion):
    """Add what looks blue or grey: deep pigment, the blue-white veil, nests of basal cells; and regression."""
    look, amounts = site.look, lesion.amounts
    deep = amounts["deep"] * site.inside * (1 + 0.3 * site.coarse)
    if amounts["veil"]:
        haze = np.minimum(_disc(site, lesion.spot, 0.75) * np.clip(1 + 0.4 * site.coarse + 0.3 * site.fine, 0, 2), 1)
        haze *= amounts["veil"] * site.inside
        layers["melanin"] *= 1 - 0.3 * haze
        layers["white"] += 0.20 * haze
        deep += 0.8 * haze
    if amounts["nests"]:
        size = 0.36 * lesion.radius + 5
        ovoid = bodies(look, "nests", size, 0.4, 0.52, soft=0.4) * rise(site.depth, -1, 6)
        dots = bodies(look, "dots", 5, 0.35, 0.34) * site.inside * rise(look("mottle", "where dots", 14), 0, 1.2)
        nests = amounts["nests"] * np.maximum(ovoid * np.clip(1 + 0.3 * site.fine, 0.3, 1.5), 0.7 * dots)
        layers["melanin"] += 0.25 * nests
        deep += 0.75 * nests
    if amounts["regression"]:
        pale = rise(look("cloud", "regression", 0.5 * lesion.radius + 6) + 0.3 * site.fine, 0.1, 1.1) * site.inside
        pale *= amounts["regression"]
        layers["melanin"] *= 1 - 0.75 * pale
        layers["white"] += 0.18 * pale
        deep += pale * (0.10 + 0.35 * bodies(look, "pepper", 3.5, 0.5))
    layers["deep"] += deep


def _blood(site, layers, lesion, frame):
    """Add redness, lagoons, dotted and branching vessels, the red mesh around follicles, and sores."""
    look, amounts = site.look, lesion.amounts
    around = rise(site.depth, -0.5 * lesion.radius, 0) * np.maximum(1 + 0.5 * look("mottle", "halo", 16), 0)
    even = 1 + 0.35 * site.coarse + 0.25 * look("mottle", "red", 8)
    blood = amounts["redness"] * site.inside * np.maximum(even, 0.1) + amounts["halo"] * around
    if amounts["lacunae"]:
        size = 0.13 * lesion.radius + lesion.cell
        full = rise(look("edge", "lacunae", size) + 0.10 * look("mottle", "lacunae", 5), -0.1, 0.45)
        full *= rise(0.85 - look("centre", "lacunae", size), 0, 0.6)
        lagoon = amounts["lacunae"] * full * rise(site.depth, -1.5, 2)
        lagoon *= 0.5 + 0.8 * look("label", "lacunae", size)
        layers["wine"] += blood + 0.75 * lagoon
        blood = 0
        layers["deep"] += 0.5 * lesion.venous * lagoon
        layers["white"] += 0.04 * amounts["lacunae"] * (1 - full) * site.inside
    if amounts["dotted"]:
        where = site.inside * rise(look("mottle", "where dotted", 20), -0.6, 0.6)
        blood += 0.4 * amounts["dotted"] * where * bodies(look, "dotted", 4.5, 0.6)
    if amounts["vessels"]:
        blood += 0.6 * amounts["vessels"] * camera.strokes(lesion.vessels, frame) * rise(site.depth, -10, 3)
    if amounts["follicles"]:
        size = 1.1 * lesion.cell
        where = amounts["follicles"] * site.inside * rise(look("mottle", "where follicles", 22), -1.0, 0.8)
        mesh = rise(look("centre", "follicles", size), 0.2, 0.55)
        blood += 0.25 * where * mesh
        layers["melanin"] += 0.14 * where * mesh
        layers["white"] += 0.26 * where * bodies(look, "follicles", size, 0.9, 0.42)
    if amounts["ulcer"]:
        sore = _disc(site, lesion.sore, 0.45) * (1 + 0.3 * site.fine + 0.15 * look("grain", "sore", 3)) * site.inside
        blood += 0.5 * amounts["ulcer"] * rise(sore, 0.15, 0.9)
        layers["crust"] += 0.7 * amounts["ulcer"] * rise(sore + 0.12 * look("mottle", "crust", 5), 0.5, 1.1)
    layers["blood"] += blood


def _horn(site, layers, lesion):
    """Add what lies in and on the epidermis: horn, cysts, plugs, fissures, scale; and the scar of a dermatofibroma."""
    look, amounts, inside = site.look, lesion.amounts, site.inside
    layers["horn"] += amounts["keratin"] * inside * np.maximum(0.7 + 0.5 * look("mottle", "horn", 9), 0)
    if amounts["scar"]:
        scar = _disc(site, 0.3 * lesion.spot, 0.62)
        scar *= np.clip(1 + 0.35 * look("mottle", "scar", 8) + 0.25 * look("grain", "scar", 3), 0, 1.5)
        layers["melanin"] *= 1 - 0.6 * np.minimum(scar, 1)
        layers["white"] += 0.45 * amounts["scar"] * scar
    if amounts["shiny"]:
        lines = rise(look("lines", "shiny", 2.5), 0.6, 2.4) * rise(look("mottle", "where shiny", 10), 0, 1.2)
        layers["white"] += 0.45 * amounts["shiny"] * lines * inside
    if amounts["milia"]:
        layers["white"] += 0.35 * amounts["milia"] * bodies(look, "milia", 10, 0.4, 0.27) * inside
    if amounts["comedones"]:
        plugs = amounts["comedones"] * bodies(look, "plugs", 11, 0.35, 0.30, soft=0.24) * inside
        layers["melanin"] += 0.8 * plugs
        layers["deep"] += 0.25 * plugs
        layers["horn"] += 0.4 * plugs
    if amounts["fissures"]:
        furrow = np.exp(-(((look("edge", "furrow", 1.7 * lesion.cell) + 0.1 * site.fine) / 0.24) ** 2)) * inside
        layers["melanin"] += 0.4 * amounts["fissures"] * furrow * (0.2 + amounts["melanin"])
        layers["white"] += 0.05 * amounts["fissures"] * (inside - furrow)
    if amounts["scale"]:
        flakes = rise(look("mottle", "scale", 9) + 0.8 * look("grain", "scale", 3), 0.4, 2.6) * site.core
        layers["white"] += 0.75 * amounts["scale"] * flakes
        layers["horn"] += 0.25 * amounts["scale"] * flakes


def _lesion(dx, dataset, localization, age, rng):
    amounts = recipe(dx, rng)
    turn = rng.uniform(0, 2 * np.pi, 4)
    compass = np.stack((np.cos(turn), np.sin(turn)), -1)
    radius = float(np.sqrt(amounts["area"] * camera.HEIGHT * camera.WIDTH / np.pi / amounts["stretch"]))
    years = 50 if age is None else age
    return Lesion(
        amounts=amounts,
        radius=radius,
        shift=rng.integers(0, 512, 2).tolist(),
        angle=turn[0],
        side=compass[1],
        spot=0.35 * compass[2],
        sore=0.4 * compass[3],
        lobes=rng.uniform((0, 0.45, 0.4), (6.3, 0.8, 0.7), (rng.integers(1, 4), 3)),
        cell=rng.uniform(4.5, 7.5),
        venous=float(rng.random() ** 2),
        tan=rng.uniform(0.06, 0.15) + 0.0015 * (years - 50),
        flush=rng.uniform(0.17, 0.27) + 0.10 * amounts["damage"],
        creases=rng.uniform(0.3, 1.6),
        damage=amounts["damage"] * min(years / 60, 1.2),
        ridges=localization in ("acral", "foot", "hand") and rng.random() < 0.5,
        hair=camera.hair(dataset, localization, rng),
        vessels=camera.tree(radius, rng) if amounts["vessels"] else [],
        tone=np.array((rng.uniform(0.8, 1.4), 1, rng.uniform(0.85, 1.25)), np.float32),
    )


def photos(dx, dataset, localization, age, number, seed):
    """Return ``number`` photos of one lesion: ``[(image, mask), ...]``, (150, 200, 3) uint8 and (150, 200) bool.

    Parameters
    ----------
    dx, dataset, localization : str
        Diagnosis, source and body site, in the words of HAM10000.
    age : float or None
        In years: old skin has seen more sun.
    number : int
    seed : int or numpy.random.SeedSequence
    """
    rng = np.random.default_rng(seed)
    lesion = _lesion(dx, dataset, localization, age, rng)
    studio = camera.studio(dataset, rng)
    absorbances = {name: np.array(values, np.float32) for name, values in ABSORBANCE.items()}
    absorbances["melanin"] *= lesion.tone
    made = []
    for _ in range(number):
        frame = camera.aim(studio, lesion.angle, lesion.radius, rng)
        u, v = frame.positions()
        look = sampler(u, v, lesion.shift)
        layers = dict.fromkeys(ABSORBANCE, np.float32(0)) | _skin(look, v, lesion)
        site = _site(u, v, look, lesion)
        _pigment(site, layers, lesion)
        _deep(site, layers, lesion)
        _blood(site, layers, lesion, frame)
        _horn(site, layers, lesion)
        absorbed = sum(layers[name][..., None] * absorbance for name, absorbance in absorbances.items())
        white = np.clip(layers["white"], -0.3, 0.92)[..., None]
        colour = np.exp(-absorbed)
        colour += white * (WHITE - colour)
        mask = site.depth > -0.3 * lesion.amounts["soft"]
        made.append((camera.expose(colour, lesion.hair, frame, studio, rng), mask))
    return made

"""What each diagnosis may look like through a dermatoscope: a table of structures, and their amounts.

A lesion draws each structure by chance and then its amount between two bounds; a part of the lesions is mixed with a
look-alike of another class.  So the classes overlap the way they do in a clinic, and not by noise.
The structures follow the consensus terms of dermoscopy (Kittler et al., J Am Acad Dermatol 74:1093-1106, 2016,
https://doi.org/10.1016/j.jaad.2015.12.038).
"""

import numpy as np

#: Any lesion: {structure: (chance, low, high)}.  Amounts are optical densities or shares; ``soft`` is in pixels.
ANY = {
    "stretch": (1, 0.62, 1.0),  # short by long axis
    "irregular": (1, 0.10, 0.25),  # waviness of the outline
    "lobes": (0.2, 0.3, 0.6),  # a second part beside the first
    "soft": (1, 2.0, 6.0),  # width of the border
    "melanin": (1, 0.3, 0.7),  # brown pigment
    "mottle": (1, 0.1, 0.3),  # its unevenness, fine
    "patch": (1, 0.1, 0.3),  # its unevenness, coarse
    "asymmetry": (1, 0.0, 0.2),  # from one side to the other
    "middle": (1, -0.2, 0.3),  # darker (or paler) centre
    "network": (0, 0, 0),  # brown mesh of lines
    "globules": (0, 0, 0),  # brown round bodies
    "streaks": (0, 0, 0),  # radial lines at the border
    "blotch": (0, 0, 0),  # structureless dark areas
    "veil": (0, 0, 0),  # blue-white haze, off-centre
    "deep": (0, 0, 0),  # grey-blue pigment all over
    "nests": (0, 0, 0),  # blue-grey ovoid nests
    "regression": (0, 0, 0),  # pale, scar-like patches with grey dots
    "redness": (1, 0.0, 0.15),  # blood in the lesion
    "halo": (0.15, 0.05, 0.2),  # blood around it
    "vessels": (0, 0, 0),  # branching vessels
    "dotted": (0, 0, 0),  # dotted vessels
    "lacunae": (0, 0, 0),  # lagoons of blood
    "scar": (0, 0, 0),  # white centre
    "shiny": (0, 0, 0),  # short white lines
    "milia": (0, 0, 0),  # small white cysts
    "comedones": (0, 0, 0),  # dark plugs
    "fissures": (0, 0, 0),  # furrows between ridges
    "keratin": (0, 0, 0),  # yellow horn
    "follicles": (0, 0, 0),  # white follicles in a red mesh ("strawberry")
    "scale": (0, 0, 0),  # white scale
    "ulcer": (0, 0, 0),  # erosion, with a blood crust
    "moth": (0, 0, 0),  # moth-eaten border
    "damage": (0.3, 0.1, 0.5),  # sun damage of the skin around
}

#: What each class does differently.
CLASS = {
    "akiec": {
        "irregular": (1, 0.2, 0.4), "soft": (1, 5, 14), "melanin": (1, 0.02, 0.24), "redness": (1, 0.06, 0.18),
        "patch": (1, 0.3, 0.7), "mottle": (1, 0.3, 0.6), "follicles": (0.5, 0.3, 0.9), "scale": (0.35, 0.3, 0.9),
        "dotted": (0.5, 0.3, 0.8), "keratin": (0.3, 0.1, 0.3), "globules": (0.35, 0.2, 0.5), "ulcer": (0.15, 0.2, 0.6),
        "damage": (0.8, 0.4, 1.0), "halo": (0.5, 0.1, 0.3), "lobes": (0.4, 0.4, 0.7),
    },
    "bcc": {
        "irregular": (1, 0.15, 0.35), "soft": (1, 3, 12), "melanin": (1, 0.0, 0.18), "redness": (1, 0.02, 0.13),
        "vessels": (0.65, 0.3, 1.0), "nests": (0.45, 0.3, 0.9), "ulcer": (0.3, 0.4, 1.0), "shiny": (0.35, 0.2, 0.6),
        "patch": (1, 0.3, 0.6), "asymmetry": (1, 0.1, 0.5), "damage": (0.6, 0.2, 0.7), "lobes": (0.35, 0.3, 0.6),
        "halo": (0.3, 0.1, 0.3), "globules": (0.2, 0.1, 0.4), "veil": (0.15, 0.2, 0.5),
    },
    "bkl": {
        "irregular": (1, 0.12, 0.35), "soft": (1, 1.0, 5.0), "melanin": (1, 0.15, 0.55), "redness": (0.5, 0.0, 0.15),
        "keratin": (0.6, 0.1, 0.5), "milia": (0.35, 0.3, 1.0), "comedones": (0.25, 0.3, 1.0), "deep": (0.3, 0.05, 0.3),
        "fissures": (0.35, 0.3, 0.9), "moth": (0.5, 0.3, 1.0), "network": (0.2, 0.2, 0.5), "middle": (1, -0.3, 0.15),
        "damage": (0.6, 0.2, 0.8), "lobes": (0.4, 0.3, 0.6), "mottle": (1, 0.2, 0.5), "globules": (0.15, 0.1, 0.4),
    },
    "df": {
        "stretch": (1, 0.75, 1.0), "irregular": (1, 0.06, 0.16), "soft": (1, 7, 16), "melanin": (1, 0.1, 0.4),
        "redness": (1, 0.04, 0.18), "scar": (0.75, 0.3, 0.9), "middle": (1, -0.6, 0.0), "network": (0.6, 0.2, 0.5),
        "shiny": (0.4, 0.2, 0.6), "lobes": (0.05, 0.3, 0.4), "halo": (0.3, 0.05, 0.15), "mottle": (1, 0.1, 0.25),
    },
    "mel": {
        "irregular": (1, 0.16, 0.4), "soft": (1, 1.5, 7.0), "melanin": (1, 0.45, 1.2), "lobes": (0.55, 0.3, 0.7),
        "mottle": (1, 0.2, 0.5), "patch": (1, 0.2, 0.7), "asymmetry": (1, 0.15, 0.7), "network": (0.45, 0.3, 0.8),
        "globules": (0.35, 0.2, 0.7), "streaks": (0.35, 0.3, 0.9), "blotch": (0.5, 0.3, 1.5), "veil": (0.5, 0.3, 0.9),
        "regression": (0.35, 0.3, 0.9), "redness": (1, 0.0, 0.22), "damage": (0.45, 0.1, 0.6),
        "ulcer": (0.06, 0.3, 0.7), "shiny": (0.15, 0.2, 0.5), "halo": (0.25, 0.05, 0.2),
    },
    "nv": {
        "irregular": (1, 0.05, 0.18), "soft": (1, 2.0, 9.0), "lobes": (0.12, 0.3, 0.5),
        "melanin": (1, 0.25, 0.9), "network": (0.5, 0.2, 0.7),
        "globules": (0.3, 0.2, 0.8), "middle": (1, -0.1, 0.7), "streaks": (0.08, 0.3, 0.8), "blotch": (0.15, 0.2, 0.6),
        "deep": (0.05, 0.4, 1.0), "redness": (1, 0.0, 0.25), "patch": (1, 0.05, 0.4), "milia": (0.06, 0.3, 0.6),
        "damage": (0.15, 0.1, 0.4), "mottle": (1, 0.08, 0.3),
    },
    "vasc": {
        "irregular": (1, 0.06, 0.2), "soft": (1, 1.0, 4.5), "melanin": (0.3, 0.0, 0.1), "redness": (1, 0.35, 0.8),
        "lacunae": (0.75, 0.2, 1.0), "deep": (0.35, 0.1, 0.5), "veil": (0.2, 0.2, 0.5), "blotch": (0.15, 0.8, 2.0),
        "halo": (0.4, 0.05, 0.25), "mottle": (1, 0.1, 0.3), "damage": (0.15, 0.1, 0.4),
    },
}  # fmt: skip

#: Median area of the lesion as a share of the image.
AREA = {"akiec": 0.38, "bcc": 0.19, "bkl": 0.26, "df": 0.27, "mel": 0.26, "nv": 0.18, "vasc": 0.15}

#: Share of the lesions that are mixed with a look-alike, and which class that is.
MIMICS = {
    "akiec": (0.4, ("bkl", "bcc")),
    "bcc": (0.35, ("akiec", "mel", "bkl", "df")),
    "bkl": (0.5, ("mel", "nv", "akiec")),
    "df": (0.4, ("nv", "bkl")),
    "mel": (0.5, ("nv", "bkl")),
    "nv": (0.35, ("mel", "bkl", "df")),
    "vasc": (0.2, ("nv", "mel")),
}


def _draw(dx, rng):
    amounts = {}
    for structure, common in ANY.items():
        chance, low, high = CLASS[dx].get(structure, common)
        present, amount = rng.random(2)
        amounts[structure] = low + (high - low) * amount if present < chance else 0.0
    amounts["area"] = AREA[dx] * np.exp(0.6 * rng.standard_normal())
    return amounts


def recipe(dx, rng):
    """Return the amounts of one lesion, ``{structure: amount}`` with every structure of :data:`ANY`, and ``area``."""
    amounts = _draw(dx, rng)
    share, others = MIMICS[dx]
    if rng.random() < share:
        other = _draw(str(rng.choice(others)), rng)
        weight = rng.uniform(0.35, 0.75)
        amounts = {key: (1 - weight) * amounts[key] + weight * other[key] for key in amounts}
    amounts["area"] = float(np.clip(amounts["area"], 0.015, 0.55))
    return amounts

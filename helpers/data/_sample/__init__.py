"""The embedded sample: about a thousand synthetic dermoscopy images in the layout and schema of HAM10000.

Nobody's skin: every image is drawn by ``drawing``, as ``patterns`` says of its class, with the ``textures``, and
photographed by ``camera``.  The table repeats the lessons of the real one: few dermatofibromas and many nevi, several
photos of one lesion, a ``dx_type`` that gives the label away, a source that almost does, missing ages.

The proportions follow the published counts of HAM10000 (Tschandl, Rosendahl, Kittler, Sci Data 5:180161, 2018,
https://doi.org/10.1038/sdata.2018.161), but that the two rarest classes are raised until five folds can hold them.
"""

import csv
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.data._cache import partial_folder
from helpers.data._sample import drawing
from helpers.ham10000 import CLASSES, COLUMNS
from helpers.settings import SEED

#: Names the cached folder by the code that draws it: after an update of the course, the sample is drawn anew.
VERSION = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
).hexdigest()[:8]

#: The ids of the sample's images, which no photograph has: by them the loader knows that nothing is real.
IMAGE_ID = r"SYN_\d{7}"
#: What a drawn folder should hold: a line a file, its size in bytes and its path.
CONTENTS = "contents.txt"

#: Share of the images by class.
SHARES = {"akiec": 0.035, "bcc": 0.052, "bkl": 0.110, "df": 0.028, "mel": 0.112, "nv": 0.633, "vasc": 0.030}

#: Share of the lesions photographed once, twice and three times, by class.
PHOTOS = {
    "akiec": (0.66, 0.25, 0.09),
    "bcc": (0.54, 0.36, 0.10),
    "bkl": (0.61, 0.30, 0.09),
    "df": (0.53, 0.36, 0.11),
    "mel": (0.38, 0.45, 0.17),
    "nv": (0.82, 0.13, 0.05),
    "vasc": (0.65, 0.26, 0.09),
}

#: Weight of each (source, dx_type) by class.  vidir_molemax has single photos alone, as in HAM10000.
ORIGINS = {
    "akiec": {("rosendahl", "histo"): 90, ("vidir_modern", "histo"): 10},
    "bcc": {("rosendahl", "histo"): 58, ("vidir_modern", "histo"): 41, ("vienna_dias", "histo"): 1},
    "bkl": {
        ("rosendahl", "histo"): 45,
        ("vidir_modern", "histo"): 23,
        ("vidir_modern", "consensus"): 13,
        ("vidir_modern", "confocal"): 7,
        ("vidir_molemax", "consensus"): 11,
        ("vienna_dias", "histo"): 1,
    },
    "df": {
        ("rosendahl", "histo"): 26,
        ("vidir_modern", "histo"): 18,
        ("vidir_modern", "consensus"): 26,
        ("vidir_molemax", "consensus"): 26,
        ("vienna_dias", "histo"): 4,
    },
    "mel": {
        ("rosendahl", "histo"): 31,
        ("vidir_modern", "histo"): 61,
        ("vidir_molemax", "histo"): 2,
        ("vienna_dias", "histo"): 6,
    },
    "nv": {
        ("rosendahl", "histo"): 12,
        ("vidir_modern", "histo"): 20,
        ("vidir_modern", "consensus"): 7,
        ("vidir_molemax", "follow_up"): 56,
        ("vienna_dias", "histo"): 5,
    },
    "vasc": {
        ("rosendahl", "histo"): 3,
        ("vidir_modern", "histo"): 42,
        ("vidir_modern", "consensus"): 14,
        ("vidir_molemax", "consensus"): 38,
        ("vienna_dias", "histo"): 3,
    },
}

#: Mean and standard deviation of the age in years, and the share of men, by class.
PATIENTS = {
    "akiec": (66.5, 11.5, 0.68),
    "bcc": (66.8, 13.7, 0.62),
    "bkl": (64.3, 14.1, 0.58),
    "df": (53.0, 13.6, 0.55),
    "mel": (60.7, 15.2, 0.62),
    "nv": (46.5, 15.2, 0.52),
    "vasc": (51.4, 21.6, 0.49),
}

#: Localizations in the data set's own words, and the per-thousand weight of each by class in the order of CLASSES.
SITES = {
    "abdomen": (15, 35, 38, 35, 59, 128, 190),
    "acral": (0, 0, 0, 0, 0, 1, 0),
    "back": (89, 362, 184, 17, 291, 213, 155),
    "chest": (37, 91, 67, 0, 61, 30, 42),
    "ear": (9, 0, 5, 0, 15, 4, 0),
    "face": (346, 196, 290, 0, 93, 15, 56),
    "foot": (0, 8, 1, 17, 25, 42, 0),
    "genital": (0, 0, 2, 9, 0, 7, 0),
    "hand": (40, 4, 13, 0, 1, 8, 35),
    "lower extremity": (199, 113, 158, 713, 173, 221, 190),
    "neck": (31, 27, 28, 0, 26, 12, 21),
    "scalp": (43, 37, 31, 0, 13, 7, 14),
    "trunk": (3, 21, 66, 0, 42, 185, 218),
    "unknown": (0, 10, 21, 0, 9, 29, 0),
    "upper extremity": (190, 95, 95, 209, 191, 98, 77),
}


@dataclass(frozen=True)
class Case:
    """One lesion of the sample: its row in the table, the ids of its photos, and the random stream that draws it."""

    lesion_id: str
    dx: str
    dx_type: str
    age: float | None
    sex: str
    localization: str
    dataset: str
    image_ids: tuple[str, ...]
    copied: bool
    seed: np.random.SeedSequence


def _photo_counts(n_images):
    """Return ``[(dx, photos), ...]``, one a lesion, in class order, with ``n_images`` photos in all."""
    exact = {dx: SHARES[dx] * n_images for dx in CLASSES}
    images = {dx: int(exact[dx]) for dx in CLASSES}
    for dx in sorted(CLASSES, key=lambda dx: images[dx] - exact[dx])[: n_images - sum(images.values())]:
        images[dx] += 1
    lesions = []
    for dx in CLASSES:
        mean = np.dot(PHOTOS[dx], (1, 2, 3))
        number = max(1, round(images[dx] / mean)) if images[dx] else 0
        steps = (np.arange(number) + 0.5) / max(number, 1)
        counts = (1 + np.searchsorted(np.cumsum(PHOTOS[dx][:2]), steps)).tolist()
        while sum(counts) < images[dx]:
            counts.append(1)
        while sum(counts) > images[dx]:
            counts[counts.index(max(counts))] -= 1
        lesions += [(dx, photos) for photos in counts if photos]
    return lesions


def _patient(dx, dx_type, rng):
    """Return ``(age, sex, localization)``: age in years rounded to five, or None where it is missing."""
    mean, deviation, men = PATIENTS[dx]
    age = float(np.clip(5 * round(rng.normal(mean, deviation) / 5), 0, 85))
    sex = "male" if rng.random() < men else "female"
    weights = np.array([SITES[site][CLASSES.index(dx)] for site in SITES], float)
    localization = str(rng.choice(list(SITES), p=weights / weights.sum()))
    if dx_type == "consensus" and dx in ("nv", "bkl") and rng.random() < 0.3:
        localization = "unknown"
        if rng.random() < 0.4:
            age, sex = None, "unknown"
    return age, sex, localization


def cases(seed=SEED, n_images=1000):
    """Return the lesions of the sample as cases, in the (mixed) order of the metadata's rows.

    Each lesion has a random stream of its own, so that what it looks like does not depend on who draws it.
    """
    root = np.random.SeedSequence(seed)
    rng = np.random.default_rng(root.spawn(1)[0])
    counts = _photo_counts(n_images)
    counts = [counts[i] for i in rng.permutation(len(counts))]
    numbers = iter((rng.permutation(n_images) + 1).tolist())
    copied = [i for i, (_, photos) in enumerate(counts) if photos > 1][:2]
    made = []
    for i, ((dx, photos), child) in enumerate(zip(counts, root.spawn(len(counts)), strict=True)):
        rows = {key: w for key, w in ORIGINS[dx].items() if photos == 1 or key[0] != "vidir_molemax"}
        if photos == 1 and dx == "nv":
            rows[("vidir_molemax", "follow_up")] *= 4
        weights = np.array(list(rows.values()), float)
        dataset, dx_type = list(rows)[rng.choice(len(rows), p=weights / weights.sum())]
        age, sex, localization = _patient(dx, dx_type, rng)
        made.append(
            Case(
                lesion_id=f"SYL_{i + 1:07d}",
                dx=dx,
                dx_type=dx_type,
                age=age,
                sex=sex,
                localization=localization,
                dataset=dataset,
                image_ids=tuple(f"SYN_{next(numbers):07d}" for _ in range(photos)),
                copied=i in copied,
                seed=child,
            )
        )
    return made


def _write_lesion(lesion, folder, first_part):
    """Draw the photos of one lesion and write them with their masks; ``first_part`` holds the ids of part 1."""
    number = len(lesion.image_ids)
    photos = drawing.photos(lesion.dx, lesion.dataset, lesion.localization, lesion.age, number, lesion.seed)
    if lesion.copied:
        photos[-1] = photos[0]
    for image_id, (image, mask) in zip(lesion.image_ids, photos, strict=True):
        part = "HAM10000_images_part_1" if image_id in first_part else "HAM10000_images_part_2"
        Image.fromarray(image).save(folder / part / f"{image_id}.jpg", quality=85)
        name = f"{image_id}_segmentation.png"
        Image.fromarray(np.uint8(255) * mask).save(folder / "HAM10000_segmentations_lesion_tschandl" / name)


def build(folder, seed=SEED, n_images=1000, workers=None):
    """Draw the sample into ``folder``, in the official layout of HAM10000, and return the folder as a Path.

    Parameters
    ----------
    folder : str or Path
        Made if it does not exist; what it holds of an earlier build is overwritten.
    seed : int
        The same seed gives the same bytes in one environment, whatever ``workers`` is.
    n_images : int
        Number of images, 200 x 150 pixels each.
    workers : int, optional
        Number of threads; by default one a core.

    The folder holds a file ``SYNTHETIC.txt``, which tells whoever opens it that nothing in it is real.
    """
    folder = Path(folder)
    for name in ("HAM10000_images_part_1", "HAM10000_images_part_2", "HAM10000_segmentations_lesion_tschandl"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    made = cases(seed, n_images)
    ids = sorted(image_id for lesion in made for image_id in lesion.image_ids)
    first_part = set(ids[: (n_images + 1) // 2])
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        list(pool.map(lambda lesion: _write_lesion(lesion, folder, first_part), made))
    with open(folder / "HAM10000_metadata.csv", "w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(COLUMNS)
        for lesion in made:
            patient = ("" if lesion.age is None else lesion.age, lesion.sex, lesion.localization)
            for image_id in lesion.image_ids:
                rows.writerow((lesion.lesion_id, image_id, lesion.dx, lesion.dx_type, *patient, lesion.dataset))
    (folder / "SYNTHETIC.txt").write_text(
        "Nothing in this folder is real: no patient, no skin, no diagnosis.\n"
        "The images, masks and metadata were drawn by a program, in the layout of the HAM10000 data set, so that the\n"
        "course Learning to See Skin Lesions can be read and run without downloading anything.\n"
        f"version {VERSION}, seed {seed}, {n_images} images\n",
        encoding="utf-8",
    )
    written = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != CONTENTS)
    lines = [f"{path.stat().st_size} {path.relative_to(folder).as_posix()}" for path in written]
    (folder / CONTENTS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def ensure(cache, seed=SEED):
    """Return the folder of the sample in ``cache``, drawing it on first use, and anew where a file of it is lost.

    It is drawn in a temporary folder beside and renamed when whole: a run that is killed leaves nothing that counts,
    and of two processes that draw at once the later takes the earlier's folder.
    """
    cache = Path(cache)
    target = cache / f"sample-{VERSION}-seed{seed}"
    if _whole(target):
        return target
    with partial_folder(cache, "sample") as partial:
        drawn = build(partial / "sample", seed=seed)
        if target.is_dir() and not _whole(target):
            os.replace(target, partial / "incomplete")
        try:
            os.replace(drawn, target)
        except OSError:
            if not _whole(target):
                raise
    return target


def _whole(folder):
    """Whether a folder of the sample holds all its files, each of its size."""
    try:
        lines = (folder / CONTENTS).read_text(encoding="utf-8").splitlines()
        entries = [line.split(" ", 1) for line in lines]
        return bool(entries) and all(str((folder / name).stat().st_size) == size for size, name in entries)
    except (OSError, ValueError):
        return False

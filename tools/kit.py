"""Pack the course for a room without a network: the built book, the course, every package, the data and the weights.

``make kit`` writes one zip into ``_build``, for machines of the same system, processor and Python as this one:

- ``book/``: the built book;
- ``course/``: the repository's files, notebooks and helpers;
- ``wheels/``: all packages of requirements.lock, as ``pip`` installs them here;
- ``data/``: the data that the course finds here, ``SKIN_DATA`` say, shrunk to what a workshop uses; else the sample;
- ``weights/``: what lies in ``SKIN_WEIGHTS``; else the networks' ImageNet weights, where Keras can have them;
- ``README.txt`` and ``start.sh``, which installs from the kit and opens JupyterLab.

The kit takes its name when it is whole.
"""

import io
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import nbformat
from PIL import Image

from helpers import __version__, data, settings
from helpers.data._download import NOTICE
from helpers.data._files import DataError, decode, open_image, upright_size
from helpers.ham10000 import COLUMNS

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "_build"
HTML = BUILD / "html"
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
NAME = f"learning-to-see-skin-lesions-kit-{__version__}-{PYTHON}-{sysconfig.get_platform()}"
#: The (height, width) that no chapter exceeds in the workshop tier: larger images are shrunk to it.
SIZE = max(tiers["workshop"].image for tiers in settings.CHAPTERS.values())
#: The networks that the notebooks load; their weights are the same numbers for images of any size.
NETWORKS = ("vgg16", "resnet50")
#: What is at the top of the repository.  Whatever else lies there stays out: it may be a folder of patients' images.
COURSE = (
    *(".ci", ".github", "benchmarks", "book", "helpers", "notebooks", "tests", "tools"),
    *(".gitignore", "Makefile", "_config.yml", "_toc.yml", "environment.yml", "pyproject.toml", "requirements.lock"),
    *("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "NOTICE.md", "README.md"),
)
#: What programs leave in those folders.
LEFT_OUT = shutil.ignore_patterns(".*cache*", ".ipynb_checkpoints", "__pycache__", "runs")
#: Compressed already, most of it: packing again takes minutes and gains nothing.
STORED = (".whl", ".zip", ".png", ".h5", ".keras", ".gz")

#: What CC BY-NC 4.0 asks of whoever passes on what he changed.
CHANGED = (
    f"Changed: images larger than {SIZE[1]} x {SIZE[0]} pixels are shrunk to it and saved anew as JPEG.\n"
    "The licence: https://creativecommons.org/licenses/by-nc/4.0/"
)

README = """\
To read: open book/index.html in a browser. No network is needed for anything in this folder.
To run:  sh start.sh    ({python} on {platform}; installs into course/.venv, then opens JupyterLab)
Data:    {source}. {licence}. Not a medical device.
"""
START = """\
#!/bin/sh
# Install the course from this folder and open it in JupyterLab, or make another target: sh start.sh book.
set -eu
kit=$(cd "$(dirname "$0")" && pwd)
cd "$kit/course"
export PIP_NO_INDEX=1 PIP_FIND_LINKS=../wheels SKIN_DATA="$kit/data" SKIN_WEIGHTS="{weights}"
exec make PYTHON="${{PYTHON:-{python}}}" "${{1:-lab}}"
"""


class KitError(RuntimeError):
    """The kit cannot be packed; the message says what is missing."""


def shrunk(stored):
    """Return ``(suffix, bytes)`` of an image: as it is stored, or as a JPEG of at most :data:`SIZE`."""
    content = stored.read()
    height, width = open_image(stored, upright_size)
    if height <= SIZE[0] and width <= SIZE[1]:
        return Path(stored.name).suffix.lower(), content
    scale = min(SIZE[0] / height, SIZE[1] / width)
    jpeg = io.BytesIO()
    small = Image.fromarray(decode(stored, (round(height * scale), round(width * scale))))
    small.save(jpeg, "JPEG", quality=95)
    return ".jpg", jpeg.getvalue()


def pack_data(ham, folder):
    """Write a data set into ``folder``, in HAM10000's layout: two zips and the table."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "HAM10000_images_part_1.zip", "w") as images:
        for image_id, stored in ham.stored.items():
            suffix, content = shrunk(stored)
            images.writestr(image_id + suffix, content)
    with zipfile.ZipFile(folder / "HAM10000_segmentations_lesion_tschandl.zip", "w") as masks:
        for image_id, stored in ham.stored_masks.items():
            masks.writestr(f"{image_id}_segmentation.png", stored.read())
    ham.table[list(COLUMNS)].to_csv(folder / "HAM10000_metadata.csv", index=False)
    words = f"{ham.licence}\n\n{NOTICE}\n{CHANGED}" if "Tschandl" in ham.licence else ham.licence
    (folder / ("SYNTHETIC.txt" if ham.synthetic else "LICENCE.txt")).write_text(f"{words}\n", encoding="utf-8")


def pack_course(folder):
    """Copy the repository's own files into ``folder``.

    Raises
    ------
    KitError
        If a notebook was run and saved here, perhaps on images that are not for everyone.
    """
    for path in sorted((ROOT / "notebooks").rglob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        if any(cell.get("outputs") and "nbval-check-output" not in cell.metadata.get("tags", []) for cell in cells):
            raise KitError(
                f"{path.relative_to(ROOT).as_posix()} was run and saved: it holds pictures and rows of the data that "
                "it was run on, and a kit is passed on. Restore it from git, or run make notebooks"
            )
    folder.mkdir(parents=True)
    for name in COURSE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT)
        else:
            shutil.copy(ROOT / name, folder / name)


def pack_weights(folder):
    """Put weights into ``folder``; return the names of the files, none where none can be had."""
    folder.mkdir(parents=True)
    given = os.environ.get("SKIN_WEIGHTS")
    if given and given != "random":
        for path in sorted([*Path(given).expanduser().glob("*.h5"), *Path(given).expanduser().glob("*.keras")]):
            shutil.copy(path, folder)
    elif not given:
        from helpers.networks import _architectures as models

        for name in NETWORKS:
            found = models.backbone(name, size=(224, 224))
            if found.pretrained:
                found.model.save(folder / f"{name}_imagenet.keras")
    return sorted(path.name for path in folder.iterdir())


def pack_wheels(folder):
    """Fetch every package of the lock, built, for this system and Python."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += ["--wheel-dir", str(folder), "--requirement", str(ROOT / "requirements.lock")]
    if subprocess.run(command).returncode:
        raise KitError("pip could not fetch all packages of requirements.lock; its message above says which and why")


def zipped(folder, target):
    """Write a folder as one zip, its name at the top of every path; it takes its name when it is whole."""
    unfinished = target.with_suffix(".part")
    with zipfile.ZipFile(unfinished, "w") as kit:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                how = zipfile.ZIP_STORED if path.suffix in STORED else zipfile.ZIP_DEFLATED
                kit.write(path, Path(target.stem) / path.relative_to(folder), how)
    os.replace(unfinished, target)


def main():
    """Pack the kit; return its path.

    Raises
    ------
    KitError, helpers.data.DataError
        If the book is not built, a package cannot be fetched, or the data cannot be read.  No kit is left then.
    """
    if not (HTML / "index.html").exists():
        raise KitError("there is no book to pack: run `make book` first")
    target = BUILD / f"{NAME}.zip"
    target.unlink(missing_ok=True)
    folder = BUILD / "kit"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    ham = data.load(settings.for_chapter("meet-the-data", tier="workshop"))
    if ham.missing:
        raise KitError(f"{ham.missing:,} images are missing, and a kit would not say so: fetch all of them first")
    print(f"Data: {ham!r}", flush=True)
    pack_data(ham, folder / "data")
    weights = pack_weights(folder / "weights")
    none = "none could be had, so the notebooks take random ones and say so"
    print(f"Weights: {', '.join(weights) or none}", flush=True)
    shutil.copytree(HTML, folder / "book")
    pack_course(folder / "course")
    print("Packages: this takes minutes", flush=True)
    pack_wheels(folder / "wheels")
    words = {"python": PYTHON, "platform": sysconfig.get_platform(), "source": ham.source, "licence": ham.licence}
    (folder / "README.txt").write_text(README.format(**words), encoding="utf-8")
    start = START.format(python=PYTHON, weights="$kit/weights" if weights else "random")
    (folder / "start.sh").write_text(start, encoding="utf-8")
    zipped(folder, target)
    shutil.rmtree(folder)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1e9:.1f} GB")
    return target


if __name__ == "__main__":
    try:
        main()
    except (KitError, DataError) as error:
        sys.exit(str(error))

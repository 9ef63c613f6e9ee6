"""How long does the pixel cache take, beside a bare Pillow loop on as many processes?

    python benchmarks/image_cache.py ../shared/ham10000

It decodes every image of the folder at two sizes, in turn with the bare loop, and writes the medians to
``benchmarks/results/image_cache.json``.  The bare loop opens, converts and resizes each image with Pillow's bicubic
filter, each process one contiguous share.  It is measured twice: keeping the pixels in an array in shared memory, as
a loop must that is of use, and throwing each image away.  The cache writes all of them to a file.
A load average far above 0 means that the machine was busy with other work: the ratios then waver, the seconds mislead.
"""

import argparse
import datetime
import io
import itertools
import json
import mmap
import multiprocessing
import os
import platform
import resource
import statistics
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from helpers import settings
from helpers.data import _loader as data
from helpers.data import _pixels as images

SIZES = ((150, 200), (75, 100))
RESULTS = Path(__file__).parent / "results" / "image_cache.json"


def decode_share(stored, size, pixels):
    """Decode one process's share of the images with nothing but Pillow, into ``pixels`` unless that is None."""
    archives = {}
    for row, one in enumerate(stored):
        if one.member is None:
            content = one.path.read_bytes()
        else:
            archive = archives.get(one.path) or archives.setdefault(one.path, zipfile.ZipFile(one.path))
            content = archive.read(one.member)
        with Image.open(io.BytesIO(content)) as picture:
            image = np.asarray(picture.convert("RGB").resize((size[1], size[0]), Image.Resampling.BICUBIC))
        if pixels is not None:
            pixels[row] = image


def bare_loop(dataset, size, processes, keep):
    """Decode all images on ``processes`` processes, each with one contiguous share."""
    stored = [dataset.stored[image_id] for image_id in dataset.table["image_id"]]
    shape = (len(stored), *size, 3)
    pixels = np.frombuffer(mmap.mmap(-1, int(np.prod(shape))), np.uint8).reshape(shape) if keep else None
    context = multiprocessing.get_context("fork")
    bounds = np.linspace(0, len(stored), processes + 1).astype(int)
    workers = [
        context.Process(target=decode_share, args=(stored[first:last], size, pixels[first:last] if keep else None))
        for first, last in itertools.pairwise(bounds)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def processor_seconds():
    """Return the processor time of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure(work, *arguments):
    """Return (wall seconds, processor seconds) of one call."""
    wall, processor = time.perf_counter(), processor_seconds()
    work(*arguments)
    return time.perf_counter() - wall, processor_seconds() - processor


def summary(runs, count):
    """Return the medians of one size; a ratio is the median of the ratios of runs that followed one another."""

    def ratio(other, clock):
        return round(statistics.median(c[clock] / b[clock] for b, c in zip(runs[other], runs["cache"], strict=True)), 3)

    seconds = {name: statistics.median(wall for wall, _ in measured) for name, measured in runs.items()}
    return {
        "bare_loop_seconds": round(seconds["keeping"], 2),
        "bare_loop_discarding_seconds": round(seconds["discarding"], 2),
        "cache_seconds": round(seconds["cache"], 2),
        "ratio": ratio("keeping", 0),
        "ratio_of_processor_time": ratio("keeping", 1),
        "ratio_to_discarding_loop": ratio("discarding", 0),
        "images_per_second": round(count / seconds["cache"]),
        "second_load_seconds": round(seconds["second"], 4),
    }


def processor_name():
    """Return the processor's name as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def main():
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("SKIN_DATA")
    parser.add_argument("folder", nargs="?" if default else None, type=Path, default=default, help="a data folder")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    processes = os.cpu_count()
    config = settings.for_chapter("meet-the-data", data=options.folder, cache=tempfile.gettempdir())
    dataset = data.load(config)
    height, width = dataset.size
    report = {
        "data": f"{dataset.source.split(' from ')[0]}, {len(dataset.table):,} images stored at {width} x {height}",
        "machine": f"{processes} cores, {processor_name()}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "processes": processes,
        "repeats": options.repeats,
        "load_average_before": round(os.getloadavg()[0], 1),
        "sizes": {},
    }
    for size in SIZES:
        runs = {"keeping": [], "discarding": [], "cache": [], "second": []}
        for _ in range(options.repeats):
            runs["keeping"].append(measure(bare_loop, dataset, size, processes, True))
            runs["discarding"].append(measure(bare_loop, dataset, size, processes, False))
            with tempfile.TemporaryDirectory() as folder:
                fresh = settings.for_chapter("meet-the-data", data=options.folder, cache=folder)
                runs["cache"].append(measure(images.load_pixels, dataset, fresh, size))
                runs["second"].append(measure(images.load_pixels, dataset, fresh, size))
        report["sizes"][f"{size[1]}x{size[0]}"] = summary(runs, len(dataset.table))
    RESULTS.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

"""What is it worth that frozen layers run once, and that a processor computes in bfloat16?

    SKIN_DATA=../shared/ham10000 SKIN_WEIGHTS=../shared/weights python benchmarks/networks.py

Caching: VGG16 with the paper's partial freeze, in float32.  The plain way sends each batch through the whole network,
the frozen layers in inference mode; the cached way asks them once, for each view, and sends what they said through the
rest.  Both are timed in steady training steps, batch by batch in turn; the building of the cache on some images, its
compiling included.  From these, ``EPOCHS`` epochs over all images are EXTRAPOLATED.  The ceiling is the same ratio in
multiply-adds of convolutions and dense layers, from their shapes: what caching would be worth if each of them took
equally long and nothing else took any time.

Precision: training steps of the paper's CNN and of VGG16's tail in float32 and in bfloat16, in turn.  A ratio is the
median of the ratios of steps that followed each other.  The results go to ``benchmarks/results/networks.json``.
"""

import argparse
import dataclasses
import datetime
import itertools
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import data, networks, settings
from helpers.ham10000 import CLASSES
from helpers.networks._training import _compile
from helpers.records import _provenance as provenance

import keras  # isort: skip  # after helpers.networks, which quietens TensorFlow's log
import tensorflow as tf  # isort: skip

RESULTS = Path(__file__).parent / "results" / "networks.json"
#: The package carries this copy, so that the chapter on VGG16 can read it anywhere.
CARRIED = Path(__file__).parents[1] / "book" / "results" / "networks.json"
SIZE, CNN_SIZES = (150, 200), ((96, 96), (128, 128))
RECIPE = networks.RECIPES["vgg16-tuned"]
EPOCHS = 50
#: Images and views of the cache that is timed: the second view is augmented, as all but the first are.
IMAGES, VIEWS = 128, 2


def multiply_adds(model):
    """Return what one image costs in each layer that multiplies, in forward direction: {layer name: multiply-adds}."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            found[layer.name] = int(np.prod(layer.output.shape[1:3])) * int(np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dense):
            found[layer.name] = int(np.prod(layer.kernel.shape))
    return found


def arithmetic(frozen, tail):
    """Return multiply-adds an image: of the frozen part, and of a training step of the rest.

    A step goes forward, then asks for the gradient of the weights and for that of the inputs, each as dear as the way
    forward; that of the first layer's inputs nobody needs.
    """
    trained = list(multiply_adds(tail).values())
    return {"frozen, forward": sum(multiply_adds(frozen).values()), "trained, a step": 3 * sum(trained) - trained[0]}


def steps(model, batches, learning_rate=1e-4):
    """Return a function that does one training step, reading the batch included, and returns its wall seconds."""
    _compile(model, learning_rate)
    endless = iter(batches)

    def step():
        started = time.perf_counter()
        inputs, codes = next(endless)
        assert len(codes) == RECIPE.batch
        loss = model.train_on_batch(inputs, codes)
        assert np.all(np.isfinite(loss))
        return time.perf_counter() - started

    return step


def in_turn(compared, rounds):
    """Return the seconds of ``rounds`` steps of each, in turn, after one step of each that compiles."""
    for step in compared.values():
        step()
    seconds = {name: [] for name in compared}
    for _ in range(rounds):
        for name, step in compared.items():
            seconds[name].append(step())
    return seconds


def ratio(seconds, slow, fast):
    return round(statistics.median(a / b for a, b in zip(seconds[slow], seconds[fast], strict=True)), 2)


def rate(seconds):
    return {name: round(RECIPE.batch / statistics.median(one), 1) for name, one in seconds.items()}


def vgg16(precision):
    """Return VGG16 for :data:`SIZE` as the recipe builds it: where it came from, its frozen part, the part to train."""
    networks.use_precision(precision)
    backbone = networks.backbone(*RECIPE.network, size=SIZE)
    frozen, rest = networks.cut(backbone.model, networks.boundary(backbone.model))
    return backbone, frozen, networks.classifier(rest)


def endless(inputs, codes, augmentation=None):
    """Return batches of pixels or cached activations, epoch after epoch, whole batches only."""
    for epoch in itertools.count():
        yield from networks.training_batches(
            inputs, codes, batch=RECIPE.batch, seed=1, epoch=epoch, augmentation=augmentation
        )


def caching(dataset, config, codes, rounds):
    """Time the plain way and the cached way; return the results and the cache."""
    backbone, frozen, tail = vgg16("float32")
    pixels = data.load_pixels(dataset, config, SIZE)
    started = time.perf_counter()
    options = {"views": VIEWS, "augmentation": RECIPE.augmentation}
    cached = networks.load_activations(frozen, dataset, pixels, config, **options)
    build = (time.perf_counter() - started) / (IMAGES * VIEWS)
    for layer in frozen.layers:
        layer.trainable = False
    whole = networks.classifier(backbone.model)
    augmented = endless(pixels, codes, RECIPE.augmentation)
    seconds = in_turn({"plain": steps(whole, augmented), "cached": steps(tail, endless(cached, codes))}, rounds)
    plain, fast = (statistics.median(seconds[name]) / RECIPE.batch for name in ("plain", "cached"))
    cost = arithmetic(frozen, tail)
    forward, step = cost.values()

    def extrapolated(views):
        reached = EPOCHS * plain / (views * build + EPOCHS * fast)
        ceiling = EPOCHS * (forward + step) / (views * forward + EPOCHS * step)
        return {
            "ratio": round(reached, 2),
            "ceiling": round(ceiling, 2),
            "share_of_ceiling": round(reached / ceiling, 2),
        }

    return {
        "network": f"{backbone.label} with a new head, cut after {networks.boundary(backbone.model)}",
        "weights": backbone.weights,
        "precision": "float32",
        "size": list(SIZE),
        "multiply_adds_an_image": cost,
        "steps_timed": rounds,
        "images_per_second": rate(seconds),
        "cache_images_per_second": round(1 / build, 1),
        "cache_images_timed": IMAGES * VIEWS,
        "cache_bytes_an_image_and_view": cached[0, 0].nbytes,
        "steady_step_ratio": ratio(seconds, "plain", "cached"),
        f"EXTRAPOLATED to {EPOCHS} epochs, the cache's building included": {
            f"{views} view{'s' * (views > 1)} of each image": extrapolated(views) for views in (1, RECIPE.views)
        },
    }, cached


def precisions(dataset, config, codes, cached, rounds):
    """Time steps in float32 and in bfloat16; return the results by network."""
    results = {}

    def compare(name, build, batches):
        compared = {}
        for precision in ("float32", "bfloat16"):
            networks.use_precision(precision)
            compared[precision] = steps(build(precision), batches())
        seconds = in_turn(compared, rounds)
        results[name] = {
            "images_per_second": rate(seconds),
            "bfloat16 / float32": ratio(seconds, "float32", "bfloat16"),
        }

    for size in CNN_SIZES:
        pixels = data.load_pixels(dataset, config, size)
        compare(
            f"the paper's CNN at {size[1]} x {size[0]}",
            lambda _, size=size: networks.paper_cnn(size),
            lambda pixels=pixels: endless(pixels, codes, RECIPE.augmentation),
        )
    compare(
        f"VGG16's tail on cached activations of {SIZE[1]} x {SIZE[0]}",
        lambda precision: vgg16(precision)[2],
        lambda: endless(cached, codes),
    )
    return results


def main():
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("SKIN_DATA")
    parser.add_argument("folder", type=Path, nargs="?" if default else None, default=default, help="a data folder")
    parser.add_argument("--rounds", type=int, default=3, help="timed steps of each network in float32 and bfloat16")
    options = parser.parse_args()
    # No other accelerator: what is compared is the work of the processor.
    tf.config.set_visible_devices([], "GPU")
    with tempfile.TemporaryDirectory() as cache:
        config = settings.for_chapter("transfer-vgg16", data=options.folder, cache=cache)
        whole = data.load(config)
        chosen = np.linspace(0, len(whole.table) - 1, IMAGES).astype(int)
        dataset = dataclasses.replace(whole, table=whole.table.iloc[chosen].reset_index(drop=True))
        codes = pd.Categorical(dataset.table["dx"], categories=list(CLASSES)).codes.astype("int64")
        load = [round(os.getloadavg()[0], 1)]
        cached_way, cached = caching(dataset, config, codes, options.rounds)
        by_precision = precisions(dataset, config, codes, cached, options.rounds)
        load.append(round(os.getloadavg()[0], 1))

    result = {
        "what": "training steps on a processor: frozen layers run once, and bfloat16 beside float32; wall time",
        "date": datetime.date.today().isoformat(),
        "device": provenance.device(),
        "cores": os.cpu_count(),
        "load_average_before_and_after": load,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "source": whole.source,
        "stored_size": list(whole.size),
        "batch": RECIPE.batch,
        "caching": cached_way,
        "precision": by_precision,
    }
    for target in (RESULTS, CARRIED):
        target.parent.mkdir(exist_ok=True)
        partial = target.with_suffix(".partial")
        partial.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        os.replace(partial, target)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

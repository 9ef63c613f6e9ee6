"""How many augmented images a second, beside Keras's layers, beside decoding, and beside no augmentation at all?

    python benchmarks/pipeline.py ../shared/ham10000

All pipelines feed the same images, 64 a batch, as float32 in graph mode, with the same threads, bilinear and mirrored
at the edges.  JPEGs are decoded at the size at which they are stored; larger ones take longer.  The pipelines run in
turn, several rounds; the results go to ``benchmarks/results/pipeline.json``.  A ratio is the median of the ratios of
runs of one round.  Building and compiling is not timed: each pipeline first runs once.
"""

import argparse
import dataclasses
import datetime
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from helpers import data, networks, settings
from helpers.networks import _augmentation as augmentation

import keras  # isort: skip  # after helpers.networks, which quietens TensorFlow's log
import tensorflow as tf  # isort: skip

RESULTS = Path(__file__).parent / "results" / "pipeline.json"
#: The package carries this copy, so that the chapter on preparing images can read it anywhere.
CARRIED = Path(__file__).parents[1] / "book" / "results" / "pipeline.json"
SIZE, BATCH, IMAGES = (128, 128), 64, 2048
COLOUR = networks.Augmentation()
GEOMETRY = dataclasses.replace(COLOUR, brightness=0, contrast=0)
OURS = "one matrix, compiled"
CEILING = "no augmentation"
CHAIN = "Keras, four layers"
DECODE = "JPEG each epoch, then Keras, four layers"


def keras_chain():
    """Return Keras's four layers, one after the other, with the limits of :data:`GEOMETRY`."""
    layers = [
        keras.layers.RandomFlip("horizontal_and_vertical", seed=1),
        keras.layers.RandomRotation(GEOMETRY.rotate, fill_mode="reflect", interpolation="bilinear", seed=2),
        keras.layers.RandomTranslation(
            GEOMETRY.translate, GEOMETRY.translate, fill_mode="reflect", interpolation="bilinear", seed=3
        ),
        keras.layers.RandomZoom(GEOMETRY.zoom, fill_mode="reflect", interpolation="bilinear", seed=4),
    ]

    def chain(batch, labels):
        for layer in layers:
            batch = layer(batch, training=True)
        return batch, labels

    return chain


def one_projective_op(batch, labels):
    """Compose the matrices as we do, and let TensorFlow's projective transform resample."""
    draws = tf.random.uniform((tf.shape(batch)[0], augmentation.DRAWS))
    flip, rotation, translation, zoom = augmentation.matrices(draws, GEOMETRY, SIZE)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=batch,
        transforms=tf.reshape(flip @ rotation @ translation @ zoom, (-1, 9))[:, :8],
        output_shape=SIZE,
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    ), labels


def pipelines(pixels, labels, files):
    """Return the pipelines to compare, each a dataset of one epoch; the files' bytes are in memory beforehand."""

    def ours(limits):
        return networks.training_batches(pixels, labels, batch=BATCH, seed=1, augmentation=limits)

    def decoded(content, label):
        return tf.image.resize(tf.io.decode_jpeg(content, channels=3), SIZE, "bilinear"), label

    auto = tf.data.AUTOTUNE
    jpeg = tf.data.Dataset.from_tensor_slices((files, labels)).shuffle(len(files), seed=1)
    found = {
        CEILING: ours(None),
        OURS: ours(GEOMETRY),
        "one matrix and the colour step, compiled": ours(COLOUR),
        "one matrix, TensorFlow's projective transform": ours(None).map(one_projective_op, num_parallel_calls=auto),
        CHAIN: ours(None).map(keras_chain(), num_parallel_calls=auto),
        DECODE: jpeg.map(decoded, num_parallel_calls=auto).batch(BATCH).map(keras_chain(), num_parallel_calls=auto),
    }
    options = tf.data.Options()
    options.threading.private_threadpool_size = os.cpu_count()
    return {name: dataset.prefetch(auto).with_options(options) for name, dataset in found.items()}


def measure(dataset):
    """Return (wall seconds, processor seconds) of one epoch."""
    wall, processor = time.perf_counter(), time.process_time()
    count = sum(int(batch.shape[0]) for batch, _ in dataset)
    assert count == IMAGES
    return time.perf_counter() - wall, time.process_time() - processor


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
    parser.add_argument("folder", type=Path, nargs="?" if default else None, default=default, help="a data folder")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    # No other accelerator: what is compared is the work of the processor that feeds it.
    tf.config.set_visible_devices([], "GPU")
    with tempfile.TemporaryDirectory() as cache:
        config = settings.for_chapter("meet-the-data", data=options.folder, cache=cache)
        whole = data.load(config)
        chosen = np.linspace(0, len(whole.table) - 1, IMAGES).astype(int)
        dataset = dataclasses.replace(whole, table=whole.table.iloc[chosen].reset_index(drop=True))
        pixels = data.load_pixels(dataset, config, SIZE)
        files = [dataset.stored[image_id].read() for image_id in dataset.table["image_id"]]
        compared = pipelines(pixels, np.arange(IMAGES), files)
        load = [round(os.getloadavg()[0], 1)]
        for epoch in compared.values():
            measure(epoch)
        runs = {name: [] for name in compared}
        for _ in range(options.rounds):
            for name, epoch in compared.items():
                runs[name].append(measure(epoch))
        load.append(round(os.getloadavg()[0], 1))

    def ratio(name, other, clock):
        pairs = zip(runs[name], runs[other], strict=True)
        return round(statistics.median(theirs[clock] / ours[clock] for ours, theirs in pairs), 2)

    result = {
        "what": "images per second of input pipelines; ratios of wall time and of processor time",
        "date": datetime.date.today().isoformat(),
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "load_average_before_and_after": load,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "source": whole.source,
        "stored_size": list(whole.size),
        "size": list(SIZE),
        "batch": BATCH,
        "images": IMAGES,
        "rounds": options.rounds,
        "images_per_second": {
            name: round(IMAGES / statistics.median(wall for wall, _ in one)) for name, one in runs.items()
        },
        "images_per_processor_second": {
            name: round(IMAGES / statistics.median(busy for _, busy in one)) for name, one in runs.items()
        },
        "ratios": {
            f"{OURS} / {other}": {"wall": ratio(OURS, other, 0), "processor": ratio(OURS, other, 1)}
            for other in (CHAIN, DECODE, "one matrix, TensorFlow's projective transform", CEILING)
        },
    }
    for target in (RESULTS, CARRIED):
        target.parent.mkdir(exist_ok=True)
        partial = target.with_suffix(".partial")
        partial.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        os.replace(partial, target)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

"""What every record and cache stands on is what it was: fingerprints, splits, networks, re-evaluated records.

A change of the code that is meant to change none of these leaves ``golden.json`` as it is.  ``python
tests/test_golden.py`` writes the file anew: do that only where a number was meant to change, and say so in the commit.
"""

import hashlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest

from helpers import settings, splits
from helpers.data import _files as files
from helpers.data import _loader as data
from helpers.networks import _activations as activations
from helpers.networks import _architectures as models
from helpers.records import _runs as runs
from helpers.records import _seal as records

GOLDEN = Path(__file__).parent / "golden.json"
ROOT = Path(__file__).parents[1]
RECORDS = (
    "classical-grouped-handcrafted-svm-plain",
    "cnn-cosine-grouped-96x96",
    "resnet-frozen-holdout938-200x150",
)


def of_data(ham):
    """Return what identifies a data set: its table, its pixels, its splits, its lesion groups."""
    spread = [ham.stored[image_id] for image_id in ham.table["image_id"][:: len(ham.table) // 40]]
    groups = splits.lesion_groups(ham.table)
    parts = [splits.grouped(ham.table, fold) for fold in range(5)]
    parts += [splits.image8020(ham.table), splits.holdout938(ham.table)]
    return {
        "images": len(ham.table),
        "fingerprint": ham.fingerprint,
        "pixels": hashlib.sha256(b"".join(files.decode(one, (30, 40)).tobytes() for one in spread)).hexdigest(),
        "groups": hashlib.sha256("\n".join(groups).encode()).hexdigest(),
        "splits": [part.hash for part in parts],
    }


def of_networks():
    """Return the digests of two networks whose weights are set by a formula."""

    def digest(model):
        rng = np.random.default_rng(1)
        model.set_weights([rng.normal(size=weight.shape).astype("float32") for weight in model.get_weights()])
        return activations.digest(model)

    cnn = models.paper_cnn((96, 96), batch_norm=True, wide_head=False)
    backbone = models.backbone("mobilenetv2", size=(48, 64), weights="random").model
    frozen, tail = models.cut(backbone, "block_13_expand_relu")
    return {"cnn": digest(cnn), "frozen": digest(frozen), "head": digest(models.classifier(tail))}


def of_record(name):
    """Return a hash of a record's metrics, computed anew from its predictions."""
    run = runs.load_run(records.book_folder() / name)
    found = runs.reevaluate(run.predictions, run.validation, resamples=20)
    numbers = found[["value", "low", "high", "floor"]].to_numpy().round(6) + 0.0
    keys = "\n".join(found["metric"] + " " + found["dx"])
    return hashlib.sha256(keys.encode() + np.nan_to_num(numbers, nan=-1).round(6).tobytes()).hexdigest()


@pytest.fixture(scope="module")
def golden():
    return json.loads(GOLDEN.read_text())


def test_the_sample(golden, ham):
    assert of_data(ham) == golden["sample"]


def test_the_real_images(golden, real_ham):
    assert of_data(real_ham) == golden["real"]


def test_networks(golden):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    assert of_networks() == golden["networks"]
    keras.config.set_dtype_policy(policy)


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_evaluated_anew(golden, name):
    assert of_record(name) == golden["records"][name]


if __name__ == "__main__":
    loaded = {}
    for key, folder in (("sample", None), ("real", ROOT.parent / "shared" / "ham10000")):
        chosen = settings.for_chapter("meet-the-data", data=folder, cache=ROOT / "_build" / "cache")
        loaded[key] = of_data(data.load(chosen))
    loaded |= {"networks": of_networks(), "records": {name: of_record(name) for name in RECORDS}}
    GOLDEN.write_text(json.dumps(loaded, indent=1) + "\n")

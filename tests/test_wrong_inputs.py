"""What the record on wrong inputs measures: each arm reaches VGG16 as it is named, and each head reads what it says."""

import keras
import numpy as np

from helpers import networks
from tools.measure import inputs


def test_each_input_reaches_the_first_layer_as_it_is_named():
    images = np.random.default_rng(7).integers(256, size=(3, 8, 8, 3)).astype("float32")
    mean = np.array(networks.IMAGENET_MEAN, "float32")
    # What a backbone does with what it is given: the mean is subtracted, and the kernels read the colours in reverse.
    reached = {arm: (inputs.fed(images, arm) - mean)[..., ::-1] for arm in inputs.ARMS}
    right = keras.applications.vgg16.preprocess_input(images.copy())
    assert np.allclose(inputs.fed(images, "right"), images, atol=1e-3), "a backbone takes the image as it is"
    assert np.allclose(reached["right"], right, atol=1e-3)
    assert np.allclose(reached["colours in the wrong order"], right[..., ::-1], atol=1e-3)
    assert np.allclose(reached["0 to 255"], images, atol=1e-3)
    assert np.allclose(reached["0 to 1"], images / 255, atol=1e-3)


def test_a_kept_head_reads_the_features_of_another_arm_and_a_refitted_one_its_own():
    rng = np.random.default_rng(11)
    codes = np.repeat([0, 1], 40)
    features = codes[:, None] + rng.normal(0, 0.1, size=(80, 2))
    train, validation = np.arange(0, 80, 2), np.arange(1, 80, 2)
    rows = inputs.compare({"right": features, "turned": 1 - features}, codes, train, validation, repetition=0)
    accuracy = {(arm, stratum): value for _, arm, stratum, metric, value in rows if metric == "accuracy"}
    assert accuracy == {
        ("right", "refitted"): 1,
        ("right", "kept"): 1,
        ("turned", "refitted"): 1,
        ("turned", "kept"): 0,
    }

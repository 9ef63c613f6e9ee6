"""The networks: Table 1's sizes, weights from a folder or none, the freeze boundary, the cut, the head."""

import functools

import keras
import numpy as np
import pytest

from helpers.networks import _activations as activations
from helpers.networks import _architectures as models
from helpers.records import _provenance as provenance

TABLE_1 = [(32, 510), (32, 508), (32, 506), (32, 253), (64, 251), (256, 57), (256, 53)]


def is_sized(layer):
    return isinstance(layer, keras.layers.Conv2D | keras.layers.MaxPooling2D)


@functools.cache
def random_backbone(name):
    """Return a backbone with random weights, whichever they are; tests share it."""
    return models.backbone(name, size=(32, 32), weights="random").model


def images(count, size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3)).astype("float32")


def test_the_paper_s_cnn_has_every_printed_size_in_order():
    network = models.paper_cnn()
    sizes = iter([(layer.output.shape[-1], layer.output.shape[1]) for layer in network.layers if is_sized(layer)])
    assert all(printed in sizes for printed in TABLE_1)
    assert network.get_layer("conv10").kernel_size == (5, 5)
    assert network.get_layer("global_pool").output.shape == (None, 256)
    assert network.get_layer("dense").output.shape == (None, 4096)
    assert network.output.shape == (None, 7) and network.get_layer("classes").activation.__name__ == "softmax"


def test_ninety_pixels_is_the_smallest_input_and_the_error_says_so():
    assert models.paper_cnn((90, 90)).get_layer("conv10").output.shape[1:3] == (1, 1)
    with pytest.raises(ValueError, match=r"100 x 89 .* at least 90 x 90"):
        models.paper_cnn((89, 100))


def test_the_two_changes_are_what_they_say():
    plain, normed = models.paper_cnn((90, 90)), models.paper_cnn((90, 90), batch_norm=True)
    assert models.counts(plain)["BatchNormalization"] == 0 and models.counts(normed)["BatchNormalization"] == 10
    assert models.counts(models.paper_cnn((90, 90), wide_head=False))["Dense"] == 1


def test_the_softmax_is_float32_in_every_precision():
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        network = models.paper_cnn((90, 90))
        assert network.get_layer("conv1").compute_dtype == "bfloat16"
        assert network.get_layer("classes").compute_dtype == "float32"
    finally:
        keras.config.set_dtype_policy(before)


@pytest.fixture(scope="module")
def theirs():
    """A VGG16 and a MobileNetV2, with random weights, as their library has them."""
    keras.utils.set_random_seed(4)
    options = {"weights": None, "include_top": False, "input_shape": (32, 32, 3)}
    return {
        "vgg16": keras.applications.VGG16(**options),
        "mobilenetv2": keras.applications.MobileNetV2(**options),
    }


@pytest.fixture(scope="module")
def folder(theirs, tmp_path_factory):
    """The weights of both as their library saves them, and a small whole network."""
    folder = tmp_path_factory.mktemp("weights")
    for name, network in theirs.items():
        network.save_weights(folder / f"{name}_own.weights.h5")
    inputs = keras.Input((None, None, 3))
    small = keras.layers.Conv2D(4, 3, name="only")(keras.layers.Rescaling(1 / 255)(inputs))
    keras.Model(inputs, small).save(folder / "resnet50v2_imagenet_stage3.keras")
    return folder


@pytest.mark.parametrize(
    ("name", "prepare"),
    [
        ("vgg16", keras.applications.vgg16.preprocess_input),
        ("mobilenetv2", keras.applications.mobilenet_v2.preprocess_input),
    ],
)
def test_a_backbone_takes_plain_rgb_and_answers_as_its_library_does(theirs, folder, name, prepare):
    found = models.backbone(name, size=(32, 32), weights=folder)
    assert found.pretrained and f"{name}_own" in found.weights
    pixels = images(2, (32, 32))
    expected = theirs[name](prepare(pixels.copy())).numpy()
    assert np.allclose(found.model(pixels).numpy(), expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("file", ["vgg16.weights.h5", "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"])
def test_the_usual_names_of_weights_are_found(folder, tmp_path, monkeypatch, file):
    (tmp_path / file).symlink_to(folder / "vgg16_own.weights.h5")
    monkeypatch.setattr(models, "_downloaded", lambda *_: pytest.fail("tried to download"))
    if file.endswith("notop.h5"):  # of an older format, which Keras alone can read
        vgg16 = random_backbone("vgg16")
        monkeypatch.setattr(keras.applications, "VGG16", lambda weights, **_: loaded.append(weights) or vgg16)
    loaded = []
    assert models.backbone("vgg16", size=(32, 32), weights=tmp_path).weights == f"ImageNet, from {file}"


def test_a_saved_network_is_loaded_at_the_size_and_precision_asked_for(folder):
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        found = models.backbone("resnet50", "resnet50v2_imagenet_stage3", size=(40, 48), weights=folder)
    finally:
        keras.config.set_dtype_policy(before)
    assert found.label == "ResNet50V2 (stages 1-3)" and found.model.input.shape == (None, 40, 48, 3)
    assert found.model.get_layer("only").compute_dtype == "bfloat16"
    saved = keras.saving.load_model(folder / "resnet50v2_imagenet_stage3.keras")
    assert all(np.array_equal(a, b) for a, b in zip(found.model.get_weights(), saved.get_weights(), strict=True))


def test_a_folder_that_is_none_a_wrong_file_and_an_unknown_name_are_named(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        models.backbone("vgg16", size=(32, 32), weights=tmp_path / "nowhere")
    (tmp_path / "vgg16_broken.weights.h5").write_bytes(b"no weights")
    with pytest.raises(ValueError, match=r"vgg16_broken.*does not hold the weights of VGG16"):
        models.backbone("vgg16", size=(32, 32), weights=tmp_path)
    with pytest.raises(ValueError, match=r"'vgg' is not known; choose one of vgg16"):
        models.backbone("vgg", size=(32, 32))
    with pytest.raises(ValueError, match="SKIN_WEIGHTS"):
        models.backbone("resnet50v2_imagenet_stage3", size=(32, 32), weights=tmp_path)


def test_a_folder_without_the_weights_is_named_once_and_what_was_looked_for(tmp_path, monkeypatch, capsys):
    (tmp_path / "MobileNetV2.weights.h5").touch()
    monkeypatch.setattr(models, "_downloaded", lambda *_: None)
    monkeypatch.setattr(models, "REPORTED", set())
    built = random_backbone("mobilenetv2")
    monkeypatch.setattr(keras.applications, "MobileNetV2", lambda **_: built)
    monkeypatch.setenv("SKIN_WEIGHTS", str(tmp_path))
    assert not models.backbone("mobilenetv2", size=(32, 32)).pretrained
    said = capsys.readouterr().out
    assert f"SKIN_WEIGHTS: {tmp_path} holds no weights of mobilenetv2" in said
    assert "looked for mobilenetv2.keras, mobilenetv2_*.keras, mobilenetv2.weights.h5" in said
    models.backbone("mobilenetv2", size=(32, 32))
    assert not capsys.readouterr().out


def test_without_weights_and_network_they_are_random_and_the_page_says_so(monkeypatch, capsys):
    attempts = []

    def unreachable(*_, weights, **__):
        if weights == "imagenet":
            attempts.append(weights)
            raise Exception("URL fetch failure on https://an.address/a/file: None -- Name or service not known")
        return built

    built = random_backbone("mobilenetv2")
    monkeypatch.setattr(keras.applications, "MobileNetV2", unreachable)
    monkeypatch.setattr(models, "UNREACHED", set())
    monkeypatch.delenv("SKIN_WEIGHTS", raising=False)
    found = models.backbone("mobilenetv2", size=(32, 32))
    assert not found.pretrained
    assert "could not be downloaded (Name or service not known)." in capsys.readouterr().out
    assert not models.backbone("mobilenetv2", size=(32, 32)).pretrained
    assert attempts == ["imagenet"] and not capsys.readouterr().out, "out of reach is not waited for again"
    monkeypatch.setattr(models, "UNREACHED", set())
    with pytest.raises(ValueError):
        models.backbone("vgg16", size=(8, 8))
    assert not models.UNREACHED, "a size that does not fit says nothing of the network"
    assert "RANDOM WEIGHTS" in repr(provenance.weights_notice(found))
    known = models.Backbone(found.model, "MobileNetV2", "ImageNet, from a file", True)
    assert "RANDOM" not in repr(provenance.weights_notice(known))


def test_the_variable_for_random_weights_keeps_off_the_network(monkeypatch):
    monkeypatch.setenv("SKIN_WEIGHTS", "random")
    monkeypatch.setattr(models, "_downloaded", lambda *_: pytest.fail("tried to download"))
    assert not models.backbone("mobilenetv2", size=(32, 32)).pretrained


@pytest.mark.parametrize(("name", "cut_at"), [("vgg16", "block4_pool"), ("resnet50", "conv4_block5_out")])
def test_the_boundary_is_the_first_cut_with_more_than_seventy_per_cent_before_it(name, cut_at):
    network = random_backbone(name)
    assert models.boundary(network) == cut_at
    frozen, _ = models.cut(network, cut_at)
    convolutions = models.counts(network)["Conv2D"]
    assert 0.7 < models.counts(frozen)["Conv2D"] / convolutions < 0.8


@pytest.mark.parametrize("name", ["vgg16", "mobilenetv2", "resnet50"])
def test_the_two_halves_of_a_network_answer_as_the_whole(name):
    network = random_backbone(name)
    frozen, rest = models.cut(network, models.boundary(network))
    pixels = images(2, (32, 32))
    whole = network(pixels).numpy()
    assert np.allclose(rest(frozen(pixels)), whole, rtol=1e-4, atol=1e-5 * np.abs(whole).max())
    assert models.cut(network, network.layers[-1].name)[1] is None


def test_batch_normalisations_of_the_tail_stay_as_imagenet_left_them():
    network = random_backbone("mobilenetv2")
    _, rest = models.cut(network, models.boundary(network))
    head = models.classifier(rest, units=8)
    norms = [layer for layer in rest.layers if isinstance(layer, keras.layers.BatchNormalization)]
    before = [weight.copy() for layer in norms for weight in layer.get_weights()]
    assert norms
    head(np.random.default_rng(0).normal(size=(4, *rest.input.shape[1:])).astype("float32"), training=True)
    after = [weight for layer in norms for weight in layer.get_weights()]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert head.get_layer("head_norm").trainable


def test_a_digest_changes_with_a_weight():
    network = models.classifier((4,), units=3)
    before = activations.digest(network)
    assert activations.digest(network) == before
    weights = network.get_weights()
    weights[-1][0] += 1e-3
    network.set_weights(weights)
    assert activations.digest(network) != before

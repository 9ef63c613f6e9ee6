"""The paper's CNN, rebuilt from its Table 1, and networks trained on ImageNet, cut at the freeze boundary.

Every network takes RGB images, 0 to 255, as ``load_pixels`` gives them: what its weights expect is done inside.
"""

import os

# TensorFlow's start-up log is no part of a notebook's output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import socket
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
from keras import layers

from helpers.ham10000 import CLASSES

#: Height and width of the paper's input, and the least that its pattern of layers leaves a pixel of.
PAPER_SIZE = (512, 512)
LEAST = 90
#: More than this share of a network's convolutions stay frozen: the paper's rule for VGG16.
FROZEN_SHARE = 0.7
#: Mean of ImageNet's red, green and blue, which the weights of VGG16 and ResNet50 expect to be subtracted.
IMAGENET_MEAN = (123.68, 116.779, 103.939)
#: The layers that :func:`classifier` puts on a network.
HEAD = ("global_pool", "head_norm", "head_dense", "dropout", "classes")
#: How the files of a folder with weights end: saved networks; weights of a network, ours and those Keras downloads.
ENDINGS = ((".keras", "_*.keras"), (".weights.h5", "_*.weights.h5", "_*notop.h5"))
#: Seconds without an answer after which a download of weights counts as out of reach, and what was out of reach: it is
#: not waited for again.
PATIENCE, UNREACHED = 20, set()
#: What was said already: folders without the weights that they were searched for.
REPORTED = set()


def paper_cnn(size=PAPER_SIZE, *, batch_norm=False, wide_head=True, dropout=0.5):
    """Return the CNN of the paper's Table 1, with seven softmax outputs, for images of another size if you like.

    Table 1 lacks rows between 64x251x251 and 256x57x57.  This is a reconstruction with every printed size: two more
    convolutions of 64 channels, a pool, two of 128, a pool.  Of the global pooling the paper does not say which: it is
    an average here.  Nor does it say where the dropout stands: it stands before the last layer here.

    Source: Garg, Maheshwari, Shukla, arXiv:1912.03798, Table 1; its five sigmoids are seven softmax outputs here.

    Parameters
    ----------
    size : (int, int)
        Height and width in pixels, at least 90.
    batch_norm : bool
        A batch normalisation after each convolution: the first change that a practitioner would make.
    wide_head : bool
        The dense layer of 4096 units after the pooling; without it, the second change, the classes follow at once.
    dropout : float
        Share of the inputs of the last layer that a training step leaves out.

    Raises
    ------
    ValueError
        If the images are too small for the pattern.

    Examples
    --------
    >>> network = paper_cnn((96, 96), batch_norm=True, wide_head=False)
    >>> network.input.shape, network.output.shape
    ((None, 96, 96, 3), (None, 7))
    >>> paper_cnn((89, 100))
    Traceback (most recent call last):
        ...
    ValueError: images of 100 x 89 pixels are too small: unpadded convolutions and pools leave nothing of them before \
the last layer. Use at least 90 x 90.
    """
    if min(size) < LEAST:
        raise ValueError(
            f"images of {size[1]} x {size[0]} pixels are too small: unpadded convolutions and pools leave nothing of "
            f"them before the last layer. Use at least {LEAST} x {LEAST}."
        )

    def convolved(x, channels, kernel):
        number = 1 + sum(isinstance(layer, layers.Conv2D) for layer in made)
        for layer in (
            layers.Conv2D(channels, kernel, use_bias=not batch_norm, name=f"conv{number}"),
            *([layers.BatchNormalization(momentum=0.9, name=f"norm{number}")] if batch_norm else []),
            layers.ReLU(name=f"relu{number}"),
        ):
            made.append(layer)
            x = layer(x)
        return x

    made = []
    inputs = keras.Input((*size, 3), name="image")
    x = layers.Rescaling(1 / 255, name="rescale")(inputs)
    for block, (channels, convolutions) in enumerate(((32, 3), (64, 3), (128, 2)), 1):
        for _ in range(convolutions):
            x = convolved(x, channels, 3)
        x = layers.MaxPooling2D(2, name=f"pool{block}")(x)
    x = convolved(x, 256, 3)
    x = convolved(x, 256, 5)
    x = layers.GlobalAveragePooling2D(name="global_pool")(x)
    if wide_head:
        x = layers.Dense(4096, activation="relu", name="dense")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, _classes(x), name="paper_cnn")


@dataclass(frozen=True, eq=False)
class Backbone:
    """A network without its classifier, and where its weights came from: see :func:`backbone`."""

    model: keras.Model
    label: str
    weights: str
    pretrained: bool


def _from_caffe(name, size, weights):
    return getattr(keras.applications, name)(include_top=False, weights=weights, input_tensor=_centred(size))


def _mobilenetv2(size, weights):
    inputs = keras.Input((*size, 3), name="image")
    scaled = layers.Rescaling(1 / 127.5, offset=-1, name="rescale")(inputs)
    return keras.applications.MobileNetV2(include_top=False, weights=weights, input_tensor=scaled)


#: Name: what to call it, how to build it, and the layer whose kernel takes the image's channels as blue, green, red.
BACKBONES = {
    "vgg16": ("VGG16", partial(_from_caffe, "VGG16"), "block1_conv1"),
    "resnet50": ("ResNet50", partial(_from_caffe, "ResNet50"), "conv1_conv"),
    "resnet50v2_imagenet_stage3": ("ResNet50V2 (stages 1-3)", None, None),
    "mobilenetv2": ("MobileNetV2", _mobilenetv2, None),
}


def backbone(*names, size, weights=None):
    """Return a network without its classifier, of the first of ``names`` whose ImageNet weights can be had.

    Looked for in this order: the folder ``weights`` (a whole saved network, ``vgg16.keras``; ``vgg16.weights.h5``; both
    also with more after the name, ``vgg16_*``; or what Keras downloaded, ``vgg16_*notop.h5``), then a download by
    keras.applications, which keeps it.  A folder that has none of these is named.  Where neither can be had, the first
    of ``names`` that can be built has random weights, and ``pretrained`` is false: say so where you show its numbers.

    Parameters
    ----------
    names : str
        Keys of :data:`BACKBONES`.
    size : (int, int)
        Height and width in pixels.
    weights : str or Path, optional
        Default: the variable ``SKIN_WEIGHTS``.  ``"random"`` stands for random weights, with no attempt to download.

    Returns
    -------
    Backbone
        ``model``, from (n, height, width, 3) images, 0 to 255, to the last feature maps; ``label``, its name in words;
        ``weights``, where they came from; ``pretrained``, false for random ones.

    Raises
    ------
    ValueError
        If a name is not known, or a file of the folder does not hold the network's weights.
    FileNotFoundError
        If the folder does not exist.

    Examples
    --------
    >>> vgg16 = backbone("vgg16", size=(32, 32), weights="random")
    >>> vgg16.label, vgg16.pretrained, vgg16.model.output.shape
    ('VGG16', False, (None, 1, 1, 512))
    """
    if unknown := [name for name in names if name not in BACKBONES]:
        raise ValueError(f"network {unknown[0]!r} is not known; choose one of {', '.join(BACKBONES)}")
    weights = weights or os.environ.get("SKIN_WEIGHTS")
    if weights and str(weights) != "random":
        folder = Path(weights).expanduser()
        if not folder.is_dir():
            raise FileNotFoundError(f"SKIN_WEIGHTS names {folder}, which is no folder; name the one with the weights")
        for name in names:
            if saved := _from_folder(folder, name, size):
                return saved
        _report_no_match(folder, names)
    names = [name for name in names if BACKBONES[name][1]]
    if not names:
        raise ValueError(f"this is a saved network: SKIN_WEIGHTS, {weights}, names no folder with its .keras file")
    for name in names if str(weights) != "random" else ():
        if name not in UNREACHED and (downloaded := _downloaded(name, size)):
            return downloaded
    label, build, _ = BACKBONES[names[0]]
    return Backbone(build(size, None), label, "RANDOM: no ImageNet weights could be had", pretrained=False)


def _from_folder(folder, name, size):
    label, build, blue_first = BACKBONES[name]
    saved, weights = (sorted(path for end in ends for path in folder.glob(f"{name}{end}")) for ends in ENDINGS)
    for path in saved:
        return Backbone(_resized(keras.saving.load_model(path), size), label, f"ImageNet, from {path.name}", True)
    for path in weights if build else ():
        try:
            model = build(size, str(path))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path} does not hold the weights of {label} without its top: {error}") from error
        return Backbone(_red_first(model, blue_first), label, f"ImageNet, from {path.name}", True)
    return None


def _report_no_match(folder, names):
    """Say, once a process, that a folder lacks the weights that it was named for."""
    if (folder, names) not in REPORTED:
        REPORTED.add((folder, names))
        endings = [ending for kinds in ENDINGS for ending in kinds]
        looked_for = ", ".join(f"{name}{ending}" for name in names for ending in endings)
        print(f"SKIN_WEIGHTS: {folder} holds no weights of {' or '.join(names)}; looked for {looked_for}.")


def _downloaded(name, size):
    label, build, blue_first = BACKBONES[name]
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(PATIENCE)
    try:
        return Backbone(_red_first(build(size, "imagenet"), blue_first), label, "ImageNet, keras.applications", True)
    except Exception as error:  # get_file raises a bare Exception where there is no network
        build(size, None)  # an image size that the network cannot take is told here, and is no matter of the download
        reason = str(error).rsplit(" -- ")[-1]  # without the address, which Keras has just printed
        print(f"{label}: its ImageNet weights could not be downloaded ({reason}).\nRestart the notebook to try again.")
        UNREACHED.add(name)
        return None
    finally:
        socket.setdefaulttimeout(before)


def _centred(size):
    inputs = keras.Input((*size, 3), name="image")
    return layers.Rescaling(1.0, offset=[-mean for mean in IMAGENET_MEAN], name="centre")(inputs)


def _red_first(model, layer):
    """Turn the kernel that reads blue, green, red into one that reads red, green, blue: the same numbers come out."""
    if layer:
        layer = model.get_layer(layer)
        kernel, *bias = layer.get_weights()
        layer.set_weights([kernel[:, :, ::-1], *bias])
    return model


def _resized(model, size):
    """Return a saved network for images of one size, computing in the precision that is now set."""
    policy = keras.config.dtype_policy().name
    config = model.get_config()
    for layer in config["layers"]:
        layer["config"]["dtype"] = policy
        if layer["class_name"] == "InputLayer":
            layer["config"] |= {"batch_shape": (None, *size, 3), "dtype": "float32"}
    copy = keras.Model.from_config(config)
    copy.set_weights(model.get_weights())
    return copy


def boundary(model, share=FROZEN_SHARE):
    """Return the name of the layer after which to cut: more than ``share`` of the convolutions lie before it.

    It is the first such place where a single tensor carries all that the rest of the network needs, and after the
    activation and pooling that belong to it.

    Source: Garg, Maheshwari, Shukla, arXiv:1912.03798, who froze "more than 70 %" of VGG16's layers.

    Examples
    --------
    >>> boundary(backbone("vgg16", size=(32, 32), weights="random").model)
    'block4_pool'
    """
    order = {layer.name: place for place, layer in enumerate(model.layers)}
    consumers = [
        [order[node.operation.name] for node in layer._outbound_nodes if node.operation.name in order]
        for layer in model.layers
    ]
    total = sum(_is_convolution(layer) for layer in model.layers)
    reach = before = 0
    cut_after = None
    for place, layer in enumerate(model.layers):
        if cut_after and layer.weights:
            break
        before += _is_convolution(layer)
        # A cut: nothing that was made before this layer is read after it.
        if reach <= place and before > share * total:
            cut_after = layer.name
        reach = max([reach, *consumers[place]])
    return cut_after


def cut(model, name):
    """Return the network up to and including the layer ``name``, and the rest: ``rest(frozen(x)) == model(x)``.

    Both share their layers, and so their weights, with ``model``; ``rest`` is None after the last layer.

    Examples
    --------
    >>> whole = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3, name="a"), layers.Conv2D(5, 3, name="b")])
    >>> frozen, rest = cut(whole, "a")
    >>> frozen.output.shape, rest.output.shape
    ((None, 6, 6, 4), (None, 4, 4, 5))
    """
    layer = model.get_layer(name)
    frozen = keras.Model(model.inputs[0], layer.output, name="frozen")
    return frozen, None if layer is model.layers[-1] else keras.Model(layer.output, model.outputs[0], name="tail")


def classifier(base, *, units=256, dropout=0.5):
    """Return ``base`` with a head: global average, normalisation, a dense layer, dropout, seven softmax outputs.

    The batch normalisations of ``base`` stay as ImageNet left them: frozen, in inference mode.

    Parameters
    ----------
    base : keras.Model, or tuple of int
        What gives feature maps, or the shape of feature vectors that were computed before.
    units : int
        Of the dense layer.
    dropout : float
        Share of the inputs of the last layer that a training step leaves out.

    Examples
    --------
    >>> head = classifier((512,))  # on feature vectors
    >>> head.input.shape, head.output.shape
    ((None, 512), (None, 7))
    """
    if isinstance(base, keras.Model):
        for layer in base.layers:
            if isinstance(layer, layers.BatchNormalization):
                layer.trainable = False
        inputs, x = base.inputs[0], layers.GlobalAveragePooling2D(name="global_pool")(base.outputs[0])
    else:
        inputs = x = keras.Input(base, name="features")
    # Networks differ in how large their features are: the head sees them all at one scale.
    x = layers.BatchNormalization(momentum=0.9, name="head_norm")(x)
    x = layers.Dense(units, activation="relu", name="head_dense")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, _classes(x), name="classifier")


def counts(model):
    """Return how many layers of each kind a network has, as a Counter of class names."""
    return Counter(layer.__class__.__name__ for layer in model.layers)


def _classes(x):
    # The softmax is computed in float32 whatever the precision: in float16 small probabilities would become 0.
    return layers.Dense(len(CLASSES), activation="softmax", dtype="float32", name="classes")(x)


def _is_convolution(layer):
    return isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D)

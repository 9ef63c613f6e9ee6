# %% [markdown]
# # Transfer: ResNet
#
# *Take a network that works and put thirty layers more into it. They need not do anything: if they hand on what they
# get, the network is as good as before. So it cannot get worse. Yet it does, even on the images that it is trained on.
# How can fifty layers be trained at all?*
#
# At the end of this chapter you can
#
# - show that a stack of layers can be so deep that it hardly trains, and that one addition in each block mends it;
# - build a residual block, and say why it has a narrow waist;
# - find the places where a network with shortcuts may be cut;
# - name the trap that batch normalisation sets to those who freeze only the convolutions, and step around it;
# - compare VGG16 and ResNet on the same lesions, and say how much of a network is worth retraining.
#
# | | minutes |
# |---|---:|
# | to read | 35 |
# | to run, on a laptop without a GPU | 2 |
# | to do the three exercises | 45 |
#
# You need {{chapter:transfer-vgg16}} for backbones, cuts, heads and the two readings of one training. New words are in
# the [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %% tags=["remove-output"]
#| fold: Set-up
import re
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from IPython.display import Markdown, display
from keras import layers

from helpers import checks, data, networks, plots, records, splits, start
from helpers.ham10000 import CLASSES

networks.use_precision()

# %%
config, ham = start("transfer-resnet")
keras.utils.set_random_seed(config.seed)

# %% [markdown]
# ## Deeper, and worse
#
# Three networks on tiny images. The first has one block of two convolutions, the second sixteen such blocks one after
# the other. The third has sixteen as well, and one thing more: each block *adds* its answer to what it was given.
#
# Before you run it: on the images they are trained on, which of the three has the lowest loss in the end, and which the
# highest?

# %%
SMALL = (12, 16)
split = splits.grouped(ham.table, fold=0, seed=config.seed)
codes = pd.Categorical(ham.table["dx"], categories=list(CLASSES)).codes.astype("int64")
few = np.random.default_rng(config.seed).choice(split.train, 200, replace=False)
tiny = data.load_pixels(ham, config, size=SMALL)[few].astype("float32")


def stack(blocks, shortcuts, width=16):
    keras.utils.set_random_seed(config.seed)
    inputs = keras.Input((*SMALL, 3))
    x = layers.Rescaling(1 / 64, offset=-2.5)(inputs)
    x = layers.Conv2D(width, 3, padding="same", name="first")(x)
    for number in range(1, blocks + 1):
        y = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        y = layers.Conv2D(width, 3, padding="same", name="last" if number == blocks else None)(y)
        x = layers.ReLU()(layers.Add()([x, y]) if shortcuts else y)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(len(CLASSES), activation="softmax", dtype="float32", name="classes")(x))


# %%
STACKS = {"one block": (1, False), "sixteen blocks": (16, False), "sixteen blocks, shortcuts": (16, True)}
_ = networks.use_precision("float32")  # in half precision a gradient can be too small to be told from zero
losses, arriving = {}, {}
for name, (blocks, shortcuts) in STACKS.items():
    network = stack(blocks, shortcuts)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(codes[few][:64], network(tiny[:64])))
    asked = [network.get_layer(layer) for layer in ("first", "last", "classes")]
    gradients = tape.gradient(loss, [asked[0].kernel, asked[1].kernel, asked[2].bias])
    arriving[name] = [float(tf.norm(gradient)) for gradient in gradients]
    network.compile(keras.optimizers.Adam(5e-4), "sparse_categorical_crossentropy", jit_compile=False)
    losses[name] = network.fit(tiny, codes[few], batch_size=25, epochs=6, verbose=0).history["loss"]
_ = networks.use_precision()

# %%
#| fold: Draw this figure
#| name: resnet-stacks
#| caption: Left, the training loss of the three networks over six epochs; dashed, the loss of a model that answers the
#|   shares of the classes to every image. Right, on a logarithmic scale, the size of a gradient before training (its norm,
#|   the root of the sum of its squares): filled dots, of the first convolution; rings, of the last.
#| alt: Two panels. Left, three falling curves; the one of sixteen blocks without shortcuts ends highest, about at the
#|   dashed line, the one with shortcuts lowest, below it. Right, a dot and a ring a network; for sixteen blocks without
#|   shortcuts both lie several powers of ten to the left.
SHADES = dict(zip(STACKS, ("#9A9A9A", "#D55E00", "#0072B2")))
fig, (left, right) = plots.figure(2.8, 1, 2)
for name, loss in losses.items():
    left.plot(range(1, len(loss) + 1), loss, color=SHADES[name], label=name)
shares = np.bincount(codes[few]) / len(few)
blind = -np.sum(shares * np.log(np.maximum(shares, 1e-9)))
left.axhline(blind, color="#1A1A1A", linestyle="--", linewidth=1)
left.set(xlabel="epoch", title="training loss", ylim=(0.6, 2.8))
left.legend()
for name, (first, last, _) in arriving.items():
    right.plot(first, name, "o", color=SHADES[name])
    right.plot(last, name, "o", color=SHADES[name], markersize=11, fillstyle="none")
right.set(xscale="log", title="gradient")
right.grid(axis="x")
right.margins(y=0.25)
right.invert_yaxis()
plots.show(fig)
for name in STACKS:
    print(f"{name:<25} last training loss {losses[name][-1]:.3f}; gradient of the")
    print("   first convolution {:.0e}, last {:.0e}, seven biases at the end {:.0e}".format(*arriving[name]))
print(f"the shares of the classes, answered to every image: loss {blind:.3f}")

# %% [markdown]
# Look at the right ends of the curves. Of the three the deep network without shortcuts has the highest loss, *on its
# own training images*; so this is not **overfitting**, learning the training images by heart. On the way it may lie
# below the shallow one for a while, but in these epochs it does not get past the dashed line, below which a network
# must have learned something about the images. (The shallow one ends close to it.) With shortcuts the same sixteen
# blocks have the lowest loss. The right panel suggests why. A gradient is passed back layer by layer, and each layer
# multiplies it: many factors below one leave nearly nothing for the first layers. The answers fade on their way
# forward, too, as in {{chapter:cnn-from-scratch}}; so the last convolution has nearly nothing to work on, and is told
# as little. What can still learn is the biases at the end, seven numbers that know how common each diagnosis is, and no
# image. Where a block adds, answers and gradient have a way around it. (How far below one a factor is depends on the
# random start, too: Keras's usual one was not made for ReLU, as Chapter {{number:cnn-from-scratch}} says, and with a
# larger one a gradient fades less. And these are few steps from one start.)
#
# Batch normalisation, which you met in Chapter {{number:cnn-from-scratch}}, keeps gradients from fading, and is not in
# these stacks. It is no full answer: He and colleagues found that a plain network of more layers stays behind one of
# fewer even with it, for a reason that they left open. Shortcuts helped there, too. They named such networks **residual
# networks**, and trained some of more than a hundred layers on ImageNet: a block has to learn only what is to be
# *added* to its input ([He et al. 2016](https://doi.org/10.1109/CVPR.2016.90)). A **shortcut** that hands on what it
# gets costs no weight.
#
# ### Exercise: a block
#
# Write `block(x, change, project)`. `change` and `project` are functions on arrays. Return what a residual block of He
# et al. answers: `change(x)` plus the shortcut, and then ReLU. The shortcut is `x` itself, unless the shape of
# `change(x)` is another one: then it is `project(x)`.

# %% tags=["stub"]
def block(x, change, project):
    ...


# %% tags=["nbval-check-output"]
checks.check("residual-block", block, ham)

# %% tags=["solution"]
def block(x, change, project):
    y = change(x)
    shortcut = x if y.shape == x.shape else project(x)
    return np.maximum(y + shortcut, 0)


checks.check("residual-block", block, ham)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: it is not overfitting</p>
# <p><b>The point.</b> The deep stack does worst on its own training images. More data or dropout would not help.</p>
# <p><b>Expect.</b> "Deeper networks overfit." Point at the axis: it is the training loss.</p>
# <p><b>Ask.</b> "What would the extra blocks have to do for the network to be as good as the shallow one?" (Nothing. And
# doing nothing is hard to learn without a shortcut.)</p>
# <p><b>When late.</b> Show the figure, skip the exercise.</p>
# </div>

# %% [markdown]
# ## The narrow waist
#
# A block of ResNet50 has three convolutions. The first makes the many channels few, the second looks at three by three
# places, the third makes them many again. Count what the waist saves.

# %% tags=["nbval-check-output"]
def convolved(x, channels, kernel):
    x = layers.Conv2D(channels, kernel, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


def bottleneck(x, waist):
    y = layers.ReLU()(convolved(x, waist, 1))
    y = layers.ReLU()(convolved(y, waist, 3))
    y = convolved(y, x.shape[-1], 1)
    return layers.ReLU()(layers.Add()([x, y]))


given = keras.Input((14, 14, 256))
narrow = keras.Model(given, bottleneck(given, 64))
wide = keras.Model(given, layers.Add()([given, convolved(layers.ReLU()(convolved(given, 256, 3)), 256, 3)]))
for name, one in {"three convolutions with a waist of 64": narrow, "two of three by three, 256 channels": wide}.items():
    kernels = sum(layer.count_params() for layer in one.layers if isinstance(layer, layers.Conv2D))
    print(f"{name:<38} {kernels:>9,} weights")

# %% [markdown]
# With the waist a block has one weight where the other has seventeen. So more blocks can be had for the same work.
#
# ## The backbone
#
# The paper says ResNet, not which one ([Garg et al. 2019](https://arxiv.org/abs/1912.03798)). This course takes
# ResNet50 where its weights can be had. The records below were made with another residual network: the first three
# stages of ResNet50V2, whose blocks normalise first and add last. A **stage** is the run of blocks that share one size
# of feature maps; the last of four is left out, so that network is smaller than a whole ResNet50. Where no weights can
# be had, this page runs ResNet50 with random ones: that shows the code, and says nothing about lesions. The box says
# which it is.

# %%
found = networks.backbone(
    "resnet50", "resnet50v2_imagenet_stage3", size=config.sizes.image
)
resnet = found.model
records.weights_notice(found)

# %% [markdown]
# Where may you cut it? In VGG16 each layer reads the one before it, so you may cut anywhere. With shortcuts you may
# not: inside a block, two arrays of answers (**tensors**) are on their way, the shortcut's and the block's. A cut there
# would need both. Whole blocks stay whole.
#
# ### Exercise: where may I cut?
#
# Write `cuts(network)`. `network` is a list of pairs in the order of computing, each a layer's name and the list of
# names of the layers it reads, such as `[("image", []), ("conv", ["image"]), ("add", ["image", "conv"]), ("out",
# ["add"])]`. Return the names after which you may cut, in the order of computing: no later layer reads anything that
# was made before that layer. The input counts, the last layer is no place for a cut; so here the answer is `["image",
# "add"]`.

# %% tags=["stub"]
def cuts(network):
    ...


# %% tags=["nbval-check-output"]
checks.check("cut-points", cuts, ham)

# %% tags=["solution"]
def cuts(network):
    place = {name: k for k, (name, _) in enumerate(network)}
    found = []
    for k, (name, _) in enumerate(network[:-1]):
        if all(place[read] >= k for _, reads in network[k + 1 :] for read in reads):
            found.append(name)
    return found


checks.check("cut-points", cuts, ham)

# %%
#| fold: Draw this figure
#| name: resnet-frozen
#| caption: The network block by block, cut so that more than 70 % of its convolutions are frozen, the rule that the paper
#|   has for VGG16's layers (Garg et al. 2019). The dot is the number of weights, on a logarithmic scale; conv2 to conv5 are
#|   the four stages of a ResNet50, "other layers" is its first convolution. With ImageNet's weights the frozen blocks keep
#|   what they learned there; the tail is retrained.
#| alt: Dots, one a block, from the image downwards. Most are frozen; the last few, retrained, are among those farthest
#|   to the right.
boundary = networks.boundary(resnet)
frozen, tail = networks.cut(resnet, boundary)
block_of = {layer.name: re.match(r".*?block\d+", layer.name) for layer in resnet.layers}
parts = [(block_of[layer.name][0] if block_of[layer.name] else "other layers", layer, state)
         for state, part in (("frozen", frozen), ("retrained", tail)) for layer in part.layers if layer.count_params()]
table = pd.DataFrame([(name, layer.count_params(), state) for name, layer, state in parts],
                     columns=["block", "weights", "state"])
table = table.groupby(["block", "state"], sort=False)["weights"].sum().reset_index("state")
fig, axis = plots.figure(1.2 + 0.2 * len(table))
plots.layers(axis, table, {"frozen": "#9A9A9A", "retrained": "#0072B2"})
plots.show(fig)
convolutions = {part.name: sum(isinstance(layer, layers.Conv2D) for layer in part.layers) for part in (frozen, tail)}
print(f"{found.label}: cut after {boundary}; of {sum(convolutions.values())} convolutions "
      f"{convolutions['frozen'] / sum(convolutions.values()):.0%} are frozen")

# %% [markdown]
# ## The trap of batch normalisation
#
# **Batch normalisation** subtracts a mean and divides by a spread, channel by channel ([Ioffe and Szegedy
# 2015](https://arxiv.org/abs/1502.03167)). Which mean? In training that of the batch at hand; in use a running average,
# kept from training. So the layer has two modes, and in training mode the answer to your image depends on which other
# images happen to be in its batch.
#
# Send one image through in two different batches, in both modes. Then send batches through in training mode, with no
# loss and no optimizer, and look at the answer again.

# %% tags=["nbval-check-output"]
trial = keras.models.clone_model(frozen)
trial.set_weights(frozen.get_weights())
pixels = data.load_pixels(ham, config)
batch = pixels[:16].astype("float32")


def answer(others, mode):
    """What the frozen part says of the first image, in one batch with others."""
    return np.asarray(trial(batch[[0, *others]], training=mode), "float32")[0]


def moved(one, other):
    return np.abs(one - other).mean() / np.abs(other).mean()


before = answer(range(1, 8), False)
in_use = moved(answer(range(8, 15), False), before)
in_training = moved(answer(range(8, 15), True), answer(range(1, 8), True))
before = answer(range(1, 8), False)  # once more: those two have moved the averages already
for _ in range(5):
    trial(batch, training=True)  # no loss, no gradient, no optimizer
after = moved(answer(range(1, 8), False), before)
print("in use, the rest of the batch matters:", in_use > 0.01)
print("in training mode, the rest of the batch matters:", in_training > 0.01)
print("five batches later, in use, it says something else:", after > 0.01)

# %%
print(f"in another batch the answer moves by {in_use:.1%} in use, by {in_training:.0%} in training mode")
print(f"after five batches in training mode, and no step of training, it has moved by {after:.0%}")

# %% [markdown]
# That is the trap. Weights are frozen, no gradient flows, and the features drift all the same, because the running
# averages follow the new images. (With random weights, if the box says so, they drift from where they start, zero and
# one; with ImageNet's it is from what they were there, and the number is another.) A tail that learned on yesterday's
# features gets others today. And small batches make noisy means.
#
# Keras has a rule for it: a batch normalisation with `trainable = False` is always in use mode. In this course the
# frozen part as a whole is set so, and `networks.classifier`, which puts a head on the tail, sets it in the tail, whose
# other weights do learn.

# %% tags=["nbval-check-output"]
for layer in trial.layers:
    if isinstance(layer, layers.BatchNormalization):
        layer.trainable = False
before = answer(range(1, 8), True)
for _ in range(5):
    trial(batch, training=True)
print("with the rule, the rest of the batch matters:", moved(answer(range(8, 15), True), before) > 0.01)
network = networks.classifier(tail)
norms = [layer for layer in tail.layers if isinstance(layer, layers.BatchNormalization)]
print("a normalisation of the classifier's backbone still learns:", any(layer.trainable for layer in norms))

# %% [markdown]
# ### Exercise: fold it in
#
# In use mode a batch normalisation multiplies each channel by a number and adds another. A convolution can do that
# itself: multiply the weights of a filter by a number, and its answers are multiplied by it; give it a bias, and that
# is added. So a convolution and a normalisation that follows it can be one. (In ResNet50 every normalisation follows
# its convolution; Keras gives those convolutions biases besides, and then `mean - bias` stands in place of `mean`. In
# ResNet50V2, of which the records are, two of a block's three do; the first comes after an addition and before a ReLU,
# and cannot be folded so.) Write `folded(kernel, gamma, beta, mean, variance, epsilon)`: `kernel` is that of a
# convolution without bias, `(height, width, channels, filters)`; the next four are `(filters,)`, and the normalisation
# answers `gamma * (x - mean) / sqrt(variance + epsilon) + beta`; `epsilon`, a small number, keeps the root from zero.
# Return the kernel and the bias of the one convolution that does both.

# %% tags=["stub"]
def folded(kernel, gamma, beta, mean, variance, epsilon):
    ...


# %% tags=["nbval-check-output"]
checks.check("fold-normalisation", folded, ham)

# %% tags=["solution"]
def folded(kernel, gamma, beta, mean, variance, epsilon):
    scale = gamma / np.sqrt(variance + epsilon)
    return kernel * scale, beta - mean * scale


checks.check("fold-normalisation", folded, ham)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: frozen is not still</p>
# <p><b>The point.</b> Freezing weights does not freeze running averages. No error tells you.</p>
# <p><b>Expect.</b> "No gradient, so nothing changes." The printed drift says otherwise.</p>
# <p><b>Ask.</b> "Why did VGG16 not have this trap?" (It has no batch normalisation.)</p>
# <p><b>When late.</b> The exercise <i>fold it in</i> is for home.</p>
# </div>

# %% [markdown]
# ## VGG16 or ResNet?
#
# Now the records, made on all images. Write down a guess first: which of the two makes the better frozen features? And
# does it pay to retrain one block, more of them, or all?

# %%
#| fold: Draw this figure
#| name: resnet-records
#| caption: Residual networks and VGG16 on the real HAM10000 (Tschandl et al. 2018), each as trained and with evened
#|   priors. `frozen`: only a new head is trained, on one plain view. `last`: the last block, too. `tuned`: the last blocks
#|   (of VGG16 the last one), too, on four views of each image. `whole`: all blocks, on new versions of the images in each
#|   epoch. Dot and line, value and 95 %
#|   interval over lesions; black tick, the floor of that test set; colour, the protocol. Compare rows of one colour and the
#|   same folds: under grouped the frozen networks were tested on all five, the others on the first alone.
#| alt: Two panels, accuracy on the left, balanced accuracy on the right, one row a record. Each row has a dot with a
#|   line and a black tick. In balanced accuracy all dots are right of their ticks.
SHOWN = [run for run in records.load_runs() if run.name.startswith(("resnet-", "vgg16-")) and run.comparable]
SHOWN = [run for run in SHOWN if run.ranked and run.facts.get("chosen_on") != "test" and not run.name.startswith("vgg16-frozen-image")]
SHOWN.sort(key=lambda run: (run.facts["protocol"], run.name))
TINTS = {"grouped": "#0072B2", "image8020": "#E69F00", "holdout938": "#009E73"}
fig, axes = plots.figure(1 + 0.33 * len(SHOWN), 1, 2)
for axis, metric in zip(axes, ("accuracy", "balanced_accuracy")):
    scored = pd.DataFrame({run.name: run.metric(metric)[["value", "low", "high", "floor"]] for run in SHOWN}).T
    colours = {run.name: TINTS[run.facts["protocol"]] for run in SHOWN}
    plots.intervals(axis, scored.astype(float), colours, above=True)
    axis.set_title(metric.replace("_", " "))
plots.show(fig)
for run in SHOWN:
    cut = run.facts["hyperparameters"]["recipe"].get("cut", "nothing: none is frozen")
    print(f"{run.name}: {run.origin}; folds {run.facts['folds']}", f"{run.facts['model']}; frozen up to {cut}",
          *run.marks, sep="\n   ")
KINDS = ("resnet-frozen", "resnet-last", "resnet-tuned", "resnet-whole")
for kind in KINDS:
    for protocol in TINTS:
        if not any(run.name.startswith(f"{kind}-{protocol}") for run in SHOWN):
            print(f"{kind} under {protocol}: not measured yet")

# %% [markdown]
# Intervals that overlap do not say that two networks are alike: both were asked about the same lesions, and what makes
# a lesion hard is hard for both. So take the difference lesion by lesion, where both have answered. Some records have
# one fold, others five; below, a pair is compared on the folds that both have.

# %%
PAIRS = [
    ("resnet-frozen-grouped", "vgg16-frozen-grouped"),
    ("resnet-frozen-holdout938", "vgg16-frozen-holdout938"),
    ("resnet-last-grouped", "resnet-frozen-grouped"),
    ("resnet-last-holdout938", "resnet-frozen-holdout938"),
    ("resnet-last-image8020", "resnet-frozen-image8020"),
    ("resnet-tuned-grouped", "resnet-frozen-grouped"),
    ("resnet-tuned-holdout938", "resnet-frozen-holdout938"),
    ("resnet-tuned-grouped", "resnet-last-grouped"),
    ("resnet-tuned-holdout938", "resnet-last-holdout938"),
    ("resnet-whole-holdout938", "resnet-frozen-holdout938"),
    ("resnet-whole-holdout938", "resnet-tuned-holdout938"),
    ("vgg16-tuned-holdout938", "resnet-frozen-holdout938"),
    ("resnet-tuned-holdout938", "vgg16-tuned-holdout938"),
    ("vgg16-tuned-grouped", "resnet-frozen-grouped"),
    ("resnet-tuned-grouped", "vgg16-tuned-grouped"),
]
book = {run.name: run for run in SHOWN if run.origin == "the book"}
gains = {}
for pair in PAIRS:
    for reading in ("", "-evened"):
        one, other = (book.get(f"{name}-200x150{reading}") for name in pair)
        if one and other:
            gains[pair[0], pair[1], reading] = records.compare(other, one).set_index(["metric", "dx"])
for (name, other, reading), gain in gains.items():
    print(f"{name} minus {other}{', priors evened' if reading else ''}")
    for metric in ("accuracy", "balanced_accuracy"):
        row = gain.loc[(metric, "all")]
        print(f"   {metric.replace('_', ' '):<18}{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]")

# %%
lowest = {}
for kind in KINDS:
    told = [run for run in book.values() if run.name.startswith(kind) and "evened" not in run.name]
    print(f"{kind}, epoch of the lowest validation loss, of at most",
          max(run.facts["hyperparameters"]["epochs_at_most"] for run in told))
    print("  ", "; ".join(f"{run.facts['protocol']} {run.facts['hyperparameters']['best_epoch']}" for run in told))
    asked = next(run.validation for run in told if run.facts["protocol"] == "holdout938")
    given = asked[list(CLASSES)].to_numpy()[np.arange(len(asked)), [CLASSES.index(dx) for dx in asked["true"]]]
    lowest[kind] = -np.log(given.clip(1e-5)).mean()  # records keep five digits
print("loss of the answers to validation images, holdout938:")
print("  ", ", ".join(f"{kind} {loss:.3f}" for kind, loss in lowest.items()))

# %% [markdown]
# Read it from the top. Frozen, the residual network's features are better than VGG16's, under the two protocols
# compared here, in both measures and both readings, and all eight intervals leave out zero; on the 938 that of the
# balanced accuracy ends close to it. Retraining the last block alone, on the images as they are, buys nothing that can
# be told from none under any of three protocols, the leaky one included. It costs: as trained, on the 938 the accuracy
# is lower, under the naive split the balanced accuracy, and those intervals lie below zero; with evened priors the
# accuracy is lower on the 938, more clearly, and under grouped. (As trained, so nearly does that of the accuracy under
# the naive split; but the ends of an interval are drawn, too, and this one lies so close to zero that other random
# draws may put it on either side.) After one to three epochs the validation loss rises again. (The two recipes differ
# in learning rate, batch size and the time that the head had alone, and the networks with one block retrained were
# computed with more digits; so not all of it need be the block.) Retraining more blocks, on several changed views of
# each image, and asking about several views, pays in balanced accuracy, as trained, under both protocols that it was
# measured under; in accuracy it pays where it is asked about many lesions, and on the paper's small and easy test set
# nothing of that can be seen. Against `last`, too, it is ahead in balanced accuracy. More blocks, changed views, a mean
# of several answers, fewer digits: the two recipes, `tuned` and `last`, differ in all of these, and these records
# cannot say which of them it was. (In Chapter {{number:transfer-vgg16}} one block was retrained on several views, and
# it paid. That decides nothing: VGG16's last block is nearly a quarter of its convolutions. Of the six blocks of the
# residual network's third stage, `tuned` retrains four, and `last` one.)
#
# And all of it, retrained whole? In each epoch it saw new versions of the images, and of these networks it has the
# lowest loss on the validation lesions of that protocol; by them its epoch was chosen, too, as for the others, and from
# the one with its last blocks retrained it lies not far. On the 938 no lead can be seen: in both readings and
# both measures it can be told neither from the frozen network nor from the one with its last blocks retrained. It had
# ten epochs, and was asked about one view of a test image. Whether it is ahead where many lesions are tested, nobody
# has measured for this book.
#
# VGG16 or ResNet, then? Frozen, the ResNet. With blocks retrained, the answer differs between the two test sets. On the
# paper's the two cannot be told apart: the retrained VGG16 neither from the frozen ResNet nor from the retrained one.
# On the lesions of grouped fold 0, more of them, with a smaller share of nevi, the retrained ResNet is ahead of the
# retrained VGG16 in balanced accuracy, in both readings; in accuracy the intervals reach zero or end there, so chance
# may have made its lead. A small test set that is mostly nevi can hide such a difference; that it does so here is a
# guess.
#
# An interval covers the draw of the lesions. It does not cover the **seed**: trained again, a network comes out a little
# different. Some of these networks were trained again on grouped fold 0, with nothing changed but the seed.

# %%
#| fold: Compare two seeds
sentences = []
for run in records.load_runs():
    if run.name.startswith("resnet-") and "-seed" in run.name and "evened" not in run.name and run.comparable:
        first = book[run.name.partition("-seed")[0]]
        answers = pd.Series(first.answers, first.predictions["image_id"])[run.predictions["image_id"]].to_numpy()
        changed = (answers != run.answers).sum()
        rows = records.compare(first, run).set_index(["metric", "dx"]).xs("all", level="dx")
        moved = ", ".join(
            "{} {:+.1f} points [{:+.1f}, {:+.1f}]".format(
                metric.replace("_", " "), *(100 * rows.loc[metric, ["difference", "low", "high"]]))
            for metric in ("accuracy", "balanced_accuracy"))
        sentences.append(f"- `{run.name}`: another answer to {changed} of {len(run.answers):,} test images; {moved}.")
display(Markdown("\n".join(sentences).replace(" -", " −").replace("[-", "[−")))

# %% [markdown]
# So a lead of a point between two networks that were trained once each may be the seed's.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: overlapping intervals</p>
# <p><b>The point.</b> Both networks met the same lesions, so the interval that decides is that of the difference.</p>
# <p><b>Expect.</b> "The bars overlap, so there is no difference", and just as often "this dot is further right, so it is
# better".</p>
# <p><b>Ask.</b> "Name a pair whose difference's interval leaves out zero, although the two bars overlap." (By accuracy, as
# trained: last and frozen on the 938.)</p>
# <p><b>When late.</b> Read the first pair and the last that are printed, and go on.</p>
# </div>

# %% [markdown]
# ## Our ResNet's confusion matrix
#
# The paper's best number is its ResNet's accuracy of 90.5 % ([Garg et al. 2019](https://arxiv.org/abs/1912.03798)), and
# a confusion matrix, a picture that is its Figure 3, is all that it shows besides. Here is ours, on the test set that
# {{chapter:split-without-leaking}} infers. It is the frozen one, whose accuracy on these images is the highest of our
# ResNets' by a hair; its epoch was chosen elsewhere.

# %%
#| fold: Draw this figure
#| name: resnet-confusion
#| caption: Confusion matrix of our ResNet with frozen weights on 938 test images, drawn as Chapter
#|   {{number:split-without-leaking}} infers for the paper. Rows are true, columns are answers; the shade is the share
#|   of the row.
#| alt: A table of counts with one row and one column a diagnosis. The cell of nevi that were called nevi is by far the
#|   largest; in the row of melanoma many stand in the column of nevi.
ours = book["resnet-frozen-holdout938-200x150"]
true, said = ours.predictions["true"], ours.answers
matrix = pd.crosstab(pd.Categorical(true, CLASSES), pd.Categorical(said, CLASSES), dropna=False)
fig, axis = plots.figure(2.9)
plots.heatmap(axis, matrix)
axis.set_ylabel("true")
plots.show(fig)
row = ours.metric("accuracy")
PAPER = 0.905
print(f"ours: {row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}], floor {row['floor']:.3f}; the paper's: {PAPER}")
print(f"the paper's number lies within our interval: {row['low'] <= PAPER <= row['high']}")
print(f"melanomas found: {matrix.loc['mel', 'mel']} of {matrix.loc['mel'].sum()}; "
      f"called a nevus: {matrix.loc['mel', 'nv']}; balanced accuracy {ours.metric('balanced_accuracy')['value']:.3f}")
melanomas = {}
for kind in KINDS[1:]:
    run = book[f"{kind}-holdout938-200x150"]
    melanomas[kind] = (run.answers[run.predictions["true"] == "mel"] == "mel").sum()
print("found by the others:", ", ".join(f"{kind} {count}" for kind, count in melanomas.items()))

# %% [markdown]
# Our network is a part of one, and saw small images. Its accuracy is close to the paper's, yet it finds too few of the
# melanomas, and the others find no more. The accuracy alone cannot show whether the paper's network does better there:
# [the appendix on the paper](../book/reproduction.md) counts how much it leaves open. Its Figure 3 may. This book
# repeats no numbers out of that picture; open [the paper](https://arxiv.org/abs/1912.03798), and hold it beside ours.
#
# ## A record of your own
#
# The same recipe as in Chapter {{number:transfer-vgg16}}, with a residual network: frozen blocks asked once, then a
# head, then head and tail. In the quick tier a rehearsal; on Colab, with the real data and `SKIN_TIER=full`, it is the
# whole ResNet50 on images of 224 pixels, which nobody has measured for this book yet. Yours fills the place, and the
# figure above shows it when you run it again.
#
# And what if no convolution is frozen? The recipe `resnet-whole` retrains them all, on new versions of the images in
# each epoch. (The batch normalisations stay in use mode, as above.) Then no frozen part can be asked once and for all,
# and each step costs the whole network. Under `grouped` we have no record of it; with a GPU you can fill that place,
# too.

# %% tags=["remove-output"]
kind = "resnet-tuned"  # or "resnet-whole"
recipe, views = networks.RECIPES[kind], config.sizes.repeats
if recipe.frozen == "boundary":
    recipe = replace(recipe, views=views, augmentation=recipe.augmentation if views > 1 else None)
mine = networks.train(recipe, ham, config, split)
name = "{kind}-grouped-{1}x{0}-{tier}".format(*config.sizes.image, kind=kind, tier=config.tier)
path = networks.save_record(name, [mine], ham, config, resamples=200, notes="Trained by the notebook transfer-resnet.")
print(records.load_run(path))

# %% tags=["assertion"]
last = {name: loss[-1] for name, loss in losses.items()}
assert last["sixteen blocks, shortcuts"] < last["one block"] < last["sixteen blocks"], "deep fails, with shortcuts it does not"
assert last["sixteen blocks, shortcuts"] < blind - 0.1 and last["sixteen blocks"] > blind - 0.03, "no further than the shares"
assert abs(last["one block"] - blind) < 0.1, "close to it"
fading = np.array(arriving["sixteen blocks"]) / np.array(arriving["sixteen blocks, shortcuts"])
assert max(fading[:2]) < 1e-3 and fading[2] > 0.3, "of both ends, not of the biases"
assert mine.facts["recipe"].get("cut", boundary) == boundary
assert min(lowest, key=lowest.get) == "resnet-whole" and len(lowest) == 4, "the lowest loss"
assert 0 < lowest["resnet-tuned"] - lowest["resnet-whole"] < 0.03, "not far"
for other, reading in (("frozen", ""), ("frozen", "-evened"), ("tuned", ""), ("tuned", "-evened")):
    gain = gains["resnet-whole-holdout938", f"resnet-{other}-holdout938", reading].xs("all", level="dx")
    assert all(gain.loc[m, "low"] < 0 < gain.loc[m, "high"] for m in ("accuracy", "balanced_accuracy")), "nothing seen"

# %% tags=["assertion"]
better = [gains[f"resnet-frozen-{protocol}", f"vgg16-frozen-{protocol}", reading]
          for protocol in ("grouped", "holdout938") for reading in ("", "-evened")]
assert all(gain.loc[(metric, "all"), "low"] > 0 for gain in better for metric in ("accuracy", "balanced_accuracy")), "all eight"
assert min(gain.loc[("balanced_accuracy", "all"), "low"] for gain in better[2:]) < 0.01, "close to it"
one_block = [gain for (name, _, reading), gain in gains.items() if name.startswith("resnet-last") and not reading]
assert len(one_block) == 3 and all(gain.loc[("accuracy", "all"), "low"] <= 0 for gain in one_block), "it buys nothing"
assert all(gain.loc[("balanced_accuracy", "all"), "low"] <= 0 for gain in one_block), "it buys nothing"
costs = {protocol: gains[f"resnet-last-{protocol}", f"resnet-frozen-{protocol}", ""] for protocol in ("holdout938", "image8020")}
assert costs["holdout938"].loc[("accuracy", "all"), "high"] < 0, "it costs"
assert abs(costs["image8020"].loc[("accuracy", "all"), "high"]) < 0.0025, "so close to zero"
assert costs["image8020"].loc[("balanced_accuracy", "all"), "high"] < 0, "it costs"
for protocol in ("holdout938", "grouped"):
    assert gains[f"resnet-last-{protocol}", f"resnet-frozen-{protocol}", "-evened"].loc[("accuracy", "all"), "high"] < 0
    for reading in ("", "-evened"):
        ahead = gains[f"resnet-tuned-{protocol}", f"resnet-last-{protocol}", reading]
        assert ahead.loc[("balanced_accuracy", "all"), "low"] > 0, "against last, too"

# %% tags=["assertion"]
for pair in (("vgg16-tuned", "resnet-frozen"), ("resnet-tuned", "vgg16-tuned")):
    for reading in ("", "-evened"):
        gain = gains[f"{pair[0]}-holdout938", f"{pair[1]}-holdout938", reading].xs("all", level="dx")
        assert all(gain.loc[m, "low"] <= 0 <= gain.loc[m, "high"] for m in ("accuracy", "balanced_accuracy")), pair
ahead = {reading: gains["resnet-tuned-grouped", "vgg16-tuned-grouped", reading].xs("all", level="dx") for reading in ("", "-evened")}
assert all(gain.loc["balanced_accuracy", "low"] > 0 for gain in ahead.values())
assert abs(ahead[""].loc["accuracy", "low"]) < 0.0025 and ahead["-evened"].loc["accuracy", "low"] < 0.0025, "close to zero"
low, high = (book[f"resnet-{kind}-holdout938-200x150"].metric("accuracy") for kind in ("last", "frozen"))
assert low["high"] > high["low"], "the instructor's pair overlaps"
early = {run.facts["hyperparameters"]["best_epoch"] for name, run in book.items() if name.startswith("resnet-last")}
assert (min(early), max(early)) == (1, 3), "after one to three epochs"
more = gains["resnet-tuned-grouped", "resnet-frozen-grouped", ""].xs("all", level="dx")
assert more.loc["balanced_accuracy", "low"] > 0 and more.loc["balanced_accuracy", "difference"] > more.loc["accuracy", "difference"]
small = gains["resnet-tuned-holdout938", "resnet-frozen-holdout938", ""].xs("all", level="dx")
assert small.loc["balanced_accuracy", "low"] > 0 > small.loc["accuracy", "low"], "on the small test set not in accuracy"
assert more.loc["accuracy", "low"] > 0 and small.loc["accuracy", "high"] > 0, "on many lesions in accuracy, too"
assert max(melanomas.values()) <= matrix.loc["mel", "mel"] < 0.6 * matrix.loc["mel"].sum() and row["low"] > row["floor"]
assert row["low"] <= PAPER <= row["high"], "close to the paper's"

# %% [markdown]
# ## Quiz

# %%
checks.quiz("transfer-resnet")

# %% [markdown]
# ## Key points
#
# - A deep stack without shortcuts can end worse than a shallow one, on its own training images. A shortcut gives the
#   gradient a way around each block.
# - Cut a network with shortcuts between blocks, never within.
# - Freezing the convolutions does not still a batch normalisation. `trainable = False` on the layer does.
# - Here a ResNet's frozen features beat VGG16's, and retraining paid where several blocks were retrained on several views
#   of each image.
# - Compare two models lesion by lesion, not by whether their intervals overlap.
#
# **What comes next.** You have trained one network of each kind that the paper trained. {{chapter:against-the-paper}}
# puts it all on one page, beside what is printed.
#
# Data: [Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161), CC BY-NC 4.0; more on the [data
# card](../book/data-card.md). Not a medical device.

# %% [markdown]
# # Transfer: VGG16
#
# *A network has learned to tell a thousand kinds of things apart: dogs, ships, teapots. It was never shown a lesion.
# You may not change one of its weights. What are its answers worth, and what is gained if its last layers may change?*
#
# At the end of this chapter you can
#
# - give a pretrained network the input that it was trained on, and notice when you did not;
# - look at what its first layer looks for, and at what its layers make of a lesion;
# - freeze more than 70 % of a network's layers, as the paper did ([Garg et al.
#   2019](https://arxiv.org/abs/1912.03798)), and say layer by layer what is frozen;
# - put a new head on it, train that first and then the last block, and say what the records show of that, and what they
#   cannot tell apart;
# - compute how much work frozen layers can save, before you save it;
# - read one training in two ways: for classes as common as in the data, and as if all were equally common.
#
# | | minutes |
# |---|---:|
# | to read | 35 |
# | to run, on a laptop without a GPU | 1 |
# | to do the three exercises | 40 |
#
# You need {{chapter:cnn-from-scratch}} for convolutions and training, and {{chapter:classical-baselines}} for the
# models to beat. New words are in the [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %% tags=["remove-output"]
#| fold: Set-up
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
from keras import layers
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# %% tags=["remove-output"]
#| fold: Set-up
from helpers import checks, data, evaluate, networks, plots, records, splits, start
from helpers.ham10000 import CLASSES, PUBLISHED_IMAGES

networks.use_precision()

# %%
config, ham = start("transfer-vgg16")
keras.utils.set_random_seed(config.seed)

# %% [markdown]
# ## A network that has seen other things
#
# **VGG16** is thirteen convolutions of three by three in five blocks, each block followed by a pool ([Simonyan and
# Zisserman 2015](https://arxiv.org/abs/1409.1556)). It was trained on **ImageNet**, over a million photographs of a
# thousand kinds of things ([Russakovsky et al. 2015](https://arxiv.org/abs/1409.0575)). Take it without its top, the
# dense layers that name those things. What is left is a **backbone**: it turns a photograph into **feature maps**. A
# feature map is what one kernel answers, place by place.
#
# Its weights are half a gigabyte with the top and a tenth of that without. They are downloaded once, or taken from the
# folder that `SKIN_WEIGHTS` names. The box says where they came from. Read it before you believe a number below.

# %%
found = networks.backbone("vgg16", size=config.sizes.image)
vgg = found.model
records.weights_notice(found)

# %% [markdown]
# ## What its first layer looks for
#
# The first convolution has kernels of three by three weights on three colours. Small enough to look at: draw each as a
# tiny coloured picture. A weight of zero is grey.

# %%
#| fold: Draw this figure
#| name: vgg16-kernels
#| caption: The kernels of VGG16's first convolution, three by three weights in three colours each, all on one scale.
#|   Grey is zero. They are edges, lines and colours.
#| alt: Four rows of sixteen small squares, each of three by three coloured fields.
if not found.pretrained:
    print("The weights from ImageNet are not at hand: no picture of kernels.")
kernels = vgg.get_layer("block1_conv1").get_weights()[0]
shades = np.clip(127 + 127 * kernels / np.percentile(np.abs(kernels), 99), 0, 255).astype(np.uint8)
tiles = [np.kron(shades[..., k], np.ones((8, 8, 1), np.uint8)) for k in range(shades.shape[-1])]
rows_of_kernels = [tiles[row : row + 16] for row in range(0, 64, 16)]
if found.pretrained:
    plots.show(plots.gallery(rows_of_kernels, ["1–16", "17–32", "33–48", "49–64"]))

# %% [markdown]
# With ImageNet's weights you see edges, lines and colours here: compare them with the three kernels that a person wrote
# in {{chapter:cnn-from-scratch}}. Nobody wrote these. Whoever sorts photographs, of teapots or of lesions, needs edges
# and colours first; that is why weights learned on one task are a start for another. This is **transfer learning**.

# %%
#| fold: Draw this figure
#| name: vgg16-maps
#| caption: One lesion, and the five feature maps that vary most over the picture, after the second, the third and the
#|   fourth block of VGG16; each on its own scale, from black, no answer, to white, its strongest. The deeper the block,
#|   the coarser the map.
#| alt: A row with a photograph or drawing of a lesion, and three rows of five grey maps that become coarser downwards.
lesion = ham.image(ham.table.loc[ham.table["dx"] == "mel", "image_id"].iloc[0])
watched = ["block2_pool", "block3_pool", "block4_pool"]
large = networks.backbone("vgg16", size=lesion.shape[:2]).model  # kernels fit an image of any size
watch = keras.Model(large.inputs, [large.get_layer(name).output for name in watched])
rows_of_maps = [[lesion, *[None] * 4]]
for answer in watch.predict(lesion[None].astype("float32"), verbose=0):
    answer = np.asarray(answer[0], "float32")
    liveliest = np.argsort(answer[1:-1, 1:-1].std(axis=(0, 1)))[-5:]  # the rim answers to the edge of the picture
    down, across = (np.arange(lesion.shape[k]) * answer.shape[k] // lesion.shape[k] for k in range(2))
    maps = [np.clip(answer[..., k] / max(answer[1:-1, 1:-1, k].max(), 1e-6), 0, 1) for k in liveliest]
    rows_of_maps.append([np.repeat((255 * one[down][:, across])[..., None], 3, axis=2).astype(np.uint8) for one in maps])
if found.pretrained:
    plots.show(plots.gallery(rows_of_maps, ["the lesion", *(name.replace("_pool", "") for name in watched)]), photo=True)

# %% [markdown]
# ## The trap at the door
#
# A pretrained network expects its input exactly as in training. VGG16's recipe is old: colours in the order **blue,
# green, red**, each minus its mean over ImageNet, and no division. Give it anything else, and no error is raised. It
# just sees other things.
#
# In this course the recipe is part of the network: `networks.backbone` takes red, green, blue from 0 to 255, subtracts
# the mean, and has the colours in its first layer's kernels put into that order. Below, the network as Keras has it, and
# three ways to feed it.

# %% tags=["nbval-check-output"]
weights = vgg.get_weights()
weights[0] = weights[0][:, :, ::-1]  # back to blue, green, red
plain = keras.applications.VGG16(include_top=False, weights=None, input_shape=(*config.sizes.image, 3))
plain.set_weights(weights)

pixels = data.load_pixels(ham, config)
few = pixels[:8].astype("float32")
right = vgg.predict(few, verbose=0)
FED = {
    "blue, green, red, minus the mean": keras.applications.vgg16.preprocess_input(few.copy()),
    "red, green, blue, from 0 to 255": few,
    "red, green, blue, from 0 to 1": few / 255,
}
for name, fed in FED.items():
    given = np.asarray(plain(fed))
    same = np.allclose(given, right, rtol=1e-2, atol=1e-2 * np.abs(right).max())
    print(f"{name:<34} the same features as networks.backbone: {same}")

# %% [markdown]
# Only the first agrees. The other two run without a word, and every number after them is another one. When a pretrained
# network disappoints, look at its input first.
#
# ### Exercise: dress the image
#
# Write `prepared(image)`. It takes one image, red, green, blue, 0 to 255, `(height, width, 3)` uint8, and returns what
# VGG16 expects as float32: blue, green, red, each minus ImageNet's mean. The means, in the order red, green, blue, are
# in `networks.IMAGENET_MEAN`. Do not change the image that you are given.

# %% tags=["stub"]
def prepared(image):
    ...


# %% tags=["nbval-check-output"]
checks.check("prepare-for-vgg", prepared, ham)

# %% tags=["solution"]
def prepared(image):
    centred = image.astype("float32") - np.array(networks.IMAGENET_MEAN, "float32")
    return centred[..., ::-1]


checks.check("prepare-for-vgg", prepared, ham)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: an error without a message</p>
# <p><b>The point.</b> Wrong preprocessing is an easy fault to make in transfer learning, and nothing reports it.</p>
# <p><b>Expect.</b> "Surely dividing by 255 is always right." It is right for networks that were trained so.</p>
# <p><b>Ask.</b> "How would you notice, if you had only the accuracy?" (You would not. Compare features with a known
# pair.)</p>
# <p><b>When late.</b> Show the three lines that the cell prints; skip the exercise.</p>
# </div>

# %% [markdown]
# ## What stays frozen
#
# The paper kept "more than 70 %" of VGG16's layers as they were and trained the last few ([Garg et al.
# 2019](https://arxiv.org/abs/1912.03798)). Which layers count? Pools have no weights, so this book counts convolutions,
# and cuts at the first place where more than that share of them lies before the cut. The pool after the last frozen
# convolution, if there is one, is frozen with it.

# %%
#| fold: Draw this figure
#| name: vgg16-frozen
#| caption: VGG16 layer by layer, with the head of this chapter; the dot is the number of weights, on a logarithmic
#|   scale. Frozen layers keep what ImageNet taught them, the tail is retrained, the head is new.
#| alt: Dots, one a layer with weights, in three colours from top to bottom. Ten are frozen, and the three that are
#|   retrained lie as far to the right as the last of those.
SHARE = 0.7
convolutions = [layer.name for layer in vgg.layers if isinstance(layer, layers.Conv2D)]
held = next(k for k in range(len(convolutions) + 1) if k > SHARE * len(convolutions))
print(f"{len(convolutions)} convolutions, {held} of them frozen: {held / len(convolutions):.0%}")
print(f"the last frozen one is {convolutions[held - 1]}, and the pool after it is {networks.boundary(vgg)}")

boundary = networks.boundary(vgg)
frozen, tail = networks.cut(vgg, boundary)  # two networks that share their weights with the whole
network = networks.classifier(tail)
table = pd.DataFrame(
    [(layer.name, layer.count_params(), state)
     for state, part in (("frozen", frozen), ("retrained", tail)) for layer in part.layers if layer.count_params()]
    + [(layer.name, layer.count_params(), "new") for layer in network.layers
       if layer not in tail.layers and layer.count_params()],
    columns=["layer", "weights", "state"]).set_index("layer")
fig, axis = plots.figure(4.2)
plots.layers(axis, table, {"frozen": "#9A9A9A", "retrained": "#0072B2", "new": "#E69F00"})
plots.show(fig)

# %% tags=["nbval-check-output"]
print(f"of the weights {frozen.count_params() / vgg.count_params():.0%} are frozen")

# %% [markdown]
# A share of the layers is not the same share of the weights: late convolutions reach through more channels than early
# ones.

# %% [markdown]
# ### Exercise: where to cut?
#
# Write `cut_after(kinds, share)`. `kinds` lists the layers of a network from its input to its end, such as
# `["conv", "conv", "pool", "conv"]`. Return how many layers, counted from the input, stay frozen: the fewest that hold
# more than `share` of the convolutions, and the pools that come directly after the last of these.

# %% tags=["stub"]
def cut_after(kinds, share):
    ...


# %% tags=["nbval-check-output"]
checks.check("where-to-freeze", cut_after, ham)

# %% tags=["solution"]
def cut_after(kinds, share):
    total, before, frozen_layers = kinds.count("conv"), 0, 0
    while before <= share * total:
        before += kinds[frozen_layers] == "conv"
        frozen_layers += 1
    while frozen_layers < len(kinds) and kinds[frozen_layers] == "pool":
        frozen_layers += 1
    return frozen_layers


checks.check("where-to-freeze", cut_after, ham)

# %% [markdown]
# ## Frozen parts run once
#
# While layers are frozen they answer the same image with the same numbers, in every epoch. So ask them once, keep the
# answers, and train on those. The two halves, one after the other, are the network; as long as every epoch sees
# the images as they are, nothing changes but the last digits, since the answers are kept in half precision.

# %% tags=["nbval-check-output"]
halves = np.asarray(tail(frozen(few)))
same = np.allclose(right, halves, rtol=1e-3, atol=1e-3 * np.abs(right).max())
print("the two halves give what the whole gives:", same)


def multiply_adds(part):
    """How many multiplications each convolution of a network makes for one image."""
    convolutions = [layer for layer in part.layers if isinstance(layer, layers.Conv2D)]
    return [np.prod(layer.output.shape[1:3]) * np.prod(layer.kernel.shape) for layer in convolutions]


ahead, behind = multiply_adds(frozen), multiply_adds(tail)
print(f"the frozen part does {sum(ahead) / sum(ahead + behind):.0%} of a forward pass")

# %% [markdown]
# How much can that save? A training step asks the frozen part once, and the tail three times over: forward, back for
# the gradient of its weights, and back for the gradient of its inputs. (Its first layer needs no gradient of its
# inputs: there is nothing before it to train.) With a cache the frozen part is asked once for each version of an image
# that is kept. So there is a **ceiling** for the training steps, and it is arithmetic, if all multiplications take
# equally long and nothing else takes any time. (Validation images, which are asked about in each epoch, gain more; they
# are left out.) It depends on the epochs and on how many versions of each image are cached; hardly on the image size,
# with which both parts grow alike, but for the pools, which round down. A benchmark measured how near this course comes
# to it, at the size that it names: three training steps with the cache and three without, *extrapolated* to fifty
# epochs with the time to fill the cache included.

# %% tags=["nbval-check-output"]
step = 3 * sum(behind) - behind[0]
height, width = config.sizes.image
for versions in (1, 4):
    print(f"{width} x {height} pixels, {versions} version(s) of each image cached:")
    for epochs in (1, 5, 50):
        plain_work, cached_work = epochs * (sum(ahead) + step), versions * sum(ahead) + epochs * step
        print(f"   {epochs:>2} epochs of training steps: at most {plain_work / cached_work:.2f} times as fast")

# %%
measured = records.load_benchmark("networks")
extrapolated = measured["caching"]["EXTRAPOLATED to 50 epochs, the cache's building included"]
print(f"measured {measured['date']} on {measured['device']}, {measured['caching']['network']}, images of "
      "{1} x {0}:".format(*measured["caching"]["size"]))
for cached, one in extrapolated.items():
    print(f"   {cached}: {one['ratio']:.2f} times as fast, extrapolated; ceiling {one['ceiling']:.2f}; "
          f"{one['share_of_ceiling']:.0%} of it")

# %% [markdown]
# With four versions a single epoch is slower than without a cache: the frozen part is asked four times for what is
# looked at once. Over many epochs that hardly counts.
#
# What is lost? Augmentation: an image that is turned gives other answers. So the cache can hold several **views** of
# each image, the plain one first, the others changed at random; each epoch draws one. A handful of views is less than a
# fresh one in each epoch. And since they are there, the records below ask about a validation or test image in all its
# views, and take the mean of the answers: **test-time augmentation**. (The epoch is chosen by the plain view.) The tier
# says how many views: the quick one keeps the plain view alone, the records of a retrained block have four.

# %%
split = splits.grouped(ham.table, fold=0, seed=config.seed)
rows = config.training_rows(split)  # in the quick tier, a few of them
codes = pd.Categorical(ham.table["dx"], categories=list(CLASSES)).codes.astype("int64")
views = config.sizes.repeats
augmentation = networks.Augmentation() if views > 1 else None
asked = None if len(rows) == len(split.train) else np.concatenate([rows, split.validation, split.test])
cache = networks.load_activations(frozen, ham, pixels, config, rows=asked, views=views, augmentation=augmentation)
print(f"room for {cache.shape[0]:,} images, {cache.shape[1]} view(s), feature maps of",
      " x ".join(map(str, cache.shape[2:])))
print(f"filled: {len(rows) + len(split.validation) + len(split.test):,} images, each asked {cache.shape[1]} time(s)")

# %% [markdown]
# ## One straight line a class
#
# The cheapest transfer trains no network at all. Let the backbone run to its end, average each of its feature maps over
# the image, and give these **frozen features** to a **logistic regression**: one weighted sum for each class, and a
# softmax that makes the seven sums into probabilities.

# %%
averaged = keras.Sequential([tail, layers.GlobalAveragePooling2D()])
features = {name: averaged.predict(np.asarray(cache[part, 0], "float32"), verbose=0)
            for name, part in (("training", rows), ("validation", split.validation))}
line = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
line.fit(features["training"], codes[rows])
print(f"{features['training'].shape[1]} features a lesion, and a line for each class;",
      f"right on {line.score(features['training'], codes[rows]):.0%} of its own training images")

# %% [markdown]
# ## A head first, then the tail
#
# The paper appended "a few fully connected layers" ([Garg et al. 2019](https://arxiv.org/abs/1912.03798)). Such new
# layers are the **head**; the layers of the backbone that are retrained below it are the **tail**. Here is ours, layer
# by layer: the same as in `network` above, which is the one that we train.

# %%
inputs = keras.Input(tail.input.shape[1:])
x = tail(inputs)
x = layers.GlobalAveragePooling2D()(x)
x = layers.BatchNormalization(momentum=0.9)(x)  # features of any size arrive at one scale
x = layers.Dense(256, activation="relu")(x)
x = layers.Dropout(0.5)(x)
outputs = layers.Dense(len(CLASSES), activation="softmax", dtype="float32")(x)
written = keras.Model(inputs, outputs)

# %% [markdown]
# A new head has random weights, so its first corrections are large and wrong. Sent back into the tail, they may spoil
# what ImageNet taught it; how much, this book has not measured. Waiting is cheap. So the tail waits: a few epochs for
# the head alone, with the tail's weights held, then all together at a tenth of the learning rate.


# %%
def training(epoch):
    return networks.training_batches(cache, codes, rows, seed=config.seed, epoch=epoch)


validation = networks.batches(cache, codes, split.validation)

tail.trainable = False
head = networks.fit(
    network, training, validation,
    epochs=2, seed=config.seed, learning_rate=1e-3,
)  # fmt: skip

tail.trainable = True
both = networks.fit(
    network, training, validation,
    epochs=config.sizes.epochs, seed=config.seed + 1, learning_rate=1e-4, patience=6,
)  # fmt: skip

print("the loss, epoch by epoch:",
      *head.history["loss"].round(2), "| then with the tail:",
      *both.history["loss"].round(2))

# %% [markdown]
# A page that runs in a minute shows how, not how well: few images, seen a few times. Here is the training that the
# book's record keeps, on all training lesions of the first fold.

# %%
#| fold: Draw this figure
#| name: vgg16-curves
#| caption: Learning curves of VGG16 with its last block retrained, after its head, on all training lesions of grouped
#|   fold 0, real HAM10000 (Tschandl et al. 2018). Left, the loss of training and validation images; right, balanced
#|   accuracy of the validation images; dashed, its floor. Vertical line, the epoch that is kept.
#| alt: Two small panels over a few epochs. Left, the loss of the training images falls steadily, that of the validation
#|   images soon stops falling. Right, balanced accuracy far above the dashed floor.
recorded = records.load_run("vgg16-tuned-grouped-200x150")
history = recorded.history[recorded.history["fold"] == 0]
fig, axes = plots.figure(2.6, 1, 2)
plots.learning_curves(axes, history, np.atleast_1d(recorded.facts["hyperparameters"]["best_epoch"])[0])
plots.show(fig)

# %% [markdown]
# The training loss goes on falling after the validation loss has stopped: from there on the network memorises. The
# epoch with the lowest validation loss is kept.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: why the head goes first</p>
# <p><b>The point.</b> Random weights on top send random corrections down. Hold what is good until the top makes
# sense.</p>
# <p><b>Expect.</b> "Frozen means the layers are skipped." They run; only their weights stand still.</p>
# <p><b>Ask.</b> "What would you see in the curve if the tail joined in at once, at the large learning rate?" (Look for a
# validation loss that jumps in the first epochs. This book has not measured it.)</p>
# <p><b>When late.</b> Skip the arithmetic of the ceiling, keep the picture of the layers.</p>
# </div>

# %% [markdown]
# ## One training, two readings
#
# How common each class is before you have looked at an image, its **prior**, is in every answer. The networks of this
# chapter are trained without class weights: their probabilities are those of a world in which two images in three are
# nevi. You may want the answers of another world, in which all diagnoses are equally common: divide
# each class's probability by its share of the training images, and make the seven sum to one again ([Saerens et al.
# 2002](https://doi.org/10.1162/089976602753284446)). In the records a name that ends in `-evened` says so. Nothing was
# trained anew.
#
# ### Exercise: even the priors
#
# Write `evened(prob, share)`. `prob` is `(n, 7)`, each row sums to one; `share` holds the seven shares of the training
# images. Return the shifted probabilities, `(n, 7)`, each row summing to one.

# %% tags=["stub"]
def evened(prob, share):
    ...


# %% tags=["nbval-check-output"]
checks.check("equal-priors", evened, ham)

# %% tags=["solution"]
def evened(prob, share):
    shifted = prob / share
    return shifted / shifted.sum(axis=1, keepdims=True)


checks.check("equal-priors", evened, ham)

# %% [markdown]
# ## The records: on all real images
#
# Before you look, write down two guesses. Does a frozen VGG16 beat the handcrafted features of
# {{chapter:classical-baselines}}? And how far ahead of the frozen network is the one whose last block was retrained?

# %%
#| fold: Draw this figure
#| name: vgg16-records
#| caption: VGG16 on the real HAM10000 (Tschandl et al. 2018), frozen under a new head and with its last block retrained,
#|   each read as trained and with evened priors, beside the support vector machine on handcrafted features. Dot and line,
#|   value and 95 % interval over lesions; black tick, the floor of that test set; colour, the protocol. Compare rows of
#|   one colour and the same folds: under grouped a retrained network was tested on the first fold alone. Orange,
#|   image8020, leaks: other photographs of its test lesions were trained on.
#| alt: Two panels, accuracy on the left, balanced accuracy on the right, one row a record. Each row has a dot with a
#|   line, and a black tick for its floor. In balanced accuracy all dots are right of their ticks.
SHOWN = ("vgg16-", *(f"classical-{protocol}-handcrafted-svm" for protocol in ("grouped", "holdout938", "image8020")))
KEPT = [run for run in records.load_runs() if run.name.startswith(SHOWN) and run.comparable]
KEPT = sorted((run for run in KEPT if run.facts.get("chosen_on") != "test"), key=lambda run: (run.facts["protocol"], run.name))
tints = {"grouped": "#0072B2", "image8020": "#E69F00", "holdout938": "#009E73"}
fig, axes = plots.figure(1 + 0.33 * len(KEPT), 1, 2)
for axis, metric in zip(axes, ("accuracy", "balanced_accuracy")):
    scored = pd.DataFrame({run.name: run.metric(metric)[["value", "low", "high", "floor"]] for run in KEPT}).T
    colours = {run.name: tints[run.facts["protocol"]] for run in KEPT}
    plots.intervals(axis, scored.astype(float), colours, above=True)
    axis.set_title(metric.replace("_", " "))
plots.show(fig)
for run in KEPT:
    scores = [f"{metric.replace('_', ' ')} {value:.3f} [{low:.3f}, {high:.3f}]" for metric in ("accuracy", "balanced_accuracy")
              for value, low, high in [run.metric(metric)[["value", "low", "high"]]]]
    print(f"{run.name}: {run.origin}; folds {run.facts['folds']}; {run.facts['device']}",
          "; ".join(scores), *run.marks, sep="\n   ")
for kind in ("vgg16-frozen", "vgg16-tuned"):
    for protocol in tints:
        if not any(run.name.startswith(f"{kind}-{protocol}") for run in KEPT):
            print(f"{kind} under {protocol}: not measured yet")

# %%
BY_NAME = {run.name: run for run in KEPT}
OURS = {f"{kind}{how}": f"vgg16-{name}-holdout938-200x150{suffix}"
        for kind, name in (("frozen", "frozen"), ("retrained", "tuned"))
        for how, suffix in (("", ""), (", priors evened", "-evened"))}
accuracies = {reading: BY_NAME[name].metric("accuracy") for reading, name in OURS.items()}
print(f"accuracy on the inferred test set, floor {accuracies['retrained']['floor']:.3f}; the paper's VGG16: 0.78")
for reading, one in accuracies.items():
    print(f"   ours, {reading:<24} {one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]")
mix, twice = np.array([PUBLISHED_IMAGES[dx] for dx in CLASSES]) / sum(PUBLISHED_IMAGES.values()), {}
for kind in ("frozen", "retrained"):
    told = BY_NAME[OURS[kind]].predictions
    twice[kind] = (evaluate.answers(told[list(CLASSES)] / mix**2) == told["true"]).mean()
    print(f"   ours, {kind + ', evened twice':<24} {twice[kind]:.3f}")

# %%
PAIRS = {
    "frozen VGG16 against handcrafted features, grouped":
        ("vgg16-frozen-grouped-200x150", "classical-grouped-handcrafted-svm-plain"),
    "last block retrained against frozen, holdout938":
        ("vgg16-tuned-holdout938-200x150", "vgg16-frozen-holdout938-200x150"),
    "last block retrained against frozen, grouped":
        ("vgg16-tuned-grouped-200x150", "vgg16-frozen-grouped-200x150"),
    "last block retrained against handcrafted features, holdout938":
        ("vgg16-tuned-holdout938-200x150", "classical-holdout938-handcrafted-svm-plain"),
    "last block retrained against handcrafted features, grouped":
        ("vgg16-tuned-grouped-200x150", "classical-grouped-handcrafted-svm-plain"),
    "evened priors against priors as trained, holdout938":
        ("vgg16-tuned-holdout938-200x150-evened", "vgg16-tuned-holdout938-200x150"),
}
METRICS, gains = ("accuracy", "balanced_accuracy"), {}
for question, (name, other) in PAIRS.items():
    found = records.compare(BY_NAME[other], BY_NAME[name]).set_index(["metric", "dx"]).xs("all", level="dx")
    gains[question] = found.loc[list(METRICS)]
    print(question, *(f"   {metric.replace('_', ' '):<18}{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
                      for metric, row in gains[question].iterrows()), sep="\n")

# %% [markdown]
# Each line is the difference on the same lesions, over the folds that both records have, with its interval. A frozen
# VGG16 does *not* beat features that were made for lesions. Those were also measured inside outlines that an expert had
# checked, which the network does not get ({{chapter:classical-baselines}}), and the support vector machine on them was
# tuned and calibrated on validation images, where the head had one fixed setting and no calibration; how much of their
# lead that is, these records cannot say. Retraining the last block, with several views of each image, is better in both
# measures, under both protocols. (The frozen network was shown one plain view, with another learning rate, batch size
# and patience, so the gain belongs to all of that together.) From the handcrafted features it cannot be told apart,
# under either. And evening the priors trades accuracy for balanced accuracy, with one and the same network: whoever
# reports only one of the two numbers has chosen for you.
#
# The paper's VGG16 has an accuracy of 78 % ([Garg et al. 2019](https://arxiv.org/abs/1912.03798)). On the test set that
# {{chapter:the-papers-test-set}} infers, that is below the floor, though not clearly: its interval reaches the floor,
# as {{chapter:against-the-paper}} computes. Ours, as it was trained, is clearly above. So the same architecture need
# not stay at the floor.
#
# What a network was asked can cost it the floor: our frozen one, read as if all diagnoses were equally common, lies
# below it as well. The paper names class weights, and copies of rare images besides
# ({{chapter:augment-and-weigh}}); whether for its VGG16, too, it does not make clear. One such correction is not
# enough to explain its score: our retrained network, which is built more like the paper's, stays above the floor in
# that reading. Two at once would be more than enough: "evened twice", in the last lines above, divides by the shares
# twice, as if the rarest class were the commonest, and both networks fall far below the paper's score. It shifts
# answers after a training, and is not a training with two corrections; it shows how much such a choice can weigh.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: the guess</p>
# <p><b>The point.</b> Frozen transfer is no magic: it loses to handcrafted features here, and a network with a retrained
# block cannot be told apart from them.</p>
# <p><b>Expect.</b> Nearly everybody guesses that VGG16 wins. Let them write it down before the figure is shown.</p>
# <p><b>Ask.</b> "Which of the rows may be compared with each other?" (Those of one colour and the same folds.)</p>
# <p><b>When late.</b> Show the figure and the lines below it; the rest of the chapter can be read at home.</p>
# </div>

# %% [markdown]
# ## A record of your own
#
# This cell trains by the recipe of this chapter and writes a run record to your own folder. (With ImageNet's weights the
# activations are cached already; random ones are drawn anew, and asked again.) In the quick tier it is a rehearsal. On
# Colab, with a GPU, the real data and `SKIN_TIER=full`, it has VGG16's usual 224 pixels and at most the paper's fifty
# epochs, fewer if the validation loss no longer falls; and the figure above shows it beside the book's when you run it
# again.

# %% tags=["remove-output"]
recipe = replace(networks.RECIPES["vgg16-tuned"], views=views, augmentation=augmentation)
mine = networks.train(recipe, ham, config, split)
name = "vgg16-tuned-grouped-{1}x{0}-{tier}".format(*config.sizes.image, tier=config.tier)
path = networks.save_record(name, [mine], ham, config, resamples=200, notes="Trained by the notebook transfer-vgg16.")
print(records.load_run(path))

# %% tags=["assertion"]
kept = history["validation_loss"].to_numpy().argmin()
assert kept < len(history) - 1, "the validation loss has stopped falling"
assert history["loss"].iloc[-1] < history["loss"].iloc[kept], "and the training loss has not"
assert [layer.output.shape for layer in written.layers[2:]] == [
    layer.output.shape for layer in network.layers if layer not in tail.layers
], "the notebook's head is the helpers'"
assert held == sum(isinstance(layer, layers.Conv2D) for layer in frozen.layers) and held > SHARE * len(convolutions)
assert frozen.layers[-1].name == boundary and mine.facts["recipe"]["cut"] == boundary
worse = gains["frozen VGG16 against handcrafted features, grouped"]
assert (worse["high"] < 0).all(), "made for lesions is better"
for protocol in ("holdout938", "grouped"):
    assert (gains[f"last block retrained against frozen, {protocol}"]["low"] > 0).all(), "retraining helps in both"
    level = gains[f"last block retrained against handcrafted features, {protocol}"]
    assert (level["low"] < 0).all() and (level["high"] > 0).all(), "level"
trade = gains["evened priors against priors as trained, holdout938"]
assert trade.loc["accuracy", "high"] < 0 < trade.loc["balanced_accuracy", "low"], "a trade"
assert 0.78 < accuracies["retrained"]["floor"] < accuracies["retrained"]["low"]
assert accuracies["frozen, priors evened"]["high"] < accuracies["retrained"]["floor"], "another question"
assert accuracies["retrained, priors evened"]["low"] > accuracies["retrained"]["floor"], "one correction is not enough"
assert max(twice.values()) < 0.7, "two are more than enough"
assert all(0.8 <= one["share_of_ceiling"] <= 1 for one in extrapolated.values())

# %% [markdown]
# ## Quiz

# %%
checks.quiz("transfer-vgg16")

# %% [markdown]
# ## Key points
#
# - A pretrained network brings kernels that nobody has to learn again. It expects its own kind of input, and does not
#   complain about another.
# - Freezing holds weights; the layers still run. What is frozen can run once, and the saving has a ceiling that you can
#   compute.
# - Train a new head first, then let the tail join in with small steps.
# - Frozen features of other photographs need not beat features made for the task. Look at a record before you say so.
# - One training has several readings. Say which priors yours has.
#
# **What comes next.** The paper's best number is not VGG16's. {{chapter:transfer-resnet}} takes a network three times
# as deep, asks why it can be trained at all, and meets a trap that VGG16 does not have.
#
# Data: [Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161), CC BY-NC 4.0; more on the [data
# card](../book/data-card.md). Not a medical device.

# %% [markdown]
# # Transfer: VGG16
#
# A network has learned to tell a thousand kinds of things apart: dogs, ships, teapots. It was never shown a lesion. You
# may not change one of its weights. What are its answers worth, beside features that people made for lesions? And what is
# gained if its last layers may change?
#
# Write down two guesses: frozen, it is ahead of the handcrafted features, level, or behind; retraining its last block
# gains ... points of accuracy.
#
# At the end of this chapter you can
#
# - give a pretrained network the input that it was trained on, and say what a wrong one costs;
# - freeze more than 70 % of a network's layers, as the paper did ([Garg et al.
#   2019](https://arxiv.org/abs/1912.03798)), and say which;
# - put a new head on it, train that first and then the last block;
# - compute how much work frozen layers can save;
# - read one training in two ways: for diagnoses as common as in the data, and as if all were equally common.
#
# | | minutes |
# |---|---:|
# | to read | 20 |
# | to run, on a laptop without a GPU | 1 |
# | to do the three exercises | 40 |
#
# You need {{chapter:cnn-from-scratch}} for convolutions and training, and {{chapter:classical-baselines}} for the
# models to beat. New words are in the [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %% tags=["remove-output"]
#| fold: Set-up
import re
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown, display
from keras import layers
from matplotlib.patches import Patch

from helpers import checks, data, networks, plots, records, splits, start
from helpers.ham10000 import CLASSES

networks.use_precision()  # on a GPU: fewer digits, which is faster


def say(text):
    """Show a sentence whose numbers were computed, with a minus for a hyphen and a space before a per cent sign."""
    display(Markdown(re.sub(r"(?<=[ \[])-(?=\d)", "−", re.sub(r"(?<=\d)%", "\u00a0%", text))))

# %%
config, ham = start("transfer-vgg16")
keras.utils.set_random_seed(config.seed)

# %%
#| fold: Look the records up
book = {run.name: run for run in records.load_runs() if run.comparable}
SVM = "classical-{}-handcrafted-svm-plain"


def run(kind, protocol="grouped", reading=""):
    """The book's record of a network, such as vgg16-frozen, or of the support vector machine."""
    return book[SVM.format(protocol) if kind == "svm" else f"{kind}-{protocol}-200x150{reading}"]


def gains(one, other):
    """How many points a record scores more than another on the same lesions, with 95 % intervals."""
    table = records.compare(other, one)
    return 100 * table[table["dx"] == "all"].set_index("metric")[["difference", "low", "high"]].astype(float)


def points(gain, metric):
    """A gain in words: the points and their interval."""
    return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*gain.loc[metric])


retrained = gains(run("vgg16-tuned"), run("vgg16-frozen"))
against_svm = {kind: gains(run(kind), run("svm")) for kind in ("vgg16-frozen", "vgg16-tuned")}

# %%
#| fold: Say it in a sentence
say(
    "**Frozen, it is behind features made for lesions, by "
    f"{-against_svm['vgg16-frozen'].loc['accuracy', 'difference']:.1f} points of accuracy; with its last block retrained it "
    f"draws level.** Retraining gains {points(retrained, 'accuracy')} points of accuracy and "
    f"{points(retrained, 'balanced_accuracy')} of balanced accuracy. In brackets, 95% intervals over lesions: real ones of "
    "HAM10000, which no model here had seen."
)

# %% [markdown]
# ## A network that has seen other things
#
# **VGG16** is thirteen convolutions of three by three in five blocks, each block followed by a pool ([Simonyan and
# Zisserman 2015](https://arxiv.org/abs/1409.1556)). It was trained on **ImageNet**, over a million photographs of a
# thousand kinds of things ([Russakovsky et al. 2015](https://arxiv.org/abs/1409.0575)). Take it without its top, the
# dense layers that name those things. What is left is a **backbone**: it turns a photograph into **feature maps**. A
# feature map is what one kernel answers, place by place. The box says where the weights came from.

# %%
backbone = networks.backbone("vgg16", size=config.sizes.image)
vgg = backbone.model
records.weights_notice(backbone)

# %% [markdown]
# Whoever sorts photographs, of teapots or of lesions, needs edges and colours first. That is why weights learned on one
# task are a start for another: **transfer learning**. With ImageNet's weights at hand, the next two cells show the
# kernels of the first layer, and what later layers make of a lesion.

# %%
#| fold: Draw this figure
#| name: vgg16-kernels
#| caption: The kernels of VGG16's first convolution, three by three weights in three colours each, all on one scale.
#|   Grey is zero. They are edges, lines and colours.
#| alt: Four rows of sixteen small squares, each of three by three coloured fields.
kernels = vgg.get_layer("block1_conv1").get_weights()[0]
shades = np.clip(127 + 127 * kernels / np.percentile(np.abs(kernels), 99), 0, 255).astype(np.uint8)
tiles = [np.kron(shades[..., k], np.ones((8, 8, 1), np.uint8)) for k in range(shades.shape[-1])]
rows_of_kernels = [tiles[row : row + 16] for row in range(0, 64, 16)]
if backbone.pretrained:
    plots.show(plots.gallery(rows_of_kernels, ["1–16", "17–32", "33–48", "49–64"]))

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
if backbone.pretrained:
    plots.show(plots.gallery(rows_of_maps, ["the lesion", *(name.replace("_pool", "") for name in watched)]), photo=True)

# %% [markdown]
# ## The trap at the door
#
# A pretrained network expects its input exactly as in training. VGG16's recipe is old: colours in the order **blue,
# green, red**, each minus its mean over ImageNet, and no division. Give it anything else, and no error is raised. It
# just sees other things.
#
# What does that cost? Guess for two mistakes: the colours in the wrong order, and numbers from 0 to 1. A logistic
# regression was fitted to VGG16's frozen features of real lesions, once to features of the right input and once to
# features of the same wrong one.

# %%
#| fold: Draw this figure
#| name: wrong-input
#| caption: The price of a wrong input: balanced accuracy of a logistic regression on VGG16's frozen features, ImageNet's
#|   weights, 500 training images and validation lesions of real HAM10000 (Tschandl et al. 2018). A dot, one of three
#|   draws of training images; dashed, the floor.
#| alt: Four rows with two sets of three dots, by what the network was fed. For the right input
#|   both sets are the same. For each wrong one the head that learned from the right input lies further left, from 0 to 1
#|   on the dashed line; the head that learned from the same input lies a little left of the right one.
experiment, results = records.load_experiment("vgg16-input")
HEADS = {"kept": "learned from the right input", "refitted": "learned from the same input"}
shown = results[results["metric"] == "balanced_accuracy"].replace({"stratum": HEADS})
fig, axis = plots.figure(2.6)
axis.axvline(1 / len(CLASSES), color="#444444", linestyle="--", linewidth=1)
sns.stripplot(
    shown, x="value", y="arm", hue="stratum", order=experiment["arms"], palette=["#0072B2", "#D55E00"],
    hue_order=list(HEADS.values())[::-1], dodge=True, jitter=False, ax=axis,
)  # fmt: skip
axis.set(xlim=(0, None), xlabel="balanced accuracy, validation", ylabel="")
axis.legend(title="the head", loc="lower center", bbox_to_anchor=(0.4, 1), ncols=2, fontsize=8)
plots.show(fig)

# %%
#| fold: Say it in a sentence
mean = results.groupby(["metric", "stratum", "arm"])["value"].mean()
of_right = mean["balanced_accuracy", "kept", "right"]
price = 100 * (of_right - mean["balanced_accuracy"])
say(
    f"A head that learned from the right input loses {price['kept', 'colours in the wrong order']:.0f} points of balanced "
    f"accuracy if the colours come in the wrong order, and {price['kept', '0 to 1']:.0f} if the numbers are from 0 to 1. If "
    "it learned from the same wrong input, the difference is "
    f"{-price['refitted', 'colours in the wrong order']:+.0f} and {-price['refitted', '0 to 1']:+.0f} points."
)

# %% [markdown]
# So the mistake is dear when it is made after training: in use, or with a head that came from elsewhere. Made on both
# sides it is cheap, and therefore hard to notice: the network trains, scores a few points less, and nobody asks why. When
# a pretrained network disappoints, look at its input first.
#
# In this course the recipe is part of the network: `networks.backbone` takes red, green, blue from 0 to 255.
#
# ### Exercise: prepare the image
#
# Write `prepared(image)`. It takes one image, red, green, blue, 0 to 255, `(height, width, 3)` uint8, and returns what
# VGG16 expects as float32: blue, green, red, each minus ImageNet's mean. The means, in the order red, green, blue, are
# in `networks.IMAGENET_MEAN`. Do not change the image that you are given.

# %% tags=["stub"]
def prepared(image):
    # to float32, minus the means, then the order of the colours
    ...


# %% tags=["nbval-check-output"]
checks.check("prepare-for-vgg", prepared, ham)

# %% tags=["solution"]
def prepared(image):
    # to float32, minus the means, then the order of the colours
    centred = image.astype("float32") - np.array(networks.IMAGENET_MEAN, "float32")
    return centred[..., ::-1]


checks.check("prepare-for-vgg", prepared, ham)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: an error without a message</p>
# <p><b>The point.</b> Wrong preprocessing is an easy fault to make in transfer learning, and nothing reports it.</p>
# <p><b>Expect.</b> "Surely dividing by 255 is always right." It is right for networks that were trained so.</p>
# <p><b>Ask.</b> "How would you notice, if you had only the accuracy?" (Often not at all. Compare features with a known
# pair.)</p>
# <p><b>When late.</b> Show the figure; skip the exercise.</p>
# </div>

# %% [markdown]
# ## What stays frozen
#
# The paper kept "more than 70 %" of VGG16's layers as they were and trained the last few ([Garg et al.
# 2019](https://arxiv.org/abs/1912.03798)). Pools have no weights, so this book counts convolutions, and cuts at the
# first place where more than that share of them lies before the cut. Where is that? Guess, too, which share of the
# *weights* stays frozen.

# %%
frozen, tail = networks.cut(vgg, networks.boundary(vgg))

# %%
#| fold: Draw this figure
#| name: vgg16-blocks
#| caption: VGG16 with the head of this chapter. One box a convolution, in five blocks with a pool behind each; the head
#|   is new.
#| alt: A row of thirteen boxes in five groups and one more box. The first ten are grey, frozen; the three of the fifth
#|   block are blue, retrained; the last, the head, is orange.
convolutions = [layer for layer in vgg.layers if isinstance(layer, layers.Conv2D)]
held = sum(isinstance(layer, layers.Conv2D) for layer in frozen.layers)
SHADES = {"frozen": "#BDBDBD", "retrained": "#0072B2", "new": "#E69F00"}
fig, axis = plots.figure(1.5)
for place, layer in enumerate(convolutions):
    group, number = (int(digit) for digit in re.findall(r"\d", layer.name))
    axis.barh(0, 0.86, left=place + 0.6 * group, height=0.8, color=SHADES["frozen" if place < held else "retrained"])
    if number == 1:
        axis.text(place + 0.6 * group, -0.6, f"block {group}", fontsize=8.5)
axis.barh(0, 1.4, left=len(convolutions) + 3.6, height=0.8, color=SHADES["new"])
axis.text(len(convolutions) + 3.6, -0.6, "head", fontsize=8.5)
axis.set(ylim=(0.5, -0.9), xticks=[], yticks=[])
axis.spines[:].set_visible(False)
axis.legend(
    handles=[Patch(color=colour, label=state) for state, colour in SHADES.items()],
    loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=3, frameon=False,
)  # fmt: skip
plots.show(fig)

# %%
#| fold: Say it in a sentence
share = frozen.count_params() / vgg.count_params()
say(
    f"{held} of {len(convolutions)} convolutions are frozen, {held / len(convolutions):.0%}; of the weights, **only "
    f"{share:.0%}**: late convolutions reach through more channels than early ones."
)

# %% tags=["nbval-check-output"]
print(f"{frozen.count_params():,} of {vgg.count_params():,} weights frozen")

# %% [markdown]
# ### Exercise: where to cut?
#
# Write `cut_after(kinds, share)`. `kinds` lists the layers of a network from its input to its end, such as
# `["conv", "conv", "pool", "conv"]`. Return how many layers, counted from the input, stay frozen: the fewest that hold
# more than `share` of the convolutions, and the pools that come directly after the last of these.

# %% tags=["stub"]
def cut_after(kinds, share):
    # walk until the convolutions are more than the share; then take the pools
    ...


# %% tags=["nbval-check-output"]
checks.check("where-to-freeze", cut_after, ham)

# %% tags=["solution"]
def cut_after(kinds, share):
    # walk until the convolutions are more than the share; then take the pools
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
# answers in a **cache**, and train on those. How much faster can fifty epochs become?

# %%
split = splits.grouped(ham.table, fold=0, seed=config.seed)
rows = config.training_rows(split)  # in the quick tier, a few of them
codes = pd.Categorical(ham.table["dx"], list(CLASSES)).codes.astype("int64")
pixels = data.load_pixels(ham, config)
views = config.sizes.repeats
augmentation = networks.Augmentation() if views > 1 else None
asked = None
if len(rows) < len(split.train):
    asked = np.concatenate([rows, split.validation, split.test])
cache = networks.load_activations(
    frozen, ham, pixels, config,
    rows=asked, views=views, augmentation=augmentation,
)  # fmt: skip

# %%
#| fold: Compute the ceiling
def multiply_adds(part):
    """How many multiplications each convolution of a network makes for one image."""
    convolutions = [layer for layer in part.layers if isinstance(layer, layers.Conv2D)]
    return [np.prod(layer.output.shape[1:3]) * np.prod(layer.kernel.shape) for layer in convolutions]


# A training step asks the frozen part once; the tail forward, back for its weights, and back for its inputs, which its
# first layer does not need.  With a cache the frozen part is asked once for each version of an image.
ahead, behind = sum(multiply_adds(frozen)), multiply_adds(tail)
step = 3 * sum(behind) - behind[0]
ceiling = {
    (epochs, versions): epochs * (ahead + step) / (versions * ahead + epochs * step)
    for epochs in (1, 50) for versions in (1, 4)
}  # fmt: skip
measured = records.load_benchmark("networks")["caching"]["EXTRAPOLATED to 50 epochs, the cache's building included"]
ratios = [entry["ratio"] for entry in measured.values()]
say(
    f"The frozen part does {ahead / (ahead + sum(behind)):.0%} of a forward pass. If multiplications were all that takes "
    f"time, fifty epochs could run **{ceiling[50, 1]:.1f} times as fast**, or {ceiling[50, 4]:.1f} times with four versions "
    f"of each image; a single epoch with four versions is slower, {ceiling[1, 4]:.2f} times. Three timed steps on two "
    f"processor cores, extrapolated to fifty epochs, came to {ratios[0]:.1f} and {ratios[1]:.1f}."
)

# %% [markdown]
# What is lost? An image that is turned gives other answers. So the cache holds several **views** of each image, the
# plain one first, the others changed at random; each epoch draws one. The records of a retrained block have four, and
# answer for a test image with the mean over all its views: **test-time augmentation**.
#
# ## A head first, then the tail
#
# The paper appended "a few fully connected layers" ([Garg et al. 2019](https://arxiv.org/abs/1912.03798)). Such new
# layers are the **head**; the layers of the backbone that are retrained below it are the **tail**. This is the whole
# network behind the cut, and it is the one that we train:

# %%
inputs = keras.Input(tail.input.shape[1:])
x = tail(inputs)
x = layers.GlobalAveragePooling2D()(x)
x = layers.BatchNormalization(momentum=0.9)(x)  # one scale for all
x = layers.Dense(256, activation="relu")(x)
x = layers.Dropout(0.5)(x)
outputs = layers.Dense(7, activation="softmax", dtype="float32")(x)
network = keras.Model(inputs, outputs)

# %% [markdown]
# A new head has random weights, so its first corrections are large and wrong. Sent back into the tail, they may spoil
# what ImageNet taught it. Waiting is cheap. So the tail waits: two epochs for the head alone, then all together at a
# tenth of the learning rate.

# %%
def training(epoch):
    return networks.training_batches(
        cache, codes, rows, seed=config.seed, epoch=epoch
    )


validation = networks.batches(cache, codes, split.validation)

tail.trainable = False
head = networks.fit(
    network, training, validation,
    epochs=2, seed=config.seed, learning_rate=1e-3,
)  # fmt: skip

tail.trainable = True
both = networks.fit(
    network, training, validation,
    epochs=config.sizes.epochs, seed=config.seed + 1,
    learning_rate=1e-4, patience=6,
)  # fmt: skip
losses = [*head.history["loss"], *both.history["loss"]]
print("The loss falls:", *np.round(losses, 2))

# %% [markdown]
# In the quick tier this is a rehearsal with a few images. Here is the training that the book's record keeps, on all
# training lesions of the first fold. From which epoch on does the network memorise?

# %%
#| fold: Draw this figure
#| name: vgg16-curves
#| caption: Learning curves of VGG16 with its last block retrained, after its head, on all training lesions of grouped
#|   fold 0, real HAM10000 (Tschandl et al. 2018). Left, the loss of training and validation images; right, balanced
#|   accuracy of the validation images; dashed, its floor. Vertical line, the epoch that is kept.
#| alt: Two small panels over a few epochs. Left, the loss of the training images falls steadily, that of the validation
#|   images soon stops falling. Right, balanced accuracy far above the dashed floor.
recorded = run("vgg16-tuned")
history = recorded.history[recorded.history["fold"] == 0]
kept = np.atleast_1d(recorded.facts["hyperparameters"]["best_epoch"])[0]
fig, axes = plots.figure(2.6, 1, 2)
plots.learning_curves(axes, history, kept)
plots.show(fig)

# %% [markdown]
# Where the validation loss stops falling and the training loss goes on. The epoch with the lowest validation loss is
# kept.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: why the head goes first</p>
# <p><b>The point.</b> Random weights on top send random corrections down. Hold what is good until the top makes
# sense.</p>
# <p><b>Expect.</b> "Frozen means the layers are skipped." They run; only their weights stand still.</p>
# <p><b>Ask.</b> "What would you see in the curve if the tail joined in at once, at the large learning rate?" (Look for a
# validation loss that jumps in the first epochs. This book has not measured it.)</p>
# <p><b>When late.</b> Skip the ceiling, keep the picture of the layers.</p>
# </div>

# %% [markdown]
# ## One training, two readings
#
# How common each diagnosis is before you have looked at an image, its **prior**, is in every answer. Our networks are
# trained without class weights: their probabilities are those of a world in which two images in three are nevi. For a
# world in which all diagnoses are equally common, divide each probability by the share *s* of its class in the training
# images, and let the seven sum to one again ([Saerens et al. 2002](https://doi.org/10.1162/089976602753284446)):
#
# $$
# p'_c = \frac{p_c / s_c}{\sum_k p_k / s_k}
# $$
#
# ### Exercise: equal priors
#
# Write `evened(prob, share)`. `prob` is `(n, 7)`, each row sums to one; `share` holds the seven shares of the training
# images. Return the shifted probabilities, `(n, 7)`, each row summing to one.

# %% tags=["stub"]
def evened(prob, share):
    # divide by the shares, then each row by its sum
    ...


# %% tags=["nbval-check-output"]
checks.check("equal-priors", evened, ham)

# %% tags=["solution"]
def evened(prob, share):
    # divide by the shares, then each row by its sum
    shifted = prob / share
    return shifted / shifted.sum(axis=1, keepdims=True)


checks.check("equal-priors", evened, ham)

# %%
#| fold: Say it in a sentence
trade = gains(run("vgg16-tuned", reading="-evened"), run("vgg16-tuned"))
found = [run("vgg16-tuned", reading=reading).metric("recall", "mel")["value"] for reading in ("", "-evened")]
say(
    f"What it does to one and the same network: {points(trade, 'accuracy')} points of accuracy, "
    f"{points(trade, 'balanced_accuracy')} of balanced accuracy, and it calls {found[1]:.0%} of the melanomas by their name "
    f"in place of {found[0]:.0%}. **Whoever reports only one of the two scores has chosen for you.**"
)

# %% [markdown]
# ## Does it know lesions?
#
# Now your two guesses. All models answered the same lesions, so compare them lesion by lesion with the support vector
# machine (SVM) on handcrafted features of {{chapter:classical-baselines}}, all as trained.

# %%
#| fold: Draw this figure
#| name: vgg16-gains
#| caption: What VGG16 scores more than the SVM on handcrafted features, on the same test lesions, grouped, real HAM10000
#|   (Tschandl et al. 2018), all as trained. Line, 95 % interval over lesions. Frozen, on all five folds; retrained, on
#|   fold 0.
#| alt: Two panels of two rows. The frozen network lies left of zero in both, further in balanced accuracy. The one with
#|   its last block retrained lies across zero in both.
fig, axes = plots.figure(1.5, 1, 2, sharey=True)
for axis, metric in zip(axes, ("accuracy", "balanced_accuracy"), strict=True):
    axis.axvline(0, color="#444444", linewidth=1)
    labels = {"frozen": "vgg16-frozen", "last block retrained": "vgg16-tuned"}
    plots.intervals(axis, pd.DataFrame({label: against_svm[kind].loc[metric] for label, kind in labels.items()}).T, "#0072B2")
    axis.set(title=metric.replace("_", " "), xlabel="points more")
plots.show(fig)

# %%
#| fold: Say it in a sentence
sensitivity = {kind: run(kind).metric("sensitivity_at_specificity_90", "mel") for kind in ("vgg16-frozen", "vgg16-tuned", "svm")}
flagged = {kind: "{value:.0%} [{low:.0%}, {high:.0%}]".format(**row[["value", "low", "high"]]) for kind, row in sensitivity.items()}
say(
    f"Frozen, {points(against_svm['vgg16-frozen'], 'accuracy')} points of accuracy and "
    f"{points(against_svm['vgg16-frozen'], 'balanced_accuracy')} of balanced accuracy; with the last block retrained "
    f"{points(against_svm['vgg16-tuned'], 'accuracy')} and {points(against_svm['vgg16-tuned'], 'balanced_accuracy')}. "
    "**Features of other photographs need not beat features made for the task.** With a threshold that leaves nine in ten "
    f"other validation lesions alone, the SVM flags {flagged['svm']} of the melanomas, the frozen network "
    f"{flagged['vgg16-frozen']}, the retrained one {flagged['vgg16-tuned']}."
)

# %% [markdown]
# It is no even race. The handcrafted features were measured inside outlines that an expert had checked, and the SVM was
# tuned on validation images; the network got neither. Retraining is no single change: the frozen network saw one plain
# view, the retrained one four. And each was trained once.
#
# ## The paper's VGG16
#
# The paper reports an accuracy of 78 % for its VGG16 ([Garg et al. 2019](https://arxiv.org/abs/1912.03798)). Here is
# ours on the test set that {{chapter:the-papers-test-set}} infers.

# %%
#| fold: Say it in a sentence
theirs = {
    (kind, reading): run(kind, "holdout938", reading).metric("accuracy")
    for kind in ("vgg16-frozen", "vgg16-tuned") for reading in ("", "-evened")
}  # fmt: skip
scores = {key: "{value:.1%} [{low:.1%}, {high:.1%}]".format(**row[["value", "low", "high"]]) for key, row in theirs.items()}
floor = theirs["vgg16-tuned", ""]["floor"]
say(
    f"Always answering \"nevus\" is right on {floor:.1%} of those images. With its last block retrained ours is right on "
    f"{scores['vgg16-tuned', '']}, frozen on {scores['vgg16-frozen', '']}. **The same architecture need not stay at the "
    f"floor.** But read at equal priors, the frozen one falls to {scores['vgg16-frozen', '-evened']}, below it; the "
    f"retrained one keeps {scores['vgg16-tuned', '-evened']}."
)

# %% [markdown]
# So what a network was asked can cost it the floor. The paper names class weights; whether they were used for its
# VGG16, it does not make clear.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: the guess</p>
# <p><b>The point.</b> Frozen transfer is no magic: it loses to handcrafted features here, and a network with a retrained
# block cannot be told apart from them.</p>
# <p><b>Expect.</b> Nearly everybody guesses that VGG16 wins. Let them write it down before the first sentence in bold.</p>
# <p><b>Ask.</b> "What did the SVM get that the network did not?" (The outlines.)</p>
# <p><b>When late.</b> Show the figure and the sentence below it; the rest of the chapter can be read at home.</p>
# </div>

# %% [markdown]
# ## A record of your own
#
# The cell below trains by the recipe of this chapter and leaves a run record in your own folder; the later chapters
# show it beside the book's. Without a GPU it is a rehearsal, and its record is marked as one. On Colab with a GPU,
# `SKIN_TIER=full` takes VGG16's usual 224 pixels and at most the paper's fifty epochs.

# %%
recipe = networks.RECIPES["vgg16-tuned"]

# %% tags=["remove-output"]
#| fold: Train by the recipe and keep the record
mine = networks.train(replace(recipe, views=views, augmentation=augmentation), ham, config, split)
height, width = config.sizes.image
path = networks.save_record(
    f"vgg16-tuned-grouped-{width}x{height}-{config.tier}", [mine], ham, config,
    resamples=200, notes="Trained by the notebook transfer-vgg16.",
)
print(records.load_run(path))

# %% tags=["assertion"]
lowest = history["validation_loss"].to_numpy().argmin()
assert lowest < len(history) - 1, "the validation loss has stopped falling"
assert history["loss"].iloc[-1] < history["loss"].iloc[lowest], "and the training loss has not"
assert [layer.output.shape for layer in network.layers[2:]] == [
    layer.output.shape for layer in networks.classifier(tail).layers if layer not in tail.layers
], "the notebook's head is the helpers'"
assert held > 0.7 * len(convolutions) >= held - 1 and mine.facts["recipe"]["cut"] == frozen.layers[-1].name
halves = np.asarray(tail(frozen(pixels[:8].astype("float32"))))
whole = np.asarray(vgg(pixels[:8].astype("float32")))
assert np.allclose(whole, halves, rtol=1e-2, atol=1e-2 * np.abs(whole).max()), "the two halves are the whole"
assert all(0.8 <= entry["share_of_ceiling"] <= 1 for entry in measured.values())

# %% tags=["assertion"]
METRICS = ["accuracy", "balanced_accuracy"]
assert (against_svm["vgg16-frozen"].loc[METRICS, "high"] < 0).all(), "made for lesions is better"
level = against_svm["vgg16-tuned"].loc[METRICS]
assert ((level["low"] < 0) & (level["high"] > 0)).all(), "level"
assert (retrained.loc[METRICS, "low"] > 0).all(), "retraining helps in both"
assert trade.loc["accuracy", "high"] < 0 < trade.loc["balanced_accuracy", "low"] and found[1] > found[0], "a trade"
assert theirs["vgg16-frozen", ""]["low"] > floor and theirs["vgg16-tuned", "-evened"]["low"] > floor > 0.78
assert theirs["vgg16-frozen", "-evened"]["high"] < floor, "another question"
wrong = experiment["arms"][1:]
assert (price["kept"][wrong] > 5).all() and price["kept", "0 to 1"] > 15, "dear after training"
assert (price["refitted"][wrong] > 0).all() and (price["refitted"][wrong] < price["kept"][wrong]).all(), "a little"
assert mean["balanced_accuracy", "kept", "0 to 1"] < 0.2, "on the floor, nearly"

# %% [markdown]
# ## Quiz

# %% tags=["nbval-check-output"]
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
# **What comes next.** The paper's best number is not VGG16's. {{chapter:transfer-resnet}} takes a network with many more
# layers, asks why it can be trained at all, and meets a trap that VGG16 does not have.
#
# Data: [Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161), CC BY-NC 4.0; more on the [data
# card](../book/data-card.md). Not a medical device.

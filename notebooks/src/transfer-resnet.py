# %% [markdown]
# # Transfer: ResNet
#
# You freeze a network: no weight may change. You train a new head on top of it. The next day the frozen part answers
# the same photograph differently. What moved?
#
# And a second question. The paper's best network is a ResNet, twelve points ahead of its VGG16 ([Garg et al.
# 2019](https://arxiv.org/abs/1912.03798)). Is ours ahead, too? How much of it is worth retraining: nothing, the last
# block, the last four, or everything? Write down a guess for both.
#
# At the end of this chapter you can
#
# - say what a shortcut adds to a network, and why a deeper network without one can be worse;
# - build a residual block, and find the places where a network of them may be cut;
# - name the trap that batch normalisation sets to those who freeze only the convolutions, and step around it;
# - compare two networks on the same lesions, and tell a difference from the luck of a seed;
# - say which melanomas a better score finds, and at what price.
#
# | | minutes |
# |---|---:|
# | to read | 20 |
# | to run, on a laptop without a GPU | 1 |
# | to do the three exercises | 40 |
#
# You need {{chapter:transfer-vgg16}} for backbones, heads, and for answers at equal priors. New words are in the
# [glossary](../book/glossary.md).

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
from sklearn.metrics import roc_auc_score, roc_curve

from helpers import checks, data, networks, plots, records, splits, start

networks.use_precision()  # on a GPU: fewer digits, which is faster


def say(text):
    """Show a sentence whose numbers were computed, with a minus for a hyphen and a space before a per cent sign."""
    display(Markdown(re.sub(r"(?<=[ \[])-(?=\d)", "−", re.sub(r"(?<=\d)%", "\u00a0%", text))))

# %%
config, ham = start("transfer-resnet")
keras.utils.set_random_seed(config.seed)

# %%
#| fold: Look the records up
book = {run.name: run for run in records.load_runs() if run.comparable}
SCORES = {"accuracy": "", "balanced_accuracy": "-evened"}  # each score at the priors that it asks for


def run(kind, protocol="grouped", reading=""):
    """The book's record of a network: its kind, such as resnet-frozen, or resnet-last and a seed after a comma."""
    kind, _, seed = kind.partition(",")
    return book[f"{kind}-{protocol}-200x150{'-seed' + seed if seed else ''}{reading}"]


def gains(kind, other, protocol="grouped"):
    """How many points a network scores more than another on the same lesions, with 95 % intervals."""
    rows = {}
    for metric, reading in SCORES.items():
        table = records.compare(run(other, protocol, reading), run(kind, protocol, reading))
        rows[metric] = table[table["dx"] == "all"].set_index("metric").loc[metric, ["difference", "low", "high"]]
    return 100 * pd.DataFrame(rows).T.astype(float)


def points(gain, metric):
    """A gain in words: the points and their interval."""
    return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*gain.loc[metric])


frozen_lead = gains("resnet-frozen", "vgg16-frozen")
last = {seed: gains(f"resnet-last{seed}", f"resnet-frozen{seed}") for seed in ("", ",2019", ",2020")}
tuned = gains("resnet-tuned", "resnet-frozen")

# %%
#| fold: Say it in a sentence
say(
    "**What moved are the running averages of batch normalisation: frozen is not still.** And yes, ours is ahead. With "
    f"nothing but a new head, the ResNet scores {frozen_lead.loc['accuracy', 'difference']:.1f} points more than VGG16 in "
    f"accuracy and {frozen_lead.loc['balanced_accuracy', 'difference']:.1f} in balanced accuracy. Retraining its last "
    "block gained nothing in three trainings. Retraining its last four, on four views of each image, gained "
    f"{tuned.loc['accuracy', 'difference']:.1f} and {tuned.loc['balanced_accuracy', 'difference']:.1f}."
)

# %% [markdown]
# These are scores on real lesions of HAM10000 that the networks had not seen. Accuracy takes the answers as trained;
# balanced accuracy takes them at equal priors, as {{chapter:transfer-vgg16}} explains. It is so on the whole page.
#
# ## Deeper can be worse
#
# Take a network that works and add layers. The new ones need not do anything: if they hand on what they get, the network
# is as good as before. So a deeper network should never have a higher training error. He and colleagues tried it on
# ImageNet ([He et al. 2016](https://doi.org/10.1109/CVPR.2016.90)), with eighteen and with thirty-four layers. Guess
# which was better. Then they let each pair of layers *add* its answer to its input, and tried again.

# %%
#| fold: Draw this figure
#| name: plain-and-residual
#| caption: Validation error on ImageNet, as He et al. 2016 report it in their Table 2: networks of 18 and 34 layers, all
#|   with batch normalisation, without shortcuts (plain) and with them (residual).
#| alt: Two lines from 18 to 34 layers. The plain line rises a little. The residual line starts at about the same height
#|   and falls.
REPORTED = {"plain": {18: 27.94, 34: 28.54}, "residual": {18: 27.88, 34: 25.03}}
tidy = pd.DataFrame(REPORTED).rename_axis("layers").reset_index().melt("layers", var_name="network", value_name="error")
fig, axis = plots.figure(2.6)
TINTS = {"plain": "#D55E00", "residual": "#0072B2"}
sns.lineplot(tidy, x="layers", y="error", hue="network", palette=TINTS, marker="o", legend=False, ax=axis)
for network, errors in REPORTED.items():
    axis.annotate(network, (34, errors[34]), xytext=(8, 0), textcoords="offset points", va="center", color=TINTS[network])
axis.set(xticks=[18, 34], xlim=(14, 42), ylim=(24, 30), xlabel="layers", ylabel="top-1 error, %")
plots.show(fig)

# %% [markdown]
# The deeper plain network is worse, and He and colleagues show that its *training* error is higher, too. So this is not
# overfitting: it is a network that is harder to train. Fading gradients are not the whole story either, for all four
# networks have batch normalisation; the authors leave the reason open.
#
# The remedy is one addition. A **residual block** computes a change and adds it to its input; the way around the change
# is the **shortcut**. To hand on what it gets, such a block only has to learn a change of zero:
#
# $$
# y = \mathrm{ReLU}\big(x + f(x)\big)
# $$
#
# ### Exercise: a block
#
# Write `block(x, change, project)`. `change` and `project` are functions on arrays. Return what a residual block of He
# et al. answers: `change(x)` plus the shortcut, and then ReLU. The shortcut is `x` itself, unless the shape of
# `change(x)` is another one: then it is `project(x)`.

# %% tags=["stub"]
def block(x, change, project):
    # the change, the shortcut that fits it, their sum, ReLU
    ...


# %% tags=["nbval-check-output"]
checks.check("residual-block", block, ham)

# %% tags=["solution"]
def block(x, change, project):
    # the change, the shortcut that fits it, their sum, ReLU
    y = change(x)
    shortcut = x if y.shape == x.shape else project(x)
    return np.maximum(y + shortcut, 0)


checks.check("residual-block", block, ham)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: it is not overfitting</p>
# <p><b>The point.</b> The deeper plain network is worse on its own training images, too. More data or dropout would not
# help.</p>
# <p><b>Expect.</b> "Deeper networks overfit."</p>
# <p><b>Ask.</b> "What would the extra layers have to do for the network to be as good as the shallow one?" (Nothing. And
# doing nothing is hard to learn without a shortcut.)</p>
# <p><b>When late.</b> Show the figure, skip the exercise.</p>
# </div>

# %% [markdown]
# ## A narrow waist
#
# A deep network needs cheap blocks. Those of a ResNet50 have three convolutions: the first makes many channels few, the
# second looks at three by three places, the third makes them many again. How many times fewer weights is that than two
# convolutions of three by three on all 256 channels? Guess, then read the block.

# %%
def convolve(x, channels, kernel):
    x = layers.Conv2D(channels, kernel, padding="same", use_bias=False)(x)
    return layers.BatchNormalization()(x)


def bottleneck(x, waist):
    y = layers.ReLU()(convolve(x, waist, 1))
    y = layers.ReLU()(convolve(y, waist, 3))
    y = convolve(y, x.shape[-1], 1)
    return layers.ReLU()(layers.Add()([x, y]))

# %%
#| fold: Count the weights
x = keras.Input((14, 14, 256))
narrow = keras.Model(x, bottleneck(x, 64))
wide = keras.Model(x, layers.Add()([x, convolve(layers.ReLU()(convolve(x, 256, 3)), 256, 3)]))
kernels = [
    sum(layer.count_params() for layer in block.layers if isinstance(layer, layers.Conv2D)) for block in (narrow, wide)
]
say(
    f"{kernels[0]:,} weights with a waist of 64 channels, {kernels[1]:,} without: **{kernels[1] / kernels[0]:.0f} times "
    "fewer.** So a network can have many such blocks for the same work."
)

# %% [markdown]
# ## Thirteen blocks, and where to cut
#
# The paper does not say how deep its ResNet is. Our records are of the first three **stages** of a ResNet50V2, a
# variant whose blocks normalise first and add last. A stage is a run of blocks that share one size of feature maps; the
# fourth and last stage is left out. The weights are ImageNet's.
#
# The records differ in where the network was cut: what lies before the cut is frozen, what lies behind is retrained.

# %%
#| fold: Draw this figure
#| name: resnet-blocks
#| caption: The recorded network, three stages of ResNet50V2, in the four ways in which it was trained for this book. One
#|   box a block; "in" is its first convolution. A new head is trained behind the last block in all four.
#| alt: Four rows of fourteen boxes in three groups of three, four and six blocks. In the first row all boxes are grey,
#|   frozen; in the second the last one is blue, retrained; in the third the last four; in the fourth all of them.
STAGES = (3, 4, 6)
WAYS = {
    "frozen": run("resnet-frozen"),
    "last block": run("resnet-last"),
    "last four blocks": run("resnet-tuned"),
    "all blocks": run("resnet-whole", "holdout938"),
}
blocks = [(stage, block) for stage, count in enumerate(STAGES, 1) for block in range(1, count + 1)]


def frozen_blocks(recorded):
    """How many of the blocks lie before the cut of a record; None if nothing is frozen."""
    recipe = recorded.facts["hyperparameters"]["recipe"]
    if recipe["frozen"] == "nothing":
        return None
    place = re.fullmatch(r"stage(\d+)_block(\d+)_add", recipe["cut"])
    return blocks.index(tuple(int(number) for number in place.groups())) + 1 if place else len(blocks)


held = {way: frozen_blocks(recorded) for way, recorded in WAYS.items()}
fig, axis = plots.figure(2.4)
for row, count in enumerate(held.values()):
    for place in range(len(blocks) + 1):
        gap = 0 if place == 0 else 0.5 * blocks[place - 1][0]
        colour = "#0072B2" if count is None or place > count else "#BDBDBD"
        axis.barh(row, 0.86, left=place + gap, height=0.66, color=colour)
        if row == 0:
            axis.text(place + gap + 0.43, -0.62, "in" if place == 0 else str(blocks[place - 1][1]), ha="center", fontsize=8)
starts = np.cumsum((1, *STAGES[:-1])) + 0.5 * np.arange(1, 4)
for stage, (begin, count) in enumerate(zip(starts, STAGES, strict=True), 1):
    axis.text(begin + count / 2 - 0.07, -1.15, f"stage {stage}", ha="center", fontsize=9)
axis.set(yticks=range(len(held)), yticklabels=held, ylim=(3.6, -1.5), xticks=[])
axis.spines[:].set_visible(False)
axis.tick_params(length=0)
axis.legend(
    handles=[Patch(color="#BDBDBD", label="frozen"), Patch(color="#0072B2", label="retrained")],
    loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=2, frameon=False,
)  # fmt: skip
plots.show(fig)

# %% [markdown]
# In VGG16 each layer reads the one before it, so you may cut anywhere. With shortcuts you may not: inside a block, two
# arrays of answers are on their way, the shortcut's and the change's. A cut between them would need both.
#
# ### Exercise: where may I cut?
#
# Write `cuts(network)`. `network` is a list of pairs in the order of computing, each a layer's name and the list of
# names of the layers it reads, such as `[("image", []), ("conv", ["image"]), ("add", ["image", "conv"]), ("out",
# ["add"])]`. Return the names after which you may cut, in the order of computing: no later layer reads anything that
# was made before that layer. The input counts; after the last layer there is nothing to cut off. First answer for the
# example by hand.

# %% tags=["stub"]
def cuts(network):
    # number the layers; after each, look at what all later ones read
    ...


# %% tags=["nbval-check-output"]
checks.check("cut-points", cuts, ham)

# %% tags=["solution"]
def cuts(network):
    # number the layers; after each, look at what all later ones read
    place = {name: k for k, (name, _) in enumerate(network)}
    possible = []
    for k, (name, _) in enumerate(network[:-1]):
        read_later = [place[read] for _, reads in network[k + 1 :] for read in reads]
        if min(read_later) >= k:
            possible.append(name)
    return possible


checks.check("cut-points", cuts, ham)

# %% [markdown]
# Now a residual network in your own hands. The box says which, and whether its weights are ImageNet's.

# %%
backbone = networks.backbone(
    "resnet50", "resnet50v2_imagenet_stage3", size=config.sizes.image
)
records.weights_notice(backbone)
frozen, tail = networks.cut(
    backbone.model, networks.boundary(backbone.model)
)

# %% [markdown]
# ## The trap of batch normalisation
#
# **Batch normalisation** subtracts a mean and divides by a spread, channel by channel ([Ioffe and Szegedy
# 2015](https://arxiv.org/abs/1502.03167)). Which mean? In training that of the batch at hand; in use a running average
# that was kept from training. So the layer has two modes, and in training mode the answer to your image depends on
# which other images happen to be in its batch.
#
# Send one image through in two different batches, in both modes. Then send five batches through in training mode, with
# no loss and no optimiser, and look at the answer again. Which of the three will move?

# %%
trial = keras.models.clone_model(frozen)
trial.set_weights(frozen.get_weights())
pixels = data.load_pixels(ham, config)
batch = pixels[:16].astype("float32")


def answer(others, training):
    """What the frozen part says of image 0 beside some others."""
    images = batch[[0, *others]]
    return np.asarray(trial(images, training=training), "float32")[0]


def moved(one, other):
    return np.abs(one - other).mean() / np.abs(other).mean()


SOME, OTHERS = range(1, 8), range(8, 15)
in_use = moved(answer(OTHERS, False), answer(SOME, False))
in_training = moved(answer(OTHERS, True), answer(SOME, True))
before = answer(SOME, False)
for _ in range(5):
    trial(batch, training=True)  # no loss, no gradient, no optimiser
after = moved(answer(SOME, False), before)

# %%
#| fold: Say it in a sentence
how_far = (
    f"by {in_use:.1%} in use, and by {in_training:.0%} in training mode. After five batches in training mode the answer in "
    f"use is another by {after:.0%}."
    if backbone.pretrained
    else "not at all in use, and clearly in training mode. After five batches in training mode the answer in use is "
    "another. (The weights are random here, so how far it moved says nothing.)"
)
say(f"In other company the answer moves {how_far} **No weight was trained.**")

# %% [markdown]
# That is the trap. Weights are held, no gradient flows, and the features drift all the same, because the running
# averages follow the new images. A head that learned on yesterday's features gets others today. And small batches make
# noisy means.
#
# Keras has a rule for it: a batch normalisation with `trainable = False` is always in use mode. So freeze the
# normalisations by name, in the frozen part and in the tail, whose other weights do learn. Then nothing moves:

# %% tags=["nbval-check-output"]
for layer in trial.layers:
    if isinstance(layer, layers.BatchNormalization):
        layer.trainable = False

before = answer(SOME, True)
for _ in range(5):
    trial(batch, training=True)
print("The answer moves:", moved(answer(OTHERS, True), before) > 0.01)

# %% [markdown]
# `networks.classifier`, which puts a head on a tail, does the same to the tail's normalisations.
#
# ### Exercise: fold it in
#
# In use mode a batch normalisation multiplies each channel by a number and adds another. A convolution can do that
# itself: scale the weights of a filter, and its answers are scaled; give it a bias, and that is added. So a convolution
# and the normalisation behind it can be one layer. The normalisation answers
#
# $$
# \gamma\,\frac{x - \text{mean}}{\sqrt{\text{variance} + \varepsilon}} + \beta
# $$
#
# Write `folded(kernel, gamma, beta, mean, variance, epsilon)`. `kernel` is that of a convolution without bias,
# `(height, width, channels, filters)`; the next four are `(filters,)`; `epsilon`, a small number, keeps the root from
# zero. Return the kernel and the bias of the one convolution that does both.

# %% tags=["stub"]
def folded(kernel, gamma, beta, mean, variance, epsilon):
    # the factor of each filter first
    ...


# %% tags=["nbval-check-output"]
checks.check("fold-normalisation", folded, ham)

# %% tags=["solution"]
def folded(kernel, gamma, beta, mean, variance, epsilon):
    # the factor of each filter first
    scale = gamma / np.sqrt(variance + epsilon)
    return kernel * scale, beta - mean * scale


checks.check("fold-normalisation", folded, ham)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: frozen is not still</p>
# <p><b>The point.</b> Freezing weights does not freeze running averages. No error tells you.</p>
# <p><b>Expect.</b> "No gradient, so nothing changes."</p>
# <p><b>Ask.</b> "Why did VGG16 not have this trap?" (It has no batch normalisation.)</p>
# <p><b>When late.</b> The exercise <i>fold it in</i> is for home.</p>
# </div>

# %% [markdown]
# ## VGG16 or ResNet?
#
# All the networks below answered the same lesions. What makes a lesion hard is hard for all of them, so the interval
# that decides is that of the *difference*, lesion by lesion; two intervals that overlap decide nothing. And a network
# that is trained again with another **seed**, another random start and order, comes out a little different. Two of them
# were trained three times. Before you look: where do you expect the last four blocks, left or right of the frozen ones?

# %%
#| fold: Draw this figure
#| name: resnet-gains
#| caption: What each network scores more than the frozen ResNet on the same test lesions, grouped, real HAM10000
#|   (Tschandl et al. 2018). Filled dot and line, value and 95 % interval over lesions; rings, the same training with two
#|   other seeds; the dot at zero is the frozen ResNet itself. VGG16 frozen is compared on all five folds, the others on fold 0.
#| alt: Two panels of five rows, accuracy and balanced accuracy, with a line at zero. The frozen VGG16 lies far to the
#|   left. Rings of the frozen ResNet and of the last block lie around zero. The last four blocks lie right of zero in
#|   both panels, VGG16 with its last block retrained close to zero.
COMPARED = {
    "VGG16, frozen": -frozen_lead[["difference", "high", "low"]].set_axis(["difference", "low", "high"], axis=1),
    "VGG16, last block": gains("vgg16-tuned", "resnet-frozen"),
    "ResNet, frozen, other seeds": None,
    "ResNet, last block": last[""],
    "ResNet, last four blocks": tuned,
}
again = {seed: gains(f"resnet-frozen{seed}", "resnet-frozen") for seed in (",2019", ",2020")}
RINGS = {"ResNet, frozen, other seeds": list(again.values()), "ResNet, last block": [last[",2019"], last[",2020"]]}
fig, axes = plots.figure(2.6, 1, 2, sharey=True)
for axis, metric in zip(axes, SCORES, strict=True):
    axis.axvline(0, color="#444444", linewidth=1)
    table = pd.DataFrame({name: [0, 0, 0] if gain is None else gain.loc[metric] for name, gain in COMPARED.items()})
    plots.intervals(axis, table.T.astype(float), "#0072B2")
    for name, others in RINGS.items():
        row = list(COMPARED).index(name)
        axis.plot([gain.loc[metric, "difference"] for gain in others], [row] * len(others), "o", color="#D55E00",
                  markerfacecolor="white", markersize=6)
    axis.set(title=metric.replace("_", " "), xlabel="points more")
plots.show(fig)

# %%
#| fold: Say it in a sentence
vgg = {"": gains("resnet-tuned", "vgg16-tuned"), "938": gains("resnet-tuned", "vgg16-tuned", "holdout938")}
easy = {kind: gains(f"resnet-{kind}", "resnet-frozen", "holdout938") for kind in ("last", "tuned", "whole")}
one_block = ", ".join(f"{gain.loc['balanced_accuracy', 'difference']:+.1f}" for gain in last.values())
say(
    f"**Frozen, the ResNet's features are the better ones.** Its last block alone, retrained on the images as they are, "
    f"gains nothing: {one_block} points of balanced accuracy in three trainings. **The last four, on four changed views of "
    f"each image, gain {points(tuned, 'accuracy')} in accuracy and {points(tuned, 'balanced_accuracy')} in balanced "
    "accuracy.** The two recipes differ in blocks, views and digits; these records cannot say which of them it was. VGG16 "
    f"gains more by retraining, yet the ResNet stays ahead by {points(vgg[''], 'balanced_accuracy')} points of balanced "
    f"accuracy; in accuracy, {points(vgg[''], 'accuracy')}, chance is not excluded."
)

# %% [markdown]
# Seeds and lesions are two kinds of luck. The interval knows about the lesions; the rings show the seed. A lead of a
# point between two networks that were trained once each may be the seed's, and the last four blocks were trained once,
# on one fold.
#
# What of all blocks? That network was tested on the inferred test set of the paper only
# ({{chapter:the-papers-test-set}}), as ten epochs of it take the whole network at each step.

# %%
#| fold: Say it in a sentence
say(
    f"On those {len(run('resnet-whole', 'holdout938').predictions)} images, all blocks score "
    f"{points(easy['whole'], 'accuracy')} points more than none in accuracy, and {points(easy['whole'], 'balanced_accuracy')} "
    f"in balanced accuracy; four blocks {points(easy['tuned'], 'accuracy')} and "
    f"{points(easy['tuned'], 'balanced_accuracy')}. **On a small test set that is mostly nevi, none of this can be told "
    "from chance.** Nor can VGG16 and ResNet, both retrained: "
    f"{points(vgg['938'], 'accuracy')} and {points(vgg['938'], 'balanced_accuracy')}."
)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: two kinds of luck</p>
# <p><b>The point.</b> The interval that decides is that of the difference; and it does not know about the seed.</p>
# <p><b>Expect.</b> "The dot is further right, so it is better", and just as often "the bars overlap, so there is no
# difference".</p>
# <p><b>Ask.</b> "What would you train next, if you had one day of a GPU?" (The last four blocks again: other seeds, the
# other folds.)</p>
# <p><b>When late.</b> Show the figure, read the bold sentences, and go on.</p>
# </div>

# %% [markdown]
# ## And the melanomas?
#
# Balanced accuracy counts seven diagnoses alike. A clinic asks about one: of the melanomas, how many are flagged, if
# nine in ten other lesions are to be left alone? Each network gets its own threshold, chosen on validation lesions.

# %%
#| fold: Draw this figure
#| name: resnet-roc
#| caption: ROC curves for melanoma on the test lesions of grouped fold 0, real HAM10000 (Tschandl et al. 2018), answers as
#|   trained. Dots, the threshold that leaves nine in ten other validation lesions below it, applied to the test lesions.
#| alt: Four curves above the diagonal. That of the ResNet with four retrained blocks lies highest, that of its last block
#|   and of the frozen one below, close to the retrained VGG16. A dot stands on each near its left end.
NETWORKS = {
    "VGG16, last block": ("vgg16-tuned", "#E69F00"),
    "ResNet, frozen": ("resnet-frozen", "#9A9A9A"),
    "ResNet, last block": ("resnet-last", "#0072B2"),
    "ResNet, last four blocks": ("resnet-tuned", "#D55E00"),
}
fig, axis = plots.figure(3.8)
areas = {}
for label, (kind, colour) in NETWORKS.items():
    tested = run(kind).predictions.query("fold == 0")
    checked = run(kind).validation.query("fold == 0")
    is_mel = tested["true"] == "mel"
    areas[kind] = roc_auc_score(is_mel, tested["mel"])
    axis.plot(*roc_curve(is_mel, tested["mel"])[:2], color=colour, label=f"{label}: area {areas[kind]:.2f}")
    flagged = tested["mel"] > np.quantile(checked["mel"][checked["true"] != "mel"], 0.9)
    axis.plot(flagged[~is_mel].mean(), flagged[is_mel].mean(), "o", color=colour)
axis.plot([0, 1], [0, 1], color="#444444", linestyle="--", linewidth=1)
axis.set(xlabel="1 − specificity", ylabel="sensitivity", aspect="equal")
axis.legend(loc="lower right", fontsize=8)
plots.show(fig)

# %%
#| fold: Say it in a sentence
best = run("resnet-tuned")
hit, reached = best.metric("sensitivity_at_specificity_90", "mel"), best.metric("specificity_reached_90", "mel")
every = run("resnet-frozen").metric("sensitivity_at_specificity_90", "mel")
say(
    f"With four blocks retrained the network flags {hit['value']:.0%} of the melanomas [{hit['low']:.0%}, {hit['high']:.0%}] "
    f"at a specificity of {reached['value']:.0%}; the frozen one, over all five folds, {every['value']:.0%} "
    f"[{every['low']:.0%}, {every['high']:.0%}]. **Even the best leaves more than a quarter of them unflagged.**"
)

# %% [markdown]
# That threshold spares most people a needless excision, and misses melanomas for it. Which of the two weighs more is no
# question of networks. {{chapter:against-the-paper}} shows our ResNet's confusion matrix on the paper's test set, beside
# what the paper prints.
#
# ## A record of your own
#
# The cell below trains by one of the recipes above and leaves a run record in your own folder; the later chapters show
# it beside the book's. Without a GPU it is a rehearsal, and its record is marked as one. On Colab with a GPU,
# `SKIN_TIER=full` takes a whole ResNet50 and images of 224 pixels, and `recipe = "resnet-whole"` retrains all its
# blocks: two records that this book does not have yet.

# %%
recipe = "resnet-tuned"  # or "resnet-last", "resnet-whole"

# %% tags=["remove-output"]
#| fold: Train by the recipe and keep the record
chosen = networks.RECIPES[recipe]
if recipe == "resnet-tuned" and config.sizes.repeats == 1:  # the quick tier: the plain view alone
    chosen = replace(chosen, views=1, augmentation=None)
split = splits.grouped(ham.table, fold=0, seed=config.seed)
mine = networks.train(chosen, ham, config, split)
height, width = config.sizes.image
path = networks.save_record(
    f"{recipe}-grouped-{width}x{height}-{config.tier}", [mine], ham, config,
    resamples=200, notes="Trained by the notebook transfer-resnet.",
)
print(records.load_run(path))

# %% tags=["assertion"]
assert in_use < 0.01 < min(in_training, after), "the batch matters in training mode, and leaves its mark"
assert round(kernels[1] / kernels[0]) == 17
network = networks.classifier(tail)
assert not any(layer.trainable for layer in tail.layers if isinstance(layer, layers.BatchNormalization))
names = [re.findall(r"^conv([234])_block(\d)_out|^stage(\d)_block(\d)_add", layer.name) for layer in backbone.model.layers]
assert sum(map(len, names)) == len(blocks), "three stages of these blocks"
assert held == {"frozen": 13, "last block": 12, "last four blocks": 9, "all blocks": None}
assert all(recorded.facts["model"].startswith("ResNet50V2 (stages 1-3)") for recorded in WAYS.values())
assert mine.facts["recipe"]["frozen"] == chosen.frozen

# %% tags=["assertion"]
assert (frozen_lead["low"] > 0).all(), "frozen, the ResNet is ahead, over all folds"
for seed, gain in last.items():
    assert (gain["low"] < 0).all(), f"one block gains nothing that can be told from none, seed {seed or '2018'}"
    assert gain.loc["balanced_accuracy", "difference"] < 0
assert (tuned["low"] > 0).all(), "four blocks on four views do"
assert vgg[""].loc["balanced_accuracy", "low"] > 0 > vgg[""].loc["accuracy", "low"]
for gain in (easy["tuned"], easy["whole"], vgg["938"]):
    assert ((gain["low"] < 0) & (gain["high"] > 0)).all(), "not on the small test set"
assert (gains("vgg16-tuned", "vgg16-frozen")["difference"] > tuned["difference"]).all(), "VGG16 gains more"
spread = max(abs(gain["difference"]).max() for gain in again.values())
assert 1 < spread < 2, "the seed's point"
assert max(areas, key=areas.get) == "resnet-tuned" and hit["value"] < 0.75

# %% [markdown]
# ## Quiz

# %% tags=["nbval-check-output"]
checks.quiz("transfer-resnet")

# %% [markdown]
# ## Key points
#
# - A deeper plain network can be worse on its own training images. A shortcut lets a block do nothing unless it has
#   something to add.
# - Cut a network with shortcuts between blocks, never within.
# - Frozen is not still: `trainable = False` on the convolutions leaves the running averages of batch normalisation free.
#   Set it on those layers.
# - Here a ResNet's frozen features beat VGG16's; retraining paid with four blocks on four views, and not with one block.
# - Compare two networks lesion by lesion, and ask what another seed would give.
#
# **What comes next.** You have trained one network of each kind that the paper trained. {{chapter:against-the-paper}}
# puts it all on one page, beside what is printed.
#
# Data: [Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161), CC BY-NC 4.0; more on the [data
# card](../book/data-card.md). Not a medical device.

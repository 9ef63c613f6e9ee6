# %% [markdown]
# # A CNN from scratch
#
# *A network of a dozen layers is trained on thousands of lesions, and scores below the rule that looks at none. What
# does such a network see, and what did this one miss?*
#
# At the end of this chapter you can
#
# - compute a convolution and a pooling by hand, and say what a layer's output size will be;
# - rebuild a network from a printed table, and find the lines that cannot be right;
# - weigh a loss by class, and say what that asks of the network;
# - train with augmentation, dropout and class weights, and read a learning curve;
# - compare a network with its floor, and with models that have no layers at all.
#
# | | minutes |
# |---|---:|
# | to read | 35 |
# | to run, on a laptop without a GPU | 2 |
# | to do the three exercises | 40 |
#
# You need {{chapter:split-without-leaking}} for the splits, {{chapter:preprocess-and-augment}} for augmentation, and
# {{chapter:classical-baselines}} for the models to beat. New words are in the [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %%
#| fold: Set-up
import textwrap
from itertools import product

import keras
import numpy as np
import pandas as pd
from IPython.display import Markdown, display
from keras import layers
from scipy.ndimage import correlate

from helpers import checks, data, networks, plots, records, splits, start
from helpers.ham10000 import CLASSES

# %%
networks.use_precision()  # on a GPU it computes with fewer digits, which is faster
config, ham = start("cnn-from-scratch")
keras.utils.set_random_seed(config.seed)

# %% [markdown]
# ## A network below the floor
#
# The paper's own network was scored on a test set whose size and counts {{chapter:split-without-leaking}} infers from
# the printed tables. On such images a rule that says "nevus" to everything has an accuracy, too. Print both.

# %% tags=["nbval-check-output"]
# Garg, Maheshwari, Shukla, arXiv:1912.03798, Tables 3 and 4.
# The supports are those that Chapter {{number:split-without-leaking}} infers.
SUPPORT = pd.Series([26, 30, 75, 6, 39, 751, 11], CLASSES)
TABLE_3 = pd.DataFrame(
    {
        "precision": [0.27, 0.45, 1.00, 0.08, 0.21, 0.95, 0.67],
        "recall": [0.62, 0.73, 0.09, 0.67, 0.59, 0.82, 0.73],
    },
    CLASSES,
)
right = (TABLE_3["recall"] * SUPPORT).sum() / SUPPORT.sum()
print(f"accuracy of the paper's CNN, from its recalls: {right:.3f}; as printed: 0.74")
print(f"always nv, on the same {SUPPORT.sum()} images:             {SUPPORT['nv'] / SUPPORT.sum():.3f}")
balanced = TABLE_3["recall"].mean()
print(f"balanced accuracy, the mean of its recalls:    {balanced:.3f}; always nv: {1 / 7:.3f}")

# %% [markdown]
# By accuracy the network is worse than the rule. By balanced accuracy it is far better. You know from Chapter
# {{number:classical-baselines}} why both can be true. What remains is the network itself: what is it, and could it do
# better?
#
# A **neural network** is a chain of **layers**: each turns the numbers that it gets into others, many of them by weights
# that training sets. If most of those weighing layers are convolutions, it is a **convolutional neural network**, a
# **CNN**.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: two scores, one network</p>
# <p><b>The point.</b> The puzzle of Chapter {{number:classical-baselines}} again, now with a network: a score without
# its floor says little.</p>
# <p><b>Expect.</b> "Deep learning must be better than trees." Nothing on this page promises that.</p>
# <p><b>Ask.</b> "Which of the two numbers would the authors have printed, had they known both?"</p>
# <p><b>When late.</b> Show the three lines and go on.</p>
# </div>

# %% [markdown]
# ## A convolution, by hand
#
# A **convolution** slides a small table of weights, the **kernel**, over an image. At each place it multiplies what it
# covers with its weights and adds up. A kernel of three by three that subtracts the left from the right answers
# strongly where brightness changes from left to right: at an edge.
#
# An image has three **channels**, red, green and blue. A kernel has such a table for each of them, and adds up over
# all; a **bias**, one number more, is added to every answer. What a kernel answers, place by place, is a new channel,
# and the next layer's kernels reach through all of those.
#
# Below, three kernels that a person wrote, on one channel. A network is given none: it starts with random weights, and
# training changes them.

# %%
#| fold: Draw this figure
#| name: edges
#| caption: One lesion, and the answers of three kernels of three by three weights to its brightness. White, a strong
#|   positive answer; black, a strong negative one; grey, none.
#| alt: Four pictures in a row. First a lesion in colour. Then three grey ones. In two of them its border stands out on
#|   opposite sides, left and right in one, top and bottom in the other. In the last, fine structure stands out.
pixels = data.load_pixels(ham, config)
place = int(np.flatnonzero(ham.table["dx"] == "mel")[0])
lesion = pixels[place]
grey = lesion.mean(axis=2)
KERNELS = {
    "left to right": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "top to bottom": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "centre against around": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
}


def as_picture(answer):
    """Grey where the answer is zero, black and white at its extremes."""
    limit = np.percentile(np.abs(answer), 99) or 1
    shade = np.clip(127 + 127 * answer / limit, 0, 255).astype(np.uint8)
    return np.repeat(shade[..., None], 3, axis=2)


# What networks call a convolution.  The edges are mirrored here, so that the picture keeps its size.
answers = [correlate(grey, np.array(kernel)) for kernel in KERNELS.values()]
fig = plots.gallery([[lesion, *map(as_picture, answers)]], ["mel"], titles=["the image", *KERNELS])
plots.show(fig, photo=True)

# %% [markdown]
# Three properties make this useful. The same few weights serve the whole image, so there is far less to learn than if
# each place had its own. If the lesion moves, its answers move with it, and nothing else changes. And a convolution of
# answers sees a larger patch of the image than the first one did, so layers on layers can see shapes.
#
# Two small operations stand between convolutions. **ReLU** replaces negative answers by zero. **Max-pooling** keeps the
# largest of each two by two answers, so that the picture becomes half as high and half as wide.

# %% tags=["nbval-check-output"]
answer = np.array([[3, -1, 2, 0], [0, 5, -4, 1], [-2, 2, 0, 0], [1, 0, -3, 7]])
rectified = np.maximum(answer, 0)
pooled = rectified.reshape(2, 2, 2, 2).max(axis=(1, 3))
print("answers\n", answer, "\nafter ReLU\n", rectified, "\nafter max-pooling\n", pooled, sep="")

# %% [markdown]
# A kernel of *k* weights a side fits into a row of *n* pixels *n - k + 1* times, if nothing is added around the image
# (such a frame of zeros is called padding, and this network has none). A pool of *k* takes windows that do not overlap,
# and drops what is left over: a pool of two halves the side and rounds down.
#
# ### Exercise: how large is what comes out?
#
# Write `output_size(size, steps)`. `size` is the side of a square image in pixels. `steps` is a list of pairs such as
# `("conv", 3)` and `("pool", 2)`. Return the side after the last step. If at some step nothing is left, return 0.

# %% tags=["stub"]
def output_size(size, steps):
    ...


# %% tags=["nbval-check-output"]
checks.check("output-size", output_size, ham)

# %% tags=["solution"]
def output_size(size, steps):
    for kind, width in steps:
        size = size - width + 1 if kind == "conv" else size // width
        if size < 1:
            return 0
    return size


checks.check("output-size", output_size, ham)

# %% [markdown]
# ## Table 1, walked
#
# Here are the first twelve lines of the network as the paper prints it ([Garg et al.
# 2019](https://arxiv.org/abs/1912.03798), Table 1): each layer and the side of what it gives. (After them come a global
# pooling, a dense layer of 4,096 units, dropout and five outputs.) Walk along, and mark each size that cannot follow
# from the one before.

# %% tags=["nbval-check-output"]
PRINTED = [
    ("conv", 3, 510), ("relu", 1, 510), ("conv", 3, 508), ("relu", 1, 252),
    ("conv", 3, 506), ("relu", 1, 506), ("pool", 2, 253), ("conv", 3, 251),
    ("relu", 1, 251), ("conv", 3, 57), ("relu", 1, 57), ("conv", 5, 53),
]  # fmt: skip
side = 512
for number, (kind, width, printed) in enumerate(PRINTED, 1):
    expected = {"conv": side - width + 1, "pool": side // width, "relu": side}[kind]
    note = "" if printed == expected else f"   <- {expected} follows from {side}"
    print(f"{number:>2}  {kind} {width}   printed {printed}{note}")
    # Go on from what is printed; but a ReLU changes no size, whatever is printed.
    side = expected if kind == "relu" else printed

# %% [markdown]
# Two lines do not follow. The ReLU of line 4 cannot change a size: a misprint, since the next line goes on from the
# size before it. And before line 10 rows are missing: no single convolution leads from one size to the other. Which
# rows? Let the computer try all short sequences of convolutions of three and pools of two.

# %% tags=["nbval-check-output"]
fitting = []
for count in range(1, 8):
    for kinds in product(("conv", "pool"), repeat=count):
        side = 251
        for kind in kinds:
            side = side - 2 if kind == "conv" else side // 2
        if side == 59 and "pool pool" not in " ".join(kinds):  # line 10 then gives 57
            fitting.append(" ".join(kinds))
print(f"{len(fitting)} sequences of at most 7 layers lead from 251 to 59; no pool follows a pool. For instance:")
for sequence in fitting[:4]:
    print("  ", sequence)

PATTERN = "conv conv pool conv conv pool"
print(f"The one this book takes, {PATTERN!r}, is among them: {PATTERN in fitting}")

# %% [markdown]
# So Table 1 cannot be rebuilt with certainty. Several networks have its printed sizes. This book takes the one whose
# second block looks like the printed first one, three convolutions and a pool (the third block has two convolutions: no
# more fit). Of the channels the table prints 64 at a side of 251 and 256 at 57; 128 stand between. Two more things it
# does not say, and we chose: the global pooling is an average, and the dropout stands before the last layer. So this
# book calls its network what it is: a **reconstruction**.
#
# ## The reconstruction, layer by layer
#
# Each `add` puts one layer on top. Nothing here is hidden: this is the network. A **dense** layer, near its end, has
# **units**, each of which weighs all numbers that come in and adds them up. **Dropout** sets a random half of the
# units' answers to zero in each training step, and doubles the rest: what cannot rely on one unit is harder to learn by
# heart.

# %% tags=["nbval-check-output"]
size = config.sizes.image
cnn = keras.Sequential([keras.Input((*size, 3)), layers.Rescaling(1 / 255)], name="paper_cnn")
for channels, convolutions in ((32, 3), (64, 3), (128, 2)):
    for _ in range(convolutions):
        cnn.add(layers.Conv2D(channels, 3))
        cnn.add(layers.ReLU())
    cnn.add(layers.MaxPooling2D(2))
for kernel in (3, 5):
    cnn.add(layers.Conv2D(256, kernel))
    cnn.add(layers.ReLU())
cnn.add(layers.GlobalAveragePooling2D())  # the mean of each channel: any input size ends as 256 numbers
cnn.add(layers.Dense(4096, activation="relu"))
cnn.add(layers.Dropout(0.5))
cnn.add(layers.Dense(len(CLASSES), activation="softmax", dtype="float32"))  # probabilities keep all their digits

whole = networks.paper_cnn((512, 512))  # the same network, from the course's helpers, at the paper's size
sides = [layer.output.shape[1] for layer in whole.layers if isinstance(layer, layers.Conv2D | layers.MaxPooling2D)]
print("sides at 512:", *sides)
print("every printed side is there:", {side for _, _, side in PRINTED if side != 252} <= set(sides))
print(f"weights: {whole.count_params():,} at 512 pixels, {cnn.count_params():,} at {size[0]}")
try:
    networks.paper_cnn((89, 89))
except ValueError as error:
    print("at 89 pixels:", error)

# %% [markdown]
# The number of weights does not depend on the image size: a kernel is as large on a large image, and the global average
# hands the dense layer one number a channel, whatever the size. The work does depend on it. And the pattern needs a
# certain size, or its last kernel does not fit any more.
#
# One line of Table 1 is changed on purpose, its last. The paper ends in five outputs with a sigmoid each. There are
# seven diagnoses, so five outputs cannot name them. And separate **sigmoids**, each of which squeezes one number
# between zero and one, need not sum to one, although the loss that the paper names, categorical cross-entropy, takes
# them for the probabilities of one answer. A **softmax** over seven outputs is what that loss expects.

# %% tags=["nbval-check-output"]
raw = np.array([2.0, 0.5, -1.0, 1.0, 0.0, 3.0, -2.0])
sigmoid, softmax = 1 / (1 + np.exp(-raw)), np.exp(raw) / np.exp(raw).sum()
print(f"seven sigmoids sum to {sigmoid.sum():.2f}, one softmax to {softmax.sum():.2f}")

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: a table is not a network</p>
# <p><b>The point.</b> A paper's table can be checked with subtraction. Two of its lines fail, and one gap has several
# fillings.</p>
# <p><b>Expect.</b> "So the paper is wrong." A misprint is a misprint; what is lost is that nobody can rebuild it.</p>
# <p><b>Ask.</b> "What would have made this section unnecessary?" (The code, or one printed summary.)</p>
# <p><b>When late.</b> Skip the search; say how many sequences it finds.</p>
# </div>

# %% [markdown]
# ### Exercise: how many weights?
#
# Write `weights(channels, kernel, filters)`: the number of trainable numbers of a convolution with `filters` kernels of
# `kernel` by `kernel` on an input of `channels` channels, one bias for each kernel included.

# %% tags=["stub"]
def weights(channels, kernel, filters):
    ...


# %% tags=["nbval-check-output"]
checks.check("number-of-weights", weights, ham)

# %% tags=["solution"]
def weights(channels, kernel, filters):
    return (kernel * kernel * channels + 1) * filters


checks.check("number-of-weights", weights, ham)

# %% [markdown]
# ## A loss that counts diagnoses alike
#
# How wrong a network is on the training images is one number, its **loss**; training lowers it. For each image the
# **cross-entropy** is minus the logarithm of the probability that the network gave to the true class: near zero if it
# was sure and right, large if it was sure and wrong. The loss is the mean over images, and most images are nevi.
# **Class weights** multiply each image's part by a number that is large for rare classes.
# {{chapter:preprocess-and-augment}} made them; here they enter the loss.
#
# ### Exercise: the weighted loss
#
# Write `weighted_loss(prob, codes, class_weight)`. `prob` is `(n, 7)`, `codes` holds the true class codes, and
# `class_weight` is a dict from class code to weight. Return what Keras computes: the sum of the weighted
# cross-entropies divided by the number of images.

# %% tags=["stub"]
def weighted_loss(prob, codes, class_weight):
    ...


# %% tags=["nbval-check-output"]
checks.check("weighted-loss", weighted_loss, ham)

# %% tags=["solution"]
def weighted_loss(prob, codes, class_weight):
    chosen = prob[np.arange(len(codes)), codes]
    each = np.array([class_weight[code] for code in codes])
    return (each * -np.log(chosen)).mean()


checks.check("weighted-loss", weighted_loss, ham)

# %% [markdown]
# ## Training
#
# The network looks at a **batch** of 32 images. From their loss Keras works out the **gradient**: for each weight,
# which way and how fast the loss would change with it. The optimizer, here Adam, moves every weight a small step in the
# direction that lowers the loss; the **learning rate** sets how small. Then comes the next batch. When all training
# images have been seen once, an **epoch** is over.
#
# Everything the network learns comes from the training rows. The validation rows, other lesions, choose when to stop
# and when to take smaller steps. The test rows choose nothing: they are asked once, at the end.
#
# `networks.fit` is the one loop of this course. After each epoch it looks at the validation loss, keeps the best
# weights, and lowers the learning rate when nothing improves. (To train anew, run the page from the top: this cell, run
# twice, would go on from the weights that it has.)

# %%
split = splits.grouped(ham.table, fold=0, seed=config.seed)
rows = config.training_rows(split)  # in the quick tier, a few of them
labels = pd.Categorical(ham.table["dx"], categories=list(CLASSES))
codes = labels.codes.astype("int64")


def training(epoch):
    return networks.training_batches(
        pixels, codes, rows, seed=config.seed, epoch=epoch,
        augmentation=networks.Augmentation(),
    )


fitted = networks.fit(
    cnn,
    training,
    networks.batches(pixels, codes, split.validation),
    epochs=config.sizes.epochs,
    seed=config.seed + 1,  # as in the course's recipes
    learning_rate=3e-4,
    class_weight=networks.class_weights(codes[rows]),
)
print(f"{len(rows):,} images; the loss, epoch by epoch:",
      *fitted.history["loss"].round(2))

# %% [markdown]
# In the quick tier this is a rehearsal of a few epochs on a few images: it shows that everything runs, and nothing
# about the network. (One that knows nothing has a loss of about two, the logarithm of seven.) Here is the same network
# as the book's record keeps it, trained on all training lesions of that fold.

# %%
#| fold: Draw this figure
#| name: cnn-curves
#| caption: Learning curves of the paper's CNN, as printed, trained on all training lesions of grouped fold 0, real
#|   HAM10000 (Tschandl et al. 2018). Left, the loss of training and validation images; right, balanced accuracy of the
#|   validation images; dashed, its floor. Vertical line, the epoch that is kept.
#| alt: Two small panels over the epochs. Left, two lines of loss that fall and flatten. Right, a line that rises from the
#|   dashed floor to about twice its height and more, and flattens.
printed = records.load_run("cnn-paper-grouped-96x96")
fig, axes = plots.figure(2.6, 1, 2)
plots.learning_curves(axes, printed.history, printed.facts["hyperparameters"]["best_epoch"])
plots.show(fig)

# %%
#| fold: Say it in a sentence
best = printed.history["validation_balanced_accuracy"].max()
display(Markdown(
    f"Balanced accuracy on the validation lesions reaches {best:.2f}, where its floor is {1 / len(CLASSES):.2f}. "
    f"The network learns, slowly: {len(printed.history)} epochs of {printed.facts['hyperparameters']['training_images']:,} "
    "images."
))

# %% [markdown]
# The paper names three remedies: class weights against imbalance; dropout and augmentation against memorising. You have
# just trained with all three. `networks.train` does what you did, from a **recipe**; above the quick tier it also
# writes a checkpoint after each epoch, so that an interrupted run resumes as if nothing had happened. To take one remedy
# out, change the recipe: `replace(networks.RECIPES["cnn-paper"], weighted=False)`.
#
# The paper also stored copies of rare images until the classes were equal, *and* used class weights. If those were
# computed from the counts before copying, that corrects the imbalance twice, as {{chapter:preprocess-and-augment}}
# shows; the paper does not say.
#
# ## Two changes that a practitioner would make
#
# **Batch normalisation** ([Ioffe and Szegedy 2015](https://arxiv.org/abs/1502.03167)) stands between a convolution and
# its ReLU. In training it brings each channel to mean zero and spread one over all places of all images of the batch,
# then multiplies by one learned number and adds another; in use it takes averages that it kept from training instead of
# the batch's. What that does to ten convolutions in a row can be seen before any training.

# %%
answers_of = {}
for name, options in {"as printed": {}, "batch-normalised": {"batch_norm": True}}.items():
    untrained = networks.paper_cnn(size, **options)
    inside = keras.Model(untrained.input, [layer.output for layer in untrained.layers if isinstance(layer, layers.ReLU)])
    found = [np.asarray(answer, "float64") for answer in inside(pixels[:16].astype("float32"), training=True)]
    typical = np.sqrt([np.mean(answer**2) for answer in found])  # root mean square
    spread = np.sqrt([np.mean(answer.var(axis=0)) for answer in found]) / typical  # between images, relative
    answers_of[name] = pd.DataFrame({"size": typical, "difference": spread})
    print(f"{name}: size of each layer's answers, and how far images differ in them")
    print("   size", *(f"{value:.3f}" for value in typical))
    print("   diff", *(f"{value:5.0%}" for value in spread))
    dense = sum(layer.count_params() for layer in untrained.layers if getattr(layer, "units", None) == 4096)
    print(f"   {dense:,} of {untrained.count_params():,} weights are in the dense layer of 4,096 units")

# %% [markdown]
# Without it the answers shrink from layer to layer. (Keras's usual random start was not made for ReLU, which halves
# what passes. A larger start, [He et al. 2015](https://arxiv.org/abs/1502.01852), is another remedy; it is not tried
# here.) At the last convolution a small part of their size is left, and the seven outputs hang on numbers near zero.
# And at every depth most of an answer is common to all images: what tells one lesion from another is the smaller part.
# Batch normalisation, as it works in training, takes away each channel's mean, and with it most of what is common, and
# brings the rest back to one size.
#
# The dense layer of 4,096 units is the other candidate. It holds a large share of the weights, though it comes after
# the last convolution, when nothing new can be seen; the second change leaves it out. With the two go a smaller dropout
# and a larger learning rate (`recipes.py` has both); in the ablation all four networks have these.
#
# Which of the two matters? That takes an **ablation**: each change alone, and both, all else the same.

# %%
#| fold: Draw this figure
#| name: ablation
#| caption: Balanced accuracy on the validation lesions of fold 0, real HAM10000 (Tschandl et al. 2018), of the layers of
#|   the paper's CNN as they are, with each of two changes, and with both. Dot, mean over the repetitions; line, lowest to
#|   highest; of one repetition there is only the dot. Dashed, the floor.
#| alt: Four dots, one a variant of the network, and a dashed vertical line at one seventh. Two dots stand on it, the two
#|   with batch normalisation far to its right.
experiment, results = records.load_experiment("cnn-ablation")
by_arm = results[results["metric"] == "balanced_accuracy"].groupby("arm", sort=False)["value"]
table = by_arm.agg(["mean", "min", "max"])
print(textwrap.fill(experiment["notes"], 76))
for arm, one in by_arm:
    print(f"{arm:<12}", ", ".join(f"{value:.3f}" for value in one))  # one a repetition
fig, axis = plots.figure(2.2)
plots.intervals(axis, table, "#0072B2")
axis.axvline(1 / len(CLASSES), color="#1A1A1A", linestyle="--", linewidth=1)
axis.set(xlabel="balanced accuracy, validation", xlim=(0, 0.7))
plots.show(fig)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: what is an ablation?</p>
# <p><b>The point.</b> Change one thing, keep the rest, repeat. Otherwise you do not know what helped.</p>
# <p><b>Expect.</b> "Both together must be best." So few repetitions cannot say.</p>
# <p><b>Ask.</b> "Why is this scored on validation lesions?" (The test lesions choose nothing, not even a layer.)</p>
# <p><b>When late.</b> Show the figure, read the printed note aloud.</p>
# </div>

# %% [markdown]
# A short training, repeated so few times as the note says, shows which change is large; it says nothing about small
# differences.
#
# Batch normalisation is the large one. Without it, with a wide head or a narrow one, the network has not left the floor:
# it gives all lesions one answer. That holds for this learning rate and for so few steps. At the lower rate of the
# recipe `cnn-paper`, and with many more steps, the network as printed does learn: its record is below. What the head
# does can only be seen in the two arms that learned. There the narrow head was ahead in each of the three repetitions.
# A coin falls three times on the same side in one of four tries: it takes more than these to be sure.
#
# ## The records: on all real images
#
# Networks trained with all training lesions, on two processor cores and at a small image size, leave records; each
# stands below under its protocol, beside the floor of its own test images, and beside the support vector machines of
# {{chapter:classical-baselines}}. What has not been measured yet is named under the figure. 512 pixels a side, as the
# paper has it, need a GPU: set `SKIN_TIER=full` on Colab, and "A record of your own", below, writes your record.

# %%
#| fold: Draw this figure
#| name: cnn-records
#| caption: The paper's CNN on the real HAM10000 (Tschandl et al. 2018), beside support vector machines on handcrafted
#|   features: every record with its 95 % interval over lesions; black tick, the floor of that test set. Paper, the
#|   layers as printed; improved, with both changes; cosine, with another schedule of the learning rate, too (a later
#|   section); restored, the same network, its answers shifted to the training images' mix of classes (below); on-test,
#|   the epoch chosen on the test images, a mistake that Chapter {{number:where-could-90-come-from}} measures. Compare a
#|   dot with its own tick, and rows of one protocol with each other; under grouped the networks were tested on fold 0,
#|   the machines on all five folds.
#| alt: Two panels, accuracy on the left, balanced accuracy on the right, with one row a record. Each row has a dot with
#|   a line, and a black tick for its floor. In accuracy the networks with class weights lie left of their ticks, the
#|   restored ones and the machines right of them. In balanced accuracy all lie right of their ticks, and under each
#|   protocol the machines lie furthest right.
SHOWN = ("cnn-", "classical-grouped-handcrafted-svm", "classical-holdout938-handcrafted-svm")
KEPT = [run for run in records.load_runs() if run.name.startswith(SHOWN) and run.comparable]
KEPT.sort(key=lambda run: (run.facts["protocol"], run.name))
tints = {"grouped": "#0072B2", "image8020": "#E69F00", "holdout938": "#009E73"}
fig, axes = plots.figure(1 + 0.33 * len(KEPT), 1, 2)
for axis, metric in zip(axes, ("accuracy", "balanced_accuracy")):
    found = {run.name: run.metric(metric)[["value", "low", "high", "floor"]] for run in KEPT}
    found = pd.DataFrame(found).T.astype(float)
    colours = {run.name: tints[run.facts["protocol"]] for run in KEPT}
    plots.intervals(axis, found, colours, above=True)
    axis.set_title(metric.replace("_", " "))
plots.show(fig)
for run in KEPT:
    print(f"{run.name}\n   {run.origin}; {run.facts['protocol']}, folds {run.facts['folds']}; {run.facts['device']}")
    for metric in ("accuracy", "balanced_accuracy"):
        print("   {} {:.3f} [{:.3f}, {:.3f}], floor {:.3f}".format(
            metric.replace("_", " "), *run.metric(metric)[["value", "low", "high", "floor"]]))
    for mark in run.marks:
        print(textwrap.fill(mark, 76, initial_indent="   ", subsequent_indent="   "))
for kind, protocol in product(("cnn-paper", "cnn-improved", "cnn-cosine"), ("grouped", "holdout938")):
    if not any(run.name.startswith(f"{kind}-{protocol}") and run.origin == "the book" for run in KEPT):
        print(f"{kind} under {protocol}: not measured yet")

# %%
#| fold: Draw this figure
#| name: cnn-confusion
#| caption: Confusion matrix of the paper's CNN with both changes, batch-normalised and without the dense layer of 4,096
#|   units, as we trained it, on 938 test images drawn as Chapter {{number:split-without-leaking}} infers that the paper
#|   drew its own. Rows are true, columns are answers.
#| alt: A table of counts with one row and one column a diagnosis, shaded by share of the row.
BY_NAME = {run.name: run for run in KEPT}
ours, restored = (BY_NAME[f"cnn-improved-holdout938-96x96{end}"] for end in ("", "-restored"))
true, said = ours.predictions["true"], ours.answers
matrix = pd.crosstab(pd.Categorical(true, CLASSES), pd.Categorical(said, CLASSES), dropna=False)
fig, axis = plots.figure(2.9)
plots.heatmap(axis, matrix)
axis.set_ylabel("true")
plots.show(fig)
print(f"{ours.name}, {matrix.to_numpy().sum():,} images:\n   {ours.facts['model']}")
scores = pd.DataFrame({"recall, paper": TABLE_3["recall"], "precision, paper": TABLE_3["precision"]})
scores["recall, here"] = np.diag(matrix) / matrix.sum(axis=1)
scores["precision, here"] = np.diag(matrix) / matrix.sum(axis=0).clip(lower=1)
print(scores.round(2).to_string())
missed = matrix.loc["mel"].drop("mel").sort_values(ascending=False)
print(f"melanomas found: {matrix.loc['mel', 'mel']} of {matrix.loc['mel'].sum()}; the others called",
      ", ".join(f"{dx} {count}" for dx, count in missed.items() if count))
print(f"nevi called melanoma: {matrix.loc['nv', 'mel']}")

# %% [markdown]
# What did it miss, then? Ours finds about a third of the melanomas; most of those that it misses it calls `bkl` or
# `akiec`, few of them nevi. It pays for those that it finds: of its answers "melanoma" one in seven is right. The
# paper's network found more of the melanomas, and hardly any `bkl`. With 39 melanomas and six `df`, a few images decide
# such a number. And the columns cannot be compared number by number: the test images are others, with the same counts;
# the paper's network had an input of 512 pixels, and a training that is not described in full ([Garg et al.
# 2019](https://arxiv.org/abs/1912.03798)); ours has both changes, and a small input.
#
# What did the two changes buy, and was the network worth its trouble? Ask lesion by lesion, where two models answered
# the same ones: the network with both changes beside the one as printed, and beside the support vector machine on
# handcrafted features; with class weights beside class weights, restored beside one without. And the same
# changed network with a larger input beside the smaller one.

# %%
def difference(before, after):
    """By how much the scores of all lesions differ, with intervals, over the folds that both have."""
    return records.compare(before, after).set_index(["metric", "dx"]).xs("all", level="dx")


changes, rivals = {}, {}
for protocol, (end, machine) in product(("holdout938", "grouped"), (("", "weighted"), ("-restored", "plain"))):
    network = BY_NAME[f"cnn-improved-{protocol}-96x96{end}"]
    changes[protocol, end] = difference(BY_NAME[f"cnn-paper-{protocol}-96x96{end}"], network)
    rivals[protocol, end] = difference(BY_NAME[f"classical-{protocol}-handcrafted-svm-{machine}"], network)
larger = {(protocol, end): difference(*(BY_NAME[f"cnn-improved-{protocol}-{side}x{side}{end}"] for side in (96, 128)))
          for protocol, end in product(("holdout938", "grouped"), ("", "-restored"))}
told = {"both changes minus CNN as printed": changes, "both changes minus SVM": rivals,
        "both changes, 128 minus 96 pixels a side": larger}
for what, found in told.items():
    for (protocol, end), row in found.items():
        print(f"{what}, {protocol}{end}")
        for metric in ("accuracy", "balanced_accuracy"):
            print("   {:<18}{:+.3f} [{:+.3f}, {:+.3f}]".format(
                metric.replace("_", " "), *row.loc[metric, ["difference", "low", "high"]]))

# %% [markdown]
# The two changes, first. Balanced accuracy is higher with them, under both protocols and in both readings, and those
# intervals lie above zero; in accuracy all but one reach zero. That is what one whole recipe is worth over the other: a
# smaller dropout and a larger learning rate come with the changes. (On the 938 the network as printed was also given
# more epochs; on the grouped split both had as many.) The network as printed does learn, then, though less; and less
# than the paper's own did, by the balanced accuracy at the head of this chapter. Ours had a smaller input, and what
# else differed is known in part.
#
# A larger input, next: the same recipe, with 128 pixels a side. In no line is it clearly ahead. On the 938 it cannot be
# told from the smaller one; on the grouped fold, where more lesions are tested, it is behind in three of four lines.
# There it was given twenty epochs, not thirty, and the last of them is the one that is kept; after as many epochs the
# smaller one had about the same validation loss. Under the other protocol both had twenty, and the lowest validation
# loss of the larger one is no lower. (The smaller one was computed with more digits there. And
# its losses are divided by the sum of the class weights, those of the larger one by the number of images; here that
# changes a loss by less than one in a hundred.) So for as many epochs more
# pixels bought nothing here, and there are nearly twice as many to compute with. Whether they would with more epochs,
# these records cannot say, and a GPU can.
#
# And one thing more. Trained with class weights, our network stays below the floor of these images, as the paper's
# does. It was told that all diagnoses are equally common, and here they are not. The record that ends in `-restored` is
# the same network: each probability times the share of its class in the training images, and the seven made to sum to
# one. It is above the floor, and finds less of the rare ones. A network below the floor may have been asked another
# question.
#
# Was it worth the trouble? It was not, yet: the machine is ahead in every line, and no interval reaches zero. It is no
# even race. The machine's features were measured on larger pictures, inside outlines that an expert had checked, and its
# parameters were tuned; the network had to learn from a few thousand lesions what to look at.
#
# ## Was it done?
#
# The history of a training comes from training and validation lesions alone, so it may say what to try next. (The
# scores on test lesions above are known by now, and they are why we ask. What the next network scores on the same
# lesions is a second look; a report should say so.) Here is the history of the network on the grouped split, and in
# numbers that of both.

# %%
#| fold: Draw this figure
#| name: cnn-history
#| caption: Learning curves of the batch-normalised CNN with a narrow head, trained on all training lesions of grouped
#|   fold 0, real HAM10000 (Tschandl et al. 2018). Left, the loss of training and validation images, both with class
#|   weights; right, balanced accuracy of the validation images; dashed, its floor. Vertical line, the epoch that is kept.
#| alt: Two small panels over the epochs. Left, two lines of loss jump up and down at first, then fall together and
#|   flatten. Right, a rising line that flattens, far above the dashed floor.
histories = {name: BY_NAME[name].history for name in ("cnn-improved-grouped-96x96", "cnn-improved-holdout938-96x96")}
fig, axes = plots.figure(2.6, 1, 2)
for name, history in histories.items():
    kept = BY_NAME[name].facts["hyperparameters"]["best_epoch"]
    if "grouped" in name:
        plots.learning_curves(axes, history, kept)
    print(f"{name}: epoch {kept} of {len(history)} is kept; at best, on validation:")
    jumps = history.assign(jump=history["validation_loss"].diff().abs()).groupby("learning_rate", sort=False)
    for rate, part in jumps:
        best = part["validation_balanced_accuracy"].max()
        print(f"   rate {rate:<7.2g} {len(part):2} epochs: loss {part['validation_loss'].min():.3f}, "
              f"mean jump {part['jump'].mean():.3f}; balanced accuracy {best:.3f}")
plots.show(fig)

# %% [markdown]
# The network of the grouped split had slowed down, and its last epoch is the one that is kept. Was it finished, or were
# its steps too small to move it? Most of its epochs were trained with less than a tenth of the first learning rate. So
# much is measured; that the rate fell too early is a guess, which another training can test. (The other network ended
# at its limit, too, of fewer epochs, most of them at the full rate: about that one the history says only that they were
# few. The two have other validation lesions, so do not compare their losses.)
#
# Why did the rate fall when it did? At its full size the steps are large, and the loss jumps from epoch to epoch. One
# lucky epoch counts as the best, three without a better one follow, and `networks.fit` lowers the rate. (After eight,
# its **patience**, it would stop.)
#
# The recipe `cnn-cosine` takes the rate out of the hands of that noisy judge, and changes nothing else in the recipe:
# along half a **cosine** it falls from its full size towards zero, over a number of epochs that is set beforehand
# ([Loshchilov and Hutter 2017](https://arxiv.org/abs/1608.03983), whose restarts are left out). All of them are
# trained; which epoch is kept, the validation lesions still choose.

# %%
#| fold: Draw this figure
#| name: cnn-schedules
#| caption: The same network, images and number of epochs under two schedules of the learning rate, grouped fold 0, real
#|   HAM10000 (Tschandl et al. 2018). Left, the learning rate, on a logarithmic scale; right, balanced accuracy of the
#|   validation images; dashed, its floor.
#| alt: Two small panels over the epochs, two lines each. Left, a grey line falls in steps, a blue one along a curve that
#|   starts flat and ends steep. Right, both lines rise far above the dashed floor, close together.
by_schedule = {"by the validation loss": BY_NAME["cnn-improved-grouped-96x96"], "cosine": BY_NAME["cnn-cosine-grouped-96x96"]}
fig, (rates, scores) = plots.figure(2.6, 1, 2)
for (schedule, run), shade in zip(by_schedule.items(), ("#9A9A9A", "#0072B2")):
    history, told = run.history, run.facts["hyperparameters"]
    rates.plot(history["epoch"], history["learning_rate"], "o-", color=shade, markersize=3, label=schedule)
    scores.plot(history["epoch"], history["validation_balanced_accuracy"], "o-", color=shade, markersize=3)
    print(f"{schedule}: epoch {told['best_epoch']} of {told['epochs_trained']} is kept, {told['precision']}; lowest")
    print(f"   validation loss {history['validation_loss'].min():.3f}, last {history['validation_loss'].iloc[-1]:.3f}, "
          f"last training loss {history['loss'].iloc[-1]:.3f}")
rates.set(yscale="log", title="learning rate", xlabel="epoch")
rates.legend()
scores.axhline(1 / len(CLASSES), color="#1A1A1A", linestyle="--", linewidth=1)
scores.set(title="balanced accuracy, validation", xlabel="epoch", ylim=(0, 1))
plots.show(fig)
gains = {}
for reading in ("", "-restored"):
    gains[reading] = difference(*(BY_NAME[f"cnn-{kind}-grouped-96x96{reading}"] for kind in ("improved", "cosine")))
    print(f"cosine minus the other, test lesions{', priors restored' if reading else ''}")
    for metric in ("accuracy", "balanced_accuracy"):
        row = gains[reading].loc[metric]
        print(f"   {metric.replace('_', ' '):<18}{row['a']:.3f} to {row['b']:.3f}: {row['difference']:+.3f} "
              f"[{row['low']:+.3f}, {row['high']:+.3f}]")

# %% [markdown]
# On the same test lesions the balanced accuracy is higher, in both readings, and the intervals leave out zero; in
# accuracy the two cannot be told apart. That speaks for the guess: for this network, on this fold, in one training
# each. The two also differ in the precision of their numbers (bfloat16 keeps fewer digits than float32), since they
# were trained on different machines. And it is a second look at these test lesions, as was said above. Whether still
# more epochs would help is not measured. There is no sign of memorising: the loss of the validation images ends
# about where it was lowest. (The losses of the two are divided by different sums, as above; on one scale they differ by
# a hundredth less. That the training loss lies above it says little; dropout and augmentation make the training images
# harder.)
#
# ## A record of your own
#
# This cell trains the changed network, or the one whose recipe you name, and writes a run record to your own folder. In
# the quick tier it is a rehearsal, and marked as one. On Colab, with the real data and a larger tier, it is a result,
# and the figure above shows it beside the book's when you run this page again.

# %% tags=["remove-output"]
recipe = "cnn-improved"  # or "cnn-paper", "cnn-cosine"
mine = networks.train(networks.RECIPES[recipe], ham, config, split)
name = f"{recipe}-grouped-{size[1]}x{size[0]}-{config.tier}"
path = networks.save_record(name, [mine], ham, config, resamples=200, notes="Trained by the notebook cnn-from-scratch.")
print(records.load_run(path))

# %% tags=["assertion"]
assert best > 2 / len(CLASSES), "twice its floor"
assert abs(right - 0.742) < 0.002 and right < SUPPORT["nv"] / SUPPORT.sum() and TABLE_3["recall"].mean() > 0.5
assert PATTERN in fitting and len(fitting) > 1, "several fillings"
shapes = [[layer.output.shape for layer in one.layers if layer.weights] for one in (networks.paper_cnn(size), cnn)]
assert shapes[0] == shapes[1] and whole.count_params() == cnn.count_params(), "the notebook's network is the helpers'"
plain, normalised = answers_of["as printed"], answers_of["batch-normalised"]
assert plain["size"].iloc[-1] < 0.1 * plain["size"].iloc[0] and plain["difference"].max() < 0.5, "small, and much in common"
assert normalised["size"].iloc[-1] > 0.5 * normalised["size"].iloc[0] and normalised["difference"].min() > 0.5
assert np.allclose(table.loc[["paper", "narrow-head"]], 1 / len(CLASSES), atol=1e-4), "one answer to all"
assert (table.loc[["batch-norm", "both"], "min"] > 2 / len(CLASSES)).all(), "they learned"
each = {arm: one.to_numpy() for arm, one in by_arm}
assert len(each["both"]) == 3 and (each["both"] > each["batch-norm"]).all(), "the narrow head is ahead each time"
assert len(true) == 938 and np.isclose((np.asarray(true) == said).mean(), ours.metric("accuracy")["value"], atol=1e-4)
assert ours.metric("accuracy")["high"] < ours.metric("accuracy")["floor"] < restored.metric("accuracy")["low"]
assert restored.metric("balanced_accuracy")["value"] < ours.metric("balanced_accuracy")["value"]
hits = matrix.loc["mel", "mel"]
assert 0.3 < hits / matrix.loc["mel"].sum() < 0.4 and set(missed.index[:2]) == {"bkl", "akiec"}, "about a third"
assert missed.iloc[:2].sum() > 0.7 * missed.sum() and 1 / 8 < hits / matrix["mel"].sum() < 1 / 6, "one in seven"

# %% tags=["assertion"]
grouped = histories["cnn-improved-grouped-96x96"]
full = grouped["validation_loss"][grouped["learning_rate"] == grouped["learning_rate"].max()]
assert (grouped["learning_rate"] < 0.1 * grouped["learning_rate"].max()).mean() > 0.5, "most epochs in small steps"
assert (full.diff() > 0.05).sum() >= 2, "it jumps"
assert all(gain.loc["balanced_accuracy", "low"] > 0 for gain in gains.values()), "higher in both readings"
assert all(gain.loc["accuracy", "low"] < 0 < gain.loc["accuracy", "high"] for gain in gains.values()), "not told apart"
before, after = (run.facts["hyperparameters"] for run in by_schedule.values())
assert before["epochs_trained"] == after["epochs_trained"] and before["precision"] != after["precision"]
assert all(before["recipe"][key] == value for key, value in after["recipe"].items() if key not in ("title", "label", "cosine"))
assert (smooth := by_schedule["cosine"].history["validation_loss"].rolling(5).mean()).iloc[-1] < smooth.min() + 0.01
assert (histories["cnn-improved-holdout938-96x96"]["learning_rate"] == 1e-3).mean() > 0.5, "most at the full rate"
assert all((row.loc[["accuracy", "balanced_accuracy"], "high"] < 0).all() for row in rivals.values()), "not yet"
assert all(row.loc["balanced_accuracy", "low"] > 0 for row in changes.values()), "higher in all four"
assert sum(row.loc["accuracy", "low"] <= 1e-9 for row in changes.values()) == 3, "most reach zero"
assert len(BY_NAME["cnn-paper-grouped-96x96"].history) == len(grouped) == 30, "both had as many epochs"
wide = BY_NAME["cnn-improved-grouped-128x128"]
assert wide.facts["hyperparameters"]["best_epoch"] == len(wide.history) == 20, "the last is kept"
assert abs(wide.history["validation_loss"].iloc[-1] - grouped["validation_loss"].iloc[19]) < 0.01, "about the same"
lines = pd.concat([row.loc[["accuracy", "balanced_accuracy"]].assign(where=key[0]) for key, row in larger.items()])
assert (lines["low"] < 0).all() and (lines["high"] < 0).groupby(lines["where"]).sum().to_dict() == {
    "grouped": 3, "holdout938": 0}, "in no line ahead, behind in three of four"
narrow, wide = (BY_NAME[f"cnn-improved-holdout938-{side}x{side}"].history["validation_loss"] for side in (96, 128))
assert len(narrow) == len(wide) == 20 and wide.min() > narrow.min(), "no lower"
assert len(BY_NAME["cnn-paper-holdout938-96x96"].history) > len(histories["cnn-improved-holdout938-96x96"]), "more"
assert BY_NAME["cnn-paper-holdout938-96x96"].metric("balanced_accuracy")["low"] > 1 / 7, "as printed it does learn"
assert changes["holdout938", ""].loc["balanced_accuracy", "a"] < TABLE_3["recall"].mean(), "less than the paper prints"

# %% [markdown]
# ## Quiz

# %%
checks.quiz("cnn-from-scratch")

# %% [markdown]
# ## Key points
#
# - A convolution is a small table of weights that is slid over an image; a network learns the weights.
# - Output sizes are arithmetic. Walk a printed table before you believe it.
# - A network from scratch starts with random weights and needs many images. Through many layers its answers can shrink;
#   batch normalisation holds them up.
# - Class weights tell the loss what matters; dropout and augmentation make it hard to memorise.
# - Validation lesions choose the epoch. Test lesions choose nothing.
# - Put a network beside its floor and beside a model without layers.
#
# **What comes next.** This network had to learn even what an edge is. {{chapter:transfer-vgg16}} takes a network that
# has learned it from a million photographs of other things.
#
# Data: [Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161), CC BY-NC 4.0; more on the [data
# card](../book/data-card.md). Not a medical device.

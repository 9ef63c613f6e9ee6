# %% [markdown]
# # A CNN from scratch
#
# A network that knows nothing looks at seven thousand photographs of skin lesions, thirty times each. How many
# melanomas does it find afterwards, among lesions that it has never seen? And how many nevi does it take for one?
#
# Write down two guesses: of a hundred melanomas, it finds ...; of a hundred nevi, it calls ... a melanoma.
#
# At the end of this chapter you can
#
# - compute a convolution and a pooling by hand, and say how large a layer's output is;
# - rebuild a network from a printed table, and count its weights;
# - weigh a loss by class, and say what that asks of the network;
# - read a training: what falls, what rises, and which change made the difference;
# - look at what a network misses, and decide with a number that was tuned on validation lesions.
#
# | | minutes |
# |---|---:|
# | to read | 30 |
# | to run, on a laptop without a GPU | 2 |
# | to do the three exercises | 40 |
#
# You need {{chapter:split-without-leaking}} for the splits, {{chapter:augment-and-weigh}} for augmentation, and
# {{chapter:classical-baselines}} for the models to beat. New words are in the [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %% tags=["remove-output"]
#| fold: Set-up
from itertools import product

import keras
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown, display
from keras import layers
from scipy.ndimage import correlate
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_curve

from helpers import checks, data, evaluate, networks, plots, records, splits, start
from helpers.ham10000 import CLASSES, NAMES

networks.use_precision()  # on a GPU: fewer digits, which is faster


def say(text):
    """Show a sentence whose numbers were computed."""
    display(Markdown(text))

# %%
config, ham = start("cnn-from-scratch")
keras.utils.set_random_seed(config.seed)

# %%
#| fold: Look the records up
printed = records.load_run("cnn-paper-grouped-96x96")
improved = records.load_run("cnn-improved-grouped-96x96")
best = records.load_run("cnn-cosine-grouped-96x96")
svm = records.load_run("classical-grouped-handcrafted-svm-weighted")
true, answers = best.predictions["true"].to_numpy(), best.answers
confusion = pd.crosstab(pd.Categorical(true, CLASSES), pd.Categorical(answers, CLASSES), dropna=False)
melanomas, nevi = confusion.loc["mel"], confusion.loc["nv"]
recall = pd.Series({run.name: run.metric("recall", "mel")["value"] for run in (printed, improved, best)})
accuracy = best.metric("accuracy")

# %%
#| fold: Say it in a sentence
say(
    f"**It finds {100 * melanomas['mel'] / melanomas.sum():.0f} of a hundred melanomas, and takes "
    f"{100 * nevi['mel'] / nevi.sum():.0f} of a hundred nevi for one.** The same layers as the paper prints them find "
    f"{100 * recall[printed.name]:.0f}. Its accuracy is {accuracy['value']:.3f}, below the {accuracy['floor']:.3f} of a "
    "rule that looks at nothing and says \"nevus\", which finds none. These are answers of networks that this book "
    f"trained on {best.facts['hyperparameters']['training_images']:,} images of the real HAM10000, and tested on "
    f"{len(true):,} others (grouped fold 0)."
)

# %% [markdown]
# What is such a network made of, what made it better, and which melanomas does it miss? We start with the network that
# the paper prints, because it meets the same puzzle.
#
# ## A network below the floor

# %%
#| fold: Say it in a sentence
# Garg, Maheshwari, Shukla, arXiv:1912.03798, Table 3; the supports as Chapter {{number:the-papers-test-set}} infers.
SUPPORT = pd.Series([26, 30, 75, 6, 39, 751, 11], CLASSES)
PAPER_RECALL = pd.Series([0.62, 0.73, 0.09, 0.67, 0.59, 0.82, 0.73], CLASSES)
paper_accuracy = (PAPER_RECALL * SUPPORT).sum() / SUPPORT.sum()
say(
    f"The recalls in the paper's Table 3 give its CNN an accuracy of {paper_accuracy:.2f}. Always answering \"nevus\" "
    f"has {SUPPORT['nv'] / SUPPORT.sum():.2f} on the same {SUPPORT.sum()} images. In balanced accuracy, the mean of the "
    f"recalls, it is {PAPER_RECALL.mean():.2f} against {1 / len(CLASSES):.2f}."
)

# %% [markdown]
# By accuracy the network is worse than the rule ([Garg et al. 2019](https://arxiv.org/abs/1912.03798)). By balanced
# accuracy it is far better. You know from Chapter {{number:classical-baselines}} why both can be true. Hold the puzzle
# until *One number to tune*, and look at the network itself.
#
# A **neural network** is a chain of **layers**. Each turns the numbers that it gets into other numbers, most of them
# with weights that training sets. A **convolutional neural network**, a **CNN**, is built mainly of convolutions.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: two scores, one network</p>
# <p><b>The point.</b> The puzzle of Chapter {{number:classical-baselines}} again, now with a network: a score without
# its floor says little.</p>
# <p><b>Expect.</b> "Deep learning must be better than trees." Nothing on this page promises that.</p>
# <p><b>Ask.</b> "Which of the two numbers would the authors have printed, had they known both?"</p>
# <p><b>When late.</b> Read the two guesses and the answer aloud, and go on.</p>
# </div>

# %% [markdown]
# ## A convolution, by hand
#
# A **convolution** slides a small table of weights, the **kernel**, over an image. At each place it multiplies the
# pixels that it covers by its weights and adds up. A kernel of three by three that subtracts the left from the right
# answers strongly where brightness changes from left to right: at an edge.
#
# An image has three **channels**: red, green and blue. A kernel has one such table for each of them and adds up over
# all; one more number, the **bias**, is added to every answer. The answers of one kernel, place by place, are a new
# channel, and the kernels of the next layer cover all the channels of this one.
#
# A person wrote the three kernels below. Before you look: where will each of them answer strongly?

# %%
KERNELS = {
    "left to right": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "top to bottom": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "centre against around": [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
}

# %%
#| fold: Draw this figure
#| name: edges
#| caption: One lesion, and the answers of three kernels of three by three weights to its brightness. White, a strong
#|   positive answer; black, a strong negative one; grey, none.
#| alt: Four pictures in a row. First a lesion in colour. Then three grey ones. In two of them its border stands out on
#|   opposite sides, left and right in one, top and bottom in the other. In the last, fine structure stands out.
pixels = data.load_pixels(ham, config)
lesion = pixels[np.flatnonzero(ham.table["dx"] == "mel")[0]]


def as_picture(answer):
    """Grey where the answer is zero, black and white at its extremes."""
    limit = np.percentile(np.abs(answer), 99) or 1
    shade = np.clip(127 + 127 * answer / limit, 0, 255).astype(np.uint8)
    return np.repeat(shade[..., None], 3, axis=2)


# The edges are mirrored, so that the picture keeps its size.
drawn = [as_picture(correlate(lesion.mean(axis=2), np.array(kernel))) for kernel in KERNELS.values()]
fig = plots.gallery([[lesion, *drawn]], ["mel"], titles=["the image", *KERNELS])
plots.show(fig, photo=True)

# %% [markdown]
# A network is given no kernels. It starts with random ones, and training changes them. Three properties make this work.
# The same few weights serve the whole image. If the lesion moves, its answers move with it. And a convolution of
# convolutions covers a larger patch of the image, so a chain of them can recognise shapes.
#
# Two small operations stand between convolutions. **ReLU** replaces negative answers by zero. **Max-pooling** keeps the
# largest of each two by two answers, which halves height and width.

# %% tags=["nbval-check-output"]
answer = np.array(
    [[3, -1, 2, 0], [0, 5, -4, 1], [-2, 2, 0, 0], [1, 0, -3, 7]]
)
rectified = np.maximum(answer, 0)
pooled = rectified.reshape(2, 2, 2, 2).max(axis=(1, 3))
print(pooled)

# %% [markdown]
# ### Exercise: how large is what comes out?
#
# The kernel has to fit wholly inside the image: this network adds no frame of zeros, no *padding*. A pool takes windows
# that do not overlap, and drops what is left over at the end. Count places in a row of five pixels first: how many for a
# kernel of three, how many for a pool of two?
#
# Then write `output_size(size, steps)`. `size` is the side of a square image in pixels. `steps` is a list of pairs such
# as `("conv", 3)` and `("pool", 2)`. Return the side after the last step. If at some step nothing is left, return 0.

# %% tags=["stub"]
def output_size(size, steps):
    # step by step: the new side; return 0 as soon as nothing is left
    ...


# %% tags=["nbval-check-output"]
checks.check("output-size", output_size, ham)

# %% tags=["solution"]
def output_size(size, steps):
    # step by step: the new side; return 0 as soon as nothing is left
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
# 2019](https://arxiv.org/abs/1912.03798), Table 1): the layer, its width, and the side of what it gives. (After them
# come a global pooling, a dense layer of 4,096 units, dropout and five outputs.) Two lines cannot be right. Which?

# %% tags=["nbval-check-output"]
PRINTED = [
    ("conv", 3, 510), ("relu", 1, 510), ("conv", 3, 508),
    ("relu", 1, 252), ("conv", 3, 506), ("relu", 1, 506),
    ("pool", 2, 253), ("conv", 3, 251), ("relu", 1, 251),
    ("conv", 3, 57), ("relu", 1, 57), ("conv", 5, 53),
]  # fmt: skip
for number, (layer, width, side) in enumerate(PRINTED, 1):
    print(f"{number:>2}  {layer} {width}  {side}")

# %%
#| fold: Walk the table, fill the gap
before, wrong = 512, []
for number, (layer, width, side) in enumerate(PRINTED, 1):
    follows = {"conv": before - width + 1, "pool": before // width, "relu": before}[layer]
    if side != follows:
        wrong.append(number)
    before = follows if layer == "relu" else side  # a ReLU changes no size, whatever is printed

fitting = []
for count in range(1, 8):
    for kinds in product(("conv", "pool"), repeat=count):
        side = 251
        for kind in kinds:
            side = side - 2 if kind == "conv" else side // 2
        if side == 59 and "pool pool" not in " ".join(kinds):  # a convolution of three then gives 57
            fitting.append(" ".join(kinds))
PATTERN = "conv conv pool conv conv pool"
say(
    f"**Lines {wrong[0]} and {wrong[1]} do not follow from the line before.** The first is a ReLU, which cannot change a "
    "size: a misprint, since the next line goes on from the size before it. At the second, rows are missing: no single "
    f"convolution leads from 251 to 57. We tried all short sequences of convolutions of three and pools of two: "
    f"{len(fitting)} of at most seven layers fill the gap."
)

# %% [markdown]
# So Table 1 cannot be rebuilt with certainty. This book takes the filling that looks most like the part that is
# printed: blocks of convolutions, each with a pool. It chooses three more things that the table leaves open: the
# channels of the missing rows, an average as the global pooling, and the place of the dropout. That is a
# **reconstruction**, and the book calls it one.
#
# One line is changed on purpose. The paper ends in five outputs with a **sigmoid** each, which squeezes one number
# between zero and one. There are seven diagnoses, so five outputs cannot name them; and separate sigmoids need not sum
# to one, as the probabilities of one answer have to. A **softmax** over seven outputs does both.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: a table is not a network</p>
# <p><b>The point.</b> A paper's table can be checked with subtraction. Two of its lines fail, and one gap has several
# fillings.</p>
# <p><b>Expect.</b> "So the paper is wrong." A misprint is a misprint; what is lost is that nobody can rebuild it.</p>
# <p><b>Ask.</b> "What would have made this section unnecessary?" (The code, or one printed summary.)</p>
# <p><b>When late.</b> Let the room find the first line only, and read the sentence below the table.</p>
# </div>

# %% [markdown]
# ## The network, in one function
#
# This is the whole network, and nothing else is trained on this page. A **dense** layer has **units**, each of which
# weighs all the numbers that come in. **Dropout** sets a random share of the numbers to zero in each training step, so
# that the network cannot rely on a single one. Two switches, `batch_norm` and `wide_head`, are off and on as in the
# paper; *What made the difference* turns them.

# %%
def build(size, batch_norm=False, wide_head=True, dropout=0.5):
    """The paper's CNN, with two switches."""
    cnn = keras.Sequential([keras.Input((*size, 3))])
    cnn.add(layers.Rescaling(1 / 255))

    def convolve(channels, kernel):
        biased = not batch_norm  # which has a bias of its own
        cnn.add(layers.Conv2D(channels, kernel, use_bias=biased))
        if batch_norm:
            cnn.add(layers.BatchNormalization(momentum=0.9))
        cnn.add(layers.ReLU())

    for channels, convolutions in ((32, 3), (64, 3), (128, 2)):
        for _ in range(convolutions):
            convolve(channels, 3)
        cnn.add(layers.MaxPooling2D(2))
    convolve(256, 3)
    convolve(256, 5)
    cnn.add(layers.GlobalAveragePooling2D())
    if wide_head:
        cnn.add(layers.Dense(4096, activation="relu"))
    cnn.add(layers.Dropout(dropout))
    cnn.add(layers.Dense(7, activation="softmax", dtype="float32"))
    return cnn

# %% [markdown]
# ### Exercise: how many weights?
#
# Write `weights(channels, kernel, filters)`: the number of trainable numbers of a convolution with `filters` kernels of
# `kernel` by `kernel` on an input of `channels` channels, one bias for each kernel included. Before you start, guess
# which layer of the network above holds the most.

# %% tags=["stub"]
def weights(channels, kernel, filters):
    # count those of one kernel first
    ...


# %% tags=["nbval-check-output"]
checks.check("number-of-weights", weights, ham)

# %% tags=["solution"]
def weights(channels, kernel, filters):
    # count those of one kernel first
    one_kernel = kernel * kernel * channels + 1
    return one_kernel * filters


checks.check("number-of-weights", weights, ham)

# %%
#| fold: Say it in a sentence
whole, lean = build((512, 512)), build((512, 512), batch_norm=True, wide_head=False)
counts = pd.Series({layer.name: layer.count_params() for layer in whole.layers})
largest = whole.get_layer(counts.idxmax())
behind = sum(layer.count_params() for layer in whole.layers if isinstance(layer, layers.Dense))
say(
    f"The network has {whole.count_params():,} weights, at 512 pixels a side as at 96. The last convolution, of "
    f"{largest.kernel_size[0]} by {largest.kernel_size[0]}, holds {counts.max() / counts.sum():.0%} of them, and the two "
    f"dense layers at the end {behind / counts.sum():.0%}. Without the wide one, and with batch normalisation, "
    f"{lean.count_params():,} are left."
)

# %% [markdown]
# The image's size does not occur in that count: a kernel is as large on a large image, and the global average hands on
# one number a channel. The work grows with the image, the weights do not.
#
# ## A loss that counts diagnoses alike
#
# How wrong a network is on its training images is one number, the **loss**; training lowers it. For one image the
# **cross-entropy** is minus the logarithm of the probability *p* that the network gave to the true class: near zero if
# it was sure and right, large if it was sure and wrong. The loss is its mean over images, and most images are nevi. So a
# **class weight** multiplies each image's part:
#
# $$
# w_c = \frac{n}{7\, n_c}
# $$
#
# where *n* is the number of training images and *n* with index *c* the number of class *c*. Each class then adds as
# much to the loss as any other.

# %%
split = splits.grouped(ham.table, fold=0, seed=config.seed)
rows = config.training_rows(split)  # in the quick tier, a few of them
codes = pd.Categorical(ham.table["dx"], list(CLASSES)).codes.astype("int64")


def class_weights(codes):
    counts = pd.Series(codes).value_counts()
    return (len(codes) / (len(counts) * counts)).to_dict()

# %%
#| fold: Say it in a sentence
everyone = class_weights(codes[split.train])
rarest = max(everyone, key=everyone.get)
say(
    f"On your images, a {NAMES[CLASSES[rarest]].lower()} weighs as much as "
    f"{everyone[rarest] / everyone[CLASSES.index('nv')]:.0f} nevi."
)

# %% [markdown]
# ### Exercise: the weighted loss
#
# Write `weighted_loss(prob, codes, class_weight)`. `prob` is `(n, 7)`, `codes` holds the true class codes, and
# `class_weight` is a dict from class code to weight. Return what Keras computes: the sum of the weighted
# cross-entropies divided by the number of images.

# %% tags=["stub"]
def weighted_loss(prob, codes, class_weight):
    # the probability of each image's true class, and its weight
    ...


# %% tags=["nbval-check-output"]
checks.check("weighted-loss", weighted_loss, ham)

# %% tags=["solution"]
def weighted_loss(prob, codes, class_weight):
    # the probability of each image's true class, and its weight
    chosen = prob[np.arange(len(codes)), codes]
    weight = np.array([class_weight[code] for code in codes])
    return (weight * -np.log(chosen)).mean()


checks.check("weighted-loss", weighted_loss, ham)

# %% [markdown]
# ## Training
#
# The network looks at a **batch** of 32 images. From their loss Keras works out the **gradient**: for each weight, which
# way and how fast the loss would change with it. The optimiser, here Adam, moves every weight a small step in the
# direction that lowers the loss. The **learning rate** says how small. When all training images have been seen once, an
# **epoch** is over.
#
# Training rows teach. Validation rows, of other lesions, choose which epoch is kept. Test rows choose nothing: they are
# asked once, at the end.

# %%
cnn = build(config.sizes.image, True, wide_head=False, dropout=0.3)


def training(epoch):
    """The images in a new order, each turned and shifted anew."""
    return networks.training_batches(
        pixels, codes, rows, seed=config.seed, epoch=epoch,
        augmentation=networks.Augmentation(),
    )


fitted = networks.fit(
    cnn,
    training,
    networks.batches(pixels, codes, split.validation),
    epochs=config.sizes.epochs,
    seed=config.seed,
    class_weight=class_weights(codes[rows]),
    cosine=True,
)
print("The loss falls:", *fitted.history["loss"].round(2))

# %% [markdown]
# A network that knows nothing has a loss of about two, the logarithm of seven. In the quick tier this is a rehearsal
# with a few images: it shows that everything runs. The rest of the page shows the same network as the book trained it,
# on all training lesions.
#
# ## Thirty epochs
#
# Three trainings of thirty epochs each, on the same lesions: the layers as printed; the same with batch normalisation
# and without the wide dense layer; and that network again under another schedule of the learning rate. Guess which of
# the two steps was worth more.

# %%
#| fold: Draw this figure
#| name: cnn-training
#| caption: Three trainings on the training lesions of grouped fold 0, real HAM10000 (Tschandl et al. 2018), images of 96
#|   by 96 pixels. Left, the learning rate, on a logarithmic scale; right, balanced accuracy of the validation lesions,
#|   smoothed over three epochs; dashed, its floor.
#| alt: Two panels over thirty epochs, three lines each. Left, two lines fall in steps and one along a smooth curve to
#|   almost nothing. Right, all three lines rise from the left; that of the layers as printed stays far below the other
#|   two, which end close together, the one of the smooth schedule on top.
LABELS = {printed.name: "as printed", improved.name: "batch norm, no wide layer", best.name: "and a cosine schedule"}
TINTS = dict(zip(LABELS.values(), ("#9A9A9A", "#0072B2", "#D55E00"), strict=True))
history = pd.concat(
    [run.history.assign(
        network=LABELS[run.name],
        smooth=run.history["validation_balanced_accuracy"].rolling(3, min_periods=1).mean(),
    ) for run in (printed, improved, best)],
    ignore_index=True,
)
fig, (rate, score) = plots.figure(3.2, 1, 2)
for axis, value in ((rate, "learning_rate"), (score, "smooth")):
    sns.lineplot(history, x="epoch", y=value, hue="network", palette=TINTS, ax=axis, legend=axis is score)
rate.set(yscale="log", ylabel="", title="learning rate")
score.axhline(1 / len(CLASSES), color="#444444", linestyle="--", linewidth=1)
score.set(ylim=(0, 0.7), ylabel="", title="balanced accuracy, validation")
score.legend(title="", loc="lower right", bbox_to_anchor=(1, 0.22), fontsize=8)
plots.show(fig)

# %%
#| fold: Say it in a sentence
height = {run.name: run.history["validation_balanced_accuracy"].max() for run in (printed, improved, best)}
slow = (improved.history["learning_rate"] < 0.1 * improved.history["learning_rate"].max()).mean()
say(
    f"At their best epoch the three reach {height[printed.name]:.2f}, {height[improved.name]:.2f} and "
    f"{height[best.name]:.2f} on the validation lesions. The second spent {slow:.0%} of its epochs at less than a tenth of "
    "its first learning rate."
)

# %% [markdown]
# Why did its rate fall so early? At full rate the steps are large and the loss jumps from epoch to epoch. One lucky
# epoch counts as the best, three without a better one follow, and the rate is lowered. The **cosine schedule** takes the
# rate out of the hands of that noisy judge: it falls along half a cosine, over a number of epochs set beforehand
# ([Loshchilov and Hutter 2017](https://arxiv.org/abs/1608.03983), whose restarts are left out). The recipe is otherwise
# the same.
#
# ## What made the difference?
#
# **Batch normalisation** ([Ioffe and Szegedy 2015](https://arxiv.org/abs/1502.03167)) stands between a convolution and
# its ReLU. In training it brings each channel to mean zero and spread one over the images of the batch, then multiplies
# by one learned number and adds another. In use it takes averages that it kept from training. What it does to ten
# convolutions in a row can be seen before any training:

# %%
#| fold: Draw this figure
#| name: shrinking-answers
#| caption: The typical size (root mean square) of what each of the ten ReLUs gives, for sixteen images and networks that
#|   have not been trained yet, as a share of what the first one gives.
#| alt: Two lines over ten layers. Without batch normalisation the line falls to a small part of its first height; with
#|   it the line stays near its first height.
sizes, difference = {}, {}
for label, batch_norm in (("as printed", False), ("batch norm", True)):
    untrained = build(config.sizes.image, batch_norm)
    relus = [layer.output for layer in untrained.layers if isinstance(layer, layers.ReLU)]
    inside = keras.Model(untrained.inputs[0], relus)(pixels[:16].astype("float32"), training=True)
    inside = [np.asarray(answer, "float64") for answer in inside]
    typical = np.sqrt([np.mean(answer**2) for answer in inside])
    sizes[label] = typical / typical[0]
    difference[label] = np.sqrt([np.mean(answer.var(axis=0)) for answer in inside]) / typical
tidy = pd.DataFrame(sizes, index=range(1, 11)).rename_axis("layer").reset_index()
tidy = tidy.melt("layer", var_name="network", value_name="size")
fig, axis = plots.figure(2.6)
sns.lineplot(tidy, x="layer", y="size", hue="network", marker="o", palette=["#9A9A9A", "#0072B2"], ax=axis)
axis.set(ylim=(0, None), xticks=range(1, 11), xlabel="convolution and ReLU", ylabel="size of the answers")
axis.legend(title="")
plots.show(fig)

# %%
#| fold: Say it in a sentence
say(
    f"Without it, the last layer's answers are {sizes['as printed'][-1]:.0%} as large as the first one's. And of that, "
    f"only {difference['as printed'][-1]:.0%} differs between images; with batch normalisation "
    f"{difference['batch norm'][-1]:.0%} does."
)

# %% [markdown]
# So the seven outputs hang on small numbers that are much the same for every lesion. (Keras's usual random start was not
# made for ReLU. A larger one, [He et al. 2015](https://arxiv.org/abs/1502.01852), is another remedy; it is not tried
# here.) The dense layer of 4,096 units is the other suspect: it comes after the pooling, when nothing new can be seen.
#
# Two changes at once cannot say which of them helped. That takes an **ablation**: each change alone, and both, with
# everything else the same.

# %%
#| fold: Draw this figure
#| name: ablation
#| caption: An ablation of two changes to the paper's CNN on the real HAM10000 (Tschandl et al. 2018): 2,000 training
#|   images, eight epochs, three repetitions with other images and another seed, scored on the validation lesions of
#|   grouped fold 0. Dashed, the floor.
#| alt: Four rows with three dots each. The two rows without batch normalisation have all dots on the dashed line of the
#|   floor. The two with it lie far to the right, and of these the row without the wide layer lies further right.
ARMS = {"paper": "as printed", "narrow-head": "no wide layer", "batch-norm": "batch norm", "both": "both changes"}
experiment, results = records.load_experiment("cnn-ablation")
ablation = results[results["metric"] == "balanced_accuracy"].assign(network=lambda table: table["arm"].map(ARMS))
fig, axis = plots.figure(2.2)
axis.axvline(1 / len(CLASSES), color="#444444", linestyle="--", linewidth=1)
sns.stripplot(ablation, x="value", y="network", order=list(ARMS.values()), color="#0072B2", jitter=False, ax=axis)
axis.set(xlim=(0, 0.6), xlabel="balanced accuracy, validation", ylabel="")
plots.show(fig)

# %%
#| fold: Say it in a sentence
arms = ablation.pivot(index="repetition", columns="arm", values="value")
say(
    f"**Batch normalisation is the large change.** Without it the network has not left the floor of "
    f"{1 / len(CLASSES):.3f}: it gives every lesion one answer. With it, it reaches {arms['batch-norm'].mean():.2f} on "
    f"average, and {arms['both'].mean():.2f} without the wide layer too, which was ahead in "
    f"{(arms['both'] > arms['batch-norm']).sum()} of {len(arms)} repetitions."
)

# %% [markdown]
# That holds for this learning rate and so few steps: at a lower rate and over thirty epochs the layers as printed do
# learn, as the grey line above shows. And a coin falls three times on the same side in one of four tries, so about the
# wide layer three repetitions cannot be sure.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: what is an ablation?</p>
# <p><b>The point.</b> Change one thing, keep the rest, repeat. Otherwise you do not know what helped.</p>
# <p><b>Expect.</b> "Both together must be best." So few repetitions cannot say.</p>
# <p><b>Ask.</b> "Why is this scored on validation lesions?" (The test lesions choose nothing, not even a layer.)</p>
# <p><b>When late.</b> Show the figure, and ask which two rows differ by one change.</p>
# </div>

# %% [markdown]
# ## Lesions it has never seen
#
# Now the test lesions. All models answer the same images, so compare them lesion by lesion: by how much does each differ
# from the network as printed? The fourth model has no layers at all, the support vector machine (SVM) of
# {{chapter:classical-baselines}}, with class weights as well.

# %%
#| fold: Draw this figure
#| name: cnn-gains
#| caption: What each model scores more than the CNN as printed on the same test lesions, grouped fold 0, real HAM10000
#|   (Tschandl et al. 2018), all with class weights. Line, 95 % interval over lesions.
#| alt: Two panels with three rows each. In balanced accuracy all three dots and lines lie right of zero, and the support
#|   vector machine lies furthest right. In accuracy the networks lie a little right of zero and the support vector machine far right.
gains = {label: records.compare(printed, run).query("dx == 'all'").set_index("metric") for label, run in (
    ("batch norm, no wide layer", improved), ("and a cosine schedule", best), ("SVM, handcrafted", svm),
)}
fig, axes = plots.figure(1.9, 1, 2)
for axis, metric in zip(axes, ("accuracy", "balanced_accuracy"), strict=True):
    table = pd.DataFrame({label: 100 * gain.loc[metric, ["difference", "low", "high"]] for label, gain in gains.items()}).T
    plots.intervals(axis, table.astype(float), "#0072B2", above=True)
    axis.axvline(0, color="#444444", linewidth=1)
    axis.set(xlabel="points more", title=metric.replace("_", " "))
plots.show(fig)

# %%
#| fold: Say it in a sentence
step = records.compare(improved, best).query("dx == 'all'").set_index("metric").loc["balanced_accuracy"]
race = records.compare(best, svm).query("dx == 'all'").set_index("metric").loc["balanced_accuracy"]
changed = gains["batch norm, no wide layer"].loc["balanced_accuracy"]
say(
    f"In balanced accuracy the two changes add {100 * changed['difference']:.1f} points [{100 * changed['low']:.1f}, "
    f"{100 * changed['high']:.1f}], and the cosine schedule {100 * step['difference']:.1f} more [{100 * step['low']:.1f}, "
    f"{100 * step['high']:.1f}]. **The SVM is still ahead of the best network, by {100 * race['difference']:.1f} points "
    f"[{100 * race['low']:.1f}, {100 * race['high']:.1f}].**"
)

# %% [markdown]
# Seven thousand images are few for a network that has to learn even what an edge is. It is no even race, either: the
# SVM's features were measured on larger pictures, inside outlines that an expert had checked. Two cautions. With the two
# changes came a larger learning rate and less dropout. And each network was trained once, on one fold, the last with
# more digits than the other two: that the cosine schedule helps is a finding about this training.
#
# Where do the answers go? Read the matrix by rows. The diagonal is the recall of each class.

# %%
#| fold: Draw this figure
#| name: cnn-confusion
#| caption: Confusion matrix of the best CNN on the test lesions of grouped fold 0, real HAM10000 (Tschandl et al. 2018).
#|   Rows are true, columns are answers; shade, the share of the row.
#| alt: A table of counts with one row and one column a diagnosis. The diagonal is darkest in most rows. The row of nevi
#|   spreads into all columns, most into that of melanoma; the row of melanomas into akiec and bkl.
fig, axis = plots.figure(3.2)
plots.heatmap(axis, confusion)
axis.set_ylabel("true")
plots.show(fig)

# %%
#| fold: Say it in a sentence
missed = melanomas.drop("mel").sort_values(ascending=False)
share = melanomas["mel"] / confusion["mel"].sum()
say(
    f"Of {melanomas.sum()} photographs of melanomas it recognises {melanomas['mel']}; of those that it misses it calls "
    f"{missed.iloc[0]} {missed.index[0]}, {missed.iloc[1]} {missed.index[1]}, and {missed['nv']} a nevus. It pays for "
    f"them: {nevi['mel']} nevi are called melanoma, and of all its answers \"melanoma\" {share:.0%} are right."
)

# %% [markdown]
# An answer is only the largest of seven probabilities. A clinic would rather set a threshold on the probability of
# melanoma. **Sensitivity** is the share of melanomas above it, **specificity** the share of other lesions below it, and
# the **ROC curve** shows all the trades between them.

# %%
#| fold: Draw this figure
#| name: cnn-roc
#| caption: ROC curves for melanoma on the test lesions of grouped fold 0, real HAM10000 (Tschandl et al. 2018). Dots,
#|   the threshold that leaves nine in ten other validation lesions below it, applied to the test lesions.
#| alt: Four curves above the diagonal. The network as printed is the lowest, the other two networks lie above it close
#|   together, and the support vector machine is the highest. A dot stands on each near its left end.
fig, axis = plots.figure(3.8)
for run, label, tint in (
    (printed, "CNN as printed", "#9A9A9A"), (improved, "batch norm, no wide layer", "#0072B2"),
    (best, "and a cosine schedule", "#D55E00"), (svm, "SVM, handcrafted", "#009E73"),
):
    tested = run.predictions.query("fold == 0")
    false, hit, _ = roc_curve(tested["true"] == "mel", tested["mel"])
    area = np.trapezoid(hit, false)
    axis.plot(false, hit, color=tint, label=f"{label}: area {area:.2f}")
    checked = run.validation.query("fold == 0")
    threshold = np.quantile(checked["mel"][checked["true"] != "mel"], 0.9)
    flagged = tested["mel"] > threshold
    axis.plot(flagged[tested["true"] != "mel"].mean(), flagged[tested["true"] == "mel"].mean(), "o", color=tint)
axis.plot([0, 1], [0, 1], color="#444444", linestyle="--", linewidth=1)
axis.set(xlabel="1 − specificity", ylabel="sensitivity", aspect="equal")
axis.legend(loc="lower right", fontsize=8)
plots.show(fig)

# %%
#| fold: Say it in a sentence
hit, reached = best.metric("sensitivity_at_specificity_90", "mel"), best.metric("specificity_reached_90", "mel")
say(
    f"With the threshold that gives 90 % specificity on validation lesions, the best network finds {hit['value']:.0%} of "
    f"the melanomas [{hit['low']:.0%}, {hit['high']:.0%}] in the test lesions, at a specificity of {reached['value']:.0%}."
)

# %% [markdown]
# ## One number to tune
#
# Back to the puzzle. The class weights told the network that all diagnoses are equally common. They are not: two in
# three lesions are nevi. Multiply each probability by the share *s* of its class in the training images, raised to a
# power that we choose, and let the seven sum to one again:
#
# $$
# p'_c \propto p_c \, s_c^{\,a}
# $$
#
# With *a* = 0 the answers stay as they were. With *a* = 1 the true mix is restored. Nothing is trained again. So this
# can be tuned live, on the validation lesions: which *a* gives the highest **macro-F1**, the mean of the seven F1
# scores, which punishes both missed melanomas and false alarms? Guess: near 0, near 1, or between?

# %%
def shifted(probabilities, shares, a):
    """Class probabilities, moved towards the true mix."""
    moved = probabilities * shares**a
    return moved / moved.sum(axis=1, keepdims=True)


GRID = np.linspace(0, 1.5, 16)
known = best.validation
prob = known[list(CLASSES)].to_numpy()
shares = known["true"].value_counts(normalize=True)[list(CLASSES)]
shares = shares.to_numpy()
macro_f1 = []
for a in GRID:
    said = evaluate.answers(shifted(prob, shares, a))
    macro_f1.append(f1_score(known["true"], said, average="macro"))
chosen = GRID[np.argmax(macro_f1)]

# %%
#| fold: Draw this figure
#| name: one-number
#| caption: Scores of the best CNN on the validation lesions of grouped fold 0, real HAM10000 (Tschandl et al. 2018), as
#|   its answers are moved towards the true mix of diagnoses. Vertical line, the power that is chosen.
#| alt: Three lines over the power from zero to one and a half. Accuracy rises and flattens, balanced accuracy falls, and
#|   macro-F1 rises to a low hill between zero and one and falls again.
curves = {}
for a in GRID:
    said = evaluate.answers(shifted(prob, shares, a))
    curves[a] = {
        "accuracy": np.mean(said == known["true"].to_numpy()),
        "balanced accuracy": balanced_accuracy_score(known["true"], said),
        "macro-F1": f1_score(known["true"], said, average="macro"),
    }
curves = pd.DataFrame(curves).T
tidy = curves.rename_axis("a").reset_index().melt("a", var_name="score", value_name="value")
fig, axis = plots.figure(3)
sns.lineplot(tidy, x="a", y="value", hue="score", palette=["#0072B2", "#D55E00", "#009E73"], legend=False, ax=axis)
for (score, line), tint in zip(curves.items(), ("#0072B2", "#D55E00", "#009E73"), strict=True):
    axis.annotate(score, (GRID[-1], line.iloc[-1]), xytext=(6, 0), textcoords="offset points", va="center", color=tint)
axis.axvline(chosen, color="#444444", linewidth=1)
axis.set(xlim=(0, 1.95), xlabel="power a", ylabel="", xticks=np.arange(0, 1.6, 0.25))
plots.show(fig)

# %%
#| fold: Ask the test lesions, once
test_prob = best.predictions[list(CLASSES)].to_numpy()
tuned = {}
for a in (0, chosen, 1):
    said = evaluate.answers(shifted(test_prob, shares, a))
    tuned[a] = {
        "accuracy": np.mean(said == true),
        "macro-F1": f1_score(true, said, average="macro"),
        "found": np.mean(said[true == "mel"] == "mel"),
        "alarms": np.mean(said[true == "nv"] == "mel"),
    }
tuned = pd.DataFrame(tuned).T
near = GRID[np.array(macro_f1) > max(macro_f1) - 0.02]
say(
    f"**The validation lesions choose a = {chosen:.1f}**, by a narrow margin: from a = {near.min():.1f} to "
    f"{near.max():.1f} macro-F1 stays within two hundredths of the best. On the test lesions macro-F1 goes from "
    f"{tuned.loc[0, 'macro-F1']:.2f} to {tuned.loc[chosen, 'macro-F1']:.2f}, and accuracy from "
    f"{tuned.loc[0, 'accuracy']:.2f} to {tuned.loc[chosen, 'accuracy']:.2f}. Of a hundred nevi "
    f"{100 * tuned.loc[chosen, 'alarms']:.0f} are called melanoma, not {100 * tuned.loc[0, 'alarms']:.0f}; of a hundred "
    f"melanomas {100 * tuned.loc[chosen, 'found']:.0f} are found, not {100 * tuned.loc[0, 'found']:.0f}. With a = 1 "
    f"accuracy is {tuned.loc[1, 'accuracy']:.2f}, above the floor of {accuracy['floor']:.2f}, and "
    f"{100 * tuned.loc[1, 'found']:.0f} are found."
)

# %%
#| fold: Say it in a sentence
ours = records.load_run("cnn-improved-holdout938-96x96")
restored = records.load_run("cnn-improved-holdout938-96x96-restored")
say(
    f"The same on the paper's test set, as we infer it: our CNN with both changes scores "
    f"{ours.metric('accuracy')['value']:.2f} there, below the floor of {ours.metric('accuracy')['floor']:.2f} as the "
    f"paper's does; with the true mix restored it scores {restored.metric('accuracy')['value']:.2f}, above it, and "
    f"finds {restored.metric('recall', 'mel')['value']:.0%} of the melanomas in place of "
    f"{ours.metric('recall', 'mel')['value']:.0%}."
)

# %% [markdown]
# **A network below the floor may have been asked another question.** Class weights trade false alarms for melanomas
# found, and no score alone says whether the trade is good: that depends on what a missed melanoma costs.
#
# ## What the network misses
#
# Numbers hide what a mistake looks like. Here are melanomas that were not found, a row for the answer they got, those
# with the lowest probability of melanoma first. What have they in common? Would you have called them melanoma?

# %%
#| fold: Draw this figure
#| name: missed-melanomas
#| caption: Melanomas that were not recognised. Each row, the answer they got; the number, the probability that was given
#|   to melanoma. On the real images these are answers of the best CNN to the test lesions of grouped fold 0; on the
#|   drawn sample, those of a logistic regression on six colour statistics.
#| alt: Rows of photographs of melanomas, one row for each answer that they got, with a small probability under each.
tested = best.predictions.merge(ham.table[["image_id"]].reset_index(names="row"), on="image_id")
if tested.empty:  # other images than the record's: ask a simple model that is trained in a moment
    colours = np.concatenate([pixels.mean(axis=(1, 2)), pixels.std(axis=(1, 2))], axis=1)
    simple = LogisticRegression(class_weight="balanced", max_iter=2000).fit(colours[split.train] / 255, codes[split.train])
    tested = pd.DataFrame(simple.predict_proba(colours[split.test] / 255), columns=list(CLASSES)).assign(
        row=split.test, true=ham.table["dx"].to_numpy()[split.test]
    )
tested["answer"] = evaluate.answers(tested[list(CLASSES)].to_numpy())
unseen = tested[(tested["true"] == "mel") & (tested["answer"] != "mel")].sort_values("mel")
kinds = unseen["answer"].value_counts().index[:3]
shown = {kind: unseen[unseen["answer"] == kind].head(6) for kind in kinds}
fig = plots.gallery(
    [[pixels[row] for row in rows["row"]] for rows in shown.values()],
    [f"called\n{kind}" for kind in kinds],
    notes=[[f"{value:.2f}" for value in rows["mel"]] for rows in shown.values()],
)
plots.show(fig, photo=True)

# %%
#| fold: Say it in a sentence
photographs = best.predictions.assign(found=answers == "mel").query("true == 'mel'")
lesions = photographs.groupby("group")["found"].agg(["mean", "size"])
several = lesions[lesions["size"] > 1]
torn = several["mean"].between(0, 1, inclusive="neither")
say(
    f"The {melanomas.sum() - melanomas['mel']} photographs that the network missed show {(lesions['mean'] < 1).sum()} of "
    f"the {len(lesions)} melanomas in the test set. Of the {len(several)} that were photographed more than once, "
    f"{torn.sum()} are recognised in one photograph and missed in another."
)

# %% [markdown]
# The same lesion, another photograph, another answer: a network that has learned the lesion and not the picture would
# not do that.
#
# ## Train your own, and keep the record
#
# Open this page on Colab with a GPU, and the cell below trains the network on all training lesions: the tier is then
# `workshop`, thirty epochs. `SKIN_TIER=full` takes 512 pixels a side, as the paper does. The training leaves a **run
# record** in your own folder, which {{chapter:against-the-paper}} shows beside the book's. Change the recipe, and you
# have an experiment: `replace(networks.RECIPES["cnn-cosine"], weighted=False)` leaves the class weights out. Without a
# GPU it is a rehearsal, and its record is marked as one.

# %%
recipe = "cnn-cosine"  # or "cnn-improved", "cnn-paper"

# %% tags=["remove-output"]
#| fold: Train by the recipe and keep the record
mine = networks.train(networks.RECIPES[recipe], ham, config, split)
height_, width_ = config.sizes.image
path = networks.save_record(
    f"{recipe}-grouped-{width_}x{height_}-{config.tier}", [mine], ham, config,
    resamples=200, notes="Trained by the notebook cnn-from-scratch.",
)
print(records.load_run(path))

# %% tags=["assertion"]
assert abs(paper_accuracy - 0.742) < 0.002 < SUPPORT["nv"] / SUPPORT.sum() - paper_accuracy and PAPER_RECALL.mean() > 0.5
assert wrong == [4, 10] and PATTERN in fitting and len(fitting) > 1, "two lines; several fillings"
for options in ({}, {"batch_norm": True, "wide_head": False}):
    theirs, shown_here = networks.paper_cnn((512, 512), **options), build((512, 512), **options)
    shapes = [[layer.output.shape for layer in one.layers if layer.weights] for one in (theirs, shown_here)]
    assert shapes[0] == shapes[1] and theirs.count_params() == shown_here.count_params(), "shown is trained"
sides = [layer.output.shape[1] for layer in whole.layers if isinstance(layer, layers.Conv2D | layers.MaxPooling2D)]
assert {side for _, _, side in PRINTED if side != 252} <= set(sides), "every printed side is there"
assert np.isclose([*class_weights(codes[rows]).values()], [networks.class_weights(codes[rows])[code] for code in
                  class_weights(codes[rows])]).all()
assert build((96, 96)).count_params() == whole.count_params() and isinstance(largest, layers.Conv2D)
assert sizes["as printed"][-1] < 0.1 and difference["as printed"].max() < 0.5, "small, and much in common"
assert sizes["batch norm"][-1] > 0.5 and difference["batch norm"].min() > 0.5

# %% tags=["assertion"]
trained = [run.facts["hyperparameters"] for run in (printed, improved, best)]
assert {facts["epochs_trained"] for facts in trained} == {30} and {facts["training_images"] for facts in trained} == {7010}
other = {key for key, value in trained[1]["recipe"].items() if trained[2]["recipe"][key] != value}
assert other <= {"title", "label", "cosine"} and [facts["precision"] for facts in trained] == ["bfloat16"] * 2 + ["float32"]
assert slow > 0.5 and height[printed.name] < height[improved.name] - 0.05 < height[best.name] - 0.05
assert np.allclose(arms[["paper", "narrow-head"]], 1 / len(CLASSES), atol=1e-4), "one answer to all"
assert (arms[["batch-norm", "both"]].min() > 2 / len(CLASSES)).all() and (arms["both"] > arms["batch-norm"]).all()
assert accuracy["high"] < accuracy["floor"], "below the floor, surely"
assert all(gain.loc["balanced_accuracy", "low"] > 0 for gain in gains.values()) and step["low"] > 0 < race["low"]
assert set(missed.index[:2]) == {"akiec", "bkl"} and missed.iloc[:2].sum() > 0.7 * missed.sum()
assert recall[printed.name] < 0.3 and recall[best.name] > 0.6
assert 0 < chosen < 1.5 and tuned.loc[chosen, "macro-F1"] > tuned.loc[0, "macro-F1"]
assert tuned.loc[1, "accuracy"] > accuracy["floor"] > tuned.loc[0, "accuracy"]
assert tuned.loc[0, "found"] > tuned.loc[chosen, "found"] > tuned.loc[1, "found"]
assert curves["balanced accuracy"].iloc[-1] < curves["balanced accuracy"].iloc[0] - 0.05, "it falls"
assert ours.metric("accuracy")["high"] < ours.metric("accuracy")["floor"] < restored.metric("accuracy")["low"]
assert torn.sum() > 0.1 * len(several), "one photograph found, another missed"
assert len(kinds) >= 1 and len(unseen) > 0

# %% [markdown]
# ## Quiz

# %%
checks.quiz("cnn-from-scratch")

# %% [markdown]
# ## Key points
#
# - A convolution is a small table of weights that slides over an image; a network learns the weights.
# - Output sizes are arithmetic. Walk a printed table before you believe it.
# - Through many layers answers shrink; batch normalisation holds them up, and here it made the difference.
# - An ablation changes one thing and repeats. Validation lesions choose the epoch, the layer and the number *a*; test
#   lesions choose nothing.
# - Class weights ask for balanced recall. A network trained with them can stay below the floor in accuracy and still
#   find most melanomas.
# - Look at what is missed, and put a network beside a model without layers.
#
# **What comes next.** This network had to learn even what an edge is. {{chapter:transfer-vgg16}} takes a network that
# has learned it from a million photographs of other things.
#
# Data: [Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161), CC BY-NC 4.0; more on the [data
# card](../book/data-card.md). Not a medical device.

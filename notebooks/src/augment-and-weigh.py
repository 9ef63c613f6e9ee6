# %% [markdown]
# # Augment and weigh
#
# Of a hundred images in HAM10000 one shows a dermatofibroma, and sixty-seven show nevi
# ([Tschandl et al. 2018](https://doi.org/10.1038/sdata.2018.161)). A model that counts its errors image by image learns
# that nevi matter most. You cannot photograph more rare lesions tonight. Can turned copies and weights make up for them?
#
# Guess first. Give every diagnosis the same weight in training. What happens to the share of melanomas that a model
# finds, to the share of other lesions that it raises no false alarm on, and to its accuracy?
#
# <details><summary>The answer in a sentence</summary>
# <p><b>Copies and weights add no lesion; they say which errors matter.</b> With class weights our models find
# another sixth to fifth of all melanomas, and pay with false alarms and with accuracy. Done twice, the correction turns
# the imbalance upside down.</p>
# </details>
#
# At the end of this chapter you can
#
# - say which changes of an image are fair, and what stands where the camera did not look;
# - multiply flips, turns, shifts and zooms to one matrix, and say why once is better than four times;
# - augment on the right side of a split;
# - compute class weights by hand;
# - say what weighting trades, in sensitivity and specificity, and what happens when an imbalance is corrected twice.
#
# | | minutes |
# |---|---:|
# | to read | 25 |
# | to run, on a laptop without a GPU | 1 |
# | to do the three exercises | 35 |
#
# You need {{chapter:split-without-leaking}} for the split, and {{chapter:meet-the-data}} for recall, sensitivity and
# balanced accuracy. New words are in the [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %%
#| fold: Set-up
import re

import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown, display
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, recall_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight

from helpers import checks, data, plots, records, splits, start
from helpers.ham10000 import PUBLISHED_IMAGES


def say(text):
    """Show a sentence whose numbers were computed, with a minus for a hyphen and a space before a per cent sign."""
    display(Markdown(re.sub(r"(?<=[ \[])-(?=\d)", "−", re.sub(r"(?<=\d)%", "\u00a0%", text))))

# %%
config, ham = start("augment-and-weigh")

# %% [markdown]
# ## One image, many photographs
#
# A mole stays a mole when the camera is turned. **Augmentation** shows a model changed copies of its training images,
# so that it cannot rely on what a photographer happened to do. The paper translates, rotates and zooms
# ([Garg et al. 2019](https://arxiv.org/abs/1912.03798)). Which changes are fair? Those that another photographer could
# have made of the same lesion. There is no "up" on skin, so flips and all turns are fair; small shifts, zooms, brighter
# and darker light too. Turning a brown lesion red is not: colour is evidence.
#
# Each geometric change is a 3 by 3 matrix. Read it backwards: for each place of the *new* image it says where in the
# *old* image to look. (The other way round, the new image would have holes.) A place is right, down, and a one:

# %%
def move(right, down):
    return np.array([[1, 0, -right], [0, 1, -down], [0, 0, 1.0]])


def turn(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


def zoom(factor):
    return np.diag([1 / factor, 1 / factor, 1])


FLIP = np.diag([-1.0, 1, 1])

# %%
#| fold: Look the colours up
pixels = data.load_pixels(ham, config)
means = pixels.mean(axis=(1, 2))  # red, green and blue of each image
height, width = config.sizes.image
lesions = ham.table.drop_duplicates("lesion_id")  # one row a lesion: its first image
drawn = lesions.sample(frac=1, random_state=config.seed).drop_duplicates("dx").sort_values("dx")
one = drawn[drawn["dx"] == "nv"] if (drawn["dx"] == "nv").any() else drawn
image = ham.image(one["image_id"].iloc[0])
GREY = 128  # stands where the photograph has nothing


def look_up(image, matrix):
    """Return the image that has at each place, seen from the middle, the colour found at ``matrix @ place``."""
    high, wide = image.shape[:2]
    middle = np.array([(wide - 1) / 2, (high - 1) / 2])
    down, right = np.mgrid[:high, :wide]
    place = np.stack([right.ravel() - middle[0], down.ravel() - middle[1], np.ones(right.size)])
    x, y, _ = matrix @ place
    places = np.round([y + middle[1], x + middle[0]], 9)  # a place on the edge is inside
    options = {"order": 1, "mode": "constant", "cval": GREY}
    colours = [ndimage.map_coordinates(image[..., c].astype(float), places, **options) for c in range(3)]
    return np.rint(np.stack(colours, -1)).astype(np.uint8).reshape(image.shape)

# %%
#| fold: Draw this figure
#| name: augmentation-grid
#| caption: One image, augmented. One row is one kind of change with five random draws; the last row has all of them
#|   at once.
#| alt: Six rows of five pictures of one lesion. It is mirrored, turned, shifted, enlarged or shrunk, and made
#|   brighter, darker, flatter or more contrasted; in the last row all at once. It is the same lesion
#|   throughout; grey fills the corners and edges that were not photographed.
rng = np.random.default_rng(config.seed)
high, wide = image.shape[:2]
kinds = {
    "flip": lambda: FLIP if rng.random() < 0.5 else np.eye(3),
    "turn": lambda: turn(rng.uniform(-180, 180)),
    "move": lambda: move(rng.uniform(-0.1, 0.1) * wide, rng.uniform(-0.1, 0.1) * high),
    "zoom": lambda: zoom(rng.uniform(0.8, 1.25)),
}


def relight(image):
    contrast, brightness = rng.uniform(0.8, 1.25), rng.uniform(-25, 25)
    return np.clip(contrast * (image - 128.0) + 128 + brightness, 0, 255).astype(np.uint8)


rows = {kind: [look_up(image, draw()) for _ in range(5)] for kind, draw in kinds.items()}
rows["light"] = [relight(image) for _ in range(5)]
everything = [kinds["flip"]() @ kinds["turn"]() @ kinds["move"]() @ kinds["zoom"]() for _ in range(5)]
rows["all"] = [relight(look_up(image, matrix)) for matrix in everything]
plots.show(plots.gallery(list(rows.values()), list(rows)), photo=True)

# %% [markdown]
# Grey marks what the camera did not see. A network needs some colour there. `networks.augment`, which the network
# chapters use, mirrors the image at its edge. That looks seamless, and has a price of its own: a lesion near the edge
# may appear a second time in the mirror. Whatever you fill with, look at the copies before you train on them.
#
# ## Multiply first, look once
#
# In the last row the four matrices of a draw are multiplied to **one**, and the image is looked up once. Because a
# matrix reads backwards, the first step stands leftmost: `look_up(look_up(image, a), b)` is `look_up(image, a @ b)`, but
# for what each look-up loses. And each one loses something. It mixes neighbouring pixels, and drops what it moves over
# the edge. Here are six steps that in the end put every pixel back where it was:

# %%
#| fold: Draw this figure
#| name: once-or-five-times
#| caption: An image turned, zoomed, shifted, turned back, zoomed back and shifted back: step by step, and with the steps
#|   multiplied to one matrix.
#| alt: Three pictures of one lesion. The first is the image itself. The second, step by step, is blurred and its
#|   corners are grey. The third, all at once, looks like the first.
steps = [turn(25), zoom(1.3), move(7.5, -4.5), turn(-25), zoom(1 / 1.3)]
steps.append(np.linalg.inv(steps[0] @ steps[1] @ steps[2] @ steps[3] @ steps[4]))
stepwise = image
for step in steps:
    stepwise = look_up(stepwise, step)
once = look_up(image, np.linalg.multi_dot(steps))
pictures = {"image": image, "step by step": stepwise, "all at once": once}
plots.show(plots.gallery([list(pictures.values())], ["nv"], titles=list(pictures)), photo=True)

# %%
#| fold: Say it in a sentence
lost = {name: np.abs(picture.astype(int) - image).mean() for name, picture in pictures.items()}
say(
    f"Step by step, the result differs from the image by {lost['step by step']:.1f} grey levels on average; all at once, by "
    f"{lost['all at once']:.1f}."
)

# %% [markdown]
# All at once, the six matrices multiply to the identity, and nothing is lost.
#
# The order matters, too. If a network takes squares, **turn first and squash afterwards**. A lesion that is squashed and
# then turned is stretched in a direction that changes from draw to draw, while every image that is tested is stretched
# upright. (`networks.augment` turns what `load_pixels` has already resized. Where a chapter asks for squares, as
# {{chapter:cnn-from-scratch}} does, it pays that price.)
#
# ### Exercise: follow a point
#
# Somebody has marked a spot in the old image, at `right` pixels right of the middle and `down` pixels below it. Where
# does it lie in the new image, `look_up(image, matrix)`? Write `follow(matrix, right, down)`, which returns the two
# numbers, right and down, in the new image. Remember which way a matrix reads.

# %% tags=["stub"]
def follow(matrix, right, down):
    # matrix @ [new right, new down, 1] is [right, down, 1]
    ...


# %% tags=["nbval-check-output"]
checks.check("follow-a-point", follow, ham)

# %% tags=["solution"]
def follow(matrix, right, down):
    # matrix @ [new right, new down, 1] is [right, down, 1]
    place = np.linalg.inv(matrix) @ [right, down, 1]
    return place[0], place[1]


checks.check("follow-a-point", follow, ham)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: what is fair?</p>
# <p><b>The point.</b> Augmentation states what must not change the diagnosis. That is knowledge about skin, put in by
# hand.</p>
# <p><b>Expect.</b> "More copies are more data." They are more views of the same lesions.</p>
# <p><b>Ask.</b> "Would you mirror a chest X-ray?" (The heart would change sides.) "A letter b?"</p>
# <p><b>When late.</b> Show the grid, skip the six steps.</p>
# </div>

# %% [markdown]
# ## Augment after the split
#
# {{chapter:split-without-leaking}} put exact copies on both sides of a split. Are *changed* copies safe? Take the
# nearest-neighbour model, which memorises: it answers with the diagnosis of the most similar training image. Besides the
# training images it gets mirror images: first none, then those of its training images, then those of *all* images, made
# and stored before anybody thought of a split. Which of the two kinds of copies lifts its score?

# %%
#| fold: Draw this figure
#| name: copies-before-the-split
#| caption: Balanced accuracy of a nearest-neighbour model on five test folds, the same in all three rows. Dot, one
#|   fold; vertical line, their mean.
#| alt: Three rows of five dots, with a short line at their mean. The dots without copies and with copies of the training
#|   images lie in one region; the dots with copies of all images lie far to the right.
groups, diagnosis = splits.lesion_groups(ham.table).to_numpy(), ham.table["dx"].to_numpy(str)
cutter = StratifiedGroupKFold(n_splits=5)
folds = list(cutter.split(diagnosis, diagnosis, splits.shuffled(groups, config.seed)))
small = pixels.reshape(len(pixels), 5, height // 5, 5, width // 5, 3).mean(axis=(2, 4), dtype=np.float32)
mirrored = small[:, :, ::-1]


def memoriser(train, test, copied):
    known = np.concatenate([small[train], mirrored[copied]]).reshape(-1, 75)
    answers = diagnosis[np.concatenate([train, copied])]
    search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(known)
    nearest = search.kneighbors(small[test].reshape(-1, 75), return_distance=False)[:, 0]
    return balanced_accuracy_score(diagnosis[test], answers[nearest])


everyone, nobody = np.arange(len(diagnosis)), np.arange(0)
copies = {
    "no copies": lambda train: nobody,
    "copies of\ntraining images": lambda train: train,
    "copies of\nall images": lambda train: everyone,
}
copied_scores = {name: [memoriser(*fold, choose(fold[0])) for fold in folds] for name, choose in copies.items()}
tidy = pd.DataFrame(copied_scores).melt(var_name="copies", value_name="balanced accuracy")
fig, axis = plots.figure(1.9)
sns.stripplot(tidy, x="balanced accuracy", y="copies", color="#0072B2", jitter=False, ax=axis)
sns.pointplot(tidy, x="balanced accuracy", y="copies", color="#1A1A1A", marker="|", markersize=18, linestyle="none",
              errorbar=None, ax=axis)
axis.set_ylabel("")
plots.show(fig)

# %%
#| fold: Say it in a sentence
no_copies, fair, leaking = (np.mean(values) for values in copied_scores.values())
say(
    f"**A mirror image gives the answer away.** Without copies the model scores {no_copies:.2f}, with copies of training "
    f"images {fair:.2f}, and with copies of all images {leaking:.2f}, though no image is in both sets."
)

# %% [markdown]
# The middle row is what honest augmentation is worth to this model. So: split first, then augment the training images,
# anew in each epoch, and store nothing. Whatever is *estimated* from images, such as a mean colour to subtract, comes
# from the training rows alone. (To average a model's answers to several views of one test image is another matter:
# {{chapter:transfer-vgg16}}.)
#
# ## Class weights, by hand
#
# The classes are unequal. **Class weights** make an error on a rare class cost more. The usual formula gives class
# $c$ the weight
#
# $$
# w_c = \frac{n}{k \, n_c}
# $$
#
# for $n$ training images in all, $k$ classes, and $n_c$ training images of the class. Do it once with a pencil: of
# eight images, six are nevi and two melanomas. How much does a melanoma weigh against a nevus?
#
# ### Exercise: weights of the training rows
#
# Write `class_weights(diagnosis, train)`. `diagnosis` is an array with the diagnosis of every image, `train` an array
# with the positions of the training rows. Return a Series: for each diagnosis among the training rows its weight.

# %% tags=["stub"]
def class_weights(diagnosis, train):
    # how many training images has each class?
    ...


# %% tags=["nbval-check-output"]
checks.check("class-weights", class_weights, ham)

# %% tags=["solution"]
def class_weights(diagnosis, train):
    # how many training images has each class?
    count = pd.Series(diagnosis[train]).value_counts()
    return count.sum() / (len(count) * count)


checks.check("class-weights", class_weights, ham)

# %% [markdown]
# For the training rows of the first fold, on the images of this page:

# %% tags=["nbval-check-output"]
#| fold: Make the table
training = diagnosis[folds[0][0]]
count = pd.Series(training).value_counts().sort_index()
weight = len(training) / (len(count) * count)
print(pd.DataFrame({"images": count, "weight": weight.round(2), "images x weight": (count * weight).round(1)}))
rare, common = count.idxmin(), count.idxmax()

# %% [markdown]
# Images times weight is the same for all classes. A **training loss** is a sum over images of how wrong a model is on
# each, so each class now carries an equal part of the weight in it.
#
# ## What weighting trades
#
# No pixel is added. What changes is the question: with weights, all diagnoses count alike. For melanoma two numbers tell
# what that does. **Sensitivity** is the share of the melanomas that the model calls melanoma. **Specificity** is the
# share of all other images that it does *not* call melanoma:
#
# $$
# \text{sensitivity} = \frac{TP}{TP + FN} \qquad \text{specificity} = \frac{TN}{TN + FP}
# $$
#
# The figure shows the book's records on real images: the same three models, trained with all images alike and with class
# weights, tested on every lesion, none of them seen in training.

# %%
#| fold: Draw this figure
#| name: weights-trade-melanoma
#| caption: Three models on handcrafted features, the real HAM10000 (Tschandl et al. 2018), grouped, five folds. Each arrow
#|   leads from the model trained with all images alike to the same model trained with class weights.
#| alt: Two panels with three arrows each. Left, as melanoma sensitivity rises, specificity falls. Right, as balanced
#|   accuracy rises, accuracy falls. All arrows point up and to the left.
MODELS = {"forest": "random forest", "svm": "SVM", "xgboost": "XGBoost"}
book = {run.name: run for run in records.load_runs() if run.comparable}


def traded(run):
    truth = run.predictions["true"].to_numpy()
    called, melanoma = run.answers == "mel", truth == "mel"
    return {
        "sensitivity": called[melanoma].mean(),
        "specificity": (~called[~melanoma]).mean(),
        "accuracy": run.metric("accuracy")["value"],
        "balanced accuracy": run.metric("balanced_accuracy")["value"],
        "missed": (~called[melanoma]).sum(),
        "false alarms": called[~melanoma].sum(),
    }


trade = pd.DataFrame(
    {
        (label, how): traded(book[f"classical-grouped-handcrafted-{kind}-{how}"])
        for kind, label in MODELS.items()
        for how in ("plain", "weighted")
    }
).T
fig, axes = plots.figure(3.4, 1, 2)
for axis, (x, y) in zip(axes, (("specificity", "sensitivity"), ("accuracy", "balanced accuracy")), strict=True):
    for label, shade in zip(MODELS.values(), sns.color_palette("colorblind"), strict=False):
        tail, head = (trade.loc[(label, how), [x, y]].to_numpy(float) for how in ("plain", "weighted"))
        axis.annotate("", head, tail, arrowprops={"arrowstyle": "-|>", "color": shade, "linewidth": 1.8, "mutation_scale": 16})
        axis.plot(*tail, "o", color=shade, label=label)
    of_melanoma = ", melanoma" if y == "sensitivity" else ""
    axis.set(xlabel=x + of_melanoma, ylabel=y + of_melanoma)
    axis.margins(0.15)
axes[0].set(xlim=(0.86, 0.99), ylim=(0.38, 0.68))
axes[1].set(xlim=(0.68, 0.83), ylim=(0.5, 0.75))
axes[1].legend(loc="lower left")
plots.show(fig)

# %%
#| fold: Say it in a sentence
plain, weighted = (trade.xs(how, level=1) for how in ("plain", "weighted"))
best = "SVM"
say(
    f"**More melanomas found, more false alarms.** With weights the SVM's melanoma sensitivity rises from "
    f"{plain.loc[best, 'sensitivity']:.2f} to {weighted.loc[best, 'sensitivity']:.2f}, and its specificity falls from "
    f"{plain.loc[best, 'specificity']:.2f} to {weighted.loc[best, 'specificity']:.2f}. In images: "
    f"{plain.loc[best, 'missed'] - weighted.loc[best, 'missed']:.0f} more melanomas found, for "
    f"{weighted.loc[best, 'false alarms'] - plain.loc[best, 'false alarms']:.0f} more false alarms. Balanced accuracy rises "
    f"from {plain.loc[best, 'balanced accuracy']:.2f} to {weighted.loc[best, 'balanced accuracy']:.2f}; accuracy falls "
    f"from {plain.loc[best, 'accuracy']:.2f} to {weighted.loc[best, 'accuracy']:.2f}. The other two models trade in the "
    "same way."
)

# %% [markdown]
# (The weighted models' probabilities are calibrated with the same weights, so all diagnoses count alike there, too.)
#
# Neither end is wrong. Which one you want depends on what a missed melanoma costs against a needless cut, and that is
# not the model's to decide. Report which one you chose, and both scores. An accuracy close to that of "always nevus" may
# belong to a model that looks away, or to one that looks hard for what is rare; accuracy alone cannot tell them apart.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: weights add nothing</p>
# <p><b>The point.</b> Weights move along a trade-off. Better features move the trade-off.</p>
# <p><b>Expect.</b> "Weights fix the imbalance." They state a preference.</p>
# <p><b>Ask.</b> "A clinic tells you: we would rather cut ten nevi than miss one melanoma. Which class weights are that?"
# (None of these. They follow how common a class is, not what an error costs. Give melanoma a weight of its own.)</p>
# <p><b>When late.</b> Show the figure, ask the question, go on.</p>
# </div>

# %% [markdown]
# ## Corrected twice
#
# The paper does two things against the imbalance. It stores augmented copies of rare classes until all are equally
# many, *and* it uses class weights ([Garg et al. 2019](https://arxiv.org/abs/1912.03798)). Each alone gives every class
# the same part of the weight. And both? If the weights are those of the original counts, the copies are weighted a
# second time. Whose images carry the loss then?
#
# ### Exercise: whose loss is it?
#
# Write `loss_shares(counts, copied, weighted)`. `counts` is a Series with the number of training images of each class.
# `copied` says whether images are copied until every class is as large as the largest; `weighted`, whether the balanced
# class weights of the *original* counts are used. It returns a Series with each class's share of the weight in the
# loss, of sum one, for classes of any number and size.

# %% tags=["stub"]
def loss_shares(counts, copied, weighted):
    # the images of each class, and the weight of one of them
    ...


# %% tags=["nbval-check-output"]
checks.check("loss-shares", loss_shares, ham)

# %% tags=["solution"]
def loss_shares(counts, copied, weighted):
    # the images of each class, and the weight of one of them
    images = counts * 0 + counts.max() if copied else counts
    weights = counts.sum() / (len(counts) * counts) if weighted else 1
    loss = images * weights
    return loss / loss.sum()


checks.check("loss-shares", loss_shares, ham)

# %%
#| fold: Draw this figure
#| name: shares-of-the-loss
#| caption: Whose images carry the weight in the training loss: the share of each class, without any correction, with
#|   weights, with balanced copies, and with both.
#| alt: Four stacked bars in the colours of the diagnoses. In the first, nv fills most of the bar. In the second and
#|   third all seven parts are equal. In the fourth, df and vasc, the rarest classes, have the longest parts, and nv is
#|   hardly seen.
copies = count.max() / count  # how often each image of the class occurs after balancing
corrections = pd.DataFrame({"none": 1.0, "weights": weight, "copies": copies, "both": copies * weight})
loss = corrections.mul(count, axis=0)
loss = loss / loss.sum()
fig, axis = plots.figure(2.3)
plots.shares(axis, loss.T)
plots.show(fig)

# %%
#| fold: Say it in a sentence
ratio = loss.loc[rare, "both"] / loss.loc[common, "both"]
say(
    f"**Corrected twice, the bar is turned upside down.** {rare} has {ratio:.0f} times the share of {common}, and all of "
    f"{rare} is {count[rare]} images."
)

# %% [markdown]
# Does a model mind? Let a logistic regression learn from nine numbers an image, the means and spreads of its colours and
# the colour of its middle. To repeat an image unchanged *m* times and to weight it with *m* is the same to this model's
# loss, so weights can stand for copies. (The paper's copies are augmented: they share out the weight in the same way, but
# are not the same images.) One correction weights an image by one over the count of its class, both by one over its
# square. Which of the three has the best balanced accuracy?

# %%
#| fold: Draw this figure
#| name: corrected-twice
#| caption: A logistic regression on nine colour numbers, without a correction of the imbalance, with one, and with
#|   both, by three scores on lesions that are new to it.
#| alt: Three rows of three markers on a scale from zero to one. None: high recall of nv, low balanced accuracy, low
#|   recall of df. One of them: balanced accuracy higher, recall of nv lower. Both: recall of nv collapses, and balanced
#|   accuracy is lower than with one correction.
middle = pixels[:, height // 3 : -height // 3, width // 3 : -width // 3]
spreads = np.stack([image.std(axis=(0, 1)) for image in pixels])
colours = np.hstack([means, spreads, middle.mean(axis=(1, 2))])


def answers_with(power):
    answers = np.empty_like(diagnosis)
    for train, test in folds:
        labels = pd.Series(diagnosis[train])
        weights = labels.map(labels.value_counts()) ** -power
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        model.fit(colours[train], labels, logisticregression__sample_weight=weights / weights.mean())
        answers[test] = model.predict(colours[test])
    return answers


rows, recalls = {}, {}
for name, power in {"none": 0.0, "one of them": 1.0, "both": 2.0}.items():
    answers = answers_with(power)
    recall = pd.Series(recall_score(diagnosis, answers, labels=count.index, average=None), count.index)
    rows[name] = {f"recall of {dx}": recall[dx] for dx in (common, rare)} | {"balanced accuracy": recall.mean()}
    recalls[name] = recall.to_dict() | {"accuracy": (answers == diagnosis).mean()}
twice = pd.DataFrame(rows).T
fig, axis = plots.figure(2.2)
plots.scores(axis, twice)
plots.show(fig)

# %%
#| fold: Say it in a sentence
say(
    "**Twice is worse than once.** Balanced accuracy: "
    + ", ".join(f"{name} {value:.2f}" for name, value in twice["balanced accuracy"].items())
    + f". The recall of {rare}: " + ", ".join(f"{name} {recalls[name][rare]:.2f}" for name in recalls)
    + f". The recall of {common}: " + ", ".join(f"{name} {recalls[name][common]:.2f}" for name in recalls)
    + ". Accuracy: " + ", ".join(f"{name} {recalls[name]['accuracy']:.2f}" for name in recalls) + "."
)

# %% [markdown]
# With both corrections the rarest classes are found most often. The frequent ones pay: the recall of nevi collapses, and
# balanced accuracy is lower than with one correction, though still above that with none.
#
# So choose one correction, and say which. If copies are made, compute the weights from the *copied* counts: they all
# become one, and the question goes away. A half correction, the square root of the weights, lies between none and one.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: two remedies, one illness</p>
# <p><b>The point.</b> Copies and weights share out the loss in the same way. Both together do it twice.</p>
# <p><b>Expect.</b> "But the recall of the rare class went up." It did: the model now answers it far more often, also
# where it is wrong. Ask what happened to the others.</p>
# <p><b>Ask.</b> "Which share of the loss would you give to melanoma, and why not one seventh?" No formula answers that.</p>
# <p><b>When late.</b> Do the arithmetic for df on the board, show the stacked bars, leave the exercise for the evening.</p>
# </div>

# %% tags=["assertion"]
theirs = compute_class_weight("balanced", classes=np.array(count.index), y=training)
assert np.allclose(weight, theirs), "scikit-learn computes the same"
assert np.abs(once.astype(int) - image).max() <= 1 < lost["step by step"]
assert np.allclose(loss[["weights", "copies"]], 1 / len(count))
assert (weighted["sensitivity"] - plain["sensitivity"]).between(0.15, 0.21).all(), "a sixth to a fifth"
assert (weighted["specificity"] < plain["specificity"]).all() and (weighted["accuracy"] < plain["accuracy"]).all()
assert (weighted["balanced accuracy"] > plain["balanced accuracy"]).all(), "the other two trade in the same way"
if ham.synthetic or len(ham.table) == sum(PUBLISHED_IMAGES.values()):  # other images need not show what the text says
    none_copied, of_training, of_all = copied_scores.values()
    assert min(of_all) > max(none_copied + of_training) + 0.05
    assert set(loss["both"].nlargest(2).index) == {"df", "vasc"} and loss["both"].idxmin() == "nv"
    assert twice["balanced accuracy"].idxmax() == "one of them" and twice["recall of df"].idxmax() == "both"
    assert twice.loc["both", "recall of nv"] < twice.loc["one of them", "recall of nv"] / 2
    assert twice["balanced accuracy"].idxmin() == "none", "still above that with none"
    assert recalls["none"]["accuracy"] > recalls["one of them"]["accuracy"] > recalls["both"]["accuracy"] + 0.2

# %% [markdown]
# ## Quiz

# %% tags=["nbval-check-output"]
checks.quiz("augment-and-weigh")

# %% [markdown]
# ## Key points
#
# - Augment with changes that another photographer could have made. Look at what fills the edges.
# - Multiply the matrices, the first step leftmost, and look up once. Turn first, squash afterwards.
# - Split, then augment the training images alone, anew in each epoch.
# - A class weight is *n* / (*k* · *n*<sub>c</sub>), from the training rows alone.
# - Weights trade: more melanomas found, more false alarms, a higher balanced accuracy, a lower accuracy.
# - Correct an imbalance once. Copies and weights together turn it upside down.
#
# **What comes next.** {{chapter:classical-baselines}} gives these images to three models of the time before networks,
# and reads what they make of them.
#
# Data: [Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161), CC BY-NC 4.0; more on the [data
# card](../book/data-card.md). Not a medical device.

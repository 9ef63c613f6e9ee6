# %% [markdown]
# # Meet the data
#
# *A model that never opens an image is right two times out of three. How does it do that, and what does it say about
# every model that does look?*
#
# Write down your guess before you read on. Whatever you wrote, you will meet the answer in the data, in *The floor*.
#
# At the end of this chapter you can
#
# - say what a dermoscopic image shows, and name the seven diagnoses of HAM10000;
# - say whether a claim rests on images or on lesions;
# - compute recall, precision, F1, balanced accuracy, and the sensitivity and specificity for melanoma by hand;
# - tell a *leak*, a column that knows the answer, from a *confounder*, a column that is tangled up with it;
# - name two floors that a model has to clear before it has learned anything from pixels.
#
# | | minutes |
# |---|---:|
# | to read | 25 |
# | to run, on a laptop without a GPU | 1 |
# | to do the three exercises | 35 |
#
# You need some Python and a little pandas. You need no medicine: each term is explained where it first stands, and
# again in the [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %%
#| fold: Set-up
import re

import numpy as np
import pandas as pd
from IPython.display import Markdown, display
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from helpers import checks, data, plots, records, splits, start
from helpers.ham10000 import CLASSES, COLOURS


def say(text):
    """Show a sentence whose numbers were computed, with a space before a per cent sign."""
    display(Markdown(re.sub(r"(?<=\d)%", "\u00a0%", text)))

# %%
config, ham = start("meet-the-data")

# %% [markdown]
# The pictures on this page are of the images that the box names; where they are drawn, they only imitate skin. All
# counts, scores and diagrams come from a record that this book keeps of the real HAM10000, so they are the same
# whichever images you have. ([Set-up](../book/setup.md) tells you how to get the real ones.)
#
# ## The puzzle

# %%
#| fold: Look the record up
facts, results = records.load_experiment("table")
measured = results.groupby(["arm", "stratum", "metric"])["value"].mean()
spread = results.groupby(["arm", "stratum", "metric"])["value"].agg(["min", "max"])


def by_diagnosis(arm, metric):
    """One number a diagnosis, of all images or of those of an arm such as ``sex=male``; 0 where there are none."""
    return measured[arm, :, metric].reindex(list(CLASSES), fill_value=0)


def by_value(column, metric):
    """One row a value of a column of the table, one column a diagnosis."""
    arms = [arm for arm in results["arm"].unique() if arm.startswith(f"{column}=")]
    return pd.DataFrame({arm.partition("=")[2]: by_diagnosis(arm, metric) for arm in arms}).T


images, lesions = by_diagnosis("all", "images"), by_diagnosis("all", "lesions")
floor = measured["always nv"]

# %%
#| fold: Say it in a sentence
say(
    f"In place of each image, the model is given a zero. It learns from these zeros and from the diagnoses. Then it "
    f"names one of seven diagnoses for each of the {images.sum():,.0f} images, without having seen one, and **it is "
    f"right for {floor['all', 'accuracy']:.0%} of them.**"
)

# %% [markdown]
# You would expect one in seven. Stop here and write down your explanation.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: the point of the puzzle</p>
# <p><b>The point.</b> A score means nothing until you know what a model without any skill scores.</p>
# <p><b>Expect.</b> "It has learned from the zeros", or "the test images were in the training set". Both are worth two
# minutes: there is nothing in a zero to learn or to memorise.</p>
# <p><b>Ask.</b> "Which single word would you shout for every image, if you were paid for each hit?"</p>
# <p><b>When late.</b> Show the number, take three guesses, go on. Do not give the answer away.</p>
# </div>

# %% [markdown]
# ## What dermoscopy shows
#
# A dermatoscope is a magnifying lens with a lamp, held onto the skin. A film of fluid, or polarised light, takes away
# the glare of the surface. What lies just below then becomes visible: brown networks of pigment, dots, fine vessels.
# Used together with the naked eye, and by people trained in it, dermoscopy helps to find
# melanoma ([Dinnes et al. 2018](https://doi.org/10.1002/14651858.CD011902.pub2)). [What a dermatologist looks
# for](../book/dermoscopy.md) shows the structures and two ways to count them.
#
# HAM10000 ("Human Against Machine with 10000 training images") is a collection of such images from two places: the
# Department of Dermatology in Vienna, and the skin cancer practice of Cliff Rosendahl in Queensland
# ([Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161)). Each image has one of seven labels,
# which the same article describes:
#
# | label | diagnosis | what it is | nature |
# |---|---|---|---|
# | `akiec` | actinic keratosis, Bowen's disease | changed cells that stay within the outermost layer of the skin; can become invasive | precursor or early form of squamous cell carcinoma |
# | `bcc` | basal cell carcinoma | a common skin cancer; seldom spreads to other organs, but destroys what is around it if left untreated | malignant |
# | `bkl` | benign keratosis-like lesion | an umbrella for seborrhoeic keratoses, sun spots (solar lentigines) and lichen-planus-like keratoses; some look like melanoma | benign |
# | `df` | dermatofibroma | a small firm lump in the deeper skin, sometimes after a minor injury | benign |
# | `mel` | melanoma | a cancer of the pigment cells (melanocytes); it can spread and kill; cut out early, it is usually cured | malignant |
# | `nv` | melanocytic nevus, a mole | a harmless growth of pigment cells | benign |
# | `vasc` | vascular lesion | a lesion made of blood vessels, or blood in the skin; red to purple | benign |
#
# *Malignant* means cancer: it grows into what is around it and may spread. *Benign* means it does not. A keratosis is a
# patch of thickened or changed outer skin. Squamous cell carcinoma is another cancer of the outer skin; it has no label
# here.
#
# Three of the seven, `mel`, `bcc` and `akiec`, must not be missed. Keep that in mind when we come to what a score
# rewards. And keep the order: alphabetical, as here, in every table, figure and vector of this book.
#
# <div class="admonition warning alert alert-warning">
# <p class="title">Not a medical device</p>
# <p>This course teaches how to measure. Nothing on this page can tell you what a spot on your own skin is. If one
# worries you, show it to a doctor.</p>
# </div>
#
# ## One row is one image
#
# The images come with a table. Here are four of its rows, drawn at random and turned on their side, so that a column is
# one image:

# %% tags=["nbval-check-output"]
table = ham.table.drop(columns="checksum")
table.sample(4, random_state=config.seed).T.rename_axis(columns="row")

# %% [markdown]
# `lesion_id` names the spot on the skin and `image_id` one photograph of it. `dx` is the diagnosis: what a model is
# asked for. `dx_type` says how that diagnosis was made, `localization` where on the body the lesion sits, `dataset`
# which collection the image comes from. (The course's loader adds `checksum`, a fingerprint of the image file.)
#
# Look at some of these images before you count anything.

# %%
#| fold: Draw this figure
#| name: meet-gallery
#| caption: Six lesions of each diagnosis, drawn at random from your images; one row is one diagnosis. Compare within a
#|   row first, then between rows.
#| alt: A grid of dermoscopic images, seven rows of six, one row a diagnosis. Within a row, size, colour and shape of
#|   the lesions differ widely; between rows many look alike, above all mel, nv and bkl. Some images have hairs across
#|   the lesion or dark corners.
pixels = data.load_pixels(ham, config)
# One row a lesion: its first image.
first = ham.table.drop_duplicates("lesion_id")
shuffled = first.sample(frac=1, random_state=config.seed)
drawn = {dx: shuffled.index[shuffled["dx"] == dx][:6] for dx in CLASSES}
rows = [[pixels[row] for row in drawn[dx]] for dx in CLASSES]
fig = plots.gallery(rows, labels=list(CLASSES), colours=[COLOURS[dx] for dx in CLASSES])
plots.show(fig, photo=True)

# %% [markdown]
# Cover the labels with your hand and try to tell `mel` from `nv`, or `bkl` from `mel`. Within a diagnosis the lesions
# differ more than you would wish, and between diagnoses less. Look also at what is *not* the lesion: hairs, the
# colour of the light, dark corners where the round lens ends. A model sees all of it, and nobody tells it which part
# matters.
#
# Each diagnosis keeps the colour of its bar in every figure of this book.
#
# ## How many of each?
#
# A lesion may have been photographed more than once. Photographs of one lesion are called **siblings** in this book. So
# there are two things to count, images and lesions. Which diagnosis will have the most siblings?

# %%
#| fold: Draw this figure
#| name: class-counts
#| caption: The real HAM10000 (Tschandl et al. 2018). Left, images of each diagnosis, with the number of lesions in
#|   brackets. Right, the share of the images of each diagnosis that have a sibling.
#| alt: Two panels of horizontal bars, one bar a diagnosis. Left, the bar of nv is several times as long as any other;
#|   df and vasc are the shortest. Right, mel has the longest bar and nv the shortest.
siblings = by_diagnosis("all", "siblings") / images
fig, axes = plots.figure(3.2, 1, 2)
plots.bars(axes[0], images, notes={dx: f"({lesions[dx]:,.0f})" for dx in CLASSES})
axes[0].set_title("Images (lesions)")
plots.bars(axes[1], siblings)
axes[1].set_title("Share of images with a sibling")
plots.show(fig)

# %%
#| fold: Say it in a sentence
alone = measured["images of a lesion=1", "all", "lesions"]
say(
    f"There are {images.sum():,.0f} images of {lesions.sum():,.0f} lesions; {alone / lesions.sum():.0%} of the lesions "
    f"were photographed once. An image of a melanoma has a sibling in {siblings['mel']:.0%} of cases, one of a nevus in "
    f"{siblings['nv']:.0%}. And one bar dwarfs the others: {images['nv']:,.0f} images are nevi."
)

# %% [markdown]
# That is **class imbalance**, and it is no fault of the collection: nevi are far more common than melanomas. On
# people's skin the imbalance is far greater: most of us have nevi, and few of these are ever photographed through a
# dermatoscope. You have now seen the number that solves the puzzle.
#
# Why melanomas have so many siblings is a second puzzle. Do not believe the first reason that comes to mind; we come
# back to it.
#
# ## The floor
#
# The blind model learned one thing only: which diagnosis is most frequent. It gives that answer to everyone.

# %%
#| fold: Say it in a sentence
say(
    f"**It always answers `nv`, and {images['nv']:,.0f} of {images.sum():,.0f} images are `nv`: an accuracy of "
    f"{floor['all', 'accuracy']:.1%}.** It also misses every melanoma."
)

# %% [markdown]
# **Accuracy**, the share of images that a model gets right, does not mind the missed melanomas. It counts images, and
# most images are nevi. Other scores do mind. Take one diagnosis, say melanoma, and count four kinds of images:
#
# | | it is a melanoma | it is not |
# |---|---|---|
# | **the model says melanoma** | true positive, TP | false positive, FP |
# | **the model says something else** | false negative, FN | true negative, TN |
#
# **Recall**: of all melanomas, how many did the model find? Medicine calls it **sensitivity**.
#
# $$
# \text{recall} = \text{sensitivity} = \frac{TP}{TP + FN}
# $$
#
# **Specificity**: of all images that are no melanoma, how many did it leave alone? And **precision**: of all images
# that it called a melanoma, how many are one?
#
# $$
# \text{specificity} = \frac{TN}{TN + FP} \qquad \text{precision} = \frac{TP}{TP + FP}
# $$
#
# **F1** is one number made of recall and precision, their harmonic mean:
#
# $$
# F_1 = \frac{2 \cdot \text{precision} \cdot \text{recall}}{\text{precision} + \text{recall}}
#     = \frac{2\,TP}{2\,TP + FP + FN}
# $$
#
# Here are ten images and a model's answers. Do it on paper first: how many of the four kinds are there?

# %% tags=["nbval-check-output"]
true = np.array(["nv"] * 6 + ["mel"] * 3 + ["bcc"])
answers = np.array(["nv"] * 4 + ["mel"] * 4 + ["nv"] * 2)
tp = np.sum((answers == "mel") & (true == "mel"))
fp = np.sum((answers == "mel") & (true != "mel"))
fn = np.sum((answers != "mel") & (true == "mel"))
tn = np.sum((answers != "mel") & (true != "mel"))
print(f"sensitivity {tp / (tp + fn):.2f}")
print(f"specificity {tn / (tn + fp):.2f}")
print(f"precision   {tp / (tp + fp):.2f}")
print(f"F1          {2 * tp / (2 * tp + fp + fn):.2f}")

# %% [markdown]
# Each of the $K$ diagnoses has its own recall and its own F1. Their means count every diagnosis the same, however rare
# it is:
#
# $$
# \text{balanced accuracy} = \frac{1}{K} \sum_{k=1}^{K} \text{recall}_k \qquad
# \text{macro-F1} = \frac{1}{K} \sum_{k=1}^{K} F_{1,k}
# $$

# %%
#| fold: Say it in a sentence
say(
    f"The blind model has a balanced accuracy of {floor['all', 'balanced_accuracy']:.3f}, exactly one seventh: one recall "
    f"of one, six of zero. Its macro-F1 is {floor['all', 'macro_f1']:.3f}. Asked for melanoma, its sensitivity is "
    f"{floor['mel', 'sensitivity']:.0f} and its specificity {floor['mel', 'specificity']:.0f}."
)

# %% [markdown]
# One seventh is what you expected at first. That is why this book puts balanced accuracy and macro-F1 before accuracy,
# and why no sensitivity stands here without its specificity: each of them alone can be had for nothing.
#
# Read a score from its **floor**, not from zero. The floor belongs to a test set and moves with it, as
# {{chapter:split-without-leaking}} shows.
#
# ### Exercise: another blind model
#
# Somebody says: "A missed melanoma is the worst mistake, so let the model always answer `mel`." What are the accuracy
# and the balanced accuracy of that model on your images, `ham.table["dx"]`? One division and one mean. Give shares
# between zero and one.

# %% tags=["stub"]
mel_floor = {
    "accuracy": ...,
    "balanced accuracy": ...,
}

# %% tags=["nbval-check-output"]
checks.check("melanoma-floor", mel_floor, ham)

# %% tags=["solution"]
mel_floor = {
    "accuracy": (ham.table["dx"] == "mel").mean(),
    # All of mel, nothing of the others: one recall of one among zeros.
    "balanced accuracy": 1 / ham.table["dx"].nunique(),
}
checks.check("melanoma-floor", mel_floor, ham)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: the floor</p>
# <p><b>The point.</b> Every constant answer has the same balanced accuracy, whichever diagnosis it names.</p>
# <p><b>Expect.</b> "Then balanced accuracy is the right one and accuracy is wrong." Each answers its own question. Ask
# which one a patient would put, and which one the owner of a screening service.</p>
# <p><b>Ask.</b> "What would a coin with seven sides score, in both?" (One seventh, in both, on average.)</p>
# <p><b>When late.</b> Skip the formula of macro-F1, and say: F1, averaged over the diagnoses. It returns below.</p>
# </div>

# %% [markdown]
# ## Several photographs of one lesion
#
# What do siblings look like? Guess before you look: could you tell two siblings from two strangers?

# %%
#| fold: Draw this figure
#| name: siblings
#| caption: For each diagnosis, two of your lesions with the most images: up to three photographs of one at the left of
#|   the gap, up to three of the other at its right.
#| alt: Seven rows of dermoscopic images, one a diagnosis. Left of a gap stand photographs of one lesion, right of it
#|   photographs of another. On one side shape and colours repeat; crop, rotation, zoom and light differ. From side to
#|   side the lesion changes.
per_lesion = ham.table.groupby("lesion_id").size()
members = ham.table.groupby("lesion_id").indices


def two_lesions(dx):
    """Up to three images of each of two lesions, with a gap after each."""
    names = first.loc[first["dx"] == dx, "lesion_id"]
    row = []
    for name in per_lesion[names].nlargest(2).index:
        photographs = [pixels[place] for place in members[name][:3]]
        row += photographs + [None] * (4 - len(photographs))
    return row


shown = [dx for dx in CLASSES if dx in set(first["dx"])]
rows = [two_lesions(dx) for dx in shown]
fig = plots.gallery(rows, labels=shown, colours=[COLOURS[dx] for dx in shown], columns=7)
plots.show(fig, photo=True)

# %% [markdown]
# Siblings are alike, some of them closely. Two photographs of one nevus tell you less about nevi than photographs of
# two nevi do. So a claim about *lesions* rests on the number of lesions, and a model that has seen one sibling in
# training may recognise the other one in the test. How much that is worth is the story of
# {{chapter:split-without-leaking}}.
#
# ### Exercise: count lesions, not images
#
# Under *How many of each?* you saw the share of *images* that have a sibling. Compute the share of *lesions*
# of your images that were photographed more than once: a Series with one number between zero and one for each
# diagnosis. Before you run it: will it be larger or smaller?

# %% tags=["stub"]
# First count the images of each lesion, by diagnosis.
repeated = ...

# %% tags=["nbval-check-output"]
checks.check("repeated-lesions", repeated, ham)

# %% tags=["solution"]
# First count the images of each lesion, by diagnosis.
photographs = ham.table.groupby(["dx", "lesion_id"]).size()
repeated = (photographs > 1).groupby("dx").mean()
checks.check("repeated-lesions", repeated, ham)

# %% [markdown]
# ## Whose skin?
#
# The table knows three things about the person: age, in steps of five years, sex, and where on the body the lesion was.
# Which diagnosis do you expect in the youngest people, and which on the face?

# %%
#| fold: Draw this figure
#| name: age-and-sex
#| caption: The real HAM10000 (Tschandl et al. 2018), counted in lesions. Left, age at each diagnosis; the dot is the
#|   median, the line holds the middle half. Middle, the share of women. Right, the share of lesions on the face.
#|   Unknown ages, sexes and sites are left out.
#| alt: Three panels, one row a diagnosis in each. Left, dots with horizontal lines on an axis of age; nv lies furthest
#|   to the young side, akiec and bcc to the old side. Middle, bars of the share of women, between one third and
#|   somewhat over one half. Right, bars of the share on the face; akiec has the longest, nv one of the shortest.
ages = pd.DataFrame({q: by_diagnosis("all", f"age quartile {q}") for q in (50, 25, 75)})
sexes, sites = by_value("sex", "lesions"), by_value("localization", "lesions")
women = sexes.loc["female"] / (sexes.loc["female"] + sexes.loc["male"])
faces = sites.loc["face"] / sites.drop(index="unknown").sum()
fig, axes = plots.figure(3.0, 1, 3)
plots.intervals(axes[0], ages, COLOURS)
axes[0].set(title="Age", xlabel="years")
plots.bars(axes[1], women)
axes[1].set_title("Share of women")
plots.bars(axes[2], faces)
axes[2].set_title("Share on the face")
plots.show(fig)

# %%
#| fold: Say it in a sentence
unknown = by_diagnosis("all", "age missing").sum(), by_value("sex", "images").loc["unknown"].sum()
say(
    f"Before any pixel is looked at, an old face and a young back are different bets. The median age is "
    f"{ages.loc['nv', 50]:.0f} years for a nevus and {ages.loc['bcc', 50]:.0f} for a basal cell carcinoma. And "
    f"{faces['akiec']:.0%} of `akiec` lesions are on the face, but {faces['nv']:.0%} of nevi. "
    f"Some fields are empty: the age of {unknown[0]:.0f} images, the sex of {unknown[1]:.0f}."
)

# %% [markdown]
# A doctor uses that, and rightly. A model can use it too, and later in this chapter one will. An empty field is data as
# well: mark it. Dropping its row drops a person, and filling an age with zero writes that of a baby.
#
# Note also what is *not* in the table: nothing about skin colour, and no column that says which lesions belong to one
# person.
#
# ## The column that knows the answer
#
# `dx_type` says how the diagnosis was reached. Four ways occur in HAM10000
# ([Tschandl et al. 2018](https://doi.org/10.1038/sdata.2018.161)):
#
# - `histo`: the lesion was cut out and looked at under a microscope (histopathology), the strongest evidence;
# - `follow_up`: a lesion was watched, for a year and a half or over three visits, and did not change;
# - `consensus`: experts looked at the image and agreed that it is a typical benign lesion;
# - `confocal`: a microscope that looks into living skin (reflectance confocal microscopy) showed it.
#
# `dataset` is the collection an image comes from. There are four: `rosendahl`, the practice in Queensland, and three
# from Vienna. `vienna_dias` are scanned colour slides from before digital cameras; `vidir_molemax` comes from a digital
# system with which nevi are watched over the years; `vidir_modern` from newer cameras.
#
# Guess, before you look: which diagnoses can be reached by watching and waiting? And which will a system for watching
# nevi collect?

# %%
#| fold: Draw this figure
#| name: ways-and-sources
#| caption: The real HAM10000 (Tschandl et al. 2018). Top, how the diagnosis was made; bottom, where the image comes
#|   from. The number is the count of images, the shade its share of the row.
#| alt: Two tables of counts with one column a diagnosis. Top, four rows; follow_up has all its images in nv, confocal
#|   in bkl, and akiec, bcc and mel occur in histo alone. Bottom, four rows; vidir_molemax is almost all nv, rosendahl
#|   and vidir_modern are spread over the diagnoses, and akiec has images in these two only.
ways, sources = by_value("dx_type", "images"), by_value("dataset", "images")
fig, axes = plots.figure(4.6, 2, 1)
plots.heatmap(axes[0], ways.astype(int))
axes[0].set_title("How the diagnosis was made")
plots.heatmap(axes[1], sources.astype(int))
axes[1].set_title("Source")
plots.show(fig)

# %%
#| fold: Say it in a sentence
dangerous = ["akiec", "bcc", "mel"]
say(
    f"All {ways.loc['follow_up', 'nv']:,.0f} `follow_up` images are nevi, and all {ways[dangerous].to_numpy().sum():,.0f} "
    "images of `akiec`, `bcc` and `mel` are `histo`."
)

# %% [markdown]
# The word `follow_up` gives the diagnosis away: nevi are what dermatologists watch, and one that did not change was
# labelled `nv`. What looks dangerous, then or later, is cut out, so it ends under a microscope.
#
# The column was written *after* the diagnosis, because of it. For the next patient it does not exist yet. Such a column
# is a **leak**: a model that reads it scores well here and can do nothing there.
#
# It is useful all the same, as a warning about the labels. A nevus confirmed by waiting is probably an easier case than
# one that somebody thought worth cutting out. So this book also reports scores on the `histo` images alone.
#
# ## The column that is tangled up with the answer

# %%
#| fold: Say it in a sentence
molemax = sources.loc["vidir_molemax"]
with_sibling = by_value("dataset", "siblings")
paired = with_sibling / sources
elsewhere = with_sibling.drop(index="vidir_molemax").sum() / sources.drop(index="vidir_molemax").sum()
say(
    f"A system for watching nevi collects nevi: they are {molemax['nv']:,.0f} of the {molemax.sum():,.0f} images from "
    f"`vidir_molemax`. Of these nevi, {with_sibling.loc['vidir_molemax', 'nv']:,.0f} images have a sibling. There is most "
    f"of the answer to the second puzzle. Leave that source out, and {elsewhere['mel']:.0%} of melanoma images and "
    f"{elsewhere['nv']:.0%} of nevus images have a sibling. Within `rosendahl` it is {paired.loc['rosendahl', 'mel']:.0%} "
    f"and {paired.loc['rosendahl', 'nv']:.0%}, within `vidir_modern` {paired.loc['vidir_modern', 'mel']:.0%} and "
    f"{paired.loc['vidir_modern', 'nv']:.0%}. **Most of the difference lies between the collections, not between the "
    "diagnoses.** What is left is small; the table does not say where it comes from."
)

# %% [markdown]
# All that would not matter if one could not see in an image which source it comes from. So look: here is the *average*
# image of each source and diagnosis. Look down a column first, one diagnosis from several sources.

# %%
#| fold: Draw this figure
#| name: average-images
#| caption: The average of all your images of one source and one diagnosis; one row is one source. A place with fewer
#|   than five lesions stays empty. Older copies of the table do not name the source; then there is one row.
#| alt: A grid of blurred images, sources as rows and diagnoses as columns; some places are empty. Most show a darker
#|   blot on lighter skin, some a faint one. Along a row the images resemble each other in tint and corners; between
#|   rows these differ, since each source has a tint of its own.
cells = ham.table.groupby(["dataset", "dx"])
enough = cells["lesion_id"].nunique() >= 5


def average(source, dx):
    """The mean image of a source and a diagnosis; None where there are too few lesions."""
    if not enough.get((source, dx), False):
        return None
    rows = cells.indices[source, dx]
    total = sum(pixels[row].astype(float) for row in rows)
    return (total / len(rows)).round().astype(np.uint8)


names = sorted(ham.table["dataset"].unique())
rows = [[average(source, dx) for dx in CLASSES] for source in names]
fig = plots.gallery(rows, labels=names, titles=list(CLASSES))
plots.show(fig, photo=True)

# %% [markdown]
# Now with numbers. The mean colour of an image is three numbers from 0 to 255: red, green and blue. Does the diagnosis
# move them further, or the source?

# %%
#| fold: Draw this figure
#| name: colours
#| caption: Mean colour of the lesions of the real HAM10000 (Tschandl et al. 2018), each with its 95 % confidence
#|   interval (the mean plus or minus 1.96 standard errors, Altman and Bland 2005). Top, by diagnosis; bottom, nevi
#|   alone, by source.
#| alt: Six panels of dots with horizontal lines; columns for red, green and blue, each from dark to bright. Top row,
#|   one dot a diagnosis. Bottom row, one dot a source, nevi only; the sources lie about as far apart as the diagnoses
#|   do, or further.
def interval(arm, groups, channel):
    """Mean, lower and upper end, one row a group."""
    mean = measured[arm, :, channel].reindex(groups)
    half = 1.96 * measured[arm, :, f"{channel} standard error"].reindex(groups)
    return pd.DataFrame({"mean": mean, "low": mean - half, "high": mean + half})


channels = ["red", "green", "blue"]
fig, axes = plots.figure(4.4, 2, 3, sharex="col", sharey="row")
for column, channel in enumerate(channels):
    plots.intervals(axes[0, column], interval("all", list(CLASSES), channel), COLOURS)
    plots.intervals(axes[1, column], interval("nevi", list(sources.index), channel), COLOURS["nv"])
    axes[0, column].set_title(channel)
    axes[1, column].set_xlabel("mean, 0 to 255")
plots.show(fig)

# %%
#| fold: Say it in a sentence
explained = pd.DataFrame({arm: [measured[arm, "all", f"{c} explained"] for c in channels] for arm in ("all", "nevi")}, channels)
parts = [f"{row['nevi']:.0%} against {row['all']:.0%} in {channel}" for channel, row in explained.iterrows()]
say(
    "How much of the variance between lesions lies between the groups? Among nevi alone, the source explains more of it "
    f"than the diagnosis does among all lesions: {parts[0]}, {parts[1]}, {parts[2]}."
)

# %% [markdown]
# The source has left its tint in the pixels. A model that learns "this tint means nevus" is often right on these
# images, and what it has learned is to tell collections apart. The source is a **confounder**: it goes along with the
# diagnosis, it shows in the image, and it is not what you want to learn. A leak sits in a column, and you can drop the
# column. This sits in the pixels. What you can do is know it, and test within one source.
#
# ## A model that reads only the table
#
# How far does one get without a single pixel? Give age, sex and site to a logistic regression, the plainest model that
# turns columns into seven probabilities.

# %%
def table_model(columns, class_weight):
    # A gap in the age becomes the median, and a mark: "was missing".
    gaps = SimpleImputer(strategy="median", add_indicator=True)
    age = make_pipeline(gaps, StandardScaler())
    # Each word becomes a column of its own.
    words = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(
        make_column_transformer((age, ["age"]), (words, columns)),
        LogisticRegression(class_weight=class_weight, max_iter=1000),
    )

# %% [markdown]
# With `class_weight="balanced"`, a mistake on a rare diagnosis costs more, in proportion to its rarity. The model is
# always scored on lesions that it was not trained on. There are five parts, called *folds*. Each is predicted by a model
# that learned from the other four, and all images of one lesion are in one fold.

# %%
#| fold: Score it on your images
groups = splits.shuffled(splits.lesion_groups(ham.table), config.seed)
diagnoses = ham.table["dx"]
predicted = cross_val_predict(
    table_model(["sex", "localization"], "balanced"), ham.table, diagnoses, groups=groups, cv=StratifiedGroupKFold(5)
)
say(f"On your own images it runs, and has a balanced accuracy of {balanced_accuracy_score(diagnoses, predicted):.2f}. What "
    "follows is what it scored on the real ones.")

# %%
#| fold: Draw this figure
#| name: table-models
#| caption: Five models that look at no image, by three scores, on the real HAM10000 (Tschandl et al. 2018). The last
#|   two are the third with one column more, dx_type or the source; that column is not theirs to use.
#| alt: Five rows of three markers on a scale from zero to one. Always nv has a high accuracy, a low balanced accuracy
#|   and a low macro-F1. Age, sex and site lift all three a little. With weights the balanced accuracy rises and the
#|   accuracy falls far. With dx_type, and with the source, the balanced accuracy rises again.
MODELS = ["always nv", "age, sex, site", "the same, weighted", "weighted, with dx_type", "weighted, with source"]
METRICS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro-F1"}
ladder = measured[:, "all", :].unstack().loc[MODELS, list(METRICS)].rename(columns=METRICS)
fig, axis = plots.figure(3.2)
plots.scores(axis, ladder)
plots.show(fig)

# %%
#| fold: Say it in a sentence
plain, weighted = measured["age, sex, site"], measured["the same, weighted"]
balanced = ladder["balanced accuracy"]
say(
    f"**Unweighted**, the accuracy rises from {ladder.loc['always nv', 'accuracy']:.3f} to {plain['all', 'accuracy']:.3f}. "
    f"The model still answers `nv` to {plain['nv', 'answered']:.0%} of the images, because that pays, and finds "
    f"{plain['mel', 'sensitivity']:.0%} of the melanomas."
)
say(
    f"**Weighted**, the same columns give an accuracy of {weighted['all', 'accuracy']:.2f}, far below the floor, and a "
    f"balanced accuracy of {weighted['all', 'balanced_accuracy']:.2f}, well above one seventh. Nothing was learned in "
    "addition: the model was merely told which mistakes cost. For melanoma that helps little: the sensitivity rises to "
    f"{weighted['mel', 'sensitivity']:.0%}, and the specificity falls from {plain['mel', 'specificity']:.0%} to "
    f"{weighted['mel', 'specificity']:.0%}."
)
say(
    f"**With `dx_type`** the balanced accuracy is {balanced['weighted, with dx_type']:.2f}, and worthless: no new patient "
    f"has a `dx_type`. **With the source** it is {balanced['weighted, with source']:.2f}, and there is no medicine in it: "
    "that is the confounder at work. A network can read the source from the pixels without being told."
)
say(
    f"**Keep {weighted['all', 'balanced_accuracy']:.2f} in mind as a second floor.** A model that sees the image and does "
    "not reach a higher balanced accuracy has learned less from the pixels than stands in the patient's file."
)

# %% tags=["assertion"]
from sklearn import metrics

diagnosis = np.repeat(list(CLASSES), images.astype(int))
constant = np.full(len(diagnosis), "nv")
assert np.isclose(floor["all", "balanced_accuracy"], metrics.balanced_accuracy_score(diagnosis, constant))
assert np.isclose(floor["all", "macro_f1"], metrics.f1_score(diagnosis, constant, average="macro"), atol=1e-5)
assert np.isclose(floor["all", "accuracy"], images["nv"] / images.sum(), atol=1e-5) and images.idxmax() == "nv"
assert np.isclose(tp / (tp + fn), metrics.recall_score(true == "mel", answers == "mel"))
assert np.isclose(2 * tp / (2 * tp + fp + fn), metrics.f1_score(true == "mel", answers == "mel"))
assert (siblings.idxmax(), siblings.idxmin()) == ("mel", "nv") and alone > lesions.sum() / 2
assert ages[50].idxmin() == "nv" and {"akiec", "bcc"} <= set(ages[50].nlargest(3).index)
assert faces.idxmax() == "akiec" and women.between(0.3, 0.6).all()
assert ways.loc["follow_up"].drop("nv").sum() == 0 < ways.loc["follow_up", "nv"]
assert ways.loc["confocal"].drop("bkl").sum() == 0 and ways.drop(index="histo")[dangerous].to_numpy().sum() == 0
assert molemax["nv"] > 0.9 * molemax.sum() and set(sources.index[sources["akiec"] > 0]) == {"rosendahl", "vidir_modern"}
within = [abs(paired.loc[source, "mel"] - paired.loc[source, "nv"]) for source in ("rosendahl", "vidir_modern")]
assert max(*within, elsewhere["mel"] - elsewhere["nv"]) < (siblings["mel"] - siblings["nv"]) / 3, "between the sources"
assert (explained["nevi"] > explained["all"]).all()
assert 0.015 < ladder.loc["age, sex, site", "accuracy"] - ladder.loc["always nv", "accuracy"] < 0.05
assert plain["nv", "answered"] > 0.8 and ladder.loc["the same, weighted", "accuracy"] < floor["all", "accuracy"] - 0.15
lowest = spread.loc[(slice(None), "all", "balanced_accuracy"), "min"].droplevel([1, 2])
highest = spread.loc[("the same, weighted", "all", "balanced_accuracy"), "max"]
assert highest > balanced["always nv"] + 0.08, "above the floor of a constant answer"
assert lowest[["weighted, with dx_type", "weighted, with source"]].min() > highest + 0.02, "in every repetition"

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: leak and confounder</p>
# <p><b>The point.</b> A leak is known only after the diagnosis: drop it. A confounder cannot be dropped, since it is in the
# pixels: measure it.</p>
# <p><b>Expect.</b> "But the score went up, so the column is good." Ask what would be typed into that column on Monday
# morning, with the patient in the room.</p>
# <p><b>Ask.</b> "Is age a leak, a confounder, or evidence?" (Known beforehand, so no leak. It is evidence in this clinic, and
# it may be a confounder in another one, where other people come.)</p>
# <p><b>When late.</b> Show the figure, read its last three rows aloud, leave exercise three for the evening.</p>
# </div>

# %% [markdown]
# ### Exercise: honest features
#
# Write `honest_features(table)`. It gets a table with all the columns of `ham.table`, and returns a DataFrame of
# features with one row for each row of the table, in the same order. A patient who walks in tomorrow must be able to
# have these features: so they use age, sex and site, and nothing that depends on the diagnosis, on how it was made, on
# names of lesions, images or files, on the number of the row, or on the source. They contain no missing values; and
# "age unknown" is not the same as any age.
#
# The patient of tomorrow comes alone. So a row has the same features, in the same columns, whether it is the only one in
# the table or one of many: what you fill a gap with, and which words get a column, is settled beforehand and not read
# from the table that comes in. Otherwise the rows of a test would take part in each other's features.
#
# The checker changes one column at a time and looks whether your features follow; then it hands over single patients.

# %% tags=["stub"]
def honest_features(table):
    # a column that marks a missing age; the age; sex; site
    features = ...
    return features

# %% tags=["nbval-check-output"]
checks.check("honest-features", honest_features, ham)

# %% tags=["solution"]
SITES = sorted(ham.table["localization"].unique())


def honest_features(table):
    features = pd.DataFrame({"age missing": table["age"].isna()})
    # Any fixed age will do: the mark tells it from a real one.
    features["age"] = table["age"].fillna(50)
    for sex in ("female", "male"):
        features[sex] = table["sex"] == sex
    for site in SITES:
        features[site] = table["localization"] == site
    return features


checks.check("honest-features", honest_features, ham)

# %% [markdown]
# ## Quiz

# %%
checks.quiz("meet-the-data")

# %% [markdown]
# ## Key points
#
# - Read a score from its floor. On imbalanced data the floor of accuracy is high, and a model without eyes stands on it.
# - Balanced accuracy and macro-F1 count each diagnosis the same; the floor of balanced accuracy is one divided by the
#   number of diagnoses.
# - A sensitivity says little without its specificity, and the other way round.
# - Images are not lesions, and lesions are not people. Say what you count.
# - A column written after the diagnosis is a leak: `dx_type`. A circumstance that goes along with it is a confounder: the
#   source, which shows in the colours.
# - Age, sex and site alone lift balanced accuracy well above one seventh. Ask of an image model that it beats that.
#
# **What comes next.** Here all images of a lesion were kept together. A split by image does not do that.
# {{chapter:split-without-leaking}} measures what a model that looks at images gains from it without having earned it.
#
# Data: [Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161), CC BY-NC 4.0; more on the
# [data card](../book/data-card.md). Not a medical device.

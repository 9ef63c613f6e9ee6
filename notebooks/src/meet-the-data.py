# %% [markdown]
# # Meet the data
#
# *A model that never opens an image is right two times out of three. How does it do that, and what does it say about
# every model that does look?*
#
# At the end of this chapter you can
#
# - say what a dermoscopic image shows, and name the seven diagnoses of HAM10000;
# - count images, lesions and gaps, and say whether a claim rests on images or on lesions;
# - compute accuracy, balanced accuracy and macro-F1 by hand, and name the floor that a model has to clear;
# - tell a *leak*, a column that knows the answer, from a *confounder*, a column that is tangled up with it;
# - build a model that looks at no image at all, and read from it what the table gives away.
#
# | this chapter takes | minutes |
# |---|---:|
# | to read | 25 |
# | to run, on a Colab T4 or on a laptop without a GPU | 1 |
# | to do the three exercises | 35 |
#
# You need some Python and a little pandas. You need no medicine: each term is explained where it first appears, and
# again in the [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %%
#| fold: Set-up
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from helpers import checks, data, plots, splits, start
from helpers.ham10000 import (
    CLASSES,
    COLOURS,
    NAMES,
    PUBLISHED_IMAGES,
    PUBLISHED_LESIONS,
)

# %%
config, ham = start("meet-the-data")

# %% [markdown]
# Read the box above before any number on this page: it says which images the numbers come from. If it says
# *synthetic*, they come from drawings that a program made, so that the page works anywhere. The same cells run on the
# real photographs; [Set-up](../book/setup.md) tells you how to get them.
#
# ## The puzzle
#
# Here is the model. In place of an image it is given a zero. It learns from these zeros and from the diagnoses, and
# then it says of each image which of seven diagnoses it shows, without having seen one.

# %% tags=["nbval-check-output"]
def blind_score(diagnoses):
    nothing = np.zeros((len(diagnoses), 1))
    model = DummyClassifier().fit(nothing, diagnoses)
    return model.score(nothing, diagnoses)


true = ham.table["dx"]
published = np.repeat(list(PUBLISHED_IMAGES), list(PUBLISHED_IMAGES.values()))
both = {"this page's data": true, "HAM10000 as published": published}
for source, labels in both.items():
    score = blind_score(labels)
    print(f"{source}: right for {score:.0%} of {len(labels):,} images")

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
# You would expect one in seven. Stop here and write down your explanation. We come back to it when you have met the
# data, and by then you will have the answer yourself.
#
# ## What dermoscopy shows
#
# A dermatoscope is a magnifying lens with a lamp, held onto the skin. A film of fluid, or polarised light, takes away
# the glare of the surface. What lies just below then becomes visible: brown networks of pigment, dots, fine vessels.
# Used together with the naked eye, and by people trained in it, dermoscopy helps to find
# melanoma ([Dinnes et al. 2018](https://doi.org/10.1002/14651858.CD011902.pub2)).
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
# The images come with a table. Five rows of it, drawn at random and turned on their side, so that here a column is one
# image:

# %% tags=["nbval-check-output"]
five = ham.table.drop(columns="checksum").sample(5, random_state=config.seed)
five.T.rename_axis(columns="row")

# %% [markdown]
# `lesion_id` names the spot on the skin and `image_id` one photograph of it. `dx` is the diagnosis: what a model is
# asked for. `dx_type` says how that diagnosis was made, `localization` where on the body the lesion sits, `dataset`
# which collection the image comes from. The course's loader adds one more column, `checksum`, a fingerprint of the image
# file.
#
# Now look at some of these images before you count anything.

# %%
#| fold: Draw this figure
#| name: meet-gallery
#| caption: Six lesions of each diagnosis, drawn at random; one row is one diagnosis. Compare
#|   within a row first, then between rows.
#| alt: A grid of dermoscopic images, seven rows of six, one row a diagnosis. Within a row,
#|   size, colour and shape of the lesions differ widely; between rows many look alike, above
#|   all mel, nv and bkl. Some images have hairs across the lesion or dark corners.
pixels = data.load_pixels(ham, config)
# One row a lesion: its first image.
lesions = ham.table.drop_duplicates("lesion_id")
shuffled = lesions.sample(frac=1, random_state=config.seed)
drawn = {dx: shuffled.index[shuffled["dx"] == dx][:6] for dx in CLASSES}
rows = [[pixels[row] for row in drawn[dx]] for dx in CLASSES]
colours = [COLOURS[dx] for dx in CLASSES]
fig = plots.gallery(rows, labels=list(CLASSES), colours=colours)
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
# A lesion may have been photographed more than once. So there are two things to count.

# %% tags=["nbval-check-output"]
by_class = ham.table.groupby("dx")
counts = pd.DataFrame(
    {"images": by_class.size(), "lesions": by_class["lesion_id"].nunique()}
)
counts = counts.reindex(CLASSES, fill_value=0)
counts.insert(0, "name", pd.Series(NAMES))
print(counts.rename_axis(None).to_string())
print(f"\nin all: {len(ham.table):,} images of {len(lesions):,} lesions")
print(f"image size as stored: {ham.size[1]} x {ham.size[0]} pixels")

# %%
#| fold: Draw this figure
#| name: class-counts
#| caption: Images of each diagnosis, with the number of lesions in brackets. Left, the data
#|   of this page. Right, the whole of HAM10000 as published (Tschandl et al. 2018); on the
#|   real data both sides are the same.
#| alt: Two panels of horizontal bars, one bar a diagnosis. In both the bar of nv is several
#|   times as long as any other; df and vasc are the shortest.
fig, axes = plots.figure(3.2, 1, 2)
sides = {
    "Data of this page": (counts["images"], counts["lesions"]),
    "HAM10000 as published": (
        pd.Series(PUBLISHED_IMAGES),
        pd.Series(PUBLISHED_LESIONS),
    ),
}
for axis, title in zip(axes, sides, strict=True):
    photographs, spots = sides[title]
    brackets = {dx: f"({spots[dx]:,})" for dx in CLASSES}
    plots.bars(axis, photographs, notes=brackets)
    axis.set_title(f"{title}: {photographs.sum():,}")
plots.show(fig)

# %% [markdown]
# One bar dwarfs the others. This is **class imbalance**, and it is no fault of the collection: moles are far more common
# than melanomas. On people's skin the imbalance is far greater: most of us have moles, and few of these
# are ever photographed through a dermatoscope. You have now seen the number that solves the puzzle.
#
# ## The floor
#
# The blind model learned one thing only: which diagnosis is most frequent. It gives that answer to everyone. Written
# out by hand it is one line, and its **accuracy**, the share of images that it gets right, is another:

# %% tags=["nbval-check-output"]
always_nv = pd.Series("nv", index=true.index)
accuracy = (always_nv == true).mean()
print(f"{(true == 'nv').sum():,} of {len(true):,} images are nv")
print(f"accuracy of always answering nv: {accuracy:.2%}")

# %% [markdown]
# It also misses every melanoma. Accuracy does not mind, because accuracy counts images, and most images are moles. Two
# other scores do mind.
#
# **Recall** of a diagnosis: of the images that *are* it, which share did the model call so? The mean of the seven
# recalls is the **balanced accuracy**. Each diagnosis counts the same, however rare it is.
#
# **Precision** of a diagnosis: of the images that the model *called* so, which share are it? **F1** puts recall and
# precision into one number. Written with counts it is twice the hits, over the images that are it plus the images that
# were called it. The mean of the seven is **macro-F1**.

# %% tags=["nbval-check-output"]
def scores(true, predicted):
    recall, f1 = {}, {}
    for dx in sorted(set(true)):
        hits = ((true == dx) & (predicted == dx)).sum()
        recall[dx] = hits / (true == dx).sum()
        f1[dx] = 2 * hits / ((true == dx).sum() + (predicted == dx).sum())
    return {
        "accuracy": (true == predicted).mean(),
        "balanced accuracy": np.mean(list(recall.values())),
        "macro-F1": np.mean(list(f1.values())),
    }


floors = {
    "this page's data": scores(true, always_nv),
    "HAM10000 as published": scores(published, np.full(len(published), "nv")),
}
print(pd.DataFrame(floors).T.to_string(float_format="{:.4f}".format))

# %% [markdown]
# The balanced accuracy is exactly one seventh: one recall of one, six of zero. That is what you expected at first, and
# it is why this book puts balanced accuracy and macro-F1 before accuracy.
#
# A score is to be read from its **floor**, not from zero. The paper that this book reproduces reports an accuracy of
# 65.9 % for a random forest on this data set, with the images in front of it ([Garg et al.
# 2019](https://arxiv.org/abs/1912.03798)). Compare that with the floor of HAM10000 in the table above. The paper does
# not say which test images it used, so the comparison is not the last word: as {{chapter:split-without-leaking}} shows,
# a floor belongs to a test set and moves with it.
#
# ### Exercise: another blind model
#
# Somebody says: "A missed melanoma is the worst mistake, so let the model always answer `mel`." What are the accuracy
# and the balanced accuracy of that model on `ham`? Take the counts from the table under *How many of each?* and do it on
# paper first: one division and one mean. Give shares between zero and one.

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
# <p><b>Expect.</b> "Then balanced accuracy is the right one and accuracy is wrong." Each answers its own question. Ask which
# one a patient would put, and which one the owner of a screening service.</p>
# <p><b>Ask.</b> "What would a coin with seven sides score, in both?" (One seventh, in both, on average.)</p>
# <p><b>When late.</b> Skip the formula of macro-F1, and say: F1, averaged over the diagnoses. It returns below.</p>
# </div>

# %% [markdown]
# ## Several photographs of one lesion
#
# The counts of images and of lesions differ. Photographs of one lesion are called **siblings** in this book. How are the
# extra images spread?

# %% tags=["nbval-check-output"]
per_lesion = ham.table.groupby("lesion_id").size()
for number, many in per_lesion.value_counts().sort_index().items():
    print(f"{many:5,} lesions have {number} image{'s' * (number > 1)}")

siblings = ham.table["lesion_id"].map(per_lesion) > 1
share = siblings.mean()
print(f"\nimages that are not the only one of their lesion: {share:.1%}")
for dx, share in siblings.groupby(true).mean().items():
    print(f"  {dx:<5} {share:.1%}")

copies = ham.table[ham.table["checksum"].duplicated(keep=False)]
within = copies.groupby("checksum")["lesion_id"].nunique().eq(1).sum()
twice = copies["checksum"].nunique()
print(f"\nfiles that occur twice, byte for byte: {twice}")
print(f"of these, within one lesion: {within}")

# %%
#| fold: Draw this figure
#| name: images-per-lesion
#| caption: Left, lesions by the number of their images. Right, the share of the images of
#|   each diagnosis that are not the only one of their lesion.
#| alt: Two panels of bars. Left, the bars get shorter fast; most lesions have one image.
#|   Right, one bar a diagnosis; mel has the longest, nv the shortest.
fig, axes = plots.figure(2.8, 1, 2)
plots.bars(axes[0], per_lesion.value_counts().sort_index(), colours="#6B7280")
axes[0].set(title="Lesions", ylabel="images of the lesion")
plots.bars(axes[1], siblings.groupby(true).mean())
axes[1].set_title("Share of images with a sibling")
plots.show(fig)

# %% [markdown]
# Most lesions were photographed once. But look at the right side: an image of a melanoma has a sibling far more often
# than one of a mole. Why? Do not believe the first reason that comes to mind; we come back to it. What do the extra
# photographs look like?

# %%
#| fold: Draw this figure
#| name: siblings
#| caption: For each diagnosis, two of the lesions with the most images: up to three
#|   photographs of one at the left of the gap, up to three of the other at its right.
#| alt: Seven rows of dermoscopic images, one a diagnosis. Left of a gap stand photographs of
#|   one lesion, right of it photographs of another. On one side shape and colours repeat;
#|   crop, rotation, zoom and light differ. From side to side the lesion changes.
members = ham.table.groupby("lesion_id").indices


def two_lesions(dx):
    names = lesions.loc[lesions["dx"] == dx, "lesion_id"]
    row = []
    for name in per_lesion[names].nlargest(2).index:
        photographs = [pixels[place] for place in members[name][:3]]
        row += photographs + [None] * (4 - len(photographs))
    return row


shown = [dx for dx in CLASSES if dx in set(true)]
colours = [COLOURS[dx] for dx in shown]
rows = [two_lesions(dx) for dx in shown]
fig = plots.gallery(rows, labels=shown, colours=colours, columns=7)
plots.show(fig, photo=True)

# %% [markdown]
# Siblings are alike, some of them closely. Two photographs of one mole tell you less about moles than photographs of
# two moles do. So a claim about *lesions* rests on the number of lesions, and a model that has seen one sibling in
# training may recognise the other one in the test. How much that is worth is the story of
# {{chapter:split-without-leaking}}. Until then: whatever is counted or averaged below uses one row per lesion, unless
# it says otherwise.
#
# ### Exercise: count lesions, not images
#
# The list above gives, for each diagnosis, the share of *images* that have a sibling. Compute the share of *lesions*
# that were photographed more than once: a Series with one number between zero and one for each diagnosis. Before you run
# it: will it be larger or smaller?

# %% tags=["stub"]
repeated = ...

# %% tags=["nbval-check-output"]
checks.check("repeated-lesions", repeated, ham)

# %% tags=["solution"]
# One row a lesion: the number of its images.
photographs = ham.table.groupby(["dx", "lesion_id"]).size()
repeated = (photographs > 1).groupby("dx").mean()
checks.check("repeated-lesions", repeated, ham)

# %% [markdown]
# ## Whose skin?
#
# The table knows three things about the person: age, in steps of five years, sex, and where on the body the lesion was.
# (The files of the ISIC challenge have none of them: with those, the figures of this section say nothing.)

# %%
#| fold: Draw this figure
#| name: age-and-sex
#| caption: Left, age at each diagnosis; the dot is the median, the line holds the middle half
#|   of the lesions. Right, the share of women among the lesions of a known sex.
#| alt: Two panels, one row a diagnosis in each. Left, dots with horizontal lines on an axis
#|   of age; nv lies furthest to the young side, akiec and bcc to the old side. Right, bars of
#|   the share of women, around one half and mostly below.
quartiles = lesions.groupby("dx")["age"].quantile([0.25, 0.5, 0.75]).unstack()
ages = quartiles.set_axis(["low", "middle", "high"], axis=1)
known = lesions[lesions["sex"] != "unknown"]
fig, axes = plots.figure(3.0, 1, 2)
plots.intervals(axes[0], ages[["middle", "low", "high"]], COLOURS)
axes[0].set(title="Age", xlabel="years")
plots.bars(axes[1], known["sex"].eq("female").groupby(known["dx"]).mean())
axes[1].set_title("Share of women")
plots.show(fig)

# %%
#| fold: Draw this figure
#| name: sites
#| caption: Where on the body the lesions were; one row is one site, the site with most
#|   lesions on top, with its lesions in brackets. The number is the count of lesions, the
#|   shade its share of the row. In a row of few lesions a dark place says little.
#| alt: A table of counts, body sites as rows and diagnoses as columns, shaded by share of the
#|   row, with the total beside the name of each site. The nv column is darkest in most rows;
#|   on the face the shade moves to the other diagnoses. The rows at the foot hold few lesions.
sites = pd.crosstab(lesions["localization"], lesions["dx"])
sites = sites.reindex(columns=CLASSES, fill_value=0)
total = sites.sum(axis=1).sort_values(ascending=False, kind="stable")
sites = sites.loc[total.index]
sites.index = [f"{site} ({number:,})" for site, number in total.items()]
fig, axis = plots.figure(4.2)
plots.heatmap(axis, sites)
plots.show(fig)

# %% [markdown]
# Before any pixel is looked at, an old face and a young back are different bets. A doctor uses that, and rightly. A
# model can use it too, and later in this chapter one will. Note also what is *not* in the table: nothing about skin
# colour, and no column that says which lesions belong to one person.
#
# ## What is missing?
#
# An empty field is data as well. Here they are counted in images:

# %% tags=["nbval-check-output"]
gaps = pd.DataFrame(
    {
        "age": ham.table["age"].isna(),
        "sex": ham.table["sex"] == "unknown",
        "localization": ham.table["localization"] == "unknown",
    }
)
missing = gaps.groupby(true).sum().T.assign(all=gaps.sum())
print(missing.to_string())
empty = gaps.groupby(true).mean().T.assign(all=gaps.mean())
print("\nthe same, as shares of the images of the diagnosis:")
print(empty.to_string(float_format="{:.1%}".format))
babies = (ham.table["age"] == 0).sum()
print(f"\nan age of 0 is written in {babies} rows")

# %% [markdown]
# Three traps lie here. A gap may be a hint, if a field is left empty more often where nobody was worried. Whether it is
# one here, this page cannot tell: the shares are small, some rest on a handful of images, and they may speak of the
# habits of a clinic rather than of the lesion. Dropping rows with gaps drops people, and the next patient may have a gap
# too. And a gap in the age must not be filled with zero: zero is an age, that of a baby, and the table uses it. (Whether
# each zero in it is a baby, it does not say.)
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
# Guess, before you look: which diagnoses can be reached by watching and waiting?

# %%
#| fold: Draw this figure
#| name: dx-type
#| caption: How the diagnosis was made; one row is one way. The number is the count of images,
#|   the shade its share of the row.
#| alt: A table of counts with four rows, confocal, consensus, follow_up and histo, and one
#|   column a diagnosis. The row follow_up has all its images in nv, the row confocal in bkl;
#|   akiec, bcc and mel occur in the row histo alone.
types = pd.crosstab(ham.table["dx_type"], true)
types = types.reindex(columns=CLASSES, fill_value=0)
fig, axis = plots.figure(2.3)
plots.heatmap(axis, types)
plots.show(fig)

# %% tags=["nbval-check-output"]
for kind, row in types.iterrows():
    names = ", ".join(row.index[row > 0])
    print(f"{kind:<9} {row.sum():6,} images; diagnoses: {names}")
sure = types[types.gt(0).sum(axis=1) == 1]
only = types.columns[types.drop(index="histo", errors="ignore").sum() == 0]
print(f"\nreached by histo alone: {', '.join(only)}")
given = sure.to_numpy().sum()
print(f"one diagnosis alone: {', '.join(sure.index)}, {given:,} images")

# %% [markdown]
# The word `follow_up` gives the diagnosis away: moles are what dermatologists watch, and one that did not change was
# labelled `nv` ([Tschandl et al. 2018](https://doi.org/10.1038/sdata.2018.161)). What looks dangerous, then or later, is
# cut out, so it ends under a microscope.
# In the real table all 3,704 `follow_up` images are moles, and all 1,954 images of `akiec`, `bcc` and `mel` are `histo`
# ([HAM10000 at Harvard Dataverse](https://doi.org/10.7910/DVN/DBW86T)).
#
# The column was written *after* the diagnosis, because of it. For the next patient it does not exist yet. Such a column
# is a **leak**: a model that reads it scores well here and can do nothing there.
#
# It is useful all the same, as a warning about the labels. A mole confirmed by waiting is probably an easier case than
# one that somebody thought worth cutting out. So this book also reports scores on the `histo` images alone.
#
# ## The column that is tangled up with the answer
#
# `dataset` is the collection an image comes from. There are four: `rosendahl`, the practice in Queensland, and three
# from Vienna. `vienna_dias` are scanned colour slides from before digital cameras; `vidir_molemax` comes from a digital
# system with which moles are watched over the years; `vidir_modern` from newer cameras ([Tschandl et al.
# 2018](https://doi.org/10.1038/sdata.2018.161)). Older copies of the table, Kaggle's among them, do not have this
# column; then every source is `unknown`, the figures of this section have one row, and what the text says of the
# sources does not show.

# %%
#| fold: Draw this figure
#| name: sources
#| caption: Where the images come from; one row is one source. The number is the count of
#|   images, the shade its share of the row.
#| alt: A table of counts, sources as rows and diagnoses as columns, shaded by share of the
#|   row. The row vidir_molemax is almost all nv; the rows rosendahl and vidir_modern are
#|   spread over the diagnoses; akiec has images in these two only.
origins = pd.crosstab(ham.table["dataset"], true)
origins = origins.reindex(columns=CLASSES, fill_value=0)
fig, axis = plots.figure(2.3)
plots.heatmap(axis, origins)
plots.show(fig)

# %% tags=["nbval-check-output"]
for source, row in origins.iterrows():
    images_of, most = row.sum(), row.max()
    print(f"{source}: {images_of:,} images;", end=" ")
    print(f"{most:,} of them are {row.idxmax()} ({most / images_of:.0%})")
places = origins["akiec"][origins["akiec"] > 0]
names = [f"{source} ({number:,})" for source, number in places.items()]
print("\nakiec comes from:", ", ".join(names))
print()
print(pd.crosstab(ham.table["dx_type"], ham.table["dataset"]).to_string())
elsewhere = ham.table["dataset"] != "vidir_molemax"
print("\nimages with a sibling:     all  without vidir_molemax")
for dx in ("mel", "nv"):
    shares = [siblings[rows & (true == dx)].mean() for rows in (true == dx, elsewhere)]
    print("  {:<18}   {:>6.1%}  {:>6.1%}".format(dx, *shares))

# %% [markdown]
# A device for watching moles collects moles: in the real table they are 3,720 of the 3,954 images from `vidir_molemax`
# ([HAM10000 at Harvard Dataverse](https://doi.org/10.7910/DVN/DBW86T)). And it gives one image of nearly every lesion.
# There is your reason: leave that source out, and moles have siblings nearly as often as melanomas, as the last lines
# say. It was not that doctors took a second picture of what worried them; the collections differ. Note also the table
# above those lines: the images labelled by `follow_up` come from `vidir_molemax`. Leak and source overlap.
#
# All that would not matter if one could not see in an image which source it comes from. So look: here is the *average*
# image of each source and diagnosis.

# %%
#| fold: Draw this figure
#| name: average-images
#| caption: The average of all images of one source and one diagnosis; one row is one source.
#|   A place with fewer than five lesions stays empty. Look down a column first, one
#|   diagnosis from several sources, then along a row.
#| alt: A grid of blurred images, sources as rows and diagnoses as columns; some places are
#|   empty. Most show a darker blot on lighter skin, some a faint one. Along a row the images
#|   resemble each other in tint and corners; between rows these differ: each source has a
#|   tint of its own.
cells = ham.table.groupby(["dataset", "dx"])
enough = cells["lesion_id"].nunique() >= 5


def average(source, dx):
    if not enough.get((source, dx), False):
        return None
    rows = cells.indices[source, dx]
    total = sum(pixels[row].astype(float) for row in rows)
    return (total / len(rows)).round().astype(np.uint8)


names = list(origins.index)
rows = [[average(source, dx) for dx in CLASSES] for source in names]
fig = plots.gallery(rows, labels=names, titles=list(CLASSES))
plots.show(fig, photo=True)

# %% [markdown]
# Now with numbers, and with how sure they are. The mean colour of an image is three numbers from 0 to 255: red, green,
# blue. We average over the siblings of a lesion first, so that one lesion is one observation (the few that have images
# from two sources count once in each), and draw the mean over lesions with its 95 % confidence interval: the mean, plus
# or minus 1.96 standard errors ([Altman and Bland 2005](https://doi.org/10.1136/bmj.331.7521.903)). Below the figure
# stands how much of the spread (the variance between lesions) lies between the groups: nothing if all groups have the
# same mean, all of it if each group has a single colour of its own. As in the figure, the diagnoses are compared over
# all lesions and the sources over the moles alone, where the diagnosis is the same for all.

# %%
#| fold: Draw this figure
#| name: colours
#| caption: Mean colour of the images, with its interval; where no line is seen it is shorter
#|   than the dot. Top, by diagnosis; bottom, moles (nv) alone, by source. If the diagnosis
#|   ruled the colour, the dots of a bottom panel would stand in one vertical line.
#| alt: Six panels of dots with horizontal lines; columns for red, green and blue, each from
#|   dark to bright. Top row, one dot a diagnosis. Bottom row, one dot a source, moles only;
#|   in red the sources lie about as far apart as the diagnoses do, or further.
keys, channels = ["lesion_id", "dx", "dataset"], ["red", "green", "blue"]
means = pd.DataFrame(pixels.mean(axis=(1, 2)), columns=channels)
colour = ham.table[keys].join(means).groupby(keys, as_index=False).mean()


def explained(values, by):
    return values.groupby(by).transform("mean").var() / values.var()


def interval(values):
    mean, half = values.mean(), 1.96 * values.std() / np.sqrt(len(values))
    return pd.Series([mean, mean - half, mean + half])


moles = colour[colour["dx"] == "nv"]
fig, axes = plots.figure(4.4, 2, 3, sharex="col", sharey="row")
for column, channel in enumerate(channels):
    by_diagnosis = colour.groupby("dx")[channel].apply(interval).unstack()
    by_source = moles.groupby("dataset")[channel].apply(interval).unstack()
    plots.intervals(axes[0, column], by_diagnosis, COLOURS)
    plots.intervals(axes[1, column], by_source, COLOURS["nv"])
    axes[0, column].set_title(channel)
    axes[1, column].set_xlabel("mean, 0 to 255")
plots.show(fig)

for channel in channels:
    dx = explained(colour[channel], colour["dx"])
    source = explained(moles[channel], moles["dataset"])
    print(f"{channel}: the diagnosis explains {dx:.0%} of the spread;", end=" ")
    print(f"among moles alone, the source {source:.0%}")

# %% [markdown]
# Where every lesion is a mole, the source explains more of each colour than the diagnosis does over all lesions; and
# part of what the diagnosis explains is the source again, since the sources hold different diagnoses. The source has
# left its tint in the pixels. A model that learns "this tint means mole" is often right on these images, and what it has
# learned is to tell collections apart. The source is a **confounder**: it goes along with the diagnosis, it shows in the
# image, and it is not what you want to learn. A leak sits in a column, and you can drop the column. This sits in the
# pixels. What you can do is know it, and test within one source. (Both words are in the
# [glossary](../book/glossary.md).)
#
# ## A model that reads only the table
#
# How far does one get without a single pixel? Give age, sex and site to a logistic regression, the plainest model that
# turns columns into seven probabilities. Three things in the next cell deserve a look.
#
# - A gap in the age becomes the median age *and* a mark that says "was missing". The step is part of the pipeline, so it is
#   learned from training rows alone.
# - `class_weight="balanced"` makes a mistake on a rare diagnosis cost more, in proportion to its rarity.
# - The model is always scored on lesions that it was not trained on: five parts (*folds*), each predicted by a model
#   that learned from the other four, and all images of one lesion in one part. {{chapter:split-without-leaking}} opens
#   `lesion_groups`.

# %%
def table_model(columns, class_weight):
    gap_filler = SimpleImputer(strategy="median", add_indicator=True)
    age = make_pipeline(gap_filler, StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore")  # a column for each word
    return make_pipeline(
        make_column_transformer((age, ["age"]), (words, columns)),
        LogisticRegression(class_weight=class_weight, max_iter=1000),
    )


folds = StratifiedGroupKFold(5)
groups = splits.shuffled(splits.lesion_groups(ham.table), config.seed)


def predict(columns, class_weight="balanced"):
    model = table_model(columns, class_weight)
    return cross_val_predict(model, ham.table, true, groups=groups, cv=folds)


predictions = {
    "always nv": always_nv,
    "age, sex, site": predict(["sex", "localization"], class_weight=None),
    "the same, weighted": predict(["sex", "localization"]),
    "weighted, with dx_type": predict(["sex", "localization", "dx_type"]),
    "weighted, with source": predict(["sex", "localization", "dataset"]),
}
ladder = {name: scores(true, labels) for name, labels in predictions.items()}
ladder = pd.DataFrame(ladder).T
ladder.round(2).rename_axis(columns="model")

# %%
#| fold: Draw this figure
#| name: table-models
#| caption: Five models that look at no image, by three scores. The last two are the third
#|   with one column more, dx_type or the source; that column is not theirs to use.
#| alt: Five rows of three markers on a scale from zero to one. Always nv has a high accuracy,
#|   a low balanced accuracy and a low macro-F1. Age, sex and site lift all three a little.
#|   With weights the balanced accuracy rises and the accuracy falls far. With dx_type, and
#|   with the source, the balanced accuracy rises again.
fig, axis = plots.figure(3.2)
plots.scores(axis, ladder)
plots.show(fig)

said_nv = (predictions["age, sex, site"] == "nv").mean()
print(f"age, sex, site: answers nv to {said_nv:.0%} of the images")
wins = {}
for name, other, score in (
    ("age, sex, site", "always nv", "accuracy"),
    ("weighted, with dx_type", "the same, weighted", "balanced accuracy"),
    ("weighted, with source", "the same, weighted", "balanced accuracy"),
):
    wins[name] = 0
    for _, test in folds.split(ham.table, true, groups):
        one, two = (scores(true[test], np.asarray(predictions[model])[test]) for model in (name, other))
        wins[name] += one[score] > two[score]
    print(f"{name}: a higher {score} than {other} in {wins[name]} of 5 folds")

# %% [markdown]
# Read it from top to bottom. The scores count images; the lines below the figure say in how many folds the extra
# columns helped, which is a first, rough answer to "was it luck?".
#
# **Age, sex and site, unweighted.** The accuracy rises a few points above the floor. The model still answers `nv` to
# more than four images in five, because that pays. By accuracy alone you would think that the columns are worth little.
#
# **The same columns, weighted.** Now the accuracy falls far below the floor and the balanced accuracy rises well above
# it. Nothing was learned in addition. The model was merely told which mistakes cost. So accuracy and balanced accuracy
# can move in opposite directions; whoever reports one of them alone tells you half.
#
# **With `dx_type`.** Higher again, and worthless: no new patient has a `dx_type`.
#
# **With the source.** Higher too, and no medicine in it: it is the confounder at work, and part of it is the leak again,
# since the two columns overlap. A network can read the source from the pixels without being told.
#
# Keep the third row in mind as a second floor. A model that sees the image and does not reach a higher balanced
# accuracy than this has learned less from the pixels than stands in the patient's file.

# %% tags=["assertion"]
from sklearn import metrics

assert np.isclose(scores(true, always_nv)["balanced accuracy"], metrics.balanced_accuracy_score(true, always_nv))
assert np.isclose(scores(true, always_nv)["macro-F1"], metrics.f1_score(true, always_nv, average="macro"))
whole = len(true) == len(published)
if ham.synthetic or whole:  # other images need not have these proportions
    assert true.mode()[0] == "nv" and 0.5 < accuracy < 0.8 and blind_score(true) == accuracy
    assert list(sure.index) == ["confocal", "follow_up"] and types.loc["follow_up", "nv"] > 0
    assert list(only) == ["akiec", "bcc", "mel"] and types.loc["confocal", "bkl"] > 0
    shares = siblings.groupby(true).mean()
    assert (shares.idxmax(), shares.idxmin()) == ("mel", "nv") and (per_lesion == 1).mean() > 0.5
    # The text has the real table's counts.
    assert not whole or [types.loc["follow_up", "nv"], types.loc["histo", list(only)].sum()] == [3704, 1954]
balanced = ladder["balanced accuracy"]
if (ham.synthetic or whole) and ham.table["age"].notna().any():  # not every copy of the table has ages, sexes, sites
    assert empty.max(axis=None) < 0.1 and missing.isin(range(1, 15)).any(axis=None) and gaps.any().all()
    assert ages["middle"].idxmin() == "nv" and {"akiec", "bcc"} <= set(ages["middle"].nlargest(3).index)
    assert 0.015 < ladder.loc["age, sex, site", "accuracy"] - accuracy < 0.05 and said_nv > 0.8 and wins["age, sex, site"] == 5
    assert ladder.loc["the same, weighted", "accuracy"] < accuracy - 0.15
    assert balanced["weighted, with dx_type"] - 0.03 > balanced["the same, weighted"] > balanced["always nv"] + 0.08
if (ham.synthetic or whole) and "vidir_molemax" in origins.index:  # not every copy of the table names it
    assert balanced["weighted, with source"] > balanced["the same, weighted"] + 0.02
    assert by_source[1].max() > by_source[2].min()  # of blue, too: the tints differ by more than chance
    assert all(explained(moles[c], moles["dataset"]) > explained(colour[c], colour["dx"]) for c in channels)
    rest = siblings[elsewhere].groupby(true[elsewhere]).mean()
    assert 0 < rest["mel"] - rest["nv"] < 0.1 < siblings[true == "mel"].mean() - siblings[true == "nv"].mean(), "the sources"
    of = origins.loc["vidir_molemax"]
    assert of["nv"] > 0.9 * of.sum() and (not whole or (of["nv"], of.sum()) == (3720, 3954))
    assert set(origins.index[origins["akiec"] > 0]) == {"rosendahl", "vidir_modern"}

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
# - Images are not lesions, and lesions are not people. Say what you count.
# - A gap may be a hint. Mark it, do not drop its row, and do not fill it with a number that means something else.
# - A column written after the diagnosis is a leak: `dx_type`. A circumstance that goes along with it is a confounder: the
#   source, which shows in the colours.
# - Age, sex and site alone lift balanced accuracy well above the floor. Ask of an image model that it beats that.
#
# ## What comes next
#
# Here all images of a lesion were kept together. A split by image does not do that. {{chapter:split-without-leaking}}
# measures how many marks a model that does look at images gains from it without having earned them.
#
# Data: [Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161), CC BY-NC 4.0; more on the
# [data card](../book/data-card.md). Not a medical device.

# %% [markdown]
# # The paper's test set
#
# A paper prints how well its network found each of seven diagnoses, in two digits a number. It does not say which images
# it tested on. Can its own tables give them away?
#
# The paper used HAM10000: 10,015 images of 7,470 lesions. Write down your guess before you read on: how many images were
# tested, and were they drawn from all images, one from each lesion, or in some other way?
#
# <details><summary>The answer in a sentence</summary>
# <p><b>Printed numbers remember their test set.</b> Very probably it was 938 images, all of lesions that were photographed
# only once, and four in five of them nevi. On such a test set "always nevus" beats the paper's own network. It is an
# inference, and this page shows how far it carries.</p>
# </details>
#
# At the end of this chapter you can
#
# - say what a printed average tells about the mix of a test set;
# - find out which numbers of test images a rounded recall allows;
# - tell a fit from an accident, by counting how often you tried;
# - give the accuracy behind printed recalls, and hold it against the floor of its own test set;
# - say how sure a recall from six images makes you.
#
# | | minutes |
# |---|---:|
# | to read | 20 |
# | to run, on a laptop without a GPU | 1 |
# | to do the three exercises | 40 |
#
# You need {{chapter:meet-the-data}} for recall, precision, F1 and the floor, and {{chapter:split-without-leaking}} for
# siblings and the ways to split. New words are in the [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %% tags=["remove-output"]
#| fold: Set-up
import re

import numpy as np
import pandas as pd
from IPython.display import Markdown, display
from scipy.stats import binomtest
from sklearn.model_selection import train_test_split

from helpers import checks, plots, records, splits, start
from helpers.ham10000 import CLASSES, COLOURS, PHOTOGRAPHED_ONCE, PUBLISHED_IMAGES, PUBLISHED_LESIONS


def say(text):
    """Show a sentence whose numbers were computed, with a space before a per cent sign."""
    display(Markdown(re.sub(r"(?<=\d)%", "\u00a0%", text)))

# %%
config, ham = start("the-papers-test-set")

# %% [markdown]
# ## What the paper prints
#
# [Garg, Maheshwari and Shukla 2019](https://arxiv.org/abs/1912.03798) compare networks on HAM10000: a CNN of their own,
# VGG16 and a ResNet, beside three classical models. They augment the images and weigh the classes. Their headline is the
# ResNet's accuracy, 90.51 % in the abstract, with 78 % for VGG16 (its Table 2). For the CNN they print precision, recall
# and F1 of each diagnosis (Table 3) and the averages (Table 4). They name no share of test images, no seed and no list.
#
# This is all that we have to go on. No image is needed.

# %%
#| fold: The printed tables
# Garg, Maheshwari, Shukla, arXiv:1912.03798 (2019): Table 3, class by class; Table 4, averages weighted by the number of
# test images of each diagnosis; the abstract.
TABLE_3 = pd.DataFrame(
    [(0.27, 0.62, 0.37), (0.45, 0.73, 0.56), (1.00, 0.09, 0.17), (0.08, 0.67, 0.14), (0.21, 0.59, 0.30),
     (0.95, 0.82, 0.88), (0.67, 0.73, 0.70)],
    index=CLASSES, columns=["precision", "recall", "F1"],
)
TABLE_4 = pd.Series({"precision": 0.88, "recall": 0.74, "F1": 0.77})
RESNET = 0.9051
display(pd.concat([TABLE_3, TABLE_4.to_frame("average").T]).map("{:.2f}".format))

# %% [markdown]
# ## The first clue: an average
#
# The average weights each diagnosis *d* by its number of test images:
#
# $$
# \text{average recall} = \frac{\sum_d n_d \cdot \text{recall}_d}{\sum_d n_d}
# $$
#
# So it tells how the diagnoses were mixed. Try three pools from which a test set might have been drawn: all images; one
# image of each lesion; only the lesions that were photographed once. Which pool would you bet on?

# %%
POOLS = {
    "all images": PUBLISHED_IMAGES,
    "one of each lesion": PUBLISHED_LESIONS,
    "photographed once": PHOTOGRAPHED_ONCE,
}


def weighted_average(counts):
    """The average of Table 3 over so many images of each diagnosis."""
    counts = pd.Series(counts)
    return TABLE_3.mul(counts, axis=0).sum() / counts.sum()

# %% tags=["nbval-check-output"]
averages = pd.DataFrame(POOLS).apply(weighted_average).T
averages.loc["printed in Table 4"] = TABLE_4
print(averages.round(3))

# %% [markdown]
# One pool fits: lesions photographed once. Both tables are rounded, so the two averages may differ by one in the last
# digit; the other two pools miss by more. But an average says nothing of the *size* of the test set. A small share of a
# pool is mixed as a large one is.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: a mix, and no size</p>
# <p><b>The point.</b> Weights leave their trace in an average. Three numbers of Table 4 settle the pool.</p>
# <p><b>Expect.</b> Most rooms bet on "all images": it is the usual split.</p>
# <p><b>Ask.</b> "What would someone gain by keeping only lesions photographed once?" (No sibling can leak. It is a
# careful choice, with a side effect that comes later on this page.)</p>
# <p><b>When late.</b> Show the table, name the row that fits, go on to the search.</p>
# </div>

# %% [markdown]
# ## The second clue: rounding
#
# A recall is a fraction: so many found, of so many asked. A random fifth of all images would hold 23 dermatofibromas.
# Table 3 prints their recall as two thirds, rounded to two digits. Can that come from 23? Try it by hand before you go
# on: which two fractions of 23 come nearest?
#
# Psychologists find impossible averages in print with the same idea, the *GRIM test*
# ([Brown and Heathers 2017](https://doi.org/10.1177/1948550616673876)).
#
# ### Exercise: every test set that fits
#
# Write `supports(recall, largest)`. It returns the list of all numbers *n* of test images, from 1 to `largest`, for
# which some *k* / *n* rounds to `recall`, a number printed with two digits after the point. What lies exactly half-way
# may have been rounded either way: count it, and allow a billionth for the computer's own rounding.

# %% tags=["stub"]
def supports(recall, largest):
    fitting = []
    for n in range(1, largest + 1):
        off = np.abs(np.arange(n + 1) / n - recall)
        # is one of them small enough? at the end, return the list
        ...


# %% tags=["nbval-check-output"]
checks.check("possible-supports", supports, ham)

# %% tags=["solution"]
def supports(recall, largest):
    fitting = []
    for n in range(1, largest + 1):
        off = np.abs(np.arange(n + 1) / n - recall)
        # is one of them small enough? at the end, return the list
        if off.min() <= 0.005 + 1e-9:
            fitting.append(n)
    return fitting


checks.check("possible-supports", supports, ham)

# %%
def counts_that_fit(printed, asked, unit=0.01):
    """The counts k for which k / asked rounds to ``printed``.

    ``unit`` is one in the last printed digit.
    """
    k = np.arange(asked + 1)
    return k[np.abs(k / asked - printed) <= unit / 2 + 1e-9]

# %%
#| fold: Say it in a sentence
printed = TABLE_3["recall"]["df"]
near = [k for k in range(24) if abs(k / 23 - printed) < 0.04]
say(
    f"Of 23 the nearest are {' and '.join(f'{k}/23 = {k / 23:.3f}' for k in near)}. Neither rounds to {printed}: "
    f"**{'impossible' if not len(counts_that_fit(printed, 23)) else 'possible'}**. Of six it is easy: 4/6 = {4 / 6:.3f}."
)

# %% [markdown]
# ## The search
#
# Now put both clues together. From each pool draw test sets of five hundredths, six hundredths, and so on to a half,
# stratified by diagnosis. Put eleven questions to each. Can all *seven* recalls be fractions of its counts? Do its
# *three* averages agree with Table 4? And can the ResNet's accuracy be a fraction of its size? (That one assumes that the
# ResNet was tested on the same images as the CNN. The precisions cannot be asked: what they are fractions of, the number
# of answers, is not printed.)

# %%
candidates = {}
for pool, images in POOLS.items():
    labels = np.repeat(list(images), list(images.values()))
    for percent in range(5, 51):
        _, drawn = train_test_split(
            labels, test_size=percent / 100, stratify=labels, random_state=0
        )
        counts = pd.Series(drawn).value_counts()
        candidates[pool, percent] = counts.reindex(CLASSES)


def questions_passed(counts):
    passed = 0
    for name in CLASSES:
        recall = TABLE_3["recall"][name]
        passed += len(counts_that_fit(recall, counts[name])) > 0
    off = abs(weighted_average(counts) - TABLE_4)
    passed += (off <= 0.01).sum()
    passed += len(counts_that_fit(RESNET, counts.sum(), unit=1e-4)) > 0
    return passed

# %% tags=["nbval-check-output"]
passed = pd.Series(candidates).map(questions_passed)
survivors = passed[passed == 11].index
print(f"{len(passed)} candidates, {len(survivors)} pass all eleven")

# %%
#| fold: Draw this figure
#| name: search-for-the-test-set
#| caption: How many of the eleven printed numbers each candidate test set could have given. Rings, the candidates that
#|   could have given all eleven.
#| alt: Three rows of narrow squares, one row a pool, one square for each share of it. The row for lesions
#|   photographed once is darker than the other two on the whole, most of all in its right half; two squares are ringed.
grid = passed.unstack().loc[list(POOLS)]
fig, ax = plots.figure(height=1.9)
shades = ax.imshow(grid, cmap="Blues", vmin=0, vmax=11, aspect="auto", extent=(4.5, 50.5, 2.5, -0.5))
for pool, percent in survivors:
    ax.plot(percent, list(POOLS).index(pool), "o", ms=11, mew=2.5, fillstyle="none", color="#D55E00")
ax.set_yticks(range(3), list(grid.index))
ax.set_xticks(range(5, 51, 5))
ax.set_xlabel("share of the pool that is tested, in hundredths")
fig.colorbar(shades, ax=ax, label="passed, of 11", ticks=[0, 11], pad=0.02)
plots.show(fig)

# %%
#| fold: Say it in a sentence
small, large = (candidates[key] for key in survivors)
say(
    f"**Two are left**, both of lesions photographed once: {survivors[0][1]} hundredths, **{small.sum():,} images**, and "
    f"{survivors[1][1]} hundredths, {large.sum():,} images."
)
display(pd.DataFrame({f"{counts.sum():,} images": counts for counts in (small, large)}).T)

# %% [markdown]
# ## Is it an accident?
#
# You tried often. Try often enough, and something fits by accident. So ask: if a printed recall had *nothing* to do with
# a test set, how likely would it still be one of its fractions? Six images allow few values, a thousand allow all.
#
# ### Exercise: the chance to fit
#
# A recall that is printed with two digits has one of 101 values, from `0.00` to `1.00`. Write `chance_to_fit(n)`: the
# share of those values that some *k* / *n* rounds to. As before, a half may go either way.

# %% tags=["stub"]
def chance_to_fit(n):
    fractions = np.arange(n + 1) / n
    # for each of the 101 values: is one of the fractions close enough?
    ...


# %% tags=["nbval-check-output"]
checks.check("chance-to-fit", chance_to_fit, ham)

# %% tags=["solution"]
def chance_to_fit(n):
    fractions = np.arange(n + 1) / n
    # for each of the 101 values: is one of the fractions close enough?
    values = np.arange(101) / 100
    off = np.abs(values[:, None] - fractions).min(axis=1)
    return np.mean(off <= 0.005 + 1e-9)


checks.check("chance-to-fit", chance_to_fit, ham)

# %% [markdown]
# Seven recalls, each picked blindly, all fit with the product of seven such chances. Add that product up over all shares
# of the pool, and you have the number of accidents to be expected.

# %%
#| fold: Multiply and add up
def chance_of_seven(counts):
    """The chance that seven recalls, each picked blindly among the 101 values, all fit these counts."""
    values = np.arange(101) / 100
    return np.prod([np.mean([len(counts_that_fit(value, n)) > 0 for value in values]) for n in counts])


chance = pd.Series({percent: chance_of_seven(candidates["photographed once", percent]) for percent in range(5, 51)})
up_to = chance.loc[:20]
say(
    f"Blind recalls would fit the {small.sum():,} images with a chance of **{chance[survivors[0][1]]:.2%}**, the "
    f"{large.sum():,} with one of **{chance[survivors[1][1]]:.1%}**. Over the {len(chance)} shares of the pool "
    f"{chance.sum():.2f} accidents are to be expected, but only {up_to.sum():.3f} among the {len(up_to)} shares up to "
    "a fifth."
)

# %% [markdown]
# Large test sets fit easily, so nearly all accidents are large ones. The larger candidate may well be one. The smaller
# very probably is not. We take it, and call it `holdout938`.
#
# **This is an inference**, ours, not something that [the paper](https://arxiv.org/abs/1912.03798) says. Know its limits:
#
# - We tried three pools, and there are others.
# - That the ResNet was tested on the same images as the CNN is an assumption. Its accuracy is a fraction of 938, but so
#   is one in eleven of all accuracies with four digits.
# - VGG16's accuracy does not help. It is printed in whole hundredths, and each of those is a fraction of 938.
# - Two accuracies of the classical models, 65.15 % and 65.86 % (its Table 5), are *no* fractions of 938. Those models had
#   another test set, or the numbers are means of several.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: how sure are we?</p>
# <p><b>The point.</b> A fit counts only beside the number of tries. The same sum guards against every lucky finding.</p>
# <p><b>Expect.</b> "Two fit, so it is even odds." Compare what each would do by accident.</p>
# <p><b>Ask.</b> "What could still overturn it?" (A list from the authors. A fourth pool with a small share that fits.)</p>
# <p><b>When late.</b> Show the figure, say that the small one hardly ever fits by accident, skip the exercise.</p>
# </div>

# %% [markdown]
# ## A recipe that goes round
#
# There is a second trace. Search public code for `test_size=0.17, random_state=101`, and you find one program on HAM10000
# after the other that keeps the lesions photographed once and splits them so. On the table of this page the recipe reads:

# %%
table = ham.table
diagnosis = table["dx"].to_numpy(str)
once = np.flatnonzero(~table["lesion_id"].duplicated(keep=False))
_, drawn = train_test_split(
    once, test_size=0.17, random_state=101, stratify=diagnosis[once]
)

# %%
#| fold: Say it in a sentence
drawn_counts = pd.Series(diagnosis[drawn]).value_counts().reindex(CLASSES).fillna(0).astype(int)
audit = splits.audit(table, np.setdiff1d(np.arange(len(table)), drawn), drawn)
alike = ": the very counts of the search" if list(drawn_counts) == list(small) else ""
missed = f"Only {audit.leaked_images}, by the published missed pairs," if audit.leaked_images else "None"
say(
    f"On the images at hand it draws {len(drawn):,} images, {drawn_counts['nv']:,} of them nevi{alike}. {missed} of them "
    "show a lesion that is also trained on."
)

# %% [markdown]
# Which images the paper drew, nobody can tell. The programs read the table in the order of its file. This book sorts it
# by image, so the same seed draws other images.
#
# In the public programs these images are the *validation* set. They choose the epoch and steer the learning rate, and
# then their score is reported. Augmented copies are made after the split, so none leaks; and melanoma alone gets a larger
# class weight. **Did the paper follow such a program? That is a hypothesis.** It would explain the counts. The
# paper neither says so nor rules it out. {{chapter:where-could-90-come-from}} measures what choosing the epoch in this way
# is worth.
#
# ## What such a test set asks
#
# A test set of lesions photographed once has one great merit: no test image has a sibling in training, but for a few
# missed pairs. If the ResNet was tested on it, leakage by siblings cannot explain its accuracy. But look at what it asks.
#
# ### Exercise: the accuracy behind the recalls
#
# Is the paper's CNN really below "always nevus"? Accuracy is the share of images that are right, so it follows from the
# recalls and the counts. Each recall was rounded, so several numbers of right answers may be behind it.
#
# Write `accuracy_between(recalls, counts)`. For each diagnosis `recalls` has a recall printed with two digits, `counts`
# the number of its test images. Return the lowest and the highest accuracy that agree with all of them.

# %% tags=["stub"]
def accuracy_between(recalls, counts):
    lowest = highest = 0
    for recall, n in zip(recalls, counts):
        off = np.abs(np.arange(n + 1) / n - recall)
        # add the smallest and the largest k whose off is small enough;
        # at the end, divide and return
        ...


# %% tags=["nbval-check-output"]
checks.check("accuracy-between", accuracy_between, ham)

# %% tags=["solution"]
def accuracy_between(recalls, counts):
    lowest = highest = 0
    for recall, n in zip(recalls, counts):
        off = np.abs(np.arange(n + 1) / n - recall)
        # add the smallest and the largest k whose off is small enough;
        # at the end, divide and return
        k = np.flatnonzero(off <= 0.005 + 1e-9)
        lowest += k.min()
        highest += k.max()
    return lowest / sum(counts), highest / sum(counts)


checks.check("accuracy-between", accuracy_between, ham)

# %%
#| fold: Say it in a sentence
behind = [counts_that_fit(TABLE_3["recall"][name], small[name]) for name in CLASSES]
between = np.array([sum(counts.min() for counts in behind), sum(counts.max() for counts in behind)]) / small.sum()
floor = small["nv"] / small.sum()
say(
    f"The paper's CNN is right on {between[0]:.2%} to {between[1]:.2%} of the {small.sum()} images. **Always answering "
    f"nevus is right on {floor:.2%}.** VGG16's accuracy is below that as well, if this was its test set. The ResNet's, "
    f"849 of {small.sum()}, is {100 * (849 / small.sum() - floor):.0f} points above it."
)

# %% [markdown]
# Compare the three ways to choose a test set that this book uses, its **protocols**: `holdout938`, as we infer it for the
# paper; `image8020`, a random fifth of all images; and `grouped`, the five folds of
# {{chapter:split-without-leaking}}, where every lesion is tested once. How much of each is nevi?

# %%
#| fold: Draw this figure
#| name: three-protocols
#| caption: The test sets of the three protocols on the real HAM10000 (Tschandl et al. 2018). The nevus part of a bar is
#|   the accuracy of a model that looks at no image and always answers nevus.
#| alt: Three stacked horizontal bars in the colours of the diagnoses. The nevus part is longest for holdout938; the
#|   bars of image8020 and grouped look alike.
runs = {name: records.load_run(f"resnet-frozen-{name}-200x150") for name in ("holdout938", "image8020", "grouped")}
true = {name: run.predictions["true"] for name, run in runs.items()}
shares = pd.DataFrame({name: series.value_counts(normalize=True) for name, series in true.items()})
fig, ax = plots.figure(height=2.0)
plots.shares(ax, shares.T.reindex(columns=CLASSES))
plots.show(fig)

# %%
#| fold: Make the table
floors = pd.DataFrame({
    name: {
        "images tested": f"{len(true[name]):,}",
        "floor of accuracy": f"{share:.3f}",
        "floor of balanced accuracy": f"{1 / len(CLASSES):.3f}",
        "floor of macro-F1": f"{2 * share / (1 + share) / len(CLASSES):.3f}",
        "our frozen ResNet: accuracy": f"{runs[name].metric('accuracy')['value']:.3f}",
    }
    for name, share in shares.loc["nv"].items()
}).T
display(floors)

# %% [markdown]
# A **floor** is what always answering nevus gets. It follows from the share *p* of nevi alone. Accuracy is *p*. Balanced
# accuracy is one in seven, since one recall is one and six are zero. And the F1 of nevus, the only one that is not zero,
# has precision *p* and recall one:
#
# $$
# \text{macro-F1} = \frac{1}{7} \cdot \frac{2p}{1 + p}
# $$
#
# The last column is one and the same recipe, trained for each protocol. An accuracy means nothing without its protocol:
# the same score can lie well above one floor and below another. Balanced accuracy has the same floor everywhere, which is
# one reason to report it first.
#
# ## How sure can so few images make you?
#
# The paper prints a recall of two thirds for dermatofibroma. If our inference holds, that is four of six. Which true
# recalls fit such a count? Guess a range. The *Wilson interval*
# ([Wilson 1927](https://doi.org/10.1080/01621459.1927.10502953)) answers: of a hundred intervals made in this way, about
# ninety-five hold the truth.

# %%
#| fold: Draw this figure
#| name: certainty-by-class
#| caption: The recalls of the paper's CNN (Garg et al. 2019, Table 3) on the 938 images that we infer. Dot, the share that
#|   was found; line, its Wilson interval. The number of test images stands beside each name.
#| alt: One dot with a horizontal line for each diagnosis. The line is shortest for nevus, the most common diagnosis, and
#|   widest for dermatofibroma, where it covers more than half of the scale. Benign keratosis lies far to the left.
found = {name: int(np.median(counts)) for name, counts in zip(CLASSES, behind)}
fits = {}
for name in CLASSES:
    interval = binomtest(found[name], int(small[name])).proportion_ci(method="wilson")
    fits[f"{name} ({small[name]})"] = (found[name] / small[name], interval.low, interval.high)
fits = pd.DataFrame(fits, ["middle", "low", "high"]).T
fig, ax = plots.figure(height=2.7)
plots.intervals(ax, fits, {label: COLOURS[label.split()[0]] for label in fits.index})
ax.set(xlim=(0, 1), xlabel="true recall that fits the count")
ax.xaxis.set_major_formatter("{x:.0%}")
plots.show(fig)

# %%
#| fold: Say it in a sentence
def wilson_width(found, asked):
    interval = binomtest(found, asked).proportion_ci(method="wilson")
    return interval.high - interval.low


df = fits.loc[f"df ({small['df']})"]
enough = next(n for n in range(12, 10_000, 4) if wilson_width(3 * n // 4, n) < 0.1)
say(
    f"{found['df']} of {small['df']} dermatofibromas fits any true recall from **{df['low']:.0%} to {df['high']:.0%}**. To "
    f"know a recall of three in four to within an interval of ten points takes {enough} images, one a lesion."
)

# %% [markdown]
# So such a test set cannot tell a good model of dermatofibroma from a poor one. More lesions help; siblings do not, since
# two photographs of one lesion are not two pieces of evidence. The five grouped folds together test every lesion once,
# and resampling *lesions*, not images, gives intervals that know about siblings. {{chapter:classical-baselines}} does so.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: how sure?</p>
# <p><b>The point.</b> How sure a recall is depends on the test lesions of that class, not on the size of the data set.</p>
# <p><b>Expect.</b> "A data set of ten thousand images has small errors."</p>
# <p><b>Ask.</b> "Two models find four and five of the six. Which is better?"</p>
# <p><b>When late.</b> Show the figure, read the sentence below it, go on to the quiz.</p>
# </div>

# %% tags=["assertion"]
assert list(survivors) == [("photographed once", 17), ("photographed once", 47)]
assert list(small) == [26, 30, 75, 6, 39, 751, 11] and small.sum() == 938
assert (abs(weighted_average(PHOTOGRAPHED_ONCE) - TABLE_4) <= 0.005).all(), "one pool fits"
for pool in ("all images", "one of each lesion"):
    assert (abs(weighted_average(POOLS[pool]) - TABLE_4) > 0.01).any(), "the others miss by more than one"
assert len(near) == 2 and not len(counts_that_fit(TABLE_3["recall"]["df"], 23)), "two thirds of 23 is impossible"
assert round(PUBLISHED_IMAGES["df"] / 5) == 23
assert up_to.sum() < 0.01 < 0.2 < chance.sum() < 1, "the small fit is no accident"
assert all(len(counts_that_fit(value / 100, 938)) for value in range(101)), "whole per cents are no clue"
assert 1 / 12 < 939 / 10_001 < 1 / 10, "one in eleven"
assert list(counts_that_fit(RESNET, 938, 1e-4)) == [849]
assert not len(counts_that_fit(0.6515, 938, 1e-4)) and not len(counts_that_fit(0.6586, 938, 1e-4)), "Table 5 differs"
assert between[1] < floor and 0.785 < floor < 849 / 938 - 0.1, "the CNN and VGG16 are below the floor, the ResNet above"
assert true["holdout938"].value_counts().reindex(CLASSES).tolist() == list(small)
assert shares.loc["nv", "holdout938"] > shares.loc["nv", "image8020"] + 0.1, "the paper's floor is the highest"
assert runs["holdout938"].metric("accuracy")["value"] > runs["grouped"].metric("accuracy")["value"] + 0.05
assert (fits["high"] - fits["low"]).idxmin().startswith("nv") and df["high"] - df["low"] > 0.5
assert np.array_equal(np.sort(drawn), splits.holdout938(table).test), "the recipe is the protocol of the records"
if table["dx"].value_counts().to_dict() == PUBLISHED_IMAGES:
    assert table["dx"].iloc[once].value_counts().to_dict() == PHOTOGRAPHED_ONCE
    assert list(drawn_counts) == list(small)

# %% [markdown]
# ## Quiz

# %% tags=["nbval-check-output"]
checks.quiz("the-papers-test-set")

# %% [markdown]
# ## Key points
#
# - A weighted average tells how a test set was mixed; the rounding of a recall tells how many images it has.
# - A fit counts only beside the number of tries: add up the accidents that you had to expect.
# - Very probably the paper tested on 938 lesions photographed once. It is an inference; say so whenever you use it.
# - Most of that test set is nevi, so its floor is high. An accuracy without its protocol and floor means nothing.
# - A recall from six images is a rumour. Print its count and its interval.
# - When you publish: list your test images, and nobody has to guess.
#
# How common is it that a test set cannot be trusted or told? [Kapoor and
# Narayanan](https://doi.org/10.1016/j.patter.2023.100804) found leakage in published work across seventeen fields of
# science.
#
# **What comes next.** {{chapter:preprocess}} prepares the images: equalising, colour, hair, squares, and what
# each of them does to what a model can see. What the 938 mean for the headline, {{chapter:against-the-paper}} and
# {{chapter:where-could-90-come-from}} show.

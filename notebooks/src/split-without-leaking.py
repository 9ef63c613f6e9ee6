# %% [markdown]
# # Split without leaking
#
# A model is tested on photographs that it has never seen. Can it have seen the answers all the same?
#
# Here is how. Many lesions were photographed more than once. One photograph is in the test set, and another photograph
# of the *same lesion* is in the training set. By how many points does that raise accuracy on such images? Write down two
# guesses: for a model that memorises, and for one that draws a smooth boundary.
#
# <details><summary>The answer in a sentence</summary>
# <p><b>Two photographs of one lesion are one piece of evidence.</b> A model that memorises gains a great deal from the
# second one, a smooth one gains little, and nobody can see it in the score. So split by lesion, never by image.</p>
# </details>
#
# At the end of this chapter you can
#
# - count how many test images show a lesion that the model was trained on;
# - explain why comparing two different test sets misleads, and make a comparison that does not;
# - say what may be copied, and when;
# - split HAM10000 by lesion into training, validation and test sets, and prove that nothing is shared.
#
# | | minutes |
# |---|---:|
# | to read | 25 |
# | to run, on a laptop without a GPU | 1 |
# | to do the three exercises | 45 |
#
# You need {{chapter:meet-the-data}}, for the seven diagnoses and for accuracy and balanced accuracy with their floors.
# New words are in the [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %% tags=["remove-output"]
#| fold: Set-up
import re

import numpy as np
import pandas as pd
from IPython.display import Markdown, display
from sklearn.metrics import balanced_accuracy_score
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from helpers import checks, data, evaluate, plots, records, splits, start
from helpers.ham10000 import CLASSES, COLOURS, PUBLISHED_IMAGES


def say(text):
    """Show a sentence whose numbers were computed, with a space before a per cent sign."""
    display(Markdown(re.sub(r"(?<=\d)%", "\u00a0%", text)))

# %%
config, ham = start("split-without-leaking")

# %%
#| fold: Look the record up
experiment, measured = records.load_experiment("leakage-frozen")
ratio = experiment["test_images"] / experiment["training_images"]
effects = evaluate.leak_effects(measured, ratio=ratio)
gain = effects.xs(("could leak", "accuracy"), level=("stratum", "metric"))

# %%
#| fold: Say it in a sentence
row = gain.loc["1-nn"]
say(
    f"**From {row['A']:.0%} to {row['B']:.0%} right, on the same test images.** So much did a nearest neighbour, which "
    f"memorises, gain on lesions of the real HAM10000 when other photographs of them came into its training set: "
    f"{100 * row['value']:.1f} points [{100 * row['low']:.1f}, {100 * row['high']:.1f}]. On the same features an SVM "
    f"gained {100 * gain.loc['svm', 'value']:.1f} points and a logistic regression "
    f"{100 * gain.loc['logistic', 'value']:.1f} ({experiment['repetitions']['paired']} repetitions; "
    "Chapter {{number:where-could-90-come-from}} shows how it was measured)."
)

# %% [markdown]
# ## A split that looks clean
#
# To test a model you hold some images back. The usual line draws one image in five at random, diagnosis by diagnosis,
# so that the classes keep their proportions.

# %% tags=["nbval-check-output"]
table = ham.table
diagnosis = table["dx"].to_numpy(str)
lesion = table["lesion_id"].to_numpy(str)
rows = np.arange(len(table))

train, test = train_test_split(
    rows, test_size=0.2, stratify=diagnosis, random_state=config.seed
)
both = np.intersect1d(train, test)
print(f"{len(train):,} training images, {len(test):,} test images,",
      f"{len(both)} in both")

# %% [markdown]
# No image is in both sets. Now take a model that hides nothing from us, the **memoriser**. It shrinks each training
# image to five by five coloured squares and keeps them. Shown a test image, it looks for the most similar one that it
# has kept, and gives that image's diagnosis. Its proper name is *one-nearest-neighbour classifier*.

# %%
pixels = data.load_pixels(ham, config)
height, width = config.sizes.image
tiles = pixels.reshape(len(table), 5, height // 5, 5, width // 5, 3)
squares = tiles.mean(axis=(2, 4), dtype=np.float32)
squares = squares.reshape(len(table), -1)


def most_similar(train, test, hide=None):
    """For each test row, the most similar training row.

    With ``hide``, a label for each row, never one of the same label.
    """
    distance = euclidean_distances(squares[test], squares[train])
    if hide is not None:
        label = pd.factorize(hide)[0]
        distance[label[test][:, None] == label[train]] = np.inf
    return train[distance.argmin(axis=1)]


nearest = most_similar(train, test)
right = diagnosis[nearest] == diagnosis[test]

# %%
#| fold: Say it in a sentence
balanced = balanced_accuracy_score(diagnosis[test], diagnosis[nearest])
floor, classes = (diagnosis[test] == "nv").mean(), len(set(diagnosis[test]))
say(
    f"On the images of this page it gets {right.mean():.1%} of the test set right, where always answering \"nevus\" gets "
    f"{floor:.1%}. Its balanced accuracy is {balanced:.1%}, with a floor of {1 / classes:.1%}. It is no good "
    "diagnostician, and need not be: we want a model whose memory we can look into."
)

# %% [markdown]
# **Which pairs show one lesion?** Above, six test images; below each, the training image that the memoriser found most
# similar. In three of the pairs both photographs show the *same lesion*. Note your three letters before you read on.

# %%
#| fold: Draw this figure
#| name: pairs-across-the-split
#| caption: Six test images and, below each, the most similar training image. Three of the pairs show one lesion, and
#|   three show two lesions of the same diagnosis. Which?
#| alt: Two rows of six pictures in lettered columns. In each column the two photographs of skin lesions resemble each
#|   other. In some they could be one lesion, moved, turned or magnified; in the others shape and details differ.
same = lesion[nearest] == lesion[test]
chosen = []
for name in ("mel", "bkl", "nv", "bcc", "vasc", "akiec", "df"):
    pair = [np.flatnonzero(right & (same == one) & (diagnosis[test] == name)) for one in (True, False)]
    if len(chosen) < 6 and all(len(places) for places in pair):
        chosen += [places[0] for places in pair]
chosen = np.random.default_rng(config.seed).permutation(chosen or range(6))
letters = list("ABCDEF"[: len(chosen)])
above, below = [pixels[row] for row in test[chosen]], [pixels[row] for row in nearest[chosen]]
fig = plots.gallery([above, below], ["test", "most similar\nin training"], titles=letters,
                    notes=[[""] * len(chosen), list(diagnosis[test[chosen]])])
plots.show(fig, photo=True)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: let them vote</p>
# <p><b>The point.</b> The test image alone does not show the leak; only the pair does. A score shows neither.</p>
# <p><b>Expect.</b> "Duplicates" (nearly: no file is there twice) and "overfitting" (that lowers the score on new
# images; here it is raised).</p>
# <p><b>Ask</b> for a show of hands on each letter, and write the votes down.</p>
# <p><b>When late.</b> Vote on two letters only.</p>
# </div>

# %%
#| fold: The three pairs
say("**It was " + ", ".join(letter for letter, pair in zip(letters, same[chosen]) if pair)
    + ".** In the other pairs the two lesions only look alike.")

# %% [markdown]
# ## The same lesion, photographed twice
#
# {{chapter:meet-the-data}} found that lesions were photographed again: at another magnification, from another angle, at
# a later visit. Such images share a `lesion_id`. We call them **siblings**. A split by image does not look at
# `lesion_id`, so a test image may have a sibling in the training set. That is **leakage**: what the test is meant to
# measure has slipped into the training.
#
# How many of the test images leak? Guess first: one in ten, one in four, one in two? Then count.
#
# ### Exercise: count what leaks
#
# Write `leaked_images(table, train, test)`: the number of test images whose lesion also has an image in training.
# `train` and `test` are row positions in `table`. A position may occur more than once, and then it counts each time.

# %% tags=["stub"]
def leaked_images(table, train, test):
    lesions = table["lesion_id"].to_numpy()
    # is the lesion of each test row among those of the training rows?
    ...


# %% tags=["nbval-check-output"]
checks.check("leaked-images", leaked_images, ham)

# %% tags=["solution"]
def leaked_images(table, train, test):
    lesions = table["lesion_id"].to_numpy()
    # is the lesion of each test row among those of the training rows?
    return int(np.isin(lesions[test], lesions[train]).sum())


checks.check("leaked-images", leaked_images, ham)

# %% tags=["nbval-check-output"]
leaked = np.isin(lesion[test], lesion[train])
print(f"{leaked.sum():,} of {len(test):,} test images leak:",
      f"{leaked.mean():.1%}")

# %% [markdown]
# Was this one draw bad luck? Repeat it with other seeds, and look at each diagnosis.

# %%
#| fold: Draw this figure
#| name: leak-by-class
#| caption: The share of the test images that leak when the split is by image. Dot, mean over many random splits; line,
#|   from the luckiest split to the unluckiest.
#| alt: One dot with a line for all images and for each diagnosis, on a scale from none to all. The dot for nevus is the
#|   leftmost, and still far from none; melanoma lies far to the right of it.
shares = []
for seed in range(config.sizes.repeats):
    kept, held = train_test_split(rows, test_size=0.2, stratify=diagnosis, random_state=seed)
    leaks = pd.Series(np.isin(lesion[held], lesion[kept]))
    shares.append({"all": leaks.mean(), **leaks.groupby(diagnosis[held]).mean()})
shares = pd.DataFrame(shares)
ranges = shares.agg(["mean", "min", "max"]).T.reindex(["all", *CLASSES]).dropna()
fig, ax = plots.figure(height=2.9)
plots.intervals(ax, ranges, {"all": "#1A1A1A", **COLOURS})
ax.set(xlim=(0, 1), xlabel="share of the test images with a sibling in training")
ax.xaxis.set_major_formatter("{x:.0%}")
plots.show(fig)

# %%
#| fold: Say it in a sentence
say(
    f"Over {len(shares)} seeds {shares['all'].mean():.0%} of the test images leak on average, with a standard deviation "
    f"of {100 * shares['all'].std():.1f} points between seeds: of the melanomas {shares['mel'].mean():.0%}, of the nevi "
    f"{shares['nv'].mean():.0%}."
)

# %% [markdown]
# The leak is no accident: every split leaks about the same share. But it is not spread evenly. Melanomas were most often
# photographed again, nevi least. So whoever compares leaked images with the others compares diagnoses, too. That is
# about to matter.
#
# ## What did it gain? Mind the trap
#
# How much did the memoriser gain from the leak? The obvious way to find out: compare its accuracy on the images that
# leak with its accuracy on those that do not. Which will be higher? Guess, then look.

# %%
#| fold: Say it in a sentence
say(
    f"On the {leaked.sum():,} images that **leak** it is right on **{right[leaked].mean():.1%}**, on the "
    f"{(~leaked).sum():,} that **do not** on **{right[~leaked].mean():.1%}**."
)

# %%
#| fold: Draw this figure
#| name: two-different-test-sets
#| caption: The diagnoses in the two parts of the test set. They are two different test sets, and one is much easier.
#| alt: Two stacked horizontal bars in the colours of the diagnoses. Nevus fills a much larger part of the bar of
#|   images that do not leak than of the bar of images that leak; melanoma is the other way round.
parts = {"leak": diagnosis[test[leaked]], "do not leak": diagnosis[test[~leaked]]}
mix = pd.DataFrame({name: pd.Series(part).value_counts(normalize=True) for name, part in parts.items()})
fig, ax = plots.figure(height=1.7)
plots.shares(ax, mix.T.reindex(columns=CLASSES).fillna(0))
plots.show(fig)

# %% [markdown]
# On the images that leak, the memoriser does **worse**. Does cheating harm?
#
# Look at the bars. Lesions that were photographed once are mostly nevi, and nevi are easy: they are the most common
# answer. The two parts differ in at least *two* things, the leak and the diagnoses, so their scores tell nothing about
# either alone. This is **confounding**. The same trap waits for everyone who takes the images that do not leak for a
# clean test set.

# %%
#| fold: Say it in a sentence
recorded = measured[measured["arm"].isin(["1-nn/image8020", "logistic/image8020"]) & (measured["metric"] == "accuracy")]
recorded = recorded.groupby(["arm", "stratum"])["value"].mean().unstack()
say(
    "It happens to better models as well. On features of a pretrained network, and the real images, the nearest neighbour "
    f"is right on {recorded.loc['1-nn/image8020', 'leaked']:.0%} of the images that leak and on "
    f"{recorded.loc['1-nn/image8020', 'not leaked']:.0%} of the others; a logistic regression on "
    f"{recorded.loc['logistic/image8020', 'leaked']:.0%} and {recorded.loc['logistic/image8020', 'not leaked']:.0%}."
)

# %% [markdown]
# The way out is to change one thing only. Keep *the same test images*, and hide from the memoriser, for each of them,
# its siblings. Whatever changes now is due to the siblings.

# %%
strangers = most_similar(train, test, hide=lesion)
right_hidden = diagnosis[strangers] == diagnosis[test]

# %%
#| fold: Say it in a sentence
say(
    f"On the images that leak, accuracy falls from **{right[leaked].mean():.1%} to {right_hidden[leaked].mean():.1%}** "
    f"once their siblings are hidden. On the others there is nothing to hide: {right[~leaked].mean():.1%} before, "
    f"{right_hidden[~leaked].mean():.1%} after."
)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: one difference, not two</p>
# <p><b>The point.</b> Change one thing. Two test sets differ in everything that goes with the leak.</p>
# <p><b>Expect.</b> "So leakage is harmless." Let it stand until the bars are on the screen.</p>
# <p><b>Ask.</b> What else differs between lesions photographed once and often? Age, source, how the diagnosis was
# made, who followed the lesion up.</p>
# <p><b>When late.</b> Skip the exercise <i>count what leaks</i> and keep this section. Chapter
# {{number:where-could-90-come-from}} does the same with models that cannot forget a sibling afterwards: there each is
# trained twice.</p>
# </div>

# %% [markdown]
# ## Copies made before the split
#
# There is a worse leak, and it comes from good intentions. The classes are unequal, so one copies images of the rare
# diagnoses until all are equally many (**oversampling**). Then one splits. What share of the test rows will be exact
# copies of training rows?

# %%
#| fold: Copy, then split
counts = pd.Series(diagnosis).value_counts()
rng = np.random.default_rng(config.seed)
extra = [rng.choice(rows[diagnosis == name], counts.max() - count) for name, count in counts.items()]
equalised = np.concatenate([rows, *extra])
kept, held_rows = train_test_split(equalised, test_size=0.2, stratify=diagnosis[equalised], random_state=config.seed)
copied = np.isin(held_rows, kept)
before = measured[measured["arm"].isin(["before", "1-nn/before"])].groupby("metric")["value"].mean()
say(
    f"**{copied.mean():.0%}.** {len(rows):,} images become {len(equalised):,} rows, and {copied.sum():,} of the "
    f"{len(held_rows):,} test rows stand in the training set, pixel for pixel. In the book's record of real images it is "
    f"{before['share_exact_copies']:.0%}, and there the nearest neighbour reaches a balanced accuracy of "
    f"{before['balanced_accuracy']:.3f}."
)

# %% [markdown]
# The memoriser need not even compare: it has those very images. For six of the seven diagnoses the test asks hardly
# anything else. Turned and zoomed copies ({{chapter:augment-and-weigh}}) leak in the same way if they are stored
# before the split.
#
# <div class="admonition tip alert alert-success">
# <p class="title">The order that works</p>
# <p>Split first. Copy and augment training rows only. Learn from them alone how to scale and what to select, then apply
# it to all rows.</p>
# </div>
#
# ### Exercise: copy after the split
#
# Write `oversample(train, classes, seed)`. `train` holds row positions, `classes` the diagnosis of *every* row of the
# table. Return row positions in which each diagnosis of the training set is as common as the most common one there:
# all of `train`, and copies drawn at random from `train`, never from elsewhere.

# %% tags=["stub"]
def oversample(train, classes, seed):
    rng = np.random.default_rng(seed)
    most = pd.Series(classes[train]).value_counts().max()
    # of each diagnosis its training rows, and as many more as it lacks
    ...


# %% tags=["nbval-check-output"]
checks.check("copy-after-the-split", oversample, ham)

# %% tags=["solution"]
def oversample(train, classes, seed):
    rng = np.random.default_rng(seed)
    most = pd.Series(classes[train]).value_counts().max()
    # of each diagnosis its training rows, and as many more as it lacks
    kept = [train]
    for name in np.unique(classes[train]):
        mine = train[classes[train] == name]
        kept.append(rng.choice(mine, most - len(mine)))
    return np.concatenate(kept)


checks.check("copy-after-the-split", oversample, ham)

# %% [markdown]
# ## Keep each lesion on one side
#
# scikit-learn has what we need. `StratifiedGroupKFold` puts whole groups into five parts, the **folds**, and keeps the
# diagnoses as even as it can. Each fold is the test set once, so every image is tested exactly once.
#
# Which group? We would like to say `lesion_id`. But Abhishek, Jain and Hamarneh list 18 pairs of images that show one
# lesion under two ids ([Scientific Data 12:196, 2025](https://doi.org/10.1038/s41597-025-04382-5)). Lesions that such a
# pair joins belong in one **group**, and if A is joined to B, and B to C, all three do. `splits.lesion_groups` merges
# them. (The drawn sample has none of those images, so there nothing is merged.)

# %% tags=["nbval-check-output"]
group = splits.lesion_groups(table).to_numpy(str)
names = splits.shuffled(group, config.seed)  # new names, at random

cutter = StratifiedGroupKFold(n_splits=5)
folds = list(cutter.split(rows, diagnosis, groups=names))
for number, (rest, tested) in enumerate(folds):
    shared = np.intersect1d(group[rest], group[tested])
    print(f"fold {number}: {len(tested):,} test images,",
          f"{len(shared)} groups shared with training")

# %% [markdown]
# Why not `shuffle=True`? In older versions of scikit-learn, such as Colab's, it loses the balance of the diagnoses. So we
# give the groups new names in random order, which shuffles as well.

# %%
#| fold: Draw this figure
#| name: folds-by-class
#| caption: Test images of each diagnosis in each fold. The shade is the diagnosis's share of the fold. All rows look the
#|   same: the folds are stratified.
#| alt: A table of counts with a row for each fold and a column for each diagnosis. The rows are nearly equal. Nevus is
#|   the darkest column with the largest counts; dermatofibroma has among the smallest.
fold_counts = pd.DataFrame([pd.Series(diagnosis[tested]).value_counts() for _, tested in folds]).reindex(columns=CLASSES)
fold_counts = fold_counts.fillna(0).astype(int).set_axis([f"fold {n}: {len(tested):,}" for n, (_, tested) in enumerate(folds)])
fig, ax = plots.figure(height=2.1)
plots.heatmap(ax, fold_counts)
plots.show(fig)

# %% [markdown]
# One leak remains that no split of HAM10000 can close. Two *different* lesions of one patient share the skin, the camera
# and the doctor. HAM10000 does not name its patients, so this leak can be neither counted nor excluded here. Where you
# know the patient, split by patient: put the patient's code in place of the group.
#
# ## Does it agree with the hidden siblings?
#
# Now test the memoriser in three ways, five times each: on splits by image; on *the very same test images* with their
# siblings hidden; and on the five grouped folds. Where will the third lie, with the first or with the second?

# %%
#| fold: Draw this figure
#| name: three-ways-to-test
#| caption: Balanced accuracy of the memoriser, tested in three ways, five times each. A line joins two scores on the same
#|   test images. The grouped folds are other images, so no line leads there.
#| alt: Three rows of five dots. Lines lead from each black dot of the split by image to a white dot at a lower score, with
#|   siblings hidden. The grey squares of the grouped folds lie about where the white dots do.
def memoriser_score(train, test, hide=None):
    return balanced_accuracy_score(diagnosis[test], diagnosis[most_similar(train, test, hide)])


draws = [train_test_split(rows, test_size=0.2, stratify=diagnosis, random_state=seed) for seed in range(5)]
naive = np.array([memoriser_score(*draw) for draw in draws])
hidden = np.array([memoriser_score(*draw, hide=group) for draw in draws])
honest = np.array([memoriser_score(*fold) for fold in folds])
fig, ax = plots.figure(height=2.3)
ax.plot([naive, hidden], [[0] * 5, [1] * 5], color="#BDBDBD", linewidth=1.2, zorder=1)
for place, (scores, shape, inside) in enumerate(zip((naive, hidden, honest), "oos", ("black", "white", "#9E9E9E"))):
    ax.plot(scores, [place] * 5, shape, markersize=7, color="black", markerfacecolor=inside)
ax.set_yticks(range(3), ["split by image", "the same test images,\nsiblings hidden", "grouped folds"])
ax.set(ylim=(2.4, -0.4), xlabel="balanced accuracy")
ax.xaxis.set_major_formatter("{x:.1%}")
plots.show(fig)

# %%
#| fold: Say it in a sentence
lost = 100 * (naive - hidden)
say(
    f"**With the second.** On average {naive.mean():.1%} by image, {hidden.mean():.1%} with the siblings hidden, "
    f"{honest.mean():.1%} on the grouped folds. Each of the five test sets lost {lost.min():.1f} to {lost.max():.1f} "
    "points when its siblings were hidden."
)

# %% [markdown]
# In each of the five the score falls: that is the leak, measured on the same images. The grouped folds agree with it on
# average. But see how far apart single dots lie. A comparison of *one* leaky with *one* grouped test set would mix the
# leak with the luck of the draw. {{chapter:where-could-90-come-from}} builds on this **paired** design.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: two ways to the same number</p>
# <p><b>The point.</b> Hiding siblings and splitting by group agree, because they remove the same thing.</p>
# <p><b>Expect.</b> "Take the lower number to be safe." The right number is the one that answers the question: new
# lesions, or new photographs of old ones?</p>
# <p><b>Ask.</b> "When would a split by image be right?" (When the model will only ever see lesions that it knows, as in
# following one patient's moles up.)</p>
# <p><b>When late.</b> Show the figure, skip the next section's optional part.</p>
# </div>

# %% [markdown]
# ## Validation needs its own groups
#
# A model is not only trained. You also choose: when to stop, how large a network, from which probability it warns. Those
# choices are made on a **validation** set, cut from the training part. If it leaks, the choice leans towards what
# memorises, even with a perfect test set.

# %%
#| fold: Cut a validation set by image
rest, tested = folds[0]
loose, careless = train_test_split(rest, test_size=1 / 8, stratify=diagnosis[rest], random_state=config.seed)
torn = np.isin(group[careless], group[loose])
say(
    f"Cut by image from the training part of the first grouped fold, {torn.sum():,} of {len(careless):,} validation images "
    "have a sibling in training. So the validation set has to be cut by group as well."
)

# %% [markdown]
# ### Exercise: three sets that share nothing
#
# Write `three_sets(table)`. It returns `(train, validation, test)`: three arrays of row positions in `table`, with
#
# - every row in exactly one of them,
# - no lesion group in two of them (`splits.lesion_groups(table)` gives the groups),
# - about a fifth of the rows in `test`, and about an eighth of the others in `validation`,
# - the diagnoses of the images in their usual proportions: `StratifiedGroupKFold`, as above without `shuffle=True`.
#
# One trap waits on the way: a split of *the rest* gives places in the rest, not rows of the table.

# %% tags=["stub"]
def three_sets(table):
    groups = splits.lesion_groups(table).to_numpy()
    classes = table["dx"].to_numpy()
    # cut off the test set, then cut what is left in two
    ...


# %% tags=["nbval-check-output"]
checks.check("three-sets", three_sets, ham)

# %% tags=["solution"]
def three_sets(table):
    groups = splits.lesion_groups(table).to_numpy()
    classes = table["dx"].to_numpy()
    # cut off the test set, then cut what is left in two
    fifths, eighths = StratifiedGroupKFold(5), StratifiedGroupKFold(8)
    rest, test = next(fifths.split(table, classes, groups))
    inner, outer = next(eighths.split(rest, classes[rest], groups[rest]))
    return rest[inner], rest[outer], test


checks.check("three-sets", three_sets, ham)

# %% [markdown]
# ### If you have time: what a careless validation set promises
#
# Let the memoriser ask not one image but its *k* most similar ones, and let them vote. With one it recites; with many it
# has to generalise a little. How much more does validation promise for each *k* if it was cut by image instead of by
# group? Ask five times, each time in the training part of another fold.

# %%
#| fold: Draw this figure
#| name: validation-flatters
#| caption: What a validation set that is cut by image promises more than one that is cut by group, for a memoriser that
#|   asks one image or many. Dot, mean of five; line, from the lowest of the five to the highest.
#| alt: Six dots with horizontal lines, one for each number of images that vote, and a vertical dashed line at zero. The
#|   dot for one image lies farthest to the right of it; those for many images lie close to it.
voters = [1, 3, 5, 9, 15, 31]


def voting_scores(train, test):
    """The balanced accuracy of each number of voters."""
    order = np.argpartition(euclidean_distances(squares[test], squares[train]), np.array(voters) - 1, axis=1)
    votes = np.cumsum(diagnosis[train[order[:, : max(voters)]]][:, :, None] == np.array(CLASSES), axis=1)
    winners = np.take(CLASSES, votes.argmax(axis=2))
    return [balanced_accuracy_score(diagnosis[test], winners[:, number - 1]) for number in voters]


by_image, by_group = [], []
for seed, (rest, _) in enumerate(folds):
    by_image.append(voting_scores(*train_test_split(rest, test_size=1 / 8, stratify=diagnosis[rest], random_state=seed)))
    eighths = StratifiedGroupKFold(8).split(rest, diagnosis[rest], splits.shuffled(group[rest], config.seed))
    inner, outer = next(eighths)
    by_group.append(voting_scores(rest[inner], rest[outer]))
gap = 100 * np.subtract(by_image, by_group)
spread = pd.DataFrame({"mean": gap.mean(axis=0), "low": gap.min(axis=0), "high": gap.max(axis=0)},
                      index=["1 image", *(f"{number} images vote" for number in voters[1:])])
fig, ax = plots.figure(height=2.6)
plots.intervals(ax, spread, "#1A1A1A")
ax.axvline(0, color="#1A1A1A", linestyle="--", linewidth=1)
ax.set_xlabel("points of balanced accuracy, cut by image minus cut by group")
plots.show(fig)

# %%
#| fold: Say it in a sentence
say(
    f"Cut by image, validation promises the memoriser that asks one image {gap[:, 0].mean():.1f} points too much. For "
    f"the one that asks {voters[-1]} images the difference is {gap[:, -1].mean():+.1f} points.".replace("-", "−")
)

# %% [markdown]
# The careless validation set does not flatter all models alike. It flatters most the one that memorises, so it pushes
# the choice towards it. A network that has trained for long can be such a memoriser. (The two cuts contain different
# images, so a single difference mixes the leak with luck, and may fall below zero.)

# %% tags=["assertion"]
assert (right_hidden == right)[~leaked].all(), "where nothing leaks, nothing changes"
assert all(not np.isin(group[rest], group[tested]).any() for rest, tested in folds)
whole = table["dx"].value_counts().to_dict() == PUBLISHED_IMAGES
assert gain["low"].min() > 0 and gain.loc["1-nn", "value"] > 2 * gain.loc["svm", "value"], "memory gains most"
assert gain.loc["svm", "value"] > gain.loc["logistic", "value"]
assert (recorded["leaked"] < recorded["not leaked"]).all(), "the trap deceives on features of networks, too"
assert before["share_exact_copies"] > 0.8 and before["balanced_accuracy"] > 0.95
if ham.synthetic or whole:  # other images need not show what the text says of these
    assert len(letters) == 6 and same[chosen].sum() == 3, "three pairs of six are siblings"
    assert shares["all"].std() < shares["all"].mean() / 4, "the leak is no accident of one seed"
    assert shares[list(CLASSES)].mean().idxmin() == "nv" and shares[list(CLASSES)].mean().idxmax() == "mel"
    assert right[leaked].mean() < right[~leaked].mean(), "the naive comparison points the wrong way"
    assert mix.loc["nv", "leak"] < mix.loc["nv", "do not leak"], "the images that never leak are mostly nevi"
    assert right_hidden[leaked].mean() < right[leaked].mean(), "without the siblings the memoriser does worse"
    nevi = diagnosis[held_rows] == "nv"
    assert copied[~nevi].mean() > 0.8 and not copied[nevi].any(), "most rare rows are copies, no nevus is"
    assert (naive > hidden).all(), "every score falls once the siblings are hidden"
    assert abs(hidden.mean() - honest.mean()) < abs(naive.mean() - honest.mean()), "hidden agrees with grouped"
    assert (fold_counts.max() - fold_counts.min()).max() < 0.05 * len(table), "the folds are stratified"
    assert torn.mean() > 0.1, "many validation images leak"
    assert gap[:, 0].min() > 0 and gap.mean(axis=0).argmax() == 0, "validation flatters most what memorises"
    assert gap[:, 0].mean() > 2 * abs(gap[:, -1].mean()), "little is left with many voters"

# %% [markdown]
# ## Quiz

# %% tags=["nbval-check-output"]
checks.quiz("split-without-leaking")

# %% [markdown]
# ## Key points
#
# - Split by what must not be shared. In HAM10000 that is the lesion, merged with the published missed pairs; where
#   patients are known, it is the patient.
# - A leak cannot be seen in a score. Count it: an audit of two sets of rows is three lines.
# - Two test sets differ in more than the leak. To measure its effect, keep the test images and change the training.
# - Split first. Copy and augment training rows only; learn scaling and selection from them alone.
# - Validation sets need their own groups, or your choices reward memory.
#
# How common is all this? [Kapoor and Narayanan](https://doi.org/10.1016/j.patter.2023.100804) found leakage in
# published work across seventeen fields of science. Often it takes one line that looks clean.
#
# **What comes next.** This book takes one published paper apart. It does not say which images it tested on.
# {{chapter:the-papers-test-set}} finds out from the rounding of its tables.

# %% [markdown]
# # How sure?
#
# A support vector machine is right on four of five images of HAM10000, and XGBoost on a quarter of a point more. Which
# one is better? And if somebody had photographed other lesions, which one would have been?
#
# Guess twice. How wide is the interval around such a score, measured on ten thousand images? And the interval around the
# *difference* of the two: is it wider, or narrower?
#
# <details><summary>The answer in a sentence</summary>
# <p><b>Two points wide for a score, one point for the difference.</b> The two models meet the same lesions, and most of
# their luck is shared. The difference is small even so: no winner.</p>
# </details>
#
# At the end of this chapter you can
#
# - say what an interval around a score promises, and what it does not;
# - resample lesions, not images, and show why;
# - compare two models on the same lesions;
# - put an interval around zero hits of six;
# - correct for having asked many questions;
# - say whether more lesions would help a model, and which features it uses.
#
# | | minutes |
# |---|---:|
# | to read | 20 |
# | to run, on a laptop without a GPU | 1 |
# | to do the three exercises | 45 |
#
# You need {{chapter:classical-baselines}} for the models. New words are in the [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %% tags=["remove-output"]
#| fold: Set-up
import re

import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown, display
from statsmodels.stats.proportion import proportion_confint

from helpers import checks, evaluate, plots, records, start
from helpers.ham10000 import CLASSES


def say(text):
    """Show a sentence whose numbers were computed, with a minus for a hyphen and a space before a per cent sign."""
    text = text.replace("50V2*", "50V2")  # a star in a name would end the italics
    display(Markdown(re.sub(r"(?<=[ \[])-(?=\d)", "−", re.sub(r"(?<=\d)%", "\u00a0%", text))))

# %%
config, ham = start("how-sure")

# %% [markdown]
# ## Another test set, another score
#
# Here is what cannot be done in a hospital: draw new test sets, many of them. We have the SVM's answers to all of
# HAM10000, ten thousand images, each given by a model that never saw the lesion. Draw 100 lesions of them, score, and
# do it again; then with 938 lesions, then with 3,000.

# %%
#| fold: Draw this figure
#| name: other-test-sets
#| caption: Accuracies of sixty test sets of each size, drawn by lesion from the answers of one model, an SVM on
#|   handcrafted features; real HAM10000 (Tschandl et al. 2018), grouped. Dashed, its accuracy on all lesions.
#| alt: Three rows of dots. With 100 lesions they spread over twenty hundredths, with 938 over about six, with 3,000 over
#|   three. All rows are centred on the dashed line.
svm = records.load_run("classical-grouped-handcrafted-svm-plain")
right = svm.answers == svm.predictions["true"].to_numpy()
groups = svm.predictions["group"].to_numpy()
lesions, lesion = np.unique(groups, return_inverse=True)
hits, sizes = np.bincount(lesion, weights=right), np.bincount(lesion)
rng = np.random.default_rng(config.seed)
redrawn = []
for n in (100, 938, 3000):
    for _ in range(60):
        some = rng.choice(len(lesions), n, replace=False)
        redrawn.append({"lesions": f"{n:,} lesions", "accuracy": hits[some].sum() / sizes[some].sum()})
redrawn = pd.DataFrame(redrawn)
fig, axis = plots.figure(2.8)
sns.stripplot(redrawn, y="lesions", x="accuracy", color="#0072B2", size=4, jitter=0.25, ax=axis)
axis.axvline(right.mean(), color="#444444", linestyle="--", linewidth=1)
axis.set_ylabel("")
plots.show(fig)

# %%
#| fold: Say it in a sentence
ends = redrawn.groupby("lesions")["accuracy"].agg(["min", "max"])
say(
    f"**The same model, sixty scores.** On 100 lesions it gets anything from {ends.loc['100 lesions', 'min']:.0%} to "
    f"{ends.loc['100 lesions', 'max']:.0%}; on 938, {ends.loc['938 lesions', 'min']:.0%} to "
    f"{ends.loc['938 lesions', 'max']:.0%}; on 3,000, {ends.loc['3,000 lesions', 'min']:.0%} to "
    f"{ends.loc['3,000 lesions', 'max']:.0%}. Four times as many lesions halve the spread."
)

# %% [markdown]
# Whoever has one test set sees one dot. An interval is an attempt to say, from one dot, how the others would spread.
#
# ## The bootstrap
#
# The **bootstrap** ([Efron 1979](https://doi.org/10.1214/aos/1176344552)) imitates those other test sets: draw from the
# images that you have, *with replacement*, as many as there are, and score again. The range that holds the middle 95 of
# 100 such scores is the 95 % interval.
#
# But what is one observation: a photograph or a lesion? Do both.

# %%
rng = np.random.default_rng(config.seed)
n = len(right)
by_image = [right[rng.integers(0, n, n)].mean() for _ in range(2000)]

by_lesion = []
for _ in range(2000):
    some = rng.integers(0, len(lesions), len(lesions))
    by_lesion.append(hits[some].sum() / sizes[some].sum())

# %%
#| fold: Draw this figure
#| name: two-bootstraps
#| caption: Two thousand resampled accuracies of the SVM on handcrafted features: single images drawn, and whole lesions
#|   drawn. Real HAM10000 (Tschandl et al. 2018), grouped.
#| alt: Two humps around the same centre. The hump of lesions is wider and lower than the hump of images.
tidy = pd.DataFrame({"images": by_image, "lesions": by_lesion}).melt(var_name="drawn", value_name="accuracy")
fig, axis = plots.figure(2.8)
sns.kdeplot(tidy, x="accuracy", hue="drawn", palette=["#E69F00", "#0072B2"], fill=True, ax=axis)
axis.set(ylabel="", yticks=[])
plots.show(fig)

# %%
#| fold: Say it in sentences
image_ends, lesion_ends = (np.percentile(values, (2.5, 97.5)) for values in (by_image, by_lesion))
wider = (lesion_ends[1] - lesion_ends[0]) / (image_ends[1] - image_ends[0])
several = pd.Series(groups).duplicated(keep=False).to_numpy()


def alike(right):
    """The share of the lesions with several photographs that are right on all of them, or wrong on all."""
    return pd.Series(right).groupby(groups[several]).mean().isin([0, 1]).mean()


together, dealt = alike(right[several]), np.mean([alike(rng.permutation(right[several])) for _ in range(20)])
say(
    f"Drawing images gives [{image_ends[0]:.3f}, {image_ends[1]:.3f}], drawing lesions [{lesion_ends[0]:.3f}, "
    f"{lesion_ends[1]:.3f}]: {100 * (wider - 1):.0f} % wider."
)
say(
    f"The reason: answers to photographs of one lesion go together. Of the lesions with several photographs, "
    f"{together:.0%} are right on all of them or wrong on all; among answers in random order it would be {dealt:.0%}."
)

# %% [markdown]
# A hundred photographs of fifty lesions are less than a hundred pieces of evidence. Draw lesions, and take each with
# all its photographs.
#
# What the interval does **not** hold: another training, with another seed; another hospital; another camera. It speaks
# of this trained model on other lesions *like these*.
#
# ### Exercise: the bootstrap over lesions
#
# Write `group_interval(right, groups, resamples, seed)`. `right` says of each image whether the answer was right,
# `groups` names its lesion group. Draw as many groups as there are, with replacement; the accuracy of all images of
# the drawn groups is one draw. Return the lower and the upper end of the 95 % interval from `resamples` draws.

# %% tags=["stub"]
def group_interval(right, groups, resamples=1000, seed=0):
    rng = np.random.default_rng(seed)
    # number the groups; right answers and images of each
    # draw groups; divide the sums
    ...


# %% tags=["nbval-check-output"]
checks.check("group-interval", group_interval, ham)

# %% tags=["solution"]
def group_interval(right, groups, resamples=1000, seed=0):
    rng = np.random.default_rng(seed)
    # number the groups; right answers and images of each
    _, codes = np.unique(groups, return_inverse=True)
    hits, sizes = np.bincount(codes, weights=right), np.bincount(codes)
    # draw groups; divide the sums
    drawn = rng.integers(0, len(sizes), (resamples, len(sizes)))
    accuracy = hits[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return np.percentile(accuracy, (2.5, 97.5))


checks.check("group-interval", group_interval, ham)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: what is one observation?</p>
# <p><b>The point.</b> An interval is a statement about what could have been drawn otherwise: lesions, not
# photographs.</p>
# <p><b>Expect.</b> "The interval says where the next model will score." It speaks of this trained model on other
# lesions.</p>
# <p><b>Ask.</b> "What if all images came from three clinics?" (For new lesions of those three the interval holds. Of
# other clinics there are three observations, and no interval to speak of.)</p>
# <p><b>When late.</b> Skip the exercise; say the two intervals aloud.</p>
# </div>

# %% [markdown]
# ## A difference is surer than two scores
#
# Back to the two models. Their intervals overlap almost wholly. Does that mean that nothing can be said? No: both met
# the same lesions, and a lesion that is hard for one is mostly hard for the other. Draw the *same* lesions for both,
# and look at the difference. That is a **paired** bootstrap.

# %%
#| fold: Draw this figure
#| name: paired-or-not
#| caption: Accuracy of XGBoost minus that of the SVM, both on handcrafted features, in points, with 95 % intervals over
#|   lesions: as if the two had met different lesions, and paired, on the same ones. Below, a pair that differs. Real
#|   HAM10000 (Tschandl et al. 2018), grouped.
#| alt: Four dots with lines in two pairs. In each pair the paired line is about half as long. The first pair lies near
#|   zero and its lines cross it; the second pair lies near ten points, far from zero.
xgboost = records.load_run("classical-grouped-handcrafted-xgboost-plain")
pixels_only = records.load_run("classical-grouped-raw-svm-plain")
weights = np.hstack(list(evaluate.group_weights(groups)))  # how often each resample holds each image


def resampled(run):
    """Accuracies of a run on all resamples, and its accuracy, its images in the SVM's order."""
    rows = run.predictions.assign(right=run.answers == run.predictions["true"].to_numpy())
    ordered = rows.set_index("image_id").loc[svm.predictions["image_id"], "right"].to_numpy()
    return ordered @ weights / weights.sum(axis=0), ordered.mean()


drawn = {name: resampled(run) for name, run in (("svm", svm), ("xgboost", xgboost), ("pixels", pixels_only))}
differences = {}
for title, a, b in (("XGBoost − SVM", "xgboost", "svm"), ("handcrafted − raw pixels, SVM", "svm", "pixels")):
    (a_draws, a_value), (b_draws, b_value) = drawn[a], drawn[b]
    apart = a_draws - rng.permutation(b_draws)  # other lesions for each
    for how, draws in (("other lesions", apart), ("same lesions", a_draws - b_draws)):
        differences[f"{title}: {how}"] = [a_value - b_value, *np.percentile(draws, (2.5, 97.5))]
differences = 100 * pd.DataFrame(differences, index=["value", "low", "high"]).T
fig, axis = plots.figure(2.6)
tints = {row: "#0072B2" if "same" in row else "#999999" for row in differences.index}
plots.intervals(axis, differences, tints)
axis.axvline(0, color="#1A1A1A", linestyle="--", linewidth=1)
axis.set_xlabel("points of accuracy")
plots.show(fig)

# %%
#| fold: Say it in a sentence
widths = differences["high"] - differences["low"]
first = differences.iloc[1]
say(
    f"**Pairing is worth test lesions.** For XGBoost against the SVM the interval shrinks from {widths.iloc[0]:.1f} to "
    f"{widths.iloc[1]:.1f} points; without pairing it would take about {(widths.iloc[0] / widths.iloc[1]) ** 2:.0f} times "
    f"as many lesions. The difference is {first['value']:+.1f} points [{first['low']:+.1f}, {first['high']:+.1f}]: too "
    "small to name a winner."
)

# %% [markdown]
# ### Exercise: a paired interval
#
# Write `paired_interval(right_a, right_b, groups, resamples, seed)`: the 95 % interval of the accuracy of model a minus
# that of model b. Draw groups as before, and score both models on the *same* draw.

# %% tags=["stub"]
def paired_interval(right_a, right_b, groups, resamples=1000, seed=0):
    rng = np.random.default_rng(seed)
    # what does each image add to the difference: 1, 0 or -1?
    ...


# %% tags=["nbval-check-output"]
checks.check("paired-interval", paired_interval, ham)

# %% tags=["solution"]
def paired_interval(right_a, right_b, groups, resamples=1000, seed=0):
    rng = np.random.default_rng(seed)
    # what does each image add to the difference: 1, 0 or -1?
    _, codes = np.unique(groups, return_inverse=True)
    lead = right_a.astype(int) - right_b.astype(int)
    leads, sizes = np.bincount(codes, weights=lead), np.bincount(codes)
    drawn = rng.integers(0, len(sizes), (resamples, len(sizes)))
    difference = leads[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return np.percentile(difference, (2.5, 97.5))


checks.check("paired-interval", paired_interval, ham)

# %% [markdown]
# ## Nothing of six
#
# The bootstrap can only draw what it has seen. In the test set that we infer for the paper there are six images of
# dermatofibroma, `df`. A model that finds none of them finds none in any resample: the interval is zero to zero. Does
# that prove that it never finds one? Guess how high its true recall could be.

# %%
#| fold: Say it in sentences
small = [run for run in records.load_runs() if run.comparable and run.origin == "the book"]
small = [run for run in small if run.facts["protocol"] == "holdout938"]
of_none = [run.name for run in small if run.metric("recall", "df")["value"] == 0]
flat = [run.name for run in small if run.metric("recall", "df")["high"] == 0]
_, high = proportion_confint(0, 6, method="beta")
say(
    f"{len(of_none)} of the book's records on that test set find none of the six, and the bootstrap gives all of those an "
    f"interval without width. The exact interval of 0 of 6 reaches up to **{high:.0%}**. A seventh of that is "
    f"{100 * high / len(CLASSES):.1f} points of balanced accuracy, which the bootstrap does not see."
)

# %% [markdown]
# The exact interval asks which true shares could have given so few hits
# ([Clopper and Pearson 1934](https://doi.org/10.1093/biomet/26.4.404)). For no hits of $n$ there is a rule for the
# pocket, $3/n$:

# %% tags=["nbval-check-output"]
for n in (6, 30, 100):
    _, high = proportion_confint(0, n, method="beta")
    print(f"0 of {n:>3}: up to {high:.2f}; the rule says {3 / n:.2f}")

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: nothing of six</p>
# <p><b>The point.</b> A rare class with no hits has an interval, and a wide one.</p>
# <p><b>Expect.</b> "Zero is zero." Ask what the next six could look like.</p>
# <p><b>Ask.</b> "How many images would you need before none found means: hardly ever found?" (The rule says it.)</p>
# <p><b>When late.</b> Read the printed lines aloud.</p>
# </div>

# %% [markdown]
# ## Many questions
#
# Compare one model with eight others, and you have asked eight questions. If all nine were equally good, each question
# would still have its chance of a small p-value. **Holm's correction** ([Holm 1979](https://www.jstor.org/stable/4615733))
# keeps the chance of *any* false alarm below 5 %: sort the $m$ p-values, multiply the smallest by $m$, the next by
# $m - 1$, and so on; none may be smaller than the one before it, nor larger than one.

# %%
#| fold: Make the table
found = [entry for entry in records.entries(small) if entry.reading == "by image"]
lead = records.lead(found, "holdout938", "accuracy")
shown = lead.table.sort_values("p")[["lead", "only_best", "only_other", "p", "p_holm"]]
shown.columns = ["lead", "only the best is right", "only this one is", "p", "p, Holm"]
middle = shown[shown["p"].between(1e-4, 0.5)]
display(middle.round(4))
turned = shown[(shown["p"] < 0.05) & (shown["p, Holm"] >= 0.05)]

# %%
#| fold: Say it in a sentence
say(
    f"On the 938 *{lead.best}* has the highest accuracy of {len(shown) + 1} models. Against {(shown['p'] < 0.05).sum()} of "
    f"the other {len(shown)} its lead has p < .05, and against {(shown['p, Holm'] < 0.05).sum()} it still has after Holm. "
    "The table shows those in between."
)

# %% [markdown]
# The best was also *chosen* on these lesions, which flatters it; Holm does not know that.
#
# ### Exercise: Holm, by hand
#
# Write `holm(p_values)`: an array of p-values in, the corrected ones out, in the same order.

# %% tags=["stub"]
def holm(p_values):
    order = np.argsort(p_values)
    corrected = np.empty(len(p_values))
    # from the smallest on: times how many are left; never below the last
    ...


# %% tags=["nbval-check-output"]
checks.check("holm", holm, ham)

# %% tags=["solution"]
def holm(p_values):
    order = np.argsort(p_values)
    corrected = np.empty(len(p_values))
    # from the smallest on: times how many are left; never below the last
    largest = 0.0
    for rank, place in enumerate(order):
        largest = max(largest, (len(order) - rank) * p_values[place])
        corrected[place] = min(largest, 1.0)
    return corrected


checks.check("holm", holm, ham)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: how many questions did you ask?</p>
# <p><b>The point.</b> A p-value belongs to one question. Whoever asks twenty finds something.</p>
# <p><b>Expect.</b> "Then I ask only the one that worked." That is the error, not the cure.</p>
# <p><b>Ask.</b> "How many questions did you try before the one in your last report?"</p>
# <p><b>When late.</b> Toss coins in the room: somebody gets five heads of five.</p>
# </div>

# %% [markdown]
# ## Would more lesions help?
#
# A **learning curve**: train on a part of the lesions, then on more, and test on the same images each time. The axis
# counts lesions on purpose: another photograph of a lesion that it has seen is no new lesion.

# %%
#| fold: Draw this figure
#| name: learning-curve
#| caption: Learning curve of an SVM with class weights on handcrafted features: balanced accuracy on the images it was
#|   trained on, and on test images, over the number of training lesions. Dots, means of five grouped folds; bands, from
#|   the worst fold to the best. Real HAM10000 (Tschandl et al. 2018).
#| alt: Two lines over the number of lesions trained on. The upper one, training images, lies near the top. The lower
#|   one, test images, rises from left to right, and a wide gap remains between the two at the right end.
facts, learned = records.load_experiment("learning")
parts = learned[learned["arm"].str.startswith("part")]
counted = parts[parts["metric"] == "lesions"].groupby("arm")["value"].mean().round()
scores = parts[parts["metric"] == "balanced_accuracy"].assign(lesions=lambda rows: rows["arm"].map(counted))
fig, axis = plots.figure(2.9)
sns.lineplot(scores, x="lesions", y="value", hue="stratum", marker="o", errorbar=("pi", 100), legend=False,
             hue_order=["training", "test"], palette=["#6B7280", "#0072B2"], ax=axis)
means = scores.groupby(["stratum", "lesions"])["value"].mean()
for stratum, tint in (("training", "#6B7280"), ("test", "#0072B2")):
    axis.annotate(f"{stratum} images", (means[stratum].index[1], means[stratum].iloc[1]), xytext=(0, 10),
                  textcoords="offset points", color=tint, fontsize=9)
axis.set(xscale="log", ylim=(0, 1.05), xlabel="lesions trained on", ylabel="balanced accuracy")
axis.set_xticks(sorted(counted), [f"{number:,.0f}" for number in sorted(counted)])
axis.minorticks_off()
plots.show(fig)

# %%
#| fold: Say it in a sentence
test, training = means["test"], means["training"]
say(
    f"**Yes.** Each doubling still adds points, the last one {100 * (test.iloc[-1] - test.iloc[-2]):.1f}: from "
    f"{test.iloc[-2]:.3f} to {test.iloc[-1]:.3f} on test lesions. On its training lesions the model scores "
    f"{training.iloc[-1]:.3f}: it has memorised much of them."
)

# %% [markdown]
# ## What does the model use?
#
# Shuffle a column among the validation images: its values stay plausible and belong to the wrong lesions. If the score
# falls, the model had used it. That is **permutation importance**
# ([Breiman 2001](https://doi.org/10.1023/A:1010933404324)). Columns that say nearly the same cover for each other, so we
# shuffle whole families at once. And on *validation* images: on training images everything looks important, and the
# test images are not there to choose features.

# %%
#| fold: Draw this figure
#| name: importance
#| caption: Permutation importance of the families of handcrafted features for the SVM of the learning curve: balanced
#|   accuracy that is lost when a family is shuffled among validation images. Dot, mean of five folds; line, from the
#|   smallest to the largest. Real HAM10000 (Tschandl et al. 2018).
#| alt: One dot with a line for each family of features, sorted. The topmost family loses the most; towards the bottom
#|   the dots come near zero.
FAMILIES = {"contrast": "contrast with the skin", "colour": "colour, as photographed", "hog": "gradients",
            "profile": "colour from the middle out", "grid": "a very small picture"}
lost = learned[learned["metric"] == "balanced_accuracy_lost"]
lost = lost.assign(family=lost["arm"].str.removeprefix("shuffled ")).groupby("family")["value"].agg(["mean", "min", "max"])
lost = 100 * lost.sort_values("mean", ascending=False)
top = lost.head(8).rename(index=FAMILIES)
fig, axis = plots.figure(2.9)
plots.intervals(axis, top, "#0072B2")
axis.axvline(0, color="#1A1A1A", linewidth=1)
axis.set_xlabel("points of balanced accuracy lost")
plots.show(fig)

# %%
#| fold: Say it in a sentence
say(
    f"Most is lost with *{top.index[0]}*, {lost['mean'].iloc[0]:.1f} points, and with *{top.index[1]}*, "
    f"{lost['mean'].iloc[1]:.1f}."
)

# %% [markdown]
# Read it with care. A family near zero is not useless: another family may say the same, and this model can do without
# either. And a large loss speaks of this model on these images. The colour of the skin is in *colour, as photographed*,
# so that family can tell the camera. If the camera goes along with the diagnosis, as in {{chapter:meet-the-data}}, then
# "colour is important" may mean "the camera is important".

# %% tags=["assertion"]
assert 0.79 < right.mean() < 0.82 and 0.002 < drawn["xgboost"][1] - right.mean() < 0.003, "a quarter of a point more"
assert 1.5 < 100 * (lesion_ends[1] - lesion_ends[0]) < 2.5 and 0.8 < widths.iloc[1] < 1.5, "two points, and one"
assert wider > 1.1 and together > dealt + 0.1, "answers to siblings go together"
assert (widths.iloc[[1, 3]].to_numpy() < widths.iloc[[0, 2]].to_numpy()).all() and first["low"] < 0 < first["high"]
assert differences.iloc[3]["low"] > 5, "a pair that differs"
assert of_none == flat and len(flat) > 3, "without width"
assert len(turned) and (shown["p, Holm"] >= shown["p"]).all(), "Holm turns some"
assert test.is_monotonic_increasing and test.iloc[-1] > test.iloc[-2] + 0.005, "each doubling still adds"
assert training.iloc[-1] > test.iloc[-1] + 0.15, "a wide gap remains"
assert lost["mean"].iloc[0] > 1 and lost["mean"].iloc[-1] < 1

# %% [markdown]
# ## Quiz

# %% tags=["nbval-check-output"]
checks.quiz("how-sure")

# %% [markdown]
# ## Key points
#
# - A score on a test set is one draw. Print its interval.
# - Resample lesions, not images, or your interval is too sure.
# - Compare two models on the same lesions, by the difference.
# - Nothing found of six is not nothing. Use an exact interval where the bootstrap has no width.
# - Count your questions, and correct for them.
# - Permutation importance is about one model with its other features. Shuffle families, on validation images.
#
# **What comes next.** The features so far were made by people. {{chapter:cnn-from-scratch}} lets a network find its
# own, and has to beat these models to be worth the trouble.
#
# Data: [Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161), CC BY-NC 4.0; more on the [data
# card](../book/data-card.md). Not a medical device.

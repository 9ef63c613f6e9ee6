# %% [markdown]
# # Whom does it fail?
#
# Set a threshold so that a model finds nine of ten melanomas in its validation set. Test it on all of HAM10000, and it
# keeps its promise, nearly. But nine of ten of *whose* melanomas?
#
# The images come from four sources: a practice in Australia, and three archives of one hospital in Vienna. Guess, for
# the source where the model does worst: how many of ten melanomas does it find there?
#
# <details><summary>The answer in a sentence</summary>
# <p><b>Fewer than five.</b> In one of the four sources the same model, at the same threshold, finds less than half of
# the melanomas, and in the other three about nine of ten. Its probabilities are right there all the same: it is
# calibrated <em>and</em> unequal.</p>
# </details>
#
# At the end of this chapter you can
#
# - name the slices of a test set before you look, and test them without fooling yourself;
# - tell a group that a model fails from a group with harder diagnoses;
# - find a shortcut that a pooled score hides;
# - say what the worst of several groups would look like by chance alone;
# - write down what a data set cannot tell you about fairness.
#
# | | minutes |
# |---|---:|
# | to read | 20 |
# | to run, on a laptop without a GPU | 1 |
# | to do the three exercises | 45 |
#
# You need {{chapter:where-could-90-come-from}} for mixes and weights, and {{chapter:split-without-leaking}} for the
# grouped protocol. New words are in the [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %% tags=["remove-output"]
#| fold: Set-up
import re

import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown, display
from scipy.stats import beta
from sklearn.metrics import roc_auc_score
from statsmodels.stats.multitest import multipletests

from helpers import checks, plots, records, start


def say(text):
    """Show a sentence whose numbers were computed, with a space before a per cent sign."""
    display(Markdown(re.sub(r"(?<=\d)%", "\u00a0%", text)))

# %%
config, ham = start("whom-does-it-fail")

# %% [markdown]
# ## Slices, named before looking
#
# A **slice** is a part of the test set that one can name: the women, the patients under thirty, one camera. Whoever
# looks through a hundred slices finds a bad one, by luck. So we named ours first, and they are all that the table of
# HAM10000 offers: **source**, **age**, **sex** and **body site**. Three models are asked, of three kinds, each tested
# on every lesion by the five grouped folds. Each fold's threshold is the highest that finds nine of ten melanomas of
# its *validation* set; no threshold was chosen by slice.

# %%
#| fold: Look the record up
MODELS = {"resnet-frozen": "ResNet, frozen", "xgboost": "XGBoost, handcrafted", "svm": "SVM, handcrafted"}
SOURCES = {
    "rosendahl": "Rosendahl, Australia",
    "vidir_modern": "ViDIR, modern",
    "vidir_molemax": "ViDIR, MoleMax",
    "vienna_dias": "Vienna, scanned slides",
}
facts, results = records.load_experiment("subgroups")
measured = results.set_index(["arm", "stratum", "metric"])["value"]


def look_up(model, metric, slice_):
    """Value, interval and number of images of a metric in each stratum of a slice, one row a stratum."""
    wide = measured[model].unstack()
    inside = wide.index.str.startswith(f"{slice_}: ")
    part = wide.loc[inside, [metric, f"{metric}: low", f"{metric}: high", f"{metric}: images"]]
    part.index = part.index.str.removeprefix(f"{slice_}: ")
    return part.set_axis(["value", "low", "high", "images"], axis=1)


found = look_up("resnet-frozen", "sensitivity", "source").loc[list(SOURCES)]
overall = measured["resnet-frozen", "all", "sensitivity"]
worst = found["value"].idxmin()

# %%
#| fold: Draw this figure
#| name: melanomas-found-by-source
#| caption: Melanomas found at one threshold, by the source of the image; 95 % intervals over lesions. Dashed, all
#|   sources together. Real HAM10000 (Tschandl et al. 2018), grouped, five folds.
#| alt: Three panels, one a model, four rows each, one a source. In the panels of the ResNet and of XGBoost three dots
#|   stand at about nine tenths and the dot of MoleMax near or below one half, with a wide interval. In the panel of the
#|   SVM the dot of MoleMax is also the lowest, and its interval reaches the others.
fig, axes = plots.figure(2.6, 1, 3, sharex=True, sharey=True)
for axis, (model, title) in zip(axes, MODELS.items()):
    part = look_up(model, "sensitivity", "source").loc[list(SOURCES)].rename(index=SOURCES)
    plots.intervals(axis, part, "#0072B2")
    axis.axvline(measured[model, "all", "sensitivity"], color="#444444", linestyle="--", linewidth=1)
    axis.set(title=title, xlabel="share found", xlim=(0, 1), xticks=[0, 0.5, 1])
plots.show(fig)

# %%
#| fold: Say it in a sentence
rest = found["value"].drop(worst)
row = found.loc[worst]
say(
    f"**One source is failed.** The frozen ResNet finds {overall:.0%} of all melanoma images, and "
    f"{rest.min():.0%} to {rest.max():.0%} in three of the sources. In the fourth, {SOURCES[worst]}, it finds "
    f"**{row['value']:.0%}** [{row['low']:.0%}, {row['high']:.0%}] of {row['images']:.0f}."
)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: whose melanomas?</p>
# <p><b>The point.</b> One number for a whole test set is an average over people who may have nothing in common.</p>
# <p><b>Expect.</b> Guesses of seven or eight in ten.</p>
# <p><b>Ask.</b> "Would you have seen it in the confusion matrix?" (No: it knows no source.)</p>
# <p><b>When late.</b> Take the guesses by a show of hands.</p>
# </div>

# %% [markdown]
# A headline sensitivity hides this, because the fourth source holds few melanomas: the average is that of the other
# three.
#
# ## Calibrated, and unequal
#
# Why there? MoleMax is a system for following moles over the years. Nearly everything in that archive is a nevus,
# photographed to be compared with itself later. The model was never told the source. Does it know?

# %%
#| fold: Draw this figure
#| name: predicted-and-real-share
#| caption: What share of the images of a source is melanoma, and what share the frozen ResNet expects: its mean
#|   probability. Real HAM10000 (Tschandl et al. 2018), grouped, five folds.
#| alt: Four pairs of bars, one pair a source. In each pair the two bars are of about the same height; both bars of
#|   MoleMax are so low that they can hardly be seen.
wide = measured["resnet-frozen"].unstack().loc[[f"source: {name}" for name in SOURCES]]
shares = wide[["melanoma: predicted", "melanoma: share"]].set_axis(["expected by the model", "real"], axis=1)
shares.index = pd.Index(SOURCES.values(), name="source")
tidy = shares.reset_index().melt("source", var_name="share of melanomas", value_name="value")
fig, axis = plots.figure(2.8)
sns.barplot(tidy, y="source", x="value", hue="share of melanomas", palette=["#0072B2", "#999999"], ax=axis)
axis.set(xlabel="share of the images", ylabel="")
axis.legend(title="", loc="center right", bbox_to_anchor=(1, 0.38))
plots.show(fig)

# %%
#| fold: Say it in a sentence
molemax = wide.loc["source: vidir_molemax"]
ratio = {key: measured["resnet-frozen", "source: vidir_molemax", key] for key in ("odds ratio", "odds ratio: low",
                                                                                  "odds ratio: high")}
say(
    f"In MoleMax's archive {1000 * molemax['melanoma: share']:.0f} of 1,000 images are melanomas, and the model expects "
    f"{1000 * molemax['melanoma: predicted']:.0f}. It has learned how that camera's images look, and how rarely they "
    "show a melanoma. So it needs more evidence to call one, and one threshold for all cameras is too high there."
)
say(
    "Could the patients be the reason, and not the camera? Among melanomas of patients of the same age and sex, the odds "
    f"of being found are {ratio['odds ratio']:.2f} times those elsewhere "
    f"[{ratio['odds ratio: low']:.2f}, {ratio['odds ratio: high']:.2f}]: about one in {1 / ratio['odds ratio']:.0f}. "
    "The gap stays."
)

# %% [markdown]
# So a model can be *calibrated* in a group, and *unequal* towards it. Where melanomas are rare, honest probabilities
# are low, and a fixed threshold misses most of those that are there. No repair gives both: lower the threshold for that
# camera, and more nevi are cut out there for each melanoma that is found. Somebody has to choose, and it should be
# somebody who knows the clinic.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: calibrated and unequal</p>
# <p><b>The point.</b> Two kinds of fairness, equal calibration and equal sensitivity, cannot both hold where a disease
# is not equally common.</p>
# <p><b>Expect.</b> "Then train on more MoleMax melanomas." It would help. There are two dozen.</p>
# <p><b>Ask.</b> "You run the clinic with that camera. Which threshold do you take, and what does it cost?"</p>
# <p><b>When late.</b> Show the first figure and the sentence under this one.</p>
# </div>

# %% [markdown]
# ## The source as a shortcut
#
# If the look of an image gives its source away, and the source gives the chance of a melanoma away, then a part of the
# model's skill is camera recognition. How large a part? The **AUC** is the chance that a random melanoma gets a higher
# probability than a random other lesion:
#
# $$
# \mathrm{AUC} = P(p_\text{melanoma} > p_\text{other})
# $$
#
# In a pooled AUC most pairs compare a melanoma of one source with a lesion of another. Within a source, the camera
# cannot help. And a score that knows *nothing but the source* has an AUC of its own.

# %%
#| fold: Draw this figure
#| name: auc-within-sources
#| caption: AUC for melanoma of the frozen ResNet, pooled and within each source; grey, a score that knows the source
#|   alone. Real HAM10000 (Tschandl et al. 2018), grouped, five folds.
#| alt: Six bars. The score that knows the source alone is lowest and well above one half. The pooled AUC is higher than
#|   the AUC within three of the four sources, and that of MoleMax is the highest of all.
within = wide["AUC"].rename(index=lambda name: SOURCES[name.removeprefix("source: ")])
pooled_auc = measured["resnet-frozen", "all", "AUC"]
alone = measured["resnet-frozen", "source", "AUC of the source alone"]
bars = pd.concat([pd.Series({"the source alone": alone, "pooled": pooled_auc}), within])
fig, axis = plots.figure(2.8)
sns.barplot(x=bars.to_numpy(), y=bars.index.to_numpy(), hue=bars.index.to_numpy(), legend=False, ax=axis,
            palette=["#999999", "#0072B2", *["#56B4E9"] * len(within)])
for height, value in enumerate(bars):
    axis.annotate(f"{value:.2f}", (value, height), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
axis.set(xlim=(0.5, 1), xlabel="AUC, from 0.5, which is guessing", ylabel="")
plots.show(fig)

# %%
#| fold: Say it in a sentence
three = within.sort_values()[:3]
say(
    f"**Part of the skill is the camera.** Pooled, the AUC is {pooled_auc:.3f}. Within three of the four sources it is "
    f"{three.min():.2f} to {three.max():.2f}. Knowing the source and nothing else already gives {alone:.2f}."
)

# %% [markdown]
# A new clinic has one camera. What it can expect is the AUC *within* a source, not the pooled one.
#
# ### Exercise: the AUC within each source
#
# Write `auc_within(is_melanoma, p_melanoma, source)`: the AUC of each source, a Series with the sources as its index.
# All three are arrays with one entry an image. A source without melanomas, or with nothing else, has no AUC: leave it
# out.

# %% tags=["stub"]
def auc_within(is_melanoma, p_melanoma, source):
    auc = {}
    # for each source: its own images, and a score only if both kinds are there
    ...


# %% tags=["nbval-check-output"]
checks.check("auc-within", auc_within, ham)

# %% tags=["solution"]
def auc_within(is_melanoma, p_melanoma, source):
    auc = {}
    # for each source: its own images, and a score only if both kinds are there
    for name in np.unique(source):
        here = source == name
        if 0 < is_melanoma[here].sum() < here.sum():
            auc[name] = roc_auc_score(is_melanoma[here], p_melanoma[here])
    return pd.Series(auc)


checks.check("auc-within", auc_within, ham)

# %% [markdown]
# ## Worse, or just harder?
#
# Accuracy falls steeply with age. Is the model worse for the old? Before you answer, ask what lesions they have. Old
# skin has fewer nevi, and nevi are what every model gets right. So compute what accuracy a group would have *if each
# diagnosis were recognised as well in it as in everybody*:
#
# $$
# \text{expected accuracy} = \sum_{d} \text{share of diagnosis } d \text{ in the group} \times \text{recall of } d
# \text{ in everybody}
# $$
#
# ### Exercise: what the mix alone predicts
#
# Write `expected_accuracy(recall, diagnoses)`: `recall` is a Series, the recall of each diagnosis in everybody;
# `diagnoses` are the true diagnoses of a group, one an image. Return one number.

# %% tags=["stub"]
def expected_accuracy(recall, diagnoses):
    # each image counts with the recall of its diagnosis
    ...


# %% tags=["nbval-check-output"]
checks.check("expected-accuracy", expected_accuracy, ham)

# %% tags=["solution"]
def expected_accuracy(recall, diagnoses):
    # each image counts with the recall of its diagnosis
    return recall.loc[diagnoses].mean()


checks.check("expected-accuracy", expected_accuracy, ham)

# %%
#| fold: Draw this figure
#| name: accuracy-and-mix
#| caption: Accuracy of the frozen ResNet by age and by source, with 95 % intervals over lesions, and what the mix of
#|   diagnoses alone predicts (hollow). Real HAM10000 (Tschandl et al. 2018), grouped, five folds.
#| alt: Two panels. In the left one, accuracy falls from about nine tenths to below seven tenths from the youngest to the
#|   oldest, and the hollow dots lie on the filled ones in each row. In the right one MoleMax is highest, and the hollow
#|   dots lie apart from the filled ones in each row.
AGES = ["0 to 29", "30 to 44", "45 to 59", "60 to 74", "75 and over"]
fig, axes = plots.figure(2.8, 1, 2, sharex=True)
expected = measured["resnet-frozen"].unstack()["expected accuracy"]
for axis, name, order in zip(axes, ("age", "source"), (AGES, list(SOURCES))):
    part = look_up("resnet-frozen", "accuracy", name).loc[order]
    predicted = expected.loc[[f"{name}: {stratum}" for stratum in order]].to_numpy()
    plots.intervals(axis, part.rename(index=SOURCES), "#0072B2")
    axis.plot(predicted, range(len(part)), "o", color="#D55E00", markerfacecolor="none", markersize=10)
    axis.set(xlabel="accuracy", title=f"by {name}")
plots.show(fig)

# %%
#| fold: Say it in a sentence
age = look_up("resnet-frozen", "accuracy", "age").loc[AGES]
off = (age["value"] - expected.loc[[f"age: {name}" for name in AGES]].to_numpy()).abs()
by_source = look_up("resnet-frozen", "accuracy", "source").loc[list(SOURCES)]
off_source = by_source["value"] - expected.loc[[f"source: {name}" for name in SOURCES]].to_numpy()
say(
    f"**By age, the mix explains it all.** From the youngest to the oldest, accuracy falls from "
    f"{age['value'].iloc[0]:.0%} to {age['value'].iloc[-1]:.0%}, and the mix of diagnoses alone predicts it to within "
    f"{100 * off.max():.0f} points. By source it does not: {SOURCES[off_source.idxmax()]} is "
    f"{100 * off_source.max():.0f} points above what its mix predicts, {SOURCES[off_source.idxmin()]} "
    f"{-100 * off_source.min():.0f} points below."
)

# %% [markdown]
# That does not acquit the model. Equal recalls *within* all diagnoses together can hide two errors that cancel. Look at
# the two that matter to a patient: a melanoma that is missed, and a nevus that is cut out for nothing.

# %%
#| fold: Draw this figure
#| name: two-errors-by-age
#| caption: The frozen ResNet by age, at one threshold; 95 % intervals over lesions. Left, melanomas found. Right, nevi
#|   that are flagged as melanomas, among those that were confirmed under the microscope. Real HAM10000 (Tschandl et al.
#|   2018), grouped, five folds.
#| alt: Two panels of five rows, one an age band. On the left the share found rises from about three quarters in the
#|   young, with a wide interval, to about nine tenths. On the right the share flagged rises too, from under one half to
#|   about two thirds.
fig, axes = plots.figure(2.8, 1, 2, sharex=True, sharey=True)
for axis, metric, title in zip(axes, ("sensitivity", "nevi flagged"), ("melanomas found", "nevi flagged")):
    plots.intervals(axis, look_up("resnet-frozen", metric, "age").loc[AGES], "#0072B2")
    axis.set(title=title, xlabel="share")
plots.show(fig)

# %%
#| fold: Say it in a sentence
flagged = look_up("resnet-frozen", "nevi flagged", "age").loc[AGES, "value"]
caught = look_up("resnet-frozen", "sensitivity", "age").loc[AGES]
young = measured["resnet-frozen"].unstack().loc["age: 0 to 29"]
say(
    f"**More false alarms in the old, more misses in the young.** Of confirmed nevi, {flagged.min():.0%} are flagged in "
    f"the band with the fewest and {flagged.iloc[-1]:.0%} in patients of 75 and over. Of melanomas, "
    f"{caught['value'].iloc[0]:.0%} [{caught['low'].iloc[0]:.0%}, {caught['high'].iloc[0]:.0%}] are found under 30, and "
    f"{caught['value'].iloc[-1]:.0%} at 75 and over. Under 30 the model is not even calibrated: it expects "
    f"{young['melanoma: predicted']:.1%} melanomas, and {young['melanoma: share']:.1%} are."
)

# %% [markdown]
# Nobody gave the network an age. Old skin looks old, and in these images old skin means danger. It is the shortcut of
# the camera once more, and this time the shortcut is half true.
#
# ## What is real, and what is noise?
#
# Three models, four slices, eight outcomes: that is a table of tests. Each asks: if strata were dealt to lesions at
# random, *within each diagnosis*, how often would they differ by as much? Some of so many tests come out small without
# any real difference. **Holm's** correction takes the number of tests into account.

# %%
#| fold: Make the table
tests = results[results["metric"].str.endswith(": p") & results["stratum"].isin(facts["slices"])].copy()
tests["outcome"] = tests["metric"].str.removesuffix(": p")
tests["Holm"] = multipletests(tests["value"], method="holm")[1]
raw, real = (tests["value"] < 0.05).sum(), (tests["Holm"] < 0.05).sum()
models = tests["arm"].nunique()
count = tests[tests["Holm"] < 0.05].groupby(["outcome", "stratum"]).size().unstack(fill_value=0)
count = count.reindex(index=tests["outcome"].unique(), columns=facts["slices"]).fillna(0).astype(int)
NAMES = {"accuracy": "accuracy, given the diagnosis", "sensitivity": "melanomas found, at the threshold",
         "nevi flagged": "nevi flagged, at the threshold"}
NAMES |= {f"recall {dx}": f"recall of {dx}" for dx in ("nv", "mel", "bkl", "bcc", "akiec")}
say(
    f"Of {len(tests)} tests, {raw} have p < .05 and {real} still do after Holm. The table counts for how many of the "
    f"{models} models a difference is left:"
)
display(count.rename(index=NAMES).rename_axis(index=None, columns=None))

# %% [markdown]
# Read it row by row. Differences by source are real in most rows. By age, the recalls of nevus and melanoma differ in
# all three models, in opposite directions, which is why accuracy does not. The recalls of the rarer diagnoses mostly
# show nothing. *Nothing* has two meanings, though: no difference, or too few images to see one.
#
# ## How many would you need?
#
# A share seen in *n* independent images has an exact interval
# ([Clopper and Pearson 1934](https://doi.org/10.1093/biomet/26.4.404)). Here it is for a model that finds nine of ten:

# %% tags=["nbval-check-output"]
def exact_interval(hits, n):
    """95 % interval of a share, from Clopper and Pearson."""
    low = beta.ppf(0.025, hits, n - hits + 1) if hits else 0
    high = beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1
    return low, high


print("9 of 10:     from {:.2f} to {:.2f}".format(*exact_interval(9, 10)))
print("900 of 1000: from {:.2f} to {:.2f}".format(*exact_interval(900, 1000)))

# %%
#| fold: Draw this figure
#| name: interval-by-size
#| caption: How wide the exact 95 % interval of a sensitivity of nine in ten is, by the number of melanomas it was
#|   measured on. Vertical lines, the melanoma images of three slices of HAM10000.
#| alt: A band around nine tenths that narrows to the right. At twenty-odd melanomas it reaches down to about seven
#|   tenths; at several hundred it is a few points wide.
sizes = np.unique(np.geomspace(10, 1000, 60).astype(int) // 10 * 10)
ends = np.array([exact_interval(round(0.9 * n), n) for n in sizes])
fig, axis = plots.figure(2.8)
axis.fill_between(sizes, *ends.T, color="#56B4E9", alpha=0.5)
axis.axhline(0.9, color="#0072B2")
for stratum, label in (("age: 0 to 29", "under 30"), ("source: vienna_dias", "Vienna, slides"), ("source: rosendahl", "Rosendahl")):
    n = measured["resnet-frozen", stratum, "sensitivity: images"]
    axis.axvline(n, color="#444444", linewidth=1, linestyle=":")
    axis.annotate(f"{label}: {n:.0f}", (n, 0.52), xytext=(4, 0), textcoords="offset points", fontsize=9)
axis.set(xscale="log", xlabel="melanomas in the slice", ylabel="sensitivity", ylim=(0.5, 1.01),
         xticks=[10, 30, 100, 300, 1000], xticklabels=["10", "30", "100", "300", "1,000"])
plots.show(fig)

# %%
#| fold: Say it in a sentence
n_molemax = int(row["images"])
low, high = exact_interval(round(0.9 * n_molemax), n_molemax)
say(
    f"With MoleMax's {n_molemax} melanoma images even a model that finds nine of ten could be anywhere from {low:.0%} to "
    f"{high:.0%}. The gap that we found there is larger than that. A gap of ten points would have gone unseen."
)

# %% [markdown]
# ## The worst group
#
# Reports like to name the worst group. But the worst of four numbers is low even if nothing is wrong: somebody has to
# be last. How low, by chance? Deal the groups to the melanomas at random, take the lowest share, and do it again.
#
# ### Exercise: the worst by chance
#
# Write `worst_by_chance(found, group, seed, draws=200)`: `found` says of each melanoma whether it was found, `group`
# names its group. Permute the groups `draws` times, take the lowest share of any group each time, and return the mean.

# %% tags=["stub"]
def worst_by_chance(found, group, seed, draws=200):
    rng = np.random.default_rng(seed)
    worst = []
    # in each draw: groups in random order, then the lowest share found
    ...


# %% tags=["nbval-check-output"]
checks.check("worst-by-chance", worst_by_chance, ham)

# %% tags=["solution"]
def worst_by_chance(found, group, seed, draws=200):
    rng = np.random.default_rng(seed)
    worst = []
    # in each draw: groups in random order, then the lowest share found
    for _ in range(draws):
        mixed = rng.permutation(group)
        worst.append(pd.Series(found).groupby(mixed).mean().min())
    return sum(worst) / draws


checks.check("worst-by-chance", worst_by_chance, ham)

# %%
#| fold: Say it in a sentence
chance = {name: measured["resnet-frozen", name, "sensitivity: worst by chance"] for name in facts["slices"]}
site = look_up("resnet-frozen", "sensitivity", "site")
site = site[site["images"] > 0]
last = site["value"].idxmin()
p_site = tests.set_index(["arm", "stratum", "outcome"])["value"]["resnet-frozen", "site", "sensitivity"]
say(
    f"**Being last is no news.** By source, the worst of the four finds {row['value']:.0%} where chance alone gives "
    f"{chance['source']:.0%}: a finding. By body site, the worst is the {last}, with {site.loc[last, 'value']:.0%} of "
    f"{site.loc[last, 'images']:.0f}, and chance alone gives {chance['site']:.0%}: no finding (p = {p_site:.2f})."
)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: the worst by chance</p>
# <p><b>The point.</b> A minimum over groups is biased downwards, most of all over many small ones.</p>
# <p><b>Expect.</b> Surprise that a site twenty points below the average means nothing.</p>
# <p><b>Ask.</b> "A vendor shows you their worst group. What else do you ask for?" (How many groups, how large, chosen
# when.)</p>
# <p><b>When late.</b> Leave the exercise out; keep the sentence under it.</p>
# </div>

# %% [markdown]
# ## What cannot be measured here
#
# **Skin tone** is not in the table, and it cannot be added. The images come from Austria and Australia, from practices
# whose patients are mostly light-skinned. A tone estimated from the pixels around a lesion measures the lamp, the gel
# and the camera as much as the skin. So nothing on this page says how these models do on dark skin, where melanoma
# looks different, sits in different places and is found later. "No difference was found" would be false: nobody
# could look.
#
# The same holds for whatever else the table leaves out: who could pay for a visit, who was sent by whom, which
# melanomas were never photographed. **A data sheet should say** who is in the data, from where and when, how each
# diagnosis was made, which groups are too small to test, and which are not recorded at all. Ours is the
# [data card](../book/data-card.md); read it with that list in hand.

# %% tags=["assertion"]
assert worst == "vidir_molemax" and row["value"] < 0.5 and rest.between(0.85, 0.93).all(), "one source is failed"
assert measured["xgboost"].unstack().loc[[f"source: {n}" for n in SOURCES], "sensitivity"].idxmin() == f"source: {worst}"
assert measured["svm"].unstack().loc[[f"source: {n}" for n in SOURCES], "sensitivity"].idxmin() == f"source: {worst}"
assert abs(molemax["melanoma: predicted"] - molemax["melanoma: share"]) < 0.003, "calibrated there"
assert ratio["odds ratio: high"] < 0.5, "the gap stays"
assert (three < pooled_auc - 0.03).all() and alone > 0.7 and within.idxmax() == SOURCES["vidir_molemax"]
assert age["value"].is_monotonic_decreasing or age["value"].iloc[0] > age["value"].iloc[-1] + 0.2
assert off.max() < 0.03 and off_source.abs().max() > 0.03, "explained by age, not by source"
by_age = count["age"]
assert by_age["accuracy"] == 0 and by_age["recall nv"] == by_age["recall mel"] == models, "in opposite directions"
assert look_up("resnet-frozen", "recall nv", "age").loc[AGES, "value"].iloc[[0, -1]].is_monotonic_decreasing
assert look_up("resnet-frozen", "recall mel", "age").loc[AGES, "value"].iloc[[0, -1]].is_monotonic_increasing
assert flagged.idxmax() == "75 and over" and caught["value"].iloc[0] < caught["value"].iloc[-1]
assert young["melanoma: predicted"] > 2 * young["melanoma: share"], "not even calibrated"
assert count["source"].sum() > count["sex"].sum() and count.loc[["recall bcc", "recall akiec"]].to_numpy().max() <= 1
assert real < raw < len(tests) and p_site > 0.1 and row["value"] < chance["source"] - 0.3
assert low > row["high"] or row["value"] < low, "larger than that"

# %% [markdown]
# ## Quiz

# %% tags=["nbval-check-output"]
checks.quiz("whom-does-it-fail")

# %% [markdown]
# ## Key points
#
# - Name the slices before you look, and count the tests.
# - A pooled score can be camera recognition. Look within each source.
# - Compare a group's accuracy with what its mix of diagnoses predicts before you call the model worse there.
# - Calibrated in a group and equally sensitive in it are two things. Where a disease is rare you cannot have both.
# - Somebody is always last. Ask how low the last would be by chance.
# - What was not recorded cannot be tested. Say so, by name.
#
# **What comes next.** This is the last chapter. The [model card](../book/model-card.md) says what these findings mean
# for one model, and the [data card](../book/data-card.md) what they mean for the data.
#
# Data: [Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161), CC BY-NC 4.0; more on the [data
# card](../book/data-card.md). Not a medical device.

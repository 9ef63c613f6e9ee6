# %% [markdown]
# # Against the paper
#
# *A paper compares six models. By accuracy, five of them seem to lose to a rule that looks at no image. This book
# trained the same kinds of models and kept their every answer. Which one is best, by how much, and how sure can you
# be?*
#
# At the end of this chapter you can
#
# - put models side by side, each beside the floor of its own test set;
# - show that the micro average, the weighted recall and the accuracy are one number, and compute the floor of any other;
# - test whether one model is better than another on the same lesions;
# - read a comparison class by class, lesion by lesion, and on the lesions that a microscope confirmed;
# - say what a table of accuracies leaves out.
#
# | | minutes |
# |---|---:|
# | to read | 40 |
# | to run, on a laptop without a GPU | 1 |
# | to do the three exercises | 40 |
#
# You need {{chapter:split-without-leaking}} for the protocols, {{chapter:classical-baselines}} for run records and
# intervals, and {{chapter:transfer-vgg16}} for the two readings of one training. New words are in the
# [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %% tags=["remove-output"]
#| fold: Set-up
from collections import Counter

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown, display
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from helpers import checks, evaluate, plots, records, start
from helpers.ham10000 import CLASSES, PHOTOGRAPHED_ONCE, PUBLISHED_IMAGES

# %%
config, ham = start("against-the-paper")

# %% [markdown]
# ## Six models, six numbers
#
# What the paper prints of each model is an accuracy. Beside each stands a floor: for the three networks that of the
# test set which {{chapter:split-without-leaking}} infers from the paper's tables, for the other models that of all of
# HAM10000. The inferred test set is a stratified part of the lesions that were photographed once, and fits what is
# printed of the networks. On what the others were tested, nobody outside knows.

# %% tags=["nbval-check-output"]
# Garg, Maheshwari, Shukla, arXiv:1912.03798: abstract and Table 2, Table 4 (micro average), Table 5.
PAPER = {"Random Forest": 0.659, "XGBoost": 0.6515, "SVM": 0.6586, "CNN": 0.74, "VGG16": 0.78, "ResNet": 0.9051}
NETWORKS = ("CNN", "VGG16", "ResNet")
once = np.repeat(list(PHOTOGRAPHED_ONCE), list(PHOTOGRAPHED_ONCE.values()))
_, drawn = train_test_split(once, test_size=0.17, stratify=once, random_state=0)
support = pd.Series(drawn).value_counts().reindex(CLASSES)
floors = {"HAM10000": PUBLISHED_IMAGES["nv"] / sum(PUBLISHED_IMAGES.values()), "938": support["nv"] / support.sum()}
for name, accuracy in PAPER.items():
    test_set = "938" if name in NETWORKS else "HAM10000"
    print(f"{name:<14}{accuracy:7.2%}  {100 * (accuracy - floors[test_set]):+6.2f} points from always nv, "
          f"{floors[test_set]:.2%} on {'the inferred 938' if name in NETWORKS else 'all of HAM10000'}")

# %% [markdown]
# Two of the three networks are below the floor of the inferred test set: the CNN clearly, while VGG16's interval,
# further down, still reaches it. On what the three older models were tested nobody knows; if those images had the mix
# of all of HAM10000, they are below theirs, too. Before you go on, write down what you would tell a clinic that has to
# choose one. And your guess: of *our* models of the same kinds, which is best?
#
# ## One of them has another side
#
# Of one model the paper prints more: precision, recall and F1 of its CNN, class by class. Together with the inferred
# number of images of each class that is nearly everything. We can say of each class how many of its images were right
# (of the nevi to within a few, since a recall of two digits fits several counts of so many), so we can compute the
# scores that are not printed, and even their intervals.

# %%
#| fold: Draw this figure
#| name: cnn-other-side
#| caption: What the paper prints of its CNN (Garg et al. 2019, Tables 3 and 4), scored in three ways on the inferred
#|   test set. Orange diamond with line, value and 95 % interval; black tick, the floor of that score on that test set.
#| alt: Three rows with a diamond and a line each. In the row of accuracy the diamond lies left of the black tick; in the
#|   rows of balanced accuracy and melanoma recall it lies far to the right of it.
# Garg et al. 2019, Table 3 (precision, recall, F1) and the weighted averages of Table 4.
TABLE_3 = pd.DataFrame(
    [(0.27, 0.62, 0.37), (0.45, 0.73, 0.56), (1.00, 0.09, 0.17), (0.08, 0.67, 0.14), (0.21, 0.59, 0.30),
     (0.95, 0.82, 0.88), (0.67, 0.73, 0.70)], index=CLASSES, columns=["precision", "recall", "f1"])
TABLE_4 = {"weighted precision": 0.88, "weighted F1": 0.77}

right = (TABLE_3["recall"] * support).round().astype(int)
truth_of_paper = np.repeat(CLASSES, support)
wrong = np.where(truth_of_paper == "nv", "mel", "nv")  # which wrong answer it was, these three scores do not ask
hit = np.concatenate([np.arange(n) < k for n, k in zip(support, right)])
certain = (np.where(hit, truth_of_paper, wrong)[:, None] == np.array(CLASSES)).astype(float)
rebuilt = evaluate.report(truth_of_paper, certain, np.arange(len(hit))).set_index(["metric", "dx"])
NUMBERS = ["value", "low", "high", "floor"]
cnn = {"accuracy": rebuilt.loc[("accuracy", "all"), NUMBERS].astype(float),
       "balanced accuracy": rebuilt.loc[("balanced_accuracy", "all"), NUMBERS].astype(float),
       "melanoma recall": rebuilt.loc[("recall", "mel"), NUMBERS].astype(float)}
fig, axis = plots.figure(1.8)
plots.intervals(axis, pd.DataFrame(cnn).T, "#D55E00", marker="D")
axis.set_xlim(-0.02, 1)
plots.show(fig)
for name, row in cnn.items():
    print(f"{name:<18} {row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}], floor {row['floor']:.3f}")

# %% [markdown]
# The same answers lie below the floor by one score and far above it by another. The paper names copies of rare images
# and class weights, one or both of which tell a network to look for rare classes. For most of them it did (not for
# `bkl`), and paid in nevi. Its accuracy hides that. Of four of the other five models the paper prints nothing else, and
# of the ResNet a picture besides, its confusion matrix, out of which this page takes no numbers. So "five of six lose"
# may be true, and says less than it seems. A comparison needs more than one score.
#
# More *names* are not more scores, though. The paper's Table 4 has three micro averages and three weighted ones.
#
# ### Exercise: four names
#
# Write `one_number(matrix)`. `matrix` is a confusion matrix, `(7, 7)`, rows true, columns answers. Return a dict with
# the keys `accuracy`, `micro precision`, `micro recall` and `weighted recall`. Micro: add up true positives, false
# positives and false negatives of all classes first, divide after. Weighted: the mean of the recalls, each weighted by
# its class's number of true images. A class may have no image.

# %% tags=["stub"]
def one_number(matrix):
    ...


# %% tags=["nbval-check-output"]
checks.check("four-names", one_number, ham)

# %% tags=["solution"]
def one_number(matrix):
    hits, rows, columns = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    recalls = hits / rows.clip(1)
    return {
        "accuracy": hits.sum() / matrix.sum(),
        "micro precision": hits.sum() / columns.sum(),
        "micro recall": hits.sum() / rows.sum(),
        "weighted recall": (recalls * rows).sum() / rows.sum(),
    }


checks.check("four-names", one_number, ham)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: four names, one number</p>
# <p><b>The point.</b> With one answer an image, micro averages and weighted recall are the accuracy. Half of the paper's
# Table 4 repeats one fact.</p>
# <p><b>Expect.</b> "But a library prints them as different rows." It does. Ask for a case in which they differ.</p>
# <p><b>Ask.</b> "Which of the averages would have shown that a class was switched off?" (A macro average: there each class
# counts the same, the one nearly never found, too.)</p>
# <p><b>When late.</b> Say it on the board with two classes: each error is one false positive and one false negative.</p>
# </div>

# %% [markdown]
# ## Each score has its floor
#
# For accuracy you know it. The same rule, always the most frequent class, has a value in every score. Here it is on the
# real test images of each protocol. Their diagnoses stand in the run records that the rest of this page is made of.

# %%
PROTOCOLS = ("holdout938", "image8020", "grouped")
always = {}
for protocol in PROTOCOLS:
    tested = records.load_run(f"resnet-frozen-{protocol}-200x150").predictions
    values = evaluate.floor(tested["true"].to_numpy()).set_index(["metric", "dx"])["value"]
    always[protocol] = {"images": f"{len(tested):,}"} | {name: values[key] for name, key in records.SCORES.items()}
print(pd.DataFrame(always).to_string(float_format="{:.3f}".format))

# %% [markdown]
# A weighted precision or F1 looks respectable on a test set of nevi without any skill. Balanced accuracy cannot be
# fooled so. Nor can melanoma recall, by *this* rule; another fools it, since who calls everything a melanoma finds
# every one. Read it beside its precision.
#
# ### Exercise: the floor of a weighted F1
#
# Write `weighted_f1_floor(counts)`. `counts` is a Series with the number of test images of each class. Return the
# weighted F1 of always answering the most frequent class. Use no library: the recall and the precision of that one
# answer are all you need.

# %% tags=["stub"]
def weighted_f1_floor(counts):
    ...


# %% tags=["nbval-check-output"]
checks.check("weighted-f1-floor", weighted_f1_floor, ham)

# %% tags=["solution"]
def weighted_f1_floor(counts):
    share = counts.max() / counts.sum()  # its precision; its recall is one
    return share * 2 * share / (1 + share)


checks.check("weighted-f1-floor", weighted_f1_floor, ham)

# %% [markdown]
# ## All of them, in one picture
#
# Each of our models left a run record: its answer to every test image, under one protocol. Three protocols, three test
# sets, three floors. **`holdout938`** is the inferred test set of the paper. **`image8020`** deals out images at random,
# so that siblings of test images are trained on. **`grouped`** keeps a lesion's images together; it is the one to
# believe.
#
# Most models have two **readings** ({{chapter:transfer-vgg16}}): **by image**, for scores that count images, and **by
# class**, as if all diagnoses were equally common, for balanced accuracy. A network was trained once, and its
# probabilities were shifted from one to the other: a record that ends in `-restored` is by image, one in `-evened` by
# class. Some models of Chapter {{number:classical-baselines}} were trained twice, without class weights and with them;
# the others have one reading. Each picture below has one row a model. Records in your own folder join by themselves;
# their rows begin with `yours`.

# %%
everything = records.load_runs()
found = records.entries(everything)
scored = records.overview(found)
models = list(dict.fromkeys(entry.model for entry in found))
rows = []  # of the pictures: each model of the paper, and ours of its kind below it
for family in dict.fromkeys(entry.family for entry in found):
    rows += [f"paper: {family}"] if family in PAPER else []
    rows += [model for model in models if any(e.model == model and e.family == family for e in found)]

shown = {entry.run.path for entry in found}
print(f"{len(found)} records of {len(models)} models, {sum(e.run.origin != 'the book' for e in found)} of them yours")
left_out = Counter(mark.split(":")[0] for run in everything if run.path not in shown for mark in run.marks)
for mark, count in left_out.items():
    print(f"left out: {count} marked {mark}")
for protocol in PROTOCOLS:
    tested = {len(entry.run.predictions) for entry in found if entry.protocol == protocol}
    tested = " or ".join(f"{n:,}" for n in sorted(tested))
    print(f"{protocol:<11} {tested} test images" + " (fewer: one fold of five)" * (" or " in tested))

# %%
#| fold: Draw this figure
#| name: accuracy-everywhere
#| caption: Accuracy of every model under three protocols. Orange diamond, as the paper prints it (Garg et al. 2019), the
#|   CNN's rebuilt from its recalls; hollow where nobody knows the test set. Dot and line, ours with its 95 % interval over
#|   lesions, read by image, on the real HAM10000 (Tschandl et al. 2018); black tick, the floor of that test set. LEAKY:
#|   siblings of test images were trained on. Under grouped some models answered one fold of five. *The star: stages 1 to
#|   3 of the network alone. No mark: no record.
#| alt: Three panels with one row a model, the paper's first in each group. In the left panel the floors stand far to the
#|   right; the paper's CNN and VGG16 lie left of them, its ResNet right of them and of all of ours. In the other two
#|   panels floors and dots lie further left.
TITLES = {"holdout938": "holdout938", "image8020": "image8020, LEAKY", "grouped": "grouped"}
TINTS = {"holdout938": "#009E73", "image8020": "#E69F00", "grouped": "#0072B2"}
nothing = pd.DataFrame(np.nan, index=rows, columns=NUMBERS)
COUNTS = {name: right.sum() if name == "CNN" else round(PAPER[name] * support.sum()) for name in NETWORKS}


def marks(protocol, score, how):
    """A score of all rows under one protocol; rows without a record stay empty."""
    part = scored.xs((protocol, how), level=("protocol", "reading"))[score]
    return part.reindex(rows)


printed, unknown = nothing.copy(), nothing.copy()
for name, accuracy in PAPER.items():
    unknown.loc[f"paper: {name}"] = [np.nan if name in NETWORKS else accuracy] * 3 + [np.nan]
for name, count in COUNTS.items():
    ends = proportion_confint(count, support.sum(), method="wilson")
    printed.loc[f"paper: {name}"] = [count / support.sum(), *ends, floors["938"]]
fig, axes = plots.figure(0.8 + 0.23 * len(rows), 1, 3, sharey=True, sharex=True)
for axis, protocol in zip(axes, PROTOCOLS):
    plots.intervals(axis, marks(protocol, "accuracy", "by image"), TINTS[protocol])
    plots.intervals(axis, unknown[["value", "low", "high"]], "#D55E00", marker="D", filled=False)
    if protocol == "holdout938":
        plots.intervals(axis, printed, "#D55E00", marker="D")
    axis.set(title=TITLES[protocol], xlabel="accuracy", xlim=(0.6, 0.95), ylim=(len(rows) - 0.4, -0.6))
for label in axes[0].get_yticklabels():
    label.set_color("#A63F00" if label.get_text().startswith("paper") else "black")
plots.show(fig)

# %% [markdown]
# Read one panel at a time. On the left the paper's own test set, if the inference holds. Its ResNet lies to the right
# of all of ours; by how much, and how sure that is, stands further down. Its VGG16 does not rise above the floor, and
# ours do, read by image. (Read by class, which costs accuracy, our frozen one lies below it, too: Chapter
# {{number:transfer-vgg16}}.) On the right, the honest protocol: the same recipes, lower numbers, a lower floor. The
# dots moved because the exam did; {{chapter:where-could-90-come-from}} measures that.
#
# And by a score in which each class counts the same:

# %%
#| fold: Draw this figure
#| name: balanced-everywhere
#| caption: Balanced accuracy of the same models. Filled dot, read by image; hollow dot, read by class (class weights or
#|   evened priors); lines, 95 % intervals over lesions; black tick, the floor, one in seven. Orange diamond, the paper's
#|   CNN, computed from its recalls (Garg et al. 2019, Table 3); its text and tables give this score of no other model.
#|   Under grouped some models answered one fold of five. No dot: no such record. *The star: stages 1 to 3 of the network
#|   alone.
#| alt: Three panels with one row a model. In every row that has both, the hollow dot lies to the right of the filled one.
#|   All dots are right of the black ticks at one in seven. The paper's CNN has the only diamond, among the hollow dots.
lines = [row for row in rows if not row.startswith("paper") or row == "paper: CNN"]
paper_cnn = nothing.loc[lines].copy()
paper_cnn.loc["paper: CNN"] = cnn["balanced accuracy"]
fig, axes = plots.figure(0.8 + 0.25 * len(lines), 1, 3, sharey=True, sharex=True)
for axis, protocol in zip(axes, PROTOCOLS):
    for how, shift in (("by image", -0.17), ("by class", 0.17)):
        part = marks(protocol, "balanced accuracy", how).loc[lines]
        plots.intervals(axis, part, TINTS[protocol], shift=shift, filled=how == "by image")
    if protocol == "holdout938":
        plots.intervals(axis, paper_cnn, "#D55E00", marker="D")
    axis.set(title=TITLES[protocol], xlabel="balanced accuracy", xlim=(0.1, 0.9), ylim=(len(lines) - 0.4, -0.6))
plots.show(fig)

# %% [markdown]
# Look at the lengths of the lines on the left. Some classes have a handful of images there, and each counts a seventh of
# the score. So a balanced accuracy is far less certain here than an accuracy.
#
# ## The table
#
# For looking up. The accuracy is also the micro average of precision, recall and F1, and the weighted recall: see
# the exercise *four names*. All columns but one are read by image; the paper's CNN, trained with class weights, has one
# reading alone, by class, in all of its columns. Under the grouped protocol some models answered all five folds and
# some one of them: compare rows with the same number of images.

# %%
def cell(row):
    """A value with its interval, as far as they are there."""
    if np.isnan(row["value"]):
        return "–"
    return f"{row['value']:.3f}" + (f" [{row['low']:.3f}, {row['high']:.3f}]" if not np.isnan(row["low"]) else "")


TWICE = "balanced accuracy, read by class"
ORDER = ["accuracy", "balanced accuracy", TWICE, "macro-F1", "melanoma recall", "weighted precision", "weighted F1"]
paper_row = {name: cell(row) for name, row in cnn.items() if name != "balanced accuracy"}
paper_row |= {name: f"{value:.2f}" for name, value in TABLE_4.items()}
paper_row |= {"macro-F1": f"{TABLE_3['f1'].mean():.3f}", TWICE: cell(cnn["balanced accuracy"])}
for protocol in PROTOCOLS:
    columns = {name: marks(protocol, name, "by image") for name in records.SCORES}
    columns[TWICE] = marks(protocol, "balanced accuracy", "by class")
    tested = {entry.model: f"{len(entry.run.predictions):,}" for entry in found if entry.protocol == protocol}
    lines = {"always nv": {name: f"{part['floor'].median():.3f}" for name, part in columns.items()}}
    if protocol == "holdout938":
        theirs = {f"paper: {name}": {"accuracy": cell(printed.loc[f"paper: {name}"])} for name in NETWORKS}
        theirs["paper: CNN"] = paper_row
        lines |= {name: row | {"images": f"{support.sum()}?"} for name, row in theirs.items()}
    for row in (row for row in rows if any(part["value"].notna()[row] for part in columns.values())):
        lines[row] = {name: cell(part.loc[row]) for name, part in columns.items()} | {"images": tested[row]}
    page = pd.DataFrame.from_dict(lines, orient="index", columns=["images", *ORDER]).rename_axis("model").reset_index()
    page = page.to_html(index=False, border=0, na_rep="–", classes="wide")
    title = f"{TITLES[protocol]}: value [95 % interval]"
    page = page.replace(" [", "\n[")  # in the book the interval stands below its value
    display(HTML(page.replace("<thead>", f'<caption style="text-align:left">{title}</caption><thead>', 1)))

# %% [markdown]
# ## By how much, and how sure?
#
# Two intervals that overlap settle nothing: both models met the same lesions, and a hard lesion is hard for both. So
# **pair** them. One way is the bootstrap of the difference: draw lesions, score both models on the draw, subtract. Take
# two records and look:

# %%
book = {entry.run.name: entry.run for entry in found}
pair = [book["classical-holdout938-handcrafted-svm-plain"], book["resnet-frozen-holdout938-200x150"]]
table = records.compare(*pair).set_index("metric")
for metric in ("accuracy", "balanced_accuracy"):
    row = table.loc[metric]
    print(f"{metric:<18} {row['a']:.3f} and {row['b']:.3f}; difference {row['difference']:+.3f} "
          f"[{row['low']:+.3f}, {row['high']:+.3f}]")

# %% [markdown]
# The other way is to count. Leave out the lesions on which both are right, or both wrong: they do not tell the two
# apart. Of the rest, how many go to each? If neither is better, each is a toss of a coin. That is **McNemar's test**
# ([McNemar 1947](https://doi.org/10.1007/BF02295996)). Its **p-value** says how often coins alone would divide the
# lesions at least so unevenly. A small one speaks against chance; it does not say how large the difference is. The test
# assumes that what it counts is independent, so count lesions, not photographs.
#
# ### Exercise: which one is better?
#
# Write `better_by_lesion(truth, prob_a, prob_b, groups)`. `truth` has the true class of each image as text, such as
# `"nv"`; `prob_a` and `prob_b` are `(n, 7)`, probabilities in the order of `CLASSES`; `groups` has the lesion group of
# each image. Give each lesion one answer, the class of the highest **mean** of its images' probabilities. Return three
# things: how many lesions only a answers rightly; how many only b does; and the two-sided exact p-value of so uneven a
# division (`binomtest`), 1 where no lesion tells them apart.

# %% tags=["stub"]
def better_by_lesion(truth, prob_a, prob_b, groups):
    ...


# %% tags=["nbval-check-output"]
checks.check("better-by-lesion", better_by_lesion, ham)

# %% tags=["solution"]
def better_by_lesion(truth, prob_a, prob_b, groups):
    true = pd.Series(truth).groupby(groups).first().to_numpy()
    means = [pd.DataFrame(prob).groupby(groups).mean().to_numpy() for prob in (prob_a, prob_b)]
    right_a, right_b = (np.array(CLASSES)[mean.argmax(axis=1)] == true for mean in means)
    only_a, only_b = int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())
    p = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    return only_a, only_b, p


checks.check("better-by-lesion", better_by_lesion, ham)

# %% [markdown]
# ## The best, and its lead
#
# Now all at once. Under one protocol take the images that *all* models were tested on, name the model with the highest
# score, and pair it with each other model. Where a line crosses the dashed one, the lead could be none.

# %%
#| fold: Draw this figure
#| name: the-lead
#| caption: The lead of the best model over each other one, in points, on the test images that all were tested on (real
#|   HAM10000, Tschandl et al. 2018): difference with its 95 % interval from a paired bootstrap over lesions. Left,
#|   accuracy, read by image; right, balanced accuracy, read by class, or, hollow, by image for want of such a record.
#|   Above, the inferred test set of the paper; below, grouped. Black star, the best; empty rows, no record. ResNet50V2*:
#|   stages 1 to 3 alone.
#| alt: Four panels with one row a model and a vertical dashed line at nothing, where a star stands. Models on raw pixels
#|   and CNNs from scratch lie farthest to the right. Of the others some lines cross the dashed one.
READ = {"accuracy": "by image", "balanced accuracy": "by class"}
leads = {(protocol, score): records.lead(found, protocol, score)
         for protocol in ("holdout938", "grouped") for score in READ}
otherwise = {(protocol, score): list(one.table.index[one.table["reading"] != READ[score]])
             for (protocol, score), one in leads.items()}
compared = [model for model in models if any(model == one.best or model in one.table.index for one in leads.values())]
fig, axes = plots.figure(1.2 + 0.4 * len(compared), 2, 2, sharey=True, sharex="col")
for axis, ((protocol, score), one) in zip(axes.flat, leads.items()):
    table = 100 * one.table[["lead", "low", "high"]].reindex(compared)
    hollow = table.index.isin(otherwise[protocol, score])
    for filled, part in ((True, table[~hollow]), (False, table[hollow])):
        plots.intervals(axis, part.reindex(compared), TINTS[protocol], filled=filled)
    axis.axvline(0, color="#1A1A1A", linestyle="--", linewidth=1)
    axis.plot(0, compared.index(one.best), "*", color="#1A1A1A", markersize=10)
    axis.set(title=f"{protocol}, {score}", ylim=(len(compared) - 0.4, -0.6))
    axis.title.set_size(9)
    axis.set_xlabel("points behind the best" if axis in axes[1] else "")
plots.show(fig)

# %%
for (protocol, score), one in leads.items():
    print(f"{protocol}, {score}, {one.images:,} images of {one.lesions:,} lesions\nbest: {one.best}, {one.value:.3f}")
    print(one.table[["value", "lead", "low", "high"]].sort_values("lead").head(5).round(3).to_string(), "\n")
print("McNemar's test: lesions that only the best, and only the other, gets right")
for protocol in ("holdout938", "grouped"):
    print(protocol, leads[protocol, "accuracy"].best)
    part = leads[protocol, "accuracy"].table[["only_best", "only_other", "p", "p_holm"]]
    print(part.to_string(float_format=lambda p: f"{p:.4f}" if p >= 0.00005 else "<0.0001"))

# %% [markdown]
# Five cautions. The best was *chosen* on these images, which flatters it a little. Many tests find something by
# accident; `p_holm` allows for that ([Holm 1979](https://www.jstor.org/stable/4615733)). Interval and test ask different
# things: the interval is that of the accuracy per image (lesions are drawn, their images counted), for one pair taken
# alone; the test counts each lesion once, and `p` is of one pair, `p_holm` of all of them together. So the two can
# disagree, and then the lead is not clear. The ends of an interval are drawn, too: with other random draws they move, in
# accuracy by a tenth of a point or two, in balanced accuracy on the 938 by up to half a point; a lead whose lower end is
# no further than that from zero is no clear one. And each recipe was trained once a fold: another seed
# would move each dot, and no interval on this page knows by how much.
#
# Against the paper's own networks no such pairing is possible. Its answers are not published; there are only counts. So
# the interval has to be that of two unrelated tests, which is wider.

# %%
against = {}
for family in NETWORKS:
    ours = [e for e in found if e.family == family and e.protocol == "holdout938" and e.run.origin == "the book"]
    ours = {e.model: e.run for e in ours if e.reading == "by image"}
    best = max(ours, key=lambda model: ours[model].metric("accuracy")["value"])
    n, mine, theirs = support.sum(), ours[best].metric("accuracy")["value"], COUNTS[family]
    low, high = confint_proportions_2indep(round(mine * n), n, theirs, n, method="newcomb")
    against[family] = (best, mine - theirs / n, low, high)
    print(f"{family}: paper {theirs / n:.3f}, ours {mine:.3f} ({best}): "
          f"{100 * (mine - theirs / n):+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]")

# %% [markdown]
# Mind what is subtracted. Ours is the best of its kind, chosen on these same images, which flatters it; the paper's may
# have been chosen so, too. Our networks are read by image here, our CNN with the shares of the classes put back. The
# paper names class weights, at the price of accuracy: for its CNN, and perhaps for all three, part of the difference is
# the reading. Further down the CNNs stand side by side, read by class, and there all of ours have the lower balanced
# accuracy: the one as printed clearly, the changed ones not.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: who won?</p>
# <p><b>The point.</b> A best model is a name and an interval. On the small exam the first place is shared.</p>
# <p><b>Expect.</b> "The higher number is better." Let them read the two counts of McNemar's test aloud.</p>
# <p><b>Ask.</b> "How many lesions would you need to tell the first two apart?" (Count those on which they differ, and how
# unevenly.)</p>
# <p><b>When late.</b> Skip the exercise <i>which one is better?</i>; keep the figure of the lead.</p>
# </div>

# %% [markdown]
# ## Several models, one answer
#
# Models that err on different lesions can correct each other. Multiply their probabilities, each to a power of its own,
# and make the products sum to one again: a **logarithmic pool**
# ([Genest and Zidek 1986](https://doi.org/10.1214/ss/1177013825)).
#
# $$
# p(y) \propto \exp\Big(b_y + \sum_m w_m \log p_m(y)\Big), \qquad w_m \ge 0
# $$
#
# The weights $w$ and the offsets $b$ are fitted on validation lesions. The test lesions choose nothing, not even the
# single model that the pool is compared with: it is the best one on validation lesions. The records pool nine models
# that were trained without class weights: forest, XGBoost and SVM on both kinds of features, and three frozen networks.
#
# How many points do nine models gain over the best of them? Guess before you look.

# %%
#| fold: Look the records up
pools = {run.name: run for run in everything if run.name.startswith("pool-")}


def validation_score(entry):
    """How good a model is on its validation lesions: minus the log loss by image, balanced accuracy by class."""
    rows = entry.run.validation
    codes = pd.Categorical(rows["true"], CLASSES).codes
    prob = rows[list(CLASSES)].to_numpy()
    if entry.reading == "by image":
        return np.log(prob[np.arange(len(codes)), codes].clip(1e-7)).mean()
    return pd.Series(prob.argmax(axis=1) == codes).groupby(codes).mean().mean()


best_single, pool_gains = {}, {}
for protocol, folds in (("grouped", 5), ("holdout938", 1)):
    for reading, suffix, names in (("by image", "", ["accuracy", "f1_macro"]),
                                   ("by class", "-evened", ["balanced_accuracy"])):
        pool = pools[f"pool-{protocol}{suffix}"]
        may = [e for e in found if (e.protocol, e.reading) == (protocol, reading) and e.run.origin == "the book"]
        best = max((e for e in may if len(e.run.facts["folds"]) == folds), key=validation_score)
        best_single[protocol, reading] = best
        tested = pool.predictions.set_index("image_id")
        alone = best.run.predictions.set_index("image_id").loc[tested.index]
        truth, groups = tested["true"].to_numpy(), tested["group"].to_numpy()
        answered = [rows[list(CLASSES)].to_numpy() for rows in (alone, tested)]
        pair = evaluate.paired_bootstrap(truth, *answered, groups, curves=False).query("dx == 'all'")
        for name in names:
            pool_gains[protocol, name] = pair.set_index("metric").loc[name, ["difference", "low", "high"]]
pool_gains = pd.DataFrame(pool_gains).T.astype(float)

# %%
#| fold: Draw this figure
#| name: pool-gains
#| caption: What a pool of nine models gains over the best single one on the real HAM10000 (Tschandl et al. 2018), in
#|   points, with its 95 % interval over lesions. Black, grouped, five folds; grey, the inferred test set of the paper.
#| alt: Six dots with horizontal lines. The three black ones, of five folds, lie right of zero with short lines. The three
#|   grey ones, of one small test set, have lines that are several times as long and cross zero.
METRICS = {"accuracy": "accuracy", "f1_macro": "macro-F1", "balanced_accuracy": "balanced accuracy"}
points = 100 * pool_gains
points.index = [f"{METRICS[name]}, {protocol.replace('holdout938', 'the 938')}" for protocol, name in pool_gains.index]
fig, axis = plots.figure(2.8)
plots.intervals(axis, points, {row: "#1A1A1A" if "grouped" in row else "#8C8C8C" for row in points.index})
axis.axvline(0, color="#1A1A1A", linestyle="--", linewidth=1)
axis.set_xlabel("points, pool minus best single model")
plots.show(fig)

# %%
#| fold: Say it in sentences
def with_interval(run, name):
    """A pooled score with its interval, as text."""
    metric = run.metric(name)
    return f"{metric['value']:.3f} [{metric['low']:.3f}, {metric['high']:.3f}]"


more = {row: f"{value:+.1f} [{low:+.1f}, {high:+.1f}]".replace("-", "−")
        for row, (value, low, high) in zip(pool_gains.index, (100 * pool_gains).to_numpy())}
right_938 = {name: int((pools[name].answers == pools[name].predictions["true"]).sum())
             for name in ("pool-holdout938", "pool-retrained-holdout938")}
clinical = pools["pool-clinical-grouped"]
display(Markdown(
    f"**On five folds the pool is clearly better.** Accuracy rises by {more['grouped', 'accuracy']} points over "
    f"*{best_single['grouped', 'by image'].model}*, to {with_interval(pools['pool-grouped'], 'accuracy')}; balanced "
    f"accuracy at equal priors by {more['grouped', 'balanced_accuracy']} over "
    f"*{best_single['grouped', 'by class'].model}*, to "
    f"{with_interval(pools['pool-grouped-evened'], 'balanced_accuracy')}. With age, sex and site of the body as a tenth "
    f"member, accuracy is {with_interval(clinical, 'accuracy')} and macro-F1 {with_interval(clinical, 'f1_macro')}."
))
display(Markdown(
    f"On the 938, where the paper's ResNet has {COUNTS['ResNet']} right, the pool of nine has "
    f"{right_938['pool-holdout938']}, and one with four retrained networks as well "
    f"{right_938['pool-retrained-holdout938']}. (The smaller one was fitted after the larger one's score was known, to "
    "have the same recipe as the grouped pool.)"
))

# %% [markdown]
# The same gain that stands out on ten thousand images drowns in the noise of 938: the grey lines are several times as
# long as the black ones. A small test set cannot tell a better model from an equal one, and "no difference" on it says
# little.
#
# How far is that from the best lesion-grouped figure that we know? A ConvNeXt, trained on HAM10000 and ISIC 2019
# together, reaches a macro-F1 of .740 on HAM10000 (Rashid et al. 2026). Our pool, trained on HAM10000 alone, stays
# below.
#
# ## Class by class
#
# A model that finds nevi and misses melanomas can have a fine accuracy. So look at the recall of each class: of its
# images, how many were found?

# %%
#| fold: Draw this figure
#| name: recall-by-class
#| caption: Recall of each class, in hundredths, and as shade. First row, the paper's CNN (Garg et al. 2019, Table 3); then
#|   our models on the inferred test set of the paper, read by image on the left and by class on the right. Below the class
#|   stands its number of test images. Real HAM10000 (Tschandl et al. 2018). Blank, no record, or not printed. *The star:
#|   stages 1 to 3 alone.
#| alt: Two tables of shaded numbers, one row a model and one column a class. On the left the column of nevi is the darkest
#|   by far. On the right the other columns are darker than on the left, and that of nevi is lighter.
recalled = {}
for how in ("by image", "by class"):
    chosen = {e.model: e.run for e in found if e.protocol == "holdout938" and e.reading == how}
    part = pd.DataFrame({model: [run.metric("recall", dx)["value"] for dx in CLASSES] for model, run in chosen.items()})
    recalled[how] = part.T.reindex(["paper: CNN", *(m for m in models if m in part)]).set_axis(list(CLASSES), axis=1)
recalled["by class"].loc["paper: CNN"] = TABLE_3["recall"]
recalled["by image"] = recalled["by image"].drop(index="paper: CNN")
lines = ["paper: CNN", *(m for m in models if any(m in part.index for part in recalled.values()))]
fig, axes = plots.figure(1.0 + 0.25 * len(lines), 1, 2, sharey=True)
for axis, (how, part) in zip(axes, recalled.items()):
    plots.heatmap(axis, part.reindex(lines), percent=True)
    axis.set_xticklabels([f"{dx}\n{support[dx]}" for dx in CLASSES])
    axis.set_title(f"read {how}")
plots.show(fig)
for how, part in recalled.items():
    none = {dx: count for dx, count in part.drop(index="paper: CNN", errors="ignore").eq(0).sum().items() if count}
    print(f"read {how}, models of ours that find none:", ", ".join(f"{n} of {dx}" for dx, n in none.items()) or "no such")

# %% [markdown]
# Nobody in this table is good at everything. The paper's CNN nearly switched one class off: find the light cell in its
# row. Some of ours, read by image, never find the rarest one; the lines below the figure count them. A column over a
# handful of images moves by large steps; read it with its number.
#
# ## A ResNet's mistakes
#
# The paper's Figure 3 is the confusion matrix of its ResNet, as a picture. This page uses what the paper says in text
# and tables, and of its ResNet that is the accuracy alone. But here you can put the inference to the test. Open [the
# paper](https://arxiv.org/abs/1912.03798), and add up each row of its figure. If the inference holds, you get the sums
# that are printed below; if not, this page compares two exams. And look at its row of melanomas. Below it, ours with
# the highest accuracy, read by image.

# %%
#| fold: Draw this figure
#| name: compared-confusion
#| caption: Confusion matrix of our ResNet with the highest accuracy on the inferred test set of the paper, read by image.
#|   Rows are true, columns are answers; shade, the share of the row. Real HAM10000 (Tschandl et al. 2018).
#| alt: A table of counts, seven rows by seven columns. The cell of nevi called nevi holds most images. In the row of
#|   melanoma, the cells of melanoma and of nevus hold most of them.
ours = {e.model: e.run for e in found if e.family == "ResNet" and e.protocol == "holdout938" and e.reading == "by image"}
name = max(ours, key=lambda model: ours[model].metric("accuracy")["value"])
matrix = confusion_matrix(ours[name].predictions["true"], ours[name].answers, labels=CLASSES)
matrix = pd.DataFrame(matrix, CLASSES, CLASSES)
fig, axis = plots.figure(2.9)
plots.heatmap(axis, matrix)
axis.set_ylabel("true")
plots.show(fig)
theirs = COUNTS["ResNet"]
print("The rows of the paper's figure should add up to", ", ".join(f"{number} {dx}" for dx, number in support.items()), sep="\n   ")
print(f"{name}: {np.trace(matrix)} of {matrix.to_numpy().sum()} right; the paper's: {theirs} of {support.sum()}")
missed = matrix.loc["mel"].drop("mel")
print(f"melanomas: {matrix.loc['mel', 'mel']} of {matrix.loc['mel'].sum()} found; {missed['nv']} called a nevus, "
      f"{missed.sum() - missed['nv']} something else")
print(f"by its accuracy alone the paper's could have missed all {support['mel']} melanomas: it is wrong "
      f"{support.sum() - theirs} times")

# %% [markdown]
# The last line is arithmetic, not an accusation. It says how little an accuracy tells: every melanoma could be among the
# wrong answers.
#
# ## A CNN from scratch, class by class
#
# The paper's Table 3 is its one table by class of a single model. Beside it, our CNNs of {{chapter:cnn-from-scratch}},
# with a smaller input, on the inferred test set and read by class.

# %%
ours = {e.model: e.run for e in found if e.family == "CNN" and e.protocol == "holdout938" and e.reading == "by class"}
beside = {("paper", score): TABLE_3[score] for score in TABLE_3}
for model, run in ours.items():
    beside |= {(model, score): pd.Series({dx: run.metric(score, dx)["value"] for dx in CLASSES}) for score in TABLE_3}
beside = pd.DataFrame(beside)
print(beside.T.round(2).to_string())
print("images:", ", ".join(f"{number} {dx}" for dx, number in support.items()))
print("\nbalanced accuracy\n   the paper's:", cell(cnn["balanced accuracy"]))


def draws(true, hit, groups, seed):
    """Balanced accuracies of 2,000 bootstrap resamples of lesions."""
    weights, true, hit = np.hstack(list(evaluate.group_weights(groups, 2000, seed))), np.asarray(true), np.asarray(hit)
    found = [hit[true == dx] @ weights[true == dx] / weights[true == dx].sum(axis=0).clip(1) for dx in CLASSES]
    return np.mean(found, axis=0)


behind, theirs_drawn = {}, draws(truth_of_paper, hit, np.arange(len(hit)), 1)
for model, run in ours.items():
    mine = draws(run.predictions["true"], run.answers == run.predictions["true"], run.predictions["group"], 2)
    behind[model] = np.percentile(100 * (mine - theirs_drawn), [2.5, 97.5])
    less = 100 * (run.metric("balanced_accuracy")["value"] - cnn["balanced accuracy"]["value"])
    print(f"   {model}: {cell(run.metric('balanced_accuracy'))};\n      minus the paper's "
          "{:+.1f} points [{:+.1f}, {:+.1f}], two unrelated tests".format(less, *behind[model]))

# %% [markdown]
# ## One answer a lesion
#
# A patient has lesions, not images. Where a lesion was photographed several times, a clinic would take one answer from
# all of its photographs. We average their probabilities. On the inferred test set each lesion has one image and nothing
# changes; under the grouped protocol it does.

# %%
lesions = records.by_lesion([entry for entry in found if entry.protocol == "grouped"]).droplevel("protocol")
order = {model: place for place, model in enumerate(models)}
page = lesions.astype({("image", "count"): int, ("lesion", "count"): int}).reset_index()
page = page.sort_values(["model", "reading"], key=lambda column: column.map({**order, "by image": 0, "by class": 1}))
display(HTML(page.to_html(index=False, border=0, float_format="{:.3f}".format, classes="wide")))
gain = 100 * (lesions["lesion", "accuracy"] - lesions["image", "accuracy"])
margin = 100 * (lesions["lesion", "floor"] - lesions["image", "floor"])
rise = 100 * (lesions["lesion", "balanced accuracy"] - lesions["image", "balanced accuracy"])
for how in ("by image", "by class"):
    more, floor = (part.xs(how, level="reading").mean() for part in (gain, margin))
    print(f"accuracy, read {how}: {more:+.1f} points on average; the floor rises by {floor:+.1f} points")
print(f"balanced accuracy: {rise.mean():+.1f} points on average, from {rise.min():+.1f} to {rise.max():+.1f}")

# %% [markdown]
# Every accuracy is higher by lesion. But so is the floor. Of the lesions photographed once four in five are nevi, of
# the others about half; each now counts once, so the share of nevi rises. Compare the two numbers in each line on
# accuracy before you call it progress: read by image, the reading for scores that count images, accuracy rises by less
# than the floor. Balanced accuracy, whose floor stays, rises by less, and not for every model.
#
# ## Only what a microscope confirmed
#
# Not every diagnosis in HAM10000 was made by **histopathology**, tissue under a microscope. Many nevi were only watched
# over time, and those are easy: of all nevi the frozen ResNet finds more than of the confirmed ones, as the last line
# below says. Leave all but the confirmed ones out.

# %%
#| fold: Draw this figure
#| name: histo-only
#| caption: Accuracy, read by image, on all test images (filled) and on those confirmed by histopathology alone (hollow),
#|   with 95 % intervals over lesions; black ticks, the floors, on the left that of the confirmed images, on the right that
#|   of all. Left panel, the inferred test set of the paper; right panel, the grouped folds, of which some models answered
#|   one alone, with another floor. Real HAM10000 (Tschandl et al.
#|   2018). No mark: no record. *The star: stages 1 to 3 of the network alone.
#| alt: Two panels with one row a model. In each row the hollow dot lies far to the left of the filled one, and so does its
#|   black tick.
by_image = [entry for entry in found if entry.reading == "by image"]
confirmed = records.overview(by_image, part=("dx_type", "histo"))
fig, axes = plots.figure(0.8 + 0.25 * len(models), 1, 2, sharey=True, sharex=True)
excess = {}
for axis, protocol in zip(axes, ("holdout938", "grouped")):
    whole = marks(protocol, "accuracy", "by image").reindex(models)
    histo = confirmed.loc[protocol]["accuracy"].droplevel("reading").reindex(models)
    plots.intervals(axis, whole, TINTS[protocol], shift=-0.17)
    plots.intervals(axis, histo, TINTS[protocol], shift=0.17, filled=False)
    images = " or ".join(f"{n:,}" for n in sorted(set(confirmed.loc[protocol]["test set", "images"].astype(int)))[::-1])
    axis.set(title=f"{protocol}: {images} confirmed", xlabel="accuracy", xlim=(0.3, 0.95))
    axis.set_ylim(len(models) - 0.4, -0.6)
    excess[protocol] = [100 * (part["value"] - part["floor"]).mean() for part in (whole, histo)]
    print(f"{protocol}: accuracy {100 * (histo['value'] - whole['value']).mean():+.1f} points on average;\n   above the floor "
          "by {:.1f} points on all images, by {:.1f} on the confirmed ones".format(*excess[protocol]))
plots.show(fig)
frozen = book["resnet-frozen-grouped-200x150"]
sure = frozen.slices.query("stratum == 'histo' and metric == 'recall' and dx == 'nv'")["value"].item()
every = frozen.metric("recall", "nv")["value"]
print(f"nevi that the frozen ResNet finds, grouped: {every:.0%} of all, {sure:.0%} of the confirmed ones")

# %% [markdown]
# The accuracy falls for every model, and the floor falls further. On confirmed lesions the models stand, on average,
# further *above* the floor, with a lower accuracy. Which accuracy would you print? Both, each beside its floor.
#
# ## What the paper leaves out
#
# You now have the list, each with what it would be needed for:
#
# - **the test set**: no split, no ratio; without the floor no accuracy can be judged;
# - **balanced accuracy, or a table by class, of all but one model** (of the ResNet there is a picture): the CNN has another
#   side, the others may have, too;
# - **intervals**: at this size an accuracy is uncertain by a few points, a rare class's recall by many;
# - **answers**: without them no model can be paired with another;
# - **seeds and repetitions**: nobody knows how much luck is in one training;
# - **how the epoch was chosen**, and the ResNet's depth;
# - **what counts as one case**, an image or a lesion, and how its diagnosis was made.
#
# We owe a list, too. Our images are small, our ResNet is cut short, each recipe was trained once, handcrafted features
# were measured inside the data set's own outlines, and the test set is an inference. [The
# appendix](../book/reproduction.md) goes through it all.
#
# ## The answer
#
# Computed from the records as they stand. "Clearly" means that the 95 % interval of the paired difference, asked alone,
# lies above zero by more than its ends move, which is `MOVES`; and, for accuracy, that McNemar's test of all pairs
# together agrees.

# %%
MOVES = {"accuracy": 0.002, "balanced accuracy": 0.005}
ASKED = {("grouped", "accuracy"): "by accuracy, grouped",
         ("grouped", "balanced accuracy"): "by balanced accuracy, grouped",
         ("holdout938", "accuracy"): "by accuracy, on the inferred test set of the paper",
         ("holdout938", "balanced accuracy"): "by balanced accuracy, on the inferred test set of the paper"}
for key, what in ASKED.items():
    one = leads[key]
    alike = one.table.drop(index=otherwise[key], errors="ignore")  # read as the best is
    clear = alike["low"] > MOVES[key[1]]
    if key[1] == "accuracy":
        clear &= alike["p_holm"] < 0.05
    level, second = list(alike.index[~clear]), alike["value"].idxmax()
    ahead = 100 * alike.loc[second]
    print(f"Best {what} ({one.images:,} images):\n   {one.best}, {one.value:.3f}.\n   Lead over the next, {second}: "
          f"{ahead['lead']:.1f} points [{ahead['low']:.1f}, {ahead['high']:.1f}].\n"
          f"   Clearly ahead of {len(alike) - len(level)} of {len(alike)} other models; "
          f"not clearly ahead of: {'; '.join(level) or 'none'}.")
    if otherwise[key]:
        print(f"   Not counted, for want of a record read by class: {'; '.join(otherwise[key])}.")
_, difference, low, high = against["ResNet"]
print(f"Our ResNet against the paper's, accuracy: {100 * difference:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]"
      + (",\n   no difference that can be told from none." if low <= 0 <= high else "."))
mine = [entry for entry in found if entry.run.origin != "the book"]
print(f"Yours: {len(mine)} records" if mine else "Yours: none yet. Train a network on the real images in its chapter, then run this "
      "page again.")
for entry in mine:
    row = entry.run.metric("balanced_accuracy")
    print(f"   {entry.model}, {entry.protocol}, {entry.reading}: balanced accuracy {cell(row)}")

# %% tags=["assertion"]
assert [name for name in PAPER if PAPER[name] > floors["938" if name in NETWORKS else "HAM10000"]] == ["ResNet"]
assert cnn["accuracy"]["high"] < cnn["accuracy"]["floor"] and cnn["balanced accuracy"]["low"] > 3 / 7
assert round(cnn["accuracy"]["value"], 2) == PAPER["CNN"], "the rebuilt answers have the printed accuracy"
assert np.allclose(TABLE_3.mul(support, axis=0).sum()[["precision", "f1"]] / support.sum(), list(TABLE_4.values()), atol=0.005)
ours = [entry for entry in found if entry.run.origin == "the book"]
for entry in ours:
    for name in ("precision_micro", "recall_micro", "f1_micro", "recall_weighted"):
        assert np.isclose(entry.run.metric(name)["value"], entry.run.metric("accuracy")["value"], atol=1e-6), "one number"
    if entry.family == "VGG16" and entry.protocol == "holdout938" and entry.reading == "by image":
        assert entry.run.metric("accuracy")["low"] > floors["938"], "ours rise above the floor"
    if entry.run.name.startswith("vgg16-frozen-holdout938-") and entry.reading == "by class":
        assert entry.run.metric("accuracy")["high"] < floors["938"], "the frozen one lies below it, too"
    assert entry.run.metric("balanced_accuracy")["low"] > 1 / 7
book_only = records.overview(ours)
both = book_only["balanced accuracy", "value"].unstack("reading").dropna()
assert (both["by class"] > both["by image"]).all(), "read by class, balanced accuracy rises"
histo_only = confirmed.loc[confirmed.index.isin(book_only.index), ("accuracy", "value")]
assert (histo_only < book_only["accuracy", "value"].reindex(histo_only.index)).all()
assert all(after > before for before, after in excess.values()), "the floor falls further"
each = records.load_run("resnet-frozen-grouped-200x150").predictions
each = each.groupby("group")["true"].agg(["first", "size"])
nevi = (each["first"] == "nv").groupby(each["size"] > 1).mean()
assert abs(nevi[False] - 0.8) < 0.03 and abs(nevi[True] - 0.5) < 0.03, "four in five, about half"
assert support.sum() - support["mel"] >= theirs, "every melanoma fits among the wrong answers"

# %% tags=["assertion"]
if not mine:
    raw = [model for model in compared if "raw pixels" in model]
    assert all((one.table.loc[raw, "low"] > 0).all() for one in leads.values()), "raw pixels lie far behind"
    assert (leads["holdout938", "balanced accuracy"].table["low"] <= 0).any(), "the first place is shared"
    assert PAPER["ResNet"] > marks("holdout938", "accuracy", "by image")["value"].max(), "right of all of ours"
    assert recalled["by image"]["nv"].min() > recalled["by image"].drop(columns="nv").to_numpy().max(), "the darkest by far"
    assert recalled["by class"]["nv"].mean() < recalled["by image"]["nv"].mean(), "lighter"
    assert (gain > 0).all() and (margin > 0).all()
    assert 0 < rise.mean() < gain.mean() and rise.min() < 0, "by less, and not for every model"
    by_class = [e.run for e in found if (e.family, e.protocol, e.reading) == ("CNN", "holdout938", "by class")]
    own = max(run.metric("balanced_accuracy")["value"] for run in by_class)
    assert against["CNN"][1] > 0 and own < cnn["balanced accuracy"]["value"], "ahead by image, not by class"
    clearly = {model: high < 0 for model, (_, high) in behind.items()}
    assert all(is_clear == model.startswith("CNN, as printed") for model, is_clear in clearly.items()) and len(clearly) == 3
    by_image = [part.xs("by image", level="reading") for part in (gain, margin)]
    assert by_image[0].mean() < by_image[1].mean() - 0.3, "by less than the floor"
    assert every > 0.93 and sure < 0.9, "those are easy"
    assert recalled["by image"]["df"].eq(0).any(), "some never find the rarest"
assert (pool_gains.loc["grouped", "low"] > 0).all(), "clearly better on five folds"
assert (pool_gains.loc["holdout938", "low"] < 0).all() and (pool_gains.loc["holdout938", "high"] > 0).all(), "cross zero"
widths = pool_gains["high"] - pool_gains["low"]
assert (widths.loc["holdout938"] > 2 * widths.loc["grouped"]).all(), "several times as long"
assert max(right_938.values()) < COUNTS["ResNet"], "nor as many right"
assert clinical.metric("f1_macro")["value"] < 0.740, "stays below"
assert against["VGG16"][2] > 0
assert printed.loc["paper: CNN", "high"] < floors["938"] < printed.loc["paper: VGG16", "high"], "clearly, and not"

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: back to the clinic</p>
# <p><b>The point.</b> "Which is best?" has no answer before "for what, on whom, and how sure?".</p>
# <p><b>Expect.</b> Some want one winner. Send them back to what they wrote for the clinic at the start.</p>
# <p><b>Ask.</b> "Which single row would you have asked the paper's authors to add?"</p>
# <p><b>When late.</b> Read the lines under The answer aloud, and go to the quiz.</p>
# </div>

# %% [markdown]
# ## Quiz

# %% tags=["nbval-check-output"]
checks.quiz("against-the-paper")

# %% [markdown]
# ## Key points
#
# - A score belongs to a model and a test set. Print that test set's floor beside it, whatever the score.
# - Micro averages and weighted recall are accuracy under other names.
# - Below the floor by accuracy can be far above it by balanced accuracy. Print both.
# - Pair models on the same lesions, and count only the lesions that tell them apart.
# - The best of many, chosen on the test images, is flattered. So say who cannot be told apart from it.
# - A mean of models is a model. Let validation images choose its members, and look at the test images once.
# - Per lesion or per image, all or confirmed: each changes the floor as well as the score.
#
# **What comes next.** The paper's number stands on an easy exam, if the inference is right.
# {{chapter:where-could-90-come-from}} asks where its ninety in a hundred could come from, and weighs four explanations
# by measurement.
#
# Data: [Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161), CC BY-NC 4.0; more on the [data
# card](../book/data-card.md). Not a medical device.

# %% [markdown]
# # Probabilities and decisions
#
# A network looks at a lesion and says: melanoma, six in ten. Over its whole test set, its stated confidence is
# off by less than two points on average; papers call that well calibrated.
#
# Of a hundred lesions for which it says about six in ten, how many are melanomas? Guess.
#
# <details><summary>The answer in a sentence</summary>
# <p><b>About thirty-five.</b> A model can be calibrated on average and wrong by a factor of nearly two about the one
# diagnosis that matters. And even right probabilities decide nothing: somebody has to say what a missed melanoma
# costs.</p>
# </details>
#
# At the end of this chapter you can
#
# - read a reliability diagram, of all answers and of one diagnosis;
# - mend a model with a temperature, and recognise one that a temperature cannot mend;
# - turn a cost into a threshold, and say what the threshold achieves on new lesions;
# - see through "we refer the uncertain cases";
# - build prediction sets that keep a promise, and ask of whom they keep it.
#
# | | minutes |
# |---|---:|
# | to read | 25 |
# | to run, on a laptop without a GPU | 1 |
# | to do the three exercises | 45 |
#
# You need {{chapter:classical-baselines}} for ROC curves and {{chapter:transfer-vgg16}} for the two readings of one
# training. New words are in the [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %% tags=["remove-output"]
#| fold: Set-up
import re

import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown, display
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss, roc_auc_score

from helpers import checks, evaluate, plots, records, start
from helpers.ham10000 import CLASSES


def say(text):
    """Show a sentence whose numbers were computed, with a minus for a hyphen and a space before a per cent sign."""
    display(Markdown(re.sub(r"(?<=[ \[])-(?=\d)", "−", re.sub(r"(?<=\d)%", "\u00a0%", text))))

# %%
config, ham = start("probabilities-and-decisions")

# %% [markdown]
# ## Six in ten
#
# The network is the book's frozen ResNet, read as if all diagnoses were equally common, which many papers do to be
# fair to rare ones. Sort its test lesions by the probability of melanoma that it gives them, put them into groups, and
# count in each group how many are melanomas. That is a **reliability diagram**. Points on the diagonal are honest.

# %%
#| fold: Look the records up
PLAIN = "resnet-frozen-grouped-200x150"
book = {run.name: run for run in records.load_runs() if run.comparable and run.origin == "the book"}
EDGES = np.array([0, 0.05, 0.15, 0.3, 0.5, 0.7, 0.9, 1.0])


def reliability(probability, happened, groups):
    """Mean probability and observed share, with its 95 % interval over lesions, in each bin of probability."""
    bins = np.digitize(probability, EDGES[1:-1])
    weights = np.hstack(list(evaluate.group_weights(groups)))
    rows = {}
    for number in range(len(EDGES) - 1):
        inside = bins == number
        draws = happened[inside] @ weights[inside] / weights[inside].sum(axis=0)
        low, high = np.nanpercentile(draws, (2.5, 97.5))
        rows[number] = [probability[inside].mean(), happened[inside].mean(), low, high, inside.sum()]
    return pd.DataFrame(rows, index=["said", "are", "low", "high", "images"]).T


curves = {}
for title, name in (("as trained", PLAIN), ("as if equally common", f"{PLAIN}-evened")):
    rows = book[name].predictions
    curves[title] = reliability(rows["mel"].to_numpy(), (rows["true"] == "mel").to_numpy(), rows["group"])

# %%
#| fold: Draw this figure
#| name: melanoma-reliability
#| caption: What one network says of melanoma, and how often it is so: left, as trained; right, shifted as if all diagnoses
#|   were equally common. Bars, 95 % intervals over lesions. Real HAM10000 (Tschandl et al. 2018), grouped, five folds.
#| alt: Two panels with a dashed diagonal. On the left seven points lie close to it. On the right they lie far below it in
#|   the middle; the point at about six tenths stands at about one third.
fig, axes = plots.figure(3.2, 1, 2, sharey=True)
for axis, (title, curve) in zip(axes, curves.items()):
    axis.plot([0, 1], [0, 1], "--", color="#444444", linewidth=1)
    spread = [curve["are"] - curve["low"], curve["high"] - curve["are"]]
    axis.errorbar(curve["said"], curve["are"], spread, marker="o", color="#0072B2", capsize=3)
    axis.set(title=title, xlabel="probability of melanoma", xlim=(0, 1), ylim=(0, 1))
axes[0].set_ylabel("share that is melanoma")
plots.show(fig)

# %%
#| fold: Say it in a sentence
middle = curves["as if equally common"].loc[4]
say(
    f"**Where it says {middle['said']:.0%}, {middle['are']:.1%} [{middle['low']:.0%}, {middle['high']:.0%}] are melanomas**, "
    f"of {middle['images']:.0f} images. As trained, the same network says {curves['as trained'].loc[4, 'said']:.0%} of a "
    f"group in which {curves['as trained'].loc[4, 'are']:.0%} are."
)

# %% [markdown]
# The shift to equal priors multiplied every probability of melanoma as if melanomas were as common as nevi. On images in
# which they are not, that is no longer a probability of anything.
#
# ## One number for all of it
#
# The usual summary takes, of each image, the probability of the answer that was given, its **confidence**, and asks how
# often answers of that confidence are right. The *expected calibration error* averages the gaps over bins $b$:
#
# $$
# \mathrm{ECE} = \sum_b \frac{n_b}{n} \, \lvert \text{share right}_b - \text{mean confidence}_b \rvert
# $$

# %%
def calibration_error(probabilities, truth, bins=15):
    """Expected calibration error of the answers, over equal bins."""
    confidence = probabilities.max(axis=1)
    right = np.array(CLASSES)[probabilities.argmax(axis=1)] == truth
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = pd.DataFrame({"gap": right - confidence, "bin": bin_of})
    return abs(gaps.groupby("bin")["gap"].sum()).sum() / len(truth)

# %%
#| fold: Say it in sentences
def parts(rows):
    """Probabilities ``(n, 7)`` and true diagnoses of a record's rows."""
    return rows[list(CLASSES)].to_numpy(), rows["true"].to_numpy()


plain, shifted = (calibration_error(*parts(book[name].predictions)) for name in (PLAIN, f"{PLAIN}-evened"))
rng = np.random.default_rng(config.seed)
probabilities, truth = parts(book[PLAIN].predictions)
noise = []
for n in (len(truth), 2003):
    errors = []
    for _ in range(20):  # truths drawn from the probabilities themselves: perfect calibration
        some = rng.choice(len(truth), n, replace=False)
        drawn = (rng.random((n, 1)) < probabilities[some].cumsum(axis=1)).argmax(axis=1)
        errors.append(calibration_error(probabilities[some], np.array(CLASSES)[drawn]))
    noise.append(np.mean(errors))
say(
    f"The shifted network, wrong about melanoma by {middle['said'] / middle['are']:.1f} times, has an ECE of {shifted:.3f}. As "
    f"trained it has {plain:.3f}. **The average hides it**: it runs over all answers, most of them are nevi, and a few "
    "hundred answers about melanoma hardly count."
)
say(
    f"And no ECE is zero. Were every probability exactly right, {len(truth):,} images would still give {noise[0]:.3f}, and a "
    f"fifth of them {noise[1]:.3f}: a gap in a bin is never below its noise."
)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: calibrated on what?</p>
# <p><b>The point.</b> Calibration is a property of a model, a question and a mix of patients. One number for all hides
# the question.</p>
# <p><b>Expect.</b> "Then use a better calibration metric." There is none that needs no question.</p>
# <p><b>Ask.</b> "The doctor reads six in ten. What does she do? What would she do at a third?"</p>
# <p><b>When late.</b> Show the right panel, ask for the point in the middle.</p>
# </div>

# %% [markdown]
# ## Mending, and what cannot be mended
#
# A model that is too sure can be cooled: divide the logarithms of its probabilities by a **temperature** $T$ and make
# them sum to one again. One number, fitted on *validation* lesions ([Guo et al.
# 2017](https://arxiv.org/abs/1706.04599)):

# %%
def cooled(probabilities, temperature):
    powers = np.clip(probabilities, 1e-9, 1) ** (1 / temperature)
    return powers / powers.sum(axis=1, keepdims=True)


def fitted_temperature(probabilities, truth):
    def loss(temperature):
        cool = cooled(probabilities, temperature)
        return log_loss(truth, cool, labels=CLASSES)

    return minimize_scalar(loss, bounds=(0.3, 3), method="bounded").x

# %%
#| fold: Draw this figure
#| name: temperatures
#| caption: Expected calibration error of four models before (hollow) and after (filled) a temperature that was fitted on
#|   each fold's validation lesions. Dashed, what noise alone gives. Real HAM10000 (Tschandl et al. 2018), grouped, five
#|   folds.
#| alt: Four rows. For MobileNetV2 the filled dot lies far left of the hollow one, near the dashed line. For the other three
#|   the two dots lie close together; those of the SVM stay to the right of the line.
NAMES = {"MobileNetV2, frozen": "mobilenetv2-frozen-grouped-200x150",
         "SVM, handcrafted": "classical-grouped-handcrafted-svm-plain",
         "ResNet, frozen": PLAIN,
         "XGBoost, handcrafted": "classical-grouped-handcrafted-xgboost-plain"}
mended = {}
for title, name in NAMES.items():
    run, parts_after, temperatures = book[name], [], []
    for fold, tested in run.predictions.groupby("fold"):
        temperature = fitted_temperature(*parts(run.validation[run.validation["fold"] == fold]))
        temperatures.append(temperature)
        parts_after.append((cooled(parts(tested)[0], temperature), parts(tested)[1]))
    after = calibration_error(*(np.concatenate(pieces) for pieces in zip(*parts_after)))
    mended[title] = [calibration_error(*parts(run.predictions)), after, np.mean(temperatures)]
mended = pd.DataFrame(mended, index=["before", "after", "temperature"]).T
fig, axis = plots.figure(2.6)
for row, (before, after, _) in enumerate(mended.to_numpy()):
    axis.plot([before, after], [row, row], color="#999999", linewidth=1.5)
    axis.plot(before, row, "o", color="#0072B2", markerfacecolor="white", markersize=7)
    axis.plot(after, row, "o", color="#0072B2", markersize=7)
axis.axvline(noise[0], color="#444444", linestyle="--", linewidth=1)
axis.set(yticks=range(len(mended)), yticklabels=mended.index, xlabel="expected calibration error", xlim=(0, 0.065))
axis.invert_yaxis()
plots.show(fig)

# %%
#| fold: Say it in a sentence
mobile, svm = mended.loc["MobileNetV2, frozen"], mended.loc["SVM, handcrafted"]
say(
    f"A temperature of {mobile['temperature']:.2f} mends MobileNetV2: from {mobile['before']:.3f} to {mobile['after']:.3f}. "
    f"The SVM goes from {svm['before']:.3f} to {svm['after']:.3f}: its curve has the wrong *shape*, and a temperature only "
    "stretches."
)

# %% [markdown]
# A temperature keeps the order of the classes in each image, so no answer changes. A shift of priors does not keep the
# order of the *images*. Does it cost anything there?

# %%
#| fold: Say it in a sentence
ranking = {}
for name, run in book.items():
    other = book.get(f"{name}-evened") or book.get(f"{name}-restored")
    if other is not None and run.facts["protocol"] == "grouped" and not name.endswith(("evened", "restored")):
        by_class, by_image = (run, other) if f"{name}-restored" in book else (other, run)
        ranking[name] = [roc_auc_score(one.predictions["true"] == "mel", one.predictions["mel"]) for one in (by_image, by_class)]
ranking = pd.DataFrame(ranking, index=["by image", "by class"]).T
worse = ranking["by class"] < ranking["by image"]
say(
    f"It does. Under equal priors melanomas are *ranked* worse: the AUC falls in {worse.sum()} of the {len(worse)} networks "
    f"that were tested by lesion, by {(ranking['by image'] - ranking['by class']).mean():.3f} on average. Rank and threshold "
    "with the probabilities as trained."
)

# %% [markdown]
# ## What does a miss cost?
#
# A probability becomes a decision at a threshold, and the threshold comes from costs. Say that one missed melanoma
# weighs as much as $C$ needless excisions. Cut if the expected harm of leaving is larger:
#
# $$
# C \cdot p > 1 - p \quad\Longleftrightarrow\quad p > \frac{1}{1 + C}
# $$
#
# The dearer a miss, the lower the threshold:

# %% tags=["nbval-check-output"]
for cost in (1, 5, 20, 100):
    print(f"a miss weighs {cost:>3}: cut above {1 / (1 + cost):.3f}")

# %% [markdown]
# Take $C = 20$. Guess which of three policies costs least on 1,000 images: believe the network's most probable answer,
# cut everything, or cut above the threshold of the formula.

# %%
#| fold: Draw this figure
#| name: cost-curve
#| caption: Cost per 1,000 images over the threshold at which a lesion is cut, where a missed melanoma weighs as much as
#|   20 needless excisions: the frozen ResNet as trained, real HAM10000 (Tschandl et al. 2018), grouped. Cross, cutting
#|   where melanoma is the most probable answer; square, cutting everything; dotted, the threshold of the formula.
#| alt: A curve that falls steeply from the square at threshold zero, has its lowest part near the dotted line at about
#|   one twentieth, and rises to the right. The cross, at the height of a threshold near one half, is far above it.
COST = 20
rows = book[PLAIN].predictions
is_melanoma, p_melanoma = (rows["true"] == "mel").to_numpy(), rows["mel"].to_numpy()


def cost_per_1000(cut, cost=COST):
    """Misses, weighted, and needless excisions, on 1,000 images."""
    return 1000 * (cost * (is_melanoma & ~cut).sum() + (cut & ~is_melanoma).sum()) / len(cut)


thresholds = np.r_[np.linspace(0, 0.1, 60), np.linspace(0.105, 0.8, 60)]
costs = [cost_per_1000(p_melanoma >= t) for t in thresholds]
believed = book[PLAIN].answers == "mel"
policies = {"the most probable answer": cost_per_1000(believed), "cut everything": cost_per_1000(np.ones(len(rows), bool)),
            "the formula": cost_per_1000(p_melanoma >= 1 / (1 + COST))}
fig, axis = plots.figure(3.0)
axis.plot(thresholds, costs, color="#0072B2")
axis.plot(0, policies["cut everything"], "s", color="#1A1A1A")
axis.plot(0.5, policies["the most probable answer"], "X", color="#D55E00", markersize=9)
axis.axvline(1 / (1 + COST), color="#444444", linestyle=":")
axis.annotate("most probable answer", (0.5, policies["the most probable answer"]), xytext=(0, -16), ha="center",
              textcoords="offset points", fontsize=9)
axis.annotate("cut everything", (0, policies["cut everything"]), xytext=(8, 0), textcoords="offset points", fontsize=9)
axis.set(xlabel="threshold on the probability of melanoma", ylabel="cost per 1,000", ylim=(0, 1700))
plots.show(fig)

# %%
#| fold: Say it in a sentence
say(
    f"**No retraining, half the cost.** Believing the network costs {policies['the most probable answer']:,.0f}, more than "
    f"cutting everything, {policies['cut everything']:,.0f}. The threshold of the formula costs "
    f"{policies['the formula']:,.0f}."
)

# %% [markdown]
# The formula works because this network, as trained, is calibrated. With the shifted probabilities it would not.
#
# ### Decide for yourself
#
# Say what a missed melanoma costs, and move the threshold. Each dot above the line is the image of a real melanoma. Watch
# two things: how many needless excisions the last few melanomas cost, and how flat the cost curve is around its lowest
# point.

# %%
#| fold: Make this explorer
PRICES = (1, 2, 3, 5, 10, 15, 20, 30, 50, 100)
log_odds = np.arange(-9, 5.01, 0.125)
steps = {0.0, 1.01, *(1 / (1 + np.exp(-log_odds))), *(1 / (1 + price) for price in PRICES)}
points = evaluate.operating_points(is_melanoma, p_melanoma, rows["group"], sorted(steps), PRICES)
plots.explorer(points, is_melanoma, p_melanoma, COST,
               "The frozen ResNet as trained, on images of lesions that it has never seen. Bars and brackets: 95 % intervals over "
               "lesions. Real HAM10000 (Tschandl et al. 2018), grouped, five folds. Not a medical device.")

# %%
#| fold: Say it in sentences
twenty = points[COST]
near = twenty.index[twenty["value"] < 1.1 * twenty["value"].min()]
values = points.xs("value", axis=1, level=1)
nine_tenths, nearly_all = (values[values["sensitivity"] >= aim].iloc[-1] for aim in (0.9, 0.99))
more_cut = (nine_tenths["specificity"] - nearly_all["specificity"]) * (~is_melanoma).sum()
more_found = (nearly_all["sensitivity"] - nine_tenths["sensitivity"]) * is_melanoma.sum()
say(
    f"From nine in ten melanomas found to 99 in 100, each further melanoma image costs about {more_cut / more_found:.0f} needless "
    f"excisions. And where a miss costs {COST}, every threshold from {near.min():.1%} to {near.max():.1%} costs within a tenth of the "
    "lowest: **the cost has to be thought about; the second digit of the threshold has not.**"
)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: the room decides</p>
# <p><b>The point.</b> The network ranks. How many needless excisions a missed melanoma is worth, it cannot know.</p>
# <p><b>Expect.</b> "We should never miss one." Move the threshold there, and read out how many others are cut.</p>
# <p><b>Ask.</b> Two groups agree on a cost each, one as patients, one as the clinic that has to operate. Compare.</p>
# <p><b>When late.</b> Show the explorer from the front, move the threshold once from end to end.</p>
# </div>

# %% [markdown]
# ### Exercise: from cost to threshold
#
# Write `cost_of(is_melanoma, p_melanoma, cost)`: cut at the threshold of the formula, $p \ge 1 / (1 + C)$, and return
# the cost per 1,000 images: `cost` for each missed melanoma, 1 for each needless excision.

# %% tags=["stub"]
def cost_of(is_melanoma, p_melanoma, cost):
    cut = p_melanoma >= 1 / (1 + cost)
    # count the missed and the needless ones
    ...


# %% tags=["nbval-check-output"]
checks.check("cost-of", cost_of, ham)

# %% tags=["solution"]
def cost_of(is_melanoma, p_melanoma, cost):
    cut = p_melanoma >= 1 / (1 + cost)
    # count the missed and the needless ones
    missed = (is_melanoma & ~cut).sum()
    needless = (cut & ~is_melanoma).sum()
    return 1000 * (cost * missed + needless) / len(cut)


checks.check("cost-of", cost_of, ham)

# %% [markdown]
# ## A threshold keeps its promise, nearly
#
# Another way to a threshold is a promise: *find 95 of 100 melanomas*. Choose it on validation lesions. What does it find
# on new ones?

# %%
#| fold: Draw this figure
#| name: promised-and-kept
#| caption: Melanomas found on test lesions at thresholds that find 95 of 100 on each fold's validation lesions (dotted),
#|   with 95 % intervals over lesions, and the other lesions left alone. Real HAM10000 (Tschandl et al. 2018), grouped,
#|   five folds.
#| alt: Two panels with four rows. On the left all dots lie a little left of the dotted line. On the right the dots of the
#|   ResNet, XGBoost and the SVM lie to the right of that of MobileNetV2.
AIM, kept_promise, left_alone = 0.95, {}, {}
for title, name in NAMES.items():
    run = book[name]
    said = run.validation[run.validation["true"] == "mel"].groupby("fold")["mel"].quantile(1 - AIM, interpolation="lower")
    tested = run.predictions
    cut = (tested["mel"] >= tested["fold"].map(said)).to_numpy()
    weights = np.hstack(list(evaluate.group_weights(tested["group"])))
    melanoma = (tested["true"] == "mel").to_numpy()
    for table, part, good in ((kept_promise, melanoma, cut), (left_alone, ~melanoma, ~cut)):
        draws = good[part] @ weights[part] / weights[part].sum(axis=0)
        table[title] = [good[part].mean(), *np.percentile(draws, (2.5, 97.5))]
fig, axes = plots.figure(2.6, 1, 2, sharey=True)
for axis, table, title in zip(axes, (kept_promise, left_alone), ("melanomas found", "others left alone")):
    plots.intervals(axis, pd.DataFrame(table, index=["value", "low", "high"]).T, "#0072B2")
    axis.set(title=title, xlabel="share")
axes[0].axvline(AIM, color="#444444", linestyle=":")
plots.show(fig)

# %%
#| fold: Say it in a sentence
found = kept_promise["ResNet, frozen"]
say(
    f"The ResNet promised {AIM:.0%} and finds {found[0]:.1%} [{found[1]:.1%}, {found[2]:.1%}], leaving "
    f"{left_alone['ResNet, frozen'][0]:.0%} of the other lesions alone. {sum(row[0] < AIM for row in kept_promise.values())} "
    f"of the {len(kept_promise)} models stay below their promise: a threshold is fitted to about a hundred validation "
    "melanomas, and their luck does not travel."
)

# %% [markdown]
# ## The referral trap
#
# *The model answers where it is sure, and refers the rest to a doctor.* Drop the least confident images, and accuracy
# rises. It is the most popular rescue of a mediocre model. Guess: if the surest 70 of 100 images are answered by the
# model alone, what happens to the melanomas among them?

# %%
#| fold: Draw this figure
#| name: risk-coverage
#| caption: What happens to the images that the model keeps, as it refers more of the unsure ones: accuracy, and melanoma
#|   images among the kept that it calls something else. Frozen ResNet, real HAM10000 (Tschandl et al. 2018), grouped.
#| alt: Two panels over the share of images that are kept. On the left accuracy falls steadily from nearly one to about
#|   eight tenths as more are kept. On the right the number of missed melanomas rises from near zero to more than six
#|   hundred.
confidence = probabilities.max(axis=1)
answered_right = book[PLAIN].answers == truth
shares = np.linspace(0.1, 1, 19)
kept_rows = [np.argsort(-confidence, kind="stable")[: round(share * len(truth))] for share in shares]
missed = [(is_melanoma[kept] & ~answered_right[kept]).sum() for kept in kept_rows]
fig, axes = plots.figure(2.8, 1, 2, sharex=True)
axes[0].plot(shares, [answered_right[kept].mean() for kept in kept_rows], color="#0072B2")
axes[0].set(title="accuracy of the kept", xlabel="share kept")
axes[1].plot(shares, missed, color="#D55E00")
axes[1].set(title="melanomas kept and missed", xlabel="share kept")
plots.show(fig)

# %%
#| fold: Say it in a sentence
at_70 = np.argsort(-confidence, kind="stable")[: round(0.7 * len(truth))]
silent = (is_melanoma[at_70] & ~answered_right[at_70]).sum()
say(
    f"**Confident, and silent.** On the surest 70 % accuracy is {answered_right[at_70].mean():.1%}. Among them are {silent} "
    f"of all {is_melanoma.sum():,} melanoma images, called something else and sent home. Confidence is about the most "
    "probable answer. It does not know which mistake would be the worst."
)

# %% [markdown]
# To refer safely, sort by the probability of melanoma, not by confidence.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: who checks the sure ones?</p>
# <p><b>The point.</b> Referral by confidence moves the visible errors to the doctor and keeps the invisible ones.</p>
# <p><b>Expect.</b> "But accuracy rose to more than nine in ten." Of what? Of mostly nevi.</p>
# <p><b>Ask.</b> "Which images would you want a doctor to see, if she has time for thirty of a hundred?"</p>
# <p><b>When late.</b> Show the right panel alone.</p>
# </div>

# %% [markdown]
# ## Sets that keep a promise
#
# Instead of one answer, give a **set** of diagnoses that holds the true one nine times out of ten. *Split-conformal
# prediction* does that without any assumption about the model ([Vovk et al.
# 2005](https://doi.org/10.1007/b106715)): on validation lesions take the probability that the model gave to the *true*
# diagnosis, find the value that only one in ten falls below, and put every diagnosis above that value into the set.

# %% [markdown]
# ### Exercise: the threshold of a set
#
# Write `set_threshold(p_true, coverage)`: `p_true` holds the probability that each of $n$ validation images gave to its
# true diagnosis. Sort them upwards and return the one at rank $\lfloor (n + 1)(1 - \text{coverage}) \rfloor$, counted
# from one; 0 where that rank is 0. At least the share `coverage` of new images will then reach it, on average.

# %% tags=["stub"]
def set_threshold(p_true, coverage):
    n = len(p_true)
    # the rank, counted from one; then the sorted value at it
    ...


# %% tags=["nbval-check-output"]
checks.check("set-threshold", set_threshold, ham)

# %% tags=["solution"]
def set_threshold(p_true, coverage):
    n = len(p_true)
    # the rank, counted from one; then the sorted value at it
    rank = int(np.floor((n + 1) * (1 - coverage) + 1e-9))
    return np.sort(p_true)[rank - 1] if rank else 0.0


checks.check("set-threshold", set_threshold, ham)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: a promise to whom?</p>
# <p><b>The point.</b> Coverage is an average. A promise to everybody together is a promise to nobody in particular.</p>
# <p><b>Expect.</b> "Nine in ten, so each of my patients has nine in ten." Let them read the row of melanoma.</p>
# <p><b>Ask.</b> "Would you rather have small sets that fail melanoma, or large ones that do not?"</p>
# <p><b>When late.</b> Skip the exercise; show the figure below it.</p>
# </div>

# %% [markdown]
# But nine times out of ten *of what*? The promise is kept for everybody together. Fit one threshold for all diagnoses,
# and one for each.

# %%
#| fold: Draw this figure
#| name: covered-by-diagnosis
#| caption: How often the set holds the true diagnosis, where nine in ten are promised (dotted): one threshold for all
#|   diagnoses (orange), and one for each (blue). Frozen ResNet, thresholds from each fold's validation lesions, real
#|   HAM10000 (Tschandl et al. 2018), grouped.
#| alt: Seven rows, one a diagnosis. The orange dots spread widely: nevi lie near one, dermatofibroma below one half,
#|   melanoma near seven tenths. The blue dots lie near the dotted line.
def conformal_threshold(p_true, coverage=0.9):
    """The probability that all but one in ten validation images give to their true diagnosis."""
    rank = int(np.floor((len(p_true) + 1) * (1 - coverage) + 1e-9))
    return np.sort(p_true)[rank - 1] if rank else 0.0


def covered(run, by_class):
    """Whether each test image's set holds its true diagnosis, and how many diagnoses are in it."""
    inside, sizes = [], []
    for fold, tested in run.predictions.groupby("fold", sort=False):
        held_out = run.validation[run.validation["fold"] == fold]
        p_true = held_out[list(CLASSES)].to_numpy()[np.arange(len(held_out)), pd.Categorical(held_out["true"], CLASSES).codes]
        whole = conformal_threshold(p_true)
        cuts = [conformal_threshold(p_true[(held_out["true"] == dx).to_numpy()]) if by_class else whole for dx in CLASSES]
        members = tested[list(CLASSES)].to_numpy() >= np.array(cuts)
        inside.append(members[np.arange(len(tested)), pd.Categorical(tested["true"], CLASSES).codes])
        sizes.append(members.sum(axis=1))
    return np.concatenate(inside), np.concatenate(sizes)


rows = book[PLAIN].predictions.sort_values("fold", kind="stable")
promised, set_sizes = {}, {}
for title, by_class in (("one threshold", False), ("one a diagnosis", True)):
    promised[title], set_sizes[title] = covered(book[PLAIN], by_class)
order = np.concatenate([part.index for _, part in book[PLAIN].predictions.groupby("fold", sort=False)])
labels = book[PLAIN].predictions["true"].loc[order].to_numpy()
by_diagnosis = pd.DataFrame({title: pd.Series(inside).groupby(labels).mean() for title, inside in promised.items()})
tidy = by_diagnosis.loc[list(CLASSES)].rename_axis("diagnosis").reset_index().melt("diagnosis", var_name="sets", value_name="covered")
fig, axis = plots.figure(3.2)
sns.stripplot(tidy, y="diagnosis", x="covered", hue="sets", palette=["#D55E00", "#0072B2"], size=8, jitter=False, ax=axis)
axis.axvline(0.9, color="#444444", linestyle=":")
axis.set(xlabel="true diagnosis in the set", ylabel="", xlim=(0.3, 1.01))
axis.legend(title="", loc="lower left")
plots.show(fig)

# %%
#| fold: Say it in sentences
one = {title: inside.mean() for title, inside in promised.items()}
sizes = {title: size.mean() for title, size in set_sizes.items()}
single = set_sizes["one threshold"] == 1
mel = labels == "mel"
lost_single = (single & mel & ~promised["one threshold"]).sum()
say(
    f"**Kept on average, broken for melanoma.** With one threshold the sets hold the truth {one['one threshold']:.1%} of the "
    f"time, and {by_diagnosis.loc['mel', 'one threshold']:.0%} of the time for melanoma. Of {(single & mel).sum()} melanoma "
    f"images that get a set with a single, confident diagnosis, {lost_single} get a wrong one. With a threshold for each "
    f"diagnosis melanoma is covered {by_diagnosis.loc['mel', 'one a diagnosis']:.0%} of the time; the price is sets of "
    f"{sizes['one a diagnosis']:.2f} diagnoses on average, before {sizes['one threshold']:.2f}."
)
group = book[PLAIN].predictions["group"].loc[order].to_numpy()
first = pd.Series(promised["one threshold"]).groupby(group).first().mean()
each = pd.Series(promised["one threshold"]).groupby(group).mean().mean()
all_of = pd.Series(promised["one threshold"]).groupby(group).all().mean()
small = book["resnet-frozen-holdout938-200x150"]
inside_938, _ = covered(small, False)
say(
    f"Ninety per cent of what, again: {one['one threshold']:.1%} of images, {each:.1%} of lesions on average, and "
    f"{all_of:.1%} of lesions on *all* of their photographs. And of whom: on the 938 lesions that the paper is likely to "
    f"have tested on, the same recipe covers {inside_938.mean():.1%}, and "
    f"{inside_938[(small.predictions['true'] == 'mel').to_numpy()].mean():.0%} of the melanomas."
)

# %% [markdown]
# {{chapter:whom-does-it-fail}} asks the same question of cameras, ages and sexes.

# %% [markdown]
# ### Exercise: refer the right ones
#
# Write `refer(p_melanoma, share)`: a doctor has time for the share `share` of the images. Return a mask, True for the
# images to refer, so that as few melanomas as possible are left to the model: as many images as that share allows,
# rounded down.

# %% tags=["stub"]
def refer(p_melanoma, share):
    count = int(share * len(p_melanoma))
    # which images does the doctor see?
    ...


# %% tags=["nbval-check-output"]
checks.check("refer", refer, ham)

# %% tags=["solution"]
def refer(p_melanoma, share):
    count = int(share * len(p_melanoma))
    # which images does the doctor see?
    mask = np.zeros(len(p_melanoma), dtype=bool)
    mask[np.argsort(-p_melanoma)[:count]] = True
    return mask


checks.check("refer", refer, ham)

# %% tags=["assertion"]
assert 0.55 < middle["said"] < 0.63 and middle["high"] < 0.42, "by a factor of nearly two"
assert abs(curves["as trained"]["said"] - curves["as trained"]["are"]).max() < 0.12, "close to the diagonal"
assert shifted < 0.02 and plain < 0.025 and noise[0] < plain < 3 * noise[0] and noise[0] < noise[1]
assert mobile["after"] < 0.5 * mobile["before"] and svm["after"] > 0.8 * svm["before"], "one is mended, one is not"
assert worse.all() and len(worse) >= 9, "in all"
assert policies["the formula"] < 0.6 * policies["cut everything"] < policies["cut everything"] < policies["the most probable answer"]
assert min(costs) > policies["the formula"] - 40, "near the lowest"
assert np.isclose(points[COST].loc[1 / (1 + COST), "value"], policies["the formula"]), "the explorer shows what the text says"
assert more_cut > 15 * more_found and near.min() < 1 / (1 + COST) < near.max() and near.max() > 2 * near.min(), "the last cost most; flat"
assert all(row[0] < AIM for row in kept_promise.values()) and found[2] < 0.96
assert answered_right[at_70].mean() > 0.9 and silent > 200, "confident, and silent"
assert abs(one["one threshold"] - 0.9) < 0.01 and by_diagnosis.loc["mel", "one threshold"] < 0.75 and by_diagnosis.loc["nv", "one threshold"] > 0.95
assert by_diagnosis.loc["mel", "one a diagnosis"] > 0.88 and sizes["one a diagnosis"] > sizes["one threshold"]
assert lost_single > 0.45 * (single & mel).sum()

# %% [markdown]
# ## Quiz

# %% tags=["nbval-check-output"]
checks.quiz("probabilities-and-decisions")

# %% [markdown]
# ## Key points
#
# - Ask for reliability of the diagnosis that matters, not only of the answer that was given.
# - An ECE has a noise level, and hides what is rare.
# - A temperature stretches. It does not change a shape, and it changes no answer.
# - A cost gives a threshold, if the probabilities are honest: $1 / (1 + C)$.
# - A threshold that was chosen on a hundred melanomas misses its promise by some points.
# - Refer by the risk, not by the confidence.
# - A promise of nine in ten is kept for somebody on average. Ask for whom it is not.
#
# **What comes next.** {{chapter:whom-does-it-fail}} asks for whom the promises fail.
#
# Data: [Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161), CC BY-NC 4.0; more on the [data
# card](../book/data-card.md). Not a medical device.

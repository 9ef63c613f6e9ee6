# %% [markdown]
# # Preprocess and augment
#
# *A step that makes an image look better: what does it take away?*
#
# At the end of this chapter you can
#
# - say what a preprocessing step does to an image and to its histogram, and name a case in which it hurts;
# - choose between squashing, cropping and padding, and say what each costs;
# - compose flips, turns, shifts and zooms into one matrix per image, and say why once is better than four times;
# - compute class weights by hand, and show what happens when an imbalance is corrected twice;
# - say which of these steps may look at which images.
#
# | this chapter takes | minutes |
# |---|---:|
# | to read | 35 |
# | to run, on a Colab T4 or on a laptop without a GPU | 1 |
# | to do the three exercises | 40 |
#
# You need {{chapter:meet-the-data}}, for the sources and their tints, and {{chapter:split-without-leaking}}, for the
# split. New words are in the [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %%
#| fold: Set-up
import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.transform import resize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, recall_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight

from helpers import checks, data, networks, plots, records, splits, start
from helpers.ham10000 import CLASSES, COLOURS, PUBLISHED_IMAGES

config, ham = start("preprocess-and-augment")

# %% [markdown]
# ## The puzzle: which one is dark?
#
# The paper that this book reproduces begins as many do: it evens out the contrast of each image by **histogram
# equalisation** ([Garg et al. 2019](https://arxiv.org/abs/1912.03798)). Here are four moles, in grey, after that step.
# Two of the four photographs are among the darkest moles of the collection, two among the palest. Which are which?

# %% tags=["hide-input"]
#| name: equalised-moles
#| caption: Four moles in grey, after histogram equalisation. Two of the photographs were among the darkest of the
#|   collection, two among the palest.
#| alt: Four grey pictures of moles in a row, lettered A to D. All run from black to white, and none looks darker than
#|   the others.
pixels = data.load_pixels(ham, config)
lesions = ham.table.drop_duplicates("lesion_id")  # one row a lesion: its first image
means = pixels.mean(axis=(1, 2))  # red, green and blue of each image
LUMINANCE = np.array([0.299, 0.587, 0.114])  # how bright each channel looks to us (ITU-R BT.601, as in JPEG)


def grey_of(image):
    return np.rint(image @ LUMINANCE).astype(np.uint8)


corners = pixels[:, [0, 0, -1, -1], [0, -1, 0, -1]].mean(axis=1) @ LUMINANCE
framed = lesions[(corners > means @ LUMINANCE)[lesions.index]]  # no dark corners: there is skin all around
moles = framed.index[framed["dx"] == "nv"]
moles = moles if len(moles) >= 4 else lesions.index
ranked = moles[np.argsort(means[moles] @ LUMINANCE)]
skip = len(ranked) // 50  # the very last may be anything
ends = [*ranked[skip:][:2], *ranked[::-1][skip:][:2]]
letters = {letter: ends[place] for letter, place in zip("ABCD", (2, 0, 1, 3), strict=True)}
greys = {letter: grey_of(ham.image(ham.table["image_id"][row])) for letter, row in letters.items()}
even = {letter: data.equalise(np.dstack([grey] * 3)[None])[0] for letter, grey in greys.items()}
plots.show(plots.gallery([list(even.values())], ["equalised"], titles=list(even)), photo=True)

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: let them guess, and count</p>
# <p><b>The point.</b> A step that makes structure visible can erase a measurement: the four histograms are alike now.
# (Sharp eyes may use blown-up noise on flat skin, or how much of the frame a lesion fills. Let them argue it.)</p>
# <p><b>Expect.</b> Confident wrong votes, by the look of the lesion's edge. Write them down.</p>
# <p><b>Ask.</b> "If you cannot tell, can a network that is given these images?"</p>
# <p><b>When late.</b> Vote on A alone.</p>
# </div>

# %% [markdown]
# Decide before you read on. A hint: a **histogram** counts how many pixels of an image have each grey level, from 0,
# black, to 255, white. Equalising it is three lines of numpy. Each level is replaced by the share of the pixels that
# are no brighter:

# %%
def equalised(grey):
    counts = np.bincount(grey.ravel(), minlength=256)
    share = counts.cumsum() / grey.size  # of the pixels that are no brighter than each level
    return np.rint(255 * share).astype(np.uint8)[grey]

# %%
#| fold: Draw this figure
#| name: puzzle-of-the-moles
#| caption: The four moles before the step, and their cumulative histograms before and after it. A point of a line
#|   says which share of the pixels is no brighter than this grey level.
#| alt: Above, four pictures; B and C are darker than A and D. Below, two panels with four rising lines each. Left,
#|   the lines of B and C rise far to the left of those of A and D. Right, all four lie on one diagonal.
fig, axes = plots.figure(4.4, 2, 4)
for axis, (letter, grey) in zip(axes[0], greys.items(), strict=True):
    axis.imshow(grey, cmap="gray", vmin=0, vmax=255)
    axis.set_title(f"{letter}, before")
    axis.set_axis_off()
for axis in axes[1]:
    axis.remove()
for place, change in enumerate((lambda grey: grey, equalised)):
    axis = fig.add_subplot(2, 2, 3 + place)
    for letter, grey in greys.items():
        counts = np.bincount(change(grey).ravel(), minlength=256)
        shade, line = ("#0072B2" if letter in "BC" else "#D55E00"), ("-" if letter in "AB" else "--")
        axis.plot(counts.cumsum() / grey.size, line, color=shade, label=letter)
    axis.set(title=("before", "after")[place], xlabel="grey level", ylabel="share of pixels")
    axis.legend()
plots.show(fig, photo=True)
same_by_hand = [np.array_equal(equalised(grey), even[letter][..., 0]) for letter, grey in greys.items()]
print("data.equalise gives the same:", all(same_by_hand))
for letter, grey in greys.items():
    print(f"{letter}: mean grey level {grey.mean():3.0f} before, {equalised(grey).mean():.0f} after")

# %% [markdown]
# B and C were the dark ones. After the step brightness tells you next to nothing: every image has nearly the same
# cumulative histogram, a straight climb from black to white, so "darker than that one" has no meaning any more. (The
# few levels by which means still differ are rounding: a pale mole uses few grey levels, hence the steps in its line.)
# What is left is the order of the pixels *within* an image. That is the bargain of every step in this chapter. It makes
# one thing easier to see by throwing another one away, and the question is whether you needed the other one.
#
# Mind what sets the level of the lesion now: its size. A lesion that is darker than all else and fills a tenth of the
# image gets the darkest tenth of the scale, however slight the difference was.
#
# ## Three readings of one word
#
# "Histogram equalisation" of a colour image can mean three things, and papers seldom say which.
#
# - **Per channel**: equalise red, green and blue, each by itself.
# - **Luminance**: equalise the brightness, and move all three channels of a pixel by the same amount.
# - **CLAHE**, contrast-limited adaptive histogram equalisation ([Zuiderveld 1994](https://doi.org/10.1016/B978-0-12-336156-1.50061-6)):
#   equalise tile by tile, and let no grey level take more than a fixed part of a tile's histogram.

# %%
#| name: three-readings
#| caption: One lesion of each diagnosis as photographed, and after three readings of "histogram equalisation".
#| alt: Four rows of seven dermoscopic images. First row, as photographed. Second row, per channel: garish, with
#|   patches of blue, green or violet in the skin. Third row, luminance: strong contrast, colours like the first row's.
#|   Fourth row, CLAHE: crisper detail, colours like the photographs', paler skin.
drawn = lesions.sample(frac=1, random_state=config.seed).drop_duplicates("dx").sort_values("dx")
photos, shown = np.stack([ham.image(name) for name in drawn["image_id"]]), list(drawn["dx"])
mole = photos[shown.index("nv") if "nv" in shown else 0]
readings = {
    "photograph": photos,
    "per channel": data.equalise(photos, per_channel=True),
    "luminance": data.equalise(photos),
    "CLAHE": data.clahe(photos),
}
plots.show(plots.gallery(list(readings.values()), list(readings), titles=shown), photo=True)

# %%
#| fold: Draw this figure
#| name: histograms-of-the-readings
#| caption: Histograms of red, green and blue of the first image above, as photographed and after the three readings.
#| alt: Four panels with three lines each, one line a channel. As photographed, they are humps, red to the right of the
#|   other two. Per channel, the three lie flat on one another. Luminance, they are flat too, but red piles up at the
#|   bright end, green and blue at the dark one. CLAHE, the humps are broader, red still to the right, with a pile at the
#|   bright end.
fig, axes = plots.figure(2.3, 1, 4, sharey=True)
for axis, (reading, batch) in zip(axes, readings.items(), strict=True):
    for channel, shade in enumerate(("#D55E00", "#009E73", "#0072B2")):
        counts, _ = np.histogram(batch[0, ..., channel], bins=32, range=(0, 256))
        axis.step(np.arange(4, 256, 8), counts / counts.sum(), where="mid", color=shade)
    axis.set(title=reading, xlabel="level")
axes[0].set_ylabel("share of pixels")
axes[0].legend(["red", "green", "blue"], handlelength=1)
plots.show(fig)
for reading, batch in readings.items():
    red, green, blue = batch.mean(axis=(0, 1, 2))
    print(f"{reading:<12} mean red {red:.0f}, green {green:.0f}, blue {blue:.0f} on seven images;", end=" ")
    print(f"red at 255: {(batch[..., 0] == 255).mean():.0%}")

# %% [markdown]
# Per channel, every image gets the same mean red, green and blue: grey. Skin takes on blue, green or violet, because
# the average has to become grey. Colour is one of the things that dermatologists look for, so this reading throws
# evidence away. The luminance reading keeps the differences between the channels, as long as they fit between 0 and
# 255. Where they do not fit, they pile up at an end of the scale. CLAHE is gentler in contrast; its limit holds down,
# without undoing it, how much noise on flat skin is blown up. But it brightens the skin, and red, near the end of the
# scale as skin is, runs into that end: the last number of each line says how much of it. So the tint changes.
#
# There is one more reason for doubt. The curators had already corrected the histograms of part of the images by hand,
# to improve contrast and colour ([Tschandl et al. 2018](https://doi.org/10.1038/sdata.2018.161)). A step that is
# applied to all images is then applied to some of them for the second time.
#
# ## The colour of the light
#
# {{chapter:meet-the-data}} found that each source has a tint, and that the tint goes along with the diagnosis. **Colour
# constancy** tries to take the light out and leave the skin. *Shades of Gray* guesses that all colours of a scene
# together would be grey under white light: it estimates the light by a mean of each channel that favours bright pixels,
# and divides by it (Finlayson and Trezzi 2004). In plain numpy:

# %%
def shades_of_gray(image, power=6):
    light = (image.astype(float) ** power).mean(axis=(0, 1)) ** (1 / power)  # one number a channel
    gain = np.sqrt((light**2).mean()) / light
    return np.clip(np.rint(image * gain), 0, 255).astype(np.uint8)

# %%
#| fold: Draw this figure
#| name: colour-constancy
#| caption: A mole from each source, and the three vascular lesions whose photographs are reddest, before (above) and
#|   after (below) Shades of Gray.
#| alt: Two rows of dermoscopic images. Above, the moles differ in tint from source to source, and the vascular
#|   lesions are red. Below, the skin of all has nearly the same neutral tint; around the red lesions it has gone from
#|   pink to grey or greenish.
red_share = means[:, 0] / means.sum(axis=1)
nevi = lesions[lesions["dx"] == "nv"]
typical = nevi.assign(red=red_share[nevi.index])
medians = typical.groupby("dataset")["red"].median()
offset = (typical["red"] - typical["dataset"].map(medians)).abs()
chosen = [offset[typical["dataset"] == place].idxmin() for place in medians.index]
vascular = lesions.index[lesions["dx"] == "vasc"]
reddest = vascular[np.argsort(red_share[vascular])[::-1][:3]]
chosen += list(reddest)
before = np.stack([ham.image(name) for name in ham.table["image_id"][chosen]])
titles = [*medians.index, *["vasc"] * len(reddest)]
after = np.stack([shades_of_gray(image) for image in before])
plots.show(plots.gallery([before, after], ["before", "after"], titles=titles), photo=True)
helped = data.shades_of_gray(before)
print("data.shades_of_gray differs by at most one level:", bool(np.abs(after.astype(int) - helped).max() <= 1))

# %% [markdown]
# It looks as if it worked. Does it? Take one number per image, the share of red in its mean colour, and ask over
# all lesions: how much of its spread lies between the sources, and how much between the diagnoses?

# %%
#| fold: Draw this figure
#| name: tint-before-and-after
#| caption: The share of red in the mean colour of moles from each source, with its 95 % confidence interval, before
#|   and after Shades of Gray. Where no line is seen it is shorter than the dot.
#| alt: Two panels on one scale, one dot a source. Left, before, the dots lie far apart. Right, after, they lie nearly
#|   below one another, near one third.
chunks = np.array_split(np.arange(len(pixels)), len(pixels) // 500 + 1)
neutral = np.concatenate([data.shades_of_gray(pixels[rows]).mean(axis=(1, 2)) for rows in chunks])
red = pd.DataFrame({"before": red_share, "after": neutral[:, 0] / neutral.sum(axis=1)}).loc[lesions.index]


def explained(values, by):
    return values.groupby(by).transform("mean").var() / values.var()


def interval(values):
    half = 1.96 * values.std() / np.sqrt(len(values))
    return pd.Series([values.mean(), values.mean() - half, values.mean() + half])


fig, axes = plots.figure(1.9, 1, 2, sharex=True, sharey=True)
for axis, when in zip(axes, red, strict=True):
    plots.intervals(axis, red.loc[nevi.index, when].groupby(nevi["dataset"]).apply(interval).unstack(), COLOURS["nv"])
    axis.set(title=when, xlabel="share of red, moles")
plots.show(fig)
guesser = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
within, guessed = {}, {}
for when, shades in zip(red, (means, neutral)):
    source, dx = (explained(red[when], lesions[by]) for by in ("dataset", "dx"))
    within[when] = explained(red[when] - red[when].groupby(lesions["dataset"]).transform("mean"), lesions["dx"])
    print(f"{when}: the source explains {source:.0%} of the spread, the diagnosis {dx:.0%};", end=" ")
    print(f"within the sources {within[when]:.1%}")
    if len(medians) > 1:  # not every copy of the table names the sources
        said = cross_val_predict(guesser, shades[nevi.index], nevi["dataset"])
        guessed[when] = balanced_accuracy_score(nevi["dataset"], said)
        print(f"   a line through red, green and blue tells a mole's source: balanced accuracy {guessed[when]:.2f}")

# %% [markdown]
# By this number the tint of the source is all but gone. No wonder: the step makes the three channels of each image
# nearly equal in the mean. That does not hide the source: a model that is given the mean red, green and blue of a mole,
# with one weighted sum a source, still tells its source far better than chance, which is one in four. So the step
# weakens this confounder, and does not remove it.
#
# Look at the diagnosis, too. What it had to say here has shrunk as well. Was that the confounder, for the diagnoses come
# from different sources? Or the colour of the lesions, for the method cannot tell red light from red skin, and takes a
# red lesion that fills the image for a red lamp? Hold the source fixed: within the sources the diagnosis explains little
# before, and about as little after. So most of what was lost was the confounder's. The red lesions in the figure, few as
# they are among all lesions, have lost their colour all the same.
#
# For colour histograms across sources, colour constancy has been found to help ([Barata, Celebi and Marques
# 2015](https://doi.org/10.1109/JBHI.2014.2336473)). For a network it is a hypothesis, to be tested like any other.
#
# ## Taking noise out, and what goes with it
#
# The paper's abstract names the removal of noise, and nothing else is said of it. One reading is a **median filter**:
# each pixel becomes the median of the square around it. Single wrong pixels vanish and edges stay. Here is a detail of
# two images, and what two filters take from it.

# %%
#| fold: Draw this figure
#| name: median-filter
#| caption: A detail of two images, enlarged; the same after a median filter of 3 and of 7 pixels; and what the second
#|   filter took, three times as strong, with grey for nothing.
#| alt: Two rows of four squares. From left to right the lesion gets smoother and its fine detail vanishes. The last
#|   square shows what was taken: dark and bright specks on grey.
size = photos.shape[1] // 3
two = [dx for dx in ("mel", "bkl") if dx in shown] or shown[:2]
detail = data.centre_crop(photos[[shown.index(dx) for dx in two]], (size, size))
small, large = data.denoise(detail, 3), data.denoise(detail, 7)
taken = np.clip(128 + 3 * (detail.astype(int) - large), 0, 255).astype(np.uint8)
rows = [list(four) for four in zip(detail, small, large, taken, strict=True)]
plots.show(plots.gallery(rows, two, titles=["detail", "median of 3", "median of 7", "taken"]), photo=True)

some = framed.groupby("dx").head(10 * config.sizes.repeats // 7).index.sort_values()
change = np.abs(pixels[some].astype(int) - data.denoise(pixels[some])).mean(axis=-1)
height, width = config.sizes.image
inner = change[:, height // 3 : -height // 3, width // 3 : -width // 3].mean()
outer = np.concatenate([change[:, : height // 6], change[:, -height // 6 :]], axis=1).mean()
print(f"a median of 3 changes the middle of an image by {inner:.2f} grey levels, its upper and lower edge by {outer:.2f}")

# %% [markdown]
# Noise does not know where the lesion is. If the filter took noise alone, it would take as much from the edge of the
# image, where there is skin, as from the middle, where the lesion is. It takes more from the middle, and so takes some
# of the lesion as well; the last square in each row shows what a larger filter takes. Pigment network, dots and fine
# vessels are what dermoscopy is there to show. On small images a filter of three pixels is as wide as a hair.
#
# ## Removing hair
#
# Hair hides the lesion, and not everybody has the same hair. The classic remedy is *DullRazor*
# ([Lee et al. 1997](https://doi.org/10.1016/S0010-4825%2897%2900020-6)), in three stages: find what is thin and dark,
# keep what is also long, paint it over from the skin beside it. The first stage is a **black-hat**. Slide a short line
# over the image, and wherever a dark streak is too narrow for the line to lie in, brighten it to the level of what is
# beside it; the brightened image minus the image is bright where something thin and dark lies.

# %%
def black_hat(grey, length):
    diagonal = np.eye(round(length / np.sqrt(2)), dtype=bool)
    lines = [np.ones((1, length)), np.ones((length, 1)), diagonal, diagonal[::-1]]
    closed = [ndimage.grey_closing(grey, footprint=line) for line in lines]
    return np.max(closed, axis=0) - grey

# %%
#| fold: Draw this figure
#| name: hair-removal
#| caption: Hair removal in stages, on five images ordered by how much of them it takes for hair. The number is the
#|   share of pixels painted over.
#| alt: Four rows of dermoscopic images in five columns. First row, as photographed; only some of the images have
#|   hairs. Second row, the black-hat, bright streaks on black, of hairs and of lines in the lesions alike. Third row,
#|   the mask, white bars, fewer from left to right. Fourth row, what was masked is painted over, leaving smooth smears.
hairy = data.hair_mask(pixels[some]).mean(axis=(1, 2))
order = np.argsort(hairy)[::-1]
five = some[order[[0, 2, len(order) // 20, len(order) // 8, len(order) // 3]]]
five = [ham.image(name) for name in ham.table["image_id"][five]]
stages = {"photograph": [], "black-hat": [], "mask": [], "painted over": []}
for image in sorted(five, key=lambda image: -data.hair_mask(image[None]).mean()):
    streaks = np.clip(3.0 * black_hat(grey_of(image), round(0.035 * image.shape[1])), 0, 255)
    mask = data.hair_mask(image[None])[0]
    painted = data.remove_hair(image[None])[0]
    for stage, picture in zip(stages, (image, streaks, 255 * mask, painted), strict=True):
        stages[stage].append(picture if picture.ndim == 3 else np.dstack([picture.astype(np.uint8)] * 3))
shares = [f"{(picture > 0).mean():.1%}" for picture in stages["mask"]]
plots.show(plots.gallery(list(stages.values()), list(stages), titles=shares), photo=True)
found = pd.Series(hairy).groupby(ham.table["dx"][some].to_numpy()).agg(["mean", "size"])
for dx, (share, number) in found.iterrows():
    print(f"{dx:<6} {share:.1%} of the pixels are taken for hair ({number:.0f} images)")

# %% [markdown]
# Look closely at the third row. Not everything in it is a hair: the edge of a lesion, and above all the lines of a
# pigment network, are thin, dark and long too. Where the mask is wrong, a smear stands where a diagnosis stood. Does it
# work alike on all? Of some diagnoses it takes several times as many pixels as of others, says the list below the
# figure. How many of these are hairs it does not say: some lesions may sit where more hair grows. Either way the step
# leaves its own mark, for a model to find.

# %% [markdown]
# ## Does any of it help?
#
# A step is worth its price if a model that is scored on new lesions gets better by it. So measure: the same model, the
# same lesions, the same folds, with each step and without. The cell below reads what the book found on the real
# HAM10000, whatever data this page runs on. The model is a support vector machine on hand-crafted features of colour
# and texture, which Chapter {{number:classical-baselines}} explains. They are measured inside an outline of the lesion
# that comes with the data set, the same one for all steps; the last line below the figure says what an automatic
# outline costs. Each repetition deals other folds, the same for all steps, so that differences are paired.

# %%
#| fold: Draw this figure
#| name: does-it-help
#| caption: Balanced accuracy with each step minus balanced accuracy without any, on part of the real HAM10000 (printed
#|   below). Dot, mean of the repetitions; line, from the worst to the best.
#| alt: One dot with a horizontal line for each step, around a vertical line at zero. The lines of equalise and of
#|   clahe lie to the left of zero, equalise further than clahe.
facts, results = records.load_experiment("classical-preprocessing")
overall = results[(results["stratum"] == "all") & (results["metric"] == "balanced_accuracy")]
table = overall.pivot(index="repetition", columns="arm", values="value")
steps = table.drop(columns=["none", "no masks"], errors="ignore")
gain = steps.sub(table["none"], axis=0)
gain = gain[gain.mean().sort_values(ascending=False).index]
fig, axis = plots.figure(2.2)
axis.axvline(0, color="#4D4D4D", linewidth=1)
plots.intervals(axis, gain.agg(["mean", "min", "max"]).T, "#0072B2")
axis.set_xlabel("balanced accuracy gained over the images as they are")
plots.show(fig)
print(f"{facts['rows']:,} training images of one fold, at most {max(facts['rows_of_a_class'].values())} of a class\n{facts['data']}")
print(f"as they are: balanced accuracy {table['none'].mean():.3f}, mean of {len(table)} repetitions")
for arm, values in gain.items():
    print(f"{arm:<15} {values.mean():+.3f}, higher in {(values > 0).sum()} of {len(values)} repetitions")
automatic = (table["no masks"] - table["none"]).mean()
print(f"with an automatic outline in place of the data set's: {automatic:+.3f}")

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: every step is a hypothesis</p>
# <p><b>The point.</b> "It looks better" is a claim about you. Whether a model does better is another claim, and it is
# measured on images that the model has not seen.</p>
# <p><b>Expect.</b> "Then do all of them, to be safe." Each step can destroy evidence, and steps interact: a network that
# sees painted-over smears will learn smears.</p>
# <p><b>Ask.</b> "At which of these steps would you notice a bug by looking at the accuracy?" (At none.)</p>
# <p><b>When late.</b> Keep the colours, skip the median filter.</p>
# </div>

# %% [markdown]
# Equalising the luminance, one reading of the paper's first step, made this model worse, on real images, and so did its
# gentler cousin. Perhaps what is thrown away, absolute brightness among it, was worth more to these features than the
# contrast that is gained. Of the other steps, look how many of the repetitions lie on either side of nothing before you
# call them a help or a harm. Three cautions. The settings of the model are fixed and not chosen anew for each step: one
# that needs others is at a disadvantage. This is one model on hand-crafted features: a network might think otherwise,
# and must be asked. And the repetitions are other folds of the same lesions, so their spread is not that of new
# patients.
#
# ## A square from a photograph
#
# The photographs are four units wide and three units high. Many networks were made for squares; the paper's own network
# takes 512 by 512 pixels ([Garg et al. 2019](https://arxiv.org/abs/1912.03798), its Table 1). There are three ways, and
# each costs something else. A white ring is painted onto the photograph below, so that you see what becomes of a circle.

# %%
#| name: squares
#| caption: One photograph with a ring painted on it, and three ways to make a square of it.
#| alt: Four pictures of the same lesion with a white ring. In the photograph the ring is a circle. Squashed, it is
#|   narrower than high. Cropped, it is a circle again and the left and right edges are missing. Padded, it is a smaller
#|   circle, with grey bars above and below.
photo = mole.copy()
high, wide = photo.shape[:2]
y, x = np.mgrid[:high, :wide]
ring = np.abs(np.hypot(y - (high - 1) / 2, x - (wide - 1) / 2) - 0.42 * high) < 0.01 * high + 0.5
photo[ring] = 255
bar = (wide - high) // 2
squares = {
    "photograph": photo,
    "squashed": resize(photo, (high, high), anti_aliasing=True),
    "cropped": data.centre_crop(photo[None], (high, high))[0],
    "padded": np.pad(photo, ((bar, wide - high - bar), (0, 0), (0, 0)), constant_values=128),
}
fig, axes = plots.figure(1.8, 1, 4, width_ratios=[4, 3, 3, 3])
for axis, (title, picture) in zip(axes, squares.items(), strict=True):
    axis.imshow(picture)
    axis.set_title(title)
    axis.set_axis_off()
plots.show(fig, photo=True)

# %% [markdown]
# **Squashing** keeps all of the skin and changes all shapes: a circle becomes an ellipse. Asymmetry is one of the signs
# of melanoma, and squashing can make some: a lesion that was symmetric about a slanting line no longer is. As long as
# it happens to every image in the same way, a network can learn to live with it. It gets worse when training images are
# turned *after* they are squashed: then they are stretched in a direction that changes from draw to draw, while every
# image that is tested is stretched upright. Turn first, and each copy is what a turned camera would have given. (The
# course's own pipeline turns what `load_pixels` has squashed; so wherever a chapter asks for squares,
# {{chapter:cnn-from-scratch}} always and the transfer chapters in the full tier, it pays that price. The book's records
# of the transfer chapters keep the proportions.) **Cropping** keeps the shapes and loses the sides, with whatever part
# of a large lesion lies there. **Padding** keeps both and spends pixels on nothing.
#
# Sizes also have to shrink without skipping: to keep every fourth pixel turns a thin hair into a row of dots.
# `load_pixels` averages first (*antialiasing*).
#
# ### Exercise: what a square costs
#
# The photographs of HAM10000 are 600 pixels wide and 450 high. On paper: (a) All of it is squashed to 512 by 512. A
# round lesion was as high as it was wide; what is its height divided by its width now? (b) Instead, the largest square
# is cut out of the middle and scaled to 512 by 512. Which share of the photograph is lost?

# %% tags=["stub"]
square = {
    "height over width, squashed": ...,
    "share lost, cropped": ...,
}

# %% tags=["nbval-check-output"]
checks.check("cost-of-a-square", square, ham)

# %% tags=["solution"]
square = {
    "height over width, squashed": (512 / 450) / (512 / 600),
    "share lost, cropped": 1 - 450 * 450 / (600 * 450),
}
checks.check("cost-of-a-square", square, ham)

# %% [markdown]
# ## Augmentation: one image, many photographs
#
# A mole stays a mole when the camera is turned. **Augmentation** shows a model changed copies of its training images,
# so that it cannot lean on what a photographer happened to do. The paper translates, rotates and zooms. Which changes
# are fair? Those that another photographer could have made of the same lesion. There is no "up" on skin, so flips and
# all turns are fair; small shifts, zooms, brighter and darker light too. Turning a brown lesion red is not: colour is
# evidence.
#
# Each geometric change is a 3 by 3 matrix. Read it backwards: for each place of the *new* image it says where in the
# *old* image to look. (The other way round, the new image would have holes.) A place is written as right, down, and a
# one:

# %%
def move(right, down):
    return np.array([[1, 0, -right], [0, 1, -down], [0, 0, 1.0]])


def turn(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


def zoom(factor):
    return np.diag([1 / factor, 1 / factor, 1])


FLIP = np.diag([-1.0, 1, 1])


def look_up(image, matrix):
    """Return the image that has at each place, seen from the middle, the colour found at ``matrix @ place``."""
    high, wide = image.shape[:2]
    middle = np.array([(wide - 1) / 2, (high - 1) / 2])
    down, right = np.mgrid[:high, :wide]
    place = np.stack([right.ravel() - middle[0], down.ravel() - middle[1], np.ones(right.size)])
    x, y, _ = matrix @ place
    places = [y + middle[1], x + middle[0]]
    colours = [ndimage.map_coordinates(image[..., c].astype(float), places, order=1, mode="reflect") for c in range(3)]
    return np.rint(np.stack(colours, -1)).astype(np.uint8).reshape(image.shape)


# %%
#| name: augmentation-grid
#| caption: One image, augmented. One row is one kind of change with five random draws; the last row has all of them
#|   at once.
#| alt: Six rows of five pictures of one lesion. It is mirrored, turned, shifted, enlarged or shrunk, and made
#|   brighter, darker, flatter or more contrasted; in the last row all at once. It remains the same lesion throughout.
rng = np.random.default_rng(config.seed)
image = mole
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
# In the last row lies the trick. The four matrices of a draw are multiplied to **one**, and the image is looked up
# once. (Because a matrix reads backwards, the first step stands leftmost: `look_up(look_up(image, a), b)` is
# `look_up(image, a @ b)`, but for what each look-up loses.) That is not only faster. Each look-up mixes neighbouring
# pixels, and each one loses what it moves over the edge. Do a few steps one by one that in the end put every pixel back
# where it was:

# %%
#| name: once-or-five-times
#| caption: An image turned, zoomed, shifted, turned back, zoomed back and shifted back: step by step, and with the steps
#|   multiplied to one matrix.
#| alt: Three pictures of one lesion. The first is the image itself. The second, step by step, is blurred and its
#|   corners show mirrored skin in place of what was there. The third, all at once, looks like the first.
steps = [turn(25), zoom(1.3), move(7.5, -4.5), turn(-25), zoom(1 / 1.3)]
steps.append(np.linalg.inv(steps[0] @ steps[1] @ steps[2] @ steps[3] @ steps[4]))
stepwise = image
for step in steps:
    stepwise = look_up(stepwise, step)
once = look_up(image, np.linalg.multi_dot(steps))
pictures = {"image": image, "step by step": stepwise, "all at once": once}
plots.show(plots.gallery([list(pictures.values())], ["nv"], titles=list(pictures)), photo=True)
for name, picture in pictures.items():
    change = np.abs(picture.astype(int) - image).mean()
    print(f"{name:<13} differs from the image by {change:.1f} grey levels on average")

# %% [markdown]
# All at once, the matrix is the identity, and nothing is lost. Step by step, the detail is gone, and the corners are
# invented.
#
# ### Exercise: follow a point
#
# Somebody has marked a spot in the old image, at `right` pixels right of the middle and `down` pixels below it. Where
# does it lie in the new image, `look_up(image, matrix)`? Write `follow(matrix, right, down)`, which returns the two
# numbers, right and down, in the new image. Remember which way a matrix reads.

# %% tags=["stub"]
def follow(matrix, right, down):
    ...


# %% tags=["nbval-check-output"]
checks.check("follow-a-point", follow, ham)

# %% tags=["solution"]
def follow(matrix, right, down):
    place = np.linalg.inv(matrix) @ [right, down, 1]
    return place[0], place[1]


checks.check("follow-a-point", follow, ham)

# %% [markdown]
# ## The same, a batch at a time
#
# From here on the book leaves this work to `networks.augment`, which does it for a whole **batch**, the images that a
# network is handed at a time, in one compiled TensorFlow operation, and to `networks.training_batches`, which feeds it.
# Does it do what you have just read? Give both the same random numbers.

# %% tags=["nbval-check-output"]
limits = networks.Augmentation(rotate=0.5, translate=0.1, zoom=0.1, brightness=0, contrast=0)
draws = rng.random((len(photos), 8)).astype(np.float32)  # eight numbers an image
batch = networks.augment(photos, limits, draws).numpy()

ours = []
for photo, draw in zip(photos, draws, strict=True):
    mirror = np.diag([*np.where(draw[:2] < 0.5, -1.0, 1.0), 1])
    angle, down, right, size = (2 * draw - 1)[2:6]  # each between minus one and one
    shift = move(-limits.translate * wide * right, -limits.translate * high * down)
    ours.append(look_up(photo, mirror @ turn(-360 * limits.rotate * angle) @ shift @ zoom(1 + limits.zoom * size)))
print("the helpers' images are ours, to within a grey level:", bool(np.abs(batch - np.stack(ours)).max() <= 1))

codes = np.searchsorted(CLASSES, ham.table["dx"].to_numpy(str))
rows = lesions.index[:700].to_numpy()
for balanced in (False, True):
    wishes = {"rows": rows, "batch": len(rows), "seed": config.seed, "balanced": balanced}
    one, same = (next(iter(networks.training_batches(pixels, codes, **wishes))) for _ in range(2))
    again = all(np.array_equal(*pair) for pair in zip(one, same, strict=True))
    counted = ", ".join(f"{n} {dx}" for dx, n in zip(CLASSES, np.bincount(one[1], minlength=7), strict=True))
    print(f"balanced={balanced}: {counted}; once more, the same: {again}")

# %% [markdown]
# The same seed gives the same batches. `balanced=True` draws each class equally often; what that does to the loss is
# asked below, under *Corrected twice*.
#
# ## The speed ladder
#
# A GPU waits for its images: a slow pipeline makes a fast GPU slow. So how many images a second can be fed? The book
# measured it once, on real images; the cell below reads what was written down. From the top, the rungs:
#
# - decode each JPEG in each epoch (each pass over the training images), then four layers of Keras, a library for
#   networks, one after the other, as many notebooks do: flip, turn, shift, zoom;
# - the same four layers on decoded images, kept in memory as `load_pixels` keeps them;
# - one matrix in place of four layers, looked up with TensorFlow's own projective transform;
# - one matrix and one compiled look-up, as in `networks.augment`, with the colour step and without it;
# - and the ceiling: images as they are.

# %%
#| fold: Draw this figure
#| name: speed-ladder
#| caption: Images a second that six input pipelines deliver, measured on the machine that is named below the figure.
#|   Only ratios carry over to another machine, and they roughly.
#| alt: Six horizontal bars, slowest on top. The two pipelines with Keras's layers have the shortest bars; one matrix
#|   is longer, one matrix compiled is several times as long again, and images as they are have the longest by far.
measured = records.load_benchmark("pipeline")
ladder = pd.Series(measured["images_per_second"]).sort_values()
fig, axis = plots.figure(2.4)
plots.bars(axis, ladder, colours="#0072B2")
axis.set_title("Images a second")
plots.show(fig)
print(f"{measured['images']:,} images of {measured['source']}, {measured['size'][1]} x {measured['size'][0]} pixels, "
      f"decoded from files of {measured['stored_size'][1]} x {measured['stored_size'][0]}")
load, _ = measured["load_average_before_and_after"]
print(f"{measured['processor']}, {measured['cores']} cores, busy with other work as well: load average {load}")
chain = measured["ratios"]["one matrix, compiled / Keras, four layers"]["wall"]
compiled = measured["ratios"]["one matrix, compiled / one matrix, TensorFlow's projective transform"]["wall"]
print(f"one matrix, compiled, is {chain:.0f} times as fast as the four layers, by wall clock:")
print(f"{chain / compiled:.1f} times for one look-up in place of three and a flip, {compiled:.1f} times for one that")
print("is compiled for this purpose in place of TensorFlow's")

# %% [markdown]
# The step that you would blame first, decoding, hardly shows here, since the layers behind it take most of the time. But
# these were small copies of the photographs: the files as published, with nine times the pixels, take longer to decode.
# Measure your own case; a profile beats a guess. What is gained comes from doing less, one look-up for three and no
# intermediate image, and still more from a look-up that is compiled for this one purpose: its arithmetic is fused, so
# that no intermediate array is written.
#
# ## Augment after the split
#
# {{chapter:split-without-leaking}} put exact copies on both sides of a split. Are *changed* copies safe? Let the
# memoriser of that chapter sit the same five exams three times. It compares images by five by five squares. Besides the
# training images it gets mirror images: first none, then those of its training images, then those of all images, made
# and stored before anybody thought of a split.

# %%
#| fold: Draw this figure
#| name: copies-before-the-split
#| caption: Balanced accuracy of the memoriser on five exams, the same in all three rows. Each line joins the marks of
#|   one exam.
#| alt: Three rows of five dots with lines between them. The dots without copies and with copies of the training
#|   images lie in one region; the dots with copies of all images lie far to the right.
groups, diagnosis = splits.lesion_groups(ham.table).to_numpy(), ham.table["dx"].to_numpy(str)
dealer = StratifiedGroupKFold(n_splits=5)
folds = list(dealer.split(diagnosis, diagnosis, splits.shuffled(groups, config.seed)))
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
marks = {name: [memoriser(train, test, choose(train)) for train, test in folds] for name, choose in copies.items()}
fig, axis = plots.figure(1.8)
axis.plot(list(marks.values()), range(3), "o-", color="#0072B2", linewidth=0.8)
axis.set_yticks(range(3), list(marks))
axis.set(ylim=(2.4, -0.4), xlabel="balanced accuracy")
plots.show(fig)

# %% [markdown]
# Mirror images of the exam's own images are enough to give the answers away, though no image is in both sets. The
# middle row is what honest augmentation is worth to the memoriser. So: split first, then augment the training images,
# anew in each epoch, and store nothing. No changed copy of a validation or test image is trained on, and none counts as
# an image of its own. (To average a model's answers to several views of one test image is another matter:
# {{chapter:transfer-vgg16}}.) And whatever is *estimated* from images, such as a mean colour to subtract, comes from
# the training rows alone.
#
# ## Class weights, by hand
#
# The classes are unequal. **Class weights** make an error on a rare class cost more. The usual formula gives class *c*
# the weight *n* / (*k* · *n*<sub>c</sub>): *n* images in all, *k* classes, *n*<sub>c</sub> images of the class. Do it
# once with a pencil, for the rarest class: cover all but the first column of numbers below. The counts are those of the
# first fold's training rows: a weight is learned from nothing else.

# %% tags=["nbval-check-output"]
training = diagnosis[folds[0][0]]
count = pd.Series(training).value_counts().sort_index()
weight = len(training) / (len(count) * count)
print(pd.DataFrame({"images": count, "weight": weight.round(2), "images x weight": (count * weight).round(1)}))
theirs = compute_class_weight("balanced", classes=np.array(count.index), y=training)
print("\nscikit-learn computes the same:", np.allclose(weight, theirs))
rare, common = count.idxmin(), count.idxmax()
print(f"one {rare} counts as much as {weight[rare] / weight[common]:.0f} {common}")
print(f"all images together weigh {(count * weight).sum():,.0f}, and there are {len(training):,}")

# %% [markdown]
# The last column is the point: images times weight is the same for all seven classes. A **training loss** is a sum over
# images of how wrong a model is on each, so each class now carries one seventh of the weight in it (and one seventh of
# the loss itself, as long as all images are equally wrong, as at the start).
#
# ## Corrected twice
#
# The paper does two things against the imbalance. It stores augmented copies of rare classes until all are equally
# many, *and* it uses class weights ([Garg et al. 2019](https://arxiv.org/abs/1912.03798)). Each alone gives every class
# one seventh of the weight. And both? If the weights are those of the original counts, the copies are weighted a second
# time:

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
ratio = loss.loc[rare, "both"] / loss.loc[common, "both"]
print(f"Corrected twice, {rare} has {ratio:.0f} times the share of {common}; all of {rare} is {count[rare]} images.")

# %% [markdown]
# The bar is turned upside down: the most frequent class now has the smallest share. Does a model mind? Let a logistic
# regression learn from nine numbers per image, the means and spreads of its colours and the colour of its middle. To
# repeat an image unchanged *m* times and to weight it with *m* is the same to this model's loss, so weights stand for
# copies too. (The paper's copies are augmented: they share out the weight in the same way, but are not the same images.)
# Either correction weights an image by one over the count of its class, and both by one over its square.

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
print("recall of each class, and accuracy:")
print(pd.DataFrame(recalls).T.round(2).to_string())
print("balanced accuracy:", ", ".join(f"{name} {value:.2f}" for name, value in twice["balanced accuracy"].items()))

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: two remedies, one illness</p>
# <p><b>The point.</b> Copies and weights share out the loss in the same way. Both together do it twice.</p>
# <p><b>Expect.</b> "But the recall of the rare class went up." It did: the model now answers it far more often, also
# where it is wrong. Ask what happened to the others.</p>
# <p><b>Ask.</b> "Which share of the loss would you give to melanoma, and why not one seventh?" No formula answers that.</p>
# <p><b>When late.</b> Do the arithmetic for df on the board, show the stacked bars, leave the exercise for the evening.</p>
# </div>

# %% [markdown]
# It does. With both corrections the rarest classes are found most often. The price is paid by the frequent ones: the
# recall of nv collapses, and balanced accuracy is lower than with one correction, though still above that with none.
# Accuracy, which counts images, falls furthest.
#
# So choose one correction, and say which. If the copies are made, compute the weights from the *copied* counts: they all
# become one, and the question goes away. Whether even a full correction is what you want depends on what errors cost; a
# half correction, the square root of the weights, lies between.
#
# ### Exercise: whose loss is it?
#
# Write `loss_shares(counts, copied, weighted)`. `counts` is a Series with the number of training images of each class.
# `copied` says whether images are copied until every class is as large as the largest; `weighted`, whether the balanced
# class weights of the *original* counts are used. It returns a Series with each class's share of the weight in the
# loss, of sum one, for classes of any number and size.

# %% tags=["stub"]
def loss_shares(counts, copied, weighted):
    ...


# %% tags=["nbval-check-output"]
checks.check("loss-shares", loss_shares, ham)

# %% tags=["solution"]
def loss_shares(counts, copied, weighted):
    images = counts * 0 + counts.max() if copied else counts
    weights = counts.sum() / (len(counts) * counts) if weighted else 1
    loss = images * weights
    return loss / loss.sum()


checks.check("loss-shares", loss_shares, ham)

# %% tags=["assertion"]
assert all(same_by_hand) and np.abs(after.astype(int) - helped).max() <= 1
assert all(120 < picture.mean() < 145 for picture in even.values()), "equalised, all are about as bright"
assert max(greys[letter].mean() for letter in "BC") < min(greys[letter].mean() for letter in "AD")
channels = {reading: batch.mean(axis=(0, 1, 2)) for reading, batch in readings.items()}
assert np.ptp(channels["per channel"]) < 6 < np.ptp(channels["luminance"]), "per channel the mean colour is grey"
assert np.abs(once.astype(int) - image).max() <= 1 < np.abs(stepwise.astype(int) - image).mean()
assert np.allclose(loss[["weights", "copies"]], 1 / len(count))
assert (gain["equalise"] < 0).mean() > 0.8 and gain["equalise"].mean() < gain["clahe"].mean() < 0
if ham.synthetic or len(ham.table) == sum(PUBLISHED_IMAGES.values()):  # other images need not show what the text says
    ends = [(batch[..., 0] == 255).mean() for batch in readings.values()]
    assert ends[3] > ends[2] > ends[0], "CLAHE drives red to the end of the scale"
    explain = {when: [explained(red[when], lesions[by]) for by in ("dataset", "dx")] for when in red}
    if len(medians) > 1:  # not every copy of the table names the sources
        assert explain["after"][0] < explain["before"][0] / 4, "the tint of the source is all but gone"
        assert 0.35 < guessed["after"] < guessed["before"] - 0.1 and len(medians) == 4, "weakened, not removed"
        assert max(within.values()) < 0.1 and abs(within["after"] - within["before"]) < 0.02, "about as little"
    assert explain["after"][1] < 0.7 * explain["before"][1], "and the diagnosis explains less as well"
    lifted = np.subtract(channels["CLAHE"], channels["photograph"])
    assert 0 < lifted[0] < lifted[1:].min() - 2, "CLAHE lifts red less than the other two"
    assert inner > 1.3 * outer and found["mean"].max() > 1.5 * found["mean"].min(), "more from the lesion, from some"
    assert ladder.index[-1] == "no augmentation" and all("Keras, four layers" in rung for rung in ladder.index[:2])
    assert 1 < chain / compiled < compiled, "one look-up helps, and compiling it helps more"
    assert ladder.iloc[0] > 0.8 * ladder.iloc[1], "the layers take the time, not the decoding"
    assert min(marks["copies of\nall images"]) > max(marks["no copies"] + marks["copies of\ntraining images"]) + 0.05
    assert set(loss["both"].nlargest(2).index) == {"df", "vasc"} and loss["both"].idxmin() == "nv"
    assert twice["balanced accuracy"].idxmax() == "one of them" and twice["recall of df"].idxmax() == "both"
    assert twice.loc["both", "recall of nv"] < twice.loc["one of them", "recall of nv"] / 2
    assert twice["balanced accuracy"].idxmin() == "none", "still above that with none"
    assert recalls["none"]["accuracy"] > recalls["one of them"]["accuracy"] > recalls["both"]["accuracy"] + 0.2

# %% [markdown]
# ## Quiz

# %% tags=["nbval-check-output"]
checks.quiz("preprocess-and-augment")

# %% [markdown]
# ## Key points
#
# - Every preprocessing step throws something away. Look at what it takes, not only at what it leaves.
# - "Histogram equalisation" has several readings. Per channel it destroys colour; all of them change absolute brightness.
# - Colour constancy takes most of the source's tint away, and does not hide the source. It takes the colour of a lesion
#   that fills the image for that of the lamp.
# - Measure whether a step helps. Equalising the luminance made a support vector machine on hand-crafted features worse.
# - Turn first, squash afterwards. Multiply the matrices, the first step leftmost, and look up once.
# - Split, then augment the training images alone, anew in each epoch.
# - Correct an imbalance once. Copies and weights together turn it upside down.
#
# **What comes next.** {{chapter:classical-baselines}} gives these images to three models of the time before networks,
# and reads what they make of them.
#
# Data: [Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161), CC BY-NC 4.0; more on the [data
# card](../book/data-card.md). Not a medical device.

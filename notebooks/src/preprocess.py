# %% [markdown]
# # Preprocess
#
# A paper begins by evening out the contrast of each image ([Garg et al. 2019](https://arxiv.org/abs/1912.03798)). The
# structures stand out at once. Does an image that looks better to you teach a model better?
#
# This page tries five such steps: equalise the luminance, do it tile by tile, take out the tint of the light, smooth the
# noise away, remove the hair. Guess first: which of them helps a model?
#
# <details><summary>The answer in a sentence</summary>
# <p><b>Every step throws something away, and looking better is no proof.</b> On real images evening out the contrast made
# a support vector machine on colour and texture worse, and no other step was a large help. Measure each step, with the
# same lesions on both sides of the comparison.</p>
# </details>
#
# At the end of this chapter you can
#
# - say what a step does to an image and to its histogram, and name a case in which it hurts;
# - tell three meanings of "histogram equalisation" apart;
# - say what colour constancy takes out, and what it takes along;
# - choose between squashing, cropping and padding, and say what each costs;
# - measure with paired repetitions whether a step helps.
#
# | | minutes |
# |---|---:|
# | to read | 25 |
# | to run, on a laptop without a GPU | 1 |
# | to do the three exercises | 30 |
#
# You need {{chapter:meet-the-data}} for the sources and their tints, and {{chapter:split-without-leaking}} for the
# split. New words are in the [glossary](../book/glossary.md).

# %% tags=["setup"]
# {{install}}

# %%
#| fold: Set-up
import re

import numpy as np
import pandas as pd
from IPython.display import Markdown, display
from scipy import ndimage
from skimage.transform import resize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from helpers import checks, data, plots, records, start
from helpers.ham10000 import COLOURS, PUBLISHED_IMAGES


def say(text):
    """Show a sentence whose numbers were computed, with a minus for a hyphen and a space before a per cent sign."""
    display(Markdown(re.sub(r"(?<=[ \[])-(?=\d)", "−", re.sub(r"(?<=\d)%", "\u00a0%", text))))

# %%
config, ham = start("preprocess")

# %% [markdown]
# ## Which one is dark?
#
# Here are four moles in grey, after **histogram equalisation**. Two of the photographs are among the darkest moles of
# the collection, two among the palest. Which are which? Decide before you read on.

# %%
#| fold: Draw this figure
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
# A **histogram** counts how many pixels of an image have each grey level, from 0, black, to 255, white. Equalising
# replaces each level by the share of pixels that are no brighter. It is three lines of numpy:

# %%
def equalised(grey):
    counts = np.bincount(grey.ravel(), minlength=256)
    share = counts.cumsum() / grey.size  # no brighter than each level
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

# %%
#| fold: Say it in a sentence
before, after = ({letter: change(grey).mean() for letter, grey in greys.items()} for change in (np.asarray, equalised))
say(
    f"**B and C were the dark ones.** Before the step their mean grey levels are {before['B']:.0f} and {before['C']:.0f}, "
    f"those of A and D {before['A']:.0f} and {before['D']:.0f}. After it all four lie between {min(after.values()):.0f} "
    f"and {max(after.values()):.0f}."
)

# %% [markdown]
# After the step, brightness tells you next to nothing. Every image has nearly the same cumulative histogram, a straight
# climb from black to white. Only the order of the pixels *within* an image is left. That is the bargain of every step
# in this chapter: it makes one thing easier to see by throwing another one away. Did you need the other one?
#
# Note what sets the level of the lesion now: its size. A lesion that is darker than the rest and fills a tenth of the
# image gets the darkest tenth of the scale, however slight the difference was.
#
# ### Exercise: ten pixels
#
# An image has ten pixels: four of level 40, four of level 60 and two of level 200. On paper: which level does each of
# the three become when the image is equalised?

# %% tags=["stub"]
levels_after = {
    40: ...,
    60: ...,
    200: ...,
}

# %% tags=["nbval-check-output"]
checks.check("ten-pixels", levels_after, ham)

# %% tags=["solution"]
levels_after = {
    40: 255 * 4 / 10,  # four of ten pixels are no brighter
    60: 255 * 8 / 10,
    200: 255 * 10 / 10,
}
checks.check("ten-pixels", levels_after, ham)

# %% [markdown]
# ## One name, three methods
#
# "Histogram equalisation" of a colour image can mean three things, and papers seldom say which.
#
# - **Per channel**: equalise red, green and blue, each by itself.
# - **Luminance**: equalise the brightness, and move all three channels of a pixel by the same amount.
# - **CLAHE**, contrast-limited adaptive histogram equalisation ([Zuiderveld 1994](https://doi.org/10.1016/B978-0-12-336156-1.50061-6)):
#   equalise tile by tile, and let no grey level take more than a fixed part of a tile's histogram.
#
# Which of the three will change the colour of the skin?

# %%
#| fold: Draw this figure
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

# %%
#| fold: Say it in a sentence
def stretched(image):
    """Stretch the luminance to the full range, and move the three channels of a pixel by the same amount."""
    grey = image @ LUMINANCE
    full = 255 * (grey - grey.min()) / max(np.ptp(grey), 1)
    return np.clip(np.rint(image + (full - grey)[..., None]), 0, 255).astype(np.uint8)


channels = {reading: batch.mean(axis=(0, 1, 2)) for reading, batch in readings.items()}
stretch = np.stack([stretched(image) for image in photos])
mean_red = {"photograph": channels["photograph"][0], "stretch": stretch[..., 0].mean(), "CLAHE": channels["CLAHE"][0]}
at_the_end = {name: (batch[..., 0] == 255).mean() for name, batch in readings.items()}
grey_levels = ", ".join(f"{level:.0f}" for level in channels["per channel"])
say(
    f"**Per channel takes the colour away.** The mean red, green and blue become {grey_levels}: grey. **The luminance "
    f"readings push red to its end**: {at_the_end['photograph']:.0%} of the pixels have the highest red in the "
    f"photographs, {at_the_end['luminance']:.0%} after luminance, {at_the_end['CLAHE']:.0%} after CLAHE. In CLAHE it is "
    "not the tiles that do most of it. The program first stretches each image to the full range of grey: that alone "
    f"takes mean red from {mean_red['photograph']:.0f} to {mean_red['stretch']:.0f}, and the whole of it to "
    f"{mean_red['CLAHE']:.0f}."
)

# %% [markdown]
# Colour is one of the things that dermatologists look for. Per channel, skin turns blue, green or violet, because each
# image's average has to become grey. The other two keep the differences between the channels as long as they fit
# between 0 and 255. Where they do not fit, they pile up at an end of the scale, and the tint changes.
#
# There is one more reason for doubt. The curators had already corrected the histograms of part of the images by hand,
# to improve contrast and colour ([Tschandl et al. 2018](https://doi.org/10.1038/sdata.2018.161)). A step that is
# applied to all images is then applied to some of them for the second time.
#
# ## The colour of the light
#
# {{chapter:meet-the-data}} found that each source has a tint, and that the tint goes along with the diagnosis. **Colour
# constancy** tries to take the light out and leave the skin. *Shades of Gray* assumes that under white light all colours
# of a scene would average to grey. It estimates the light by a mean of each channel that favours bright pixels, and
# divides by it (Finlayson and Trezzi 2004):

# %%
def shades_of_gray(image, power=6):
    bright = (image.astype(float) ** power).mean(axis=(0, 1))
    light = bright ** (1 / power)  # one number a channel
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
as_photographed = np.stack([ham.image(name) for name in ham.table["image_id"][chosen]])
titles = [*medians.index, *["vasc"] * len(reddest)]
neutralised = np.stack([shades_of_gray(image) for image in as_photographed])
plots.show(plots.gallery([as_photographed, neutralised], ["before", "after"], titles=titles), photo=True)

# %% [markdown]
# It looks as if it worked. Did it? Take one number an image, the share of red in its mean colour, and ask over all
# lesions how much of its spread lies between the sources, and how much between the diagnoses.

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

# %%
#| fold: Say it in a sentence
guesser = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
explain, within, guessed = {}, {}, {}
for when, shades in zip(red, (means, neutral), strict=True):
    explain[when] = {by: explained(red[when], lesions[by]) for by in ("dataset", "dx")}
    of_source = red[when].groupby(lesions["dataset"]).transform("mean")
    within[when] = explained(red[when] - of_source, lesions["dx"])
    if len(medians) > 1:  # not every copy of the table names the sources
        said = cross_val_predict(guesser, shades[nevi.index], nevi["dataset"])
        guessed[when] = balanced_accuracy_score(nevi["dataset"], said)
say(
    f"**The tint goes, and the source can still be told.** The source explains {explain['before']['dataset']:.0%} of the "
    f"spread of red before the step and {explain['after']['dataset']:.0%} after it; the diagnosis "
    f"{explain['before']['dx']:.0%} and {explain['after']['dx']:.0%}. Within the sources the diagnosis explains "
    f"{within['before']:.1%} before and {within['after']:.1%} after."
)
if guessed:
    say(
        "A logistic regression that sees only the mean red, green and blue of a mole names its source with a balanced "
        f"accuracy of {guessed['before']:.2f} before and {guessed['after']:.2f} after. Chance is {1 / len(medians):.2f}."
    )

# %% [markdown]
# No wonder that the tint goes: the step makes the three channels of each image nearly equal in the mean. So it weakens
# the confounder and does not remove it.
#
# The diagnosis says less by its colour, too. Was that the confounder, since the diagnoses come from different sources?
# Or the lesions' own colour, since the method takes a red lesion that fills the image for a red lamp? Hold the source
# fixed: within the sources the diagnosis explains little before, and about as little after. So most of what was lost
# belonged to the sources. The red lesions in the figure, few as they are, have lost their colour all the same.
#
# For colour histograms across sources, colour constancy has been found to help ([Barata, Celebi and Marques
# 2015](https://doi.org/10.1109/JBHI.2014.2336473)). For a network it is a hypothesis, to be tested like any other.

# %% [markdown] tags=["instructor"]
# <div class="admonition note alert alert-info">
# <p class="title">For the instructor: is it the lamp or the skin?</p>
# <p><b>The point.</b> A step that removes a confounder can remove a sign with it. Hold one fixed to see which.</p>
# <p><b>Expect.</b> "The tint is gone, so the model is fair now." The source can still be told.</p>
# <p><b>Ask.</b> "How would you photograph a lesion so that the lamp could be told from the skin?" (With a colour card.)</p>
# <p><b>When late.</b> Show the red lesions before and after, skip the shares.</p>
# </div>

# %% [markdown]
# ## Taking noise out, and what goes with it
#
# The paper's abstract names the removal of noise and says no more. One reading is a **median filter**: each pixel
# becomes the median of its neighbourhood. In one row of pixels, a single wrong one vanishes and an edge stays:

# %% tags=["nbval-check-output"]
row_of_pixels = [3, 3, 90, 3, 3, 80, 80, 80]
print(ndimage.median_filter(row_of_pixels, 3).tolist())

# %% [markdown]
# What else vanishes? Look at the last column.

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

# %%
#| fold: Say it in a sentence
some = framed.groupby("dx").head(10 * config.sizes.repeats // 7).index.sort_values()
change = np.abs(pixels[some].astype(int) - data.denoise(pixels[some])).mean(axis=-1)
height, width = config.sizes.image
inner = change[:, height // 3 : -height // 3, width // 3 : -width // 3].mean()
outer = np.concatenate([change[:, : height // 6], change[:, -height // 6 :]], axis=1).mean()
say(
    f"A median of 3 changes the middle of an image by {inner:.2f} grey levels on average, its upper and lower edge by "
    f"{outer:.2f}."
)

# %% [markdown]
# Noise does not know where the lesion is. If the filter took noise alone, it would take as much from the edge of the
# image, where there is skin, as from the middle, where the lesion is. It takes more from the middle, so it takes some of
# the lesion as well. Pigment network, dots and fine vessels are what dermoscopy is there to show, and on a small image a
# filter of three pixels is as wide as a hair.
#
# ## Removing hair
#
# Hair hides the lesion, and not everybody has the same hair. The classic remedy is *DullRazor*
# ([Lee et al. 1997](https://doi.org/10.1016/S0010-4825%2897%2900020-6)): find what is thin and dark, keep what is also
# long, paint it over from the skin beside it. The first stage is a **black-hat**. A *closing* fills every dark streak
# that is narrower than a short line; the closed image minus the image is bright where something thin and dark was.

# %%
def black_hat(grey, length):
    diagonal = np.eye(round(length / np.sqrt(2)), dtype=bool)
    lines = [np.ones((1, length)), np.ones((length, 1))]
    lines += [diagonal, diagonal[::-1]]
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

# %%
#| fold: Say it in a sentence
found = pd.Series(hairy).groupby(ham.table["dx"][some].to_numpy()).agg(["mean", "size"])
most, least = found["mean"].idxmax(), found["mean"].idxmin()
say(
    f"Does it work alike on all? Of {most} it takes {found['mean'][most]:.1%} of the pixels for hair, of {least} "
    f"{found['mean'][least]:.1%} (means of {found['size'][most]:.0f} and {found['size'][least]:.0f} images)."
)

# %% [markdown]
# Look closely at the third row. Not everything in it is a hair: the edge of a lesion and the lines of a pigment network
# are thin, dark and long too. Where the mask is wrong, a smear stands where a sign stood. How many of the masked pixels
# are hairs the numbers do not say; some lesions may sit where more hair grows. Either way the step leaves its own mark,
# for a model to find.
#
# ## A square from a photograph
#
# The photographs are four units wide and three units high. Many networks were made for squares; the paper's own network
# takes 512 by 512 pixels ([Garg et al. 2019](https://arxiv.org/abs/1912.03798), its Table 1). There are three ways. A
# white ring is painted onto the photograph, so that you see what becomes of a circle.

# %%
#| fold: Draw this figure
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
# **Squashing** keeps all of the skin and changes all shapes. Asymmetry is one of the signs of melanoma, and squashing
# can make some: a lesion that was symmetric about a slanting line no longer is. As long as it happens to every image in
# the same way, a network can learn to live with it. **Cropping** keeps the shapes and loses the sides, with whatever
# part of a large lesion lies there. **Padding** keeps both and spends pixels on nothing.
#
# Sizes also have to shrink without skipping: keeping every fourth pixel turns a thin hair into a row of dots.
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
# ## Does any of it help?
#
# A step is worth its price if a model that is scored on new lesions gets better by it. So train the same model on the
# same lesions and the same folds, with the step and without. Do it several times, each time with other folds. In each
# repetition the folds are the same for all steps, so the differences are **paired**: a hard fold is hard for both.
#
# ### Exercise: a paired gain
#
# Write `paired_gain(without, with_step)`. Both are Series of scores, and the index says which repetition a score belongs
# to; the order may differ. Return two numbers: the mean gain of the step, and in how many repetitions it is ahead.

# %% tags=["stub"]
def paired_gain(without, with_step):
    # first the gain of each repetition
    ...


# %% tags=["nbval-check-output"]
checks.check("paired-gain", paired_gain, ham)

# %% tags=["solution"]
def paired_gain(without, with_step):
    # first the gain of each repetition
    gain = with_step - without  # pandas pairs them by label
    return gain.mean(), (gain > 0).sum()


checks.check("paired-gain", paired_gain, ham)

# %% [markdown]
# Here is what the book found on the real HAM10000, whatever data this page runs on. The model is a support vector
# machine on hand-crafted features of colour and texture, which {{chapter:classical-baselines}} explains. Look back at
# your guess, then look.

# %%
#| fold: Draw this figure
#| name: does-it-help
#| caption: Balanced accuracy with each step minus balanced accuracy without any, on part of the real HAM10000 (Tschandl
#|   et al. 2018). Dot, mean of the repetitions; line, from the worst to the best.
#| alt: One dot with a horizontal line for each step, around a vertical line at zero. The lines of equalise and of
#|   clahe lie to the left of zero, equalise further than clahe.
NAMES = {"equalise": "equalise luminance", "clahe": "CLAHE", "shades of gray": "Shades of Gray",
         "denoise": "median filter"}
facts, results = records.load_experiment("classical-preprocessing")
overall = results[(results["stratum"] == "all") & (results["metric"] == "balanced_accuracy")]
table = overall.pivot(index="repetition", columns="arm", values="value")
steps = table.drop(columns=["none", "no masks"], errors="ignore")
gain = steps.sub(table["none"], axis=0)
gain = gain[gain.mean().sort_values(ascending=False).index]
fig, axis = plots.figure(2.2)
axis.axvline(0, color="#4D4D4D", linewidth=1)
plots.intervals(axis, gain.rename(columns=NAMES).agg(["mean", "min", "max"]).T, "#0072B2")
axis.set_xlabel("balanced accuracy gained over the images as they are")
plots.show(fig)

# %%
#| fold: Say it in a sentence
automatic = (table["no masks"] - table["none"]).mean()
worse = {arm: f"{100 * gain[arm].mean():+.1f} points, ahead in {(gain[arm] > 0).sum()} of {len(gain)} repetitions"
         for arm in ("equalise", "clahe")}
others = gain.drop(columns=list(worse))
listed = "; ".join(f"{NAMES.get(arm, arm)} {100 * values.mean():+.1f}, ahead in {(values > 0).sum()}"
                   for arm, values in others.items())
say(
    f"**Evening out the contrast made this model worse.** Without any step its balanced accuracy is "
    f"{table['none'].mean():.3f}. Equalising the luminance changes it by {worse['equalise']}; CLAHE by {worse['clahe']}. "
    f"The other steps, in points: {listed}."
)
say(
    f"Measured on {facts['rows']:,} real training images of one fold, at most "
    f"{max(facts['rows_of_a_class'].values())} of a class. The features are measured inside an outline of the lesion that "
    f"comes with the data set, the same for all steps; an automatic outline would cost {100 * automatic:+.1f} points."
)

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
# Perhaps absolute brightness, which is thrown away, was worth more to these features than the contrast that is gained.
# Of the other steps, count how many repetitions lie above zero and how many below before you call them a help or a harm.
#
# Three cautions. The settings of the model are fixed: a step that needs others is at a disadvantage. It is one model on
# hand-crafted features: a network might think otherwise, and must be asked. And the repetitions are other folds of the
# same lesions, so their spread is not that of new patients.

# %% tags=["assertion"]
assert all(np.array_equal(equalised(grey), even[letter][..., 0]) for letter, grey in greys.items())
corrected = np.stack([shades_of_gray(image) for image in photos])
assert np.abs(corrected.astype(int) - data.shades_of_gray(photos)).max() <= 1, "the helper does the same"
assert all(120 < picture.mean() < 145 for picture in even.values()), "equalised, all are about as bright"
assert max(before[letter] for letter in "BC") < min(before[letter] for letter in "AD")
assert np.ptp(channels["per channel"]) < 6 < np.ptp(channels["luminance"]), "per channel the mean colour is grey"
assert (gain["equalise"] < 0).mean() > 0.8 and gain["equalise"].mean() < gain["clahe"].mean() < 0
assert others.mean().max() < 0.02, "no other step was a large help"
if ham.synthetic or len(ham.table) == sum(PUBLISHED_IMAGES.values()):  # other images need not show what the text says
    assert at_the_end["CLAHE"] > at_the_end["luminance"] > at_the_end["photograph"], "red runs into the end"
    clahe_lift, stretch_lift = (mean_red[name] - mean_red["photograph"] for name in ("CLAHE", "stretch"))
    assert stretch_lift > clahe_lift / 2 > 0, "most of it is the stretch"
    if len(medians) > 1:
        assert explain["after"]["dataset"] < explain["before"]["dataset"] / 4, "the tint of the source is all but gone"
        assert 0.35 < guessed["after"] < guessed["before"] - 0.1 and len(medians) == 4, "weakened, not removed"
        assert max(within.values()) < 0.1 and abs(within["after"] - within["before"]) < 0.02, "about as little"
    assert explain["after"]["dx"] < 0.7 * explain["before"]["dx"], "and the diagnosis explains less as well"
    assert inner > 1.3 * outer and found["mean"].max() > 1.5 * found["mean"].min(), "more from the lesion, from some"

# %% [markdown]
# ## Quiz

# %% tags=["nbval-check-output"]
checks.quiz("preprocess")

# %% [markdown]
# ## Key points
#
# - Every preprocessing step throws something away. Look at what it takes, not only at what it leaves.
# - "Histogram equalisation" has several meanings. Per channel it destroys colour; all of them change brightness.
# - Colour constancy takes most of a source's tint away, and does not hide the source.
# - Filters against noise and hair take some of the lesion along.
# - Squashing, cropping and padding each cost something else.
# - Measure whether a step helps, in pairs. Equalising the luminance made a support vector machine worse.
#
# **What comes next.** {{chapter:augment-and-weigh}} changes not the images but how often, and how much, each of them
# counts.
#
# Data: [Tschandl, Rosendahl and Kittler 2018](https://doi.org/10.1038/sdata.2018.161), CC BY-NC 4.0; more on the [data
# card](../book/data-card.md). Not a medical device.

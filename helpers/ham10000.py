"""Published facts about HAM10000: the seven classes, their order and colours, their counts, the missed duplicates.

Source of names and counts: Tschandl, Rosendahl, Kittler, "The HAM10000 dataset", Sci Data 5:180161 (2018),
https://doi.org/10.1038/sdata.2018.161 (CC BY-NC 4.0).  Only aggregates stand here, and the pairs of image ids
that Abhishek, Jain, Hamarneh published as facts: Sci Data 12:196 (2025), https://doi.org/10.1038/s41597-025-04382-5.
"""

#: The one class order of this project.  Every probability vector and every confusion matrix follows it.
CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")

#: Full names, as the data set's authors give them.
NAMES = {
    "akiec": "actinic keratosis / Bowen's disease",
    "bcc": "basal cell carcinoma",
    "bkl": "benign keratosis-like lesion",
    "df": "dermatofibroma",
    "mel": "melanoma",
    "nv": "melanocytic nevus",
    "vasc": "vascular lesion",
}

#: The colour of each class in all figures, from the colour-blind-safe palette of Okabe and Ito (2008); yellow is left
#: out because it vanishes on white.
COLOURS = {
    "akiec": "#E69F00",
    "bcc": "#56B4E9",
    "bkl": "#009E73",
    "df": "#CC79A7",
    "mel": "#D55E00",
    "nv": "#0072B2",
    "vasc": "#4D4D4D",
}

#: Published numbers of images and of lesions of each class in the whole data set: drawn beside the synthetic sample, so
#: that nobody takes the sample's proportions for the truth.
PUBLISHED_IMAGES = {"akiec": 327, "bcc": 514, "bkl": 1099, "df": 115, "mel": 1113, "nv": 6705, "vasc": 142}
PUBLISHED_LESIONS = {"akiec": 228, "bcc": 327, "bkl": 727, "df": 73, "mel": 614, "nv": 5403, "vasc": 98}

#: Counted in the published table: how many images of each class show a lesion that was photographed once.
PHOTOGRAPHED_ONCE = {"akiec": 151, "bcc": 175, "bkl": 440, "df": 39, "mel": 230, "nv": 4415, "vasc": 64}

#: Counted in the published table: how many lesions have one image, two images, and so on.
IMAGES_OF_A_LESION = {1: 5514, 2: 1423, 3: 490, 4: 34, 5: 5, 6: 4}

#: The columns of the official metadata.  ``dataset`` (the source) is only in the newer Dataverse file.
COLUMNS = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset")

#: Pairs of images of one lesion that carry two different lesion_ids.
MISSED_PAIRS = (
    ("ISIC_0033481", "ISIC_0033421"),
    ("ISIC_0033556", "ISIC_0032634"),
    ("ISIC_0029152", "ISIC_0033173"),
    ("ISIC_0029036", "ISIC_0027027"),
    ("ISIC_0027820", "ISIC_0028209"),
    ("ISIC_0027689", "ISIC_0032647"),
    ("ISIC_0030906", "ISIC_0024879"),
    ("ISIC_0033391", "ISIC_0034186"),
    ("ISIC_0025226", "ISIC_0030074"),
    ("ISIC_0026087", "ISIC_0025664"),
    ("ISIC_0024736", "ISIC_0029748"),
    ("ISIC_0024770", "ISIC_0027811"),
    ("ISIC_0027162", "ISIC_0029061"),
    ("ISIC_0024602", "ISIC_0032283"),
    ("ISIC_0029625", "ISIC_0024629"),
    ("ISIC_0030000", "ISIC_0031392"),
    ("ISIC_0024437", "ISIC_0031299"),
    ("ISIC_0033374", "ISIC_0033417"),
)

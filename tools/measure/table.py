"""Count what the table of the real HAM10000 says, and what a model gets from it alone; write an experiment record.

    python -m tools.measure.table --data FOLDER --cache FOLDER

The record holds aggregates: counts by diagnosis of images, of lesions and of images with a sibling, by source, way of
confirmation, sex and site; quartiles of age; means of colour; scores of models that read no pixel.  No row of the table
is in it.
"""

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from helpers import data, splits
from helpers.ham10000 import CLASSES
from tools.measure import _harness as harness

NAME = "table"
GROUPINGS = ("dataset", "dx_type", "sex", "localization")
#: The columns that each model reads besides the age, and its class weights.
MODELS = {
    "age, sex, site": (["sex", "localization"], None),
    "the same, weighted": (["sex", "localization"], "balanced"),
    "weighted, with dx_type": (["sex", "localization", "dx_type"], "balanced"),
    "weighted, with source": (["sex", "localization", "dataset"], "balanced"),
}
CHANNELS = ("red", "green", "blue")
REPETITIONS = 5
FOLDS = 5
RARE = 100
NOTES = (
    "Counts are of images (metrics images, siblings: images that are not the only one of their lesion) or of lesions "
    "(lesions; repeated: lesions with more than one image; a lesion with images from two sources counts in each). "
    f"Sites with fewer than {RARE} lesions are counted together as 'rare sites'. Quartiles of age are of lesions whose "
    "age is known. Colours are means over lesions of the mean over an image, with the standard error; explained is the "
    "share of their variance between groups. Models are scored on folds that keep lesions whole; a repetition draws "
    "other folds, and their spread is that of the folds, not of new patients."
)


def counts(table):
    """Return ``(repetition, arm, stratum, metric, value)`` of each value of the groupings, by diagnosis.

    An arm is ``all``, or a column and its value, such as ``sex=male``.
    """
    images_of_lesion = table.groupby("lesion_id")["lesion_id"].transform("size")
    table = table.assign(sibling=images_of_lesion > 1)
    lesions = table.groupby("localization")["lesion_id"].nunique()
    rare = lesions.index[lesions < RARE]
    table["localization"] = table["localization"].where(~table["localization"].isin(rare), "rare sites")
    arms = {"all": table}
    for column in GROUPINGS:
        arms |= {f"{column}={value}": rows for value, rows in table.groupby(column)}
    rows = []
    for arm, part in arms.items():
        for dx, images in part.groupby("dx"):
            of_lesions = images.drop_duplicates("lesion_id")
            values = {
                "images": len(images),
                "lesions": len(of_lesions),
                "siblings": images["sibling"].sum(),
                "repeated": of_lesions["sibling"].sum(),
            }
            rows += [(0, arm, dx, metric, value) for metric, value in values.items()]
    for dx, part in table.drop_duplicates("lesion_id").groupby("dx"):
        for quartile in (25, 50, 75):
            rows.append((0, "all", dx, f"age quartile {quartile}", part["age"].quantile(quartile / 100)))
    for dx, missing in table["age"].isna().groupby(table["dx"]):
        rows.append((0, "all", dx, "age missing", missing.sum()))
    rows.append((0, "all", "all", "age zero", (table["age"] == 0).sum()))
    for number, lesions in images_of_lesion[~table["lesion_id"].duplicated()].value_counts().sort_index().items():
        rows.append((0, f"images of a lesion={number}", "all", "lesions", lesions))
    return rows


def explained(values, by):
    """Return the share of the variance of values that lies between groups."""
    return values.groupby(by).transform("mean").var() / values.var()


def colours(table, pixels):
    """Return the rows of the colours: of each diagnosis, of the nevi of each source, and what either explains."""
    keys = ["lesion_id", "dx", "dataset"]
    means = table[keys].assign(**dict(zip(CHANNELS, pixels.mean(axis=(1, 2)).T, strict=True)))
    means = means.groupby(keys, as_index=False).mean()
    nevi = means[means["dx"] == "nv"]
    rows = []
    for channel in CHANNELS:
        for arm, part, by in (("all", means, "dx"), ("nevi", nevi, "dataset")):
            for group, values in part.groupby(by)[channel]:
                rows.append((0, arm, group, channel, values.mean()))
                rows.append((0, arm, group, f"{channel} standard error", values.sem()))
            rows.append((0, arm, "all", f"{channel} explained", explained(part[channel], part[by])))
    return rows


def model(columns, class_weight):
    """Return a logistic regression on the age and on columns of words."""
    age = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(
        make_column_transformer((age, ["age"]), (words, columns)),
        LogisticRegression(class_weight=class_weight, max_iter=1000),
    )


def scores(true, answers):
    """Return ``{(stratum, metric): value}`` of answers: three of all images, two of melanoma, the share of "nv"."""
    matrix = confusion_matrix(true, answers, labels=list(CLASSES))
    mel = CLASSES.index("mel")
    others = np.arange(len(CLASSES)) != mel
    return {
        ("all", "accuracy"): accuracy_score(true, answers),
        ("all", "balanced_accuracy"): balanced_accuracy_score(true, answers),
        ("all", "macro_f1"): f1_score(true, answers, average="macro"),
        ("mel", "sensitivity"): matrix[mel, mel] / matrix[mel].sum(),
        ("mel", "specificity"): matrix[others][:, others].sum() / matrix[others].sum(),
        ("nv", "answered"): np.mean(np.asarray(answers) == "nv"),
    }


def models(table, seed):
    """Return the rows of the models, and of the constant answer "nv"."""
    true, groups = table["dx"].to_numpy(), splits.lesion_groups(table).to_numpy()
    rows = [(0, "always nv", *key, value) for key, value in scores(true, np.full(len(true), "nv")).items()]
    for repetition in range(REPETITIONS):
        shuffled = splits.shuffled(groups, seed + repetition)
        for name, (columns, class_weight) in MODELS.items():
            folds = StratifiedGroupKFold(FOLDS)
            answers = cross_val_predict(model(columns, class_weight), table, true, groups=shuffled, cv=folds)
            rows += [(repetition, name, *key, value) for key, value in scores(true, answers).items()]
        harness.log(f"models: {repetition + 1} of {REPETITIONS} repetitions")
    return rows


def main():
    options = harness.parser(__doc__).parse_args()
    harness.chosen({NAME: None}, options.only)
    config, ham = harness.load("meet-the-data", options)
    rows = counts(ham.table) + colours(ham.table, data.load_pixels(ham, config)) + models(ham.table, config.seed)
    experiment = harness.experiment_facts(ham, config) | {
        "name": NAME,
        "question": "What does the table of HAM10000 say of its images, and what does a model get from it alone?",
        "images": len(ham.table),
        "lesions": int(ham.table["lesion_id"].nunique()),
        "repetitions": REPETITIONS,
        "folds": FOLDS,
        "notes": NOTES,
    }
    results = harness.write_experiment(experiment, rows)
    print(results.groupby(["arm", "stratum", "metric"], sort=False)["value"].mean()[list(MODELS)])


if __name__ == "__main__":
    main()

"""The checkers of *meet-the-data*; helpers/checks/__init__.py shows how one is written."""

import numpy as np
import pandas as pd

from helpers.checks._core import exercise

#: What no patient brings along, and why.
FORBIDDEN = {
    "dx": "That is the answer itself. (A gap filled with the mean age of its diagnosis depends on it too.)",
    "dx_type": "It is written down after the diagnosis, because of it: a leak.",
    "dataset": "That is the source, a confounder: the next patient comes from none of these collections.",
    "lesion_id": "A name tells siblings apart from strangers, and nothing about skin.",
    "image_id": "A name tells one image from all others, and nothing about skin.",
    "checksum": "That is the fingerprint of one file; the next patient's file has another.",
}


def _near(value, target):
    return bool(np.isclose(float(value), target, atol=0.005))


@exercise(
    "melanoma-floor",
    expects='a dict with two shares between 0 and 1, under "accuracy" and "balanced accuracy". '
    "First step: the number of `mel` images, divided by the number of all images",
    praise="Any constant answer has a balanced accuracy of one seventh. Its accuracy is the share of its class.",
)
def mel_floor(answer, ham):
    true = ham.table["dx"]
    accuracy, balanced = answer["accuracy"], answer["balanced accuracy"]
    share, classes = (true == "mel").mean(), true.nunique()
    if _near(accuracy, share) and _near(balanced, 1 / classes):
        return None
    if max(accuracy, balanced) > 1:
        return "A number above 1: give shares between 0 and 1, neither percentages nor counts."
    if not _near(accuracy, share):
        if _near(accuracy, (true == "nv").mean()):
            return "Your accuracy is the share of `nv`. This model answers `mel`; of how many images is that true?"
        if _near(accuracy, 1 / classes):
            return "Your accuracy is one class in seven. Accuracy counts images, and the classes differ in size."
        if _near(accuracy, (ham.table.drop_duplicates("lesion_id")["dx"] == "mel").mean()):
            return "Your accuracy is the share of mel *lesions*. Here the model is scored on images."
        return "Check the accuracy: the number of `mel` images, divided by the number of all images."
    if _near(balanced, 1):
        return "Your balanced accuracy is the recall of `mel` alone. Six more recalls go into the mean, all of them 0."
    if _near(balanced, accuracy):
        return "Your balanced accuracy equals your accuracy: a mean over images. Take the mean over the diagnoses."
    return "Check the balanced accuracy: write down the recall of each diagnosis, then take their mean."


@exercise(
    "repeated-lesions",
    expects="a Series, or a dict, with one share between 0 and 1 for each diagnosis. "
    "First step: group the table by `dx` and `lesion_id`, and count the rows of each group",
    praise="It is less than the share of images: a lesion with siblings counts once here, and several times there.",
)
def repeated(answer, ham):
    sizes = ham.table.groupby(["dx", "lesion_id"]).size()
    more, lesions = (sizes > 1).groupby("dx").sum(), sizes.groupby("dx").size()
    reply = pd.Series(dict(answer), dtype=float)
    if absent := [dx for dx in lesions.index if dx not in reply.index]:
        names = ", ".join(f"`{dx}`" for dx in absent)
        return f"There is no value for {names}. Give one for each diagnosis, under its label."
    reply = reply[lesions.index]

    def same(shares):
        return np.allclose(reply, shares, atol=0.005)

    if same(more / lesions):
        return None
    if same(more):
        return "These are counts. Divide by the number of lesions of the diagnosis."
    if same(100 * more / lesions):
        return "These are percentages; give shares between 0 and 1."
    if same(sizes[sizes > 1].groupby("dx").sum().reindex(lesions.index, fill_value=0) / sizes.groupby("dx").sum()):
        return "This is the share of *images*, as in the figure. Go down to one row a lesion, then take the share."
    if same(1 - more / lesions):
        return "This is the share of lesions photographed *once*. The question is about the others."
    if same(more / lesions.sum()):
        return "You divide by all lesions. Divide by the lesions of the same diagnosis."
    if same(more / sizes.groupby("dx").sum()):
        return "You divide lesions by images. Divide lesions by lesions."
    if same((sizes > 2).groupby("dx").sum() / lesions):
        return "This counts lesions with more than two images. More than once begins with two."
    return "Count the images of each lesion, mark the lesions with more than one, take the mean by diagnosis."


@exercise(
    "honest-features",
    expects="a function that takes the table and returns a DataFrame of features with one row for each of its rows. "
    "First step: one column, whether the age is missing",
    praise="Each feature exists before the diagnosis does: yours follow age, sex and site, and no other column. "
    "A patient who comes alone has the same ones as in a crowd.",
)
def honest_features(answer, ham):
    table = ham.table.head(400).copy()
    table.loc[table.index[:3], "age"] = np.nan
    table.loc[table.index[:3], ["sex", "localization"]] = "unknown"
    handed = table.copy()
    features = answer(handed)
    if not isinstance(features, pd.DataFrame):
        return f"It returns a `{type(features).__name__}`; return a DataFrame."
    if not handed.equals(table):
        return "It changes the table that it is given. Work on a copy: the next cell needs the table as it was."
    if len(features) != len(table):
        return (
            f"It turns {len(table)} rows into {len(features)}. "
            "Keep every row, in its place: a patient with a gap wants an answer too."
        )
    if features.isna().any(axis=None):
        return (
            f"Missing values are left in {', '.join(f'`{name}`' for name in features.columns[features.isna().any()])}."
        )
    for column, why in FORBIDDEN.items():
        if not _equal(features, answer(table.assign(**{column: table[column].to_numpy()[::-1]}))):
            return f"Your features follow `{column}`. {why}"
    if not _equal(features, answer(table.set_axis(table.index + len(ham.table)))):
        return "Your features follow the number of the row, and the rows are sorted by name: that is `image_id` again."
    sites = [*table["localization"].unique(), "unknown"][:2]
    for column, first, second in (("age", 30.0, 70.0), ("sex", "female", "male"), ("localization", *sites)):
        before, after = (answer(_first(table, column, value)).head(1) for value in (first, second))
        if first != second and _equal(before, after):
            return f"Your features do not follow `{column}`, though a patient brings it along. Put it in."
    without = answer(_first(table, "age", np.nan)).head(1)
    for age in range(0, 90, 5):
        if _equal(without, answer(_first(table, "age", float(age))).head(1)):
            return (
                f"A missing age and an age of {age} give the same features, and there are people of that age. Mark "
                "the gap in a column of its own."
            )
    return _of_one_patient(answer, table, features)


def _of_one_patient(answer, table, features):
    """Hand over single rows, one of unknown age and one of a known age: their features may not change."""
    for row in (0, table["age"].notna().to_numpy().argmax()):
        alone = answer(table.iloc[[row]].copy())
        if list(alone.columns) != list(features.columns):
            return (
                f"A single patient gets {alone.shape[1]} columns, one among {len(table)} gets {features.shape[1]}. "
                "Columns made from the words that occur change with the table: write down beforehand which there are."
            )
        if alone.isna().any(axis=None):
            return (
                "A single patient of unknown age gets a missing value: a table of gaps has no median and no mean. "
                "Fill with a number that you settle beforehand."
            )
        if not _equal(alone, features.iloc[[row]]):
            return (
                "A patient has other features alone than among others, so something is computed from the table that "
                "comes in. Use numbers that you settle beforehand."
            )
    return None


def _first(table, column, value):
    changed = table.copy()
    changed.loc[changed.index[0], column] = value
    return changed


def _equal(first, second):
    return first.shape == second.shape and np.array_equal(first.to_numpy(), second.to_numpy())

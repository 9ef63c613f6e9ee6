"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import pandas as pd


def floor(accuracy, balanced=1 / 7):
    return lambda ham: {
        "accuracy": accuracy(ham),
        "balanced accuracy": balanced if balanced is not None else accuracy(ham),
    }


def share(dx):
    return lambda ham: (ham.table["dx"] == dx).mean()


def sizes(ham):
    return ham.table.groupby(["dx", "lesion_id"]).size()


SITES = ("face", "back", "trunk", "scalp", "abdomen", "upper extremity", "lower extremity", "unknown")


def honest(table):
    """Features that the check takes for right; each wrong answer does one thing otherwise."""
    features = pd.DataFrame({"age": table["age"].fillna(50), "age missing": table["age"].isna()})
    sexes = {f"sex_{word}": table["sex"] == word for word in ("female", "male")}
    return features.assign(**sexes, **{f"site_{word}": table["localization"] == word for word in SITES})


def with_words(*columns):
    return lambda ham: lambda table: pd.concat([honest(table), pd.get_dummies(table[list(columns)])], axis=1)


def with_age(filled):
    return lambda ham: lambda table: honest(table).assign(age=filled(table))


def in_place(table):
    table["age"] = table["age"].fillna(table["age"].median())
    return honest(table)


WRONG = {
    "melanoma-floor": {
        "the share of nv": (floor(share("nv")), "the share of `nv`"),
        "one in seven images": (floor(lambda ham: 1 / 7), "classes differ in size"),
        "the share of mel lesions": (
            floor(lambda ham: (ham.table.drop_duplicates("lesion_id")["dx"] == "mel").mean()),
            "mel *lesions*",
        ),
        "some other share": (floor(lambda ham: 0.5), "divided by the number of all"),
        "percent": (floor(lambda ham: 100 * share("mel")(ham), 100 / 7), "between 0 and 1"),
        "counts": (floor(lambda ham: (ham.table["dx"] == "mel").sum()), "neither percentages nor counts"),
        "the recall of mel alone": (floor(share("mel"), 1), "recall of `mel` alone"),
        "a mean over images": (floor(share("mel"), None), "mean over the diagnoses"),
        "one in two": (floor(share("mel"), 0.5), "recall of each diagnosis"),
    },
    "repeated-lesions": {
        "the share of images": (
            lambda ham: ham.table.groupby("lesion_id")["dx"].transform("size").gt(1).groupby(ham.table["dx"]).mean(),
            "share of *images*",
        ),
        "photographed once": (lambda ham: (sizes(ham) == 1).groupby("dx").mean(), "photographed *once*"),
        "counts": (lambda ham: (sizes(ham) > 1).groupby("dx").sum(), "These are counts"),
        "percent": (lambda ham: 100 * (sizes(ham) > 1).groupby("dx").mean(), "percentages"),
        "of all lesions": (
            lambda ham: (sizes(ham) > 1).groupby("dx").sum() / len(sizes(ham)),
            "lesions of the same diagnosis",
        ),
        "lesions by images": (
            lambda ham: (sizes(ham) > 1).groupby("dx").sum() / ham.table.groupby("dx").size(),
            "Divide lesions by lesions",
        ),
        "more than twice": (lambda ham: (sizes(ham) > 2).groupby("dx").mean(), "begins with two"),
        "one number for all": (lambda ham: {"all": (sizes(ham) > 1).mean()}, "no value for `akiec`"),
        "nonsense": (lambda ham: sizes(ham).groupby("dx").mean(), "mark the lesions with more than one"),
    },
    "honest-features": {
        "keeps dx_type": (with_words("dx_type"), "`dx_type`"),
        "keeps the source": (with_words("dataset"), "`dataset`"),
        "keeps the answer": (with_words("dx"), "the answer itself"),
        "fills with the mean age of the diagnosis": (
            with_age(lambda table: table["age"].fillna(table.groupby("dx")["age"].transform("mean"))),
            "mean age of its diagnosis",
        ),
        "counts the siblings": (
            lambda ham: lambda table: honest(table).assign(number=table.groupby("lesion_id")["sex"].transform("size")),
            "`lesion_id`",
        ),
        "keeps the image's name": (
            lambda ham: lambda table: honest(table).assign(name=table["image_id"]),
            "`image_id`",
        ),
        "keeps the file's fingerprint": (
            lambda ham: lambda table: honest(table).assign(file=table["checksum"]),
            "`checksum`",
        ),
        "drops rows with gaps": (lambda ham: lambda table: honest(table.dropna()), "Keep every row"),
        "leaves the gaps": (with_age(lambda table: table["age"]), "Missing values are left in `age`"),
        "fills with zero": (
            lambda ham: lambda table: honest(table).assign(age=table["age"].fillna(0)).drop(columns="age missing"),
            "an age of 0 give",
        ),
        "fills with fifty, without a mark": (
            lambda ham: lambda table: honest(table).drop(columns="age missing"),
            "an age of 50 give",
        ),
        "keeps the number of the row": (
            lambda ham: lambda table: honest(table).reset_index(),
            "number of the row",
        ),
        "a column for each word that occurs": (
            lambda ham: lambda table: honest(table).join(pd.get_dummies(table["localization"])),
            "write down beforehand which there are",
        ),
        "fills with the median of what comes in": (
            with_age(lambda table: table["age"].fillna(table["age"].median())),
            "a table of gaps has no median",
        ),
        "fills with the median of what comes in, or else with 50": (
            with_age(lambda table: table["age"].fillna(table["age"].median()).fillna(50.5)),
            "computed from the table that comes in",
        ),
        "ranks the ages": (
            with_age(lambda table: table["age"].fillna(50).rank(pct=True)),
            "computed from the table that comes in",
        ),
        "forgets the site": (
            lambda ham: lambda table: honest(table)[["age", "age missing", "sex_female", "sex_male"]],
            "do not follow `localization`",
        ),
        "forgets the age": (lambda ham: lambda table: honest(table).drop(columns="age"), "do not follow `age`"),
        "changes the table": (lambda ham: in_place, "Work on a copy"),
        "returns an array": (lambda ham: lambda table: honest(table).to_numpy(), "return a DataFrame"),
    },
}

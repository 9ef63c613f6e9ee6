"""Measure whom models fail on the real HAM10000: every outcome by source, age, sex and site; an experiment record.

    python -m tools.measure.subgroups --data FOLDER --cache FOLDER

Nothing is trained: predictions come from the book's run records, and slices from the table of the data set, which no
record holds.  The record keeps aggregates of slices, no row of the table.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score
from statsmodels.discrete.discrete_model import Logit

from helpers.evaluate._slices import strata
from helpers.ham10000 import CLASSES
from helpers.splits import lesion_groups
from tools.measure import _harness as harness

NAME = "subgroups"
MODELS = {
    "resnet-frozen": "resnet-frozen-grouped-200x150",
    "xgboost": "classical-grouped-handcrafted-xgboost-plain",
    "svm": "classical-grouped-handcrafted-svm-plain",
}
#: Named before anything was looked at.
SLICES = ("source", "age", "sex", "site")
#: Slices with fewer lesions than this are left out of tests and tables.
FEWEST_LESIONS = 30
#: Of melanomas in the validation set, the share that the threshold finds.
AIM = 0.9
RESAMPLES, PERMUTATIONS = 2000, 9999
NOTES = (
    "Thresholds: by fold, the highest that finds nine of ten validation melanomas. Intervals: bootstrap over lesion "
    f"groups, {RESAMPLES:,} resamples. Tests: strata permuted over the lesions of a diagnosis, {PERMUTATIONS:,} times, "
    "so that a difference in the mix of diagnoses is none. Expected accuracy: the recall of each diagnosis in all "
    "images, in the mix of the stratum. 'worst by chance': the lowest sensitivity of a stratum under the permutations, "
    "mean."
)


def load_answers(name, table):
    """Return what a run said of every image of a table, in its order: columns of outcomes and ``weight`` of none."""
    run = harness.stored_run(name)
    validation, tested = run.validation, run.predictions.set_index("image_id").loc[table["image_id"]]
    thresholds = {
        fold: np.sort(part.loc[part["true"] == "mel", "mel"])[int(np.floor((1 - AIM) * (part["true"] == "mel").sum()))]
        for fold, part in validation.groupby("fold")
    }
    answers = pd.Series(run.answers, index=run.predictions["image_id"]).loc[table["image_id"]].to_numpy()
    p_mel = tested["mel"].to_numpy()
    return pd.DataFrame(
        {
            "dx": table["dx"],
            "histo": table["dx_type"] == "histo",
            "p_mel": p_mel,
            "flagged": p_mel >= tested["fold"].map(thresholds).to_numpy(),
            "correct": answers == table["dx"],
        }
    )


def outcomes(answered):
    """Return ``{name: (counted, positive)}``: which images an outcome counts, and of which it is true."""
    dx = answered["dx"]
    recalls = {f"recall {name}": (dx == name, answered["correct"]) for name in ("nv", "mel", "bkl", "bcc", "akiec")}
    return {
        "accuracy": (dx.notna(), answered["correct"]),
        "sensitivity": (dx == "mel", answered["flagged"]),
        "nevi flagged": ((dx == "nv") & answered["histo"], answered["flagged"]),
        **recalls,
    }


def rates(counted, positive, codes, n):
    """Return shares by stratum, ``(..., n)``, of images counted and of them positive; strata below 0 are left out."""
    inside = codes >= 0
    total = np.bincount(codes[inside], counted[inside], n)
    return np.bincount(codes[inside], positive[inside], n), total


def spread(positive, total):
    """Return how far shares lie apart: the sum over strata of images times the squared distance from the whole."""
    overall = positive.sum() / total.sum()
    return np.sum(
        total * (np.divide(positive, total, out=np.full(len(total), overall), where=total > 0) - overall) ** 2
    )


def permutation_test(by_lesion, codes, classes, n, rng):
    """Return the p-value of :func:`spread` and the mean lowest share, with strata permuted within diagnoses.

    Parameters
    ----------
    by_lesion : (lesions, 2) images of each lesion that are counted, and that are positive
    codes : stratum of each lesion, below 0 for none
    classes : diagnosis of each lesion
    n : number of strata
    """
    keep = (codes >= 0) & (by_lesion[:, 0] > 0)
    counted, positive = by_lesion[keep].T
    codes, classes = codes[keep], classes[keep]
    observed = spread(np.bincount(codes, positive, n), np.bincount(codes, counted, n))
    order = np.argsort(classes, kind="stable")
    counted, positive, codes, classes = counted[order], positive[order], codes[order], classes[order]
    bounds = np.flatnonzero(np.r_[True, classes[1:] != classes[:-1], True])
    larger, lowest = 0, []
    for _ in range(PERMUTATIONS):
        mixed = np.concatenate([rng.permutation(codes[a:b]) for a, b in pairwise(bounds)])
        hits, total = np.bincount(mixed, positive, n), np.bincount(mixed, counted, n)
        larger += spread(hits, total) >= observed - 1e-9
        lowest.append(np.min(hits[total > 0] / total[total > 0]))
    return (1 + larger) / (1 + PERMUTATIONS), float(np.mean(lowest))


def measure(model, answered, table, groups, rng):
    """Return the rows of the record for one model."""
    lesions, lesion = np.unique(groups, return_inverse=True)
    classes = answered["dx"].to_numpy()[np.unique(lesion, return_index=True)[1]]
    draws = rng.multinomial(len(lesions), np.full(len(lesions), 1 / len(lesions)), RESAMPLES).astype(np.float32)
    masks = strata(table)
    recall = answered.groupby("dx")["correct"].mean()
    rows = []

    def add(stratum, metric, value):
        rows.append((0, model, stratum, metric, float(value)))

    def add_share(stratum, metric, counted, positive):
        sums = np.stack([np.bincount(lesion, counted), np.bincount(lesion, counted & positive)], axis=1)
        total, hits = (draws @ sums.astype(np.float32)).T
        low, high = np.quantile(hits[total > 0] / total[total > 0], [0.025, 0.975])
        add(stratum, f"{metric}: images", counted.sum())
        add(stratum, metric, (counted & positive).sum() / counted.sum())
        add(stratum, f"{metric}: low", low)
        add(stratum, f"{metric}: high", high)

    def add_auc(stratum, part):
        melanoma, score = (answered["dx"] == "mel").to_numpy(), answered["p_mel"].to_numpy()
        add(stratum, "AUC", roc_auc_score(melanoma[part], score[part]))

    everywhere = np.ones(len(table), bool)
    strata_of = {"all": everywhere}
    for (name, stratum), mask in masks.items():
        if name in SLICES and stratum != "unknown" and len(np.unique(lesion[mask])) >= FEWEST_LESIONS:
            strata_of[f"{name}: {stratum}"] = mask
    for label, mask in strata_of.items():
        add(label, "images", mask.sum())
        add(label, "lesions", len(np.unique(lesion[mask])))
        add(label, "expected accuracy", recall[answered["dx"][mask]].mean())
        add(label, "melanoma: predicted", answered["p_mel"][mask].mean())
        add_share(label, "melanoma: share", mask, (answered["dx"] == "mel").to_numpy())
        for outcome, (counted, positive) in outcomes(answered).items():
            if (counted & mask).sum():
                add_share(label, outcome, (counted & mask).to_numpy(), positive.to_numpy())
        if 0 < (answered["dx"][mask] == "mel").sum() < mask.sum():
            add_auc(label, mask)
    for name in SLICES:
        labels = [label for label in strata_of if label.startswith(f"{name}: ")]
        codes = np.full(len(lesions), -1)
        for code, label in enumerate(labels):
            codes[lesion[strata_of[label]]] = code
        for outcome, (counted, positive) in outcomes(answered).items():
            counted = (counted & (codes[lesion] >= 0)).to_numpy()
            by_lesion = np.stack(
                [np.bincount(lesion, counted), np.bincount(lesion, counted & positive.to_numpy())], axis=1
            )
            p_value, lowest = permutation_test(by_lesion, codes, classes, len(labels), rng)
            add(name, f"{outcome}: p", p_value)
            add(name, f"{outcome}: worst by chance", lowest)
    add("source", "AUC of the source alone", source_alone(answered, table))
    for metric, value in adjusted(answered, table, groups).items():
        add("source: vidir_molemax", metric, value)
    harness.log(f"{model}: done")
    return rows


def source_alone(answered, table):
    """Return the melanoma AUC of a score that knows only the share of melanomas of the source in other folds."""
    run = harness.stored_run(MODELS["resnet-frozen"])
    fold = run.predictions.set_index("image_id")["fold"].loc[table["image_id"]].to_numpy()
    melanoma, score = (answered["dx"] == "mel").to_numpy(), np.empty(len(table))
    for number in np.unique(fold):
        tested = fold == number
        share = pd.Series(melanoma[~tested]).groupby(table["dataset"].to_numpy()[~tested]).mean()
        score[tested] = table["dataset"][tested].map(share)
    return roc_auc_score(melanoma, score)


def adjusted(answered, table, groups):
    """Return the odds ratio of being flagged for a melanoma of vidir_molemax, adjusted for age and sex."""
    rows = ((answered["dx"] == "mel") & table["age"].notna() & (table["sex"] != "unknown")).to_numpy()
    design = pd.DataFrame(
        {
            "constant": 1.0,
            "molemax": table["dataset"][rows] == "vidir_molemax",
            "decades": table["age"][rows] / 10,
            "male": table["sex"][rows] == "male",
        }
    ).astype(float)
    clusters = pd.factorize(groups[rows])[0]
    fitted = Logit(answered["flagged"][rows].astype(float), design).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": clusters}
    )
    low, high = np.exp(fitted.conf_int().loc["molemax"])
    return {
        "odds ratio": np.exp(fitted.params["molemax"]),
        "odds ratio: low": low,
        "odds ratio: high": high,
        "odds ratio: p": fitted.pvalues["molemax"],
    }


def main():
    options = harness.parser(__doc__).parse_args()
    harness.chosen({NAME: MODELS}, options.only)
    config, ham = harness.load("where-could-90-come-from", options)
    table = ham.table.reset_index(drop=True)
    groups = lesion_groups(table).to_numpy()
    rng = np.random.default_rng(config.seed)
    results = []
    for model, name in MODELS.items():
        results += measure(model, load_answers(name, table), table, groups, rng)
    experiment = harness.experiment_facts(ham, config) | {
        "name": NAME,
        "question": "Which patients and which cameras do models fail, beyond the mix of diagnoses?",
        "records": list(MODELS.values()),
        "slices": list(SLICES),
        "classes": list(CLASSES),
        "aim": AIM,
        "notes": NOTES,
    }
    harness.write_experiment(experiment, results)


if __name__ == "__main__":
    main()

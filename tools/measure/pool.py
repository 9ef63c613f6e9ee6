"""Pool what the models of existing records say of the same images, and write the pool's run records.

    python -m tools.measure.pool --data FOLDER --cache FOLDER [--only PATTERN]

A pool is logarithmic: the models' log-probabilities, each times a weight of its model that is not negative, are added
up with an offset for each class, and made probabilities again (Genest, Zidek, Statistical Science 1:114, 1986; stacking
with weights that are not negative: Breiman, Machine Learning 24:49, 1996).  A ridge pulls the weights towards equal
ones and the offsets towards zero.  Weights, offsets and ridge come from validation predictions, fold by fold: those of
fold k fit the pool of fold k.  The test rows choose nothing.
"""

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer

from helpers import records
from helpers.ham10000 import CLASSES
from helpers.records import _runs as runs
from helpers.records._seal import DECIMALS, SPLITS
from helpers.splits import lesion_groups, shuffled
from tools.measure import _harness as harness

#: What is tried of the ridge, in units of validation images; and in how many folds of the validation images.
RIDGES = (0.1, 1.0, 10.0, 100.0, 1000.0)
INNER_FOLDS = 5
#: Records hold rounded probabilities: one that reads 0 is less than half of the last decimal.
LEAST = 0.5 * 10.0**-DECIMALS
CLINICAL = "age, sex, site"
#: Without class weights, of all protocols.  ``{}`` is the protocol.
NINE = (
    *(
        f"classical-{{}}-{kind}-{model}-plain"
        for kind in ("raw", "handcrafted")
        for model in ("forest", "xgboost", "svm")
    ),
    *(f"{network}-frozen-{{}}-200x150" for network in ("vgg16", "resnet", "mobilenetv2")),
)
TUNED = ("vgg16-tuned-{}-200x150", "resnet-tuned-{}-200x150")
RETRAINED = (*TUNED, "resnet-last-{}-200x150", "resnet-whole-{}-200x150")
#: ``{record: (protocol, members)}``.  A pool has the folds that all of its members have.
PLAN = {
    "pool-grouped": ("grouped", NINE),
    "pool-holdout938": ("holdout938", NINE),
    "pool-clinical-grouped": ("grouped", (*NINE, CLINICAL)),
    "pool-tuned-grouped": ("grouped", (*NINE, *TUNED)),
    "pool-tuned-clinical-grouped": ("grouped", (*NINE, *TUNED, CLINICAL)),
    "pool-retrained-holdout938": ("holdout938", (*NINE, *RETRAINED)),
}
NOTES = (
    "Log-probabilities of the members, with weights that are not negative and an offset for each class. Weights, "
    "offsets and the ridge are fitted fold by fold on the validation predictions of the members' records, the ridge "
    f"by grouped {INNER_FOLDS}-fold cross-validation on them; no test row is read for it. {{inputs}} The members' own "
    "epochs and calibration were chosen on the same validation images. images_per_second counts validation images in "
    "the fit."
)
#: What a record says beside that.
REMARKS = {
    "pool-holdout938": " Fitted when the score of the pool of thirteen models on these test images was known already, "
    "only to have the recipe of pool-grouped under this protocol, too."
}
WITH_CLINICAL = f"With {CLINICAL}, by a logistic regression that is fitted on the training rows."
EVENED = (
    " The same pool as the record without -evened: its probabilities, divided by the classes' shares of the training "
    "images, for equally common classes."
)


@dataclass(frozen=True, eq=False)
class Pool:
    """A fitted pool: ``weights`` ``(models,)``, ``offsets`` ``(7,)``, the ridge, and the log-loss of each tried one."""

    weights: np.ndarray
    offsets: np.ndarray
    ridge: float
    tried: dict[float, float]

    def predict_proba(self, y_probs):
        """Return the pooled probabilities ``(n, 7)`` of the models' probabilities ``(models, n, 7)``."""
        return softmax(np.tensordot(self.weights, _log(y_probs), 1) + self.offsets, axis=1)


def fit(y_probs, y_true, groups, ridges=RIDGES):
    """Fit a :class:`Pool`.

    Parameters
    ----------
    y_probs : (models, n, 7) probabilities of validation images
    y_true : (n,) class codes
    groups : (n,) lesion groups, which stay together in the cross-validation that chooses the ridge
    ridges : tuple of float
        A single one is not tuned.
    """
    logs = _log(y_probs)
    folds = list(StratifiedGroupKFold(INNER_FOLDS).split(y_true, y_true, shuffled(groups)))
    tried = {}
    for ridge in ridges:
        pooled = np.empty((len(y_true), len(CLASSES)))
        for train, test in folds:
            weights, offsets = _minimise(logs[:, train], y_true[train], ridge)
            pooled[test] = softmax(np.tensordot(weights, logs[:, test], 1) + offsets, axis=1)
        tried[ridge] = log_loss(y_true, pooled, labels=range(len(CLASSES)))
    ridge = min(tried, key=tried.get)
    return Pool(*_minimise(logs, y_true, ridge), ridge, tried)


def _minimise(logs, y_true, ridge):
    """Return the weights and the offsets of the lowest summed log-loss plus ridge."""
    models = len(logs)
    one_hot = np.eye(len(CLASSES))[y_true]

    def loss(parameters):
        weights, offsets = parameters[:models], parameters[models:]
        log_prob = log_softmax(np.tensordot(weights, logs, 1) + offsets, axis=1)
        error = np.exp(log_prob) - one_hot
        away = np.concatenate([weights - 1 / models, offsets])
        gradient = np.concatenate([np.tensordot(logs, error, 2), error.sum(axis=0)])
        return -log_prob[one_hot == 1].sum() + ridge * (away**2).sum(), gradient + 2 * ridge * away

    start = np.concatenate([np.full(models, 1 / models), np.zeros(len(CLASSES))])
    bounds = [(0, None)] * models + [(None, None)] * len(CLASSES)
    best = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return best[:models], best[models:]


def _log(y_probs):
    return np.log(np.maximum(y_probs, LEAST))


def clinical(table, split):
    """Return the probabilities of validation and test images from age, sex and site of the body alone.

    A logistic regression, fitted on the training rows.
    """
    age = make_pipeline(SimpleImputer(add_indicator=True), SplineTransformer(n_knots=5, extrapolation="constant"))
    words = OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer((age, ["age"]), (words, ["sex", "localization"]))
    model = make_pipeline(columns, LogisticRegression(max_iter=2000))
    codes = pd.Categorical(table["dx"], categories=list(CLASSES)).codes
    model.fit(table.iloc[split.train], codes[split.train])
    y_probs = {}
    for part, rows in (("validation", split.validation), ("test", split.test)):
        y_probs[part] = np.zeros((len(rows), len(CLASSES)))
        y_probs[part][:, model.classes_] = model.predict_proba(table.iloc[rows])
    return y_probs["validation"], y_probs["test"]


def pool_fold(members, fold, split, table):
    """Return a :class:`Pool` fitted on the validation rows of a fold, and its probabilities of validation and test.

    Parameters
    ----------
    members : dict
        ``{name: helpers.records.Run}``; None instead of a run for :data:`CLINICAL`.
    fold : int
    split : helpers.splits.Split
    table : pandas.DataFrame
    """
    images = table["image_id"].to_numpy()
    validation, test = [], []
    for run in members.values():
        if run is None:
            of_validation, of_test = clinical(table, split)
        else:
            of_validation = harness.probabilities(run.validation, fold, images[split.validation])
            of_test = harness.probabilities(run.predictions, fold, images[split.test])
        validation.append(of_validation)
        test.append(of_test)
    codes = pd.Categorical(table["dx"], categories=list(CLASSES)).codes.astype(int)
    groups = lesion_groups(table).to_numpy()
    pool = fit(np.array(validation), codes[split.validation], groups[split.validation])
    return pool, pool.predict_proba(np.array(validation)), pool.predict_proba(np.array(test))


def measure(name, protocol, members, ham, config):
    """Fit the pool of each fold that all members have; write its records at natural and at equal priors."""
    loaded = {member: None if member == CLINICAL else records.load_run(harness.RESULTS / member) for member in members}
    # A record's validation predictions by their SHA-256: a pool is fitted anew where a member has changed.
    digests = {member: run and run.facts["files"]["validation.csv.gz"] for member, run in loaded.items()}
    stored = harness.stored_run(name)
    if stored is not None and stored.facts["hyperparameters"]["members"] == digests:
        return harness.log(f"{name}: there already")
    started = time.perf_counter()
    folds = sorted(set.intersection(*(set(run.facts["folds"]) for run in loaded.values() if run)))
    splits = [SPLITS[protocol](ham.table, fold, seed=config.seed) for fold in folds]
    fitted = [pool_fold(loaded, fold, split, ham.table) for fold, split in zip(folds, splits, strict=True)]
    pools, validation, test = zip(*fitted, strict=True)
    seconds = time.perf_counter() - started
    with_clinical = f", with {CLINICAL}" if CLINICAL in members else ""
    run = runs.facts(ham, config) | {
        "name": name,
        "model": f"log pool of {len(members)} models{with_clinical}",
        "folds": folds,
        "hyperparameters": {
            "members": digests,
            "ridge": [pool.ridge for pool in pools],
            "tried": [{str(ridge): round(loss, 5) for ridge, loss in pool.tried.items()} for pool in pools],
            "weights": [dict(zip(members, pool.weights.round(4).tolist(), strict=True)) for pool in pools],
            "offsets": [dict(zip(CLASSES, pool.offsets.round(4).tolist(), strict=True)) for pool in pools],
            "inner_folds": INNER_FOLDS,
            "priors": "as trained",
        },
        "chosen_on": "validation",
        "wall_seconds": round(seconds, 1),
        "images_per_second": round(sum(map(len, validation)) / seconds, 1),
        "notes": NOTES.format(inputs=WITH_CLINICAL if with_clinical else "Image alone, no metadata.")
        + REMARKS.get(name, ""),
    }
    harness.write_run(run, ham.table, splits, validation, test)
    shares = [training_shares(ham.table, split) for split in splits]
    evened = {
        "name": f"{name}-evened",
        "model": f"{run['model']}, priors evened",
        "hyperparameters": run["hyperparameters"] | {"priors": "evened"},
        "notes": run["notes"] + EVENED,
    }
    harness.write_run(
        run | evened, ham.table, splits, to_equal_priors(validation, shares), to_equal_priors(test, shares)
    )


def training_shares(table, split):
    """Return the classes' shares of the training images, ``(7,)``."""
    return table["dx"].iloc[split.train].value_counts(normalize=True)[list(CLASSES)].to_numpy()


def to_equal_priors(y_probs, shares):
    """Return each fold's probabilities ``(n, 7)``, shifted to equally common classes.

    Source: Saerens, Latinne, Decaestecker, Neural Computation 14:21, 2002.
    """
    shifted = [y_prob / share for y_prob, share in zip(y_probs, shares, strict=True)]
    return [y_prob / y_prob.sum(axis=1, keepdims=True) for y_prob in shifted]


def main():
    options = harness.parser(__doc__).parse_args()
    plan = harness.chosen(PLAN, options.only)
    config, ham = harness.load("against-the-paper", options)
    for name, (protocol, members) in plan.items():
        measure(name, protocol, [member.format(protocol) for member in members], ham, config)


if __name__ == "__main__":
    main()

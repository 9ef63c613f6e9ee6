"""Classical models on features: Random Forest, XGBoost and a support vector machine, tuned and calibrated honestly.

The rows that test choose nothing: candidates are compared by grouped cross-validation inside
the training rows, and probabilities are calibrated on the validation rows.  Not a medical device.
"""

import time
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import log_expit, log_softmax, softmax
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from xgboost import XGBClassifier

from helpers.ham10000 import CLASSES
from helpers.settings import SEED
from helpers.splits import lesion_groups, shuffled
from tools.measure._harness import subsample

MODELS = ("forest", "xgboost", "svm")
#: What :func:`fit_and_predict` tries by default.  ``weight_power`` says how strongly the training
#: weighs rare classes: a class of n images has the weight n ** -weight_power; it is tried in weighted fits only.
CANDIDATES = {
    "forest": {"min_samples_leaf": (2,), "weight_power": (0.5, 1.0)},
    "xgboost": {"max_depth": (5,), "weight_power": (0.5, 1.0)},
    "svm": {"C": (2.0, 8.0), "gamma": (0.125, 0.25), "weight_power": (0.5, 1.0)},
}
INNER_FOLDS = 3
ALL = np.arange(len(CLASSES))
#: Standardised features are cut at so many standard deviations, lest one odd image stretch an axis.
CUT = 4.0
#: Principal components that the support vector machine keeps of raw pixels.
COMPONENTS = 80
#: How strongly calibration pulls the classes' offsets towards zero: in units of validation images.
PENALTY = 2.0


@dataclass(frozen=True, eq=False, repr=False)
class Baseline:
    """A fitted and calibrated model, and how it was chosen.

    ``present`` are the positions in ``CLASSES`` of the classes it was trained on.  ``validation`` and ``test`` are
    probabilities, ``(m, 7)`` in the order of ``CLASSES``.  ``tried`` has a row a candidate with its score in the inner
    cross-validation; ``parameters`` is the best of them.  ``seconds`` is the wall time of everything, ``fit_seconds``
    that of the last fit.
    """

    pipeline: Pipeline
    present: np.ndarray
    calibration: np.ndarray
    parameters: dict
    tried: pd.DataFrame
    validation: np.ndarray
    test: np.ndarray
    seconds: float
    fit_seconds: float

    def predict_proba(self, values):
        """Return calibrated probabilities ``(m, 7)`` of features ``(m, d)``."""
        return calibrated(scores(self.pipeline, values, self.present), self.calibration)


def build(model, kind="handcrafted", seed=SEED, jobs=-1, trees=200, **parameters):
    """Return an unfitted scikit-learn ``Pipeline`` whose last step is named ``model``.

    Random Forest: Breiman, Machine Learning 45:5 (2001).  XGBoost: Chen, Guestrin, KDD 2016.  SVM with a radial kernel:
    Cortes, Vapnik, Machine Learning 20:273 (1995); it gets standardised features, and of raw pixels their principal
    components, because its distances weigh every column alike.  Trees need neither.

    Parameters
    ----------
    model : str
        One of :data:`MODELS`.
    kind : str
        Of the features: ``"raw"`` or ``"handcrafted"``.
    jobs : int
        Processor cores; -1 is all of them.  Results do not depend on it.
    trees : int
        Of the forest.
    **parameters
        Of the model; ``gamma`` of the SVM counts in units of one over the number of columns.

    Raises
    ------
    ValueError
        For an unknown model.
    """
    if model == "forest":
        classifier = RandomForestClassifier(trees, random_state=seed, n_jobs=jobs, **parameters)
        return Pipeline([("model", classifier)])
    if model == "xgboost":
        defaults = {"n_estimators": 150, "learning_rate": 0.12, "subsample": 0.7}
        # Each tree sees about a hundred columns, since many say nearly the same.
        defaults |= {"colsample_bytree": 0.1 if kind == "handcrafted" else 0.04, "tree_method": "hist", "max_bin": 64}
        options = defaults | parameters
        return Pipeline([("model", XGBClassifier(random_state=seed, n_jobs=jobs, **options))])
    if model != "svm":
        raise ValueError(f"model {model!r} is not known; choose one of {', '.join(MODELS)}")
    # Given as a function, the kernel is one matrix product: several times as fast as column by column.
    kernel = partial(rbf_kernel, gamma=parameters.pop("gamma", 0.25))
    steps = [("scale", StandardScaler())]
    if kind == "raw":
        steps += [("components", PCA(COMPONENTS, whiten=True, svd_solver="randomized", random_state=seed))]
    cut = FunctionTransformer(np.clip, kw_args={"a_min": -CUT, "a_max": CUT})
    width = FunctionTransformer(_unit_length)
    return Pipeline(
        [
            *steps,
            ("cut", cut),
            ("width", width),
            ("model", SVC(kernel=kernel, decision_function_shape="ovo", cache_size=500, **parameters)),
        ]
    )


def class_weights(codes, power):
    """Return one weight an image, ``(n,)``: its class's count to the power ``-power``, scaled to a mean of 1.

    Power 0 weighs all images alike, power 1 all classes alike ("balanced"); 0.5 lies between.
    """
    counts = np.bincount(codes, minlength=len(CLASSES))
    weights = np.maximum(counts, 1.0)[codes] ** -power
    return weights / weights.mean()


def fit_and_predict(
    model, features, table, split, weighted=False, candidates=None, tuning_rows=3000, seed=SEED, jobs=-1, trees=200
):
    """Tune, fit, calibrate; return a :class:`Baseline` with the probabilities of the validation and the test rows.

    The decision is always the highest probability.  Unweighted, the probabilities are those of the data, tuned for
    accuracy.  Weighted, every class counts alike in tuning (balanced accuracy), calibration, and as far as the
    candidates say in training: the probabilities are those of a population in which the seven classes are equally
    frequent, and the decision is the one for balanced accuracy.

    Parameters
    ----------
    model : str
        One of :data:`MODELS`.
    features : helpers.classical.Features
    table : pandas.DataFrame
        ``Dataset.table``; only ``dx`` and the lesion groups are read.
    split : helpers.splits.Split
    weighted : bool
    candidates : dict of str to tuple, optional
        Values to try of each parameter; default :data:`CANDIDATES`.  One candidate is not tuned.
    tuning_rows : int
        At most so many training rows, whole lesion groups, take part in tuning.
    """
    started = time.perf_counter()
    codes = pd.Categorical(table["dx"], categories=list(CLASSES)).codes.astype(int)
    groups = lesion_groups(table).to_numpy()
    values = features.values
    grid = dict(candidates or CANDIDATES[model])
    powers = grid.pop("weight_power", (1.0,)) if weighted else (0.0,)
    if not weighted:
        grid.pop("weight_power", None)
    grid["weight_power"] = powers
    choices = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]

    def fitted(rows, weight_power, **parameters):
        pipeline = build(model, features.kind, seed, jobs, trees, **parameters)
        if "components" in pipeline.named_steps:  # there are no more of them than rows
            pipeline.set_params(components__n_components=min(COMPONENTS, len(rows)))
        # XGBoost numbers the classes it meets from 0 without a gap.
        present, target = np.unique(codes[rows], return_inverse=True)
        pipeline.fit(values[rows], target, model__sample_weight=class_weights(codes[rows], weight_power))
        return pipeline, present

    def out_of_fold(train, test, choice):
        pipeline, present = fitted(train, **choice)
        return scores(pipeline, values[test], present)

    tried = []
    if len(choices) > 1:
        rows = subsample(split.train, groups, tuning_rows, seed)
        folds = StratifiedGroupKFold(INNER_FOLDS).split(rows, codes[rows], shuffled(groups[rows], seed))
        inner = [(rows[train], rows[test]) for train, test in folds]
        for choice in choices:
            raw = np.concatenate([out_of_fold(train, test, choice) for train, test in inner])
            y_true = np.concatenate([codes[test] for _, test in inner])
            answers = calibrated(raw, calibrate(raw, y_true, weighted)).argmax(axis=1)
            metric = balanced_accuracy_score if weighted else accuracy_score
            tried.append({**choice, "score": metric(y_true, answers)})
    tried = pd.DataFrame(tried)
    best = choices[int(tried["score"].argmax())] if len(tried) else choices[0]
    fit_started = time.perf_counter()
    pipeline, present = fitted(split.train, **best)
    fit_seconds = time.perf_counter() - fit_started
    raw = scores(pipeline, values[split.validation], present)
    calibration = calibrate(raw, codes[split.validation], weighted)
    return Baseline(
        pipeline=pipeline,
        present=present,
        calibration=calibration,
        parameters=best,
        tried=tried,
        validation=calibrated(raw, calibration),
        test=calibrated(scores(pipeline, values[split.test], present), calibration),
        seconds=time.perf_counter() - started,
        fit_seconds=fit_seconds,
    )


def scores(pipeline, values, present=ALL):
    """Return uncalibrated scores ``(m, 7)``; a class that was not trained on scores least.

    ``present`` are the positions in ``CLASSES`` of those that were.

    Trees: the logarithm of their probabilities.  SVM: over a class's pairwise machines, the summed log of a logistic
    of the margin.
    """
    if isinstance(pipeline["model"], SVC):
        trained = _coupled(pipeline.decision_function(values), len(present))
    else:
        trained = np.log(np.clip(pipeline.predict_proba(values), 1e-4, None))
    raw = np.full((len(values), len(CLASSES)), trained.min() - 5.0)
    raw[:, present] = trained
    return raw


def calibrate(raw, codes, weighted=False):
    """Return a temperature and seven offsets, ``(8,)``, that make scores of held-out images probabilities.

    Bias-corrected temperature scaling: Alexandari, Kundaje, Shrikumar, ICML 2020; offsets are pulled towards zero,
    because rare classes have few validation images.  ``weighted``: each class counts alike.
    """
    weights = class_weights(codes, 1.0 if weighted else 0.0)
    rows = np.arange(len(codes))
    one_hot = np.eye(len(CLASSES))[codes]

    def loss(parameters):
        slope, offsets = np.exp(parameters[0]), parameters[1:]
        log_prob = log_softmax(slope * raw + offsets, axis=1)
        error = weights[:, None] * (np.exp(log_prob) - one_hot)
        value = -(weights * log_prob[rows, codes]).sum() + PENALTY * (offsets**2).sum()
        return value, np.concatenate([[slope * (error * raw).sum()], error.sum(axis=0) + 2 * PENALTY * offsets])

    best = minimize(loss, np.zeros(1 + len(CLASSES)), jac=True, method="L-BFGS-B").x
    return np.concatenate([[np.exp(best[0])], best[1:]])


def calibrated(raw, calibration):
    """Return the probabilities ``(m, 7)`` of scores, with a calibration from :func:`calibrate`."""
    return softmax(calibration[0] * raw + calibration[1:], axis=1)


def _coupled(margins, count):
    """Return one score a class from the margins of all pairs of classes, ``(m, count * (count - 1) / 2)``."""
    if count == 2:
        margins = -margins.reshape(-1, 1)  # scikit-learn turns the sign where there is one pair
    coupled = np.zeros((len(margins), count))
    for pair, (first, second) in enumerate((i, j) for i in range(count) for j in range(i + 1, count)):
        coupled[:, first] += log_expit(2 * margins[:, pair])
        coupled[:, second] += log_expit(-2 * margins[:, pair])
    return coupled


def _unit_length(values):
    """Scale standardised columns so that a squared distance does not grow with their number."""
    return values / np.sqrt(values.shape[1])

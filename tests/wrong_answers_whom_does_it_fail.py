"""Wrong answers, as learners give them, and the words of the hint that each has to get.

``{exercise: {what is wrong: (answer made from the data set, words of the hint)}}``, at least three an exercise.
"""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score


def given(function):
    return lambda ham: function


def aucs(melanoma, score, source, own=True, careful=True, other=np.nan, turned=1):
    """A right answer to auc-within, but for what the last four say."""
    auc = {}
    for name in np.unique(source):
        here = source == name if own else np.ones(len(source), bool)
        both = 0 < melanoma[source == name].sum() < (source == name).sum()
        if both or not careful:
            auc[name] = roc_auc_score(melanoma[here], turned * score[here])
        elif other is None:
            auc[name] = np.nan
    return pd.Series(auc)


def worst(found, group, seed, draws, permute=True, of_draw=min, of_all=np.mean):
    """A right answer to worst-by-chance, but for what the last three say."""
    rng = np.random.default_rng(seed)
    shares = []
    for _ in range(draws):
        mixed = rng.permutation(group) if permute else group
        shares.append(of_draw(pd.Series(found).groupby(mixed).mean()))
    return of_all(shares)


WRONG = {
    "auc-within": {
        "pooled": (given(lambda *three: aucs(*three, own=False)), "the pooled AUC"),
        "no care for one class": (given(lambda *three: aucs(*three, careful=False)), "Leave"),
        "kept as NaN": (given(lambda *three: aucs(*three, other=None)), "do not keep it as NaN"),
        "turned round": (given(lambda *three: aucs(*three, turned=-1)), "First the truth"),
        "one number": (given(lambda m, p, s: pd.Series({"all": roc_auc_score(m, p)})), "no source"),
        "a source left out": (given(lambda *three: aucs(*three).iloc[:2]), "is missing"),
    },
    "expected-accuracy": {
        "mean of the recalls": (given(lambda recall, diagnoses: recall.mean()), "each *image* has to count"),
        "each once": (given(lambda recall, diagnoses: recall[np.unique(diagnoses)].mean()), "for each of their images"),
        "the sum": (given(lambda recall, diagnoses: recall[diagnoses].sum()), "an accuracy is a share"),
        "the commonest": (given(lambda recall, diagnoses: recall["nv"]), "take the mean"),
    },
    "worst-by-chance": {
        "not permuted": (given(lambda f, g, s, draws: worst(f, g, s, draws, permute=False)), "permute the groups"),
        "mean of groups": (given(lambda f, g, s, draws: worst(f, g, s, draws, of_draw=np.mean)), "too high"),
        "everybody": (given(lambda f, g, s, draws: f.mean()), "the share of everybody"),
        "lowest of all": (given(lambda f, g, s, draws: worst(f, g, s, draws, of_all=min)), "too low"),
        "always the same": (given(lambda f, g, s, draws: worst(f, g, 1, draws)), "Another seed"),
        "never the same": (given(lambda f, g, s, draws: worst(f, g, None, draws)), "the second time"),
        "nothing": (given(lambda f, g, s, draws: np.nan), "no number"),
    },
}

"""The checkers of *whom-does-it-fail*; helpers/checks/__init__.py shows how one is written."""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from helpers.checks._core import exercise


@exercise(
    "auc-within",
    expects="a function that takes three arrays, one entry an image each, and returns a Series with one AUC a source",
    praise="Within a source the camera cannot help. This is what a clinic with one camera can expect.",
)
def auc_within(answer, _ham):
    rng = np.random.default_rng(94)
    source = rng.choice(["clinic", "archive", "practice"], 300)
    melanoma = rng.random(300) < np.where(source == "clinic", 0.4, 0.1)
    score = rng.normal(melanoma + 2.0 * (source == "clinic"))
    source = np.r_[source, ["moles only"] * 5, ["melanomas only"] * 4]
    melanoma, score = np.r_[melanoma, [False] * 5, [True] * 4], np.r_[score, rng.normal(size=9)]
    right = pd.Series(
        {str(name): roc_auc_score(melanoma[source == name], score[source == name]) for name in np.unique(source[:300])}
    )
    try:
        reply = pd.Series(answer(melanoma.copy(), score.copy(), source.copy()), dtype=float)
    except ValueError as error:
        if "one class" not in str(error):
            raise
        return "A source has no melanoma, or nothing else, and `roc_auc_score` stops there. Leave such a source out."
    odd = reply.index.difference(right.index)
    if len(odd):
        if reply[odd].isna().any():
            return f"Leave {str(odd[0])!r} out: it has no AUC, so do not keep it as NaN."
        return f"{str(odd[0])!r} has only one kind of lesion, or is no source, and you give it an AUC."
    missing = right.index.difference(reply.index)
    if len(missing):
        return f"{str(missing[0])!r} is missing: it has melanomas and other lesions."
    reply = reply[right.index]
    if np.allclose(reply, right):
        return None
    if np.allclose(reply, 1 - right):
        return "Your AUC says how often the *other* lesion is higher. First the truth, then the probability."
    if np.allclose(reply, roc_auc_score(melanoma, score)):
        return "All sources have the pooled AUC: take only the images of the source, of both arrays."
    return f"For {str(right.index[0])!r} you have {reply.iloc[0]:.3f}; score its own images with `roc_auc_score`."


@exercise(
    "expected-accuracy",
    expects="a function that takes a Series of recalls and the diagnoses of a group and returns one number",
    praise="If a group's accuracy is close to this, its mix explains it.",
)
def expected_accuracy(answer, _ham):
    recall = pd.Series({"nv": 0.95, "mel": 0.4, "bkl": 0.6, "bcc": 0.7})
    diagnoses = np.array(["nv"] * 14 + ["mel"] * 5 + ["bkl"])
    right = recall[diagnoses].mean()
    reply = float(answer(recall.copy(), diagnoses.copy()))
    if np.isclose(reply, right):
        return None
    if np.isclose(reply, recall.mean()):
        return "That is the mean of the recalls: each diagnosis counts alike. Here each *image* has to count."
    if np.isclose(reply, recall[np.unique(diagnoses)].mean()):
        return "Each diagnosis of the group counts once. The common ones have to count for each of their images."
    if np.isclose(reply, right * len(diagnoses)):
        return f"Divide by the {len(diagnoses)} images: an accuracy is a share."
    counts = pd.Series(diagnoses).value_counts().to_dict()
    return f"For {counts} you give {reply:.3f}. Give each image the recall of its diagnosis, and take the mean."


@exercise(
    "worst-by-chance",
    expects="a function that takes found, group, a seed and draws and returns one number",
    praise="Now you know how low the last group is when nothing is wrong.",
)
def worst_by_chance(answer, _ham):
    rng = np.random.default_rng(95)
    group = np.repeat(["large", "middle", "small"], [150, 60, 12])
    found = rng.random(len(group)) < np.where(group == "small", 0.4, 0.9)
    worst = [pd.Series(found).groupby(rng.permutation(group)).mean().min() for _ in range(2000)]
    reply = float(answer(found.copy(), group.copy(), 96, draws=400))
    shares = pd.Series(found).groupby(group).mean()
    error = 5 * np.std(worst) / np.sqrt(400)
    if np.isnan(reply):
        return "You return no number (NaN): is anything appended to `worst`?"
    if np.isclose(reply, shares.min()):
        return "That is the worst group as it is: permute the groups before you take the shares."
    if np.isclose(reply, found.mean()):
        return "That is the share of everybody: take the *lowest* of the groups in each draw, then the mean of those."
    if np.isclose(reply, min(worst)) or reply < np.mean(worst) - error:
        return f"{reply:.3f} is too low. Take the lowest group of each draw, and the *mean* over the draws."
    if reply > np.mean(worst) + error:
        return f"{reply:.3f} is too high. Permute in every draw anew, and keep the lowest group, not the mean of all."
    if float(answer(found.copy(), group.copy(), 96, draws=400)) != reply:
        return "The same seed gives another number the second time. Start a generator from `seed` in the function."
    if float(answer(found.copy(), group.copy(), 97, draws=400)) == reply:
        return "Another seed gives the same number. Permute with the generator made from `seed`."
    return None

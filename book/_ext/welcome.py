"""Sphinx extension: what the welcome page shows of the book's records, a figure and the numbers of its findings."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt

from helpers import evaluate, records
from helpers.ham10000 import CLASSES

ROOT = Path(__file__).resolve().parents[2]
#: Where the page expects the figure, under the folder of what is built.
FIGURE = Path("_build") / "welcome" / "same-answers.png"
#: The recipes of the figure, with their labels.
LABELS = {
    "classical-handcrafted-svm-plain": "SVM, handcrafted features",
    "resnet-frozen-200x150": "ResNet, frozen",
    "vgg16-frozen-200x150": "VGG16, frozen",
    "classical-raw-forest-plain": "random forest, raw pixels",
}
STEPS = (
    "tested on\nall lesions",
    "the same answers,\nweighted to the mix\nof the paper's test set",
    "tested on the\npaper's test set",
)


def accuracies(runs):
    """Return ``{recipe: (grouped, grouped in the mix of the 938, the 938)}`` and the floors of both test sets."""
    pairs = records.pairs(runs, "grouped", "holdout938", folds=5)
    everyone = pairs[0][0].predictions["group"]

    def strata(run):
        return evaluate.mix_strata(run.predictions["true"], run.predictions["group"], everyone)

    found = {}
    for here, there in pairs:
        correct = here.answers == here.predictions["true"].to_numpy()
        weights = evaluate.mix_weights(strata(here), strata(there))
        found[here.recipe] = correct.mean(), np.average(correct, weights=weights), there.metric("accuracy")["value"]
    return found, tuple(run.metric("accuracy")["floor"] for run in pairs[0])


def draw(found, floors, path):
    """Draw the accuracies of a few models, one line a model, into a PNG file."""
    with matplotlib.rc_context({"font.size": 10, "figure.constrained_layout.use": True}):
        fig, axis = plt.subplots(figsize=(7.2, 3.6))
        for (recipe, label), colour in zip(LABELS.items(), ("#0072B2", "#D55E00", "#009E73", "#CC79A7"), strict=True):
            axis.plot(range(3), found[recipe], "o-", color=colour)
            lift = 0.006 if recipe.startswith("classical-handcrafted") else -0.004
            axis.annotate(label, (-0.06, found[recipe][0] + lift), ha="right", va="center")
        axis.plot(range(3), [floors[0], floors[1], floors[1]], "--", color="#444444", linewidth=1)
        axis.annotate('always "nevus"', (-0.06, floors[0]), ha="right", va="center")
        axis.set(xlim=(-1.1, 2.15), xticks=range(3), xticklabels=STEPS, ylabel="accuracy")
        axis.spines[["top", "right"]].set_visible(False)
        path.parent.mkdir(parents=True, exist_ok=True)
        fig.savefig(path, dpi=160, facecolor="white")
        plt.close(fig)


def findings(runs, found):
    """Return ``{name: text}`` of the numbers in the map of the course."""
    book = {run.name: run for run in runs}

    def score(name, metric="accuracy"):
        return f"{book[name].metric(metric)['value']:.3f}"

    frozen = found["resnet-frozen-200x150"]
    facts, results = records.load_experiment("leakage-frozen")
    effects = evaluate.leak_effects(results, ratio=facts["test_images"] / facts["training_images"])
    pool = book["pool-grouped"]
    return {
        "welcome_resnet": f"{frozen[0]:.1%}",
        "welcome_gain": f"{100 * (frozen[2] - frozen[0]):.0f}",
        "welcome_models": str(len(found)),
        "welcome_mix": f"{100 * np.mean([mix - here for here, mix, _ in found.values()]):.0f}",
        "welcome_leak": f"{100 * effects.loc[('1-nn', 'could leak', 'accuracy'), 'value']:.0f}",
        "welcome_svm": score("classical-grouped-handcrafted-svm-weighted", "balanced_accuracy"),
        "welcome_vgg": score("vgg16-frozen-grouped-200x150-evened", "balanced_accuracy"),
        "welcome_cnn": score("cnn-improved-holdout938-96x96"),
        "welcome_cnn_restored": score("cnn-improved-holdout938-96x96-restored"),
        "welcome_floor": f"{book['cnn-improved-holdout938-96x96'].metric('accuracy')['floor']:.3f}",
        "welcome_tuned": score("resnet-tuned-grouped-200x150-evened", "balanced_accuracy"),
        "welcome_pool": f"{pool.metric('accuracy')['value']:.3f}",
        "welcome_classes": str(len(CLASSES)),
    }


def fill(app, config):
    """Hand the numbers to MyST, and draw the figure."""
    runs = [run for run in records.load_runs() if run.origin == "the book"]
    found, floors = accuracies(runs)
    draw(found, floors, Path(app.srcdir) / FIGURE)
    config.myst_substitutions.update(findings(runs, found))


def setup(app):
    """Fill in the welcome page before any page is read."""
    app.connect("config-inited", fill, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

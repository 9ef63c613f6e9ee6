"""Sphinx extension: the numbers of the model card as substitutions, from the records of the best model.

A better record changes the card by itself: nothing on ``book/model-card.md`` names a model or types a number.
"""

from collections import Counter

from sklearn.metrics import balanced_accuracy_score
from status_page import as_text, every_run, table

from helpers.evaluate._slices import SMALL
from helpers.ham10000 import CLASSES, NAMES
from helpers.records._seal import book_folder

#: What the card chooses by: the honest protocol, and the measure in which each class counts the same.
PROTOCOL, SCORE = "grouped", "balanced_accuracy"
#: (metric, dx): the words in front of it.  The arrow says which way is better.
HEADLINES = {
    (SCORE, "all"): "Balanced accuracy ↑",
    ("f1_macro", "all"): "Macro-F1 ↑",
    ("accuracy", "all"): "Accuracy ↑",
    ("f1_weighted", "all"): "Weighted F1 ↑",
    ("roc_auc_macro", "all"): "ROC-AUC, mean of the classes ↑",
    ("average_precision_macro", "all"): "PR-AUC, mean of the classes ↑",
    ("sensitivity_at_specificity_90", "mel"): "Melanoma sensitivity, threshold set for 90 % specificity ↑",
    ("specificity_reached_90", "mel"): "Specificity at that threshold ↑",
    ("ece", "all"): "Expected calibration error ↓",
    ("brier", "all"): "Brier score ↓",
}
SLICES = {"age": "Age, in years", "sex": "Sex", "site": "Site on the body", "source": "Source of the image"}
SLICES |= {"dx_type": "Diagnosis confirmed under the microscope", "leakable": "Has another image in the data set"}
#: So many rows of the ranking and of the mistakes.
FIRST = 5
#: Of fewer melanomas than this a slice shows the count alone: an interval of so few promises too much.
FEW = 10


def candidates(found):
    """Return the book's unmarked runs of single models under the honest protocol, the best first, then by name."""
    honest = [run for run in found if run.facts["protocol"] == PROTOCOL and not run.marks and run.ranked]
    fitting = [run for run in honest if run.origin == "the book"]
    if not fitting:
        raise ValueError(f"the model card has no model: no unmarked record of the book under {PROTOCOL!r}")
    return sorted(fitting, key=lambda run: (-run.metric(SCORE)["value"], run.name))


def with_interval(row):
    """Return a metric's value and interval in words; a metric without a value is a dash."""
    if row["value"] != row["value"]:
        return "–"
    # The interval does not break inside its bracket.
    ends = f" [{row['low']:.3f},\N{NO-BREAK SPACE}{row['high']:.3f}]" if row["low"] == row["low"] else ""
    return f"{row['value']:.3f}{ends}"


def folds(run):
    """Return which folds a run tested, in words."""
    number = run.facts["folds"]
    return f"{len(number)} folds" if len(number) > 1 else f"fold {number[0]} only"


def on_folds(run, first):
    """Return a run's balanced accuracy on the folds that ``first`` tested, in words; a dash where it lacks one."""
    tested = first.facts["folds"]
    if not set(tested) <= set(run.facts["folds"]):
        return "–"
    rows = run.predictions[run.predictions["fold"].isin(tested)]
    return f"{balanced_accuracy_score(rows['true'], run.answers[rows.index]):.3f}"


def card(found):
    """Return ``{name: text}`` of the card that the best of the runs ``found`` gives."""
    ranked = candidates(found)
    run = ranked[0]
    facts, tested = run.facts, run.predictions
    scored = run.metrics.set_index(["metric", "dx"])
    headline = [
        (words, with_interval(scored.loc[key]), f"{scored.loc[key]['floor']:.3f}")
        for key, words in HEADLINES.items()
        if key in scored.index  # a record without validation predictions has no melanoma thresholds
    ]
    classes = [
        (
            f"`{dx}`",
            NAMES[dx],
            f"{run.metric('support', dx)['value']:,.0f}",
            with_interval(run.metric("recall", dx)),
            with_interval(run.metric("precision", dx)),
        )
        for dx in CLASSES
    ]
    others = [
        (
            f"{as_text(other.facts['model'])} (`{other.name}`)",
            folds(other),
            with_interval(other.metric(SCORE)),
            on_folds(other, run),
        )
        for other in ranked[:FIRST]
    ]
    return {
        "card_model": as_text(facts["model"]),
        "card_record": f"`{run.name}`",
        "card_folds": folds(run),
        "card_images": f"{len(tested):,}",
        "card_lesions": f"{tested['group'].nunique():,}",
        "card_melanomas": f"{(tested['true'] == 'mel').sum():,}",
        "card_score": with_interval(run.metric(SCORE)),
        "card_floor": f"{run.metric(SCORE)['floor']:.3f}",
        "card_accuracy": with_interval(run.metric("accuracy")),
        "card_accuracy_floor": f"{run.metric('accuracy')['floor']:.3f}",
        "card_candidates": str(len(ranked)),
        "card_details": table(("About", "This model"), details(run)),
        "card_ranking": table(
            ("Model and record", "Tested", "Balanced accuracy", "On the first one's images"), others, numbers=(2, 3)
        ),
        "card_metrics": table(("Metric", "Value and 95 % interval", "Floor"), headline, numbers=(1, 2)),
        "card_classes": table(("`dx`", "Name", "Test images", "Recall", "Precision"), classes, numbers=(2, 3, 4)),
        "card_failures": failures(run),
        "card_slices": slices(run),
    }


def details(run):
    """Return what the record says of how the model was made, as rows of words."""
    facts, chosen = run.facts, run.facts["hyperparameters"]
    recipe = chosen.get("recipe", {})
    height, width = chosen["image"]
    rows = {
        "Model": facts["model"],
        "Record": f"`{run.name}`",
        "Protocol": f"`{facts['protocol']}`, {folds(run)}",
        "Data": facts["data"],
        "Fingerprint of the data": f"`{facts['fingerprint'][:16]}`",
        "Images used at": f"{width} x {height} pixels" + (", upsampled" if chosen.get("upsampled") else ""),
        "Starting weights": recipe.get("weights"),
        "Frozen up to": recipe.get("cut") and f"layer `{recipe['cut']}`",
        "Training images": trained_on(chosen.get("training_images")),
        "Features": chosen.get("features"),
        "Probabilities": chosen.get("priors"),
        "Tier": facts["tier"],
        "Device": facts["device"],
        "Training took": f"{facts['wall_seconds'] / 60:,.0f} min",
        "Seed": facts["seed"],
        "Date": facts["date"],
        "Notes of the record": facts["notes"],
    }
    return [(name, as_text(value)) for name, value in rows.items() if value is not None]


def trained_on(images):
    """Return how many images a model was trained on, in words: one number, or one a fold."""
    if isinstance(images, list):
        return f"{min(images):,} to {max(images):,}, by fold"
    return None if images is None else f"{images:,}"


def called(counted):
    """Return counts of answers in words, the most frequent first."""
    return ", ".join(f"{number:,} `{dx}`" for dx, number in counted.most_common())


def failures(run):
    """Return the known failures as a Markdown list, counted in the record's predictions."""
    truth = run.predictions["true"].to_numpy()
    answers = run.answers
    melanoma, flagged = truth == "mel", answers == "mel"
    missed = Counter(answers[melanoma & ~flagged])
    alarms = Counter(truth[flagged & ~melanoma])
    recalls = {dx: run.metric("recall", dx)["value"] for dx in CLASSES}
    least = min((dx for dx in CLASSES if recalls[dx] == recalls[dx]), key=recalls.get)
    taken = Counter(answers[(truth == least) & (answers != least)])
    lines = [
        f"**Melanoma is missed.** Of {melanoma.sum():,} images of melanoma, {(melanoma & flagged).sum():,} are called "
        f"melanoma and {sum(missed.values()):,} are not. Those are called {called(missed)}."
        if missed
        else f"All {melanoma.sum():,} images of melanoma are called melanoma.",
        f"**False alarms.** Of {flagged.sum():,} images that are called melanoma, {sum(alarms.values()):,} show "
        f"something else: {called(alarms)}."
        if alarms
        else f"Of {flagged.sum():,} images that are called melanoma, none shows something else.",
        f"**The class it finds least often** is `{least}`, {NAMES[least]}: "
        f"{(answers == truth)[truth == least].sum():,} of {(truth == least).sum():,}."
        + (f" The others are called {called(taken)}." if taken else ""),
    ]
    pairs = Counter((a, b) for a, b in zip(truth, answers, strict=True) if a != b).most_common(FIRST)
    lines.append(
        "**Its most frequent mistakes**, true class first: "
        + "; ".join(f"`{a}` called `{b}`, {number:,} times" for (a, b), number in pairs)
        + "."
    )
    return "\n".join(f"- {line}" for line in lines)


def slices(run):
    """Return one Markdown table a slice: balanced accuracy and melanoma recall of each of its strata."""
    parts = []
    for name, words in SLICES.items():
        mine = run.slices[run.slices["slice"] == name]
        rows = []
        for stratum, part in mine.groupby("stratum", sort=False):
            scored = part.set_index(["metric", "dx"])
            score = scored.loc[(SCORE, "all")]
            melanoma = ("recall", "mel") in scored.index
            rows.append(
                (
                    f"`{stratum}`" if name in ("source", "dx_type") else stratum,
                    f"{score['images']:,}",
                    f"{score['lesions']:,}" + ("*" if score["small"] else ""),
                    (part["metric"] == "support").sum(),
                    with_interval(score),
                    f"{scored.loc[('support', 'mel')]['value']:,.0f}" if melanoma else "0",
                    melanoma_recall(scored) if melanoma else "–",
                )
            )
        if rows:
            heads = (words, "Images", "Lesions", "Classes", "Balanced accuracy", "Melanomas", "Melanoma recall")
            parts.append(table(heads, rows, numbers=range(1, 7)))
    return "\n\n".join(parts) + f"\n\n\\* fewer than {SMALL} lesions: read the interval, not the value."


def melanoma_recall(scored):
    """Return a slice's melanoma recall with its interval, or the count alone where there are few."""
    recall, support = scored.loc[("recall", "mel")], scored.loc[("support", "mel")]["value"]
    return with_interval(recall) if support >= FEW else f"{recall['value'] * support:.0f} of {support:.0f}"


def setup(app):
    """Hand the substitutions to MyST before it reads a page."""

    def fill(app, config):
        config.myst_substitutions.update(card(every_run(book_folder())))

    app.connect("config-inited", fill, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

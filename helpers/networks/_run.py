"""Networks by name: what each is made of, how it is trained, and the run record that its training leaves.

Chapter 5 introduces it; chapters 5 to 7 build the same steps in plain sight before they call it.  The book's records of
networks and yours are made by the same two calls, :func:`train` and :func:`save_record`.  Not a medical device.
"""

from dataclasses import asdict, dataclass, replace

import keras
import numpy as np
import pandas as pd

from helpers.data import _pixels as images
from helpers.ham10000 import CLASSES
from helpers.networks import _activations as activations
from helpers.networks import _architectures as models
from helpers.networks import _batches as pipeline
from helpers.networks import _training as training
from helpers.records import _runs as runs
from helpers.splits import Split


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network and what it said.

    ``model`` takes images, 0 to 255; ``validation`` and ``test`` are ``(n, 7)`` probabilities of the split's rows, in
    their order.  ``test_by_epoch`` has the same of the test rows after each epoch, where they were asked for; of an
    epoch that is chosen there, ``validation`` is None.  ``label`` and ``facts`` go into the record.
    """

    model: keras.Model
    label: str
    split: Split
    fitted: training.Fitted
    validation: np.ndarray | None
    test: np.ndarray
    test_by_epoch: list[np.ndarray]
    facts: dict


def train(recipe, ham, config, split, *, watch_test=False):
    """Train a network on the rows of a split; return :class:`Trained`.

    Above the quick tier each epoch leaves a checkpoint in the cache, from which the same call resumes.

    Parameters
    ----------
    recipe : helpers.networks.Recipe
    ham : helpers.data.Dataset
    config : helpers.settings.Settings
        Image size, epochs, seed, and at most how many training rows.
    split : helpers.splits.Split
    watch_test : bool
        Also ask about the test images after each epoch, to show what choosing the epoch on them would do.  The epoch
        is always chosen on the validation set.
    """
    precision = training.use_precision()
    keras.utils.set_random_seed(config.seed)
    pixels = images.load_pixels(ham, config)
    codes = pd.Categorical(ham.table["dx"], categories=list(CLASSES)).codes.astype("int64")
    rows = training_rows(split, config)
    weights = pipeline.class_weights(codes[rows]) if recipe.weighted else None
    # Frozen layers are asked about all images, for all folds at once, unless the tier takes only some.
    wanted = None if len(rows) == len(split.train) else np.concatenate([rows, split.validation, split.test])
    model, tail, inputs, about = _build(recipe, ham, config, pixels, wanted)

    def batches(epoch):
        if inputs is not pixels:
            known = inputs, codes, rows, recipe.batch
            return activations.activation_training_batches(*known, seed=config.seed, epoch=epoch)
        chosen = {"epochs": 1, "first_epoch": epoch, "seed": config.seed, "augmentation": recipe.augmentation}
        return pipeline.training_batches(pixels, codes, rows, recipe.batch, **chosen)

    def in_order(wanted, view=0):
        if inputs is not pixels:
            return activations.activation_batches(inputs, codes, wanted, view=view)
        return pipeline.batches(pixels, codes, wanted, 64)

    def answers(wanted):
        return np.mean([training.predict(tail, in_order(wanted, view)) for view in range(recipe.views)], axis=0)

    known = activations.digest(model)  # of the frozen part, too: another backbone's checkpoint is not resumed
    folder = training.checkpoints(config, recipe, ham.fingerprint, split.hash, watch_test, precision, known)
    common = {"class_weight": weights, "validation": in_order(split.validation), "batches": batches}
    if recipe.head_epochs:
        body = [layer for layer in tail.layers if layer.trainable and layer.name not in models.HEAD]
        _set_trainable(body, False)
        head = folder and folder / "head"
        training.fit(tail, **common, epochs=recipe.head_epochs, seed=config.seed, folder=head)
        _set_trainable(body, True)
    epochs_seen = _Watch(folder, lambda: answers(split.test)) if watch_test else None
    epochs = min(config.sizes.epochs, recipe.epochs or config.sizes.epochs)
    fitted = training.fit(
        tail,
        **common,
        epochs=epochs,
        seed=config.seed + 1,
        folder=folder,
        learning_rate=recipe.learning_rate,
        patience=recipe.patience,
        cosine=recipe.cosine,
        after_epoch=epochs_seen,
    )
    facts = {
        "recipe": asdict(recipe) | about,
        "image": list(config.sizes.image),
        "upsampled": bool(np.greater(config.sizes.image, ham.size).any()),
        "epochs_at_most": epochs,
        "epochs_trained": len(fitted.history),
        "best_epoch": fitted.best_epoch,
        "training_images": len(rows),
        "precision": precision,
        "chosen_on": "validation",
        "priors": "as trained",
        "wall_seconds": fitted.wall_seconds,
        "images_per_second": len(rows) / fitted.epoch_seconds,
    }
    return Trained(
        model=model,
        label=about["label"],
        split=split,
        fitted=fitted,
        validation=answers(split.validation),
        test=answers(split.test),
        test_by_epoch=epochs_seen.found(len(fitted.history)) if watch_test else [],
        facts=facts,
    )


def training_rows(split, config):
    """Return the rows to train on: those of the split, or as many of them, drawn at random, as the tier allows."""
    most = config.sizes.rows
    if not most or len(split.train) <= most:
        return split.train
    return np.sort(np.random.default_rng(config.seed).choice(split.train, most, replace=False))


def save_record(name, trained, ham, config, folder=None, *, folds=(0,), notes="", resamples=None, split_seed=None):
    """Write the run record of one network, trained on one split or on several folds; return its path.

    Parameters
    ----------
    name : str
        The record's.
    trained : list of Trained
        One a fold.
    folder : Path, optional
        Default: where your own records lie, :func:`helpers.records.own_folder`.
    split_seed : int, optional
        The seed of the splits, where it is not ``config.seed``: for several trainings on the same split.
    """
    facts = [one.facts for one in trained]
    run = runs.facts(ham, config) | {
        "name": name,
        "model": trained[0].label,
        "folds": list(folds),
        "hyperparameters": {
            key: facts[0][key] if len({repr(fact[key]) for fact in facts}) == 1 else [fact[key] for fact in facts]
            for key in facts[0]
            if key not in ("wall_seconds", "images_per_second", "chosen_on")
        },
        "chosen_on": facts[0]["chosen_on"],
        "wall_seconds": round(sum(fact["wall_seconds"] for fact in facts), 1),
        "images_per_second": round(float(np.mean([fact["images_per_second"] for fact in facts])), 1),
        "notes": notes,
    }
    if split_seed is not None:
        run["split_seed"] = split_seed

    def frames(rows, prob):
        return pd.concat(
            [
                runs.frame(ham.table, getattr(one.split, rows), getattr(one, prob), fold)
                for one, fold in zip(trained, folds, strict=True)
            ],
            ignore_index=True,
        )

    return runs.write_run(
        folder,
        run,
        frames("test", "test"),
        table=ham.table,
        split=[one.split for one in trained],
        validation_predictions=None if trained[0].validation is None else frames("validation", "validation"),
        history=pd.concat([one.fitted.history.assign(fold=f) for one, f in zip(trained, folds, strict=True)]),
        resamples=resamples,
    )


def chosen_on_test(trained, truth):
    """Return the same training as if the epoch had been chosen on the test set, marked so in ``facts["chosen_on"]``.

    It is a mistake that many notebooks make; the book makes it to measure what it is worth.  Needs
    ``train(..., watch_test=True)``.  What the network of that epoch said of the validation images was not kept, so the
    record has no melanoma threshold.

    Parameters
    ----------
    trained : Trained
    truth : (n,) class codes of the test rows
    """
    right = [(prob.argmax(axis=1) == truth).mean() for prob in trained.test_by_epoch]
    if not right:
        raise ValueError("the test images were not watched: train with watch_test=True")
    best = int(np.argmax(right))
    facts = trained.facts | {"chosen_on": "test", "best_epoch": best + 1}
    return replace(trained, validation=None, test=trained.test_by_epoch[best], facts=facts)


def to_equal_priors(trained, y_train):
    """Return the same training with its probabilities shifted to a population in which all classes are equally common.

    Each class's probability is divided by its share of the training images, then they are made to sum to one.  It does
    after training what class weights do during it: rare classes are answered more often.

    Source: Saerens, Latinne, Decaestecker, Neural Computation 14(1):21-41, 2002; Menon et al., ICLR 2021.

    Parameters
    ----------
    trained : Trained
    y_train : (n,) class codes of the rows that were trained on
    """
    return _shifted(trained, "evened", 1 / _shares(y_train))


def to_training_priors(trained, y_train):
    """Return a training with class weights, its probabilities shifted back to the shares of the training images.

    The opposite of :func:`to_equal_priors`.  Class weights teach a network that all classes are equally common;
    multiplied by its share, each class's probability is again that of the population that the images were drawn from.

    Parameters
    ----------
    trained : Trained
    y_train : (n,) class codes of the rows that were trained on
    """
    return _shifted(trained, "restored", _shares(y_train))


def _shares(y_train):
    return np.maximum(np.bincount(y_train, minlength=len(CLASSES)), 1) / len(y_train)


def _shifted(trained, priors, factors):
    def shifted(prob):
        prob = prob * factors
        return prob / prob.sum(axis=1, keepdims=True)

    return replace(
        trained,
        label=f"{trained.label}, priors {priors}",
        validation=None if trained.validation is None else shifted(trained.validation),
        test=shifted(trained.test),
        test_by_epoch=[shifted(prob) for prob in trained.test_by_epoch],
        facts=trained.facts | {"priors": priors},
    )


class _Watch:
    """Keeps what a network says of the test images after each epoch; on disk, where checkpoints are."""

    def __init__(self, folder, answers):
        self.folder, self.answers, self.kept = folder, answers, {}

    def __call__(self, epoch):
        self.kept[epoch] = self.answers()
        if self.folder:
            np.save(self.folder / f"test-{epoch:03}.npy", self.kept[epoch])

    def found(self, epochs):
        """Return what it said after each of so many epochs; files of an older, longer run do not count."""
        if self.folder:
            return [np.load(self.folder / f"test-{epoch:03}.npy") for epoch in range(1, epochs + 1)]
        return [self.kept[epoch] for epoch in range(1, epochs + 1)]


def _build(recipe, ham, config, pixels, rows):
    """Return the network on images, the part of it that is trained, that part's inputs, and what to say of it."""
    options = dict(recipe.options)
    if recipe.network == "paper_cnn":
        model = models.paper_cnn(config.sizes.image, **options)
        return model, model, pixels, {"label": f"{recipe.title}, {config.sizes.image[1]} x {config.sizes.image[0]}"}
    found = models.backbone(*recipe.network, size=config.sizes.image)
    about = {"label": f"{found.label}{recipe.title}", "weights": found.weights}
    if recipe.frozen == "nothing":
        model = models.classifier(found.model, **options)
        return model, model, pixels, about
    name = models.boundary(found.model, recipe.share) if recipe.frozen == "boundary" else found.model.layers[-1].name
    frozen, rest = models.cut(found.model, name)
    frozen.trainable = False  # and so its batch normalisations keep their averages, whoever trains the whole
    if rest is None:
        # Of a backbone that is frozen to its end the head sees the average only, so only that is kept.
        frozen = keras.Model(frozen.input, keras.layers.GlobalAveragePooling2D(name="average")(frozen.output))
    tail = models.classifier(frozen.output.shape[1:] if rest is None else rest, **options)
    inputs = activations.load_activations(
        frozen, ham, pixels, config, rows=rows, views=recipe.views, augmentation=recipe.augmentation
    )
    model = keras.Model(frozen.input, tail(frozen.output), name="network")
    return model, tail, inputs, about | {"cut": name}


def _set_trainable(layers, value):
    for layer in layers:
        layer.trainable = value

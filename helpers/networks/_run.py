"""Networks by name: what each is made of, how it is trained, and the run record that its training leaves.

The chapters build the same steps in plain sight before they call it.  The book's records of networks and yours are made
by the same two calls, :func:`train` and :func:`save_record`.
"""

from dataclasses import asdict, dataclass

import keras
import numpy as np
import pandas as pd

from helpers.data import load_pixels
from helpers.data._cache import atomic_write
from helpers.ham10000 import CLASSES
from helpers.networks import _activations as activations
from helpers.networks import _architectures as architectures
from helpers.networks import _training as training
from helpers.networks._batches import batches, class_weights, training_batches
from helpers.records import _runs as runs
from helpers.records import _seal as seal
from helpers.records._seal import RecordError
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
    """Train a network by a recipe on the rows of a split, and ask it about the validation and test images.

    It learns from the split's training rows, or from as many of them as the tier allows.  Above the quick tier each
    epoch leaves a checkpoint in the cache, from which the same call resumes.

    Parameters
    ----------
    recipe : helpers.networks.Recipe
        One of :data:`RECIPES`, or a changed one: ``dataclasses.replace(RECIPES["cnn-paper"], weighted=False)``.
    ham : helpers.data.Dataset
    config : helpers.settings.Settings
        Image size, epochs, seed, and at most how many training rows.
    split : helpers.splits.Split
    watch_test : bool
        Also ask about the test images after each epoch, to show what choosing the epoch on them would do.  The epoch
        is always chosen on the validation set.

    Returns
    -------
    Trained
        ``model``, from images, 0 to 255, to probabilities; ``validation`` and ``test``, the ``(n, 7)`` probabilities
        of the split's rows, in their order; ``fitted``, how the training went; ``label`` and ``facts`` for a record.

    Raises
    ------
    helpers.networks.TrainingError
        If the loss is no longer a finite number, or what an earlier, interrupted call has left cannot be read.

    Examples
    --------
    It takes a minute even in the quick tier, so this one is not run as a test::

        config = settings.for_chapter("cnn-from-scratch")
        ham = data.load(config)
        split = splits.grouped(ham.table, fold=0)
        mine = networks.train(networks.RECIPES["cnn-improved"], ham, config, split)
        networks.save_record("mine", [mine], ham, config)
    """
    precision = training.use_precision()
    keras.utils.set_random_seed(config.seed)
    pixels = load_pixels(ham, config)
    codes = pd.Categorical(ham.table["dx"], categories=list(CLASSES)).codes.astype("int64")
    rows = config.training_rows(split)
    # Frozen layers are asked about all images, for all folds at once, unless the tier takes only some.
    asked = None if len(rows) == len(split.train) else np.concatenate([rows, split.validation, split.test])
    model, tail, inputs, about = _build(recipe, ham, config, pixels, asked)
    augmentation = recipe.augmentation if inputs is pixels else None  # activations were augmented before

    def epoch_batches(epoch):
        return training_batches(
            inputs, codes, rows, recipe.batch, seed=config.seed, epoch=epoch, augmentation=augmentation
        )

    def answers(rows):
        views = range(1 if inputs is pixels else recipe.views)
        return np.mean([training.predict(tail, batches(inputs, codes, rows, 64, view=view)) for view in views], axis=0)

    network = activations.digest(model)  # of the frozen part, too: another backbone's checkpoint is not resumed
    folder = training.checkpoints(config, recipe, ham.fingerprint, split.hash, watch_test, precision, network)
    common = {
        "training": epoch_batches,
        "validation": batches(inputs, codes, split.validation, 64),
        "class_weight": class_weights(codes[rows]) if recipe.weighted else None,
    }
    if recipe.head_epochs:
        body = [layer for layer in tail.layers if layer.trainable and layer.name not in architectures.HEAD]
        _set_trainable(body, False)
        training.fit(tail, **common, epochs=recipe.head_epochs, seed=config.seed, folder=folder and folder / "head")
        _set_trainable(body, True)
    watch = _Watch(folder, lambda: answers(split.test)) if watch_test else None
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
        after_epoch=watch,
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
        test_by_epoch=watch.by_epoch(len(fitted.history)) if watch_test else [],
        facts=facts,
    )


def save_record(
    name, trained, ham, config, folder=None, *, folds=(0,), notes="", resamples=None, split_seed=None, weights=False
):
    """Write the run record of one network, trained on one split or on several folds; return its path.

    Parameters
    ----------
    name : str
        The record's.
    trained : list of Trained
        What :func:`train` returned, one a fold.
    ham, config
        As for :func:`train`.
    folder : Path, optional
        Default: where your own records lie.
    folds : sequence of int
        Which fold each training belongs to.
    notes : str
        What a reader of the record should know.
    resamples : int, optional
        Of the bootstrap by lesion; default as everywhere in the course, 0 for no intervals.
    split_seed : int, optional
        The seed of the splits, where it is not ``config.seed``: for several trainings on the same split.
    weights : bool
        Keep what was trained from scratch, of the first training that has a network: :func:`load` gives it back.

    Raises
    ------
    helpers.records._seal.RecordError
        As for :func:`helpers.records._runs.write_run`; with ``weights`` also if layers of a backbone were retrained:
        a record carries no weights that others trained, nor what was made of them.

    Examples
    --------
    After :func:`train`'s example, the record's accuracy::

        path = networks.save_record("mine", [mine], ham, config, notes="A rehearsal.")
        records.load_run(path).metric("accuracy")["value"]
    """
    facts = [fold.facts for fold in trained]
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
    kept = None
    if weights:
        fold, network = next(
            (fold, of_fold.model) for fold, of_fold in zip(folds, trained, strict=True) if of_fold.model is not None
        )
        kept = _from_scratch(network, facts[0]["recipe"]).get_weights()
        run["weights_of_fold"] = fold

    def frames(part):
        """Return the predictions of the test or the validation images of all folds."""
        parts = [
            runs.frame(ham.table, getattr(of_fold.split, part), getattr(of_fold, part), fold)
            for of_fold, fold in zip(trained, folds, strict=True)
        ]
        return pd.concat(parts, ignore_index=True)

    return runs.write_run(
        folder,
        run,
        frames("test"),
        table=ham.table,
        split=[of_fold.split for of_fold in trained],
        validation_predictions=None if trained[0].validation is None else frames("validation"),
        history=pd.concat(
            [of_fold.fitted.history.assign(fold=fold) for of_fold, fold in zip(trained, folds, strict=True)]
        ),
        weights=kept,
        resamples=resamples,
    )


def load(name_or_path):
    """Return the trained network of a record that carries its weights: images, 0 to 255, to probabilities.

    Of a frozen backbone the record has the head alone, and the backbone's own weights come from where
    :func:`backbone` finds them.  The weights are kept with half the digits, so a probability may differ from the
    record's in its third decimal.

    Parameters
    ----------
    name_or_path : str or Path
        As for :func:`helpers.records.load_run`.  Of several folds the record's fact ``weights_of_fold`` says which one
        the network learned from: what it says of the training images of that fold is no test.

    Returns
    -------
    keras.Model
        From (n, height, width, 3) images, of the size that it was trained on, to (n, 7) probabilities.

    Raises
    ------
    helpers.records._seal.RecordError
        If the record has no weights, or the backbone's own cannot be had.

    Examples
    --------
    >>> from helpers import networks
    >>> networks.load("classical-grouped-raw-svm-plain")
    Traceback (most recent call last):
        ...
    helpers.records._seal.RecordError: the record 'classical-grouped-raw-svm-plain' carries no weights: choose one of \
which run.weights is true, or save one of yours \
with weights=True
    """
    run = runs.load_run(name_or_path)
    if not run.weights:
        raise RecordError(
            f"the record {run.name!r} carries no weights: choose one of which run.weights is true, or save one of "
            "yours with weights=True"
        )
    hyperparameters = run.facts["hyperparameters"]
    recipe, size = hyperparameters["recipe"], tuple(hyperparameters["image"])
    if recipe["network"] == "paper_cnn":
        model = architectures.paper_cnn(size, **recipe["options"])
    else:
        known = architectures.BACKBONES
        names = [name for name in recipe["network"] if known[name][0] + recipe["title"] == recipe["label"]]
        backbone = architectures.backbone(*names, size=size)
        if not backbone.pretrained:
            raise RecordError(
                f"the record {run.name!r} carries the head of {backbone.label}, whose ImageNet weights cannot be had: "
                "go online, or name the folder that has them in SKIN_WEIGHTS"
            )
        average = keras.layers.GlobalAveragePooling2D(name="average")(backbone.model.output)
        head = architectures.classifier(average.shape[1:], **recipe["options"])
        backbone.model.trainable = False
        model = keras.Model(backbone.model.input, head(average), name="network")
    _, files = seal.read(run.path, "run.json")
    _from_scratch(model, recipe).set_weights(seal.unpack_weights(files[seal.WEIGHTS]))
    return model


def _from_scratch(model, recipe):
    """Return the part of a network that began with random weights and was trained: all, or the head of a backbone."""
    if recipe["network"] == "paper_cnn":
        return model
    if recipe["frozen"] != "backbone":
        raise RecordError(
            f"of {recipe['label']} layers of the backbone were retrained, and a record carries no weights that others "
            "trained: save it without weights"
        )
    return model.get_layer("classifier")


class _Watch:
    """Keeps what a network says of the test images after each epoch; on disk, too, where checkpoints are."""

    def __init__(self, folder, answers):
        self.folder, self.answers, self.kept = folder, answers, {}

    def __call__(self, epoch):
        self.kept[epoch] = self.answers()
        if self.folder:
            with (
                atomic_write(self._path(epoch), "answers to the test images", self.kept[epoch].nbytes) as partial,
                open(partial, "wb") as stream,
            ):
                header = np.lib.format.header_data_from_array_1_0(self.kept[epoch])
                np.lib.format.write_array_header_1_0(stream, header)
                # A plain write: np.save's error would not say that the disk is full.
                stream.write(self.kept[epoch].data)

    def by_epoch(self, epochs):
        """Return what it said after each of so many epochs; files of an older, longer run do not count."""
        return [self.kept[epoch] if epoch in self.kept else self._load(epoch) for epoch in range(1, epochs + 1)]

    def _path(self, epoch):
        return self.folder / f"test-{epoch:03}.npy"

    def _load(self, epoch):
        try:
            return np.load(self._path(epoch))
        except (OSError, ValueError, EOFError) as error:
            raise training.TrainingError(
                f"{self._path(epoch)}, the answers to the test images after epoch {epoch}, cannot be read ({error}). "
                f"Delete the folder {self.folder} to train anew."
            ) from error


def _build(recipe, ham, config, pixels, rows):
    """Return the network on images, the part of it that is trained, that part's inputs, and what to say of it."""
    options = dict(recipe.options)
    if recipe.network == "paper_cnn":
        model = architectures.paper_cnn(config.sizes.image, **options)
        return model, model, pixels, {"label": f"{recipe.title}, {config.sizes.image[1]} x {config.sizes.image[0]}"}
    backbone = architectures.backbone(*recipe.network, size=config.sizes.image)
    about = {"label": f"{backbone.label}{recipe.title}", "weights": backbone.weights}
    if recipe.frozen == "nothing":
        model = architectures.classifier(backbone.model, **options)
        return model, model, pixels, about
    if recipe.frozen == "boundary":
        name = architectures.boundary(backbone.model, recipe.share)
    else:
        name = backbone.model.layers[-1].name
    frozen, rest = architectures.cut(backbone.model, name)
    frozen.trainable = False  # and so its batch normalisations keep their averages, whoever trains the whole
    if rest is None:
        # Of a backbone that is frozen to its end the head sees the average only, so only that is kept.
        frozen = keras.Model(frozen.input, keras.layers.GlobalAveragePooling2D(name="average")(frozen.output))
    tail = architectures.classifier(frozen.output.shape[1:] if rest is None else rest, **options)
    inputs = activations.load_activations(
        frozen, ham, pixels, config, rows=rows, views=recipe.views, augmentation=recipe.augmentation
    )
    model = keras.Model(frozen.input, tail(frozen.output), name="network")
    return model, tail, inputs, about | {"cut": name}


def _set_trainable(layers, value):
    for layer in layers:
        layer.trainable = value

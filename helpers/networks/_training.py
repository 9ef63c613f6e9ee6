"""One ``fit`` for all networks: checkpoints, resuming, early stopping, a falling learning rate, mixed precision.

Every random number is a function of the seed and the epoch, and after each epoch all that training has changed is
written to one file; so a run that was cut, even in mid-epoch, ends with the weights of a run that was not.  (On a
graphics card sums are not always taken in the same order, so there two runs agree to rounding at best.)
"""

import hashlib
import json
import os
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from sklearn.metrics import balanced_accuracy_score
from tqdm import tqdm

from helpers import __version__
from helpers.data._cache import atomic_write
from helpers.data._files import progress_shown
from helpers.ham10000 import CLASSES
from helpers.networks import _activations as activations

#: The learning rate is multiplied by this when the validation loss has not fallen for a while.
FACTOR = 0.3
PRECISIONS = {"float32": "float32", "float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}

# A chapter builds many small networks, each traced a few times; TensorFlow warns as if one were traced without end.
tf.get_logger().setLevel("ERROR")


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why and what to change."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a training run did; the model that was passed holds the weights of the best epoch.

    ``history`` has one row an epoch; ``best_epoch`` counts from 1, as the rows do.  ``wall_seconds`` adds up over
    resumed runs.  ``epoch_seconds`` is the mean time of a training pass, the first left out where there are more:
    it includes compiling.
    """

    history: pd.DataFrame
    best_epoch: int
    wall_seconds: float
    epoch_seconds: float


def use_precision(name=None):
    """Set the precision that networks built from now on compute in, and return its name.

    Weights stay float32, and so does the softmax.  Default: the variable ``SKIN_PRECISION``, else float16 where there
    is a GPU, else float32.  On request ``"bfloat16"``, which newer processors compute about twice as fast.

    Raises
    ------
    ValueError
        If the name is not one of float32, float16, bfloat16.

    Examples
    --------
    >>> use_precision("float32")
    'float32'
    """
    usual = "float16" if tf.config.list_physical_devices("GPU") else "float32"
    name = name or os.environ.get("SKIN_PRECISION") or usual
    if name not in PRECISIONS:
        raise ValueError(f"precision {name!r} is not known; choose one of {', '.join(PRECISIONS)}")
    keras.config.set_dtype_policy(PRECISIONS[name])
    return name


def fit(
    model,
    training,
    validation,
    *,
    epochs,
    seed,
    folder=None,
    learning_rate=1e-3,
    class_weight=None,
    patience=8,
    slow_down=3,
    cosine=False,
    after_epoch=None,
):
    """Train a network, and leave the best epoch's weights in it.

    Adam, categorical cross-entropy on class codes, as the paper has it.  The validation set chooses: after
    ``slow_down`` epochs without a lower validation loss the learning rate is multiplied by 0.3, after ``patience`` of
    them training stops.  Where there are class weights, the validation loss is weighted by them too.

    Parameters
    ----------
    model : keras.Model
        From inputs to ``(n, 7)`` probabilities.
    training : callable
        ``training(epoch)`` returns the ``tf.data.Dataset`` of that epoch, counted from 0: (inputs, class codes), as
        :func:`training_batches` makes them.
    validation : tf.data.Dataset
        (inputs, class codes), in order, as :func:`batches` makes them.
    epochs : int
        At most so many; with ``cosine`` exactly so many.
    seed : int
        Of the dropout; the order and the augmentation are those of ``training``.
    folder : Path, optional
        Where the checkpoint lies; default: none is written.  If there is one of the same network, precision and
        settings, training resumes from it.  What ``training`` gives it cannot see: take a folder for each data set.
    learning_rate : float
    class_weight : dict, optional
        ``{class: weight}``, as :func:`class_weights` returns it, by class code or by name; a class it lacks weighs 1.
    patience, slow_down : int
        Epochs without a lower validation loss: see above.
    cosine : bool
        Train all ``epochs``, whatever ``slow_down`` and ``patience``, while the learning rate falls along half a cosine
        from ``learning_rate`` towards 0, epoch by epoch.  The validation set still chooses the epoch that is kept.
        Source: Loshchilov and Hutter, ICLR 2017, without their restarts.
    after_epoch : callable, optional
        ``after_epoch(epoch)`` is called when an epoch is done and before its checkpoint is written, to look at the
        model as it then is.

    Returns
    -------
    Fitted
        ``history``, a row an epoch; ``best_epoch``, counted from 1; ``wall_seconds``; ``epoch_seconds``.

    Raises
    ------
    TrainingError
        If the loss is no longer a finite number, or the checkpoint has seen more epochs than are asked for.
    ValueError
        If a label or a key of ``class_weight`` is no class.

    Examples
    --------
    >>> from helpers.networks import batches, classifier, training_batches
    >>> pixels, codes = np.zeros((14, 4, 4, 3), np.uint8), np.arange(14) % 7
    >>> network = classifier(keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 3)]), units=2)
    >>> def training(epoch):
    ...     return training_batches(pixels, codes, seed=1, epoch=epoch)
    >>> fit(network, training, batches(pixels, codes), epochs=2, seed=1).history["epoch"].tolist()
    [1, 2]
    """
    started = time.perf_counter()
    class_weight = _by_code(class_weight) if class_weight else None
    _compile(model, learning_rate)
    if cosine:
        patience = slow_down = epochs
    checkpoint = _checkpoint(model, folder, seed, learning_rate, class_weight, patience, slow_down, cosine)
    state = {"epoch": 0, "best": np.inf, "best_epoch": 0, "history": [], "before": 0.0}
    best = None
    if checkpoint and checkpoint.exists():
        state, best = _restore(checkpoint, model)
        if state["epoch"] > epochs:
            raise TrainingError(
                f"{checkpoint} has seen {state['epoch']} epochs, and {epochs} are asked for: ask for as many, "
                "or delete it to train anew"
            )
    truth = np.concatenate([codes.numpy() for _, codes in validation])
    _check_labels(truth)
    with tqdm(total=epochs, initial=state["epoch"], unit="epoch", disable=not progress_shown()) as bar:
        while state["epoch"] < epochs and state["epoch"] - state["best_epoch"] < patience:
            epoch = state["epoch"]
            _reseed(model, seed, epoch)
            if cosine:
                model.optimizer.learning_rate = learning_rate * (1 + np.cos(np.pi * epoch / epochs)) / 2
            rate = float(model.optimizer.learning_rate.numpy())
            row = {"epoch": epoch + 1, "learning_rate": rate} | _train(model, training(epoch), class_weight, epoch + 1)
            row |= _judge(truth, predict(model, validation), class_weight)
            if not np.isfinite(row["validation_loss"]):
                raise TrainingError(
                    f"the validation loss is {row['validation_loss']} in epoch {epoch + 1}. Lower the learning rate "
                    "(to a tenth of it, say), and look for inputs that are not finite."
                )
            state["history"].append(row)
            state["epoch"] = epoch + 1
            if row["validation_loss"] < state["best"]:
                state |= {"best": row["validation_loss"], "best_epoch": epoch + 1}
                best = model.get_weights()
            elif (epoch + 1 - state["best_epoch"]) % slow_down == 0:
                model.optimizer.learning_rate = rate * FACTOR
            if after_epoch:
                after_epoch(epoch + 1)
            if checkpoint:
                _save(checkpoint, model, state | {"before": state["before"] + time.perf_counter() - started}, best)
            bar.update()
            bar.set_postfix({name: f"{row[name]:.3f}" for name in ("loss", "validation_loss")})
    model.set_weights(best)
    history = pd.DataFrame(state["history"])
    return Fitted(
        history=history,
        best_epoch=state["best_epoch"],
        wall_seconds=state["before"] + time.perf_counter() - started,
        epoch_seconds=float(history["seconds"].iloc[int(len(history) > 1) :].mean()),
    )


def predict(model, batches):
    """Return the probabilities ``(n, 7)`` float64, each row summing to one, in the order of the batches.

    Parameters
    ----------
    model : keras.Model
        With softmax outputs.
    batches : tf.data.Dataset
        As :func:`helpers.networks.batches` makes them.

    Examples
    --------
    >>> from helpers.networks import batches, classifier
    >>> network = classifier(keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 3)]), units=2)
    >>> predict(network, batches(np.zeros((3, 4, 4, 3), np.uint8), [5, 4, 5])).shape
    (3, 7)
    """
    y_prob = np.asarray(model.predict(batches, verbose=0), dtype=np.float64)
    return y_prob / y_prob.sum(axis=1, keepdims=True)


def _by_code(class_weight):
    """Return class weights by code, for all classes; the keys may be codes or names of classes."""
    by_code = {CLASSES.index(key) if key in CLASSES else key: weight for key, weight in class_weight.items()}
    if unknown := [key for key in by_code if key not in range(len(CLASSES))]:
        raise ValueError(
            f"class_weight has the key {unknown[0]!r}, which is no class: its keys are class codes, 0 to "
            f"{len(CLASSES) - 1}, or the names {', '.join(CLASSES)}"
        )
    return {code: by_code.get(code, 1.0) for code in range(len(CLASSES))}


def _check_labels(labels):
    """Raise if labels are not class codes."""
    codes = f"class codes, 0 to {len(CLASSES) - 1}, one an image"
    if labels.ndim != 1:
        raise ValueError(
            f"the labels have the shape {labels.shape}; they must be {codes} (of one-hot rows: labels.argmax(axis=1))"
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"the labels are {labels.dtype}, such as {labels[0]!r}; they must be {codes} (of names: "
            "[CLASSES.index(dx) for dx in labels])"
        )
    outside = labels[(labels < 0) | (labels >= len(CLASSES))]
    if len(outside):
        raise ValueError(f"label {outside[0]} is no class; labels must be {codes} (if they run from 1, subtract 1)")


def _compile(model, learning_rate):
    # Keras scales the loss where a model computes in float16, and compiles with XLA where there is a graphics card.
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)


class _Finite(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if not np.isfinite(logs["loss"]):
            raise TrainingError(
                f"the loss is {logs['loss']} in epoch {self.epoch}, batch {batch + 1}. Lower the learning rate "
                "(to a tenth of it, say), and look for inputs that are not finite."
            )


def _train(model, data, class_weight, epoch):
    started = time.perf_counter()
    callbacks = [_Finite(epoch)]
    try:
        logs = model.fit(data, class_weight=class_weight, verbose=0, shuffle=False, callbacks=callbacks).history
    except Exception:
        # A label that is no class ends in some error of TensorFlow's, or on a graphics card in a loss that is NaN.
        for _, labels in data:
            _check_labels(labels.numpy())
        raise
    return {"loss": logs["loss"][0], "accuracy": logs["accuracy"][0], "seconds": time.perf_counter() - started}


def _judge(truth, prob, class_weight):
    """Return loss, accuracy and balanced accuracy of the validation set."""
    weights = [class_weight[code] for code in truth] if class_weight else 1.0
    loss = -np.log(np.maximum(prob[np.arange(len(truth)), truth], 1e-12))
    answers = prob.argmax(axis=1)
    return {
        "validation_loss": float(np.mean(loss * weights)),  # the mean over images, as Keras has it in training
        "validation_accuracy": float((answers == truth).mean()),
        "validation_balanced_accuracy": float(balanced_accuracy_score(truth, answers)),
    }


def _reseed(model, seed, epoch):
    """Make what the dropout layers draw a function of seed and epoch, whatever was drawn before."""
    dropouts = [layer for layer in model.layers if hasattr(layer, "seed_generator")]
    for place, layer in enumerate(dropouts):
        state = np.random.SeedSequence((seed, epoch, place)).generate_state(2)
        layer.seed_generator.state.assign(state.astype("uint32"))


def checkpoints(config, *depends_on):
    """Return the folder in the cache for the checkpoints of one training; None in the quick tier.

    Its name is a hash of the settings and of what else the training depends on.  A training of seconds needs no
    checkpoint, and a build of the book must not take up what an older version of the course left.
    """
    if config.tier == "quick":
        return None
    key = (__version__, config.chapter, config.sizes, config.seed, *depends_on)
    name = hashlib.sha256(repr(key).encode()).hexdigest()
    return config.cache / "training" / name[:16]


def _checkpoint(model, folder, seed, learning_rate, class_weight, patience, slow_down, cosine):
    """Return the checkpoint's path: by a hash of network and settings, so that no other run resumes from it."""
    if folder is None:
        return None
    precision, trained = model.dtype_policy.name, [weight.trainable for weight in model.weights]
    settings = (activations.digest(model), precision, trained, seed, learning_rate, class_weight, patience, slow_down)
    settings += (cosine, keras.__version__)  # another Keras may keep other numbers in its optimizer
    Path(folder).mkdir(parents=True, exist_ok=True)
    return Path(folder) / f"checkpoint-{hashlib.sha256(repr(settings).encode()).hexdigest()[:16]}.npz"


def _save(path, model, state, best):
    """Write everything that training has changed to one file, whole or not at all."""
    arrays = {f"model{k}": weight for k, weight in enumerate(model.get_weights())}
    arrays |= {f"optimizer{k}": variable.numpy() for k, variable in enumerate(model.optimizer.variables)}
    arrays |= {f"best{k}": weight for k, weight in enumerate(best)}
    needed = sum(array.nbytes for array in arrays.values())
    with atomic_write(path, "checkpoint", needed) as partial, open(partial, "wb") as stream:
        np.savez(stream, state=json.dumps(state), **arrays)


def _restore(path, model):
    """Set the model and its optimizer to a checkpoint; return its state and its best weights."""
    try:
        with np.load(path) as stored:
            arrays = dict(stored)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise TrainingError(f"the checkpoint {path} cannot be read ({error}): delete it to train anew") from error
    count = len(model.weights)
    model.set_weights([arrays[f"model{k}"] for k in range(count)])
    for k, variable in enumerate(model.optimizer.variables):
        variable.assign(arrays[f"optimizer{k}"])
    return json.loads(str(arrays["state"])), [arrays[f"best{k}"] for k in range(count)]

"""One training, read in other ways: for the records that show what a choice of the reader is worth.

A network answers with probabilities.  What they are worth depends on which epoch's they are, and on how common the
classes are thought to be.  The functions here take a training, as :func:`helpers.networks.train` returns it, and return
it with other probabilities, marked so in its facts.
"""

from dataclasses import replace

import numpy as np

from helpers.ham10000 import CLASSES


def chosen_on_test(trained, y_test):
    """Return the same training as if the epoch had been chosen on the test set, marked so in ``facts["chosen_on"]``.

    It is a mistake that many notebooks make; the book makes it to measure what it is worth.  Needs
    ``train(..., watch_test=True)``.  What the network of that epoch said of the validation images was not kept, so the
    record has no melanoma threshold.

    Parameters
    ----------
    trained : helpers.networks.Trained
    y_test : (n,) class codes of the test rows

    Raises
    ------
    ValueError
        If the test images were not watched.
    """
    accuracies = [(y_prob.argmax(axis=1) == y_test).mean() for y_prob in trained.test_by_epoch]
    if not accuracies:
        raise ValueError("the test images were not watched: train with watch_test=True")
    best = int(np.argmax(accuracies))
    facts = trained.facts | {"chosen_on": "test", "best_epoch": best + 1}
    return replace(trained, validation=None, test=trained.test_by_epoch[best], facts=facts)


def to_equal_priors(trained, y_train):
    """Return the same training with its probabilities shifted to a population in which all classes are equally common.

    Each class's probability is divided by its share of the training images, then they are made to sum to one.  It does
    after training what class weights do during it: rare classes are answered more often.

    Source: Saerens, Latinne, Decaestecker, Neural Computation 14(1):21-41, 2002; Menon et al., ICLR 2021.

    Parameters
    ----------
    trained : helpers.networks.Trained
    y_train : (n,) class codes of the rows that were trained on
    """
    return _shifted(trained, "evened", 1 / _shares(y_train))


def to_training_priors(trained, y_train):
    """Return a training with class weights, its probabilities shifted back to the shares of the training images.

    The opposite of :func:`to_equal_priors`.  Class weights teach a network that all classes are equally common;
    multiplied by its share, each class's probability is again that of the population that the images were drawn from.

    Parameters
    ----------
    trained : helpers.networks.Trained
    y_train : (n,) class codes of the rows that were trained on
    """
    return _shifted(trained, "restored", _shares(y_train))


def _shares(y_train):
    return np.maximum(np.bincount(y_train, minlength=len(CLASSES)), 1) / len(y_train)


def _shifted(trained, priors, factors):
    def shifted(y_prob):
        y_prob = y_prob * factors
        return y_prob / y_prob.sum(axis=1, keepdims=True)

    return replace(
        trained,
        label=f"{trained.label}, priors {priors}",
        validation=None if trained.validation is None else shifted(trained.validation),
        test=shifted(trained.test),
        test_by_epoch=[shifted(y_prob) for y_prob in trained.test_by_epoch],
        facts=trained.facts | {"priors": priors},
    )

"""Networks: the paper's CNN, backbones from ImageNet, how they are trained, and the record that a training leaves.

The only room that imports TensorFlow.  Every network takes RGB images, 0 to 255.  Not a medical device.
"""

from helpers.networks._activations import (
    activation_batches,
    activation_training_batches,
    digest,
    load_activations,
)
from helpers.networks._architectures import HEAD, IMAGENET_MEAN, backbone, boundary, classifier, cut, paper_cnn
from helpers.networks._augmentation import DRAWS, Augmentation, augmenter
from helpers.networks._batches import batches, class_weights, training_batches
from helpers.networks._recipes import RECIPES, RESNET
from helpers.networks._run import save_record, train, training_rows
from helpers.networks._training import checkpoints, fit, predict, use_precision

__all__ = [
    "DRAWS",
    "HEAD",
    "IMAGENET_MEAN",
    "RECIPES",
    "RESNET",
    "Augmentation",
    "activation_batches",
    "activation_training_batches",
    "augmenter",
    "backbone",
    "batches",
    "boundary",
    "checkpoints",
    "class_weights",
    "classifier",
    "cut",
    "digest",
    "fit",
    "load_activations",
    "paper_cnn",
    "predict",
    "save_record",
    "train",
    "training_batches",
    "training_rows",
    "use_precision",
]

"""Networks: the paper's CNN, backbones from ImageNet, how they are trained, and the record that a training leaves.

The only room that imports TensorFlow.  Every network takes RGB images, 0 to 255.  Not a medical device.
"""

from helpers.networks._activations import load_activations
from helpers.networks._architectures import IMAGENET_MEAN, backbone, boundary, classifier, cut, paper_cnn
from helpers.networks._augmentation import Augmentation
from helpers.networks._batches import batches, class_weights, training_batches
from helpers.networks._recipes import RECIPES
from helpers.networks._run import load, save_record, train
from helpers.networks._training import fit, use_precision

__all__ = [
    "IMAGENET_MEAN",
    "RECIPES",
    "Augmentation",
    "backbone",
    "batches",
    "boundary",
    "class_weights",
    "classifier",
    "cut",
    "fit",
    "load",
    "load_activations",
    "paper_cnn",
    "save_record",
    "train",
    "training_batches",
    "use_precision",
]

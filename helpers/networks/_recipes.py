"""Recipes: what each of the course's networks is made of, and how it is trained.

:func:`helpers.networks.train` follows a recipe from the images to a trained network.
"""

from dataclasses import dataclass, field

from helpers.networks._augmentation import Augmentation

#: The augmentation of all recipes that have one.
USUAL = Augmentation()


@dataclass(frozen=True)
class Recipe:
    """What a network is made of and how it is trained.

    ``network``: ``"paper_cnn"``, or names for :func:`helpers.networks.backbone`, of which the first to be had is taken.
    ``frozen``: ``"nothing"``; of a backbone also ``"boundary"``, more than ``share`` of its convolutions, or
    ``"backbone"``, all but the new head.
    ``weighted``: class weights in the loss.  ``views``: how many versions of each image a frozen part is asked about;
    the answer to a test image is the mean over them.  Where nothing is frozen, each epoch has a version of its own.
    ``head_epochs``: epochs in which only the head is trained, before the rest joins in.  ``epochs``: at most so many,
    where a tier allows more.  ``cosine``: the learning rate falls along a cosine over all epochs, without ``patience``.
    ``options``: of :func:`helpers.networks.paper_cnn` or :func:`helpers.networks.classifier`.
    """

    title: str
    network: str | tuple[str, ...]
    frozen: str = "nothing"
    share: float = 0.7
    weighted: bool = True
    augmentation: Augmentation | None = USUAL
    views: int = 1
    batch: int = 32
    learning_rate: float = 1e-3
    head_epochs: int = 0
    epochs: int | None = None
    patience: int = 8
    cosine: bool = False
    options: dict = field(default_factory=dict)

    def __post_init__(self):
        fitting = ("nothing",) if self.network == "paper_cnn" else ("nothing", "boundary", "backbone")
        if self.frozen not in fitting:
            raise ValueError(
                f"frozen is {self.frozen!r}; for the network {self.network!r} choose {' or '.join(map(repr, fitting))}"
            )


RESNET = ("resnet50", "resnet50v2_imagenet_stage3")
#: Transfer is trained without class weights: dividing its answers by the shares of the classes does the same, later.
FROZEN = {
    "frozen": "backbone",
    "weighted": False,
    "augmentation": None,
    "batch": 64,
    "learning_rate": 2e-4,
}
TUNED = {"frozen": "boundary", "weighted": False, "views": 4, "learning_rate": 1e-4, "head_epochs": 2, "patience": 6}
#: Only the last block of a ResNet is retrained, on the images as they are.
LAST = {"share": 0.9, "views": 1, "augmentation": None}
IMPROVED = {"batch_norm": True, "wide_head": False, "dropout": 0.3}
#: All layers are retrained, in each epoch on new versions of the images.  An epoch is slow, so they are few.
ALL = {"frozen": "nothing", "views": 1, "epochs": 10, "cosine": True}
RECIPES = {
    "cnn-paper": Recipe("the paper's CNN", "paper_cnn", learning_rate=3e-4),
    "cnn-improved": Recipe("the paper's CNN, batch-normalised, narrow head", "paper_cnn", options=IMPROVED),
    "cnn-cosine": Recipe(
        "the paper's CNN, batch-normalised, narrow head, cosine schedule",
        "paper_cnn",
        cosine=True,
        options=IMPROVED,
    ),
    "vgg16-frozen": Recipe(", frozen", ("vgg16",), **FROZEN),
    "vgg16-tuned": Recipe(", last block retrained", ("vgg16",), **TUNED),
    "resnet-frozen": Recipe(", frozen", RESNET, **FROZEN),
    "resnet-tuned": Recipe(", last blocks retrained", RESNET, **TUNED),
    "resnet-last": Recipe(", last block retrained", RESNET, **TUNED | LAST),
    "resnet-whole": Recipe(", retrained whole", RESNET, **TUNED | ALL),
    "mobilenetv2-frozen": Recipe(", frozen", ("mobilenetv2",), **FROZEN),
}

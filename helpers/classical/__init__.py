"""What dermatologists look for, in numbers: colour, shape and texture of a lesion, for classical models."""

from helpers.classical._features import load_features

__all__ = ["load_features"]

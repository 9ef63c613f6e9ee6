"""Images and their metadata: load them, resize them once into a cache, prepare them.

``load`` finds HAM10000, your own images in its layout, or the embedded sample; ``load_pixels`` decodes all images to
one size.  The rest are the preprocessing steps of the chapter on preprocessing.  ``python -m helpers.data download``
fetches HAM10000.  Not a medical device.
"""

from helpers.data._loader import load
from helpers.data._pixels import load_pixels
from helpers.data._preprocess import centre_crop, clahe, denoise, equalise, hair_mask, remove_hair, shades_of_gray

__all__ = [
    "centre_crop",
    "clahe",
    "denoise",
    "equalise",
    "hair_mask",
    "load",
    "load_pixels",
    "remove_hair",
    "shades_of_gray",
]

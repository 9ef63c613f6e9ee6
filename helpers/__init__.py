"""Helpers of the course *Learning to See Skin Lesions*: ten rooms, in the order the data flows.

``ham10000 settings → data splits → classical evaluate → records → networks; plots, checks``

A room imports only from the floors before it, and TensorFlow is imported in ``networks`` alone.  What a chapter calls
is exported by its room; files and names that begin with an underscore are the room's own.  A chapter begins with
``start``, which stands above the rooms.

Not a medical device: this code teaches, it diagnoses nobody.
"""

import warnings

__version__ = "0.3.0.dev0"

# pooch asks tqdm for a notebook's bar, which warns where ipywidgets is absent; the bars of this course are text.
warnings.filterwarnings("ignore", message="IProgress not found")


def __getattr__(name):
    """Import ``start`` where it is asked for: it needs several rooms, and ``helpers.settings`` alone does not."""
    if name == "start":
        from helpers._start import start

        return start
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Helpers of the course *Learning to See Skin Lesions*: one module a room, in the order the data flows.

``ham10000 → settings → sample → sources → download → files → workers → caches → data → splits → images → preprocess →
augmentation → pipeline → models → activations → training → lesions → features → baselines → bootstrap → scores →
metrics → slices → records → experiments → provenance → runs → comparison → mixture → leakage → recipes → networks →
plots → checks``.
A module imports only from rooms before it.  Not a medical device: this code teaches, it diagnoses nobody.
"""

import warnings

__version__ = "0.2.0"

# pooch asks tqdm for a notebook's bar, which warns where ipywidgets is absent; the bars of this course are text.
warnings.filterwarnings("ignore", message="IProgress not found")

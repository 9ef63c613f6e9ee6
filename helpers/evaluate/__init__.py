"""How good the answers are, and how sure we are: metrics with intervals and floors, test-set mix, paired leakage.

Everything is resampled by lesion, not by image.  Draws nothing.  Not a medical device.
"""

from helpers.evaluate._bootstrap import group_weights
from helpers.evaluate._leakage import leak_effects, leak_models, leak_pair, leak_scores
from helpers.evaluate._metrics import answers, floor, paired_bootstrap, report
from helpers.evaluate._mixture import mix_redraws, mix_strata, mix_weights
from helpers.evaluate._operating import operating_points

__all__ = [
    "answers",
    "floor",
    "group_weights",
    "leak_effects",
    "leak_models",
    "leak_pair",
    "leak_scores",
    "mix_redraws",
    "mix_strata",
    "mix_weights",
    "operating_points",
    "paired_bootstrap",
    "report",
]

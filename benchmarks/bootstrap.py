"""Time the bootstrap of every metric: 2,000 resamples of 10,015 predictions, against scikit-learn in a loop.

    python benchmarks/bootstrap.py

It writes ``benchmarks/results/bootstrap.json``.  The predictions are made up, in HAM10000's published class counts and
number of lesion groups: only how many there are takes time.  The loop resamples the rows and calls scikit-learn for a
part of the same metrics; it is measured on a few resamples.  Where the load average is above the number of cores the
machine was busy with other work: then read the processor seconds.
"""

import json
import os
import platform
import statistics
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import metrics as sk

from helpers import evaluate
from helpers.evaluate._bootstrap import RESAMPLES
from helpers.evaluate._metrics import melanoma_threshold
from helpers.ham10000 import CLASSES, PUBLISHED_IMAGES
from helpers.records._provenance import versions
from helpers.settings import SEED

TARGET = Path(__file__).parent / "results" / "bootstrap.json"
GROUPS = 7452
LOOPED = 20


def predictions(rng):
    """Return y_true, y_prob and groups as many, and as divided, as HAM10000's."""
    truth = np.repeat(np.arange(len(CLASSES)), list(PUBLISHED_IMAGES.values()))
    logits = rng.normal(size=(len(truth), len(CLASSES))) + 1.5 * np.eye(len(CLASSES))[truth]
    prob = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    groups = np.r_[np.arange(GROUPS), rng.integers(GROUPS, size=len(truth) - GROUPS)]
    return np.array(CLASSES)[truth], prob, np.char.add("L", rng.permutation(groups).astype(str))


def in_a_loop(y_true, y_prob, groups, resamples):
    """Compute by scikit-learn, one resample at a time, a part of what ``report`` does; return processor seconds."""
    start = time.process_time()
    for weights in evaluate.group_weights(groups, resamples, SEED):
        for column in weights.T:
            rows = np.repeat(np.arange(len(y_true)), column.astype(int))
            truth, prob = y_true[rows], y_prob[rows]
            answer = evaluate.answers(prob)
            sk.balanced_accuracy_score(truth, answer)
            sk.precision_recall_fscore_support(truth, answer, labels=CLASSES, zero_division=0)
            for code, dx in enumerate(CLASSES):
                sk.roc_auc_score(truth == dx, prob[:, code])
                sk.average_precision_score(truth == dx, prob[:, code])
    return time.process_time() - start


def main():
    y_true, y_prob, groups = predictions(np.random.default_rng(SEED))
    load = os.getloadavg()[0]
    thresholds = melanoma_threshold(y_true, y_prob)
    seconds, processor = [], []
    for _ in range(3):
        start, used = time.perf_counter(), time.process_time()
        table = evaluate.report(y_true, y_prob, groups, melanoma_threshold=thresholds)
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    looped = in_a_loop(y_true, y_prob, groups, LOOPED) / LOOPED * RESAMPLES
    measured = {
        "images": len(y_true),
        "groups": len(pd.unique(groups)),
        "resamples": RESAMPLES,
        "metrics": len(table),
        "seconds": [round(value, 2) for value in seconds],
        "processor_seconds": [round(value, 2) for value in processor],
        "processor_seconds_scikit_learn_in_a_loop": round(looped, 1),
        "scikit_learn_measured_on_resamples": LOOPED,
        "times_less": round(looped / statistics.median(processor), 1),
        "load_average": round(load, 1),
        "cpu": f"{os.cpu_count()} cores, {platform.machine()}",
        "versions": versions(),
    }
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(json.dumps(measured, indent=1) + "\n")
    print(json.dumps(measured, indent=1))


if __name__ == "__main__":
    main()

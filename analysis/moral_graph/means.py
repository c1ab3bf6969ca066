"""A mean whose interval allows for clusters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.estimate import Estimate, ratio_estimate


def mean(numbers: Sequence[float], clusters: Sequence[Any], level: float) -> Estimate:
    """Mean with a cluster-robust interval; each number belongs to a cluster."""
    codes, labels = pd.factorize(pd.Series(list(clusters)))
    sums = np.bincount(codes, weights=np.asarray(numbers, dtype=float), minlength=len(labels))
    counts = np.bincount(codes, minlength=len(labels)).astype(float)
    return ratio_estimate(sums.astype(float), counts, level=level, proportion=False)

"""Bootstrap over participants: whole people are drawn, so that their trials stay together.

A replicate is a vector of counts, how often each participant was drawn. Statistics here are functions
of sums over participants, so all replicates of all measures are one matrix product of counts and
per-participant sums.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from analysis.estimate import Floats, check_level

Statistic = Callable[[Floats], Floats]
CELLS = 4_000_000  # counts held at once; 32 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A bootstrap standard error and interval; `undefined` replicates had no value and were left out."""

    se: float
    low: float
    high: float
    undefined: int


def check_rng(rng: object) -> np.random.Generator:
    """A numpy Generator, passed in and never global; anything else is refused."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"rng is {type(rng).__name__}: pass numpy.random.default_rng(seed) to make it repeatable"
        )
    return rng


def counts(clusters: int, replicates: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Counts of how often each of `clusters` participants is drawn, in blocks of shape (rows, clusters)."""
    if replicates < 100:
        raise ValueError(f"replicates is {replicates}: an interval needs at least 100, better 2000")
    block = max(1, CELLS // clusters)
    for start in range(0, replicates, block):
        rows = min(block, replicates - start)
        drawn = rng.integers(0, clusters, size=(rows, clusters))
        drawn += np.arange(rows)[:, None] * clusters
        yield np.bincount(drawn.ravel(), minlength=rows * clusters).reshape(rows, clusters).astype(np.float64)


def resample_sums(sums: Floats, replicates: int, rng: np.random.Generator) -> Floats:
    """Totals of per-participant `sums` (participants, k) in each replicate: (replicates, k)."""
    return np.concatenate([drawn @ sums for drawn in counts(len(sums), replicates, rng)])


def leave_one_out(sums: Floats) -> Floats:
    """Totals without each participant in turn: (participants, k)."""
    without: Floats = sums.sum(axis=0) - sums
    return without


def bca_interval(
    value: float, replicates: Floats, jackknife: Floats, *, clusters: int, level: float = 0.95
) -> Interval:
    """Bias-corrected and accelerated interval (Efron 1987), widened for few participants.

    replicates, jackknife: the statistic in each draw and without each participant; clusters: participants.
    Draws vary too little by a factor of sqrt((clusters - 1) / clusters), and a normal reach is too short for an
    estimated spread: the tails are those of t, stretched accordingly (Hesterberg 2015, "expanded").
    No acceleration without leave-one-out values, no correction where all replicates are on one side.
    nan replicates are left out and counted; with more than one in twenty undefined no interval is given.
    """
    check_level(level)
    good: Floats = replicates[np.isfinite(replicates)]
    undefined = len(replicates) - len(good)
    if len(good) < 0.95 * len(replicates) or not np.isfinite(value) or clusters < 2:
        return Interval(np.nan, np.nan, np.nan, undefined)
    se = float(np.std(good, ddof=1))
    if se <= 1e-12 * max(1.0, abs(value)):
        return Interval(np.nan, np.nan, np.nan, undefined)
    reach = np.sqrt(clusters / (clusters - 1)) * student.ppf((1 + level) / 2, clusters - 1)
    low, high = np.quantile(good, _tails(float(reach), value, good, jackknife))
    return Interval(se, float(low), float(high), undefined)


def _tails(reach: float, value: float, replicates: Floats, jackknife: Floats) -> Floats:
    """Tail probabilities `reach` standard errors out, after bias correction and acceleration."""
    ends = np.array([-reach, reach])
    below = np.mean(replicates < value) + 0.5 * np.mean(np.isclose(replicates, value, rtol=1e-12, atol=0))
    left: Floats = jackknife[np.isfinite(jackknife)]
    spread = left.mean() - left if len(left) else np.zeros(1)
    scale = np.sum(spread**2)
    bias = norm.ppf(below) if 0 < below < 1 else 0.0
    acceleration = np.sum(spread**3) / (6 * scale**1.5) if scale > 0 else 0.0
    tails: Floats = norm.cdf(bias + (bias + ends) / (1 - acceleration * (bias + ends)))
    return tails


def sums_by(codes: NDArray[np.intp], columns: Floats, clusters: int) -> Floats:
    """Per-participant sums of trial columns (trials, k) as (participants, k)."""
    return np.stack([np.bincount(codes, weights=column, minlength=clusters) for column in columns.T], axis=1)

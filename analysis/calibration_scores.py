"""Calibration scores as functions of two totals for each distinct probability that was stated:
how often it was stated and how often the event happened."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.special import xlog1py, xlogy

from analysis.estimate import Floats

Binning = Literal["width", "quantile"]
SCORES = ("brier", "skill", "log_score", "ece", "mce", "ks", "auc", "overconfidence")


@dataclass(frozen=True, slots=True)
class Stated:
    """Distinct probabilities, their bins, and how often each participant stated them and was right."""

    values: Floats
    bin_of: NDArray[np.intp]
    edges: Floats
    stated: csr_array
    happened: csr_array


def count_stated(
    stated: Floats, happened: Floats, people: NDArray[np.intp], bins: int, binning: Binning
) -> Stated:
    values, column = np.unique(stated, return_inverse=True)
    edges = _edges(stated, bins, binning)
    shape = (int(people.max()) + 1, len(values))
    return Stated(
        values,
        np.searchsorted(edges[1:-1], values, side="left"),
        edges,
        csr_array(coo_array((np.ones(len(stated)), (people, column)), shape=shape)),
        csr_array(coo_array((happened, (people, column)), shape=shape)),
    )


def _edges(stated: Floats, bins: int, binning: Binning) -> Floats:
    if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or bins < 2:
        raise ValueError(f"bins is {bins!r}: a whole number from 2 on is needed")
    if binning == "width":
        edges: Floats = np.arange(bins + 1) / bins
        return edges
    if binning == "quantile":
        inner = np.unique(np.quantile(stated, np.arange(1, bins) / bins))
        return np.concatenate([[0.0], inner[(inner > 0) & (inner < stated.max())], [1.0]])
    raise ValueError(f"binning is {binning!r}: 'width' or 'quantile' is needed")


def scores(counted: Stated, stated: Floats, happened: Floats) -> dict[str, Floats]:
    """All scores of rows of totals by distinct probability: stated, happened of shape (rows, values)."""
    n = stated.sum(axis=1)
    value = counted.values
    share = happened.sum(axis=1) / n
    brier = (stated @ value**2 - 2 * happened @ value + happened.sum(axis=1)) / n
    loss = -(xlogy(happened, value) + xlog1py(stated - happened, -value)).sum(axis=1) / n
    gaps, weight = _bin_gaps(counted, stated, happened)
    drift = np.abs(np.cumsum(stated * value - happened, axis=1)).max(axis=1) / n
    return {
        "brier": brier,
        "skill": 1 - _over(brier, share * (1 - share)),
        "log_score": loss,
        "ece": (np.abs(gaps) * weight).sum(axis=1) / n,
        "mce": np.abs(gaps).max(axis=1),
        "ks": drift,
        "auc": _auc(stated, happened),
        "overconfidence": stated @ value / n - share,
    }


def _over(top: Floats, bottom: Floats) -> Floats:
    result = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=result, where=bottom > 0)
    return result


def _bin_gaps(counted: Stated, stated: Floats, happened: Floats) -> tuple[Floats, Floats]:
    """Mean probability minus share in each bin (0 where the bin is empty) and the trials in it."""
    member = (counted.bin_of[:, None] == np.arange(len(counted.edges) - 1)).astype(np.float64)
    weight = stated @ member
    excess = (stated * counted.values - happened) @ member
    gaps = np.zeros(weight.shape)
    np.divide(excess, weight, out=gaps, where=weight > 0)
    return gaps, weight


def _auc(stated: Floats, happened: Floats) -> Floats:
    failed = stated - happened
    below = np.cumsum(failed, axis=1) - failed
    wins = (happened * (below + failed / 2)).sum(axis=1)
    return _over(wins, happened.sum(axis=1) * failed.sum(axis=1))

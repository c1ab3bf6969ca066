"""Making stated probabilities truer: temperature and isotonic regression, judged on items that were left out."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression, minimize_scalar

Method = Literal["temperature", "isotonic"]
EDGE = 1e-6  # probabilities are kept this far from 0 and 1, where log-odds are infinite
COLDEST, HOTTEST = 0.05, 20.0


def recalibrate(
    probabilities: ArrayLike,
    outcomes: ArrayLike,
    *,
    method: Method,
    rng: np.random.Generator,
    folds: int = 5,
) -> NDArray[np.float64]:
    """Each probability (0..1) as the other folds' outcomes (True/False or 1/0) correct it.

    temperature: log-odds divided by one number that minimises the log score. isotonic: the monotone step function
    that minimises the Brier score, linear between the stated probabilities. Folds are drawn by `rng`.
    Raises ValueError for unequal lengths, values outside 0..1, or fewer than two trials a fold.
    """
    stated, happened = np.asarray(probabilities, dtype=float), np.asarray(outcomes, dtype=float)
    if stated.shape != happened.shape or stated.ndim != 1:
        raise ValueError("probabilities and outcomes must be two lists of one length")
    if not (np.isfinite(stated).all() and ((stated >= 0) & (stated <= 1)).all()):
        raise ValueError("probabilities must lie between 0 and 1")
    if not np.isin(happened, (0.0, 1.0)).all():
        raise ValueError("outcomes must be true or false")
    if folds < 2 or len(stated) < 2 * folds:
        raise ValueError(f"{len(stated)} trials are too few for {folds} folds of at least two")
    fold = rng.permutation(np.arange(len(stated)) % folds)
    corrected = np.empty_like(stated)
    for left_out in range(folds):
        inside, outside = fold != left_out, fold == left_out
        fit = temperature if method == "temperature" else isotonic
        corrected[outside] = fit(stated[inside], happened[inside], stated[outside])
    return corrected


def temperature(
    stated: NDArray[np.float64], happened: NDArray[np.float64], new: NDArray[np.float64]
) -> NDArray[np.float64]:
    """`new` with its log-odds divided by the temperature that suits `stated` and `happened` best."""
    odds = _log_odds(stated)

    def loss(log_t: float) -> float:
        scaled = odds / np.exp(log_t)
        return float(np.mean(np.logaddexp(0, scaled) - happened * scaled))

    best = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    scaled = _log_odds(new) / np.exp(best.x)
    return np.asarray(1 / (1 + np.exp(-scaled)))


def isotonic(
    stated: NDArray[np.float64], happened: NDArray[np.float64], new: NDArray[np.float64]
) -> NDArray[np.float64]:
    """`new` through the monotone function fitted to `stated` and `happened`; ties are pooled first."""
    levels, place, counts = np.unique(stated, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=happened) / counts
    fitted = isotonic_regression(means, weights=counts).x
    return np.asarray(np.interp(new, levels, fitted))


def _log_odds(p: NDArray[np.float64]) -> NDArray[np.float64]:
    kept = np.clip(p, EDGE, 1 - EDGE)
    return np.asarray(np.log(kept / (1 - kept)))

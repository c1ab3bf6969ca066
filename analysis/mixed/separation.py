"""Does some combination of predictors foretell the outcome perfectly? Then its estimate lies at infinity.

A linear programme over the distinct predictor rows (Konis 2007): is there a direction of the fixed effects
that no row contradicts and some row supports?
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog

from analysis.mixed.families import Family, Ordinal, Poisson
from analysis.mixed.variables import Floats

LARGEST_PROGRAMME = 5_000
"""Distinct predictor rows above which the programme is not solved (continuous predictors rarely separate)."""


def suspicious(X: Floats, phi: Floats, covariance: Floats) -> bool:
    """Whether an estimate may lie at infinity: never with a small standard error, so most fits need no programme."""
    size = np.concatenate([np.ones(len(phi) - X.shape[1]), np.sqrt((X**2).mean(axis=0))])
    spread = np.diag(covariance) * size**2
    return not bool((spread < 9.0).all())


def separated_terms(X: Floats, family: Family, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the fixed effects whose estimates run off to infinity; empty when there are none."""
    bounds = _constraints(X, family)
    if bounds is None or len(bounds[0]) + len(bounds[1]) > LARGEST_PROGRAMME:
        return ()
    above, equal = bounds
    if not len(above):
        return ()
    found = linprog(
        -above.sum(axis=0),
        A_ub=-above,
        b_ub=np.zeros(len(above)),
        A_eq=equal if len(equal) else None,
        b_eq=np.zeros(len(equal)) if len(equal) else None,
        bounds=(-1.0, 1.0),
        method="highs",
    )
    if found.status != 0 or -found.fun < 1e-6:
        return ()
    direction = found.x[-len(names) :] if len(names) else found.x
    return tuple(name for name, d in zip(names, direction, strict=False) if abs(d) > 1e-7)


def _constraints(X: Floats, family: Family) -> tuple[Floats, Floats] | None:
    """(rows that must not go below zero, rows that must stay at zero) along a separating direction."""
    if isinstance(family, Ordinal):
        return _ordinal_constraints(X, family)
    low, high = _ends(family)
    rows, place = np.unique(X, axis=0, return_inverse=True)
    place = place.ravel()
    all_low = np.bincount(place, ~low, len(rows)) == 0
    all_high = np.bincount(place, ~high, len(rows)) == 0
    return np.vstack([rows[all_high], -rows[all_low]]), rows[~all_low & ~all_high]


def _ends(
    family: Family,
) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Rows whose outcome is the lowest possible, and the highest possible."""
    y = family.y  # type: ignore[attr-defined]
    if isinstance(family, Poisson):
        return y == 0, np.zeros(len(y), dtype=bool)
    return y == 0, y == family.trials  # type: ignore[attr-defined]


def _ordinal_constraints(X: Floats, family: Ordinal) -> tuple[Floats, Floats]:
    """Along (τ, β): every row's upper threshold may only rise, its lower one only fall, relative to Xβ."""
    used = np.unique(np.column_stack([family.codes, X]), axis=0)
    codes, rows, nt = used[:, 0].astype(np.int64), used[:, 1:], family.thresholds
    eye = np.eye(nt)
    upper, lower = codes < nt, codes > 0
    above = [np.hstack([eye[codes[upper]], -rows[upper]]), np.hstack([-eye[codes[lower] - 1], rows[lower]])]
    order = np.hstack([np.diff(eye, axis=0), np.zeros((nt - 1, rows.shape[1]))])
    return np.vstack([*above, order]), np.zeros((0, nt + rows.shape[1]))

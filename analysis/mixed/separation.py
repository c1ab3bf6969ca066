"""Does some combination of predictors foretell the outcome perfectly? Then its estimate lies at infinity.

A linear programme over the distinct predictor rows (Konis 2007): is there a direction of the fixed effects
that no row contradicts and some row supports? What such directions leave in place keeps its finite estimate
(Albert and Anderson 1984, on quasi-complete separation).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import OptimizeResult, linprog

from analysis.mixed.design import Mask
from analysis.mixed.families import Family, Ordinal, Poisson
from analysis.mixed.variables import Floats

LARGEST_PROGRAMME = 5_000
"""Distinct predictor rows above which the programme is not solved (continuous predictors rarely separate)."""
SMALLEST = 1e-6
"""A move below this is rounding of the programme."""


@dataclass(frozen=True)
class Separation:
    """The directions of the fixed parameters (thresholds first) along which no row grows less likely and some more so.

    terms: names of the fixed effects that move along them."""

    terms: tuple[str, ...]
    above: Floats = field(repr=False)
    equal: Floats = field(repr=False)

    def moves(self, rows: Floats) -> Mask:
        """Which combinations of the fixed parameters run off to infinity; rows: (combinations, parameters)."""
        return np.array([self._reach(row) > SMALLEST for row in np.atleast_2d(rows)], dtype=bool)

    def _reach(self, row: Floats) -> float:
        """How far the combination moves, either way, along directions of at most one in every parameter."""
        found = [_programme(sign * row, self.above, self.equal) for sign in (-1.0, 1.0)]
        return max(-float(one.fun) if one.status == 0 else np.inf for one in found)


def suspicious(X: Floats, phi: Floats, covariance: Floats) -> bool:
    """Whether an estimate may lie at infinity: never with a small standard error, so most fits need no programme."""
    size = np.concatenate([np.ones(len(phi) - X.shape[1]), np.sqrt((X**2).mean(axis=0))])
    spread = np.diag(covariance) * size**2
    return not bool((spread < 9.0).all())


def find_separation(X: Floats, family: Family, names: tuple[str, ...]) -> Separation | None:
    """Along which directions estimates run off to infinity; None when there are none. names: of the columns of X."""
    above, equal = _constraints(X, family)
    if not len(above) or len(above) + len(equal) > LARGEST_PROGRAMME:
        return None
    found = _programme(-above.sum(axis=0), above, equal)
    if found.status != 0 or -found.fun < SMALLEST:
        return None
    direction = found.x[-len(names) :] if len(names) else found.x
    terms = tuple(name for name, d in zip(names, direction, strict=False) if abs(d) > 1e-7)
    return Separation(terms, above, equal)


def _programme(cost: Floats, above: Floats, equal: Floats) -> OptimizeResult:
    return linprog(
        cost,
        A_ub=-above,
        b_ub=np.zeros(len(above)),
        A_eq=equal if len(equal) else None,
        b_eq=np.zeros(len(equal)) if len(equal) else None,
        bounds=(-1.0, 1.0),
        method="highs",
    )


def _constraints(X: Floats, family: Family) -> tuple[Floats, Floats]:
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

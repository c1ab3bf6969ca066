"""Quasi-Newton minimisation in whitened coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.mixed.variables import Floats

Objective = Callable[[Floats], tuple[float, Floats]]


@dataclass(frozen=True)
class Minimum:
    """Where the search stopped. inverse: the last inverse Hessian, in the original coordinates."""

    x: Floats
    value: float
    gradient: Floats
    inverse: Floats
    iterations: int
    converged: bool


def minimise(
    function: Objective, start: Floats, root: Floats, *, tolerance: float, limit: int = 300
) -> Minimum:
    """BFGS from `start` with first metric root·root' (an inverse Hessian guess); Wolfe line search.

    tolerance: on the largest element of root' · gradient, the gradient per rough standard error."""
    x = np.array(start, dtype=float)
    f, g = function(x)
    B = root @ root.T
    done = 0
    for done in range(1, limit + 1):
        if np.abs(root.T @ g).max(initial=0.0) < tolerance:
            return Minimum(x, f, g, B, done - 1, converged=True)
        step = -B @ g
        if step @ g >= 0:
            B = root @ root.T
            step = -B @ g
        moved = _line_search(function, x, f, g, step)
        if moved is None:
            if np.allclose(B, root @ root.T):
                break
            B = root @ root.T
            continue
        new, fn, gn = moved
        B = _update(B, new - x, gn - g, first=done == 1)
        gained, x, f, g = f - fn, new, fn, gn
        if gained < 1e-13 * (1.0 + abs(f)) and np.abs(root.T @ g).max(initial=0.0) < 100 * tolerance:
            break
    return Minimum(x, f, g, B, done, converged=bool(np.abs(root.T @ g).max(initial=0.0) < 1e-3))


def _update(B: Floats, s: Floats, y: Floats, *, first: bool) -> Floats:
    sy = float(s @ y)
    if sy <= 1e-12 * float(np.sqrt((s @ s) * (y @ y))):
        return B
    if first:
        B = B * (sy / float(y @ B @ y))
    By = B @ y
    out = B + np.outer(s, s) * ((sy + y @ By) / sy**2) - (np.outer(By, s) + np.outer(s, By)) / sy
    return np.asarray(0.5 * (out + out.T))


def _line_search(
    function: Objective, x: Floats, f: float, g: Floats, step: Floats
) -> tuple[Floats, float, Floats] | None:
    """A step length that meets the weak Wolfe conditions (bracketing by bisection and expansion)."""
    slope = float(g @ step)
    low, high, t = 0.0, np.inf, 1.0
    best: tuple[Floats, float, Floats] | None = None
    noise = 1e-13 * (1.0 + abs(f))
    for _ in range(40):
        new = x + t * step
        fn, gn = function(new)
        if not fn <= f + 1e-4 * t * slope + noise:
            high = t
            t = _interpolate(low, high, slope, f, fn, t)
        elif float(gn @ step) < 0.9 * slope:
            best, low = (new, fn, gn), t
            t = 2.0 * t if np.isinf(high) else 0.5 * (low + high)
        else:
            return new, fn, gn
        if high - low < 1e-12:
            break
    return best


def _interpolate(low: float, high: float, slope: float, f: float, fn: float, t: float) -> float:
    """The minimum of the parabola through the failed step, kept well inside the bracket."""
    if low == 0.0 and np.isfinite(fn) and fn < 1e50:
        guess = -slope * t * t / (2.0 * (fn - f - slope * t))
        return float(min(max(guess, 0.1 * high), 0.5 * high))
    return 0.5 * (low + high) if low > 0 else 0.1 * high

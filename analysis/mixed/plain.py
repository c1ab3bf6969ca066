"""The same families without random effects: least squares, GLM and cumulative logits by Newton's method."""

from __future__ import annotations

import numpy as np
from scipy.special import logit, ndtri

from analysis.mixed.families import Family, Ordinal, Parts, Poisson, Probit
from analysis.mixed.variables import Floats

STEPS = 60


def fit_plain(X: Floats, family: Family) -> tuple[Floats, Floats, Parts]:
    """(τ, β) at the maximum (or after 60 steps, where it lies at infinity), the information, and the parts."""
    phi = _start(X, family)
    parts = _at(X, family, phi)
    information = _information(X, family, parts)
    for _ in range(STEPS):
        score = _score(X, family, parts)
        step = _solve(information, score)
        length, best = 1.0, parts.loglik
        while length > 1e-8:
            trial = phi + length * step
            if _ordered(trial[: family.thresholds]):
                new = _at(X, family, trial)
                if new.loglik >= best - 1e-10 * abs(best):
                    break
            length *= 0.5
        else:
            break
        phi, parts = trial, new
        information = _information(X, family, parts)
        if float(score @ step) < 1e-20 * (1.0 + abs(best)) or np.abs(parts.w).max(initial=0.0) < 1e-12:
            break
    return phi, information, parts


def _start(X: Floats, family: Family) -> Floats:
    p = X.shape[1]
    if isinstance(family, Ordinal):
        share = np.cumsum(np.bincount(family.codes, minlength=family.thresholds + 1))[:-1] / len(family.codes)
        return np.concatenate([logit(share), np.zeros(p)])
    if isinstance(family, Poisson):
        target = np.full(len(X), np.log(max(family.y.mean(), 1e-8)))
    else:
        rate = float(np.clip(family.y.sum() / family.trials.sum(), 1e-6, 1 - 1e-6))  # type: ignore[attr-defined]
        target = np.full(len(X), float(ndtri(rate) if isinstance(family, Probit) else logit(rate)))
    return np.asarray(np.linalg.lstsq(X, target, rcond=None)[0])


def _at(X: Floats, family: Family, phi: Floats) -> Parts:
    tau, beta = phi[: family.thresholds], phi[family.thresholds :]
    return family.at(X @ beta, tau)


def _ordered(tau: Floats) -> bool:
    return len(tau) < 2 or bool((np.diff(tau) > 0).all())


def _score(X: Floats, family: Family, parts: Parts) -> Floats:
    beta = X.T @ parts.s
    if not isinstance(family, Ordinal) or parts.cuts is None:
        return beta
    size = family.thresholds + 1
    tau = (
        np.bincount(family.codes, parts.cuts.upper, size)[:-1]
        + np.bincount(family.codes, parts.cuts.lower, size)[1:]
    )
    return np.concatenate([tau, beta])


def _information(X: Floats, family: Family, parts: Parts) -> Floats:
    WX = X * parts.w[:, None]
    if not isinstance(family, Ordinal) or parts.cuts is None:
        return X.T @ WX
    T, Itt = threshold_information(family, parts)
    cross = T.T @ X
    return np.block([[Itt, cross], [cross.T, X.T @ WX]])


def threshold_information(family: Ordinal, parts: Parts) -> tuple[Floats, Floats]:
    """(rows, J) of −d²l/dη dτ and (J, J) of −d²l/dτ², J thresholds."""
    cuts, codes, nt = parts.cuts, family.codes, family.thresholds
    if cuts is None:
        raise ValueError("not an ordinal likelihood")
    rows = np.arange(len(codes))
    T = np.zeros((len(codes), nt + 2))
    T[rows, codes + 1] = -cuts.s_upper
    T[rows, codes] = -cuts.s_lower
    up, low, size = cuts.upper, -cuts.lower, nt + 1
    diag = np.bincount(codes, up**2 - _ratio(cuts.w_upper, cuts.s_upper) * up, size)[:-1]
    diag = diag + np.bincount(codes, low**2 + _ratio(cuts.w_lower, cuts.s_lower) * low, size)[1:]
    off = -np.bincount(codes, up * low, size)[1:-1]
    return T[:, 1:-1], np.asarray(np.diag(diag) + np.diag(off, 1) + np.diag(off, -1), dtype=np.float64)


def _ratio(a: Floats, b: Floats) -> Floats:
    return np.divide(a, b, out=np.zeros_like(a), where=b != 0)


def _solve(information: Floats, score: Floats) -> Floats:
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    unit = information / np.outer(scale, scale) + 1e-13 * np.eye(len(scale))
    try:
        return np.asarray(np.linalg.solve(unit, score / scale) / scale)
    except np.linalg.LinAlgError:
        return np.asarray(score / scale**2)

"""Degrees of freedom of linear mixed models: Satterthwaite (as lmerTest) and Kenward–Roger (as pbkrtest)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.mixed.errors import ModelError
from analysis.mixed.factored import Factored
from analysis.mixed.gaussian import LinearEngine, LinearState
from analysis.mixed.variables import Codes, Floats

DegreesOfFreedom = Callable[[Floats], Floats]
"""(contrasts, p) coefficients to (contrasts,) denominator degrees of freedom."""

KENWARD_ROGER_LIMIT = 4_000
"""Random effects in all that Kenward–Roger's dense matrices take (128 MB each at 4,000)."""


def satterthwaite(engine: LinearEngine, state: LinearState) -> DegreesOfFreedom:
    """df(l) = 2 v² / (g' A g), v = l'Vl, g its gradient and A the covariance of (θ, σ).

    A comes from the Hessian of the deviance in (θ, σ), by differencing its exact gradient: second
    differences of the deviance itself are lost to rounding at 80,000 rows."""
    A = 2.0 * _positive_inverse(_joint_hessian(engine, state))
    V = state.sigma**2 * state.unit_cov
    jacobian = [state.sigma**2 * d for d in _unit_slopes(engine, state)]
    jacobian.append(2.0 * state.sigma * state.unit_cov)

    def degrees(L: Floats) -> Floats:
        v = np.einsum("ij,jk,ik->i", L, V, L)
        g = np.array([np.einsum("ij,jk,ik->i", L, J, L) for J in jacobian])
        noise = np.einsum("ki,kl,li->i", g, A, g)
        return np.asarray(np.divide(2.0 * v**2, noise, out=np.full(len(v), np.inf), where=noise > 0))

    return degrees


def _joint_hessian(engine: LinearEngine, state: LinearState) -> Floats:
    """Hessian of the deviance in (θ, σ), σ not profiled out; its σ row is known in closed form."""
    k, sigma = len(state.theta), state.sigma
    H = np.empty((k + 1, k + 1))
    h = 1e-4 * np.maximum(np.abs(state.theta), 0.1)
    for j, step in enumerate(np.diag(h)):
        up, down = (_slope(engine, state.theta + sign * step, sigma) for sign in (1.0, -1.0))
        H[:k, j] = (up - down) / (2 * h[j])
    H[:k, :k] = 0.5 * (H[:k, :k] + H[:k, :k].T)
    H[k, :k] = H[:k, k] = 4.0 * state.squares / sigma**3
    H[k, k] = 6.0 * state.rss / sigma**4 - 2.0 * engine.nu / sigma**2
    return H


def _slope(engine: LinearEngine, theta: Floats, sigma: float) -> Floats:
    """Gradient of the deviance in θ at a fixed σ."""
    state = engine.at(theta)
    return state.gradient + 2.0 * state.squares * (engine.nu / state.rss - 1.0 / sigma**2)


def _positive_inverse(H: Floats) -> Floats:
    """Inverse over the directions of positive curvature, as lmerTest takes it."""
    scale = np.sqrt(np.maximum(np.abs(np.diag(H)), 1e-12))
    values, vectors = np.linalg.eigh(H / np.outer(scale, scale))
    keep = values > 1e-8
    vectors = vectors[:, keep] / scale[:, None]
    return np.asarray(vectors / values[keep] @ vectors.T)


def _unit_slopes(engine: LinearEngine, state: LinearState) -> list[Floats]:
    """d(X'V⁻¹X)⁻¹/dθ with σ² = 1, one p × p matrix an entry of θ, exactly."""
    lambdas, C = engine.layout.lambdas(state.theta), state.unit_cov
    out = []
    for places in engine.layout.positions:
        M = np.zeros_like(C)
        for k, a, b in places:
            F = engine._levels(state.fixed, k)
            M += F[:, a, :].T @ np.einsum("a,nac->nc", lambdas[k][:, b], F)
        out.append(C @ (M + M.T) @ C)
    return out


@dataclass(frozen=True)
class KenwardRoger:
    """The adjusted covariance of the fixed effects, and one-contrast denominator degrees of freedom."""

    covariance: Floats
    degrees: DegreesOfFreedom


def kenward_roger(engine: LinearEngine, state: LinearState) -> KenwardRoger:
    """Kenward & Roger 1997 for V = σ²I + Σ γ_r G_r, by matrices of the random effects' size only.

    Raises ModelError above 4,000 random effects, where Satterthwaite serves as well."""
    if engine.blocks.size > KENWARD_ROGER_LIMIT:
        raise ModelError(
            f"Kenward–Roger needs dense matrices of {engine.blocks.size} random effects (limit "
            f"{KENWARD_ROGER_LIMIT}); use df='satterthwaite'"
        )
    parts = _Components(engine, state)
    phi = state.sigma**2 * state.unit_cov
    P, Q, K = parts.P, parts.Q, parts.K
    r = len(P)
    pairs = [(i, j) for i in range(r) for j in range(r)]
    information = np.empty((r, r))
    for i, j in pairs:
        information[i, j] = K[i, j] - 2 * np.trace(phi @ Q[i][j]) + np.trace(phi @ P[i] @ phi @ P[j])
    W = 2.0 * _positive_inverse(information)
    U = sum((W[i, j] * (Q[i][j] - P[i] @ phi @ P[j]) for i, j in pairs), np.zeros_like(phi))
    adjusted = phi + 2.0 * phi @ (0.5 * (U + U.T)) @ phi

    def degrees(L: Floats) -> Floats:
        return np.array([_one_contrast(row, phi, P, W) for row in L])

    return KenwardRoger(adjusted, degrees)


def _one_contrast(row: Floats, phi: Floats, P: list[Floats], W: Floats) -> float:
    """Kenward & Roger's denominator df for a single contrast (their A1 = A2 = θ' W θ)."""
    v = float(row @ phi @ row)
    if v <= 0:
        return float("nan")
    c = phi @ row
    t = np.array([c @ p @ c for p in P]) / v
    A = float(t @ W @ t)
    if not 0 < A < 1:
        return float("inf") if A <= 0 else float("nan")
    B, g, d = 3.5 * A, -1.0, 7.0
    c1, c2, c3 = g / d, (1.0 - g) / d, (3.0 - g) / d
    E = 1.0 / (1.0 - A)
    V = 2.0 * (1.0 + c1 * B) / ((1.0 - c2 * B) ** 2 * (1.0 - c3 * B))
    rho = V / (2.0 * E**2)
    return 4.0 + 3.0 / (rho - 1.0)


class _Components:
    """P_i, Q_ij and tr(V⁻¹G_iV⁻¹G_j); component 0 is the residual, the rest pairs of random columns."""

    def __init__(self, engine: LinearEngine, state: LinearState) -> None:
        self.engine = engine
        s2 = state.sigma**2
        T, ZZ = self._inner(engine, state), engine.ZZ.toarray()
        TZ = T @ ZZ
        self.M = (ZZ - ZZ @ TZ) / s2
        self.F = state.fixed / s2
        A = (engine.X - engine.blocks.Z @ (T @ engine.ZX)) / s2
        ZA = engine.blocks.Zt @ A
        F2 = (ZA - TZ.T @ ZA) / s2
        VA = (A - engine.blocks.Z @ (T @ ZA)) / s2
        M2 = (self.M - TZ.T @ self.M) / s2
        trace = (engine.n - 2.0 * np.trace(TZ) + float((TZ * TZ.T).sum())) / s2**2
        self.pairs = [
            [pair for k, a, b in places for pair in self._places(k, a, b)]
            for places in engine.layout.positions
        ]
        EF = [self._spread(p, self.F) for p in self.pairs]
        self.P = [-A.T @ A, *(-self.F.T @ ef for ef in EF)]
        MEF = [self.M @ ef for ef in EF]
        first = [A.T @ VA, *(F2.T @ ef for ef in EF)]
        self.Q = [first] + [
            [first[i + 1].T, *(EF[i].T @ MEF[j] for j in range(len(EF)))] for i in range(len(EF))
        ]
        self.K = self._traces(trace, M2)

    @staticmethod
    def _inner(engine: LinearEngine, state: LinearState) -> Floats:
        """ΛH⁻¹Λ' in full."""
        lam = engine.blocks.scale(engine.layout.lambdas(state.theta))
        H = Factored(engine.blocks, engine.tables, lam)
        return lam.apply(H.solve(lam.apply(np.eye(engine.blocks.size), transpose=True)))

    def _places(self, k: int, a: int, b: int) -> list[tuple[Codes, Codes]]:
        """Index pairs of G = Σ over levels of z_a z_b' (and z_b z_a' where a ≠ b)."""
        blocks = self.engine.blocks
        f = blocks.first if k == 0 else blocks.rest[k - 1]
        start = 0 if k == 0 else blocks.q1 + blocks.starts[k - 1]
        level = start + f.width * np.arange(f.n)
        return [(level + a, level + b)] if a == b else [(level + a, level + b), (level + b, level + a)]

    @staticmethod
    def _spread(places: list[tuple[Codes, Codes]], F: Floats) -> Floats:
        out = np.zeros_like(F)
        for left, right in places:
            out[left] += F[right]
        return out

    def _traces(self, trace: float, M2: Floats) -> Floats:
        r = len(self.pairs) + 1
        K = np.empty((r, r))
        K[0, 0] = trace
        for i, mine in enumerate(self.pairs, start=1):
            K[0, i] = K[i, 0] = sum(float(M2[left, right].sum()) for left, right in mine)
            for j, other in enumerate(self.pairs, start=1):
                K[i, j] = sum(
                    float((self.M[np.ix_(b, c)] * self.M[np.ix_(a, d)]).sum())
                    for a, b in mine
                    for c, d in other
                )
        return K

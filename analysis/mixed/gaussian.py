"""Linear mixed models: profiled REML or ML deviance with exact gradient, from tables alone.

After one pass over the rows every evaluation costs nothing that depends on their number.
d(θ) = log|H| + [log|X'V⁻¹X|] + ν (1 + log(2π rss/ν)), ν = n − p (REML) or n (ML); Bates et al. 2015.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import solve_triangular

from analysis.mixed.blocks import NotPositive
from analysis.mixed.design import Mask
from analysis.mixed.factored import Factored
from analysis.mixed.optimise import minimise
from analysis.mixed.parameters import Layout, make_blocks
from analysis.mixed.variables import Floats

OUT_OF_REACH = 1e100
EDGE = 1e-2
"""A θ below this is tried at zero; it stays there only if the deviance does not rise."""


@dataclass(frozen=True)
class LinearState:
    """Everything at one θ. residual (size,) is Z'V⁻¹(y − Xβ), fixed (size, p) Z'V⁻¹X; both with σ² = 1."""

    theta: Floats
    deviance: float
    gradient: Floats
    beta: Floats
    sigma: float
    rss: float
    chol: Floats
    unit_cov: Floats
    u: Floats
    squares: Floats
    residual: Floats
    fixed: Floats


class LinearEngine:
    """The deviance of y ~ Xβ + Zb for one design; `refit` swaps the outcome and keeps all structure."""

    def __init__(self, X: Floats, y: Floats, layout: Layout, *, reml: bool) -> None:
        self.layout, self.reml = layout, reml
        self.X = X
        self.blocks = make_blocks(layout)
        self.n, self.p = X.shape
        self.tables = self.blocks.tables(np.ones(self.n))
        self.ZX, self.ZZ = self.blocks.Zt @ X, (self.blocks.Zt @ self.blocks.Z).tocsr()
        self.XX = X.T @ X
        self.set_response(y)

    def set_response(self, y: Floats) -> None:
        """A new outcome for the same rows. It is centred by least squares first, which costs nothing
        and keeps digits: only β moves by the same amount."""
        self.offset, *_ = np.linalg.lstsq(self.X, y, rcond=None)
        self.y = y - self.X @ self.offset
        self.Zy = self.blocks.Zt @ self.y
        self.Xy, self.yy = self.X.T @ self.y, float(self.y @ self.y)

    def sibling(self, y: Floats) -> LinearEngine:
        """The same engine for another outcome; all structure is shared."""
        other = copy(self)
        other.set_response(y)
        return other

    def keeping(self, keep: Floats) -> LinearEngine:
        """The same model where only rows with `keep` = 1 were observed; empty levels do no harm."""
        other = copy(self)
        other.n, other.tables = int(keep.sum()), self.blocks.tables(keep)
        rows = self.X * keep[:, None]
        kept = self.blocks.Zt.multiply(keep[None, :]).tocsr()
        other.ZX, other.ZZ, other.XX = kept @ self.X, (kept @ self.blocks.Z).tocsr(), rows.T @ self.X
        y = self.y + self.X @ self.offset
        other.offset, *_ = np.linalg.lstsq(rows, y * keep, rcond=None)
        other.y = (y - self.X @ other.offset) * keep
        other.Zy = self.blocks.Zt @ other.y
        other.Xy, other.yy = self.X.T @ other.y, float(other.y @ other.y)
        return other

    @property
    def nu(self) -> int:
        return int(self.n - self.p if self.reml else self.n)

    def at(self, theta: Floats, *, gradient: bool = True) -> LinearState:
        """Deviance, gradient and estimates at θ; raises NotPositive out of reach."""
        lam = self.blocks.scale(self.layout.lambdas(theta))
        H = Factored(self.blocks, self.tables, lam)
        Q = np.column_stack([self.ZX, self.Zy])
        R = lam.apply(Q, transpose=True)
        S = H.solve(R)
        M = R.T @ S
        XVX, XVy = self.XX - M[:-1, :-1], self.Xy - M[:-1, -1]
        try:
            L = np.asarray(np.linalg.cholesky(XVX), dtype=np.float64)
        except np.linalg.LinAlgError:
            raise NotPositive from None
        half = solve_triangular(L, XVy, lower=True)
        beta = solve_triangular(L.T, half)
        rss = self.yy - M[-1, -1] - float(half @ half)
        if not rss > 1e-14 * self.yy:
            raise NotPositive
        nu = self.nu
        deviance = H.logdet + nu * (1.0 + np.log(2 * np.pi * rss / nu))
        if self.reml:
            deviance += 2.0 * float(np.log(np.diag(L)).sum())
        root = solve_triangular(L, np.eye(self.p), lower=True)
        V = Q - self._gram(lam.apply(S))
        residual, fixed = V[:, -1] - V[:, :-1] @ beta, V[:, :-1]
        zero = np.zeros(self.layout.count)
        state = LinearState(
            theta, float(deviance), zero, beta + self.offset, float(np.sqrt(rss / nu)), float(rss), L, root.T @ root,
            S[:, -1] - S[:, :-1] @ beta, zero, residual, fixed,
        )  # fmt: skip
        return self._with_gradient(H, lam, state, root) if gradient else state

    def _gram(self, M: Floats) -> Floats:
        """Z'Z M for M of shape (size, columns), rows never touched."""
        return np.asarray(self.ZZ @ M)

    def _with_gradient(self, H: Factored, lam: object, state: LinearState, root: Floats) -> LinearState:
        traces = H.invert().traces()
        lambdas = self.layout.lambdas(state.theta)
        whitened = state.fixed @ root.T
        squares, gradient = [], []
        for k, (trace, L) in enumerate(zip(traces, lambdas, strict=False)):
            r, T = self._levels(state.residual, k), self._levels(whitened, k)
            square = np.einsum("nac,nbc->ab", r, r)
            squares.append(square @ L)
            g = 2.0 * trace - (2.0 * self.nu / state.rss) * (square @ L)
            if self.reml:
                g = g - 2.0 * np.einsum("nac,nbc->ab", T, T) @ L
            gradient.append(g)
        return replace(state, gradient=self.layout.pack(gradient), squares=self.layout.pack(squares))

    def _levels(self, v: Floats, k: int) -> Floats:
        """The share of factor k (engine order) of a (size, …) array, as (levels, K, columns)."""
        b = self.blocks
        start = 0 if k == 0 else b.q1 + b.starts[k - 1]
        f = b.first if k == 0 else b.rest[k - 1]
        return v[start : start + f.n * f.width].reshape(f.n, f.width, -1)

    def function(self, theta: Floats) -> tuple[float, Floats]:
        try:
            state = self.at(theta)
        except NotPositive:
            return OUT_OF_REACH, np.zeros(self.layout.count)
        return state.deviance, state.gradient

    def fit(self, start: Floats | None = None) -> tuple[LinearState, bool]:
        """The optimum and whether the gradient vanished there; variances near zero are tried at zero."""
        theta = self._moments() if start is None else start
        root = np.diag(self.layout.step_scale())
        found = minimise(self.function, theta, root, tolerance=1e-6)
        settled, active = self.layout.settle(found.x, EDGE)
        best = found.x
        if not active.all():
            value, settled = self._held(settled, active, root)
            if value <= found.value + 1e-8:
                best = settled
        state = self.at(self.layout.tidy(best))
        scaled = np.abs(state.gradient * self.layout.step_scale()).max(initial=0.0)
        return state, bool(scaled < 1e-3)

    def _moments(self) -> Floats:
        """A start: each intercept's variance from the spread of its level means, the other factors ignored."""
        total = self.yy / self.n
        theta, counts = self.layout.start(1.0), self.ZZ.diagonal()
        if total <= 0:
            return theta
        guesses = []
        for i, ((k, _, _), *_) in enumerate(self.layout.positions):
            f = self.layout.factors[k]
            if f.width == 1:
                sums, sizes = self._levels(self.Zy, k).ravel(), self._levels(counts, k).ravel()
                between = float((sums**2 / np.maximum(sizes, 1e-12)).sum())
                within = (self.yy - between) / max(self.n - f.n, 1)
                guesses.append((i, max(between - f.n * within, 0.0) / self.n))
        left = max(total - sum(g for _, g in guesses), 0.1 * total)
        for i, guess in guesses:
            theta[i] = np.clip(np.sqrt(guess / left), 0.1, 5.0)
        return theta

    def _held(self, theta: Floats, active: Mask, root: Floats) -> tuple[float, Floats]:
        """The optimum over the active entries of θ, the others at rest."""

        def partial(z: Floats) -> tuple[float, Floats]:
            full = theta.copy()
            full[active] = z
            f, g = self.function(full)
            return f, g[active]

        found = minimise(partial, theta[active], root[np.ix_(active, active)], tolerance=1e-6)
        full = theta.copy()
        full[active] = found.x
        return found.value, full

"""Generalised and cumulative-link mixed models by the Laplace approximation, with exact gradients.

ℓ(τ, β, θ) = Σ log f(y | η) − ½|u|² − ½ log|H| at the mode û, η = Xβ + ZΛû, H = Λ'Z'WZΛ + I.
Its gradient follows from the implicit-function theorem (Skaug & Fournier 2006); the standard errors
from the full Hessian, as in glmer and glmmTMB.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.mixed.blocks import Factor, Lambda, NotPositive
from analysis.mixed.design import Mask
from analysis.mixed.factored import Factored
from analysis.mixed.families import Family, Ordinal, Parts
from analysis.mixed.optimise import minimise
from analysis.mixed.parameters import Layout, make_blocks
from analysis.mixed.plain import fit_plain, threshold_information
from analysis.mixed.variables import Floats

OUT_OF_REACH = 1e100
MODE_TOLERANCE = 1e-18
"""On the squared Newton decrement: looser, the noise of log|H| spoils the Hessian."""
OPTIMUM = 1e-5
"""On the gradient, in standard errors: the Hessian is taken where the search stops, and at 1e-4 that alone moves
standard errors by 2e-5."""
REFIT_OPTIMUM = 1e-4
"""The same for refits, whose one-sided differences are no finer."""
H_CENTRAL = 3e-3
H_FORWARD = 2e-4
"""Steps of the Hessian's differences, in standard errors."""
EDGE = 3e-2
"""A θ below this is tried at zero; it stays there only if the likelihood does not fall."""


@dataclass(frozen=True)
class Mode:
    """The conditional mode for one parameter vector. u (size,) spherical effects, eta (rows,)."""

    u: Floats
    eta: Floats
    value: float
    parts: Parts
    lam: Lambda
    factored: Factored
    Zs: Floats


@dataclass(frozen=True)
class LaplaceFit:
    """phi = (τ, β, θ); value = −log-likelihood; hessian over all of phi; active: not held at a boundary."""

    phi: Floats
    value: float
    gradient: Floats
    hessian: Floats | None
    active: Mask
    mode: Mode
    converged: bool
    root: Floats

    def covariance(self) -> tuple[Floats, bool]:
        """Inverse Hessian over the active parameters (zero elsewhere), and whether it was positive definite."""
        out = np.zeros((len(self.phi), len(self.phi)))
        if self.hessian is None:
            return np.full_like(out, np.nan), True
        inverse, positive = inverse_information(self.hessian[np.ix_(self.active, self.active)])
        out[np.ix_(self.active, self.active)] = inverse
        return out, positive

    def whitening(self) -> Floats:
        """Root of the inverse Hessian, the best first metric for a refit."""
        covariance, positive = self.covariance()
        if not positive or not np.isfinite(covariance).all():
            return self.root
        held = np.flatnonzero(~self.active)
        covariance[held, held] = self.root[held, held] ** 2
        try:
            return np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
        except np.linalg.LinAlgError:
            return self.root


class LaplaceEngine:
    """−log-likelihood of one design and family. `family` may be swapped for a new outcome of the same rows."""

    def __init__(self, X: Floats, family: Family, layout: Layout) -> None:
        self.X, self.family, self.layout = X, family, layout
        self.blocks = make_blocks(layout)
        self.nt, self.p = family.thresholds, X.shape[1]
        self.u = np.zeros(self.blocks.size)
        self.tolerance = MODE_TOLERANCE

    def sibling(self, family: Family) -> LaplaceEngine:
        """The same engine for another outcome of the same rows; all structure is shared."""
        other = copy(self)
        other.family, other.u = family, np.zeros(self.blocks.size)
        return other

    def split(self, phi: Floats) -> tuple[Floats, Floats, Floats]:
        """τ, β, θ."""
        return phi[: self.nt], phi[self.nt : self.nt + self.p], phi[self.nt + self.p :]

    def mode(self, phi: Floats, start: Floats | None = None) -> Mode:
        """Newton's method for û; raises NotPositive where it cannot be found."""
        tau, beta, theta = self.split(phi)
        b, lam = self.blocks, self.blocks.scale(self.layout.lambdas(theta))
        fixed = self.X @ beta
        u = self.u if start is None else start
        eta = fixed + b.Z @ lam.apply(u)
        parts = self.family.at(eta, tau)
        value = parts.loglik - 0.5 * float(u @ u)
        if not np.isfinite(value):
            u, eta = np.zeros(b.size), fixed.copy()
            parts = self.family.at(eta, tau)
            value = parts.loglik
            if not np.isfinite(value):
                raise NotPositive
        for _ in range(100):
            H = Factored(b, b.tables(parts.w), lam)
            Zs = b.Zt @ parts.s
            r = lam.apply(Zs, transpose=True) - u
            d = H.solve(r)
            decrement = float(r @ d)
            if decrement < self.tolerance * (1.0 + abs(value)):
                return Mode(u, eta, value, parts, lam, H, Zs)
            dz = b.Z @ lam.apply(d)
            length = 1.0
            while True:
                un, en = u + length * d, eta + length * dz
                pn = self.family.at(en, tau)
                vn = pn.loglik - 0.5 * float(un @ un)
                if vn >= value - 1e-12 * abs(value) or length < 1e-6:
                    break
                length *= 0.5
            u, eta, parts, value = un, en, pn, vn
        return Mode(u, eta, value, parts, lam, H, Zs)

    def value_and_gradient(self, phi: Floats) -> tuple[float, Floats]:
        """−log-likelihood and its gradient; out of reach (unordered thresholds, overflow) it is 1e100."""
        out = OUT_OF_REACH, np.zeros(len(phi))
        if self.nt > 1 and (np.diff(phi[: self.nt]) <= 0).any():
            return out
        try:
            mode = self.mode(phi)
            value = 0.5 * mode.factored.logdet - mode.value
            if not np.isfinite(value):
                return out
            gradient = self.gradient(mode)
        except NotPositive:
            return out
        self.u = mode.u
        return value, gradient

    def gradient(self, mode: Mode) -> Floats:
        """Exact gradient of −log-likelihood at a mode."""
        b, lam, parts, H = self.blocks, mode.lam, mode.parts, mode.factored
        inverse = H.invert()
        h = inverse.leverage()
        hw = h * parts.dw
        q = H.solve(lam.apply(b.Zt @ hw, transpose=True))
        zq = b.Z @ lam.apply(q)
        core = parts.s - 0.5 * hw + 0.5 * zq * parts.w
        Zc = b.Zt @ core
        slopes = []
        for k, trace in enumerate(inverse.traces()):
            first = self._outer(Zc, mode.u, k) - 0.5 * self._outer(mode.Zs, q, k)
            slopes.append(first - trace)
        out = [self.X.T @ core, self.layout.pack(slopes)]
        if self.nt:
            out.insert(0, self._threshold_gradient(mode, h, zq))
        return -np.concatenate(out)

    def _outer(self, left: Floats, right: Floats, k: int) -> Floats:
        """Σ over levels of left_level right_level' for factor k (engine order), (K, K)."""
        f, start = self._place(k)
        here = slice(start, start + f.n * f.width)
        return left[here].reshape(f.n, f.width).T @ right[here].reshape(f.n, f.width)

    def _place(self, k: int) -> tuple[Factor, int]:
        """Factor k (engine order) and the index of its first random effect."""
        b = self.blocks
        return (b.first, 0) if k == 0 else (b.rest[k - 1], b.q1 + b.starts[k - 1])

    def _threshold_gradient(self, mode: Mode, h: Floats, zq: Floats) -> Floats:
        cuts, family = mode.parts.cuts, self.family
        if cuts is None or not isinstance(family, Ordinal):
            return np.zeros(0)
        codes, size = family.codes, self.nt + 1
        upper = cuts.upper - 0.5 * h * cuts.w_upper - 0.5 * zq * cuts.s_upper
        lower = cuts.lower - 0.5 * h * cuts.w_lower - 0.5 * zq * cuts.s_lower
        up = np.bincount(codes, upper, size)[:-1]
        return np.asarray(up + np.bincount(codes, lower, size)[1:])

    def _fixed_information(self, mode: Mode) -> Floats:
        """Information of (τ, β) at the mode with θ held: X'WX − X'WZΛ H⁻¹ Λ'Z'WX."""
        b, lam, w = self.blocks, mode.lam, mode.parts.w
        if not self.nt:
            WX = self.X * w[:, None]
            M = self.X.T @ WX
        else:
            WX, M = self._with_thresholds(mode)
        R = lam.apply(b.Zt @ WX, transpose=True)
        return np.asarray(M - R.T @ mode.factored.solve(R))

    def _with_thresholds(self, mode: Mode) -> tuple[Floats, Floats]:
        if not isinstance(self.family, Ordinal):
            raise NotPositive
        T, Itt = threshold_information(self.family, mode.parts)
        WX = self.X * mode.parts.w[:, None]
        cross = T.T @ self.X
        return np.hstack([T, WX]), np.block([[Itt, cross], [cross.T, self.X.T @ WX]])

    def metric(self, phi: Floats) -> Floats:
        """Root of a rough inverse Hessian: fixed part from the information, θ from the number of levels."""
        k = self.nt + self.p
        information = self._fixed_information(self.mode(phi))
        root = np.zeros((len(phi), len(phi)))
        root[:k, :k] = _inverse_root(information)
        root[range(k, len(phi)), range(k, len(phi))] = self.layout.step_scale()
        return root

    def mode_slopes(self, mode: Mode) -> Floats:
        """dû/dφ, (size, parameters): where the mode goes when a parameter moves."""
        b, lam, w = self.blocks, mode.lam, mode.parts.w
        WX = self.X * w[:, None]
        if isinstance(self.family, Ordinal):
            WX = np.hstack([threshold_information(self.family, mode.parts)[0], WX])
        sides = [-lam.apply(b.Zt @ WX, transpose=True)]
        for places in self.layout.positions:
            shift, pull = np.zeros(b.size), np.zeros(b.size)
            for k, row, column in places:
                f, start = self._place(k)
                here = start + f.width * np.arange(f.n)
                shift[here + row] = mode.u[here + column]
                pull[here + column] = mode.Zs[here + row]
            side = pull - lam.apply(b.Zt @ (w * (b.Z @ shift)), transpose=True)
            sides.append(side[:, None])
        return mode.factored.solve(np.hstack(sides))

    def hessian(self, phi: Floats, root: Floats, *, gradient: Floats | None = None) -> Floats:
        """Full Hessian by differencing the exact gradient, in coordinates where it is near the identity.

        Central differences; with the `gradient` at phi given, forward ones of half the cost, whose standard
        errors differ by less than 1e-4. Each mode starts where its derivative says it will be."""
        self.tolerance, kept = MODE_TOLERANCE * 1e-2, self.u
        mode = self.mode(phi)
        moves = self.mode_slopes(mode) @ root

        def slope(j: int, h: float) -> Floats:
            self.u = mode.u + h * moves[:, j]
            return root.T @ self.value_and_gradient(phi + h * root[:, j])[1]

        try:
            if gradient is None:
                columns = [
                    (slope(j, H_CENTRAL) - slope(j, -H_CENTRAL)) / (2 * H_CENTRAL) for j in range(len(phi))
                ]
            else:
                here = root.T @ gradient
                columns = [(slope(j, H_FORWARD) - here) / H_FORWARD for j in range(len(phi))]
        finally:
            self.tolerance, self.u = MODE_TOLERANCE, kept
        H, inverse = np.array(columns), np.linalg.inv(root)
        return np.asarray(inverse.T @ (0.5 * (H + H.T)) @ inverse)

    def start(self) -> Floats:
        """Thresholds or a plain GLM for the fixed part, and θ at 0.7."""
        head, _, _ = fit_plain(self.X, self.family)
        return np.concatenate([head, self.layout.start(0.7)])

    def fit(
        self,
        start: Floats | None = None,
        *,
        root: Floats | None = None,
        hessian: Literal["central", "forward", "none"] = "central",
        tolerance: float = OPTIMUM,
    ) -> LaplaceFit:
        """The maximum of the log-likelihood; `start` and `root` from an earlier fit make it fast."""
        phi = self.start() if start is None else start
        metric = self.metric(phi) if root is None else root
        found = minimise(self.value_and_gradient, phi, metric, tolerance=tolerance)
        x, f, g = found.x, found.value, found.gradient
        x, f, g, active = self._boundary(x, f, g, metric)
        H = None
        if hessian != "none":
            with np.errstate(
                over="ignore", invalid="ignore"
            ):  # separated far out: not positive, not converged
                H = self.hessian(x, metric, gradient=g if hessian == "forward" else None)
            x, f, g = self._polish(x, f, g, H, active, metric)
        x = np.concatenate([x[: self.nt + self.p], self.layout.tidy(x[self.nt + self.p :])])
        self.u = np.zeros_like(self.u)
        mode = self.mode(x)
        self.u = mode.u
        converged = bool(np.abs(metric.T @ g).max(initial=0.0) < 2e-3)
        return LaplaceFit(x, f, g, H, active, mode, converged, metric)

    def _boundary(self, x: Floats, f: float, g: Floats, metric: Floats) -> tuple[Floats, float, Floats, Mask]:
        """Variances near zero are tried at zero; parameters that rest there are not active."""
        k = self.nt + self.p
        everything = np.ones(len(x), dtype=bool)
        theta, free = self.layout.settle(x[k:], EDGE)
        if free.all():
            return x, f, g, everything
        kept = self.u
        active = np.concatenate([everything[:k], free])
        moved, fn, gn = self._held(np.concatenate([x[:k], theta]), active, metric)
        if fn <= f + 1e-7:
            return moved, fn, gn, active
        self.u = kept
        theta, free = self.layout.settle(x[k:], 1e-6)
        return x, f, g, np.concatenate([everything[:k], free])

    def _held(self, x: Floats, active: Mask, metric: Floats) -> tuple[Floats, float, Floats]:
        """Refit the active parameters with the others held."""

        def partial(z: Floats) -> tuple[float, Floats]:
            full = x.copy()
            full[active] = z
            f, g = self.value_and_gradient(full)
            return f, g[active]

        root = metric[np.ix_(active, active)]
        found = minimise(partial, x[active], root, tolerance=1e-4)
        full = x.copy()
        full[active] = found.x
        f, g = self.value_and_gradient(full)
        return full, f, g

    def _polish(
        self, x: Floats, f: float, g: Floats, H: Floats, active: Mask, root: Floats
    ) -> tuple[Floats, float, Floats]:
        """At most three Newton steps with the Hessian at hand."""
        Ha = H[np.ix_(active, active)]
        for _ in range(3):
            if np.abs(root.T @ g).max(initial=0.0) < 1e-8:
                break
            try:
                move = np.linalg.solve(Ha, g[active])
            except np.linalg.LinAlgError:
                break
            new = x.copy()
            new[active] -= move
            fn, gn = self.value_and_gradient(new)
            if not fn <= f + 1e-9:
                break
            x, f, g = new, fn, gn
        return x, f, g


def inverse_information(information: Floats) -> tuple[Floats, bool]:
    """Covariance from an information matrix, and whether it was positive definite (nan where it was not)."""
    scale = np.sqrt(np.abs(np.diag(information)))
    if not (np.isfinite(information).all() and (scale > 0).all()):
        return np.full_like(information, np.nan), False
    unit = information / np.outer(scale, scale)
    try:
        np.linalg.cholesky(unit)
        inverse = np.linalg.inv(unit)
    except np.linalg.LinAlgError:
        return np.full_like(information, np.nan), False
    return np.asarray(inverse / np.outer(scale, scale)), True


def _inverse_root(information: Floats) -> Floats:
    """R with RR' = information⁻¹; a tiny ridge where it is not quite positive (separated data)."""
    scale = np.sqrt(np.maximum(np.diag(information), 1e-12))
    unit = information / np.outer(scale, scale)
    for ridge in (0.0, 1e-10, 1e-6, 1e-3, 1.0):
        try:
            L = np.linalg.cholesky(unit + ridge * np.eye(len(unit)))
        except np.linalg.LinAlgError:
            continue
        return np.asarray(np.linalg.inv(L).T / scale[:, None])
    return np.diag(1.0 / scale)

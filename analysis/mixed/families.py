"""Log-likelihoods of one observation given its linear predictor, with the derivatives Laplace needs.

For every row: log-likelihood l(η), score s = dl/dη, weight w = −d²l/dη² (observed, so that the Laplace
approximation is the true one for every link, as in glmmTMB), and dw/dη.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import erfcx, expit, gammaln, log_ndtr, ndtr

from analysis.mixed.errors import ModelError
from analysis.mixed.response import Response
from analysis.mixed.variables import Codes, Floats

ETA_LIMIT = 700.0
"""exp() of more than this overflows; no data reach it, only a step that will be taken back."""


@dataclass(frozen=True)
class Cutpoints:
    """Derivatives of an ordinal row in its upper and lower threshold: of l, of s (with sign), of w."""

    upper: Floats
    lower: Floats
    s_upper: Floats
    s_lower: Floats
    w_upper: Floats
    w_lower: Floats


@dataclass(frozen=True)
class Parts:
    """All rows at one η: the sum of l, and (rows,) s, w, dw/dη; `cuts` for ordinal outcomes only."""

    loglik: float
    s: Floats
    w: Floats
    dw: Floats
    cuts: Cutpoints | None = None


class Family(Protocol):
    """What the Laplace engine asks of a family. `thresholds` is 0 except for ordinal outcomes."""

    thresholds: int

    def at(self, eta: Floats, tau: Floats) -> Parts: ...

    def mean(self, eta: Floats) -> Floats: ...

    def draw(self, eta: Floats, tau: Floats, rng: np.random.Generator) -> Floats: ...


class Logit:
    """Successes out of trials, log-odds link."""

    thresholds = 0

    def __init__(self, y: Floats, trials: Floats) -> None:
        self.y, self.trials = y, trials
        self.single = bool((trials == 1).all())
        choose = gammaln(trials + 1) - gammaln(y + 1) - gammaln(trials - y + 1)
        self.constant = 0.0 if self.single else float(choose.sum())

    def at(self, eta: Floats, tau: Floats) -> Parts:
        e = np.exp(-np.abs(eta))
        one = 1.0 + e
        mu = np.where(eta >= 0, 1.0, e) / one
        v = e / (one * one)
        softplus = np.maximum(eta, 0.0) + np.log1p(e)
        if self.single:
            loglik = float(self.y @ eta - softplus.sum())
            return Parts(loglik, self.y - mu, v, v * (1.0 - 2.0 * mu))
        w = self.trials * v
        loglik = float(self.y @ eta - self.trials @ softplus) + self.constant
        return Parts(loglik, self.y - self.trials * mu, w, w * (1.0 - 2.0 * mu))

    def mean(self, eta: Floats) -> Floats:
        return np.asarray(expit(eta))

    def draw(self, eta: Floats, tau: Floats, rng: np.random.Generator) -> Floats:
        return rng.binomial(self.trials.astype(np.int64), self.mean(eta)).astype(np.float64)


_HALF_LOG_2PI = 0.5 * float(np.log(2 * np.pi))


def _mills(x: Floats) -> Floats:
    """φ(x)/Φ(x), stable far in the lower tail."""
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.sqrt(2 / np.pi) / erfcx(-x / np.sqrt(2)))


class Probit:
    """Successes out of trials, inverse-normal link."""

    thresholds = 0

    def __init__(self, y: Floats, trials: Floats) -> None:
        self.y, self.trials, self.failures = y, trials, trials - y
        choose = gammaln(trials + 1) - gammaln(y + 1) - gammaln(trials - y + 1)
        self.constant = float(choose.sum())

    def at(self, eta: Floats, tau: Floats) -> Parts:
        # d/dx log Φ(x) = r, r' = −r (x + r), r'' = r ((x + r)(x + 2r) − 1)
        loglik = float(self.y @ log_ndtr(eta) + self.failures @ log_ndtr(-eta)) + self.constant
        a, b = _mills(eta), _mills(-eta)
        wa, wb = a * (eta + a), b * (b - eta)
        ca = a * (1.0 - (eta + a) * (eta + 2 * a))
        cb = b * (1.0 - (b - eta) * (2 * b - eta))
        s = self.y * a - self.failures * b
        return Parts(loglik, s, self.y * wa + self.failures * wb, self.y * ca - self.failures * cb)

    def mean(self, eta: Floats) -> Floats:
        return np.asarray(ndtr(eta))

    def draw(self, eta: Floats, tau: Floats, rng: np.random.Generator) -> Floats:
        return rng.binomial(self.trials.astype(np.int64), self.mean(eta)).astype(np.float64)


class Poisson:
    """Counts, log link."""

    thresholds = 0

    def __init__(self, y: Floats, keep: Floats | None = None) -> None:
        self.keep = np.ones(len(y)) if keep is None else keep
        self.y = y * self.keep
        self.constant = -float(gammaln(self.y + 1).sum())

    def at(self, eta: Floats, tau: Floats) -> Parts:
        mu = self.mean(eta) * self.keep
        return Parts(float(self.y @ eta - mu.sum()) + self.constant, self.y - mu, mu, mu)

    def mean(self, eta: Floats) -> Floats:
        return np.asarray(np.exp(np.minimum(eta, ETA_LIMIT)))

    def draw(self, eta: Floats, tau: Floats, rng: np.random.Generator) -> Floats:
        return rng.poisson(self.mean(eta)).astype(np.float64)


class Ordinal:
    """Ordered categories 0..J by cumulative log-odds: P(y ≤ j) = logistic(τ_j − η)."""

    def __init__(self, y: Floats, categories: int, keep: Floats | None = None) -> None:
        self.codes: Codes = y.astype(np.int64)
        self.thresholds = categories - 1
        self.keep = keep

    def at(self, eta: Floats, tau: Floats) -> Parts:
        edges = np.concatenate([[-np.inf], tau, [np.inf]])
        a, b = edges[self.codes + 1] - eta, edges[self.codes] - eta
        ea, eb = np.exp(-np.abs(a)), np.exp(-np.abs(b))
        Fa, Fb = np.where(a >= 0, 1.0, ea) / (1.0 + ea), np.where(b >= 0, 1.0, eb) / (1.0 + eb)
        fa, fb = ea / (1.0 + ea) ** 2, eb / (1.0 + eb) ** 2
        ga, gb = fa * (1.0 - 2.0 * Fa), fb * (1.0 - 2.0 * Fb)
        # F(a) − F(b) = F(a) F(−b) (1 − exp(b − a)), free of cancellation
        with np.errstate(all="ignore"):
            e = -np.expm1(b - a)
            log_p = -np.log1p(ea) + np.minimum(a, 0.0) - np.log1p(eb) - np.maximum(b, 0.0) + np.log(e)
            upper = (1.0 - Fa) / ((1.0 - Fb) * e)
            lower = Fb / (Fa * e)
        first, last = self.codes == 0, self.codes == self.thresholds
        upper[last], lower[first] = 0.0, 0.0
        if self.keep is not None:
            log_p, upper, lower = np.where(self.keep > 0, log_p, 0.0), upper * self.keep, lower * self.keep
            fa, fb, ga, gb = fa * self.keep, fb * self.keep, ga * self.keep, gb * self.keep
        loglik = float(log_p.sum())
        cuts = Cutpoints(upper, -lower, fa, fb, ga, gb)
        s = Fa + Fb - 1.0 if self.keep is None else (Fa + Fb - 1.0) * self.keep
        return Parts(loglik if np.isfinite(loglik) else -np.inf, s, fa + fb, -(ga + gb), cuts)

    def mean(self, eta: Floats) -> Floats:
        return eta

    def draw(self, eta: Floats, tau: Floats, rng: np.random.Generator) -> Floats:
        latent = eta + rng.logistic(size=len(eta))
        return np.searchsorted(tau, latent).astype(np.float64)

    def probabilities(self, eta: Floats, tau: Floats) -> Floats:
        """(rows, J + 1) probability of each category."""
        below = expit(tau[None, :] - eta[:, None])
        edge = np.zeros((len(eta), 1))
        return np.diff(np.hstack([edge, below, edge + 1.0]), axis=1)


LINKS = {
    "gaussian": ("identity",),
    "binomial": ("logit", "probit"),
    "poisson": ("log",),
    "ordinal": ("logit",),
}


def choose_link(family: str, link: str | None) -> str:
    """The link asked for, or the family's default; raises ModelError for one that is not offered."""
    if family not in LINKS:
        raise ModelError(f"family {family!r} is not known; choose {', '.join(LINKS)}")
    if link is None:
        return LINKS[family][0]
    if link not in LINKS[family]:
        raise ModelError(
            f"link {link!r} is not offered for the {family} family; choose {', '.join(LINKS[family])}"
        )
    return link


AnyFamily = Logit | Probit | Poisson | Ordinal


def make_family(family: str, link: str, response: Response, keep: Floats | None = None) -> AnyFamily:
    """The likelihood of a response that is not gaussian; rows where `keep` is 0 count as never observed."""
    if family == "poisson":
        return Poisson(response.y, keep)
    if family == "ordinal":
        return Ordinal(response.y, len(response.labels), keep)
    y, trials = response.y, response.trials
    if keep is not None:
        y, trials = y * keep, trials * keep
    return Probit(y, trials) if link == "probit" else Logit(y, trials)

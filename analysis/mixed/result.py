"""A fitted model: tables as R users know them, plus predict, ranef, simulate and refit."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from analysis.mixed.design import Design, level_codes
from analysis.mixed.errors import ModelError
from analysis.mixed.families import Ordinal, Parts, make_family
from analysis.mixed.gaussian import LinearEngine, LinearState
from analysis.mixed.inference import DegreesOfFreedom, kenward_roger, satterthwaite
from analysis.mixed.laplace import LaplaceEngine, LaplaceFit, inverse_information
from analysis.mixed.parameters import Layout
from analysis.mixed.variables import Floats

SINGULAR = 1e-4
"""A diagonal entry of Λ below this is called singular, as in lme4."""


@dataclass(frozen=True)
class Model:
    """What was asked: design, family, link, REML, the df method and the level of intervals."""

    design: Design
    family: str
    link: str
    reml: bool
    df: str
    level: float


@dataclass(frozen=True)
class MixedResult:
    """A fitted model.

    fixed: term, estimate, se, df, statistic (t or z), p, low, high; thresholds `1|2` first for ordinal.
    random: group, term, sd, correlations (a dict to earlier terms of the same group).
    covariance: of the fixed effects (thresholds included), labelled by term.
    log_likelihood: restricted for REML. residual_sd: nan where the family has none.
    converged, singular, separated: flags, each with its sentence in `warnings`."""

    model: Model
    fixed: pd.DataFrame
    random: pd.DataFrame
    covariance: pd.DataFrame
    residual_sd: float
    log_likelihood: float
    parameters: int
    converged: bool
    singular: bool
    separated: bool
    warnings: tuple[str, ...]
    theta: Floats = field(repr=False)
    effects: Floats = field(repr=False)
    degrees: DegreesOfFreedom = field(repr=False)
    engine: LinearEngine | LaplaceEngine | None = field(repr=False, default=None)
    laplace: LaplaceFit | None = field(repr=False, default=None)

    @property
    def formula(self) -> str:
        return self.model.design.formula.text

    @property
    def family(self) -> str:
        return self.model.family

    @property
    def n(self) -> int:
        """Rows used."""
        return self.model.design.rows

    @property
    def groups(self) -> dict[str, int]:
        """Levels of each grouping factor."""
        return {g.name: g.size for g in self.model.design.groupings}

    @property
    def estimates(self) -> Floats:
        return self.fixed["estimate"].to_numpy(dtype=np.float64)

    @property
    def tau(self) -> Floats:
        """Thresholds of an ordinal model; empty otherwise."""
        return self.estimates[: self.n_thresholds]

    @property
    def beta(self) -> Floats:
        return self.estimates[self.n_thresholds :]

    @property
    def n_thresholds(self) -> int:
        return len(self.model.design.response.labels) - 1 if self.family == "ordinal" else 0

    def predict(
        self, data: pd.DataFrame | None = None, *, scale: str = "response", random: bool = True
    ) -> pd.Series:
        """Predictions for the rows fitted or for new rows.

        scale: "link" (linear predictor) or "response" (mean; for ordinal the expected category, counted
        from 1). random: with the conditional modes of known levels; unknown levels count as average."""
        design = self.model.design
        frame = design.frame if data is None else data
        eta = self._fixed_part(frame)
        if random:
            eta = eta + self._random_part(frame)
        if scale not in ("link", "response"):
            raise ModelError(f"scale {scale!r} is not known; choose link or response")
        values = eta if scale == "link" else self.mean(eta)
        return pd.Series(values, index=frame.index, name=design.response.text)

    def mean(self, eta: Floats) -> Floats:
        """The response scale of a linear predictor."""
        if self.family == "gaussian":
            return eta
        family = make_family(self.family, self.model.link, self.model.design.response)
        if isinstance(family, Ordinal):
            return np.asarray(family.probabilities(eta, self.tau) @ np.arange(1, family.thresholds + 2))
        return family.mean(eta)

    def category_probabilities(
        self, data: pd.DataFrame | None = None, *, random: bool = True
    ) -> pd.DataFrame:
        """Probability of each category, a row an observation; ordinal models only."""
        if self.family != "ordinal":
            raise ModelError("category probabilities belong to ordinal models")
        response = self.model.design.response
        eta = self.predict(data, scale="link", random=random)
        family = Ordinal(np.zeros(1), len(response.labels))
        table = family.probabilities(eta.to_numpy(dtype=np.float64), self.tau)
        return pd.DataFrame(table, index=eta.index, columns=list(response.labels))

    def _fixed_part(self, frame: pd.DataFrame) -> Floats:
        design = self.model.design
        X = design.X if frame is design.frame else design.matrix(design.encode(frame), len(frame))
        return np.asarray(X @ self.beta)

    def _random_part(self, frame: pd.DataFrame) -> Floats:
        design = self.model.design
        eta = np.zeros(len(frame))
        for grouping, modes in zip(design.groupings, self._modes(), strict=False):
            for name in grouping.variables:
                if name not in frame.columns:
                    raise ModelError(
                        f"column '{name}' is not in the new data; it names the levels of a random effect"
                    )
            codes, names = level_codes(frame, grouping.variables)
            place = {level: i for i, level in enumerate(grouping.levels)}
            known = np.array([place.get(level, -1) for level in names])[codes]
            columns = [c for term in grouping.terms for c in term.columns]
            used = sorted({v for c in columns for v, _ in c.parts})
            encoded = {v: design.variables[v].encode(frame[v]) for v in used}
            Z = np.column_stack([c.values(encoded, len(frame)) for c in columns])
            eta += np.where(known >= 0, np.einsum("nk,nk->n", Z, modes[known]), 0.0)
        return eta

    def _modes(self) -> list[Floats]:
        """Conditional modes, (levels, K) a grouping, in the formula's order."""
        return self.engine.layout.modes(self.theta, self.effects) if self.engine is not None else []

    def ranef(self) -> dict[str, pd.DataFrame]:
        """Conditional modes of the random effects: one table a grouping factor, levels × terms."""
        return {
            g.name: pd.DataFrame(
                modes, index=pd.Index(g.levels, name=g.name), columns=[n for t in g.terms for n in t.names]
            )
            for g, modes in zip(self.model.design.groupings, self._modes(), strict=False)
        }

    def simulate(self, rng: np.random.Generator) -> Floats:
        """A new outcome from the fitted model, all random effects drawn anew: (rows,).

        On the scale of the formula's left-hand side: successes for binomial, 0-based categories for ordinal."""
        design = self.model.design
        eta = design.X @ self.beta
        if self.engine is not None:
            layout = self.engine.layout
            for grouping, lam in zip(design.groupings, layout.natural(self.theta), strict=False):
                b = rng.standard_normal((grouping.size, grouping.width)) @ lam.T
                spread = self.residual_sd if self.family == "gaussian" else 1.0
                eta = eta + spread * np.einsum("nk,nk->n", grouping.Z, b[grouping.codes])
        if self.family == "gaussian":
            return np.asarray(eta + self.residual_sd * rng.standard_normal(design.rows))
        family = make_family(self.family, self.model.link, design.response)
        return family.draw(eta, self.tau, rng)

    def refit(self, y: Floats | pd.Series) -> MixedResult:
        """The same model for another outcome of the same rows, started from this optimum.

        y: (rows,) as `simulate` gives it. Raises ModelError for another length, missing values or a
        constant outcome."""
        from analysis.mixed.fit import fit_model

        values = np.asarray(y, dtype=np.float64)
        check_outcome(values, self.model)
        model = Model(
            self.model.design.with_response(values), self.family, self.model.link, self.model.reml, self.model.df,
            self.model.level,
        )  # fmt: skip
        return fit_model(model, self)


def check_outcome(y: Floats, model: Model) -> None:
    """Whether an outcome can stand in for the one a model was fitted with; raises ModelError."""
    design = model.design
    if y.shape != (design.rows,):
        raise ModelError(f"the new outcome has shape {y.shape}; the model has {design.rows} rows")
    if not np.isfinite(y).all():
        raise ModelError(f"the new outcome holds {int((~np.isfinite(y)).sum())} missing or infinite values")
    if np.ptp(y / design.response.trials) == 0:
        raise ModelError("the new outcome is the same in every row: there is nothing to explain")
    if model.family == "binomial" and ((y < 0) | (y > design.response.trials) | (y != np.round(y))).any():
        raise ModelError(
            "the new outcome of a binomial model must count successes, between 0 and the tries of the row"
        )
    if model.family == "poisson" and ((y < 0) | (y != np.round(y))).any():
        raise ModelError("the new outcome of a poisson model must be whole counts, none negative")
    top = len(design.response.labels)
    if model.family == "ordinal" and (
        (y != np.round(y)).any() or not np.array_equal(np.unique(y), np.arange(top, dtype=np.float64))
    ):
        raise ModelError(f"the new outcome of an ordinal model must use every category 0 to {top - 1}")


def fixed_table(
    terms: tuple[str, ...], estimate: Floats, covariance: Floats, degrees: DegreesOfFreedom, level: float
) -> pd.DataFrame:
    """The table of fixed effects with Wald tests: t with the given df, z where they are infinite."""
    variance = np.diag(covariance)
    se = np.sqrt(np.where(variance >= 0, variance, np.nan))
    df = degrees(np.eye(len(terms)))
    statistic = np.divide(estimate, se, out=np.full(len(se), np.nan), where=se > 0)
    half = quantile(df, level) * se
    return pd.DataFrame(
        {
            "term": list(terms),
            "estimate": estimate,
            "se": se,
            "df": df,
            "statistic": statistic,
            "p": two_sided(statistic, df),
            "low": estimate - half,
            "high": estimate + half,
        }
    )


def two_sided(statistic: Floats, df: Floats) -> Floats:
    """Two-sided p of t statistics; infinite df is the normal distribution."""
    finite = np.isfinite(df)
    t = stdtr(np.where(finite, df, 1.0), -np.abs(statistic))
    return np.asarray(2.0 * np.where(finite, t, ndtr(-np.abs(statistic))))


def quantile(df: Floats, level: float) -> Floats:
    """The two-sided quantile of t, or of the normal where df is infinite."""
    finite = np.isfinite(df)
    t = stdtrit(np.where(finite, df, 1.0), 0.5 + level / 2)
    return np.asarray(np.where(finite, t, ndtri(0.5 + level / 2)))


def infinite(L: Floats) -> Floats:
    """Degrees of freedom of z tests."""
    return np.full(len(L), np.inf)


def random_table(layout: Layout, theta: Floats, spread: float) -> pd.DataFrame:
    """group, term, sd, correlations, in the formula's order; spread is σ for linear models, else 1."""
    rows = []
    for share, lam in zip(layout.shares, layout.natural(theta), strict=True):
        grouping = share.grouping
        S = lam @ lam.T * spread**2
        sd = np.sqrt(np.diag(S))
        for term in grouping.terms:
            for a, name in enumerate(term.names):
                i = term.start + a
                others = {
                    term.names[b]: float(S[i, term.start + b] / (sd[i] * sd[term.start + b]))
                    if sd[i] * sd[term.start + b] > 0
                    else float("nan")
                    for b in range(a)
                }
                rows.append(
                    {"group": grouping.name, "term": name, "sd": float(sd[i]), "correlations": others}
                )
    return pd.DataFrame(rows, columns=["group", "term", "sd", "correlations"])


def _singular_sentences(layout: Layout, theta: Floats) -> list[str]:
    out = []
    for share, lam in zip(layout.shares, layout.scaled(theta), strict=True):
        grouping = share.grouping
        names = [n for t in grouping.terms for n in t.names]
        S = lam @ lam.T
        for a, name in enumerate(names):
            if lam[a, a] >= SINGULAR:
                continue
            if S[a, a] < SINGULAR**2:
                what = f"the variance of '{name}' over '{grouping.name}' is estimated as zero"
            else:
                what = (
                    f"'{name}' over '{grouping.name}' is perfectly correlated with the other random effects"
                )
            out.append(f"Singular fit: {what}; the data hold no sign of it, so consider the simpler model.")
    return out


_UNSETTLED = (
    "The search did not reach a stationary point: estimates and tests are not to be trusted. "
    "Simplify the random effects or rescale the predictors."
)


def _separation_sentence(terms: tuple[str, ...]) -> list[str]:
    if not terms:
        return []
    listed = ", ".join(f"'{t}'" for t in terms)
    return [
        f"Separation: {listed} foretells the outcome perfectly, so its estimate runs off to infinity; its size, "
        "standard error, interval and p mean nothing. Report the counts, or merge or drop the cells concerned."
    ]


def linear_result(model: Model, engine: LinearEngine, state: LinearState, converged: bool) -> MixedResult:
    """Tables of a linear mixed model."""
    covariance = state.sigma**2 * state.unit_cov
    degrees: DegreesOfFreedom = infinite
    if model.df == "satterthwaite":
        degrees = satterthwaite(engine, state)
    elif model.df == "kenward-roger":
        adjusted = kenward_roger(engine, state)
        covariance, degrees = adjusted.covariance, adjusted.degrees
    layout, terms = engine.layout, model.design.terms
    sentences = _singular_sentences(layout, state.theta)
    notes = [*model.design.notes, *sentences, *([] if converged else [_UNSETTLED])]
    return MixedResult(
        model,
        fixed_table(terms, state.beta, covariance, degrees, model.level),
        random_table(layout, state.theta, state.sigma),
        pd.DataFrame(covariance, index=list(terms), columns=list(terms)),
        state.sigma,
        -0.5 * state.deviance,
        len(terms) + layout.count + 1,
        converged,
        bool(sentences),
        False,
        tuple(notes),
        state.theta,
        state.u,
        degrees,
        engine,
    )


def laplace_result(
    model: Model, engine: LaplaceEngine, fit: LaplaceFit, separated: tuple[str, ...]
) -> MixedResult:
    """Tables of a generalised or cumulative-link mixed model."""
    k = engine.nt + engine.p
    covariance, positive = fit.covariance()
    terms = threshold_names(model) + model.design.terms
    theta = fit.phi[k:]
    sentences = _singular_sentences(engine.layout, theta)
    converged = fit.converged and positive
    notes = [
        *model.design.notes, *sentences, *_separation_sentence(separated), *([] if converged else [_UNSETTLED])
    ]  # fmt: skip
    return MixedResult(
        model,
        fixed_table(terms, fit.phi[:k], covariance[:k, :k], infinite, model.level),
        random_table(engine.layout, theta, 1.0),
        pd.DataFrame(covariance[:k, :k], index=list(terms), columns=list(terms)),
        float("nan"),
        -fit.value,
        k + engine.layout.count,
        converged,
        bool(sentences),
        bool(separated),
        tuple(notes),
        theta,
        fit.mode.u,
        infinite,
        engine,
        fit,
    )


def threshold_names(model: Model) -> tuple[str, ...]:
    """`1|2`, `2|3`, … from the names of the categories."""
    labels = model.design.response.labels if model.family == "ordinal" else ()
    return tuple(f"{a}|{b}" for a, b in itertools.pairwise(labels))


def plain_linear_result(model: Model) -> MixedResult:
    """Ordinary least squares with t tests on n − p degrees of freedom; the log-likelihood is the full one."""
    design = model.design
    X, y = design.X, design.response.y
    Q, R = np.linalg.qr(X)
    beta = np.linalg.solve(R, Q.T @ y)
    residual = y - X @ beta
    rss, (n, p) = float(residual @ residual), X.shape
    if rss <= 1e-20 * float(y @ y):
        raise ModelError(f"the outcome '{design.response.text}' is reproduced exactly by its predictors")
    root = np.linalg.inv(R)
    covariance = rss / (n - p) * root @ root.T
    loglik = -0.5 * n * (1.0 + np.log(2 * np.pi * rss / n))
    terms = list(design.terms)

    def degrees(L: Floats) -> Floats:
        return np.full(len(L), float(n - p) if model.df != "asymptotic" else np.inf)

    return MixedResult(
        model, fixed_table(design.terms, beta, covariance, degrees, model.level), _no_random(),
        pd.DataFrame(covariance, index=terms, columns=terms), float(np.sqrt(rss / (n - p))), float(loglik), p + 1,
        True, False, False, design.notes, np.zeros(0), np.zeros(0), degrees,
    )  # fmt: skip


def plain_result(
    model: Model, phi: Floats, information: Floats, parts: Parts, separated: tuple[str, ...]
) -> MixedResult:
    """Tables of a GLM or cumulative-logit model without random effects."""
    design, terms = model.design, threshold_names(model) + model.design.terms
    covariance, positive = inverse_information(information)
    notes = (
        *design.notes,
        *_separation_sentence(separated),
        *(() if positive or separated else (_UNSETTLED,)),
    )
    return MixedResult(
        model, fixed_table(terms, phi, covariance, infinite, model.level), _no_random(),
        pd.DataFrame(covariance, index=list(terms), columns=list(terms)), float("nan"), parts.loglik, len(terms),
        positive, False, bool(separated), notes, np.zeros(0), np.zeros(0), infinite,
    )  # fmt: skip


def _no_random() -> pd.DataFrame:
    return pd.DataFrame({"group": [], "term": [], "sd": [], "correlations": []})

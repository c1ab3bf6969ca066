"""From a finished search to a `MixedResult`: tables, flags, and the sentences that go with them."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from analysis.mixed.errors import ModelError
from analysis.mixed.families import Parts
from analysis.mixed.gaussian import LinearEngine, LinearState
from analysis.mixed.inference import DegreesOfFreedom, kenward_roger, satterthwaite
from analysis.mixed.laplace import LaplaceEngine, LaplaceFit, inverse_information
from analysis.mixed.parameters import Layout
from analysis.mixed.result import MixedResult, Model
from analysis.mixed.separation import Separation
from analysis.mixed.tables import fixed_table, infinite, random_table
from analysis.mixed.variables import Floats

SINGULAR = 1e-4
"""A diagonal entry of Λ below this is called singular, as in lme4."""


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


def _separation_sentence(separation: Separation | None) -> list[str]:
    if separation is None:
        return []
    listed = ", ".join(f"'{t}'" for t in separation.terms)
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
        None,
        tuple(notes),
        state.theta,
        state.u,
        degrees,
        engine,
    )


def laplace_result(
    model: Model, engine: LaplaceEngine, fit: LaplaceFit, separation: Separation | None
) -> MixedResult:
    """Tables of a generalised or cumulative-link mixed model."""
    k = engine.nt + engine.p
    covariance, positive = fit.covariance()
    terms = threshold_names(model) + model.design.terms
    theta = fit.phi[k:]
    sentences = _singular_sentences(engine.layout, theta)
    converged = fit.converged and positive
    notes = [
        *model.design.notes, *sentences, *_separation_sentence(separation), *([] if converged else [_UNSETTLED])
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
        separation,
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
        True, False, None, design.notes, np.zeros(0), np.zeros(0), degrees,
    )  # fmt: skip


def plain_result(
    model: Model, phi: Floats, information: Floats, parts: Parts, separation: Separation | None
) -> MixedResult:
    """Tables of a GLM or cumulative-logit model without random effects."""
    design, terms = model.design, threshold_names(model) + model.design.terms
    covariance, positive = inverse_information(information)
    notes = (
        *design.notes,
        *_separation_sentence(separation),
        *(() if positive or separation else (_UNSETTLED,)),
    )
    return MixedResult(
        model, fixed_table(terms, phi, covariance, infinite, model.level), _no_random(),
        pd.DataFrame(covariance, index=list(terms), columns=list(terms)), float("nan"), parts.loglik, len(terms),
        positive, False, separation, notes, np.zeros(0), np.zeros(0), infinite,
    )  # fmt: skip


def _no_random() -> pd.DataFrame:
    return pd.DataFrame({"group": [], "term": [], "sd": [], "correlations": []})

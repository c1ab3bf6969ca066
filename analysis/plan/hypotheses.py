"""From fitted models to verdicts: contrasts, p-values, Holm within families, and each model as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.comparisons import standardised
from analysis.mixed import MixedResult, ModelError
from analysis.plan import estimation
from analysis.plan.estimation import Fitted
from analysis.plan.results import (
    Effect,
    HypothesisResult,
    Mean,
    ModelResult,
    Quantity,
    RandomSd,
    Term,
    TermTest,
    finite,
    plain,
)
from analysis.plan.types import Contrast, Hypothesis, Model, Plan
from analysis.plan.verdicts import holm, judge, p_value
from analysis.plan.words import contrast_text, criterion_text

ESTIMATORS = {
    "gaussian": "linear mixed model by REML",
    "binomial": "logistic mixed model, Laplace approximation",
    "poisson": "Poisson mixed model, Laplace approximation",
    "ordinal": "cumulative-link mixed model (logit), Laplace approximation",
}
PLAIN = {
    "gaussian": "linear model, least squares",
    "binomial": "logistic regression",
    "poisson": "Poisson regression",
    "ordinal": "cumulative logit model",
}


@dataclass(frozen=True)
class Asked:
    """A hypothesis with its contrast estimated, before the family is known. `fitted` is only told what was asked of;
    its rows are gone. `problem`: why there is no estimate."""

    hypothesis: Hypothesis
    fitted: Fitted | None
    estimate: Quantity
    effects: tuple[Effect, ...] = ()
    problem: str = ""


def ask(plan: Plan, fitted: Fitted) -> dict[str, Asked]:
    """The hypotheses of one model by their id, with their contrasts estimated."""
    return {h.id: _ask(h, fitted) for h in plan.hypotheses if h.model == fitted.spec.id}


def all_asked(plan: Plan, asked: Mapping[str, Asked]) -> list[Asked]:
    """Every hypothesis in the plan's order, also those whose model the plan does not have."""
    return [asked.get(h.id) or _without_model(h) for h in plan.hypotheses]


def _without_model(hypothesis: Hypothesis) -> Asked:
    return Asked(hypothesis, None, Quantity(), problem=f"the plan has no model '{hypothesis.model}'")


def judge_asked(plan: Plan, asked: list[Asked]) -> list[HypothesisResult]:
    """Verdicts on hypotheses whose contrasts are estimated; `asked` in the plan's order."""
    p = [None if a.problem else p_value(a.estimate, a.hypothesis.criterion) for a in asked]
    adjusted, sizes = _families(plan, p)
    return [_judged(plan, *parts) for parts in zip(asked, p, adjusted, sizes, strict=True)]


def _families(plan: Plan, p: list[float | None]) -> tuple[list[float | None], list[int]]:
    """Adjusted p-values and family sizes, in the order of the hypotheses."""
    adjusted, sizes = list(p), [1] * len(p)
    for family in {h.family for h in plan.hypotheses}:
        places = [i for i, h in enumerate(plan.hypotheses) if h.family == family]
        if plan.multiplicity.get(family, "holm") == "holm":
            for place, value in zip(places, holm([p[i] for i in places]), strict=True):
                adjusted[place], sizes[place] = value, len(places)
    return adjusted, sizes


def _ask(hypothesis: Hypothesis, fitted: Fitted) -> Asked:
    if fitted.unusable:
        return Asked(hypothesis, fitted.told, Quantity(), problem=fitted.unusable)
    try:
        estimate = estimation.contrast_of(fitted, hypothesis.contrast)
        effects = tuple(_effects(fitted, hypothesis.contrast, estimate))
        return Asked(hypothesis, fitted.told, estimate, effects)
    except (ModelError, ValueError, ArithmeticError) as error:
        return Asked(hypothesis, fitted.told, Quantity(), problem=str(error))


def _effects(fitted: Fitted, contrast: Contrast, estimate: Quantity) -> list[Effect]:
    """The contrast where it is easier to read."""
    family = fitted.spec.family
    if family == "gaussian":
        return [*_geometric(fitted, estimate), *_standardised(fitted, estimate)]
    on_link = contrast.scale == "link"
    link = estimate if on_link else estimation.contrast_of(fitted, contrast, scale="link")
    name = "rate ratio" if family == "poisson" else "odds ratio"
    if contrast.within is not None:
        name = f"ratio of {name}s"
    effects = [Effect(name=name, estimate=estimation.exponential(link))]
    if on_link:
        other = "difference" if contrast.within is None else "difference of differences"
        unit = fitted.unit("response")
        response = estimation.contrast_of(fitted, contrast, scale="response")
        effects.append(Effect(name=f"{other} in {unit}", estimate=response))
    return effects


def _geometric(fitted: Fitted, estimate: Quantity) -> list[Effect]:
    """Of a logarithm: the ratio of geometric means."""
    if fitted.outcome is None or fitted.outcome.transform != "log":
        return []
    return [Effect(name="ratio of geometric means", estimate=estimation.exponential(estimate))]


def _standardised(fitted: Fitted, estimate: Quantity) -> list[Effect]:
    """The difference in units of the standard deviation of one observation, all variance parts together."""
    if fitted.result is None or not estimate.testable or estimate.df is None or fitted.spec.errors != "model":
        return []
    contrast = pd.DataFrame({"estimate": [estimate.value], "se": [estimate.se], "df": [estimate.df]})
    row = standardised(contrast, fitted.result).iloc[0]
    d = {"value": finite(row["d"])} | {name: finite(row[name]) for name in ("se", "low", "high")}
    return [Effect(name="standardised difference (d)", estimate=estimate.model_copy(update=d))]


def _judged(plan: Plan, asked: Asked, p: float | None, adjusted: float | None, size: int) -> HypothesisResult:
    h, c = asked.hypothesis, asked.hypothesis.criterion
    estimate = asked.estimate.model_copy(update={"note": asked.problem}) if asked.problem else asked.estimate
    verdict = judge(estimate, c, alpha=h.alpha, p_adjusted=adjusted, family_size=size)
    holm_used = plan.multiplicity.get(h.family, "holm") == "holm"
    return HypothesisResult(
        id=h.id,
        sentence=h.sentence,
        model=h.model,
        family=h.family,
        alpha=h.alpha,
        contrast=contrast_text(h.contrast),
        criterion=criterion_text(c),
        reference=c.value,
        bounds=c.bounds,
        scale=h.contrast.scale,
        unit=asked.fitted.unit(h.contrast.scale) if asked.fitted else "",
        estimate=estimate,
        effects=list(asked.effects),
        p=p,
        p_adjusted=adjusted,
        adjustment=f"Holm over {size} in '{h.family}'" if holm_used and size > 1 else "none",
        verdict=verdict.verdict,
        reason=verdict.reason,
        role=asked.fitted.spec.role if asked.fitted else "primary",
    )


def model_result(plan: Plan, fitted: Fitted) -> ModelResult:
    """A fitted model as tables, with its marginal means."""
    spec, result = fitted.spec, fitted.result
    label = fitted.outcome.label if fitted.outcome else spec.outcome
    base = {"id": spec.id, "outcome": spec.outcome, "label": label, "family": spec.family, "role": spec.role}
    if result is None or fitted.rows is None:
        return ModelResult(**base, formula=spec.formula, problem=fitted.problem)
    return ModelResult(
        **base,
        formula=result.formula,
        estimator=_estimator(spec, result),
        rows=result.n,
        participants=fitted.participants,
        items=fitted.items,
        missing=fitted.rows.missing,
        terms=[
            _term({str(key): value for key, value in row.items()}, fitted)
            for row in result.fixed.to_dict("records")
        ],
        tests=_term_tests(result),
        random=[
            RandomSd(group=r["group"], term=r["term"], sd=finite(r["sd"]))
            for r in result.random.to_dict("records")
        ],
        residual_sd=finite(result.residual_sd),
        log_likelihood=finite(result.log_likelihood),
        converged=result.converged,
        singular=result.singular,
        separated=result.separated,
        warnings=list(result.warnings),
        means=_means(plan, fitted),
    )


def _estimator(spec: Model, result: MixedResult) -> str:
    if result.groups:
        own = ESTIMATORS[spec.family]
        return f"{own}, {spec.df.title()} degrees of freedom" if spec.family == "gaussian" else own
    return PLAIN[spec.family] + (", HC3 errors" if spec.errors == "HC3" else "")


def _term(row: dict[str, object], fitted: Fitted) -> Term:
    numbers = {name: finite(row[name]) for name in ("se", "df", "statistic", "p", "low", "high")}
    rows = fitted.result.n if fitted.result else 0
    estimate = Quantity(value=finite(row["estimate"]), n=rows, clusters=fitted.participants, **numbers)
    return Term(name=str(row["term"]), estimate=estimate)


def _term_tests(result: MixedResult) -> list[TermTest]:
    """Joint F tests of the terms of a linear model without random effects that are in no higher term."""
    design = result.model.design
    if result.family != "gaussian" or design.groupings:
        return []
    terms = list(dict.fromkeys(c.term for c in design.columns if c.term))
    whole = [t for t in terms if not any(set(t) < set(other) for other in terms)]
    return [
        _joint(result, ":".join(t), [i for i, c in enumerate(design.columns) if c.term == t]) for t in whole
    ]


def _joint(result: MixedResult, name: str, places: list[int]) -> TermTest:
    beta = result.estimates[places]
    covariance = result.covariance.to_numpy(dtype=np.float64)[np.ix_(places, places)]
    statistic = float(beta @ np.linalg.solve(covariance, beta)) / len(places)
    residual = float(result.degrees(np.eye(len(result.estimates))[places[:1]])[0])
    p = float(stats.f.sf(statistic, len(places), residual))
    return TermTest(term=name, statistic=statistic, df=len(places), df_residual=residual, p=p)


def _means(plan: Plan, fitted: Fitted) -> list[Mean]:
    """Marginal means behind the model's contrasts, on the response scale, each set of cells once."""
    if fitted.unusable:
        return []
    found: dict[str, Mean] = {}
    for hypothesis in plan.hypotheses:
        if hypothesis.model != fitted.spec.id:
            continue
        try:
            cells = estimation.cells(fitted, hypothesis.contrast, "response")
        except (ModelError, ValueError, ArithmeticError):
            continue
        for labels, estimate in cells:
            at = {name: plain(value) for name, value in labels.items()}
            found.setdefault(repr(sorted(at.items())), Mean(at=at, scale="response", estimate=estimate))
    return list(found.values())

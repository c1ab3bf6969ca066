"""One batch of power simulations: a design drawn, outcomes drawn from the assumed effects, models fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from analysis.adjust import adjusted_p
from analysis.comparisons import upper_tail
from analysis.means import MarginalMeans, marginal_means, standard_error
from analysis.mixed.design import Design, build_design
from analysis.mixed.errors import ModelError
from analysis.mixed.families import choose_link, make_family
from analysis.mixed.fit import fit_model
from analysis.mixed.formula import parse_formula
from analysis.mixed.gaussian import LinearEngine
from analysis.mixed.parameters import Layout
from analysis.mixed.result import MixedResult, Model
from analysis.mixed.tables import quantile, two_sided
from analysis.mixed.variables import Floats

BATCH = 25
"""Outcomes drawn for one draw of participants and trials."""


@dataclass(frozen=True)
class PowerTest:
    """A contrast and the criterion it must meet: `level` minus `reference` of `factor`, others held `at` values or
    averaged; with `within` = (factor, level, reference) a difference of differences. op: ">" or "<" (two-sided test
    against `value`, on that side), "!=" (either side), "equivalent" (two one-sided tests of `low`, `high`)."""

    name: str
    factor: str
    level: Any
    reference: Any
    at: Mapping[str, Any] = field(default_factory=dict)
    within: tuple[str, Any, Any] | None = None
    scale: str = "link"
    op: str = "!="
    value: float = 0.0
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class PowerDesign:
    """What is registered. formula: as for fit_mixed, its columns being participant, item, arm, those of `items`,
    and those of `varied`. arms: the first is the reference; participants are dealt evenly. items: one mapping of
    attributes an item (or {} for none). per_person: items each participant meets, drawn at random (None: all).
    varied: columns whose levels are dealt evenly and at random over a participant's trials. attrition, excluded:
    shares of participants who leave, and who are excluded. adjust: over the tests, "holm" or "none"."""

    formula: str
    arms: tuple[str, ...]
    tests: tuple[PowerTest, ...]
    items: tuple[Mapping[str, Any], ...] = ({},)
    per_person: int | None = None
    varied: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    family: str = "binomial"
    link: str | None = None
    df: str = "satterthwaite"
    attrition: float = 0.0
    excluded: float = 0.0
    alpha: float = 0.05
    target: float = 0.9
    adjust: str = "holm"


@dataclass(frozen=True)
class Effects:
    """What is assumed. fixed: coefficients by R's term name on the link scale, those not named being zero;
    thresholds of an ordinal outcome in `thresholds`. sds: standard deviations by grouping factor ("participant"),
    or by factor and column ("participant.hedgedTRUE") for slopes. residual_sd: for a linear model."""

    fixed: Mapping[str, float]
    sds: Mapping[str, float] = field(default_factory=dict)
    residual_sd: float = 1.0
    thresholds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Batch:
    """Work for one process: `outcomes` simulations of one draw of `size` participants."""

    plan: PowerDesign
    effects: Effects
    size: int
    outcomes: int
    rng: np.random.Generator


@dataclass(frozen=True)
class Counted:
    """rejected (outcomes, tests): criterion met. width (outcomes, tests): of the interval at 1 − alpha, nan where there
    was no test."""

    rejected: np.ndarray[Any, np.dtype[np.bool_]]
    width: Floats
    analysed: int


def run_batch(batch: Batch) -> Counted:
    """Simulate one batch; the same batch gives the same counts wherever it runs."""
    check_plan(batch.plan, batch.effects)
    people = _people(batch)
    truth = Truth(batch, draw_trials(batch, people))
    shape = (batch.outcomes, len(batch.plan.tests))
    rejected, width = np.zeros(shape, dtype=bool), np.full(shape, np.nan)
    for i in range(batch.outcomes):
        result = truth.fit(batch.rng)
        if result is not None:
            rejected[i], width[i] = _judge(batch.plan, truth.means(result), result)
    return Counted(rejected, width, len(people))


def check_plan(plan: PowerDesign, effects: Effects) -> None:
    """Raises ModelError for shares, names and criteria that make no sense."""
    if len(plan.arms) < 1 or len(set(plan.arms)) != len(plan.arms):
        raise ModelError("the arms of a power plan must be named, each once")
    if not plan.tests:
        raise ModelError("a power plan needs at least one test")
    for name, share in (("attrition", plan.attrition), ("excluded", plan.excluded)):
        if not 0 <= share < 1:
            raise ModelError(f"{name} is {share}: give a share from 0 up to, not including, 1")
    for name, share in (("alpha", plan.alpha), ("target", plan.target)):
        if not 0 < share < 1:
            raise ModelError(f"{name} is {share}: give a share between 0 and 1")
    if plan.adjust not in ("holm", "none"):
        raise ModelError(f"adjust {plan.adjust!r} is not known to power; choose holm or none")
    if plan.per_person is not None and not 1 <= plan.per_person <= len(plan.items):
        raise ModelError(f"per_person is {plan.per_person}, but there are {len(plan.items)} items")
    for test in plan.tests:
        _check_test(test)
    if min(effects.sds.values(), default=0.0) < 0 or effects.residual_sd <= 0:
        raise ModelError(
            "standard deviations of random effects must not be negative, that of the residual above 0"
        )


def _check_test(test: PowerTest) -> None:
    if test.op not in (">", "<", "!=", "equivalent"):
        raise ModelError(f"test '{test.name}': op {test.op!r} is not known; choose >, <, != or equivalent")
    if test.op == "equivalent" and (test.low is None or test.high is None or test.low >= test.high):
        raise ModelError(f"test '{test.name}': equivalence needs low and high, low below high")


def _people(batch: Batch) -> list[str]:
    """The arm of each participant who is analysed; at least two an arm."""
    plan = batch.plan
    arms = np.resize(np.array(plan.arms, dtype=object), batch.size)
    stays = batch.rng.random(batch.size) < (1 - plan.attrition) * (1 - plan.excluded)
    for arm in plan.arms:
        mine = np.flatnonzero(arms == arm)
        if stays[mine].sum() < 2:
            stays[batch.rng.choice(mine, size=2, replace=False)] = True
    return [str(a) for a in arms[stays]]


def draw_trials(batch: Batch, people: list[str]) -> pd.DataFrame:
    """One row a trial: participant, arm, item, item attributes, varied columns."""
    plan, rng = batch.plan, batch.rng
    per = plan.per_person or len(plan.items)
    order = np.argsort(rng.random((len(people), len(plan.items))), axis=1)[:, :per]
    if per == len(plan.items):
        order = np.sort(order, axis=1)
    item = order.ravel()
    columns: dict[str, Any] = {
        "participant": np.repeat(np.arange(len(people)), per),
        "arm": pd.Categorical(np.repeat(np.array(people, dtype=object), per), list(plan.arms)),
        "item": item,
    }
    for name in dict.fromkeys(key for one in plan.items for key in one):
        columns[name] = pd.Series([one.get(name) for one in plan.items])[item].reset_index(drop=True)
    for name, levels in plan.varied.items():
        dealt = np.argsort(rng.random((len(people), per)), axis=1) % len(levels)
        columns[name] = pd.Series(list(levels))[dealt.ravel()].reset_index(drop=True)
    return pd.DataFrame(columns)


class Truth:
    """A drawn design with the assumed parameters: draws outcomes and fits the model to them."""

    def __init__(self, batch: Batch, trials: pd.DataFrame) -> None:
        plan, effects = batch.plan, batch.effects
        self.plan, self.effects = plan, effects
        outcome = parse_formula(plan.formula).response
        if not outcome.isidentifier():
            raise ModelError(f"the outcome {outcome!r} of a power plan must be a plain name")
        trials[outcome] = _placeholder(plan, effects, len(trials))
        design = build_design(plan.formula, trials, plan.family)
        self.model = Model(
            design, plan.family, choose_link(plan.family, plan.link), plan.family == "gaussian", plan.df, 0.95
        )
        self.fixed = design.X @ _coefficients(design, effects)
        self.tau = np.array(effects.thresholds)
        self.spreads = [
            _spreads(g.name, [n for t in g.terms for n in t.names], effects) for g in design.groupings
        ]
        _check_names(design, effects)
        self.first: MixedResult | None = None
        self.prepared: list[tuple[MarginalMeans, Floats]] = []

    def draw(self, rng: np.random.Generator) -> Floats:
        """An outcome with all random effects drawn anew."""
        design, eta = self.model.design, self.fixed
        for grouping, sd in zip(design.groupings, self.spreads, strict=True):
            b = rng.standard_normal((grouping.size, grouping.width)) * sd
            eta = eta + np.einsum("nk,nk->n", grouping.Z, b[grouping.codes])
        if self.plan.family == "gaussian":
            return np.asarray(eta + self.effects.residual_sd * rng.standard_normal(design.rows))
        family = make_family(self.plan.family, self.model.link, design.response)
        return family.draw(eta, self.tau, rng)

    def fit(self, rng: np.random.Generator) -> MixedResult | None:
        """A fit to a fresh outcome, or None where the outcome allows no fit."""
        design, y = self.model.design, self.draw(rng)
        if np.ptp(y) == 0 or (self.plan.family == "ordinal" and len(np.unique(y)) <= len(self.tau)):
            return None
        try:
            result = fit_model(replace(self.model, design=design.with_response(y)), self.first)
        except ModelError:
            return None
        if not result.converged:
            return None
        if self.first is None and not result.separated:
            self.first = _from_truth(result, self)
        return result

    def means(self, result: MixedResult) -> list[tuple[MarginalMeans, Floats]]:
        """Marginal means and weights of every test, their grids made once."""
        if not self.prepared:
            self.prepared = [_prepare(test, result) for test in self.plan.tests]
        return self.prepared


def _placeholder(plan: PowerDesign, effects: Effects, rows: int) -> Any:
    """Some outcome of the right kind, to read the design with."""
    if plan.family == "ordinal":
        if len(effects.thresholds) < 2 or (np.diff(effects.thresholds) <= 0).any():
            raise ModelError("an ordinal power plan needs two or more thresholds in rising order")
        return np.arange(rows) % (len(effects.thresholds) + 1)
    return np.arange(rows) % 2


def _coefficients(design: Design, effects: Effects) -> Floats:
    unknown = sorted(set(effects.fixed) - set(design.terms))
    if unknown:
        raise ModelError(f"the model has no term '{unknown[0]}'; it has {', '.join(design.terms)}")
    return np.array([effects.fixed.get(name, 0.0) for name in design.terms], dtype=np.float64)


def _spreads(group: str, names: list[str], effects: Effects) -> Floats:
    plain = {"(Intercept)": effects.sds.get(group)}
    sds = [effects.sds.get(f"{group}.{name}", plain.get(name)) for name in names]
    for name, sd in zip(names, sds, strict=True):
        if sd is None:
            key = group if name == "(Intercept)" else f"{group}.{name}"
            raise ModelError(f"the model has a random effect '{key}' whose standard deviation is not given")
    return np.array(sds, dtype=np.float64)


def _check_names(design: Design, effects: Effects) -> None:
    known = {g.name for g in design.groupings}
    known |= {f"{g.name}.{n}" for g in design.groupings for t in g.terms for n in t.names}
    unknown = sorted(set(effects.sds) - known)
    if unknown:
        raise ModelError(
            f"the model has no random effect '{unknown[0]}'; it has {', '.join(sorted(known)) or 'none'}"
        )


def _from_truth(result: MixedResult, truth: Truth) -> MixedResult:
    """A fit whose optimum is replaced by the assumed parameters: the best start for every later outcome."""
    if result.engine is None:
        return result
    theta = _theta(result.engine.layout, truth.spreads)
    if isinstance(result.engine, LinearEngine):
        return replace(result, theta=theta / truth.effects.residual_sd)
    if result.laplace is None:
        return result
    beta = _coefficients(result.model.design, truth.effects)
    mode = replace(result.laplace.mode, u=np.zeros_like(result.laplace.mode.u))
    phi = np.concatenate([truth.tau, beta, theta])
    return replace(result, laplace=replace(result.laplace, phi=phi, mode=mode), theta=theta)


def _theta(layout: Layout, spreads: list[Floats]) -> Floats:
    return layout.from_natural([np.diag(sd) for sd in spreads])


def _prepare(test: PowerTest, result: MixedResult) -> tuple[MarginalMeans, Floats]:
    signs = [(test.factor, test.level, test.reference), *([test.within] if test.within else [])]
    means = marginal_means(result, [name for name, _, _ in signs], at=dict(test.at), scale=test.scale)
    weights = np.ones(len(means.table))
    for name, level, reference in signs:
        column = means.table[name].tolist()
        for wanted in (level, reference):
            if wanted not in column:
                raise ModelError(f"test '{test.name}': '{name}' has no level {wanted!r}")
        weights *= np.array([float(v == level) - float(v == reference) for v in column])
    return means, weights


def _judge(
    plan: PowerDesign, prepared: list[tuple[MarginalMeans, Floats]], result: MixedResult
) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], Floats]:
    """Which tests meet their criterion after adjustment, and how wide their intervals are."""
    p, sides, widths = [], [], []
    for test, (means, weights) in zip(plan.tests, prepared, strict=True):
        if means.runs_off(weights, result):
            p.append(1.0)
            sides.append(False)
            widths.append(np.nan)
            continue
        values, rows = means.values(result)
        estimate = float(weights @ values)
        se = float(standard_error(result, (weights @ rows)[None, :])[0])
        df = result.degrees((weights @ means.link_rows)[None, :])
        one, side = _p_value(test, estimate, se, df)
        p.append(one)
        sides.append(side)
        widths.append(2.0 * float(quantile(df, 1.0 - plan.alpha)[0]) * se)
    adjusted = adjusted_p(np.array(p), plan.adjust)
    return (adjusted < plan.alpha) & np.array(sides), np.array(widths)


def _p_value(test: PowerTest, estimate: float, se: float, df: Floats) -> tuple[float, bool]:
    if not se > 0:
        return 1.0, False
    if test.op == "equivalent" and test.low is not None and test.high is not None:
        ends = np.array([(estimate - test.low) / se, (test.high - estimate) / se])
        return float(upper_tail(ends, np.repeat(df, 2)).max()), True
    statistic = (estimate - test.value) / se
    side = {">": statistic > 0, "<": statistic < 0}.get(test.op, True)
    return float(two_sided(np.array([statistic]), df)[0]), bool(side)

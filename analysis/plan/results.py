"""What a run of a plan hands back: frozen, JSON in and out, every number with its interval and its n.

A number that is not available is None, never 0 and never nan; `note` or `reason` says why in words.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from analysis.estimate import Estimate
from analysis.plan.types import Column, Frozen, Id, Scalar

Verdict = Literal["supported", "contradicted", "inconclusive", "not evaluable"]


class Quantity(Frozen):
    """A number with its uncertainty, in the unit of whatever it estimates.

    low, high: interval at `level`. n: trials (or participants, for one number a participant) it rests on; clusters:
    participants among them; missing: rows that could not be used. p is two-sided against 0 unless the note says else.
    """

    value: float | None = None
    se: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    df: float | None = None
    statistic: float | None = None
    p: float | None = None
    n: int = 0
    clusters: int = 0
    missing: int = 0
    note: str = ""

    @property
    def available(self) -> bool:
        return self.value is not None

    @property
    def testable(self) -> bool:
        """Has it what a test needs: a value and a standard error?"""
        return self.value is not None and self.se is not None and self.se > 0


def finite(value: object) -> float | None:
    """A float, or None for whatever is missing, infinite or not a number."""
    if value is None or isinstance(value, str):
        return None
    number = float(value)  # type: ignore[arg-type]
    return number if math.isfinite(number) else None


def quantity(estimate: Estimate, *, level: float = 0.95) -> Quantity:
    """A `Quantity` of an `Estimate` of the measures."""
    return Quantity(
        value=finite(estimate.value),
        se=finite(estimate.se),
        low=finite(estimate.low),
        high=finite(estimate.high),
        level=level,
        n=estimate.n,
        clusters=estimate.clusters,
        missing=estimate.missing,
        note=estimate.note,
    )


class RuleCount(Frozen):
    """One rule applied. `matched`: everybody it holds for; `removed`: those not already removed by an earlier rule;
    `undecided`: people for whom a column of the rule is missing (the rule does not hold for them)."""

    id: Id
    sentence: str
    action: Literal["exclude", "flag"]
    measured: Literal["before", "after"]
    matched: int
    removed: int
    undecided: int
    by_arm: dict[str, int] = {}
    problem: str = ""


class Sample(Frozen):
    """Who the confirmatory analysis rests on."""

    people: int
    eligible: int
    excluded: int
    flagged: int
    analysed: int
    trials: int
    analysed_by_arm: dict[str, int] = {}
    rules: list[RuleCount] = []


class Missing(Frozen):
    """How many values of an outcome are missing among the analysed. `without`: arms in which nobody has one (it was
    not asked or is not defined there); their rows do not count."""

    outcome: Id
    label: str
    rows: int
    missing: int
    by_arm: dict[str, int] = {}
    without: list[str] = []


class Group(Frozen):
    """A mean of an outcome in one group."""

    outcome: Id
    by: dict[Column, Scalar]
    mean: Quantity


class MeasureRow(Frozen):
    """One reliance measure of one group; `bootstrap` is the second interval, by resampling participants."""

    by: dict[Column, Scalar]
    measure: str
    estimate: Quantity
    bootstrap: Quantity
    method: str


class Term(Frozen):
    """A coefficient, in R's naming."""

    name: str
    estimate: Quantity


class RandomSd(Frozen):
    """Standard deviation of one random effect."""

    group: str
    term: str
    sd: float | None


class Mean(Frozen):
    """A marginal mean of a model at a level of a factor (and fixed values of others), on the scale named."""

    at: dict[Column, Scalar]
    scale: Literal["link", "response"]
    estimate: Quantity


class TermTest(Frozen):
    """The joint test of all coefficients of a term (F for linear models)."""

    term: str
    statistic: float
    df: float
    df_residual: float | None
    p: float


class ModelResult(Frozen):
    """One fitted model, or in `problem` why there is none."""

    id: Id
    outcome: Id
    label: str
    formula: str
    family: str
    role: str
    estimator: str = ""
    rows: int = 0
    participants: int = 0
    items: int = 0
    missing: int = 0
    terms: list[Term] = []
    tests: list[TermTest] = []
    random: list[RandomSd] = []
    residual_sd: float | None = None
    log_likelihood: float | None = None
    converged: bool = False
    singular: bool = False
    separated: bool = False
    warnings: list[str] = []
    means: list[Mean] = []
    problem: str = ""


class Effect(Frozen):
    """The same contrast on a scale that is easier to read: odds ratio, risk difference, standardised difference."""

    name: str
    estimate: Quantity


class HypothesisResult(Frozen):
    """A registered sentence and what became of it."""

    id: Id
    sentence: str
    model: Id
    family: Id
    alpha: float
    contrast: str
    criterion: str
    reference: float = 0.0
    bounds: tuple[float, float] | None = None
    scale: Literal["link", "response"] = "link"
    unit: str = ""
    estimate: Quantity = Quantity()
    effects: list[Effect] = []
    p: float | None = None
    p_adjusted: float | None = None
    adjustment: str = ""
    verdict: Verdict
    reason: str
    role: str = "primary"


class SensitivityRow(Frozen):
    """A hypothesis looked at another way. `agrees`: the same verdict as the registered analysis."""

    hypothesis: Id
    variation: str
    estimate: Quantity
    verdict: Verdict
    agrees: bool | None
    note: str = ""


class RankResult(Frozen):
    """Mann and Whitney's U (of `level`'s ranks' complement: pairs in which the reference is larger, ties one half), and
    the probability that somebody of `level` is above somebody of the reference, ties counted half."""

    id: Id
    outcome: Id
    contrast: str
    u: float | None
    p: float | None
    superiority: Quantity
    problem: str = ""


class Results(Frozen):
    """Everything a report shows of the numbers."""

    heed_results: Literal[1] = 1
    plan_sha256: str
    seed: int
    level: float = 0.95
    sample: Sample
    missing: list[Missing] = []
    summaries: list[Group] = []
    measures: list[MeasureRow] = []
    models: list[ModelResult] = []
    hypotheses: list[HypothesisResult] = []
    rank_tests: list[RankResult] = []
    sensitivity: list[SensitivityRow] = []
    warnings: list[str] = []
    versions: dict[str, str] = {}

    def hypothesis(self, hypothesis_id: str) -> HypothesisResult:
        """The result of that hypothesis (KeyError if the plan has none)."""
        return {h.id: h for h in self.hypotheses}[hypothesis_id]

    def model(self, model_id: str) -> ModelResult:
        """The result of that model (KeyError if the plan has none)."""
        return {m.id: m for m in self.models}[model_id]


def plain(value: object) -> Scalar:
    """A value of a table as a JSON scalar."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | float | str):
        return value
    return str(value)

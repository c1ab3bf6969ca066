"""The analysis plan as a typed document: what is registered is what is run.

Columns named here are columns of the tidy tables (`trials`: one row per participant and item; `participants`: one
row per participant). No expression is ever evaluated as code: rules are column, operator, value; formulas are
parsed by `analysis.mixed`.
"""

from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Column = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Scalar = bool | int | float | str


class Frozen(BaseModel):
    """A part of a registered document: no unknown fields, no change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(Frozen):
    """One condition on one column. `in` takes a list, `missing` takes no value."""

    column: Column
    op: Literal["<", "<=", ">", ">=", "==", "!=", "in", "missing"]
    value: Scalar | list[Scalar] | None = None

    @model_validator(mode="after")
    def _value_fits(self) -> Self:
        if self.op == "in" and not isinstance(self.value, list):
            raise ValueError("'in' needs a list of values")
        if self.op == "missing" and self.value is not None:
            raise ValueError("'missing' takes no value")
        if self.op not in ("in", "missing") and (self.value is None or isinstance(self.value, list)):
            raise ValueError(f"'{self.op}' needs one value")
        return self


class Exclusion(Frozen):
    """Who is left out of the confirmatory analysis (`exclude`), or marked and reported with and without (`flag`)."""

    id: Id
    sentence: str
    when: list[Rule] = Field(min_length=1, description="all must hold, on the participants table")
    measured: Literal["before", "after"] = Field(
        description="before or after the arm could act on the participant"
    )
    action: Literal["exclude", "flag"] = "exclude"
    reason: str = Field(default="", description="why a rule measured after treatment is acceptable")


class Difference(Frozen):
    """One number a participant from their trials: the mean of the outcome's column over the trials where `of` holds,
    less (if `less` is given) its mean over those where `less` holds. Missing where either has no trial."""

    of: list[Rule] = []
    less: list[Rule] = []


class Outcome(Frozen):
    """A measured quantity: a column of a tidy table and what kind of number it is."""

    id: Id
    label: str
    table: Literal["trials", "participants"] = "trials"
    column: Column
    kind: Literal["binary", "ordinal", "continuous", "count"]
    transform: Literal["none", "log"] = "none"
    unit: str = ""
    per_participant: Difference | None = Field(
        default=None, description="trials only: make one number a participant (then `kind` is continuous)"
    )


class Model(Frozen):
    """One model of one outcome. `formula` is the right-hand side in lme4's notation."""

    id: Id
    outcome: Id
    formula: str = Field(examples=["arm * ai_correct + (1 | participant) + (1 | item)"])
    family: Literal["binomial", "gaussian", "poisson", "ordinal"]
    subset: list[Rule] = []
    errors: Literal["model", "HC3"] = Field(
        default="model", description="HC3 for models without random effects"
    )
    df: Literal["satterthwaite", "kenward-roger"] = "satterthwaite"
    role: Literal["primary", "secondary", "robustness", "exploratory"] = "primary"


class Contrast(Frozen):
    """`level` minus `reference` of `factor`'s marginal means, at fixed values of other terms (`at`).

    With `within` the contrast is a difference of differences: (level − reference) at `within.level` minus the same at
    `within.reference`. `scale` is link (log odds, latent) or response (probability, units of the outcome).
    """

    factor: Column
    level: Scalar
    reference: Scalar
    at: dict[Column, Scalar] = {}
    within: "Within | None" = None
    scale: Literal["link", "response"] = "link"


class Within(Frozen):
    """The second factor of a difference of differences."""

    factor: Column
    level: Scalar
    reference: Scalar


class Criterion(Frozen):
    """What the contrast must satisfy. Directions test against `value`; `equivalent` needs `low` and `high` (two
    one-sided tests); `==` needs a `tolerance` and is tested as equivalence within it."""

    op: Literal["<", "<=", ">", ">=", "equivalent", "=="]
    value: float = 0.0
    low: float | None = None
    high: float | None = None
    tolerance: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _bounds_fit(self) -> Self:
        if self.op == "equivalent" and (self.low is None or self.high is None or self.low >= self.high):
            raise ValueError("'equivalent' needs low and high, low below high")
        if self.op == "==" and self.tolerance is None:
            raise ValueError("'==' needs a tolerance: nothing is ever exactly equal")
        return self

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The interval the contrast must lie in; None for a direction."""
        if self.op == "equivalent" and self.low is not None and self.high is not None:
            return self.low, self.high
        if self.op == "==" and self.tolerance is not None:
            return self.value - self.tolerance, self.value + self.tolerance
        return None


class Hypothesis(Frozen):
    """One sentence, one estimand, one criterion, one family. The verdict is a total function of the estimate."""

    id: Id
    sentence: str
    model: Id
    contrast: Contrast
    criterion: Criterion
    family: Id = "main"
    alpha: float = Field(default=0.05, gt=0, lt=0.5)


RelianceMeasure = Literal[
    "agreement",
    "accuracy",
    "overreliance",
    "underreliance",
    "switch_fraction",
    "rair",
    "rsr",
    "weight_of_advice",
    "d_prime",
    "criterion_c",
]
CalibrationScore = Literal["brier", "skill", "log_score", "ece", "mce", "ks", "auc", "overconfidence"]
CALIBRATION: tuple[str, ...] = get_args(CalibrationScore)


class MeasureTable(Frozen):
    """Reliance measures and calibration scores (`brier` to `overconfidence`) to report, by groups, with intervals."""

    by: list[Column] = ["arm"]
    measures: list[Literal[RelianceMeasure, CalibrationScore]] = [
        "agreement",
        "accuracy",
        "overreliance",
        "underreliance",
    ]
    probability: Column | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="of calibration scores: the column (0 to 100) that says how likely the final answer is right; "
        "without it the answers themselves are the probabilities",
    )
    draws: int = Field(default=1000, ge=100, le=20000, description="cluster bootstrap draws")


class Summary(Frozen):
    """Means of an outcome by groups, with intervals."""

    outcome: Id
    by: list[Column] = ["arm"]
    subset: list[Rule] = []


class RankTest(Frozen):
    """Mann and Whitney's test of one outcome, one number a participant, between two levels of a factor."""

    id: Id
    outcome: Id
    factor: Column = "arm"
    level: Scalar
    reference: Scalar
    subset: list[Rule] = []


class ColumnMap(Frozen):
    """For a plan run on somebody else's data: which of their columns is ours, and which values mean what.

    `values` renames values, their text as key (True and False for booleans); a value not named stays as it is."""

    column: str
    values: dict[str, Scalar] = {}


class Plan(Frozen):
    """What will be computed. Whatever is not in here is exploratory."""

    levels: dict[Column, list[Scalar]] = Field(
        default={}, description="factor levels in order; the first is the reference"
    )
    exclusions: list[Exclusion] = []
    outcomes: list[Outcome] = []
    models: list[Model] = []
    hypotheses: list[Hypothesis] = []
    multiplicity: dict[Id, Literal["holm", "none"]] = Field(
        default={"main": "holm"}, description="per family"
    )
    measures: list[MeasureTable] = []
    summaries: list[Summary] = []
    rank_tests: list[RankTest] = []
    population: Literal["complete", "all"] = Field(
        default="complete", description="before exclusions: who finished, or everybody who was assigned"
    )
    no_verdict: list[Scalar] = Field(default=["unsure"], description="advice that gives no answer")
    missing: str = Field(
        default="Undefined or missing outcomes are left out of the model that needs them and counted."
    )
    columns: dict[Column, ColumnMap] = Field(default={}, description="column mapping for imported data")
    seed: int = Field(default=20240603, description="seed of the bootstrap, so that the report repeats")

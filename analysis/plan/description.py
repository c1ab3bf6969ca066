"""What is reported without a model: means of outcomes by group, reliance measures, missing values, rank tests."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from analysis.estimate import ratio_estimate
from analysis.measures import reliance
from analysis.plan.calibrated import scores
from analysis.plan.columns import ColumnError, Tables, outcome_table
from analysis.plan.people import RuleError, holding, same
from analysis.plan.results import Group, MeasureRow, Missing, Quantity, RankResult, finite, plain, quantity
from analysis.plan.types import CALIBRATION, MeasureTable, Outcome, Plan, RankTest, Scalar, Summary

ANSWERS = ("truth", "advice", "initial", "final")
NAMES = {"criterion_c": "criterion"}
"""Measures whose name in a plan differs from the one in `analysis.measures`."""


def summaries(plan: Plan, tables: Tables, warnings: list[str]) -> list[Group]:
    """Means of every outcome by arm, and those the plan adds."""
    by_arm = [Summary(outcome=o.id) for o in plan.outcomes if "arm" in _table(o, tables)]
    outcomes = {o.id: o for o in plan.outcomes}
    found: list[Group] = []
    for wanted in dict.fromkeys([*_hashable(by_arm), *_hashable(plan.summaries)]):
        summary = Summary.model_validate_json(wanted)
        try:
            found += _summary(summary, outcomes[summary.outcome], tables)
        except (ColumnError, RuleError, KeyError) as error:
            warnings.append(f"summary of '{summary.outcome}': {error}")
    return found


def _hashable(wanted: Sequence[Summary]) -> list[str]:
    return [summary.model_dump_json() for summary in wanted]


def _table(outcome: Outcome, tables: Tables) -> pd.DataFrame:
    return tables["participants" if outcome.table == "participants" else "trials"]


def _summary(summary: Summary, outcome: Outcome, tables: Tables) -> list[Group]:
    wanted = {*summary.by, *(rule.column for rule in summary.subset)}
    table, column = outcome_table(outcome, tables, wanted)
    holds, _ = holding(summary.subset, table)
    table = table[holds]
    for name in summary.by:
        if name not in table:
            raise ColumnError(f"there is no column '{name}' to group by")
    values = _numbers(table[column])
    groups = table.assign(**{column: values}).groupby(summary.by, observed=True, sort=True)
    return [
        Group(
            outcome=outcome.id,
            by={name: plain(label) for name, label in zip(summary.by, labels, strict=True)},
            mean=_mean(rows, column, proportion=outcome.kind == "binary"),
        )
        for labels, rows in groups
    ]


def _numbers(values: pd.Series) -> pd.Series:
    """As floats; ordered categories by their number, or by place from 1 where they are words."""
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return values.astype("float64")
    categories = values.cat.categories
    if pd.api.types.is_numeric_dtype(categories):
        return values.astype("float64")
    return values.cat.codes.where(values.notna()).astype("float64") + 1


def _mean(rows: pd.DataFrame, column: str, *, proportion: bool) -> Quantity:
    """Mean with a cluster-robust interval by participant."""
    present = rows[rows[column].notna()]
    codes, people = pd.factorize(present["participant"])
    values = present[column].to_numpy(dtype=np.float64)
    sums = np.bincount(codes, weights=values, minlength=len(people)).astype(np.float64)
    counts = np.bincount(codes, minlength=len(people)).astype(np.float64)
    return quantity(ratio_estimate(sums, counts, missing=len(rows) - len(present), proportion=proportion))


def measure_rows(plan: Plan, trials: pd.DataFrame, warnings: list[str]) -> list[MeasureRow]:
    """The plan's reliance measures, each table with draws of its own from the plan's seed."""
    found: list[MeasureRow] = []
    for number, table in enumerate(plan.measures):
        rng = np.random.default_rng([plan.seed, number])
        try:
            found += _measures(plan, table, trials, rng)
        except (ValueError, TypeError) as error:
            warnings.append(f"measures by {', '.join(table.by) or 'nothing'}: {error}")
    return found


def as_shares(trials: pd.DataFrame) -> pd.DataFrame:
    """Numeric answers are percentages in tidy tables and probabilities from 0 to 1 in the measures."""
    out = trials.copy()
    present = [name for name in ANSWERS if name in out]
    if "final" in present and pd.api.types.is_float_dtype(out["final"]):
        for name in present:
            if pd.api.types.is_numeric_dtype(out[name]) and not pd.api.types.is_bool_dtype(out[name]):
                out[name] = out[name] / 100
    return out


def _measures(
    plan: Plan, table: MeasureTable, trials: pd.DataFrame, rng: np.random.Generator
) -> list[MeasureRow]:
    known = trials.dropna(subset=[name for name in table.by if name in trials])
    for name in table.by:
        if isinstance(known.get(name, pd.Series(dtype=object)).dtype, pd.CategoricalDtype):
            known = known.assign(**{name: known[name].cat.remove_unused_categories()})
    rows = _reliance(plan, table, known, rng)
    if asked := [m for m in table.measures if m in CALIBRATION]:
        rows += scores(known, table, asked, rng)
    return [_measure(row, table.by) for row in rows]


def _reliance(
    plan: Plan, table: MeasureTable, trials: pd.DataFrame, rng: np.random.Generator
) -> list[dict[str, object]]:
    asked = [NAMES.get(m, m) for m in table.measures if m not in CALIBRATION]
    if not asked:
        return []
    rows = reliance(
        as_shares(trials),
        by=table.by,
        measures=asked,
        rng=rng,
        replicates=table.draws,
        no_verdict=plan.no_verdict,
    )
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def _measure(row: dict[str, object], by: Sequence[str]) -> MeasureRow:
    counts = {"n": int(row["n"]), "clusters": int(row["clusters"]), "missing": int(row["missing"])}  # type: ignore[call-overload]
    value = finite(row["value"])
    estimate = Quantity(
        value=value,
        se=finite(row["se"]),
        low=finite(row["low"]),
        high=finite(row["high"]),
        note=str(row["note"]),
        **counts,
    )
    bootstrap = Quantity(
        value=value,
        se=finite(row["boot_se"]),
        low=finite(row["boot_low"]),
        high=finite(row["boot_high"]),
        **counts,
    )
    return MeasureRow(
        by={name: plain(row[name]) for name in by},
        measure=str(row["measure"]),
        estimate=estimate,
        bootstrap=bootstrap,
        method=str(row["method"]),
    )


def missing(plan: Plan, tables: Tables) -> list[Missing]:
    """Missing values of every outcome, by arm; arms that have no value at all are named apart."""
    found = []
    for outcome in plan.outcomes:
        try:
            table, column = outcome_table(outcome, tables, ["arm"])
        except (ColumnError, RuleError):
            continue
        found.append(_missing(outcome, table, column))
    return found


def _missing(outcome: Outcome, table: pd.DataFrame, column: str) -> Missing:
    gone, without = table[column].isna(), []
    if "arm" in table:
        nobody = gone.groupby(table["arm"], observed=True).all()
        without = [str(arm) for arm in nobody.index[nobody]]
        table = table[~table["arm"].astype(object).isin(without)]
        gone = gone[table.index]
    by_arm = table.loc[gone, "arm"].value_counts(sort=False) if "arm" in table else pd.Series(dtype=int)
    return Missing(
        outcome=outcome.id,
        label=outcome.label,
        rows=len(table),
        missing=int(gone.sum()),
        by_arm={str(arm): int(n) for arm, n in by_arm.items() if n},
        without=without,
    )


def rank_test(plan: Plan, test: RankTest, tables: Tables) -> RankResult:
    """Mann and Whitney's test; never raises for data."""
    contrast = f"{test.factor}: {test.level} against {test.reference}"
    try:
        level, reference = _two_groups(plan, test, tables)
    except (ColumnError, RuleError, KeyError) as error:
        return _no_test(test, contrast, str(error))
    if len(level) < 2 or len(reference) < 2:
        return _no_test(
            test, contrast, f"{len(level)} and {len(reference)} participants: at least two each are needed"
        )
    with np.errstate(all="ignore"):
        found = stats.mannwhitneyu(reference, level, alternative="two-sided")
    return RankResult(
        id=test.id,
        outcome=test.outcome,
        contrast=contrast,
        u=finite(found.statistic),
        p=finite(found.pvalue),
        superiority=superiority(level, reference),
    )


def _no_test(test: RankTest, contrast: str, problem: str) -> RankResult:
    return RankResult(
        id=test.id,
        outcome=test.outcome,
        contrast=contrast,
        u=None,
        p=None,
        superiority=Quantity(),
        problem=problem,
    )


def _two_groups(plan: Plan, test: RankTest, tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    outcome = {o.id: o for o in plan.outcomes}[test.outcome]
    if outcome.table == "trials" and outcome.per_participant is None:
        raise ColumnError(f"outcome '{outcome.id}' has several values a participant; a rank test needs one")
    wanted = {test.factor, *(rule.column for rule in test.subset)}
    table, column = outcome_table(outcome, tables, wanted)
    holds, _ = holding(test.subset, table)
    table = table[holds & table[column].notna()]
    if test.factor not in table:
        raise ColumnError(f"there is no column '{test.factor}'")
    first, second = (_of(table, test.factor, value)[column] for value in (test.level, test.reference))
    return _numbers(first).to_numpy(), _numbers(second).to_numpy()


def _of(table: pd.DataFrame, factor: str, value: Scalar) -> pd.DataFrame:
    return table[table[factor].map(lambda found: same(found, value)).astype(bool)]


def superiority(level: np.ndarray, reference: np.ndarray) -> Quantity:
    """P(level above reference) + half P(equal); standard error of DeLong et al. 1988, interval cut at 0 and 1."""
    order = np.sort(reference)
    placed = (np.searchsorted(order, level, "left") + np.searchsorted(order, level, "right")) / (
        2 * len(order)
    )
    order = np.sort(level)
    other = 1 - (np.searchsorted(order, reference, "left") + np.searchsorted(order, reference, "right")) / (
        2 * len(order)
    )
    value = float(placed.mean())
    se = math.sqrt(placed.var(ddof=1) / len(level) + other.var(ddof=1) / len(reference))
    half = float(stats.norm.ppf(0.975)) * se
    n = len(level) + len(reference)
    return Quantity(
        value=value, se=finite(se), low=max(0.0, value - half), high=min(1.0, value + half), n=n, clusters=n
    )

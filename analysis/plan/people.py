"""Who is analysed: the plan's rules applied to the participants table, counted rule by rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.plan.results import RuleCount
from analysis.plan.types import Exclusion, Plan, Rule, Scalar


class RuleError(ValueError):
    """A rule that cannot be applied to this table; the message names the column."""


@dataclass(frozen=True)
class People:
    """Participants by what the plan does with them; each a set of participant ids."""

    everybody: frozenset[object]
    eligible: frozenset[object]
    analysed: frozenset[object]
    flagged: frozenset[object]
    rules: tuple[RuleCount, ...]

    @property
    def unflagged(self) -> frozenset[object]:
        return self.analysed - self.flagged


def sort_people(plan: Plan, participants: pd.DataFrame) -> People:
    """Apply population, exclusions and flags in the plan's order.

    participants: one row each; `participant`, where known `outcome` and `arm`, and the columns that rules name.
    A rule that cannot be applied (its column is absent) removes nobody and says so in its count.
    """
    eligible = participants[_eligible(plan, participants)]
    ids = frozenset(eligible["participant"])
    left, flagged = set(ids), set()
    counts = []
    for rule in plan.exclusions:
        count, matched = _apply(rule, eligible, left)
        counts.append(count)
        if rule.action == "exclude":
            left -= matched
        else:
            flagged |= matched
    everybody = frozenset(participants["participant"])
    return People(everybody, ids, frozenset(left), frozenset(flagged & left), tuple(counts))


def _eligible(plan: Plan, participants: pd.DataFrame) -> pd.Series[bool]:
    if plan.population == "complete" and "outcome" in participants:
        return (participants["outcome"] == "complete").fillna(False).astype(bool)
    if "arm" in participants:
        return participants["arm"].notna()
    return pd.Series(True, index=participants.index)


def _apply(rule: Exclusion, people: pd.DataFrame, left: set[object]) -> tuple[RuleCount, set[object]]:
    try:
        holds, undecided = holding(rule.when, people)
    except RuleError as error:
        return _count(rule, problem=f"{error}: the rule was not applied"), set()
    matched = set(people.loc[holds, "participant"])
    removed = matched & left
    rows = people[people["participant"].isin(list(removed))]
    by_arm = (
        {str(arm): int(n) for arm, n in rows["arm"].value_counts(sort=False).items() if n}
        if "arm" in rows
        else {}
    )
    count = _count(rule, len(matched), len(removed), int(undecided.sum()), by_arm)
    return count, matched


def _count(
    rule: Exclusion,
    matched: int = 0,
    removed: int = 0,
    undecided: int = 0,
    by_arm: dict[str, int] | None = None,
    problem: str = "",
) -> RuleCount:
    return RuleCount(
        id=rule.id,
        sentence=rule.sentence,
        action=rule.action,
        measured=rule.measured,
        matched=matched,
        removed=removed if rule.action == "exclude" else 0,
        undecided=undecided,
        by_arm=by_arm or {},
        problem=problem,
    )


def holding(rules: Sequence[Rule], table: pd.DataFrame) -> tuple[pd.Series[bool], pd.Series[bool]]:
    """Rows where all rules hold, and rows where that cannot be said because a value is missing.

    A missing value makes a rule not hold (except `missing`). Raises RuleError for an absent column or a comparison
    of unlike kinds (text with a number).
    """
    holds = pd.Series(True, index=table.index)
    unknown = pd.Series(False, index=table.index)
    for rule in rules:
        if rule.column not in table:
            raise RuleError(f"there is no column '{rule.column}'")
        column = table[rule.column]
        absent = column.isna()
        if rule.op == "missing":
            holds &= absent
            continue
        unknown |= absent
        holds &= ~absent & _compare(column, rule)
    return holds, unknown


def _compare(column: pd.Series, rule: Rule) -> pd.Series[bool]:
    if column.dtype == object:
        values = column.dropna()
    else:  # each distinct value once, however many rows have it
        codes, distinct = pd.factorize(column)
        values = pd.Series(distinct).astype(object)
    try:
        found = _compared(values, rule)
    except TypeError:
        kind = type(values.iloc[0]).__name__
        raise RuleError(
            f"column '{rule.column}' holds {kind} values, which cannot be compared with {rule.value!r}"
        ) from None
    if column.dtype == object:
        return found.reindex(column.index, fill_value=False).astype(bool)
    holds = np.append(found.to_numpy(dtype=bool), False)  # the last for −1, a missing value
    return pd.Series(holds[codes], index=column.index)


def _compared(values: pd.Series, rule: Rule) -> pd.Series:
    wanted = rule.value
    if rule.op == "in":
        choices = wanted if isinstance(wanted, list) else [wanted]
        return values.map(lambda value: any(same(value, choice) for choice in choices))
    if rule.op in ("==", "!="):
        equal = values.map(lambda value: same(value, wanted))
        return equal if rule.op == "==" else ~equal.astype(bool)
    tests = {
        "<": lambda value: value < wanted,
        "<=": lambda value: value <= wanted,
        ">": lambda value: value > wanted,
        ">=": lambda value: value >= wanted,
    }
    return values.map(tests[rule.op])


def same(value: object, wanted: Scalar | list[Scalar] | None) -> bool:
    """Equal, and not a truth value taken for a number: True is not 1 here."""
    if isinstance(value, bool) != isinstance(wanted, bool):
        return False
    return bool(value == wanted)

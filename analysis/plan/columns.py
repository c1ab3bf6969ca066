"""Tables as the plan wants them: imported columns renamed, levels in order, derived columns made."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import pandas as pd

from analysis.plan.people import holding
from analysis.plan.types import Column, Outcome, Plan, Rule, Scalar

Tables = dict[str, pd.DataFrame]


ALWAYS = ("participant", "item", "arm", "truth", "advice", "advice_source", "initial", "final", "ai_correct", "agree",
          "correct")  # fmt: skip
"""Columns of trials that measures, figures and the deviation report read without the plan naming them."""


def may_name(plan: Plan, columns: Iterable[str]) -> list[str]:
    """Those columns of trials that running the plan can touch: the fixed ones, and any whose name stands anywhere in
    the plan's text (rather one too many). A large study's analysis reads no others."""
    text = plan.model_dump_json()
    return [name for name in columns if name in ALWAYS or name in text]


class ColumnError(ValueError):
    """A column that the plan needs and the data do not have; the message names it."""


def mapped(plan: Plan, data: pd.DataFrame) -> Tables:
    """Tidy tables of somebody else's trials: columns renamed and recoded as the plan's `columns` say.

    data: one row per trial. Columns the map does not name are kept under their own name. `participants` is made of
    the columns that never vary within a participant.
    """
    trials = data.copy()
    for name, source in plan.columns.items():
        if source.column not in data:
            present = ", ".join(map(str, data.columns))
            raise ColumnError(
                f"columns: '{name}' is to come from '{source.column}', which the data do not have; they have: {present}"
            )
        trials[name] = _recoded(data[source.column], source.values)
    for needed in ("participant", "item"):
        if needed not in trials:
            raise ColumnError(
                f"the data have no column '{needed}' and the plan's `columns` do not say which it is"
            )
    trials = derived(trials, plan.no_verdict)
    return {"trials": trials, "participants": participants_of(trials)}


def _recoded(column: pd.Series, values: dict[str, Scalar]) -> pd.Series:
    if not values:
        return column
    recoded = column.astype(object).map(lambda value: values.get(str(value), value), na_action="ignore")
    return recoded.infer_objects()


def participants_of(trials: pd.DataFrame) -> pd.DataFrame:
    """One row per participant of all columns that are constant within every participant."""
    people = trials.groupby("participant", sort=False, observed=True)
    constant = [name for name, most in people.nunique(dropna=False).max().items() if most <= 1]
    return trials.drop_duplicates("participant")[["participant", *constant]].reset_index(drop=True)


def derived(trials: pd.DataFrame, no_verdict: Sequence[Scalar]) -> pd.DataFrame:
    """Add `ai_correct`, `agree` and `correct` where they are absent and truth, advice and final allow it.

    They are boolean with missing values: nothing is right or agreed with where a part is missing or the advice is
    one of `no_verdict`.
    """
    out = trials.copy()
    for name, left, right in (
        ("ai_correct", "advice", "truth"),
        ("agree", "final", "advice"),
        ("correct", "final", "truth"),
    ):
        if name not in out and left in out and right in out:
            out[name] = _equal(out[left], out[right], no_verdict)
    return out


def _equal(left: pd.Series, right: pd.Series, no_verdict: Sequence[Scalar]) -> pd.Series:
    a, b = left.astype(object), right.astype(object)
    equal = (a == b).astype("boolean")
    return equal.mask(a.isna() | b.isna() | a.isin(list(no_verdict)) | b.isin(list(no_verdict)))


def levelled(table: pd.DataFrame, levels: dict[Column, list[Scalar]]) -> tuple[pd.DataFrame, list[str]]:
    """Declared factors as ordered categories; any other value becomes missing and is counted in words."""
    out, warnings = table.copy(), []
    for name, order in levels.items():
        if name not in out:
            continue
        values = out[name].astype(object)
        kept = values.where(values.isin(order))
        lost = int((values.notna() & kept.isna()).sum())
        if lost:
            warnings.append(
                f"column '{name}': {lost} values are none of the plan's levels and count as missing"
            )
        out[name] = pd.Categorical(kept, categories=order)
    return out, warnings


def with_people(trials: pd.DataFrame, participants: pd.DataFrame, wanted: Collection[str]) -> pd.DataFrame:
    """These columns of trials, or of their participant where trials do not have them; `participant` always."""
    own = trials[[name for name in trials if name == "participant" or name in wanted]].reset_index(drop=True)
    extra = [name for name in participants if name in wanted and name not in trials]
    if not extra:
        return own
    return own.merge(
        participants[["participant", *extra]], on="participant", how="left", validate="many_to_one"
    )


def outcome_table(outcome: Outcome, tables: Tables, wanted: Iterable[str]) -> tuple[pd.DataFrame, str]:
    """The table an outcome lives in, and the name of its column there, transformed.

    wanted: the columns that are to stand beside it, as far as they exist; of many trials no others are copied.
    Raises ColumnError for an absent column or values that are not of the outcome's kind.
    """
    if outcome.table == "participants":
        table = tables["participants"].copy()
    else:
        parts = outcome.per_participant
        rules = [*parts.of, *(parts.less or [])] if parts else []
        table = with_people(
            tables["trials"], tables["participants"], {outcome.column, *wanted, *(r.column for r in rules)}
        )
    if outcome.column not in table:
        raise ColumnError(f"there is no column '{outcome.column}' in the {outcome.table} table")
    if outcome.per_participant is not None:
        table = per_participant(outcome, table, tables["participants"])
    table[outcome.column] = as_kind(outcome, table[outcome.column])
    return table, outcome.column


def per_participant(outcome: Outcome, trials: pd.DataFrame, participants: pd.DataFrame) -> pd.DataFrame:
    """Participants with one number each under the outcome's column: mean over some trials, less that over others."""
    if outcome.per_participant is None:
        raise ColumnError(f"outcome '{outcome.id}' is not one number a participant")
    numbers = _numeric(outcome, trials[outcome.column])
    value = _means(trials, numbers, outcome.per_participant.of)
    if outcome.per_participant.less:
        value = value - _means(trials, numbers, outcome.per_participant.less)
    people = participants.drop(columns=outcome.column, errors="ignore")
    return people.assign(**{outcome.column: people["participant"].map(value)})


def _means(trials: pd.DataFrame, numbers: pd.Series, rules: Sequence[Rule]) -> pd.Series:
    holds, _ = holding(rules, trials)
    return numbers[holds].groupby(trials.loc[holds, "participant"], observed=True).mean()


def as_kind(outcome: Outcome, column: pd.Series) -> pd.Series:
    """The column as numbers of the outcome's kind (float, nan where missing); ordinal ones as ordered categories."""
    if outcome.kind == "ordinal":
        return _ordered(outcome, column)
    numbers = _numeric(outcome, column)
    if outcome.kind == "binary" and not numbers.dropna().isin([0, 1]).all():
        worst = numbers[~numbers.isin([0, 1]) & numbers.notna()].iloc[0]
        raise ColumnError(f"column '{outcome.column}' holds {worst:g}: a binary outcome is true or false")
    if outcome.kind == "count" and ((numbers.dropna() < 0) | (numbers.dropna() % 1 != 0)).any():
        raise ColumnError(f"column '{outcome.column}' holds values that are no counts")
    if outcome.transform == "log":
        return pd.Series(np.log(numbers.where(numbers > 0)), index=numbers.index)
    return numbers


def _numeric(outcome: Outcome, column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype):
        return pd.Series(column.to_numpy(dtype="float64", na_value=np.nan), column.index, name=column.name)
    try:
        return column.astype(object).where(column.notna(), np.nan).astype("float64")
    except (TypeError, ValueError):
        raise ColumnError(
            f"column '{outcome.column}' holds {column.dropna().iloc[0]!r}: numbers are needed"
        ) from None


def _ordered(outcome: Outcome, column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.as_ordered()
    numbers = _numeric(outcome, column)
    levels = sorted(numbers.dropna().unique())
    return pd.Series(pd.Categorical(numbers, categories=levels, ordered=True), index=column.index)

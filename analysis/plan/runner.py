"""Run a registered plan on tidy tables: data in, frozen results out. No Django, no clock, no global randomness."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from importlib import metadata

import pandas as pd
import rfc8785

from analysis.memory import freed_after
from analysis.plan import description, single
from analysis.plan.alternatives import NOTE, VARIATION, by_gee, judge_others
from analysis.plan.columns import Tables, derived, levelled
from analysis.plan.estimation import fit
from analysis.plan.hypotheses import Asked, all_asked, ask, judge_asked, model_result
from analysis.plan.people import People, sort_people
from analysis.plan.results import HypothesisResult, ModelResult, Quantity, Results, Sample, SensitivityRow
from analysis.plan.types import Model, Plan

Step = Callable[[str], None]
PACKAGES = ("numpy", "scipy", "pandas", "statsmodels", "matplotlib", "pydantic")


def run(plan: Plan, tables: Tables, *, progress: Step = lambda step: None) -> Results:
    """Everything the plan asks for.

    tables: `trials` (one row per participant and item; participant, item, arm, and the columns the plan names) and
    `participants` (one row per participant). Randomness (bootstrap) comes from `plan.seed` alone, so the same plan and
    tables give the same results to the last digit. What cannot be computed is not evaluable, with its reason in words;
    raises ValueError only for tables that lack `participant` or a table that is absent.
    """
    _check(tables)
    prepared, warnings = prepare(plan, tables)
    progress("exclusions")
    people = sort_people(plan, tables["participants"])
    analysed = only(prepared, people.analysed)
    looks = Looks()
    for model in plan.models:
        progress(f"model {model.id}")
        looks.add(plan, model, analysed)
    asked = all_asked(plan, looks.asked)
    tested = judge_asked(plan, asked)
    progress("measures")
    return Results(
        plan_sha256=sha256(plan),
        seed=plan.seed,
        sample=_sample(people, tables, analysed),
        missing=description.missing(plan, analysed),
        summaries=description.summaries(plan, analysed, warnings),
        measures=description.measure_rows(plan, analysed["trials"], warnings),
        models=looks.models,
        hypotheses=tested,
        rank_tests=[description.rank_test(plan, t, analysed) for t in plan.rank_tests],
        sensitivity=[
            *_samples(plan, prepared, people, tested, progress),
            *_others(plan, looks, tested),
            *_single(plan, looks, asked, tested),
        ],
        warnings=warnings,
        versions=versions(),
    )


@dataclass
class Looks:
    """What every model was asked, model after model, so that the matrices of only one are held at a time: its
    hypotheses by their id, those again by GEE, and their contrasts without single participants."""

    models: list[ModelResult] = field(default_factory=list)
    asked: dict[str, Asked] = field(default_factory=dict)
    others: dict[str, Asked] = field(default_factory=dict)
    without: dict[str, list[Quantity]] = field(default_factory=dict)

    def add(self, plan: Plan, model: Model, tables: Tables) -> None:
        fitted = fit(plan, model, tables)
        self.asked |= ask(plan, fitted)
        self.models.append(model_result(plan, fitted))
        people = single.weightiest(plan, fitted, self.asked)
        fitted = fitted.without_engine  # the matrices go before those of the next estimator come
        freed_after(len(tables["trials"]))
        self.others |= by_gee(plan, fitted)
        freed_after(len(tables["trials"]))
        self.without |= single.without_one(plan, fitted, people)


def _check(tables: Tables) -> None:
    for name in ("trials", "participants"):
        if name not in tables:
            raise ValueError(f"the table '{name}' is missing")
        if "participant" not in tables[name]:
            raise ValueError(f"the table '{name}' has no column 'participant'")


def prepare(plan: Plan, tables: Tables) -> tuple[Tables, list[str]]:
    """Factors in the plan's order and the derived columns, in both tables; and warnings in words."""
    trials, first = levelled(derived(tables["trials"], plan.no_verdict), plan.levels)
    participants, second = levelled(tables["participants"], plan.levels)
    return {"trials": trials, "participants": participants}, list(dict.fromkeys([*first, *second]))


def analysed_tables(plan: Plan, tables: Tables) -> Tables:
    """The rows that the confirmatory analysis rests on, with factors in the plan's order."""
    return only(prepare(plan, tables)[0], sort_people(plan, tables["participants"]).analysed)


def only(tables: Tables, people: Collection[object]) -> Tables:
    """The rows of these participants."""
    kept = list(people)
    return {
        name: table[table["participant"].isin(kept)].reset_index(drop=True) for name, table in tables.items()
    }


def sha256(plan: Plan) -> str:
    """Hex sha256 of the plan's canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(plan.model_dump(mode="json"))).hexdigest()


def versions() -> dict[str, str]:
    """What computed the results."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES}


def _sample(people: People, tables: Tables, analysed: Tables) -> Sample:
    return Sample(
        people=len(people.everybody),
        eligible=len(people.eligible),
        excluded=len(people.eligible) - len(people.analysed),
        flagged=len(people.flagged),
        analysed=len(people.analysed),
        trials=len(analysed["trials"]),
        analysed_by_arm=_by_arm(only(tables, people.analysed)["participants"]),
        rules=list(people.rules),
    )


def _by_arm(participants: pd.DataFrame) -> dict[str, int]:
    if "arm" not in participants:
        return {}
    counts = participants["arm"].value_counts(sort=False)
    return {str(arm): int(n) for arm, n in counts.items()}


def _samples(
    plan: Plan, tables: Tables, people: People, tested: list[HypothesisResult], progress: Step
) -> list[SensitivityRow]:
    """The hypotheses again with other people: without the flagged, and with those the rules excluded."""
    samples = {
        f"without {len(people.flagged)} flagged participants": people.unflagged,
        f"with the {len(people.eligible) - len(people.analysed)} excluded participants": people.eligible,
    }
    rows: list[SensitivityRow] = []
    for variation, who in samples.items():
        if not plan.hypotheses or who == people.analysed:
            continue
        progress(f"sensitivity: {variation}")
        chosen = only(tables, who)
        asked: dict[str, Asked] = {}
        for model in _tested_models(plan):
            asked |= ask(plan, fit(plan, model, chosen))
        again = judge_asked(plan, all_asked(plan, asked))
        rows += [_compared(first, second, variation) for first, second in zip(tested, again, strict=True)]
    return rows


def _others(plan: Plan, looks: Looks, tested: list[HypothesisResult]) -> list[SensitivityRow]:
    """The hypotheses again by another estimator."""
    return [
        _compared(first, second, VARIATION, NOTE)
        for first, second in zip(tested, judge_others(plan, looks.others), strict=True)
        if second
    ]


def _single(
    plan: Plan, looks: Looks, asked: list[Asked], tested: list[HypothesisResult]
) -> list[SensitivityRow]:
    """The hypotheses again without the one participant each hangs on most."""
    return [
        _compared(registered, found.judged, single.VARIATION, found.note)
        for registered, found in zip(
            tested, single.judge_without(plan, asked, tested, looks.without), strict=True
        )
        if found is not None
    ]


def _tested_models(plan: Plan) -> list[Model]:
    wanted = {h.model for h in plan.hypotheses}
    return [m for m in plan.models if m.id in wanted]


def _compared(
    registered: HypothesisResult, other: HypothesisResult, variation: str, note: str = ""
) -> SensitivityRow:
    return SensitivityRow(
        hypothesis=registered.id,
        variation=variation,
        estimate=other.estimate,
        verdict=other.verdict,
        agrees=registered.verdict == other.verdict,
        note=other.reason if other.verdict == "not evaluable" else note,
    )

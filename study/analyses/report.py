"""The report: one self-contained page, from registration to versions, that runs nothing and loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

from analysis.plan.results import Group, HypothesisResult, MeasureRow, ModelResult, Quantity, Results
from analysis.plan.runner import analysed_tables
from analysis.plan.types import Outcome, Plan
from study.analyses import wording
from study.analyses.deviations import Deviation
from study.analyses.models import AnalysisRun
from study.analyses.pictures import pictures
from study.analyses.scales import scale_rows
from study.analyses.strips import Strip
from study.protocol.types import Protocol
from study.registration.models import Registration, Study
from study.tables.consort import Flow
from study.tables.tidy import Tables

VERDICTS = ("supported", "contradicted", "inconclusive", "not evaluable")
SHARES = (
    "agreement",
    "accuracy",
    "overreliance",
    "underreliance",
    "initial_accuracy",
    "switch_fraction",
    "rair",
    "rsr",
)
POINTS = "percentage points"


@dataclass(frozen=True)
class StudyReport:
    """A study's report: everything it is made from."""

    study: Study
    registrations: Sequence[Registration]
    protocol: Protocol
    results: Results
    flow: Flow
    deviations: Sequence[Deviation]
    run: AnalysisRun
    tables: Tables

    def context(self) -> dict[str, Any]:
        say = self.protocol.say
        confirmatory = self.run.confirmatory and self.study.mode == Study.Mode.REAL
        labels = {arm.id: arm.label for arm in self.protocol.arms}
        analysed = analysed_tables(self.protocol.plan, self.tables.as_dict())
        return shared(self.results, self.protocol.plan, labels) | {
            "title": say(self.protocol.title),
            "language": "en",
            "study": self.study,
            "protocol": self.protocol,
            "registrations": self.registrations,
            "first": self.registrations[0],
            "latest": self.registrations[-1],
            "run": self.run,
            "flow": self.flow,
            "rules": list(self.flow.rules.items()),
            "deviations": self.deviations,
            "stamp": stamp(self.study, confirmatory=self.run.confirmatory),
            "confirmatory": confirmatory,
            "questions": self.protocol.exploratory,
            "scales": scale_rows(self.protocol, analysed["participants"]),
            "power": self.power,
            "pictures": pictures(
                self.results, self.protocol.plan, labels, flow=self.flow, tables=analysed, power=self.power
            ),
            "seed_shown": self.study.state in (Study.State.CLOSED, Study.State.ARCHIVED),
        }

    @property
    def power(self) -> dict[str, Any] | None:
        """The simulated power that was stored with the latest registration that has one."""
        return next((r.power for r in reversed(self.registrations) if r.power), None)


@dataclass(frozen=True)
class PlainReport:
    """The report of a plan run on a table of somebody's: no registration, no flow."""

    plan: Plan
    results: Results
    plan_name: str
    data_name: str
    tables: dict[str, pd.DataFrame]

    def context(self) -> dict[str, Any]:
        return shared(self.results, self.plan) | {
            "title": f"{self.plan_name} on {self.data_name}",
            "language": "en",
            "stamp": (
                "Not a registered study",
                "A plan run on a table. Nothing here was registered with this programme.",
            ),
            "pictures": pictures(self.results, self.plan, {}, tables=analysed_tables(self.plan, self.tables)),
        }


def stamp(study: Study, *, confirmatory: bool) -> tuple[str, str] | None:
    """The words over a report that might be taken for more than it is; None for a confirmatory one of a real study."""
    if study.mode == Study.Mode.REHEARSAL:
        return (
            "Rehearsal",
            "Every participant here was simulated. Nothing on this page is evidence about people.",
        )
    if study.mode == Study.Mode.PILOT:
        return "Pilot", "Data of a pilot. They are not part of the registered sample."
    if not confirmatory:
        return (
            "Exploratory",
            "The plan was run before the study was closed. These are not the registered results.",
        )
    return None


@dataclass(frozen=True)
class Card:
    """One hypothesis as the report shows it."""

    result: HypothesisResult
    headline: str
    headline_interval: str
    headline_unit: str
    strip: SafeString | None
    effects: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def slug(self) -> str:
        """The verdict as a class name."""
        return self.result.verdict.replace(" ", "-")


def card(result: HypothesisResult) -> Card:
    """The estimate on the scale that reads best: percentage points where it was tested against 0 on log odds."""
    readable, factor, unit = result.estimate, 1.0, result.unit
    response = next(
        (e for e in result.effects if e.name.endswith(("in probability", "in mean category"))), None
    )
    if response and result.bounds is None and result.reference == 0:
        readable, unit = response.estimate, "points of the rating"
        if response.name.endswith("in probability"):
            factor, unit = 100.0, POINTS
    elif result.unit == "probability":
        factor, unit = 100.0, POINTS
    digits = 1 if factor == 100 else None
    value = readable.value * factor if readable.value is not None else None
    return Card(
        result=result,
        headline=wording.number(value, digits),
        headline_interval=wording.interval(readable, scale=factor, digits=digits),
        headline_unit=unit,
        strip=_strip(result, readable, factor, unit),
        effects=[_effect(e.name, e.estimate) for e in result.effects if e is not response],
    )


def _effect(name: str, estimate: Quantity) -> tuple[str, str, str]:
    if name.endswith("in probability"):
        value = None if estimate.value is None else 100 * estimate.value
        name = name.replace("probability", POINTS)
        return name, wording.number(value, 1), wording.interval(estimate, scale=100, digits=1)
    return name, wording.number(estimate.value), wording.interval(estimate)


def _strip(result: HypothesisResult, shown: Quantity, factor: float, unit: str) -> SafeString | None:
    if shown.value is None or shown.low is None or shown.high is None:
        return None
    low: float | None
    high: float | None
    if result.bounds is not None:
        low, high = result.bounds[0] * factor, result.bounds[1] * factor
    elif result.criterion.startswith(("above", "at least")):
        low, high = result.reference * factor, None
    else:
        low, high = None, result.reference * factor
    marks = [bound for bound in (low, high) if bound is not None]
    label = f"Estimate {wording.number(shown.value * factor)} {unit}, interval {wording.interval(shown, scale=factor)}."
    drawn = Strip(shown.value * factor, shown.low * factor, shown.high * factor, marks, (low, high), label)
    return mark_safe(drawn.svg())  # noqa: S308  (made of numbers and escaped words)


@dataclass(frozen=True)
class Grid:
    """A table of groups: column heads, and rows of a name and one entry a column."""

    caption: str
    heads: list[str]
    rows: list[tuple[str, list[Any]]]


def measure_grids(rows: Sequence[MeasureRow], labels: dict[str, str]) -> list[Grid]:
    """One table for each way of grouping: measures down, groups across."""
    grids: dict[tuple[str, ...], dict[str, dict[str, MeasureRow]]] = {}
    for row in rows:
        names = tuple(row.by)
        grids.setdefault(names, {}).setdefault(row.measure, {})[_group(row.by, labels)] = row
    return [
        Grid(
            caption="by " + " and ".join(name.replace("_", " ") for name in names) if names else "over all",
            heads=list(dict.fromkeys(head for cells in measures.values() for head in cells)),
            rows=[(name, list(cells.values())) for name, cells in measures.items()],
        )
        for names, measures in grids.items()
    ]


def mean_grids(groups: Sequence[Group], plan: Plan, labels: dict[str, str]) -> list[Grid]:
    """Means of outcomes: one table for each way of grouping."""
    outcomes = {o.id: o for o in plan.outcomes}
    grids: dict[tuple[str, ...], dict[str, dict[str, Group]]] = {}
    for group in groups:
        label = labelled(outcomes[group.outcome])
        grids.setdefault(tuple(group.by), {}).setdefault(label, {})[_group(group.by, labels)] = group
    found = []
    for names, rows in grids.items():
        heads = list(dict.fromkeys(head for cells in rows.values() for head in cells))
        found.append(
            Grid(
                "by " + " and ".join(names),
                heads,
                [(n, [cells.get(h) for h in heads]) for n, cells in rows.items()],
            )
        )
    return found


def labelled(outcome: Outcome) -> str:
    """An outcome with its unit: 'Time on the question (log s)'."""
    unit = f"log {outcome.unit}".strip() if outcome.transform == "log" else outcome.unit
    return f"{outcome.label} ({unit})" if unit and outcome.kind != "binary" else outcome.label


def _group(by: dict[str, Any], labels: dict[str, str]) -> str:
    def word(name: str, value: Any) -> str:
        if isinstance(value, bool):
            return f"{name.replace('_', ' ')}: {'yes' if value else 'no'}"
        return labels.get(str(value), str(value)) if name == "arm" else str(value)

    return ", ".join(word(name, value) for name, value in by.items()) or "all"


def shared(results: Results, plan: Plan, labels: dict[str, str] | None = None) -> dict[str, Any]:
    """What both kinds of report show."""
    labels = labels or {}
    cards = [card(h) for h in results.hypotheses]
    tally = {verdict: sum(h.verdict == verdict for h in results.hypotheses) for verdict in VERDICTS}
    kinds = {o.id: o.kind for o in plan.outcomes}
    return {
        "results": results,
        "plan": plan,
        "labels": labels,
        "cards": cards,
        "tally": [(verdict, count) for verdict, count in tally.items() if count],
        "measures": measure_grids(results.measures, labels),
        "means": mean_grids(results.summaries, plan, labels),
        "binary": {labelled(o) for o in plan.outcomes if o.kind == "binary"},
        "shares": SHARES,
        "registered_models": [_shown(m, kinds) for m in results.models if m.role != "exploratory"],
        "exploratory_models": [_shown(m, kinds) for m in results.models if m.role == "exploratory"],
        "sensitivity": sensitivity_groups(results),
        "sentences": {h.id: h.sentence for h in results.hypotheses},
    }


@dataclass(frozen=True)
class ShownModel:
    """A model and whether its means are shares."""

    model: ModelResult
    shares: bool


def _shown(model: ModelResult, kinds: Mapping[str, str]) -> ShownModel:
    return ShownModel(model, kinds.get(model.outcome) == "binary")


def sensitivity_groups(results: Results) -> list[tuple[HypothesisResult, list[Any]]]:
    """Each hypothesis with its other looks."""
    return [
        (h, rows)
        for h in results.hypotheses
        if (rows := [row for row in results.sensitivity if row.hypothesis == h.id])
    ]


def render(report: StudyReport | PlainReport) -> str:
    """The report as one HTML page."""
    return render_to_string("study/report/report.html", report.context())

"""What differs between the plan and what happened, computed: nobody has to remember to say it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

from django.utils.dateparse import parse_datetime

from analysis.plan.results import Results
from study.advice.models import ProbeRound
from study.analyses.blinding import early_looks
from study.analyses.language_model import answered, others
from study.analyses.models import AnalysisRun
from study.assignment.slots import rederive
from study.protocol.types import Protocol
from study.registration.audit import verify_audit
from study.registration.models import AuditEntry, Registration, Study
from study.tables.consort import Flow
from study.tables.tidy import Tables

Level = Literal["as planned", "note", "deviation"]


@dataclass(frozen=True)
class Deviation:
    """One point of the plan held against what happened."""

    point: str
    level: Level
    finding: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Evidence:
    """What the checks look at. registrations: oldest first; protocol: the latest one's."""

    study: Study
    registrations: Sequence[Registration]
    protocol: Protocol
    tables: Tables
    flow: Flow
    results: Results


def deviations(evidence: Evidence) -> list[Deviation]:
    """Every check, in the order of the report; at least one line a check."""
    checks = [
        _sample,
        _exclusions,
        _assignment,
        _looks,
        _amendments,
        _models,
        _language_model,
        _probes,
        _live_answers,
        _missing,
        _time,
        _log,
    ]
    return [found for check in checks for found in check(evidence)]


def _point(name: str, problems: Sequence[str], fine: str, level: Level = "deviation") -> list[Deviation]:
    if not problems:
        return [Deviation(name, "as planned", fine)]
    return [Deviation(name, level, problem) for problem in problems]


def _sample(e: Evidence) -> list[Deviation]:
    target = e.protocol.sample.target
    completed = sum(arm.completed for arm in e.flow.arms)
    late = sum(arm.late for arm in e.flow.arms)
    found = [Deviation("Sample", "as planned", f"{completed} people completed; {target} were planned.")]
    if completed < target:
        found = [
            Deviation(
                "Sample",
                "deviation",
                f"{completed} people completed; {target} were planned. Collection ended early.",
            )
        ]
    elif completed - late > target:
        found = [Deviation("Sample", "deviation", f"{completed} people completed; {target} were planned.")]
    if late:
        text = (
            f"{late} people completed after their place had been given to somebody else; they are analysed."
        )
        found.append(Deviation("Sample", "note", text))
    return found


def _exclusions(e: Evidence) -> list[Deviation]:
    sample = e.results.sample
    found = [
        Deviation("Exclusions", "deviation", f"{r.sentence} {r.problem}") for r in sample.rules if r.problem
    ]
    after = [r for r in sample.rules if r.measured == "after" and r.action == "exclude" and r.removed]
    found += [
        Deviation(
            "Exclusions",
            "note",
            f"{r.sentence} This was measured after the arms could differ; it removed {r.removed}.",
        )
        for r in after
    ]
    undecided = [
        f"{r.sentence} Could not be decided for {r.undecided} people, who stay in."
        for r in sample.rules
        if r.undecided
    ]
    found += [Deviation("Exclusions", "note", text) for text in undecided]
    planned = f"{sample.excluded} of {sample.eligible} people left out, by the registered rules alone."
    return found or [Deviation("Exclusions", "as planned", planned)]


def _assignment(e: Evidence) -> list[Deviation]:
    problems = rederive(e.study)
    first = e.registrations[0]
    if not first.kept_commitment():
        problems = ["The seed does not match the commitment published at registration.", *problems]
    shown = [*problems[:5], *([f"… and {len(problems) - 5} more."] if len(problems) > 5 else [])]
    fine = "Every place of the schedule follows from the committed seed and the registered protocol."
    return _point("Assignment", shown, fine)


def _approved(entry: AuditEntry) -> str:
    second = entry.data.get("approved_by", "")
    return f" and {second}" if second else ""


def _looks(e: Evidence) -> list[Deviation]:
    recorded = [
        f"Outcomes were opened before the end by {x.actor}{_approved(x)} on {x.at:%Y-%m-%d}: "
        f"{x.data.get('reason', '')}"
        for x in early_looks(e.study)
    ]
    runs = AnalysisRun.objects.filter(study=e.study, state=AnalysisRun.State.DONE)
    early = runs.filter(started_at__lt=e.study.closed_at).count() if e.study.closed_at else runs.count()
    if early:
        times = "once" if early == 1 else f"{early} times"
        recorded.append(f"The plan was run {times} before the study was closed.")
    return _point("Early looks", recorded, "Nobody saw outcomes by arm before the study was closed.")


def _amendments(e: Evidence) -> list[Deviation]:
    under = Counter(e.tables.participants["registration"].dropna().astype(int))
    told = [
        f"Version {r.version} of {r.registered_at:%Y-%m-%d}: {r.reason} ({_changes(r.difference)}; "
        f"{under[r.version]} people took part under it)"
        for r in e.registrations[1:]
    ]
    return _point("Amendments", told, "The registered document was never amended.")


def _changes(difference: list[Any]) -> str:
    return "1 change" if len(difference) == 1 else f"{len(difference)} changes"


def _models(e: Evidence) -> list[Deviation]:
    problems = [f"'{m.id}' could not be fitted: {m.problem}" for m in e.results.models if m.problem]
    unsettled = [
        f"'{m.id}': {w}"
        for m in e.results.models
        if not m.problem and (not m.converged or m.separated)
        for w in m.warnings
    ]
    notes = [
        f"'{m.id}': {w}" for m in e.results.models if m.converged and not m.separated for w in m.warnings
    ]
    fine = f"All {len(e.results.models)} registered models were fitted as written."
    found = _point("Models", [*problems, *unsettled], fine)
    return found + [Deviation("Models", "note", text) for text in notes]


def _language_model(e: Evidence) -> list[Deviation]:
    counts = answered(e.study)
    if not counts and e.protocol.model is None:
        return []
    registered = e.protocol.model.name if e.protocol.model else ""
    fine = f"{sum(counts.values())} calls were answered, all by the registered model '{registered}'."
    level: Level = "note" if e.study.mode == Study.Mode.REHEARSAL else "deviation"
    return _point("Language model", others(counts, registered), fine, level)


def _probes(e: Evidence) -> list[Deviation]:
    """Did the model stay what it was, as far as the registered questions show?"""
    if e.protocol.probes is None:
        return []
    rounds = list(ProbeRound.objects.filter(study=e.study))
    if not any(r.reference == r.number for r in rounds):
        text = f"{len(rounds)} rounds of probes, and in none was every question answered: changes cannot be seen."
        return [Deviation("Probes of the model", "deviation", text)]
    told = [
        f"Round {r.number} of {r.asked_at:%Y-%m-%d %H:%M}: {change}" for r in rounds for change in r.changes
    ]
    fine = f"{len(rounds)} rounds of probes; none was beyond the registered tolerance."
    found = _point("Probes of the model", told, fine)
    if unanswered := sum(r.unanswered for r in rounds):
        found.append(Deviation("Probes of the model", "note", f"{unanswered} questions got no answer."))
    return found


def _live_answers(e: Evidence) -> list[Deviation]:
    """How many live answers never came, and of how many it is not known what they said."""
    trials = e.tables.trials
    if e.protocol.live is None or "advice_source" not in trials:
        return []
    shown = trials["advice_source"].notna()
    fallen = int((trials["advice_source"] == "fallback").sum())
    unread = int((trials["advice_source"].eq("live") & trials["advice"].isna()).sum())
    told = [
        f"{fallen} of {int(shown.sum())} answers did not come in time; the registered fallback was shown."
    ]
    told = told if fallen else []
    if unread and e.protocol.live.verdict != "none":
        told.append(f"Of {unread} live answers it is not known which option they give.")
    return _point("Live answers", told, f"All {int(shown.sum())} answers came in time and were read.", "note")


def _missing(e: Evidence) -> list[Deviation]:
    told = [
        f"{m.label}: missing in {m.missing} of {m.rows} rows{_where(m.by_arm.items())}."
        for m in e.results.missing
        if m.missing
    ]
    undefined: dict[tuple[str, ...], list[str]] = {}
    for m in e.results.missing:
        undefined.setdefault(tuple(m.without), []).append(m.label)
    told += [
        f"Not asked or not defined in {', '.join(arms)}: {'; '.join(names)}."
        for arms, names in undefined.items()
        if arms
    ]
    told += [warning[0].upper() + warning[1:] + "." for warning in e.results.warnings]
    return _point("Missing data", told, "No outcome has a missing value among the analysed.", "note")


def _where(by_arm: Iterable[tuple[str, int]]) -> str:
    listed = ", ".join(f"{arm} {count}" for arm, count in by_arm)
    return f" ({listed})" if listed else ""


def _time(e: Evidence) -> list[Deviation]:
    until, closed = e.protocol.sample.until, e.study.closed_at
    if not until:
        return []
    moment = parse_datetime(until)
    last = moment.date() if moment else date.fromisoformat(until[:10])
    late = (
        [f"Collection was to end by {last}; the study was closed on {closed:%Y-%m-%d}."]
        if closed and closed.date() > last
        else []
    )
    return _point("Time of collection", late, f"Collection ended before {last}, as planned.")


def _log(e: Evidence) -> list[Deviation]:
    return _point("Audit log", verify_audit(e.study), "Every entry of the log is in place and unchanged.")

"""What is going on in a study, for people who must not see its outcomes: counts, times and flags, never an answer.

Every figure is made by the database. What would need all submissions is taken from the latest people only, and says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, Case, Count, Q, Sum, Value, When
from django.db.models.functions import TruncDay, TruncHour
from django.utils import timezone

from study.advice.models import ProbeRound
from study.assignment.models import Slot, SlotReturn
from study.protocol.types import Protocol
from study.registration.frozen import protocol_of
from study.registration.models import Study
from study.session.models import Session
from study.session.walks import pages_of, preview_walk
from study.stages.base import Walk

if TYPE_CHECKING:
    from analysis.attrition import Attrition

Outcome = Session.Outcome
LATEST = 200
ALARM = 0.01
LEFT = (Outcome.WITHDRAWN, Outcome.FAILED_CHECK, Outcome.SCREENED_OUT)
BEFORE = "before assignment"


@dataclass(frozen=True)
class Cell:
    """So many people with one outcome, arm and place in the flow. `idle`: under way, but gone for too long."""

    outcome: str
    arm: str
    stage: str
    step: int
    idle: bool
    n: int

    @property
    def lost(self) -> bool:
        """Left after a place was given, whichever way."""
        return bool(self.arm) and (self.outcome in LEFT or self.idle)

    @property
    def gone(self) -> bool:
        """Left at this page without having finished, before or after a place was given."""
        return self.idle or self.outcome in (*LEFT, Outcome.DECLINED)


@lru_cache(maxsize=256)
def steps(registration_id: int, arm: str) -> tuple[tuple[str, int], ...]:
    """Stage and number within the stage of every page of an arm ('' for the pages before a place is claimed).

    The order of the items differs from person to person, the stages and their lengths do not.
    """
    protocol = protocol_of(registration_id)
    walk = preview_walk(protocol, arm, protocol.languages[0]) if arm else Walk(protocol)
    seen: Counter[str] = Counter()
    places = []
    for page in pages_of(walk):
        seen[page.stage] += 1
        places.append((page.stage, seen[page.stage]))
    return tuple(places)


def cells(study: Study, protocol: Protocol) -> list[Cell]:
    """Everybody of the study by outcome, arm and page. One query."""
    cutoff = timezone.now() - timedelta(minutes=protocol.session.idle_minutes)
    idle = Case(
        When(Q(outcome="", active_at__lt=cutoff), then=Value(True)),
        default=Value(False),
        output_field=BooleanField(),
    )
    rows = (
        Session.objects.counted()
        .filter(study=study, registration__isnull=False)
        .order_by()
        .annotate(idle=idle)
        .values_list("outcome", "slot__arm", "position", "registration", "idle")
        .annotate(n=Count("pk"))
    )
    return [_cell(*row) for row in rows]


def _cell(outcome: str, arm: str | None, position: int, registration: int, idle: bool, n: int) -> Cell:
    places = steps(registration, arm or "")
    stage, step = places[min(position, len(places) - 1)]
    return Cell(outcome, arm or "", stage, step, idle, n)


def total(found: Iterable[Cell]) -> int:
    """People in these cells."""
    return sum(cell.n for cell in found)


def here(found: Sequence[Cell], protocol: Protocol) -> list[dict[str, Any]]:
    """Where people are now: by stage, in the order of the flow."""
    now: Counter[str] = Counter()
    for cell in found:
        if not cell.outcome and not cell.idle:
            now[cell.stage] += cell.n
    most = max(now.values(), default=0)
    return [
        {"stage": title(protocol, stage), "n": now[stage], "most": most} for stage in protocol.stages_by_id
    ]


def title(protocol: Protocol, stage: str) -> str:
    """A stage's title, or its id."""
    found = protocol.stages_by_id.get(stage)
    return (protocol.say(found.title) if found else "") or stage


def by_arm(
    found: Sequence[Cell], slots: Sequence[dict[str, Any]], protocol: Protocol
) -> list[dict[str, Any]]:
    """Completions against target by arm, without any outcome."""
    weights = sum(arm.weight for arm in protocol.arms)
    rows = []
    for arm in protocol.arms:
        own = [cell for cell in found if cell.arm == arm.id]
        target = protocol.sample.target * arm.weight / weights
        done = sum(s["n"] for s in slots if s["arm"] == arm.id and s["state"] == Slot.State.DONE)
        rows.append(
            {
                "arm": arm,
                "target": target,
                "done": done,
                "assigned": total(own),
                "under_way": total(c for c in own if not c.outcome and not c.idle),
                "lost": total(c for c in own if c.lost),
            }
        )
    return rows


def drop_out(found: Sequence[Cell], protocol: Protocol) -> dict[str, Any]:
    """Who left where, by page and arm: rows of (page, before assignment, one count an arm, sum)."""
    left: Counter[tuple[tuple[str, int], str]] = Counter()
    for cell in found:
        if cell.gone:
            left[(cell.stage, cell.step), cell.arm] += cell.n
    arms, order = ["", *protocol.arms_by_id], list(protocol.stages_by_id)
    places = sorted({place for place, _arm in left}, key=lambda place: (order.index(place[0]), place[1]))
    counted = [(place, [left[place, arm] for arm in arms]) for place in places]
    rows = [
        {"stage": title(protocol, stage), "step": step, "counts": n, "sum": sum(n)}
        for (stage, step), n in counted
    ]
    return {"heads": [BEFORE, *(arm.label for arm in protocol.arms)], "rows": rows}


def attrition(found: Sequence[Cell], protocol: Protocol) -> dict[str, Any]:
    """Losses by arm with the test of equal shares; `alarm` below the one-per-cent level, `why` where untestable."""
    lost = {arm: total(c for c in found if c.arm == arm and c.lost) for arm in protocol.arms_by_id}
    ended = {
        arm: lost[arm] + total(c for c in found if c.arm == arm and c.outcome == Outcome.COMPLETE)
        for arm in protocol.arms_by_id
    }
    try:
        result = _equal_shares(tuple(lost.items()), tuple(ended.items()))
    except ValueError as reason:
        return {"why": str(reason), "ended": sum(ended.values()), "lost": sum(lost.values())}
    rows = [
        {
            "label": protocol.arms_by_id[r.arm].label,
            "loss": r,
            "share": 100 * r.share,
            "low": 100 * r.low,
            "high": 100 * r.high,
        }
        for r in result.arms
    ]
    return {"result": result, "alarm": result.p < ALARM, "rows": rows}


@lru_cache(maxsize=256)
def _equal_shares(lost: tuple[tuple[str, int], ...], ended: tuple[tuple[str, int], ...]) -> Attrition:
    """The test of these counts, once a process: monitors ask every few seconds, and most often nobody has left since.
    Raises ValueError."""
    import numpy as np  # with scipy: only for who watches

    from analysis.attrition import differential_attrition

    return differential_attrition(dict(lost), dict(ended), rng=np.random.default_rng(1))


def slots_of(study: Study) -> list[dict[str, Any]]:
    """Places by arm and state, with how many came back. One query."""
    rows = Slot.objects.filter(study=study).order_by().values("arm", "state")
    return [dict(row) for row in rows.annotate(n=Count("pk"), returns=Sum("returns"))]


def latest(study: Study) -> list[UUID]:
    """The people who did something last. One query."""
    people = Session.objects.counted().filter(study=study, submitted__gt=0).order_by("-active_at")
    return list(people.values_list("pk", flat=True)[:LATEST])


TIMES = """
    SELECT split_part(page, '.', 1), count(*),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM received_at - shown_at)),
           percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM received_at - shown_at))
    FROM study_submission WHERE session_id = ANY(%s) GROUP BY 1
"""
NOTICED = """
    SELECT kind, count(*), count(*) FILTER (WHERE n > %s)
    FROM (SELECT session_id, kind, count(*) AS n FROM study_traceevent
          WHERE session_id = ANY(%s) AND kind IN ('paste', 'hidden', 'link') GROUP BY 1, 2) AS each GROUP BY kind
"""
ODD = """
    SELECT count(DISTINCT session_id) FILTER (WHERE split_part(page, '.', 1) = ANY(%(trials)s)
               AND extract(epoch FROM received_at - shown_at) < %(fast)s),
           count(DISTINCT session_id) FILTER (WHERE EXISTS (
               SELECT 1 FROM unnest(%(honeypots)s::text[]) AS name WHERE coalesce(payload ->> name, '') <> '')),
           count(DISTINCT session_id) FILTER (WHERE attempt > 1)
    FROM study_submission WHERE session_id = ANY(%(people)s)
"""


def times(people: Sequence[UUID], protocol: Protocol) -> list[dict[str, Any]]:
    """Median seconds a page by stage, over the latest people. One query."""
    rows = {stage: rest for stage, *rest in _fetch(TIMES, [list(people)])}
    return [
        {"stage": title(protocol, s), "n": rows[s][0], "median": rows[s][1], "p90": rows[s][2]}
        for s in protocol.stages_by_id
        if s in rows
    ]


def flags(people: Sequence[UUID], protocol: Protocol) -> list[tuple[str, int]]:
    """How many of the latest people something was noticed of. Flags inform; nobody is rejected by them. Two queries."""
    limits = protocol.integrity
    noticed = {kind: (some, many) for kind, some, many in _fetch(NOTICED, [limits.max_pastes, list(people)])}
    trials = [stage.id for stage in protocol.flow if stage.kind == "trials"]
    values = {
        "trials": trials,
        "fast": limits.min_seconds_per_trial,
        "honeypots": honeypots(protocol),
        "people": list(people),
    }
    [(fast, trapped, again)] = _fetch(ODD, values)
    return [
        (f"Pasted more than {limits.max_pastes} times", noticed.get("paste", (0, 0))[1]),
        (f"A trial faster than {limits.min_seconds_per_trial:g} s", fast),
        ("Left the page at least once", noticed.get("hidden", (0, 0))[0]),
        ("Filled in an invisible field", trapped),
        ("Needed a second try on a page", again),
    ]


def honeypots(protocol: Protocol) -> list[str]:
    """Ids of the questions that people cannot see."""
    return [q.id for stage in protocol.flow for q in getattr(stage, "questions", []) if q.kind == "honeypot"]


def _fetch(sql: str, values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def arrivals(study: Study, now: datetime) -> dict[str, Any]:
    """Arrivals by hour of the last day, or by day of the last month, with how many of them completed. One query."""
    young = study.opened_at is None or now - study.opened_at < timedelta(days=2)
    trunc, step, count = (TruncHour, timedelta(hours=1), 24) if young else (TruncDay, timedelta(days=1), 30)
    first = (
        now.replace(minute=0, second=0, microsecond=0)
        if young
        else now.replace(hour=0, minute=0, second=0, microsecond=0)
    )
    first -= (count - 1) * step
    rows = (
        Session.objects.counted()
        .filter(study=study, started_at__gte=first)
        .order_by()
        .annotate(at=trunc("started_at"))
        .values_list("at")
        .annotate(n=Count("pk"), done=Count("pk", filter=Q(outcome=Outcome.COMPLETE)))
    )
    found = {at: (n, done) for at, n, done in rows}
    bars = [(first + number * step, *found.get(first + number * step, (0, 0))) for number in range(count)]
    return _drawn(bars, unit="hour" if young else "day", wide=600 / count)


def _drawn(bars: list[tuple[datetime, int, int]], *, unit: str, wide: float) -> dict[str, Any]:
    """Bars in a box of 600 × 100 units."""
    most = max((n for _at, n, _done in bars), default=0) or 1
    shapes = [
        {
            "x": round(i * wide + 1, 1),
            "y": round(100 - 100 * n / most, 1),
            "width": round(wide - 2, 1),
            "height": round(100 * n / most, 1),
        }
        for i, (_at, n, _done) in enumerate(bars)
    ]
    told = [{"at": at, "n": n, "done": done} for at, n, done in bars if n]
    return {
        "shapes": shapes,
        "most": most,
        "unit": unit,
        "rows": told,
        "sum": sum(n for _a, n, _d in bars),
        "first": bars[0][0],
    }


def returns_of(study: Study) -> list[dict[str, Any]]:
    """The last places that came back. One query."""
    kept = SlotReturn.objects.filter(slot__study=study).order_by("-at", "-id")
    rows = kept.values("at", "reason", "slot__number", "session__participant__code")[:8]
    return [dict(row) | {"reason": row["reason"].replace("_", " ")} for row in rows]


def probes(study: Study) -> dict[str, Any]:
    """How often the model was probed, and the rounds beyond the registered tolerance, latest first. One query."""
    rounds = list(ProbeRound.objects.filter(study=study).defer("answers").order_by("-number")[:LATEST])
    return {
        "rounds": len(rounds),
        "last": rounds[0] if rounds else None,
        "changed": [r for r in rounds if r.changes],
    }

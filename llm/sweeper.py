"""What got stuck is found and moved on: overdue calls end, sleeping ones are nudged, handlers are repeated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from llm import calls
from llm.models import Call

AT_ONCE = 500
PATIENCE = {Call.Priority.PARTICIPANT: timedelta(seconds=3), Call.Priority.BATCH: timedelta(seconds=30)}
HANDLERS_AFTER = timedelta(seconds=5)
HANDLERS_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Swept:
    expired: int
    woken: int
    handled: int


def sweep() -> Swept:
    """One round. Safe to run anywhere, any time, twice."""
    return Swept(expired=_expire(), woken=_wake(), handled=_handle())


def _expire() -> int:
    late = Call.objects.overdue().values_list("pk", flat=True)[:AT_ONCE]
    return sum(calls.expire(call_id) for call_id in list(late))


def _wake() -> int:
    """Nudge a worker for what waits longer than a healthy queue would let it, but not again and again."""
    waiting = Call.objects.claimable().filter(_forgotten(), kind=Call.Kind.CHAT)
    found = list(waiting.order_by("-priority", "created_at").values_list("pk", "priority")[:AT_ONCE])
    for call_id, urgency in found:
        calls.wake(call_id, urgency)
    return len(found)


def _forgotten() -> Q:
    """Running calls (claimable ones: their lease ran out) and old queued ones, if nobody was nudged lately."""
    now = timezone.now()
    forgotten = Q(state=Call.State.RUNNING) & _not_woken_since(now - PATIENCE[Call.Priority.PARTICIPANT])
    for priority, patience in PATIENCE.items():
        queued = Q(state=Call.State.QUEUED, priority=priority, created_at__lt=now - patience)
        forgotten |= queued & _not_woken_since(now - patience)
    return forgotten


def _not_woken_since(moment: datetime) -> Q:
    return Q(woken_at=None) | Q(woken_at__lt=moment)


def _handle() -> int:
    now = timezone.now()
    left = Call.objects.unhandled().filter(
        finished_at__lt=now - HANDLERS_AFTER, finished_at__gt=now - HANDLERS_FOR
    )
    found = list(left.values_list("pk", flat=True)[:AT_ONCE])
    for call_id in found:
        calls.handle(call_id)
    return len(found)

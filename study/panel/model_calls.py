"""Model calls for the monitor: how quick, how many wait, what failed, what it cost, and the breaker's state.

Counts and times only: neither prompts nor answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Min, Q

from llm import conf, limits, pricing
from llm.errors import Unavailable
from llm.models import Budget, Call
from llm.prompts import Usage
from study.protocol import Protocol
from study.registration.models import Study

UNFINISHED = Q(state__in=("queued", "running"))
STEP = timedelta(minutes=5)
BARS = 12  # an hour
NEARLY = 0.8  # of a budget, from which on the monitor warns
HOUR = """
    SELECT date_bin('5 minutes', created_at, %(first)s), count(*), count(*) FILTER (WHERE state = 'failed'),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms),
           percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms)
    FROM llm_call WHERE study = %(study)s AND created_at >= %(first)s GROUP BY GROUPING SETS ((1), ())
"""


def calls(study: Study, protocol: Protocol, now: datetime) -> dict[str, Any]:
    """The last hour by five minutes, the queue, the costs, the breaker, the last errors. At most seven queries."""
    own = Call.objects.of_study(study.pk).order_by()
    if not own.exists():
        return {"any": False} | pricing_of(protocol)
    errors = own.filter(state="failed").order_by("-created_at")
    return {
        "any": True,
        **_hour(study, now),
        **_queue(study, now),
        **_cost(study),
        **pricing_of(protocol),
        **_service(study),
        "refused": own.filter(state="failed", error="over_budget").count(),
        "errors": list(errors.values("created_at", "purpose", "error", "error_kind")[:5]),
    }


def _hour(study: Study, now: datetime) -> dict[str, Any]:
    first = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0) - (BARS - 1) * STEP
    with connection.cursor() as cursor:
        cursor.execute(HOUR, {"study": study.pk, "first": first})
        rows = {at: rest for at, *rest in cursor.fetchall()}
    recent, failed, median, p95 = rows.pop(None, (0, 0, None, None))
    bars = [(first + n * STEP, *rows.get(first + n * STEP, (0, 0, None, None))) for n in range(BARS)]
    most = max((bar[4] or 0.0 for bar in bars), default=0.0)
    return {
        "recent": recent,
        "recent_failed": failed,
        "median": _seconds(median),
        "p95": _seconds(p95),
        "slowest": _seconds(most or None),
        "shapes": [_shape(number, bar, most) for number, bar in enumerate(bars) if bar[4]],
        "rows": [
            {"at": at, "n": n, "failed": lost, "median": _seconds(mid), "p95": _seconds(high)}
            for at, n, lost, mid, high in bars
            if n
        ],
    }


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _shape(number: int, bar: tuple[Any, ...], most: float) -> dict[str, float]:
    """Heights of median and 95 % in a box of 600 × 100 units."""
    heights = [round(100 * (value or 0.0) / most, 1) for value in bar[3:5]]
    return {"x": 50 * number + 2, "median": heights[0], "p95": heights[1], "top": 100 - heights[1],
            "middle": 100 - heights[0]}  # fmt: skip


def _queue(study: Study, now: datetime) -> dict[str, Any]:
    """What waits or runs, of this study and of all; the oldest's age in seconds. One query."""
    waiting = Call.objects.filter(UNFINISHED).order_by()
    found = waiting.aggregate(
        everywhere=Count("pk"),
        waiting=Count("pk", filter=Q(study=study.pk)),
        oldest=Min("created_at", filter=Q(study=study.pk)),
    )
    age = (now - found.pop("oldest")).total_seconds() if found["waiting"] else None
    return found | {"age": age}


def pricing_of(protocol: Protocol) -> dict[str, Any]:
    """`unpriced`: the study's model where the server knows no price of it, else ''; `granted`: the protocol's USD."""
    model, settings = protocol.model, conf.current()
    name = model.name if model else settings.model
    known = pricing.cost_micro(name, Usage(0, 0), settings.prices) is not None
    return {"unpriced": "" if known else name, "granted": model.budget_usd if model else 0.0}


def spending(studies: Iterable[UUID]) -> dict[UUID, float]:
    """Which share of its money each of these studies has spent, where it has a limit. One query."""
    limited = Budget.objects.filter(
        scope=Budget.Scope.STUDY, ref__in=[str(key) for key in studies], cost_limit__gt=0
    )
    return {UUID(row.ref): row.cost_used / row.cost_limit for row in limited}


def _cost(study: Study) -> dict[str, Any]:
    """What the study's budget says was spent. `cost` is None where no price is known. One query."""
    spent = Budget.objects.filter(scope=Budget.Scope.STUDY, ref=str(study.pk)).first()
    limit = spent.cost_limit if spent else 0
    return {
        "cost": spent.cost_used / 1e6 if spent and spent.cost_used else None,
        "cost_limit": limit / 1e6,
        "nearly": bool(spent and limit and spent.cost_used >= NEARLY * limit),
        "answered": spent.calls if spent else 0,
        "tokens": spent.tokens_used if spent else 0,
        "tokens_limit": spent.tokens_limit if spent else 0,
    }


def _service(study: Study) -> dict[str, Any]:
    """The breaker of the service that was asked last, and the requests in flight. One query, and one look in Redis."""
    asked = Call.objects.of_study(study.pk).exclude(backend="").order_by("-created_at")
    backend = asked.values_list("backend", flat=True).first()
    if not backend:
        return {"breaker": "", "in_flight": 0}
    try:
        return limits.state(backend)
    except Unavailable:
        return {"breaker": "unknown: the store of limits is away", "in_flight": 0}

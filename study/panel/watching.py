"""The monitor: a page that keeps itself current, the same for everybody with a role."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from study.panel import model_calls, monitor
from study.panel.access import Right, Seen, study_for
from study.panel.frame import page
from study.registration.errors import WrongState
from study.registration.frozen import current, protocol_of
from study.registration.models import Study

Outcome = monitor.Outcome


@require_safe
def watch(request: HttpRequest, slug: str) -> HttpResponse:
    """The whole page, or for htmx the part of it that changes."""
    seen = study_for(request, slug, Right.SEE)
    template = "panel/_monitor.html" if request.htmx else "panel/monitor.html"  # type: ignore[attr-defined]
    try:
        registration = current(seen.study)
    except WrongState:
        return page(request, "panel/monitor.html", seen, "monitor", unregistered=True)
    return page(request, template, seen, "monitor", **figures(seen, registration.pk))


def figures(seen: Seen, registration_id: int) -> dict[str, Any]:
    """Everything the monitor shows, in a fixed number of queries."""
    study, protocol, now = seen.study, protocol_of(registration_id), timezone.now()
    found = monitor.cells(study, protocol)
    slots = monitor.slots_of(study)
    people = monitor.latest(study)
    return {
        "now": now,
        "live": study.state in (Study.State.REGISTERED, Study.State.COLLECTING, Study.State.PAUSED),
        "arrived": monitor.total(found),
        "complete": monitor.total(c for c in found if c.outcome == Outcome.COMPLETE),
        "under_way": monitor.total(c for c in found if not c.outcome and not c.idle),
        "idle": monitor.total(c for c in found if c.idle),
        "outcomes": [
            (label, monitor.total(c for c in found if c.outcome == value)) for value, label in Outcome.choices
        ],
        "here": monitor.here(found, protocol),
        "arms": monitor.by_arm(found, slots, protocol),
        "drop_out": monitor.drop_out(found, protocol),
        "attrition": monitor.attrition(found, protocol),
        "slots": {s: sum(row["n"] for row in slots if row["state"] == s) for s in ("free", "held", "done")},
        "returned": sum(row["returns"] for row in slots),
        "returns": monitor.returns_of(study),
        "latest": len(people),
        "times": monitor.times(people, protocol) if people else [],
        "flags": monitor.flags(people, protocol) if people else [],
        "arrivals": monitor.arrivals(study, now),
        "calls": model_calls.calls(study, protocol, now),
        "probes": monitor.probes(study) if protocol.probes else None,
    }

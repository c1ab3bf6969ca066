"""What a worker does for drafted texts beside the calls themselves."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

LOST = timedelta(seconds=60)


@shared_task(name="study.measure_phrasing", acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]
def measure(draft_id: int) -> None:
    """The distance in meaning of a rewritten answer. Safe to run twice."""
    from study.phrasing.receiving import measure as perform

    perform(draft_id)


@shared_task(name="study.sweep_phrasings", ignore_result=True)  # type: ignore[untyped-decorator]
def sweep() -> None:
    """Measure what was to be measured and was lost with its message, by beat."""
    from study.phrasing.models import Check
    from study.phrasing.receiving import measure as perform

    since = timezone.now() - LOST
    waiting = Check.objects.filter(
        name=Check.Name.CLAIMS, passed=True, at__lt=since, draft__state="checking"
    ).values_list("draft_id", flat=True)
    for draft_id in waiting[:50]:
        perform(draft_id)

"""What the clock does: slots of people who went away return to the schedule."""

from celery import shared_task
from django.utils import timezone

from study.assignment.actions import sweep_idle
from study.registration.models import Study


@shared_task(name="study.sweep_slots")  # type: ignore[untyped-decorator]
def sweep_slots() -> int:
    """Sweep every study that people can be in; returns how many slots came back. Safe to run at any time, and twice."""
    running = Study.objects.filter(state__in=[Study.State.COLLECTING, Study.State.PAUSED]).defer(
        "draft", "source_text"
    )
    return sum(sweep_idle(study, timezone.now()) for study in running)

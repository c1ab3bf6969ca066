"""What a worker tells the panel and counts."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="study.tell_panel", acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]
def tell_panel(study: str) -> None:
    """Approvals and requests to return that were asked for. Safe to run twice."""
    from study.payment import actions
    from study.registration.models import Study

    actions.tell_panel(Study.objects.get(pk=study))


@shared_task(name="study.compute_bonuses", acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]
def compute_bonuses(study: str) -> None:
    """Everybody's bonus. Safe to run twice."""
    from study.payment import actions
    from study.registration.models import Study

    actions.compute_bonuses(Study.objects.get(pk=study))

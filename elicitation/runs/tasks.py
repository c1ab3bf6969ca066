"""What the review desks leave to a worker."""

from __future__ import annotations

from celery import shared_task


@shared_task(  # type: ignore[untyped-decorator]
    name="elicitation.search", acks_late=True, ignore_result=True, soft_time_limit=3300, time_limit=3360
)
def search(run_id: int) -> None:
    """A search that somebody asked for. Safe to run twice: every question has its key."""
    from elicitation.runs.actions import perform

    perform(run_id)

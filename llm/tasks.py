"""What Celery runs. A task carries an id; everything else is read from the row, and done work is not done again."""

from __future__ import annotations

from celery import shared_task

from llm import calls, sweeper, worker
from llm.models import Call


@shared_task(name="llm.work", acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]
def work(call_id: str) -> None:
    """One step of one call; the next one, if there is one, is asked for with its pause."""
    pause = worker.work(call_id)
    if pause is not None:
        call = Call.objects.get(pk=call_id)
        calls.wake(call.pk, call.priority, pause)


@shared_task(name="llm.sweep", ignore_result=True)  # type: ignore[untyped-decorator]
def sweep() -> None:
    """A round of the sweeper, every two seconds by beat."""
    sweeper.sweep()

"""What the panel leaves to a worker."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="study.simulate", acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]
def simulate(simulation_id: int) -> None:
    """Power or a rehearsal cohort that somebody asked for. Safe to run twice."""
    from study.panel.simulating import perform

    perform(simulation_id)


@shared_task(name="study.explore", acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]
def explore(exploration_id: int) -> None:
    """A look that somebody asked for. Safe to run twice."""
    from study.analyses.exploring import perform

    perform(exploration_id)

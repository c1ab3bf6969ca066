"""What the panel leaves to a worker."""

from __future__ import annotations

from celery import shared_task


@shared_task(name="study.simulate", acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]
def simulate(simulation_id: int) -> None:
    """Power or a rehearsal cohort that somebody asked for. Safe to run twice."""
    from study.panel.simulating import perform

    perform(simulation_id)


@shared_task(  # type: ignore[untyped-decorator]
    name="study.bundle", acks_late=True, ignore_result=True, soft_time_limit=3300, time_limit=3360
)
def bundle(bundle_run_id: int) -> None:
    """A bundle that somebody asked for. Safe to run twice."""
    from study.panel.bundling import perform

    perform(bundle_run_id)


@shared_task(name="study.explore", acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]
def explore(exploration_id: int) -> None:
    """A look that somebody asked for. Safe to run twice."""
    from study.analyses.exploring import perform

    perform(exploration_id)

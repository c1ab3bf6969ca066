"""The analysis for the panel: models take seconds, which no page should wait for."""

from __future__ import annotations

from celery import shared_task
from django.contrib.auth import get_user_model

from study.analyses.blinding import may_see_outcomes
from study.registration.models import Study


@shared_task(name="study.analyse", acks_late=True, ignore_result=True)  # type: ignore[untyped-decorator]
def analyse(study_id: str, user_id: int | None = None) -> None:
    """Run the registered plan of a study whose outcomes may be seen. Does nothing for any other."""
    study = Study.objects.get(pk=study_id)
    if not may_see_outcomes(study):
        return
    from study.analyses import (
        actions,
    )  # pandas and its like: only the worker that runs an analysis needs them

    user = get_user_model().objects.filter(pk=user_id).first() if user_id is not None else None
    actions.analyse(study=study, by=user)

"""What the clock does: the probes of every study that collects."""

from __future__ import annotations

import logging

from celery import shared_task
from django.utils import timezone

from study.registration.models import Study

logger = logging.getLogger(__name__)


@shared_task(name="study.probe", ignore_result=True)  # type: ignore[untyped-decorator]
def probe() -> None:
    """Begin or conclude what is due. One study's trouble is not another's; the next round of the clock tries again."""
    from study.advice.probing import tend  # numpy: only for the worker that compares

    for study in Study.objects.filter(state=Study.State.COLLECTING).defer("draft", "source_text"):
        try:
            tend(study, timezone.now())
        except Exception:
            logger.exception("the probes of study %s", study.pk)

"""What a worker does for upgrades. A task carries ids; done work is not done again."""

from __future__ import annotations

from celery import shared_task

from llm.errors import LLMError


@shared_task(
    name="elicitation.propose_upgrades", autoretry_for=[LLMError], retry_backoff=True, max_retries=3, acks_late=True,
    ignore_result=True,
)  # type: ignore[untyped-decorator]  # fmt: skip
def propose(study_id: str, most: int, stories: int) -> None:
    """Propose upgrades in all contexts of a study. Safe to run twice: every question has its key."""
    from elicitation.upgrades.proposing import propose as perform
    from study.registration.models import Study

    perform(study=Study.objects.get(pk=study_id), most=most, stories=stories)

"""Mail that a worker sends."""

from __future__ import annotations

from celery import shared_task


@shared_task(  # type: ignore[untyped-decorator]
    name="study.send_invitation",
    acks_late=True,
    ignore_result=True,
    autoretry_for=[OSError],
    retry_backoff=30,
    max_retries=5,
)
def send_invitation(invitation: int) -> None:
    """The mail of one invitation. Safe to run twice."""
    from study.accounts.invitations import deliver

    deliver(invitation)

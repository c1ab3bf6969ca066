"""What a participant submitted before, read where no visit is at hand."""

from __future__ import annotations

import uuid
from typing import Any

from study.session.models import Submission


def said(session: uuid.UUID | None, page: str) -> dict[str, Any]:
    """The last accepted payload of one page; empty where there is none or it was erased."""
    if session is None:
        return {}
    rows = Submission.objects.filter(session_id=session, page=page, payload__isnull=False).order_by(
        "-attempt"
    )
    payload: dict[str, Any] | None = rows.values_list("payload", flat=True).first()
    return payload or {}

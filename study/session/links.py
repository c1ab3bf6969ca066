"""Links that lead to a study, and the log of links that participants open."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from study.registration.models import Study
from study.session import traces
from study.session.models import Session

PREVIEW = signing.Signer(salt="heed.preview", sep="~")


def join_path(study: Study) -> str:
    """Where participants arrive."""
    return reverse("session:join", args=[study.slug])


def preview_path(study: Study, arm: str) -> str:
    """A signed address that walks one arm outside all counts."""
    key = PREVIEW.signature(f"{study.slug}/{arm}")
    return reverse("session:preview", args=[study.slug, arm]) + f"?key={key}"


def is_preview(slug: str, arm: str, key: str) -> bool:
    """Was this preview address made by us?"""
    return secrets.compare_digest(PREVIEW.signature(f"{slug}/{arm}").encode(), key.encode())


def framed(session: Session, page: HttpResponse) -> HttpResponse:
    """A preview's page may stand in a frame of this site's own pages; a participant's page never may."""
    if session.preview_arm:
        rules = settings.CONTENT_SECURITY_POLICY | {"frame-ancestors": "'self'"}
        page.headers["Content-Security-Policy"] = "; ".join(
            f"{name} {value}" for name, value in rules.items()
        )
        page.headers["X-Frame-Options"] = "SAMEORIGIN"
    return page


def note_opened(session: Session, item: str, number: int) -> None:
    """One trace row for a source that was opened, written by the server: it also works without JavaScript."""
    now = timezone.now()
    since = (now - session.shown_at).total_seconds() * 1000 if session.shown_at else 0.0
    event = {
        "number": 1,
        "kind": "link",
        "client_ms": max(since, 0.0),
        "data": {"item": item, "source": number},
    }
    batch = {"page": item, "load": "s" + secrets.token_hex(7), "events": [event]}
    traces.store(session, batch, now)

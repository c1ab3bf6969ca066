"""Studies, sessions and slots for tests, made by the same actions that make real ones."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model

from study.protocol import Protocol, document, from_canonical, read
from study.registration import actions
from study.registration.models import Study
from study.session.models import Participant, Session

PROTOCOLS = Path(__file__).parent / "protocols"
SEED = "ab" * 32


@cache
def tiny() -> Protocol:
    """Three arms, four items, every stage kind; twelve places."""
    return read(PROTOCOLS / "tiny.yaml")


def changed(protocol: Protocol, **parts: Any) -> Protocol:
    """A copy with some top-level parts replaced (mappings are merged), validated again."""
    content = document(protocol)
    for name, part in parts.items():
        content[name] = (
            content[name] | part if isinstance(part, dict) and isinstance(content[name], dict) else part
        )
    return from_canonical(content)


def user(name: str = "ada", **also: Any) -> Any:
    """A user of that name (made once)."""
    return get_user_model().objects.get_or_create(username=name, defaults=also)[0]


def draft(protocol: Protocol | None = None, *, mode: str = "real", slug: str | None = None) -> Study:
    """A loaded, unregistered study."""
    return actions.load(protocol or tiny(), mode=mode, owner=None, slug=slug)


def registered(protocol: Protocol | None = None, *, mode: str = "real", seed: str = SEED) -> Study:
    """A registered study that has not opened; its seed is always the same."""
    study = draft(protocol, mode=mode)
    actions.register(study=study, by=None, seed=seed)
    return study


def collecting(protocol: Protocol | None = None, *, mode: str = "real", seed: str = SEED) -> Study:
    """An open study."""
    study = registered(protocol, mode=mode, seed=seed)
    actions.open_study(study=study, by=None)
    return study


def session(study: Study, **also: Any) -> Session:
    """A person at the first page, without a slot."""
    participant = Participant.objects.create(study=study, source=study.mode)
    registration = study.registrations.order_by("-version").first()
    return Session.objects.create(study=study, participant=participant, registration=registration, **also)

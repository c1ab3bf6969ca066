"""The log of what people did to a study: numbered without gaps and chained by hash.

link = sha256(RFC 8785 canonical JSON of {study, number, at, actor, action, data, previous}); `at` is ISO 8601 in UTC
with microseconds, the first entry's `previous` is 64 zeros.
"""

import hashlib
import math
from datetime import UTC, datetime
from typing import Any

import rfc8785
from django.db import transaction
from django.utils import timezone

from study.registration.models import AuditEntry, Study

GENESIS = "0" * 64
LARGEST = 2**53


@transaction.atomic
def audit(study: Study, actor: str, action: str, data: dict[str, Any] | None = None) -> AuditEntry:
    """Append an entry, in the caller's transaction. Holds the study's row until commit, so that entries queue up.

    `data` is JSON; numbers beyond 2**53 raise ValueError because they would not come back as they went in.
    """
    data = data or {}
    _check(data)
    Study.objects.select_for_update(no_key=True).only("pk").get(pk=study.pk)
    last = AuditEntry.objects.filter(study_id=study.pk).order_by("-number").first()
    entry = AuditEntry(
        study_id=study.pk,
        number=last.number + 1 if last else 1,
        at=timezone.now(),
        actor=actor,
        action=action,
        data=data,
        previous=last.link if last else GENESIS,
    )
    entry.link = link(entry)
    entry.save(force_insert=True)
    return entry


def link(entry: AuditEntry) -> str:
    """Hex sha256 over an entry's content and the link before it."""
    content = {
        "study": str(entry.study_id),
        "number": entry.number,
        "at": stamp(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "data": entry.data,
        "previous": entry.previous,
    }
    return hashlib.sha256(rfc8785.dumps(content)).hexdigest()


def stamp(moment: datetime) -> str:
    """A time as it enters the chain: 2026-01-31T12:00:00.000000+00:00."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def verify_audit(study: Study) -> list[str]:
    """What is wrong with a study's log, one sentence each; empty when every entry is in place and unchanged."""
    problems: list[str] = []
    previous = GENESIS
    for number, entry in enumerate(AuditEntry.objects.filter(study_id=study.pk).order_by("number"), start=1):
        if entry.number != number:
            problems.append(f"Entry {number} is missing (found {entry.number}).")
            return problems
        if entry.previous != previous:
            problems.append(f"Entry {number} does not follow the entry before it.")
        if entry.link != link(entry):
            problems.append(f"Entry {number} was changed.")
        previous = entry.link
    return problems


def _check(value: Any) -> None:
    if isinstance(value, dict):
        for inner in value.values():
            _check(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner)
    elif isinstance(value, int | float) and (not math.isfinite(value) or abs(value) > LARGEST):
        raise ValueError(f"The audit log cannot hold the number {value}.")

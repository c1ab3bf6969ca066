"""The seal of a study: at closing, the log takes in the hash over everybody's last link. From then on it vouches for
the answers: none is added, changed or lost without a contradiction.

Nothing may slip in between hash and commit. Whoever is about to submit holds their session's lock, which sealing waits
for, and `statements.APPEND` looks once more whether the study still collects; whoever is about to arrive holds the
study's key (`statements.state_of`), which sealing waits for too.
"""

from __future__ import annotations

import hashlib

from django.db import transaction

from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.models import AuditEntry, Study
from study.session.models import Session

SEALED = "sealed"
CHUNK = 2000


@transaction.atomic
def seal(study: Study, *, by: str = "") -> None:
    """Seal a closed study, once: later calls change nothing. by: the name that the log's entry carries."""
    _wait_for_those_under_way(study)
    if AuditEntry.objects.filter(study=study, action=SEALED).exists():
        return
    digest, sessions, submissions = heads_sha256(study)
    audit(study, by, SEALED, {"heads_sha256": digest, "sessions": sessions, "submissions": submissions})


def check_seal(study: Study) -> None:
    """Raises Refused when people or last links are no longer those that the log was sealed with."""
    entry = AuditEntry.objects.get(study=study, action=SEALED)
    digest, sessions, submissions = heads_sha256(study)
    if {"heads_sha256": digest, "sessions": sessions, "submissions": submissions} != entry.data:
        raise Refused(
            f"The log was sealed over {entry.data['sessions']} people and {entry.data['submissions']} pages; the "
            f"database now holds {sessions} and {submissions}, or other ones: answers were changed past the "
            "application."
        )


def _wait_for_those_under_way(study: Study) -> None:
    """Locks in the order in which a page turn takes them: session, then study; then those who arrived meanwhile."""
    under_way = Session.objects.counting_for(study).open().order_by("pk").values_list("pk", flat=True)
    list(under_way.select_for_update(of=("self",)))
    Study.objects.select_for_update().only("pk").get(pk=study.pk)
    list(under_way.select_for_update(of=("self",)))


def heads_sha256(study: Study) -> tuple[str, int, int]:
    """What seals a study: the hash over everybody's last link, and how many sessions and submissions there are.

    The hash is over lines `code head submitted` in the order of the codes. An erasure changes none of the three.
    """
    rows = (
        Session.objects.counting_for(study)
        .order_by("participant__code")
        .values_list("participant__code", "head", "submitted")
    )
    digest, sessions, submissions = hashlib.sha256(), 0, 0
    for code, head, submitted in rows.iterator(chunk_size=CHUNK):
        digest.update(f"{code} {head} {submitted}\n".encode())
        sessions, submissions = sessions + 1, submissions + submitted
    return digest.hexdigest(), sessions, submissions

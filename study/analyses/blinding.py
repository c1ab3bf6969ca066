"""Who may see outcomes by arm, and since when: nobody before a study is closed, unless an unblinding was recorded."""

from __future__ import annotations

from django.db import models, transaction

from study.registration.actions import Person, name_of
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.frozen import current, protocol_of
from study.registration.models import AuditEntry, Study
from study.registration.rules import check_two_people

UNBLINDED = "unblinded"
OVER = (Study.State.CLOSED, Study.State.ARCHIVED)


class Blinded(Refused):
    """Outcomes by arm are not to be seen yet."""


def may_see_outcomes(study: Study) -> bool:
    """Is the study closed, or was it opened early on the record?"""
    return study.state in OVER or early_looks(study).exists()


def early_looks(study: Study) -> models.QuerySet[AuditEntry]:
    """Recorded unblindings, oldest first."""
    return AuditEntry.objects.filter(study=study, action=UNBLINDED).order_by("number")


def require_sight(study: Study) -> None:
    """Raises Blinded, saying what can be done."""
    if not may_see_outcomes(study):
        raise Blinded(
            f"'{study.slug}' is {study.state}: outcomes by arm are blinded until it is closed. Close it, or record an "
            f"unblinding with its reason (manage.py unblind {study.slug} --reason …); it will stand in the report."
        )


@transaction.atomic
def unblind(*, study: Study, reason: str, by: Person, approved_by: Person = None) -> None:
    """Open outcomes before the end, on the record. Raises Refused without a reason or, where the protocol asks for
    two people, without the second."""
    if not reason.strip():
        raise Refused("An unblinding needs a reason; it will stand in the report.")
    check_two_people(protocol_of(current(study).pk), by, approved_by)
    data = {
        "reason": reason.strip(),
        "approved_by": name_of(approved_by) if approved_by else "",
        "state": study.state,
    }
    audit(study, name_of(by), UNBLINDED, data)

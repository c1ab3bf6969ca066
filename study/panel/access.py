"""Who may see and do what: one call returns the study with the visitor's rights, or stops the request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest

from study.panel.models import StudyRole
from study.registration.models import Study

Role = StudyRole.Role


class Right(StrEnum):
    """What a page or a button needs."""

    SEE = "see"  # overview, protocol, monitor: never an outcome by arm
    EDIT = "edit"  # change the document, register, amend
    RUN = "run"  # open, pause, resume, close
    PEOPLE = "people"  # participants without their answers, payment
    ERASE = "erase"  # withdraw and erase, a person's own copy
    ANALYSE = "analyse"  # run the registered plan, exports; after closing
    UNBLIND = "unblind"  # open outcomes early, on the record
    LOG = "log"
    SHARE = "share"  # give and take roles


RIGHTS: dict[str, frozenset[Right]] = {
    Role.OWNER: frozenset(Right),
    Role.RESEARCHER: frozenset(Right) - {Right.UNBLIND, Right.SHARE},
    Role.ANALYST: frozenset({Right.SEE, Right.ANALYSE}),
    Role.ASSISTANT: frozenset({Right.SEE, Right.PEOPLE}),
}


@dataclass(frozen=True)
class Seen:
    """A study as one visitor may see it."""

    study: Study
    role: str

    @property
    def rights(self) -> frozenset[Right]:
        return RIGHTS[self.role]

    def may(self, right: str) -> bool:
        """For views and templates."""
        return right in self.rights


def visible(user: Any) -> QuerySet[Study]:
    """The studies somebody has a role in, without their long documents."""
    studies = Study.objects.defer("draft", "source_text")
    if user.is_superuser:
        return studies
    return studies.filter(Q(owner=user) | Q(pk__in=StudyRole.objects.filter(user=user).values("study")))


def role_of(user: Any, study: Study) -> str:
    """The user's role in a study; '' for none."""
    if isinstance(user, AnonymousUser) or not user.is_active:
        return ""
    if user.is_superuser or study.owner_id == user.pk:
        return Role.OWNER
    held = StudyRole.objects.filter(study=study, user=user).values_list("role", flat=True).first()
    return held or ""


def visitor(request: HttpRequest) -> Any:
    """Who is signed in; pages are reached by nobody else."""
    return request.user


def study_for(request: HttpRequest, slug: str, right: Right) -> Seen:
    """The study, if the visitor has any role in it and the role has the right. 404 without a role, 403 without the
    right: whether a study exists is nobody else's business."""
    study = Study.objects.defer("draft", "source_text").select_related("owner").filter(slug=slug).first()
    role = role_of(request.user, study) if study is not None else ""
    if study is None or not role:
        raise Http404
    seen = Seen(study, role)
    if not seen.may(right):
        raise PermissionDenied
    return seen

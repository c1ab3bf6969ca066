"""Where studies stand: counts and warnings for a list, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, Max, OuterRef, QuerySet, Subquery, When
from django.db.models.fields.json import KT
from django.utils import timezone
from django.utils.dateparse import parse_date

from study.assignment.models import Slot
from study.panel.model_calls import NEARLY, spending
from study.registration.models import Registration, Study
from study.session.models import Session

State = Study.State
QUIET = timedelta(days=1)


@dataclass(frozen=True)
class Standing:
    """One study in a list."""

    study: Study
    sha256: str
    version: int | None
    done: int
    held: int
    last_active: datetime | None
    warnings: list[str] = field(default_factory=list)

    @property
    def percent(self) -> int:
        """Completions against the registered target, 0-100."""
        return min(100, round(100 * self.done / self.study.places)) if self.study.places else 0


def with_latest(studies: QuerySet[Study]) -> QuerySet[Study]:
    """With the latest registration's hash and version, and the end date of the protocol, in the same query."""
    latest = Registration.objects.filter(study=OuterRef("pk")).order_by("-version")
    return studies.annotate(
        latest_sha256=Subquery(latest.values("sha256")[:1]),
        latest_version=Subquery(latest.values("version")[:1]),
        # only where it is looked at: it is taken from a long document, which would be unpacked for every study
        until=Case(When(state__in=(State.COLLECTING, State.PAUSED), then=KT("draft__sample__until"))),
    )


def standings(studies: Iterable[Study]) -> list[Standing]:
    """Three queries for any number of studies (as `with_latest` made them)."""
    studies = list(studies)
    keys = [study.pk for study in studies]
    taken: dict[tuple[UUID, str], int] = {
        (row["study"], row["state"]): row["n"]
        for row in Slot.objects.filter(study__in=keys)
        .exclude(state=Slot.State.FREE)
        .order_by()
        .values("study", "state")
        .annotate(n=Count("id"))
    }
    spent = spending(s.pk for s in studies if s.state in (State.COLLECTING, State.PAUSED))
    last = dict(
        Session.objects.counted()
        .filter(study__in=[s.pk for s in studies if s.state == State.COLLECTING])
        .order_by()
        .values_list("study")
        .annotate(Max("active_at"))
    )
    return [_standing(study, taken, last.get(study.pk), spent.get(study.pk, 0.0)) for study in studies]


def _standing(
    study: Any, taken: dict[tuple[UUID, str], int], last: datetime | None, spent: float
) -> Standing:
    done, held = (taken.get((study.pk, state), 0) for state in (Slot.State.DONE, Slot.State.HELD))
    return Standing(
        study=study,
        sha256=study.latest_sha256 or "",
        version=study.latest_version,
        done=done,
        held=held,
        last_active=last,
        warnings=_warnings(study, done, last, spent),
    )


def _warnings(study: Any, done: int, last: datetime | None, spent: float) -> list[str]:
    """What somebody should do something about."""
    if study.state not in (State.COLLECTING, State.PAUSED):
        return []
    now, said = timezone.now(), []
    if study.places and done >= study.places:
        said.append("The target is reached: close the study.")
    until = parse_date(study.until or "")
    if until and until < now.date():
        said.append(f"The last day of collection was {until}.")
    since = last or study.opened_at
    if study.state == State.COLLECTING and since and now - since > QUIET:
        said.append("Nobody was here for a day.")
    if spent >= NEARLY:
        said.append("The budget for model calls is spent." if spent >= 1 else
                    f"{spent:.0%} of the budget for model calls are spent.")  # fmt: skip
    return said


def power_rows(power: dict[str, Any] | None, target: float) -> list[dict[str, Any]]:
    """Simulated power of each hypothesis, as it stands in the registration."""
    if not power:
        return []
    return [
        {"id": name, "enough": found["power"] >= target} | found
        for name, found in power["hypotheses"].items()
    ]

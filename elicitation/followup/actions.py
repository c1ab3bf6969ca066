"""Who is asked again, by which link, and the answer, taken once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from django.core import signing
from django.db import models, transaction
from django.urls import reverse

from elicitation.followup.models import FollowUp
from elicitation.followup.standing import Standing
from elicitation.stages.configs import ValuesCardStage
from study.analyses.blinding import OVER
from study.payment.actions import panel_ids
from study.registration.models import Study
from study.session.models import Session
from study.session.walks import protocol_of_study

LINK = signing.Signer(salt="heed.follow-up", sep="~")


class NotAsked(Exception):
    """This person did not agree to be asked again, or it is not the time."""


def is_over(study: Study) -> bool:
    """Nobody votes any more: what became of the cards may be shown."""
    return study.state in OVER


def asks_again(study: Study) -> bool:
    """Whether the study's protocol has a follow-up."""
    stages = protocol_of_study(study).flow
    return any(isinstance(stage, ValuesCardStage) and stage.follow_up for stage in stages)


def invited(study: Study) -> models.QuerySet[Session]:
    """Those who completed, approved a card and agreed to be asked again; nobody who withdrew, be it after the end, was
    erased, or walked a preview. Erasure takes the agreement with it: it stands in the submission."""
    return Session.objects.filter(
        study=study,
        preview_arm="",
        outcome=Session.Outcome.COMPLETE,
        withdrawn_at=None,
        erased_at=None,
        submissions__payload__again="yes",
        submissions__payload__decision="approve",
    ).distinct()


def link_of(session: Session) -> str:
    """The personal address: it leads to this page alone, not to the person's session."""
    return reverse("follow-up:come-back", args=[LINK.sign(session.pk.hex)])


def session_of(link: str) -> Session:
    """Whose link it is. Raises NotAsked for a link that is not ours, somebody who is not invited, and before the study
    is closed."""
    try:
        found = uuid.UUID(LINK.unsign(link))
    except (signing.BadSignature, ValueError):
        raise NotAsked from None
    session = Session.objects.select_related("study").filter(pk=found).first()
    if session is None or not is_over(session.study) or not invited(session.study).filter(pk=found).exists():
        raise NotAsked
    return session


@dataclass(frozen=True)
class Waiting:
    """Somebody who is invited and has not answered: how the panel knows them and its study (our code and '' where it
    does not), the language in which they took part, and their link."""

    recipient: str
    panel_study: str
    language: str
    link: str


def waiting(study: Study) -> list[Waiting]:
    """Everybody who is invited and has not answered, in the order in which they came. Three queries."""
    people = list(invited(study).filter(follow_up=None).select_related("participant").order_by("started_at"))
    ids = panel_ids([one.pk for one in people])
    return [
        Waiting(
            ids.get(one.pk, {}).get("PROLIFIC_PID") or one.participant.code,
            ids.get(one.pk, {}).get("STUDY_ID", ""),
            one.language,
            link_of(one),
        )
        for one in people
    ]


def answers(study: Study) -> models.QuerySet[FollowUp]:
    """What was said, by whoever was not erased since: who withdrew afterwards and left their answers is among them."""
    return FollowUp.objects.filter(session__study=study, session__erased_at=None)


def answer(*, session: Session, standing: Standing, said: Mapping[str, str]) -> bool:
    """Keep the answers to what was shown. False when there are answers already, those of another tab or click: they
    stay. Raises NotAsked when the person was erased or withdrew meanwhile."""
    with transaction.atomic():
        held = Session.objects.select_for_update().get(pk=session.pk)
        if not invited(session.study).filter(pk=held.pk).exists():
            raise NotAsked
        place = standing.place
        _row, made = FollowUp.objects.get_or_create(
            session=held,
            defaults={
                "value": standing.value,
                "mapping": standing.mapping,
                "position": place.position if place else None,
                "position_low": place.low if place else None,
                "position_high": place.high if place else None,
                **said,
            },
        )
    return made

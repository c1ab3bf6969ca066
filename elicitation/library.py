"""The protocol's values and upgrades as rows, so that draws, votes and cards can point at them. Safe to run twice."""

from __future__ import annotations

import hashlib
import uuid

import rfc8785

from elicitation.models import Card, Upgrade
from elicitation.stages.configs import ChooseValuesStage, CompareValuesStage, UpgradeStory
from study.protocol.types import Protocol
from study.registration.frozen import current, protocol_of
from study.registration.models import Study


def digest(*parts: object) -> str:
    """Hex sha256 of the parts as canonical JSON."""
    return hashlib.sha256(rfc8785.dumps(list(parts))).hexdigest()


def values(*, study: uuid.UUID, stage: ChooseValuesStage, protocol: Protocol) -> dict[str, Card]:
    """The library's cards by code, in the protocol's first language; missing ones are inserted."""
    wanted = {}
    for value in stage.values:
        policies = [protocol.say(policy) for policy in value.policies]
        text = (protocol.say(value.title), protocol.say(value.description), policies)
        wanted[value.id] = Card(
            study_id=study,
            code=value.id,
            title=text[0],
            description=text[1],
            policies=policies,
            shared=True,
            digest=digest(*text),
        )
    found = Card.objects.filter(
        study_id=study, session=None, digest__in=[row.digest for row in wanted.values()]
    )
    known = {(row.code, row.digest): row for row in found}
    missing = [row for row in wanted.values() if (row.code, row.digest) not in known]
    if missing:
        Card.objects.bulk_create(missing, ignore_conflicts=True)
        known = {(row.code, row.digest): row for row in found.all()}
    return {code: known[code, row.digest] for code, row in wanted.items()}


def rows_of(study: Study) -> list[Card]:
    """The library's cards under the study's latest registration; missing ones are inserted. Empty for a protocol
    without a library. Raises WrongState before registration."""
    protocol = protocol_of(current(study).pk)
    stages = [stage for stage in protocol.flow if isinstance(stage, ChooseValuesStage)]
    found = [values(study=study.pk, stage=stage, protocol=protocol) for stage in stages]
    return [card for cards in found for card in cards.values()]


def upgrades(
    *, study: uuid.UUID, stage: CompareValuesStage, protocol: Protocol
) -> dict[tuple[str, str], Upgrade]:
    """The stories by pair and direction; missing ones are inserted."""
    wanted = {}
    for one in stage.upgrades:
        for direction in Upgrade.Direction.values:
            row = _story(study, one, direction, protocol)
            wanted[one.id, direction] = row
    digests = [row.digest for row in wanted.values()]
    found = Upgrade.objects.filter(study_id=study, digest__in=digests)
    known = {(row.pair, row.direction): row for row in found}
    missing = [row for place, row in wanted.items() if place not in known]
    if missing:
        Upgrade.objects.bulk_create(missing, ignore_conflicts=True)
        known = {(row.pair, row.direction): row for row in found.all()}
    return {place: known[place] for place in wanted}


def _story(study: uuid.UUID, one: UpgradeStory, direction: str, protocol: Protocol) -> Upgrade:
    there = direction == Upgrade.Direction.THERE
    ends = (one.from_value, one.to_value) if there else (one.to_value, one.from_value)
    story = protocol.say(one.story if there else one.back)
    return Upgrade(
        study_id=study,
        pair=one.id,
        direction=direction,
        from_value=ends[0],
        to_value=ends[1],
        context=one.context,
        cases=list(one.cases),
        story=story,
        digest=digest(one.id, direction, *ends, one.context, list(one.cases), story),
    )

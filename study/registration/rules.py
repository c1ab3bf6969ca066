"""What a registration or an amendment must satisfy. Each check raises Refused with what to do instead."""

import re
from typing import Any

from study.protocol.types import Protocol
from study.registration.errors import Refused

SCHEDULED = ("id", "paradigm", "arms", "phrasings", "items", "live", "replay", "randomisation", "two_people")
"""Parts that no amendment changes: the committed schedule and every stimulus rest on them."""


def check_seed(seed: str) -> str:
    """The seed in lower case. Raises Refused unless it is 64 hexadecimal digits."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", seed):
        raise Refused("A seed is 64 hexadecimal digits (32 bytes); leave it out to have one drawn.")
    return seed.lower()


def check_two_people(protocol: Protocol, by: Any, approved_by: Any) -> None:
    """Where the protocol asks for two people, there are two, and they differ."""
    if not protocol.two_people:
        return
    if by is None or approved_by is None:
        raise Refused("The protocol asks for two people: name who registers and who approves.")
    if by.pk == approved_by.pk:
        raise Refused(
            f"The protocol asks for two people; {by.get_username()} cannot approve their own request."
        )


def _asked(protocol: Protocol) -> dict[str, Any]:
    """The model and how it is asked: all but the money, which may be amended."""
    return protocol.model.model_dump(exclude={"budget_usd"}) if protocol.model else {}


def check_amendment(old: Protocol, new: Protocol, reason: str) -> None:
    """There is a reason and a change, and the schedule drawn from the old document stays true."""
    problems = []
    if not reason.strip():
        problems.append("An amendment needs its reason.")
    if new == old:
        problems.append("Nothing was changed.")
    problems += [
        f"'{part}' cannot change after registration: register a new study."
        for part in SCHEDULED
        if getattr(new, part) != getattr(old, part)
    ]
    if old.live is not None and _asked(old) != _asked(new):
        problems.append("The model of live answers cannot change after registration: register a new study.")
    if _met(new) != _met(old):
        problems.append("Which items people meet cannot change after registration: register a new study.")
    if new.sample.target < old.sample.target:
        problems.append("The sample cannot shrink; close the study early and give the reason instead.")
    if problems:
        raise Refused(*problems)


def _met(protocol: Protocol) -> list[tuple[Any, ...]]:
    """What of the flow decides about assignment: the stages of trials and the questions that make strata."""
    after = [stage.id for stage in protocol.flow]
    before = after[: after.index(protocol.randomisation.after) + 1]
    strata = set(protocol.randomisation.strata)
    return [
        (
            stage.id,
            tuple(stage.arms),
            getattr(stage, "items", None),
            stage.id in before and _asks(stage, strata),
        )
        for stage in protocol.flow
        if stage.kind == "trials" or (stage.id in before and _asks(stage, strata))
    ]


def _asks(stage: Any, columns: set[str]) -> tuple[Any, ...]:
    """The stratifying questions of a stage with their options."""
    questions = getattr(stage, "questions", [])
    return tuple((q.id, tuple(q.options), q.required, tuple(q.arms)) for q in questions if q.id in columns)

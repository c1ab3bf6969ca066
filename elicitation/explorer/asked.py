"""What of the graph is asked for: context, case, a group by the answer to a question of the study, another group to
stand beside it, and the moment up to which votes count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlencode

from elicitation.stages.configs import CompareValuesStage, ValuesCardStage
from study.protocol.types import Protocol, Question
from study.protocol.walk import questions_of


@dataclass(frozen=True)
class Option:
    """One thing that a filter offers; a group's answer stands `under` its question."""

    value: str
    answer: str
    under: str = ""

    @property
    def label(self) -> str:
        """What it says by itself."""
        return f"{self.under} {self.answer}".strip()


@dataclass(frozen=True)
class Asked:
    """'' means all. `group` and `versus` are 'question:answer', of the same question; `until` is a moment in UTC, as
    2026-11-20T10:00Z."""

    context: str = ""
    case: str = ""
    group: str = ""
    versus: str = ""
    until: str = ""

    @property
    def question(self) -> str:
        return self.group.partition(":")[0]

    @property
    def answer(self) -> str:
        return self.group.partition(":")[2]

    @property
    def beside(self) -> Asked | None:
        """The same with the other group; None where no two groups are compared."""
        return replace(self, group=self.versus, versus="") if self.versus else None

    @property
    def alone(self) -> Asked:
        """The same without the other group."""
        return replace(self, versus="")

    def query(self) -> str:
        """The filter as an address carries it; '' without one."""
        given = {name: value for name, value in vars(self).items() if value}
        return "?" + urlencode(given) if given else ""


def offers(protocol: Protocol) -> dict[str, list[Option]]:
    """The values of each filter, from the protocol alone."""
    stories = [
        one.context
        for stage in protocol.flow
        if isinstance(stage, CompareValuesStage)
        for one in stage.upgrades
    ]
    cases = [case for stage in protocol.flow if isinstance(stage, ValuesCardStage) for case in stage.cases]
    named = [context for case in cases for context in case.contexts or ()]
    groups = [
        Option(f"{question.id}:{answer}", protocol.say(label), protocol.say(question.text))
        for question in choices(protocol)
        for answer, label in question.options.items()
    ]
    return {
        "context": [Option(context, context) for context in dict.fromkeys([*stories, *named])],
        "case": [Option(case.id, protocol.say(case.title)) for case in cases],
        "group": groups,
        "versus": groups,
    }


def choices(protocol: Protocol) -> list[Question]:
    """The questions whose answers make groups."""
    found = {q.id: q for stage in protocol.flow for _path, q in questions_of(stage, ()) if q.kind == "choice"}
    return list(found.values())


def asked(given: Mapping[str, str], protocol: Protocol) -> Asked:
    """The filter of an address. Raises ValueError for what the protocol does not offer, for groups that cannot stand
    beside each other, and for no moment."""
    chosen = {name: given.get(name, "") for name in ("context", "case", "group", "versus")}
    for name, options in offers(protocol).items():
        if chosen[name] and chosen[name] not in {option.value for option in options}:
            raise ValueError(f"There is no {name} of that name.")
    found = Asked(**chosen, until=_moment(given.get("until", "")))
    if found.versus and (
        found.versus == found.group or found.versus.partition(":")[0] != found.question
    ):  # people who gave both answers would be in both
        raise ValueError("Two different answers to one question can stand beside each other.")
    return found


def _moment(text: str) -> str:
    """A moment as `Asked` has it; a date is the end of its day, no zone is UTC."""
    if not text:
        return ""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("There is no such date.") from None
    if len(text) == len("2026-11-20"):
        at = at.replace(hour=23, minute=59)
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    try:
        return said(at)
    except OverflowError:
        raise ValueError("There is no such date.") from None


def said(at: datetime) -> str:
    """A moment as an address carries it, to the minute."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")

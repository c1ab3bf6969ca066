"""What of the graph is asked for: context, case, and a group by the answer to a question of the study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from elicitation.stages.configs import CompareValuesStage, ValuesCardStage
from study.protocol.types import Protocol, Question
from study.protocol.walk import questions_of


@dataclass(frozen=True)
class Option:
    """One thing that a filter offers."""

    value: str
    label: str


@dataclass(frozen=True)
class Asked:
    """'' means all. `group` is 'question:answer'."""

    context: str = ""
    case: str = ""
    group: str = ""

    @property
    def question(self) -> str:
        return self.group.partition(":")[0]

    @property
    def answer(self) -> str:
        return self.group.partition(":")[2]

    def query(self) -> str:
        """The filter as an address carries it; '' without one."""
        given = {name: value for name, value in vars(self).items() if value}
        return "?" + urlencode(given) if given else ""


def offers(protocol: Protocol) -> dict[str, list[Option]]:
    """The values of each filter, from the protocol alone."""
    stories = [
        one for stage in protocol.flow if isinstance(stage, CompareValuesStage) for one in stage.upgrades
    ]
    cases = [case for stage in protocol.flow if isinstance(stage, ValuesCardStage) for case in stage.cases]
    return {
        "context": [Option(context, context) for context in dict.fromkeys(one.context for one in stories)],
        "case": [Option(case.id, protocol.say(case.title)) for case in cases],
        "group": [
            Option(f"{question.id}:{answer}", f"{protocol.say(question.text)} {protocol.say(label)}")
            for question in _choices(protocol)
            for answer, label in question.options.items()
        ],
    }


def _choices(protocol: Protocol) -> list[Question]:
    found = {q.id: q for stage in protocol.flow for _path, q in questions_of(stage, ()) if q.kind == "choice"}
    return list(found.values())


def asked(given: Mapping[str, str], protocol: Protocol) -> Asked:
    """The filter of an address. Raises ValueError for what the protocol does not offer."""
    chosen = {name: given.get(name, "") for name in ("context", "case", "group")}
    for name, options in offers(protocol).items():
        if chosen[name] and chosen[name] not in {option.value for option in options}:
            raise ValueError(f"There is no {name} of that name.")
    return Asked(**chosen)

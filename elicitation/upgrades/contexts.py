"""Contexts of a protocol: situations of choice, each with the cases it belongs to. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from elicitation.stages.configs import CompareValuesStage, ValuesCardStage
from study.protocol.types import Protocol


def contexts_of(protocol: Protocol) -> dict[str, list[str]]:
    """The contexts of the protocol's own upgrades with their cases, then those that its cases name."""
    stages = [stage for stage in protocol.flow if isinstance(stage, CompareValuesStage)]
    cases = [one for stage in protocol.flow if isinstance(stage, ValuesCardStage) for one in stage.cases]
    told = [(one.context, one.cases) for stage in stages for one in stage.upgrades]
    return contexts([*told, *((context, [case.id]) for case in cases for context in case.contexts or ())])


def contexts(upgrades: Sequence[tuple[str, Sequence[str]]]) -> dict[str, list[str]]:
    """Contexts in the order first met, each with the cases it is told in; none means all."""
    found: dict[str, list[str]] = {}
    for context, cases in upgrades:
        known = found.setdefault(context, list(cases))
        if known and cases:
            known += [case for case in cases if case not in known]
        else:
            known.clear()
    return found

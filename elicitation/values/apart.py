"""What speaks against making two values one, from the pairs that were compared. Pure; `value` is card to value now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from elicitation.values.models import MergeProposal, MergeState

KEPT_APART = (MergeState.REJECTED, MergeState.APART)
SAME = (MergeState.OPEN, MergeState.ACCEPTED, MergeState.CLOSED)


def values_between(pair: MergeProposal, value: Mapping[str, str]) -> int:
    """How many values a pair's cards belong to: 0 where one of them was erased."""
    ends = [value.get(pair.first), value.get(pair.second)]
    return 0 if None in ends else len(set(ends))


def against(
    pair: MergeProposal, others: Iterable[MergeProposal], value: Mapping[str, str]
) -> list[MergeProposal]:
    """The other pairs with one card in each of a pair's two values that somebody or the judge keeps apart, people's
    first: what a merge would join against their word."""
    ends = {value.get(pair.first), value.get(pair.second)}
    if len(ends) < 2:
        return []
    found = [
        other
        for other in others
        if other.number != pair.number
        and other.state in KEPT_APART
        and {value.get(other.first), value.get(other.second)} == ends
    ]
    return sorted(found, key=lambda other: KEPT_APART.index(MergeState(other.state)))


def uncompared(pair: MergeProposal, others: Iterable[MergeProposal], value: Mapping[str, str]) -> bool:
    """Would a merge join two values whose oldest cards nobody called the same? A chain of small steps must not make one
    what no judge would; the same rule as in `dedupe`."""
    ends = {value.get(pair.first), value.get(pair.second)}
    if len(ends) < 2 or ends == {pair.first, pair.second}:
        return False
    return not any({other.first, other.second} == ends and other.state in SAME for other in others)

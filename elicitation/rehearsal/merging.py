"""The cards of a rehearsal made values, as a researcher would: the desk's search by a worker, then all that it found
accepted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from elicitation.models import Card, mapping_of
from elicitation.runs import actions as runs
from elicitation.runs.models import DeskRun
from elicitation.values import deciding, rubric
from elicitation.values.models import MergeProposal
from llm.models import Call
from study.registration.models import Study

BY = "rehearsal"
LOOK_SECONDS, TOLD_EVERY = 0.5, 15.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Merged:
    """cards: of participants. library: the protocol's values. candidates: pairs near enough to be asked about; checks:
    calls made about pairs, all of them; twice: pairs that were asked about more than once. accepted; left: what could
    not be accepted, with the reason. values: of all cards afterwards; alone: cards of participants in no value of the
    library."""

    cards: int
    library: int
    candidates: int
    checks: int
    twice: int
    undecided: int
    accepted: int
    left: dict[int, str]
    values: int
    alone: int


def merge(study: Study, say: Say) -> Merged:
    """Search, accept, count. Raises RuntimeError where the worker gave up, a pair was asked about twice, or there were
    more checks than candidates."""
    result = _searched(study, say)
    accepted, left = deciding.accept_all(study=study, by=BY)
    found = _counted(study, result, accepted, left)
    if found.twice or found.checks > found.candidates:
        raise RuntimeError(
            f"{found.checks} checks of {found.candidates} pairs, {found.twice} pairs asked about more than once"
        )
    return found


def _searched(study: Study, say: Say) -> dict[str, Any]:
    asked = runs.ask(study=study, kind=DeskRun.Kind.MERGES, by=BY)
    last = time.monotonic()
    while True:
        row = DeskRun.objects.get(pk=asked.pk)
        if row.problem or (row.finished_at is None and runs.is_lost(row)):
            raise RuntimeError(f"The search for merges ended early: {row.problem or runs.SILENT}")
        if row.finished_at is not None:
            return dict(row.result or {})
        if row.total and time.monotonic() - last > TOLD_EVERY:
            last = time.monotonic()
            say(f"{row.done} of {row.total} candidate pairs considered.")
        time.sleep(LOOK_SECONDS)


def _counted(study: Study, result: dict[str, Any], accepted: int, left: dict[int, str]) -> Merged:
    own = set(
        Card.objects.filter(study=study, session__isnull=False, title__gt="").values_list("code", flat=True)
    )
    library = set(Card.objects.filter(study=study, session=None).values_list("code", flat=True))
    calls = Call.objects.filter(study=study.pk, purpose=rubric.TEMPLATE)
    pairs = MergeProposal.objects.filter(study=study, call__gt="")
    value = mapping_of(study.pk).values()
    return Merged(
        cards=len(own),
        library=len(library),
        candidates=int(result["candidates"]),
        checks=calls.count(),
        twice=calls.count() - calls.values("key").distinct().count() + _repeated(pairs),
        undecided=int(result["undecided"]),
        accepted=accepted,
        left=left,
        values=len(set(value.values())),
        alone=sum(value[code] not in library for code in own if code in value),
    )


def _repeated(pairs: Any) -> int:
    """Compared pairs beyond the first of the same two cards."""
    ends = [frozenset(pair) for pair in pairs.values_list("first", "second")]
    return len(ends) - len(set(ends))


def told(merged: Merged) -> str:
    """The figures in lines for a terminal."""
    lines = [
        f"{merged.cards} cards and {merged.library} values of the library: {merged.candidates} candidate pairs, "
        f"{merged.checks} checks by the model (no pair twice, {merged.undecided} without an answer), "
        f"{merged.accepted} merges accepted, {merged.values} values; "
        f"{merged.cards - merged.alone} of {merged.cards} cards count as a value of the library"
    ]
    if merged.left:
        why = next(iter(merged.left.values()))
        lines.append(f"{len(merged.left)} proposed pairs are left to a person, the first because: {why}")
    return "\n".join(lines)

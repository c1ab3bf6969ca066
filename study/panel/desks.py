"""The rows of the review desk: every text of an item beside its plain answer, with what the calls' records say."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.db.models import Prefetch

from llm.models import Call
from study.phrasing.asked import Asked
from study.phrasing.differences import Segment, segments
from study.phrasing.kinds import MARK
from study.phrasing.models import Decision, Draft, Kind, Wording
from study.phrasing.provenance import stance_of
from study.protocol import Protocol
from study.protocol.types import Item
from study.registration.models import Study

ORDER = {kind: place for place, kind in enumerate(Kind)}
ASKED, FAILED = "asked", "failed"


@dataclass(frozen=True)
class Row:
    """One text: its newest version (None before there is one), beside the plain answer that it phrases."""

    wording: Wording
    draft: Draft | None
    call: Call | None
    rehearsal: bool
    waiting: bool
    plain: str
    marked: list[Segment]

    @property
    def state(self) -> str:
        """The newest version's, or that of the call that is to bring one."""
        if self.draft is not None:
            return self.draft.state
        return FAILED if self.call is not None and self.call.state == Call.State.FAILED else ASKED

    @property
    def approvers(self) -> list[Decision]:
        """Who approved the newest version."""
        return [d for d in self.draft.decisions.all() if d.verdict == "approve"] if self.draft else []


@dataclass(frozen=True)
class Stance:
    """One option of an item, with the texts that argue for it. right: None where the truth is a probability."""

    id: str
    label: str
    right: bool | None
    said: bool
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Desk:
    """One item with everything drafted for it."""

    item: Item
    question: str
    stances: list[Stance]


def desks(study: Study, protocol: Protocol, items: Iterable[str], state: str = "") -> list[Desk]:
    """The items of a page, with the texts in a state ('': all). Four queries, whatever their number."""
    wanted = [protocol.items_by_id[name] for name in items]
    rows: dict[tuple[str, str], list[Row]] = {}
    for row in rows_of(study, protocol, [item.id for item in wanted]):
        if not state or row.state == state:
            rows.setdefault((row.wording.item, row.wording.stance), []).append(row)
    return [Desk(item, protocol.say(item.question), list(_stances(protocol, item, rows))) for item in wanted]


def _stances(protocol: Protocol, item: Item, rows: dict[tuple[str, str], list[Row]]) -> Iterator[Stance]:
    for stance, label in Asked.of(protocol, item).options.items():
        right = None if item.kind == "probability" else stance == item.truth
        yield Stance(stance, label, right, stance == stance_of(item), rows.get((item.id, stance), []))


def rows_of(study: Study, protocol: Protocol, items: list[str]) -> list[Row]:
    """Every text of these items, the plain answers first."""
    wordings = list(Wording.objects.filter(study=study, item__in=items))
    newest = newest_of(wordings)
    calls = _calls([w.call for w in wordings] + [d.call for d in newest.values()])
    made = [_row(protocol, wording, newest.get(wording.pk), calls) for wording in wordings]
    return sorted(made, key=lambda row: ORDER[Kind(row.wording.kind)])


def newest_of(wordings: list[Wording]) -> dict[int, Draft]:
    """The latest version of each text with its people."""
    people = Prefetch("decisions", Decision.objects.select_related("by"))
    found = Draft.objects.filter(wording__in=wordings).newest().select_related("plain", "author")
    return {draft.wording_id: draft for draft in found.prefetch_related(people)}


def _calls(names: list[uuid.UUID | None]) -> dict[uuid.UUID, Call]:
    found = Call.objects.filter(pk__in={name for name in names if name})
    return {c.pk: c for c in found.only("id", "state", "rehearsal", "error", "error_kind", "model_answered")}


def _row(protocol: Protocol, wording: Wording, draft: Draft | None, calls: dict[uuid.UUID, Call]) -> Row:
    last = calls.get(wording.call) if wording.call else None
    own = calls.get(draft.call) if draft and draft.call else last
    plain = draft.plain.text if draft and draft.plain else ""
    item = protocol.items_by_id[wording.item]
    return Row(
        wording=wording,
        draft=draft,
        call=last,
        rehearsal=bool(own and own.rehearsal),
        waiting=bool(last and not last.is_finished) or bool(draft and draft.state == Draft.State.CHECKING),
        plain=plain,
        marked=segments(plain, with_number(draft.text, item)) if draft and plain else [],
    )


def with_number(text: str, item: Item) -> str:
    """The text with the item's own probability in its place, as participants would read it."""
    stated = item.advice.probability if item.advice else None
    return text.replace(MARK, f"{stated:g}") if stated is not None else text

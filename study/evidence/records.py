"""The records behind the tables, as a stranger needs them to check: registration, schedule, log, chains.

Everything is written a row at a time from server-side cursors, so that the size of a study does not matter. One JSON
object a line, keys sorted; times as they enter the chains (UTC, microseconds, +00:00).
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from study.assignment.models import Slot, SlotReturn
from study.registration.actions import name_of
from study.registration.models import AuditEntry, Registration, Study
from study.session.chain import stamp
from study.session.models import Session, Submission
from study.tables.reading import Page, Person, by_session, fetched

CHUNK = 2000
Codes = Mapping[UUID, str]


encoded = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def line(row: Mapping[str, Any]) -> str:
    """One row as JSON, keys sorted, without blanks."""
    return encoded(row) + "\n"


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """JSON lines; returns how many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for row in rows:
            out.write(line(row))
            count += 1
    return count


def write_json(path: Path, content: Any) -> None:
    """A JSON file for people: indented, keys as given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n")


def when(moment: datetime | None) -> str | None:
    """A time as text, or None."""
    return stamp(moment) if moment else None


def sessions_of(study: Study) -> Any:
    """Sessions that count, in the order of arrival: of the study's own mode, previews left out."""
    return Session.objects.counting_for(study).order_by("started_at", "id")


def codes_of(study: Study) -> dict[UUID, str]:
    """Public code by session."""
    return dict(sessions_of(study).values_list("id", "participant__code"))


def registrations(registered: Iterable[Registration], folder: Path) -> None:
    """`registration/vN.json` (the registered bytes) and what is known about each version in `versions.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    known = []
    for r in registered:
        (folder / f"v{r.version}.json").write_bytes(r.canonical.encode())
        known.append(
            {
                "version": r.version,
                "sha256": r.sha256,
                "seed_commitment": r.seed_commitment,
                "registered_at": when(r.registered_at),
                "registered_by": name_of(r.registered_by),
                "approved_by": name_of(r.approved_by) if r.approved_by else "",
                "reason": r.reason,
                "difference": r.difference,
                "power": r.power,
            }
        )
    write_json(folder / "versions.json", known)


SCHEDULE = ("stratum", "number", "block", "arm", "item_order", "hedged", "state", "returns", "participant")


def schedule(study: Study, codes: Codes, path: Path) -> None:
    """The drawn places with who holds each; lists joined by |."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [*SCHEDULE[:-1], "holder_id"]
    rows = Slot.objects.filter(study=study).order_by("stratum", "number").values_list(*names)
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(SCHEDULE)
        for *fixed, order, hedged, state, returns, holder in rows.iterator(chunk_size=CHUNK):
            writer.writerow(
                [*fixed, "|".join(order), "|".join(hedged), state, returns, codes.get(holder, "")]
            )


def returns(study: Study, codes: Codes, path: Path) -> None:
    """Places that came back: whose, and why."""
    rows = SlotReturn.objects.filter(slot__study=study).order_by("at", "id")
    found = rows.values_list("slot__stratum", "slot__number", "session_id", "reason", "at")
    write_lines(
        path,
        (
            {
                "stratum": s,
                "number": n,
                "participant": codes.get(session, ""),
                "reason": reason,
                "at": stamp(at),
            }
            for s, n, session, reason, at in found.iterator(chunk_size=CHUNK)
        ),
    )


def log(study: Study, path: Path) -> None:
    """The audit log with its links."""
    entries = AuditEntry.objects.filter(study=study).order_by("number")
    write_lines(
        path,
        (
            {
                "number": e.number,
                "at": stamp(e.at),
                "actor": e.actor,
                "action": e.action,
                "data": e.data,
                "previous": e.previous,
                "link": e.link,
            }
            for e in entries.iterator(chunk_size=CHUNK)
        ),
    )


def sessions(study: Study, path: Path) -> None:
    """Everybody's walk in one line: place, outcome, times, number of submissions, last link."""
    names = ("participant__code", "participant__source", "registration__version", "language", "slot__stratum",
             "slot__number", "outcome", "submitted", "head", "started_at", "ended_at", "timed_out_at",
             "erased_at")  # fmt: skip
    write_lines(
        path, (_session(*row) for row in sessions_of(study).values_list(*names).iterator(chunk_size=CHUNK))
    )


def _session(code: str, source: str, version: int | None, language: str, stratum: str | None, slot: int | None,
             outcome: str, submitted: int, head: str, *times: datetime | None) -> dict[str, Any]:  # fmt: skip
    started, ended, timed_out, erased = (when(t) for t in times)
    return {
        "participant": code,
        "source": source,
        "registration": version,
        "language": language,
        "stratum": stratum,
        "slot": slot,
        "outcome": outcome,
        "submitted": submitted,
        "head": head,
        "started_at": started,
        "ended_at": ended,
        "timed_out_at": timed_out,
        "erased_at": erased,
    }


class Submitted(NamedTuple):
    """One accepted page with its place in the chain; without payload and salt where they were erased."""

    session_id: UUID
    number: int
    page: str
    attempt: int
    shown_at: datetime
    received_at: datetime
    commitment: str
    link: str
    salt: str
    payload: Any

    def line(self, code: str, *, is_open: bool) -> str:
        """The page in one line. `state` says what is there: `open` (salt and answers), `erased` (destroyed at their
        author's word), `withheld` (a page of another room's stage, with keys that it declared as no column)."""
        found = {
            "participant": code,
            "number": self.number,
            "page": self.page,
            "attempt": self.attempt,
            "shown_at": stamp(self.shown_at),
            "received_at": stamp(self.received_at),
            "commitment": self.commitment,
            "link": self.link,
        }
        if self.payload is None:
            found["state"] = "erased"
        elif is_open:
            found |= {"state": "open", "salt": self.salt, "payload": self.payload}
        else:
            found["state"] = "withheld"
        return line(found)

    def answers(self) -> Page:
        """The page as the tables read it."""
        return Page(
            self.session_id,
            self.number,
            self.page,
            self.attempt,
            self.payload,
            self.shown_at,
            self.received_at,
        )


def submitted(of: Sequence[Person]) -> dict[UUID, list[Submitted]]:
    """Every accepted page of these people, by session, in order. One query."""
    rows = Submission.objects.filter(session__in=[person.session.pk for person in of])
    found = rows.order_by("session_id", "number").values_list(*Submitted._fields)
    return by_session(map(Submitted._make, fetched(found)))

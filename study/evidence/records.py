"""The records behind the tables, as a stranger needs them to check: registration, schedule, log, chains.

Everything is written a row at a time from server-side cursors, so that the size of a study does not matter. One JSON
object a line, keys sorted; times as they enter the chains (UTC, microseconds, +00:00).
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from study.assignment.models import Slot, SlotReturn
from study.evidence.declared import Declared
from study.protocol.types import Protocol
from study.registration.actions import name_of
from study.registration.models import AuditEntry, Registration, Study
from study.session.chain import stamp
from study.session.models import Session, Submission
from study.tables.tidy import Progress

CHUNK = 2000
Codes = Mapping[UUID, str]


def line(row: Mapping[str, Any]) -> str:
    """One row as JSON, keys sorted, without blanks."""
    return json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n"


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


def heads_sha256(study: Study) -> tuple[str, int, int]:
    """What seals a closed study: the hash over everybody's last link, and how many sessions and submissions there are.

    The hash is over lines `code head submitted` in the order of the codes. An erasure changes none of the three.
    """
    rows = (
        sessions_of(study).order_by("participant__code").values_list("participant__code", "head", "submitted")
    )
    digest, sessions, submissions = hashlib.sha256(), 0, 0
    for code, head, submitted in rows.iterator(chunk_size=CHUNK):
        digest.update(f"{code} {head} {submitted}\n".encode())
        sessions, submissions = sessions + 1, submissions + submitted
    return digest.hexdigest(), sessions, submissions


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


def submissions(
    study: Study, protocols: Iterable[Protocol], codes: Codes, path: Path, *, total: int, progress: Progress
) -> int:
    """Every accepted page with its place in the chain; returns how many.

    `state` says what is there: `open` (salt and answers), `erased` (destroyed at their author's word), `withheld` (a
    page of another room's stage, with keys that it declared as no column). Raises Refused for a page of our own stages
    that holds something undeclared.
    """
    allowed = Declared(protocols)
    names = (
        "session_id",
        "number",
        "page",
        "attempt",
        "shown_at",
        "received_at",
        "commitment",
        "link",
        "salt",
        "payload",
    )
    rows = (
        Submission.objects.filter(
            session__study=study, session__participant__source=study.mode, session__preview_arm=""
        )
        .order_by("session_id", "number")
        .values_list(*names)
        .iterator(chunk_size=CHUNK)
    )
    return write_lines(
        path, (_submission(row, codes, allowed) for row in progress(rows, total, "submissions"))
    )


def _submission(row: Any, codes: Codes, allowed: Declared) -> dict[str, Any]:
    session, number, page, attempt, shown, received, commitment, link, salt, payload = row
    found = {
        "participant": codes[session],
        "number": number,
        "page": page,
        "attempt": attempt,
        "shown_at": stamp(shown),
        "received_at": stamp(received),
        "commitment": commitment,
        "link": link,
    }
    if payload is None:
        return found | {"state": "erased"}
    if allowed.is_open(page, payload):
        return found | {"state": "open", "salt": salt, "payload": payload}
    return found | {"state": "withheld"}

"""A panel's own list of submissions against ours: whom to approve, whom to ask to return, what does not fit.

Prolific's export has one row a submission with `Submission id`, `Participant id`, `Status`, `Completion code`. Nothing
of the file is stored. Exclusion from an analysis is another matter (the registered rules decide it) and never a reason
to reject: whoever completed is approved.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from study.registration.codes import code as code_of
from study.registration.frozen import current
from study.registration.models import Study
from study.session.identity import fingerprint
from study.session.models import Identity, Session

Outcome = Session.Outcome
NEEDED = ("Submission id", "Participant id", "Status")
APPROVE, ASK, WAIT, LOOK, SETTLED = "approve", "ask to return", "still under way", "look at it", "settled"
DONE = {"APPROVED", "RETURNED", "REJECTED", "SCREENED OUT", "PARTIALLY APPROVED"}
MOST_ROWS = 50_000


class NotAnExport(ValueError):
    """The file is not a panel's export; the message says what was expected."""


@dataclass(frozen=True)
class Row:
    """One submission of the panel with our record of it and what to do."""

    submission: str
    person: str
    status: str
    ours: str
    code: str
    advice: str
    why: str


@dataclass(frozen=True)
class Reconciled:
    """All rows, and how many of our completed people the file does not name."""

    rows: list[Row]
    missing: int

    def with_advice(self, advice: str) -> list[Row]:
        """The rows with this advice."""
        return [row for row in self.rows if row.advice == advice]


def parse(text: str) -> list[dict[str, str]]:
    """The export's rows. Raises NotAnExport."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    missing = [name for name in NEEDED if name not in (reader.fieldnames or [])]
    if missing:
        raise NotAnExport(
            f"The first line must name the columns {', '.join(NEEDED)}; {', '.join(missing)} is missing."
        )
    try:
        rows = [
            {k: v or "" for k, v in row.items() if isinstance(k, str) and not isinstance(v, list)}
            for row in reader
        ]
    except csv.Error as error:
        raise NotAnExport(f"Line {reader.line_num} is not CSV: {error}.") from None
    if len(rows) > MOST_ROWS:
        raise NotAnExport(f"The file has more than {MOST_ROWS:,} rows.")
    return rows


def reconcile(study: Study, rows: list[dict[str, str]]) -> Reconciled:
    """Match every submission by its person's fingerprint. Three queries. Raises WrongState for a draft."""
    registration = current(study)
    codes = {outcome: code_of(registration, outcome) for outcome in Outcome.values}
    marks = {row["Participant id"]: fingerprint(study.pk, row["Participant id"].strip()) for row in rows}
    held = Identity.objects.filter(study=study, participant__session__preview_arm="")
    ours = dict(held.values_list("fingerprint", "participant__session__outcome"))
    judged = [_judged(row, ours.get(marks[row["Participant id"]]), codes) for row in rows]
    named = set(marks.values())
    missing = sum(outcome == Outcome.COMPLETE for mark, outcome in ours.items() if mark not in named)
    return Reconciled(judged, missing)


def _judged(row: dict[str, str], outcome: str | None, codes: Mapping[str, str]) -> Row:
    status, given = row["Status"].strip().upper(), row.get("Completion code", "").strip()
    advice, why = _advice(outcome, status, given, codes)
    ours = "never arrived" if outcome is None else Outcome(outcome).label.lower() if outcome else "under way"
    return Row(row["Submission id"], row["Participant id"], row["Status"], ours, given, advice, why)


def _advice(outcome: str | None, status: str, given: str, codes: Mapping[str, str]) -> tuple[str, str]:
    """What to do with one submission, and why. Nobody is ever put on a list of people to reject."""
    if status in DONE and not (outcome == Outcome.COMPLETE and status in ("RETURNED", "REJECTED")):
        return SETTLED, "the panel has settled it"
    if outcome == Outcome.COMPLETE:
        if status in ("RETURNED", "REJECTED", "TIMED-OUT"):
            return LOOK, "completed with us, but not approved at the panel"
        fits = not given or given == codes[Outcome.COMPLETE]
        return APPROVE, "completed" if fits else "completed, though with another code"
    if given == codes[Outcome.COMPLETE]:
        return LOOK, "carries the code of completion, which our record does not bear out"
    if outcome is None:
        return LOOK, "no session here carries this person's id"
    if outcome == "":
        return WAIT, "has not finished"
    return ASK, f"ended as: {Outcome(outcome).label.lower()}"

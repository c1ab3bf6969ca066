"""Studies with cases to draft, and drafts as a run stores them, for tests."""

from __future__ import annotations

from typing import Any

from elicitation.case_drafts.models import CaseDraft, CaseDraftDecision
from elicitation.upgrades.models import State
from study.registration.models import Study
from tests.elicitation.people import small
from tests.factories import draft

SUBJECTS = ["a parent who grows forgetful", "money that was lent among friends"]


def drafting(mode: str = "rehearsal") -> Study:
    """An unregistered elicitation."""
    return draft(small(), mode=mode)


def made(
    study: Study, *, number: int = 1, state: str = State.OPEN, reason: str = "", **changes: Any
) -> CaseDraft:
    """A draft as a run stores it; its contexts are those of the small elicitation's stories."""
    row = CaseDraft.objects.create(
        study=study, number=number, **{
            "subject": SUBJECTS[0], "title": f"A father who forgets, {number}", "about": "A daughter writes to an AI.",
            "question": f"My father forgot my name today, number {number}. What do I tell him?",
            "contexts": ["When the truth may hurt", "When a friend is in trouble"],
            "checks": {"open": True, "natural": True}, "calls": [], **changes,
        },
    )  # fmt: skip
    CaseDraftDecision.objects.create(draft=row, number=1, state=state, reason=reason, by="case check")
    return row

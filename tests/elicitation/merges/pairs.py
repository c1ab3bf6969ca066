"""Studies with cards and compared pairs for tests of the merge desk."""

from __future__ import annotations

from typing import Any

from elicitation.models import Card, MergeDecision, MergeProposal
from elicitation.values.models import MergeState
from elicitation.values.rubric import QUESTIONS
from study.registration.models import Study
from tests.elicitation.people import small
from tests.factories import collecting

SILENCE = ["SILENCES that want no filling", "WORDS that come back", "CHANGES in the voice of a friend"]
SHARES = ["SHARES that are equal", "PEOPLE who got less than others", "COUNTS that everyone can check"]
HEARING = [
    "JUDGES without a stake in the matter",
    "REASONS that are given in full",
    "DELAYS that wear somebody down",
]
WORDS = {
    "a": ("Patient Listening", SILENCE),
    "b": ("Listening Patiently", SILENCE[::-1]),
    "c": ("Plain Fairness", SHARES),
    "d": ("Plain Fairness", HEARING),
}


def with_cards(
    cards: dict[str, tuple[str, list[str]]] | str = "", *, mode: str = "rehearsal", library: bool = True
) -> Study:
    """A study that elicits, with cards of these titles and policies, or of these one-letter codes. Without `library` it
    is one whose protocol holds no values, so that a search meets these cards alone."""
    study = collecting(small() if library else None, mode=mode)
    listed = {code: (f"Card {code}", SILENCE) for code in cards} if isinstance(cards, str) else cards
    for code, (title, policies) in listed.items():
        Card.objects.create(
            study=study, code=code, title=title, description="It matters.", policies=policies, digest=code
        )
    return study


def compared(
    study: Study, ends: str, *, state: str = MergeState.OPEN, distance: float | None = 0.1, **changes: Any
) -> MergeProposal:
    """A pair of one-letter codes as a search stores it."""
    pair = MergeProposal.objects.create(
        study=study, number=MergeProposal.objects.filter(study=study).count() + 1, first=ends[0], second=ends[1],
        distance=distance, rubric="1",
        answers=dict.fromkeys(QUESTIONS, state != MergeState.APART), **changes,
    )  # fmt: skip
    MergeDecision.objects.create(proposal=pair, number=1, state=state, by="rubric 1")
    return pair


def states(study: Study) -> dict[int, str]:
    """The state of each pair, by number."""
    return dict(MergeProposal.objects.filter(study=study).with_state().values_list("number", "state"))

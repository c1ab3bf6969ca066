"""Upgrades proposed by the rehearsal model through the real gateway, decided about, and met by participants."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from elicitation.models import Draw, Proposal, ProposalDecision, Upgrade
from elicitation.upgrades.deciding import decide
from elicitation.upgrades.models import State
from elicitation.upgrades.proposing import propose
from elicitation.votes.table import votes_of
from llm.models import Call
from study.protocol import document, from_canonical
from study.registration.errors import Refused
from study.registration.models import AuditEntry, Study
from tests.elicitation.people import small, to_stories, vote
from tests.factories import changed, collecting, draft
from tests.study.session.visitor import Visitor

pytestmark = pytest.mark.django_db(transaction=True)


def from_approved() -> Any:
    """The small elicitation whose stories come from approved upgrades."""
    flow = [
        {**stage, **({"stories": "approved"} if stage["kind"] == "compare-values" else {})}
        for stage in document(small())["flow"]
    ]
    return changed(small(), flow=flow)


@pytest.fixture
def study() -> Study:
    return collecting(from_approved(), mode="rehearsal")


def test_every_context_gets_proposals_with_mapping_both_stories_and_their_calls(
    study: Study, model: Any
) -> None:
    said: list[str] = []
    done = propose(study=study, most=3, say=said.append)
    assert done.pairs == done.open + done.refused + done.none + done.unanswered == 6
    assert len(said) == 6
    assert done.open
    found = list(Proposal.objects.filter(study=study).with_state())
    assert {one.context for one in found} == {"When a friend is in trouble", "When the truth may hurt"}
    for one in found:
        assert one.state == State.OPEN, one.reason
        assert one.rehearsal
        assert one.story != one.back
        assert len(one.mapping) >= 3
        calls = Call.objects.filter(pk__in=one.calls, study=study.pk)
        assert sorted(calls.values_list("purpose", flat=True)) == sorted(
            [
                "elicitation.upgrade_pairs",
                *["elicitation.upgrade_story"] * 2,
                *["elicitation.story_check"] * 2,
            ]
        )
    assert not Upgrade.objects.filter(study=study, pair__startswith="~").exists()
    asked = Call.objects.exclude(kind=Call.Kind.EMBEDDING).count()
    again = propose(study=study, most=3)
    assert (again.open, again.refused) == (0, 0)
    assert Call.objects.exclude(kind=Call.Kind.EMBEDDING).count() == asked


def test_a_failed_call_leaves_no_half_proposal_and_the_next_run_goes_on(study: Study, model: Any) -> None:
    model.fault("badjson")
    assert propose(study=study, most=2).unanswered == 4
    assert not Proposal.objects.exists()
    model.reset()
    assert propose(study=study, most=2).open == 4


def test_a_refused_story_says_why_and_cannot_be_approved(study: Study, model: Any) -> None:
    proposal = made(study, state=State.REFUSED, reason="there: Not gain: The story tells of a loss.")
    with pytest.raises(Refused, match="refused by the check"):
        decide(proposal=proposal, state=State.APPROVED, by="ada")
    decide(proposal=proposal, state=State.ARCHIVED, by="ada")
    assert Proposal.objects.with_state().get().state == State.ARCHIVED


def made(
    study: Study, *, number: int = 1, state: str = State.OPEN, reason: str = "", **changes: Any
) -> Proposal:
    """A proposal as a run stores it."""
    proposal = Proposal.objects.create(
        study=study, number=number, **{
            "context": "When a friend is in trouble", "from_value": "duty", "to_value": "peace", "distance": 0.2,
            "mapping": [{"old": "TASKS", "new": "CALM", "reason": "impure motive"}], "story": f"I was dutiful {number}.",
            "back": f"I was at peace {number}.", "checks": {}, **changes,
        },
    )  # fmt: skip
    ProposalDecision.objects.create(proposal=proposal, number=1, state=state, reason=reason, by="story check")
    return proposal


def test_a_decision_is_made_once_with_a_reason_and_stands_in_the_audit_log(study: Study) -> None:
    proposal = made(study)
    with pytest.raises(Refused, match="Say why"):
        decide(proposal=proposal, state=State.REJECTED, by="ada", reason=" ")
    with pytest.raises(Refused):
        decide(proposal=proposal, state=State.OPEN, by="ada")
    decide(proposal=proposal, state=State.REJECTED, by="ada", reason="It lectures.")
    with pytest.raises(Refused, match="rejected"):
        decide(proposal=proposal, state=State.APPROVED, by="eve")
    assert AuditEntry.objects.filter(study=study, actor="ada", action="rejected an upgrade").exists()


def test_words_of_the_rehearsal_model_are_never_approved_for_real_participants() -> None:
    proposal = made(collecting(small()), rehearsal=True)
    with pytest.raises(Refused, match="rehearsal model"):
        decide(proposal=proposal, state=State.APPROVED, by="ada")


def test_proposals_and_decisions_cannot_be_changed_or_deleted(study: Study) -> None:
    proposal = made(study)
    for change in (
        lambda: Proposal.objects.update(story="x"),
        lambda: Proposal.objects.filter(pk=proposal.pk).delete(),
        lambda: ProposalDecision.objects.update(state="approved"),
        lambda: ProposalDecision.objects.all().delete(),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_participants_meet_approved_stories_and_the_protocols_where_none_is_left(study: Study) -> None:
    approved, archived = made(study), made(study, number=2, to_value="trust")
    made(study, number=3, to_value="candour")
    for one in (approved, archived):
        decide(proposal=one, state=State.APPROVED, by="ada")
    decide(proposal=archived, state=State.ARCHIVED, by="ada")
    visitor = to_stories(Visitor(study))
    first = Draw.objects.select_related("upgrade").get(session=visitor.session, page="stories.1")
    assert first.upgrade is not None
    assert (first.upgrade.pair, first.pool, first.propensity) == ("~1", 1, 0.5)
    assert first.upgrade.story in visitor.text
    vote(visitor, "wiser")
    second = Draw.objects.select_related("upgrade").get(session=visitor.session, page="stories.2")
    assert second.upgrade is not None
    assert second.upgrade.pair in {"u1", "u2", "u3"}
    vote(visitor, "unsure")
    told = [f"{one.upgrade.pair}.{one.upgrade.direction}" for one in (first, second)]
    assert list(votes_of(study).votes["story"]) == told


def test_a_protocol_that_says_nothing_draws_its_own_stories_and_keeps_its_hash() -> None:
    study = collecting(small())
    decide(proposal=made(study), state=State.APPROVED, by="ada")
    visitor = to_stories(Visitor(study))
    assert not Draw.objects.filter(session=visitor.session, upgrade__pair__startswith="~").exists()
    assert "stories" not in str(document(small())["flow"][3].keys())
    assert from_canonical(document(from_approved())) == from_approved()


def test_the_command_proposes_with_progress_lists_and_decides(study: Study, model: Any) -> None:
    out = io.StringIO()
    call_command("upgrades", "propose", study.slug, most=1, stories=2, stdout=out)
    assert "1 of 4, When" in out.getvalue()
    assert "4 pairs: 4 to review" in out.getvalue()
    call_command("upgrades", "approve", study.slug, number=1, by="ada", stdout=out)
    listed = io.StringIO()
    call_command("upgrades", "list", study.slug, stdout=listed)
    assert listed.getvalue().splitlines()[0].startswith("1  approved")
    with pytest.raises(CommandError, match="approved"):
        call_command("upgrades", "approve", study.slug, number=1)
    with pytest.raises(CommandError, match="not registered"):
        call_command("upgrades", "propose", draft(small(), slug="unregistered").slug)
    with pytest.raises(CommandError, match="no such context"):
        call_command("upgrades", "propose", study.slug, context=["When pigs fly"])


def test_a_worker_proposes_too_and_twice_is_once(study: Study, model: Any) -> None:
    from elicitation.runs import actions, tasks

    run = actions.ask(study=study, kind="upgrades", by="ada", settings={"most": 1})
    tasks.search(run.pk)
    tasks.search(run.pk)
    run.refresh_from_db()
    assert (run.done, run.total, run.problem) == (2, 2, "")
    assert run.result is not None
    assert run.result["pairs"] == 2
    assert Proposal.objects.filter(study=study).count() == 2

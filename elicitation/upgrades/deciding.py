"""People's decisions about proposed upgrades, and the stories that participants may meet because of them."""

from __future__ import annotations

import uuid

from django.db import transaction

from elicitation import library
from elicitation.models import Upgrade
from elicitation.upgrades.models import FROM, Proposal, ProposalDecision, State
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.models import Study


@transaction.atomic
def decide(*, proposal: Proposal, state: State, by: str, reason: str = "") -> ProposalDecision:
    """Approve, reject (with a reason) or archive a proposal; an approved one becomes two stories of the study.

    Raises Refused where another decision came first, without a reason for a rejection, and for words of the rehearsal
    model in a real study.
    """
    proposal = Proposal.objects.select_for_update().select_related("study").get(pk=proposal.pk)
    last = proposal.decisions.order_by("-number")[0]
    if state not in FROM or last.state not in FROM[state]:
        raise Refused(f"The upgrade is {State(last.state).label}: it cannot be {state.value}.")
    reason = reason.replace("\x00", "").strip()
    if state == State.REJECTED and not reason:
        raise Refused("Say why it is rejected.")
    if state == State.APPROVED and proposal.rehearsal and proposal.study.mode == Study.Mode.REAL:
        raise Refused("The rehearsal model wrote it: it cannot be approved for real participants.")
    made = ProposalDecision.objects.create(
        proposal=proposal, number=last.number + 1, state=state, reason=reason[:2000], by=by
    )
    if state == State.APPROVED:
        Upgrade.objects.bulk_create(stories(proposal), ignore_conflicts=True)
    audit(
        proposal.study, by, f"{state.value} an upgrade", {"number": proposal.number, "reason": reason[:500]}
    )
    return made


def stories(proposal: Proposal) -> list[Upgrade]:
    """A proposal's two stories as upgrades of its study."""
    there = (Upgrade.Direction.THERE, proposal.from_value, proposal.to_value, proposal.story)
    back = (Upgrade.Direction.BACK, proposal.to_value, proposal.from_value, proposal.back)
    return [
        Upgrade(
            study_id=proposal.study_id, pair=proposal.pair, direction=direction, from_value=old, to_value=new,
            context=proposal.context, cases=proposal.cases, story=told,
            digest=library.digest(proposal.pair, direction, old, new, proposal.context, proposal.cases, told),
        )
        for direction, old, new, told in (there, back)
    ]  # fmt: skip


def approved(study_id: uuid.UUID, case: str) -> list[Proposal]:
    """The proposals of a case that are approved now, oldest first."""
    found = Proposal.objects.filter(study_id=study_id).with_state(State.APPROVED).order_by("number")
    return [one for one in found if not one.cases or case in one.cases]

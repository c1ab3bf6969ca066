"""What upgrades made from an erased card leave behind: that they were proposed, decided about and voted on."""

from __future__ import annotations

from django.db.models import Q

from elicitation import quoting
from elicitation.models import Card, Upgrade
from elicitation.upgrades import prompts
from elicitation.upgrades.models import FROM, Proposal, ProposalDecision, State
from study.session.models import Session

BY, REASON = "erasure", "Words of a card that it was made from were erased."


def erase_upgrades(session: Session) -> None:
    """Archive and empty the proposals made from a session's cards, their stories, and the calls that quoted the cards.
    After the cards themselves: a proposal that comes meanwhile waits for them and is then not kept."""
    cards = dict(Card.objects.filter(session=session).values_list("code", "pk"))
    if not cards:
        return
    made_from = Q(from_value__in=cards) | Q(to_value__in=cards)
    mine = Proposal.objects.filter(made_from, study=session.study_id)
    list(mine.order_by("number").values_list("pk").select_for_update())
    for one in mine.with_state():
        if one.state in FROM[State.ARCHIVED]:
            last = one.decisions.order_by("-number")[0].number
            ProposalDecision.objects.create(
                proposal=one, number=last + 1, state=State.ARCHIVED, reason=REASON, by=BY
            )
    mine.update(mapping=[], story="", back="", checks={})
    Upgrade.objects.filter(made_from, study=session.study_id, pair__startswith="~").update(story="")
    quoting.erase(session.study_id, cards.values(), prompts.TEMPLATES)

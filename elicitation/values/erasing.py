"""What an erased card leaves behind in the records of model calls: nothing of its words."""

from __future__ import annotations

from elicitation import quoting
from elicitation.models import Card
from elicitation.values import deciding, rubric
from elicitation.values.finding import EMBED
from llm.models import Call
from study.registration.models import Study
from study.session.models import Session


def erase_cards(session: Session) -> None:
    """Empty a session's cards, the judge's calls that quoted them and the study's embedding calls; close open pairs."""
    mine = Card.objects.filter(session=session)
    cards = list(mine.values_list("pk", flat=True))
    if not cards:
        return
    mine.update(title="", description="", policies=[], shared=False)
    quoting.erase(session.study_id, cards, [rubric.TEMPLATE])
    Call.objects.of_study(session.study_id).filter(purpose=EMBED).erase()
    deciding.settle(Study(pk=session.study_id))

"""Upgrades between values that participants added: which are asked about, who meets them, and erasing their author."""

from __future__ import annotations

from threading import Event, Thread
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction

from elicitation.models import Card, Draw, Proposal, Upgrade
from elicitation.upgrades import proposing
from elicitation.upgrades.between import values_of
from elicitation.upgrades.deciding import approved, decide
from elicitation.upgrades.models import State
from elicitation.upgrades.proposing import propose
from elicitation.values import deciding
from llm.models import Call
from study.protocol import document, from_canonical
from study.registration.models import Study
from study.session import actions as sessions
from tests.elicitation.people import fill, small, to_card, to_stories, vote
from tests.factories import collecting
from tests.study.session.visitor import Visitor

pytestmark = pytest.mark.django_db(transaction=True)
WORDS = {"title": "Quiet Staying", "policy_1": "PAUSES that need no filling at all"}


def open_to_others(*, others: bool = True, mode: str = "rehearsal") -> Study:
    """The small elicitation, where participants meet each other's cards and the approved stories."""
    content = document(small())
    stages = {one["id"]: one for one in content["flow"]}
    stages["others"]["others"] = others
    stages["stories"]["stories"] = "approved"
    return collecting(from_canonical(content), mode=mode)


def carded(study: Study, seed: int = 1, case: str = "friend", **changes: Any) -> Card:
    """The card of somebody who chose a case and is at others' values now."""
    visitor = to_card(Visitor(study, seed), case={"case": case})
    visitor.send(**fill("card", **{**WORDS, **changes}))
    return Card.objects.get(session=visitor.session)


def added(study: Study) -> dict[str, frozenset[str]]:
    """The cases of each value that is not the library's, by its code."""
    return {one.card.code: one.cases for one in values_of(study) if one.card.session_id is not None}


def all_words(study: Study) -> str:
    """Everything the database holds of proposals, their stories and the model's calls."""
    rows = [*Proposal.objects.filter(study=study).values(), *Upgrade.objects.filter(study=study).values()]
    rows += [
        {**row, "raw": bytes(row["raw"]).decode()} for row in Call.objects.filter(study=study.pk).values()
    ]
    return repr(rows)


def test_what_a_participant_added_and_shared_is_asked_about_in_contexts_of_its_case(model: Any) -> None:
    study = open_to_others()
    card = carded(study)
    carded(study, 2, share="no")
    joined = carded(study, 3)
    deciding.join(study=study, cards=["listening", joined.code], by="ada", reason="One value.")
    assert added(study) == {card.code: frozenset({"friend"})}
    propose(study=study, most=50)
    mine = Proposal.objects.filter(study=study, mapping__icontains="PAUSES")
    contexts = set(mine.values_list("context", flat=True))
    assert "When a friend is in trouble" in contexts
    assert all(card.code in (one.from_value, one.to_value) for one in mine)


def test_values_that_are_one_are_asked_about_once_in_the_cases_of_all_their_authors() -> None:
    study = open_to_others()
    first, second = carded(study), carded(study, 2, case="secret")
    assert len(added(study)) == 2
    deciding.join(study=study, cards=[first.code, second.code], by="ada", reason="One value.")
    assert added(study) == {first.code: frozenset({"friend", "secret"})}


def test_where_participants_meet_the_library_alone_so_do_upgrades() -> None:
    study = open_to_others(others=False)
    carded(study)
    assert added(study) == {}


def test_a_value_whose_authors_chose_another_case_is_not_asked_about(model: Any) -> None:
    study = open_to_others()
    card = carded(study, case="friend")
    only = [one for one in values_of(study) if one.card.code == card.code]
    assert [only[0].fits(cases) for cases in ([], ["friend"], ["secret"])] == [True, True, False]


def from_a_card(study: Study) -> tuple[Card, Proposal]:
    """Somebody's card and an approved upgrade from the library's advice to it."""
    card = carded(study)
    values = {one.card.code: one.card for one in values_of(study)}
    ends = (values["advice"], card)
    pair = proposing.Candidate(0, 1, 0.2)
    assert proposing._one(study, "When a friend is in trouble", ["friend"], ends, pair, 1) == "open"
    made = Proposal.objects.get(study=study)
    decide(proposal=made, state=State.APPROVED, by="ada")
    return card, made


def test_the_next_participant_votes_on_what_another_added(model: Any) -> None:
    study = open_to_others()
    card, made = from_a_card(study)
    visitor = to_stories(Visitor(study, 5))
    drawn = Draw.objects.get(session=visitor.session, page="stories.1").upgrade
    assert drawn is not None
    assert {drawn.from_value, drawn.to_value} == {"advice", card.code}
    assert drawn.story in visitor.text
    assert WORDS["title"] in visitor.text
    assert made.pair == drawn.pair


def test_erasing_the_author_leaves_no_word_of_theirs_and_nobody_meets_the_story(model: Any) -> None:
    study = open_to_others()
    card, made = from_a_card(study)
    other = to_stories(Visitor(study, 5))
    assert "PAUSES" in all_words(study)
    stories = {made.story, made.back}
    sessions.withdraw(token=card.session.token, erase=True)
    left = all_words(study)
    for words in ("PAUSES", WORDS["title"], *stories):
        assert words not in left
    one = Proposal.objects.with_state().get(study=study)
    assert (one.state, one.reason) == (State.ARCHIVED, "Words of a card that it was made from were erased.")
    assert approved(study.pk, "friend") == []
    assert card.code not in added(study)
    other.open()
    assert "This story was taken back" in other.text
    vote(other, "unsure")
    assert other.page is not None
    assert other.page.key == "stories.2", "the open page can be answered, and the walk goes on"
    assert not Draw.objects.filter(session=other.session, page="stories.2", upgrade__pair=made.pair).exists()


def test_a_card_that_is_erased_while_the_model_is_asked_leaves_nothing(model: Any, monkeypatch: Any) -> None:
    study = open_to_others()
    card = carded(study)
    ends = ({one.card.code: one.card for one in values_of(study)}["advice"], card)
    asked, erased = Event(), Event()

    outcome: list[str] = []

    def run() -> None:
        try:
            pair = proposing.Candidate(0, 1, 0.2)
            outcome.append(proposing._one(study, "When a friend is in trouble", ["friend"], ends, pair, 1))
        finally:
            connections.close_all()

    told = proposing._told

    def waiting(*given: Any) -> Any:
        made = told(*given)
        asked.set()
        assert erased.wait(60)
        return made

    monkeypatch.setattr(proposing, "_told", waiting)
    thread = Thread(target=run)
    thread.start()
    assert asked.wait(60)
    sessions.withdraw(token=card.session.token, erase=True)
    erased.set()
    thread.join(60)
    assert outcome == [""]
    assert not Proposal.objects.exists()
    assert "PAUSES" not in all_words(study)


def test_only_the_words_can_be_taken_and_of_the_protocols_stories_not_even_they(model: Any) -> None:
    study = open_to_others()
    _card, made = from_a_card(study)
    vote(to_stories(Visitor(study, 5)))  # the second story is the protocol's
    assert Upgrade.objects.exclude(pair__startswith="~").exists()
    for change in (
        lambda: Proposal.objects.update(story=""),
        lambda: Proposal.objects.update(mapping=[], story="", back="", checks={}, context="When else"),
        lambda: Upgrade.objects.filter(pair=made.pair).update(story="Another."),
        lambda: Upgrade.objects.filter(pair=made.pair).update(story="", context="When else"),
        lambda: Upgrade.objects.exclude(pair__startswith="~").update(story=""),
        lambda: Upgrade.objects.all().delete(),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()

"""Forms that no page sends: buttons that were not there, answers twice, words that are no words, old pages."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client

from elicitation.models import Card, Draw, Vote
from llm.models import Call
from study.session.models import Submission
from tests.elicitation.people import CARD, fill, offered, small, to_card, to_stories, to_values, vote
from tests.elicitation.test_interview import arrived, look, say
from tests.factories import collecting
from tests.study.session.visitor import Visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def visitor() -> Visitor:
    return Visitor(collecting(small()))


def own() -> Any:
    return Card.objects.filter(session__isnull=False)


@pytest.mark.parametrize("leave", ["card", "end", "form; card", ["form", "card"]])
def test_a_button_that_is_not_on_the_page_leads_nowhere(leave: Any) -> None:
    visitor = arrived()
    visitor.send(message="", leave=leave)
    assert visitor.answer.status_code == 422
    assert visitor.page is not None
    assert visitor.page.key == "card.talk"


def test_who_leaves_with_a_message_leaves_and_asks_nobody() -> None:
    visitor = arrived()
    visitor.send(message="One more thing.", leave="form")
    assert not Call.objects.exists()
    assert "One more thing." not in look(visitor)
    assert visitor.page is not None
    assert visitor.page.key == "card.story"


def test_a_message_to_a_conversation_that_was_left_is_no_turn() -> None:
    visitor = say(arrived(), "First.")
    late = visitor.form(message="Late.", leave=None)
    visitor.send(message="", leave="form")
    calls = Call.objects.count()
    for attempt in (late["attempt"], "1", "99"):
        visitor.client.post(visitor.address, {**late, "attempt": attempt})
    assert Call.objects.count() == calls
    assert not [row for row in Submission.objects.all() if "Late." in str(row.payload)]


def test_starting_over_again_and_again_stores_one_card(visitor: Visitor) -> None:
    to_card(visitor)
    for _ in range(12):
        visitor.send(decision="afresh", share="whatever" * 100, title="x" * 79)
    assert not own().exists()
    visitor.send(**fill("card"))
    assert own().count() == 1


@pytest.mark.parametrize("decision", [["afresh", "approve"], ["approve", "afresh"], "APPROVE", "", None])
def test_two_decisions_or_none_never_make_a_card_that_its_checks_have_not_seen(
    visitor: Visitor, decision: Any
) -> None:
    to_card(visitor).send(**{**fill("card"), "title": "", "policy_1": "", "decision": decision})
    assert not own().exists()


@pytest.mark.parametrize(
    "title",
    [
        "</textarea><script>alert(1)</script> Care",
        "{{ settings.SECRET_KEY }} {% now %}",
        "\u202eeraC niaP\u202c now",
    ],
)
def test_a_title_is_shown_as_its_letters_and_nothing_else(visitor: Visitor, title: str) -> None:
    to_card(visitor).send(**{**fill("card"), "title": title, "policy_3": "SIGNS"})
    assert visitor.answer.status_code == 422
    assert "<script>alert" not in visitor.text
    assert html.escape(title) in visitor.text
    visitor.send(**{**fill("card"), "title": title})
    stored = own().get().title
    assert stored.isprintable()
    assert "\u202e" not in stored


def test_the_same_value_twice_is_one_value(visitor: Visitor) -> None:
    to_values(visitor)
    first, second, *_ = offered(visitor)
    visitor.send(chosen=[first, first])
    assert visitor.answer.status_code == 422
    visitor.send(chosen=[first, second, first])
    kept = Submission.objects.get(session=visitor.session, page="others").payload
    assert kept["chosen"] == [first, second]


def test_a_card_of_others_that_was_not_drawn_cannot_be_chosen_by_its_code(visitor: Visitor) -> None:
    to_values(visitor)
    secret = own().get(session=visitor.session).code
    visitor.send(chosen=[offered(visitor)[0], secret])
    assert visitor.answer.status_code == 422


@pytest.mark.parametrize("verdict", [["wiser", "not_wiser"], "wisest", "wiser\x00", ""])
def test_a_verdict_is_one_of_three_and_given_once(visitor: Visitor, verdict: Any) -> None:
    to_stories(visitor)
    vote(visitor, verdict)
    given = list(Vote.objects.values_list("verdict", flat=True))
    assert given in ([], ["not_wiser"])


def test_a_story_that_is_still_to_come_cannot_be_answered_first(visitor: Visitor) -> None:
    to_stories(visitor)
    form = visitor.form(verdict="wiser", why="")
    visitor.client.post(visitor.address, {**form, "page": "stories.2"})
    assert not Vote.objects.exists()
    assert not Draw.objects.filter(page="stories.2").exists()


def test_a_stranger_without_the_link_meets_nothing_of_a_walk(visitor: Visitor) -> None:
    to_values(visitor)
    token = visitor.token
    for forged in (token[:-1], token.upper(), token + "x", str(visitor.session.pk)):
        answer = Client().get(f"/s/{forged}/")
        assert answer.status_code == 404
        assert CARD["title"] not in answer.content.decode()

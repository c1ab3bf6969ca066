"""A hostile participant in the interview: nobody else's stream, prompt or critic is reached."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from elicitation.interview import prompts
from elicitation.values.cards import Card
from llm import tokens
from llm.models import Call
from tests.elicitation.test_hostile import ORDERS, SCRIPTS
from tests.elicitation.test_interview import arrived, look, say

pytestmark = pytest.mark.django_db
PLAIN = Card("Plain Care", "Caring plainly.", ("SIGNS of hurt", "ORDERS that help", "WORDS that fit"))


@pytest.mark.parametrize("text", [*ORDERS, *SCRIPTS[:3]])
def test_orders_in_a_card_stay_inside_the_quoted_json_of_the_critics_prompt(text: str) -> None:
    card = Card("Plain Care", text, ("SIGNS of hurt", f"ORDERS {text}", "WORDS that fit"))
    asked, plain = prompts.critic(card).messages, prompts.critic(PLAIN).messages
    assert asked[0] == plain[0]
    assert [message.role for message in asked] == ["system", "user"]
    assert json.loads(asked[1].content)["description"] == text
    assert not any(line.startswith("Task:") for line in asked[1].content.splitlines())


@pytest.mark.parametrize("letters", [25_000, 100_000])
def test_a_message_that_is_far_too_long_is_refused_and_asks_nobody(letters: int) -> None:
    visitor = say(arrived(), "x" * letters)
    assert visitor.answer.status_code == 422
    assert not Call.objects.exists()


@pytest.mark.parametrize("way", ["llm:events", "llm:text"])
@pytest.mark.parametrize("forge", ["id", "changed", "other salt"])
def test_nobody_reads_a_stream_without_its_own_signed_link(way: str, forge: str) -> None:
    from django.core import signing

    say(arrived(), "My secret.")
    call: Any = Call.objects.get()
    token = tokens.issue(call.pk)
    forged = {
        "id": str(call.pk),
        "changed": ("A" if token[0] != "A" else "B") + token[1:],
        "other salt": signing.dumps(call.pk.hex, salt="session"),
    }[forge]
    assert Client().get(reverse(way, args=[forged])).status_code == 404


def test_the_page_of_another_holds_no_link_to_the_stream() -> None:
    first = say(arrived(), "My secret.")
    assert "data-stream" in first.text
    other = look(type(first)(first.study, 2).open().go_to("card"))
    assert "data-stream" not in other
    assert "My secret." not in other

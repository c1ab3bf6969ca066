"""Requests that broke off count in the budgets as the service may bill them; refused ones do not."""

from __future__ import annotations

import uuid

import pytest

from llm.models import Budget, Call
from llm.prompts import estimate_tokens
from llm.rehearsal_model.server import ThreadedServer
from tests.llm import helpers

pytestmark = pytest.mark.django_db(transaction=True)
STUDY = uuid.UUID(int=7)


def spent(key: str) -> tuple[Call, int]:
    """The call after its end, and what the study's budget says was used and is held."""
    call = helpers.carried_out(helpers.ask(key, study=STUDY, streamed=True, deadline=60))
    row = Budget.objects.get(scope="study", ref=str(STUDY))
    assert row.tokens_held == 0
    return call, row.tokens_used


def prompt_tokens() -> int:
    return estimate_tokens([*(message.content for message in helpers.prompt().messages), "", ""])


def test_a_stream_that_broke_costs_its_prompt_and_the_words_that_came(model: ThreadedServer) -> None:
    model.fault("cut", value=3, times=1)
    call, used = spent("cut once")
    assert (call.state, call.tries) == ("done", 2)
    words = call.requests.get(number=1).shown
    assert words
    billed = (call.tokens_in or 0) + (call.tokens_out or 0)
    assert used == billed + prompt_tokens() + estimate_tokens([words])


def test_a_call_that_never_got_an_answer_is_not_free(model: ThreadedServer) -> None:
    model.fault("cut", value=3)
    call, used = spent("cut always")
    assert call.state == "failed"
    shown = call.requests.values_list("shown", flat=True)
    assert used == len(shown) * prompt_tokens() + estimate_tokens([words for words in shown if words])


@pytest.mark.parametrize("status", [429, 503, 400])
def test_a_request_that_the_service_refused_costs_nothing(model: ThreadedServer, status: int) -> None:
    model.fault("status", value=status)
    call, used = spent("refused")
    assert (call.state, used) == ("failed", 0)

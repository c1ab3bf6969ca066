"""Money is held before a request and settled after it, so that a study's grant is never passed, not even together."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from llm import budget, calls, gateway, pricing
from llm.errors import OverBudget
from llm.models import Budget, Call, Try
from llm.prompts import Message, Prompt, Reply, Usage
from tests.concurrently import at_once
from tests.llm import helpers

pytestmark = pytest.mark.django_db(transaction=True)
STUDY = uuid.UUID(int=9)
PRICES = {"small": (1.0, 4.0)}


@pytest.fixture(autouse=True)
def priced(settings: Any) -> None:
    settings.HEED_LLM_PRICES = PRICES


def asked(key: str, model: str = "small-1") -> Call:
    prompt = Prompt((Message("user", "Is water wet?"),), "test.question", model=model)
    call = helpers.ask(key, prompt=prompt, study=STUDY)
    assert call.claim(30)
    return call


def held(call: Call) -> bool:
    """Did the call get its money? As the worker asks for it."""
    tokens, cost = budget.tokens_at_most(call), budget.cost_at_most(call)
    try:
        with transaction.atomic():
            assert call.sending("test:1", tokens, cost)
            budget.hold(call, tokens, cost)
    except OverBudget:
        return False
    Try.objects.create(call=call, number=call.tries, worker="test")
    return True


def money() -> tuple[int, int]:
    """Used and held for the study, in millionths."""
    row = Budget.objects.get(scope="study", ref=str(STUDY))
    return row.cost_used, row.cost_held


def test_parallel_calls_cannot_spend_more_than_the_grant_together() -> None:
    waiting = [asked(f"p{n}") for n in range(8)]
    one = budget.cost_at_most(waiting[0])
    sampling = waiting[0].ask().sampling
    assert one >= 4 * sampling.max_tokens, "the longest answer is paid for"
    budget.limit_study(STUDY, 3 * one)
    got = at_once([lambda call=call: held(call) for call in waiting], threads=8)
    assert sorted(got) == [False] * 5 + [True] * 3
    assert money() == (0, 3 * one)


def test_what_an_answer_cost_replaces_what_was_held_for_it() -> None:
    call = asked("paid")
    budget.limit_study(STUDY, 10 * budget.cost_at_most(call))
    assert held(call)
    assert calls.succeed(call, Reply("Yes", "Yes", "small-1", usage=Usage(1000, 50)))
    assert money() == (1000 + 4 * 50, 0)
    assert Call.objects.get(pk=call.pk).reserved_cost == 0


def test_a_service_that_does_not_count_has_used_all_that_was_held() -> None:
    call = asked("uncounted")
    budget.limit_study(STUDY, 10 * budget.cost_at_most(call))
    assert held(call)
    most = call.reserved_cost
    assert calls.succeed(call, Reply("Yes", "Yes", "small-1"))
    assert money() == (most, 0)


def test_an_overdue_call_pays_for_the_prompt_it_sent_and_holds_nothing() -> None:
    call = asked("late")
    budget.limit_study(STUDY, 10 * budget.cost_at_most(call))
    assert held(call)
    prompt = pricing.cost_micro("small-1", budget.broken(call, before=2), PRICES)
    Call.objects.update(deadline_at=timezone.now() - timedelta(seconds=10))
    assert calls.expire(call.pk)
    assert prompt
    assert money() == (prompt, 0)


def test_a_model_without_a_price_is_stopped_by_tokens_alone() -> None:
    call = asked("unknown", model="other-1")
    budget.limit_study(STUDY, 1)
    assert budget.cost_at_most(call) == 0
    assert held(call)


def test_a_spent_grant_stops_a_call_before_it_is_made(model: Any) -> None:
    budget.limit_study(STUDY, 100)
    Budget.objects.update(cost_used=100)
    with pytest.raises(OverBudget):
        gateway.complete(helpers.prompt(), purpose="test", study=STUDY)
    assert model.seen() == []


@pytest.mark.parametrize(
    ("granted", "server", "holds"), [(50, 0, 50), (50, 20, 20), (50, 90, 50), (0, 20, 20)]
)
def test_the_lower_of_the_studys_and_the_servers_limit_holds(
    settings: Any, granted: int, server: int, holds: int
) -> None:
    settings.HEED_LLM_STUDY_COST = server
    budget.limit_study(STUDY, granted)
    assert Budget.objects.get(scope="study", ref=str(STUDY)).cost_limit == holds


def test_a_grant_that_is_taken_out_leaves_no_limit() -> None:
    budget.limit_study(STUDY, 50)
    budget.limit_study(STUDY, 0)
    assert Budget.objects.get(scope="study", ref=str(STUDY)).cost_limit == 0

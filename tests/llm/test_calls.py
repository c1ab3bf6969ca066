"""The record of work: one call for a key, one worker, one result, one handler, budgets, deadlines, erasure."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from llm import budget, calls, chat, gateway, leases, sweeper, tasks, worker
from llm.errors import LLMError, OverBudget, Unavailable
from llm.models import Budget, Call, Try
from llm.prompts import Message, Reply, Tool, Usage
from llm.rehearsal_model.server import ThreadedServer
from tests.concurrently import at_once
from tests.llm import helpers

pytestmark = pytest.mark.django_db(transaction=True)
STUDY = uuid.UUID(int=7)


def test_a_reply_is_recorded_with_everything_that_is_needed_to_repeat_and_to_pay_for_it(
    model: ThreadedServer,
) -> None:
    reply = gateway.complete(
        helpers.prompt(), purpose="test.question", key="once", study=STUDY, participant="p1"
    )
    call = Call.objects.get(key="once")
    assert (call.state, call.purpose, call.study, call.participant) == ("done", "test.question", STUDY, "p1")
    assert (call.template, call.template_version) == ("test.question", "1")
    assert call.ask() == Prompt_with_model(call)
    assert (call.model_asked, call.model_answered) == ("heed-rehearsal-1", "heed-rehearsal-1")
    assert (call.fingerprint, call.rehearsal) == ("rehearsal", True)
    assert call.raw_text == reply.raw
    assert (call.tokens_in, call.tokens_out, call.cost_micro) == (
        reply.usage.tokens_in,
        reply.usage.tokens_out,
        0,
    )
    assert call.latency_ms is not None
    assert (call.tries, call.retries, call.error) == (1, 0, "")
    assert call.reply() == reply


def Prompt_with_model(call: Call) -> Any:
    from dataclasses import replace

    return replace(helpers.prompt(), model=call.model_asked)


def test_asking_again_with_the_same_key_gives_the_same_reply_without_a_request(model: ThreadedServer) -> None:
    first = gateway.complete(helpers.prompt(), purpose="test", key="same")
    again = gateway.complete(helpers.prompt("something else"), purpose="test", key="same")
    assert again == first
    assert len(model.seen()) == 1


def test_no_model_is_called_inside_a_transaction(model: ThreadedServer) -> None:
    with transaction.atomic(), pytest.raises(RuntimeError, match="transaction"):
        gateway.complete(helpers.prompt(), purpose="test")
    with transaction.atomic(), pytest.raises(RuntimeError, match="transaction"):
        gateway.embed(["x"], purpose="test")
    assert model.seen() == []


def test_twenty_deliveries_at_the_same_moment_make_one_request(model: ThreadedServer) -> None:
    call = helpers.ask("race")
    at_once([lambda: tasks.work(str(call.pk)) for _ in range(20)], threads=20)
    call.refresh_from_db()
    assert (call.state, call.tries, len(model.seen())) == ("done", 1, 1)


def test_twenty_clicks_at_the_same_moment_make_one_call(model: ThreadedServer) -> None:
    made = at_once([lambda: helpers.ask("click").pk for _ in range(20)], threads=20)
    assert len(set(made)) == 1
    assert Call.objects.count() == 1


def test_a_worker_that_lost_its_lease_can_neither_store_nor_send(model: ThreadedServer) -> None:
    slow = helpers.ask("lease")
    assert slow.claim(0.0)
    fast = Call.objects.get(pk=slow.pk)
    assert fast.claim(30.0)
    assert not slow.sending("backend")
    late = Reply("late", "late", "m", usage=Usage(1, 1))
    assert not calls.succeed(slow, late)
    assert not calls.fail(slow, Unavailable("timeout"))
    assert not slow.put_back(0.0)
    assert calls.succeed(fast, Reply("first", "first", "m", usage=Usage(1, 1)))
    assert Call.objects.get(pk=slow.pk).text == "first"


def test_leases_are_renewed_while_the_model_thinks(model: ThreadedServer, settings: Any) -> None:
    call = helpers.ask("long")
    assert call.claim(0.2)
    before = call.lease_until
    with leases.kept(call):
        assert leases.renew() == 1
    call.refresh_from_db()
    assert call.lease_until is not None
    assert before is not None
    assert call.lease_until > before
    assert leases.renew() == 0


def test_the_database_refuses_impossible_rows() -> None:
    call = helpers.ask("rows")
    for columns in (
        {"state": "done"},
        {"state": "failed", "finished_at": timezone.now()},
        {"error": "x"},
        {"state": "running"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Call.objects.filter(pk=call.pk).update(**columns)


def test_the_handler_of_a_purpose_runs_once_in_a_transaction_and_again_after_it_failed(
    model: ThreadedServer,
) -> None:
    seen: list[tuple[str, bool]] = []

    def handler(call: Call) -> None:
        seen.append((call.text, connection.in_atomic_block))
        if len(seen) == 1:
            raise RuntimeError("a bug, once")

    calls.when_finished("test.handled", handler)
    call = helpers.carried_out(helpers.ask("handled", purpose="test.handled.deeper"))
    assert call.handled_at is None
    calls.handle(call.pk)
    calls.handle(call.pk)
    call.refresh_from_db()
    assert call.handled_at is not None
    assert seen == [(call.text, True)] * 2


def test_two_handlers_for_one_purpose_are_refused() -> None:
    def one(call: Call) -> None: ...
    def two(call: Call) -> None: ...

    calls.when_finished("test.twice", one)
    calls.when_finished("test.twice", one)
    with pytest.raises(ValueError, match="two handlers"):
        calls.when_finished("test.twice", two)


def test_a_broken_reply_is_repaired_in_a_call_of_its_own_that_no_handler_sees(model: ThreadedServer) -> None:
    model.fault("badjson", times=1)
    call = helpers.carried_out(helpers.ask("mend", prompt=helpers.prompt(schema=helpers.DRAFT)))
    child = Call.objects.get(repairs=call)
    assert call.data == child.data
    assert call.warnings == ["repaired"]
    assert call.raw_text == '{"answer": "never clos'
    assert child.handled_at is not None
    assert child.ask().messages[: len(call.ask().messages)] == call.ask().messages


def test_a_reply_that_stays_broken_fails_after_one_repair(model: ThreadedServer) -> None:
    model.fault("badjson")
    call = helpers.carried_out(helpers.ask("broken", prompt=helpers.prompt(schema=helpers.DRAFT)))
    assert (call.state, call.error, call.error_kind) == ("failed", "bad_reply", "malformed")
    assert call.raw_text == '{"answer": "never clos'
    assert len(model.seen()) == 2


def test_each_budget_stops_a_call_before_it_is_made(model: ThreadedServer, settings: Any) -> None:
    for scope in ("participant", "study", "day"):
        Budget.objects.all().delete()
        refs = {"participant": f"{STUDY}:p", "study": str(STUDY), "day": timezone.now().date().isoformat()}
        budget.set_limits(scope, refs[scope], tokens=100)
        model.reset()
        with pytest.raises(OverBudget) as caught:
            gateway.complete(helpers.prompt(), purpose="test", study=STUDY, participant="p")
        assert caught.value.kind == scope
        assert model.seen() == []
        assert sum(Budget.objects.values_list("tokens_held", flat=True)) == 0


def test_parallel_calls_cannot_overspend_together(model: ThreadedServer) -> None:
    one = budget.tokens_at_most(helpers.ask("measure"))
    budget.set_limits("study", str(STUDY), tokens=3 * one)
    asked = [helpers.ask(f"p{n}", study=STUDY) for n in range(12)]
    for call in asked:
        call.claim(30)

    def hold(call: Call) -> bool:
        try:
            with transaction.atomic():
                budget.hold(call, one)
        except OverBudget:
            return False
        return True

    held = at_once([lambda call=call: hold(call) for call in asked], threads=12)
    assert sorted(held) == [False] * 9 + [True] * 3
    assert Budget.objects.get(scope="study").tokens_held == 3 * one


def test_the_first_calls_of_a_day_make_its_budget_without_refusing_each_other(model: ThreadedServer) -> None:
    for round_ in range(5):
        Budget.objects.all().delete()
        asked = [helpers.ask(f"day-{round_}-{n}") for n in range(10)]
        at_once([lambda call=call: worker.work(call.pk) for call in asked], threads=10)
    assert set(Call.objects.values_list("state", "error_kind")) == {("done", "")}


def test_what_was_held_is_replaced_by_what_was_used(model: ThreadedServer) -> None:
    reply = gateway.complete(helpers.prompt(), purpose="test", study=STUDY, participant="p")
    used = (reply.usage.tokens_in or 0) + (reply.usage.tokens_out or 0)
    rows = Budget.objects.values_list("scope", "tokens_used", "tokens_held", "calls")
    assert sorted(rows) == [(scope, used, 0, 1) for scope in ("day", "participant", "study")]


def test_a_failed_call_holds_nothing(model: ThreadedServer) -> None:
    model.fault("status", value=400)
    helpers.carried_out(helpers.ask("refused", study=STUDY))
    assert sum(Budget.objects.values_list("tokens_held", flat=True)) == 0


def test_a_call_past_its_deadline_fails_without_a_worker_and_a_late_answer_changes_nothing(
    model: ThreadedServer,
) -> None:
    call = helpers.ask("late", streamed=True)
    assert call.claim(30)
    budget.hold(call, 50)
    Call.objects.update(reserved_tokens=50, deadline_at=timezone.now() - timedelta(seconds=10))
    assert sweeper.sweep().expired == 1
    assert not calls.succeed(call, Reply("too late", "too late", "m"))
    now = Call.objects.get(pk=call.pk)
    assert (now.state, now.error_kind, now.shown_text) == ("failed", "deadline", "The registered fallback.")
    assert sum(Budget.objects.values_list("tokens_held", flat=True)) == 0
    assert helpers.shown(helpers.events_of(now)) == ("The registered fallback.", "fallback")


def test_the_sweeper_finds_silent_workers_lost_messages_and_forgotten_handlers(model: ThreadedServer) -> None:
    silent, lost, fresh = helpers.ask("silent"), helpers.ask("lost"), helpers.ask("fresh")
    silent.claim(0.0)
    old = timezone.now() - timedelta(minutes=1)
    Call.objects.filter(pk__in=[silent.pk, lost.pk]).update(created_at=old, woken_at=old)
    assert sweeper.sweep().woken == 2
    assert sweeper.sweep().woken == 0, "the same calls were nudged again at once"
    Call.objects.filter(pk=fresh.pk).update(
        state="failed", error="unavailable", finished_at=old, handled_at=None
    )
    assert sweeper.sweep().handled == 1
    assert Call.objects.get(pk=fresh.pk).handled_at is not None


def test_erasing_a_participant_leaves_counts_and_no_words(model: ThreadedServer) -> None:
    model.fault("cut", times=1)
    helpers.carried_out(helpers.ask("mine", study=STUDY, participant="p1", streamed=True))
    helpers.carried_out(helpers.ask("yours", study=STUDY, participant="p2"))
    assert calls.erase_participant("p1", STUDY) == 1
    mine, yours = Call.objects.get(key="mine"), Call.objects.get(key="yours")
    assert (mine.prompt, mine.raw_text, mine.text, mine.fallback, mine.participant) == (
        {"erased": True},
        "",
        "",
        "",
        "",
    )
    assert mine.tokens_out is not None
    assert not Try.objects.filter(call=mine).exclude(shown="").exists()
    assert yours.text
    assert not Budget.objects.filter(scope="participant", ref__endswith=":p1").exists()


def test_embeddings_come_in_order_and_are_recorded(model: ThreadedServer) -> None:
    texts = [f"text number {n}" for n in range(300)]
    found = gateway.embed(texts, purpose="test.embed", study=STUDY)
    assert len(found.vectors) == 300
    again = gateway.embed([texts[299]], purpose="test.embed")
    assert again.vectors[0] == pytest.approx(found.vectors[299])
    assert [
        len(row["input"]) for row in Call.objects.filter(study=STUDY).values_list("prompt", flat=True)
    ] == [256, 44]


def test_embeddings_that_fail_say_so_and_hold_nothing(model: ThreadedServer) -> None:
    model.fault("status", value=500)
    with pytest.raises(Unavailable):
        gateway.embed(["x"], purpose="test.embed")
    assert Call.objects.get().state == "failed"
    assert sum(Budget.objects.values_list("tokens_held", flat=True)) == 0


def test_a_conversation_turn_is_one_call_with_masked_words_and_a_hard_stop(model: ThreadedServer) -> None:
    turn = {
        "conversation": "c1",
        "system": "Task: elicitation.interview\nInterview.",
        "history": [Message("assistant", "Hello."), Message("user", "Hi."), Message("assistant", "And?")],
        "template": "elicitation.interview",
        "version": "1",
        "purpose": "test.chat",
    }
    first = chat.say(turn=1, message="Write to me at me@example.org\x00", **turn)
    second_tab = chat.say(turn=1, message="another text", **turn)
    assert second_tab.pk == first.pk
    assert first.ask().messages[-1].content == "Write to me at [removed]"
    with pytest.raises(chat.Ended):
        chat.say(turn=13, message="still here", **turn)


def test_a_tool_that_the_model_asks_for_is_recorded(model: ThreadedServer) -> None:
    said = [Message("user", f"I was honest, answer {n}") for n in range(5)]
    call = chat.say(
        conversation="c2",
        turn=6,
        system="Task: elicitation.interview\nInterview.",
        history=said,
        message="I told the truth",
        template="elicitation.interview",
        version="1",
        purpose="test.chat",
        tools=[Tool("submit_card", "The card.", {"type": "object"})],
    )
    reply = helpers.carried_out(call).reply()
    assert [tool.name for tool in reply.tool_calls] == ["submit_card"]
    assert "Speaking Plainly" in reply.tool_calls[0].arguments


def test_history_is_cut_from_its_beginning_and_never_starts_with_a_tool(model: ThreadedServer) -> None:
    history = [
        Message("user", "x" * 350),
        Message("tool", "result", tool_call_id="1"),
        Message("assistant", "short"),
    ]
    assert chat.recent(history, 40) == (history[2],)
    assert chat.recent(history, 10_000) == tuple(history)
    assert chat.recent(history, 0) == ()


def test_many_threads_finish_many_calls_without_waiting_for_each_other_in_a_circle(
    model: ThreadedServer,
) -> None:
    asked = [helpers.ask(f"many-{n}", study=STUDY, participant=f"p{n % 3}") for n in range(60)]
    keeper = threading.Event()

    def renewing() -> None:
        while not keeper.is_set():
            leases.renew()
        connection.close()

    thread = threading.Thread(target=renewing)
    thread.start()
    try:
        at_once([lambda call=call: worker.work(call.pk) for call in asked], threads=12)
    finally:
        keeper.set()
        thread.join()
    assert set(Call.objects.values_list("state", flat=True)) == {"done"}
    assert Try.objects.count() == 60


def test_an_unfinished_call_has_no_reply_yet() -> None:
    with pytest.raises(LLMError, match="queued"):
        helpers.ask("open").reply()

"""Asking for model calls and ending them. The row is the record of work; a message to a worker is only a nudge.

    call = calls.request(prompt, key="advice:…", purpose="study.advice", streamed=True, fallback="…")

The same key is the same call: a second click, a retry or a double delivery never asks twice and never stores twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from django.db import OperationalError, close_old_connections, connection, transaction
from django.utils import timezone

from llm import budget, conf, nudges, pricing, streams
from llm.errors import LLMError, Unavailable
from llm.models import Budget, Call, Try
from llm.prompts import Prompt, Reply, prompt_hash

logger = logging.getLogger(__name__)
Handler = Callable[[Call], None]
GRACE = timedelta(seconds=2)  # a worker's own time limit comes before anybody else's
_handlers: dict[str, Handler] = {}
LONGEST_DETAIL = 500
WRITE_PAUSES = (0.05, 0.5, 2.0)  # seconds
P = ParamSpec("P")
R = TypeVar("R")


def request(
    prompt: Prompt,
    *,
    key: str,
    purpose: str,
    study: uuid.UUID | None = None,
    participant: str = "",
    priority: str = Call.Priority.PARTICIPANT,
    streamed: bool = False,
    deadline: float | None = None,
    fallback: str = "",
) -> Call:
    """Ask for a call and return its row; a worker is woken when the surrounding transaction commits.

    deadline: seconds until the call fails and `fallback` is shown. An existing `key` returns the existing call.
    """
    call, created = record(
        prompt,
        key=key,
        purpose=purpose,
        study=study,
        participant=participant,
        priority=priority,
        streamed=streamed,
        deadline=deadline,
        fallback=fallback,
        woken_at=timezone.now(),
    )
    if created:
        transaction.on_commit(partial(nudges.send, call.pk, call.priority), robust=True)
    return call


def record(prompt: Prompt, *, key: str, deadline: float | None = None, **columns: Any) -> tuple[Call, bool]:
    """The row of this key, and whether it is new. Wakes nobody."""
    model = prompt.model or conf.current().model
    fresh = {
        "template": prompt.template,
        "template_version": prompt.version,
        "prompt": prompt.as_json(),
        "prompt_hash": prompt_hash(prompt, model),
        "model_asked": model,
        "deadline_at": deadline_at(deadline),
        **columns,
    }
    return Call.objects.get_or_create(key=key, defaults=fresh)


def deadline_at(seconds: float | None) -> Any:
    return timezone.now() + timedelta(seconds=conf.current().deadline_seconds if seconds is None else seconds)


def when_finished(purpose: str, handler: Handler) -> None:
    """Run `handler(call)` once for each finished call of `purpose` (or `purpose.*`), inside a transaction.

    To be registered when an app is ready. A handler that fails is tried again by the sweeper.
    """
    if _handlers.get(purpose, handler) is not handler:
        raise ValueError(f"two handlers for calls of {purpose!r}")
    _handlers[purpose] = handler


def wake(call_id: uuid.UUID, priority: str, pause: float = 0.0) -> None:
    """Nudge a worker again, now or in `pause` seconds. A broker that is away costs nothing but time."""
    Call.objects.filter(pk=call_id).update(woken_at=timezone.now() + timedelta(seconds=pause))
    nudges.send(call_id, priority, pause)


def persistently(write: Callable[P, R]) -> Callable[P, R]:
    """Repeat a write that the database refused for a passing reason: what a model said is not to be asked twice."""

    @wraps(write)
    def repeated(*args: P.args, **kwargs: P.kwargs) -> R:
        for pause in WRITE_PAUSES:
            try:
                return write(*args, **kwargs)
            except OperationalError as error:
                if connection.in_atomic_block:
                    raise
                logger.warning("a write is repeated: %s", error)
                close_old_connections()
                time.sleep(pause)
        return write(*args, **kwargs)

    return repeated


@persistently
def succeed(call: Call, reply: Reply, *, data: Any = None, sent: Try | None = None) -> bool:
    """Move a running call to done with its reply, once; False when it was no longer ours.

    sent: the request that brought the reply. It counts as answered in the same commit, so that a worker that dies
    here leaves a request without an answer, never two answers for one call.
    """
    cost = pricing.cost_micro(reply.model, reply.usage, conf.current().prices)
    with transaction.atomic():
        columns = {**_columns(reply), **_handled(call)}
        won = call.finish(state=Call.State.DONE, data=data, cost_micro=cost, **columns)
        if won:
            budget.settle(call, reply.usage, cost)
            _answered(sent)
    if won:
        _ended(call, columns)
    return won


@persistently
def fail(call: Call, error: LLMError, *, sent: Try | None = None) -> bool:
    """Move a running call to failed, once; what had come before it failed is kept and paid for.

    sent: the request that was answered, with something that could not be used.
    """
    came = error.received
    cost = pricing.cost_micro(came.model, came.usage, conf.current().prices) if came else None
    columns = {**(_columns(came) if came else {}), **_handled(call)}
    with transaction.atomic():
        won = call.finish(**{**columns, "cost_micro": cost}, **_failure(error))
        if won and came and came.usage.tokens_out is not None:
            budget.settle(call, came.usage, cost)
        elif won:
            budget.release(call)
        if won:
            _answered(sent)
    if won:
        _ended(call, columns)
    return won


def expire(call_id: uuid.UUID) -> bool:
    """Fail a call whose deadline has passed, whoever holds it; False when there is nothing to expire."""
    error = too_late()
    with transaction.atomic():
        late = Call.objects.overdue().filter(pk=call_id)
        late = late.exclude(state=Call.State.RUNNING, deadline_at__gt=timezone.now() - GRACE)
        won = late.update(finished_at=timezone.now(), lease_until=None, **_failure(error))
        if won:
            call = Call.objects.get(pk=call_id)
            budget.release(call)
            Call.objects.filter(pk=call_id).update(reserved_tokens=0, reserved_cost=0)
    if won:
        after_end(call)
    return bool(won)


def too_late() -> Unavailable:
    return Unavailable("deadline", "nobody answered in time")


def settled(call_id: uuid.UUID | str) -> Call:
    """The call as it is now, expired first if its time is over. Raises Call.DoesNotExist."""
    call = Call.objects.get(pk=call_id)
    if not call.is_finished and call.deadline_at < timezone.now() and expire(call.pk):
        call.refresh_from_db()
    return call


async def look(call_id: uuid.UUID) -> tuple[str, str] | None:
    """For streams.events: ("done" or "fallback", the text to show) once the call has ended, else None."""
    call = await asyncio.to_thread(_settled_and_closed, call_id)
    if not call.is_finished:
        return None
    return ("fallback" if call.is_fallback else "done", call.shown_text)


def _settled_and_closed(call_id: uuid.UUID) -> Call:
    """In a thread that streams share: its database connection goes back to the pool at once."""
    try:
        return settled(call_id)
    finally:
        connection.close()


def after_end(call: Call) -> None:
    """Tell the page and run the purpose's handler. Safe to run twice."""
    if call.streamed:
        streams.end(call.pk)
    if call.handled_at is None:
        handle(call.pk)


def handle(call_id: uuid.UUID) -> None:
    """Run the handler of a finished call, if it has not run. An error in it is logged, and the sweeper tries again."""
    try:
        with transaction.atomic():
            if Call.objects.unhandled().filter(pk=call_id).update(handled_at=timezone.now()):
                call = Call.objects.get(pk=call_id)
                handler = _handler_of(call.purpose)
                if handler:
                    handler(call)
    except Exception:
        logger.exception("the handler of call %s failed", call_id)


def erase_participant(participant: str, study: uuid.UUID | None) -> int:
    """Blank the words of a participant's calls and drop the budget row; returns the number of calls."""
    mine = Call.objects.filter(participant=participant, study=study)
    Try.objects.filter(call__in=mine).update(shown="")
    Budget.objects.filter(scope="participant", ref=budget.participant_ref(study, participant)).delete()
    return mine.erase()


def _answered(sent: Try | None) -> None:
    if sent is not None:
        sent.end(Try.Outcome.ANSWERED)


def _ended(call: Call, columns: dict[str, Any]) -> None:
    call.handled_at = columns.get("handled_at", call.handled_at)
    after_end(call)


def _nobody_cares(call: Call) -> bool:
    return _handler_of(call.purpose) is None


def _handled(call: Call) -> dict[str, Any]:
    """A purpose without a handler is handled by ending."""
    return {"handled_at": timezone.now()} if call.handled_at is None and _nobody_cares(call) else {}


def _handler_of(purpose: str) -> Handler | None:
    while purpose:
        if purpose in _handlers:
            return _handlers[purpose]
        purpose = purpose.rpartition(".")[0]
    return None


def _failure(error: LLMError) -> dict[str, Any]:
    detail = error.detail.replace("\x00", "")[:LONGEST_DETAIL]
    return {"state": Call.State.FAILED, "error": error.name, "error_kind": error.kind, "error_detail": detail}


def _columns(reply: Reply) -> dict[str, Any]:
    return {
        "raw": reply.raw.encode("utf-8", "surrogatepass"),
        "text": reply.text,
        "tool_calls": [
            {"id": item.id, "name": item.name, "arguments": item.arguments} for item in reply.tool_calls
        ],
        "model_answered": reply.model,
        "fingerprint": reply.fingerprint,
        "rehearsal": reply.rehearsal,
        "finish_reason": reply.finish_reason,
        "tokens_in": reply.usage.tokens_in,
        "tokens_out": reply.usage.tokens_out,
        "first_token_ms": reply.first_token_ms,
        "latency_ms": reply.latency_ms,
        "logprobs": [[token, value] for token, value in reply.logprobs],
        "warnings": list(reply.warnings),
    }

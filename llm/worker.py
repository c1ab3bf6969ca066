"""One step of work on one call: claim it, hold the budget, take a place, ask, record.

`work` never raises for what a model or a network does; it ends the call or says when to come again.
"""

from __future__ import annotations

import logging
import os
import socket
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from random import Random

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from llm import budget, calls, conf, leases, limits, pricing, streams, structured
from llm.backends import base
from llm.backends.base import Backend, Vectors
from llm.errors import BadReply, LLMError, Unavailable
from llm.limits import NoPlace, Verdict
from llm.models import Call, Try
from llm.prompts import Reply
from llm.rehearsal_model import FINGERPRINT
from llm.retry import pause_before_retry

logger = logging.getLogger(__name__)
WORKER = f"{socket.gethostname()[:60]}:{os.getpid()}"
SOON = 0.05  # seconds; the shortest time limit given to a request
_jitter = Random()  # spreads retries; nothing of a study depends on it


def work(call_id: uuid.UUID | str) -> float | None:
    """Do what can be done now for the call; seconds after which to come again, or None when there is no need.

    Safe to run twice and in two places: whoever does not win the claim does nothing.
    """
    refuse_in_transaction()
    call = Call.claimed(call_id, conf.current().lease_seconds)
    if call is None:
        return None
    with leases.kept(call):
        return Step(call).take()


def drive(call_id: uuid.UUID) -> Call:
    """Work on the call until it has ended, here or in a worker, at the latest at its deadline."""
    refuse_in_transaction()
    while True:
        pause = work(call_id)
        call = calls.settled(call_id)
        if call.is_finished:
            return call
        time.sleep(min(0.1 if pause is None else pause, max(SOON, seconds_left(call))))


def embed(call: Call, texts: Sequence[str]) -> Vectors:
    """Ask for the vectors of `texts` on the row `call`. Raises LLMError; the row says the same."""
    refuse_in_transaction()
    if not call.claim(conf.current().lease_seconds):
        raise Unavailable("busy", "somebody else asks for these vectors")
    with leases.kept(call):
        return Step(call).take_vectors(texts)


def refuse_in_transaction() -> None:
    """Raises RuntimeError inside a transaction (a test case's own wrapper apart): a model may take minutes."""
    blocks = getattr(connection, "atomic_blocks", [])
    if connection.in_atomic_block and not all(getattr(block, "_from_testcase", False) for block in blocks):
        raise RuntimeError("a model call inside a database transaction")


def seconds_left(call: Call) -> float:
    return (call.deadline_at - timezone.now()).total_seconds()


class Step:
    """One claimed call in the hands of one worker."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.conf = conf.current()
        self.writer = streams.Writer(call.pk) if call.streamed else None
        self.sent: Try | None = None  # the request whose answer is in hand and not recorded yet

    def take(self) -> float | None:
        """Ask once. Seconds until the next step, or None when the call has ended or is no longer ours."""
        try:
            reply = self._ask()
            if reply is not None:
                self._record(reply)
        except LLMError as error:
            return self._wait_or_fail(error)
        except Exception:
            logger.exception("call %s", self.call.pk)
            calls.fail(self.call, Unavailable("internal", "an error in our own program; see the log"))
        return None

    def take_vectors(self, texts: Sequence[str]) -> Vectors:
        """Ask once for vectors. Raises LLMError."""
        try:
            with self._place() as backend:
                sent = self._begin(backend)
                with _noting_failure(sent):
                    vectors = backend.embed(texts, self.call.model_asked, seconds=self._seconds())
        except LLMError as error:
            calls.fail(self.call, error)
            raise
        fingerprint = FINGERPRINT if vectors.model.startswith(pricing.REHEARSAL) else ""
        reply = Reply("", "", vectors.model, fingerprint, usage=vectors.usage, latency_ms=vectors.latency_ms)
        calls.succeed(self.call, reply, sent=sent)
        return vectors

    def _ask(self) -> Reply | None:
        """The reply, or None when another worker has taken over meanwhile."""
        with self._place() as backend:
            sent = self._begin(backend)
            return self._send(backend, sent) if sent else None

    @contextmanager
    def _place(self) -> Iterator[Backend]:
        """Hold a place among the requests in flight, and report how the service behaved."""
        if seconds_left(self.call) <= 0:
            raise calls.too_late()
        backend, me = base.get(), str(self.call.pk)
        limits.admit(backend.name, me, priority=self.call.priority, conf=self.conf)
        verdict, pause = Verdict.UNKNOWN, 0.0
        try:
            yield backend
            verdict = Verdict.ALIVE
        except LLMError as error:
            verdict, pause = limits.verdict_of(error), error.retry_after or 0.0
            raise
        finally:
            limits.report(backend.name, me, verdict, conf=self.conf, pause=pause)

    def _begin(self, backend: Backend) -> Try | None:
        """Hold the budget and record that a request goes out; None when the call is no longer ours."""
        fresh = 0 if self.call.reserved_tokens else budget.tokens_at_most(self.call)
        cost = budget.cost_at_most(self.call) if fresh else 0
        with transaction.atomic():
            if not self.call.sending(backend.name, fresh, cost):
                return None
            if fresh:  # a call taken over from a dead worker, or put back, holds its tokens already
                budget.hold(self.call, fresh, cost)
            sent = Try.objects.create(call=self.call, number=self.call.tries, worker=WORKER)
        if self.writer and self.call.tries > 1:
            self.writer.restart()
        return sent

    def _send(self, backend: Backend, sent: Try) -> Reply:
        on_text = self.writer.text if self.writer else None
        prompt = self.call.ask()
        lend_connection()
        with _noting_failure(sent, self.writer):
            reply = backend.chat(prompt, self.call.model_asked, on_text=on_text, seconds=self._seconds())
        self.sent = sent
        return reply

    def _record(self, reply: Reply) -> None:
        """Store the reply; one that breaks its schema is shown to the model once more."""
        schema = self.call.ask().schema
        if schema is None or reply.tool_calls:
            calls.succeed(self.call, reply, sent=self.sent)
            return
        try:
            data = structured.parse(reply.raw, schema)
        except BadReply as problem:
            problem.received = reply
            if self.call.repairs_id is not None:
                raise
            self._repair(reply, problem)
        else:
            calls.succeed(self.call, reply, data=data, sent=self.sent)

    def _repair(self, reply: Reply, problem: BadReply) -> None:
        """Ask again with the criticism, in a call of its own. Raises `problem` when that does not help."""
        child, _ = calls.record(
            structured.repair(self.call.ask(), reply.raw, problem),
            key=f"repair:{self.call.pk}",
            deadline=seconds_left(self.call),
            purpose=self.call.purpose,
            study=self.call.study,
            participant=self.call.participant,
            priority=self.call.priority,
            repairs=self.call,
            handled_at=timezone.now(),  # its parent's handler runs, not its own
        )
        child = drive(child.pk)
        if child.state != Call.State.DONE:
            raise problem
        mended = replace(reply, text=child.text, warnings=(*reply.warnings, "repaired"))
        calls.succeed(self.call, mended, data=child.data, sent=self.sent)

    def _wait_or_fail(self, error: LLMError) -> float | None:
        """Put the call back for as long as the error says, or end it with that error."""
        pause = self._pause(error)
        if pause is None:
            calls.fail(self.call, error, sent=self.sent)
            return None
        return pause if self.call.put_back(pause) else None

    def _pause(self, error: LLMError) -> float | None:
        left = seconds_left(self.call)
        if isinstance(error, NoPlace):  # nothing was sent: this is not one of the tries
            wait = (error.retry_after or 0.0) * (1 + 0.25 * _jitter.random())
            return wait if wait < left else None
        return pause_before_retry(
            error,
            attempt=self.call.tries,
            max_attempts=self.conf.max_attempts,
            base=self.conf.backoff_base,
            cap=self.conf.backoff_cap,
            left=left,
            rng=_jitter,
        )

    def _seconds(self) -> float:
        return max(SOON, min(self.conf.call_seconds, seconds_left(self.call)))


def lend_connection() -> None:
    """Give a pooled database connection back while the model talks; a connection of our own is kept open."""
    if "pool" in settings.DATABASES["default"].get("OPTIONS", {}) and not connection.in_atomic_block:
        connection.close()


@contextmanager
def _noting_failure(sent: Try | None, writer: streams.Writer | None = None) -> Iterator[None]:
    """End the request's own record when it fails, with the words of a broken stream that somebody may have seen."""
    try:
        yield
    except LLMError as error:
        if sent:
            sent.end(
                Try.Outcome.FAILED,
                error=error.name,
                error_kind=error.kind,
                error_detail=error.detail,
                shown=writer.written if writer else "",
            )
        raise

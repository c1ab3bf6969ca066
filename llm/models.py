"""The records of model calls. A Call row is the work and its result; the broker only wakes workers."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from llm.errors import BY_NAME, LLMError, Unavailable
from llm.prompts import Prompt, Reply, ToolCall, Usage, prompt_from_json


class CallQuerySet(models.QuerySet["Call"]):
    def claimable(self) -> CallQuerySet:
        """Waiting calls whose time has come, and running ones whose worker has gone silent."""
        now = timezone.now()
        waiting = Q(state=Call.State.QUEUED) & (Q(not_before=None) | Q(not_before__lte=now))
        return self.filter(waiting | Q(state=Call.State.RUNNING, lease_until__lt=now))

    def overdue(self) -> CallQuerySet:
        """Unfinished calls whose deadline has passed."""
        return self.unfinished().filter(deadline_at__lt=timezone.now())

    def unfinished(self) -> CallQuerySet:
        return self.filter(state__in=(Call.State.QUEUED, Call.State.RUNNING))

    def finished(self) -> CallQuerySet:
        return self.filter(state__in=(Call.State.DONE, Call.State.FAILED))

    def unhandled(self) -> CallQuerySet:
        return self.finished().filter(handled_at=None)

    def of_study(self, study: uuid.UUID) -> CallQuerySet:
        return self.filter(study=study)

    def erase(self) -> int:
        """Blank every word said by and to a person; what remains is counts, times, models and cost."""
        return self.update(
            prompt={"erased": True}, raw=b"", text="", data=None, tool_calls=[], fallback="", participant=""
        )


class Call(models.Model):
    """One request to a model: what was asked, of whom, at whose expense, and what came back."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    class Kind(models.TextChoices):
        CHAT = "chat"
        EMBEDDING = "embedding"

    class Priority(models.TextChoices):
        PARTICIPANT = "participant"  # somebody is waiting
        BATCH = "batch"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(
        max_length=200, unique=True
    )  # the same key is the same call, however often it is asked
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.CHAT)
    purpose = models.CharField(max_length=80, db_index=True)
    study = models.UUIDField(null=True, blank=True)
    participant = models.CharField(max_length=64, blank=True, db_index=True)
    priority = models.CharField(max_length=12, choices=Priority, default=Priority.BATCH)

    template = models.CharField(max_length=100)
    template_version = models.CharField(max_length=40)
    prompt = models.JSONField()  # Prompt.as_json(), or the texts to embed
    prompt_hash = models.CharField(max_length=64, db_index=True)  # sha256 of model and prompt
    model_asked = models.CharField(max_length=200)
    streamed = models.BooleanField(default=False)
    fallback = models.TextField(blank=True)  # registered text to be shown if this fails

    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    attempt = models.PositiveIntegerField(default=0)  # fences a worker whose lease ran out
    tries = models.PositiveIntegerField(default=0)  # requests really sent
    lease_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    woken_at = models.DateTimeField(null=True, blank=True)  # when a worker was last told about it
    deadline_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    handled_at = models.DateTimeField(null=True, blank=True)  # the purpose's handler has run
    reserved_tokens = models.PositiveIntegerField(default=0)  # held in the budgets while unfinished
    reserved_cost = models.PositiveBigIntegerField(default=0, db_default=0)  # the same in millionths

    backend = models.CharField(max_length=200, blank=True)  # host and port
    model_answered = models.CharField(max_length=200, blank=True)
    fingerprint = models.CharField(max_length=200, blank=True)
    rehearsal = models.BooleanField(default=False)
    finish_reason = models.CharField(max_length=40, blank=True)
    tokens_in = models.PositiveIntegerField(null=True, blank=True)
    tokens_out = models.PositiveIntegerField(null=True, blank=True)
    cost_micro = models.PositiveBigIntegerField(null=True, blank=True)  # unknown stays missing
    first_token_ms = models.FloatField(null=True, blank=True)
    latency_ms = models.FloatField(null=True, blank=True)

    raw = models.BinaryField(default=bytes)  # exactly what came, UTF-8 with surrogates passed
    text = models.TextField(blank=True)  # the same, safe to show as text
    data = models.JSONField(null=True, blank=True)
    tool_calls = models.JSONField(default=list, blank=True)
    logprobs = models.JSONField(default=list, blank=True)
    warnings = models.JSONField(default=list, blank=True)
    error = models.CharField(max_length=20, blank=True)  # unavailable, rejected, bad_reply, over_budget
    error_kind = models.CharField(max_length=40, blank=True)
    error_detail = models.TextField(blank=True)
    repairs = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="repaired_by"
    )

    objects = CallQuerySet.as_manager()

    class Meta:
        ordering = ["created_at"]
        indexes = [
            models.Index(fields=["study", "created_at"], name="llm_call_of_study"),
            models.Index(
                fields=["study", "created_at"], condition=Q(state="failed"), name="llm_call_failed_of_study"
            ),
            models.Index(
                fields=["state", "not_before"],
                condition=Q(state__in=("queued", "running")),
                name="llm_call_unfinished",
            ),
            models.Index(fields=["handled_at"], condition=Q(handled_at=None), name="llm_call_unhandled"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=("done", "failed"), finished_at__isnull=False)
                | Q(state__in=("queued", "running"), finished_at=None),
                name="llm_call_finished_has_time",
            ),
            models.CheckConstraint(
                condition=Q(state="failed") ^ Q(error=""), name="llm_call_failed_has_error"
            ),
            models.CheckConstraint(
                condition=~Q(state="running") | Q(lease_until__isnull=False),
                name="llm_call_running_has_lease",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.state} {self.id}"

    @property
    def raw_text(self) -> str:
        return bytes(self.raw).decode("utf-8", "surrogatepass")

    @property
    def retries(self) -> int:
        """Requests sent again after the first one."""
        return max(0, self.tries - 1)

    @property
    def is_finished(self) -> bool:
        return self.state in (self.State.DONE, self.State.FAILED)

    @property
    def is_fallback(self) -> bool:
        """Whether the registered fallback is what is shown."""
        return self.state == self.State.FAILED

    @property
    def shown_text(self) -> str:
        """What a page shows when the call is finished."""
        return self.fallback if self.is_fallback else self.text

    def ask(self) -> Prompt:
        """The prompt again. Raises KeyError for an erased or an embedding call."""
        return prompt_from_json(
            self.prompt, template=self.template, version=self.template_version, model=self.model_asked
        )

    def reply(self) -> Reply:
        """The recorded reply. Raises the recorded error; Unavailable("unfinished") while there is neither."""
        if self.state == self.State.FAILED:
            raise BY_NAME.get(self.error, LLMError)(self.error_kind, self.error_detail)
        if self.state != self.State.DONE:
            raise Unavailable("unfinished", f"call {self.id} is {self.state}")
        return Reply(
            text=self.text,
            raw=self.raw_text,
            model=self.model_answered,
            fingerprint=self.fingerprint,
            finish_reason=self.finish_reason,
            tool_calls=tuple(ToolCall(**call) for call in self.tool_calls),
            data=self.data,
            usage=Usage(self.tokens_in, self.tokens_out),
            first_token_ms=self.first_token_ms,
            latency_ms=self.latency_ms or 0.0,
            logprobs=tuple((token, value) for token, value in self.logprobs),
            warnings=tuple(self.warnings),
            call_id=str(self.id),
        )

    def claim(self, lease_seconds: float) -> bool:
        """Become the one worker of this call in a single UPDATE; False when another is, or it is done."""
        won = self._claim(self.pk, lease_seconds)
        if won:
            self.refresh_from_db()
        return won

    @classmethod
    def claimed(cls, call_id: uuid.UUID | str, lease_seconds: float) -> Call | None:
        """The chat call of this id, claimed for us; None when there is nothing to claim."""
        return cls.objects.get(pk=call_id) if cls._claim(call_id, lease_seconds) else None

    @classmethod
    def _claim(cls, call_id: uuid.UUID | str, lease_seconds: float) -> bool:
        won = (
            cls.objects.filter(pk=call_id)
            .claimable()
            .update(
                state=cls.State.RUNNING,
                attempt=F("attempt") + 1,
                lease_until=timezone.now() + timedelta(seconds=lease_seconds),
                not_before=None,
            )
        )
        return bool(won)

    def put_back(self, pause: float) -> bool:
        """Give the call up until `pause` seconds from now; False when it is no longer ours."""
        return (
            self._held().update(
                state=self.State.QUEUED,
                lease_until=None,
                not_before=timezone.now() + timedelta(seconds=pause),
            )
            == 1
        )

    def sending(self, backend: str, tokens: int = 0, cost: int = 0) -> bool:
        """Record that a request goes out now, holding `tokens` and `cost`; False when the call is no longer ours."""
        now = timezone.now()
        sent = self._held().update(
            tries=F("tries") + 1,
            backend=backend,
            started_at=Coalesce("started_at", now),
            reserved_tokens=tokens or F("reserved_tokens"),
            reserved_cost=cost or F("reserved_cost"),
        )
        self.tries += sent
        return sent == 1

    def finish(self, **columns: object) -> bool:
        """Move from running to done or failed, once; False when the call is no longer ours."""
        now = timezone.now()
        over = {"lease_until": None, "finished_at": now, "reserved_tokens": 0, "reserved_cost": 0}
        return self._held().update(**over, **columns) == 1

    def _held(self) -> CallQuerySet:
        return Call.objects.filter(pk=self.pk, state=self.State.RUNNING, attempt=self.attempt)


class Try(models.Model):
    """One request of a call as it went: retries and abandoned requests leave their trace here."""

    class Outcome(models.TextChoices):
        SENT = "sent"  # no answer was recorded: the worker died or lost its lease
        ANSWERED = "answered"
        FAILED = "failed"

    call = models.ForeignKey(Call, on_delete=models.CASCADE, related_name="requests")
    number = models.PositiveIntegerField()
    worker = models.CharField(max_length=100)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.SENT)
    error = models.CharField(max_length=20, blank=True)
    error_kind = models.CharField(max_length=40, blank=True)
    error_detail = models.TextField(blank=True)
    shown = models.TextField(blank=True)  # words of a broken stream that a participant may have seen
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["call", "number"]
        constraints = [models.UniqueConstraint(fields=["call", "number"], name="llm_try_once")]

    def __str__(self) -> str:
        return f"{self.call_id} #{self.number} {self.outcome}"

    def end(self, outcome: str, **columns: str) -> None:
        """Record how the request went; columns: error, error_kind, error_detail, shown."""
        text = {
            name: value.replace("\x00", "")[: 500 if name == "error_detail" else None]
            for name, value in columns.items()
        }
        Try.objects.filter(pk=self.pk).update(outcome=outcome, ended_at=timezone.now(), **text)


class Budget(models.Model):
    """What one participant, study or day may spend (0: no limit), has spent, and holds for open calls."""

    class Scope(models.TextChoices):
        PARTICIPANT = "participant"
        STUDY = "study"
        DAY = "day"

    scope = models.CharField(max_length=12, choices=Scope)
    ref = models.CharField(max_length=110)  # study:participant, study id or ISO date (UTC)
    tokens_limit = models.PositiveBigIntegerField(default=0)
    cost_limit = models.PositiveBigIntegerField(default=0)  # millionths
    tokens_used = models.PositiveBigIntegerField(default=0)
    tokens_held = models.PositiveBigIntegerField(default=0)
    cost_used = models.PositiveBigIntegerField(default=0)
    cost_held = models.PositiveBigIntegerField(default=0, db_default=0)
    calls = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["scope", "ref"]
        constraints = [models.UniqueConstraint(fields=["scope", "ref"], name="llm_budget_one_per_ref")]

    def __str__(self) -> str:
        return f"{self.scope} {self.ref}: {self.tokens_used} tokens"

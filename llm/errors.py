"""What can go wrong with a model call: four errors, each with a `kind` that is recorded on the call."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm.prompts import Reply


class LLMError(Exception):
    """A model call that gave no usable reply. `kind` is one word for tables, the message is for people."""

    name = "error"  # the recorded type
    heals = False

    def __init__(self, kind: str, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(detail or kind)
        self.kind = kind
        self.detail = detail or kind
        self.retry_after = retry_after
        self.received: Reply | None = None  # what had come before it went wrong; its tokens may be billed


class Unavailable(LLMError):
    """Nobody answered, or not in time, or not to the end. The same request may succeed later.

    Kinds: refused, dns, timeout, cut, rate_limited, server_error, breaker_open, busy, deadline, limits.
    `retry_after` is in seconds.
    """

    name = "unavailable"
    heals = True


class Rejected(LLMError):
    """The service refused the request itself (4xx, content filter): asking again is useless."""

    name = "rejected"


class BadReply(LLMError):
    """An answer came and cannot be used: malformed, schema, empty, huge, wrong_model, length."""

    name = "bad_reply"


class OverBudget(LLMError):
    """Stopped before it was made: the participant's, the study's or the day's budget is spent."""

    name = "over_budget"


BY_NAME: dict[str, type[LLMError]] = {
    "unavailable": Unavailable,
    "rejected": Rejected,
    "bad_reply": BadReply,
    "over_budget": OverBudget,
}

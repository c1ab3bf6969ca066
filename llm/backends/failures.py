"""What the client raises, as our four errors."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
import openai

from llm.errors import BadReply, LLMError, Rejected, Unavailable
from llm.prompts import Reply

HEALING_STATUSES = frozenset((408, 409, 425, 429))  # and every 5xx
REJECTION_KINDS = {400: "bad_request", 401: "unauthorised", 403: "forbidden", 404: "not_found"}
LONGEST_RETRY_AFTER = 3600.0  # seconds


@contextmanager
def translated(received: Callable[[], Reply] | None = None) -> Iterator[None]:
    """Raises LLMError for whatever goes wrong inside; `received` tells what had come until then."""
    try:
        yield
    except Exception as error:
        problem = _translate(error)
        if problem is None:
            raise
        if received is not None and problem.received is None:
            problem.received = received()
        raise problem from (None if problem is error else error)


def _translate(error: Exception) -> LLMError | None:
    """The LLMError for `error`; None for an error of our own that must not be hidden."""
    match error:
        case LLMError():
            return error
        case openai.APIStatusError():
            return _from_status(error)
        case openai.APIConnectionError() | httpx2.HTTPError() | OSError():
            return _from_connection(error)
        case openai.APIError():  # an error object in the middle of a stream
            return Unavailable("server_error", _short(error))
        case ValueError() | TypeError() | KeyError() | IndexError() | AttributeError() | RecursionError():
            return BadReply("malformed", f"{type(error).__name__}: {_short(error)}")
    return None


def _from_status(error: openai.APIStatusError) -> LLMError:
    status, detail = error.status_code, _short(error)
    if status == 429:
        return Unavailable("rate_limited", detail, retry_after=_retry_after(error))
    if status in HEALING_STATUSES or status >= 500:
        return Unavailable("server_error", detail, retry_after=_retry_after(error))
    return Rejected(REJECTION_KINDS.get(status, "bad_request"), detail)


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds asked for by `retry-after-ms` or `Retry-After`; a date there is ignored."""
    headers = error.response.headers
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return min(LONGEST_RETRY_AFTER, max(0.0, float(headers[name]) * scale))
        except (KeyError, ValueError):
            continue
    return None


def _from_connection(error: Exception) -> LLMError:
    causes = list(_causes(error))
    if any(
        isinstance(cause, openai.APITimeoutError | httpx2.TimeoutException | TimeoutError) for cause in causes
    ):
        return Unavailable("timeout", _short(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return Unavailable("dns", _short(causes[-1]))
    if any(isinstance(cause, httpx2.ConnectError | ConnectionRefusedError) for cause in causes):
        return Unavailable("refused", _short(causes[-1]))
    return Unavailable("cut", _short(causes[-1]))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__

"""The two services that faults are tried on: our rehearsal model, and llmock, which others wrote."""

from __future__ import annotations

from typing import Any, Protocol

from llm.rehearsal_model.faults import HTML, INSTRUCTIONS
from llm.rehearsal_model.server import ThreadedServer
from tests.llm import bending_proxy
from tests.llm.bending_proxy import BendingProxy

SLOW = 2.0  # seconds, well over the time limit that the tests set
CLOSED = "http://127.0.0.1:9/v1"  # the discard port: nobody listens
NOWHERE = "http://no-such-host.invalid/v1"
STATUSES = (400, 401, 403, 404, 422, 429, 500, 503)
FAULTS = (
    *(f"status {status}" for status in STATUSES),
    "slow answer",
    "slow first byte",
    "cut",
    "malformed",
    "wrong schema",
    "empty",
    "huge",
    "refused connection",
    "no such host",
    "duplicated chunk",
    "wrong model name",
    "injected HTML",
    "injected instructions",
)


class Service(Protocol):
    name: str
    model: str

    def break_with(self, fault: str, *, times: int | None) -> str:
        """Set the fault for `times` requests (None: all); the base URL to ask."""
        ...

    def heal(self) -> None: ...

    def requests(self) -> int:
        """How many chat requests have arrived since the last `heal`."""
        ...


class Ours:
    name = "rehearsal model"
    model = "heed-rehearsal-1"
    KINDS = {
        "slow answer": ("stall", SLOW),
        "slow first byte": ("first_byte", SLOW),
        "cut": ("cut", 3),
        "malformed": ("malformed", 0),
        "wrong schema": ("schema", 0),
        "empty": ("empty", 0),
        "huge": ("huge", 3_000_000),
        "duplicated chunk": ("duplicate", 0),
        "wrong model name": ("wrong_model", 0),
        "injected HTML": ("html", 0),
        "injected instructions": ("instructions", 0),
    }

    def __init__(self, server: ThreadedServer) -> None:
        self.server = server

    def break_with(self, fault: str, *, times: int | None) -> str:
        if fault in ADDRESSES:
            return ADDRESSES[fault]
        if fault.startswith("status"):
            self.server.fault("status", value=int(fault.split()[1]), times=times)
        elif fault in self.KINDS:
            kind, value = self.KINDS[fault]
            self.server.fault(kind, value=value, times=times)
        return self.server.base_url

    def heal(self) -> None:
        self.server.reset()

    def requests(self) -> int:
        return len(self.server.seen())


class Theirs:
    name = "llmock"
    model = "gpt-4o-mini"
    BENDS = {
        "cut": bending_proxy.cut,
        "malformed": bending_proxy.garble,
        "duplicated chunk": bending_proxy.repeat,
        "wrong model name": bending_proxy.rename,
    }
    REPLIES = {
        "wrong schema": '{"unexpected": true}',
        "empty": "",
        "huge": "much too long " * 1_500,
        "injected HTML": HTML,
        "injected instructions": INSTRUCTIONS,
    }

    def __init__(self, llmock: Any, proxy: BendingProxy) -> None:
        self.llmock, self.proxy = llmock, proxy
        llmock.tool_mode("off")

    def break_with(self, fault: str, *, times: int | None) -> str:
        if fault in ADDRESSES:
            return ADDRESSES[fault]
        if fault == "slow first byte":
            self.proxy.set(times=times, first_byte=SLOW)
            return self.proxy.base_url
        if fault in self.BENDS:
            self.proxy.set(self.BENDS[fault], times=times)
            return self.proxy.base_url
        if fault.startswith("status"):
            self.llmock.fail(int(fault.split()[1]), times=times, retry_after=0.02)
        elif fault == "slow answer":
            self.llmock.delay(SLOW, times=times)
        else:
            self.llmock.reply(self.REPLIES[fault], times=times)
        return f"{self.llmock.url}/v1"

    def heal(self) -> None:
        self.llmock.reset()
        self.llmock.tool_mode("off")
        self.proxy.set(times=0)

    def requests(self) -> int:
        return len(self.llmock.requests)


ADDRESSES = {"refused connection": CLOSED, "no such host": NOWHERE}

"""What a backend is, and how the configured one is found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from django.utils.module_loading import import_string

from llm import conf
from llm.prompts import Prompt, Reply, Usage


@dataclass(frozen=True)
class Vectors:
    """One vector for each text, in their order."""

    vectors: list[list[float]]
    model: str
    usage: Usage = field(default_factory=Usage)
    latency_ms: float = 0.0


class Backend(Protocol):
    """Talks to one service. Both methods make exactly one request and raise the errors of `llm.errors`."""

    name: str  # host and port, for the records; never a key

    def chat(
        self, prompt: Prompt, model: str, *, on_text: Callable[[str], None] | None, seconds: float
    ) -> Reply:
        """Ask, within `seconds`. With `on_text` the answer is streamed and each raw piece is handed over."""
        ...

    def embed(self, texts: Sequence[str], model: str, *, seconds: float) -> Vectors: ...


def get() -> Backend:
    """The backend named by HEED_LLM_BACKEND."""
    return cast(Backend, import_string(conf.current().backend)())

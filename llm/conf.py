"""Settings of this room. `HEED_LLM_<NAME>` in the settings file overrides a default below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from django.conf import settings


@dataclass(frozen=True)
class Conf:
    """Durations are seconds, money is millionths of the price table's currency, 0 means no limit."""

    backend: str = "llm.backends.openai_api.OpenAIBackend"  # dotted path, as in django.core.mail
    base_url: str = "http://127.0.0.1:8765/v1"  # the rehearsal model's address
    api_key: str = "rehearsal"
    model: str = "heed-rehearsal-1"
    embedding_model: str = "heed-rehearsal-embed-1"
    max_tokens_field: str = "max_completion_tokens"  # older compatible servers want "max_tokens"
    model_aliases: Mapping[str, Sequence[str]] = field(default_factory=dict)  # asked → names that may answer

    connect_seconds: float = 3.0
    first_byte_seconds: float = 20.0  # also the longest silence inside an answer
    call_seconds: float = 60.0  # one request, first byte to last
    deadline_seconds: float = 120.0  # a call with all its retries, when nobody named another limit
    max_attempts: int = 5
    backoff_base: float = 0.5
    backoff_cap: float = 20.0
    lease_seconds: float = 15.0

    concurrent: int = 32  # requests in flight over all workers
    batch_share: float = 0.5  # of those, the share that batch work may fill
    requests_per_minute: int = 0
    breaker_failures: int = 5  # in a row, within breaker_window
    breaker_window: float = 60.0
    breaker_seconds: float = 10.0

    participant_tokens: int = 200_000
    study_tokens: int = 50_000_000
    day_tokens: int = 20_000_000
    participant_cost: int = 0
    study_cost: int = 0
    day_cost: int = 0
    prices: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # per million tokens (in, out)

    max_reply_chars: int = 20_000
    max_reply_bytes: int = 2_000_000
    stream_ttl: int = 3600


def current() -> Conf:
    """The configuration now in force (read at call time, so that tests can override a setting)."""
    names = {item.name: f"HEED_LLM_{item.name.upper()}" for item in fields(Conf)}
    return Conf(**{name: getattr(settings, key) for name, key in names.items() if hasattr(settings, key)})


def only_rehearses() -> bool:
    """Whether no service was configured, so that the rehearsal model answers everything."""
    return current().api_key == Conf.api_key

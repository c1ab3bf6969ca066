"""A rehearsal model for each test worker, and settings that make waiting short."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from llm.rehearsal_model.server import ThreadedServer


@pytest.fixture(scope="session")
def rehearsal_server() -> Iterator[ThreadedServer]:
    with ThreadedServer() as server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def _connections_closed_at_the_end() -> Iterator[None]:
    yield
    from llm import store
    from llm.backends import openai_api

    openai_api.close()
    store.close()


@pytest.fixture
def quick(settings: Any) -> Any:
    """Short pauses and time limits; no breaker, whose own tests set it."""
    settings.HEED_LLM_BACKOFF_BASE = 0.01
    settings.HEED_LLM_BACKOFF_CAP = 0.03
    settings.HEED_LLM_FIRST_BYTE_SECONDS = 0.3
    settings.HEED_LLM_CALL_SECONDS = 3.0
    settings.HEED_LLM_MAX_ATTEMPTS = 3
    settings.HEED_LLM_BREAKER_FAILURES = 10_000
    return settings


@pytest.fixture
def model(rehearsal_server: ThreadedServer, quick: Any) -> Iterator[ThreadedServer]:
    """The rehearsal model, without faults, as the configured service."""
    from llm import limits

    quick.HEED_LLM_BASE_URL = rehearsal_server.base_url
    quick.HEED_LLM_API_KEY = "rehearsal"
    quick.HEED_LLM_MODEL = "heed-rehearsal-1"
    rehearsal_server.reset()
    limits.reset(urlsplit(rehearsal_server.base_url).netloc)
    yield rehearsal_server
    rehearsal_server.reset()

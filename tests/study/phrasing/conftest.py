"""Drafts made by the rehearsal model over HTTP, and studies that ask for them."""

from __future__ import annotations

from tests.llm.conftest import _connections_closed_at_the_end, model, quick, rehearsal_server

__all__ = ["_connections_closed_at_the_end", "model", "quick", "rehearsal_server"]

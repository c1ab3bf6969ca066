"""The money a study's protocol grants its model calls, as a limit that the gateway keeps."""

from __future__ import annotations

from llm import budget
from study.protocol import Protocol
from study.registration.models import Study

MICRO = 1_000_000


def keep_to_budget(study: Study, protocol: Protocol) -> None:
    """From now on the study's calls stop at the protocol's `model.budget_usd`; without one the server's limit holds."""
    granted = protocol.model.budget_usd if protocol.model else 0.0
    budget.limit_study(study.pk, round(granted * MICRO))

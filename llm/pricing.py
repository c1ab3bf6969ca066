"""What a call costs, in millionths of the currency of the price table."""

from __future__ import annotations

from collections.abc import Mapping

from llm.prompts import Usage

REHEARSAL = "heed-rehearsal"


def cost_micro(model: str, usage: Usage, prices: Mapping[str, tuple[float, float]]) -> int | None:
    """Cost of `usage` by the longest price name that begins `model`; prices are per million tokens (in, out).

    None where the price or the tokens are unknown: an unknown cost is missing, not 0. The rehearsal is free.

    >>> cost_micro("small-2026-01-01", Usage(1000, 200), {"small": (0.15, 0.60)})
    270
    """
    if model.startswith(REHEARSAL):
        return 0
    names = [name for name in prices if model.startswith(name)]
    if not names or usage.tokens_in is None or usage.tokens_out is None:
        return None
    per_in, per_out = prices[max(names, key=len)]
    return round(usage.tokens_in * per_in + usage.tokens_out * per_out)

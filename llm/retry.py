"""When to try again: only what can heal, later each time, and never before the service said."""

from __future__ import annotations

from random import Random

from llm.errors import LLMError


def pause_before_retry(
    error: LLMError, *, attempt: int, max_attempts: int, base: float, cap: float, left: float, rng: Random
) -> float | None:
    """Seconds to wait after failed attempt number `attempt` (1, 2, …), or None to give up.

    Exponential, jittered over the upper half of the step base · 2^(attempt-1), which is at most cap;
    a Retry-After is a minimum.
    Gives up when the error cannot heal, the attempts are used up, or the pause would outlast `left`
    seconds.
    """
    if not error.heals or attempt >= max_attempts:
        return None
    step = min(cap, base * 2 ** (attempt - 1))
    pause = max(step * (0.5 + 0.5 * rng.random()), error.retry_after or 0.0)
    return pause if pause < left else None

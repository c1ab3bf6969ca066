"""`kill` and Ctrl-C mean the same to a command that supervises others."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def stops_on_sigterm() -> Iterator[None]:
    """Turn SIGTERM, SIGHUP (a closed terminal) and SIGINT into KeyboardInterrupt within the block.

    SIGINT too: a shell that starts a command in the background has it ignored, and then nothing would stop in order.
    """
    before = {
        number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Figures of the machine itself, printed beside every measurement so that runs can be compared."""

from __future__ import annotations

import os
import tempfile
import time


def loops_per_second() -> float:
    """Million iterations of a plain Python loop a second, on one core."""
    count, total = 3_000_000, 0
    start = time.perf_counter()
    for number in range(count):
        total += number & 7
    return count / (time.perf_counter() - start) / 1e6


def fsync_ms(folder: str | None = None) -> float:
    """Milliseconds of one small write made durable, median of 50."""
    times = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(50):
            start = time.perf_counter()
            file.write(b"x" * 512)
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - start)
    return sorted(times)[25] * 1000

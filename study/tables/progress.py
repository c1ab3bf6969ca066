"""How far a walk over many rows has come."""

from __future__ import annotations

from collections.abc import Callable

from tqdm import tqdm

Advance = Callable[[int], object]
Progress = Callable[[int, str], Advance]
"""Told how many of what there will be, it gives a function that is told how many more are done."""


def quiet(total: int, what: str) -> Advance:
    """No progress shown."""
    return lambda more: None


def bar(total: int, what: str) -> Advance:
    """A progress bar on the terminal."""
    shown = tqdm(total=total, desc=what, unit="", unit_scale=True)

    def advance(more: int) -> None:
        shown.update(more)
        if shown.n >= total:
            shown.close()

    return advance

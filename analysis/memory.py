"""Memory of large fits, given back between one and the next."""

import ctypes
import gc
import sys
from contextlib import suppress

LARGE = 100_000
"""Rows from which memory is given back between estimators, which takes some tenths of a second."""


def freed_after(rows: int) -> None:
    """`freed`, after work on so many rows that it is worth its time."""
    if rows > LARGE:
        freed()


def freed() -> None:
    """Give memory that nothing uses back to the system: parts of a fit that hold each other, and the gaps that large
    arrays leave in the heaps of Arrow (where it was loaded) and of glibc, which keep them. Other systems are left to
    themselves."""
    gc.collect()
    if arrow := sys.modules.get("pyarrow"):
        arrow.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)

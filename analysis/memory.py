"""Memory of large fits, given back between one and the next."""

import ctypes
import gc
from contextlib import suppress


def freed() -> None:
    """Give memory that nothing uses back to the system: parts of a fit that hold each other, and the gaps that large
    arrays leave in the heap of glibc, which keeps them. Other systems are left to themselves."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)

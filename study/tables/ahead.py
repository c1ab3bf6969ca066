"""Reading ahead: while one batch of rows is turned into files, the database works on the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connection, connections

T = TypeVar("T")
END = object()


def ahead(batches: Iterator[T]) -> Iterator[T]:
    """The same batches in the same order, each read by another thread while the one before is used: two are held.

    The thread reads by the caller's connection, so within its transaction. As two threads cannot speak on it at once,
    it is the thread's until the last batch: a query from elsewhere raises RuntimeError. What reading raises reaches
    the caller with the batch that failed; a caller who stops early waits for the batch that is being read.
    """
    with _lent() as lend, ThreadPoolExecutor(1, "ahead", initializer=lend) as reader:
        coming = reader.submit(next, batches, END)
        while (batch := coming.result()) is not END:
            coming = reader.submit(next, batches, END)
            yield batch  # type: ignore[misc]


@contextmanager
def _lent() -> Iterator[Callable[[], None]]:
    """The connection for one other thread, which calls what is given here first."""
    connection.ensure_connection()
    shared, keeper = connections[connection.alias], threading.get_ident()

    def only_ahead(execute: Callable[..., Any], *asked: Any) -> Any:
        if threading.get_ident() == keeper:
            raise RuntimeError(
                "the database is being read ahead: ask it before the first batch or after the last"
            )
        return execute(*asked)

    def lend() -> None:
        connections[shared.alias] = shared

    shared.inc_thread_sharing()
    try:
        with shared.execute_wrapper(only_ahead):
            yield lend
    finally:
        shared.dec_thread_sharing()

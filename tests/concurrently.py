"""Doing things at the same moment, each thread with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

T = TypeVar("T")


def at_once(actions: Sequence[Callable[[], T]], *, threads: int = 40) -> list[T | Exception]:
    """What each action returned or raised. The threads wait for each other, then take the actions one after another."""
    gate = threading.Barrier(min(threads, len(actions)))
    waiting = iter(actions)
    lock = threading.Lock()
    results: list[tuple[int, T | Exception]] = []

    def work() -> None:
        connection.ensure_connection()
        gate.wait(30)
        try:
            while True:
                with lock:
                    action = next(waiting, None)
                if action is None:
                    return
                results.append((id(action), _outcome(action)))
        finally:
            connection.close()

    with ThreadPoolExecutor(gate.parties) as pool:
        for future in [pool.submit(work) for _ in range(gate.parties)]:
            future.result(60)
    by_action = dict(results)
    return [by_action[id(action)] for action in actions]


def _outcome(action: Callable[[], T]) -> T | Exception:
    try:
        return action()
    except Exception as raised:
        return raised

"""Telling a worker of a row that waits for it. The row is the record of work; a queue that is away is said at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import transaction

from study.registration.errors import Refused

logger = logging.getLogger(__name__)
PATIENCE = 3.0  # seconds; a queue that hangs would keep its client, and the page, for ever
NO_QUEUE = "No worker could be told: the queue does not answer. Nothing was begun; try again in a while."


def wake(task: Any, *arguments: Any, lost: Callable[[str], object]) -> None:
    """Have `task` run with these arguments once the transaction is committed. Where the queue does not take it within
    seconds, `lost` is called with a sentence for people: it writes it to the row, or raises `Refused` for the page."""
    transaction.on_commit(partial(_wake, task, arguments, lost))


def refuse(why: str) -> None:
    """For work that has no row of its own to say so."""
    raise Refused(why)


def _wake(task: Any, arguments: tuple[Any, ...], lost: Callable[[str], object]) -> None:
    problems: list[str] = []

    def send() -> None:
        try:
            task.apply_async(arguments, retry=False)
        except Exception as error:  # whatever a broker's client raises
            problems.append(str(error))

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    sender.join(PATIENCE)
    if sender.is_alive() or problems:
        logger.warning(
            "the queue is away, %s%s was not begun: %s", task.name, arguments, problems or "no answer"
        )
        lost(NO_QUEUE)

"""Messages that wake a worker, sent from a thread of their own: no page waits for the broker.

A broker that is away is left alone for a few seconds (its client tries for seconds before it gives up). Nothing is
lost with a nudge: the sweeper finds every call whose worker was not woken.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor

logger = logging.getLogger(__name__)
LEFT_ALONE = 5.0  # seconds
_away_until = 0.0
_sender = ThreadPoolExecutor(1, thread_name_prefix="llm-nudge")


def send(call_id: uuid.UUID, priority: str, pause: float = 0.0) -> Future[bool]:
    """Tell a worker about the call, now or in `pause` seconds; the future says whether the broker took it."""
    return _sender.submit(_send, str(call_id), priority, pause)


def _send(call_id: str, priority: str, pause: float) -> bool:
    global _away_until
    if time.monotonic() < _away_until:
        return False
    from llm import tasks  # tasks imports the worker, which imports what imports this module

    try:
        tasks.work.apply_async((call_id,), queue=priority, countdown=pause or None, retry=False)
    except Exception as error:  # whatever a broker's client raises
        _away_until = time.monotonic() + LEFT_ALONE
        logger.warning("the broker is away, call %s waits for the sweeper: %s", call_id, error)
        return False
    return True


def _fresh() -> None:
    global _sender
    _sender = ThreadPoolExecutor(1, thread_name_prefix="llm-nudge")


os.register_at_fork(after_in_child=_fresh)

"""A lease on each call that this process works on, renewed by one thread, so that a killed process is noticed soon."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import DatabaseError, close_old_connections, connection, transaction
from django.db.models import Q
from django.utils import timezone

from llm import conf
from llm.models import Call

logger = logging.getLogger(__name__)
_held: dict[tuple[str, int], None] = {}
_lock = threading.Lock()
_wanted = threading.Event()
_keepers: list[threading.Thread] = []


@contextmanager
def kept(call: Call) -> Iterator[None]:
    """Renew the lease on `call` for as long as the block runs."""
    mine = (str(call.pk), call.attempt)
    with _lock:
        _held[mine] = None
        if not _keepers or not _keepers[0].is_alive():
            _keepers[:] = [threading.Thread(target=_keep, name="llm-leases", daemon=True)]
            _keepers[0].start()
    _wanted.set()
    try:
        yield
    finally:
        with _lock:
            del _held[mine]


def renew() -> int:
    """Extend the leases held by this process; how many."""
    with _lock:
        held = list(_held)
    if not held:
        return 0
    # Rows that somebody is just ending are skipped: waiting for one while holding others could close a circle.
    until = timezone.now() + timedelta(seconds=conf.current().lease_seconds)
    mine = Q()
    for call_id, attempt in held:
        mine |= Q(pk=call_id, attempt=attempt)
    free = Call.objects.filter(mine, state=Call.State.RUNNING).select_for_update(skip_locked=True)
    with transaction.atomic():
        return Call.objects.filter(pk__in=list(free.values_list("pk", flat=True))).update(lease_until=until)


def _keep() -> None:
    """Renew three times in each lease; sleep for good when nothing is held."""
    pause = threading.Event()
    while True:
        pause.wait(conf.current().lease_seconds / 3)
        with _lock:
            idle = not _held
            if idle:
                _wanted.clear()
        if idle:
            connection.close()
            _wanted.wait()
            continue
        try:
            renew()
        except DatabaseError as error:
            logger.warning("leases were not renewed: %s", error)
            close_old_connections()

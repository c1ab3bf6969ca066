"""Batches read by another thread: in order, within the caller's transaction, with its errors, and two at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.db import DataError, connection

from study.registration.models import AuditEntry, Study
from study.tables.ahead import ahead
from tests.factories import draft

pytestmark = pytest.mark.django_db


def numbers(count: int) -> Iterator[tuple[int, int]]:
    """Each number with the thread that asked the database for it."""
    for number in range(count):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::int", [number])
            yield cursor.fetchone()[0], threading.get_ident()


def test_batches_come_in_order_from_another_thread() -> None:
    found = list(ahead(numbers(20)))
    assert [number for number, _ in found] == list(range(20))
    assert threading.get_ident() not in {thread for _, thread in found}
    assert list(ahead(iter(()))) == []


def test_what_the_caller_has_not_committed_is_seen() -> None:
    study = draft()
    assert connection.in_atomic_block
    assert list(ahead(Study.objects.values_list("slug", flat=True).iterator())) == [study.slug]


def test_no_more_than_two_batches_are_held() -> None:
    made: list[int] = []

    def batches() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    for used, number in enumerate(ahead(batches())):
        assert number == used
        assert len(made) <= used + 2


def test_an_error_in_reading_reaches_the_caller_after_the_batches_before_it() -> None:
    def torn() -> Iterator[int]:
        yield 1
        yield 2
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / (SELECT count(*) FROM study_auditentry WHERE number < 0)")

    reading = ahead(torn())
    assert [next(reading), next(reading)] == [1, 2]
    with pytest.raises(DataError, match="division by zero"):
        next(reading)


def test_a_caller_who_stops_early_has_the_connection_back() -> None:
    reading = ahead(numbers(1000))
    next(reading)
    reading.close()
    assert AuditEntry.objects.count() == 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


def test_a_query_from_elsewhere_is_refused_until_the_last_batch() -> None:
    for _ in ahead(numbers(3)):
        with pytest.raises(RuntimeError, match="read ahead"):
            AuditEntry.objects.count()
    assert AuditEntry.objects.count() == 0

"""Pooled connections: a dead one is never handed to a page, a live one is not asked."""

import psycopg
import pytest
from django.db import connection

from config.database.base import DatabaseWrapper, alive


@pytest.fixture
def pooled(transactional_db):
    """A database wrapper with a pool of one connection."""
    given = {**connection.settings_dict, "OPTIONS": {"pool": {"min_size": 1, "max_size": 1, "timeout": 5}}}
    wrapper = DatabaseWrapper(given, alias="pooled")
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def backend(wrapper):
    with wrapper.cursor() as cursor:
        return cursor.execute("SELECT pg_backend_pid()").fetchone()[0]


def test_a_live_connection_goes_from_page_to_page(pooled):
    first = backend(pooled)
    pooled.close()
    assert backend(pooled) == first


def test_a_connection_that_the_server_ended_is_replaced(pooled):
    first = backend(pooled)
    pooled.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [first])
        cursor.execute("SELECT pg_sleep(0.2)")
    assert backend(pooled) != first


def test_an_unread_notice_is_not_taken_for_a_death(transactional_db):
    given = connection.get_connection_params()
    names = {key: given[key] for key in ("host", "user", "password", "dbname")}
    with psycopg.connect(**names, autocommit=True) as listening:
        listening.execute("LISTEN heed")
        with connection.cursor() as cursor:
            cursor.execute("NOTIFY heed")
            cursor.execute("SELECT pg_sleep(0.2)")
        assert alive(listening)


def test_a_closed_connection_is_dead(transactional_db):
    given = connection.get_connection_params()
    closed = psycopg.connect(**{key: given[key] for key in ("host", "user", "password", "dbname")})
    closed.close()
    assert not alive(closed)

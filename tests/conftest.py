"""Fixtures for every room."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.browser import axe, browser, page, server

__all__ = ["axe", "browser", "page", "server"]


@pytest.fixture(autouse=True)
def same_draws(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's participants have the same codes in every run and its studies the same seeds, and these decide what is
    drawn for whom: what passes once does not fail another day by another draw. Who comes first where several walk at
    once stays open, and processes that a test starts draw freely."""
    codes, seeds = random.Random(request.node.nodeid), random.Random(f"{request.node.nodeid} seeds")
    monkeypatch.setattr(secrets, "choice", codes.choice)
    monkeypatch.setattr(secrets, "token_hex", lambda nbytes=32: seeds.randbytes(nbytes).hex())


@pytest.fixture
def child_environment(transactional_db: None) -> dict[str, str]:
    """What a process of its own needs to see this test's database and broker."""
    from django.db import connection

    given = connection.settings_dict
    login = f"{quote(given['USER'])}:{quote(given['PASSWORD'])}@{quote(given['HOST'], safe='')}"
    port = f":{given['PORT']}" if given["PORT"] else ""
    return {**os.environ, "DATABASE_URL": f"postgresql://{login}{port}/{given['NAME']}"}


SMALL = 200_000  # bytes
FILLED = """
    SELECT relname, pg_relation_size(pg_class.oid) < %s FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
      AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
            AND pg_relation_size(pg_class.oid) > 0
"""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """pytest-django's own, allowed to empty append-only tables between tests.

    At the end every forgotten session is sent away, so that the database can go.
    """
    from django.db import connection
    from django.db.backends.postgresql.operations import DatabaseOperations

    plain_flush = DatabaseOperations.execute_sql_flush

    def flush(self: DatabaseOperations, sql_list: list[str]) -> None:
        """Django would truncate every table, which writes some 300 new files for each test; most hold a few rows.

        What migrating made (content types, permissions) stays: it would be made again at once.
        """
        with self.connection.cursor() as cursor:
            cursor.execute(FILLED, [SMALL])
            filled = cursor.fetchall()
        if all(small for _, small in filled):
            sql_list = [f"DELETE FROM {self.quote_name(table)}" for table, _ in filled]
        plain_flush(self, ["SET LOCAL session_replication_role = replica", *sql_list])

    DatabaseOperations.execute_sql_flush = flush
    yield
    DatabaseOperations.execute_sql_flush = plain_flush
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

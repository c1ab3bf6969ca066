"""Fixtures for every room."""

from __future__ import annotations

import os
from urllib.parse import quote

import pytest

from tests.browser import axe, browser, page, server

__all__ = ["axe", "browser", "page", "server"]


@pytest.fixture
def child_environment(transactional_db: None) -> dict[str, str]:
    """What a process of its own needs to see this test's database and broker."""
    from django.db import connection

    given = connection.settings_dict
    login = f"{quote(given['USER'])}:{quote(given['PASSWORD'])}@{quote(given['HOST'], safe='')}"
    port = f":{given['PORT']}" if given["PORT"] else ""
    return {**os.environ, "DATABASE_URL": f"postgresql://{login}{port}/{given['NAME']}"}

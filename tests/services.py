"""A pytest plugin: throw-away PostgreSQL and Valkey, started before Django reads its settings.

One pair of servers is shared by all xdist workers: each worker has a database and a broker number of its own.
DATABASE_URL and CELERY_BROKER_URL, where set, name real servers and are used instead.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

# Here and not in pyproject.toml, so that `-p no:django` works for tests that need no Django.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

_farewells: list[Callable[[], None]] = []


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    # Playwright's sync API runs an event loop in the main thread, which Django takes for async code.
    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    os.environ["HEED_DB_POOL"] = "0"
    os.environ["HEED_STATIC_FROM_SOURCE"] = "1"
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        _use_own_broker_number(int(worker.removeprefix("gw")) + 1)
    elif not early_config.pluginmanager.is_blocked("django"):
        _start_missing_servers()


def pytest_unconfigure() -> None:
    while _farewells:
        _farewells.pop()()


def _start_missing_servers() -> None:
    from config.embedded.layout import Layout
    from config.embedded.postgres import THROW_AWAY, Postgres
    from config.embedded.valkey import Valkey

    state = Path(tempfile.mkdtemp(prefix="heed-test-"))
    state.chmod(0o711)
    (state / "static").mkdir()
    _farewells.append(lambda: shutil.rmtree(state, ignore_errors=True))
    os.environ["HEED_STATE"] = str(state)
    layout = Layout(state)
    if not os.environ.get("DATABASE_URL"):
        postgres = Postgres(layout, THROW_AWAY)
        postgres.start()
        _farewells.append(postgres.stop)
        os.environ["DATABASE_URL"] = layout.database_url()
    if not os.environ.get("CELERY_BROKER_URL"):
        valkey = Valkey(layout)
        valkey.start()
        _farewells.append(valkey.stop)
        os.environ["CELERY_BROKER_URL"] = layout.broker_url()
        os.environ["REDIS_URL"] = layout.redis_url()


def _use_own_broker_number(number: int) -> None:
    for name, before, after in [
        ("CELERY_BROKER_URL", "virtual_host=0", f"virtual_host={number}"),
        ("REDIS_URL", "db=0", f"db={number}"),
    ]:
        if name in os.environ:
            os.environ[name] = os.environ[name].replace(before, after)

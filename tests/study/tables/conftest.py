"""One closed study for all tests of a module; it is never committed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from study.registration.models import Study
from tests.study.closed import walked


@pytest.fixture(scope="module")
def study(django_db_setup: Any, django_db_blocker: Any) -> Iterator[Study]:
    """Walked and closed once; needs a test of the module to be marked `django_db`."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield walked()
        transaction.set_rollback(True)

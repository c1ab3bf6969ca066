"""A closed study and its bundle, written once for all tests of a module; the study is never committed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from study.evidence import bundle
from study.registration.models import Study
from tests.study.analyses.conftest import larger
from tests.study.closed import walked


@pytest.fixture(scope="module")
def study(django_db_setup: Any, django_db_blocker: Any) -> Iterator[Study]:
    with django_db_blocker.unblock(), transaction.atomic():
        yield walked(larger())
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def made(study: Study, tmp_path_factory: pytest.TempPathFactory) -> bundle.Bundle:
    """The bundle of the study."""
    return bundle.write(study=study, folder=tmp_path_factory.mktemp("made") / "tiny", execute=False)


@pytest.fixture(scope="module")
def folder(made: bundle.Bundle) -> Path:
    return made.folder

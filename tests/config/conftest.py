"""Fixtures of the house's tests."""

import shutil
import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def state():
    """A state folder that PostgreSQL's user can reach. pytest's own folders are closed to others, again and again."""
    base = Path(tempfile.mkdtemp(prefix="heed-house-"))
    base.chmod(0o711)
    yield base / "state"
    shutil.rmtree(base, ignore_errors=True)

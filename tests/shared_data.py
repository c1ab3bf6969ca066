"""Where the public data and R's reference results live: beside the project, never inside it."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


def shared(*parts: str) -> Path:
    """The path `shared/<parts>` beside this repository; skips the test, saying why, where it is missing."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(
            f"{Path('..', 'shared', *parts)} is not beside the repository: the public data was not laid out here"
        )
    return path

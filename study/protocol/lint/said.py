"""What a check says, before it has a level and a line."""

from typing import NamedTuple


class Said(NamedTuple):
    """A code, the path it is about, and the sentence for this document."""

    code: str
    path: tuple[str | int, ...]
    message: str

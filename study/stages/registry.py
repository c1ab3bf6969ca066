"""Stage kinds by name. An app registers its own when it is ready, so that `study` never names `elicitation`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from study.stages.base import StageKind

_KINDS: dict[str, StageKind] = {}


def register(kind: StageKind) -> None:
    """Make a stage kind known. Registering the same name twice with another class is an error (ValueError)."""
    known = _KINDS.get(kind.kind)
    if known is not None and type(known) is not type(kind):
        raise ValueError(f"stage kind {kind.kind!r} is already registered by {type(known).__module__}")
    _KINDS[kind.kind] = kind


def get(kind: str) -> StageKind:
    """The stage kind of that name. Raises KeyError with the known names."""
    try:
        return _KINDS[kind]
    except KeyError:
        raise KeyError(f"unknown stage kind {kind!r}; known kinds: {', '.join(sorted(_KINDS))}") from None


def kinds() -> dict[str, StageKind]:
    """All kinds by name, in alphabetical order."""
    return dict(sorted(_KINDS.items()))

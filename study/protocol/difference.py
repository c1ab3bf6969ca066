"""What an amendment changed, computed from the two documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypedDict

from study.protocol.canonical import document
from study.protocol.types import Protocol


class Change(TypedDict):
    """One difference, as JSON values. `path` names list entries by their id: `items[acne].truth`."""

    path: str
    old: Any
    new: Any
    kind: Literal["added", "removed", "changed", "moved"]


def difference(old: Protocol, new: Protocol) -> list[Change]:
    """Every difference between two protocols, in the document's order; none for equal canonical bytes."""
    return list(_compare("", document(old), document(new)))


def _compare(path: str, old: Any, new: Any) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _mappings(path, old, new)
    elif isinstance(old, list) and isinstance(new, list) and _named(old) and _named(new):
        yield from _named_lists(path, old, new)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True), start=1):
            yield from _compare(f"{path}[{number}]", one, other)
    elif type(old) is not type(new) or old != new:
        yield Change(path=path, old=old, new=new, kind="changed")


def _mappings(path: str, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Change]:
    for key in [*old, *(key for key in new if key not in old)]:
        here = f"{path}.{key}" if path else key
        if key not in new:
            yield Change(path=here, old=old[key], new=None, kind="removed")
        elif key not in old:
            yield Change(path=here, old=None, new=new[key], kind="added")
        else:
            yield from _compare(here, old[key], new[key])


def _named_lists(path: str, old: list[dict[str, Any]], new: list[dict[str, Any]]) -> Iterator[Change]:
    """Entries are matched by id, so that an inserted one does not make all that follow look changed."""
    before, after = ({entry["id"]: entry for entry in entries} for entries in (old, new))
    for name, entry in before.items():
        if name not in after:
            yield Change(path=f"{path}[{name}]", old=entry, new=None, kind="removed")
        else:
            yield from _compare(f"{path}[{name}]", entry, after[name])
    for name, entry in after.items():
        if name not in before:
            yield Change(path=f"{path}[{name}]", old=None, new=entry, kind="added")
    kept_before, kept_after = [n for n in before if n in after], [n for n in after if n in before]
    if kept_before != kept_after:
        yield Change(path=path, old=list(before), new=list(after), kind="moved")


def _named(entries: list[Any]) -> bool:
    """Is every entry a mapping with an id of its own? (A column asked in two wordings is not.)"""
    ids = [entry.get("id") for entry in entries if isinstance(entry, dict)]
    return len(ids) == len(entries) and all(isinstance(i, str) for i in ids) and len(set(ids)) == len(ids)

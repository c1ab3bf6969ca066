"""Walking a protocol's parts, whatever stage kinds it holds: every text, every question, with the path to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from pydantic import BaseModel

if TYPE_CHECKING:
    from study.protocol.types import Question, Stage

Path = tuple[str | int, ...]


def parts_of(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every model, list, mapping and scalar below `value`, depth first, in the document's order."""
    yield path, value
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from parts_of(getattr(value, name), (*path, name))
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from parts_of(entry, (*path, key))
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from parts_of(entry, (*path, number))


def questions_of(stage: Stage, path: Path) -> Iterator[tuple[Path, Question]]:
    """Every question a stage asks, in order, of whatever kind the stage is."""
    from study.protocol.types import Question

    for where, part in parts_of(stage, path):
        if isinstance(part, Question):
            yield where, part


def texts_of(value: Any, path: Path = ()) -> Iterator[tuple[Path, str | Mapping[str, str]]]:
    """Every text that people may read in several languages, whether it is given in one or per language."""
    for where, part in parts_of(value, path):
        if isinstance(part, BaseModel):
            for name, depth in _text_fields(type(part)).items():
                inside = getattr(part, name)
                if depth == 0:
                    yield (*where, name), inside
                else:
                    pairs = inside.items() if isinstance(inside, Mapping) else enumerate(inside)
                    yield from (((*where, name, key), text) for key, text in pairs)


@cache
def _text_fields(model: type[BaseModel]) -> dict[str, int]:
    """Fields that hold a text (0) or a list or mapping of texts (1)."""
    from study.protocol.types import Options, Text

    depths = {}
    for name, hint in get_type_hints(model, include_extras=True).items():
        if name in model.model_fields:
            if hint == Text:
                depths[name] = 0
            elif hint == Options or (get_args(hint) and get_args(hint)[-1] == Text):
                depths[name] = 1
    return depths

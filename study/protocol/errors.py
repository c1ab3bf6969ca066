"""pydantic's errors in the words of a protocol's author: line, column, field, what was found, what is allowed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from study.protocol.flow import configurations
from study.protocol.problems import Problem
from study.protocol.types import Protocol
from study.protocol.yaml import Places, name, nearest

Path = tuple[str | int, ...]

_TYPES = {
    "string_type": "a text (put it in quotes)",
    "text_type": "a text (in quotes if it is a number), or one text per language",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list ('- ' before each entry)",
    "dict_type": "a mapping ('name: value')",
    "model_type": "a mapping of fields",
    "model_attributes_type": "a mapping of fields",
    "none_required": "nothing",
}
_PATTERNS = {
    "^[a-z][a-z0-9_-]": "a name of lower-case letters, digits, - and _, beginning with a letter, at most 64 characters",
    "^[A-Za-z][A-Za-z0-9_]": "a column name of letters, digits and _, beginning with a letter, at most 64 characters",
    "^[a-z]{2}(-": "a language code such as en, de or pt-BR",
}
_LIMITS = {
    "greater_than_equal": "at least",
    "greater_than": "more than",
    "less_than_equal": "at most",
    "less_than": "less than",
}


def problems_of(
    error: ValidationError, data: Any, places: Places, *, model: type[BaseModel] = Protocol, above: Path = ()
) -> list[Problem]:
    """One problem for each place that is wrong; a union's several complaints about one value become one.

    `data` is what was validated as `model`, and stands at the path `above` in the document of `places`.
    """
    grouped: dict[Path, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        grouped.setdefault(_path(detail, data), []).append(detail)
    reporter = _Reporter(data, places, model, above)
    return [reporter.problem(path, details) for path, details in grouped.items()]


def _path(detail: ErrorDetails, data: Any) -> Path:
    """The location without pydantic's own markers (union branches, mapping keys)."""
    path: list[str | int] = []
    last = len(detail["loc"]) - 1
    for number, part in enumerate(detail["loc"]):
        if isinstance(data, dict) and isinstance(part, str):
            if part in data:
                data = data[part]
                path.append(part)
            elif (number == last and detail["type"] == "missing") or (
                number == last and detail["type"] == "reference"
            ):
                path.append(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
            path.append(part)
    return tuple(path)


@dataclass(frozen=True)
class _Reporter:
    """Turns the details of one place into a problem."""

    data: Any
    places: Places
    model: type[BaseModel]
    above: Path

    def problem(self, path: Path, details: list[ErrorDetails]) -> Problem:
        """One problem from everything pydantic said of one place."""
        about_key = details[0]["type"] == "extra_forbidden" or "[key]" in details[0]["loc"]
        path = (*path, "kind") if details[0]["type"] == "stage_kind_unknown" else path
        whole = (*self.above, *path)
        place = self.places.of_key(whole) if about_key else self.places.of(whole)
        message, allowed = self._words(path, details)
        where = ".".join(filter(None, [name(self.above), name(path, self.data)]))
        return Problem(place.file, place.line, place.column, where, message, allowed)

    def _words(self, path: Path, details: list[ErrorDetails]) -> tuple[str, str]:
        first = details[0]
        kind, context, found = first["type"], first.get("ctx", {}), _value(self.data, path)
        if kind == "missing":
            return f"The field '{path[-1]}' is missing.", self._needed(path[:-1])
        if kind == "extra_forbidden":
            return _unknown(f"There is no field '{path[-1]}' here.", path[-1], self._fields(path[:-1]))
        if kind == "stage_kind_missing":
            return "The field 'kind' is missing.", ", ".join(context["allowed"])
        if kind == "stage_kind_unknown":
            return _unknown(
                f"There is no stage kind '{context['kind']}'.", context["kind"], context["allowed"]
            )
        if kind == "reference":
            return str(context["text"]) + ".", ", ".join(context["allowed"][:30])
        if kind == "value_error":
            return f"This does not fit: {context['error']}.", ""
        if kind in ("too_short", "too_long"):
            bound = context.get("min_length", context.get("max_length"))
            return f"Found {context.get('actual_length')} entries.", f"{_many(kind)} {bound}"
        if "[key]" in first["loc"] or kind == "string_pattern_mismatch":
            word = path[-1] if "[key]" in first["loc"] else found
            return f"Found {_found(word)}.", _pattern(str(context.get("pattern", "")))
        return f"Found {_found(found)}.", " or ".join(dict.fromkeys(_allowed(d, found) for d in details))

    def _needed(self, path: Path) -> str:
        model = _model(self.model, path, self.data)
        needed = [field for field, info in model.model_fields.items() if info.is_required()] if model else []
        return f"needed here are {', '.join(needed)}" if needed else ""

    def _fields(self, path: Path) -> list[str]:
        model = _model(self.model, path, self.data)
        return list(model.model_fields) if model else []


def _allowed(detail: ErrorDetails, found: Any) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'|(\d+)", str(context["expected"]))
        words = [word or number for word, number in options]
        guess = nearest(found, words) if isinstance(found, str) else ""
        return ", ".join(words) + (f" (did you mean '{guess}'?)" if guess and guess != found else "")
    if kind in _LIMITS:
        bound = next(iter(value for key, value in context.items() if key in ("ge", "gt", "le", "lt")))
        return f"{_LIMITS[kind]} {bound:g}"
    if kind in ("string_too_long", "string_too_short"):
        return f"{_many(kind)} {context.get('max_length', context.get('min_length')):,} characters"
    return _TYPES.get(kind, detail["msg"])


def _many(kind: str) -> str:
    return "at least" if kind.endswith("short") else "at most"


def _found(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text '{value if len(value) <= 60 else value[:57] + '…'}'"
    return "a list" if isinstance(value, list) else "a mapping of fields"


def _pattern(pattern: str) -> str:
    return next((words for start, words in _PATTERNS.items() if pattern.startswith(start)), pattern)


def _unknown(message: str, word: object, known: list[str]) -> tuple[str, str]:
    guess = nearest(str(word), known)
    return message + (f" Did you mean '{guess}'?" if guess else ""), ", ".join(known)


def _model(top: type[BaseModel], path: Path, data: Any) -> type[BaseModel] | None:
    """The model whose fields stand at a path below `top`."""
    model: type[BaseModel] | None = top
    for number, part in enumerate(path):
        if isinstance(part, int) or model is None:
            continue
        info = model.model_fields.get(part)
        if model is Protocol and part == "flow" and len(path) > number + 1:
            stage = _value(data, path[: number + 2])
            kind = stage.get("kind") if isinstance(stage, dict) else None
            model = configurations().get(kind) if isinstance(kind, str) else None
        else:
            model = _inner_model(info.annotation) if info else None
    return model


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and get_origin(annotation) is None:
        return annotation
    found = (_inner_model(inner) for inner in get_args(annotation))
    return next((model for model in found if model), None)


def _value(data: Any, path: Path) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data

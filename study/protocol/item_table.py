"""Items from a CSV next to the YAML: `items: {file: items.csv}`.

One row an item. Columns: id, question, kind, truth, options (`yes=Yes | no=No`), advice (the AI's answer), lead, body,
probability, correction, provenance, source_1_title, source_1_url, source_2_…, tag_<name>; a text in another language
is `question.de`. A published table is read as it is: `columns` says which of its columns is ours, `values` which of
its words mean what, and `defaults` fills what it does not have.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path as File
from typing import Any, Literal

from pydantic import Field, ValidationError

from analysis.plan.types import Frozen, Scalar
from study.protocol.problems import Problem
from study.protocol.yaml import CONTROL, MAX_BYTES, Place, Places, nearest, scalar

Path = tuple[str | int, ...]

_TEXTS = {
    "question": ("question",),
    "correction": ("correction",),
    "lead": ("advice", "lead"),
    "body": ("advice", "body"),
}
_PLAIN = {"id": ("id",), "kind": ("kind",), "provenance": ("provenance",)}
_ANSWERS = {"truth": ("truth",), "advice": ("advice", "answer")}
_SOURCE = re.compile(r"source_([1-9][0-9]?)_(title|url)")
_TAG = re.compile(r"tag_([A-Za-z][A-Za-z0-9_]{0,63})")
_LANGUAGE = re.compile(r"[a-z]{2}(-[A-Za-z]{2,4})?")
MAX_ROWS = 2000
ALLOWED = (
    "id, question, kind, truth, options, advice, lead, body, probability, correction, provenance, "
    "source_1_title, source_1_url, tag_<name>, or a name listed under ignore"
)


class ItemTable(Frozen):
    """Where items are read from. `columns`: our name to theirs; `values`: our column to their word to our value;
    `defaults`: our column to the value of every row that has none; `ignore`: their columns that are not wanted
    (`rest`: all that `columns` does not name)."""

    file: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]*\.csv$", description="a CSV in the protocol's own folder"
    )
    columns: dict[str, str] = {}
    values: dict[str, dict[str, Scalar]] = {}
    defaults: dict[str, Scalar] = {}
    ignore: list[str] | Literal["rest"] = []
    prefix: str = Field(
        default="", max_length=20, description="put before every id, e.g. where ids are numbers"
    )
    only: dict[str, str] = Field(
        default={}, description="rows to keep: their column to the word it must hold"
    )


def read_items(data: dict[str, Any], places: Places, folder: File | None) -> list[Problem]:
    """Replace `items: {file: …}` in `data` by the rows of that file; returns what is wrong with the table."""
    given = data.get("items")
    if not isinstance(given, dict):
        return []
    from study.protocol.errors import problems_of

    data["items"] = []
    try:
        table = ItemTable.model_validate(given, strict=True)
    except ValidationError as error:
        return problems_of(error, given, places, model=ItemTable, above=("items",))
    if problems := list(_unknown_columns(table, places)):
        return problems
    place = places.of(("items", "file"))
    if folder is None:
        message = "Items in a file of their own can only be read when the protocol is a file beside it."
        return [Problem(place.file, place.line, place.column, "items.file", message)]
    text, reason = _text_of(folder / table.file)
    if text is None:
        return [Problem(place.file, place.line, place.column, "items.file", f"{table.file} {reason}.")]
    languages = data.get("languages")
    first = languages[0] if isinstance(languages, list) and languages else "en"
    reader = _Table(table, places, str(first))
    data["items"] = list(reader.rows(text))
    return reader.problems


def _unknown_columns(table: ItemTable, places: Places) -> Iterator[Problem]:
    """Names on our side of the table's settings that are none of our columns."""
    for field in ("columns", "values", "defaults"):
        for name in getattr(table, field):
            if not _known(name):
                place = places.of_key(("items", field, name))
                where = f"items.{field}.{name}"
                yield Problem(
                    place.file,
                    place.line,
                    place.column,
                    where,
                    f"There is no column '{name}' of ours.",
                    ALLOWED,
                )


def _text_of(path: File) -> tuple[str | None, str]:
    try:
        if path.is_symlink() or not path.is_file():
            return None, "is not in the protocol's folder"
        if path.stat().st_size > MAX_BYTES:
            return None, f"is larger than {MAX_BYTES:,} bytes"
        return path.read_text(encoding="utf-8-sig"), ""
    except UnicodeDecodeError:
        return None, "is not UTF-8 text"
    except OSError as error:
        return None, f"cannot be read ({error.strerror})"


class _Table:
    """Rows to items, noting the line of every cell and what is wrong."""

    def __init__(self, table: ItemTable, places: Places, language: str) -> None:
        self.table = table
        self.language = language
        self.places = places
        self.problems: list[Problem] = []
        self.theirs = {theirs: ours for ours, theirs in table.columns.items()}

    def rows(self, text: str) -> Iterator[dict[str, Any]]:
        """One mapping an item, as the YAML would have given it."""
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        number, header, start = 0, None, 1
        raw: list[str] = []
        try:
            for cells in reader:
                line, start = start, reader.line_num + 1
                if not any(cell.strip() for cell in cells):
                    continue
                if header is None:
                    header, raw = self._header(cells, line), [cell.strip() for cell in cells]
                    continue
                if number >= MAX_ROWS:
                    self._note(line, 1, "", f"More than {MAX_ROWS} items")
                    return
                if len(cells) != len(header):
                    self._note(line, 1, "", f"{len(cells)} cells, but the header names {len(header)} columns")
                    continue
                if self._left_out(dict(zip(raw, cells, strict=True))):
                    continue
                yield self._row(list(zip(header, cells, strict=True)), number, line)
                number += 1
        except csv.Error as error:
            self._note(reader.line_num, 1, "", f"This is not valid CSV ({error}); is a quote left open?")
        if not number and not self.problems:
            self._note(1, 1, "", "Holds no items")

    def _header(self, cells: list[str], line: int) -> list[str]:
        """Our name of each column; problems for those nobody knows. Ignored columns are ''."""
        names: list[str] = []
        for column, cell in enumerate(cells, start=1):
            theirs = cell.strip()
            ignored = self.table.ignore == "rest" or theirs in self.table.ignore
            ours = self.theirs.get(theirs, "" if ignored else theirs)
            if ours and not _known(ours):
                guess = nearest(ours, [*_TEXTS, *_PLAIN, *_ANSWERS, "options", "probability"])
                hint = f" Did you mean '{guess}'?" if guess else ""
                self._note(line, column, theirs, f"There is no column '{ours}'.{hint}", ALLOWED)
            elif ours and ours in names:
                self._note(line, column, theirs, f"The column '{ours}' is there twice")
            names.append(ours if ours not in names else "")
        given = {cell.strip() for cell in cells}
        for field in ("columns", "only"):
            wanted = self.table.columns.values() if field == "columns" else self.table.only
            for theirs in wanted:
                if theirs not in given:
                    self._note(line, 1, theirs, f"The header has no column '{theirs}', which `{field}` names")
        return names

    def _left_out(self, row: dict[str, str]) -> bool:
        return any(row.get(theirs, "").strip() != word for theirs, word in self.table.only.items())

    def _row(self, row: list[tuple[str, str]], number: int, line: int) -> dict[str, Any]:
        item: dict[str, Any] = {}
        self.places.values["items", number] = Place(line, 1, self.table.file)
        for column, (name, cell) in enumerate(row, start=1):
            if name and _known(name):
                self._cell(item, number, Place(line, column, self.table.file), name, cell.strip())
        for name, value in self.table.defaults.items():
            if _known(name) and not dict(row).get(name, "").strip():
                self._cell(item, number, Place(line, 1, self.table.file), name, value)
        if "id" in item:
            item["id"] = f"{self.table.prefix}{item['id']}"
        self._numbers(item)
        return item

    def _cell(self, item: dict[str, Any], number: int, place: Place, name: str, cell: Scalar) -> None:
        value = self.table.values.get(name, {}).get(str(cell), cell)
        if value == "":
            return
        if found := CONTROL.search(str(value)):
            message = f"Holds the character U+{ord(found[0]):04X}, which no page can show"
            self._note(place.line, place.column, name, message)
            return
        path, value = _target(name, value)
        _put(item, path, value, self.language)
        for length in range(1, len(path) + 1):
            self.places.values.setdefault(("items", number, *path[:length]), place)

    def _numbers(self, item: dict[str, Any]) -> None:
        """Cells are texts: the answers of a probability item, and probabilities, are numbers."""
        advice = item.get("advice")
        if item.get("kind") == "probability":
            item["truth"] = scalar(str(item.get("truth", "")))
            if isinstance(advice, dict) and advice.get("answer") != "unsure":
                advice["answer"] = scalar(str(advice.get("answer", "")))
        if isinstance(advice, dict) and isinstance(advice.get("probability"), str):
            advice["probability"] = scalar(advice["probability"])

    def _note(self, line: int, column: int, where: str, message: str, allowed: str = "") -> None:
        message = message if message.endswith(("?", ".")) else message + "."
        self.problems.append(Problem(self.table.file, line, column, where, message, allowed))


def _known(name: str) -> bool:
    stem, _, language = name.partition(".")
    if language:
        return bool(_LANGUAGE.fullmatch(language)) and (
            stem in _TEXTS or bool(re.fullmatch(r"source_\d+_title", stem))
        )
    known = name in _TEXTS or name in _PLAIN or name in _ANSWERS or name in ("options", "probability")
    return known or bool(_SOURCE.fullmatch(name) or _TAG.fullmatch(name))


def _target(name: str, value: Any) -> tuple[Path, Any]:
    """Where in the item a column goes, and its value there."""
    stem, _, language = name.partition(".")
    if language:
        path, _value = _target(stem, value)
        return (*path, language), value
    if source := _SOURCE.fullmatch(name):
        return ("sources", int(source[1]) - 1, source[2]), value
    if tag := _TAG.fullmatch(name):
        return ("tags", tag[1]), scalar(value) if isinstance(value, str) else value
    if name == "options":
        return ("options",), _options(str(value))
    if name == "probability":
        return ("advice", "probability"), value
    return {**_TEXTS, **_PLAIN, **_ANSWERS}[name], value


def _options(cell: str) -> dict[str, str]:
    pairs = (entry.partition("=") for entry in cell.split("|"))
    return {key.strip(): label.strip() or key.strip() for key, _, label in pairs}


def _put(item: dict[str, Any], path: Path, value: Any, language: str) -> None:
    """Set a nested value; a text that gets a second language becomes a mapping of both."""
    here: Any = item
    for part, following in itertools.pairwise(path):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(here, list):
            while len(here) <= int(part):
                here.append({})
            here = here[int(part)]
        elif isinstance(here.get(part), str):
            here[part] = {language: here[part]}
            here = here[part]
        else:
            here = here.setdefault(part, empty)
    here[path[-1]] = value

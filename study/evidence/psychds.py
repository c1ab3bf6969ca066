"""The rules of Psych-DS (schema model 1.5) that are errors there, checked on a folder. Standard library only.

`errors(folder)` says what breaks a rule, as `CODE: what and where`; an empty list is a valid dataset. Recommendations
of the standard, which its own validator reports as warnings, are not looked at. Source: the project's schema model and
its page of rules and conventions.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

DESCRIPTION = "dataset_description.json"
IGNORE = ".psychds-ignore"
REQUIRED = ("name", "description", "variableMeasured")
NAMESPACES = {f"{scheme}://schema.org" for scheme in ("http", "https")}
FILE_NAME = re.compile(r"[a-z]+-[a-zA-Z0-9]+(_[a-z]+-[a-zA-Z0-9]+)*_data\.(csv|tsv)")
DELIMITERS = {".csv": ",", ".tsv": "\t"}


def errors(folder: Path) -> list[str]:
    """Every broken rule, in the order of the standard: description, data folder, file names, tables, columns."""
    return list(_errors(folder))


def _errors(folder: Path) -> Iterator[str]:
    content, problem = _description(folder / DESCRIPTION)
    if problem:
        yield problem
    if not (folder / "data").is_dir():
        yield "MISSING_DATA_DIRECTORY: there is no folder 'data'."
        return
    seen: set[str] = set()
    valid = 0
    for path in _tables(folder):
        found, head = _table_errors(path)
        yield from (f"{code}: {path.relative_to(folder).as_posix()}: {what}" for code, what in found)
        valid += not found
        seen.update(head)
    if not valid:
        yield "MISSING_DATAFILE: no table in 'data' is valid."
    if content is not None:
        yield from _metadata_errors(content, seen)


def _description(path: Path) -> tuple[Any, str]:
    """The description, or None and why it cannot be read."""
    if not path.is_file():
        return None, f"MISSING_DATASET_DESCRIPTION: there is no {DESCRIPTION} at the root."
    try:
        return json.loads(path.read_bytes().decode("utf-8")), ""
    except UnicodeDecodeError:
        return None, f"JSON_ENCODING_ERROR: {DESCRIPTION} is not UTF-8."
    except ValueError as error:
        return None, f"INVALID_JSON_FORMATTING: {DESCRIPTION}: {error}"


def _tables(folder: Path) -> Iterator[Path]:
    """CSV and TSV files anywhere under `data` that are not to be ignored."""
    ignore = folder / IGNORE
    patterns = ignore.read_text(encoding="utf-8").split() if ignore.is_file() else []
    for path in sorted((folder / "data").rglob("*")):
        place = path.relative_to(folder).as_posix()
        if path.is_file() and path.suffix in DELIMITERS and not any(fnmatch(place, p) for p in patterns):
            yield path


def _table_errors(path: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """Broken rules of one table as (code, what), and its header."""
    found: list[tuple[str, str]] = []
    if not FILE_NAME.fullmatch(path.name):
        found.append(
            ("FILENAME_KEYWORD_FORMATTING_ERROR", "the name is not made of key-value pairs and _data.")
        )
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file, delimiter=DELIMITERS[path.suffix], strict=True)
            head = next(rows, [])
            return found + list(_row_errors(head, rows)), head
    except UnicodeDecodeError:
        return [*found, ("CSV_FORMATTING_ERROR", "not UTF-8.")], []
    except csv.Error as error:
        return [*found, ("CSV_FORMATTING_ERROR", f"{error}.")], []


def _row_errors(head: list[str], rows: Iterator[list[str]]) -> Iterator[tuple[str, str]]:
    if not head or not all(head):
        yield "CSV_HEADER_MISSING", "the header is empty, or one of its names is."
        return
    if twice := [name for name, count in Counter(head).items() if count > 1]:
        yield "CSV_FORMATTING_ERROR", f"the header names {', '.join(twice)} twice."
    place = head.index("row_id") if "row_id" in head else None
    ids: set[str] = set()
    for number, row in enumerate(rows, start=2):
        if len(row) != len(head):
            yield "CSV_HEADER_LENGTH_MISMATCH", f"row {number} has {len(row)} cells, the header {len(head)}."
        elif place is not None:
            if row[place] in ids:
                yield "ROWID_VALUES_NOT_UNIQUE", f"row {number} repeats row_id {row[place]}."
            ids.add(row[place])


def _metadata_errors(content: Any, seen: set[str]) -> Iterator[str]:
    """Broken rules of the description, given all columns of all tables."""
    if not isinstance(content, dict):
        yield f"INVALID_JSONLD_FORMATTING: {DESCRIPTION} is not an object."
        return
    known = _expanded(content)
    kind = known.get("@type", known.get("type"))
    if kind is None:
        yield "MISSING_DATASET_TYPE: @type is missing."
    elif kind not in ("Dataset", *(f"{space}/Dataset" for space in NAMESPACES)):
        yield f"INCORRECT_DATASET_TYPE: @type is {kind!r}, not Dataset."
    for key in REQUIRED:
        if not known.get(key):
            yield f"JSON_KEY_REQUIRED: {key} is missing or not of schema.org."
    variables = known.get("variableMeasured") or []
    if not isinstance(variables, list):
        yield "JSON_KEY_REQUIRED: variableMeasured is not a list."
        return
    names = [_name(variable) for variable in variables]
    if None in names:
        yield "INVALID_OBJECT_TYPE: variableMeasured holds something that is neither a name nor a PropertyValue."
    measured = {name for name in names if name is not None}
    yield from (f"CSV_COLUMN_MISSING_FROM_METADATA: {name}" for name in sorted(seen - measured))
    yield from (f"VARIABLE_MISSING_FROM_CSV_COLUMNS: {name}" for name in sorted(measured - seen))


def _expanded(content: dict[str, Any]) -> dict[str, Any]:
    """The properties that belong to schema.org, by their short names; keywords of JSON-LD as they are."""
    context = content.get("@context")
    ours = isinstance(context, str) and context.rstrip("/") in NAMESPACES
    found: dict[str, Any] = {}
    for key, value in content.items():
        space, _, short = key.rpartition("/")
        if space in NAMESPACES:
            found[short] = value
        elif ours or key.startswith("@"):
            found[key] = value
    return found


def _name(variable: Any) -> str | None:
    """The column that an entry of variableMeasured speaks of, or None for an entry that is not allowed."""
    if isinstance(variable, str):
        return variable
    if not isinstance(variable, dict):
        return None
    kind = str(variable.get("@type", variable.get("type", ""))).rsplit("/", 1)[-1]
    name = variable.get("name")
    return name if kind == "PropertyValue" and isinstance(name, str) and name else None

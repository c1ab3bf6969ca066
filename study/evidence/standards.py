"""The bundle described in the words of other programs: Frictionless Data Package, RO-Crate, Croissant,
Psych-DS.

Written last before the manifest, from the codebook and the files as they are.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from study.evidence import psychds
from study.evidence.pages import LICENCES
from study.evidence.records import write_json
from study.evidence.reproduce import file_name
from study.protocol.types import Protocol
from study.registration.models import Study

KEYS = {"participants": ["participant"], "trials": ["participant", "item"]}
FRICTIONLESS = {"boolean": "boolean", "integer": "integer", "number": "number", "time": "datetime"}
CROISSANT = {"boolean": "sc:Boolean", "integer": "sc:Integer", "number": "sc:Float"}
MEDIA = {
    ".csv": "text/csv",
    ".parquet": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".ipynb": "application/x-ipynb+json",
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".md": "text/markdown",
    ".py": "text/x-python",
    ".txt": "text/plain",
    ".cff": "text/plain",
}
FILES = ("datapackage.json", "ro-crate-metadata.json", "croissant.json")


def write(study: Study, protocol: Protocol, folder: Path) -> None:
    """The four descriptions at the root of the bundle."""
    with (folder / "data" / "codebook.csv").open(encoding="utf-8", newline="") as file:
        book = list(csv.DictReader(file))
    write_json(folder / "datapackage.json", datapackage(study, protocol, book))
    write_json(folder / psychds.DESCRIPTION, described(study, protocol, book))
    (folder / psychds.IGNORE).write_text(IGNORED, encoding="utf-8", newline="\n")
    write_json(folder / "croissant.json", croissant(study, protocol, book, folder))
    write_json(folder / "ro-crate-metadata.json", crate(study, protocol, folder))


def description(study: Study, protocol: Protocol) -> str:
    """One paragraph; a rehearsal says so."""
    text = protocol.say(protocol.summary) or protocol.say(protocol.title)
    return (
        text
        if study.mode == Study.Mode.REAL
        else f"{study.mode.capitalize()}, not evidence about people. {text}"
    )


def address(protocol: Protocol) -> str:
    """The licence's address, or its name where it is not one of the known ones."""
    return LICENCES.get(protocol.licence, protocol.licence)


def authors(protocol: Protocol) -> list[str]:
    """Who made the data."""
    return protocol.authors or [protocol.contact.name]


def names_of(book: Iterable[dict[str, str]]) -> list[str]:
    """The tables of the codebook, in its order."""
    return list(dict.fromkeys(row["table"] for row in book))


def told(row: dict[str, str]) -> str:
    """A column in words: what it is, and what its values mean."""
    return f"{row['label']} ({row['values']})" if row["values"] else row["label"]


def datapackage(study: Study, protocol: Protocol, book: Iterable[dict[str, str]]) -> dict[str, Any]:
    """Frictionless Data Package: every CSV table with its schema."""
    book = list(book)
    return {
        "profile": "tabular-data-package",
        "name": study.slug,
        "title": protocol.say(protocol.title),
        "description": description(study, protocol),
        "version": protocol.version,
        "licenses": [{"name": protocol.licence, "path": address(protocol)}],
        "contributors": [{"title": name, "role": "author"} for name in authors(protocol)],
        "resources": [
            _resource(name, [row for row in book if row["table"] == name]) for name in names_of(book)
        ],
    }


def _resource(name: str, columns: list[dict[str, str]]) -> dict[str, Any]:
    schema: dict[str, Any] = {"fields": [_field(column) for column in columns], "missingValues": [""]}
    if name in KEYS:
        schema["primaryKey"] = KEYS[name]
    if name != "participants" and any(column["column"] == "participant" for column in columns):
        reference = {"resource": "participants", "fields": ["participant"]}
        schema["foreignKeys"] = [{"fields": ["participant"], "reference": reference}]
    return {"name": name, "path": f"data/{file_name(name)}", "profile": "tabular-data-resource",
            "format": "csv", "mediatype": "text/csv", "encoding": "utf-8", "schema": schema}  # fmt: skip


def _field(column: dict[str, str]) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": column["column"],
        "type": FRICTIONLESS.get(column["type"], "string"),
        "description": told(column),
    }
    if column["type"] == "time":
        field["format"] = "%Y-%m-%dT%H:%M:%S.%fZ"
    if column["type"] == "boolean":
        field |= {"trueValues": ["true"], "falseValues": ["false"]}
    if column["type"] == "category" and column["levels"]:
        field["constraints"] = {"enum": column["levels"].split("|")}
    return field


IGNORED = "data/codebook.*\ndata/*.parquet\n"
"""What of the data folder Psych-DS passes over: the codebook, and the tables once more as Parquet."""


def described(study: Study, protocol: Protocol, book: Iterable[dict[str, str]]) -> dict[str, Any]:
    """Psych-DS: every column of every table once, in the words of schema.org."""
    columns: dict[str, dict[str, str]] = {}
    for row in book:
        columns.setdefault(row["column"], row)
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": protocol.say(protocol.title),
        "description": description(study, protocol),
        "version": protocol.version,
        "license": address(protocol),
        "creator": [{"@type": "Person", "name": name} for name in authors(protocol)],
        "variableMeasured": [_variable(row) for row in columns.values()],
    }


def _variable(row: dict[str, str]) -> dict[str, str]:
    found = {"@type": "PropertyValue", "name": row["column"], "description": told(row)}
    if row["unit"]:
        found["unitText"] = row["unit"]
    if row["levels"]:
        found["valueReference"] = row["levels"].replace("|", ", ")
    return found


CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context that Croissant 1.0 prescribes (docs.mlcommons.org/croissant)."""


def croissant(
    study: Study, protocol: Protocol, book: Iterable[dict[str, str]], folder: Path
) -> dict[str, Any]:
    """Croissant 1.0: files with their hashes, tables as record sets."""
    book = list(book)
    content: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": study.slug,
        "description": description(study, protocol),
        "license": address(protocol),
        "url": f"https://{study.slug}.invalid/",
        "version": protocol.version if protocol.version.count(".") == 2 else f"{protocol.version}.0",
        "creator": [{"@type": "sc:Person", "name": name} for name in authors(protocol)],
        "distribution": [_file_object(name, folder) for name in names_of(book)],
        "recordSet": [
            _record_set(name, [row for row in book if row["table"] == name]) for name in names_of(book)
        ],
    }
    if study.closed_at:
        content["datePublished"] = f"{study.closed_at:%Y-%m-%d}"
    return content


def _file_object(name: str, folder: Path) -> dict[str, Any]:
    path = folder / "data" / file_name(name)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"@type": "cr:FileObject", "@id": f"{name}.csv", "name": f"{name}.csv",
            "contentUrl": f"data/{file_name(name)}", "encodingFormat": "text/csv",
            "contentSize": f"{path.stat().st_size} B", "sha256": digest}  # fmt: skip


def _record_set(name: str, columns: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column['column']}",
                "name": f"{name}/{column['column']}",
                "description": told(column),
                "dataType": CROISSANT.get(column["type"], "sc:Text"),
                "source": {"fileObject": {"@id": f"{name}.csv"}, "extract": {"column": column["column"]}},
            }
            for column in columns
        ],
    }


def crate(study: Study, protocol: Protocol, folder: Path) -> dict[str, Any]:
    """RO-Crate 1.1: every file. Identifiers are URIs: paths are quoted, a licence without address is local."""
    paths = sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.name not in FILES
    )
    people = [
        {"@id": f"#author-{n}", "@type": "Person", "name": name}
        for n, name in enumerate(authors(protocol), start=1)
    ]
    made_by = [{"@id": person["@id"]} for person in people]
    licensed = LICENCES.get(protocol.licence, "#licence")
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": protocol.say(protocol.title),
        "description": description(study, protocol),
        "datePublished": f"{study.closed_at:%Y-%m-%d}" if study.closed_at else "",
        "license": {"@id": licensed},
        "author": made_by if len(made_by) > 1 else made_by[0],
        "hasPart": [{"@id": quote(path)} for path in paths],
    }
    licence = {
        "@id": licensed,
        "@type": "CreativeWork",
        "name": protocol.licence,
        "description": protocol.licence,
    }
    descriptor = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
    }
    files = [_file(path, folder) for path in paths]
    return {
        "@context": "https://w3id.org/ro/crate/1.1/context",
        "@graph": [descriptor, root, licence, *people, *files],
    }


def _file(path: str, folder: Path) -> dict[str, Any]:
    size = (folder / path).stat().st_size
    media = MEDIA.get(Path(path).suffix, "application/octet-stream")
    return {
        "@id": quote(path),
        "@type": "File",
        "name": path,
        "encodingFormat": media,
        "contentSize": str(size),
    }

"""From a file or a text to a protocol, or to everything that is wrong with it at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any

from pydantic import ValidationError

from study.protocol import yaml
from study.protocol.errors import problems_of
from study.protocol.item_table import read_items
from study.protocol.problems import Problem, ProtocolError
from study.protocol.recording import read_recording
from study.protocol.types import Protocol
from study.protocol.yaml import Places


@dataclass(frozen=True)
class Document:
    """A protocol with the text it was read from and the places of its parts (for messages with line numbers)."""

    protocol: Protocol
    text: str
    places: Places


def read(source: File | str) -> Protocol:
    """The protocol in a file (a Path) or in a text (a str: YAML or JSON). Raises ProtocolError with every problem."""
    return read_document(source).protocol


def read_document(source: File | str, *, folder: File | None = None) -> Document:
    """As `read`, with the places of its parts. `folder` is where a text's item table lies (default: nowhere)."""
    text = _text_of(source) if isinstance(source, File) else source
    folder = source.parent if isinstance(source, File) else folder
    data, places = yaml.parse(text)
    if not isinstance(data, dict):
        message = "A protocol is a mapping of fields; this is " + (
            "empty" if data is None else "something else"
        )
        raise ProtocolError([Problem("", 1, 1, "", message + ".", "heed: 1, id, title, arms, flow, …")])
    problems = read_items(data, places, folder) + read_recording(data, places, folder)
    try:
        protocol = Protocol.model_validate(data, strict=True)
    except ValidationError as error:
        raise ProtocolError(problems + problems_of(error, data, places)) from None
    if problems:
        raise ProtocolError(problems)
    return Document(protocol, text, places)


def from_canonical(canonical: bytes | str | dict[str, Any]) -> Protocol:
    """The protocol of frozen bytes (or of the values parsed from them). Raises ProtocolError without line numbers."""
    data = json.loads(canonical) if isinstance(canonical, bytes | str) else canonical
    try:
        return Protocol.model_validate(data, strict=True)
    except ValidationError as error:
        raise ProtocolError(problems_of(error, data, Places())) from None


def shipped() -> dict[str, File]:
    """The protocols that come with Heed, by id."""
    folder = File(__file__).parent / "shipped"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _text_of(path: File) -> str:
    try:
        if path.stat().st_size > yaml.MAX_BYTES:
            raise ProtocolError(
                [Problem("", 1, 1, "", f"{path.name} is larger than {yaml.MAX_BYTES:,} bytes.")]
            )
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{path.name} is not UTF-8 text (byte {error.start + 1})."
        raise ProtocolError([Problem("", 1, 1, "", message, "a text file saved as UTF-8")]) from None
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}."
        raise ProtocolError([Problem("", 0, 0, "", message)]) from None

"""Recorded answers from a file next to the YAML: `replay: {file: answers.jsonl, sha256: …, source: …}`.

The file is made by `manage.py advice`; what is registered holds the answers themselves, so that nothing outside the
document decides what people read.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path as File
from typing import Any

from study.protocol.problems import Problem
from study.protocol.yaml import MAX_BYTES, Places

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]*\.jsonl")


def read_recording(data: dict[str, Any], places: Places, folder: File | None) -> list[Problem]:
    """Replace `replay.file` in `data` by the answers in that file; returns what is wrong with it."""
    replay = data.get("replay")
    if not isinstance(replay, dict) or "file" not in replay:
        return []
    name = replay.pop("file")
    replay.setdefault("answers", [])
    answers, reason = _answers(name, folder, str(replay.get("sha256", "")))
    if answers is None:
        del data["replay"]  # what follows from the missing answers would only hide the reason
        place = places.of(("replay", "file"))
        return [Problem(place.file, place.line, place.column, "replay.file", f"{name} {reason}.")]
    replay["answers"] = answers
    return []


def _answers(name: object, folder: File | None, sha256: str) -> tuple[list[Any] | None, str]:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return None, "is no name of a .jsonl file in the protocol's own folder"
    if folder is None:
        return None, "can only be read when the protocol is a file beside it"
    path = folder / name
    try:
        if path.is_symlink() or not path.is_file():
            return None, "is not in the protocol's folder"
        if path.stat().st_size > MAX_BYTES:
            return None, f"is larger than {MAX_BYTES:,} bytes"
        content = path.read_bytes()
        if (found := hashlib.sha256(content).hexdigest()) != sha256:
            return None, f"has the hash {found}, not the one that is named"
        return [json.loads(line) for line in content.splitlines()], ""
    except OSError as error:
        return None, f"cannot be read ({error.strerror})"
    except (ValueError, RecursionError):
        return None, "is not one JSON object a line"

"""The reference pages that are made from the code itself, so that they cannot say what the program does not do."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from django.apps import apps
from django.conf import settings
from django.core.management import get_commands, load_command_class
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from study.protocol.flow import configurations
from study.protocol.schema import schema
from study.protocol.types import Protocol, Stage

FOLDER = Path(settings.BASE_DIR) / "docs" / "reference"
MADE = "Made from the code by `manage.py reference`; do not edit. "
OURS = ("config", "study", "elicitation", "llm")
SKIPPED = frozenset({"-h", "--help", "--version", "--settings", "--pythonpath", "--traceback", "--no-color",
                     "--force-color", "--skip-checks", "-v", "--verbosity"})  # fmt: skip


def pages() -> dict[str, str]:
    """File name in docs/reference to what belongs in it."""
    return {
        "protocol.schema.json": json.dumps(schema(), indent=1, ensure_ascii=False) + "\n",
        "protocol-fields.md": protocol_fields(),
        "stage-kinds.md": stage_kinds(),
        "commands.md": commands(),
    }


def protocol_fields() -> str:
    """Every field of a protocol, part by part."""
    parts = [f"# Fields of a protocol\n\n{MADE}[How a protocol is read and frozen](protocol.md)."]
    return "\n\n".join([*parts, *(_model(model) for model in _models(Protocol))]) + "\n"


def stage_kinds() -> str:
    """What a stage of each kind may say beside the fields of every stage."""
    kinds = configurations()
    listed = ", ".join(f"[{name}](#{name})" for name in kinds)
    parts = [f"# Stage kinds\n\n{MADE}A flow is a list of stages of these kinds: {listed}.", _model(Stage)]
    seen = set(_models(Protocol)) | {Stage}
    for name, config in kinds.items():
        parts.append(_model(config, title=name, leave_out=set(Stage.model_fields)))
        inner = [model for model in _models(config) if model not in seen and model is not config]
        seen |= set(inner)
        parts += [_model(model) for model in inner]
    return "\n\n".join(parts) + "\n"


def _models(model: type[BaseModel]) -> list[type[BaseModel]]:
    """The model and all it holds, each once, in the order in which they are met. Stages have their own page."""
    found: list[type[BaseModel]] = []

    def meet(one: type[BaseModel]) -> None:
        if one in found or (one is not model and issubclass(one, Stage)):
            return
        found.append(one)
        for field in one.model_fields.values():
            for inner in _inside(field.annotation):
                meet(inner)

    meet(model)
    return found


def _inside(hint: Any) -> Iterator[type[BaseModel]]:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        yield hint
    for argument in get_args(hint):
        yield from _inside(argument)


def _model(model: type[BaseModel], *, title: str = "", leave_out: set[str] | None = None) -> str:
    about = " ".join((model.__doc__ or "").split())
    fields = {k: f for k, f in model.model_fields.items() if k not in (leave_out or set())}
    head = f"## {title or model.__name__}\n\n{about}\n"
    if not fields:
        return head + "\nNo fields of its own."
    rows = [
        f"| `{name}` | {_cell(_type(field.annotation))} | {_default(field)} | {_cell(field.description or '')} |"
        for name, field in fields.items()
    ]
    return head + "\n| field | type | default | what it is |\n|---|---|---|---|\n" + "\n".join(rows)


def _type(hint: Any) -> str:
    """A type in a reader's words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (Union, UnionType):
        kinds = [_type(one) for one in arguments if one is not NoneType]
        return " or ".join(dict.fromkeys(kinds)).replace("text or text by text", "text, or one a language")
    if origin is list:
        return f"list of {_type(arguments[0])}"
    if origin is dict:
        return f"{_type(arguments[1])} by {_type(arguments[0])}"
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        page = "protocol-fields.md" if hint in _models(Protocol) else ""
        return f"[{hint.__name__}]({page}#{hint.__name__.lower()})" if hint is not Stage else "stage"
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}.get(hint, "anything")


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.default if field.default is not PydanticUndefined else field.default_factory()
    if isinstance(value, BaseModel):
        return "its defaults"
    return f"`{_cell(repr(value))}`" if value not in ("", [], {}, None) else "none"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def commands() -> str:
    """Every command of ours with its arguments."""
    parts = [f"# Commands\n\n{MADE}Each is run as `.venv/bin/python manage.py COMMAND`."]
    for name, app in sorted(get_commands().items()):
        if apps.is_installed(str(app)) and str(app).split(".")[0] in OURS:
            parts.append(_command(name, load_command_class(str(app), name)))
    return "\n\n".join(parts) + "\n"


def _command(name: str, command: Any) -> str:
    parser = command.create_parser("manage.py", name)
    lines = [f"## {name}\n\n{_cell(command.help)}"]
    return "\n\n".join([*lines, *_arguments(parser)])


def _arguments(parser: argparse.ArgumentParser, before: str = "") -> Iterator[str]:
    rows = []
    below: list[str] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, sub in action.choices.items():
                below.append(f"### {before}{name}\n\n{_cell(helps.get(name, ''))}".strip())
                below += list(_arguments(sub, f"{before}{name} "))
        elif not set(action.option_strings) & SKIPPED:
            named = ", ".join(f"`{option}`" for option in action.option_strings)
            said = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
            rows.append(f"| {named or f'`{action.metavar or action.dest}`'} | {_cell(said)} |")
    if rows:
        yield "| argument | meaning |\n|---|---|\n" + "\n".join(rows)
    yield from below


def unsaid_settings() -> list[str]:
    """Environment variables that the code reads and docs/reference/settings.md does not name."""
    said = (FOLDER / "settings.md").read_text(encoding="utf-8")
    root = Path(settings.BASE_DIR)
    read = re.compile(r"""(?:flag|number|words|get|getenv|environ)\(?\[?\s*["'](HEED_[A-Z_]+)["']""")
    code = [path for room in OURS for path in (root / room).rglob("*.py")]
    named = {name for path in code for name in read.findall(path.read_text(encoding="utf-8"))}
    return sorted(name for name in named if f"`{name}`" not in said)

"""One module for each kind of task. A script is a function from a Request to an Answer, found by task name.

    @script("elicitation.interview")
    def interview(request: Request) -> Answer: ...

The task is the `Task:` line of the system message, or the name of the asked schema. A task without a script
gets a value that satisfies its schema, or a sentence that says what this is.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from llm.rehearsal_model.filling import conform, fill
from llm.rehearsal_model.request import Answer, Request

Script = Callable[[Request], Answer]
SCRIPTS: dict[str, Script] = {}
NOBODY = "This is a rehearsal: no language model was asked. You wrote: “{}”"


def script(*tasks: str) -> Callable[[Script], Script]:
    """Register a script for `tasks` (names of templates or of schemas)."""

    def register(function: Script) -> Script:
        for task in tasks:
            if task in SCRIPTS:
                raise ValueError(f"two scripts for the task {task!r}")
            SCRIPTS[task] = function
        return function

    return register


def answer(request: Request) -> Answer:
    """The answer of the task's script, made to fit the asked schema."""
    found = SCRIPTS.get(request.task) or SCRIPTS.get(request.schema_name) or generic
    said = found(request)
    if said.tool or request.schema is None:
        return said
    data: Any = said.data
    if isinstance(data, dict):
        return replace(said, data=conform(data, request.schema, request.rng("fill")))
    return said if data is not None else Answer(data=fill(request.schema, request.rng("fill")))


def generic(request: Request) -> Answer:
    if request.schema is not None:
        return Answer(data=fill(request.schema, request.rng("fill")))
    return Answer(text=NOBODY.format(" ".join(request.last.split())[:120]))


for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

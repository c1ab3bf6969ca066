"""What should not be registered, or only knowingly: judgement on a document that could be run.

`lint` is called before every registration and amendment; errors stop it. Every code is documented in
docs/reference/linter.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from study.protocol.canonical import document
from study.protocol.lint import design, flow, live, models, people, plan, texts
from study.protocol.lint.codes import CODES, Level
from study.protocol.lint.said import Said
from study.protocol.types import Protocol
from study.protocol.yaml import Places, name

CHECKS = (people.check, design.check, flow.check, live.check, texts.check, plan.check, models.check)
_ORDER: dict[Level, int] = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True)
class Finding:
    """One thing the linter says. `line` (from 1) is known when the protocol was read from text."""

    level: Level
    code: str
    where: str
    message: str
    line: int | None = None
    file: str = ""

    def __str__(self) -> str:
        place = f"{self.file + ' ' if self.file else ''}line {self.line}: " if self.line else ""
        return f"{self.level}: {place}{self.where}: {self.message} [{self.code}]"


def lint(protocol: Protocol, *, places: Places | None = None, powered: bool = True) -> list[Finding]:
    """Everything the linter has to say, errors first, then in the order of the document.

    `places` (from `read_document`) adds line numbers. `powered`: has the plan's power been simulated?
    """
    said = chain.from_iterable(check(protocol) for check in CHECKS)
    if not powered and protocol.plan.hypotheses:
        said = chain(
            said, [Said("power-never-simulated", ("plan",), "The plan's power was never simulated.")]
        )
    findings = list(_findings(said, protocol, places or Places()))
    return sorted(findings, key=lambda f: _ORDER[f.level])


def _findings(said: Iterator[Said], protocol: Protocol, places: Places) -> Iterator[Finding]:
    values = document(protocol)
    for one in said:
        place = places.of(one.path)
        yield Finding(
            level=CODES[one.code].level,
            code=one.code,
            where=name(one.path, values) or "protocol",
            message=one.message,
            line=place.line or None,
            file=place.file,
        )


__all__ = ["CODES", "Finding", "Level", "lint"]

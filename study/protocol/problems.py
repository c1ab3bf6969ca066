"""What is wrong with a protocol, said so that its author can put it right."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: in which file ('' = the protocol itself), where, what was found, what is
    allowed.

    `line` and `column` count from 1; 0 where the document has no lines (it was not read from text).
    """

    file: str
    line: int
    column: int
    where: str
    message: str
    allowed: str = ""

    def __str__(self) -> str:
        place = f"{self.file or 'line'} {self.line}" if not self.file else f"{self.file} line {self.line}"
        start = f"{place}, column {self.column}: " if self.line else ""
        field = f"{self.where}: " if self.where else ""
        return f"{start}{field}{self.message}" + (f" Allowed: {self.allowed}." if self.allowed else "")


class ProtocolError(ValueError):
    """A document that is no protocol. `problems` holds everything that is wrong, in the order of the lines."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''} in the protocol"
        super().__init__("\n".join([head, *(f"  {problem}" for problem in self.problems)]))

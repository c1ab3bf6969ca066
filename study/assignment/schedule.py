"""The assignment schedule, derived from a registered protocol and its committed seed. Standard library only.

A place fixes the arm, the order of the items and which items carry the arm's phrasing. Every draw comes from
its own labelled stream of HMAC-SHA256 blocks, so no draw depends on how many were made before it: a longer
schedule begins with the shorter one. docs/reference/schedule.md describes the derivation for
re-implementation elsewhere.
"""

from __future__ import annotations

import hmac
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
WORDS = 2**64


class ScheduleError(ValueError):
    """The protocol or the seed does not determine a schedule."""


@dataclass(frozen=True)
class Place:
    """One place: `number` counts from 1 within `stratum`, `block` likewise."""

    number: int
    block: int
    stratum: str
    arm: str
    item_order: tuple[str, ...]
    hedged: tuple[str, ...]


class Stream:
    """Uniform integers from HMAC-SHA256(seed, label ‖ 0x00 ‖ counter), four 64-bit big-endian words a
    block.
    """

    def __init__(self, seed: bytes, *label: object) -> None:
        self._words = _words(seed, "\n".join(str(part) for part in label).encode() + b"\x00")

    def below(self, n: int) -> int:
        """A uniform integer in [0, n). Words that would favour small values are rejected. Needs 1 <= n <=
        2**64.
        """
        limit = WORDS - WORDS % n
        return next(word for word in self._words if word < limit) % n

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """The values in random order (Fisher-Yates, from the last place to the second)."""
        result = list(values)
        for last in range(len(result) - 1, 0, -1):
            other = self.below(last + 1)
            result[last], result[other] = result[other], result[last]
        return result


def _words(seed: bytes, label: bytes) -> Iterator[int]:
    for counter in itertools.count():
        digest = hmac.digest(seed, label + counter.to_bytes(8, "big"), "sha256")
        for start in (0, 8, 16, 24):
            yield int.from_bytes(digest[start : start + 8], "big")


def derive(protocol: Mapping[str, Any], seed: str) -> list[Place]:
    """The whole schedule of a canonical protocol (parsed JSON) under a seed of 64 hexadecimal digits.

    Strata come in the order of `strata`; each holds `sample.target` places, so that any mix of strata can
    fill the sample. Raises ScheduleError.
    """
    key = seed_bytes(seed)
    target = protocol["sample"]["target"]
    return [place for stratum in strata(protocol) for place in _stratum(protocol, key, stratum, target)]


def seed_bytes(seed: str) -> bytes:
    """The 32 bytes of a seed written as 64 lower-case hexadecimal digits. Raises ScheduleError."""
    if not re.fullmatch(r"[0-9a-f]{64}", seed):
        raise ScheduleError("A seed is 64 lower-case hexadecimal digits (32 bytes).")
    return bytes.fromhex(seed)


def strata(protocol: Mapping[str, Any]) -> list[str]:
    """All strata: option ids of the stratifying questions joined by '|', the last question varying fastest.

    Without stratifying questions there is one stratum, ''. Raises ScheduleError for a column that is no
    required choice question asked in every arm, in a stage up to the one after which slots are claimed.
    """
    columns = protocol["randomisation"]["strata"]
    if not columns:
        return [""]
    asked = {question["id"]: question for question in _questions_before(protocol)}
    return [
        "|".join(combination)
        for combination in itertools.product(*(_options(asked, column) for column in columns))
    ]


def _questions_before(protocol: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    after = protocol["randomisation"]["after"]
    for stage in protocol["flow"]:
        if not stage.get("arms"):
            yield from stage.get("questions") or []
        if stage["id"] == after:
            return
    raise ScheduleError(f"randomisation.after names no stage of the flow: {after!r}.")


def _options(asked: Mapping[str, Mapping[str, Any]], column: str) -> list[str]:
    question = asked.get(column)
    if question is None or question["kind"] != "choice" or not question["required"] or question["arms"]:
        raise ScheduleError(
            f"randomisation.strata: {column!r} is not a required choice question asked of everybody before "
            f"slots are claimed."
        )
    return [option["id"] for option in question["options"]]


def stratum_of(protocol: Mapping[str, Any], answers: Mapping[str, str]) -> str:
    """The stratum of a participant who gave these answers (column to option id). Raises KeyError,
    ScheduleError.
    """
    stratum = "|".join(answers[column] for column in protocol["randomisation"]["strata"])
    if stratum not in strata(protocol):
        raise ScheduleError(f"No stratum {stratum!r} in the schedule.")
    return stratum


def _stratum(protocol: Mapping[str, Any], key: bytes, stratum: str, target: int) -> Iterator[Place]:
    items = {arm["id"]: items_of(protocol, arm["id"]) for arm in protocol["arms"]}
    rotations = {arm["id"]: rotation(protocol, arm, key, stratum) for arm in protocol["arms"]}
    shuffle = protocol["randomisation"]["item_order"] == "random"
    for number, (block, arm) in enumerate(itertools.islice(_arms(protocol, key, stratum), target), start=1):
        order = [item["id"] for item in items[arm]]
        if shuffle:
            order = Stream(key, "order", stratum, number).shuffled(order)
        yield Place(number, block, stratum, arm, tuple(order), next(rotations[arm]))


def _arms(protocol: Mapping[str, Any], key: bytes, stratum: str) -> Iterator[tuple[int, str]]:
    """Arms in permuted blocks without end: each block holds every arm weight × repeats times."""
    repeats = protocol["randomisation"]["repeats"]
    block_of = [arm["id"] for arm in protocol["arms"] for _ in range(arm["weight"] * repeats)]
    for block in itertools.count(1):
        for arm in Stream(key, "arms", stratum, block).shuffled(block_of):
            yield block, arm


def items_of(protocol: Mapping[str, Any], arm: str) -> list[Mapping[str, Any]]:
    """The items people of an arm meet, in the protocol's order: those of its trials stages, or all without
    such stages.
    """
    trials = [stage for stage in protocol["flow"] if stage["kind"] == "trials"]
    if not trials:
        return list(protocol["items"])
    met: set[str] = set()
    for stage in trials:
        if not stage["arms"] or arm in stage["arms"]:
            met.update(
                [item["id"] for item in protocol["items"]] if stage["items"] == "all" else stage["items"]
            )
    return [item for item in protocol["items"] if item["id"] in met]


def rotation(
    protocol: Mapping[str, Any], arm: Mapping[str, Any], key: bytes, stratum: str
) -> Iterator[tuple[str, ...]]:
    """The hedged items of an arm's first, second, … place, in the protocol's order of items, without end.

    The items stand on a wheel that spreads the cells of `balance` evenly; each place takes the next `count`
    of them. A cycle is the smallest number of places after which the wheel is back at its start: within it
    every item carries the phrasing equally often, and at any moment two items differ by at most one. Each
    cycle draws a new wheel.
    """
    able = [item for item in items_of(protocol, arm["id"]) if _hedges(protocol, arm) and _definite(item)]
    count = len(able) if arm["hedged"]["count"] == "all" else arm["hedged"]["count"]
    if count > len(able) and able:
        raise ScheduleError(f"Arm {arm['id']!r} hedges {count} items but shows advice on {len(able)}.")
    if not able or count in (0, len(able)):
        yield from itertools.repeat(tuple(item["id"] for item in able[:count]))
    cells = _cells(able, arm["hedged"]["balance"])
    for cycle in itertools.count(1):
        wheel = _wheel(cells, Stream(key, "hedged", stratum, arm["id"], cycle))
        for start in _starts(len(wheel), count):
            taken = {wheel[(start + step) % len(wheel)] for step in range(count)}
            yield tuple(item["id"] for item in able if item["id"] in taken)


def _hedges(protocol: Mapping[str, Any], arm: Mapping[str, Any]) -> bool:
    """Does this arm put a phrase before the AI's answers? Arms without advice and arms with the plain answer
    do not.
    """
    plain = {phrasing["id"] for phrasing in protocol["phrasings"] if phrasing["direction"] == "plain"} | {
        "plain"
    }
    return bool(arm["advice"]) and arm["phrasing"] not in plain


def _definite(item: Mapping[str, Any]) -> bool:
    """Has the AI a definite answer to this item? Only such an answer can be hedged."""
    return item["advice"] is not None and item["advice"]["answer"] != "unsure"


def _starts(items: int, count: int) -> list[int]:
    """Where each place of one cycle starts on the wheel: 0, count, 2·count … until the start comes round
    again.
    """
    starts = [0]
    while (following := (starts[-1] + count) % items) != 0:
        starts.append(following)
    return starts


def _cells(items: Sequence[Mapping[str, Any]], balance: Sequence[str]) -> list[list[str]]:
    """Item ids grouped by the balanced columns, groups in order of first appearance."""
    cells: dict[tuple[str, ...], list[str]] = {}
    for item in items:
        cells.setdefault(tuple(_label(item, column) for column in balance), []).append(item["id"])
    return list(cells.values())


def _label(item: Mapping[str, Any], column: str) -> str:
    if column == "truth":
        return str(item["truth"])
    if column == "ai_correct":
        return str(_ai_correct(item))
    if column in item["tags"]:
        return str(item["tags"][column])
    raise ScheduleError(f"Item {item['id']!r} has no tag {column!r} to balance hedging over.")


def _ai_correct(item: Mapping[str, Any]) -> bool | None:
    """Whether the AI's answer is right; a probability is when it lies on the truth's side of 50 (None on
    50).
    """
    said, truth = item["advice"]["answer"], item["truth"]
    if item["kind"] != "probability":
        return bool(said == truth)
    return None if 50 in (said, truth) else (said > 50) == (truth > 50)


def _wheel(cells: Sequence[Sequence[str]], stream: Stream) -> list[str]:
    """All items, every cell spread evenly: before place p a cell of c items out of n has had floor or ceil of
    p·c/n.

    The cells' order and the items within each are drawn; then each place goes to the cell whose next item is
    due first (earliest deadline) among the cells that are not ahead. This is what keeps every prefix within
    one of its share.
    """
    queues = stream.shuffled([stream.shuffled(cell) for cell in cells])
    n = sum(len(queue) for queue in queues)
    taken = [0] * len(queues)
    wheel: list[str] = []
    for place in range(n):
        ready = [
            c
            for c, queue in enumerate(queues)
            if taken[c] < len(queue) and taken[c] * n // len(queue) <= place
        ]
        chosen = min(ready, key=lambda c: -(-(taken[c] + 1) * n // len(queues[c])))
        wheel.append(queues[chosen][taken[chosen]])
        taken[chosen] += 1
    return wheel

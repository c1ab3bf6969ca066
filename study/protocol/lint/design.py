"""Arms, items and phrasings: is the design balanced, is every wrong answer corrected?"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from typing import Any

from study.protocol.lint.said import Said
from study.protocol.stimulus import MARK, stimulus
from study.protocol.types import UNSURE, Arm, Item, Phrasing, Protocol
from study.protocol.walk import parts_of

_NOT_SURE = re.compile(
    r"not (?:quite |really |entirely |completely )?(?:sure|certain|clear)|unsure|unclear|uncertain",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d|\bper ?cent\b|%")
_REFERENCE = re.compile(r"\[(\d+(?:\s*,\s*\d+)*)\]")


def check(protocol: Protocol) -> Iterator[Said]:
    """Findings on arms, items and phrasings."""
    yield from _arms(protocol)
    yield from _balance(protocol)
    yield from _items(protocol)
    yield from _phrasings(protocol)
    for number, arm in enumerate(protocol.arms):
        yield from _hedged(number, arm, protocol)


def _arms(protocol: Protocol) -> Iterator[Said]:
    if len(protocol.arms) == 1:
        yield Said("one-arm", ("arms",), "There is one arm only.")
    named = {arm for _, part in parts_of(protocol.flow) for arm in getattr(part, "arms", [])}
    seen: dict[Hashable, str] = {}
    for number, arm in enumerate(protocol.arms):
        shown = (
            arm.advice,
            arm.phrasing if arm.advice else "",
            str(arm.hedged) if arm.phrasing != "plain" else "",
        )
        if shown in seen and arm.id not in named and seen[shown] not in named:
            message = f"'{arm.id}' shows the same as '{seen[shown]}', and no stage tells them apart."
            yield Said("arms-identical", ("arms", number), message)
        seen.setdefault(shown, arm.id)


def _balance(protocol: Protocol) -> Iterator[Said]:
    """2 × truth × AI-right over the items with the same options, each cell as often as the others."""
    if not any(arm.advice for arm in protocol.arms):
        return
    groups: dict[Hashable, list[Item]] = defaultdict(list)
    for item in protocol.items:
        if item.advice is not None and item.kind in ("binary", "probability"):
            groups[item.kind, tuple(item.options)].append(item)
    for items in groups.values():
        definite = [item for item in items if protocol.ai_correct(item) is not None]
        cells = Counter((_truth(item), bool(protocol.ai_correct(item))) for item in definite)
        truths = sorted({_truth(item) for item in items})
        if len(truths) == 1 and len(items) > 1:
            yield Said(
                "unbalanced-items", ("items",), f"The truth is '{truths[0]}' for all {len(items)} items."
            )
        elif definite and len({cells[truth, right] for truth in truths for right in (True, False)}) > 1:
            counts = ", ".join(
                f"truth '{truth}' and AI {'right' if right else 'wrong'}: {cells[truth, right]}"
                for truth in truths
                for right in (True, False)
            )
            yield Said("unbalanced-items", ("items",), f"The design is not balanced ({counts}).")
        unsure = Counter(_truth(item) for item in items if item.advice and item.advice.answer == UNSURE)
        if unsure and len({unsure[truth] for truth in truths}) > 1:
            counts = ", ".join(f"truth '{truth}': {unsure[truth]}" for truth in truths)
            yield Said("unbalanced-items", ("items",), f"Verdicts of 'unsure' are not balanced ({counts}).")
    rights = {right for item in protocol.items if (right := protocol.ai_correct(item)) is not None}
    if len(rights) == 1 and len(protocol.items) > 1:
        word = "right" if rights == {True} else "wrong"
        yield Said("advice-one-sided", ("items",), f"The AI is {word} on every item it answers.")


def _truth(item: Item) -> str:
    if item.kind == "probability":
        return "above 50" if float(item.truth) > 50 else "50 or below"
    return str(item.truth)


def _items(protocol: Protocol) -> Iterator[Said]:
    advised = any(arm.advice for arm in protocol.arms)
    seen: dict[str, str] = {}
    for number, item in enumerate(protocol.items):
        path = ("items", number)
        question = " ".join(protocol.say(item.question).lower().split())
        if question in seen:
            yield Said("item-twice", (*path, "question"), f"'{seen[question]}' asks the same.")
        seen.setdefault(question, item.id)
        if item.advice is None and advised and not protocol.varies:
            yield Said("item-without-advice", path, "The item has no AI answer.")
        if protocol.ai_correct(item) is False and advised and not protocol.say(item.correction).strip():
            yield Said(
                "wrong-answer-without-correction",
                path,
                "The AI is wrong here and no correction says what is true.",
            )
        if item.advice is not None:
            yield from _answer(path, item, protocol)


def _answer(path: tuple[str | int, ...], item: Item, protocol: Protocol) -> Iterator[Said]:
    plain = Arm(id="plain", label="")
    said = stimulus(protocol, item, plain, hedged=False)
    if said.text[:1].islower():
        yield Said(
            "sentence-start", (*path, "advice", "lead"), f"Shown plainly it begins '{said.text[:30]}…'."
        )
    numbers = {int(n) for match in _REFERENCE.findall(said.body) for n in match.split(",")}
    if missing := sorted(n for n in numbers if not 1 <= n <= len(item.sources)):
        message = f"The answer points to [{missing[0]}], but the item has {len(item.sources)} sources."
        yield Said("source-number", (*path, "advice", "body"), message)


def _phrasings(protocol: Protocol) -> Iterator[Said]:
    used = {arm.phrasing for arm in protocol.arms if arm.advice}
    for number, phrasing in enumerate(protocol.phrasings):
        if phrasing.id not in used and phrasing.id != "plain":
            yield Said("phrasing-unused", ("phrasings", number), f"No arm uses '{phrasing.id}'.")
        for path, words in _words(phrasing, ("phrasings", number)):
            numbered = phrasing.placement == "numeric" or "by_probability" in path
            if _NOT_SURE.search(words) and (numbered or _NUMBER.search(words)):
                yield Said("hedge-with-number", path, f"'{words}' gives a number to words that have none.")


def _words(phrasing: Phrasing, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for where, text in parts_of(phrasing, path):
        if isinstance(text, str) and ("text" in where or "items" in where):
            yield where, text


def _hedged(number: int, arm: Arm, protocol: Protocol) -> Iterator[Said]:
    """Do the hedged roles divide evenly over the cells they are balanced over?"""
    if not arm.advice or arm.phrasing == "plain" or protocol.varies:
        return
    path, count, items = ("arms", number, "hedged"), arm.hedged.count, protocol.hedgeable
    if count == 0 or not items:
        yield Said("hedge-never-shown", path, f"No item of '{arm.id}' carries the phrasing '{arm.phrasing}'.")
        return
    if _inline_without_mark(arm, protocol):
        message = f"The phrasing '{arm.phrasing}' goes where a body has {MARK}, and no body has."
        yield Said("hedge-never-shown", ("arms", number, "phrasing"), message)
    if count == "all":
        return
    cells = Counter(_cell(protocol.items_by_id[item], arm, protocol) for item in items)
    shares = {size * count / len(items) for size in cells.values()}
    if any(share % 1 for share in shares):
        sizes = ", ".join(str(size) for size in cells.values())
        message = f"{count} hedged items do not divide over {len(cells)} cells of {sizes} items."
        yield Said("hedged-unevenly", (*path, "count"), message)


def _inline_without_mark(arm: Arm, protocol: Protocol) -> bool:
    bodies = [protocol.say(item.advice.body) for item in protocol.items if item.advice]
    return protocol.phrasings_by_id[arm.phrasing].placement == "inline" and not any(MARK in b for b in bodies)


def _cell(item: Item, arm: Arm, protocol: Protocol) -> tuple[Any, ...]:
    """The item's values of what hedging is balanced over."""
    known = {"ai_correct": protocol.ai_correct(item), "truth": _truth(item)} | item.tags
    return tuple(known.get(column) for column in arm.hedged.balance)

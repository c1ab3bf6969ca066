"""docs/reference/schedule.md, implemented a second time from the page alone: both must draw the same schedules."""

from __future__ import annotations

import hashlib
import hmac
import struct
from math import gcd
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.assignment.schedule import derive
from study.protocol import document, read, shipped
from tests.study.assignment.test_schedule import STRATA, arm, item, protocol


class Words:
    """A stream that makes its blocks one by one, as the page has it."""

    def __init__(self, seed: str, label: list[str]) -> None:
        self.seed, self.label = bytes.fromhex(seed), "\n".join(label).encode("utf-8")
        self.k, self.left = 0, b""

    def below(self, n: int) -> int:
        while True:
            if not self.left:
                message = self.label + b"\0" + struct.pack(">Q", self.k)
                self.left = hmac.new(self.seed, message, hashlib.sha256).digest()
                self.k += 1
            (word,), self.left = struct.unpack(">Q", self.left[:8]), self.left[8:]
            if word < 2**64 - 2**64 % n:
                return int(word % n)

    def shuffle(self, entries: list[Any]) -> list[Any]:
        for i in reversed(range(1, len(entries))):
            j = self.below(i + 1)
            entries[i], entries[j] = entries[j], entries[i]
        return entries


def draw(doc: dict[str, Any], seed: str) -> list[tuple[Any, ...]]:
    """(stratum, number, block, arm, item order, hedged) of every place."""
    strata = [""]
    for n, column in enumerate(doc["randomisation"]["strata"]):
        (question,) = [q for s in doc["flow"] for q in s.get("questions", []) if q["id"] == column]
        ids = [option["id"] for option in question["options"]]
        strata = [f"{before}|{one}" if n else one for before in strata for one in ids]
    return [place for stratum in strata for place in draw_stratum(doc, seed, stratum)]


def draw_stratum(doc: dict[str, Any], seed: str, stratum: str) -> list[tuple[Any, ...]]:
    places: list[tuple[Any, ...]] = []
    seen: dict[str, int] = {}
    block = 0
    while True:
        block += 1
        arms: list[dict[str, Any]] = []
        for one in doc["arms"]:
            arms += [one] * (one["weight"] * doc["randomisation"]["repeats"])
        for one in Words(seed, ["arms", stratum, str(block)]).shuffle(arms):
            if len(places) == doc["sample"]["target"]:
                return places
            number = len(places) + 1
            items = met(doc, one["id"])
            order = [i["id"] for i in items]
            if doc["randomisation"]["item_order"] == "random":
                order = Words(seed, ["order", stratum, str(number)]).shuffle(order)
            nth = seen.get(one["id"], 0)
            seen[one["id"]] = nth + 1
            places.append(
                (stratum, number, block, one["id"], order, hedged(doc, seed, stratum, one, items, nth))
            )


def met(doc: dict[str, Any], name: str) -> list[dict[str, Any]]:
    stages = [s for s in doc["flow"] if s["kind"] == "trials"]
    open_ = [s for s in stages if s["arms"] == [] or name in s["arms"]]
    return [
        i
        for i in doc["items"]
        if not stages or any(s["items"] == "all" or i["id"] in s["items"] for s in open_)
    ]


def hedged(doc: Any, seed: str, stratum: str, one: Any, items: list[Any], nth: int) -> list[str]:
    directions = {p["id"]: p["direction"] for p in doc["phrasings"]}
    if not one["advice"] or one["phrasing"] == "plain" or directions[one["phrasing"]] == "plain":
        return []
    able = [i for i in items if i["advice"] and i["advice"]["answer"] != "unsure"]
    n = len(able)
    k = n if one["hedged"]["count"] == "all" else one["hedged"]["count"]
    if k == n:
        return [i["id"] for i in able]
    length = n // gcd(n, k)
    words = Words(seed, ["hedged", stratum, one["id"], str(nth // length + 1)])
    wheel = make_wheel(cells(able, one["hedged"]["balance"]), n, words)
    q = nth % length
    mine = {wheel[(q * k + step) % n] for step in range(k)}
    return [i["id"] for i in able if i["id"] in mine]


def cells(able: list[Any], balance: list[str]) -> list[list[str]]:
    def value(i: Any, column: str) -> Any:
        if column == "truth":
            return i["truth"]
        if column != "ai_correct":
            return i["tags"][column]
        if i["kind"] == "probability":
            said, true = i["advice"]["answer"], i["truth"]
            return None if said == 50 or true == 50 else (said > 50) == (true > 50)
        return i["advice"]["answer"] == i["truth"]

    found: list[tuple[list[Any], list[str]]] = []
    for i in able:
        key = [value(i, column) for column in balance]
        for known, members in found:
            if known == key:
                members.append(i["id"])
                break
        else:
            found.append((key, [i["id"]]))
    return [members for _, members in found]


def make_wheel(groups: list[list[str]], n: int, words: Words) -> list[str]:
    for group in groups:
        words.shuffle(group)
    words.shuffle(groups)
    wheel: list[str] = []
    used = {id(group): 0 for group in groups}
    for p in range(n):
        best, soonest = None, 0
        for group in groups:
            t, m = used[id(group)], len(group)
            if t < m and t * n // m <= p:
                due = ((t + 1) * n + m - 1) // m
                if best is None or due < soonest:
                    best, soonest = group, due
        assert best is not None
        wheel.append(best[used[id(best)]])
        used[id(best)] += 1
    return wheel


def ours(doc: dict[str, Any], seed: str) -> list[tuple[Any, ...]]:
    return [
        (p.stratum, p.number, p.block, p.arm, list(p.item_order), list(p.hedged)) for p in derive(doc, seed)
    ]


@pytest.mark.parametrize("name", sorted(shipped()))
def test_the_shipped_protocols_get_the_same_schedule_by_the_page(name: str) -> None:
    doc, seed = document(read(shipped()[name])), hashlib.sha256(name.encode()).hexdigest()
    assert ours(doc, seed) == draw(doc, seed)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), seed=st.binary(min_size=32, max_size=32))
def test_any_document_gets_the_same_schedule_by_the_page(data: st.DataObject, seed: bytes) -> None:
    count = data.draw(st.integers(2, 9))
    answers = st.sampled_from([True, False, None])
    items = [
        item(f"i{n}", truth=data.draw(st.booleans()), right=data.draw(answers), t=n % 3) for n in range(count)
    ]
    able = sum(i["advice"]["answer"] != "unsure" for i in items)
    balance = data.draw(st.lists(st.sampled_from(["truth", "ai_correct", "t"]), unique=True))
    hedging = data.draw(st.just("all") | st.integers(0, able))
    arms = [
        arm("a", phrasing="plain", weight=data.draw(st.integers(1, 3))),
        arm("b", count=hedging, balance=balance),
        arm("c", advice=False),
    ]
    doc = protocol(
        target=data.draw(st.integers(2, 60)),
        arms=arms,
        items=items,
        flow=STRATA,
        after="who",
        strata=data.draw(st.lists(st.sampled_from(["age", "sex"]), unique=True)),
        repeats=data.draw(st.integers(1, 3)),
        item_order=data.draw(st.sampled_from(["random", "fixed"])),
    )
    assert ours(doc, seed.hex()) == draw(doc, seed.hex())

"""The schedule is a pure function of protocol and seed: balanced, reproducible, extendable."""

from __future__ import annotations

import hashlib
import hmac
import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.assignment.schedule import Place, ScheduleError, Stream, derive, strata, stratum_of

SEED = hashlib.sha256(b"a seed for tests").hexdigest()


def protocol(
    *,
    target: int = 40,
    arms: list[dict[str, Any]] | None = None,
    items: list[dict[str, Any]] | None = None,
    flow: list[dict[str, Any]] | None = None,
    **randomisation: Any,
) -> dict[str, Any]:
    """The parts of a canonical document that decide about the schedule."""
    return {
        "arms": arms or [arm("control", phrasing="plain"), arm("hedged", count=4), arm("none", advice=False)],
        "phrasings": [{"id": "unsure", "direction": "weakener"}, {"id": "bare", "direction": "plain"}],
        "items": items or [item(f"i{n}", truth=n % 2 == 0, right=n < 4) for n in range(8)],
        "flow": flow or [{"kind": "consent", "id": "consent", "arms": []}, trials()],
        "randomisation": {"after": "consent", "repeats": 2, "strata": [], "item_order": "random"}
        | randomisation,
        "sample": {"target": target},
    }


def arm(
    name: str,
    *,
    phrasing: str = "unsure",
    count: int | str = "all",
    balance: Any = ("ai_correct",),
    **also: Any,
) -> Any:
    hedged = {"count": count, "balance": list(balance)}
    return {"id": name, "advice": True, "phrasing": phrasing, "hedged": hedged, "weight": 1} | also


def item(name: str, *, truth: bool = True, right: bool | None = True, **tags: Any) -> dict[str, Any]:
    answer = "unsure" if right is None else ("yes" if truth == right else "no")
    advice = {"answer": answer}
    return {"id": name, "kind": "binary", "truth": "yes" if truth else "no", "advice": advice, "tags": tags}


def trials(**also: Any) -> dict[str, Any]:
    return {"kind": "trials", "id": "tasks", "arms": [], "items": "all"} | also


def by_arm(places: list[Place], name: str) -> list[Place]:
    return [place for place in places if place.arm == name]


def test_the_same_seed_gives_the_same_schedule_and_another_seed_another() -> None:
    assert derive(protocol(), SEED) == derive(protocol(), SEED)
    assert derive(protocol(), SEED) != derive(protocol(), "0" * 64)


def test_the_first_draws_are_what_the_reference_page_says() -> None:
    """Written out by hand from docs/reference/schedule.md, without the module's own stream."""
    key = bytes.fromhex(SEED)
    block = ["control", "control", "hedged", "hedged", "none", "none"]
    words = []
    for counter in range(2):
        digest = hmac.new(key, b"arms\n\n1\x00" + counter.to_bytes(8, "big"), hashlib.sha256).digest()
        words += [int.from_bytes(digest[at : at + 8], "big") for at in range(0, 32, 8)]
    for last in range(5, 0, -1):
        other = words[5 - last] % (last + 1)
        block[last], block[other] = block[other], block[last]
    assert [place.arm for place in derive(protocol(target=6), SEED)] == block


def test_every_block_holds_every_arm_by_weight() -> None:
    arms = [arm("a", phrasing="plain", weight=2), arm("b", phrasing="plain"), arm("c", advice=False)]
    places = derive(protocol(target=80, arms=arms, repeats=2), SEED)
    for _, block in itertools.groupby(places, key=lambda place: place.block):
        assert Counter(place.arm for place in block) == {"a": 4, "b": 2, "c": 2}


def test_a_longer_schedule_begins_with_the_shorter_one() -> None:
    short, long = derive(protocol(target=33), SEED), derive(protocol(target=333), SEED)
    assert long[:33] == short
    assert len(long) == 333


def test_numbers_count_from_one_without_gaps() -> None:
    places = derive(protocol(target=17), SEED)
    assert [place.number for place in places] == list(range(1, 18))


def test_every_item_is_hedged_equally_often_and_never_more_than_once_more_on_the_way() -> None:
    hedged = by_arm(derive(protocol(target=120), SEED), "hedged")
    assert len(hedged) == 40
    for upto in range(1, len(hedged) + 1):
        counts = Counter(name for place in hedged[:upto] for name in place.hedged)
        assert max(counts.values()) - min(counts.get(f"i{n}", 0) for n in range(8)) <= 1
    assert set(counts.values()) == {20}


def test_each_person_hears_as_many_hedges_on_right_as_on_wrong_answers() -> None:
    for place in by_arm(derive(protocol(target=240), SEED), "hedged"):
        right = sum(int(name[1:]) < 4 for name in place.hedged)
        assert (len(place.hedged), right) == (4, 2)


def test_hedging_is_balanced_over_the_crossing_of_several_columns() -> None:
    arms = [arm("hedged", count=4, balance=("ai_correct", "truth"))]
    for place in derive(protocol(target=50, arms=arms), SEED):
        cells = Counter((int(name[1:]) < 4, int(name[1:]) % 2) for name in place.hedged)
        assert set(cells.values()) == {1}
        assert len(cells) == 4


def test_a_tag_can_be_balanced_over() -> None:
    items = [item(f"i{n}", right=True, topic="sea" if n < 2 else "sky") for n in range(8)]
    arms = [arm("hedged", count=4, balance=("topic",))]
    for place in derive(protocol(arms=arms, items=items), SEED):
        assert Counter(int(name[1:]) < 2 for name in place.hedged) == {True: 1, False: 3}


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 7), min_size=1, max_size=5), data=st.data())
def test_cells_of_any_size_stay_within_one_of_their_share(sizes: list[int], data: st.DataObject) -> None:
    items = [item(f"c{c}-{k}", cell=c) for c, size in enumerate(sizes) for k in range(size)]
    n = len(items)
    count = data.draw(st.integers(1, n))
    arms = [arm("hedged", count=count, balance=("cell",))]
    places = derive(protocol(target=3 * n, arms=arms, items=items), SEED)
    seen: Counter[str] = Counter()
    for place in places:
        seen.update(place.hedged)
        assert len(place.hedged) == count
        assert max(seen.values()) - min(seen.get(i["id"], 0) for i in items) <= 1
        for c, size in enumerate(sizes):
            here = sum(name.startswith(f"c{c}-") for name in place.hedged)
            assert abs(here - count * size / n) < 2
            if all(count * other % n == 0 for other in sizes):
                assert here == count * size // n


def test_arms_without_advice_and_plain_arms_hedge_nothing() -> None:
    arms = [arm("none", advice=False), arm("plain", phrasing="plain"), arm("bare", phrasing="bare")]
    assert {place.hedged for place in derive(protocol(arms=arms), SEED)} == {()}


def test_all_means_every_item_with_a_definite_answer() -> None:
    items = [item("sure"), item("unsure", right=None), {**item("mute"), "advice": None}]
    assert {place.hedged for place in derive(protocol(arms=[arm("hedged")], items=items), SEED)} == {
        ("sure",)
    }


def test_hedging_more_items_than_have_an_answer_is_refused() -> None:
    with pytest.raises(ScheduleError, match="hedges 9 items"):
        derive(protocol(arms=[arm("hedged", count=9)]), SEED)


def test_a_tag_that_an_item_lacks_is_refused() -> None:
    with pytest.raises(ScheduleError, match="no tag 'topic'"):
        derive(protocol(arms=[arm("hedged", count=2, balance=("topic",))]), SEED)


def test_people_meet_the_items_of_their_own_trials_stages() -> None:
    flow = [
        {"kind": "consent", "id": "consent", "arms": []},
        trials(id="all", items=["i0", "i1"]),
        trials(id="some", items=["i7"], arms=["hedged"]),
    ]
    arms = [arm("hedged", count=1, balance=()), arm("control", phrasing="plain")]
    places = derive(protocol(flow=flow, arms=arms), SEED)
    assert {frozenset(place.item_order) for place in by_arm(places, "hedged")} == {
        frozenset({"i0", "i1", "i7"})
    }
    assert {frozenset(place.item_order) for place in by_arm(places, "control")} == {frozenset({"i0", "i1"})}


def test_a_flow_without_trials_orders_all_items() -> None:
    flow = [{"kind": "consent", "id": "consent", "arms": []}]
    assert {len(place.item_order) for place in derive(protocol(flow=flow), SEED)} == {8}


def test_fixed_order_is_the_protocols() -> None:
    orders = {place.item_order for place in derive(protocol(item_order="fixed"), SEED)}
    assert orders == {tuple(f"i{n}" for n in range(8))}


def test_random_orders_put_every_item_everywhere() -> None:
    places = derive(protocol(target=8000), SEED)
    counts = Counter((place.item_order.index("i0")) for place in places)
    expected = 1000
    assert (
        sum((counts[k] - expected) ** 2 / expected for k in range(8)) < 24.3
    )  # chi-squared, 7 df, p = 0.001


STRATA = [
    {"kind": "consent", "id": "consent", "arms": []},
    {
        "kind": "survey",
        "id": "who",
        "arms": [],
        "questions": [
            {
                "id": "age",
                "kind": "choice",
                "required": True,
                "arms": [],
                "options": [{"id": "old"}, {"id": "young"}],
            },
            {
                "id": "sex",
                "kind": "choice",
                "required": True,
                "arms": [],
                "options": [{"id": "f"}, {"id": "m"}],
            },
            {"id": "maybe", "kind": "choice", "required": False, "arms": [], "options": [{"id": "x"}]},
        ],
    },
    trials(),
]


def test_each_stratum_has_blocks_of_its_own_and_room_for_the_whole_sample() -> None:
    document = protocol(flow=STRATA, target=12, strata=["age", "sex"], after="who")
    places = derive(document, SEED)
    assert strata(document) == ["old|f", "old|m", "young|f", "young|m"]
    assert Counter(place.stratum for place in places) == dict.fromkeys(strata(document), 12)
    runs = {tuple(place.arm for place in places if place.stratum == name) for name in strata(document)}
    assert len(runs) == 4


def test_answers_name_their_stratum() -> None:
    document = protocol(flow=STRATA, strata=["age", "sex"], after="who")
    assert stratum_of(document, {"sex": "m", "age": "old", "other": "x"}) == "old|m"
    with pytest.raises(ScheduleError, match="No stratum"):
        stratum_of(document, {"sex": "x", "age": "old"})


@pytest.mark.parametrize("column", ["maybe", "weight"])
def test_strata_rest_on_required_choices_asked_in_time(column: str) -> None:
    with pytest.raises(ScheduleError, match=column):
        derive(protocol(flow=STRATA, strata=[column], after="who"), SEED)
    with pytest.raises(ScheduleError, match="age"):
        derive(protocol(flow=STRATA, strata=["age"], after="consent"), SEED)


@pytest.mark.parametrize("seed", ["", "ab", "G" * 64, "AB" * 32, SEED + "00"])
def test_a_seed_of_another_form_is_refused(seed: str) -> None:
    with pytest.raises(ScheduleError, match="64 lower-case hexadecimal"):
        derive(protocol(), seed)


def test_draws_are_uniform_where_modulo_alone_would_not_be() -> None:
    """A range just above half of all words: without rejection, small values would come twice as often."""
    n = 2**63 + 2**62
    stream = Stream(bytes(32), "test")
    low = sum(stream.below(n) < n // 3 for _ in range(3000))
    assert abs(low - 1000) < 4 * (3000 * 2 / 9) ** 0.5
    third = sum((Stream(bytes(32), "plain", k)).below(3) == 0 for k in range(3000))
    assert abs(third - 1000) < 4 * (3000 * 2 / 9) ** 0.5


def test_the_module_needs_nothing_but_the_standard_library() -> None:
    import ast
    import sys

    import study.assignment.schedule as module

    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names

"""The bytes that are registered: RFC 8785, stable, and readable again."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

import pytest
import rfc8785
from pydantic import ValidationError

from study.protocol import (
    Problem,
    Protocol,
    ProtocolError,
    canonical,
    document,
    from_canonical,
    read,
    sha256,
    shipped,
)
from tests.study.protocol.small import TEXT, edited, small, with_parts


@pytest.mark.parametrize(
    ("number", "text"),
    [  # the examples of RFC 8785, appendix B
        (0.0, "0"), (-0.0, "0"), (5e-324, "5e-324"), (1.7976931348623157e308, "1.7976931348623157e+308"),
        (9007199254740992.0, "9007199254740992"), (295147905179352830000.0, "295147905179352830000"),
        (1e21, "1e+21"), (9.999999999999997e22, "9.999999999999997e+22"), (1e-6, "0.000001"), (1e-7, "1e-7"),
        (333333333.3333332, "333333333.3333332"), (333333333.33333325, "333333333.33333325"), (4.5, "4.5"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_rfc_8785_writes_them(number: float, text: str) -> None:
    assert rfc8785.dumps(number).decode() == text


def test_keys_are_sorted_by_utf_16_code_units_as_in_the_rfcs_example() -> None:
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\u00f6": 7}
    assert list(json.loads(rfc8785.dumps(keys))) == [
        "\r",
        "1",
        "\x80",
        "\u00f6",
        "\u20ac",
        "\U0001f600",
        "\ufb33",
    ]


def test_strings_escape_only_what_must_be_escaped() -> None:
    assert rfc8785.dumps('\u20ac$\x0f\nA\'B"\\\\"/') == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()


@pytest.mark.parametrize("name", [*shipped(), "small"])
def test_a_protocol_is_read_again_from_its_canonical_bytes(name: str) -> None:
    protocol = read(shipped()[name]) if name in shipped() else small()
    frozen = canonical(protocol)
    again = from_canonical(frozen)
    assert again == protocol
    assert canonical(again) == frozen
    assert Protocol.model_validate_json(frozen) == protocol
    assert read(frozen.decode()) == protocol, "canonical JSON is YAML, too"
    assert canonical(from_canonical(json.loads(frozen))) == frozen
    assert sha256(again) == hashlib.sha256(frozen).hexdigest()


def test_neither_the_order_of_fields_nor_comments_nor_quotes_change_the_hash() -> None:
    shuffled = edited('id: small\nversion: "1.0"\n', "version: '1.0'  # first\nid: \"small\"\n")
    assert sha256(read(shuffled)) == sha256(small())


def test_writing_a_default_out_changes_no_hash_and_changing_it_does() -> None:
    assert sha256(
        read(edited("title: A small study", "title: A small study\nparadigm: one-stage"))
    ) == sha256(small())
    assert sha256(
        read(edited("title: A small study", "title: A small study\nparadigm: two-stage"))
    ) != sha256(small())


def test_a_number_with_and_without_its_point_is_one_number() -> None:
    whole = edited("control: 0.9, hedged: 0.9", "control: 1, hedged: 0.9")
    assert sha256(read(whole)) == sha256(read(whole.replace("control: 1,", "control: 1.0,")))


def test_the_order_of_options_survives_freezing() -> None:
    assert list(from_canonical(canonical(small())).items[0].options) == ["yes", "no"]
    assert document(small())["items"][0]["options"] == [
        {"id": "yes", "label": "Yes"},
        {"id": "no", "label": "No"},
    ]
    turned = document(small())
    turned["items"][0]["options"].reverse()
    assert sha256(from_canonical(turned)) != sha256(small())


def test_the_hash_is_that_of_the_canonical_json_of_the_whole_document() -> None:
    assert json.loads(canonical(small())) == document(small())
    assert sha256(small()) == hashlib.sha256(rfc8785.dumps(json.loads(canonical(small())))).hexdigest()


def test_a_frozen_document_with_one_part_broken_is_refused() -> None:
    """Every key removed, and every value of another kind, is either the same protocol or an error, never a crash."""
    rng = random.Random(8785)
    whole = document(small())
    for _ in range(150):
        broken = json.loads(json.dumps(whole))
        _break(broken, rng)
        problems = _problems(broken)
        assert problems is None or (problems and all(problem.message for problem in problems))


def _problems(content: dict[str, Any]) -> list[Problem] | None:
    """What reading says of a document; None where it is a protocol still."""
    try:
        from_canonical(content)
    except ProtocolError as error:
        return error.problems
    return None


def _break(node: object, rng: random.Random) -> None:
    """Change one random value below `node` into something else."""
    while True:
        key = rng.choice(list(node) if isinstance(node, dict) else range(len(node)))  # type: ignore[arg-type]
        inner = node[key]  # type: ignore[index]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.15:
            node[key] = rng.choice([None, True, -1, 1e9, "", "x" * 9, [], {}, [None], {"id": 1}])  # type: ignore[index]
            return
        node = inner


def test_a_protocol_cannot_be_changed_after_reading() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        small().title = "Another"  # type: ignore[misc]


def test_a_copy_with_other_items_finds_those_items() -> None:
    protocol = small()
    assert set(protocol.items_by_id) == {"one", "two", "three", "four"}
    assert set(protocol.model_copy(update={"items": protocol.items[:1]}).items_by_id) == {"one"}
    assert set(with_parts(version="2").items_by_id) == set(protocol.items_by_id)


def test_the_text_of_the_tests_is_the_protocol_of_the_tests() -> None:
    assert read(TEXT) == small()

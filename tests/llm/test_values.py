"""Prompts, cleaning, masks, schemas, retries, prices: what needs neither a server nor a database."""

from __future__ import annotations

import doctest
import json
import unicodedata
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm import identifiers, pricing, prompts, sanitise, streams, structured
from llm.errors import BadReply, OverBudget, Rejected, Unavailable
from llm.prompts import (
    Message,
    Prompt,
    Sampling,
    Schema,
    Tool,
    ToolCall,
    Usage,
    prompt_from_json,
    prompt_hash,
)
from llm.retry import pause_before_retry
from llm.sanitise import Cleaner, clean
from tests.llm import helpers
from tests.llm.hostile import HOSTILE


@pytest.mark.parametrize("module", [identifiers, pricing, prompts, sanitise, streams])
def test_the_examples_in_the_docstrings_are_true(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert found.attempted > 0
    assert found.failed == 0


def full_prompt() -> Prompt:
    call = ToolCall("1", "look", '{"at": "sky"}')
    return Prompt(
        messages=(
            Message("system", "Task: x\nBe kind."),
            Message("user", "Grüße 🌍"),
            Message("assistant", "", (call,)),
            Message("tool", "blue", tool_call_id="1"),
        ),
        template="x",
        version="3",
        schema=Schema("shape", {"type": "object"}),
        tools=(Tool("look", "Looks.", {"type": "object"}),),
        sampling=Sampling(temperature=0.5, seed=7, max_tokens=10),
        model="m",
    )


def test_a_stored_prompt_is_read_back_equal_with_the_same_hash() -> None:
    prompt = full_prompt()
    stored = json.loads(json.dumps(prompt.as_json()))
    again = prompt_from_json(stored, template="x", version="3", model="m")
    assert again == prompt
    assert prompt_hash(again, "m") == prompt_hash(prompt, "m")


def test_the_hash_changes_with_model_words_and_settings() -> None:
    prompt = full_prompt()
    other_words = prompt.with_turns(Message("user", "more"))
    other_seed = prompt_from_json({**prompt.as_json(), "sampling": {**prompt.as_json()["sampling"], "seed": 8}},
                                  template="x", version="3", model="m")  # fmt: skip
    hashes = {
        prompt_hash(prompt, "m"),
        prompt_hash(prompt, "n"),
        prompt_hash(other_words, "m"),
        prompt_hash(other_seed, "m"),
    }
    assert len(hashes) == 4


@pytest.mark.parametrize("text", ["a\x00b", "half \ud83d pair"])
def test_what_a_database_cannot_store_is_refused_in_a_message(text: str) -> None:
    with pytest.raises(ValueError, match="clean it first"):
        Message("user", text)
    Message("user", clean(text))


@given(st.text(max_size=200))
def test_cleaning_in_pieces_equals_cleaning_at_once(text: str) -> None:
    at_once = clean(text)
    for size in (1, 3):
        cleaner = Cleaner()
        assert "".join(cleaner.feed(text[at : at + size]) for at in range(0, len(text), size)) == at_once
    assert clean(at_once) == at_once


@given(st.text(max_size=100))
def test_what_is_clean_can_be_stored_and_sent(text: str) -> None:
    kept = clean(text)
    kept.encode("utf-8")
    assert "\x00" not in kept
    assert not set(kept) & set("\u202e\u2066\u200b\ufeff")
    Message("user", kept)


def test_letters_of_other_scripts_and_emoji_stay_as_they_are() -> None:
    for text in ("naïve café", "Ελληνικά", "नमस्ते", "العربية", "עברית", "日本語", "می‌خواهم", "👩‍👩‍👧 ok"):
        assert clean(text) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shorter_or_equal_and_free_of_control(text: str) -> None:
    kept = clean(text)
    assert len(kept) <= len(text)
    assert all(letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cs", "Cf") for letter in kept)


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        ("I am ada.lovelace+x@mail.example.co.uk", "ada.lovelace"),
        ("my id is 5f2a9c0d1e2b3a4c5d6e7f80 ok", "5f2a9c0d"),
        ("call +49 (0)30 1234-5678 now", "1234"),
        ("see https://example.org/u/me?id=7", "example.org"),
        ("I sit at 192.168.10.44", "192.168"),
        ("DE89 3704 0044 0532 0130 00 is mine", "3704"),
    ],
)
def test_identifiers_are_masked(said: str, gone: str) -> None:
    assert gone not in identifiers.mask(said)
    assert identifiers.MASK in identifiers.mask(said)


@pytest.mark.parametrize(
    "said", ["In 1984 I paid 1,200.50 for 3 of 10.", "Chapter 2.3.4", "12 34", "it was 10/12/2024"]
)
def test_ordinary_numbers_are_left_alone(said: str) -> None:
    assert identifiers.mask(said) == said


def test_json_in_a_code_fence_is_read_and_its_texts_are_cleaned() -> None:
    raw = '```json\n{"answer": "a\\u0000b\\u202e", "claims": ["c"]}\n```'
    assert structured.parse(raw, helpers.DRAFT) == {"answer": "ab", "claims": ["c"]}


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("", "malformed"),
        ("no", "malformed"),
        ('{"answer": NaN, "claims": []}', "malformed"),
        ("[" * 5000 + "]" * 5000, "malformed"),
        ('{"a":' * 65 + "1" + "}" * 65, "malformed"),
        ('{"answer": 1, "claims": []}', "schema"),
        ('{"answer": "x"}', "schema"),
        ('{"answer": "x", "claims": [], "more": 1}', "schema"),
        ("[]", "schema"),
        ("null", "schema"),
    ],
)
def test_what_breaks_the_schema_is_refused_with_its_kind(raw: str, kind: str) -> None:
    with pytest.raises(BadReply) as caught:
        structured.parse(raw, helpers.DRAFT)
    assert caught.value.kind == kind


def test_a_repair_shows_the_reply_and_what_is_wrong_with_it() -> None:
    asked = helpers.prompt(schema=helpers.DRAFT)
    again = structured.repair(asked, "bad\x00 reply", BadReply("schema", "$.answer: missing"))
    assert again.messages[: len(asked.messages)] == asked.messages
    assert again.messages[-2] == Message("assistant", "bad reply")
    assert "$.answer: missing" in again.messages[-1].content


def pause(error: Exception, attempt: int = 1, left: float = 100.0) -> float | None:
    return pause_before_retry(
        error,
        attempt=attempt,
        max_attempts=5,
        base=0.5,
        cap=8.0,
        left=left,
        rng=Random(1),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("error", [Rejected("not_found"), BadReply("empty"), OverBudget("day")])
def test_what_cannot_heal_is_not_tried_again(error: Exception) -> None:
    assert pause(error) is None


def test_pauses_grow_stay_under_the_cap_and_respect_the_services_word() -> None:
    for attempt, step in [(1, 0.5), (2, 1.0), (3, 2.0), (4, 4.0)]:
        waited = pause(Unavailable("server_error"), attempt)
        assert waited is not None
        assert step / 2 <= waited <= step
    assert pause(Unavailable("server_error"), 5) is None
    assert pause(Unavailable("rate_limited", retry_after=7.5)) == 7.5
    assert pause(Unavailable("rate_limited", retry_after=7.5), left=7.0) is None


def test_an_unknown_price_is_missing_and_not_nothing() -> None:
    prices = {"small": (1.0, 2.0), "small-pro": (10.0, 20.0)}
    assert pricing.cost_micro("small-2026", Usage(10, 10), prices) == 30
    assert pricing.cost_micro("small-pro-2026", Usage(10, 10), prices) == 300
    assert pricing.cost_micro("large", Usage(10, 10), prices) is None
    assert pricing.cost_micro("small", Usage(None, 10), prices) is None
    assert pricing.cost_micro("heed-rehearsal-1", Usage(10, 10), prices) == 0

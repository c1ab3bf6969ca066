"""The shipped protocols: what reliance.md and the issue ask of them."""

from __future__ import annotations

from collections import Counter

import pytest

from study.protocol import lint, read, read_document, shipped
from study.protocol.walk import texts_of

RELIANCE = read(shipped()["uncertainty-reliance"])
CLAIMS = read(shipped()["claims-two-stage"])


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_protocol_has_no_errors(name: str) -> None:
    document = read_document(shipped()[name])
    found = [f for f in lint(document.protocol, places=document.places) if f.code != "contact-placeholder"]
    assert [str(f) for f in found if f.level == "error"] == []
    expected = {"few-items", "slope-left-out", "exclusion-explained"}
    if name == "moral-graph":
        expected |= {"one-arm", "no-hypothesis", "model-unnamed"}
    assert {f.code for f in found} <= expected
    assert all(f.line for f in found)


@pytest.mark.parametrize("name", shipped())
def test_the_file_bears_the_name_of_the_protocol(name: str) -> None:
    assert read(shipped()[name]).id == name


@pytest.mark.parametrize("protocol", [RELIANCE, CLAIMS], ids=["reliance", "claims"])
def test_the_sample_fills_whole_blocks(protocol: object) -> None:
    block = sum(arm.weight for arm in protocol.arms) * protocol.randomisation.repeats
    assert protocol.sample.target % block == 0


def test_the_reference_study_has_the_facts_of_its_source() -> None:
    facts = {item.id: (item.truth, item.advice.answer) for item in RELIANCE.items if item.advice}
    assert facts == {
        "dupilumab": ("yes", "no"), "antihistamine": ("yes", "no"), "ocella": ("no", "yes"),
        "spironolactone": ("no", "yes"), "bedtime": ("yes", "yes"), "uveitis": ("yes", "yes"),
        "jock-itch": ("no", "no"), "shingles": ("no", "no"),
    }  # fmt: skip
    assert list(RELIANCE.arms_by_id) == ["control", "uncertain-first", "uncertain-general", "no-ai"]
    assert RELIANCE.sample.target == 404


def test_the_reference_study_is_balanced_over_truth_and_rightness() -> None:
    cells = Counter((item.truth, RELIANCE.ai_correct(item)) for item in RELIANCE.items)
    assert set(cells.values()) == {2}
    assert len(cells) == 4


def test_every_measure_of_the_reference_study_is_asked() -> None:
    sizes = {scale.id: (len(scale.items), sum(i.reverse for i in scale.items)) for scale in RELIANCE.scales}
    assert sizes == {
        "transparency": (2, 0),
        "anthropomorphism": (4, 0),
        "trust_belief": (6, 1),
        "trust_intention": (4, 1),
    }
    tasks = RELIANCE.stages_by_id["tasks"]
    assert [q.id for q in tasks.questions] == ["confidence_ai", "confidence_answer", "based_on", "based_on"]
    assert len(RELIANCE.stages_by_id["recognition"].foils) == 8
    statements = RELIANCE.stages_by_id["comprehension"].statements
    assert len([s for s in statements if not s.arms]) == 2
    assert len(statements) == 4
    honeypots = [
        q for stage in RELIANCE.flow for q in getattr(stage, "questions", []) if q.kind == "honeypot"
    ]
    assert len(honeypots) == 2
    assert RELIANCE.stages_by_id["noticed"].arms == ["uncertain-first", "uncertain-general"]


def test_the_options_without_an_ai_leave_out_what_does_not_apply_and_keep_what_does() -> None:
    with_ai, without = [q for q in RELIANCE.stages_by_id["tasks"].questions if q.id == "based_on"]
    assert list(with_ai.options) == ["ai", "links", "knowledge", "internet", "other"]
    assert list(without.options) == ["knowledge", "internet", "other"]
    assert without.arms == ["no-ai"]


def test_the_assumptions_of_the_reference_study_aim_at_the_published_shares() -> None:
    assumed = RELIANCE.assumptions
    for arm, agree, correct in [("control", 0.809, 0.639), ("uncertain-first", 0.748, 0.728)]:
        right, wrong = assumed.agree_right[arm], assumed.agree_wrong[arm]
        assert (right + wrong) / 2 == pytest.approx(agree, abs=0.001)
        assert (right + 1 - wrong) / 2 == pytest.approx(correct, abs=0.001)
    assert assumed.scales["trust_intention"] == {
        "control": 3.25,
        "uncertain-first": 2.91,
        "uncertain-general": 3.36,
    }


def test_the_sentences_shown_as_manipulation_in_the_source_are_not_pasted() -> None:
    ours = " ".join(
        text if isinstance(text, str) else " ".join(text.values()) for _, text in texts_of(RELIANCE)
    )
    for theirs in [
        "my guess is Spironolactone",
        "There is uncertainty, but it seems",
        "I'm not sure, but my guess is",
    ]:
        assert theirs.lower() not in ours.lower()


def test_half_of_the_definite_verdicts_on_the_claims_are_wrong_for_true_and_false_claims_alike() -> None:
    cells = Counter((item.truth, CLAIMS.ai_correct(item)) for item in CLAIMS.items)
    assert len(CLAIMS.items) == 24
    assert cells == {(t, right): 4 for t in ("true", "false") for right in (True, False, None)}


def test_the_claims_ask_for_a_confidence_before_and_after_the_advice() -> None:
    stage = CLAIMS.stages_by_id["claims"]
    assert CLAIMS.paradigm == "two-stage"
    for question in [*stage.initial_questions, *stage.questions]:
        assert (question.id, question.kind, question.minimum, question.maximum) == (
            "confidence",
            "slider",
            0,
            100,
        )
    measures = {measure for table in CLAIMS.plan.measures for measure in table.measures}
    assert {"switch_fraction", "rair", "rsr", "weight_of_advice"} <= measures


def test_every_verdict_says_in_words_what_it_says_in_the_table() -> None:
    words = {
        "true": "this claim is true.",
        "false": "this claim is false.",
        "unsure": "neither confirmed nor ruled out",
    }
    for item in CLAIMS.items:
        assert words[item.advice.answer] in item.advice.body
        assert item.correction.startswith({"true": "True", "false": "False"}[item.truth])

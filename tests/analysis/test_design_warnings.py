"""What a plan cannot tell is said before data are collected."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analysis.design_warnings import PlannedModel, design_warnings
from analysis.mixed.errors import ModelError

GOOD = PlannedModel(
    "agree ~ arm + hedged + (1 + hedged | participant) + (1 | item)", "binomial", 404, 40, 8,
    {"arm": "participant", "hedged": "trial", "ai_correct": "item"}, rarer=0.4,
)  # fmt: skip


def _codes(plan):
    return {w.code: w for w in design_warnings(plan)}


def test_a_sound_plan_is_left_in_peace():
    assert design_warnings(GOOD) == []


def test_with_eight_items_a_between_item_effect_has_about_six_degrees_of_freedom_whatever_the_participants():
    for people in (404, 100_000):
        plan = replace(
            GOOD,
            items=8,
            participants=people,
            formula="agree ~ arm * ai_correct + (1 | participant) + (1 | item)",
        )
        found = _codes(plan)
        assert "about 6 degrees of freedom however many participants" in found["item-effect-few-df"].message
        assert found["item-effect-by-z"].level == "warning"


def test_a_linear_model_with_satterthwaite_is_not_blamed_for_z():
    plan = replace(
        GOOD,
        items=8,
        family="gaussian",
        formula="time ~ ai_correct + (1 + ai_correct | participant) + (1 | item)",
    )
    assert set(_codes(plan)) == {"item-effect-few-df"}
    assert "item-effect-by-z" in _codes(replace(plan, df="asymptotic"))


def test_two_items_cannot_carry_an_item_level_effect():
    plan = replace(GOOD, items=2, formula="agree ~ ai_correct + (1 | participant) + (1 | item)")
    assert "no degree of freedom" in _codes(plan)["item-effect-not-estimable"].message
    assert "few-levels" in _codes(plan)


def test_a_random_slope_left_out_of_a_within_participant_effect_is_named_with_its_remedy():
    plan = replace(GOOD, formula="agree ~ arm + hedged + (1 | participant) + (1 | item)")
    assert "(1 + hedged | participant)" in _codes(plan)["slope-left-out"].message


def test_a_product_with_a_kind_of_items_wants_the_slope_over_items():
    plan = replace(
        GOOD, items=8, formula="agree ~ arm * ai_correct + (1 + ai_correct | participant) + (1 | item)"
    )
    found = _codes(plan)["slope-over-items-left-out"]
    assert found.term == ("arm", "ai_correct")
    assert "(1 + arm | item)" in found.message
    whole = "agree ~ arm * ai_correct + (1 + ai_correct | participant) + (1 + arm | item)"
    assert "slope-over-items-left-out" not in _codes(replace(plan, formula=whole))


def test_repeated_answers_without_their_random_effects_are_named():
    found = _codes(replace(GOOD, formula="arm + hedged"))
    assert found["participants-not-random"].level == "warning"
    assert found["items-not-random"].level == "note"
    assert "hold for these 40 items only" in found["items-not-random"].message


def test_too_few_events_for_the_parameters_are_counted():
    found = _codes(replace(GOOD, participants=20, rarer=0.05))
    assert "About 8 of the rarer answer are expected for 3 parameters" in found["few-events"].message


def test_more_random_effects_than_answers_are_refused():
    plan = replace(GOOD, per_person=2, levels={"hedged": 4})
    assert (
        "4 random effects of each participant, who gives 2 answers"
        in _codes(plan)["more-slopes-than-trials"].message
    )


def test_serious_findings_come_first():
    levels = [w.level for w in design_warnings(replace(GOOD, items=12, formula="arm + ai_correct + hedged"))]
    assert levels == sorted(levels, key=lambda level: level != "warning")
    assert "note" in levels


def test_an_unreadable_formula_is_an_error_in_words():
    with pytest.raises(ModelError, match="cannot read"):
        design_warnings(replace(GOOD, formula="arm @ item"))

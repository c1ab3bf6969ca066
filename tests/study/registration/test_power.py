"""Plan and assumptions become a power simulation: by hand, by refusal, and as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from study.protocol import Protocol, document, read, sha256, shipped
from study.registration.known_power import known_power
from study.registration.power import prepare, project, simulate
from tests.factories import changed, tiny


def plan(**parts: Any) -> dict[str, Any]:
    return document(tiny())["plan"] | parts


def test_a_saturated_model_has_the_assumed_log_odds() -> None:
    """arm * ai_correct: the four cells of agreement, up to the attenuation by participants and items.

    Two of the hedged arm's four items carry the hedge: its mean lies half-way to the plain arm's.
    """
    (one,), left_out = prepare(tiny())
    assert left_out == {}
    spread = math.sqrt(1 + 0.588**2 * (0.6**2 + 0.4**2))
    cells = {"control": (0.7, 0.9), "hedged": ((0.5 + 0.7) / 2, 0.9)}
    eta = {arm: [math.log(p / (1 - p)) * spread for p in pair] for arm, pair in cells.items()}
    fixed = one.effects.fixed
    assert fixed["(Intercept)"] == pytest.approx(eta["control"][0], abs=1e-3)
    assert fixed["armhedged"] == pytest.approx(eta["hedged"][0] - eta["control"][0], abs=1e-3)
    assert fixed["ai_correctTRUE"] == pytest.approx(eta["control"][1] - eta["control"][0], abs=1e-3)
    assert one.effects.sds == pytest.approx({"participant": 0.6, "item": 0.4}, abs=1e-3)


def test_arms_that_the_outcome_does_not_exist_in_are_left_out_and_the_sample_shared() -> None:
    (one,), _ = prepare(tiny())
    assert one.design.arms == ("control", "hedged")
    assert one.participants == 8
    assert len(one.design.items) == 4


def test_the_projection_equals_a_fit_to_a_large_sample() -> None:
    """Second route: the coefficients maximise the penalised likelihood, so no step in any direction raises it."""
    rng = np.random.default_rng(1)
    item = np.tile(np.arange(4), 2)
    X = np.column_stack([np.ones(8), np.repeat([0.0, 1.0], 4)])
    p = rng.uniform(0.1, 0.9, 8)
    b, u = project(X, item, p)

    def objective(b: Any, u: Any) -> float:
        eta = X @ b + u[item]
        return float(p @ eta - np.log1p(np.exp(eta)).sum() - 0.08 * u @ u)

    best = objective(b, u)
    for _ in range(50):
        db, du = rng.normal(0, 0.02, 2), rng.normal(0, 0.02, 4)
        assert objective(b + db, u + du) < best


def test_what_the_assumptions_say_nothing_of_is_left_out_by_name() -> None:
    outcomes = [{"id": "time", "label": "Time", "table": "trials", "column": "seconds", "kind": "continuous"}]
    models = [{"id": "time", "outcome": "time", "formula": "arm + (1 | participant)", "family": "gaussian"}]
    hypothesis = plan()["hypotheses"][0] | {"id": "slow", "model": "time"}
    content = plan()
    protocol = changed(
        tiny(),
        plan={
            "outcomes": content["outcomes"] + outcomes,
            "models": content["models"] + models,
            "hypotheses": [*content["hypotheses"], hypothesis],
        },
    )
    prepared, left_out = prepare(protocol)
    assert len(prepared) == 1
    assert left_out == {"slow": "The assumptions say nothing of 'seconds'."}


def test_an_arm_without_an_assumption_is_no_zero() -> None:
    protocol = changed(tiny(), assumptions={"agree_right": {"control": 0.9}, "agree_wrong": {"control": 0.7}})
    prepared, left_out = prepare(protocol)
    assert prepared == []
    assert "fewer than two arms" in left_out["h1"]


def test_equal_arms_are_found_different_no_more_often_than_alpha_says() -> None:
    equal = {"control": 0.8, "hedged": 0.8}
    protocol = changed(
        tiny(), assumptions={"agree_right": equal, "agree_wrong": equal}, sample={"target": 120}
    )
    power = simulate(protocol, runs=60, workers=1)["hypotheses"]["h1"]["power"]
    assert power <= 0.1  # one side of a two-sided test at 0.05: expected 0.025


def test_a_plain_effect_in_a_large_sample_is_found() -> None:
    assumed = {"agree_right": {"control": 0.9, "hedged": 0.5}, "agree_wrong": {"control": 0.9, "hedged": 0.5}}
    protocol = changed(tiny(), assumptions=assumed, sample={"target": 240})
    assert simulate(protocol, runs=20, workers=1)["hypotheses"]["h1"]["power"] >= 0.9


def test_the_result_is_json_and_repeats() -> None:
    seen: list[tuple[int, int]] = []
    protocol = changed(tiny(), sample={"target": 60})
    first = simulate(protocol, runs=25, workers=1, progress=lambda done, total: seen.append((done, total)))
    assert simulate(protocol, runs=25, workers=1) == first
    assert json.loads(json.dumps(first, allow_nan=False)) == first
    assert first["sha256"] == sha256(protocol)
    assert seen[-1] == (25, 25)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_plans_can_be_prepared(name: str) -> None:
    protocol: Protocol = read(shipped()[name])
    prepared, left_out = prepare(protocol)
    tests = [test.name for one in prepared for test in one.design.tests]
    assert sorted([*tests, *left_out]) == sorted(hypothesis.id for hypothesis in protocol.plan.hypotheses)
    assert bool(tests) is bool(protocol.plan.hypotheses)


def test_a_curve_stands_beside_the_registered_sample_and_changes_none_of_its_numbers() -> None:
    seen: list[tuple[int, int]] = []
    alone = simulate(tiny(), runs=25, workers=1)
    told = simulate(
        tiny(),
        runs=25,
        workers=1,
        shares=(0.5, 1.0, 1.5),
        progress=lambda done, total: seen.append((done, total)),
    )
    curve = told.pop("curve")
    assert told == alone
    assert "curve" not in alone
    target = tiny().sample.target
    for name, found in told["hypotheses"].items():
        points = {point["size"]: point["power"] for point in curve if point["test"] == name}
        assert list(points) == [target // 2, target, target * 3 // 2]
        assert points[target] == pytest.approx(found["power"], abs=1e-6)
    assert seen[-1][0] == seen[-1][1] == 75


def test_the_power_of_shipped_protocols_is_known_for_exactly_these_documents() -> None:
    """Made by `manage.py protocol power --output study/registration/known_power.json`, to be run when one changes."""
    planned = [protocol for path in shipped().values() if (protocol := read(path)).plan.hypotheses]
    assert planned
    for protocol in planned:
        known = known_power(protocol)
        assert known is not None, protocol.id
        assert (known["runs"], known["participants"], known["shipped"]) == (200, protocol.sample.target, True)
        assert known_power(changed(protocol, title="Another")) is None


def test_what_is_known_is_what_a_simulation_finds() -> None:
    protocol = read(shipped()["claims-two-stage"])
    known, again = known_power(protocol), simulate(protocol, runs=20, workers=1)
    assert known is not None
    assert set(known["hypotheses"]) == set(again["hypotheses"])
    for name, found in again["hypotheses"].items():
        there = known["hypotheses"][name]
        assert max(found["low"], there["low"]) <= min(found["high"], there["high"]), name


@pytest.mark.soak
def test_what_is_known_is_found_again_to_the_last_study() -> None:
    for path in shipped().values():
        protocol = read(path)
        if (known := known_power(protocol)) is not None:
            again = simulate(protocol, runs=known["runs"])["hypotheses"]
            told = {name: (found["power"], found["failed"]) for name, found in again.items()}
            assert told == {
                name: (there["power"], there["failed"]) for name, there in known["hypotheses"].items()
            }

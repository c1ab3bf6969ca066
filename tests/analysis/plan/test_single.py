"""Every hypothesis is looked at without the participant it hangs on most."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.plan.estimation import contrast_of, fit
from analysis.plan.runner import prepare, run
from analysis.plan.single import VARIATION
from tests.analysis.plan import made

TRUST = {
    "id": "trust-falls",
    "sentence": "A hedge lowers trust.",
    "model": "trust",
    "contrast": {"factor": "arm", "level": "hedged", "reference": "control"},
    "criterion": {"op": "<"},
    "family": "trust",
}


def _rows(results):
    return {row.hypothesis: row for row in results.sensitivity if row.variation == VARIATION}


def test_the_participant_a_contrast_hangs_on_is_the_one_that_leaving_out_everybody_in_turn_names():
    """Second route: the model fitted anew without each participant; nobody moves the estimate further."""
    data, plan = made.tables(people=40), made.plan(measures=[])
    results = run(plan, data)
    hypothesis, row = plan.hypotheses[0], _rows(results)["overreliance"]
    moved = []
    for who in data["participants"]["participant"]:
        rest = {name: table[table["participant"] != who] for name, table in data.items()}
        fitted = fit(plan, plan.models[0], prepare(plan, rest)[0])
        moved.append(contrast_of(fitted, hypothesis.contrast).value)
    registered = results.hypothesis("overreliance").estimate.value
    farthest = moved[int(np.argmax(np.abs(np.array(moved) - registered)))]
    assert row.estimate.value == pytest.approx(farthest, abs=1e-5)
    assert row.estimate.clusters == 39
    assert "3 participants with the most weight" in row.note


def test_a_verdict_that_hangs_on_one_person_is_said_to_differ():
    """Trust is the same in both arms but for noise; one person of the hedged arm at an impossible low decides."""
    data = made.tables(people=24, items=4, effect=0.0)
    people = data["participants"]
    people["trust"] = 3.0 + 0.01 * (np.arange(len(people)) // 2 % 3)
    people.loc[people["arm"] == "hedged", "trust"] -= 0.008
    people.loc[people.index[people["arm"] == "control"][0], "trust"] += 2.0
    plan = made.plan(
        outcomes=[
            {
                "id": "trust",
                "label": "Trust",
                "table": "participants",
                "column": "trust",
                "kind": "continuous",
            }
        ],
        models=[{"id": "trust", "outcome": "trust", "formula": "arm", "family": "gaussian"}],
        hypotheses=[TRUST],
        multiplicity={"trust": "none"},
        measures=[],
    )
    results = run(plan, data)
    assert results.hypothesis("trust-falls").verdict == "inconclusive"
    row = _rows(results)["trust-falls"]
    assert row.verdict == "supported"
    assert row.agrees is False


def test_a_handful_of_participants_is_not_taken_apart():
    results = run(made.plan(measures=[]), made.tables(people=5))
    assert _rows(results) == {}

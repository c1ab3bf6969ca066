"""Personas whose values are known: what they do on the pages, and that their votes give their order back."""

import numpy as np
import pandas as pd
import pytest

from elicitation.models import Vote
from elicitation.rehearsal.personas import Persona, library, stories, truth
from elicitation.rehearsal.recovery import recover, told
from elicitation.rehearsal.run import unprovenanced
from elicitation.stages import draws
from study.protocol import lint, read, shipped
from study.rehearsal.behaviour import World
from tests.elicitation.people import small
from tests.factories import collecting
from tests.study.session.visitor import Visitor

SHIPPED = read(shipped()["moral-graph"])


def votes(people: int, seed: int) -> pd.DataFrame:
    """Votes of personas on drawn stories, without the pages: the draws are the pages' own."""
    stage = SHIPPED.stages_by_id["stories"]
    world, rows = World.of(SHIPPED), []
    cases = [case.id for case in SHIPPED.stages_by_id["card"].cases]
    for number in range(people):
        persona = Persona(world, seed * 100_000 + number)
        case = cases[number % len(cases)]
        rest = [
            draws.Pair(u.id, frozenset((u.from_value, u.to_value))) for u in stage.upgrades if case in u.cases
        ]
        known = {u.id: u for u in stage.upgrades}
        for page in range(1, stage.count + 1):
            chance = draws.uniforms(draws.key("ab" * 32, f"p{seed}-{number}"), f"stories.{page}")
            pair, back, _p = draws.pick(rest, frozenset(), 1.0, chance)
            rest = [one for one in rest if one.id != pair.id]
            u = known[pair.id]
            lower, upper = (u.to_value, u.from_value) if back else (u.from_value, u.to_value)
            rows.append((str(number), lower, upper, u.context, persona.verdict(lower, upper), case))
    return pd.DataFrame(rows, columns=["participant", "from_value", "to_value", "context", "verdict", "case"])


def test_the_order_of_five_hundred_personas_is_recovered() -> None:
    found = recover(votes(500, 1), truth(SHIPPED))
    assert [one.case for one in found] == ["homework", "pregnancy", "riot"]
    assert sum(one.tau * one.values for one in found) / 20 >= 0.8, told(found)


def test_an_order_that_nobody_holds_is_not_recovered() -> None:
    held = truth(SHIPPED)
    shuffled = dict(zip(held, np.random.default_rng(3).permutation(list(held.values())), strict=True))
    assert sum(one.tau * one.values for one in recover(votes(300, 2), shuffled)) / 20 < 0.6


@pytest.mark.soak
def test_intervals_of_the_strengths_cover_the_truth() -> None:
    found = [one for seed in range(60) for one in recover(votes(500, seed), truth(SHIPPED))]
    covered = sum(one.strengths for one in found) / sum(one.values for one in found)
    assert 0.93 <= covered <= 0.97, covered


@pytest.mark.django_db
def test_personas_walk_the_pages_and_every_vote_leads_to_its_page() -> None:
    study = collecting(small())
    for seed in range(3):
        visitor = Visitor(study, seed)
        visitor.person = Persona(World.of(small()), seed)
        visitor.open().finish()
        assert visitor.session.outcome == "complete"
    assert Vote.objects.count() == 6
    assert unprovenanced(study) == 0


def test_the_shipped_protocol_has_no_errors_and_its_stories_are_told_apart() -> None:
    assert [finding for finding in lint(SHIPPED) if finding.level == "error"] == []
    assert len(library(SHIPPED)) == 20
    assert len(stories(SHIPPED)) == 40

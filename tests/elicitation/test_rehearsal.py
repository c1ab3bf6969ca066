"""Personas whose values are known: what they do on the pages, and that their votes give their order back."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency

from elicitation.models import Draw, Vote
from elicitation.rehearsal import personas
from elicitation.rehearsal.personas import Persona, library, stories, true_ranks, truth
from elicitation.rehearsal.provenance import unprovenanced
from elicitation.rehearsal.recovery import Recovery, pooled, recover, told
from elicitation.stages import draws
from elicitation.stages.configs import ChooseValuesStage, CompareValuesStage
from study.protocol import lint, read, shipped
from study.rehearsal.behaviour import World
from tests.elicitation.people import small
from tests.elicitation.persona_votes import persona_votes
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
        case = cases[int(persona.rng.integers(len(cases)))]
        chance = draws.uniforms(draws.key("ab" * 32, f"p{seed}-{number}"), "others")
        offered = draws.sample([value.id for value in library(SHIPPED)], 6, chance)
        chosen = frozenset(persona.wisest(tuple(offered)))
        rest = [
            draws.Pair(u.id, frozenset((u.from_value, u.to_value))) for u in stage.upgrades if case in u.cases
        ]
        known = {u.id: u for u in stage.upgrades}
        for page in range(1, stage.count + 1):
            chance = draws.uniforms(draws.key("ab" * 32, f"p{seed}-{number}"), f"stories.{page}")
            pair, back, _p = draws.pick(rest, chosen, stage.own, chance)
            rest = [one for one in rest if one.id != pair.id]
            u = known[pair.id]
            lower, upper = (u.to_value, u.from_value) if back else (u.from_value, u.to_value)
            rows.append((str(number), lower, upper, u.context, persona.verdict(lower, upper), case))
    return pd.DataFrame(rows, columns=["participant", "from_value", "to_value", "context", "verdict", "case"])


def test_the_order_of_five_hundred_personas_is_recovered() -> None:
    found = recover(votes(500, 1), truth(SHIPPED), true_ranks(SHIPPED), resamples=100)
    assert [one.case for one in found] == ["homework", "pregnancy", "riot"]
    assert sum(one.tau * one.values for one in found) / 20 >= 0.8, told(found)


def test_what_tau_counts_is_said() -> None:
    """Four of six pairs and the only one: by hand."""
    one = Recovery("a", values=4, votes=9, tau=1 / 3, pairs=4, fewest=2, covered=4, strengths=4, ranks=4)
    other = Recovery("b", values=2, votes=5, tau=1.0, pairs=1, fewest=5, covered=2, strengths=2, ranks=2)
    assert pooled([one, other]) == pytest.approx((5 - 2) / 7)
    text = told([one, other])
    assert "4 of 6 pairs of values in their order, each wrong one takes 0.33" in text
    assert "9 votes on 4 values, at least 2 on each compared pair" in text
    assert pooled([]) == 0.0


def test_values_are_ordered_among_those_that_stories_bring_together() -> None:
    held = truth(SHIPPED)
    for case, there in personas.told(SHIPPED).groupby("case"):
        ends = {*there["from_value"], *there["to_value"]}
        strengths = sorted(held[value] for value in ends)
        assert strengths == pytest.approx([personas.SPACING * place for place in range(len(ends))]), case


def test_an_order_that_nobody_holds_is_not_recovered() -> None:
    held = truth(SHIPPED)
    shuffled = dict(zip(held, np.random.default_rng(3).permutation(list(held.values())), strict=True))
    recovered = recover(votes(300, 2), shuffled, true_ranks(SHIPPED), resamples=10)
    assert sum(one.tau * one.values for one in recovered) / 20 < 0.6


def test_votes_in_numbers_are_those_of_personas() -> None:
    """The quick generator against personas who draw and answer one by one: the same stories, the same answers."""
    slow, quick = votes(900, 5), persona_votes(SHIPPED, 30_000, np.random.default_rng(6))
    cells = ["case", "from_value", "to_value", "verdict"]
    both = pd.concat(
        [one.value_counts(cells).rename(name) for name, one in (("slow", slow), ("quick", quick))], axis=1
    )
    both = both.fillna(0).groupby(np.where(both["quick"] >= 100, both.index.map(str), "rare")).sum()
    assert chi2_contingency(both.to_numpy()).pvalue > 0.001
    assert len(both) > 80
    assert (quick.groupby("participant").size() == 3).all()
    assert (
        not quick.assign(
            pair=[frozenset(ends) for ends in zip(quick["from_value"], quick["to_value"], strict=True)]
        )[["participant", "pair"]]
        .duplicated()
        .any()
    )


def coverage(studies: int, seed: int) -> dict[str, list[float]]:
    """Kendall's tau and the shares of intervals that hold the truth, of studies of 500 personas."""
    held: dict[str, list[float]] = {"tau": [], "strengths": [], "covered": [], "ranks": []}
    rng, true, ranks = np.random.default_rng(seed), truth(SHIPPED), true_ranks(SHIPPED)
    for number in range(studies):
        found = recover(persona_votes(SHIPPED, 500, rng), true, ranks, resamples=400, seed=number)
        held["tau"].append(sum(one.tau * one.values for one in found) / 20)
        for name in ("strengths", "covered", "ranks"):
            held[name].append(sum(getattr(one, name) for one in found) / 20)
    return held


def test_intervals_hold_the_truth_of_personas() -> None:
    """Short version of the soak test below, within 3 Monte-Carlo errors of 25 studies."""
    held = {name: float(np.mean(shares)) for name, shares in coverage(25, 3).items()}
    assert held["tau"] >= 0.8
    assert 0.93 <= held["strengths"] <= 0.99
    assert 0.92 <= held["ranks"] <= 0.99
    assert held["covered"] >= 0.95


@pytest.mark.soak
def test_intervals_cover_the_truth_of_personas_at_the_nominal_rate() -> None:
    """1,000 studies of 500 personas with 3 votes each, 20,000 intervals of each kind; a few minutes."""
    held = {name: np.array(shares) for name, shares in coverage(1000, 2026).items()}
    for name, shares in held.items():
        print(f"\n{name} {shares.mean():.4f} ± {1.96 * shares.std(ddof=1) / np.sqrt(1000):.4f}", end=" ")
    assert held["tau"].mean() >= 0.8
    assert 0.93 <= held["strengths"].mean() <= 0.97
    assert 0.93 <= held["ranks"].mean() <= 0.97
    assert held["covered"].mean() >= 0.95


@pytest.mark.django_db
def test_personas_walk_the_pages_and_every_vote_leads_to_its_page() -> None:
    study = collecting(small())
    for seed in range(3):
        visitor = Visitor(study, seed)
        visitor.person = Persona(World.of(small()), seed)
        visitor.open().finish()
        assert visitor.session.outcome == "complete"
    assert Vote.objects.count() == 6
    assert unprovenanced(study) == []
    first = Draw.objects.filter(page="stories.1").select_related("upgrade", "session")
    assert len(first) == 3
    for draw in first:
        assert draw.propensity == pytest.approx(expected(draw)), "the chance that `persona_votes` draws with"


def expected(draw: Draw) -> float:
    """Of a first story, as the quick generator draws it: weight `own` for a pair with a chosen value, half a way."""
    protocol = small()
    (stage,) = (s for s in protocol.flow if isinstance(s, CompareValuesStage))
    (values,) = (s for s in protocol.flow if isinstance(s, ChooseValuesStage))
    chosen = set(draw.session.submissions.get(page=values.id).payload["chosen"])
    there = personas.told(protocol)
    pairs = there[there["case"] == Vote.objects.filter(session=draw.session).first().case][
        ["from_value", "to_value"]
    ].to_numpy()[::2]
    weights = {frozenset(pair): stage.own if chosen & set(pair) else 1.0 for pair in pairs.tolist()}
    return weights[frozenset((draw.upgrade.from_value, draw.upgrade.to_value))] / sum(weights.values()) / 2


def test_the_shipped_protocol_has_no_errors_and_its_stories_are_told_apart() -> None:
    assert [finding for finding in lint(SHIPPED) if finding.level == "error"] == []
    assert len(library(SHIPPED)) == 20
    assert len(stories(SHIPPED)) == 40

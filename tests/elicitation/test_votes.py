"""From what people submitted to the graph: nothing lost, nothing counted twice, nothing rewritten by merging."""

from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from analysis import moral_graph
from elicitation.models import MappingDecision, Vote
from elicitation.votes.table import to_csv, votes_of
from study.registration import actions
from study.registration.models import Study
from study.session import actions as sessions
from tests.elicitation.people import small, to_stories, vote
from tests.factories import collecting
from tests.study.session.visitor import Visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    study = collecting(small())
    for seed in range(6):
        vote(vote(to_stories(Visitor(study, seed)), "wiser", "Yes, “more”,\nand more."), "not_wiser")
    return study


def closed(study: Study) -> Study:
    actions.close(study=study, by=None)
    study.refresh_from_db()
    return study


def test_every_vote_is_a_row_with_its_story_and_propensity(study: Study) -> None:
    found = votes_of(study).votes
    assert len(found) == Vote.objects.count() == 12
    assert found["propensity"].between(0, 0.5).all()
    assert found["story"].str.fullmatch(r"u[1-4]\.(there|back)").all()
    assert found.groupby("participant").size().eq(2).all()


def test_the_csv_makes_the_same_graph_as_the_study(study: Study, tmp_path: Path) -> None:
    votes = votes_of(closed(study)).votes
    (tmp_path / "votes.csv").write_text(to_csv(votes), encoding="utf-8")
    again = moral_graph.build(moral_graph.read_csv(tmp_path / "votes.csv"), resamples=0)
    pd.testing.assert_frame_equal(again.pairs, moral_graph.build(votes, resamples=0).pairs, check_dtype=False)
    out, same = StringIO(), StringIO()
    call_command("graph", study.slug, resamples=20, stdout=out)
    call_command("graph", str(tmp_path / "votes.csv"), resamples=20, stdout=same)
    assert out.getvalue() == same.getvalue()
    assert "12 votes of 6 participants" in out.getvalue()


def test_no_graph_before_the_study_is_closed(study: Study) -> None:
    with pytest.raises(CommandError):
        call_command("graph", study.slug, stdout=StringIO())
    with pytest.raises(CommandError):
        call_command("votes", study.slug, stdout=StringIO())


def test_merging_values_changes_the_table_and_not_a_single_vote(study: Study) -> None:
    before = list(Vote.objects.order_by("pk").values())
    raw = votes_of(study).votes
    MappingDecision.objects.create(
        study=study, number=1, kind="merge", cards=["advice", "listening"], reason="alike", by="ada"
    )
    merged = votes_of(study)
    within = raw["story"].str.startswith("u1").sum()
    assert merged.version == 1
    assert merged.merged == within
    assert len(merged.votes) == len(raw) - within
    assert votes_of(study, version=0).votes.equals(raw)
    MappingDecision.objects.create(
        study=study, number=2, kind="split", cards=["advice"], reason="not alike", by="ada"
    )
    assert votes_of(study).votes.equals(raw)
    assert list(Vote.objects.order_by("pk").values()) == before


def test_an_erased_vote_is_gone_from_the_table_and_the_others_stay(study: Study) -> None:
    visitor = to_stories(Visitor(study, 99))
    vote(vote(visitor))
    sessions.withdraw(token=visitor.token, erase=True)
    found = votes_of(study)
    assert len(found.votes) == 12
    assert found.cards["title"].ne("").all()


def test_a_question_of_the_study_becomes_the_group(study: Study) -> None:
    assert set(votes_of(study, group="case").votes["group"]) == {"friend"}


def test_the_tidy_tables_take_an_elicitation_along(study: Study) -> None:
    from study.tables.tidy import tidy

    tables = tidy(closed(study))
    assert len(tables.participants) == 6
    assert set(tables.participants["outcome"]) == {"complete"}
    assert len(tables.trials) == 0

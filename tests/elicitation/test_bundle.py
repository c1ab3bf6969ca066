"""The elicitation's tables in the bundle: consented words only, nothing of what was erased, and the verifier agrees."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from elicitation.case_drafts.deciding import approve, set_aside
from elicitation.case_drafts.words import CaseWords
from elicitation.explorer.asked import Asked
from elicitation.explorer.graphs import drawn
from elicitation.models import Vote
from elicitation.upgrades.models import State
from study.evidence import bundle
from study.evidence.reproduce import compare, numbers
from study.evidence.verify import verify
from study.registration import actions
from study.session import actions as sessions
from tests.elicitation.case_drafts.drafts import made
from tests.elicitation.people import CARD, small, to_stories, to_values, vote
from tests.factories import collecting, draft, user
from tests.study.session.visitor import Visitor

pytestmark = pytest.mark.django_db(transaction=True)


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    """A table of the bundle, found as a reader of its data package finds it."""
    listed = json.loads((folder / "datapackage.json").read_text())["resources"]
    path = next(one["path"] for one in listed if one["name"] == name)
    with (folder / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_cards_votes_draws_and_upgrades_leave_with_consented_words_only(tmp_path: Path) -> None:
    study = collecting(small())
    first, second, third = (Visitor(study, seed) for seed in (1, 2, 3))
    vote(vote(to_stories(first), "wiser", "my secret reason"), "unsure")
    to_values(second, card={"share": "no", "title": "Hidden Company"})
    vote(to_stories(third), "not_wiser")
    sessions.withdraw(token=third.session.token, erase=True)
    actions.close(study=study, by=None)
    folder = tmp_path / study.slug
    bundle.write(study=study, folder=folder, execute=False)
    report = verify(folder)
    assert report.findings == []
    own = {row["participant"]: row for row in rows(folder, "cards") if row["participant"]}
    assert {code: row["title"] for code, row in own.items()} == {
        first.session.participant.code: CARD["title"],
        second.session.participant.code: "",
    }
    assert [row["verdict"] for row in rows(folder, "votes")] == ["wiser", "unsure"]
    assert Vote.objects.count() == 3
    stories = {row["story"] for row in rows(folder, "upgrades")}
    assert {row["story"] for row in rows(folder, "votes")} <= stories
    assert third.session.participant.code not in {row["participant"] for row in rows(folder, "draws")}
    texts = "".join(path.read_text() for path in (folder / "data").glob("*.csv"))
    assert "secret reason" not in texts
    assert "Hidden Company" not in texts
    book = {
        row["table"] for row in csv.DictReader((folder / "data" / "codebook.csv").read_text().splitlines())
    }
    resources = {one["name"] for one in json.loads((folder / "datapackage.json").read_text())["resources"]}
    assert {"cards", "mapping", "draws", "upgrades", "proposals", "votes"} <= book & resources


def test_drafted_cases_leave_with_their_decisions_and_what_became_of_them(tmp_path: Path) -> None:
    study = draft(small())
    ada = user()
    kept, other = made(study), made(study, number=2)
    words = CaseWords("A mother who forgets", kept.question, tuple(kept.contexts), kept.about)
    approve(draft=kept, by=ada, words=words)
    set_aside(draft=other, state=State.REJECTED, by=ada, reason="Too near.")
    actions.register(study=study, by=None)
    actions.open_study(study=study, by=None)
    study.refresh_from_db()
    to_values(Visitor(study))
    actions.close(study=study, by=None)
    folder = tmp_path / study.slug
    bundle.write(study=study, folder=folder, execute=False)
    assert verify(folder).findings == []
    told = rows(folder, "casedrafts")
    assert [(one["number"], one["turn"], one["state"], one["case"]) for one in told] == [
        ("1", "1", "open", ""), ("1", "2", "approved", "a-mother-who-forgets"), ("2", "1", "open", ""),
        ("2", "2", "rejected", ""),
    ]  # fmt: skip
    assert [one["title"] for one in told[:2]] == ["A father who forgets, 1", "A mother who forgets"]
    assert told[3]["reason"] == "Too near."


def test_the_notebooks_find_the_moral_graph_again(tmp_path: Path) -> None:
    """Both are run as they are shipped; what the explorer shows, the results file and the notebook are the same."""
    study = collecting(small())
    for seed, verdict in enumerate(("wiser", "wiser", "not_wiser", "unsure"), start=1):
        vote(to_stories(Visitor(study, seed)), verdict)
    actions.close(study=study, by=None)
    made = bundle.write(study=study, folder=tmp_path / study.slug)
    assert verify(made.folder).findings == []
    reported = json.loads((made.folder / "results" / "moral_graph.json").read_text())
    graph = drawn(study, Asked()).graph
    assert graph is not None
    assert reported["votes"] == graph.votes == 4
    assert [row["value"] for row in reported["values"]] == list(graph.values["value"])
    assert [row["low"] for row in reported["values"]] == pytest.approx(list(graph.values["low"]))
    confirmatory, explore = (
        (made.folder / "notebooks" / f"{name}.ipynb").read_text() for name in ("confirmatory", "explore")
    )
    assert f"{numbers(reported)} numbers of the moral graph found again" in confirmatory
    assert "4 votes of 4 people" in explore
    assert explore.count("Not registered; found by looking") >= 4
    before, fine = compare(made.folder)
    assert (fine, before > numbers(reported)) == ([], True)
    swapped_votes(made.folder)
    _, different = compare(made.folder)
    assert any(one.startswith("moral_graph.") for one in different), different
    bundle.write_manifest(made.folder)
    found = [sentence for _, sentence in verify(made.folder).findings]
    assert any(one.startswith("data/table-votes_data.csv is not what the log's entry") for one in found)


def swapped_votes(folder: Path) -> None:
    """Every vote says the opposite, in the table alone."""
    path = folder / "data" / "table-votes_data.csv"
    opposite = {",wiser,": ",not_wiser,", ",not_wiser,": ",wiser,"}
    text = re.sub("|".join(opposite), lambda found: opposite[found[0]], path.read_text())
    path.write_text(text)


def test_a_study_without_an_elicitation_has_no_graph_in_its_bundle(tmp_path: Path) -> None:
    study = collecting()
    actions.close(study=study, by=None)
    made = bundle.write(study=study, folder=tmp_path / study.slug, execute=False)
    assert not (made.folder / "results" / "moral_graph.json").exists()
    assert "moral_graph" not in (made.folder / "notebooks" / "confirmatory.ipynb").read_text()

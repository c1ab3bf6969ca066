"""Live and replayed answers in the tables, the report and the bundle, checked by the one-file verifier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm import worker
from llm.models import Call
from study.analyses.actions import analyse
from study.evidence import bundle
from study.evidence.verify import verify
from study.protocol import Protocol
from study.registration import actions
from study.registration.models import Study
from study.session import actions as walking
from study.session.models import Session
from study.session.visit import Visit
from study.tables.tidy import tidy
from tests.factories import collecting
from tests.study.advice.protocols import live, replayed, two_each
from tests.study.people import form

pytestmark = pytest.mark.django_db(transaction=True)


def closed(protocol: Protocol, *, failing: int = 0) -> Study:
    """Everybody has walked; the first `failing` live answers never came."""
    study = collecting(protocol)
    rng = np.random.default_rng(3)
    for _ in range(protocol.sample.target):
        session = walking.enter(study=study, language="en")
        while not session.outcome:
            for call in Call.objects.filter(state=Call.State.QUEUED):
                failing -= 1
                settle(call, failing >= 0)
            visit = Visit(Session.objects.with_walk().get(pk=session.pk))
            walking.mark_shown(visit.session)
            walking.submit(
                token=session.token,
                page=visit.page.key,
                attempt=visit.session.attempt,
                data=form(visit, rng, None),
            )
            session.refresh_from_db()
    actions.close(study=study, by=None)
    return study


def settle(call: Call, fails: bool) -> None:
    if fails:
        Call.objects.filter(pk=call.pk).update(deadline_at=call.created_at)
    worker.drive(call.pk)


def test_a_bundle_with_live_answers_is_clean_and_a_changed_word_is_named(model: Any, tmp_path: Path) -> None:
    study = closed(live(verdict="extracted"), failing=2)
    trials = tidy(study).trials
    shown = trials[trials["advice_source"].notna()]
    assert set(trials[trials["advice_source"].isna()]["arm"]) == {"no-ai"}
    assert (shown["advice_source"] == "fallback").sum() == 2
    assert shown.query("advice_source == 'live'")["advice"].isin(["yes", "no"]).all()
    made = bundle.write(study=study, folder=tmp_path / "live", execute=False)
    assert verify(made.folder).findings == []
    assert "advice_text" not in made.free_texts
    told = {d["point"]: d for d in json.loads((made.folder / "results/deviations.json").read_text())}
    assert told["Live answers"]["finding"].startswith("2 of ")
    (path,) = (made.folder / "data").glob("*trials*.csv")
    word = next(text for text in shown["advice_text"] if "Rehearsal" in text)
    path.write_text(path.read_text().replace(word, word.replace("Rehearsal", "Real"), 1))
    found = verify(made.folder, only={"data"}).findings
    assert ["advice_text" in str(finding) for finding in found] == [True]


def test_replayed_answers_follow_from_the_place_and_are_verified(tmp_path: Path) -> None:
    study = closed(replayed())
    assert not Call.objects.exists()
    trials, people = tidy(study).trials, tidy(study).participants
    shown = trials[trials["advice_source"] == "replay"].merge(people[["participant", "slot"]])
    recorded = {(a.item, a.phrasing, n % 2): a for n, a in enumerate(two_each())}
    for row in shown.itertuples():
        due = recorded[str(row.item), str(row.phrasing), (row.slot - 1) % 2]
        assert (row.advice_text, row.advice) == (due.text, due.verdict)
        assert row.ai_correct == (due.verdict == row.truth)
    made = bundle.write(study=study, folder=tmp_path / "replayed", execute=False)
    assert verify(made.folder).findings == []


def test_the_deviation_report_counts_what_is_not_known(model: Any) -> None:
    study = closed(live(verdict="none"))
    run = analyse(study=study, by=None).run
    told = [d for d in run.deviations if d["point"] == "Live answers"]
    assert [d["level"] for d in told] == ["as planned"]
    assert tidy(study).trials["agree"].isna().all()

"""The report: who may see it, what it says, and that it is one page that loads nothing."""

from __future__ import annotations

import re
from itertools import pairwise
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils.html import escape

from analysis.plan.results import Quantity, Results
from study.analyses import blinding, tasks, wording
from study.analyses.actions import analyse
from study.analyses.models import AnalysisRun
from study.analyses.report import PlainReport, card, render, stamp
from study.analyses.strips import Strip, nice_ticks
from study.registration import actions
from study.registration.errors import Refused
from study.registration.models import AuditEntry
from tests import factories
from tests.analysis.plan import made

pytestmark = pytest.mark.django_db


def test_the_report_names_registration_seed_and_every_hypothesis(analysed, study):
    html = analysed.run.html
    registration = study.registrations.get()
    assert registration.sha256 in html
    assert registration.seed_commitment in html
    assert registration.seed in html
    for hypothesis in analysed.results.hypotheses:
        assert escape(hypothesis.sentence) in html
        assert hypothesis.verdict.capitalize() in html


def test_a_rehearsal_is_stamped_in_plain_sight(analysed):
    body = analysed.run.html.split("<h1", 1)[0]
    assert "Rehearsal" in body
    assert "simulated" in body


def test_the_page_runs_nothing_and_loads_nothing(analysed):
    html = analysed.run.html
    assert "<script" not in html
    assert "<link" not in html
    assert not re.search(r'(src|href)="(?!data:|#)', html)
    assert not re.search(r"url\((?!data:)", html)
    assert html.count("data:image/svg+xml") >= 3


def test_exploratory_models_stand_under_their_stamp_and_only_there(analysed):
    before, after = analysed.run.html.split('id="exploratory"')
    assert 'id="model-trusting"' in after
    assert 'id="model-trusting"' not in before
    assert 'id="model-agreement"' in before


def test_every_figure_and_table_is_named(analysed):
    html = analysed.run.html
    for tag in re.findall(r"<img[^>]*>", html):
        assert re.search(r'alt="[^"]{20,}"', tag)
    assert html.count("<table>") + html.count('<table class="deviation">') == html.count("<caption>")


def test_the_kept_results_come_back_as_they_were(analysed):
    run = AnalysisRun.objects.get(pk=analysed.run.pk)
    assert Results.model_validate(run.results) == analysed.results
    assert run.state == AnalysisRun.State.DONE


def test_the_report_is_served_with_a_policy_that_forbids_scripts(analysed, study, client: Client):
    answer = client.get(f"/reports/{study.slug}/")
    assert answer.status_code == 200
    assert answer.content.decode() == analysed.run.html
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_an_unknown_study_has_no_report(client):
    assert client.get("/reports/nowhere/").status_code == 404


def test_an_open_study_shows_nobody_anything(client):
    study = factories.collecting(mode="rehearsal")
    answer = client.get(f"/reports/{study.slug}/")
    assert answer.status_code == 403
    assert "blinded" in answer.content.decode()
    for command in (["analyse", study.slug], ["export", study.slug, "nowhere"]):
        with pytest.raises(CommandError, match="blinded until it is closed"):
            call_command(*command, verbosity=0)
    assert not AnalysisRun.objects.filter(study=study).exists()


def test_an_unblinding_is_on_the_record_and_the_early_run_is_no_confirmation():
    study = factories.collecting(mode="rehearsal")
    with pytest.raises(Refused, match="reason"):
        blinding.unblind(study=study, reason=" ", by=None)
    call_command("unblind", study.slug, reason="A safety question.", verbosity=0)
    assert AuditEntry.objects.filter(study=study, action="unblinded").count() == 1
    early = analyse(study=study)
    assert early.run.confirmatory is False
    actions.close(study=study, by=None)
    found = {d["finding"] for d in analyse(study=study).run.deviations if d["point"] == "Early looks"}
    assert any("A safety question." in text for text in found)
    assert any("run once before" in text for text in found)


def test_two_people_are_needed_to_unblind_where_the_protocol_says_so():
    study = factories.draft(factories.changed(factories.tiny(), two_people=True))
    ada, bob = factories.user("ada"), factories.user("bob")
    actions.register(study=study, by=ada, approved_by=bob)
    with pytest.raises(Refused):
        blinding.unblind(study=study, reason="Why not.", by=ada, approved_by=ada)
    blinding.unblind(study=study, reason="A safety question.", by=ada, approved_by=bob)
    [told] = [d["finding"] for d in analyse(study=study).run.deviations if d["point"] == "Early looks"]
    assert "by ada and bob" in told
    assert blinding.may_see_outcomes(study)


def test_deviations_are_computed_point_by_point(analysed):
    found = {}
    for d in analysed.run.deviations:
        found.setdefault(d["point"], []).append(d)
    assert found["Sample"][0]["level"] == "deviation"  # 35 of 36: one left and the study was closed
    assert "35 people completed; 36 were planned" in found["Sample"][0]["finding"]
    for point in ("Assignment", "Early looks", "Amendments", "Audit log"):
        assert [d["level"] for d in found[point]] == ["as planned"], point
    assert any("no-ai" in d["finding"] for d in found["Missing data"])


def test_an_amendment_is_told_with_its_reason_and_the_people_under_it():
    study = factories.collecting(mode="rehearsal")
    amended = factories.changed(factories.tiny(), sample={"target": 15})
    actions.amend(study=study, protocol=amended, reason="More people were to be had.", by=None)
    actions.close(study=study, by=None)
    run = analyse(study=study).run
    told = [d for d in run.deviations if d["point"] == "Amendments"]
    assert told[0]["level"] == "deviation"
    assert "More people were to be had." in told[0]["finding"]
    assert "0 people took part under it" in told[0]["finding"]


def test_a_study_without_participants_has_a_report_too():
    study = factories.collecting(mode="rehearsal")
    actions.close(study=study, by=None)
    html = analyse(study=study).run.html
    assert "Not evaluable" in html


def test_hostile_words_in_a_protocol_are_words_in_the_report():
    hostile = '<script>alert("x")</script>'
    protocol = factories.changed(factories.tiny(), title=hostile, authors=[hostile])
    study = factories.collecting(protocol, mode="pilot")
    actions.close(study=study, by=None)
    html = analyse(study=study).run.html
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "Pilot" in html.split("<h1", 1)[0]


def test_a_run_that_fails_is_kept_with_its_reason(monkeypatch):
    study = factories.collecting(mode="rehearsal")
    actions.close(study=study, by=None)
    broken = SimpleNamespace(side=lambda *_, **__: 1 / 0)
    monkeypatch.setattr("study.analyses.actions.run", broken.side)
    with pytest.raises(ZeroDivisionError):
        analyse(study=study)
    kept = AnalysisRun.objects.get(study=study)
    assert (kept.state, kept.problem) == ("failed", "ZeroDivisionError: division by zero")


def test_the_task_runs_a_closed_study_and_leaves_an_open_one_alone():
    study = factories.collecting(mode="rehearsal")
    tasks.analyse(str(study.pk))
    assert not AnalysisRun.objects.filter(study=study).exists()
    actions.close(study=study, by=None)
    tasks.analyse(str(study.pk))
    assert AnalysisRun.objects.get(study=study).state == "done"


def test_the_command_tells_the_verdicts_and_writes_what_it_is_asked_to(study, tmp_path, capsys):
    call_command("analyse", study.slug, json=tmp_path / "r.json", html=tmp_path / "r.html", verbosity=0)
    said = capsys.readouterr().out
    assert "h1" in said
    assert "A hedge lowers agreement" in said
    assert Results.model_validate_json((tmp_path / "r.json").read_text()).sample.people == 38
    assert (tmp_path / "r.html").read_text().startswith("<!DOCTYPE html>")


def test_the_command_runs_a_plan_on_a_table_of_anybodys(tmp_path, capsys):
    made.tables()["trials"].to_csv(tmp_path / "data.csv", index=False)
    plan = made.plan(
        population="all",
        outcomes=made.plan().model_dump()["outcomes"][:1],
        models=made.plan().model_dump()["models"][:1],
    )
    (tmp_path / "plan.json").write_text(plan.model_dump_json())
    call_command("analyse", str(tmp_path / "plan.json"), str(tmp_path / "data.csv"), json=tmp_path / "out.json",
                 html=tmp_path / "out.html", verbosity=0)  # fmt: skip
    assert "overreliance supported" in capsys.readouterr().out
    html = (tmp_path / "out.html").read_text()
    assert "Not a registered study" in html
    assert "A hedge lowers agreement with wrong advice." in html


@pytest.mark.parametrize(("plan", "data"), [("absent.yaml", "absent.csv"), ("plan.json", "absent.csv")])
def test_files_that_cannot_be_read_are_named_without_a_trace(tmp_path, plan, data):
    (tmp_path / "plan.json").write_text(made.plan().model_dump_json())
    with pytest.raises(CommandError, match=r"absent\.(yaml|csv)"):
        call_command("analyse", str(tmp_path / plan), str(tmp_path / data), verbosity=0)


def test_the_export_command_writes_every_table(study, tmp_path, capsys):
    call_command("export", study.slug, str(tmp_path / "out"), verbosity=0)
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"participants.csv", "trials.parquet", "codebook.md", "consort.json"} <= names


@pytest.mark.parametrize(
    ("mode", "confirmatory", "word"),
    [
        ("rehearsal", True, "Rehearsal"),
        ("pilot", True, "Pilot"),
        ("real", False, "Exploratory"),
        ("real", True, None),
    ],
)
def test_only_the_registered_analysis_of_a_closed_real_study_goes_without_a_stamp(mode, confirmatory, word):
    found = stamp(SimpleNamespace(mode=mode), confirmatory=confirmatory)
    assert (found and found[0]) == word


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.00"),
        (-3e-16, "0.00"),
        (-0.9312, "−0.93"),
        (-0.0004, "−0.00040"),
        (1234.56, "1 234.6"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_numbers_have_a_true_minus_and_no_needless_digits(value, text):
    assert wording.number(value).replace("\u202f", " ") == text


@pytest.mark.parametrize(
    ("p", "text"), [(0.0321, "= .032"), (0.0001, "< .001"), (1.0, "> .999"), (None, "not available")]
)
def test_p_values_are_written_as_journals_do(p, text):
    assert wording.p_value(p) == text


def test_a_contrast_tested_on_log_odds_is_shown_in_percentage_points(analysed):
    shown = card(analysed.results.hypothesis("h1"))
    assert shown.headline_unit == "percentage points"
    assert "<svg" in shown.strip


@pytest.mark.parametrize("values", [[0, 0.001], [-3, 250], [5, 5], [-1e-9, 1e-9], [-0.7, -0.2, 0]])
def test_ticks_are_few_even_and_span_the_values(values):
    ticks = nice_ticks(values)
    assert 2 <= len(ticks) <= 9
    assert ticks[0] <= min(values)
    assert ticks[-1] >= max(values)
    steps = {round(b - a, 12) for a, b in pairwise(ticks)}
    assert len(steps) == 1


def test_a_strip_escapes_its_words():
    drawn = Strip(1.0, 0.5, 1.5, [0.0], (0.0, None), 'a "quoted" <label>').svg()
    assert "<label>" not in drawn
    assert "&quot;quoted&quot;" in drawn


def test_a_plain_report_needs_no_database_rows():
    tables = made.tables()
    from analysis.plan.runner import run

    results = run(made.plan(), tables)
    html = render(
        PlainReport(made.plan(), results, plan_name="plan.yaml", data_name="data.csv", tables=tables)
    )
    assert "plan.yaml on data.csv" in html
    assert Quantity().available is False

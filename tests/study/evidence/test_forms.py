"""Forms filled from the protocol: every field, nothing invented, harmless on a page."""

from __future__ import annotations

import json
import re

import pytest
from django.core.management import call_command

from study.evidence import forms
from study.protocol import read, shipped
from tests import factories

ASPREDICTED = [
    "data",
    "hypothesis",
    "dependent",
    "conditions",
    "analyses",
    "outliers",
    "sample",
    "other",
    "name",
    "study_type",
]
OSF = ["hypotheses", "study_type", "blinding", "study_design", "randomisation", "existing_data", "collection_procedures",
       "sample_size", "sample_size_rationale", "stopping_rule", "manipulated_variables", "measured_variables", "indices",
       "statistical_models", "transformations", "inference_criteria", "data_exclusion", "missing_data",
       "exploratory_analysis", "other"]  # fmt: skip


@pytest.mark.parametrize("name", ["tiny", *shipped()])
def test_every_field_is_filled(name):
    protocol = factories.tiny() if name == "tiny" else read(shipped()[name])
    for form, fields in ((forms.aspredicted, ASPREDICTED), (forms.osf, OSF)):
        filled = form(protocol, forms.existing_data(None))
        assert [f.name for f in filled.fields] == fields
        assert [f.name for f in filled.fields if not f.answer.strip()] == []


@pytest.mark.parametrize("name", ["tiny", *shipped()])
def test_every_hypothesis_arm_rule_and_model_stands_in_both(name):
    protocol = factories.tiny() if name == "tiny" else read(shipped()[name])
    said = [h.sentence for h in protocol.plan.hypotheses] + [arm.label for arm in protocol.arms]
    said += [e.sentence for e in protocol.plan.exclusions] + [m.formula for m in protocol.plan.models]
    said.append(str(protocol.sample.target))
    for form in (forms.aspredicted(protocol, ""), forms.osf(protocol, "")):
        text = form.markdown()
        assert [words for words in said if words not in text] == []


def test_the_criterion_is_spelled_out():
    text = forms.hypotheses(factories.tiny())
    assert "arm: hedged − control" in text
    assert "predicted below 0" in text


def test_what_the_protocol_does_not_say_is_not_invented():
    protocol = factories.changed(factories.tiny(), sample={"rationale": "", "stopping": "", "until": ""})
    filled = {f.name: f.answer for f in forms.osf(protocol, "").fields}
    assert filled["sample_size_rationale"] == forms.UNSAID
    assert filled["stopping_rule"] == forms.UNSAID


def test_a_page_shows_markup_as_text():
    protocol = factories.changed(factories.tiny(), title="<script>alert(1)</script>")
    page = forms.aspredicted(protocol, "").html()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.django_db
def test_forms_of_a_draft_are_written_by_command(tmp_path, capsys):
    study = factories.draft()
    call_command("forms", study.slug, str(tmp_path))
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{form}.{kind}" for form in ("aspredicted", "osf") for kind in ("json", "md", "html")}
    assert json.loads((tmp_path / "osf.json").read_text())["form"] == "osf"
    assert "osf.html" in capsys.readouterr().out


@pytest.mark.django_db
def test_the_methods_of_a_registered_study_name_its_hash(tmp_path):
    study = factories.registered(mode="rehearsal")
    call_command("forms", study.slug, str(tmp_path), verbosity=0)
    text = (tmp_path / "methods.md").read_text()
    assert study.registrations.get().sha256 in text
    assert "never amended" in text
    assert "rehearsal" in text.splitlines()[0]


@pytest.mark.parametrize("name", ["tiny", *shipped()])
def test_sentences_end_once_and_count_in_words_that_fit(name):
    protocol = factories.tiny() if name == "tiny" else read(shipped()[name])
    text = forms.aspredicted(protocol, "").markdown() + forms.osf(protocol, "").markdown()
    assert not re.search(r"[^.]\.\.( |$)|\b1 (conditions|items)|\b0 items|blocks of 1\b", text, re.MULTILINE)


def test_a_study_of_one_condition_is_no_experiment():
    filled = {f.name: f.answer for f in forms.osf(read(shipped()["moral-graph"]), "").fields}
    assert filled["study_type"].startswith("Other")
    assert "at random" in filled["randomisation"]
    assert "nothing is manipulated" in filled["manipulated_variables"]
    assert filled["inference_criteria"].startswith("None")
    assert "Which values" in filled["hypotheses"]


@pytest.mark.django_db
def test_the_methods_of_an_analysed_study_tell_its_deviations(folder):
    text = (folder / "forms" / "methods.md").read_text()
    told = json.loads((folder / "results" / "deviations.json").read_text())
    deviating = [d["finding"] for d in told if d["level"] == "deviation"]
    assert deviating
    assert [finding for finding in deviating if finding not in text] == []

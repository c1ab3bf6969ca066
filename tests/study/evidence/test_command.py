"""`manage.py bundle`: what it says, and what it refuses."""

from __future__ import annotations

import shutil

import pytest
from django.core.management import CommandError, call_command

from study.evidence.verify import main
from tests import factories

pytestmark = pytest.mark.django_db


def test_the_bundle_of_a_closed_study_is_written_and_its_anchors_are_told(study, tmp_path, capsys):
    call_command("bundle", study.slug, str(tmp_path / "out"), "--no-notebooks")
    said = capsys.readouterr().out
    head = study.audit.order_by("-number").first().link
    assert head in said
    assert "out.zip" in said
    assert "read the free texts before publishing: remarks" in said
    assert main([str(tmp_path / "out.zip"), "--head", head]) == 0


def test_an_open_study_is_refused_in_words(tmp_path):
    study = factories.collecting()
    with pytest.raises(CommandError, match="needs a closed study"):
        call_command("bundle", study.slug, str(tmp_path / "out"))


def test_an_unknown_study_is_named(tmp_path):
    with pytest.raises(CommandError, match="no study 'nothing'"):
        call_command("bundle", "nothing", str(tmp_path))


def test_every_program_says_what_it_finds(made, capsys):
    call_command("bundle", check=made.archive)
    said = capsys.readouterr().out
    assert "ok    verify.py: nothing found" in said
    assert "ok    Psych-DS (own checker): nothing found" in said
    assert "ok    frictionless (Data Package): nothing found" in said
    assert "ok    mlcroissant (Croissant): nothing found" in said
    assert "roc-validator (RO-Crate): " in said


def test_a_changed_bundle_is_named_by_those_who_see_it(folder, tmp_path, capsys):
    spoilt = shutil.copytree(folder, tmp_path / "spoilt")
    trials = spoilt / "data" / "table-trials_data.csv"
    trials.write_bytes(trials.read_bytes().replace(b",true,", b",perhaps,", 1))
    (spoilt / "verify.py").write_text("print('Nothing found.')")
    with pytest.raises(CommandError, match=r"spoilt: \d+ problems"):
        call_command("bundle", check=spoilt)
    said = capsys.readouterr().out
    assert "FAIL  verify.py" in said
    assert "[manifest] data/table-trials_data.csv was changed." in said
    assert "note: The verify.py in the bundle is another than the one that ran here." in said
    assert "FAIL  frictionless" in said


def test_a_validator_that_is_not_there_is_said_and_is_no_failure(made, settings, tmp_path, capsys):
    settings.BASE_DIR = tmp_path
    call_command("bundle", check=made.folder)
    assert "-     roc-validator (RO-Crate): not installed here" in capsys.readouterr().out


def test_what_is_no_bundle_is_said(tmp_path):
    with pytest.raises(CommandError, match="is no bundle"):
        call_command("bundle", check=tmp_path)

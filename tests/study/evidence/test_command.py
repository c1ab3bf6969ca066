"""`manage.py bundle`: what it says, and what it refuses."""

from __future__ import annotations

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

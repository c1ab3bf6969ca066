"""A report opened early, on the record, is for those who analyse the study, not for whoever has the address."""

from __future__ import annotations

import pytest
from django.test import Client

from study.analyses.blinding import unblind
from study.analyses.models import AnalysisRun
from tests.factories import collecting, user

pytestmark = pytest.mark.django_db


def test_an_early_report_needs_a_role_in_the_study() -> None:
    study = collecting()
    unblind(study=study, reason="a safety question", by=user())
    AnalysisRun.objects.create(
        study=study,
        registration=study.registrations.get(),
        state=AnalysisRun.State.DONE,
        html="<p>by arm</p>",
    )
    stranger, owner = Client(), Client()
    assert stranger.get(f"/reports/{study.slug}/").status_code == 404
    owner.force_login(user("root", is_superuser=True))
    assert b"by arm" in owner.get(f"/reports/{study.slug}/").content

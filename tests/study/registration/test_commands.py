"""The commands: what they print, and that every refusal is one clear message."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from study.assignment import actions as assignment
from study.registration.frozen import current
from study.registration.models import Study
from study.session.models import Session
from tests import factories
from tests.factories import SEED

pytestmark = pytest.mark.django_db


def run(*words: str, **options: Any) -> str:
    out = StringIO()
    call_command(*words, stdout=out, **options)
    return out.getvalue()


def test_a_draft_is_registered_opened_and_closed_by_commands() -> None:
    study = factories.draft()
    said = run("register", "tiny", "--seed", SEED, "--power-runs", "0")
    assert current(study).sha256 in said
    assert current(study).seed_commitment in said
    assert "[power-never-simulated]" in said
    assert SEED not in said
    for verb, state in [
        ("open", "collecting"),
        ("pause", "paused"),
        ("resume", "collecting"),
        ("close", "closed"),
    ]:
        assert run("study", verb, "tiny", "--reason", "because") == f"'tiny' is {state}.\n"
    assert run("study", "archive", "tiny") == "'tiny' is archived.\n"


def test_registering_simulates_the_power_and_keeps_it() -> None:
    study = factories.draft()
    said = run("register", "tiny", "--power-runs", "20", verbosity=0)
    power = current(study).power
    assert power is not None
    assert (power["runs"], power["participants"]) == (20, 12)
    assert set(power["hypotheses"]) == {"h1"}
    assert "Power over 20 simulated studies of 12 participants:" in said
    assert "below the target of 0.80" in said
    assert "power-never-simulated" not in said


def test_all_studies_are_listed_with_their_counts(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    assert "No studies yet" in run("study", "list")
    study = factories.collecting()
    factories.draft(slug="another")
    session = factories.session(study)
    assignment.claim(session=session)
    assignment.finish(session=session)
    assignment.claim(session=factories.session(study))
    with django_assert_num_queries(1):
        said = run("study", "list")
    (line,) = [line for line in said.splitlines() if line.startswith("tiny ")]
    assert "collecting" in line
    assert "1 done, 1 under way, of 12" in line


def test_an_amendment_names_what_it_changed(tmp_path: Path) -> None:
    factories.collecting()
    path = tmp_path / "amended.yaml"
    text = (factories.PROTOCOLS / "tiny.yaml").read_text()
    path.write_text(text.replace("target: 12", "target: 15").replace("twelve people", "fifteen people"))
    said = run("study", "amend", "tiny", str(path), "--reason", "More people.")
    assert "changed  sample.target" in said
    assert "version 2" in said
    assert Study.objects.get().places == 15


def test_verifying_a_study_says_that_it_is_whole() -> None:
    factories.collecting()
    assert "what the seed gives" in run("study", "verify", "tiny")


def test_sweeping_returns_idle_slots() -> None:
    study = factories.collecting()
    assignment.claim(session=factories.session(study))
    assert run("sweep") == "0 slots returned.\n"
    Session.objects.update(active_at=timezone.now() - timedelta(hours=1))
    assert run("sweep") == "1 slot returned.\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["register", "nothing"], "There is no study 'nothing'. Studies: tiny."),
        (["register", "tiny", "--seed", "404"], "64 hexadecimal digits"),
        (["register", "tiny", "--by", "nobody"], "There is no user 'nobody'"),
        (["register", "tiny", "--power-runs", "3"], "At least 20"),
        (["study", "open", "tiny"], "'tiny' is draft; this needs it to be registered."),
        (["study", "amend", "tiny", "missing.yaml", "--reason", "x"], "missing.yaml cannot be read"),
        (["study", "verify", "tiny"], "not registered"),
        (["study", "dance", "tiny"], "invalid choice"),
    ],
)
def test_a_refusal_is_one_clear_message(words: list[str], message: str) -> None:
    factories.draft()
    with pytest.raises(CommandError) as refusal:
        run(*words)
    assert message in str(refusal.value)
    assert Study.objects.get().state == "draft"


def test_verifying_names_what_is_wrong() -> None:
    from django.db import connection

    factories.collecting()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE study_slot DISABLE TRIGGER USER")
        cursor.execute("UPDATE study_slot SET arm = 'no-ai' WHERE number = 1")
    with pytest.raises(CommandError, match="Slot 1: arm is 'no-ai'"):
        run("study", "verify", "tiny")

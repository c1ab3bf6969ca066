"""`manage.py phrasings`, and a worker of its own that does what the command does in this process."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from llm import store, sweeper
from llm.models import Call
from study.phrasing import drafting, tasks
from study.phrasing.models import Draft
from tests import factories
from tests.llm.processes import wait_until, worker
from tests.study.phrasing.drafted import drafted, newest, protocol

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_command_drafts_everything_and_says_what_is_to_be_reviewed(model: Any, capsys: Any) -> None:
    factories.draft(protocol())
    call_command("phrasings", "tiny", "--by", factories.user("ada").username)
    shown = capsys.readouterr()
    assert "Texts: 24 to be reviewed." in shown.out
    assert "a rehearsal: no language model was asked" in shown.out
    assert "32/32" in shown.err
    call_command("phrasings", "tiny", verbosity=0)
    assert "Nothing was missing." in capsys.readouterr().out
    for wrong in (["ghost"], ["tiny", "--items", "sun"]):
        with pytest.raises(CommandError):
            call_command("phrasings", *wrong)


def test_calls_that_fail_are_told(model: Any, capsys: Any) -> None:
    factories.draft(protocol())
    model.fault("status", value=401)
    call_command("phrasings", "tiny", "--items", "moon", verbosity=0)
    shown = capsys.readouterr()
    assert "Texts: none." in shown.out
    assert "2 calls failed, the last with rejected" in shown.err


def test_a_worker_drafts_everything_without_anybody_waiting(
    model: Any, child_environment: dict[str, str], settings: Any
) -> None:
    settings.REDIS_URL = child_environment.get("REDIS_URL", settings.REDIS_URL)
    store.client().flushdb()
    study = factories.draft(protocol())
    with worker({**child_environment, "HEED_LLM_BASE_URL": model.base_url}, threads=4):
        drafting.ask(study=study, by=None)
        wait_until(lambda: _open() == 24, seconds=90, what="24 texts to be reviewed")
    assert not Call.objects.unfinished().exists()
    assert Counter(Call.objects.values_list("state", flat=True)) == {"done": 36}


def _open() -> int:
    sweeper.sweep()
    return Draft.objects.filter(state="open").count()


def test_a_measurement_whose_message_was_lost_is_made_by_the_sweeper(model: Any, monkeypatch: Any) -> None:
    study = drafted()
    strong = newest(study, "moon", "no", "strengthened")
    new = drafting.edit(draft=strong, text=strong.text.replace("No,", "No indeed,"), by=factories.user("ada"))
    from llm import worker as driver

    driver.drive(Call.objects.get(pk=new.check_call).pk)
    new.refresh_from_db()
    assert new.state == "checking"
    tasks.sweep()
    new.refresh_from_db()
    assert new.state == "checking", "a message that is on its way is not overtaken"
    monkeypatch.setattr(tasks, "LOST", tasks.LOST * 0)
    tasks.sweep()
    new.refresh_from_db()
    assert new.state == "open"
    tasks.measure(new.pk)
    assert new.checks.count() == 3

"""A stranger with the bundle can follow every drafted text to who approved it and to the calls it came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from study.evidence import bundle, verify
from study.panel.actions import save_draft
from study.panel.documents import held
from study.phrasing import reviewing
from study.registration import actions
from study.registration.models import Study
from tests import factories
from tests.study.phrasing.drafted import approve_all, drafted, newest

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_bundle_leads_every_drafted_text_back_to_its_calls(model: Any, tmp_path: Path) -> None:
    study = drafted(kinds=("strengthened", "general"))
    approve_all(study, "ada")
    now = held(Study.objects.get())
    reviewing.put(study=study, text=now.text, seen=now.sha256, by=factories.user("ada"), save=save_draft)
    study.refresh_from_db()
    actions.register(study=study, by=None, seed=factories.SEED)
    actions.open_study(study=study, by=None)
    actions.close(study=study, by=None)
    study.refresh_from_db()
    folder = bundle.write(study=study, folder=tmp_path / "tiny", execute=False).folder
    rows = lines(folder / "stimuli" / "provenance.jsonl")
    calls = {row["id"]: row for row in lines(folder / "models" / "calls.jsonl")}
    strong = newest(study, "moon", "no", "strengthened")
    row = next(row for row in rows if row["id"] == strong.pk)
    assert row["in_document"]
    assert [said["by"] for said in row["decisions"]] == ["ada"]
    assert row["text"] in calls[row["call"]]["text"].replace('\\"', '"')
    assert [check["name"] for check in row["checks"]] == ["form", "claims", "distance"]
    assert found(folder) == []
    spoilt = (
        (folder / "stimuli" / "provenance.jsonl")
        .read_text()
        .replace('"verdict":"approve"', '"verdict":"reject"')
    )
    (folder / "stimuli" / "provenance.jsonl").write_text(spoilt)
    assert len([one for one in found(folder) if "is no approved draft" in one]) == 4
    (folder / "stimuli" / "provenance.jsonl").write_text(spoilt.replace(row["call"], "0" * 36))
    assert [one for one in found(folder) if "leads to a call that is not in the record" in one]


def lines(path: Path) -> list[Any]:
    """The rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def found(folder: Path) -> list[str]:
    """What the verifier says of the stimuli."""
    return [sentence for _code, sentence in verify.verify(folder, only=["stimuli"]).findings]

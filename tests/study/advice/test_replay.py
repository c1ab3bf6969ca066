"""Recordings: made from what people read, named by their hash, and read only if they are the named ones."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command

from study.protocol import ProtocolError, document, read
from study.protocol.advice import recording
from study.stages.trials import FINAL
from tests.factories import collecting
from tests.study.advice.protocols import bare, live, replayed, two_each
from tests.study.advice.test_live import arrived, look, work


def written(folder: Path, content: bytes, sha256: str | None = None) -> Path:
    """A protocol on disk that replays a recording beside it."""
    (folder / "answers.jsonl").write_bytes(content)
    named = sha256 or hashlib.sha256(content).hexdigest()
    body = bare() | {"replay": {"file": "answers.jsonl", "source": "pilot", "sha256": named}}
    path = folder / "protocol.yaml"
    path.write_text(yaml.safe_dump(body, sort_keys=False))
    return path


def test_a_recording_beside_the_protocol_becomes_part_of_the_document(tmp_path: Path) -> None:
    found = read(written(tmp_path, recording(two_each())))
    assert document(found)["replay"] == document(replayed())["replay"] | {"source": "pilot"}


@pytest.mark.parametrize(
    ("content", "sha256", "message"),
    [
        (recording(two_each()), "0" * 64, "not the one that is named"),
        (b"no json\n", None, "is not one JSON object a line"),
        (recording(two_each()[2:]), None, "No recorded answer to 'moon'"),
        (
            recording(two_each()).replace(b'"verdict":"yes"', b'"verdict":"maybe"'),
            None,
            "no answer to the item",
        ),
    ],
)
def test_another_recording_is_refused(
    tmp_path: Path, content: bytes, sha256: str | None, message: str
) -> None:
    with pytest.raises(ProtocolError, match=message):
        read(written(tmp_path, content, sha256))


def test_a_recording_that_is_not_there_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, recording(two_each()))
    (tmp_path / "answers.jsonl").unlink()
    with pytest.raises(ProtocolError, match="is not in the protocol's folder"):
        read(path)


def test_answers_changed_inside_the_frozen_document_are_noticed() -> None:
    content = document(replayed())
    content["replay"]["answers"][0]["text"] = "Something else."
    with pytest.raises(ProtocolError, match="have the hash"):
        read(yaml.safe_dump(content))


@pytest.mark.django_db(transaction=True)
def test_what_pilot_participants_read_is_served_again_word_for_word(model: Any, tmp_path: Path) -> None:
    study = collecting(live(), mode="pilot")
    for arm in ("control", "hedged"):
        visitor = arrived(study, arm)
        while visitor.page is not None and visitor.page.key.startswith("tasks"):
            work()
            look(visitor).send()
    said: list[str] = []
    path = tmp_path / "answers.jsonl"
    call_command(
        "advice", study.slug, output=path, stdout=type("Out", (), {"write": lambda _, t: said.append(t)})()
    )
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert sha256 in "".join(said)
    protocol = read(written(tmp_path, path.read_bytes()))
    again = arrived(collecting(protocol), "hedged")
    assert again.page.key.endswith(FINAL)
    item = again.page.key.split(".")[1]
    assert protocol.replay is not None
    recorded = [a.text for a in protocol.replay.answers if (a.item, a.phrasing) == (item, "unsure-first")]
    assert again.page.advice in recorded
    again.send()
    payload = again.session.submissions.latest("number").payload
    assert isinstance(payload, dict)
    assert payload["advice_source"] == "replay"


def test_a_bundle_without_such_answers_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="holds no table of trials"):
        call_command("advice", str(tmp_path), output=tmp_path / "a.jsonl")


@pytest.mark.django_db
def test_answers_of_an_open_real_study_are_not_recorded(tmp_path: Path) -> None:
    study = collecting(live())
    with pytest.raises(CommandError, match="when it is closed"):
        call_command("advice", study.slug, output=tmp_path / "a.jsonl")

"""The tutorial holds what it says: its commands are run one after the other, as they are printed."""

from __future__ import annotations

import re
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connections

from study.analyses.models import AnalysisRun
from study.registration.models import Study

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/tutorial/from-nothing-to-a-report.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S) for line in block.splitlines()]
PROGRAM = ".venv/bin/python manage.py "


def typed(*words: str) -> None:
    try:
        call_command(*words)
    finally:
        connections.close_all()  # this thread's


@pytest.mark.django_db(transaction=True)
def test_every_command_of_the_tutorial_works(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    assert len(COMMANDS) == 8
    said = {}
    for command in COMMANDS:
        assert command.startswith(PROGRAM), command
        words = shlex.split(command.removeprefix(PROGRAM))
        also = ["--url", server, "--verbosity", "0"] if words[0] == "rehearse" else []
        capsys.readouterr()
        with ThreadPoolExecutor(1) as thread:  # browser tests keep a loop running in the main thread
            thread.submit(typed, *words, *also).result()
        said[" ".join(words[:2])] = capsys.readouterr().out
    assert "0 errors" in said["protocol check"]
    assert "seed commitment" in said["register first-study-rehearsal"]
    study = Study.objects.get()
    assert (study.slug, study.mode, study.state) == ("first-study-rehearsal", "rehearsal", "closed")
    run = AnalysisRun.objects.get()
    [h1] = run.results["hypotheses"]
    assert run.confirmatory
    assert h1["verdict"] in ("supported", "inconclusive")
    assert h1["estimate"]["value"] is not None
    assert "People agree less with an AI" in (tmp_path / "first-report.html").read_text()
    assert (tmp_path / "first-tables" / "codebook.md").is_file()

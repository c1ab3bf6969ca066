"""`manage.py protocol`: what it prints, and when it fails."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from study.protocol import canonical, read, sha256, shipped
from study.protocol.schema import schema
from study.registration.models import Study
from tests.study.protocol.small import TEXT, edited, small


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def run(*arguments: Any) -> tuple[str, str]:
    """Standard output and standard error of the command."""
    out, err = StringIO(), StringIO()
    call_command("protocol", *map(str, arguments), stdout=out, stderr=err, no_color=True)
    return out.getvalue(), err.getvalue()


def test_check_says_that_a_clean_protocol_lacks_only_its_power(file: Path) -> None:
    out, _ = run("check", file)
    assert "[power-never-simulated]" in out
    assert out.splitlines()[-1] == "small 1.0: 0 errors, 1 warnings, 0 notes"


def test_check_fails_on_errors_and_names_the_line(file: Path) -> None:
    file.write_text(
        edited("  stopping: Collection ends with the 40th completed participant.\n", ""), encoding="utf-8"
    )
    out = StringIO()
    with pytest.raises(CommandError, match="should not be registered"):
        call_command("protocol", "check", str(file), stdout=out, no_color=True)
    assert out.getvalue().startswith("error: line 79: sample.stopping: There is no stopping rule")


def test_check_can_be_strict(file: Path) -> None:
    with pytest.raises(CommandError):
        run("check", file, "--strict")


def test_check_prints_every_problem_of_what_is_no_protocol(file: Path) -> None:
    file.write_text(TEXT.replace("heed: 1", "heed: 9").replace("target: 40", "target: x"), encoding="utf-8")
    err = StringIO()
    with pytest.raises(CommandError, match="2 problems"):
        call_command("protocol", "check", str(file), stderr=err, no_color=True)
    assert [line.split(":")[0] for line in err.getvalue().splitlines()] == [
        "line 1, column 7",
        "line 79, column 11",
    ]


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_protocol_is_called_by_its_id(name: str) -> None:
    out, _ = run("show", name)
    assert out.rstrip().endswith(sha256(read(shipped()[name])))


def test_show_prints_exactly_the_bytes_that_would_be_frozen(file: Path) -> None:
    out, _ = run("show", file, "--canonical")
    assert out.encode() == canonical(small())


def test_schema_prints_and_writes_the_same(tmp_path: Path) -> None:
    out, _ = run("schema")
    run("schema", "--output", tmp_path / "schema.json")
    assert json.loads(out) == json.loads((tmp_path / "schema.json").read_text(encoding="utf-8")) == schema()


@pytest.mark.django_db
def test_load_makes_a_draft(file: Path) -> None:
    out, _ = run("load", file, "--mode", "pilot", "--slug", "our-pilot")
    study = Study.objects.get(slug="our-pilot")
    assert (study.state, study.mode, study.title) == ("draft", "pilot", "A small study")
    assert "our-pilot" in out


@pytest.mark.django_db
def test_load_refuses_a_protocol_that_cannot_be_read_and_keeps_nothing(file: Path) -> None:
    file.write_text("heed: 1\n", encoding="utf-8")
    with pytest.raises(CommandError, match="this is no protocol yet"):
        run("load", file)
    assert not Study.objects.exists()

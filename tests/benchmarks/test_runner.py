"""`make bench` knows every benchmark, and gives arguments to the one they are meant for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, main

ROOT = Path(__file__).resolve().parents[2]
SERVER = "heed_study"
"""What `pages` starts to have something to measure."""


def test_every_module_that_measures_is_run() -> None:
    runnable = {
        path.stem
        for path in (ROOT / "benchmarks").glob("*.py")
        if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
    }
    assert runnable - {"__main__", SERVER} == set(BENCHMARKS)


def test_every_benchmark_has_its_line_in_the_documentation() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    table = text[text.index("| `ONLY` |") :].split("\n\n", 1)[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) - {"ONLY"} == set(BENCHMARKS)


def test_arguments_without_a_name_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--crowds", "20"])
    assert "name it with --only" in capsys.readouterr().err


def test_what_a_benchmark_says_of_its_end_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "pages", "--crowds", "many"]) == 1
    assert "failed: pages" in capfd.readouterr().err

"""The registered plan again, from the bundle's files alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import nbformat
import pandas as pd
import pytest

from study.evidence import notebooks, reproduce
from study.evidence.verify import verify
from study.registration.frozen import protocol_of
from study.tables.tidy import tidy

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("rows", [7, reproduce.ROWS_AT_ONCE])
def test_the_files_read_back_as_the_tables_they_were(folder, study, monkeypatch, rows):
    """Also where a table is longer than what is read at once."""
    monkeypatch.setattr(reproduce, "ROWS_AT_ONCE", rows)
    tables, read = tidy(study).as_dict(), reproduce.load(folder)
    for name in ("participants", "trials", "responses"):
        expected = tables[name]
        if name == "responses":  # CSV knows no difference between an empty answer and none
            expected = expected.assign(value=expected["value"].mask(expected["value"] == ""))
        pd.testing.assert_frame_equal(read[name], expected)


def test_a_notebook_reads_only_the_columns_that_the_plan_can_name(folder):
    whole, read = reproduce.load(folder, reproduce.ANALYSED), reproduce.load_analysed(folder)
    assert {"participant", "item", "arm", "agree", "truth"} <= set(read["trials"]) < set(whole["trials"])
    for name, table in read.items():
        pd.testing.assert_frame_equal(table, whole[name][list(table)])


def test_every_number_of_the_report_is_found_again(folder):
    compared, different = reproduce.compare(folder)
    assert different == []
    assert compared > 300


def test_the_bundle_needs_nothing_of_ours(folder, tmp_path):
    """The shipped code, run from elsewhere with no path to the project."""
    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")
    ran = subprocess.run([sys.executable, "-I", "code/reproduce.py", "."], cwd=elsewhere, capture_output=True, text=True,
                         check=False)  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 differences" in ran.stdout


@pytest.mark.parametrize(
    ("table", "column"), [("trials", "seconds"), ("trials", "agree"), ("responses", "value")]
)
def test_a_parquet_file_that_says_something_else_is_named(folder, tmp_path, table, column):
    spoilt = shutil.copytree(folder, tmp_path / "spoilt")
    path = spoilt / "data" / f"{table}.parquet"
    found = pd.read_parquet(path)
    other = found[column].iloc[::-1].to_numpy()
    found.assign(**{column: other}).to_parquet(path)
    (told,) = reproduce.unlike(spoilt)
    assert told.startswith(f"{table}.parquet: {column} differs from table-{table}_data.csv in ")
    assert list(reproduce.unlike(folder)) == []


def test_a_number_that_is_another_is_named(folder, tmp_path):
    spoilt = shutil.copytree(folder, tmp_path / "spoilt")
    path = spoilt / "results" / "results.json"
    results = json.loads(path.read_text())
    results["hypotheses"][0]["estimate"]["value"] += 1e-6
    path.write_text(json.dumps(results))
    _, different = reproduce.compare(spoilt)
    assert len(different) == 1
    assert different[0].startswith("hypotheses[0].estimate.value")


def test_differences_are_seen_in_every_kind_of_value():
    first = {"a": 1.0, "b": [1, 2], "c": "x", "d": None, "e": True, "versions": {"python": "1"}}
    assert list(reproduce.differences(first, dict(first, versions={}))) == []
    assert list(reproduce.differences(first, dict(first, a=1.0 + 1e-12))) == []
    for key, value in {"a": 1.001, "b": [1], "c": "y", "d": 0.0, "e": 1}.items():
        assert len(list(reproduce.differences(first, dict(first, **{key: value})))) == 1
    assert len(list(reproduce.differences(first, {k: v for k, v in first.items() if k != "a"}))) == 1


def test_the_notebooks_run_and_say_what_they_are(folder, study, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    protocol = protocol_of(study.registrations.get().pk)
    notebooks.write(study, protocol, copy)
    text = {name: (copy / "notebooks" / f"{name}.ipynb").read_text() for name in ("confirmatory", "explore")}
    for notebook in text.values():
        nbformat.validate(nbformat.reads(notebook, as_version=4))
        assert "Every participant here was simulated" in notebook
    assert "numbers of the report found again" in text["confirmatory"]
    assert "Exploratory" not in text["confirmatory"]
    assert text["explore"].count("Not registered; found by looking") >= 2
    before = {code for code, _ in verify(folder).findings}
    assert before == set()


@pytest.mark.parametrize(
    "code", [notebooks.START, "import sys; sys.path.insert(0, 'code')\nimport reproduce"]
)
def test_a_rerun_adds_in_one_order_whatever_the_machine(folder, code):
    """Threads of the linear algebra add in another order, and a model whose likelihood is flat shows it."""
    told = (
        code + "\nimport os, numpy\nprint(os.environ['OMP_NUM_THREADS'], os.environ['OPENBLAS_NUM_THREADS'])"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"}
    ran = subprocess.run([sys.executable, "-c", told], cwd=folder, env=environment, capture_output=True, text=True,
                         check=True)  # fmt: skip
    assert ran.stdout.split() == ["1", "1"]
    assert "pandas" not in code or code.index("import reproduce") < code.index("import pandas")


def test_the_platform_computes_with_one_thread_unless_told_otherwise():
    plain = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    code = (
        "import config, sys, os\nassert 'numpy' not in sys.modules\nprint(os.environ['OPENBLAS_NUM_THREADS'])"
    )
    ran = subprocess.run([sys.executable, "-c", code], env=plain, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "1"

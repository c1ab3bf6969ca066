"""The bundle: what it holds, what it refuses, and that it repeats what the tables say."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from xml.etree import ElementTree

import pandas as pd
import pytest
import yaml
from django.db import connection, transaction

from study.evidence import bundle, data, declared, records
from study.evidence.verify import CHECKS, verify
from study.registration.errors import Refused, WrongState
from study.session.models import Identity, Session, Submission
from study.tables.progress import quiet
from study.tables.tidy import tidy
from tests import factories

pytestmark = pytest.mark.django_db


def test_nothing_is_found_in_a_clean_bundle(folder):
    report = verify(folder)
    assert report.findings == []
    assert len(report.checked) == len(CHECKS)


def test_an_open_study_has_no_bundle(tmp_path):
    study = factories.collecting()
    with pytest.raises(WrongState, match="needs a closed study"):
        bundle.write(study=study, folder=tmp_path / "early")
    assert not (tmp_path / "early").exists()


def test_the_tables_are_those_of_the_analysis(folder, study):
    tables = tidy(study)
    for name, table in tables.as_dict().items():
        read = pd.read_parquet(folder / "data" / f"{name}.parquet")
        order = ["participant", "page", "load", "number"] if name == "events" else None
        if order:
            read, table = (t.sort_values(order, ignore_index=True) for t in (read, table))
        pd.testing.assert_frame_equal(read, table)


def test_every_file_is_hashed_and_zipped(made):
    told = dict(
        reversed(line.split("  ", 1)) for line in (made.folder / "MANIFEST.sha256").read_text().splitlines()
    )
    assert len(told) == made.files
    with zipfile.ZipFile(made.archive) as archive:
        inside = {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}
        assert {(i.date_time, i.external_attr >> 16) for i in archive.infolist()} == {
            ((1980, 1, 1, 0, 0, 0), 0o644)
        }
    assert {
        name: hashlib.sha256(content).hexdigest() for name, content in inside.items() if name in told
    } == told
    assert set(inside) == {*told, "MANIFEST.sha256"}


def test_the_figures_are_those_inside_the_report(folder):
    told = json.loads((folder / "figures" / "figures.json").read_text())
    report = (folder / "results" / "report.html").read_text()
    assert len(told) == report.count("<figure>") >= 3
    for figure in told:
        svg = (folder / "figures" / figure["file"]).read_bytes()
        assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
        assert base64.b64encode(svg).decode() in report
        assert figure["words"]
    assert any(figure["caption"].startswith("Flow of participants.") for figure in told)
    assert {path.name for path in (folder / "figures").iterdir()} == {
        "figures.json",
        *(figure["file"] for figure in told),
    }


def test_a_second_bundle_has_the_same_bytes(made, study, tmp_path):
    again = bundle.write(study=study, folder=tmp_path / "tiny", execute=False)
    assert again.manifest_sha256 == made.manifest_sha256
    assert again.archive.read_bytes() == made.archive.read_bytes()


def test_the_registered_bytes_are_there(folder, study):
    registration = study.registrations.get()
    assert (folder / "registration" / "v1.json").read_bytes() == registration.canonical.encode()
    assert (folder / "registration" / "seed.txt").read_text().strip() == registration.seed


def test_no_link_no_panel_id_and_no_internal_id_of_a_person_leaves(folder, study):
    secrets = [str(value) for row in Session.objects.filter(study=study).values_list("token", "id", "participant_id")
               for value in row]  # fmt: skip
    assert len(secrets) > 100
    everything = b"\n".join(
        path.read_bytes() for path in bundle.files_of(folder) if path.suffix != ".parquet"
    )
    for table in (folder / "data").glob("*.parquet"):
        everything += pd.read_parquet(table).to_csv().encode()
    assert [secret for secret in secrets if secret.encode() in everything] == []


def test_a_rehearsal_says_so_first(folder):
    text = (folder / "README.md").read_text()
    assert "Every participant here was simulated" in text.split("##")[0]
    assert json.loads((folder / "bundle.json").read_text())["mode"] == "rehearsal"


def test_few_answers_and_free_texts_are_warned_of(made):
    assert made.free_texts == ["remarks"]
    assert "remarks" in (made.folder / "README.md").read_text()
    people = pd.read_csv(made.folder / "data" / "table-participants_data.csv")
    small = {f"age_group: {v} ({n})" for v, n in people["age_group"].value_counts().items() if n < 5}
    assert small <= set(made.small_cells)
    assert all(int(cell.rsplit("(", 1)[1].rstrip(")")) < 5 for cell in made.small_cells)


def test_a_field_that_nobody_declared_stops_the_bundle(monkeypatch, study, tmp_path):
    assert declared.undeclared() == []
    shorter = {
        name: tuple(f for f in listed if f != "token") for name, listed in declared.FIELDS[Session].items()
    }
    monkeypatch.setitem(declared.FIELDS, Session, shorter)
    with pytest.raises(Refused, match=r"Session\.token"):
        bundle.write(study=study, folder=tmp_path / "never")


def test_panel_ids_have_no_way_out():
    assert declared.FIELDS[Identity][declared.OUT] == ()


def test_an_answer_that_nobody_declared_stops_the_bundle(study, tmp_path):
    """The row is changed past the triggers, in a transaction that is taken back."""
    row = Submission.objects.filter(session__study=study, payload__isnull=False, page="about.1").first()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE study_submission SET payload = '{\"phone\": 1}' WHERE id = %s", [row.pk])
        with pytest.raises(Refused, match="phone"):
            data.write(study, tmp_path, progress=quiet)
        transaction.set_rollback(True)


def test_answers_of_another_rooms_stage_stay_in_when_they_are_no_columns():
    now = factories.user().date_joined
    told = records.Submitted(Session().pk, 1, "talk", 1, now, now, "c", "l", "s", {"words": "…"})
    allowed = declared.Declared([])
    allowed.keys, allowed.kinds = {"talk": {"depth"}}, {"talk": "interview"}
    row = json.loads(told.line("p1", is_open=allowed.is_open(told.page, told.payload)))
    assert row["state"] == "withheld"
    assert "payload" not in row
    assert "salt" not in row


def test_a_folder_with_other_files_is_left_alone(study, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        bundle.write(study=study, folder=tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_it_can_be_cited(folder):
    citation = yaml.safe_load((folder / "CITATION.cff").read_text())
    assert citation["title"] == "A tiny study of advice"
    assert citation["authors"] == [{"given-names": "Test", "family-names": "Author"}]
    assert citation["license"] == "CC-BY-4.0"


def test_the_readme_names_every_file_and_folder_of_the_root(folder):
    text = (folder / "README.md").read_text()
    names = {path.name + ("/" if path.is_dir() else "") for path in folder.iterdir()}
    assert sorted(name for name in names - {"README.md", ".psychds-ignore"} if f"`{name}`" not in text) == []
    assert {"code/requirements.txt", "code/reproduce.py", "notebooks/confirmatory.ipynb", "verify.py"} <= {
        path.relative_to(folder).as_posix() for path in bundle.files_of(folder)
    }

"""The verifier against people who change things, against chance, and against itself."""

from __future__ import annotations

import ast
import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import rfc8785
from django.test import Client
from scipy import stats

from study.evidence import bundle
from study.evidence import verify as verifier
from study.session import actions as session_actions
from study.session.models import Session
from tests.study.evidence import sabotage

pytestmark = pytest.mark.django_db


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    """A bundle to spoil."""
    return Path(shutil.copytree(folder, tmp_path / "spoilt"))


def told(root: Path, **more) -> list[str]:
    return [f"[{code}] {sentence}" for code, sentence in verifier.verify(root, **more).findings]


def struck(folder: Path, where: Path, numbers: range) -> list[str]:
    """Sabotages that were not named, as `name: wanted / found`."""
    missed = []
    for number in numbers:
        spoilt = Path(shutil.copytree(folder, where / str(number)))
        name, words = sabotage.strike(spoilt, number)
        found = told(spoilt)
        if not any(re.search(words, sentence) for sentence in found):
            missed.append(f"{number} {name}: wanted {words!r}, found {found[:4]}")
        shutil.rmtree(spoilt)
    return missed


def test_every_kind_of_sabotage_is_named(folder, tmp_path):
    assert struck(folder, tmp_path, range(len(sabotage.ALL))) == []


@pytest.mark.soak
def test_two_hundred_sabotages_are_named(folder, tmp_path):
    missed = struck(folder, tmp_path, range(1000, 1200))
    print(f"\nsabotages named: {200 - len(missed)} of 200")
    assert len(missed) <= 2, missed


def test_a_folder_rewritten_as_a_whole_needs_a_value_from_outside(copy, made):
    """Edited answers with every link, seal and log entry repaired: only the published head contradicts."""
    sabotage.edit_carefully(copy, random.Random(3))
    sessions = sorted(sabotage.lines(copy, "evidence/sessions.jsonl"), key=lambda s: s["participant"])
    lines = sabotage.lines(copy, "log/audit.jsonl")
    text = "".join(f"{s['participant']} {s['head']} {s['submitted']}\n" for s in sessions)
    next(row for row in lines if row["action"] == "sealed")["data"]["heads_sha256"] = verifier.sha256(text)
    sabotage.relog(copy, lines)
    sabotage.revouch(copy)
    bundle.write_manifest(copy)
    silent = ("[seal]", "[chain]", "[log]", "[files]", "[manifest]")
    assert not any(line.startswith(silent) for line in told(copy))
    published = {"log_head": made.head, "manifest_sha256": made.manifest_sha256}
    for name, value in published.items():
        assert any(
            line.startswith("[anchor]") and value in line for line in told(copy, anchors={name: value})
        )
    assert told(made.folder, anchors=published) == []


def test_published_values_are_asked_for_by_name(folder, made):
    """On a bare interpreter: each value that the makers published is an option; another value is named."""
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder)]
    right = subprocess.run(
        [*command, "--manifest", made.manifest_sha256, "--head", made.head], capture_output=True, text=True
    )
    wrong = subprocess.run([*command, "--manifest", "0" * 64], capture_output=True, text=True)
    assert (right.returncode, wrong.returncode) == (0, 1), right.stdout
    assert (
        f"Published was manifest_sha256 {'0' * 64}; this folder has {made.manifest_sha256}." in wrong.stdout
    )


def test_a_second_bundle_of_the_same_files_adds_no_entry_to_the_log(study, made, tmp_path):
    again = bundle.write(study=study, folder=tmp_path / "tiny", execute=False)
    assert again.head == made.head
    assert again.manifest_sha256 == made.manifest_sha256
    entry = study.audit.filter(action=bundle.BUNDLED).get()
    told_files = set(entry.data["files"])
    written = {path.relative_to(again.folder).as_posix() for path in bundle.files_of(again.folder)}
    assert written - {n for n in written if n.startswith("code/")} - told_files == set(verifier.UNVOUCHED) - {
        "MANIFEST.sha256"
    }


def flips(folder: Path, paths: list[str], count: int, *, repaired: bool) -> list[str]:
    """Bytes flipped one at a time and not noticed. repaired: with the manifest written anew each time."""
    rng, unnoticed = random.Random(11), []
    for number in range(count):
        path = folder / paths[number % len(paths)]
        before = path.read_bytes()
        place, other = rng.randrange(len(before)), rng.randrange(1, 256)
        path.write_bytes(before[:place] + bytes([before[place] ^ other]) + before[place + 1 :])
        manifest = (folder / "MANIFEST.sha256").read_bytes()
        if repaired:
            bundle.write_manifest(folder)
        found = verifier.verify(folder, only=None if repaired else ("manifest",)).findings
        if not found:
            unnoticed.append(f"{path.name} at {place}: {before[place - 20 : place + 20]!r}")
        path.write_bytes(before)
        (folder / "MANIFEST.sha256").write_bytes(manifest)
    return unnoticed


PLACES = ["registration/v1.json", "data/table-participants_data.csv", "data/table-trials_data.csv", "data/table-responses_data.csv", "log/audit.jsonl",
          "registration/schedule.csv", "evidence/submissions.jsonl", "evidence/sessions.jsonl", "registration/seed.txt",
          "MANIFEST.sha256"]  # fmt: skip


def test_any_byte_changed_is_noticed(copy):
    assert flips(copy, PLACES, 200, repaired=False) == []


@pytest.mark.soak
def test_a_thousand_changed_bytes_are_noticed(copy):
    unnoticed = flips(copy, PLACES, 1000, repaired=False)
    print(f"\nbytes changed and noticed: {1000 - len(unnoticed)} of 1000")
    assert unnoticed == []


@pytest.mark.soak
def test_a_thousand_changed_bytes_are_noticed_even_with_a_new_manifest(copy):
    """What a byte says is checked too: only blanks and quotation marks of a file's form may go unnoticed."""
    unnoticed = flips(copy, PLACES[:-1], 1000, repaired=True)
    print(f"\nbytes changed with a new manifest and noticed: {1000 - len(unnoticed)} of 1000", unnoticed)
    assert len(unnoticed) <= 10


def test_a_file_too_many_and_one_too_few_are_named(copy):
    (copy / "data" / "secret.csv").write_text("a\n")
    (copy / "CITATION.cff").unlink()
    found = told(copy)
    assert "[manifest] data/secret.csv is not in the manifest." in found
    assert "[manifest] CITATION.cff is missing." in found


def test_it_runs_by_itself_from_folder_and_zip(made):
    for path in (made.folder, made.archive):
        ran = subprocess.run([sys.executable, "-I", str(made.folder / "verify.py"), str(path)],
                             capture_output=True, text=True, check=False)  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "Nothing found." in ran.stdout


def test_it_fails_by_exit_status(copy, tmp_path):
    (copy / "README.md").write_text("Trust me.\n")
    assert verifier.main([str(copy)]) == 1
    assert verifier.main([str(tmp_path / "nothing")]) == 2


def test_it_imports_the_standard_library_only():
    tree = ast.parse(Path(verifier.__file__).read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= sys.stdlib_module_names


def test_a_receipt_finds_its_page(folder, study, capsys):
    session = Session.objects.filter(study=study, outcome="complete").first()
    sentence = verifier.find_receipt(folder, session.head)
    assert session.participant.code in sentence
    assert "its answers are here, and it is the last page" in sentence
    assert verifier.find_receipt(folder, "0" * 64) is None
    assert verifier.main([str(folder), "--receipt", session.head]) == 0
    assert verifier.main([str(folder), "--receipt", "ab" * 32]) == 1


def test_it_passes_before_and_after_an_erasure(folder, study, tmp_path):
    assert told(folder) == []
    session = Session.objects.filter(study=study, outcome="complete", erased_at=None).last()
    session_actions.withdraw(token=session.token, erase=True)
    after = bundle.write(study=study, folder=tmp_path / "after", execute=False)
    assert told(after.folder) == []
    assert "its answers were erased" in verifier.find_receipt(after.folder, session.head)
    rows = [
        json.loads(row) for row in (after.folder / "evidence" / "submissions.jsonl").read_text().splitlines()
    ]
    own = [row for row in rows if row["participant"] == session.participant.code]
    assert own
    assert all(row["state"] == "erased" and "payload" not in row and "salt" not in row for row in own)


@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, 0.1, 1e21, 1e-7, 123456789012345680000.0, 1.5e300, 5e-324, -2.5, 100,
                                   333333333.33333329, 1e-6, 9007199254740991, 1e20, 0.000001234])  # fmt: skip
def test_numbers_are_written_as_the_standard_says(value):
    assert verifier.canonical(value) == rfc8785.dumps(value)


def test_texts_and_keys_are_written_as_the_standard_says():
    value = {
        "€": "Euro",
        "\r": "\x07\x1f",
        "דּ": 1,
        "1": [None, True],
        "😀": '\u2028"\\/',
        "\x80": "ö",
        "a": {},
    }
    assert verifier.canonical(value) == rfc8785.dumps(value)


def test_random_numbers_are_written_as_the_standard_says():
    rng = random.Random(5)
    for _ in range(3000):
        value = rng.random() * 10.0 ** rng.randint(-30, 30)
        assert verifier.canonical(value) == rfc8785.dumps(value)


def test_tails_are_those_of_the_t_distribution():
    for df in (1.0, 2.5, 7.0, 30.3, 400.0, 1e5):
        for t in (-3.0, 0.0, 0.1, 1.0, 2.0, 5.0, 12.0):
            assert verifier.tail(t, df) == pytest.approx(stats.t.sf(t, df), rel=1e-8)
    assert verifier.tail(1.96, None) == pytest.approx(stats.norm.sf(1.96), rel=1e-12)


def test_the_receipt_as_the_last_page_shows_it_is_found(folder, study):
    """Sixteen digits stand there; people copy blanks with them. Fewer say nothing."""
    done = Session.objects.filter(participant__study=study, outcome="complete").first()
    page = Client().get(f"/s/{done.token}/").content.decode()
    shown = re.search(r'<code class="receipt">([0-9a-f]+)</code>', page)[1]
    assert done.head.startswith(shown)
    for receipt in (shown, f" {shown.upper()}\n", done.head):
        assert f"of {done.participant.code}, accepted" in verifier.find_receipt(folder, receipt)
    assert verifier.find_receipt(folder, shown[:-1]) is None
    assert verifier.find_receipt(folder, "0" * 16) is None


def test_a_participants_own_copy_is_held_against_the_bundle(folder, study, tmp_path):
    """Taken from their page as JSON; on a bare interpreter. A word changed in the copy, or in the bundle, is named."""
    done = Session.objects.filter(participant__study=study, outcome="complete").last()
    copy = Client().get(f"/s/{done.token}/data?format=json").json()
    path = tmp_path / "my-data.json"
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), str(folder), "--copy", str(path)]
    path.write_text(json.dumps(copy))
    right = subprocess.run(command, capture_output=True, text=True)
    assert right.returncode == 0, right.stdout
    assert f"{done.submitted} pages of the copy are in this bundle, as they were given." in right.stdout
    page = next(page for page in copy["answers"] if page["page"].endswith(".final"))
    page["answers"]["answer"] = "other"
    copy["answers"][0]["receipt"] = "0" * 64
    path.write_text(json.dumps(copy))
    wrong = subprocess.run(command, capture_output=True, text=True)
    assert wrong.returncode == 1
    assert (
        f"{page['page']}, received {page['received_at']}: the bundle holds a commitment to other answers."
        in wrong.stdout
    )
    assert "no page in this bundle has its receipt." in wrong.stdout

"""Outside validators on the bundle's descriptions: they find nothing, and they find what is damaged."""

from __future__ import annotations

import copy
import json
import random
import shutil
import warnings

import pytest

from study.evidence import standards
from tests.study.evidence.validators import croissant_errors, frictionless_errors

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
"""The validators leave files open."""


def test_frictionless_finds_nothing(folder):
    assert frictionless_errors(folder) == []


def test_croissant_finds_nothing(folder):
    assert croissant_errors(folder) == []


def test_croissant_reads_the_trials_as_they_are(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlcroissant

        rows = list(mlcroissant.Dataset(jsonld=str(folder / "croissant.json")).records(record_set="trials"))
    assert len(rows) == sum(1 for _ in (folder / "data" / "table-trials_data.csv").open()) - 1
    assert {row["trials/arm"] for row in rows} == {b"control", b"hedged", b"no-ai"}


def damaged_table(folder, rng: random.Random) -> None:
    """One cell of the participants that its column does not allow, a row twice, or a row too long."""
    path = folder / "data" / "table-participants_data.csv"
    rows = path.read_text().splitlines()
    head, number = rows[0].split(","), rng.randrange(1, len(rows))
    cells = rows[number].split(",")
    kind = rng.choice(["type", "level", "twice", "ragged", "header"])
    if kind == "type":
        cells[head.index(rng.choice(["slot", "seconds", "started_at", "late"]))] = "soon"
    elif kind == "level":
        cells[head.index(rng.choice(["arm", "outcome", "source"]))] = "elsewhere"
    elif kind == "ragged":
        cells.append("more")
    elif kind == "header":
        rows[0] = rows[0].replace(rng.choice(head[1:]), "other", 1)
    rows[number] = ",".join(cells)
    path.write_text("\n".join([*rows, rows[number]] if kind == "twice" else rows) + "\n")


def damaged_croissant(content, rng: random.Random) -> None:
    """A description that breaks a rule of the standard."""
    fields = content["recordSet"][rng.randrange(4)]["field"]
    field = rng.choice(fields)
    match rng.randrange(5):
        case 0:
            del content["@type"]
        case 1:
            field["source"]["fileObject"]["@id"] = f"nowhere-{rng.random()}"
        case 2:
            field["dataType"] = "sc:Nothing"
        case 3:
            del content["distribution"][rng.randrange(4)][
                rng.choice(["contentUrl", "encodingFormat", "sha256"])
            ]
        case _:
            del field["dataType"]


def missed(folder, where, count: int) -> tuple[int, int]:
    """Damaged tables that Frictionless, and damaged descriptions that Croissant did not reject."""
    tables = descriptions = 0
    content = json.loads((folder / "croissant.json").read_text())
    for number in range(count):
        rng = random.Random(number)
        spoilt = shutil.copytree(
            folder, where / str(number), ignore=shutil.ignore_patterns("code", "*.parquet")
        )
        damaged_table(spoilt, rng)
        tables += not frictionless_errors(spoilt)
        other = copy.deepcopy(content)
        damaged_croissant(other, rng)
        (spoilt / "croissant.json").write_text(json.dumps(other))
        descriptions += not croissant_errors(spoilt)
        shutil.rmtree(spoilt)
    return tables, descriptions


def test_damage_is_rejected_by_both(folder, tmp_path):
    assert missed(folder, tmp_path, 5) == (0, 0)


@pytest.mark.soak
def test_fifty_damages_are_rejected_by_both(folder, tmp_path):
    assert missed(folder, tmp_path, 50) == (0, 0)


def test_the_crate_names_every_file_once(folder):
    graph = json.loads((folder / "ro-crate-metadata.json").read_text())["@graph"]
    ids = [entity["@id"] for entity in graph]
    assert len(ids) == len(set(ids))
    files = {e["@id"] for e in graph if e["@type"] == "File"}
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert files == there - {"MANIFEST.sha256", *standards.FILES}
    root = next(e for e in graph if e["@id"] == "./")
    assert {part["@id"] for part in root["hasPart"]} == files
    assert all(root[name] for name in ("name", "description", "datePublished", "license"))
    descriptor = next(e for e in graph if e["@id"] == "ro-crate-metadata.json")
    assert descriptor["about"] == {"@id": "./"}

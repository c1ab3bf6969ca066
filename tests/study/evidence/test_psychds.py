"""Psych-DS: the bundle breaks none of its rules, and damage is found for the rule that it breaks."""

from __future__ import annotations

import json
import random
import shutil

import pytest

from study.evidence import psychds

pytestmark = pytest.mark.django_db


def test_the_bundle_breaks_no_rule(folder):
    assert psychds.errors(folder) == []


def test_every_column_is_described_once(folder):
    variables = json.loads((folder / psychds.DESCRIPTION).read_text())["variableMeasured"]
    names = [variable["name"] for variable in variables]
    assert len(names) == len(set(names))
    assert {"participant", "final", "trust", "client_ms"} <= set(names)
    assert all(variable["description"] for variable in variables)


def described(folder, change) -> None:
    path = folder / psychds.DESCRIPTION
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def some_table(folder, rng):
    return rng.choice(sorted(folder.glob("data/*_data.csv")))


def rewritten(path, change) -> None:
    rows = path.read_text().splitlines()
    path.write_text("\n".join(change(rows)) + "\n")


def without_key(folder, rng):
    described(folder, lambda content: content.pop(rng.choice(psychds.REQUIRED)))
    return "JSON_KEY_REQUIRED"


def foreign_namespace(folder, rng):
    described(folder, lambda content: content.update({"@context": f"https://example.org/{rng.random()}"}))
    return "JSON_KEY_REQUIRED"


def without_type(folder, rng):
    described(folder, lambda content: content.pop("@type"))
    return "MISSING_DATASET_TYPE"


def wrong_type(folder, rng):
    described(
        folder, lambda content: content.update({"@type": rng.choice(["DataCatalog", "dataset", "Thing"])})
    )
    return "INCORRECT_DATASET_TYPE"


def variable_dropped(folder, rng):
    described(folder, lambda c: c["variableMeasured"].pop(rng.randrange(len(c["variableMeasured"]))))
    return "CSV_COLUMN_MISSING_FROM_METADATA"


def variable_invented(folder, rng):
    described(folder, lambda c: c["variableMeasured"].append(f"nowhere_{rng.randrange(99)}"))
    return "VARIABLE_MISSING_FROM_CSV_COLUMNS"


def variable_of_another_type(folder, rng):
    described(folder, lambda c: rng.choice(c["variableMeasured"]).update({"@type": "Person"}))
    return "INVALID_OBJECT_TYPE"


def broken_json(folder, rng):
    path = folder / psychds.DESCRIPTION
    path.write_text(path.read_text()[: -rng.randrange(2, 50)])
    return "INVALID_JSON_FORMATTING"


def another_encoding(folder, rng):
    path = folder / psychds.DESCRIPTION
    path.write_bytes(path.read_bytes() + b"\xff")
    return "JSON_ENCODING_ERROR"


def no_description(folder, rng):
    (folder / psychds.DESCRIPTION).unlink()
    return "MISSING_DATASET_DESCRIPTION"


def no_data(folder, rng):
    shutil.rmtree(folder / "data")
    return "MISSING_DATA_DIRECTORY"


def misnamed(folder, rng):
    path = some_table(folder, rng)
    path.rename(
        path.with_name(rng.choice(["Table-x_data.csv", "trials.csv", "table1-x_data.csv", "data.csv"]))
    )
    return "FILENAME_KEYWORD_FORMATTING_ERROR"


def ragged(folder, rng):
    path = folder / "data" / "table-participants_data.csv"
    rewritten(path, lambda rows: [*rows, rows[-1] + rng.choice([",more", ",,"])])
    return "CSV_HEADER_LENGTH_MISMATCH"


def empty_table(folder, rng):
    some_table(folder, rng).write_text("")
    return "CSV_HEADER_MISSING"


def repeated_header(folder, rng):
    path = some_table(folder, rng)
    rewritten(
        path, lambda rows: [f"{row},{row.split(',')[0]}" if n == 0 else row for n, row in enumerate(rows)]
    )
    return "CSV_FORMATTING_ERROR"


def latin_table(folder, rng):
    path = some_table(folder, rng)
    path.write_bytes(path.read_bytes() + b"\xe9\n")
    return "CSV_FORMATTING_ERROR"


def repeated_row_id(folder, rng):
    path = folder / "data" / "table-extra_data.csv"
    path.write_text(f"row_id\n1\n2\n{rng.choice([1, 2])}\n")
    return "ROWID_VALUES_NOT_UNIQUE"


def renamed_column(folder, rng):
    path = some_table(folder, rng)
    rewritten(path, lambda rows: [rows[0] + "x", *rows[1:]])
    return "CSV_COLUMN_MISSING_FROM_METADATA"


def no_table(folder, rng):
    for path in folder.glob("data/*_data.csv"):
        path.unlink()
    return "MISSING_DATAFILE"


DAMAGES = [without_key, foreign_namespace, without_type, wrong_type, variable_dropped, variable_invented,
           variable_of_another_type, broken_json, another_encoding, no_description, no_data, misnamed, ragged,
           empty_table, repeated_header, latin_table, repeated_row_id, renamed_column, no_table]  # fmt: skip


def test_fifty_damages_are_each_named_by_their_rule(folder, tmp_path):
    unnamed = []
    for number in range(max(50, 3 * len(DAMAGES))):
        damage, spoilt = DAMAGES[number % len(DAMAGES)], tmp_path / str(number)
        shutil.copytree(folder / "data", spoilt / "data", ignore=shutil.ignore_patterns("*.parquet"))
        for name in (psychds.DESCRIPTION, psychds.IGNORE):
            shutil.copy(folder / name, spoilt)
        assert psychds.errors(spoilt) == []
        code = damage(spoilt, random.Random(number))
        if not any(error.startswith(f"{code}:") for error in psychds.errors(spoilt)):
            unnamed.append((number, code, psychds.errors(spoilt)))
        shutil.rmtree(spoilt)
    assert unnamed == []

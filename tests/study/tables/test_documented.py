"""Every column that all studies have has its line in the reference."""

from pathlib import Path

from study.tables import columns

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "tables.md"


def test_every_fixed_column_is_in_the_reference_of_its_table():
    sections = REFERENCE.read_text(encoding="utf-8").split("\n## ")[1:]
    by_name = {section.split("\n", 1)[0]: section for section in sections}
    for name in ("participants", "trials", "responses", "events"):
        for column in getattr(columns, name.upper()):
            assert f"| `{column.name}` | {column.type} |" in by_name[name], (
                f"{name}.{column.name} is not documented"
            )

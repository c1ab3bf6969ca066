"""Every column that all studies have has its line in the reference."""

from pathlib import Path

import pytest

from study.protocol import read, shipped
from study.tables import columns
from study.tables.codebook import codebook
from tests import factories

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "tables.md"


def test_every_fixed_column_is_in_the_reference_of_its_table():
    sections = REFERENCE.read_text(encoding="utf-8").split("\n## ")[1:]
    by_name = {section.split("\n", 1)[0]: section for section in sections}
    for name in ("participants", "trials", "responses", "events"):
        for column in getattr(columns, name.upper()):
            assert f"| `{column.name}` | {column.type} |" in by_name[name], (
                f"{name}.{column.name} is not documented"
            )


@pytest.mark.parametrize("name", ["tiny", *shipped()])
def test_a_stranger_can_read_every_column(name):
    """Each has words and a source; numbers that people chose, and options, say what they mean."""
    protocol = factories.tiny() if name == "tiny" else read(shipped()[name])
    tables = {t: columns.columns_of(t, [protocol]) for t in ("participants", "trials", "responses", "events")}
    book = codebook(tables)
    assert book.loc[(book["label"] == "") | (book["source"] == ""), "column"].tolist() == []
    asked = book[book["source"].str.contains("stage '") & ~book["type"].isin(["text", "time", "boolean"])]
    assert len(asked)
    assert asked.loc[asked["values"] == "", "column"].tolist() == []


def test_points_options_scores_and_conditions_say_what_they_mean():
    protocol = read(shipped()["uncertainty-reliance"])
    listed = [*columns.columns_of("participants", [protocol]), *columns.columns_of("trials", [protocol])]
    told = {
        column.name: (column.values, column.source) for column in listed if column.table == "participants"
    }
    assert told["anthropomorphism_1"][0].startswith("1 = Like a machine; 5 = ")
    assert "a18 = " in told["age"][0]
    assert told["trust_belief_3"][0].endswith("; reverse coded in the score")
    assert told["trust_belief"][0].startswith("mean of trust_belief_1, trust_belief_2, ")
    assert "trust_belief_3 reverse coded (6 − rating)" in told["trust_belief"][0]
    assert told["trust_belief"][1].startswith("computed from scale 'trust_belief' of stage 'trust' (survey)")
    assert "control = AI, never unsure" in told["arm"][0]

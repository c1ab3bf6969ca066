"""Plans and tables from files, and other people's columns under our names."""

import json

import numpy as np
import pandas as pd
import pytest

from analysis.plan.columns import ColumnError, mapped
from analysis.plan.reading import PlanError, read_data, read_plan
from analysis.plan.runner import run
from analysis.plan.types import Plan
from tests.analysis.plan import made


def renamed() -> pd.DataFrame:
    """The made-up study with somebody else's names and codes, and without derived columns."""
    trials = made.tables()["trials"]
    return pd.DataFrame(
        {
            "Subject": trials["participant"],
            "Stimulus": trials["item"],
            "Group": trials["arm"].map({"control": "A", "hedged": "B"}),
            "Key": trials["truth"] == "yes",
            "Bot": trials["advice"].map({"yes": 1, "no": 0}),
            "Resp": trials["final"].map({"yes": 1, "no": 0}),
        }
    )


COLUMNS = {
    "participant": {"column": "Subject"},
    "item": {"column": "Stimulus"},
    "arm": {"column": "Group", "values": {"A": "control", "B": "hedged"}},
    "truth": {"column": "Key", "values": {"True": "yes", "False": "no"}},
    "advice": {"column": "Bot", "values": {"1": "yes", "0": "no"}},
    "final": {"column": "Resp", "values": {"1": "yes", "0": "no"}},
}
ONLY_AGREEMENT = {
    "outcomes": made.plan().model_dump()["outcomes"][:1],
    "models": made.plan().model_dump()["models"][:1],
}


def test_a_plan_on_renamed_columns_gives_the_results_of_the_original():
    plan = made.plan(columns=COLUMNS, population="all", **ONLY_AGREEMENT)
    mine = run(plan, mapped(plan, renamed())).hypothesis("overreliance")
    original = run(made.plan(), made.tables()).hypothesis("overreliance")
    assert mine.estimate == original.estimate


@pytest.mark.parametrize("name", ["plan.yaml", "plan.json", "protocol.json"])
def test_a_plan_is_read_from_yaml_from_json_and_out_of_a_protocol(tmp_path, name):
    content = made.plan().model_dump(mode="json")
    text = json.dumps({"title": "x", "plan": content} if name.startswith("protocol") else content)
    (tmp_path / name).write_text(text)
    assert read_plan(tmp_path / name) == made.plan()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("outcomes: [", "cannot be read"),
        ("just words", "no mapping"),
        ("hypothesis: []", "hypothesis"),
        ("models: [{id: a, outcome: b, formula: c, family: cauchy}]", "family"),
        (
            "exclusions: [{id: a, sentence: b, measured: after, when: [{column: c, op: in, value: 3}]}]",
            "list of values",
        ),
    ],
)
def test_a_bad_plan_is_refused_with_its_file_and_place(tmp_path, text, says):
    path = tmp_path / "plan.yaml"
    path.write_text(text)
    with pytest.raises(PlanError, match=says) as refused:
        read_plan(path)
    assert "plan.yaml" in str(refused.value)


def test_a_table_is_read_from_csv_and_parquet_alike(tmp_path):
    table = renamed()
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read_data(tmp_path / "t.csv"), read_data(tmp_path / "t.parquet"))


def test_a_table_that_is_none_is_refused_by_name(tmp_path):
    (tmp_path / "t.parquet").write_text("not parquet")
    with pytest.raises(PlanError, match=r"t\.parquet"):
        read_data(tmp_path / "t.parquet")
    with pytest.raises(PlanError, match=r"absent\.csv"):
        read_data(tmp_path / "absent.csv")


def test_a_mapped_column_that_is_absent_is_named_with_those_that_are_there():
    plan = Plan.model_validate({"columns": {"participant": {"column": "Nobody"}}})
    with pytest.raises(ColumnError, match=r"Nobody.*Subject"):
        mapped(plan, renamed())


def test_without_a_participant_column_nothing_can_be_run():
    with pytest.raises(ColumnError, match="participant"):
        mapped(Plan(), renamed())


def test_unsure_advice_is_agreed_with_by_nobody_and_counts_as_missing():
    table = renamed()
    table["Bot"] = table["Bot"].astype(object)
    table.loc[table.index[:16], "Bot"] = "unsure"
    trials = mapped(made.plan(columns=COLUMNS), table)["trials"]
    assert trials["agree"].isna().sum() == 16
    assert trials["ai_correct"].isna().sum() == 16
    assert trials["correct"].notna().all()


def test_participants_are_made_of_what_never_varies_within_one():
    people = mapped(made.plan(columns=COLUMNS), renamed())["participants"]
    assert set(people.columns) == {"participant", "Subject", "Group", "arm"}
    assert len(people) == 80
    assert np.array_equal(people["participant"], people["Subject"])

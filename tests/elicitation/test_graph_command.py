"""`manage.py graph`: from a CSV file of votes to a table and files."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from tests.analysis.moral_graph.voters import many


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "votes.csv"
    frame = many(("Calm", "Candour", 6, 1, 1), ("Candour", "Care", 5, 0, 0), ("Care", "Calm", 0, 4, 1))
    frame["verdict"] = frame["verdict"].map(
        {"wiser": "upgrade", "not_wiser": "no_upgrade", "unsure": "not_sure"}
    )
    frame.to_csv(path, index=False)
    return path


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("graph", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_the_table_says_sizes_ranks_and_intervals(file: Path) -> None:
    text = run(file, "--resamples", 100)
    assert "18 votes of 18 participants, rule corrected" in text
    assert "3 values with 2 edges, of 3 ordered pairs shown" in text
    assert "95% interval" in text
    first = next(line for line in text.splitlines() if line.startswith("1 "))
    assert "Care" in first
    assert " to " in first


def test_the_six_criteria_are_said_and_what_is_missing_too(file: Path) -> None:
    text = run(file, "--resamples", 0, "--criteria")
    for criterion in ("fine-grained", "generalisable", "scalable", "robust", "legitimate", "auditable"):
        assert f"\n{criterion}: " in text
    assert "legitimate: agreement with the exit survey: not available; no survey answers were given" in text


def test_beside_the_ranks_stand_the_model_the_habit_and_what_the_stories_do(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    names, rows = ["Calm", "Candour", "Care", "Courage"], []
    for person in range(240):
        for lower, upper in rng.permutation(4)[:2].reshape(1, 2):
            chance = 1 / (1 + np.exp(-(0.7 * (upper - lower) + 0.4)))
            verdict = "unsure" if rng.random() < 0.15 else "wiser" if rng.random() < chance else "not_wiser"
            story = f"{lower}{upper}-{rng.integers(2)}"
            group = "young" if person % 2 else "old"
            rows.append((person, names[lower], names[upper], "When", verdict, story, group))
            rows.append((person, f"Other {names[0]}", f"Other {names[1]}", "When", "wiser", "o", group))
    columns = ["participant", "from_value", "to_value", "context", "verdict", "story", "group"]
    path = tmp_path / "votes.csv"
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    text = run(path, "--resamples", 0, "--beside")
    assert "pairwise model, part 1 of 2: 240 votes of 240 participants on 4 values; saying yes" in text
    assert "part 2 of 2: 240 votes, not estimated: no vote says 'not_wiser'" in text
    strengths = [line for line in text.splitlines() if line.startswith("  ") and "logits (" in line]
    assert strengths[0].split()[1] == "Courage"
    assert "do the votes fit one order? p " in text
    assert "the stories' own effect: the share of “wiser” varies by" in text
    assert "upgrades by how far every group holds them:" in text
    assert "not estimated: column 'story' is missing" in run(bare(path), "--resamples", 0, "--beside")


def bare(path: Path) -> Path:
    """The same votes without stories and groups."""
    found = path.with_name("bare.csv")
    pd.read_csv(path).drop(columns=["story", "group"]).to_csv(found, index=False)
    return found


def test_files_are_written_in_every_format(file: Path, tmp_path: Path) -> None:
    paths = {kind: tmp_path / f"graph.{kind}" for kind in ("json", "graphml", "gexf")}
    run(file, "--rule", "legacy", "--resamples", 0, *(f"--{kind}={path}" for kind, path in paths.items()))
    graph = json.loads(paths["json"].read_text())
    assert {value["id"] for value in graph["values"]} == {"Calm", "Candour", "Care"}
    assert graph["edges"][0]["counts"]["markedWiser"] == 5
    assert "<graphml" in paths["graphml"].read_text()
    assert "<gexf" in paths["gexf"].read_text()


def test_the_same_seed_writes_the_same_bytes(file: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    run(file, "--resamples", 50, "--seed", 5, "--json", one)
    run(file, "--resamples", 50, "--seed", 5, "--json", two)
    assert one.read_bytes() == two.read_bytes()


def test_a_bad_file_is_a_message_and_no_traceback(file: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text(file.read_text().replace("not_sure", "maybe", 1))
    with pytest.raises(CommandError, match=r"bad\.csv: line \d+: column 'verdict' is 'maybe'"):
        run(bad)
    with pytest.raises(CommandError, match="No such file"):
        run(tmp_path / "none.csv")
    with pytest.raises(CommandError, match="no vote has context 'Whenever'"):
        run(file, "--context", "Whenever")
    with pytest.raises(CommandError, match="column 'group' is missing"):
        run(file, "--group", "north")
    with pytest.raises(CommandError, match="No such file"):
        run(file, "--resamples", 0, "--json", tmp_path / "missing" / "graph.json")


def test_names_cannot_command_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    many(("Calm", "\x1b[2JCandour", 6, 1, 1)).to_csv(path, index=False)
    assert "\x1b" not in run(path, "--resamples", 0)


def test_without_agreement_it_says_so(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    many(("Calm", "Candour", 1, 6, 1)).to_csv(path, index=False)
    assert "there is nothing to rank" in run(path)

"""`manage.py calibrate`: the model's confidence about items, against their truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from llm.models import Call
from llm.rehearsal_model.scripts.belief import belief, spoken
from llm.rehearsal_model.server import ThreadedServer
from study.model_confidence import read_items, score
from tests.llm.conftest import _connections_closed_at_the_end, model, quick, rehearsal_server

__all__ = ["_connections_closed_at_the_end", "model", "quick", "rehearsal_server"]


@pytest.fixture
def items(tmp_path: Path) -> Path:
    path = tmp_path / "items.csv"
    lines = [f"i{n},Is claim number {n} true?,{'yes' if n % 2 else 'no'}" for n in range(12)]
    path.write_text("\n".join(["id,question,truth", *lines]) + "\n")
    return path


@pytest.mark.django_db(transaction=True)
def test_the_command_writes_table_scores_and_diagrams_and_no_truth_enters_a_prompt(
    model: ThreadedServer, items: Path, tmp_path: Path, capsys: Any
) -> None:
    call_command("calibrate", str(items), "--ways", "number", "tokens", "--out", str(tmp_path / "out"))
    rows = pd.read_csv(tmp_path / "out" / "number.csv")
    for row in rows.itertuples():
        n = int(row.item[1:])
        p = belief(f"Is claim number {n} true?")
        assert row.answer == ("yes" if p >= 0.5 else "no")
        assert row.right == ((p >= 0.5) == bool(n % 2))
        assert row.confidence == round(100 * spoken(max(p, 1 - p))) / 100
    found = pd.read_csv(tmp_path / "out" / "calibration.csv")
    assert list(found["version"]) == ["as stated", "temperature", "isotonic"] * 2
    assert found["brier"][0] == pytest.approx(brier_score_loss(rows["right"], rows["confidence"]), abs=1e-12)
    assert (tmp_path / "out" / "number.svg").read_bytes().startswith(b"<?xml")
    assert "brier" in capsys.readouterr().out
    for call in Call.objects.all():
        assert call.prompt["messages"][-1]["content"].startswith("Question: Is claim number")
        assert "truth" not in str(call.prompt)


def test_scores_agree_with_scikit_learns_on_known_probabilities() -> None:
    rng = np.random.default_rng(4)
    sure = rng.uniform(0.5, 1, 300).round(3)
    right = rng.random(300) < sure
    rows = pd.DataFrame({"item": [f"i{n}" for n in range(300)], "confidence": sure, "right": right})
    found = score(rows, np.random.default_rng(1))["as stated"]
    assert found.brier == pytest.approx(brier_score_loss(right, sure), abs=1e-12)
    assert found.log_score == pytest.approx(log_loss(right, sure), abs=1e-12)
    assert found.auc == pytest.approx(roc_auc_score(right, sure), abs=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,question,truth\n", "no items"),
        ("id,question,truth\na,Is it?,maybe\n", "item 1: truth is 'maybe'"),
        ("id,question,truth\na,,yes\n", "item 1: the question is missing"),
    ],
)
def test_items_that_cannot_be_read_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text(text)
    with pytest.raises(CommandError, match=message):
        call_command("calibrate", str(path))


def test_the_items_of_a_shipped_protocol_can_be_used() -> None:
    from study.protocol import shipped

    read = [path for path in shipped().values() if "truth: yes" in path.read_text()]
    for path in read:
        assert all(item.question.endswith("?") for item in read_items(path))

"""Cases from files, and the crosswalk of values to theories, on DailyDilemmas as it is published."""

from io import StringIO
from pathlib import Path

import pytest
import yaml
from django.core.management import CommandError, call_command

from elicitation import cases
from elicitation.stages.configs import Case
from study.protocol import document, read
from tests.elicitation.people import small
from tests.shared_data import shared


def imported(*arguments: str) -> list[dict[str, str]]:
    out = StringIO()
    call_command("cases", "import", *arguments, stdout=out)
    found: list[dict[str, str]] = yaml.safe_load(out.getvalue())
    return found


def test_daily_dilemmas_become_cases_of_a_protocol() -> None:
    import json

    path = shared("data", "daily-dilemmas", "dilemma.csv")
    found = imported(str(path), "--limit", "3")
    assert [case["id"] for case in found] == ["case-55", "case-107", found[2]["id"]]
    content = document(small())
    content["flow"][1]["cases"] = found
    for upgrade in content["flow"][3]["upgrades"]:
        upgrade["cases"] = []
    assert read(json.dumps(content)).flow[1].cases[0].title == "Taking initiative"


def test_every_published_dilemma_is_a_case() -> None:
    found = cases.read(shared("data", "daily-dilemmas", "dilemma.csv"))
    assert len(found) == 1360
    assert len({Case.model_validate(case).id for case in found}) == 1360


def test_values_are_mapped_to_five_theories() -> None:
    walk = cases.crosswalk(shared("data", "daily-dilemmas", "values.csv"))
    assert len(walk) == 301
    assert cases.theories("Trust in others", walk)["MFT"] == ["Loyalty"]
    assert "MFT" not in cases.theories("Mistrust", {"trust": {"MFT": "Loyalty"}})


def test_chosen_cases_come_in_the_order_asked() -> None:
    path = str(shared("data", "daily-dilemmas", "dilemma.csv"))
    assert [case["id"] for case in imported(path, "--ids", "case-107", "case-55")] == ["case-107", "case-55"]
    with pytest.raises(CommandError, match="no case nobody"):
        imported(path, "--ids", "nobody")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("question\n\n", "no cases"),
        ("id,question\na,\n", "line 2: the question is empty"),
        ("id,question\na,Why?\na,How?\n", "'a' occurs more than once"),
        ("id,question\na," + "x" * 5000 + "\n", "5000 characters"),
    ],
)
def test_a_file_without_cases_is_refused_by_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "cases.csv").write_text(text, encoding="utf-8")
    with pytest.raises(CommandError, match=said):
        imported(str(tmp_path / "cases.csv"))

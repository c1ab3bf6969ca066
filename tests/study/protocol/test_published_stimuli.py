"""The guide on published stimuli, followed to the letter with the 40 headlines of DeVerna and others (2024)."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from study.protocol import Protocol, canonical, from_canonical, lint, read_document, stimulus
from study.protocol.reading import Document
from tests.shared_data import shared
from tests.study.protocol.small import TEXT

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "how-to" / "published-stimuli.md"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture
def headlines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Document:
    """What a reader of the guide gets: its Python run on the published files, its YAML in place of the items."""
    published = shared("data", "deverna2024")
    for name in ("all_experimental_stimuli_meta_data.csv", "long_form.parquet"):
        (tmp_path / name).symlink_to(published / name)
    monkeypatch.chdir(tmp_path)
    (script,) = _blocks("python")
    exec(compile(script, str(GUIDE), "exec"), {})
    (items,) = _blocks("yaml")
    start, end = TEXT.index("items:\n"), TEXT.index("scales:\n")
    path = tmp_path / "headlines.yaml"
    text = TEXT[:start] + items + TEXT[end:]
    path.write_text(text.replace("balance: [ai_correct]", "balance: [leaning]"), encoding="utf-8")
    return read_document(path)


@pytest.fixture
def protocol(headlines: Document) -> Protocol:
    return headlines.protocol


def test_the_forty_headlines_become_forty_items(protocol: Protocol) -> None:
    assert len(protocol.items) == 40
    assert Counter(item.truth for item in protocol.items) == {"true": 20, "false": 20}
    assert Counter(item.tags["leaning"] for item in protocol.items) == {"democratic": 20, "republican": 20}
    assert [item.id for item in protocol.items[:2]] == ["headline-1", "headline-2"]
    assert from_canonical(canonical(protocol)) == protocol


def test_the_models_words_and_verdicts_are_the_published_ones(protocol: Protocol) -> None:
    stimuli = pd.read_csv(shared("data", "deverna2024", "all_experimental_stimuli_meta_data.csv")).head(40)
    words = dict(zip(stimuli["qualtrics_question_num"], stimuli["cgpt_response"], strict=True))
    trials = pd.read_parquet(shared("data", "deverna2024", "long_form.parquet"))
    verdicts = trials.groupby("qualtrics_question_num")["ano_true_false_unsure"].unique().to_dict()
    for item in protocol.items:
        number = int(item.id.removeprefix("headline-"))
        assert item.advice is not None
        assert item.advice.body == words[number].strip()
        assert [item.advice.answer] == list(verdicts[number])


def test_whether_the_model_was_right_is_what_the_authors_data_say(protocol: Protocol) -> None:
    trials = pd.read_parquet(shared("data", "deverna2024", "long_form.parquet"))
    rows = trials.drop_duplicates("qualtrics_question_num")
    definite = rows[rows["ano_true_false_unsure"] != "unsure"]
    right = (definite["ano_true_false_unsure"] == "true") == definite["veracity"]
    found = Counter(protocol.ai_correct(item) for item in protocol.items)
    assert found == {True: int(right.sum()), False: int((~right).sum()), None: 40 - len(definite)}


def test_a_headlines_answer_is_shown_in_the_models_own_words(protocol: Protocol) -> None:
    item = next(item for item in protocol.items if item.id in protocol.hedgeable)
    plain = stimulus(protocol, item, protocol.arms_by_id["control"], hedged=False)
    assert item.advice is not None
    assert plain.text == item.advice.body


def test_the_linter_says_what_the_guide_promises(headlines: Document) -> None:
    found = lint(headlines.protocol, places=headlines.places)
    wrong = [item.id for item in headlines.protocol.items if headlines.protocol.ai_correct(item) is False]
    uncorrected = [f for f in found if f.code == "wrong-answer-without-correction"]
    assert [f.where for f in uncorrected] == [f"items[{name}]" for name in wrong]
    assert {f.file for f in uncorrected} == {"headlines.csv"}
    assert "unbalanced-items" in {f.code for f in found}

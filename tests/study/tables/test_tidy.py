"""The tidy tables hold what people submitted, judged by the protocol they ran under."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from django.db import connection

from study.session.models import Session, Submission
from study.tables.codebook import codebook
from study.tables.consort import flow
from study.tables.export import write
from study.tables.tidy import tidy
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def tables(study):
    return tidy(study)


def test_everybody_who_arrived_is_a_participant_and_previews_are_nobody(study, tables):
    counted = Session.objects.filter(study=study, preview_arm="")
    assert len(tables.participants) == counted.count()
    assert set(tables.participants["source"]) == {"rehearsal"}
    assert tables.participants["participant"].is_unique


def test_a_trial_is_one_item_with_a_final_answer(study, tables):
    finals = Submission.objects.filter(session__study=study, page__endswith=".final", payload__isnull=False)
    assert len(tables.trials) == finals.count()
    assert not tables.trials.duplicated(["participant", "item"]).any()


def test_answers_are_those_submitted(study, tables):
    stored = {
        (code, page.split(".")[1]): payload
        for code, page, payload in Submission.objects.filter(
            session__study=study, page__endswith=".final", payload__isnull=False
        ).values_list("session__participant__code", "page", "payload")
    }
    for row in tables.trials.itertuples():
        payload = stored[row.participant, row.item]
        assert row.final == payload["answer"]
        assert row.confidence == payload["confidence"]


def test_right_and_agreed_are_judged_by_the_protocol(tables):
    items = factories.tiny().items_by_id
    for row in tables.trials.itertuples():
        item = items[row.item]
        assert row.truth == item.truth
        assert row.correct == (row.final == item.truth)
        assert row.ai_correct == (item.advice.answer == item.truth)
        if row.arm == "no-ai":
            assert pd.isna(row.agree)
            assert pd.isna(row.advice)
            assert pd.isna(row.stimulus_sha256)
        else:
            assert row.agree == (row.final == item.advice.answer)


def test_position_and_hedging_are_those_of_the_slot(study, tables):
    slots = {
        s.participant.code: s.slot
        for s in Session.objects.filter(study=study, slot__isnull=False).select_related("slot", "participant")
    }
    for row in tables.trials.itertuples():
        slot = slots[row.participant]
        assert row.arm == slot.arm
        assert slot.item_order[row.position - 1] == row.item
        if row.arm == "hedged":
            assert row.hedged == (row.item in slot.hedged)
            assert row.phrasing == ("unsure-first" if row.hedged else "plain")


def test_the_hash_of_the_stimulus_is_of_the_words_shown(tables):
    import hashlib

    protocol = factories.tiny()
    row = tables.trials[(tables.trials["arm"] == "hedged") & tables.trials["hedged"].fillna(False)].iloc[0]
    shown = f"I'm not sure, but I believe {protocol.items_by_id[row['item']].advice.body}"
    assert row["stimulus_sha256"] == hashlib.sha256(shown.encode()).hexdigest()


def test_traces_become_time_hidden_pastes_and_links(tables):
    row = tables.trials[tables.trials["left_page"].fillna(0) == 2].iloc[0]
    assert row["pastes"] == 1
    assert row["links_opened"] == 1
    assert row["visible_seconds"] == pytest.approx(max(0.0, row["seconds"] - 2.5))
    person = tables.participants.set_index("participant").loc[row["participant"]]
    assert person["hidden_seconds"] == pytest.approx(2.5)
    assert person["pastes"] == 1
    others = tables.trials[tables.trials["participant"] != row["participant"]]
    assert others["visible_seconds"].isna().all()


def test_wrong_comprehension_answers_count_over_all_attempts(tables):
    errors = tables.participants["comprehension_errors"].dropna()
    assert sorted(errors)[-1] == 1
    assert (errors == 0).sum() == len(errors) - 1


def test_recognition_counts_hits_and_false_alarms(tables):
    done = tables.participants[tables.participants["outcome"] == "complete"]
    assert (done["recognition_hits"] == 4).all()
    assert (done["recognition_false_alarms"] == 0).all()


def test_a_scale_is_the_mean_after_reverse_coding(tables):
    done = tables.participants.dropna(subset=["trust"])
    assert len(done) > 5
    by_hand = (done["trust_1"] + (6 - done["trust_2"])) / 2
    assert (done["trust"] == by_hand).all()


def test_honeypots_are_counted_and_never_a_column(tables):
    assert "website" not in tables.participants
    assert (tables.participants["honeypots"] == 0).all()


def test_dtypes_are_what_the_codebook_says(tables):
    dtypes = {
        "boolean": "boolean",
        "integer": "Int64",
        "number": "float64",
        "text": "str",
        "category": "category",
    }
    for name, columns in tables.columns.items():
        table = getattr(tables, name)
        assert list(table.columns) == [c.name for c in columns]
        for column in columns:
            expected = dtypes.get(column.type, "datetime64[us, UTC]")
            assert str(table[column.name].dtype) == expected, column.name


def test_arms_keep_the_protocols_order(tables):
    assert list(tables.trials["arm"].cat.categories) == ["control", "hedged", "no-ai"]


def test_somebody_erased_stays_a_participant_without_answers(tables):
    gone = tables.participants[tables.participants["outcome"] == "withdrawn"].iloc[0]
    assert gone["trials"] == 0
    assert gone["participant"] not in set(tables.responses["participant"])
    assert gone["arm"] in ("control", "hedged", "no-ai")


def test_the_number_of_queries_does_not_grow_with_the_people(study, tmp_path):
    """Counted on the wire, since not all go through Django: versions, people, pages, two of traces, events."""
    with (tmp_path / "wire").open("w") as wire:
        connection.connection.pgconn.trace(wire.fileno())
        tidy(study)
        connection.connection.pgconn.untrace()
    messages = re.split(r"\n(?=\d{4}-)", (tmp_path / "wire").read_text())
    told = [message for message in messages if "\tF\t" in message and "SELECT" in message]
    assert len(told) == 6, told


def test_the_flow_adds_up_and_names_every_ending(tables):
    counts = flow(tables.participants)
    assert counts.arrived == len(tables.participants)
    assert counts.declined == 1
    before = (
        counts.declined
        + counts.screened_out
        + counts.failed_check
        + counts.withdrawn
        + counts.full
        + counts.unfinished
    )
    assert counts.arrived == before + counts.assigned
    for arm in counts.arms:
        assert (
            arm.assigned
            == arm.completed + arm.withdrawn + arm.failed_check + arm.screened_out + arm.unfinished
        )
    assert sum(arm.withdrawn for arm in counts.arms) == 1
    assert sum(arm.unfinished for arm in counts.arms) == 1


def test_long_responses_hold_every_answer_once(study, tables):
    stored = Submission.objects.filter(session__study=study, payload__isnull=False).values_list(
        "payload", flat=True
    )
    assert len(tables.responses) == sum(len(payload) for payload in stored)
    assert not tables.responses.duplicated(["participant", "page", "attempt", "question"]).any()


def test_the_export_reads_back_as_it_was(tables, tmp_path):
    written = write(tables, tmp_path)
    assert all(path.exists() for path in written)
    for name, table in tables.as_dict().items():
        back = pd.read_parquet(tmp_path / f"{name}.parquet")
        pd.testing.assert_frame_equal(back, table)
        text = pd.read_csv(tmp_path / f"{name}.csv", dtype=str, keep_default_na=False)
        assert list(text.columns) == list(table.columns)
        assert len(text) == len(table)


def test_exporting_twice_gives_the_same_bytes(tables, tmp_path):
    for place in ("a", "b"):
        write(tables, tmp_path / place)
    for path in sorted((tmp_path / "a").glob("*.csv")):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_every_exported_column_has_its_line_in_the_codebook(tables):
    book = codebook(tables.columns)
    for name, table in tables.as_dict().items():
        assert list(book[book["table"] == name]["column"]) == list(table.columns)
    assert (book["label"].str.len() > 3).all()


def test_no_exported_table_holds_a_name_a_panel_gave(tables):
    for table in tables.as_dict().values():
        assert not {"PROLIFIC_PID", "token", "session", "id"} & set(table.columns)

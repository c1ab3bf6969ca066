"""Arriving: by panel, by cookie, by signed preview; in the browser's language; the same person once."""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

import pytest
from django.db import connection, connections

from study.session import actions, identity, links
from study.session.models import Identity, Participant, Session
from tests.factories import changed, collecting, draft, tiny
from tests.study.session.visitor import Visitor

PANEL = {"mode": "panel", "panel": "prolific", "completion_url": "https://panel.example/complete?cc={code}"}
ARRIVAL = "?PROLIFIC_PID=5f0c&STUDY_ID=s1&SESSION_ID=x1"


def panel_study() -> object:
    return collecting(changed(tiny(), entry=PANEL))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query",
    [
        "",
        "?PROLIFIC_PID=5f0c",
        "?PROLIFIC_PID=5f0c&STUDY_ID=s&SESSION_ID=",
        "?PROLIFIC_PID=<script>&STUDY_ID=s&SESSION_ID=x",
        f"?PROLIFIC_PID={'x' * 300}&STUDY_ID=s&SESSION_ID=x",
    ],
)
def test_an_incomplete_panel_link_says_what_is_missing(query: str) -> None:
    visitor = Visitor(panel_study()).open(query)  # type: ignore[arg-type]
    assert visitor.answer.status_code == 400
    assert "PROLIFIC_PID, STUDY_ID and SESSION_ID" in visitor.text
    assert not Session.objects.exists()


@pytest.mark.django_db
def test_the_same_panel_person_has_one_session_and_goes_back_with_the_code() -> None:
    study = panel_study()
    first = Visitor(study).open(ARRIVAL).go_to("tasks")  # type: ignore[arg-type]
    again = Visitor(study).open(ARRIVAL.replace("x1", "x2"))  # type: ignore[arg-type]
    assert again.token == first.token
    again.finish()
    code = again.text.split('<p class="big"><code>')[1].split("<")[0]
    assert f"https://panel.example/complete?cc={code}" in again.text


@pytest.mark.django_db
def test_panel_ids_are_stored_encrypted_and_apart() -> None:
    visitor = Visitor(panel_study()).open(ARRIVAL)  # type: ignore[arg-type]
    row = Identity.objects.get(participant=visitor.session.participant)
    assert b"5f0c" not in bytes(row.sealed)
    assert identity.unseal(bytes(row.sealed))["PROLIFIC_PID"] == "5f0c"
    with connection.cursor() as cursor:
        for table in ("study_session", "study_submission", "study_participant", "study_traceevent"):
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE '%5f0c%'")
            assert cursor.fetchone()[0] == 0, table


@pytest.mark.django_db
def test_a_personal_study_opens_by_its_own_links_only() -> None:
    study = collecting(changed(tiny(), entry={"mode": "personal"}))
    assert Visitor(study).open().answer.status_code == 400
    invited = actions.invite(study=study, count=2)
    visitor = Visitor(study)
    visitor.answer = visitor.client.get(f"/s/{invited[0].token}/")
    assert visitor.page is not None
    assert visitor.finish().session.outcome == "complete"


@pytest.mark.django_db
def test_a_preview_walks_the_arm_it_names_outside_all_counts() -> None:
    study = collecting()
    visitor = Visitor(study)
    visitor.answer = visitor.client.get(links.preview_path(study, "hedged"), follow=True)
    assert "Preview: nothing here is counted" in visitor.text
    visitor.finish()
    assert Participant.objects.get(study=study).source == "preview"
    assert not Session.objects.counted().filter(study=study).exists()
    assert not study.slots.exclude(state="free").exists()


@pytest.mark.django_db
def test_a_draft_can_be_previewed_before_anything_is_registered() -> None:
    study = draft()
    visitor = Visitor(study)
    visitor.answer = visitor.client.get(links.preview_path(study, "no-ai"), follow=True)
    assert visitor.finish().session.outcome == "complete"


@pytest.mark.django_db
def test_a_bilingual_study_speaks_the_browser_s_language() -> None:
    both = changed(tiny(), languages=["en", "de"], title={"en": "A tiny study", "de": "Eine kleine Studie"})
    visitor = Visitor(collecting(both))
    visitor.answer = visitor.client.get(
        f"/s/join/{visitor.study.slug}/", headers={"Accept-Language": "de-AT,de;q=0.9"}, follow=True
    )
    assert 'lang="de"' in visitor.text
    assert "Eine kleine Studie" in visitor.text
    assert "Ich stimme zu" in visitor.text, "our own words are translated too"


@pytest.mark.django_db(transaction=True)
def test_one_person_arriving_ten_times_at_once_has_one_session() -> None:
    study = panel_study()
    tokens: list[str] = []
    gate = threading.Barrier(10)

    def arrive() -> None:
        gate.wait()
        try:
            tokens.append(
                actions.enter(study=study, language="en", person="p", panel_ids={"PROLIFIC_PID": "p"}).token
            )  # type: ignore[arg-type]
        finally:
            connections.close_all()

    threads = [threading.Thread(target=arrive) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 10
    assert len(set(tokens)) == Session.objects.count() == 1


@pytest.mark.django_db
def test_a_source_is_logged_and_opened_without_telling_where_from() -> None:
    study = collecting()
    visitor = Visitor(study)
    visitor.answer = visitor.client.get(links.preview_path(study, "control"), follow=True)
    visitor.go_to("tasks.moon")
    answer = visitor.client.get(visitor.address + "source/moon/1")
    assert answer.status_code == 302
    assert urlsplit(answer["Location"]).netloc == "example.org"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert visitor.session.events.get(kind="link").data == {"item": "moon", "source": 1}

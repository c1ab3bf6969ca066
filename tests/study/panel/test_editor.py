"""Form and text are two views of one document."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from study.panel.documents import held
from study.panel.editor_fields import PARTS
from study.panel.models import DraftVersion
from study.protocol import shipped
from study.registration import actions
from study.registration.models import AuditEntry, Registration, Study
from tests import factories
from tests.factories import PROTOCOLS

pytestmark = pytest.mark.django_db
TINY = (PROTOCOLS / "tiny.yaml").read_text()
FORM = "/panel/studies/tiny/form/"


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(factories.user("boss", is_superuser=True))
    return client


@pytest.fixture
def study() -> Study:
    return actions.load(TINY, owner=None)


def inputs(client: Client, part: str) -> dict[str, str]:
    """A form as a browser would send it back untouched."""
    context = client.get(f"{FORM}{part}/").context
    fields = [f for shown in context["groups"] for f in shown["group"].all_fields()]
    return {"seen": context["document"].sha256, "op": "save"} | {
        f"f:{f.key}": f.shown.replace("\n", "\r\n") for f in fields
    }


def sent(client: Client, part: str, **changes: str) -> Any:
    """The form with some fields changed."""
    return client.post(f"{FORM}{part}/", inputs(client, part) | changes)


def touched(old: str, new: str) -> list[str]:
    """Lines that went or came."""
    return [line for line in difflib.ndiff(old.splitlines(), new.splitlines()) if line[0] in "-+"]


def text_now() -> str:
    return held(Study.objects.get(slug="tiny")).text


@pytest.mark.parametrize("shipped_name", [*shipped(), "tiny"])
def test_an_untouched_form_changes_nothing(boss: Client, shipped_name: str) -> None:
    source = PROTOCOLS / "tiny.yaml" if shipped_name == "tiny" else shipped()[shipped_name]
    actions.load(source, owner=None, slug="tiny")
    before = text_now()
    audited = AuditEntry.objects.count()
    for part in PARTS:
        assert sent(boss, part).status_code == 302, part
    assert text_now() == before
    assert not DraftVersion.objects.exists()
    assert AuditEntry.objects.count() == audited


@pytest.mark.parametrize(
    ("part", "key", "typed", "lines"),
    [
        ("about", "title", "Advice: a study", ["- title: A tiny study of advice", "+ title: 'Advice: a study'"]),
        ("sample", "sample/target", "24", ["-   target: 12", "+   target: 24"]),
        ("arms", "arms/@control/label", "Sure", ["-   - {id: control, label: Confident answer}", "+   - {id: control, label: Sure}"]),
        ("items", "items/@whale/correction", "They are.", ["-     correction: Whales are mammals.", "+     correction: They are."]),
        ("scales", "scales/@trust/items/@trust_2/reverse", "false", ["-       - {id: trust_2, text: I would check these answers elsewhere., reverse: true}", "+       - {id: trust_2, text: I would check these answers elsewhere., reverse: false}"]),
        ("exclusions", "plan/exclusions/@declined/action", "flag", ["+       action: flag"]),
    ],
)  # fmt: skip
def test_a_form_changes_the_touched_lines_alone(
    boss: Client, study: Study, part: str, key: str, typed: str, lines: list[str]
) -> None:
    assert sent(boss, part, **{f"f:{key}": typed}).status_code == 302
    assert touched(TINY, text_now()) == lines
    version = DraftVersion.objects.first()
    assert version is not None
    assert version.by.username == "boss"
    assert version.text == text_now()


def test_entries_are_added_and_removed_with_what_was_typed_beside(boss: Client, study: Study) -> None:
    given = {"op": "add:items", "new:items": "acid", "f:items/@moon/correction": "It is smaller."}
    assert sent(boss, "items", **given).status_code == 302
    items = {item["id"]: item for item in Study.objects.get().draft["items"]}
    assert items["acid"]["question"] == "A question?"
    assert items["moon"]["correction"] == "It is smaller."
    assert sent(boss, "items", op="remove:items/@acid").status_code == 302
    assert touched(TINY, text_now()) == [
        "-     correction: The Moon is smaller than Mercury.",
        "+     correction: It is smaller.",
    ]
    assert (
        sent(
            boss, "scales", op="add:scales/@trust/items", **{"new:scales/@trust/items": "trust_3"}
        ).status_code
        == 302
    )
    assert len(Study.objects.get().draft["scales"][0]["items"]) == 3


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("sample", {"f:sample/target": "many"}),
        ("sample", {"f:sample/target": "-3"}),
        ("sample", {"f:sample/target": "9" * 30}),
        ("sample", {"f:sample/until": "soon\x00"}),
        ("about", {"f:title": "x" * 20_001}),
        ("about", {"f:contact/nothing": "x"}),
        ("about", {"f:heed": "2"}),
        ("about", {"f:../../draft": "x"}),
        ("arms", {"f:arms/@control/phrasing": "shouted"}),
        ("arms", {"op": "remove:arms/@nobody"}),
        ("arms", {"op": "remove:flow/@consent"}),
        ("arms", {"op": "add:flow", "new:flow": "x"}),
        ("arms", {"op": "add:arms", "new:arms": ""}),
        ("arms", {"op": "add:arms", "new:arms": "control"}),
        ("arms", {"op": "add:arms", "new:arms": "Not an id!"}),
        ("items", {"f:items/@moon/truth": "perhaps"}),
        ("items", {"op": "remove:items/@moon/question"}),
        ("scales", {"op": "remove:scales/@trust"}),
        ("exclusions", {"f:plan/exclusions/@declined/when/0/op": "exec"}),
        ("exclusions", {"f:plan/exclusions/@declined/when/0/column": "__class__"}),
    ],
)
def test_hostile_or_wrong_input_writes_nothing(
    boss: Client, study: Study, part: str, changes: dict[str, str]
) -> None:
    also = {"f:title": "Another title"} if part == "about" and "f:title" not in changes else {}
    answer = sent(boss, part, **(also | changes))
    assert answer.status_code == 422
    assert Study.objects.get().source_text == TINY
    assert not DraftVersion.objects.exists()


def test_markup_in_a_field_is_text(boss: Client, study: Study) -> None:
    nasty = "</textarea><script>alert(1)</script>{{ 7|add:7 }}"
    assert sent(boss, "items", **{"f:items/@moon/question": nasty}).status_code == 302
    page = boss.get(f"{FORM}items/").content.decode()
    assert "<script>alert" not in page
    assert Study.objects.get().draft["items"][0]["question"] == nasty


def test_remarks_stand_beside_their_field(boss: Client, study: Study) -> None:
    given = inputs(boss, "sample") | {"f:sample/stopping": "", "f:sample/target": "no"}
    page = boss.post(f"{FORM}sample/check/", given).content.decode()
    beside = page.split('id="r-f-sample-target"')[1].split("</div>")[0]
    assert "This is not a number" in beside
    given |= {"f:sample/target": "12"}
    page = boss.post(f"{FORM}sample/check/", given).content.decode()
    assert "stopping" in page.split('id="r-f-sample-stopping"')[1].split("</div>")[0]
    assert Study.objects.get().source_text == TINY


def test_a_stale_form_is_refused_with_both_versions(boss: Client, study: Study) -> None:
    mine = inputs(boss, "sample") | {"f:sample/target": "36"}
    assert sent(boss, "sample", **{"f:sample/target": "24"}).status_code == 302
    answer = boss.post(f"{FORM}sample/", mine)
    assert answer.status_code == 409
    [(field, typed)] = answer.context["conflict"]
    assert (field.where, field.shown, typed) == ("sample.target", "24", "36")
    assert [change["path"] for change in answer.context["meanwhile"]] == ["sample.target"]
    assert Study.objects.get().draft["sample"]["target"] == 24
    mine["seen"] = answer.context["document"].sha256
    assert boss.post(f"{FORM}sample/", mine).status_code == 302
    assert Study.objects.get().draft["sample"]["target"] == 36


def test_a_form_never_writes_to_another_entry_than_it_showed(boss: Client, study: Study) -> None:
    sent(boss, "items", op="remove:items/@moon")
    answer = sent(boss, "items", **{"f:items/@moon/question": "Gone?"})
    assert answer.status_code == 422
    assert "Gone?" not in text_now()


def test_every_save_can_be_taken_back(boss: Client, study: Study) -> None:
    sent(boss, "sample", **{"f:sample/target": "24"})
    sent(boss, "about", **{"f:title": "New"})
    versions = "/panel/studies/tiny/versions/"
    listed = boss.get(versions).context["listed"].object_list
    assert [(v.number, v.changed) for v in listed] == [(3, "title"), (2, "sample.target"), (1, "")]
    seen = boss.get(versions).context["document"].sha256
    assert (
        "is version 1 again"
        in boss.post(f"{versions}1/restore/", {"seen": seen}, follow=True).content.decode()
    )
    assert text_now() == TINY
    assert DraftVersion.objects.count() == 4
    assert (
        "load the page again"
        in boss.post(f"{versions}2/restore/", {"seen": seen}, follow=True).content.decode()
    )
    assert text_now() == TINY
    assert boss.post(f"{versions}99/restore/", {"seen": seen}).status_code == 404


def test_a_registered_study_turns_the_form_into_an_amendment(boss: Client) -> None:
    study = actions.load(TINY, owner=None)
    actions.register(study=study, by=None, seed=factories.SEED)
    answer = sent(boss, "sample", **{"f:sample/target": "24"})
    assert answer.status_code == 200
    assert "target: 24" in answer.context["text"]
    assert [change["path"] for change in answer.context["changes"]] == ["sample.target"]
    assert Registration.objects.count() == 1
    address = "/panel/studies/tiny/edit/"
    given = {"text": answer.context["text"], "seen": answer.context["document"].sha256, "confirmed": "yes"}
    assert boss.post(address, given | {"reason": "More people came."}).status_code == 302
    assert Registration.objects.count() == 2


def test_a_page_of_items_costs_the_same_for_many(boss: Client) -> None:
    actions.load(TINY, owner=None)
    boss.get(f"{FORM}items/")
    with CaptureQueriesContext(connection) as few:
        assert "as each arm words" in boss.get(f"{FORM}items/").content.decode().lower()
    actions.load(shipped()["uncertainty-reliance"], owner=None, slug="tiny")
    with CaptureQueriesContext(connection) as many:
        boss.get(f"{FORM}items/")
    assert len(many) == len(few) <= 8
    for n in range(12):
        DraftVersion.objects.create(study=Study.objects.get(), number=n, text="", sha256="")
    with CaptureQueriesContext(connection) as versions:
        boss.get("/panel/studies/tiny/versions/")
    assert len(versions) <= 9


def test_texts_in_two_languages_have_a_field_each(boss: Client) -> None:
    text = TINY.replace("title: A tiny study of advice", "title: {en: Advice, de: Rat}")
    actions.load(text.replace("heed: 1\n", "heed: 1\nlanguages: [en, de]\n"), owner=None)
    assert sent(boss, "about", **{"f:title/de": "Ratschlag"}).status_code == 302
    assert Study.objects.get().draft["title"] == {"en": "Advice", "de": "Ratschlag"}


def test_a_part_that_does_not_exist_is_not_found(boss: Client, study: Study) -> None:
    assert boss.get(f"{FORM}flow/").status_code == 404
    assert boss.post(f"{FORM}flow/check/").status_code == 404

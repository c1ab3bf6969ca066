"""The panel in a real browser: every page free of axe findings, at desk, laptop and phone widths."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session as BrowserSession
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from config.embedded.layout import Layout
from study.analyses import actions as analyses
from study.analyses import exploring
from study.panel import bundling
from study.panel.documents import held
from study.panel.editor_fields import PARTS
from study.panel.models import BundleRun, Simulation
from study.protocol import read, shipped
from study.registration import actions
from study.registration.models import Study
from study.session.models import Participant
from tests import factories
from tests.factories import PROTOCOLS
from tests.study.closed import walked

pytestmark = pytest.mark.django_db(transaction=True)
TINY = (PROTOCOLS / "tiny.yaml").read_text()
WIDTHS = [1440, 1024, 360]


@pytest.fixture
def ada(page: Any, server: str) -> Any:
    """A window in which Ada, who may see everything, is signed in."""
    client = Client()
    client.force_login(factories.user("ada", is_superuser=True, is_staff=True))
    cookie = {
        "name": settings.SESSION_COOKIE_NAME,
        "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
    }
    page.context.add_cookies([cookie | {"url": server}])
    return page


def looked_at(page: Any, axe: Any, address: str, *, shot: str = "") -> None:
    """No axe finding and nothing that scrolls sideways, at each width. HEED_SHOTS=DIR keeps pictures, each named by the
    name of its address, what `shot` says of the state shown, and the width."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(address)
        if folder := os.environ.get("HEED_SHOTS"):
            found = resolve(urlsplit(address).path)
            name = "-".join(filter(None, [found.url_name, found.kwargs.get("part"), shot]))
            page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)
        assert axe(page) == [], f"{address} at {width}"
        sizes = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert sizes[0] <= sizes[1], f"{address} scrolls sideways at {width}: {sizes}"


def test_every_page_of_a_draft_is_accessible_and_fits(ada: Any, axe: Any) -> None:
    factories.draft()
    forms = [f"form/{part}/" for part in PARTS]
    for part in ["", "protocol/", "instrument/", "edit/", "register/", "versions/", *forms]:
        looked_at(ada, axe, f"/panel/studies/tiny/{part}")
    factories.draft(read(shipped()["uncertainty-reliance"]), slug="real")
    looked_at(ada, axe, "/panel/studies/real/instrument/", shot="shipped")
    looked_at(ada, axe, "/panel/new/")


def test_every_page_of_a_running_study_is_accessible_and_fits(ada: Any, axe: Any) -> None:
    study = walked(mode="rehearsal", close=False)
    code = Participant.objects.filter(study=study, session__outcome="complete")[0].code
    for part in [
        "",
        "monitor/",
        "move/close/",
        "participants/",
        f"participants/{code}/",
        f"participants/{code}/withdraw/",
        "payment/",
        "analysis/",
        "roles/",
        "log/",
    ]:
        looked_at(ada, axe, f"/panel/studies/{study.slug}/{part}", shot="" if part else "running")
    looked_at(ada, axe, "/panel/")


def test_the_pages_of_a_closed_study_are_accessible_and_fit(ada: Any, axe: Any) -> None:
    study = walked(mode="rehearsal")
    analyses.analyse(study=study)
    look = exploring.ask(
        study=study, outcome="trials.agree", predictor="trials.arm", subgroup="", value="", by=None
    )
    exploring.perform(look.pk)
    for part in ["", "analysis/", "analysis/explore/"]:
        looked_at(ada, axe, f"/panel/studies/{study.slug}/{part}", shot="closed")


def test_the_bundles_of_a_closed_study_are_seen_asked_for_and_downloaded(
    ada: Any, axe: Any, settings: Any, tmp_path: Path
) -> None:
    study = walked(mode="rehearsal")
    settings.LAYOUT = Layout(tmp_path / "state")
    address = f"/panel/studies/{study.slug}/analysis/bundle/"
    looked_at(ada, axe, address, shot="first")
    now = timezone.now()
    done = BundleRun.objects.create(
        study=study, started_at=now, finished_at=now, file=f"{study.slug}/1/{study.slug}-0.zip", size=4,
        sha256="0" * 64, manifest_sha256="1" * 64, head="2" * 64, warnings={"free_texts": ["comment"]},
    )  # fmt: skip
    path = settings.LAYOUT.bundles / done.file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK..")
    BundleRun.objects.create(study=study, finished_at=now, problem="No space left on the device.")
    looked_at(ada, axe, address, shot="ready")
    with ada.expect_download() as download:
        ada.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == done.download_name
    assert Path(download.value.path()).read_bytes() == b"PK.."
    one = bundling.ask(study=study, by=None)
    looked_at(ada, axe, address, shot="waiting")
    BundleRun.objects.filter(pk=one.pk).update(steps_done=3, steps_total=9, step="tables")
    ada.get_by_text("Step 3 of at most 9: tables").wait_for()
    BundleRun.objects.filter(pk=one.pk).update(finished_at=timezone.now(), problem="The worker went silent.")
    ada.get_by_role("button", name="Try again").wait_for()


def test_the_way_in_and_typing_with_live_remarks(page: Any, axe: Any) -> None:
    user = factories.user("ada", is_superuser=True)
    user.set_password("correct horse")
    user.save()
    factories.draft()
    looked_at(page, axe, "/panel/login/")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("correct horse")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="A tiny study of advice").click()
    page.get_by_role("link", name="Edit the protocol").click()
    page.get_by_role("link", name="Text (YAML)").click()
    text = page.get_by_label("The document (YAML)")
    text.fill(text.input_value().replace("paradigm: one-stage", "paradigm: no-stage"))
    page.get_by_text("Not a protocol yet").wait_for()
    page.locator("#judged [data-line]").first.click()
    line = page.evaluate("window.getSelection().toString() || document.activeElement.id")
    assert line
    text.fill(
        text.input_value()
        .replace("paradigm: no-stage", "paradigm: one-stage")
        .replace("target: 12", "target: 24")
    )
    page.locator("#judged").get_by_text("sample.target").wait_for()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()
    assert Study.objects.get().draft["sample"]["target"] == 24


def test_a_form_remarks_while_one_types_asks_before_leaving_and_saves_at_phone_width(ada: Any) -> None:
    actions.load(TINY, owner=None)
    ada.set_viewport_size({"width": 360, "height": 800})
    ada.goto("/panel/studies/tiny/form/sample/")
    target = ada.get_by_label("Completed participants")
    target.fill("many")
    ada.locator("#r-f-sample-target").get_by_text("This is not a number").wait_for()
    target.fill("24")
    ada.locator("#judged .changes").get_by_text("sample.target").wait_for()
    assert ada.locator("#r-f-sample-target").inner_text() == ""
    ada.goto("/panel/studies/tiny/form/items/")
    ada.get_by_label("The AI's words").first.fill("it is smaller than that planet.")
    ada.locator("#w-moon").get_by_text(
        "I'm not sure, but I believe it is smaller than that planet."
    ).wait_for()
    ada.once("dialog", lambda dialog: dialog.accept())
    ada.goto("/panel/studies/tiny/form/sample/")
    ada.get_by_label("Completed participants").fill("24")
    ada.locator("#judged .changes").get_by_text("sample.target").wait_for()
    asked: list[str] = []
    ada.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    ada.get_by_role("link", name="Arms", exact=True).click()
    assert asked == ["beforeunload"]
    assert ada.url.endswith("/form/sample/")
    ada.get_by_role("button", name="Save").click()
    ada.get_by_text("Saved.").wait_for()
    assert "target: 24" in Study.objects.get().source_text
    ada.get_by_role("link", name="Versions").click()
    ada.get_by_role("button", name="Take up version 1").click()
    ada.get_by_text("is version 1 again").wait_for()
    assert Study.objects.get().source_text == TINY


def test_a_page_of_the_walk_is_jumped_to_in_a_frame_of_phone_width(ada: Any, axe: Any) -> None:
    factories.draft()
    looked_at(ada, axe, "/panel/studies/tiny/preview/control/")
    ada.set_viewport_size({"width": 1440, "height": 900})
    ada.goto("/panel/studies/tiny/")
    ada.get_by_role("link", name="First-person hedge").click()
    ada.get_by_role("link", name="Phone").click()
    ada.get_by_role("navigation", name="Pages of this arm").get_by_role("link").nth(3).click()
    frame = ada.frame_locator("iframe")
    frame.get_by_text("Is the Moon larger than Mercury?").wait_for()
    frame.get_by_text("Preview: nothing here is counted.").wait_for()
    assert ada.locator("iframe").bounding_box()["width"] == 375
    ada.get_by_role("link", name="No answer shown").click()
    ada.get_by_role("heading", name="Preview: No answer shown").wait_for()


def test_a_line_that_is_wrong_is_one_click_away_in_a_faulty_file_and_from_a_form(
    ada: Any, tmp_path: Path
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(TINY.replace("paradigm: one-stage", "paradigm: no-stage"))
    ada.goto("/panel/new/")
    ada.get_by_role("radio", name="A YAML file").check()
    ada.locator("#id_file").set_input_files(file)
    ada.get_by_role("button", name="Create the draft").click()
    ada.locator("[data-line]").click()
    chosen = "[...document.querySelectorAll('textarea.code')].map(t => t.value.slice(t.selectionStart, t.selectionEnd))"
    assert ada.evaluate(chosen) == ["paradigm: no-stage"]
    ada.keyboard.type("paradigm: one-stage")
    ada.get_by_role("button", name="Create the draft").click()
    ada.get_by_role("link", name="Edit the protocol").click()
    link = ada.locator("#judged [data-line]").first
    line = link.get_attribute("data-line")
    link.click()
    ada.wait_for_url(f"**/edit/#line-{line}")
    assert ada.evaluate(chosen) == [TINY.splitlines()[int(line) - 1]]


def test_the_linter_forgets_that_power_was_never_simulated_once_it_was(ada: Any) -> None:
    study = factories.draft()
    ada.goto("/panel/studies/tiny/register/")
    assert ada.locator("#linter").get_by_text("never simulated").is_visible()
    found = Simulation.objects.create(
        study=study, kind="power", sha256=held(study).sha256, wanted=20, total=80
    )
    ada.reload()
    result = {"runs": 20, "participants": 12, "hypotheses": {}, "left_out": {}, "target": 0.8}
    Simulation.objects.filter(pk=found.pk).update(result=result, finished_at=timezone.now())
    ada.locator("#linter").get_by_text("never simulated").wait_for(state="detached")


def test_a_text_outlives_the_end_of_the_session(page: Any) -> None:
    user = factories.user("ada", is_superuser=True)
    user.set_password("correct horse")
    user.save()
    factories.draft()

    def sign_in() -> None:
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Sign in").click()

    page.goto("/panel/studies/tiny/edit/")
    sign_in()
    BrowserSession.objects.all().delete()
    text = page.get_by_label("The document (YAML)")
    text.fill(text.input_value().replace("target: 12", "target: 24"))
    page.locator("#judged").get_by_text("You are signed out").wait_for()
    page.get_by_role("button", name="Save").click()
    sign_in()
    page.get_by_role("button", name="Take it up").click()
    page.locator("#judged .changes").get_by_text("sample.target").wait_for()
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved.").wait_for()
    assert Study.objects.get().draft["sample"]["target"] == 24
    page.goto("/panel/studies/tiny/edit/")
    text.wait_for()
    assert not page.get_by_role("button", name="Take it up").is_visible()


def test_the_open_tab_is_in_sight_on_a_phone(ada: Any) -> None:
    factories.draft()
    ada.set_viewport_size({"width": 360, "height": 800})
    ada.goto("/panel/studies/tiny/log/")
    box = ada.locator(".tabs [aria-current]").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360

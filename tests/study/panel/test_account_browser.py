"""One's account, invitations and bonuses in a real browser: set up and used by keyboard, free of axe findings."""

from __future__ import annotations

from typing import Any

import pyotp
import pytest
from django.core import mail

from study.accounts import invitations
from study.accounts.models import SecondFactor
from study.payment import actions as payment
from study.registration import actions as moves
from study.registration.models import Study
from tests import factories
from tests.study.closed import walked
from tests.study.panel.test_browser import looked_at
from tests.study.panel.test_two_factor import WORD, person

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in(page: Any, server: str, name: str) -> None:
    page.goto(f"{server}/panel/login/")
    page.fill("#id_username", name)
    page.fill("#id_password", WORD)
    page.keyboard.press("Enter")


def test_a_second_factor_is_set_up_and_asked_for(page: Any, axe: Any, server: str) -> None:
    person("ada", is_superuser=True)
    signed_in(page, server, "ada")
    page.wait_for_url(f"{server}/panel/")
    for address in ("account/", "account/password/", "account/two-factor/"):
        looked_at(page, axe, f"{server}/panel/{address}")
    assert page.evaluate("document.querySelector('img[src^=data]').naturalWidth") > 100
    secret = page.inner_text("main code")
    page.fill("#id_code", pyotp.TOTP(secret).now())
    page.keyboard.press("Enter")
    page.wait_for_selector("text=They are not shown again")
    assert axe(page) == []
    assert page.locator("li code").count() == 10
    looked_at(page, axe, f"{server}/panel/account/")
    page.click("text=Sign out everywhere")
    page.wait_for_url(f"{server}/panel/login/")
    SecondFactor.objects.update(last_step=0)
    signed_in(page, server, "ada")
    page.wait_for_selector("text=authenticator app")
    looked_at(page, axe, f"{server}/panel/login/code/")
    page.keyboard.type(pyotp.TOTP(secret).now())
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server}/panel/")


def test_an_invited_person_gets_in(page: Any, axe: Any, server: str) -> None:
    study = factories.collecting()
    made = invitations.invite(study=study, email="g@example.org", role="analyst", site=server, by=person())
    invitations.deliver(made.pk)
    [link] = [word for word in str(mail.outbox[-1].body).split() if word.startswith("http")]
    looked_at(page, axe, link)
    page.fill("#username", "grace")
    page.fill("#password1", WORD)
    page.fill("#password2", WORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server}/panel/studies/tiny/")
    page.goto(link)
    assert axe(page) == []


def test_bonuses_and_invitations_are_accessible(page: Any, axe: Any, server: str) -> None:
    rule = {"bonus_rule": {"per": "correct", "amount": 0.05, "cap": 0.15}}
    study = walked(factories.changed(factories.tiny(), payment=rule), close=False)
    moves.close(study=study, by=None)
    payment.compute_bonuses(study)
    ada = person("ada", is_superuser=True)
    invitations.invite(study=study, email="g@example.org", role="analyst", site=server, by=ada)
    signed_in(page, server, "ada")
    page.wait_for_url(f"{server}/panel/")
    slug = Study.objects.get(pk=study.pk).slug
    for address in ("payment/", "payment/bonuses/", "invitations/", "roles/", "log/"):
        looked_at(page, axe, f"{server}/panel/studies/{slug}/{address}")

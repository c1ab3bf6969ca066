"""The second factor and one's sessions: set up, asked for, used once; limits; everywhere out."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pyotp
import pytest
from django.core.management import call_command
from django.db import transaction
from django.db.utils import IntegrityError
from django.test import Client
from django.utils import timezone

from study.accounts import secondfactor
from study.accounts.models import AccountEvent, RecoveryCode, SecondFactor, SignIn
from study.panel.models import FailedLogin, StudyRole
from study.registration.models import Study
from tests import factories
from tests.concurrently import at_once

pytestmark = pytest.mark.django_db
WORD = "a long enough word 7"
STUDIES = "/panel/"


def person(name: str = "ada", **also: Any) -> Any:
    user = factories.user(name, **also)
    user.set_password(WORD)
    user.save()
    return user


def with_factor(user: Any) -> tuple[pyotp.TOTP, list[str]]:
    """A confirmed second factor, whose next code is fresh, and its recovery codes."""
    totp = pyotp.TOTP(secondfactor.begin(user))
    codes = secondfactor.confirm(user, totp.now())
    SecondFactor.objects.update(last_step=0)
    return totp, codes


def come_in(client: Client, name: str = "ada") -> Any:
    return client.post("/panel/login/", {"username": name, "password": WORD})


def test_it_is_set_up_with_a_picture_and_a_confirming_code(client: Client) -> None:
    user = person()
    come_in(client)
    shown = client.get("/panel/account/two-factor/")
    secret = shown.context["secret"]
    assert client.get("/panel/account/two-factor/").context["secret"] == secret
    assert "data:image/svg+xml" in shown.context["picture"]
    assert client.post("/panel/account/two-factor/", {"code": "000000x"}).status_code == 422
    assert secondfactor.factor_of(user) is None
    done = client.post("/panel/account/two-factor/", {"code": pyotp.TOTP(secret).now()})
    assert len(done.context["codes"]) == 10
    assert client.get("/panel/account/").status_code == 200
    stored = (
        bytes(SecondFactor.objects.get().sealed)
        + "".join(RecoveryCode.objects.values_list("mark", flat=True)).encode()
    )
    assert secret.encode() not in stored
    assert not any(code.replace("-", "").encode() in stored for code in done.context["codes"])


def test_the_password_alone_opens_nothing_then(client: Client) -> None:
    totp, _ = with_factor(person())
    assert come_in(client).url.startswith("/panel/login/code/")
    assert client.get(STUDIES).status_code == 302
    assert client.get("/panel/admin/").status_code == 302
    assert client.post("/panel/login/code/", {"code": "12345"}).status_code == 422
    assert client.post("/panel/login/code/", {"code": totp.now()}).url == STUDIES
    assert client.get(STUDIES).status_code == 200


def test_the_records_door_asks_for_the_code_too(client: Client) -> None:
    totp, _ = with_factor(person("boss", is_superuser=True, is_staff=True))
    door = client.get("/panel/admin/login/?next=/panel/admin/").url
    asked = client.post(door, {"username": "boss", "password": WORD, "next": "/panel/admin/"}).url
    assert client.get("/panel/admin/").status_code == 302
    assert client.post(asked, {"code": totp.now()}).url == "/panel/admin/"
    assert client.get("/panel/admin/").status_code == 200


def test_a_code_and_a_recovery_code_work_once(client: Client) -> None:
    user = person()
    totp, codes = with_factor(user)
    code = totp.now()
    assert [secondfactor.accepts(user, code) for _ in range(2)] == [True, False]
    assert [secondfactor.accepts(user, codes[3].upper()) for _ in range(2)] == [True, False]
    assert not secondfactor.accepts(user, "")


def test_an_older_code_does_not_count_after_a_newer_one() -> None:
    user = person()
    totp, _ = with_factor(user)
    now = timezone.now()
    assert secondfactor.accepts(user, totp.at(now + timedelta(seconds=30)))
    assert not secondfactor.accepts(user, totp.at(now - timedelta(seconds=30)))


@pytest.mark.django_db(transaction=True)
def test_of_twenty_requests_with_one_code_one_gets_in() -> None:
    user = person()
    totp, codes = with_factor(user)
    code = totp.now()
    assert at_once([(lambda: secondfactor.accepts(user, code)) for _ in range(20)]).count(True) == 1
    assert at_once([(lambda: secondfactor.accepts(user, codes[0])) for _ in range(20)]).count(True) == 1


def test_wrong_codes_lock_and_the_right_password_does_not_unlock(client: Client) -> None:
    totp, _ = with_factor(person())
    come_in(client)
    for _ in range(10):
        assert client.post("/panel/login/code/", {"code": "wrong"}).status_code == 422
    come_in(client)
    assert client.post("/panel/login/code/", {"code": totp.now()}).status_code == 429
    FailedLogin.objects.update(at=timezone.now() - timedelta(minutes=16))
    assert client.post("/panel/login/code/", {"code": totp.now()}).status_code == 302


def test_a_changed_password_ends_the_wait_for_a_code(client: Client) -> None:
    user = person()
    totp, _ = with_factor(user)
    come_in(client)
    user.set_password("another long word 8")
    user.save()
    assert client.post("/panel/login/code/", {"code": totp.now()}).url == "/panel/login/"


def test_it_leads_nowhere_else_after_the_code(client: Client) -> None:
    totp, _ = with_factor(person())
    come_in(client)
    sent = {"code": totp.now(), "next": "https://evil.example/"}
    assert client.post("/panel/login/code/", sent).url == STUDIES


@pytest.mark.parametrize("wanted", [["all"], ["owner"], ["analyst"]])
def test_a_role_that_needs_one_gets_no_further_than_its_set_up(
    client: Client, settings: Any, wanted: list[str]
) -> None:
    settings.HEED_REQUIRE_TOTP = wanted
    user = person()
    study = factories.collecting()
    if wanted == ["owner"]:
        Study.objects.filter(pk=study.pk).update(owner=user)
    StudyRole.objects.create(study=study, user=user, role="analyst")
    come_in(client)
    assert client.get("/panel/studies/tiny/").url == "/panel/account/two-factor/"
    assert client.get("/panel/studies/tiny/monitor/", headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    secret = client.get("/panel/account/two-factor/").context["secret"]
    client.post("/panel/account/two-factor/", {"code": pyotp.TOTP(secret).now()})
    assert client.get("/panel/studies/tiny/").status_code == 200
    SecondFactor.objects.update(last_step=0)
    client.post("/panel/account/two-factor/off/", {"code": pyotp.TOTP(secret).now()})
    assert secondfactor.factor_of(user) is not None


def test_a_role_that_needs_none_is_left_alone(client: Client, settings: Any) -> None:
    settings.HEED_REQUIRE_TOTP = ["owner"]
    person()
    come_in(client)
    assert client.get(STUDIES).status_code == 200


def test_the_second_person_shows_their_code_when_they_have_one(client: Client) -> None:
    from tests.factories import changed, tiny

    study = factories.draft(changed(tiny(), two_people=True))
    Study.objects.filter(pk=study.pk).update(owner=person())
    StudyRole.objects.create(study=study, user=person("grace"), role="researcher")
    totp, _ = with_factor(factories.user("grace"))
    come_in(client)
    address = "/panel/studies/tiny/register/"
    sent = {
        "seen": client.get(address).context["document"].sha256,
        "approver": "grace",
        "approver_password": WORD,
    }
    refused = client.post(address, sent)
    assert (refused.status_code, "second factor" in refused.content.decode()) == (409, True)
    assert client.post(address, sent | {"approver_code": "123"}).status_code == 409
    client.post(address, sent | {"approver_code": totp.now()})
    assert study.registrations.get().approved_by.username == "grace"


def test_the_command_resets_a_lost_factor_on_the_record(client: Client) -> None:
    user = person()
    totp, _ = with_factor(user)
    come_in(client)
    client.post("/panel/login/code/", {"code": totp.now()})
    out = StringIO()
    call_command("people", "reset-two-factor", "ada", stdout=out)
    assert client.get(STUDIES).status_code == 302
    assert come_in(client).url == STUDIES
    told = list(AccountEvent.objects.values_list("actor", "action"))
    assert ("system", "removed the second factor") in told
    call_command("people", "list", stdout=out)
    assert "ada\t-" in out.getvalue()


def test_the_log_of_accounts_takes_nothing_back() -> None:
    secondfactor.note(person(), None, "looked")
    for write in (
        lambda: AccountEvent.objects.update(action="x"),
        lambda: AccountEvent.objects.all().delete(),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            write()


def test_recovery_codes_are_renewed_for_a_fresh_code_only(client: Client) -> None:
    user = person()
    totp, old = with_factor(user)
    come_in(client)
    client.post("/panel/login/code/", {"code": old[0]})
    assert client.post("/panel/account/recovery/", {"code": old[1]}).status_code == 302
    new = client.post("/panel/account/recovery/", {"code": totp.now()}).context["codes"]
    assert not secondfactor.accepts(user, old[2])
    assert secondfactor.accepts(user, new[0])


def test_an_idle_session_ends_and_a_page_that_refreshes_itself_is_no_work(client: Client) -> None:
    study = factories.collecting()
    Study.objects.filter(pk=study.pk).update(owner=person())
    come_in(client)

    def idle(minutes: int) -> None:
        session = client.session
        session["heed_seen"] = timezone.now().timestamp() - 60 * minutes
        session.save()

    idle(100)
    address = "/panel/studies/tiny/monitor/"
    client.get(address, headers={"HX-Request": "true"})
    assert timezone.now().timestamp() - client.session["heed_seen"] > 5900
    client.get(address)
    assert timezone.now().timestamp() - client.session["heed_seen"] < 60
    idle(121)
    assert client.get(address, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert "next=" in client.get(address).url
    assert not SignIn.objects.filter(session_key=client.session.session_key).exists()


def test_a_session_ends_after_twelve_hours_however_busy(client: Client) -> None:
    person()
    come_in(client)
    assert abs(client.session.get_expiry_age() - 12 * 3600) < 60
    session = client.session
    session["_session_expiry"] = (timezone.now() - timedelta(seconds=1)).isoformat()
    session.save()
    assert client.get(STUDIES).status_code == 302


def test_ones_browsers_are_listed_and_all_signed_out() -> None:
    person(), person("eve")
    one, two, other = Client(HTTP_USER_AGENT="Firefox at home"), Client(), Client()
    for client, name in ((one, "ada"), (two, "ada"), (other, "eve")):
        come_in(client, name)
    text = two.get("/panel/account/").content.decode()
    assert "Firefox at home" in text
    assert "this one" in text
    assert two.post("/panel/account/sign-out-everywhere/").status_code == 302
    assert [c.get(STUDIES).status_code for c in (one, two, other)] == [302, 302, 200]


def test_a_new_password_signs_the_other_browsers_out() -> None:
    person()
    one, two = Client(), Client()
    come_in(one), come_in(two)
    new = {"old_password": WORD, "new_password1": "green tea at five", "new_password2": "green tea at five"}
    assert one.post("/panel/account/password/", new | {"new_password1": "short"}).status_code == 422
    assert one.post("/panel/account/password/", new | {"old_password": "wrong"}).status_code == 422
    assert one.post("/panel/account/password/", new).status_code == 302
    assert [c.get(STUDIES).status_code for c in (one, two)] == [200, 302]
    assert SignIn.objects.count() == 1

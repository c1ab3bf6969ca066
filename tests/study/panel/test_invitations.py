"""Invitations by e-mail: one link, one use, one week; resent, revoked, accepted by two clicks at once."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client
from django.utils import timezone

from study.accounts import invitations
from study.accounts.models import Invitation
from study.panel.models import StudyRole
from study.registration.errors import Refused
from study.registration.models import AuditEntry, Study
from tests import factories
from tests.concurrently import at_once

pytestmark = pytest.mark.django_db
ADDRESS = "/panel/studies/tiny/invitations/"
NEW = {"username": "grace", "password1": "green tea at five", "password2": "green tea at five"}


def invited(role: str = "analyst") -> tuple[Invitation, str]:
    """A sent invitation and its link's path."""
    study = Study.objects.filter(slug="tiny").first() or factories.collecting()
    Study.objects.filter(pk=study.pk).update(owner=factories.user("ada"))
    made = invitations.invite(
        study=study,
        email="Grace@Example.org",
        role=role,
        site="https://heed.example",
        by=factories.user("ada"),
    )
    invitations.deliver(made.pk)
    return made, link()


def link() -> str:
    found = re.search(r"https://heed\.example(/panel/invitation/\S+)", str(mail.outbox[-1].body))
    assert found
    return found.group(1)


def test_the_mail_goes_out_after_the_commit_to_a_worker(
    client: Client, django_capture_on_commit_callbacks: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from study.accounts.tasks import send_invitation

    asked: list[int] = []
    monkeypatch.setattr(send_invitation, "apply_async", lambda args, kwargs=None, **_: asked.append(args[0]))
    study = factories.collecting()
    Study.objects.filter(pk=study.pk).update(owner=factories.user("ada"))
    client.force_login(factories.user("ada"))
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(ADDRESS, {"email": "g@example.org", "role": "analyst"}).status_code == 302
    assert asked == [Invitation.objects.get().pk]
    assert not mail.outbox
    send_invitation.run(asked[0])
    send_invitation.run(asked[0])
    assert [m.to for m in mail.outbox] == [["g@example.org"]]
    assert Invitation.objects.get().sent_at


def test_the_invited_person_makes_an_account_and_is_in(client: Client) -> None:
    made, path = invited()
    assert client.get(path).status_code == 200
    assert client.post(path, NEW | {"password1": "short", "password2": "short"}).status_code == 422
    assert client.post(path, NEW | {"username": "ada"}).status_code == 422
    assert client.post(path, NEW).url == "/panel/studies/tiny/"
    assert client.get("/panel/studies/tiny/").status_code == 200
    assert StudyRole.objects.get().role == "analyst"
    assert get_user_model().objects.get(username="grace").email == "grace@example.org"
    assert client.get(path).status_code == 410
    told = list(AuditEntry.objects.values_list("actor", "action").order_by("number"))[-2:]
    assert told == [("ada", "invited"), ("grace", "accepted an invitation")]
    made.refresh_from_db()
    assert made.mark not in path


def test_somebody_with_an_account_accepts_as_themselves(client: Client) -> None:
    _made, path = invited()
    client.force_login(factories.user("eve"))
    assert "Accept as eve" in client.get(path).content.decode()
    assert client.post(path).status_code == 302
    assert StudyRole.objects.get().user.username == "eve"


def test_old_forged_revoked_and_replaced_links_open_nothing(client: Client) -> None:
    made, path = invited()
    invitations.resend(study=made.study, number=made.pk, by=factories.user("ada"))
    assert client.get(path).status_code == 410
    invitations.deliver(made.pk)
    newer = link()
    assert client.get(newer).status_code == 200
    assert client.get(newer[:-2] + ("a" if newer[-2] != "a" else "b") + "/").status_code == 410
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(newer).status_code == 410
    Invitation.objects.update(expires_at=timezone.now() + timedelta(days=1))
    invitations.revoke(study=made.study, number=made.pk, by=factories.user("ada"))
    assert client.post(newer, NEW).status_code == 410
    assert not StudyRole.objects.exists()
    with pytest.raises(Refused):
        invitations.resend(study=made.study, number=made.pk, by=None)


def test_an_address_is_invited_once_at_a_time(client: Client) -> None:
    made, _ = invited()
    with pytest.raises(Refused, match="already"):
        invited()
    client.force_login(factories.user("ada"))
    assert client.post(ADDRESS, {"email": "grace@example.org", "role": "owner"}).status_code == 422
    assert client.post(ADDRESS, {"email": "no address", "role": "owner"}).status_code == 422
    assert client.post(f"{ADDRESS}{made.pk}/revoke/").status_code == 302
    assert client.post(f"{ADDRESS}{made.pk}/explode/").status_code == 404
    assert client.post(ADDRESS, {"email": "grace@example.org", "role": "owner"}).status_code == 302


def test_an_invitation_of_another_study_is_not_changed_from_here() -> None:
    made, _ = invited()
    other = factories.draft(slug="other")
    with pytest.raises(Refused):
        invitations.revoke(study=other, number=made.pk, by=None)


@pytest.mark.django_db(transaction=True)
def test_of_ten_clicks_at_once_one_makes_the_account() -> None:
    _made, path = invited()
    token = path.split("/")[-2]
    names = [f"grace{n}" for n in range(10)]
    results = at_once(
        [
            (lambda n=n: invitations.accept(token=token, username=n, password="green tea at five"))
            for n in names
        ]
    )
    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert sum(isinstance(result, Refused) for result in results) == 9
    assert get_user_model().objects.filter(username__startswith="grace").count() == 1
    assert StudyRole.objects.count() == 1


def test_a_mail_that_does_not_go_says_so_and_goes_later(settings: Any, tmp_path: Path) -> None:
    made, _ = invited()
    Invitation.objects.update(sent_at=None, sending_at=None)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", 9, 2
    with pytest.raises(OSError):
        invitations.deliver(made.pk)
    assert "Refused" in Invitation.objects.get().problem
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    invitations.deliver(made.pk)
    assert "/panel/invitation/" in next(tmp_path.iterdir()).read_text()
    assert Invitation.objects.get().problem == ""


def test_a_title_does_not_forge_a_header() -> None:
    study = factories.collecting()
    Study.objects.filter(pk=study.pk).update(title="A\nBcc: all@example.org")
    made, _ = invited()
    assert mail.outbox[-1].subject == "Invitation to A Bcc: all@example.org"
    assert made.sent_at is None

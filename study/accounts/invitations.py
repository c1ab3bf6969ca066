"""Invitations by e-mail: a signed link that works once, for a week, and for the newest mail only."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core import signing
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from study.accounts import tasks
from study.accounts.models import Invitation
from study.panel.models import StudyRole
from study.registration.actions import name_of
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.models import Study
from study.waking import refuse, wake

LASTS = timedelta(days=7)
TAKEN_FOR = timedelta(minutes=2)  # then a mail whose worker died is taken by another
MOST_OPEN = 100  # invitations of one study
SALT = "heed.invitation"


@transaction.atomic
def invite(*, study: Study, email: str, role: str, site: str, by: Any) -> Invitation:
    """Offer a role to an address; the mail goes out after the commit.

    Raises Refused for an unknown role, an address that is invited already, or too many open invitations.
    """
    if role not in StudyRole.Role.values:
        raise Refused("Choose one of the roles.")
    if open_ones(study).count() >= MOST_OPEN:
        raise Refused("Too many invitations are open. Revoke some first.")
    expires = timezone.now() + LASTS
    try:
        with transaction.atomic():
            made = Invitation.objects.create(
                study=study, email=email.strip().lower(), role=role, site=site, by=by, expires_at=expires
            )
    except IntegrityError:
        raise Refused(f"{email} is invited already: send that invitation again, or revoke it.") from None
    audit(study, name_of(by), "invited", {"email": made.email, "role": role})
    wake(tasks.send_invitation, made.pk, lost=partial(_not_sent, made.pk))
    return made


def open_ones(study: Study) -> QuerySet[Invitation]:
    """Neither accepted nor revoked."""
    return Invitation.objects.filter(study=study, accepted_at=None, revoked_at=None)


@transaction.atomic
def resend(*, study: Study, number: int, by: Any) -> None:
    """A new mail with a new link and a new week; the old link is void. Raises Refused."""
    held = open_ones(study).filter(pk=number)
    changes = {
        "mark": "",
        "sending_at": None,
        "sent_at": None,
        "problem": "",
        "expires_at": timezone.now() + LASTS,
    }
    if not held.update(**changes):
        raise Refused("That invitation is not open any more.")
    audit(study, name_of(by), "invited again", {"email": held.get().email})
    wake(tasks.send_invitation, number, lost=partial(_not_sent, number))


def _not_sent(number: int, why: str) -> None:
    """The row says why no mail went, and so does the page."""
    Invitation.objects.filter(pk=number, sent_at=None).update(problem=why)
    refuse(f"The invitation is kept, its mail did not go. {why}")


@transaction.atomic
def revoke(*, study: Study, number: int, by: Any) -> None:
    """The link stops working. Raises Refused if it was accepted or revoked."""
    if not open_ones(study).filter(pk=number).update(revoked_at=timezone.now()):
        raise Refused("That invitation is not open any more.")
    audit(study, name_of(by), "revoked an invitation", {"email": Invitation.objects.get(pk=number).email})


def deliver(number: int) -> None:
    """Send the mail of an invitation that waits for it. Safe to run twice; no transaction is open meanwhile.

    The secret exists in the mail alone: neither the database nor the broker holds it. Raises OSError (also for SMTP).
    """
    secret, now = secrets.token_urlsafe(24), timezone.now()
    waiting = Q(sending_at=None) | Q(sending_at__lt=now - TAKEN_FOR)
    mine = Invitation.objects.filter(pk=number, sent_at=None, accepted_at=None, revoked_at=None)
    if not mine.filter(waiting).update(sending_at=now, mark=_mark(secret)):
        return
    held = Invitation.objects.select_related("study", "by").get(pk=number)
    try:
        send_mail(f"Invitation to {one_line(held.study.title)}", _words(held, secret), None, [held.email])
    except OSError as error:
        mine.filter(sending_at=now).update(sending_at=None, problem=f"{type(error).__name__}: {error}"[:200])
        raise
    mine.filter(sending_at=now).update(sent_at=timezone.now(), problem="")


def one_line(text: str) -> str:
    """A title as a mail's subject may hold it."""
    return " ".join(text.split())[:150]


def _words(held: Invitation, secret: str) -> str:
    link = held.site + reverse("panel:invitation", args=[signing.dumps([held.pk, secret], salt=SALT)])
    who = held.by.get_username() if held.by else "A colleague"
    title, until = one_line(held.study.title), f"{held.expires_at:%d %B %Y, %H:%M} UTC"
    return (
        f"{who} invites you to the study\n\n    {title}\n\nas {held.role}. Open this link to accept:\n\n{link}\n\n"
        f"It works once, until {until}. If you did not expect this, do nothing.\n"
    )


def found(token: str) -> Invitation | None:
    """The open invitation of a link, or None for any link that is forged, old, used or revoked."""
    try:
        number, secret = signing.loads(token, salt=SALT, max_age=LASTS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    held = Invitation.objects.select_related("study", "by").filter(pk=number, mark=_mark(str(secret)))
    return held.filter(accepted_at=None, revoked_at=None, expires_at__gt=timezone.now()).first()


@transaction.atomic
def accept(*, token: str, user: Any = None, username: str = "", password: str = "") -> Any:
    """Give the role to `user`, or to a new user of that name. Returns the user.

    Of two clicks at once one wins, by a single guarded UPDATE. Raises Refused.
    """
    held = found(token)
    if held is None:
        raise Refused("This link does not work any more: it was used, revoked, replaced or is too old.")
    if user is None:
        user = _new_user(username, held.email, password)
    if user.pk == held.study.owner_id:
        raise Refused("You own the study already.")
    mine = Invitation.objects.filter(pk=held.pk, mark=held.mark, accepted_at=None, revoked_at=None)
    if not mine.update(accepted_at=timezone.now(), accepted_by=user):
        raise Refused("This link was used a moment ago.")
    StudyRole.objects.update_or_create(study=held.study, user=user, defaults={"role": held.role})
    audit(held.study, user.get_username(), "accepted an invitation", {"email": held.email, "role": held.role})
    return user


def _new_user(username: str, email: str, password: str) -> Any:
    try:
        with transaction.atomic():
            return get_user_model().objects.create_user(username, email, password)
    except IntegrityError:
        raise Refused("That name is taken. If it is yours, sign in first.") from None


def _mark(secret: str) -> str:
    return hashlib.sha256(f"{settings.SECRET_KEY}\n{secret}".encode()).hexdigest()

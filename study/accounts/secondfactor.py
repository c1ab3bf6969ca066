"""The second factor: set up with a confirming code, asked for at every sign-in, no code accepted twice."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Any

import pyotp
from cryptography.fernet import Fernet
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from study.accounts.models import AccountEvent, RecoveryCode, SecondFactor
from study.panel.models import StudyRole
from study.registration.errors import Refused
from study.registration.models import Study

STEP = 30  # seconds that a code holds
DRIFT = 1  # steps before and after now that are accepted too, for clocks that are off
HOW_MANY = 10
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"


def factor_of(user: Any) -> SecondFactor | None:
    """The user's confirmed second factor. One query."""
    return SecondFactor.objects.filter(user=user, confirmed_at__isnull=False).first()


def is_required(user: Any) -> bool:
    """Must this user have a second factor (`HEED_REQUIRE_TOTP`)? Superusers count as owners. At most two queries."""
    wanted = set(settings.HEED_REQUIRE_TOTP)
    if not wanted:
        return False
    if "all" in wanted:
        return True
    owns = user.is_superuser or Study.objects.filter(owner=user).exists()
    return ("owner" in wanted and owns) or StudyRole.objects.filter(user=user, role__in=wanted).exists()


def begin(user: Any) -> str:
    """A new secret to scan (base32), kept until it is confirmed; the same one again while it waits for its code.

    Raises Refused if the user has a second factor already.
    """
    new = SecondFactor(user=user, sealed=_box().encrypt(pyotp.random_base32().encode()))
    SecondFactor.objects.bulk_create([new], ignore_conflicts=True)
    stale = Q(confirmed_at=None, begun_at__lt=timezone.now() - timedelta(hours=1))
    SecondFactor.objects.filter(stale, user=user).update(sealed=new.sealed, begun_at=timezone.now())
    held = SecondFactor.objects.get(user=user)
    if held.confirmed_at is not None:
        raise Refused("You have a second factor already.")
    return _secret(held)


def provisioning_uri(user: Any, secret: str) -> str:
    """What the QR code says, for any authenticator app."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.get_username(), issuer_name="Heed")


@transaction.atomic
def confirm(user: Any, code: str) -> list[str]:
    """Turn the second factor on with a first code; returns the recovery codes, which are never shown again.

    Raises Refused for a wrong code or without a factor that waits.
    """
    held = SecondFactor.objects.select_for_update().filter(user=user, confirmed_at=None).first()
    if held is None or not _accept_step(held, code):
        raise Refused("That code does not fit. Codes change every half a minute.")
    SecondFactor.objects.filter(pk=held.pk).update(confirmed_at=timezone.now())
    note(user, user, "turned on the second factor")
    return _new_codes(held)


def accepts(user: Any, code: str) -> bool:
    """Is this a fresh code of the user's device, or a recovery code that was not used? Each is used up by this."""
    held = factor_of(user)
    if held is None:
        return False
    return _accept_step(held, code) or _accept_recovery(held, code)


@transaction.atomic
def renew_recovery_codes(user: Any, code: str) -> list[str]:
    """New recovery codes in place of all old ones. Raises Refused for a wrong code."""
    held = SecondFactor.objects.select_for_update().filter(user=user, confirmed_at__isnull=False).first()
    if held is None or not _accept_step(held, code):
        raise Refused("That code does not fit. It must be a new one from your device.")
    note(user, user, "made new recovery codes")
    return _new_codes(held)


@transaction.atomic
def remove(user: Any, *, by: Any = None) -> bool:
    """Take the second factor away; False if there was none. `by` None: from the command line."""
    gone, _ = SecondFactor.objects.filter(user=user).delete()
    if gone:
        note(user, by, "removed the second factor")
    return bool(gone)


def note(user: Any, by: Any, action: str) -> None:
    """One line in the log of accounts, in the caller's transaction."""
    AccountEvent.objects.create(user=user, actor=by.get_username() if by else "system", action=action)


def _accept_step(held: SecondFactor, code: str) -> bool:
    """One guarded UPDATE, so that of two requests with the same code only one is let in."""
    totp, now = pyotp.TOTP(_secret(held)), int(timezone.now().timestamp()) // STEP
    given = "".join(code.split())
    for step in range(now - DRIFT, now + DRIFT + 1):
        if hmac.compare_digest(totp.at(step * STEP).encode(), given.encode()):
            fresh = SecondFactor.objects.filter(pk=held.pk, sealed=held.sealed, last_step__lt=step)
            return fresh.update(last_step=step) == 1
    return False


def _accept_recovery(held: SecondFactor, code: str) -> bool:
    unused = held.recovery_codes.filter(mark=_mark(code), used_at=None)
    if unused.update(used_at=timezone.now()) != 1:
        return False
    note(held.user, held.user, "used a recovery code")
    return True


def _new_codes(held: SecondFactor) -> list[str]:
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(12)) for _ in range(HOW_MANY)]
    held.recovery_codes.all().delete()
    RecoveryCode.objects.bulk_create([RecoveryCode(factor=held, mark=_mark(code)) for code in codes])
    return ["-".join((code[:4], code[4:8], code[8:])) for code in codes]


def _mark(code: str) -> str:
    plain = "".join(code.lower().replace("-", "").split())
    return hmac.new(_key("recovery"), plain.encode(), hashlib.sha256).hexdigest()


def _secret(held: SecondFactor) -> str:
    return _box().decrypt(bytes(held.sealed)).decode()


def _box() -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_key("seal")))


def _key(purpose: str) -> bytes:
    return hmac.new(
        settings.SECRET_KEY.encode(), f"heed.second-factor.{purpose}".encode(), hashlib.sha256
    ).digest()

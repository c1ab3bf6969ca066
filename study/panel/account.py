"""One's own account: second factor, recovery codes, password, and the browsers one is signed in with."""

from __future__ import annotations

from typing import Any

import segno
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from study.accounts import secondfactor, sessions
from study.accounts.models import AccountEvent
from study.panel.access import visitor
from study.panel.signing_in import LOCKED, checked_code, is_locked, note_failure
from study.registration.errors import Refused

GET_POST = ["GET", "HEAD", "POST"]


@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """What there is, with the ways to change it."""
    user = visitor(request)
    factor = secondfactor.factor_of(user)
    return render(
        request,
        "panel/account.html",
        {
            "factor": factor,
            "required": secondfactor.is_required(user),
            "unused": factor.recovery_codes.filter(used_at=None).count() if factor else 0,
            "sign_ins": sessions.sign_ins_of(user)[:50],
            "here": request.session.session_key,
            "events": AccountEvent.objects.filter(user=user)[:20],
        },
    )


@require_http_methods(GET_POST)
def two_factor(request: HttpRequest) -> HttpResponse:
    """Set up: the secret as a picture and as text, then a first code; the recovery codes are shown once."""
    user = visitor(request)
    try:
        secret = secondfactor.begin(user)
    except Refused as refusal:
        messages.info(request, str(refusal))
        return redirect("panel:account")
    problems: list[str] = []
    status = 200
    if request.method == "POST":
        try:
            codes = _limited(request, lambda code: secondfactor.confirm(user, code))
            request.session[sessions.PROVEN] = True
            sessions.sign_out_everywhere(user, but=request.session.session_key, by=user)
            return render(request, "panel/recovery.html", {"codes": codes})
        except Refused as refusal:
            problems, status = refusal.problems, 422
    picture = segno.make(secondfactor.provisioning_uri(user, secret), error="m")
    context = {"secret": secret, "picture": picture.svg_data_uri(scale=5, border=4), "problems": problems}
    return render(request, "panel/two_factor.html", context, status=status)


def _limited(request: HttpRequest, ask: Any) -> list[str]:
    """What `ask` returns for the posted code; wrong codes are counted as at the sign-in. Raises Refused."""
    guessed = f"code of {visitor(request).pk}"
    if is_locked(request, guessed):
        raise Refused(LOCKED)
    try:
        codes: list[str] = ask(request.POST.get("code", ""))
    except Refused:
        note_failure(request, guessed)
        raise
    return codes


@require_POST
def recovery(request: HttpRequest) -> HttpResponse:
    """New recovery codes in place of the old ones, for a fresh code of the device."""
    try:
        codes = _limited(request, lambda code: secondfactor.renew_recovery_codes(visitor(request), code))
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("panel:account")
    return render(request, "panel/recovery.html", {"codes": codes})


@require_POST
def turn_off(request: HttpRequest) -> HttpResponse:
    """Take the second factor away, for a last code; not where it is required."""
    user = visitor(request)
    try:
        if secondfactor.is_required(user):
            raise Refused("Your role needs a second factor. To change the device, ask an owner to reset it.")
        if not checked_code(request, user, request.POST.get("code", "")):
            raise Refused("That code does not fit, or it was used before.")
        secondfactor.remove(user, by=user)
        request.session[sessions.PROVEN] = False
        messages.success(request, "The second factor is off.")
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("panel:account")


@sensitive_post_parameters()
@require_http_methods(GET_POST)
def password(request: HttpRequest) -> HttpResponse:
    """A new password; every other browser is signed out."""
    user = visitor(request)
    if request.method == "POST" and is_locked(request, user.get_username()):
        context = {"form": PasswordChangeForm(user), "problems": [LOCKED]}
        return render(request, "panel/password.html", context, status=429)
    form = PasswordChangeForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        update_session_auth_hash(request, user)
        request.session.save()
        sessions.remember(request, user)
        secondfactor.note(user, user, "changed the password")
        sessions.sign_out_everywhere(user, but=request.session.session_key, by=user)
        messages.success(request, "The password is changed; other browsers are signed out.")
        return redirect("panel:account")
    if "old_password" in form.errors:
        note_failure(request, user.get_username())
    return render(request, "panel/password.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End every session of one's own, this one too."""
    sessions.sign_out_everywhere(visitor(request), by=visitor(request))
    request.session.flush()
    return redirect("panel:login")

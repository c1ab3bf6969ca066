"""Signing in and out, with a limit on wrong guesses; and the second person who approves at the same desk."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.http import require_http_methods

from study.accounts import secondfactor, sessions
from study.panel.access import RIGHTS, Right, Seen, role_of
from study.panel.models import FailedLogin
from study.registration.errors import Refused

WINDOW = timedelta(minutes=15)
MOST_BY_NAME, MOST_BY_ADDRESS = 10, 60
LOCKED = "Too many wrong guesses. Wait a quarter of an hour, then try again."


def is_locked(request: HttpRequest, name: str) -> bool:
    """Were there too many wrong guesses at this name, or from this address, in the last quarter of an hour?"""
    recent = FailedLogin.objects.filter(at__gt=timezone.now() - WINDOW)
    return (
        recent.filter(name=_mark(name)).count() >= MOST_BY_NAME
        or recent.filter(address=request.META.get("REMOTE_ADDR") or None).count() >= MOST_BY_ADDRESS
    )


def note_failure(request: HttpRequest, name: str) -> None:
    """Count a wrong guess; older ones are forgotten."""
    FailedLogin.objects.filter(at__lt=timezone.now() - 4 * WINDOW).delete()
    FailedLogin.objects.create(name=_mark(name), address=request.META.get("REMOTE_ADDR") or None)


def _mark(name: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), name.strip().lower().encode(), hashlib.sha256).hexdigest()


def checked_code(request: HttpRequest, user: Any, code: str) -> bool:
    """Does the code prove the user's second factor? Wrong ones count apart from wrong passwords.

    Raises Refused after too many.
    """
    guessed = f"code of {user.pk}"
    if is_locked(request, guessed):
        raise Refused(LOCKED)
    if secondfactor.accepts(user, code):
        FailedLogin.objects.filter(name=_mark(guessed)).delete()
        return True
    note_failure(request, guessed)
    return False


def checked_password(request: HttpRequest, name: str, password: str) -> Any:
    """The user of that name and password, or None; wrong guesses are counted. Raises Refused after too many."""
    if is_locked(request, name):
        raise Refused(LOCKED)
    user = authenticate(request, username=name, password=password)
    if user is None:
        note_failure(request, name)
    return user


class Login(LoginView):
    """The way in: name and password, then the code of whoever has a second factor."""

    template_name = "panel/login.html"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_locked(request, request.POST.get("username", "")):
            form = self.get_form_class()(request)
            return self.render_to_response(self.get_context_data(form=form, locked=True), status=429)
        return super().post(request, *args, **kwargs)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        note_failure(self.request, self.request.POST.get("username", ""))
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        FailedLogin.objects.filter(name=_mark(form.get_user().get_username())).delete()
        return welcome(self.request, form.get_user(), self.get_success_url())


def welcome(request: HttpRequest, user: Any, after: str) -> HttpResponse:
    """Sign in whoever gave the right password, or ask for the code of their second factor first."""
    if secondfactor.factor_of(user) is None:
        sessions.sign_in(request, user, proven=False)
        return HttpResponseRedirect(after)
    sessions.hold_pending(request, user)
    return HttpResponseRedirect(f"{reverse('panel:code')}?{urlencode({'next': after})}")


@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """The second step: a code of the device, or one recovery code."""
    user = sessions.pending(request)
    if user is None:
        return redirect("panel:login")
    problems, status = [], 200
    if request.method == "POST":
        try:
            if checked_code(request, user, request.POST.get("code", "")):
                sessions.sign_in(request, user, proven=True)
                return HttpResponseRedirect(_safe_next(request))
            problems, status = ["That code does not fit, or it was used before."], 422
        except Refused as refusal:
            problems, status = refusal.problems, 429
    context = {"problems": problems, "next": request.GET.get("next", ""), "name": user.get_username()}
    return render(request, "panel/code.html", context, status=status)


def _safe_next(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next", "")
    fine = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if wanted and fine else resolve_url(settings.LOGIN_REDIRECT_URL)


def records_door(request: HttpRequest) -> HttpResponseBase:
    """The admin's own sign-in would not count wrong guesses nor ask for a code: everybody comes in by the panel's."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next", reverse("admin:index")), reverse("panel:login"))


def second_person(request: HttpRequest, seen: Seen, right: Right) -> Any:
    """The colleague who approves by signing in on the form (`approver`, `approver_password`, and `approver_code` of
    whoever has a second factor); None if left empty.

    Raises Refused for a wrong password or code, a role without the right, too many guesses, or the visitor again.
    """
    name, password = request.POST.get("approver", "").strip(), request.POST.get("approver_password", "")
    if not name and not password:
        return None
    user = checked_password(request, name, password)
    if user is None:
        raise Refused("The second person's name or password is wrong.")
    if user == request.user:
        raise Refused("The second person must be somebody else.")
    role = role_of(user, seen.study)
    if not role or right not in RIGHTS[role]:
        raise Refused(f"{name} may not approve this: their role in the study does not allow it.")
    _prove_second_person(request, user, request.POST.get("approver_code", ""))
    return user


def _prove_second_person(request: HttpRequest, user: Any, given: str) -> None:
    """The code last of all: a form that is refused for another reason does not use it up."""
    name = user.get_username()
    if secondfactor.factor_of(user) is None:
        if secondfactor.is_required(user):
            raise Refused(f"{name} must set up their second factor before they can approve.")
        return
    if not checked_code(request, user, given):
        raise Refused(f"The code of {name}'s second factor is missing, wrong or used.")

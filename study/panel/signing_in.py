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
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from study.panel.access import RIGHTS, Right, Seen, role_of
from study.panel.models import FailedLogin
from study.registration.errors import Refused

WINDOW = timedelta(minutes=15)
MOST_BY_NAME, MOST_BY_ADDRESS = 10, 60
LONGEST = timedelta(hours=12)  # then somebody signs in again


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


class Login(LoginView):
    """The way in."""

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
        answer = super().form_valid(form)
        self.request.session.set_expiry(LONGEST)
        return answer


def records_door(request: HttpRequest) -> HttpResponseBase:
    """The admin's own sign-in would not count wrong guesses: everybody comes in by the panel's."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next", reverse("admin:index")), reverse("panel:login"))


def second_person(request: HttpRequest, seen: Seen, right: Right) -> Any:
    """The colleague who approves by signing in on the form (`approver`, `approver_password`); None if left empty.

    Raises Refused for a wrong password, a role without the right, too many guesses, or the visitor again.
    """
    name, password = request.POST.get("approver", "").strip(), request.POST.get("approver_password", "")
    if not name and not password:
        return None
    if is_locked(request, name):
        raise Refused("Too many wrong passwords. Wait a quarter of an hour.")
    user = authenticate(request, username=name, password=password)
    if user is None:
        note_failure(request, name)
        raise Refused("The second person's name or password is wrong.")
    if user == request.user:
        raise Refused("The second person must be somebody else.")
    role = role_of(user, seen.study)
    if not role or right not in RIGHTS[role]:
        raise Refused(f"{name} may not approve this: their role in the study does not allow it.")
    return user

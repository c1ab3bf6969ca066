"""How long somebody stays signed in, and with which browsers: an idle limit, an absolute limit, out everywhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.models import Session as BrowserSession
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from study.accounts.models import SignIn
from study.accounts.secondfactor import factor_of, is_required, note

LONGEST = timedelta(hours=12)  # then somebody signs in again, however busy they are
A_MINUTE = timedelta(minutes=1)
SEEN, PROVEN, PENDING = "heed_seen", "heed_second_factor", "heed_pending"
PENDING_FOR = timedelta(minutes=10)


def sign_in(request: HttpRequest, user: Any, *, proven: bool) -> None:
    """Begin a session. `proven`: the second factor was shown too."""
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.set_expiry(timezone.now() + LONGEST)
    request.session[SEEN] = timezone.now().timestamp()
    request.session[PROVEN] = proven
    request.session.save()
    remember(request, user)


def remember(request: HttpRequest, user: Any) -> None:
    """Put the browser on the user's list; those whose sessions ended go from it."""
    living = BrowserSession.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    SignIn.objects.filter(user=user).exclude(session_key__in=living).delete()
    told = {
        "user": user,
        "browser": request.headers.get("User-Agent", "")[:200],
        "address": request.META.get("REMOTE_ADDR") or None,
    }
    SignIn.objects.update_or_create(session_key=request.session.session_key, defaults=told)


def sign_ins_of(user: Any) -> QuerySet[SignIn]:
    """The user's browsers whose sessions live. One query."""
    living = BrowserSession.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    return SignIn.objects.filter(user=user, session_key__in=living)


@transaction.atomic
def sign_out_everywhere(user: Any, *, but: str | None = None, by: Any) -> int:
    """End every session of the user (`but` names one that stays). Returns how many ended."""
    mine = SignIn.objects.filter(user=user).exclude(session_key=but or "")
    ended, _ = BrowserSession.objects.filter(session_key__in=mine.values("session_key")).delete()
    mine.delete()
    note(user, by, "signed out everywhere else" if but else "signed out everywhere")
    return ended


def hold_pending(request: HttpRequest, user: Any) -> None:
    """The password was right; the code is still due. Nobody is signed in meanwhile."""
    request.session.cycle_key()
    request.session[PENDING] = {
        "user": user.pk,
        "hash": user.get_session_auth_hash(),
        "at": timezone.now().timestamp(),
    }


def pending(request: HttpRequest) -> Any:
    """Whose code is due in this browser, or None; ten minutes, and only while their password is the same."""
    from django.contrib.auth import get_user_model

    held = request.session.get(PENDING)
    if not held or timezone.now().timestamp() - held["at"] > PENDING_FOR.total_seconds():
        return None
    user = get_user_model().objects.filter(pk=held["user"], is_active=True).first()
    return user if user is not None and user.get_session_auth_hash() == held["hash"] else None


Answer = Callable[[HttpRequest], HttpResponseBase]


def limits(get_response: Answer) -> Answer:
    """Middleware of the panel: the idle limit, and the way to the second factor for whoever must have one.

    A page that refreshes itself (a GET by htmx) is not somebody at work. Writes at most once a minute.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith("/panel/") and request.user.is_authenticated:
            stopped = _idle(request) or _unproven(request)
            if stopped is not None:
                return stopped
        return get_response(request)

    return answer


def _idle(request: HttpRequest) -> HttpResponseBase | None:
    now = timezone.now()
    seen = request.session.get(SEEN, now.timestamp() - 2 * A_MINUTE.total_seconds())
    gone = now.timestamp() - seen
    if gone > 60 * settings.HEED_IDLE_MINUTES:
        logout(request)
        messages.info(request, f"Signed out after {settings.HEED_IDLE_MINUTES} minutes without work.")
        return _elsewhere(request, redirect_to_login(request.get_full_path(), reverse("panel:login")))
    at_work = request.method == "POST" or "HX-Request" not in request.headers
    if at_work and gone >= A_MINUTE.total_seconds():
        request.session[SEEN] = now.timestamp()
        SignIn.objects.filter(session_key=request.session.session_key).update(seen_at=now)
    return None


def _unproven(request: HttpRequest) -> HttpResponseBase | None:
    """Nobody who must have a second factor gets past the page that sets it up."""
    open_names = ("panel:two-factor", "panel:logout", "panel:login")
    if not settings.HEED_REQUIRE_TOTP or request.session.get(PROVEN):
        return None
    if request.path in {reverse(name) for name in open_names} or not is_required(request.user):
        return None
    if factor_of(request.user) is not None:
        logout(request)
        return _elsewhere(request, redirect_to_login(request.get_full_path(), reverse("panel:login")))
    return _elsewhere(request, HttpResponseRedirect(reverse("panel:two-factor")))


def _elsewhere(request: HttpRequest, redirect: HttpResponseBase) -> HttpResponseBase:
    """To htmx, a whole new page instead of a sign-in form inside the old one."""
    if "HX-Request" not in request.headers:
        return redirect
    from django_htmx.http import HttpResponseClientRefresh

    return HttpResponseClientRefresh()

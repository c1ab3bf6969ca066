"""The page behind an invitation's link, and an owner's list of invitations."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import BaseUserCreationForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from study.accounts import invitations, sessions
from study.panel.access import Right, study_for, visitor
from study.panel.frame import page
from study.panel.models import StudyRole
from study.registration.errors import Refused


class Offer(forms.Form):
    """Whom to invite, as what."""

    email = forms.EmailField(max_length=254, label="E-mail address")
    role = forms.ChoiceField(choices=StudyRole.Role.choices, label="Role")


class NewAccount(BaseUserCreationForm):  # type: ignore[type-arg]
    """A user name and a password, held against the validators."""

    class Meta:
        model = get_user_model()
        fields = ("username",)


@require_http_methods(["GET", "HEAD", "POST"])
def invitations_of(request: HttpRequest, slug: str) -> HttpResponse:
    """Open and settled invitations; POST invites an address."""
    seen = study_for(request, slug, Right.SHARE)
    form = Offer(request.POST or None)
    problems: list[str] = []
    if request.method == "POST" and form.is_valid():
        try:
            site = request.build_absolute_uri("/").rstrip("/")
            made = invitations.invite(study=seen.study, site=site, by=visitor(request), **form.cleaned_data)
            messages.success(request, f"{made.email} is invited; the mail is on its way.")
            return redirect("panel:invitations", slug=slug)
        except Refused as refusal:
            problems = refusal.problems
    problems += [str(error) for errors in form.errors.values() for error in errors]
    listed = seen.study.invitations.select_related("accepted_by")[:200]
    context = {"listed": listed, "form": form, "problems": problems, "roles": StudyRole.Role.choices}
    return page(request, "panel/invitations.html", seen, "people", status=422 if problems else 200, **context)


@require_POST
def change_invitation(request: HttpRequest, slug: str, number: int, name: str) -> HttpResponse:
    """Send an invitation again (`resend`), or take it back (`revoke`)."""
    seen = study_for(request, slug, Right.SHARE)
    change = {"resend": invitations.resend, "revoke": invitations.revoke}.get(name)
    if change is None:
        raise Http404
    try:
        change(study=seen.study, number=number, by=visitor(request))
        messages.success(request, "Sent again." if name == "resend" else "Revoked: the link works no more.")
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("panel:invitations", slug=slug)


@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Accept as whoever is signed in, or make an account. A look at the page (a mail scanner's) changes nothing."""
    held = invitations.found(token)
    if held is None:
        return render(request, "panel/invitation.html", {"gone": True}, status=410)
    known = request.user.is_authenticated
    form = NewAccount(request.POST or None) if not known else None
    problems: list[str] = []
    if request.method == "POST" and (form is None or form.is_valid()):
        try:
            return _accepted(request, token, held, form)
        except Refused as refusal:
            problems = refusal.problems
    elif form is not None:
        problems = [str(error) for errors in form.errors.values() for error in errors]
    login = f"{reverse('panel:login')}?next={request.path}"
    context = {"held": held, "known": known, "form": form, "problems": problems, "login": login}
    return render(request, "panel/invitation.html", context, status=422 if problems else 200)


def _accepted(request: HttpRequest, token: str, held: Any, form: Any) -> HttpResponse:
    if form is None:
        invitations.accept(token=token, user=visitor(request))
    else:
        given = form.cleaned_data
        user = invitations.accept(token=token, username=given["username"], password=given["password1"])
        sessions.sign_in(request, user, proven=False)
    messages.success(request, f"You are {held.role} of this study now.")
    return redirect("panel:study", slug=held.study.slug)

"""Error pages that say what happened and what to do next, never how the program failed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

PANEL = "/panel/"
NOT_OPEN = {
    "what": "This page is not open to you",
    "why": "Your role in this study does not allow it. An owner of the study can give you another one.",
}
MISSING = {
    "what": "There is no such page",
    "why": "The address may be incomplete, or it leads to a study in which you have no role.",
}
LAST_RESORT = """<!DOCTYPE html><html lang="en"><title>Something went wrong</title>
<h1>Something went wrong on our side</h1>
<p>Whatever was accepted before is safe. Load the page again in a moment.</p>"""


def in_panel(request: HttpRequest) -> bool:
    """Does somebody who is signed in ask for a page of the panel? They are told so in its frame, with a way back."""
    user = getattr(request, "user", None)
    return request.path.startswith(PANEL) and user is not None and user.is_authenticated


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return render(request, "400.html", status=400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if in_panel(request):
        return render(request, "panel/refusal.html", NOT_OPEN, status=403)
    return render(request, "403.html", status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's token is missing or old: nothing was stored, loading the page again gives a new one."""
    return render(request, "403_csrf.html", status=403)


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if in_panel(request):
        return render(request, "panel/refusal.html", MISSING, status=404)
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """The page of last resort: it must come even where the template or its style sheet is what failed."""
    try:
        return render(request, "500.html", status=500)
    except Exception:  # whatever it was, the first failure is in the log already
        return HttpResponse(LAST_RESORT, status=500)

"""Two ways to the words of one call: as they come, and when they are all there.

Who holds the signed token of a call may read its answer; a page puts it into its own HTML and nowhere else.
"""

from __future__ import annotations

import uuid

from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from llm import calls, streams
from llm.models import Call
from llm.tokens import read

FRAMED = "default-src 'self'; frame-ancestors 'self'; base-uri 'none'; object-src 'none'"


@require_GET
async def events(request: HttpRequest, token: str) -> HttpResponseBase:
    """The words as server-sent events; `Last-Event-ID` (or ?after=) resumes after what was already read.

    406 for whoever does not accept an event stream: the web server leads such a request to where none can be answered.
    """
    call_id = _call_id(token)
    if not await Call.objects.filter(pk=call_id).aexists():
        raise Http404
    if "text/event-stream" not in request.headers.get("Accept", ""):
        return HttpResponse("These are server-sent events: accept text/event-stream.", status=406)
    last = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    response = StreamingHttpResponse(
        streams.events(call_id, calls.look, last), content_type="text/event-stream; charset=utf-8"
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


@require_GET
@xframe_options_sameorigin
def text(request: HttpRequest, token: str) -> HttpResponse:
    """A page with the finished text; it reloads itself every two seconds until there is one."""
    try:
        call = calls.settled(_call_id(token))
    except Call.DoesNotExist as error:
        raise Http404 from error
    response = render(request, "llm/text.html", {"call": call})
    response.headers["Content-Security-Policy"] = FRAMED
    response.headers["Cache-Control"] = "no-store"
    return response


def _call_id(token: str) -> uuid.UUID:
    try:
        return read(token)
    except signing.BadSignature as error:
        raise Http404 from error

"""The participant's pages: fetch, validate, one action, redirect."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from study.registration.models import Study
from study.session import actions, copies, ending, links, traces
from study.session.entry import BadLink, arrival, interface_language, language_of
from study.session.forms import PageForm
from study.session.models import Session
from study.session.visit import Visit
from study.session.walks import protocol_of_study

COOKIE_SECONDS = 60 * 60 * 24 * 30


@never_cache
@require_GET
def join(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Someone arrives by the study's link; the same person comes back to the same page."""
    study = get_object_or_404(Study, slug=slug)
    protocol = protocol_of_study(study)
    try:
        who = arrival(request, protocol)
    except BadLink as problem:
        return notice(request, "bad_link", status=400, message=str(problem))
    cookie = f"heed-{study.slug}"
    token = request.COOKIES.get(cookie, "")
    if not who.person and token and Session.objects.filter(token=token, study=study).exists():
        return redirect("session:walk", token=token)
    try:
        session = actions.enter(
            study=study, language=language_of(request, protocol), person=who.person, panel_ids=who.panel_ids
        )
    except actions.NotOpen as problem:
        return not_open(request, problem.state)
    answer = redirect("session:walk", token=session.token)
    if not who.person:
        answer.set_cookie(
            cookie,
            session.token,
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure(),
        )
    return answer


@never_cache
@require_GET
def preview(request: HttpRequest, slug: str, arm: str) -> HttpResponseBase:
    """Walk one arm outside all counts. The link is signed, so that no participant can choose an arm by its address."""
    study = get_object_or_404(Study, slug=slug)
    if not links.is_preview(slug, arm, request.GET.get("key", "")):
        raise Http404
    protocol = protocol_of_study(study)
    if arm not in protocol.arms_by_id:
        raise Http404
    given = request.GET.get("at", "")
    at = int(given) if given.isdecimal() and len(given) < 6 else 0
    session = actions.preview(study=study, arm=arm, language=language_of(request, protocol), at=at)
    return redirect("session:walk", token=session.token)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def walk(request: HttpRequest, token: str) -> HttpResponseBase:
    """GET shows the open page; POST accepts it once and leads to the next."""
    return accept(request, token) if request.method == "POST" else show(request, token)


def show(request: HttpRequest, token: str) -> HttpResponse:
    visit = Visit(session_or_404(token))
    with translation.override(interface_language(visit.session.language)):
        if visit.session.outcome:
            return links.framed(visit.session, ending.end_page(request, visit))
        try:
            actions.refuse_unless_collecting(visit.session)
        except actions.NotOpen as problem:
            return ending.interrupted_page(request, visit, problem.state)
        actions.mark_shown(visit.session)
        return page(request, visit)


def session_or_404(token: str) -> Session:
    """The session of a link, with study and place."""
    try:
        return Session.objects.at(token)
    except Session.DoesNotExist:
        raise Http404 from None


def accept(request: HttpRequest, token: str) -> HttpResponseBase:
    try:
        attempt = int(request.POST.get("attempt", "")[:6])
    except ValueError:
        return notice(request, "bad_form", status=400)
    try:
        result = actions.submit(
            token=token, page=request.POST.get("page", ""), attempt=attempt, data=request.POST
        )
    except Session.DoesNotExist:
        raise Http404 from None
    except actions.OutOfOrder:
        with translation.override(interface_language(session_or_404(token).language)):
            return notice(request, "out_of_order", status=409, token=token)
    except actions.NotOpen:
        return redirect("session:walk", token=token)
    if isinstance(result, actions.Rejected):
        with translation.override(interface_language(result.visit.session.language)):
            return page(request, result.visit, form=result.form)
    answer = redirect("session:walk", token=token)
    answer.status_code = 303
    return answer


def page(request: HttpRequest, visit: Visit, form: PageForm | None = None) -> HttpResponse:
    """The open page as HTML; 422 when it comes back with what is wrong."""
    context = visit.kind.context(visit.stage, visit.page, visit.walk, visit)
    if form is None:
        questions = visit.kind.questions(visit.stage, visit.page, visit.walk)
        form = PageForm(questions, visit.walk, keep=context.get("keep"))
    context |= frame(visit) | {"form": form, "asked": form.asked(context.get("stems"))}
    shown = render(request, visit.kind.template, context, status=422 if form.is_bound else 200)
    return links.framed(visit.session, shown)


def frame(visit: Visit) -> dict[str, Any]:
    """What every page of a session shows around its content."""
    protocol, language = visit.walk.protocol, visit.walk.language
    return {
        "session": visit.session,
        "page": visit.page,
        "language": language,
        "study_title": protocol.say(protocol.title, language),
        "stage_title": protocol.say(visit.stage.title, language),
        "contact": protocol.contact,
        "progress": visit.progress,
        "is_preview": bool(visit.session.preview_arm),
        "mode": visit.session.study.mode,
    }


@require_POST
def trace(request: HttpRequest, token: str) -> HttpResponse:
    """A batch of client events. 204 means that it is stored."""
    session = get_object_or_404(Session.objects.only("pk"), token=token)
    try:
        batch = traces.parse(request.body)
    except traces.BadTrace as problem:
        return JsonResponse({"error": str(problem)}, status=400)
    traces.store(session, batch, timezone.now())
    return HttpResponse(status=204)


@never_cache
@require_GET
def source(request: HttpRequest, token: str, item: str, number: int) -> HttpResponseBase:
    """A numbered source under the AI's answer: note that it was opened, then go there."""
    visit = Visit(session_or_404(token))
    if not visit.was_shown(item):
        raise Http404
    sources = visit.walk.item(item).sources
    if not 1 <= number <= len(sources):
        raise Http404
    links.note_opened(visit.session, item, number)
    return HttpResponse(
        status=302, headers={"Location": sources[number - 1].url, "Referrer-Policy": "no-referrer"}
    )


@never_cache
@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, token: str) -> HttpResponseBase:
    """Leave from any page: ask first, then end the session; answers are kept or destroyed as the person says."""
    if request.method == "POST":
        try:
            actions.withdraw(token=token, erase=request.POST.get("erase") == "yes")
        except Session.DoesNotExist:
            raise Http404 from None
        return redirect("session:walk", token=token)
    visit = Visit(session_or_404(token))
    with translation.override(interface_language(visit.session.language)):
        return render(request, "study/withdraw.html", frame(visit))


@never_cache
@require_GET
def data(request: HttpRequest, token: str) -> HttpResponse:
    """A participant's own copy: a page to read, or JSON with `?format=json`."""
    visit = Visit(session_or_404(token))
    own = copies.own_copy(visit)
    if request.GET.get("format") == "json":
        file = {"Content-Disposition": "attachment; filename=my-answers.json"}
        return JsonResponse(own, json_dumps_params={"indent": 2}, headers=file)
    with translation.override(interface_language(visit.session.language)):
        return render(request, "study/data.html", frame(visit) | {"own": own})


def notice(request: HttpRequest, kind: str, *, status: int, **more: Any) -> HttpResponse:
    """A page that says why this does not go on, and what does."""
    return render(request, "study/notice.html", {"kind": kind, **more}, status=status)


def not_open(request: HttpRequest, state: str) -> HttpResponse:
    closed = state in (Study.State.CLOSED, Study.State.ARCHIVED)
    return notice(
        request,
        "closed" if closed else "paused" if state == Study.State.PAUSED else "not_open",
        status=410 if closed else 403,
    )

"""The document of a study: to read with the linter's remarks, to edit, to register, to amend."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from study.panel import actions
from study.panel.access import Right, Seen, study_for, visitor
from study.panel.documents import Held, changes, check, held
from study.panel.editor_fields import TABS
from study.panel.forms import plain
from study.panel.frame import page
from study.panel.models import Simulation
from study.panel.signing_in import second_person
from study.panel.simulating import ask, cancel, finished_figure, finished_power, is_lost, latest
from study.panel.standing import power_rows
from study.protocol import Protocol, ProtocolError
from study.registration import actions as registration
from study.registration.errors import Refused
from study.registration.models import Study

State = Study.State
SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
AMENDABLE = (State.REGISTERED, State.COLLECTING, State.PAUSED)


@require_safe
def protocol(request: HttpRequest, slug: str) -> HttpResponse:
    """The whole text with what the linter says beside its lines, and what each amendment changed."""
    seen, document = _opened(request, slug, Right.SEE)
    powered = is_powered(seen.study, document)
    versions = seen.study.registrations.filter(version__gt=1).order_by("-version").defer("canonical", "seed")
    return page(
        request,
        "panel/protocol.html",
        seen,
        "protocol",
        document=document,
        checked=check(document.text, powered=powered),
        versions=versions.select_related("registered_by", "approved_by"),
        amendable=seen.study.state in AMENDABLE,
    )


def is_powered(study: Study, document: Held) -> bool:
    """Was the plan's power simulated: for what is registered, or for this very draft?"""
    if document.registration:
        return bool(document.registration.power)
    return finished_power(study, document.sha256) is not None


def _opened(request: HttpRequest, slug: str, right: Right) -> tuple[Seen, Held]:
    seen = study_for(request, slug, right)
    return seen, held(seen.study)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """The text to work on: saved while it is a draft, an amendment once it is registered."""
    seen, document = _opened(request, slug, Right.EDIT)
    text = plain(request.POST.get("text", document.text))
    problems: list[str] = []
    if request.method == "POST":
        try:
            if seen.study.state == State.DRAFT:
                actions.save_draft(
                    study=seen.study, text=text, seen=request.POST.get("seen", ""), by=visitor(request)
                )
                messages.success(request, "Saved.")
                return redirect("panel:protocol", slug=slug)
            return _amend(request, seen, document, text)
        except ProtocolError:
            problems = ["This is no protocol: nothing was saved. Every problem is listed beside the text."]
        except Refused as refusal:
            problems = refusal.problems
    elif seen.study.state not in (State.DRAFT, *AMENDABLE):
        problems = [f"The study is {seen.study.state}: its document stays as it is."]
    return _editor(request, seen, document, text, problems)


def _editor(
    request: HttpRequest, seen: Seen, document: Held, text: str, problems: list[str], *, review: bool = False
) -> HttpResponse:
    return page(
        request,
        "panel/edit.html",
        seen,
        "protocol",
        status=422 if problems else 200,
        document=document,
        text=text,
        problems=problems,
        review=review,
        amending=seen.study.state != State.DRAFT,
        parts=TABS,
        reason=request.POST.get("reason", ""),
        **judged(text, document),
    )


def to_amend(request: HttpRequest, seen: Seen, document: Held, text: str) -> HttpResponse:
    """A text that came from a form, shown as an amendment in the making: nothing is stored yet."""
    return _editor(request, seen, document, text, [])


def judged(text: str, document: Held) -> dict[str, Any]:
    """What is to be said of a text, and how it differs from the document that holds now."""
    checked = check(text)
    new = checked.protocol
    return {"checked": checked, "changes": changes(document.protocol, new) if new else []}


@require_POST
def check_text(request: HttpRequest, slug: str) -> HttpResponse:
    """While somebody types: the remarks on the text as it is, as a part of the page."""
    seen, document = _opened(request, slug, Right.EDIT)
    text = plain(request.POST.get("text", ""))
    return page(request, "panel/_judged.html", seen, "protocol", **judged(text, document))


def _amend(request: HttpRequest, seen: Seen, document: Held, text: str) -> HttpResponse:
    """First the computed difference is shown, then a second POST makes the amendment. Raises ProtocolError, Refused."""
    checked = check(text)
    if checked.protocol is None:
        raise ProtocolError([])
    if request.POST.get("seen") != document.sha256:
        raise Refused("The study was amended meanwhile: copy your text and load the page again.")
    if request.POST.get("confirmed") != "yes":
        return _editor(request, seen, document, text, [], review=True)
    made = actions.amend(
        study=seen.study,
        text=text,
        reason=request.POST.get("reason", ""),
        by=visitor(request),
        approved_by=second_person(request, seen, Right.EDIT),
    )
    messages.success(request, f"Amended: version {made.version}, sha256 {made.sha256[:12]}.")
    return redirect("panel:study", slug=seen.study.slug)


@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest, slug: str) -> HttpResponse:
    """Everything to look at before the document is frozen; POST freezes exactly the document that was shown."""
    seen, document = _opened(request, slug, Right.EDIT)
    problems: list[str] = []
    found = finished_power(seen.study, document.sha256)
    if request.method == "POST":
        try:
            if request.POST.get("seen") != document.sha256:
                raise Refused("The document changed after this page was shown: look at it again.")
            approver = second_person(request, seen, Right.EDIT)
            made = registration.register(
                study=seen.study,
                by=visitor(request),
                approved_by=approver,
                power=finished_power(seen.study, document.sha256),
            )
            messages.success(
                request, f"Registered: sha256 {made.sha256[:12]}. Publish the hash and the seed's commitment."
            )
            return redirect("panel:study", slug=slug)
        except Refused as refusal:
            problems = refusal.problems
    elif seen.study.state != State.DRAFT:
        problems = [f"The study is {seen.study.state} already."]
    return page(
        request,
        "panel/register.html",
        seen,
        "overview",
        status=409 if problems else 200,
        document=document,
        protocol=document.protocol,
        checked=check(document.text, powered=found is not None),
        power=power_rows(found, document.protocol.sample.power_target),
        simulated=found,
        **simulation(seen.study, document),
        balance=balance(document.protocol),
        forms=filled(document.protocol, seen.study),
        problems=problems,
        draft=seen.study.state == State.DRAFT,
    )


def simulation(study: Study, document: Held) -> dict[str, Any]:
    """The power simulation of this document that was asked for last, and whether it is still to be waited for."""
    last = latest(study, Simulation.Kind.POWER, document.sha256)
    waiting = last is not None and last.finished_at is None and not is_lost(last)
    return {"simulation": last, "waiting": waiting}


@require_http_methods(["GET", "HEAD", "POST"])
def power(request: HttpRequest, slug: str) -> HttpResponse:
    """POST asks for a simulation of the plan's power; GET is the part of the page that shows how far it is."""
    seen, document = _opened(request, slug, Right.EDIT)
    if request.method == "POST":
        try:
            runs = int(request.POST.get("runs", "100")) if request.POST.get("runs", "100").isdecimal() else 0
            ask(study=seen.study, kind=Simulation.Kind.POWER, wanted=runs, by=visitor(request))
        except Refused as refusal:
            messages.error(request, str(refusal))
        return redirect("panel:register", slug=slug)
    found = finished_power(seen.study, document.sha256)
    rows = power_rows(found, document.protocol.sample.power_target)
    return page(
        request,
        "panel/_simulated.html",
        seen,
        "overview",
        power=rows,
        simulated=found,
        document=document,
        protocol=document.protocol,
        draft=seen.study.state == State.DRAFT,
        swapped=True,
        checked=check(document.text, powered=found is not None),
        **simulation(seen.study, document),
    )


@require_POST
def cancel_power(request: HttpRequest, slug: str) -> HttpResponse:
    """Take back a simulation that is under way."""
    seen = study_for(request, slug, Right.EDIT)
    if cancel(study=seen.study, by=visitor(request)):
        messages.success(request, "The simulation is taken back.")
    return redirect("panel:register", slug=slug)


@require_safe
def power_figure(request: HttpRequest, slug: str) -> HttpResponse:
    """The power curve of the document as it is now."""
    seen, document = _opened(request, slug, Right.SEE)
    if not (svg := finished_figure(seen.study, document.sha256)):
        raise Http404
    return HttpResponse(svg, content_type="image/svg+xml", headers={"Content-Security-Policy": SVG_POLICY})


def filled(protocol: Protocol, study: Study) -> list[Any]:
    """The forms that people file elsewhere, filled from the protocol."""
    from study.evidence.forms import aspredicted, existing_data, osf

    existing = existing_data(study)
    return [aspredicted(protocol, existing), osf(protocol, existing)]


def balance(protocol: Protocol) -> dict[str, Any]:
    """The items by truth and by whether the AI is right, and how many answers each arm hedges."""
    rights = {item.id: protocol.ai_correct(item) for item in protocol.items}
    truths = dict.fromkeys(str(item.truth) for item in protocol.items if item.kind != "probability")
    rows = [
        (
            truth,
            [
                sum(str(i.truth) == truth and rights[i.id] is right for i in protocol.items)
                for right in (True, False, None)
            ],
        )
        for truth in truths
    ]
    whole = [sum(value is right for value in rights.values()) for right in (True, False, None)]
    arms = [
        {
            "arm": arm,
            "advice": arm.advice,
            "hedged": (len(protocol.hedgeable) if arm.hedged.count == "all" else arm.hedged.count)
            if arm.advice and arm.phrasing != "plain"
            else 0,
            "share": arm.weight / sum(a.weight for a in protocol.arms),
            "places": protocol.sample.target * arm.weight / sum(a.weight for a in protocol.arms),
        }
        for arm in protocol.arms
    ]
    return {"rows": rows, "whole": whole, "arms": arms}

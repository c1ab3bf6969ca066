"""The list of studies, new studies, and a study's overview with its moves."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from study.panel import actions
from study.panel.access import Right, Seen, study_for, visible, visitor
from study.panel.documents import check, held
from study.panel.forms import NewStudy
from study.panel.frame import page
from study.panel.models import Simulation
from study.panel.protocols import is_powered
from study.panel.simulating import ask, is_lost, latest
from study.panel.standing import power_rows, standings, with_latest
from study.protocol import ProtocolError
from study.registration import actions as moves
from study.registration.codes import code
from study.registration.errors import Refused
from study.registration.models import Study
from study.session.links import join_path
from study.session.models import Session

State = Study.State
A_PAGE = 50


@require_safe
def studies(request: HttpRequest) -> HttpResponse:
    """Every study the visitor has a role in."""
    found = with_latest(visible(request.user))
    if wanted := request.GET.get("q", "").strip():
        found = found.filter(title__icontains=wanted) | found.filter(slug__icontains=wanted)
    listed = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    return render(
        request, "panel/studies.html", {"rows": standings(listed.object_list), "listed": listed, "q": wanted}
    )


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """A new draft. A text that is no protocol comes back with everything that is wrong, line by line."""
    form = NewStudy(request.POST or None, request.FILES or None, user=request.user)
    marks: Any = []
    if request.method == "POST" and form.is_valid():
        source = form.cleaned_data["source"]
        try:
            study = actions.new_study(
                source=held(source).protocol if isinstance(source, Study) else source,
                mode=form.cleaned_data["mode"],
                slug=form.cleaned_data["slug"],
                by=visitor(request),
            )
            return redirect("panel:study", slug=study.slug)
        except ProtocolError as error:
            marks = check(source).marks if isinstance(source, str) else error.problems
            if isinstance(source, str):
                form.to_be_mended(source)
            problems = "1 problem" if len(marks) == 1 else f"{len(marks)} problems"
            form.add_error(
                None, f"This is no protocol yet: {problems}, below. Nothing was made; mend the text here."
            )
        except Refused as refusal:
            form.add_error("slug", str(refusal))
    status = 422 if form.is_bound else 200
    return render(request, "panel/new.html", {"form": form, "marks": marks}, status=status)


@require_safe
def study(request: HttpRequest, slug: str) -> HttpResponse:
    """What a study is, where it stands, its links, and what can be done now."""
    seen = study_for(request, slug, Right.SEE)
    document = held(seen.study)
    [row] = standings(with_latest(visible(request.user)).filter(pk=seen.study.pk))
    protocol = document.protocol
    registration = document.registration
    codes = (
        [(label, code(registration, outcome)) for outcome, label in Session.Outcome.choices]
        if registration and seen.may(Right.PEOPLE)
        else []
    )
    return page(
        request,
        "panel/study.html",
        seen,
        "overview",
        row=row,
        protocol=protocol,
        summary=protocol.say(protocol.summary),
        document=document,
        versions=seen.study.registrations.defer("canonical", "seed", "power").select_related(
            "registered_by", "approved_by"
        ),
        power=power_rows(registration.power if registration else None, protocol.sample.power_target),
        join=request.build_absolute_uri(join_path(seen.study)),
        codes=codes,
        moves=[m for m in MOVES if seen.study.state in m.states] if seen.may(Right.RUN) else [],
        cohort=cohort(seen),
        counts=check(document.text, powered=is_powered(seen.study, document)).counts,
    )


def cohort(seen: Seen) -> dict[str, Any] | None:
    """For a rehearsal that is open: may simulated people be sent, are they under way, how did the last ones fare."""
    study = seen.study
    if study.mode != Study.Mode.REHEARSAL or not seen.may(Right.RUN):
        return None
    last = latest(study, Simulation.Kind.COHORT)
    waiting = last is not None and last.finished_at is None and not is_lost(last)
    return {"last": last, "waiting": waiting, "open": study.state == State.COLLECTING}


class Move:
    """One move of a study: what it is called, from which states, and what it means."""

    def __init__(self, name: str, verb: str, states: list[str], meaning: str, *, undone: bool) -> None:
        self.name, self.verb, self.states, self.meaning, self.undone = name, verb, states, meaning, undone


MOVES = [
    Move("open", "Open", [State.REGISTERED], "People who follow the participants' link are let in and take places. "
         "From then on the registered document meets people; it can still be paused.", undone=False),
    Move("pause", "Pause", [State.COLLECTING], "Nobody new is let in, and people under way see that the study rests. "
         "It can be resumed.", undone=True),
    Move("resume", "Resume", [State.PAUSED], "People are let in again.", undone=True),
    Move("close", "Close", [State.COLLECTING, State.PAUSED], "Collection ends for good: nobody can go on, outcomes may "
         "be seen, and the seed may be revealed. A closed study never opens again.", undone=False),
    Move("archive", "Archive", [State.CLOSED], "The closed study is put away. Nothing is deleted.", undone=False),
]  # fmt: skip
DOES = {
    "open": moves.open_study,
    "pause": moves.pause,
    "resume": moves.resume,
    "close": moves.close,
    "archive": moves.archive,
}


@require_POST
def rehearse(request: HttpRequest, slug: str) -> HttpResponse:
    """Send simulated participants through a rehearsal that is open."""
    seen = study_for(request, slug, Right.RUN)
    given = request.POST.get("wanted", "")
    try:
        wanted = int(given) if given.isdecimal() else 0
        home = request.build_absolute_uri("/")
        ask(study=seen.study, kind=Simulation.Kind.COHORT, wanted=wanted, by=visitor(request), address=home)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("panel:study", slug=slug)
    messages.success(request, "Simulated participants are on their way: watch them here.")
    return redirect("panel:monitor", slug=slug)


@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """GET asks and says what it means, POST does it."""
    seen = study_for(request, slug, Right.RUN)
    chosen = next((m for m in MOVES if m.name == name), None)
    if chosen is None:
        raise Http404
    problems: list[str] = []
    if request.method == "POST":
        try:
            DOES[name](study=seen.study, by=visitor(request), reason=request.POST.get("reason", "").strip())
            messages.success(request, f"The study is {seen.study.get_state_display().lower()} now.")
            return redirect("panel:study", slug=slug)
        except Refused as refusal:
            problems = refusal.problems
    elif seen.study.state not in chosen.states:
        problems = [f"The study is {seen.study.state}: this is not possible now."]
    [row] = standings(with_latest(Study.objects.filter(pk=seen.study.pk)))
    status = 409 if problems else 200
    return page(
        request, "panel/move.html", seen, "overview", status=status, move=chosen, row=row, problems=problems
    )

"""The page a participant comes back to, and the researcher's page with the links and what was said."""

from __future__ import annotations

import csv
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from elicitation.followup import actions
from elicitation.followup.message import message, messages
from elicitation.followup.models import FollowUp, Said
from elicitation.followup.standing import Standing, standing_of
from elicitation.models import Card
from study.panel.access import Right, study_for, visitor
from study.panel.frame import page
from study.protocol.types import Question
from study.registration.actions import name_of
from study.registration.audit import audit
from study.session.entry import interface_language
from study.session.forms import PageForm
from study.session.models import Session
from study.session.visit import Visit
from study.session.walks import protocol_of_study
from study.stages.base import ask

LONGEST = 4000


def questions(standing: Standing) -> list[Question]:
    """What can be asked of this standing: of the merged card, of the place, and a word on each."""
    options: dict[str, Any] = {
        Said.YES: str(_("Yes")),
        Said.NO: str(_("No")),
        Said.UNSURE: str(_("I am not sure")),
    }
    wanted = [
        ("same", _("Does this card still say what yours says?"), standing.speaks is not None),
        ("fair", _("Is its place fair?"), standing.place is not None),
    ]
    asked = []
    for name, text, there in wanted:
        if there:
            asked.append(ask(name, "choice", str(text), options=options))
            why = str(_("Why, in a sentence?"))
            asked.append(ask(f"{name}_why", "text", why, required=False, max_length=LONGEST))
    return asked


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def come_back(request: HttpRequest, link: str) -> HttpResponse:
    """GET shows card, value and place with the questions; POST keeps the answers, once."""
    try:
        session = actions.session_of(link)
        standing = standing_of(session)
    except (actions.NotAsked, Card.DoesNotExist):
        raise Http404 from None
    with translation.override(interface_language(session.language)):
        if FollowUp.objects.filter(session=session).exists():
            return _shown(request, session, standing, None)
        given = request.POST if request.method == "POST" else None
        changed = given is not None and given.get("shown") != standing.mark
        form = PageForm(questions(standing), Visit(session).walk, None if changed else given)
        if given is None or changed or not form.is_valid():
            return _shown(request, session, standing, form, changed=changed)
        try:
            actions.answer(session=session, standing=standing, said=form.cleaned_data)
        except actions.NotAsked:
            raise Http404 from None
    return redirect(actions.link_of(session))


def _shown(
    request: HttpRequest,
    session: Session,
    standing: Standing,
    form: PageForm | None,
    *,
    changed: bool = False,
) -> HttpResponse:
    protocol, language = protocol_of_study(session.study), session.language
    context = {
        "study_title": protocol.say(protocol.title, language),
        "language": language,
        "contact": protocol.contact,
        "mode": session.study.mode,
        "standing": standing,
        "place": standing.place,
        "speaks": standing.speaks,
        "asked": form.asked() if form else [],
        "answered": form is None,
        "wrong": form is not None and form.is_bound,
        "changed": changed,
    }
    status = 409 if changed else 422 if context["wrong"] else 200
    return render(request, "elicitation/followup/ask.html", context, status=status)


@require_safe
def follow_up(request: HttpRequest, slug: str) -> HttpResponse:
    """How many were asked again and answered, the shares of those who said yes with their intervals, why they said so,
    and the message that invites the others."""
    from elicitation.followup.shares import reasons, shares  # numbers are loaded by who looks at them

    seen = study_for(request, slug, Right.ANALYSE)
    asked = actions.asks_again(seen.study)
    return page(
        request, "elicitation/followup/panel.html", seen, "upgrades", asked=asked, over=actions.is_over(seen.study),
        waiting=actions.invited(seen.study).filter(follow_up=None).count() if asked else 0,
        answered=actions.answers(seen.study).count() if asked else 0,
        shares=shares(seen.study) if asked else [], reasons=reasons(seen.study) if asked else {},
        messages_to_send=messages(protocol_of_study(seen.study)) if asked else [],
    )  # fmt: skip


COLUMNS = ["recipient_id", "study_id", "language", "subject", "body", "link"]


@require_POST
def links(request: HttpRequest, slug: str) -> HttpResponse:
    """A line for each who has not answered, with the message to them and their personal link, as CSV; on the record."""
    seen = study_for(request, slug, Right.RUN)
    if not actions.is_over(seen.study):
        return redirect("review:follow-up", slug=slug)
    found, protocol = actions.waiting(seen.study), protocol_of_study(seen.study)
    told = {language: message(protocol, language) for language in {one.language for one in found}}
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="follow-up-{slug}.csv"'
    writer = csv.writer(answer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in found:
        link, text = request.build_absolute_uri(one.link), told[one.language]
        writer.writerow([one.recipient, one.panel_study, one.language, text.subject, text.to(link), link])
    audit(seen.study, name_of(visitor(request)), "took the links of the follow-up", {"people": len(found)})
    return answer

"""Merging by hand: values found by their words, two or more of them made one with a reason."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from elicitation.models import Card, mapping_of
from elicitation.values import deciding
from elicitation.values.mapping import members_of
from study.panel.access import Right, study_for, visitor
from study.panel.frame import page
from study.registration.errors import Refused
from study.registration.models import Study

MOST = 40  # values shown
MOST_CHOSEN = 10
MOST_WORDS = 8
Value = tuple[Card, int]


@require_http_methods(["GET", "HEAD", "POST"])
def by_hand(request: HttpRequest, slug: str) -> HttpResponse:
    """Search values by words; what was chosen stays while one searches on. `merge` makes the chosen ones one."""
    seen = study_for(request, slug, Right.EDIT)
    given = request.POST if request.method == "POST" else request.GET
    chosen, problems = given.getlist("card")[:MOST_CHOSEN], []
    if given.get("do") == "merge" and request.method == "POST":
        try:
            made = deciding.join(
                study=seen.study, cards=chosen, by=visitor(request).get_username(),
                reason=request.POST.get("reason", ""),
            )  # fmt: skip
            messages.success(request, f"Merged by hand, as pair {', '.join(str(number) for number in made)}.")
            return redirect("review:decisions", slug=slug)
        except Refused as refusal:
            problems = refusal.problems
    words = given.get("q", "")[:200]
    picked, found, more = values_with(seen.study, words, chosen)
    return page(
        request, "elicitation/review/by_hand.html", seen, "upgrades", status=409 if problems else 200, words=words,
        picked=picked, found=found, more=more, reason=given.get("reason", ""), problems=problems, most=MOST,
    )  # fmt: skip


def values_with(study: Study, words: str, chosen: list[str]) -> tuple[list[Value], list[Value], bool]:
    """The chosen values; the others with a card in which every word stands (all of them for no word), the first forty;
    and whether there are more. Each is its oldest card and its number of cards. Five queries."""
    value = mapping_of(study.pk).values()
    members = members_of(value)
    hit = Card.objects.filter(study=study).annotate(attended=Cast("policies", TextField()))
    for word in words.replace("\x00", "").split()[:MOST_WORDS]:
        hit = hit.filter(
            Q(title__icontains=word) | Q(description__icontains=word) | Q(attended__icontains=word)
        )
    wanted = list(dict.fromkeys(value[code] for code in chosen if code in value))
    matching = {value[code] for code in hit.values_list("code", flat=True) if code in value} - set(wanted)
    shown = [code for code in members if code in matching][:MOST]
    rows = Card.objects.filter(study=study, code__in=[*wanted, *shown]).order_by("pk")
    cards = {row.code: row for row in rows}
    made = [[(cards[code], len(members[code])) for code in part if code in cards] for part in (wanted, shown)]
    return made[0], made[1], len(matching) > MOST

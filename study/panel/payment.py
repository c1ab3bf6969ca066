"""Payment: the codes, and a panel's export held against our record."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from study.panel import reconciliation as rec
from study.panel.access import Right, study_for
from study.panel.forms import UploadedCSV
from study.panel.frame import page
from study.registration.codes import code
from study.registration.errors import WrongState
from study.registration.frozen import current, protocol_of
from study.session.models import Session

LISTS = [
    (rec.APPROVE, "Approve", "They completed. Exclusion by the analysis plan does not matter here."),
    (rec.ASK, "Ask to return", "They left before the end, at their own wish or at a check."),
    (rec.LOOK, "Look at these", "The panel and our record do not agree."),
    (rec.WAIT, "Still under way", "Wait for them."),
    (rec.SETTLED, "Settled already", "The panel has decided."),
]


@require_http_methods(["GET", "HEAD", "POST"])
def payment(request: HttpRequest, slug: str) -> HttpResponse:
    """GET shows codes and asks for the file, POST shows the lists. Nothing is stored."""
    seen = study_for(request, slug, Right.PEOPLE)
    try:
        registration = current(seen.study)
    except WrongState:
        return page(request, "panel/payment.html", seen, "payment", unregistered=True)
    form = UploadedCSV(request.POST or None, request.FILES or None)
    found, problems = None, []
    if request.method == "POST" and form.is_valid():
        try:
            text = form.cleaned_data["file"].read().decode("utf-8-sig")
            found = rec.reconcile(seen.study, rec.parse(text))
        except UnicodeDecodeError:
            problems = ["The file is not UTF-8 text."]
        except rec.NotAnExport as problem:
            problems = [str(problem)]
    elif request.method == "POST":
        problems = ["Choose the CSV file that the panel exports."]
    protocol = protocol_of(registration.pk)
    return page(
        request,
        "panel/payment.html",
        seen,
        "payment",
        status=422 if problems else 200,
        problems=problems,
        payment=protocol.payment,
        entry=protocol.entry,
        codes=[(o.label, code(registration, o.value)) for o in Session.Outcome],
        found=found,
        lists=[(name, title, text, found.with_advice(name)) for name, title, text in LISTS] if found else [],
    )

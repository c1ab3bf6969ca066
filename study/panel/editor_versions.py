"""Earlier texts of a draft, and back to one of them."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from study.panel import actions
from study.panel.access import Right, study_for, visitor
from study.panel.documents import held
from study.panel.editor_fields import TABS
from study.panel.frame import page
from study.panel.models import DraftVersion
from study.protocol import ProtocolError
from study.registration.errors import Refused

A_PAGE = 50


@require_safe
def versions(request: HttpRequest, slug: str) -> HttpResponse:
    """What was saved, latest first."""
    seen = study_for(request, slug, Right.EDIT)
    kept = DraftVersion.objects.filter(study=seen.study).defer("text").select_related("by")
    listed = Paginator(kept, A_PAGE).get_page(request.GET.get("page"))
    document = held(seen.study)
    return page(
        request, "panel/versions.html", seen, "protocol", listed=listed, document=document, parts=TABS
    )


@require_POST
def restore(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """The draft takes an earlier text; what it held until now stays in the list."""
    seen = study_for(request, slug, Right.EDIT)
    version = get_object_or_404(DraftVersion, study=seen.study, number=number)
    try:
        actions.save_draft(
            study=seen.study,
            text=version.text,
            seen=request.POST.get("seen", ""),
            by=visitor(request),
            how=f"version {number} again",
        )
        messages.success(request, f"The draft is version {number} again.")
    except Refused as refusal:
        messages.error(request, str(refusal))
    except ProtocolError:
        messages.error(request, "That text is no protocol by today's rules: copy it into the editor instead.")
    return redirect("panel:versions", slug=slug)

"""The form beside the text: two views of one document. A form changes only what was touched in the author's text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from study.panel import actions, protocols
from study.panel.access import Right, Seen, study_for, visitor
from study.panel.documents import Checked, Held, Mark, changes, check, held
from study.panel.editor_fields import NEW, PARTS, TABS, BadInput, Field, Group, groups_of
from study.panel.frame import page
from study.panel.instrument import item_shown
from study.panel.models import DraftVersion
from study.protocol import ProtocolError
from study.protocol.splicing import CannotSplice, put, put_all, remove, values_of
from study.protocol.yaml import Path
from study.registration.errors import Refused
from study.registration.models import Study

A_PAGE = 10
PREFIX = "f:"


@dataclass(frozen=True)
class Filled:
    """What a sent form comes to: the new text, and what could not be read, by field."""

    text: str
    errors: dict[str, str]


@require_http_methods(["GET", "HEAD", "POST"])
def form(request: HttpRequest, slug: str, part: str = "about") -> HttpResponse:
    """One part of the document as a form; POST changes the touched values in the author's text."""
    seen, document = _opened(request, slug, part)
    if request.method != "POST":
        closed = seen.study.state not in (Study.State.DRAFT, *protocols.AMENDABLE)
        problems = [f"The study is {seen.study.state}: its document stays as it is."] if closed else []
        return _form(request, seen, document, part, problems=problems)
    if request.POST.get("seen") != document.sha256:
        return _conflict(request, seen, document, part)
    try:
        filled = fill(document.text, part, request.POST)
        if filled.errors:
            said = ["Nothing was saved: see the fields that are marked."]
            return _form(request, seen, document, part, filled=filled, problems=said)
        if filled.text == document.text:
            messages.info(request, "Nothing was changed.")
            return redirect(_address(request, seen, part))
        if seen.study.state != Study.State.DRAFT:
            return protocols.to_amend(request, seen, document, filled.text)
        actions.save_draft(
            study=seen.study,
            text=filled.text,
            seen=document.sha256,
            by=visitor(request),
            how=PARTS[part].lower(),
        )
    except ProtocolError:
        said = ["This would be no protocol: nothing was saved. The reasons stand beside the fields."]
        return _form(request, seen, document, part, filled=filled, problems=said)
    except (CannotSplice, Refused) as refusal:
        return _form(request, seen, document, part, problems=[str(refusal)])
    messages.success(request, "Saved.")
    return redirect(_address(request, seen, part))


def _opened(request: HttpRequest, slug: str, part: str) -> tuple[Seen, Held]:
    seen = study_for(request, slug, Right.EDIT)
    if part not in PARTS:
        raise Http404
    return seen, held(seen.study)


def _address(request: HttpRequest, seen: Seen, part: str) -> str:
    number = request.POST.get("page", "")
    query = "?" + urlencode({"page": number}) if number.isdecimal() else ""
    return reverse("panel:form", args=[seen.study.slug, part]) + query


def fill(text: str, part: str, given: Mapping[str, str]) -> Filled:
    """The text as a sent form would have it. Only fields that the page shows, and whose value differs, are touched.

    Raises CannotSplice, and Refused for a form that is not of this document.
    """
    fields = {one.key: one for group in groups_of(text, part) for one in group.all_fields()}
    typed = {name.removeprefix(PREFIX): value for name, value in given.items() if name.startswith(PREFIX)}
    if unknown := sorted(set(typed) - set(fields)):
        raise Refused(f"This document has no field '{unknown[0][:80]}': load the page again.")
    edits: list[tuple[Path, Any]] = []
    errors: dict[str, str] = {}
    for key, value in typed.items():
        one = fields[key]
        if _same(value, one.shown):
            continue
        try:
            edits.append((one.path, one.value(value)))
        except BadInput as bad:
            errors[key] = str(bad)
    if errors:
        return Filled(text, errors)
    changed = put_all(text, edits) if edits else text
    return Filled(_grown(changed, part, given), {})


def _same(typed: str, shown: str) -> bool:
    """A browser's text area sends carriage returns and drops one leading line break."""
    plain = typed.replace("\r\n", "\n").replace("\r", "\n")
    return plain == shown or plain.rstrip("\n") == shown.rstrip("\n")


def _grown(text: str, part: str, given: Mapping[str, str]) -> str:
    """With the entry that a button adds, or without the one it removes."""
    does, _, which = given.get("op", "").partition(":")
    if does not in ("add", "remove"):
        return text
    groups = [inner for group in groups_of(text, part) for inner in (group, *group.inner)]
    if does == "remove":
        if which not in {group.entry for group in groups if group.entry}:
            raise Refused("This entry is not here any more: load the page again.")
        return remove(text, _path(text, which))
    kinds = dict(group.adds for group in groups if group.adds)
    if which not in kinds:
        raise Refused("Nothing can be added there: load the page again.")
    ident = given.get(f"new:{which}", "").strip()
    if not ident:
        raise Refused(f"Give the new {kinds[which]} an id first.")
    path = _path(text, which)
    return put(text, (*path, len(_entries(text, path))), NEW[kinds[which]](ident[:200]))


def _path(text: str, key: str) -> Path:
    """The place that a name with ids (`scales/@trust/items`) means in this text."""
    here: Any = values_of(text)
    path: list[str | int] = []
    for part in key.split("/"):
        if isinstance(here, list):
            ids = [entry.get("id") if isinstance(entry, dict) else None for entry in here]
            wanted = part.removeprefix("@")
            place: str | int = ids.index(wanted) if part.startswith("@") and wanted in ids else int(part)
        else:
            place = part
        path.append(place)
        here = here[place] if not isinstance(here, dict) or place in here else {}
    return tuple(path)


def _entries(text: str, path: Path) -> list[Any]:
    here: Any = values_of(text)
    for part in path:
        here = here.get(part, []) if isinstance(here, dict) else here[part]
    return here if isinstance(here, list) else []


def _form(
    request: HttpRequest,
    seen: Seen,
    document: Held,
    part: str,
    *,
    filled: Filled | None = None,
    problems: Iterable[str] = (),
    status: int = 422,
    **more: Any,
) -> HttpResponse:
    judged = protocols.judged(filled.text if filled else document.text, document)
    said = list(problems)
    shown = [_with_typed(g, request.POST, filled) for g in groups_of(document.text, part)]
    at = request.POST.get("page") or request.GET.get("page")
    listed = Paginator(shown, A_PAGE if part == "items" else 10_000).get_page(at)
    groups = [with_marks(g, judged["checked"]) for g in listed.object_list]
    context = {
        "part": part,
        "parts": TABS,
        "label": PARTS[part],
        "at": reverse("panel:protocol", args=[seen.study.slug]),
        "groups": groups,
        "listed": listed,
        "document": document,
    }
    context |= {"wordings": _wordings(judged["checked"], document, listed.object_list), "problems": said}
    context |= {"amending": seen.study.state != Study.State.DRAFT} | judged | more
    return page(request, "panel/form.html", seen, "protocol", status=status if said else 200, **context)


def _with_typed(group: Group, post: Mapping[str, str], filled: Filled | None) -> Group:
    """The group with what somebody typed, and why it could not be taken."""
    fields = [
        replace(
            one,
            shown=post.get(PREFIX + one.key, one.shown),
            error=filled.errors.get(one.key, "") if filled else "",
        )
        for one in group.fields
    ]
    return replace(group, fields=fields, inner=[_with_typed(g, post, filled) for g in group.inner])


def with_marks(group: Group, checked: Checked) -> Any:
    """The group for a template: its fields each with the remarks on them."""
    return {
        "group": group,
        "fields": [(one, marks_of(one, checked)) for one in group.fields],
        "inner": [with_marks(inner, checked) for inner in group.inner],
    }


def marks_of(one: Field, checked: Checked) -> list[Mark]:
    """The linter's remarks on a field or on a part of it."""
    return [
        m
        for m in checked.marks
        if m.where == one.where or m.where.startswith((f"{one.where}.", f"{one.where}["))
    ]


def _wordings(checked: Checked, document: Held, groups: Iterable[Group]) -> list[tuple[str, Any]]:
    """Items by id as each arm words them, as far as the document as typed is a protocol."""
    protocol = checked.protocol or document.protocol
    wanted = [group.item for group in groups if group.item in protocol.items_by_id]
    language = protocol.languages[0]
    return [(one, item_shown(protocol.items_by_id[one], protocol, language)["wordings"]) for one in wanted]


def _conflict(request: HttpRequest, seen: Seen, document: Held, part: str) -> HttpResponse:
    """Somebody saved meanwhile: nothing is written, and both versions are shown. Saving again is then a choice."""
    now = [one for group in groups_of(document.text, part) for one in group.all_fields()]
    rows = [
        (one, request.POST[PREFIX + one.key])
        for one in now
        if PREFIX + one.key in request.POST and not _same(request.POST[PREFIX + one.key], one.shown)
    ]
    base = DraftVersion.objects.filter(study=seen.study, sha256=request.POST.get("seen", "")[:64]).first()
    old = check(base.text).protocol if base else None
    return _form(
        request,
        seen,
        document,
        part,
        problems=["Somebody else changed the document meanwhile. Nothing of yours was saved yet."],
        status=409,
        conflict=rows,
        meanwhile=changes(old, document.protocol) if old else [],
        conflicting=True,
    )


@require_POST
def check_form(request: HttpRequest, slug: str, part: str) -> HttpResponse:
    """While somebody types: the remarks on the document as it would be, each beside its field."""
    seen, document = _opened(request, slug, part)
    stale = request.POST.get("seen") != document.sha256
    errors: dict[str, str] = {}
    text = document.text
    try:
        # Buttons do not ride along while typing; nothing is added or removed here.
        filled = fill(text, part, {k: str(v) for k, v in request.POST.items() if k != "op"})
        text, errors = filled.text, filled.errors
        problems = []
    except (CannotSplice, Refused) as refusal:
        problems = [str(refusal)]
    judged = protocols.judged(text, document)
    sent = {k.removeprefix(PREFIX) for k in request.POST if k.startswith(PREFIX)}
    groups = [
        group for group in groups_of(document.text, part) if any(f.key in sent for f in group.all_fields())
    ]
    shown = [one for group in groups for one in group.all_fields() if one.key in sent]
    fields = [(replace(o, error=errors.get(o.key, "")), marks_of(o, judged["checked"])) for o in shown]
    at = reverse("panel:protocol", args=[slug])
    context: dict[str, Any] = {
        "at": at,
        "fields": fields,
        "wordings": _wordings(judged["checked"], document, groups),
        "stale": stale,
        "problems": problems,
        "part": part,
    } | judged
    return page(request, "panel/_form_checked.html", seen, "protocol", **context)

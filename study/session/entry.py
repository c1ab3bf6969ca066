"""Arriving: what a link must carry, by the study's way of entry."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from django.http import HttpRequest
from django.utils.translation import get_supported_language_variant
from django.utils.translation import gettext as _
from django.utils.translation.trans_real import parse_accept_lang_header

from study.protocol.types import Protocol

PANEL_FIELDS = ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID")
PLAIN_ID = re.compile(r"[A-Za-z0-9_.@-]{1,100}")


class BadLink(ValueError):
    """A link that cannot let anybody in; the message is for the person who followed it."""


@dataclass(frozen=True)
class Arrival:
    """Who arrives: `person` identifies them within the study ('' when nobody can tell)."""

    person: str = ""
    panel_ids: dict[str, str] = field(default_factory=dict)


def arrival(request: HttpRequest, protocol: Protocol) -> Arrival:
    """Read the link's parameters. Raises BadLink with what was expected."""
    match protocol.entry.mode:
        case "panel":
            ids = {name: request.GET.get(name, "") for name in PANEL_FIELDS}
            if not all(PLAIN_ID.fullmatch(value) for value in ids.values()):
                raise BadLink(
                    _(
                        "This link is incomplete. Please go back to the panel and open the study from there: the link "
                        "carries PROLIFIC_PID, STUDY_ID and SESSION_ID."
                    )
                )
            return Arrival(person=ids["PROLIFIC_PID"], panel_ids=ids)
        case "personal":
            raise BadLink(
                _("This study is by personal invitation. Please use the link that was sent to you.")
            )
        case _:
            return Arrival()


def language_of(request: HttpRequest, protocol: Protocol) -> str:
    """The first of the protocol's languages that the link (`?lang=`) or the browser asks for; else its first."""
    wanted = [request.GET.get("lang", "")]
    wanted += [
        code for code, _quality in parse_accept_lang_header(request.headers.get("Accept-Language", "")[:200])
    ]
    for code in wanted:
        for language in protocol.languages:
            if code and code.split("-")[0].lower() == language.split("-")[0].lower():
                return language
    return protocol.languages[0]


def interface_language(language: str) -> str:
    """The language of our own words nearest to the protocol's; English where there is no translation."""
    try:
        return get_supported_language_variant(language)
    except LookupError:
        return "en"

"""Reading our own pages as a browser would: the form's hidden fields, and what can be filled in."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

FORM = re.compile(r'<form method="post"[^>]*id="page".*?</form>', re.DOTALL)
CONTROL = re.compile(r"<(input|textarea|button)\b([^>]*)>")
ATTRIBUTE = re.compile(r'([\w-]+)="([^"]*)"')
ADVICE = re.compile(r'<article class="answer"[^>]*>.*?<p>(.*?)(?: <a |</p>)', re.DOTALL)


@dataclass(frozen=True)
class Control:
    """One thing to fill in: its kind (radio, checkbox, number, text) and, for closed ones, the values offered."""

    name: str
    kind: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class ShownPage:
    """What a participant meets: the page's key, hidden fields, controls in order, and the AI's answer if any."""

    key: str
    hidden: dict[str, str]
    controls: tuple[Control, ...]
    advice: str
    html: str = ""


def read(page: str) -> ShownPage | None:
    """The open page's form, or None on a page that asks nothing (the end, a notice)."""
    form = FORM.search(page)
    if form is None:
        return None
    hidden: dict[str, str] = {}
    found: dict[str, tuple[str, list[str]]] = {}
    for tag, attributes in CONTROL.findall(form.group()):
        given = {name: html.unescape(value) for name, value in ATTRIBUTE.findall(attributes)}
        name, kind = given.get("name", ""), given.get("type", tag)
        if kind == "hidden":
            hidden[name] = given.get("value", "")
        elif name and given.get("tabindex") != "-1":  # -1: invisible to people
            found.setdefault(name, ("text" if tag == "textarea" else kind, []))[1].append(
                given.get("value", "")
            )
    controls = tuple(Control(name, kind, tuple(values)) for name, (kind, values) in found.items())
    shown = ADVICE.search(form.group())
    return ShownPage(
        hidden["page"], hidden, controls, html.unescape(shown.group(1)) if shown else "", form.group()
    )

"""The documentation as a site, and the pages of it that are made from code."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from config import docs, reference
from study.protocol.flow import configurations

PAGES = sorted(n for n in docs.listed() if n.endswith(".md"))


def address(name: str) -> str:
    """Where a file is served."""
    inside = name.removesuffix(".md").removesuffix("README").strip("/")
    return f"/docs/{inside}/" if inside else "/docs/"


@pytest.mark.django_db
def test_every_page_is_served_and_every_link_of_it_leads_somewhere() -> None:
    client = Client()
    dead: list[str] = []
    seen: dict[str, str] = {}

    def text_of(where: str) -> str:
        if where not in seen:
            answer = client.get(where, follow=True)
            if answer.status_code != 200:
                seen[where] = ""
            elif answer.headers["Content-Type"].startswith("text/html"):
                seen[where] = answer.content.decode()
            else:
                seen[where] = "file"
                answer.close()
        return seen[where]

    for name in PAGES:
        html = text_of(address(name))
        assert "<h1" in html, name
        for link in re.findall(r'(?:href|src)="(/docs/[^"]*|#[^"]*)"', html):
            path, _, anchor = link.partition("#")
            target = text_of(path or address(name))
            if not target or (anchor and f'id="{anchor}"' not in target):
                dead.append(f"{name}: {link}")
    assert dead == []


@pytest.mark.parametrize(
    "name",
    ["../config/settings.py", "..%2fmanage.py", "reference/../../manage.py", "nothing", "reference/none.md", "%00", "tutorial/x.png"],
)  # fmt: skip
@pytest.mark.django_db
def test_nothing_else_is_served(name: str) -> None:
    assert Client().get(f"/docs/{name}", follow=True).status_code in (400, 404)


def test_the_reference_names_every_stage_kind_and_command() -> None:
    made = reference.pages()
    assert made == reference.pages()
    for kind in configurations():
        assert f"## {kind}\n" in made["stage-kinds.md"]
    for command in ("protocol", "register", "reference", "demo", "analyse"):
        assert f"## {command}\n" in made["commands.md"]
    assert "| `target` | whole number | required |" in made["protocol-fields.md"]


def test_a_stale_page_and_an_unnamed_setting_are_found(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "FOLDER", tmp_path)
    monkeypatch.setattr("config.management.commands.reference.FOLDER", tmp_path)
    (tmp_path / "settings.md").write_text("nothing")
    call_command("reference", verbosity=0)
    with pytest.raises(CommandError, match="does not name HEED_HOSTS"):
        call_command("reference", "--check")
    (tmp_path / "commands.md").write_text("old")
    with pytest.raises(CommandError, match=r"commands\.md is stale"):
        call_command("reference", "--check")


def test_the_guide_is_accessible_and_fits(page: Any, axe: Any) -> None:
    for width in (1440, 360):
        page.set_viewport_size({"width": width, "height": 900})
        for where in ("/docs/", "/docs/reference/commands/", "/docs/how-to/run-a-study/"):
            page.goto(where)
            assert axe(page) == [], where
            sizes = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
            assert sizes[0] <= sizes[1], where

"""A participant for tests: Django's client as the browser, a simulated person for the answers."""

from __future__ import annotations

from typing import Any

from django.test import Client

from study.registration.models import Study
from study.rehearsal.behaviour import Person, World
from study.rehearsal.forms import ShownPage, read
from study.session.models import Session
from study.session.walks import protocol_of_study


class Visitor:
    """Walks a study page by page. `open` arrives, `send` posts the open page as a person fills it in."""

    def __init__(self, study: Study, seed: int = 1) -> None:
        self.study, self.client = study, Client(enforce_csrf_checks=True)
        self.person = Person(World.of(protocol_of_study(study)), seed)
        self.person.inattentive = False
        self.answer: Any = None

    def open(self, query: str = "") -> Visitor:
        self.answer = self.client.get(f"/s/join/{self.study.slug}/{query}", follow=True)
        return self

    @property
    def session(self) -> Session:
        return Session.objects.with_walk().get(token=self.token)

    @property
    def token(self) -> str:
        return str(self.answer.request["PATH_INFO"]).split("/")[2]

    @property
    def address(self) -> str:
        return f"/s/{self.token}/"

    @property
    def page(self) -> ShownPage | None:
        return read(self.answer.content.decode())

    @property
    def text(self) -> str:
        return str(self.answer.content.decode())

    def form(self, **changes: Any) -> dict[str, Any]:
        """The open page's form as this person would send it, with changes (None removes a field)."""
        assert self.page is not None, self.text[:500]
        fields: dict[str, Any] = {**self.page.hidden, **self.person.answers(self.page), **changes}
        return {name: value for name, value in fields.items() if value is not None}

    def send(self, **changes: Any) -> Visitor:
        return self.post(self.form(**changes))

    def post(self, fields: dict[str, Any]) -> Visitor:
        self.answer = self.client.post(self.address, fields, follow=True)
        return self

    def go_to(self, key: str) -> Visitor:
        """Answer pages until the open one's key starts with `key`."""
        for _ in range(60):
            if self.page is None or self.page.key.startswith(key):
                return self
            self.send()
        raise AssertionError(f"never arrived at {key}")

    def finish(self) -> Visitor:
        return self.go_to("no such page: to the end")

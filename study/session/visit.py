"""One look at a session: its walk, its open page, and what was submitted before."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from study.protocol.types import Stage
from study.session.models import Session, Submission
from study.session.walks import longest_walk, pages_at, walk_of
from study.stages import registry
from study.stages.base import Page, StageKind, Walk

TRIAL_FINAL = ".final"


class Visit:
    """What a view and a stage kind need of a session, each part read once and only when asked for."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @cached_property
    def walk(self) -> Walk:
        return walk_of(self.session)

    @cached_property
    def pages(self) -> list[Page]:
        return pages_at(self.session, self.walk)

    @property
    def page(self) -> Page:
        """The open page. Never past the last."""
        return self.pages[min(self.session.position, len(self.pages) - 1)]

    @property
    def kind(self) -> StageKind:
        return registry.get(self.page.kind)

    @property
    def stage(self) -> Stage:
        return self.walk.protocol.stages_by_id[self.page.stage]

    @property
    def progress(self) -> int:
        """Percent of the pages that are behind the participant, 0-100."""
        if self.walk.arm is not None or self.session.registration_id is None:
            total = len(self.pages)
        else:
            total = longest_walk(self.session.registration_id)
        return round(100 * self.session.position / max(total - 1, 1))

    @cached_property
    def submitted(self) -> dict[str, dict[str, Any]]:
        """Payloads by page key, the last attempt of each; erased ones are left out. One query."""
        rows = Submission.objects.filter(session_id=self.session.pk).order_by("number")
        return {page: payload for page, payload in rows.values_list("page", "payload") if payload is not None}

    def earlier(self, key: str) -> dict[str, Any] | None:
        """The last payload of one page, or None."""
        return self.submitted.get(key)

    def final_answers(self) -> dict[str, Any]:
        """Final answers by item id."""
        pages = {page.key: page.item for page in self.pages if page.item}
        return {
            pages[key]: payload.get("answer")
            for key, payload in self.submitted.items()
            if key in pages and key.endswith(TRIAL_FINAL)
        }

    def was_shown(self, item: str) -> bool:
        """Has any page of this item been reached?"""
        return any(page.item == item for page in self.pages[: self.session.position + 1])

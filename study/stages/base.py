"""What a stage kind is: a typed configuration, the pages it makes, what it asks, and where an answer leads.

A stage kind is pure apart from `context`, which may read the session's earlier submissions. The session room
(`study.session`) walks the pages; it knows nothing of kinds.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.utils.translation import gettext

from study.protocol.types import Arm, Item, Protocol, Question, Stage, Text
from study.stages.columns import Column

if TYPE_CHECKING:
    from study.session.models import Session
    from study.session.visit import Visit

Answers = Mapping[str, Any]


@dataclass(frozen=True)
class Walk:
    """Everything that fixes one participant's pages: the protocol, the slot's content, the language.

    `arm` is None before a slot is claimed; then `item_order` is empty and only stages open to all arms have pages.
    `session` lets a kind find what it drew for this participant; None where a walk is only measured.
    `place` is the slot's number in the schedule, from 1; 0 before one is claimed and in previews.
    """

    protocol: Protocol
    arm: Arm | None = None
    item_order: tuple[str, ...] = ()
    hedged: frozenset[str] = frozenset()
    language: str = "en"
    session: uuid.UUID | None = None
    place: int = 0

    def item(self, item_id: str) -> Item:
        """The item of that id (KeyError if the protocol has none)."""
        return self.protocol.items_by_id[item_id]


@dataclass(frozen=True)
class Page:
    """One screen. `key` is unique in a walk and is what a form posts back; `part` is for the kind's own use."""

    key: str
    stage: str
    kind: str
    item: str = ""
    part: str = ""


@dataclass(frozen=True)
class Move:
    """Where an accepted page leads: on, the same page again (with what was wrong), or the end with an outcome."""

    end: str = ""
    again: bool = False


NEXT = Move()
AGAIN = Move(again=True)


@dataclass(frozen=True)
class Stem:
    """What stands above the first question of a scale."""

    title: str
    text: str


def ask(id: str, kind: Any, text: Text, **more: Any) -> Question:
    """A question that a stage kind makes itself; its id may be an item's id, which is not a column's name."""
    return Question.model_construct(id=id, kind=kind, text=text, **more)


def own_or_ours(part: Stage | Item, name: str) -> Any:
    """A text of a part of the protocol, its texts or its labels by id; where the protocol leaves our words as they are,
    these words in the language that is active. Such a default is marked for translation where it stands."""
    given = getattr(part, name)
    if given != type(part).model_fields[name].default:
        return given
    if isinstance(given, dict):
        return {key: gettext(label) for key, label in given.items()}
    return [gettext(text) for text in given] if isinstance(given, list) else gettext(given)


class StageKind:
    """Base of all kinds. Subclasses set `kind`, `Config` and `template` and override what differs."""

    kind: ClassVar[str]
    Config: ClassVar[type[Stage]]
    template: ClassVar[str]

    def pages(self, stage: Any, walk: Walk) -> list[Page]:
        """The screens of this stage in this walk, in order."""
        return [Page(key=stage.id, stage=stage.id, kind=self.kind)]

    def lasting(self, stage: Any) -> bool:
        """Do the pages depend on the protocol and the slot alone? False where an answer decides what follows."""
        return True

    def questions(self, stage: Any, page: Page, walk: Walk) -> list[Question]:
        """What the page asks; the form, the checks and the codebook are made from it."""
        return []

    def excused(self, page: Page, given: Answers) -> frozenset[str]:
        """Questions that need no answer, seeing what else was sent (still unchecked)."""
        return frozenset()

    def context(self, stage: Any, page: Page, walk: Walk, visit: Visit) -> dict[str, Any]:
        """What the template needs beside the form. Must never hold the arm, the truth or the key before debrief."""
        return {}

    def clean(self, stage: Any, page: Page, walk: Walk, answers: dict[str, Any]) -> dict[str, Any]:
        """A last look at validated answers; raises django.core.exceptions.ValidationError."""
        return answers

    def move(self, stage: Any, page: Page, walk: Walk, answers: Answers, attempt: int) -> Move:
        """Where accepted answers lead. `attempt` counts from 1."""
        return NEXT

    def opened(self, stage: Any, page: Page, walk: Walk, session: Session) -> None:
        """The session has just arrived at the page, in the transaction that accepted the page before: draw and store
        what it will show. Never the first page of a walk."""

    def accepted(self, stage: Any, page: Page, walk: Walk, answers: Answers, session: Session) -> None:
        """The page was just accepted, in the same transaction: store what is derived from it."""

    def erased(self, session: Session) -> None:
        """The person's answers are being destroyed: destroy what was derived from them."""

    def columns(self, stage: Any, protocol: Protocol) -> list[Column]:
        """Columns this stage adds to the tidy tables."""
        return []

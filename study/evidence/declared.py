"""What of each record leaves the house and what never does. A field nobody declared stops the bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models

from study.advice.columns import COLUMNS, KEYS
from study.advice.models import ProbeRound
from study.assignment.models import Slot, SlotReturn
from study.phrasing.models import Check, Decision, Draft, Placement, Wording
from study.protocol.types import Protocol, Stage
from study.registration.errors import Refused
from study.registration.models import AuditEntry, Registration, Study
from study.session.models import Identity, Participant, Session, Submission, TraceEvent
from study.stages import registry
from study.tables.columns import stage_columns

OUT, NEVER = "out", "never"

FIELDS: dict[type[models.Model], dict[str, tuple[str, ...]]] = {
    Study: {
        OUT: ("id", "slug", "title", "mode", "state", "places", "created_at", "opened_at", "closed_at"),
        NEVER: ("draft", "source_text", "owner"),
    },
    Registration: {
        OUT: ("version", "canonical", "sha256", "seed", "seed_commitment", "reason", "difference", "power",
              "registered_by", "approved_by", "registered_at"),
        NEVER: ("id", "study"),
    },
    AuditEntry: {
        OUT: ("study", "number", "at", "actor", "action", "data", "previous", "link"),
        NEVER: ("id",),
    },
    Slot: {
        OUT: ("number", "block", "stratum", "arm", "item_order", "hedged", "state", "returns", "holder"),
        NEVER: ("id", "study"),
    },
    SlotReturn: {OUT: ("slot", "session", "reason", "at"), NEVER: ("id",)},
    Participant: {OUT: ("code", "source"), NEVER: ("id", "study", "created_at")},
    Identity: {OUT: (), NEVER: ("participant", "study", "fingerprint", "sealed")},
    Session: {
        OUT: ("participant", "registration", "language", "slot", "submitted", "outcome", "head", "started_at",
              "ended_at", "timed_out_at", "erased_at"),
        NEVER: ("id", "study", "token", "preview_arm", "position", "attempt", "shown_at", "exposed", "active_at",
                "withdrawn_at"),
    },
    Submission: {
        OUT: ("session", "number", "page", "attempt", "payload", "salt", "commitment", "link", "shown_at",
              "received_at"),
        NEVER: ("id",),
    },
    ProbeRound: {
        OUT: ("number", "reference", "asked_at", "concluded_at", "answers", "distance", "same_share", "changes"),
        NEVER: ("id", "study"),
    },
    TraceEvent: {
        OUT: ("session", "page", "load", "number", "kind", "data", "client_ms", "received_at"),
        NEVER: ("id",),
    },
    Wording: {OUT: ("item", "stance", "kind"), NEVER: ("id", "study", "rounds", "call", "asked_of")},
    Draft: {
        OUT: ("id", "wording", "number", "source", "author", "phrase", "text", "call", "check_call", "parent", "plain",
              "state", "reason"),
        NEVER: ("lead", "body", "wanted", "claims", "made_at"),
    },
    Check: {
        OUT: ("draft", "name", "passed", "detail", "value", "threshold", "call"),
        NEVER: ("id", "at"),
    },
    Decision: {OUT: ("draft", "by", "verdict", "reason", "at"), NEVER: ("id",)},
    Placement: {OUT: ("draft",), NEVER: ("id", "study", "by", "at")},
}  # fmt: skip
"""Every field of every record about people and what was done: `out` of the house, or `never`. People are named by
their public code alone; a session's token is the key to its data and stays."""


def declare(model: type[models.Model], *, out: tuple[str, ...], never: tuple[str, ...]) -> None:
    """Say of another app's records what leaves the house; to be called when the app is ready."""
    FIELDS[model] = {OUT: out, NEVER: never}


def undeclared(fields: Mapping[type[models.Model], Mapping[str, Iterable[str]]] = FIELDS) -> list[str]:
    """Fields of the records that stand in neither list, as `Model.field`."""
    return [
        f"{model.__name__}.{field.name}"
        for model, lists in fields.items()
        for field in model._meta.concrete_fields
        if field.name not in {name for listed in lists.values() for name in listed}
    ]


def refuse_undeclared() -> None:
    """Raises Refused naming the fields that nobody declared."""
    if names := undeclared():
        raise Refused(
            f"Nobody declared whether these may leave: {', '.join(names)}. Add them to study/evidence/declared.py."
        )


OWN_KINDS = frozenset(
    {
        "consent",
        "instructions",
        "comprehension",
        "trials",
        "survey",
        "recognition",
        "debrief",
        "feedback",
        "completion",
    }
)


def payload_keys(protocols: Iterable[Protocol]) -> dict[str, set[str]]:
    """By stage id the keys that an accepted page of that stage may hold."""
    found: dict[str, set[str]] = {}
    for protocol in protocols:
        for stage in protocol.flow:
            found.setdefault(stage.id, set()).update(_keys(stage, protocol))
    return found


def _keys(stage: Any, protocol: Protocol) -> set[str]:
    match stage.kind:
        case "consent":
            ticks = {f"statement_{n}" for n in range(1, len(stage.statements) + 1)}
            return {"agreed", "version", "text_sha256"} | ticks
        case "comprehension":
            return {s.id for s in stage.statements}
        case "recognition":
            return {item.id for item in protocol.items} | {foil.id for foil in stage.foils}
        case "trials":
            told = set(KEYS) if protocol.varies else set()
            return {"answer"} | told | {q.id for q in (*stage.questions, *stage.initial_questions)}
        case "survey" | "feedback":
            items = [i.id for s in getattr(stage, "scales", []) for i in protocol.scales_by_id[s].items]
            return {q.id for q in stage.questions} | set(items)
    return {c.name for c in registry.get(stage.kind).columns(stage, protocol)}


class Declared:
    """What the pages of a study may hold, over all versions of its protocol."""

    def __init__(self, protocols: Iterable[Protocol]) -> None:
        protocols = list(protocols)
        self.keys, self.kinds = payload_keys(protocols), kinds(protocols)

    def is_open(self, page: str, payload: Iterable[str]) -> bool:
        """Whether a page's answers leave the house. False for a page of another room's stage with keys that are no
        columns (words of an interview, say). Raises Refused for a page of our own stages that holds such a key."""
        stage = page.split(".", 1)[0]
        unknown = set(payload) - self.keys.get(stage, set())
        if unknown and self.kinds.get(stage) in {None, *OWN_KINDS}:
            raise Refused(
                f"Page '{page}' holds {', '.join(sorted(unknown))}, which the protocol declares nowhere."
            )
        return not unknown


def kinds(protocols: Iterable[Protocol]) -> dict[str, str]:
    """Kind by stage id, over all versions."""
    stages: list[Stage] = [stage for protocol in protocols for stage in protocol.flow]
    return {stage.id: stage.kind for stage in stages}


def free_texts(protocol: Protocol) -> list[str]:
    """Columns in which people wrote what they liked."""
    ours = {column.name for column in COLUMNS}
    found = [c.name for stage in protocol.flow for c in stage_columns(stage, protocol) if c.type == "text"]
    return [name for name in found if name not in ours]

"""What is asked of a study's document, and by which model: the part of an item that prompts may be made of."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from llm import calls
from llm.models import Call
from llm.prompts import Prompt, Sampling
from study.phrasing import checks
from study.phrasing.kinds import PHRASED, phrase_for
from study.phrasing.models import Kind
from study.protocol import Protocol, from_canonical
from study.protocol.types import Item
from study.registration.errors import WrongState
from study.registration.models import Study

DEADLINE = 3600.0  # seconds: nobody waits at a page
SIDES = {"high": "Very likely", "low": "Very unlikely"}
"""What is argued for where the answer to an item is a probability."""


@dataclass(frozen=True)
class Asked:
    """The words of an item that prompts are made of."""

    question: str
    options: dict[str, str]
    sources: tuple[str, ...]
    words: str

    @classmethod
    def of(cls, protocol: Protocol, item: Item) -> Asked:
        """In the protocol's first language. Neither truth nor advice nor arms are read, but for the probability that
        the AI states, from which the words of probability come."""
        named = {key: protocol.say(label) for key, label in item.options.items()}
        stated = item.advice.probability if item.advice else None
        return cls(
            protocol.say(item.question),
            dict(SIDES) if item.kind == "probability" else named,
            tuple(protocol.say(source.title) for source in item.sources),
            phrase_for(stated) if stated is not None else "",
        )

    def lead(self, stance: str) -> str:
        return checks.lead_of(self.options[stance], len(self.options))

    def kinds(self, *, stated: bool) -> list[str]:
        """The phrasings that can be drafted: those with a probability only where the item states one."""
        left_out = set() if stated else {Kind.NUMERIC, Kind.VERBAL}
        if not self.words:
            left_out.add(Kind.VERBAL)
        return [kind for kind in PHRASED if kind not in left_out]


def drafted_protocol(study: Study) -> Protocol:
    """The document that is worked on. Raises WrongState once it is registered."""
    if study.state != Study.State.DRAFT:
        raise WrongState(
            f"'{study.slug}' is {study.state}: texts are drafted and approved before registration."
        )
    return from_canonical(study.draft)


def locked(study_id: uuid.UUID) -> Study:
    """The study, held until commit: drafts of one study are begun and decided one after another."""
    return Study.objects.select_for_update(no_key=True).get(pk=study_id)


def settings_of(study: Study, protocol: Protocol, rounds: int) -> tuple[Sampling, str]:
    """The protocol's pinned model and settings; a rehearsal asks whichever model is configured."""
    pinned = protocol.model
    if pinned is None:
        return Sampling(temperature=None, seed=rounds), ""
    seed = None if pinned.seed is None else pinned.seed + rounds - 1
    name = "" if study.mode == Study.Mode.REHEARSAL else pinned.name
    return Sampling(temperature=pinned.temperature, seed=seed, max_tokens=max(pinned.max_tokens, 800)), name


def send(study: Study, prompt: Prompt, key: str, purpose: str) -> Call:
    """Ask for a call of the study's, which a worker carries out; the same key is the same call."""
    return calls.request(
        prompt, key=key, purpose=purpose, study=study.pk, priority=Call.Priority.BATCH, deadline=DEADLINE
    )

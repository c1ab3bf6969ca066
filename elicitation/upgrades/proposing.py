"""From a study's values to proposed upgrades: candidate pairs, a direction with its mapping, two stories, their checks.

Every question is one call with a key of its own, so that a run that was cut off goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from django.db import transaction

from elicitation import quoting
from elicitation.asking import ask
from elicitation.models import Card
from elicitation.upgrades import prompts
from elicitation.upgrades.between import Value, values_of
from elicitation.upgrades.candidates import Candidate, candidates
from elicitation.upgrades.contexts import contexts_of
from elicitation.upgrades.models import Proposal, ProposalDecision, State
from elicitation.values.cards import Card as Words
from llm import gateway
from llm.errors import LLMError
from llm.prompts import Prompt, Reply
from study.registration.audit import audit
from study.registration.errors import Refused
from study.registration.frozen import current, protocol_of
from study.registration.models import Study

MOST = 6  # candidate pairs a context
CHECK_NAME = "story check"
Say = Callable[[str], None]
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Proposing:
    """What a run did: pairs looked at, proposals open for review, refused by the check, pairs that are no upgrade, and
    pairs without a usable answer (asked again by the next run)."""

    pairs: int = 0
    open: int = 0
    refused: int = 0
    none: int = 0
    unanswered: int = 0

    def count(self, name: str) -> Proposing:
        return replace(self, pairs=self.pairs + 1, **{name: getattr(self, name) + 1})


@dataclass
class _Asked:
    """The calls behind one proposal."""

    study: Study
    key: str
    calls: list[str] = field(default_factory=list)
    rehearsal: bool = False

    def __call__(self, prompt: Prompt, what: str) -> Reply:
        reply = ask(prompt, key=f"{self.key}:{what}:{prompts.VERSION}", study=self.study.pk)
        self.calls.append(reply.call_id)
        self.rehearsal |= reply.rehearsal
        return reply


def propose(
    *,
    study: Study,
    only: Sequence[str] = (),
    most: int = MOST,
    stories: int = 1,
    say: Say = lambda line: None,
    told: Told = lambda done, total: None,
) -> Proposing:
    """Propose upgrades in the protocol's contexts (or `only` some of them), `stories` versions a pair; told(pairs
    looked at, all) after each.

    Never inside a transaction. Raises Refused, and LLMError when the cards cannot be embedded; a pair whose answers do
    not come or cannot be used is counted and left for the next run.
    """
    protocol = protocol_of(current(study).pk)
    wanted = {name: cases for name, cases in contexts_of(protocol).items() if not only or name in only}
    if not wanted:
        raise Refused("The protocol has no such context.")
    values = values_of(study)
    if len(values) < 2:
        raise Refused("There are no two values yet: the protocol holds no library of them.")
    texts = [value.card.card().text() for value in values]
    vectors = gateway.embed([*texts, *wanted], purpose="elicitation.embed", study=study.pk).vectors
    work = [
        (context, cases, ends, pair, version)
        for (context, cases), about in zip(wanted.items(), vectors[len(values) :], strict=True)
        for ends, pair in _pairs(values, cases, vectors, about, most)
        for version in range(1, stories + 1)
    ]
    done = Proposing()
    for number, (context, cases, ends, pair, version) in enumerate(work, start=1):
        outcome = _one(study, context, cases, ends, pair, version)
        done = done.count(outcome) if outcome else done
        say(f"{number} of {len(work)}, {context}: {ends[0].code} – {ends[1].code}: {outcome or 'known'}")
        told(number, len(work))
    return done


def _pairs(
    values: Sequence[Value],
    cases: list[str],
    vectors: Sequence[Sequence[float]],
    about: Sequence[float],
    most: int,
) -> Iterator[tuple[tuple[Card, Card], Candidate]]:
    """The candidate pairs of a context, among the values that fit its cases."""
    fitting = [at for at, value in enumerate(values) if value.fits(cases)]
    if len(fitting) < 2:
        return
    for pair in candidates([vectors[at] for at in fitting], about, most=most):
        first, second = (values[fitting[at]].card for at in (pair.first, pair.second))
        yield (first, second), pair


def _one(
    study: Study, context: str, cases: list[str], ends: tuple[Card, Card], pair: Candidate, version: int
) -> str:
    """One pair: "open", "refused", "none", "unanswered", or "" where it was proposed before or a card was erased
    meanwhile."""
    codes = sorted(end.code for end in ends)
    known = Proposal.objects.filter(study=study, context=context, version=version)
    if known.filter(from_value__in=codes, to_value__in=codes).exists():
        return ""
    about = hashlib.sha256(context.encode()).hexdigest()[:24]
    asked = _Asked(study, quoting.key("upgrade", study.pk, ends, about, version))
    cards = {end.code: end.card() for end in ends}
    outcome = _made(asked, context, cards)
    if isinstance(outcome, Proposal):
        outcome.study, outcome.cases, outcome.version, outcome.distance = study, cases, version, pair.distance
    return _keep(outcome, ends)


def _made(asked: _Asked, context: str, cards: dict[str, Words]) -> Proposal | str:
    """What the model makes of two cards: a proposal, "none" or "unanswered"."""
    try:
        move = prompts.read_pair(asked(prompts.pair(context, cards), "pair").data, cards)
        if move is None:
            return "none"
        return _told(asked, context, move, cards)
    except (LLMError, prompts.Unusable):
        return "unanswered"


def _told(asked: _Asked, context: str, move: prompts.Move, cards: dict[str, Words]) -> Proposal:
    """The proposal with its stories, each checked."""
    old, new = cards[move.from_value], cards[move.to_value]
    undone = tuple({**row, "old": row["new"], "new": row["old"]} for row in move.mapping)
    told, checks = {}, {}
    for way, (first, second, became) in {
        "there": (old, new, move.mapping),
        "back": (new, old, undone),
    }.items():
        told[way] = prompts.read_story(asked(prompts.story(context, first, second, became), way).data)
        answer = asked(prompts.check(context, first, second, told[way]), f"check-{way}")
        checks[way] = prompts.read_check(answer.data, told[way]).as_json()
    return Proposal(
        context=context, from_value=move.from_value, to_value=move.to_value,
        mapping=[dict(row) for row in move.mapping],
        story=told["there"], back=told["back"], checks=checks, calls=asked.calls, rehearsal=asked.rehearsal,
    )  # fmt: skip


@transaction.atomic
def _keep(made: Proposal | str, ends: Sequence[Card]) -> str:
    """Store a proposal with the check's decision, numbered after those that are there. Nothing is kept of cards that
    were erased while the model was asked; locks in the order of an erasure: cards, then study."""
    keys = [end.pk for end in ends]
    held = Card.objects.filter(pk__in=keys).order_by("pk").select_for_update(no_key=True)
    if not all(held.values_list("title", flat=True)):
        quoting.erase(ends[0].study_id, keys, prompts.TEMPLATES)
        return ""
    if isinstance(made, str):
        return made
    Study.objects.select_for_update().only("pk").get(pk=made.study_id)
    made.number = Proposal.objects.filter(study=made.study_id).count() + 1
    made.save(force_insert=True)
    against = [f"{way}: {one}" for way, check in made.checks.items() for one in check["problems"]]
    state = State.REFUSED if against else State.OPEN
    ProposalDecision.objects.create(
        proposal=made, number=1, state=state, reason="; ".join(against), by=CHECK_NAME
    )
    audit(made.study, CHECK_NAME, "proposed an upgrade", {"number": made.number, "state": state.value})
    return state.value

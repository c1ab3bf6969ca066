"""A closed study with as many values and edges as asked for, written into the database without walking the pages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from elicitation.models import Card, Upgrade, Vote
from study.protocol import Protocol, read, shipped
from study.registration import actions
from study.registration.models import Study
from study.session.models import Participant, Session, Submission
from tests.factories import collecting

EACH = 4  # votes on every pair: three "wiser" and one "not sure" keep it as an edge
START = datetime(2026, 3, 1, tzinfo=UTC)


def crowd(
    values: int,
    edges: int,
    *,
    people: int,
    seed: int = 1,
    protocol: Protocol | None = None,
    close: bool = True,
) -> Study:
    """The study: `edges` pairs of `values` values, in the contexts and cases of the protocol (the shipped one), four
    votes on each; everybody on a pair gave the same answer to the
    protocol's last grouping question; the votes spread over ten
    days."""
    from elicitation.explorer.asked import choices, offers

    protocol = protocol or read(shipped()["moral-graph"])
    study, rng = collecting(protocol), np.random.default_rng(seed)
    offered = offers(protocol)
    contexts, cases = ([one.value for one in offered[name]] for name in ("context", "case"))
    question = choices(protocol)[-1]
    answers = list(question.options)
    Card.objects.bulk_create(
        Card(study=study, code=f"v{n}", title=f"Value number {n}", description=f"What {n} is about.",
             policies=["SIGNS of it", "DOUBTS about it", "PEOPLE it touches"], shared=True, digest=f"{n}")
        for n in range(values)
    )  # fmt: skip
    pairs = _pairs(values, edges, rng)
    Upgrade.objects.bulk_create(
        Upgrade(study=study, pair=f"u{n}", direction="there", from_value=f"v{a}", to_value=f"v{b}",
                context=contexts[n % len(contexts)], story=f"I left {a} and found {b}.", digest=f"{n}")
        for n, (a, b) in enumerate(pairs)
    )  # fmt: skip
    upgrades = list(Upgrade.objects.filter(study=study, pair__startswith="u").order_by("pk"))
    registration = study.registrations.order_by("-version").first()
    persons = Participant.objects.bulk_create(
        Participant(study=study, source=study.mode) for _ in range(people)
    )
    sessions = Session.objects.bulk_create(
        Session(study=study, participant=person, registration=registration) for person in persons
    )
    Submission.objects.bulk_create(
        Submission(session=session, number=1, page="crowd", payload={question.id: answers[n // EACH % len(answers)]},
                   commitment="", link="", shown_at=START, received_at=START)
        for n, session in enumerate(sessions)
    )  # fmt: skip
    Vote.objects.bulk_create(
        Vote(session=sessions[(n * EACH + k) % people], upgrade=upgrade, case=cases[n % len(cases)],
             verdict="unsure" if k == EACH - 1 else "wiser", why="Because." if k == 0 else "",
             created_at=START + timedelta(minutes=14_400 * n / edges))
        for n, upgrade in enumerate(upgrades)
        for k in range(EACH)
    )  # fmt: skip
    if close:
        actions.close(study=study, by=None)
    study.refresh_from_db()
    return study


def _pairs(values: int, edges: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Different unordered pairs, each in one direction; a value's wisdom is its number, more or less."""
    found: dict[frozenset[int], tuple[int, int]] = {}
    for value in range(1, values):
        found[frozenset((value - 1, value))] = (value - 1, value)
    while len(found) < edges:
        a, b = (int(one) for one in rng.integers(values, size=2))
        if a != b:
            found.setdefault(frozenset((a, b)), (min(a, b), max(a, b)))
    return list(found.values())[:edges]

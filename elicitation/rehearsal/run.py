"""The whole line for an elicitation: register, let personas walk the pages over HTTP, close, and measure recovery."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
from asgiref.sync import sync_to_async

from analysis import moral_graph
from elicitation.models import Card
from elicitation.rehearsal import ways
from elicitation.rehearsal.personas import Persona, true_ranks, truth
from elicitation.rehearsal.provenance import unprovenanced, unsupported
from elicitation.rehearsal.recovery import recover, told
from elicitation.rehearsal.talking import BAD_LINE
from elicitation.votes.table import votes_of
from study.protocol import Protocol, read, shipped
from study.registration import actions
from study.registration.models import Study
from study.rehearsal.cohort import Cohort, Result

Say = Callable[[str], None]


class PersonaCohort(Cohort):
    """A cohort of personas."""

    person = Persona


async def rehearse(url: str, *, model: str, people: int, at_once: int, say: Say) -> Study:
    """Run it all against the web server at `url` and the rehearsal model whose API is at `model`.

    Raises RuntimeError when somebody got stuck, or something does not lead to where it came from.
    """
    await _cut_the_bad_lines(model)
    protocol = read(shipped()["moral-graph"])
    study = await sync_to_async(_open)(protocol)
    say(f"'{study.slug}' is registered as a rehearsal and open; {people} personas arrive.")
    result = await walked(study, protocol, url, people, at_once)
    say(f"{result.arrived} arrived, {result.pages} pages answered: {dict(result.outcomes)}.")
    for line in (await sync_to_async(_measured)(study, protocol)).splitlines():
        say(line)
    say(f"The graph stands at /graphs/{study.slug}/ when `make serve` runs.")
    return study


async def walked(study: Study, protocol: Protocol, url: str, people: int, at_once: int) -> Result:
    """Send personas until `people` have completed. Raises RuntimeError when somebody got stuck."""
    result = await PersonaCohort(study, protocol, url, concurrency=at_once).run(people)
    if result.stuck:
        raise RuntimeError("Some could not go on:\n" + "\n".join(result.stuck[:10]))
    return result


async def _cut_the_bad_lines(model: str) -> None:
    """The model is away for those who say that their line is bad, and for nobody else."""
    faults = [{"kind": "status", "value": 503, "match": BAD_LINE}]
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{model.removesuffix('/v1')}/admin/faults", json=faults) as answer,
    ):
        answer.raise_for_status()


def _open(protocol: Protocol) -> Study:
    study = actions.load(protocol, mode="rehearsal", owner=None)
    actions.register(study=study, by=None)
    actions.open_study(study=study, by=None)
    return study


def _measured(study: Study, protocol: Protocol) -> str:
    """Close the study and say how its cards came about and what its votes give back."""
    actions.close(study=study, by=None, reason="rehearsal over")
    found = votes_of(study)
    graph = moral_graph.build(found.votes, resamples=200)
    lost = [*unprovenanced(study), *unsupported(graph, found.votes)]
    if lost:
        raise RuntimeError(f"{len(lost)} do not lead to where they came from:\n" + "\n".join(lost[:10]))
    cards = Card.objects.filter(study=study, session__isnull=False).exclude(title="").count()
    head = "\n".join(
        [
            ways.told(ways.of(study)),
            f"{cards} cards, {len(found.votes)} votes, {len(graph.edges)} edges between {len(graph.values)} values; "
            "each card leads to its interview or pages, each edge to its votes",
        ]
    )
    try:
        return f"{head}\n{told(recover(found.votes, truth(protocol), true_ranks(protocol)))}"
    except ValueError as reason:  # too few people: not an error of the rehearsal
        return f"{head}\nThe order cannot be estimated from so few votes: {reason}"

"""The whole line for an elicitation: register, let personas walk the pages over HTTP, close, measure what their votes
give back, merge their cards, follow every link of the explorer, and let them answer the follow-up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp

from analysis import moral_graph
from elicitation.followup import actions as follow_up
from elicitation.followup.models import FollowUp
from elicitation.followup.shares import shares
from elicitation.rehearsal import exploring, merging, returning, ways
from elicitation.rehearsal.personas import Persona, true_ranks, truth
from elicitation.rehearsal.provenance import unprovenanced, unsupported
from elicitation.rehearsal.recovery import recover, told
from elicitation.rehearsal.talking import BAD_LINE
from elicitation.votes.table import votes_of
from study.protocol import Protocol, read, shipped
from study.registration import actions
from study.registration.models import Study
from study.rehearsal.cohort import Cohort, Result

TOLD_EVERY = 50  # who completed
Say = Callable[[str], None]


class PersonaCohort(Cohort):
    """A cohort of personas."""

    person = Persona


def rehearse(url: str, *, model: str, people: int, at_once: int, say: Say) -> Study:
    """Run it all against the web server at `url` and the rehearsal model whose API is at `model`. Not inside a running
    event loop.

    Raises RuntimeError when somebody got stuck, or something does not lead to where it came from.
    """
    phases = Phases(say)
    asyncio.run(_cut_the_bad_lines(model))
    protocol = read(shipped()["moral-graph"])
    with phases.phase("register"):
        study = _open(protocol)
        say(f"'{study.slug}' is registered as a rehearsal and open; {people} personas arrive.")
    with phases.phase("walk the pages"):
        result = asyncio.run(walked(study, protocol, url, people, at_once, say))
        say(f"{result.arrived} arrived, {result.pages} pages answered: {dict(result.outcomes)}.")
        actions.close(study=study, by=None, reason="rehearsal over")
    with phases.phase("recover the order"):
        say_lines(say, _recovered(study, protocol))
    with phases.phase("merge the cards"):
        say("The worker searches for cards that are one value.")
        say_lines(say, merging.told(merging.merge(study, say)))
    with phases.phase("follow every link"):
        say_lines(say, led(study, url))
    with phases.phase("come back"):
        say_lines(say, came_back(study, protocol, url, at_once))
    say(phases.told())
    say(f"The graph stands at /graphs/{study.slug}/ when `make serve` runs.")
    return study


def say_lines(say: Say, text: str) -> None:
    for line in text.splitlines():
        say(line)


@dataclass
class Phases:
    """How long each part took."""

    say: Say
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - start

    def told(self) -> str:
        return "Minutes: " + ", ".join(f"{name} {spent / 60:.2f}" for name, spent in self.seconds.items())


async def walked(
    study: Study, protocol: Protocol, url: str, people: int, at_once: int, say: Say = lambda line: None
) -> Result:
    """Send personas until `people` have completed. Raises RuntimeError when somebody got stuck."""
    done = 0

    def completed() -> None:
        nonlocal done
        done += 1
        if done % TOLD_EVERY == 0 and done < people:
            say(f"{done} of {people} have completed.")

    result = await PersonaCohort(study, protocol, url, concurrency=at_once, completed=completed).run(people)
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


def _recovered(study: Study, protocol: Protocol) -> str:
    """How the cards came about, and what the votes give back of the true order."""
    found = votes_of(study)
    head = ways.told(ways.of(study))
    try:
        return f"{head}\n{told(recover(found.votes, truth(protocol), true_ranks(protocol)))}"
    except ValueError as reason:  # too few people: not an error of the rehearsal
        return f"{head}\nThe order cannot be estimated from so few votes: {reason}"


def led(study: Study, url: str) -> str:
    """Does everything lead to where it came from, in the tables and on the explorer's pages? Raises RuntimeError with
    what does not."""
    votes = votes_of(study).votes
    graph = moral_graph.build(votes, resamples=200)
    lost = [*unprovenanced(study), *unsupported(graph, votes)]
    edges = {(str(edge["from_value"]), str(edge["to_value"])) for edge in graph.edges.to_dict("records")}
    found = exploring.explore(study, url, edges)
    lost += found.lost
    if lost:
        raise RuntimeError(f"{len(lost)} do not lead to where they came from:\n" + "\n".join(lost[:10]))
    return f"{exploring.told(found)}\nEvery card leads to its interview or pages, every edge to its votes."


def came_back(study: Study, protocol: Protocol, url: str, at_once: int) -> str:
    """Let those who agreed answer the follow-up. Raises RuntimeError when somebody could not, or an answer is lost."""
    links = [one.link for one in follow_up.waiting(study)]
    result = asyncio.run(returning.come_back(url, links, at_once=at_once, seed=protocol.assumptions.seed))
    kept = FollowUp.objects.filter(session__study=study).count()
    wrong = {how: number for how, number in result.items() if how not in ("answered", "nothing")}
    if wrong or kept != result["answered"]:
        raise RuntimeError(f"Of {len(links)} who came back {kept} are kept, and: {dict(result)}")
    lines = [f"{len(links)} agreed to be asked again and came back: {dict(result)}"]
    lines += [
        f"{one.question}: {one.yes} of {one.n} ({one.share:.3f}, 95 % interval {one.low:.3f} to {one.high:.3f})"
        for one in shares(study)
        if one.share is not None and one.low is not None and one.high is not None
    ]
    return "\n".join(lines)

"""The whole line for an elicitation: register, let personas walk the pages over HTTP, close, and measure recovery."""

from __future__ import annotations

from collections.abc import Callable

from asgiref.sync import sync_to_async

from analysis import moral_graph
from elicitation.models import Card, Draw, Vote
from elicitation.rehearsal.personas import Persona, true_ranks, truth
from elicitation.rehearsal.recovery import recover, told
from elicitation.votes.table import votes_of
from study.protocol import Protocol, read, shipped
from study.registration import actions
from study.registration.models import Study
from study.rehearsal.cohort import Cohort
from study.session.models import Submission

Say = Callable[[str], None]


class PersonaCohort(Cohort):
    """A cohort of personas."""

    person = Persona


async def rehearse(url: str, *, people: int, at_once: int, say: Say) -> Study:
    """Run it all against the web server at `url`. Raises RuntimeError when somebody got stuck."""
    protocol = read(shipped()["moral-graph"])
    study = await sync_to_async(_open)(protocol)
    say(f"'{study.slug}' is registered as a rehearsal and open; {people} personas arrive.")
    cohort = PersonaCohort(study, protocol, url, concurrency=at_once)
    result = await cohort.run(people)
    if result.stuck:
        raise RuntimeError("Some could not go on:\n" + "\n".join(result.stuck[:10]))
    say(f"{result.arrived} arrived, {result.pages} pages answered: {dict(result.outcomes)}.")
    for line in (await sync_to_async(_measured)(study, protocol)).splitlines():
        say(line)
    say(f"The graph stands at /graphs/{study.slug}/ when `make serve` runs.")
    return study


def _open(protocol: Protocol) -> Study:
    study = actions.load(protocol, mode="rehearsal", owner=None)
    actions.register(study=study, by=None)
    actions.open_study(study=study, by=None)
    return study


def _measured(study: Study, protocol: Protocol) -> str:
    """Close the study and say what its votes give back; every card and vote leads to where it came from."""
    actions.close(study=study, by=None, reason="rehearsal over")
    lost = unprovenanced(study)
    if lost:
        raise RuntimeError(f"{lost} cards or votes do not lead to what they came from")
    found = votes_of(study)
    graph = moral_graph.build(found.votes, resamples=200)
    cards = Card.objects.filter(study=study, session__isnull=False).exclude(title="").count()
    head = f"{cards} cards, {len(found.votes)} votes, {len(graph.edges)} edges between {len(graph.values)} values"
    try:
        return f"{head}\n{told(recover(found.votes, truth(protocol), true_ranks(protocol)))}"
    except ValueError as reason:  # too few people: not an error of the rehearsal
        return f"{head}\nThe order cannot be estimated from so few votes: {reason}"


def unprovenanced(study: Study) -> int:
    """Cards without their pages, votes without the draw that showed the story or the page that was accepted."""
    lost = 0
    cards = Card.objects.filter(study=study, session__isnull=False).values_list("session_id", "stage")
    for session, stage in cards:
        lost += not Submission.objects.filter(session_id=session, page=f"{stage}.card").exists()
    pages = {
        (session, upgrade): page
        for session, upgrade, page in Draw.objects.filter(session__study=study, upgrade__isnull=False)
        .values_list("session_id", "upgrade_id", "page")
    }  # fmt: skip
    for vote in Vote.objects.filter(session__study=study).select_related("session"):
        page = pages.get((vote.session_id, vote.upgrade_id), "")
        lost += not vote.session.submissions.filter(page=page).exists()
    return lost

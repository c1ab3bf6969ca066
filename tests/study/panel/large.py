"""A large database: a hundred studies, 20,000 people, a million submissions, and something on every page of the panel.

Rows of people are made by SQL, since nobody walks a million pages in a test; documents and slots are made by the actions
that make them otherwise, and what else a page shows by its model.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from elicitation.models import (
    Card,
    DeskRun,
    MappingDecision,
    MergeDecision,
    MergeProposal,
    Proposal,
    ProposalDecision,
)
from llm.confidence import key_of
from llm.confidence import prompt as asked
from llm.models import Call
from study.accounts.models import Invitation, SignIn
from study.analyses.models import AnalysisRun, Exploration
from study.model_confidence import items_of
from study.panel.models import BundleRun, DraftVersion, Simulation, StudyRole
from study.payment.models import BonusBatch
from study.phrasing.models import Check, Draft, Wording
from study.protocol import Protocol, read, sha256, shipped
from study.registration import actions
from study.registration.audit import audit
from study.registration.models import Study
from tests import factories

MAIN = "uncertainty-reliance"
GRAPH = "moral-graph"
FIGURE = "<svg>" + "<!-- about as long as a figure -->" * 1000 + "</svg>"
SESSIONS = """
    WITH people AS (
        INSERT INTO study_participant (id, study_id, code, source, created_at)
        SELECT gen_random_uuid(), %(study)s, %(prefix)s || lpad(n::text, 9, '0'), 'real',
            now() - n * interval '1 minute'
        FROM generate_series(1, %(people)s) AS n RETURNING id, code, created_at
    )
    INSERT INTO study_session (id, study_id, participant_id, registration_id, token, language, preview_arm, position,
        attempt, submitted, outcome, exposed, head, started_at, active_at, ended_at, slot_id)
    SELECT gen_random_uuid(), %(study)s, drawn.id, %(registration)s, left(replace(drawn.id::text, '-', ''), 32), 'en', '',
        (random() * 14)::int, 1, %(pages)s, o, true, '', created_at, created_at,
        CASE WHEN o = '' THEN NULL ELSE created_at END, slots.id
    FROM (SELECT *, (ARRAY['complete', 'withdrawn', '', 'complete', 'complete'])[1 + (place - 1) %% 5] AS o FROM
              (SELECT *, row_number() OVER (ORDER BY code) AS place FROM people) AS counted) AS drawn
    LEFT JOIN (SELECT id, row_number() OVER (ORDER BY stratum, number) AS place FROM study_slot
               WHERE study_id = %(study)s) AS slots USING (place)
"""
TAKEN = """
    UPDATE study_slot SET holder_id = s.id, state = CASE WHEN s.outcome = 'complete' THEN 'done' ELSE 'held' END
    FROM study_session AS s WHERE s.slot_id = study_slot.id AND s.outcome <> 'withdrawn' AND s.study_id = %(study)s
"""
RETURNS = """
    INSERT INTO study_slotreturn (slot_id, session_id, reason, at)
    SELECT slot_id, id, 'withdrawn', ended_at FROM study_session
    WHERE study_id = %(study)s AND outcome = 'withdrawn' AND slot_id IS NOT NULL
"""
SUBMISSIONS = """
    INSERT INTO study_submission (session_id, number, page, attempt, payload, salt, commitment, link, shown_at, received_at)
    SELECT id, n, %(stage)s || '.' || n || '.final', 1, '{"answer": "yes", "confidence": 3}', '', '', '',
        started_at, started_at + random() * interval '30 seconds'
    FROM study_session, generate_series(1, %(pages)s) AS n WHERE study_id = %(study)s
"""
EVENTS = """
    INSERT INTO study_traceevent (session_id, page, load, number, kind, data, client_ms, received_at)
    SELECT id, %(stage)s || '.1.final', 'a', n, (ARRAY['hidden', 'visible', 'paste', 'change'])[1 + n %% 4], '{}', n,
        started_at
    FROM study_session, generate_series(1, 40) AS n WHERE study_id = %(study)s AND position < 3
"""
CALLS = """
    INSERT INTO llm_call (id, key, kind, purpose, study, participant, priority, template, template_version, prompt,
        prompt_hash, model_asked, streamed, fallback, state, attempt, tries, deadline_at, created_at, finished_at,
        reserved_tokens, backend, model_answered, fingerprint, rehearsal, finish_reason, latency_ms, raw, text, tool_calls,
        logprobs, warnings, error, error_kind, error_detail)
    SELECT gen_random_uuid(), 'size-' || n, 'chat', 'study.advice', %(study)s, '', 'participant', '', '', '{}',
        '', 'm', false, '', 'done', 1, 1, now(), now() - n * interval '2 seconds', now(),
        0, 'size:1', '', '', false, '', 500 + random() * 2000, '', repeat('word ', 100), '[]',
        '[]', '[]', '', '', ''
    FROM generate_series(1, %(calls)s) AS n
"""
BONUSES = """
    INSERT INTO payment_bonus (study_id, session_id, units, amount, batch_id, computed_at)
    SELECT study_id, id, 5, 0.5, %(batch)s, now() FROM study_session WHERE study_id = %(study)s AND outcome = 'complete'
"""


@dataclass(frozen=True)
class Size:
    """How many of what there are: people a study, drafts, pages a person in two studies, model calls, entries of the log,
    and rows of every other list."""

    people: int = 10_000
    drafts: int = 97
    pages: tuple[int, int] = (20, 80)
    calls: int = 50_000
    entries: int = 500
    rows: int = 60


def filled(size: Size = Size()) -> Study:
    """The study whose pages are looked at: the shipped protocol of 839 lines with ten thousand places, as many people,
    200,000 submissions and 50,000 model calls. Beside it a closed one with 800,000 submissions, one that elicits a moral
    graph, and 97 drafts of the same length as the first.
    """
    text = shipped()[MAIN].read_text()
    study = actions.load(text.replace("\n  target: 404", f"\n  target: {max(40, size.people)}"), owner=None)
    actions.register(study=study, by=None)
    actions.open_study(study=study, by=None)
    fill(study, size.people, prefix="x", pages=size.pages[0])
    closed = factories.collecting(mode="pilot")
    fill(closed, size.people, prefix="y", pages=size.pages[1])
    actions.close(study=closed, by=None)
    analysed(closed, size.rows)
    for number in range(size.drafts):
        actions.load(text, owner=None, slug=f"more-{number}")
    drafted(Study.objects.get(slug="more-1"), size.rows)
    elicited(actions.load(shipped()[GRAPH], mode=Study.Mode.REHEARSAL, owner=None, slug=GRAPH), size.rows)
    for number in range(size.entries):
        audit(study, "ada", "paused" if number % 2 else "resumed", {"reason": f"For the {number}th time."})
    worded(study)
    shared(study, size.rows)
    batches = [BonusBatch.objects.create(study=study) for _ in range(size.rows)]
    with connection.cursor() as cursor:
        cursor.execute(CALLS, {"study": study.pk, "calls": size.calls})
        cursor.execute(BONUSES, {"study": study.pk, "batch": batches[0].pk})
        cursor.execute("ANALYZE")
    return study


def fill(study: Study, people: int, *, prefix: str, pages: int) -> None:
    """People with as many pages each."""
    registration = study.registrations.get().pk
    values = {"study": study.pk, "registration": registration, "people": people, "pages": pages}
    values |= {"prefix": prefix, "stage": "tasks"}
    with connection.cursor() as cursor:
        for statement in (SESSIONS, TAKEN, RETURNS, SUBMISSIONS, EVENTS):
            cursor.execute(statement, values)


def times(number: int) -> dict[str, Any]:
    """When something was asked for, begun and ended, some days ago."""
    asked_at = timezone.now() - timedelta(days=30, hours=number)
    return {"asked_at": asked_at, "started_at": asked_at, "finished_at": asked_at + timedelta(minutes=1)}


def analysed(study: Study, rows: int) -> None:
    """Runs, looks and bundles."""
    found = {"group": "control", "n": 800, "value": 0.5, "low": 0.4, "high": 0.6}
    registration = study.registrations.get()
    numbers = {"value": 0.1, "low": 0.0, "high": 0.2, "n": 800}
    told = [
        {
            "id": name,
            "sentence": "One is more.",
            "verdict": "supported",
            "unit": "points",
            "estimate": numbers,
        }
        for name in ("h1", "h2")
    ]
    for number in range(rows // 2):
        when = times(number)
        AnalysisRun.objects.create(
            study=study, registration=registration, state="done", started_at=when["started_at"],
            finished_at=when["finished_at"], results={"hypotheses": told, "filler": "x" * 100_000},
            html="<p>A report.</p>" * 20_000,
        )  # fmt: skip
        Exploration.objects.create(
            study=study, outcome="trials.agree", predictor="trials.arm", figure=FIGURE,
            result={"rows": [found] * 4, "unit": "participants"}, asked_at=when["asked_at"],
            finished_at=when["finished_at"],
        )  # fmt: skip
        BundleRun.objects.create(
            study=study, file=f"{study.pk}/{number}.zip", sha256="ab" * 32, size=10**9, **when
        )


def drafted(study: Study, rows: int) -> None:
    """Earlier texts, and the power of the draft as it stands."""
    text = study.source_text
    for number in range(1, rows + 1):
        DraftVersion.objects.create(
            study=study, number=number, text=text, sha256="ab" * 32, how="text", changed="title"
        )
    protocol = read(text)
    power = {"power": 0.83, "low": 0.75, "high": 0.89, "runs": 100, "converged": 100, "n": 404}
    result = {
        "hypotheses": {h.id: power for h in protocol.plan.hypotheses},
        "target": 0.8,
        "curve": [],
        "runs": 100,
    }
    Simulation.objects.create(
        study=study, kind="power", sha256=sha256(protocol), wanted=100, done=400, total=400, result=result,
        figure=FIGURE, **times(1),
    )  # fmt: skip


def worded(study: Study) -> None:
    """Every item's texts drafted and checked, and the model asked how sure it is of each."""
    protocol = read(study.source_text)
    for item in protocol.items:
        for stance in ("yes", "no"):
            drafts(study, item.id, stance)
    Call.objects.bulk_create(confident(study, protocol))
    now = timezone.now()
    Call.objects.create(
        key="drafted", purpose="study.phrasing.answer", study=study.pk, template="study.phrasing.answer",
        template_version="1", prompt={"messages": [{"role": "user", "content": "Write. " * 300}]}, prompt_hash="",
        model_asked="m", state="done", deadline_at=now, finished_at=now, text="It says so. " * 50,
    )  # fmt: skip


def drafts(study: Study, item: str, stance: str) -> None:
    """A plain answer and two phrasings of it, each in its second version, with their checks."""
    plain = None
    for kind in ("plain", "first-person", "general"):
        wording = Wording.objects.create(study=study, item=item, stance=stance, kind=kind, rounds=1)
        for number in (1, 2):
            words = {
                "body": "It says so in the leaflet. " * 6,
                "phrase": "I'm not sure, but " if plain else "",
            }
            draft = Draft.objects.create(
                wording=wording, number=number, source="model", text=words["phrase"] + words["body"], plain=plain,
                state="open", **words,
            )  # fmt: skip
            for name in ("form", "exact", "stance", "claims", "distance"):
                Check.objects.create(draft=draft, name=name, passed=True)
        plain = plain or draft


def confident(study: Study, protocol: Protocol) -> Iterable[Call]:
    """Answered calls about every question, in the way of numbers."""
    now = timezone.now()
    for place, item in enumerate(items_of(protocol)):
        made = asked("number", item.question)
        yield Call(
            key=key_of(study.pk, "number", item.id, "m", None), purpose="llm.confidence.number", study=study.pk,
            template=made.template, template_version=made.version, prompt={"messages": []}, prompt_hash="",
            model_asked="m", state="done", deadline_at=now, finished_at=now, text="{}",
            data={"answer": "yes" if place % 3 else "no", "confidence": 60 + place % 40},
        )  # fmt: skip


def shared(study: Study, rows: int) -> None:
    """People invited by mail, half of whom have accepted; and as many with a role and a browser that they signed in with."""
    user = factories.user("grace")
    for number in range(rows):
        StudyRole.objects.create(study=study, user=factories.user(f"person-{number}"), role="analyst")
        SignIn.objects.create(user=boss(), session_key=f"key-{number}", browser="Firefox")
        accepted = {"accepted_at": timezone.now(), "accepted_by": user} if number % 2 else {}
        Invitation.objects.create(
            study=study, email=f"p{number}@example.org", role="analyst", site="http://testserver",
            expires_at=timezone.now() + timedelta(days=7), **accepted,
        )  # fmt: skip


def boss() -> Any:
    """Who may see every page, the records' among them."""
    return factories.user("boss", is_staff=True, is_superuser=True)


def elicited(study: Study, rows: int) -> None:
    """Five cards a row, as many compared pairs, two decisions a row, and proposed upgrades."""
    policies = ["SILENCES that want no filling", "WORDS that come back", "CHANGES in the voice of a friend"]
    Card.objects.bulk_create(
        Card(
            study=study, code=f"c{n}", title=f"Patient listening {n}", description="It matters. " * 8,
            policies=policies, digest=str(n),
        )
        for n in range(5 * rows)
    )  # fmt: skip
    for number in range(1, 5 * rows):
        pair = MergeProposal.objects.create(
            study=study, number=number, first="c0", second=f"c{number}", distance=0.1, rubric="1",
            answers={"same": True},
        )  # fmt: skip
        MergeDecision.objects.create(proposal=pair, number=1, state="open", by="rubric 1")
    for number in range(1, 2 * rows + 1):
        MappingDecision.objects.create(
            study=study, number=number, kind="merge", cards=[f"c{number}", f"c{number + 2 * rows}"], by="ada"
        )
    for number in range(1, rows + 1):
        proposal = Proposal.objects.create(
            study=study, number=number, context="When a friend is in trouble", from_value=f"c{number}",
            to_value=f"c{number + rows}", distance=0.2, story="I was dutiful. " * 30, back="I was at peace. " * 30,
            mapping=[{"old": "TASKS", "new": "CALM", "reason": "impure motive"}] * 3, checks={},
        )  # fmt: skip
        ProposalDecision.objects.create(proposal=proposal, number=1, state="open", by="story check")
    rows = [{"threshold": n / 100, "values": 300 - n} for n in range(21)]
    DeskRun.objects.create(
        study=study, kind="merges", by="ada", result={"threshold": 0.2, "found": 299}, curve=rows,
        figures={"values": FIGURE, "ranks": FIGURE}, **times(1),
    )  # fmt: skip
    DeskRun.objects.create(study=study, kind="upgrades", by="ada", result={"found": 60}, **times(1))

"""A large study's bundle: time and memory. HEED_SUBMISSIONS says how many pages (200,000 unless told)."""

from __future__ import annotations

import json
import os
import resource
import threading
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from django.db import connection
from django.utils import timezone

from study.analyses.models import AnalysisRun
from study.assignment.models import Slot
from study.evidence import bundle
from study.protocol import Protocol, document
from study.registration import actions
from study.registration.frozen import current
from study.registration.models import Study
from study.session import chain
from study.session.models import Participant, Session
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.soak]

ITEMS = 40
COPY = """COPY study_submission (session_id, number, page, attempt, payload, salt, commitment, link, shown_at, received_at)
          FROM STDIN"""


def wide() -> Protocol:
    """The tiny study with forty items."""
    content = document(factories.tiny())
    content["items"] = [content["items"][n % 4] | {"id": f"item-{n}"} for n in range(ITEMS)]
    return Protocol.model_validate(content)


def filled(study: Study, people: int) -> int:
    """Everybody completes; returns the number of submissions."""
    now, registration = timezone.now(), current(study)
    sessions = []
    places = list(Slot.objects.filter(study=study).order_by("number")[:people])
    participants = Participant.objects.bulk_create(
        [Participant(study=study, source=study.mode) for _ in places], batch_size=5000
    )
    for participant, slot in zip(participants, places, strict=True):
        sessions.append(Session(study=study, participant=participant, registration=registration, slot=slot, outcome="complete",
                                ended_at=now, started_at=now))  # fmt: skip
    rows, count = [], 0
    with connection.cursor() as cursor:
        for session in sessions:
            number, head = 0, ""
            for number, (page, payload) in enumerate(pages(session.slot), start=1):
                salt = f"{count:032x}"
                digest = chain.commitment(salt, payload)
                told = {
                    "number": number,
                    "page": page,
                    "attempt": 1,
                    "shown_at": now - timedelta(seconds=3),
                    "received_at": now,
                }
                head = chain.link(head, commitment=digest, **told)
                rows.append(
                    (
                        session.pk,
                        number,
                        page,
                        1,
                        json.dumps(payload),
                        salt,
                        digest,
                        head,
                        told["shown_at"],
                        now,
                    )
                )
                count += 1
            session.head, session.submitted = head, number
        Session.objects.bulk_create(sessions, batch_size=5000)
        with cursor.copy(COPY) as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute("UPDATE study_slot SET state = 'done', holder_id = s.id FROM study_session s"
                       " WHERE s.slot_id = study_slot.id AND study_slot.study_id = %s", [study.pk])  # fmt: skip
    return count


def pages(slot: Slot):
    """What somebody at this place submits."""
    yield "consent", {"agreed": True, "version": "1", "text_sha256": "0" * 64}
    yield "about.1", {}
    yield "check", {"stop": True, "paid": False}
    for place, item in enumerate(slot.item_order):
        yield f"tasks.{item}.final", {"answer": "yes" if place % 3 else "no", "confidence": 1 + place % 5}
    yield "seen", dict.fromkeys(slot.item_order, True) | {"desert": False}
    yield "views", {"age_group": "young", "website": "", "trust_1": 4, "trust_2": 2}


class Peak:
    """The most memory this process held while the block ran, in MB."""

    def __enter__(self) -> Peak:
        self.most, self.running = 0.0, True
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def watch(self) -> None:
        process = psutil.Process()
        while self.running:
            self.most = max(self.most, process.memory_info().rss / 1e6)
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        self.running = False
        self.thread.join()


def test_a_large_bundle_is_written_in_bounded_memory(tmp_path: Path):
    wanted = int(os.environ.get("HEED_SUBMISSIONS", "200000"))
    people = wanted // (ITEMS + 5)
    protocol = factories.changed(wide(), sample={"target": people})
    study = factories.collecting(protocol, mode="rehearsal")
    count = filled(study, people)
    actions.close(study=study, by=None)
    now = timezone.now() + timedelta(seconds=1)
    AnalysisRun.objects.create(study=study, registration=current(study), confirmatory=True, state="done", started_at=now,
                               finished_at=now, results={"hypotheses": [], "versions": {}}, flow={"arrived": people, "assigned": people, "arms": []})  # fmt: skip
    before = psutil.Process().memory_info().rss / 1e6
    start, used = time.perf_counter(), time.process_time()
    with Peak() as peak:
        made = bundle.write(study=study, folder=tmp_path / "large", execute=False)
    took, cpu = time.perf_counter() - start, time.process_time() - used
    print(f"\n{count} submissions of {people} people: {took:.0f} s ({cpu:.0f} s of CPU), at most {peak.most:.0f} MB "
          f"({before:.0f} MB before), {made.archive.stat().st_size / 1e6:.0f} MB zipped; "
          f"peak of the whole test {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")  # fmt: skip
    with (made.folder / "evidence" / "submissions.jsonl").open() as lines:
        assert sum(1 for _ in lines) == count

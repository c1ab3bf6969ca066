"""A large study's bundle: time and memory, written and verified. HEED_SUBMISSIONS says how many pages (200,000 unless
told). `python -m benchmarks.bundle` measures the same in processes of their own."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import psutil
import pytest
from django.utils import timezone

from study.analyses.actions import analyse
from study.analyses.models import AnalysisRun
from study.evidence import bundle, verify
from study.registration import actions
from study.registration.frozen import current
from tests import factories
from tests.study.evidence import large

pytestmark = pytest.mark.django_db


class Peak:
    """The most memory this process held while the block ran, in MB, and how much it was at the beginning."""

    def __enter__(self) -> Peak:
        self.before = self.most = psutil.Process().memory_info().rss / 1e6
        self.running = True
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


@pytest.mark.soak
def test_a_large_bundle_is_written_and_verified_in_bounded_memory(tmp_path: Path):
    people = int(os.environ.get("HEED_SUBMISSIONS", "200000")) // large.PAGES
    study = factories.collecting(large.wide(people), mode="rehearsal")
    count = large.filled(study)
    actions.close(study=study, by=None)
    now = timezone.now()
    AnalysisRun.objects.create(study=study, registration=current(study), confirmatory=True, state="done", started_at=now,
                               finished_at=now, results={"hypotheses": [], "versions": {}}, flow={"arrived": people, "assigned": people, "arms": []})  # fmt: skip
    start, used = time.perf_counter(), time.process_time()
    with Peak() as writing:
        made = bundle.write(study=study, folder=tmp_path / "large", execute=False)
    print(f"\n{count} submissions of {people} people: {time.perf_counter() - start:.0f} s "
          f"({time.process_time() - used:.0f} s of CPU), at most {writing.most:.0f} MB ({writing.before:.0f} MB before), "
          f"{made.archive.stat().st_size / 1e6:.0f} MB zipped")  # fmt: skip
    with Peak() as checking:
        found = verify.verify(made.folder, only=("manifest", "seal", "chain", "consent", "stimuli", "data"))
    assert found.findings == []
    assert writing.most - writing.before < 250  # MB; a study four times as large needs as much
    assert checking.most - checking.before < 150
    with (made.folder / "evidence" / "submissions.jsonl").open() as lines:
        assert sum(1 for _ in lines) == count


def test_more_people_than_are_read_at_once_give_one_whole_bundle(tmp_path: Path):
    """Two batches of people, analysed and written: nothing is lost or doubled where they meet."""
    study = factories.collecting(large.wide(260, plan={"models": [], "hypotheses": []}), mode="rehearsal")
    count = large.filled(study)
    actions.close(study=study, by=None)
    results = analyse(study=study).results
    assert results.sample.people == 260
    made = bundle.write(study=study, folder=tmp_path / "two", execute=False)
    assert verify.verify(made.folder).findings == []
    with (made.folder / "evidence" / "submissions.jsonl").open() as lines:
        assert sum(1 for _ in lines) == count == 260 * large.PAGES

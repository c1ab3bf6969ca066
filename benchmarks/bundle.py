"""A large study's bundle: CPU, wall and memory by part, written and checked: `python -m benchmarks.bundle`.

The study with its trace events is put into an embedded PostgreSQL by COPY, closed, and analysed; then a process of its
own writes the bundle (tables, records, figures, forms, executed notebooks, hashes, zip) and another one runs the
verifier on it. PostgreSQL is not counted. `--keep DIR` keeps the database, so that the next run of the same size starts
with the bundle.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self

import psutil

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
PARTS = ("fill", "analyse", "bundle", "verify")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="a folder for the database and the bundle")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--inside", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options.inside, options.submissions, options.keep)
        return
    with tempfile.TemporaryDirectory(prefix="heed-bench-") as folder:
        run(options.keep or Path(folder), options.submissions, options.parts)


def run(folder: Path, submissions: int, parts: list[str]) -> None:
    """Every part in a process of its own; PostgreSQL beside them."""
    from config.embedded.layout import Layout
    from config.embedded.postgres import Postgres

    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    layout = Layout(folder)
    postgres = Postgres(layout)
    postgres.start()
    environment = os.environ | {"HEED_STATE": str(folder), "DATABASE_URL": layout.database_url()}
    try:
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v", "0", "--skip-checks"], env=environment, check=True
        )
        for part in parts:
            command = [sys.executable, "-m", "benchmarks.bundle", "--inside", part]
            command += ["--submissions", str(submissions), "--keep", str(folder)]
            subprocess.run(command, env=environment, check=True)
    finally:
        postgres.stop()


class Memory:
    """The most memory that this process and its children held at once, in MB; pages they share counted once."""

    def __enter__(self) -> Self:
        self.most, self.lately, self.running = 0.0, (0.0, 0.0), True
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()
        return self

    def watch(self) -> None:
        own = psutil.Process()
        while self.running:
            mine, theirs = self.held(own), sum(map(self.held, own.children(recursive=True)))
            self.most = max(self.most, mine + theirs)
            self.lately = max(self.lately, (mine, theirs), key=sum)
            time.sleep(0.25)

    @staticmethod
    def held(process: psutil.Process) -> float:
        with contextlib.suppress(psutil.Error):
            return float(process.memory_full_info().pss) / 1e6
        return 0.0

    def since(self) -> tuple[float, float]:
        """The most since this was asked last: of this process, of its children at that moment."""
        found, self.lately = self.lately, (0.0, 0.0)
        return found

    def __exit__(self, *_: object) -> None:
        self.running = False
        self.thread.join()


def inside(part: str, submissions: int, folder: Path) -> None:
    """One part, measured: seconds of wall, of CPU (children too), memory at most."""
    import django

    if part != "verify":
        django.setup()
    start = time.perf_counter()
    with Memory() as memory:
        told = globals()[part](submissions, folder / f"bundle-{submissions}")
    wall, cpu = time.perf_counter() - start, used()
    print(
        f"{submissions:>9,} {part:<10} {wall:6.1f} s wall, {cpu:6.1f} s CPU, {memory.most:5.0f} MB  {told}",
        flush=True,
    )


def used() -> float:
    """Seconds of processor time of this process and of its children that ended."""
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


def study_of(submissions: int) -> Any:
    from study.registration.models import Study

    return Study.objects.filter(slug=f"size-{submissions}-rehearsal").first()


def fill(submissions: int, bundle: Path) -> str:
    """The study, unless it is there."""
    from study.registration import actions
    from tests import factories
    from tests.study.evidence import large

    if study_of(submissions):
        return "was there"
    protocol = factories.changed(large.wide(submissions // large.PAGES), id=f"size-{submissions}")
    study = factories.collecting(protocol, mode="rehearsal")
    count = large.filled(study, traces=True)
    actions.close(study=study, by=None)
    return f"{count:,} submissions of {study.places:,} people"


def analyse(submissions: int, bundle: Path) -> str:
    """The registered analysis with its report, unless there is one."""
    from study.analyses import actions
    from study.analyses.models import AnalysisRun

    study = study_of(submissions)
    if AnalysisRun.objects.filter(study=study, state="done").exists():
        return "was there"
    actions.analyse(study=study, step=lambda text: print(" ", text, flush=True))
    return ""


def bundle(submissions: int, folder: Path) -> str:
    """The bundle of an analysed study as `manage.py bundle` writes it, both notebooks executed."""
    from study.evidence import bundle

    shutil.rmtree(folder, ignore_errors=True)
    with Memory() as memory:
        begun: list[tuple[str, float, float, tuple[float, float]]] = []

        def step(text: str) -> None:
            begun.append((text, time.perf_counter(), used(), memory.since()))

        made = bundle.write(study=study_of(submissions), folder=folder, step=step)
        step("")
    for (text, began, before, _), (_, ended, after, (mine, theirs)) in itertools.pairwise(begun):
        told = f"{ended - began:6.1f} s wall, {after - before:6.1f} s CPU, {mine:5.0f} MB + {theirs:.0f} of its kernel"
        print(f"{'':>9} · {text:<20} {told}", flush=True)
    size = sum(path.stat().st_size for path in bundle.files_of(folder))
    return f"{size / 1e6:,.0f} MB, zipped {made.archive.stat().st_size / 1e6:,.0f} MB"


def verify(submissions: int, folder: Path) -> str:
    """The shipped verifier."""
    from study.evidence import verify

    report = verify.verify(folder)  # type: ignore[no-untyped-call]
    return f"{len(report.findings)} findings {report.findings[:3]}"


if __name__ == "__main__":
    main()

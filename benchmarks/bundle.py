"""A large study's bundle: CPU, wall and memory by part, written and checked: `python -m benchmarks.bundle`.

The study is put into an embedded PostgreSQL by COPY, closed, and analysed; then a process of its own writes the bundle
(tables, records, figures, forms, hashes, zip) and another one runs the verifier on it. `--keep DIR` keeps the database,
so that the next run of the same size starts with the bundle.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
PARTS = ("fill", "analyse", "write", "notebooks", "verify")


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


def inside(part: str, submissions: int, folder: Path) -> None:
    """One part, measured: seconds of wall and of CPU, memory at most (children of the process apart)."""
    import django

    if part != "verify":
        django.setup()
    start = time.perf_counter()
    told = globals()[part](submissions, folder / f"bundle-{submissions}")
    wall = time.perf_counter() - start
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = own.ru_utime + own.ru_stime
    memory = f"{own.ru_maxrss / 1e3:5.0f} MB"
    memory += f", children {children.ru_maxrss / 1e3:.0f} MB" if children.ru_maxrss else ""
    print(
        f"{submissions:>9,} {part:<10} {wall:6.1f} s wall, {cpu:6.1f} s CPU, {memory}  {told}",
        flush=True,
    )


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


def write(submissions: int, folder: Path) -> str:
    """The bundle of an analysed study, notebooks unexecuted."""
    from study.evidence import bundle

    made = bundle.write(study=study_of(submissions), folder=folder, execute=False)
    size = sum(path.stat().st_size for path in bundle.files_of(folder))
    return f"{size / 1e6:,.0f} MB, zipped {made.archive.stat().st_size / 1e6:,.0f} MB"


def notebooks(submissions: int, folder: Path) -> str:
    """Both notebooks of the bundle executed, in a kernel of their own."""
    from study.evidence import notebooks
    from study.registration.frozen import current, protocol_of

    study = study_of(submissions)
    notebooks.write(study, protocol_of(current(study).pk), folder)
    return ""


def verify(submissions: int, folder: Path) -> str:
    """The shipped verifier."""
    from study.evidence import verify

    report = verify.verify(folder)  # type: ignore[no-untyped-call]
    return f"{len(report.findings)} findings {report.findings[:3]}"


if __name__ == "__main__":
    main()

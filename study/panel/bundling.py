"""Bundles asked for in the panel and written by a worker: a row is the record of the work and of the file."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from study.analyses.blinding import OVER
from study.panel.models import BundleRun
from study.registration.actions import name_of
from study.registration.audit import audit
from study.registration.errors import Refused, WrongState
from study.registration.frozen import current, protocol_of
from study.registration.models import Study
from study.session.models import Session
from study.tables.progress import Advance, Progress
from study.waking import wake

ASKED, MADE = "asked for the bundle", "made the bundle"
SILENCE = timedelta(minutes=5)
BEAT = 20.0
"""Seconds between two signs of life: a notebook runs for minutes without a word."""
ROWS_TOLD = 1.0
"""Seconds between two counts of the rows that are written."""
BESIDE_ANALYSIS = 5
"""Steps of a bundle beside the analysis: its announcement, tables, results and forms, notebooks, hashes and zip."""
TOO_EARLY = "A bundle reveals the seed and the outcomes: it is made once the study is closed."


@transaction.atomic
def ask(*, study: Study, by: Any) -> BundleRun:
    """Have the bundle made; one that is under way already is returned instead. One whose worker has been silent for
    five minutes counts as lost. Raises WrongState before the study is closed."""
    from study.panel import tasks

    study = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    if study.state not in OVER:
        raise WrongState(TOO_EARLY)
    under_way = BundleRun.objects.filter(study=study, finished_at=None).first()
    if under_way is not None and not is_lost(under_way):
        return under_way
    if under_way is not None:
        _finish(under_way, problem="The worker went silent.")
    made = BundleRun.objects.create(study=study, by=by)
    audit(study, name_of(by), ASKED)
    wake(tasks.bundle, made.pk, lost=lambda why: _finish(made, problem=why))
    return made


def is_lost(one: BundleRun) -> bool:
    """Has its worker been silent for too long?"""
    return one.finished_at is None and timezone.now() - (one.active_at or one.asked_at) > SILENCE


def perform(bundle_run_id: int) -> None:
    """Write the bundle of one row. Does nothing when another worker has it, or it is done."""
    now = timezone.now()
    free = BundleRun.objects.filter(pk=bundle_run_id, started_at=None, finished_at=None)
    if not free.update(started_at=now, active_at=now):
        return
    one = BundleRun.objects.select_related("study", "by").get(pk=bundle_run_id)
    home = settings.LAYOUT.bundles / one.study.slug / str(one.pk)
    try:
        with _signs_of_life(one):
            told = _written(one, home)
        kept = _keep(one, told)
    except Exception as error:
        shutil.rmtree(home, ignore_errors=True)
        refused = isinstance(error, Refused)
        _finish(one, problem=(str(error) if refused else f"{type(error).__name__}: {error}")[:2000])
        if refused:
            return
        raise
    if not kept:  # given up for lost meanwhile
        shutil.rmtree(home, ignore_errors=True)
    remove_outdated(one.study)


def remove_outdated(study: Study) -> None:
    """Destroy the files of bundles that still hold answers withdrawn or erased since; their rows and hashes stay."""
    changed = Session.objects.counting_for(study).last_change()
    if changed is None:
        return
    outdated = BundleRun.objects.filter(study=study, started_at__lte=changed).exclude(file="")
    for name in outdated.values_list("file", flat=True):
        (settings.LAYOUT.bundles / name).unlink(missing_ok=True)


def _written(one: BundleRun, home: Path) -> dict[str, Any]:
    """The zip alone below `home`, and what its row is told."""
    from study.evidence import bundle  # only the worker computes

    home.mkdir(parents=True, mode=0o700)
    made = bundle.write(
        study=one.study, folder=home / one.study.slug, by=one.by, step=_told(one), progress=_counted(one)
    )
    with made.archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    kept = made.archive.rename(home / f"{one.study.slug}-{digest[:12]}.zip")
    shutil.rmtree(made.folder)
    return {
        "file": kept.relative_to(settings.LAYOUT.bundles).as_posix(),
        "sha256": digest,
        "manifest_sha256": made.manifest_sha256,
        "head": made.head,
        "size": kept.stat().st_size,
        "warnings": {"small_cells": made.small_cells, "free_texts": made.free_texts},
    }


@transaction.atomic
def _keep(one: BundleRun, told: dict[str, Any]) -> bool:
    """The row is told of its file, and the log of both; False when the row was finished meanwhile."""
    if not _finish(one, **told):
        return False
    facts = {key: told[key] for key in ("sha256", "manifest_sha256", "size")}
    audit(one.study, name_of(one.by), MADE, facts)
    return True


def _finish(one: BundleRun, **told: Any) -> bool:
    open_row = BundleRun.objects.filter(pk=one.pk, finished_at=None)
    return bool(open_row.update(finished_at=timezone.now(), **told))


def _told(one: BundleRun) -> Callable[[str], None]:
    """Writes each step to the row, so that a page can show it."""
    from study.analyses.actions import BESIDE_MODELS

    total = len(protocol_of(current(one.study).pk).plan.models) + BESIDE_MODELS + BESIDE_ANALYSIS
    done = 0

    def tell(text: str) -> None:
        nonlocal done
        done += 1
        BundleRun.objects.filter(pk=one.pk).update(
            step=text[:200], steps_done=done, steps_total=total, rows_total=0, active_at=timezone.now()
        )

    return tell


def _counted(one: BundleRun) -> Progress:
    """Writes down how many rows of the step are done, at most once a second and at its end."""

    def begin(total: int, what: str) -> Advance:
        row, done, told = BundleRun.objects.filter(pk=one.pk), 0, time.monotonic()
        now = timezone.now()
        row.update(rows_of=what[:40], rows_done=0, rows_total=total, rows_since=now, active_at=now)

        def advance(more: int) -> None:
            nonlocal done, told
            done += more
            if done >= total or time.monotonic() - told >= ROWS_TOLD:
                told = time.monotonic()
                row.update(rows_done=done, active_at=timezone.now())

        return advance

    return begin


@contextmanager
def _signs_of_life(one: BundleRun) -> Iterator[None]:
    """Says every twenty seconds that the worker lives."""
    over = threading.Event()

    def beat() -> None:
        try:
            while not over.wait(BEAT):
                BundleRun.objects.filter(pk=one.pk, finished_at=None).update(active_at=timezone.now())
        finally:
            connection.close()  # the thread's own

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()

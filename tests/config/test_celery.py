"""Work outside a request: every task is known to a worker, and the clock names only tasks that exist."""

import json
import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

from config.celery import packages_with_tasks

ROOT = Path(__file__).resolve().parents[2]


def known_to_a_worker():
    """The tasks that a worker process of its own finds, as it does when it starts."""
    code = (
        "import django; django.setup(); from config import celery_app;"
        "celery_app.loader.import_default_modules(); import json; print(json.dumps(sorted(celery_app.tasks)))"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    return set(json.loads(done.stdout))


def test_a_worker_knows_every_task_and_the_clock_names_no_other():
    known = known_to_a_worker()
    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= known
    assert {"llm.work", "study.analyse"} <= known


def test_tasks_below_an_app_are_found_too():
    assert {"llm", "study.assignment"} <= set(packages_with_tasks())


def test_a_task_is_lost_by_no_killed_worker_and_hoarded_by_none():
    assert settings.CELERY_TASK_ACKS_LATE
    assert settings.CELERY_TASK_REJECT_ON_WORKER_LOST
    assert settings.CELERY_WORKER_PREFETCH_MULTIPLIER == 1

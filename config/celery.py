"""The Celery app. Its settings are the `CELERY_…` names in `config/settings.py`."""

import os
from pathlib import Path

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

ROOT = Path(__file__).resolve().parent.parent


def packages_with_tasks() -> list[str]:
    """Every package of ours that holds a `tasks.py`, also below an app: Celery itself looks only into the apps."""
    found = [path for room in ("llm", "study", "elicitation") for path in (ROOT / room).rglob("tasks.py")]
    return sorted(".".join(path.parent.relative_to(ROOT).parts) for path in found)


app = Celery("heed")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(packages_with_tasks)

"""All tasks of the study app, from their rooms, where Celery looks for them."""

from study.advice.tasks import probe
from study.analyses.tasks import analyse
from study.assignment.tasks import sweep_slots

__all__ = ["analyse", "probe", "sweep_slots"]

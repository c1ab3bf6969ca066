"""The house: settings, addresses, servers. Importing it makes the Celery app known to every `shared_task`."""

import os

from config.celery import app as celery_app

__all__ = ["celery_app"]

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):  # read when numpy is loaded, which is later
    os.environ.setdefault(_name, "1")  # sums in one order: the same numbers on every machine

"""The house: settings, addresses, servers. Importing it makes the Celery app known to every `shared_task`."""

from config.celery import app as celery_app

__all__ = ["celery_app"]

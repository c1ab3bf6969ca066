"""`manage.py sweep`: take back the slots of idle sessions now (Celery's clock does it every minute)."""

from typing import Any

from django.core.management.base import BaseCommand

from study.assignment.tasks import sweep_slots


class Command(BaseCommand):
    help = "Return the slots of sessions that are idle for longer than their protocol allows."

    def handle(self, *args: Any, **options: Any) -> None:
        count = sweep_slots()
        self.stdout.write(f"{count} slot{'s' if count != 1 else ''} returned.")

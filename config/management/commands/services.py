"""`manage.py services`: the embedded PostgreSQL and Valkey alone, for work on the program."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.embedded.process import ServerFailed
from config.management.stopping import stops_on_sigterm
from config.supervisor import AlreadyRunning, Supervisor


class Command(BaseCommand):
    help = "Run the embedded PostgreSQL and Valkey until Ctrl-C; other commands then find them by themselves."
    requires_system_checks: list[str] = []

    def handle(self, *args: object, **options: object) -> None:
        say = self.stdout.write
        try:
            with stops_on_sigterm(), Supervisor(settings.LAYOUT, say) as supervisor:
                supervisor.start_services()
                for name, value in settings.LAYOUT.environment().items():
                    say(f"{name}={value}")
                say("Ready. Ctrl-C stops both.")
                self.stdout.flush()
                supervisor.watch()
        except KeyboardInterrupt:
            say("Stopped.")
        except (AlreadyRunning, ServerFailed) as error:
            raise CommandError(str(error)) from error

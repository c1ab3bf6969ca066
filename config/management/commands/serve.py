"""`manage.py serve`: the whole of Heed on one machine, without the demonstration's study."""

from __future__ import annotations

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.embedded.process import ServerFailed
from config.management.stopping import stops_on_sigterm
from config.supervisor import AlreadyRunning, Supervisor, bind


class Command(BaseCommand):
    help = "Start the embedded services (unless DATABASE_URL and CELERY_BROKER_URL are set), web and worker."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=settings.WEB_PORT)
        parser.add_argument("--processes", type=int, default=settings.WEB_PROCESSES)

    def handle(self, *, host: str, port: int, processes: int, **options: object) -> None:
        try:
            with (
                stops_on_sigterm(),
                Supervisor(settings.LAYOUT, self.stdout.write) as supervisor,
                bind(host, port) as listener,
            ):
                supervisor.start_services()
                call_command("migrate", verbosity=0)
                call_command("collectstatic", verbosity=0, interactive=False)
                supervisor.start_model()
                supervisor.start_worker()
                supervisor.start_web(listener, processes)
                self.stdout.write(
                    f"Ready: http://{host}:{listener.getsockname()[1]}/  (Ctrl-C stops everything)"
                )
                self.stdout.flush()
                supervisor.watch()
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        except (AlreadyRunning, ServerFailed, OSError) as error:
            raise CommandError(str(error)) from error

"""`manage.py demo` (what `make demo` runs): a whole study, from its protocol to its report, on this machine."""

from __future__ import annotations

import os
import time

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.embedded.process import ServerFailed
from config.management.stopping import stops_on_sigterm
from config.supervisor import AlreadyRunning, Supervisor


class Command(BaseCommand):
    help = "Start everything, run a rehearsal study with simulated participants, and show its report."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--participants", type=int, default=404)
        parser.add_argument("--processes", type=int, default=settings.WEB_PROCESSES)
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=settings.WEB_PORT)
        parser.add_argument("--once", action="store_true", help="stop after printing the links (for CI)")

    def handle(
        self, *, participants: int, processes: int, host: str, port: int, once: bool, **options: object
    ) -> None:
        from config.demo import Demo  # reads the database's models, which other commands do without

        start = time.monotonic()
        once = once or os.environ.get("HEED_DEMO_EXIT") == "1"

        def say(line: str) -> None:
            self.stdout.write(f"[{time.monotonic() - start:5.1f} s] {line}")
            self.stdout.flush()

        try:
            with stops_on_sigterm(), Supervisor(settings.LAYOUT, say) as supervisor:
                self.stdout.write(Demo(supervisor, say, participants, processes, host, port).run())
                say("Done." if once else "Done. Staying up until Ctrl-C.")
                if not once:
                    supervisor.watch()
        except KeyboardInterrupt:
            say("Stopped.")
        except (AlreadyRunning, ServerFailed, OSError) as error:
            raise CommandError(str(error)) from error

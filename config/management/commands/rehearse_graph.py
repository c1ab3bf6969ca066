"""`manage.py rehearse_graph` (`make rehearse-graph`): an elicitation with simulated participants over HTTP."""

from __future__ import annotations

import os
import time

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.embedded.process import ServerFailed
from config.management.stopping import stops_on_sigterm
from config.supervisor import AlreadyRunning, Supervisor, bind


class Command(BaseCommand):
    help = "Run the shipped elicitation with simulated participants whose values are known, and say what is recovered."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--participants", type=int, default=500)
        parser.add_argument("--at-once", type=int, default=40)
        parser.add_argument("--processes", type=int, default=settings.WEB_PROCESSES)

    def handle(self, *, participants: int, at_once: int, processes: int, **options: object) -> None:
        if "OPENAI_API_KEY" in os.environ or "HEED_LLM_BASE_URL" in os.environ:
            raise CommandError(
                "Personas talk with the rehearsal model only: unset OPENAI_API_KEY and HEED_LLM_BASE_URL."
            )
        start = time.monotonic()

        def say(line: str) -> None:
            self.stdout.write(f"[{time.monotonic() - start:5.1f} s] {line}")
            self.stdout.flush()

        try:
            with (
                stops_on_sigterm(),
                Supervisor(settings.LAYOUT, say) as supervisor,
                bind("127.0.0.1", 0) as listener,
            ):
                supervisor.start_services()
                call_command("migrate", verbosity=0)
                call_command("collectstatic", verbosity=0, interactive=False)
                supervisor.start_model()
                supervisor.start_worker()
                supervisor.start_web(listener, processes)
                from elicitation.rehearsal.run import rehearse

                url = f"http://127.0.0.1:{listener.getsockname()[1]}"
                model = supervisor.environment["HEED_LLM_BASE_URL"]
                rehearse(url, model=model, people=participants, at_once=at_once, say=say)
            spent = os.times()
            cpu = spent.user + spent.system + spent.children_user + spent.children_system
            say(
                f"{(time.monotonic() - start) / 60:.1f} minutes, {cpu / 60:.1f} of processor time in all processes."
            )
        except KeyboardInterrupt:
            say("Stopped.")
        except (AlreadyRunning, ServerFailed, OSError, RuntimeError) as error:
            raise CommandError(str(error)) from error

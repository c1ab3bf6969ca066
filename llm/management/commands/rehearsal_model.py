"""`manage.py rehearsal_model`: serve the scripted model on loopback."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandParser

from llm.rehearsal_model import MODEL
from llm.rehearsal_model.server import serve


class Command(BaseCommand):
    help = "Serve an OpenAI-compatible API on loopback from a scripted model. It is a rehearsal, not a model."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8765)
        parser.add_argument("--pace-ms", type=float, default=15.0, help="pause between two streamed words")

    def handle(self, *, port: int, pace_ms: float, **options: object) -> None:
        self.stdout.write(
            f"{MODEL} on http://127.0.0.1:{port}/v1 - a rehearsal: no language model answers here"
        )
        self.stdout.flush()
        serve(port=port, pace=pace_ms / 1000)

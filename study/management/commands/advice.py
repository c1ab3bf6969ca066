"""`manage.py advice SOURCE --output FILE`: record the answers that people read, for a protocol to replay."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from study.advice import recorded
from study.analyses.blinding import may_see_outcomes
from study.management.lookups import study_of
from study.protocol.advice import Recorded, recording
from study.registration.models import Study


class Command(BaseCommand):
    help = (
        "Write the AI's answers that people of SOURCE read (a study's name or a bundle's folder) as a recording. "
        "A real study must be closed; a pilot or a rehearsal need not be."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help="a study's short name, or the folder of a bundle")
        parser.add_argument(
            "--output", type=Path, required=True, help="a .jsonl file, to lie beside the protocol"
        )

    def handle(self, *, source: str, output: Path, **_: Any) -> None:
        try:
            answers = self.answers(source)
        except (OSError, ValueError) as problem:
            raise CommandError(str(problem)) from problem
        if not answers:
            raise CommandError(f"Nobody of '{source}' has read an answer yet.")
        content = recording(answers)
        output.write_bytes(content)
        self.stdout.write(f"{len(answers)} answers in {output}. In the protocol:")
        self.stdout.write(
            f"replay:\n  file: {output.name}\n  sha256: {hashlib.sha256(content).hexdigest()}\n  source: {source}"
        )

    def answers(self, source: str) -> list[Recorded]:
        """The answers of a bundle or of a study. Raises OSError, ValueError and CommandError."""
        if Path(source).is_dir():
            return recorded.of_bundle(Path(source))
        study = study_of(source)
        if study.mode == Study.Mode.REAL and not may_see_outcomes(study):
            raise CommandError(
                f"'{source}' is {study.state}: answers by arm can be recorded when it is closed."
            )
        return recorded.of_study(study)

"""`manage.py cases import FILE`: cases of a CSV file as the YAML of a values-card stage."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from elicitation import cases


class Command(BaseCommand):
    help = (
        "Reads cases from a CSV file (question and, if there are, id and title; or DailyDilemmas' columns) and writes "
        "them as they stand in a protocol's values-card stage."
    )

    requires_system_checks = []  # needs no database and no services

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["import"])
        parser.add_argument("file", type=Path)
        parser.add_argument("--ids", nargs="+", default=[], help="only these cases, in this order")
        parser.add_argument("--limit", type=int, default=20, help="at most so many (a stage holds 20)")
        parser.add_argument("--output", type=Path, help="file to write; without it the cases are printed")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = cases.read(options["file"])
            text = cases.as_yaml(_some(found, options["ids"], options["limit"]))
            if options["output"] is None:
                self.stdout.write(text, ending="")
                return
            options["output"].write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error
        except cases.CaseError as error:
            raise CommandError(f"{options['file']}: {error}") from error
        self.stdout.write(f"{options['output']}: {text.count('- id: ')} of {len(found)} cases")


def _some(found: list[dict[str, str]], ids: list[str], limit: int) -> list[dict[str, str]]:
    known = {case["id"]: case for case in found}
    missing = [name for name in ids if name not in known]
    if missing:
        raise CommandError(
            f"There is no case {', '.join(missing)}; the first are {', '.join(list(known)[:5])}."
        )
    return [known[name] for name in ids] if ids else found[: max(limit, 0)]

"""`manage.py reference`: write the reference pages that are made from code; `--check` says which are stale."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.reference import FOLDER, pages, unsaid_settings


class Command(BaseCommand):
    help = "Write the pages of docs/reference that are made from the code."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="write nothing; fail if a page or a setting is not up to date",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        made = pages()
        if options["check"]:
            stale = [n for n, text in made.items() if not is_file_of(n, text)]
            unsaid = unsaid_settings()
            if stale or unsaid:
                told = [f"docs/reference/{name} is stale: run manage.py reference." for name in stale]
                told += [f"docs/reference/settings.md does not name {name}." for name in unsaid]
                raise CommandError("\n".join(told))
            self.stdout.write("The reference is up to date.")
            return
        for name, text in made.items():
            (FOLDER / name).write_text(text, encoding="utf-8")
            self.stdout.write(f"docs/reference/{name}")


def is_file_of(name: str, text: str) -> bool:
    """Does the file hold exactly this text?"""
    path = FOLDER / name
    return path.is_file() and path.read_text(encoding="utf-8") == text

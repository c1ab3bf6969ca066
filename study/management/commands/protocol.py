"""`manage.py protocol check|show|schema|power|load`: read, judge and load protocols from the command line."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from study.protocol import Document, Finding, ProtocolError, canonical, lint, read_document, shipped
from study.protocol.schema import schema
from study.protocol.summary import summary

COLOURS = {"error": "ERROR", "warning": "WARNING", "note": "HTTP_INFO"}


class Command(BaseCommand):
    help = (
        "Check a protocol, show it, print the JSON Schema of protocols, simulate the power of the shipped ones, or "
        "load one as a draft study."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        where = "a YAML file, or the id of a shipped protocol"
        check = verbs.add_parser(
            "check", help="everything that is wrong or doubtful, with lines; fails on errors"
        )
        check.add_argument("file", help=where)
        check.add_argument("--strict", action="store_true", help="fail on warnings, too")
        show = verbs.add_parser("show", help="a summary with the hash; or the canonical bytes")
        show.add_argument("file", help=where)
        show.add_argument(
            "--canonical", action="store_true", help="print the canonical JSON that would be frozen"
        )
        published = verbs.add_parser("schema", help="the JSON Schema of a protocol, for editors")
        published.add_argument("--output", help="write it to this file")
        power = verbs.add_parser("power", help="simulate the power of every shipped protocol")
        power.add_argument("--runs", type=int, default=200, help="simulated studies per model, from 20")
        power.add_argument("--output", help="write it to this file")
        load = verbs.add_parser("load", help="make a draft study of it")
        load.add_argument("file", help=where)
        load.add_argument("--mode", choices=["real", "pilot", "rehearsal"], default="real")
        load.add_argument("--slug", help="name in links; default: the protocol's id")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"run_{options['verb']}")(**options)

    def run_check(self, *, file: str, strict: bool, **_: Any) -> None:
        """Print every finding; CommandError (exit code 1) where there are errors."""
        document = self.document(file)
        findings = lint(document.protocol, places=document.places, powered=False)
        for finding in findings:
            self.stdout.write(self.coloured(finding))
        levels = [finding.level for finding in findings]
        counts = f"{levels.count('error')} errors, {levels.count('warning')} warnings, {levels.count('note')} notes"
        self.stdout.write(f"{document.protocol.id} {document.protocol.version}: {counts}")
        if "error" in levels or (strict and "warning" in levels):
            raise CommandError("The protocol should not be registered as it stands.")

    def run_show(self, *, file: str, canonical: bool, **_: Any) -> None:
        """Print the summary, or exactly the canonical bytes."""
        protocol = self.document(file).protocol
        self.stdout.write(
            canonical_text(protocol) if canonical else summary(protocol), ending="" if canonical else "\n"
        )

    def run_schema(self, *, output: str | None, **_: Any) -> None:
        """Print or write the published JSON Schema."""
        self.written(json.dumps(schema(), indent=1, ensure_ascii=False) + "\n", output)

    def run_power(self, *, runs: int, output: str | None, **_: Any) -> None:
        """Print or write what `study.registration.known_power` finds again."""
        from study.registration.power import CURVE, simulate  # scipy: only for who simulates

        protocols = [self.document(name).protocol for name in shipped()]
        found = [simulate(one, runs=runs, shares=CURVE) for one in protocols if one.plan.hypotheses]
        self.written(json.dumps(found, indent=1) + "\n", output)

    def written(self, text: str, output: str | None) -> None:
        """Print a text, or write it to a file."""
        if output:
            Path(output).write_text(text, encoding="utf-8")
        else:
            self.stdout.write(text, ending="")

    def run_load(self, *, file: str, mode: str, slug: str | None, **_: Any) -> None:
        """A draft study, or what stands against it."""
        from study.registration import actions
        from study.registration.errors import Refused

        path = self.path(file)
        self.document(file)
        try:
            study = actions.load(path, mode=mode, slug=slug)
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"'{study.slug}' is loaded as a draft ({study.mode}).")

    def path(self, file: str) -> Path:
        """The file of that name, or the shipped protocol of that id."""
        return shipped().get(file, Path(file))

    def document(self, file: str) -> Document:
        """The document, or every problem of it."""
        try:
            return read_document(self.path(file))
        except ProtocolError as error:
            for problem in error.problems:
                self.stderr.write(self.style.ERROR(str(problem)))
            count = len(error.problems)
            raise CommandError(
                f"{file}: {count} problem{'s' if count != 1 else ''}; this is no protocol yet."
            ) from None

    def coloured(self, finding: Finding) -> str:
        """The finding in one line, its level in its colour."""
        colour = getattr(self.style, COLOURS[finding.level])
        return str(finding).replace(finding.level, colour(finding.level), 1)


def canonical_text(protocol: Any) -> str:
    """The canonical bytes as text, nothing added."""
    return canonical(protocol).decode()

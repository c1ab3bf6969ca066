"""`manage.py rehearse STUDY`: simulated participants walk the real pages of a rehearsal study over HTTP."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import uvloop
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from study.registration.frozen import current, protocol_of
from study.registration.models import Study
from study.rehearsal.cohort import Cohort, Result


class Command(BaseCommand):
    help = "Send simulated participants through a rehearsal study, over HTTP, until N have completed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="slug of a rehearsal study that is collecting")
        parser.add_argument(
            "--participants", type=int, help="completed participants (default: the protocol's sample)"
        )
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="where the web server answers")
        parser.add_argument(
            "--at-once", type=int, default=450, help="participants at the same time (default 450)"
        )
        parser.add_argument("--no-pauses", action="store_true", help="nobody takes the time to read")

    def handle(self, *args: Any, **options: Any) -> None:
        study = self.rehearsal(options["study"])
        protocol = protocol_of(current(study).pk)
        wanted = options["participants"] or protocol.sample.target
        with tqdm(
            total=wanted, desc="Simulated participants", unit=" completed", disable=options["verbosity"] == 0
        ) as bar:
            cohort = Cohort(
                study,
                protocol,
                options["url"],
                concurrency=options["at_once"],
                pauses=not options["no_pauses"],
                completed=lambda: bar.update(1),
            )
            result = uvloop.run(cohort.run(wanted))
        self.report(result)

    def rehearsal(self, slug: str) -> Study:
        """The study, if simulated people may enter it."""
        study = Study.objects.filter(slug=slug).first()
        if study is None:
            raise CommandError(f"There is no study '{slug}'. `manage.py study list` shows them.")
        if study.mode != Study.Mode.REHEARSAL:
            raise CommandError(
                f"'{slug}' is a {study.mode} study: simulated participants enter rehearsals only."
            )
        if study.state != Study.State.COLLECTING:
            raise CommandError(f"'{slug}' is {study.state}: open it first (`manage.py study open {slug}`).")
        return study

    def report(self, result: Result) -> None:
        ends = ", ".join(f"{count} {outcome}" for outcome, count in result.outcomes.most_common())
        odd = ", ".join(
            f"{count} × {quirk.replace('_', ' ')}" for quirk, count in result.quirks.most_common()
        )
        self.stdout.write(f"{result.arrived} arrived, {result.pages} pages answered: {ends}.")
        if odd:
            self.stdout.write(f"On the way: {odd}.")
        if result.stuck:
            raise CommandError("Some could not go on:\n" + "\n".join(result.stuck[:10]))

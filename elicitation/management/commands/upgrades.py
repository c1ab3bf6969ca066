"""`manage.py upgrades propose|list|approve|reject|archive STUDY`: upgrades between a study's values."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from elicitation.runs import actions
from elicitation.runs.models import DeskRun
from elicitation.upgrades.deciding import decide
from elicitation.upgrades.models import Proposal, State
from elicitation.upgrades.proposing import MOST, propose
from llm.errors import LLMError
from study.registration.errors import Refused
from study.registration.models import Study

DECISIONS = {"approve": State.APPROVED, "reject": State.REJECTED, "archive": State.ARCHIVED}


class Command(BaseCommand):
    help = "Has the model propose upgrades with their stories, lists them, and records decisions about them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["propose", "list", *DECISIONS])
        parser.add_argument("study", help="slug")
        parser.add_argument("--context", action="append", default=[], help="propose: only in this context")
        parser.add_argument("--most", type=int, default=MOST, help="propose: candidate pairs a context")
        parser.add_argument("--stories", type=int, default=1, help="propose: stories a pair, each both ways")
        parser.add_argument("--queue", action="store_true", help="propose: leave it to a worker")
        parser.add_argument("--state", default="", help="list: only this state")
        parser.add_argument("--number", type=int, help="approve, reject, archive: the upgrade's number")
        parser.add_argument("--reason", default="")
        parser.add_argument("--by", default="command", help="who decides")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study '{options['study']}'.")
        action = options["action"]
        try:
            if action in DECISIONS:
                self.decide(study, DECISIONS[action], options)
            else:
                getattr(self, action)(study, options)
        except (LLMError, Refused) as error:
            raise CommandError(str(error)) from error

    def propose(self, study: Study, options: dict[str, Any]) -> None:
        if options["queue"]:
            wanted = {name: options[name] for name in ("most", "stories")}
            actions.ask(study=study, kind=DeskRun.Kind.UPGRADES, by=options["by"], settings=wanted)
            self.stdout.write("A worker proposes; `list` shows what came.")
            return
        done = propose(
            study=study, only=options["context"], most=options["most"], stories=options["stories"],
            say=self.stdout.write,
        )  # fmt: skip
        self.stdout.write(
            f"{done.pairs} pairs: {done.open} to review, {done.refused} refused by the check, {done.none} no upgrade, "
            f"{done.unanswered} without a usable answer."
        )

    def list(self, study: Study, options: dict[str, Any]) -> None:
        for one in Proposal.objects.filter(study=study).with_state(options["state"]).order_by("number"):
            why = f"  {one.reason}" if one.reason else ""
            self.stdout.write(
                f"{one.number}  {one.state}  {one.from_value} → {one.to_value}  {one.context}{why}"
            )

    def decide(self, study: Study, state: State, options: dict[str, Any]) -> None:
        proposal = Proposal.objects.filter(study=study, number=options["number"]).first()
        if proposal is None:
            raise CommandError("--number names no upgrade of this study.")
        made = decide(proposal=proposal, state=state, by=options["by"], reason=options["reason"])
        self.stdout.write(f"Upgrade {proposal.number} is {made.state}.")

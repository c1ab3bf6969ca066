"""`manage.py analyse STUDY`, or for anybody's tidy data `manage.py analyse PLAN DATA --json OUT`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pandas as pd
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from analysis.plan.columns import ColumnError, mapped
from analysis.plan.reading import PlanError, read_data, read_plan
from analysis.plan.results import HypothesisResult, Results
from analysis.plan.runner import run
from study.analyses import actions
from study.analyses.report import PlainReport, render
from study.analyses.wording import p_value
from study.registration.errors import Refused
from study.registration.models import Study

MARKS = {"supported": "✓", "contradicted": "✗", "inconclusive": "~", "not evaluable": "–"}


class Command(BaseCommand):
    help = (
        "Run a registered plan on its study, or a plan (YAML or JSON) on a table of trials (CSV or Parquet)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="slug of a closed study; or the file of a plan")
        parser.add_argument(
            "data", nargs="?", type=Path, help="with a plan: the table, .csv or .parquet, one row a trial"
        )
        parser.add_argument("--json", type=Path, help="write the results here")
        parser.add_argument("--html", type=Path, help="write the report here")

    def handle(self, *args: Any, **options: Any) -> None:
        with tqdm(disable=options["verbosity"] == 0, unit=" steps") as bar:
            step = Steps(bar)
            results, page = (self.on_data if options["data"] else self.on_study)(options, step)
        self.write(options["json"], results.model_dump_json(indent=1) + "\n")
        self.write(options["html"], page)
        self.tell(results)

    def on_study(self, options: dict[str, Any], step: Steps) -> tuple[Results, str]:
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(
                f"There is no study '{options['study']}'. For a plan and a table give both files."
            )
        try:
            found = actions.analyse(study=study, step=step)
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        return found.results, found.run.html

    def on_data(self, options: dict[str, Any], step: Steps) -> tuple[Results, str]:
        path, data = Path(options["study"]), options["data"]
        try:
            plan = read_plan(path)
            table: pd.DataFrame = read_data(data)
            tables = mapped(plan, table)
            results = run(plan, tables, progress=step)
        except (PlanError, ColumnError, ValueError) as error:
            raise CommandError(str(error)) from None
        return results, render(
            PlainReport(plan, results, plan_name=path.name, data_name=data.name, tables=tables)
        )

    def write(self, path: Path | None, text: str) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            self.stdout.write(f"Wrote {path}")

    def tell(self, results: Results) -> None:
        """One line a hypothesis."""
        sample = results.sample
        self.stdout.write(
            f"{sample.analysed} of {sample.people} participants analysed, {sample.trials} trials."
        )
        for hypothesis in results.hypotheses:
            self.stdout.write(line(hypothesis))


class Steps:
    """A progress bar that names the step."""

    def __init__(self, bar: tqdm[Any]) -> None:
        self.bar = bar

    def __call__(self, text: str) -> None:
        self.bar.set_description(text)
        self.bar.update(1)


def line(hypothesis: HypothesisResult) -> str:
    """'✓ h1 supported: estimate −0.93 [−1.20, −0.66], p = 0.0001 (sentence)'."""
    e = hypothesis.estimate
    numbers = ""
    if e.value is not None and e.low is not None and e.high is not None:
        numbers = f": {e.value:.3f} [{e.low:.3f}, {e.high:.3f}] {hypothesis.unit}"
        numbers += (
            f", adjusted p {p_value(hypothesis.p_adjusted)}" if hypothesis.p_adjusted is not None else ""
        )
    return (
        f"  {MARKS[hypothesis.verdict]} {hypothesis.id} {hypothesis.verdict}{numbers}. {hypothesis.sentence}"
    )

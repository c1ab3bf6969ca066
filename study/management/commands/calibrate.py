"""`manage.py calibrate ITEMS`: how sure the model is of its own answers, and whether it should be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.figures import reliability_diagram
from llm.confidence import Way
from study.management.lookups import study_of
from study.model_confidence import items_of, measure, read_items, summary
from study.session.walks import protocol_of_study


class Command(BaseCommand):
    help = "Elicit the model's confidence about ITEMS (CSV with id, question, truth; or a protocol) and score it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("items", help="a file; with --study the study's short name")
        parser.add_argument(
            "--study",
            action="store_true",
            help="ask about a study's own items, in its record: the panel then shows the figures",
        )
        parser.add_argument("--model", default="", help="the configured model if not given")
        parser.add_argument(
            "--ways", nargs="+", choices=[str(way) for way in Way], default=[str(way) for way in Way]
        )
        parser.add_argument(
            "--samples", type=int, default=10, help="how often the question is asked for `samples`"
        )
        parser.add_argument("--seed", type=int, default=1, help="of folds and bootstrap")
        parser.add_argument("--out", type=Path, default=Path("calibration"))

    def handle(
        self,
        *,
        items: str,
        study: bool,
        model: str,
        ways: list[str],
        samples: int,
        seed: int,
        out: Path,
        **_: Any,
    ) -> None:
        record = study_of(items) if study else None
        try:
            asked = items_of(protocol_of_study(record)) if record else read_items(Path(items))
        except (OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        if not asked:
            raise CommandError(f"'{items}' has no yes/no items.")
        number = record.pk if record else None
        out.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        scored = []
        for way in ways:
            one = measure(asked, Way(way), samples=samples, model=model, rng=rng, study=number)
            scored.append(one)
            one.rows.to_csv(out / f"{way}.csv", index=False)
            if one.scores:
                (out / f"{way}.svg").write_bytes(reliability_diagram(one.scores, title=way).svg())
            for item, reason in one.failed.items():
                self.stderr.write(f"{way}: no answer about {item}: {reason}")
        found = summary(scored)
        found.to_csv(out / "calibration.csv", index=False)
        shown = (
            found[["way", "version", "n", "brier", "ece", "auc", "overconfidence"]] if len(found) else found
        )
        self.stdout.write(shown.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
        self.stdout.write(f"{out}/: calibration.csv, a table and a reliability diagram for each way")

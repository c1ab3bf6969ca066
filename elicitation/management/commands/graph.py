"""`manage.py graph VOTES.csv|STUDY`: the moral graph of a file of votes or of a closed study, on the terminal and as
files."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from django.core.management.base import BaseCommand, CommandError

from analysis import moral_graph
from analysis.moral_graph import exchange
from analysis.moral_graph.criteria import criteria

RESAMPLES = 1000
SHOWN = 15


class Command(BaseCommand):
    help = (
        "Computes the moral graph of a CSV file of votes (participant, from_value, to_value, context, verdict) "
        "or of a closed study, with an interval for every rank."
    )

    requires_system_checks = []  # needs no database and no services

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "votes", type=Path, help="CSV file with a row per vote, or the slug of a closed study"
        )
        parser.add_argument(
            "--rule", choices=list(moral_graph.RULES), default="corrected", help="legacy: as published"
        )
        for name in ("case", "context", "group"):
            parser.add_argument(f"--{name}", help=f"only votes of this {name}")
        parser.add_argument(
            "--resamples", type=int, default=RESAMPLES, help="participants drawn anew; 0: no intervals"
        )
        parser.add_argument("--level", type=float, default=0.95, help="confidence level of the intervals")
        parser.add_argument("--seed", type=int, default=0, help="of the draws")
        parser.add_argument(
            "--duplicates",
            choices=["refuse", "first", "last"],
            default="refuse",
            help="a participant's second vote on the same pair and context",
        )
        parser.add_argument("--top", type=int, default=SHOWN, help="values shown")
        parser.add_argument(
            "--criteria", action="store_true", help="the six criteria for an alignment target, of all votes"
        )
        parser.add_argument(
            "--beside",
            action="store_true",
            help="the pairwise model beside the ranks: strengths, the habit of saying yes, whether the votes fit one "
            "order; the stories' own effect; agreement between groups where there is a column `group`",
        )
        for kind in ("json", "graphml", "gexf"):
            parser.add_argument(f"--{kind}", type=Path, metavar="OUT", help=f"write the graph as {kind}")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            votes = _votes(options["votes"], options["duplicates"])
            asked = {
                name: options[name] for name in ("case", "context", "group", "resamples", "level", "seed")
            }
            graph = moral_graph.build(votes, options["rule"], progress=True, **asked)
        except OSError as error:
            raise CommandError(f"{options['votes']}: {error.strerror}") from error
        except ValueError as error:
            raise CommandError(f"{options['votes']}: {error}") from error
        self.stdout.write(_summary(graph, options["top"]))
        if options["criteria"]:
            self.stdout.write(_criteria(votes, options))
        if options["beside"]:
            self.stdout.write(_beside(votes, options))
        self._write(graph, options)

    def _write(self, graph: moral_graph.MoralGraph, options: dict[str, Any]) -> None:
        formats = {"json": _json, "graphml": exchange.to_graphml, "gexf": exchange.to_gexf}
        for kind, convert in formats.items():
            path: Path | None = options[kind]
            if path is None:
                continue
            try:
                path.write_text(convert(graph), encoding="utf-8")
            except OSError as error:
                raise CommandError(f"{path}: {error.strerror}") from error
            self.stdout.write(f"{kind}: {path}")


def _votes(named: Path, duplicates: Literal["refuse", "first", "last"]) -> pd.DataFrame:
    """From the file of that name, else from the study of that slug; only the latter needs a database."""
    if not named.exists() and len(named.parts) == 1 and not named.suffix:
        from elicitation.management.commands.votes import votes_in

        votes: pd.DataFrame = votes_in(named.name).votes
        return votes
    return moral_graph.read_csv(named, duplicates=duplicates)


def _criteria(votes: pd.DataFrame, options: dict[str, Any]) -> str:
    """The six criteria, a line a measure; for a study with its participants' cards and what they said at the end."""
    asked = {name: options[name] for name in ("rule", "level", "seed")}
    named: Path = options["votes"]
    if named.exists():
        table = criteria(votes, **asked)
    else:
        from elicitation.followup.actions import asks_again
        from elicitation.votes.criteria import evidence_of, table_of
        from study.registration.models import Study
        from study.session.walks import protocol_of_study

        study = Study.objects.get(slug=named.name)
        evidence = evidence_of(study, protocol_of_study(study))
        table = table_of(evidence, follow_up=asks_again(study), **asked)
    lines = [""]
    for row in table.to_dict("records"):
        ends = f" ({row['low']:.3f} to {row['high']:.3f})" if row["low"] == row["low"] else ""
        value = f"{row['value']:.3f}{ends}, n {row['n']}" if row["value"] == row["value"] else "not available"
        note = f"; {row['note']}" if row["note"] else ""
        lines.append(_line(f"{row['criterion']}: {row['measure']}: {value}{note}", longest=300))
    return "\n".join(lines)


def _beside(votes: pd.DataFrame, options: dict[str, Any]) -> str:
    from elicitation.votes.beside import lines

    asked = {name: options[name] for name in ("case", "context", "group") if options[name] is not None}
    told = lines(
        moral_graph.select(votes, **asked), level=options["level"], seed=options["seed"], top=options["top"]
    )
    return "\n".join(["", *(_line(one, longest=300) for one in told)])


def _json(graph: moral_graph.MoralGraph) -> str:
    return json.dumps(exchange.to_json(graph), ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _summary(graph: moral_graph.MoralGraph, top: int) -> str:
    """The graph in words and a table, for the terminal."""
    lines = [
        f"{graph.votes} votes of {graph.participants} participants, rule {graph.rule.name}",
        f"{len(graph.values)} values with {len(graph.edges)} edges, of {len(graph.pairs)} ordered pairs shown; "
        f"{len(graph.left_out)} values without an edge",
    ]
    if graph.values.empty:
        return "\n".join(
            [*lines, "No pair has enough agreement to become an edge: there is nothing to rank."]
        )
    table = graph.values.head(top)
    label = f"{graph.level:.0%} interval"
    rows = [("", "value", "rank", label, "positions", "first", "wisdom")]
    for row in table.to_dict("records"):
        interval, positions, first = "", "", ""
        if len(graph.resampled):
            interval = f"{row['low']:.4f} to {row['high']:.4f}"
            positions = f"{row['position_low']:.0f} to {row['position_high']:.0f}"
            first = f"{row['first']:.0%}"
        value, rank = _line(row["value"]), f"{row['rank']:.4f}"
        rows.append((str(row["position"]), value, rank, interval, positions, first, f"{row['wisdom']:.2f}"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ([cell.ljust(width) for cell, width in zip(cells, widths, strict=True)] for cells in rows)
    lines += ["  ".join(cells).rstrip() for cells in padded]
    if len(graph.values) > top:
        lines.append(f"... and {len(graph.values) - top} more values")
    return "\n".join(lines)


def _line(value: object, longest: int = 40) -> str:
    """A label on one line, without control characters that a terminal would obey."""
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in str(value))
    return text if len(text) <= longest else text[: longest - 1] + "…"

"""`make bench ONLY=pages`: page turns through Heed and through oTree, in one run on one machine.

Both serve the same flow from a fresh database each, on the same PostgreSQL with durable commits, to the same walkers.
Runs are interleaved and repeated; medians are printed, and ratios, beside two figures of the machine itself.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import uvloop

from benchmarks import calibration
from benchmarks.systems import Heed, OTree, Server
from benchmarks.walk import crowd
from config.embedded.layout import Layout
from config.embedded.postgres import Postgres

CROWDS = {1: 3, 20: 60, 100: 100}  # participants at once: participants in all
FIGURES = ("turns_per_second", "p50_ms", "p95_ms", "cpu_ms", "memory_mb")


@dataclass(frozen=True)
class Run:
    """One crowd through one server."""

    system: str
    at_once: int
    turns: int
    finished: int
    failed: int
    turns_per_second: float
    p50_ms: float
    p95_ms: float
    cpu_ms: float
    memory_mb: float


def measure(server: Server, at_once: int, people: int) -> Run:
    """Send `people` through `server`, `at_once` at a time; cpu_ms is the server's processor time a page turn."""
    entries = server.entries(people)
    before = server.cpu_seconds()
    record, seconds = uvloop.run(crowd("127.0.0.1", server.port, entries, at_once, server.right_answers()))
    used = server.cpu_seconds() - before
    for failure in record.failures[:3]:
        print(f"  {server.name}: {failure[:400]}", file=sys.stderr)
    times = sorted(record.turns)
    return Run(
        system=server.name,
        at_once=at_once,
        turns=len(times),
        finished=record.finished,
        failed=len(record.failures),
        turns_per_second=len(times) / seconds,
        p50_ms=times[len(times) // 2] * 1000,
        p95_ms=times[int(len(times) * 0.95)] * 1000,
        cpu_ms=used / len(times) * 1000,
        memory_mb=server.memory_mb(),
    )


def repetition(makers: list[Callable[[], Server]], crowds: dict[int, int]) -> list[Run]:
    """Every server on fresh data; each crowd is sent through one server after the other."""
    servers: list[Server] = []
    try:
        for make in makers:
            server = make()
            server.__enter__()
            servers.append(server)
            uvloop.run(
                crowd("127.0.0.1", server.port, server.entries(2), 2, server.right_answers())
            )  # warm up
        return [report(measure(server, at_once, n)) for at_once, n in crowds.items() for server in servers]
    finally:
        for server in servers:
            server.__exit__(None, None, None)


def report(run: Run) -> Run:
    print(
        f"  {run.at_once:>4} at once  {run.system:<6} {run.turns_per_second:7.1f} turns/s  p50 {run.p50_ms:7.1f} ms  "
        f"p95 {run.p95_ms:7.1f} ms  {run.finished} finished, {run.failed} failed",
        flush=True,
    )
    return run


def table(runs: list[Run]) -> str:
    """Medians over repetitions, and each system's throughput and p95 relative to oTree's at the same crowd."""
    columns = ["at once", "system", "turns/s", "p50 ms", "p95 ms", "CPU ms a turn", "memory MB"]
    columns += ["× oTree turns/s", "p95 ÷ oTree's", "failed"]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for at_once in sorted({run.at_once for run in runs}):
        mine = [run for run in runs if run.at_once == at_once]
        middle = {
            name: {
                figure: statistics.median(getattr(run, figure) for run in mine if run.system == name)
                for figure in FIGURES
            }
            for name in dict.fromkeys(run.system for run in mine)
        }
        for name, row in middle.items():
            failed = sum(run.failed for run in mine if run.system == name)
            base = middle.get("otree")
            ratios = (
                f"{row['turns_per_second'] / base['turns_per_second']:.1f} | {row['p95_ms'] / base['p95_ms']:.2f}"
                if base
                else "– | –"
            )
            lines.append(
                f"| {at_once} | {name} | {row['turns_per_second']:.0f} | {row['p50_ms']:.1f} | {row['p95_ms']:.1f} "
                f"| {row['cpu_ms']:.1f} | {row['memory_mb']:.0f} | {ratios} | {failed} |"
            )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--crowds", type=int, nargs="+", default=list(CROWDS), choices=list(CROWDS))
    parser.add_argument(
        "--systems", nargs="+", default=["otree", "heed1", "heed2"], help="otree, or heed and its processes"
    )
    parser.add_argument("--json", type=Path, help="write every run here")
    options = parser.parse_args()
    if "otree" in options.systems:
        OTree.install()
    with tempfile.TemporaryDirectory(prefix="heed-bench-") as folder:
        state = Path(folder)
        state.chmod(0o711)
        layout = Layout(state)
        postgres = Postgres(layout)
        postgres.start()
        try:
            url = layout.database_url()
            makers: list[Callable[[], Server]] = [
                partial(OTree, url) if name == "otree" else partial(Heed, url, int(name[4:]))
                for name in options.systems
            ]
            print(
                f"machine: {calibration.loops_per_second():.1f} million loop iterations/s, "
                f"{calibration.fsync_ms(folder):.2f} ms an fsync"
            )
            runs: list[Run] = []
            for number in range(options.repetitions):
                print(f"repetition {number + 1}", flush=True)
                order = makers if number % 2 == 0 else makers[::-1]
                runs += repetition(order, {c: CROWDS[c] for c in options.crowds})
        finally:
            postgres.stop()
    print("\n" + table(runs))
    if options.json:
        options.json.write_text(json.dumps([asdict(run) for run in runs], indent=1))
    return 1 if any(run.failed for run in runs) else 0


if __name__ == "__main__":
    sys.exit(main())

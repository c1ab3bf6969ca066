"""`make bench`: every benchmark, one after the other, each in a process of its own; `--only NAME` runs one.

Arguments that follow are that benchmark's own: `python -m benchmarks --only pages --crowds 20 --repetitions 1`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence

BENCHMARKS = {
    "mixed": "whole fits of mixed models, refits, power simulations",
    "moral_graph": "votes, resamples and the pairwise model of a moral graph",
    "streams": "what the pipeline adds to a model's own time, and 200 streams at once",
    "bundle": "a bundle of a million submissions, written and verified",
    "pages": "page turns through Heed and through oTree",
}
"""By module, the quick ones first."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them; the exit status is 1 if any failed. One that fails does not stop the others."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", choices=BENCHMARKS, action="append", help="run this one; may be repeated")
    options, rest = parser.parse_known_args(arguments)
    chosen = options.only or list(BENCHMARKS)
    if rest and len(chosen) > 1:
        parser.error(f"{' '.join(rest)}: arguments belong to one benchmark; name it with --only")
    failed = [name for name in chosen if not _run(name, rest)]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(name: str, rest: Sequence[str]) -> bool:
    print(f"\n== {name}: {BENCHMARKS[name]}", flush=True)
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *rest]).returncode == 0


if __name__ == "__main__":
    sys.exit(main())

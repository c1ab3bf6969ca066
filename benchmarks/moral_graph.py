"""How long a large moral graph takes on one core, and how much memory.

python -m benchmarks.moral_graph prints wall and CPU seconds for 100,000 votes on 2,000 values in 50 contexts,
for 1,000 resamples of its participants, for the pairwise model, and the largest difference from networkx's
PageRank. Two shapes are measured: pairs that were chosen (as in a study) and pairs drawn at random.
"""

from __future__ import annotations

import os
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import resource
import time
from collections.abc import Callable
from typing import TypeVar

import networkx
import numpy as np
import pandas as pd

from analysis import moral_graph
from analysis.moral_graph import CORRECTED, pairwise, ranks

SEED = 20240417
VOTES, VALUES, CONTEXTS, EACH = 100_000, 2_000, 50, 5  # EACH: votes of a participant, on average

Result = TypeVar("Result")


def votes(pairs: int | None, number: int = VOTES, values: int = VALUES) -> pd.DataFrame:
    """Votes on so many chosen ordered pairs; None: any pair of values, nearly all of them different."""
    rng = np.random.default_rng(SEED)
    source = rng.integers(values, size=pairs or number)
    target = (source + 1 + rng.integers(values - 1, size=len(source))) % values
    shown = rng.integers(len(source), size=number)
    frame = pd.DataFrame(
        {
            "participant": [f"participant-{i}" for i in rng.integers(number // EACH, size=number)],
            "from_value": [f"value-{i}" for i in source[shown]],
            "to_value": [f"value-{i}" for i in target[shown]],
            "context": [f"When {i}" for i in rng.integers(CONTEXTS, size=number)],
            "verdict": rng.choice(["wiser", "not_wiser", "unsure"], p=[0.68, 0.11, 0.21], size=number),
        }
    )
    return frame.drop_duplicates(["participant", "from_value", "to_value", "context"], ignore_index=True)


def timed(name: str, bar: str, work: Callable[[], Result]) -> Result:
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"  {name:<44} {wall:8.2f} s wall {cpu:8.2f} s CPU   bar {bar}")
    return result


def difference(graph: moral_graph.MoralGraph) -> float:
    """Largest difference from networkx's ranks over the same edges."""
    reference = networkx.DiGraph()
    for edge in graph.edges[["from_value", "to_value", "likelihood"]].itertuples(index=False):
        reference.add_edge(edge.from_value, edge.to_value, weight=edge.likelihood)
    expected = networkx.pagerank(reference, tol=1e-15, max_iter=5000)
    return float(
        max(abs(expected[v] - r) for v, r in zip(graph.values["value"], graph.values["rank"], strict=True))
    )


def main() -> None:
    for title, pairs in (("8,000 chosen pairs", 8_000), ("random pairs", None)):
        frame = votes(pairs)
        print(f"{len(frame):,} votes, {VALUES:,} values, {CONTEXTS} contexts, {title}")
        graph = timed("graph, without intervals", "2 s", partial(moral_graph.build, frame, resamples=0))
        timed("graph as built by default (200 resamples)", "-", partial(moral_graph.build, frame))
        ballots = moral_graph.encode(moral_graph.check(frame))
        rng = np.random.default_rng(SEED)
        timed(
            "1,000 resamples of participants",
            "60 s",
            partial(ranks.resample, ballots, CORRECTED, 1000, rng),
        )
        print(
            f"  {len(graph.edges):,} edges; largest difference from networkx {difference(graph):.1e}, bar 1e-10"
        )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"  peak memory so far {peak:.2f} GB, bar 1 GB")
    frame = votes(1_200, number=10_000, values=200)
    ballots = moral_graph.encode(moral_graph.check(frame))
    print(f"pairwise model of {ballots.votes:,} votes on {len(ballots.values):,} values")
    timed("fit with cluster-robust errors", "-", lambda: pairwise.fit(ballots))


if __name__ == "__main__":
    main()

"""How long whole fits take on one core, standard errors included, and how much memory they touch.

python -m benchmarks.mixed prints wall and CPU seconds beside the bar and beside R's own time (where the public
reference data lie beside the repository). Every fit runs three times in a process of its own; the best counts. CPU
seconds are held against the bar (wall for the power simulations, which use two processes), memory against 400 MB.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from analysis import fit_mixed
from analysis.power import Effects, PowerDesign, PowerTest, simulate_power

REFERENCE = Path(__file__).resolve().parents[1].parent / "shared" / "reference"
SEED = 20240607
MEMORY = 400.0
"""MB that no fit may exceed."""


def reference(name: str) -> pd.DataFrame:
    """A public reference data set with the factor levels R was given."""
    path = next(p for p in (REFERENCE / f"{name}.csv", REFERENCE / f"{name}.csv.gz") if p.exists())
    table = pd.read_csv(path)
    for column, levels in json.loads((REFERENCE / "models.json").read_text())["levels"].items():
        if column in table:
            table[column] = pd.Categorical(table[column].astype(str), levels)
    return table


def evaluations() -> pd.DataFrame:
    """A data set of InstEval's size and shape: 73,421 ratings by 2,972 students of 1,128 lecturers."""
    rng = np.random.default_rng(SEED)
    rows, students, lecturers = 73_421, 2_972, 1_128
    s, d = rng.integers(students, size=rows), (rng.beta(0.6, 1.2, size=rows) * lecturers).astype(int)
    service = rng.integers(2, size=rows)
    y = 3.2 - 0.07 * service + rng.normal(0, 0.33, students)[s] + rng.normal(0, 0.52, lecturers)[d]
    return pd.DataFrame({"y": y + rng.normal(0, 1.18, rows), "service": service.astype(str), "s": s, "d": d})


def _agree(table: pd.DataFrame) -> None:
    fit_mixed("agree ~ condition * ai_correct + (1 | participant) + (1 | question)", table, "binomial")


CASES: dict[str, tuple[Callable[[], pd.DataFrame], Callable[[pd.DataFrame], object], float, str]] = {
    "VerbAgg, binomial": (
        lambda: reference("VerbAgg"),
        lambda t: fit_mixed(
            "y ~ Anger + Gender + btype + situ + mode + (1 | id) + (1 | item)", t, "binomial"
        ),
        0.25,
        "lme4 11 s",
    ),
    "rel404, binomial": (lambda: reference("rel404"), _agree, 0.25, ""),
    "rel10k, binomial": (lambda: reference("rel10k"), _agree, 2.0, "lme4 92 s"),
    "rel404 trust, ordinal": (
        lambda: reference("rel404"),
        lambda t: fit_mixed(
            "trust7 ~ condition * ai_correct + (1 | participant) + (1 | question)", t, "ordinal"
        ),
        0.3,
        "clmm 22 s",
    ),
    "73,421 × 2,972 × 1,128, linear": (
        evaluations,
        lambda t: fit_mixed("y ~ service + (1 | s) + (1 | d)", t),
        2.9,
        "lme4 2.9 s",
    ),
}


def measure(name: str) -> None:
    """Run one case three times; prints wall, CPU seconds and the peak memory in MB."""
    load, fit, _, _ = CASES[name]
    table = load()
    best = (float("inf"), float("inf"))
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        fit(table)
        best = min(best, (time.perf_counter() - wall, time.process_time() - cpu))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"wall": best[0], "cpu": best[1], "memory": memory}))


def measure_refits(count: int = 50) -> None:
    """Binomial refits of 404 × 8 to simulated outcomes; prints the mean of each in milliseconds."""
    result = fit_mixed(
        "agree ~ condition * ai_correct + (1 | participant) + (1 | question)", reference("rel404"), "binomial"
    )
    rng = np.random.default_rng(SEED)
    outcomes = [result.simulate(rng) for _ in range(count)]
    wall, cpu = time.perf_counter(), time.process_time()
    for y in outcomes:
        result.refit(y)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    each = {
        "wall": (time.perf_counter() - wall) / count,
        "cpu": (time.process_time() - cpu) / count,
        "memory": memory,
    }
    print(json.dumps(each))


def measure_power(simulations: int = 1000) -> None:
    """Simulated studies of 404 × 8 over two processes: two conditions, right and wrong advice, a contrast tested.

    Prints wall and CPU seconds of all processes, and the largest process's memory in MB."""
    design = PowerDesign(
        "agree ~ arm * ai_correct + (1 | participant) + (1 | item)",
        ("control", "citation"),
        (PowerTest("arm", "arm", "citation", "control", op=">"),),
        tuple({"ai_correct": i % 2 == 0} for i in range(8)),
    )
    assumed = Effects(
        {"(Intercept)": 0.3, "armcitation": 0.3, "ai_correctTRUE": 0.5}, {"participant": 0.8, "item": 0.6}
    )
    wall = time.perf_counter()
    simulate_power(design, assumed, [404], np.random.default_rng(SEED), simulations=simulations, workers=2)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    found = {
        "wall": time.perf_counter() - wall,
        "cpu": sum(u.ru_utime + u.ru_stime for u in used),
        "memory": max(u.ru_maxrss for u in used) / 1024,
    }
    print(json.dumps(found))


def _child(*arguments: str) -> dict[str, float]:
    one_core = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.mixed", *arguments]
    out = subprocess.run(command, check=True, capture_output=True, text=True, env=one_core)
    found: dict[str, float] = json.loads(out.stdout.splitlines()[-1])
    return found


def _line(name: str, got: dict[str, float], bar: float, other: str, *, by: str = "cpu") -> None:
    verdict = "ok" if got[by] <= bar and got["memory"] <= MEMORY else "MISSED"
    print(
        f"{name:<34} wall {got['wall']:6.3f} s  cpu {got['cpu']:6.3f} s  bar {bar:5.2f} s  "
        f"memory {got['memory']:4.0f} MB  {verdict:<6} {other}"
    )


def main() -> None:
    """All cases, each in a process of its own."""
    if len(sys.argv) == 3 and sys.argv[1] == "case":
        return measure(sys.argv[2])
    if sys.argv[1:] == ["refits"]:
        return measure_refits()
    if sys.argv[1:] == ["power"]:
        return measure_power()
    if not REFERENCE.exists():
        print("the public reference data are not beside the repository; only the simulated case runs")
    for name, (_, _, bar, other) in CASES.items():
        if REFERENCE.exists() or name.startswith("73,421"):
            _line(name, _child("case", name), bar, other)
    if REFERENCE.exists():
        _line("refit of 404 × 8, binomial", _child("refits"), 0.030, "")
    _line("1,000 power simulations, 404 × 8", _child("power"), 25.0, "wall, two processes", by="wall")
    return None


if __name__ == "__main__":
    main()

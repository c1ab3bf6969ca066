"""Run a bundle's registered plan again and compare every number with the report's. No database, no Django.

Shipped in every bundle as `code/reproduce.py` beside the analysis code: `python code/reproduce.py .`
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = (
        "1"  # read when numpy is loaded: threads add in another order, which flat likelihoods amplify
    )
HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-9
TABLES = ("participants", "trials", "responses", "events")
ANALYSED = ("participants", "trials")
"""Tables that a plan can speak of."""
ROWS_AT_ONCE = 50_000
UNCOMPARED = ("versions",)
EMPTY = ("stratum",)
"""Text columns in which an empty cell is an empty text and not a missing value."""


def file_name(table: str) -> str:
    """The CSV file of a tidy table, named as Psych-DS wants it: key-value pairs, then `data`."""
    return f"table-{table}_data.csv"


def load(
    bundle: str | Path, names: Iterable[str] = TABLES, *, wanted: Callable[[Any], Any] = list
) -> dict[str, Any]:
    """Tidy tables by name, typed as the codebook says (from the CSV files, which verify.py checks).

    wanted: of the names of a table's columns, those to be read (all)."""
    folder = Path(bundle) / "data"
    columns = _read(folder / "codebook.csv")
    return {
        name: _table(folder / file_name(name), columns[columns["table"] == name], wanted) for name in names
    }


def load_analysed(bundle: str | Path) -> dict[str, Any]:
    """The tables that a plan can speak of, with the columns that the registered one can name."""
    from analysis.plan.columns import may_name

    plan = plan_of(bundle)
    trials = load(bundle, ["trials"], wanted=lambda columns: may_name(plan, columns))
    return load(bundle, ["participants"]) | trials


def _table(path: Path, columns: Any, wanted: Callable[[Any], Any]) -> Any:
    """Some thousand rows at a time, so that few are held as text and as what they are."""
    import pandas as pd

    known = {row["column"]: row for _, row in columns.iterrows()}
    chosen = list(wanted(list(known)))
    read = (rows.reset_index(drop=True) for rows in _read(path, usecols=chosen, chunksize=ROWS_AT_ONCE))
    parts = [pd.DataFrame({name: _typed(raw[name], known[name]) for name in raw}) for raw in read]
    return pd.concat(parts, ignore_index=True)


def _read(path: Path, **also: Any) -> Any:
    import pandas as pd

    return pd.read_csv(path, dtype="str", keep_default_na=False, lineterminator="\n", **also)


def _typed(cells: Any, column: Any) -> Any:
    """A column of texts as what it is; empty cells are missing."""
    import pandas as pd

    if column["column"] in EMPTY:
        return cells
    given = cells.mask(cells == "")
    match column["type"]:
        case "boolean":
            return given.map({"true": True, "false": False}).astype("boolean")
        case "integer":
            return _cast(given, "int64").astype("Int64")
        case "number":
            return _cast(given, "float64").astype("float64")
        case "time":
            return pd.to_datetime(given, utc=True, format="ISO8601").astype("datetime64[us, UTC]")
        case "category":
            return pd.Series(pd.Categorical(given, categories=[v for v in column["levels"].split("|") if v]))
    return given.astype("str")


def _cast(given: Any, kind: str) -> Any:
    """Texts as numbers, each the nearest to its digits; missing stays missing."""
    import pandas as pd
    import pyarrow as pa

    return pd.Series(pa.array(given, pa.string()).cast(kind), dtype=f"{kind}[pyarrow]")


def plan_of(bundle: str | Path) -> Any:
    """The plan in force at the end: that of the last registered version."""
    from analysis.plan.types import Plan

    versions = sorted((Path(bundle) / "registration").glob("v*.json"), key=_version)
    document = json.loads(versions[-1].read_text(encoding="utf-8"))
    return Plan.model_validate(document["plan"])


def _version(path: Path) -> int:
    return int(path.stem.removeprefix("v")) if path.stem.removeprefix("v").isdigit() else 0


def reported(bundle: str | Path) -> Any:
    """The results that the report shows."""
    from analysis.plan.results import Results

    return Results.model_validate_json((Path(bundle) / "results" / "results.json").read_bytes())


def rerun(bundle: str | Path, tables: dict[str, Any] | None = None) -> Any:
    """The registered plan on the bundle's tables (loaded, unless they are at hand)."""
    from analysis.plan.runner import run

    return run(plan_of(bundle), tables or load_analysed(bundle))


def differences(first: Any, second: Any, *, where: str = "", tolerance: float = TOLERANCE) -> Iterator[str]:
    """Where two JSON values differ: numbers by more than the tolerance (absolute and relative), all else at all."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in sorted(first.keys() | second.keys()):
            if key in UNCOMPARED and not where:
                continue
            yield from differences(
                first.get(key), second.get(key), where=f"{where}.{key}", tolerance=tolerance
            )
    elif isinstance(first, list) and isinstance(second, list) and len(first) == len(second):
        for place, (a, b) in enumerate(zip(first, second, strict=True)):
            yield from differences(a, b, where=f"{where}[{place}]", tolerance=tolerance)
    elif _number(first) and _number(second):
        if not math.isclose(first, second, rel_tol=tolerance, abs_tol=tolerance):
            yield f"{where.lstrip('.')}: {first!r} in the report, {second!r} now"
    elif first != second or isinstance(first, bool) != isinstance(second, bool):
        yield f"{where.lstrip('.')}: {first!r} in the report, {second!r} now"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def numbers(value: Any) -> int:
    """How many numbers a JSON value holds."""
    if isinstance(value, dict):
        return sum(map(numbers, value.values()))
    return sum(map(numbers, value)) if isinstance(value, list) else int(_number(value))


def compare(bundle: str | Path) -> tuple[int, list[str]]:
    """(numbers compared, differences) between reported results and a run of now, and between Parquet and CSV files."""
    told, now = reported(bundle).model_dump(mode="json"), rerun(bundle).model_dump(mode="json")
    count, found = numbers(told), list(differences(told, now))
    for name, before, after in chapters(bundle):
        count += numbers(before)
        found += differences(before, after, where=name)
    return count, found + list(unlike(bundle))


def chapters(bundle: str | Path) -> Iterator[tuple[str, Any, Any]]:
    """Name, reported and new numbers of each file of results that a module `analysis.NAME.again` finds again."""
    for path in sorted((Path(bundle) / "results").glob("*.json")):
        if find_spec(f"analysis.{path.stem}") and find_spec(f"analysis.{path.stem}.again"):
            told = json.loads(path.read_text(encoding="utf-8"))
            again = import_module(f"analysis.{path.stem}.again").again
            yield path.stem, told, again(lambda name: load(bundle, [name])[name], told)


def unlike(bundle: str | Path) -> Iterator[str]:
    """Where a table's Parquet file says something else than its CSV file, column by column."""
    import pandas as pd

    folder = Path(bundle) / "data"
    for name in _read(folder / "codebook.csv")["table"].unique():
        path = folder / f"{name}.parquet"
        if not path.exists():
            yield f"{path.name} is missing"
            continue
        listed, typed = load(bundle, [name])[name], pd.read_parquet(path)
        if list(listed) != list(typed) or len(listed) != len(typed):
            yield f"{path.name} has other columns or rows than {file_name(name)}"
            continue
        for column in listed:
            if count := _unlike(listed[column], typed[column]):
                yield f"{path.name}: {column} differs from {file_name(name)} in {count} rows"


def _unlike(listed: Any, typed: Any) -> int:
    """Rows in which two columns differ: numbers by more than the tolerance, all else at all. A CSV file cannot tell an
    empty text from a missing one."""
    import numpy as np
    import pandas as pd

    if pd.api.types.is_float_dtype(listed.dtype):
        a, b = (column.to_numpy(dtype="float64", na_value=np.nan) for column in (listed, typed))
        return int((~np.isclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)).sum())
    first, second = (column.astype("object").mask(column.isna(), "") for column in (listed, typed))
    return int((first != second).sum())


def afresh(bundle: Path) -> int:
    """Compare in a new environment with exactly the versions that the bundle names; returns the exit status."""
    code = bundle / "code"
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / "bin" / "python")
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "-r", str(code / "requirements.txt")], check=True
        )
        return subprocess.run([python, str(code / "reproduce.py"), str(bundle)], check=False).returncode


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0 when every number is the report's."""
    parser = argparse.ArgumentParser(
        description="Run a bundle's registered plan again and compare every number."
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument(
        "--clean", action="store_true", help="in a new environment with the bundle's own code"
    )
    options = parser.parse_args(arguments)
    if options.clean:
        return afresh(options.bundle.resolve())
    compared, found = compare(options.bundle)
    for difference in found[:20]:
        sys.stdout.write(f"differs  {difference}\n")
    sys.stdout.write(f"{compared} numbers compared, {len(found)} differences (tolerance {TOLERANCE:g}).\n")
    return 1 if found else 0


if __name__ == "__main__":
    if (HERE / "analysis").is_dir():
        sys.path.insert(0, str(HERE))
    sys.exit(main())

"""Tables written to a folder: CSV for people, Parquet with types, and the codebook."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from study.tables.codebook import as_markdown, codebook
from study.tables.consort import flow
from study.tables.tidy import Tables


def write(tables: Tables, folder: Path) -> list[Path]:
    """Write every table as CSV and Parquet, with `codebook.csv`, `codebook.md` and `consort.json`; returns the files.

    CSV: UTF-8, header, missing cells empty, truth values as true and false, times in ISO 8601 UTC.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name, table in tables.as_dict().items():
        as_csv(table, folder / f"{name}.csv")
        table.to_parquet(folder / f"{name}.parquet", index=False)
        written += [folder / f"{name}.csv", folder / f"{name}.parquet"]
    book = codebook(tables.columns)
    as_csv(book, folder / "codebook.csv")
    (folder / "codebook.md").write_text(as_markdown(book), encoding="utf-8")
    counts = json.dumps(flow(tables.participants).as_dict(), indent=1)
    (folder / "consort.json").write_text(counts + "\n", encoding="utf-8")
    return [*written, folder / "codebook.csv", folder / "codebook.md", folder / "consort.json"]


def as_csv(table: pd.DataFrame, path: Path) -> None:
    """One table as CSV, the same bytes for the same table."""
    printable(table).to_csv(path, index=False, lineterminator="\n")


def printable(table: pd.DataFrame) -> pd.DataFrame:
    """The table as CSV writes it: truth values as true and false, times in ISO 8601 UTC with microseconds."""
    out = table.copy()
    for name in out:
        if pd.api.types.is_bool_dtype(out[name].dtype):
            out[name] = out[name].map({True: "true", False: "false"})
        elif isinstance(out[name].dtype, pd.DatetimeTZDtype):
            out[name] = out[name].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return out

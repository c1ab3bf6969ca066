"""A bundle's notebooks and the code they need: the registered plan again, and a place to explore."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import analysis
from study.evidence import chapters, reproduce
from study.evidence.chapters import Chapter
from study.evidence.pages import STAMPS
from study.protocol.types import Protocol
from study.registration.models import Study

ANALYSIS = Path(analysis.__file__).parent
PACKAGES = ("numpy", "scipy", "pandas", "pyarrow", "statsmodels", "matplotlib", "pydantic", "rfc8785", "networkx",
            "PyYAML", "tqdm")  # fmt: skip
"""What the analysis code needs to run by itself."""

START = """\
import sys
from pathlib import Path

BUNDLE = next(p for p in (Path.cwd(), *Path.cwd().parents) if (p / "bundle.json").exists())
sys.path.insert(0, str(BUNDLE / "code"))

import reproduce  # first: it settles how numpy will add

import json
import pandas as pd"""

TABLE = """\
pd.DataFrame([
    {"hypothesis": h.id, "sentence": h.sentence, "contrast": h.contrast, "estimate": h.estimate.value,
     "low": h.estimate.low, "high": h.estimate.high, "p": h.p_adjusted, "verdict": h.verdict}
    for h in results.hypotheses
])"""

MEANS = """\
pd.DataFrame([{"outcome": g.outcome, **g.by, "mean": g.mean.value, "low": g.mean.low, "high": g.mean.high,
               "n": g.mean.n}
              for g in results.summaries])"""

MEASURES = """\
pd.DataFrame([{**m.by, "measure": m.measure, "value": m.estimate.value, "low": m.estimate.low, "high": m.estimate.high,
               "n": m.estimate.n} for m in results.measures])"""

FIGURE = """\
from IPython.display import SVG
from analysis.figures import forest

rows = pd.DataFrame([{"label": h.id, "value": h.estimate.value, "low": h.estimate.low, "high": h.estimate.high}
                     for h in results.hypotheses if h.estimate.low is not None],
                    columns=["label", "value", "low", "high"])
SVG(forest(rows, label="registered contrasts, each on its own scale").svg()) if len(rows) else "No estimate." """

FIGURES = """\
from IPython.display import display

for told in json.loads((BUNDLE / "figures" / "figures.json").read_text(encoding="utf-8")):
    display(SVG(filename=str(BUNDLE / "figures" / told["file"])), told["caption"])"""

COMPARE = """\
told, now = reproduce.reported(BUNDLE).model_dump(mode="json"), results.model_dump(mode="json")
different = list(reproduce.differences(told, now))
assert not different, different[:10]
print(f"{reproduce.numbers(told)} numbers of the report found again, each within {reproduce.TOLERANCE:g}.")"""

STAMP = """\
from IPython.display import display, Markdown

def explored(shown):
    \"\"\"Show something with its stamp: nothing in this notebook was registered.\"\"\"
    display(Markdown("**Exploratory.** Not registered; found by looking."), shown)"""


def confirmatory(study: Study, protocol: Protocol, more: Iterable[Chapter] = ()) -> Any:
    """The registered plan from the bundle's files alone, and the chapters of other apps."""
    title = protocol.say(protocol.title)
    cells = [
        new_markdown_cell(_headed(f"# {title}: the registered analysis\n\nThe plan as it was registered, on the tidy "
                                  "tables of this folder. Nothing is chosen here.", study)),
        new_code_cell(START),
        new_code_cell("tables = reproduce.load_analysed(BUNDLE)\nplan = reproduce.plan_of(BUNDLE)\n"
                      "{name: table.shape for name, table in tables.items()}"),
        new_code_cell("results = reproduce.rerun(BUNDLE, tables)\nresults.sample.model_dump(exclude={'rules'})"),
        new_markdown_cell("## Verdicts"), new_code_cell(TABLE), new_code_cell(FIGURE),
        new_markdown_cell("## Means"), new_code_cell(MEANS),
        new_markdown_cell("## Measures of reliance"), new_code_cell(MEASURES),
        new_markdown_cell("## The same numbers as the report's"), new_code_cell(COMPARE),
        new_markdown_cell("## The report's figures, as they stand in `figures/`"), new_code_cell(FIGURES),
    ]  # fmt: skip
    return _notebook(cells + [_cell(*told) for chapter in more for told in chapter.confirmatory])


def explore(study: Study, protocol: Protocol, more: Iterable[Chapter] = ()) -> Any:
    """Loaded, labelled data, and a stamp for whatever is found in them."""
    words = (
        f"# {protocol.say(protocol.title)}: exploring\n\n**Exploratory.** Nothing in this notebook was registered. "
        "Show what you find with `explored(…)`, which says so."
    )
    cells = [
        new_markdown_cell(_headed(words, study)),
        new_code_cell(START),
        new_code_cell(STAMP),
        new_code_cell('# more tables: reproduce.load(BUNDLE) has also the responses and events\n'
                      'tables = reproduce.load(BUNDLE, reproduce.ANALYSED)\n'
                      'trials, people = tables["trials"], tables["participants"]\n'
                      'codebook = pd.read_csv(BUNDLE / "data" / "codebook.csv", keep_default_na=False)\n'
                      'explored(codebook[["table", "column", "type", "label", "values", "source"]])'),
        new_code_cell('explored(trials.groupby("arm", observed=True)[["agree", "correct"]].mean())'),
    ]  # fmt: skip
    return _notebook(cells + [_cell(*told) for chapter in more for told in chapter.explore])


def _cell(kind: str, source: str) -> Any:
    return new_markdown_cell(source) if kind == "markdown" else new_code_cell(source)


def _headed(words: str, study: Study) -> str:
    stamp = STAMPS.get(study.mode, "")
    return f"{stamp}\n\n{words}" if stamp else words


def _notebook(cells: list[Any]) -> Any:
    """A notebook whose cells are numbered, so that the same study gives the same bytes."""
    for place, cell in enumerate(cells, start=1):
        cell["id"] = f"cell-{place}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def code(folder: Path) -> None:
    """`code/`: the analysis as source, what runs it, and the versions it ran with."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ANALYSIS, folder / "analysis", ignore=ignored, dirs_exist_ok=True)
    shutil.copyfile(Path(reproduce.__file__), folder / "reproduce.py")
    pins = [f"{name}=={metadata.version(name)}" for name in PACKAGES]
    head = f"# Python {platform.python_version()}; notebooks also need ipykernel and nbclient\n"
    (folder / "requirements.txt").write_text(head + "\n".join(pins) + "\n", encoding="utf-8", newline="\n")


def write(study: Study, protocol: Protocol, folder: Path, *, execute: bool = True) -> None:
    """Write `code/` and `notebooks/` of a bundle whose data and results are already there.

    Raises nbclient's CellExecutionError when the registered numbers are not found again.
    """
    code(folder / "code")
    target = folder / "notebooks"
    target.mkdir(exist_ok=True)
    more = list(chapters.of(folder))
    for name, notebook in (
        ("confirmatory", confirmatory(study, protocol, more)),
        ("explore", explore(study, protocol, more)),
    ):
        if execute:
            executed(notebook, target)
        text = nbformat.writes(notebook)
        (target / f"{name}.ipynb").write_text(text + "\n", encoding="utf-8", newline="\n")


def executed(notebook: Any, where: Path) -> None:
    """Run a notebook in place, from its own folder, in a process of its own; no times are kept in it."""
    NotebookClient(
        notebook,
        timeout=1800,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(where)}},
    ).execute()
    for stray in where.parent.rglob("__pycache__"):
        shutil.rmtree(stray, ignore_errors=True)

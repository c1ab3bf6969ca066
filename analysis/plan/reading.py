"""A plan from a file, and a table from a file, with errors that say what to change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from pydantic import ValidationError

from analysis.plan.types import Plan


class PlanError(ValueError):
    """A plan or a table that cannot be read; the message names file and place."""


def read_plan(path: Path) -> Plan:
    """A plan from YAML or JSON: a document that is the plan, or a whole protocol with a `plan` in it."""
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise PlanError(f"{path.name} cannot be read: {error}") from None
    if not isinstance(document, dict):
        raise PlanError(
            f"{path.name} holds no mapping: a plan begins with names such as outcomes, models, hypotheses"
        )
    content = document.get("plan", document)
    try:
        return Plan.model_validate(content)
    except ValidationError as error:
        raise PlanError("\n".join(f"{path.name}: {_told(problem)}" for problem in error.errors())) from None


def _told(problem: Any) -> str:
    place = " → ".join(str(part) for part in problem["loc"])
    return f"{place}: {problem['msg']}"


def read_data(path: Path) -> pd.DataFrame:
    """A table from .csv (also compressed) or .parquet. Raises PlanError."""
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise PlanError(
            f"{path.name} cannot be read as {'Parquet' if path.suffix == '.parquet' else 'CSV'}: {error}"
        ) from None

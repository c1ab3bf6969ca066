"""The left-hand side of a formula: an arithmetic expression of columns, checked for its family."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.mixed.errors import ModelError
from analysis.mixed.variables import Codes, Floats, label

_CALLS = {
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log1p": np.log1p,
}
_OPERATORS: dict[type[ast.operator], Any] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
}


@dataclass(frozen=True)
class Response:
    """The outcome. `y` holds values (successes for binomial, 0..J codes for ordinal), `trials` the
    number of tries per row (ones unless cbind), `labels` the names of ordinal categories or of the
    two outcomes, `transform` the outermost function of the expression ('log', …) or ''."""

    text: str
    y: Floats
    trials: Floats
    labels: tuple[str, ...] = ()
    transform: str = ""


def response_columns(text: str) -> tuple[str, ...]:
    """The columns an outcome expression needs; raises ModelError for anything but arithmetic."""
    names: dict[str, None] = {}
    for node in ast.walk(_parse(text)):
        if isinstance(node, ast.Call) and not (
            isinstance(node.func, ast.Name) and node.func.id in (*_CALLS, "cbind") and not node.keywords
        ):
            raise ModelError(
                f"the outcome {text!r} calls a function that is not read; known: {', '.join(_CALLS)}"
            )
    for node in ast.walk(_parse(text)):
        if isinstance(node, ast.Name) and node.id not in _CALLS and node.id != "cbind":
            names[node.id] = None
    return tuple(names)


def _parse(text: str) -> ast.expr:
    try:
        return ast.parse(text.replace("`", "").strip(), mode="eval").body
    except SyntaxError:
        raise ModelError(f"the outcome {text!r} is not a column or an expression of columns") from None


def read_response(text: str, frame: pd.DataFrame, family: str) -> Response:
    """Evaluate the outcome on `frame` (no missing values) and check it against its family."""
    node = _parse(text)
    if isinstance(node, ast.Call) and _called(node) == "cbind":
        return _two_columns(text, node, frame, family)
    if isinstance(node, ast.Name):
        column = frame[node.id]
        if family == "ordinal":
            return _ordinal(text, column)
        if family == "binomial":
            return _binary(text, column)
        if not pd.api.types.is_numeric_dtype(column.dtype):
            raise ModelError(
                f"the outcome '{text}' holds {column.dtype} values; the {family} family needs numbers"
            )
    elif family == "ordinal":
        raise ModelError(f"the ordinal outcome must be a column, not the expression {text!r}")
    y = _evaluate(node, frame, text)
    _check_numbers(text, y, family)
    return Response(text, y, np.ones(len(y)), transform=_called(node) if isinstance(node, ast.Call) else "")


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _evaluate(node: ast.expr, frame: pd.DataFrame, text: str) -> Floats:
    if isinstance(node, ast.Name):
        column = frame[node.id]
        if not pd.api.types.is_numeric_dtype(column.dtype):
            raise ModelError(
                f"column '{node.id}' in the outcome {text!r} holds {column.dtype} values, not numbers"
            )
        return column.to_numpy(dtype=np.float64)
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return np.full(len(frame), float(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_evaluate(node.operand, frame, text)
    with np.errstate(all="ignore"):
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            left, right = _evaluate(node.left, frame, text), _evaluate(node.right, frame, text)
            out: Floats = _OPERATORS[type(node.op)](left, right)
        elif isinstance(node, ast.Call) and _called(node) in _CALLS and len(node.args) == 1:
            out = _CALLS[_called(node)](_evaluate(node.args[0], frame, text))
        else:
            raise ModelError(f"the outcome {text!r} is not a column or an expression of columns")
    if not np.isfinite(out).all():
        raise ModelError(
            f"the outcome {text!r} is undefined in {int((~np.isfinite(out)).sum())} rows "
            f"(a logarithm of zero or a negative value, a division by zero)"
        )
    return out


def _check_numbers(text: str, y: Floats, family: str) -> None:
    if np.isinf(y).any():
        raise ModelError(f"the outcome '{text}' holds infinite values")
    if np.ptp(y) == 0:
        raise ModelError(
            f"the outcome '{text}' is the same ({y[0]:g}) in every row: there is nothing to explain"
        )
    if family == "poisson":
        if (y < 0).any():
            raise ModelError(f"the outcome '{text}' holds negative values; counts start at 0")
        if (y != np.round(y)).any():
            raise ModelError(f"the outcome '{text}' holds fractions; the poisson family counts whole events")


def _binary(text: str, column: pd.Series[Any]) -> Response:
    if pd.api.types.is_bool_dtype(column.dtype):
        levels: tuple[Any, ...] = (False, True)
    elif isinstance(column.dtype, pd.CategoricalDtype):
        levels = tuple(v for v in column.cat.categories if (column == v).any())
    else:
        levels = tuple(sorted(column.unique().tolist(), key=lambda v: (str(type(v)), v)))
        if pd.api.types.is_numeric_dtype(column.dtype):
            if not set(levels) <= {0, 1}:
                odd = next(v for v in levels if v not in (0, 1))
                raise ModelError(f"the outcome '{text}' holds {odd:g}; a binary outcome is 0 or 1")
            levels = (0, 1)
    if column.nunique() < 2:
        raise ModelError(
            f"the outcome '{text}' is {column.iloc[0]} in every row: there is nothing to explain"
        )
    if len(levels) > 2:
        raise ModelError(
            f"the outcome '{text}' has {len(levels)} values ({', '.join(map(str, levels[:4]))}…); "
            "the binomial family needs two (use family='ordinal' for a rating)"
        )
    y = (column == levels[1]).to_numpy(dtype=np.float64)
    return Response(text, y, np.ones(len(y)), tuple(label(v) for v in levels))


def _two_columns(text: str, node: ast.Call, frame: pd.DataFrame, family: str) -> Response:
    if family != "binomial":
        raise ModelError(f"the outcome {text!r}: cbind(successes, failures) belongs to family='binomial'")
    if len(node.args) != 2:
        raise ModelError(f"the outcome {text!r}: cbind takes two columns, successes and failures")
    good, bad = (_evaluate(arg, frame, text) for arg in node.args)
    for part in (good, bad):
        if (part < 0).any() or (part != np.round(part)).any():
            raise ModelError(f"the outcome {text!r} must count whole successes and failures, none negative")
    trials = good + bad
    if (trials == 0).any():
        raise ModelError(f"the outcome {text!r} has {int((trials == 0).sum())} rows without a single try")
    if good.sum() in (0, trials.sum()):
        raise ModelError(f"the outcome {text!r} is always the same: there is nothing to explain")
    return Response(text, good, trials)


def _ordinal(text: str, column: pd.Series[Any]) -> Response:
    if isinstance(column.dtype, pd.CategoricalDtype):
        if not column.cat.ordered:
            raise ModelError(
                f"the outcome '{text}' is categorical without an order; make it an ordered categorical"
            )
        levels = [v for v in column.cat.categories if (column == v).any()]
    elif pd.api.types.is_bool_dtype(column.dtype):
        raise ModelError(f"the outcome '{text}' is yes/no; use family='binomial'")
    elif pd.api.types.is_numeric_dtype(column.dtype):
        levels = sorted(column.unique().tolist())
        if any(v != round(v) for v in levels):
            raise ModelError(
                f"the outcome '{text}' holds fractions; an ordinal outcome is a whole number or category"
            )
    else:
        raise ModelError(
            f"the outcome '{text}' holds text; make it an ordered categorical so that its order is known"
        )
    if len(levels) < 2:
        raise ModelError(f"the outcome '{text}' is {levels[0]} in every row: there is nothing to explain")
    if len(levels) < 3:
        raise ModelError(f"the outcome '{text}' has two categories only; use family='binomial'")
    if len(levels) > 100:
        raise ModelError(
            f"the outcome '{text}' has {len(levels)} categories; use family='gaussian' for so fine a scale"
        )
    place = {v: i for i, v in enumerate(levels)}
    y = np.array([place[v] for v in column.tolist()], dtype=np.float64)
    return Response(text, y, np.ones(len(y)), tuple(label(v) for v in levels))


def ordinal_codes(y: Floats) -> Codes:
    """Category codes 0..J of an ordinal response as integers."""
    return y.astype(np.int64)

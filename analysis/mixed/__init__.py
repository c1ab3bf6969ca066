"""Mixed models with crossed or nested factors: linear (REML), generalised and cumulative-link (Laplace).

The names are loaded when first used: reading a formula should not load numpy and scipy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from analysis.mixed.errors import ModelError

if TYPE_CHECKING:
    from analysis.mixed.fit import fit_mixed
    from analysis.mixed.result import MixedResult

__all__ = ["MixedResult", "ModelError", "fit_mixed"]

_HOMES = {"MixedResult": "analysis.mixed.result", "fit_mixed": "analysis.mixed.fit"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'analysis.mixed' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)

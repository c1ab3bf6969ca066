"""Mixed models with crossed or nested factors: linear (REML), generalised and cumulative-link (Laplace)."""

from analysis.mixed.errors import ModelError
from analysis.mixed.fit import fit_mixed
from analysis.mixed.result import MixedResult

__all__ = ["MixedResult", "ModelError", "fit_mixed"]

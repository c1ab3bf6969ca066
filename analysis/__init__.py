"""Statistics and figures of Heed: data frames in, frozen results out.

A name is loaded when it is first used: a web page that reads a registered plan should not load scipy and pandas,
which cost seconds and 60 MB in every process.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.benchmark import reliance_benchmark
    from analysis.calibration import calibration, calibration_table
    from analysis.comparisons import equivalence, likelihood_ratio, standardised
    from analysis.complementarity import complementarity
    from analysis.design_warnings import design_warnings
    from analysis.detection import detection_from_rates, implied_rates
    from analysis.detection_model import detection_model
    from analysis.estimate import Estimate
    from analysis.influence import influence
    from analysis.means import contrasts, marginal_means
    from analysis.measures import reliance, weight_of_advice
    from analysis.mixed import MixedResult, ModelError, fit_mixed
    from analysis.power import simulate_power
    from analysis.presto import presto
    from analysis.robustness import (
        bootstrap_test,
        cluster_robust,
        gee,
        heteroscedastic,
        without_flagged,
    )
    from analysis.scales import reliability, scale_scores

__all__ = [
    "Estimate",
    "MixedResult",
    "ModelError",
    "bootstrap_test",
    "calibration",
    "calibration_table",
    "cluster_robust",
    "complementarity",
    "contrasts",
    "design_warnings",
    "detection_from_rates",
    "detection_model",
    "equivalence",
    "fit_mixed",
    "gee",
    "heteroscedastic",
    "implied_rates",
    "influence",
    "likelihood_ratio",
    "marginal_means",
    "presto",
    "reliability",
    "reliance",
    "reliance_benchmark",
    "scale_scores",
    "simulate_power",
    "standardised",
    "weight_of_advice",
    "without_flagged",
]

_HOMES = {
    "design_warnings": "analysis.design_warnings",
    "bootstrap_test": "analysis.robustness",
    "without_flagged": "analysis.robustness",
    "heteroscedastic": "analysis.robustness",
    "cluster_robust": "analysis.robustness",
    "gee": "analysis.robustness",
    "influence": "analysis.influence",
    "simulate_power": "analysis.power",
    "standardised": "analysis.comparisons",
    "equivalence": "analysis.comparisons",
    "likelihood_ratio": "analysis.comparisons",
    "reliance_benchmark": "analysis.benchmark",
    "calibration": "analysis.calibration",
    "calibration_table": "analysis.calibration",
    "complementarity": "analysis.complementarity",
    "detection_from_rates": "analysis.detection",
    "implied_rates": "analysis.detection",
    "detection_model": "analysis.detection_model",
    "Estimate": "analysis.estimate",
    "contrasts": "analysis.means",
    "marginal_means": "analysis.means",
    "reliance": "analysis.measures",
    "weight_of_advice": "analysis.measures",
    "MixedResult": "analysis.mixed",
    "ModelError": "analysis.mixed",
    "fit_mixed": "analysis.mixed",
    "presto": "analysis.presto",
    "reliability": "analysis.scales",
    "scale_scores": "analysis.scales",
}


class _Package(ModuleType):
    """This package. Some functions bear the name of their module, and `analysis.calibration` means the function."""

    def __getattr__(self, name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'analysis' has no attribute '{name}'")
        value = getattr(import_module(_HOMES[name]), name)
        super().__setattr__(name, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HOMES and isinstance(value, ModuleType):
            return  # the import system, after loading the module of the same name
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

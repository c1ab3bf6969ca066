"""Statistics and figures of Heed: data frames in, frozen results out."""

from analysis.benchmark import reliance_benchmark
from analysis.calibration import calibration, calibration_table
from analysis.complementarity import complementarity
from analysis.detection import detection_from_rates, implied_rates
from analysis.detection_model import detection_model
from analysis.estimate import Estimate
from analysis.means import contrasts, marginal_means
from analysis.measures import reliance, weight_of_advice
from analysis.mixed import MixedResult, ModelError, fit_mixed
from analysis.presto import presto
from analysis.scales import reliability, scale_scores

__all__ = [
    "Estimate",
    "MixedResult",
    "ModelError",
    "calibration",
    "calibration_table",
    "complementarity",
    "contrasts",
    "detection_from_rates",
    "detection_model",
    "fit_mixed",
    "implied_rates",
    "marginal_means",
    "presto",
    "reliability",
    "reliance",
    "reliance_benchmark",
    "scale_scores",
    "weight_of_advice",
]

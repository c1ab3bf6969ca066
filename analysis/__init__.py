"""Statistics and figures of Heed: data frames in, frozen results out."""

from analysis.benchmark import reliance_benchmark
from analysis.calibration import calibration, calibration_table
from analysis.complementarity import complementarity
from analysis.detection import detection_from_rates, implied_rates
from analysis.estimate import Estimate
from analysis.measures import reliance, weight_of_advice
from analysis.scales import reliability, scale_scores

__all__ = [
    "Estimate",
    "calibration",
    "calibration_table",
    "complementarity",
    "detection_from_rates",
    "implied_rates",
    "reliability",
    "reliance",
    "reliance_benchmark",
    "scale_scores",
    "weight_of_advice",
]

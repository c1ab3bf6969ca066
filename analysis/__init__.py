"""Statistics and figures of Heed: data frames in, frozen results out."""

from analysis.estimate import Estimate
from analysis.measures import reliance, weight_of_advice

__all__ = ["Estimate", "reliance", "weight_of_advice"]

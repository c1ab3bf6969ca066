"""Figures in one style: told apart without colour, described in words, and the same to the byte."""

from analysis.figures.canvas import Figure
from analysis.figures.consort import consort
from analysis.figures.forest import forest
from analysis.figures.means import means
from analysis.figures.plane import plane_points, reliance_plane
from analysis.figures.power import power_curve
from analysis.figures.reliability import reliability_diagram
from analysis.figures.thresholds import rank_curve, value_curve

__all__ = [
    "Figure",
    "consort",
    "forest",
    "means",
    "plane_points",
    "power_curve",
    "rank_curve",
    "reliability_diagram",
    "reliance_plane",
    "value_curve",
]

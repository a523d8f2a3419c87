"""The figures of a study: data and effects in, one look, vector files with the same bytes on every run out."""

from aigreen.report.figures.bacon import bacon_figure
from aigreen.report.figures.binned import BinnedMeans, binned_means, binned_scatter
from aigreen.report.figures.boundaries import read_boundaries
from aigreen.report.figures.coefficients import coefficient_figure
from aigreen.report.figures.event_study import event_study_figure
from aigreen.report.figures.parts import parts_figure, parts_horizon_figure, parts_waterfall_figure
from aigreen.report.figures.randomisation import randomisation_figure
from aigreen.report.figures.sensitivity import honest_figure, rho_figure, sensitivity_contour
from aigreen.report.figures.specification import specification_curve
from aigreen.report.figures.style import COLOURS, HEIGHT, MARKERS, WIDTH, save_figure, style
from aigreen.report.figures.trends import cohort_trends_figure
from aigreen.report.figures.zone_map import pilot_and_pioneer_zones, zone_map

__all__ = [
    "COLOURS",
    "HEIGHT",
    "MARKERS",
    "WIDTH",
    "BinnedMeans",
    "bacon_figure",
    "binned_means",
    "binned_scatter",
    "coefficient_figure",
    "cohort_trends_figure",
    "event_study_figure",
    "honest_figure",
    "parts_figure",
    "parts_horizon_figure",
    "parts_waterfall_figure",
    "pilot_and_pioneer_zones",
    "randomisation_figure",
    "read_boundaries",
    "rho_figure",
    "save_figure",
    "sensitivity_contour",
    "specification_curve",
    "style",
    "zone_map",
]

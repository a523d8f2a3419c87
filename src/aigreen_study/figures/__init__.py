"""The figures of a study: data and effects in, one look, vector files with the same bytes on every run out."""

from aigreen_study.figures.bacon import bacon_figure
from aigreen_study.figures.binned import binned_scatter
from aigreen_study.figures.boundaries import read_boundaries
from aigreen_study.figures.coefficients import coefficient_figure
from aigreen_study.figures.doses import dose_figure
from aigreen_study.figures.event_study import event_study_figure
from aigreen_study.figures.mainland_map import mainland_map
from aigreen_study.figures.parts import parts_figure, parts_horizon_figure, parts_waterfall_figure
from aigreen_study.figures.randomisation import randomisation_figure
from aigreen_study.figures.sensitivity import honest_figure, no_bounds_figure, rho_figure, sensitivity_contour
from aigreen_study.figures.specification import specification_curve
from aigreen_study.figures.style import COLOURS, HEIGHT, MARKERS, WIDTH, save_figure, style
from aigreen_study.figures.trends import cohort_trends_figure
from aigreen_study.figures.unit_map import unit_map
from aigreen_study.figures.zone_map import pilot_and_pioneer_zones, zone_map

__all__ = [
    "COLOURS",
    "HEIGHT",
    "MARKERS",
    "WIDTH",
    "bacon_figure",
    "binned_scatter",
    "coefficient_figure",
    "cohort_trends_figure",
    "dose_figure",
    "event_study_figure",
    "honest_figure",
    "mainland_map",
    "no_bounds_figure",
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
    "unit_map",
    "zone_map",
]

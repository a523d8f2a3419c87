"""Map of the zones; with the borders of prefectures in studies that read public files anyway."""

from aigreen.data.registry.registry import BOUNDARIES, fetch
from aigreen_study.figures import pilot_and_pioneer_zones, read_boundaries, save_figure, zone_map
from aigreen_study.run.log import logged
from aigreen_study.specification.places import seats

with logged(snakemake):
    rings, credit = None, "list of divisions of this project."
    if snakemake.params.boundaries:
        source, file = BOUNDARIES
        rings = read_boundaries(fetch(source, "data/raw", file=file)[0])
        credit = "china-prefecture-crosswalk by FIERsity, from CTAmap; list of divisions of this project."
    figure = zone_map(pilot_and_pioneer_zones(), seats("prefecture"), rings, source=credit)
    save_figure(figure, snakemake.output.figure)

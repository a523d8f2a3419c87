"""Map of the zones; with the borders of prefectures in studies that read public files anyway."""

from pathlib import Path

from aigreen import facts
from aigreen.report.figures import pilot_and_pioneer_zones, read_boundaries, save_figure, zone_map
from aigreen.report.log import logged
from aigreen.sources.registry import fetch

SOURCE, FILE = "cn_city_geo", "cn_city_geo/prefecture_2024_simplified.geojson"

with logged(snakemake):
    rings, credit = None, "list of divisions of this project."
    if snakemake.params.boundaries:
        rings = read_boundaries(fetch(SOURCE, "data/raw", file=FILE)[0])
        credit = "china-prefecture-crosswalk by FIERsity (CC BY 4.0); list of divisions of this project."
    seats = facts.table("divisions")[["lon", "lat"]].astype(float)
    figure = zone_map(pilot_and_pioneer_zones(), seats, rings, source=credit)
    save_figure(figure, Path(snakemake.output.figure[0]).with_suffix(""))

"""Exposure through near places and through the industry, each against random links."""

from __future__ import annotations

from aigreen.data.assemble.rings import circle_column
from aigreen.exposure.maps import industry_peers, rings
from aigreen.inference.placebo_links import LinkCheck, link_check
from aigreen.panel.panel import Panel
from aigreen_study.specification.places import home_of, seats


def link_checks(
    panel: Panel, outcome: str, *, radius_km: float, industry: str = "", n_draws: int, seed: int
) -> dict[str, LinkCheck]:
    """Check the exposure to zones of places within a radius and, with a column of industries, to treated peers.

    Parameters
    ----------
    panel : Panel
        Of units that do not move between places (prefectures), which are its clusters.
    outcome : str
    radius_km : float
    industry : str
        Column; a unit's last industry counts. Peers of the own place are left out.
    n_draws, seed : int
        Of placebo networks.
    """
    frame, unit, place = panel.frame, panel.names["unit"], panel.names["cluster"]
    home = home_of(frame, unit, place)
    near = rings(seats("prefecture").loc[sorted(home.unique())], [0, radius_km])
    links = {circle_column(radius_km): (near[f"ring_0_{radius_km:g}"].at_places(home), "sum")}
    if industry:
        last = home_of(frame, unit, industry)
        links["industry_peers"] = (industry_peers(last, exclude=home), "share")
    return {
        key: link_check(panel, outcome, over, how=how, places=home, n_draws=n_draws, seed=seed)
        for key, (over, how) in links.items()
    }

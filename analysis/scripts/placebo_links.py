"""Exposure through near cities and through the industry, recentred and against placebo links."""

from pathlib import Path

import pandas as pd

from aigreen import Panel
from aigreen.data import facts
from aigreen.exposure.maps import industry_peers, rings
from aigreen.inference.placebo_links import link_check
from aigreen_study.numbers.headline import verdict
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.log import logged
from aigreen_study.tables import render
from aigreen_study.tables.placebo_links import links_table

DRAWS = 200

with logged(snakemake):
    config = snakemake.params.config
    roles, inference, outcome = config["panel"], config["inference"], config["outcomes"]["log"]
    level, simulated, unit, place = inference["level"], config["simulated"], roles["unit"], roles["cluster"]
    names = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    frame = pd.read_parquet(snakemake.input.panel)
    note = f"Effects on {names[outcome]}; errors by {names[place].lower()}."
    if "moved" in frame:
        frame = frame[frame["moved"] == 0].reset_index(drop=True)
        note += " Units that moved between places are left out."
    panel = Panel(frame, **{role: roles[role] for role in ("unit", "time", "cohort", "cluster")})
    last = frame.drop_duplicates(unit, keep="last").set_index(unit)
    home = last[place] if place != unit else pd.Series(last.index, index=last.index)
    seats = facts.table("divisions").set_index("gb_code").loc[sorted(home.unique()), ["lat", "lon"]].astype(float)
    near = rings(seats, [0, 100])["ring_0_100"].at_places(home)
    checks = {"Other zone cities within 100 km": (near, "sum")}
    if "industry_code" in frame:
        peers = industry_peers(last["industry_code"], exclude=home)
        checks["Treated industry peers in other cities (share)"] = (peers, "share")
    found = {
        label: link_check(panel, outcome, links, how=how, places=home, n_draws=DRAWS, seed=config["seed"])
        for label, (links, how) in checks.items()
    }
    table = links_table(found, level=level, notes=note, simulated=simulated)
    render.write(table, Path(snakemake.output.table[0]).with_suffix(""))

    ledger = Ledger(rule="placebo_links")
    for key, check in zip(("ring_100km", "industry_peers"), found.values(), strict=False):
        for kind, effect in (("plain", check.plain), ("recentred", check.recentred)):
            line, facts_of = effect.to_frame(level).iloc[0], {"exhibit": "tables/placebo_links", "n": effect.n_rows}
            ledger.add(f"links_{key}_{kind}", line["estimate"], **facts_of)
            ledger.add(f"links_{key}_{kind}_p", line["p_value"], fmt="p_value", **facts_of)
        ledger.add(f"links_{key}_placebo_p", check.p_placebo, fmt="p_value", exhibit="tables/placebo_links")
        ledger.add(f"links_{key}_placebo_verdict", verdict(check.p_placebo, level), exhibit="tables/placebo_links")
    ledger.write(snakemake.output.numbers)

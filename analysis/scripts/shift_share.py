"""Robots of firms as a shift-share of their industry's robots: on green patents, on AI words, and as an instrument."""

from pathlib import Path

import pandas as pd

from aigreen import Panel
from aigreen.regression.shift_share import ShiftShare
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.log import logged
from aigreen_study.tables import render
from aigreen_study.tables.shift_share import set_text, shares_and_shocks, shift_share_table

ROBOTS, DOSE, SECTOR = "robots", "ai_words_log", "industry_code"

with logged(snakemake):
    config = snakemake.params.config
    roles, inference, outcome = config["panel"], config["inference"], config["outcomes"]["log"]
    level, simulated, unit, time = inference["level"], config["simulated"], roles["unit"], roles["time"]
    names = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    frame = pd.read_parquet(snakemake.input.panel)
    shares, shocks = shares_and_shocks(frame, unit=unit, time=time, sector=SECTOR, exposure=ROBOTS)
    used = frame[frame[unit].isin(shares.index) & frame[[ROBOTS, DOSE]].notna().all(axis=1)].reset_index(drop=True)
    total = used[unit].map(shares.sum(axis=1))
    by_year = {f"share_{year}": total * (used[time] == year) for year in sorted(used[time].unique())[1:]}
    used = used.assign(**by_year)
    panel = Panel(used, **{role: roles[role] for role in ("unit", "time", "cohort", "cluster")})
    model = {how: ShiftShare(shares=shares, shocks=shocks, errors=how) for how in ("akm", "cluster")}
    controls = {"covariates": list(by_year)}
    reduced, first, second = "Reduced form", "First stage", "Instrumented"
    results = {
        reduced: {how: one.fit(panel, outcome, **controls) for how, one in model.items()},
        first: {how: one.first_stage(panel, outcome, treatment=DOSE, **controls) for how, one in model.items()},
        second: {how: one.fit(panel, outcome, treatment=DOSE, **controls) for how, one in model.items()},
    }
    weak = model["akm"].confidence_set(panel, outcome, treatment=DOSE, level=level, **controls)
    notes = (
        f"{names[outcome]} on robots; {names[DOSE]} on robots; {names[outcome]} on {names[DOSE]} with robots as "
        "instrument. Robots per thousand workers: production share of staff in a base year times robots over workers "
        "of the industry. Firm and year effects, shares by year. Errors by shock of Adão, Kolesár and Morales (2019), "
        f"{shares.shape[1]} industries; effective F of Montiel Olea and Pflueger (2013); the set inverts the test with "
        "the null imposed. Robots may move green patents other than through words: the exclusion is an assumption."
    )
    table = shift_share_table(results, {second: set_text(weak)}, level=level, notes=notes, simulated=simulated)
    render.write(table, Path(snakemake.output.table[0]).with_suffix(""))

    ledger = Ledger(rule="shift_share")
    for key, label in (("reduced", reduced), ("first", first), ("second", second)):
        line = results[label]["akm"].to_frame(level).iloc[0]
        facts = {"exhibit": "tables/shift_share", "n": results[label]["akm"].n_rows}
        for name, column in (("", "estimate"), ("_se", "std_error"), ("_low", "conf_low"), ("_high", "conf_high")):
            ledger.add(f"shift_share_{key}{name}", line[column], **facts)
    ledger.add("shift_share_f", float(results[second]["akm"].conventions["effective F"]), fmt="adaptive", **facts)
    ledger.add("shift_share_set", set_text(weak), **facts)
    ledger.write(snakemake.output.numbers)

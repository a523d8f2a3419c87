"""The two-group comparisons inside the two-way fixed-effect estimate."""

from pathlib import Path

import pandas as pd

from aigreen import Panel
from aigreen.did.diff_diff import bacon_weights
from aigreen_study.figures import bacon_figure, save_figure
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.log import logged

with logged(snakemake):
    config = snakemake.params.config
    roles, outcome = config["panel"], config["outcomes"]["log"]
    names = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    frame = pd.read_parquet(snakemake.input.panel)
    # The decomposition needs units with an outcome in every period.
    known = frame[frame[outcome].notna()]
    seen = known.groupby(roles["unit"])[roles["time"]].transform("nunique") == known[roles["time"]].nunique()
    panel = Panel(known[seen], **{role: roles[role] for role in ("unit", "time", "cohort", "cluster")})
    comparisons = bacon_weights(panel, outcome)
    figure = bacon_figure(comparisons, ylabel=f"Estimate on {names[outcome]}", simulated=config["simulated"])
    save_figure(figure, Path(snakemake.output.figure[0]).with_suffix(""))

    ledger = Ledger(rule="bacon")
    facts = {"exhibit": "figures/bacon", "n": panel.n_rows}
    ledger.add("bacon_estimate", float(comparisons["weight"] @ comparisons["estimate"]), **facts)
    ledger.add("bacon_units", panel.n_units, fmt="count", **facts)
    for kind, part in comparisons.groupby("kind"):
        ledger.add(f"bacon_{kind}_weight", float(part["weight"].sum()), fmt="share", **facts)
        mean = float(part["weight"] @ part["estimate"] / part["weight"].sum())
        ledger.add(f"bacon_{kind}_mean", mean, **facts)
    ledger.write(snakemake.output.numbers)

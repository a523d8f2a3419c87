"""Event studies of several estimators side by side, and what the first allows to go wrong before it holds zero."""

from pathlib import Path

import pandas as pd

from aigreen import GroupTimeATT, Imputation, Panel, StackedDiD, SunAbraham
from aigreen.inference.honest import honest_did
from aigreen_study.figures import event_study_figure, honest_figure, save_figure
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.log import logged

PRE, POST = -5, 2

with logged(snakemake):
    config = snakemake.params.config
    roles, inference, outcome = config["panel"], config["inference"], config["outcomes"]["log"]
    level, simulated = inference["level"], config["simulated"]
    names = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    frame = pd.read_parquet(snakemake.input.panel)
    panel = Panel(frame, **{role: roles[role] for role in ("unit", "time", "cohort", "cluster")})
    window = {"window": (PRE, POST)}
    studies = {
        "Group-time": GroupTimeATT(base_period="universal").fit(panel, outcome).event_study(**window),
        "Interaction-weighted": SunAbraham().fit(panel, outcome).event_study(**window),
        "Imputation": Imputation(leads=-PRE).fit(panel, outcome).event_study(**window),
        "Stacked": StackedDiD(window=(PRE, POST)).fit(panel, outcome).event_study(),
    }
    figure = event_study_figure(
        studies, ylabel=f"Effect on {names[outcome]}", level=level, simultaneous=False, simulated=simulated
    )
    save_figure(figure, Path(snakemake.output.estimators[0]).with_suffix(""))

    base = studies["Group-time"]
    results = [
        honest_did(base, weights="average", restriction=restriction, level=level)
        for restriction in ("relative_magnitudes", "smoothness")
    ]
    figure = honest_figure(*results, ylabel="Average effect", simulated=simulated)
    save_figure(figure, Path(snakemake.output.honest[0]).with_suffix(""))

    ledger = Ledger(rule="event_study_estimators")
    for label, study in studies.items():
        key = label.lower().replace("-", "_")
        p = study.pretrend_test().p_value
        ledger.add(f"pretrend_{key}_p", p, fmt="p_value", exhibit="figures/event_study_estimators", n=study.n_rows)
    for result in results:
        key, facts = f"honest_{result.restriction}", {"exhibit": "figures/honest", "n": base.n_rows}
        finite = result.breakdown < float("inf")
        ledger.add(f"{key}_breakdown", result.breakdown if finite else "none found", **facts)
        ledger.add(f"{key}_low", float(result.frame["low"].iloc[-1]), **facts)
        ledger.add(f"{key}_high", float(result.frame["high"].iloc[-1]), **facts)
        ledger.add(f"{key}_bound", float(result.frame["bound"].iloc[-1]), fmt="adaptive", **facts)
    ledger.write(snakemake.output.numbers)

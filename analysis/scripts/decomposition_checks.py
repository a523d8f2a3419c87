"""What the decomposition rests on: correlated errors, the width of the ring, exposure that adds up."""

from pathlib import Path

import pandas as pd

from aigreen import Decomposition, Panel
from aigreen.decomposition.rings import ring_curve
from aigreen.errors import EstimationError
from aigreen_study.figures import rho_figure, save_figure
from aigreen_study.numbers.headline import verdict
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.log import logged
from aigreen_study.tables import render
from aigreen_study.tables.decomposition_checks import additivity_table, curves, ring_table, sensitivity_table

RINGS = ["ring_0_50", "ring_50_100", "ring_100_150", "ring_150_200", "ring_200_250", "ring_250_300", "ring_300_350"]

with logged(snakemake) as log:
    config = snakemake.params.config
    roles, options, level = config["panel"], config["decomposition"], config["inference"]["level"]
    outcome, channels, simulated = options["outcome"], options["channels"], config["simulated"]
    names = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    frame = pd.read_parquet(snakemake.input.panel)
    definitions = {names[name]: name for name in (options["exposure"], *options.get("alternatives", []))}
    if set(RINGS) <= set(frame):
        # Wider and wider circles, as numbers of zones inside them.
        for last, km in ((4, 200), (7, 350)):
            frame[f"within_{km}"] = frame[RINGS[:last]].sum(axis=1)
            definitions[f"Other zone cities within {km} km"] = f"within_{km}"
    panel = Panel(frame, **{role: roles[role] for role in ("unit", "time", "cohort", "cluster")})
    model = Decomposition(
        channels=channels,
        exposure=options["exposure"],
        response=options["response"],
        fixed_effects=options.get("fixed_effects"),
        variance=options["variance"],
    )
    notes = f"Decomposition of the effect on {names[outcome]}; errors by {names[roles['cluster']].lower()}."
    sensitivity = model.sensitivity(panel, outcome, level=level)
    n_rows = model.fit(panel, outcome).n_rows
    table = sensitivity_table(sensitivity, names, n_rows=n_rows, notes=notes, simulated=simulated)
    render.write(table, Path(snakemake.output.sensitivity[0]).with_suffix(""))
    found = curves(sensitivity, level)
    figure = rho_figure({names[channel]: curve for channel, curve in found.items()}, simulated=simulated)
    save_figure(figure, Path(snakemake.output.rho[0]).with_suffix(""))

    curve = ring_curve(model, panel, outcome, definitions)
    first, *others = definitions
    gaps = {label: (curve[label] - curve[first])["spillover"] for label in others}
    table = ring_table(
        curve, {label: label for label in definitions}, gaps, level=level, notes=notes, simulated=simulated
    )
    render.write(table, Path(snakemake.output.ring_curve[0]).with_suffix(""))

    tests = {}
    for label, column in definitions.items():
        try:
            tests[label] = Decomposition(
                channels=channels,
                exposure=column,
                response="linear",
                fixed_effects=options.get("fixed_effects"),
                variance=options["variance"],
            ).additivity(panel, outcome)
        except EstimationError as error:
            log.warning("%s: %s", label, error)
            notes = f"{notes} Not estimated: {label} ({error})."
    table = additivity_table(tests, level=level, notes=notes, simulated=simulated)
    render.write(table, Path(snakemake.output.additivity_test[0]).with_suffix(""))

    ledger = Ledger(rule="decomposition_checks")
    for channel, line in found.items():
        row = sensitivity.loc[channel].iloc[0]
        ledger.add(f"sensitivity_{channel}_rho", line.rho_at_zero, exhibit="tables/sensitivity", n=n_rows)
        for name in ("robustness_value", "robustness_value_significance"):
            ledger.add(f"sensitivity_{channel}_{name}", row[name], fmt="share", exhibit="tables/sensitivity", n=n_rows)
    for label, column in definitions.items():
        for part in ("total", "direct", "spillover"):
            value = float(curve[label][part].values[0])
            ledger.add(f"ring_curve_{column}_{part}", value, exhibit="tables/ring_curve", n=curve.n_rows)
        if label in tests:
            p = tests[label].test().p_value
            ledger.add(f"additivity_{column}_p", p, fmt="p_value", exhibit="tables/additivity_test")
            ledger.add(f"additivity_{column}_verdict", verdict(p, level), exhibit="tables/additivity_test")
    ledger.write(snakemake.output.numbers)

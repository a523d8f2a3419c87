"""One estimate under many errors, and the estimate among those of reassigned cohorts."""

from pathlib import Path

import pandas as pd

from aigreen import TWFE, Panel
from aigreen.data import facts
from aigreen.inference.randomization import randomization_inference
from aigreen_study.figures import randomisation_figure, save_figure
from aigreen_study.numbers.headline import verdict
from aigreen_study.numbers.prose import Ledger
from aigreen_study.run.log import logged
from aigreen_study.tables import render
from aigreen_study.tables.formats import count
from aigreen_study.tables.inference_variants import inference_table, inference_variants

DRAWS = 500
HOME_PROVINCE = "home_province"

with logged(snakemake):
    config = snakemake.params.config
    roles, inference, outcome = config["panel"], config["inference"], config["outcomes"]["log"]
    level, simulated, seed = inference["level"], config["simulated"], config["seed"]
    names = pd.read_csv(snakemake.input.codebook).set_index("column")["label"]
    frame = pd.read_parquet(snakemake.input.panel)
    keys = {role: roles[role] for role in ("unit", "time", "cohort", "cluster")}
    place = roles["cluster"]
    kinds = {place: names[place], roles["unit"]: names[roles["unit"]]}
    if place != "province_code":
        frame[HOME_PROVINCE] = frame[place].str[:2] + "0000"
        kinds[HOME_PROVINCE] = "Province"
    # Cohorts are assigned to places; units that moved between places have dates of their own.
    stayed = frame[frame["moved"] == 0] if "moved" in frame else frame
    panel = Panel(stayed, **keys)
    reassigned = randomization_inference(panel, outcome, n_draws=DRAWS, seed=seed, level=level)
    seats = facts.table("divisions")
    if place == "province_code":
        seats = seats[seats["provincial_capital"].astype(int) == 1].assign(gb_code=lambda table: table["province_code"])
    seats = seats.set_index("gb_code")[["lat", "lon"]].astype(float)
    variants = inference_variants(
        frame,
        outcome,
        keys,
        clusters=kinds,
        coordinates=seats,
        reassigned=reassigned,
        n_draws=1999,
        multipliers=inference["multipliers"],
        seed=seed,
        level=level,
    )
    whole = Panel(frame, **keys)
    effect = TWFE().fit(whole, outcome)["treated"]
    notes = (
        f"Two-way fixed effects by least squares on {names[outcome]}, {count(effect.n_rows)} observations of "
        f"{count(effect.n_units)} units. Effective number of clusters of Carter, Schnepel and Steigerwald (2017). "
        f"Wild bootstrap with the null imposed, {inference['multipliers'].capitalize()} multipliers; its intervals and "
        "those of reassignment hold the values that a test does not reject."
        + (
            f" Reassignment is among units that did not move, {count(panel.n_rows)} observations."
            if "moved" in frame
            else ""
        )
    )
    table = inference_table(variants, estimate=float(effect.values[0]), level=level, notes=notes, simulated=simulated)
    render.write(table, Path(snakemake.output.table[0]).with_suffix(""))
    figure = randomisation_figure(reassigned, xlabel=f"Estimate on {names[outcome]}", simulated=simulated)
    save_figure(figure, Path(snakemake.output.figure[0]).with_suffix(""))

    ledger = Ledger(rule="inference")
    ledger.add("inference_estimate", float(effect.values[0]), exhibit="tables/inference", n=effect.n_rows)
    for variant in variants:
        ledger.add(f"inference_{variant.key}_p", variant.p, fmt="p_value", exhibit="tables/inference")
        ledger.add(f"inference_{variant.key}_verdict", verdict(variant.p, level), exhibit="tables/inference")
        if variant.effective is not None:
            ledger.add(
                f"inference_{variant.key}_effective", variant.effective, fmt="adaptive", exhibit="tables/inference"
            )
            ledger.add(f"inference_{variant.key}_treated", variant.treated, fmt="count", exhibit="tables/inference")
            ledger.add(f"inference_{variant.key}_clusters", variant.clusters, fmt="count", exhibit="tables/inference")
    ledger.add("randomisation_estimate", reassigned.estimate, exhibit="figures/randomisation", n=panel.n_rows)
    ledger.add("randomisation_p", reassigned.p_value, fmt="p_value", exhibit="figures/randomisation")
    ledger.add("randomisation_draws", len(reassigned.draws), fmt="count", exhibit="figures/randomisation")
    ledger.write(snakemake.output.numbers)

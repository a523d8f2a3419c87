"""One estimate under many errors, and the estimate among those of reassigned cohorts."""

from aigreen import TWFE
from aigreen.inference.randomization import randomization_inference
from aigreen.inference.variants import inference_variants
from aigreen_study.figures import randomisation_figure, save_figure
from aigreen_study.numbers.checks import add_inference, add_level
from aigreen_study.numbers.prose import Ledger
from aigreen_study.own.levels import level_above
from aigreen_study.run.step import study_step
from aigreen_study.specification.places import clusterings, middles, seats, stayed, strata_of, varies_within
from aigreen_study.tables import render
from aigreen_study.tables.inference_variants import inference_notes, inference_table, level_note, middles_note
from aigreen_study.words import in_sentence

REASSIGNMENTS, WILD_DRAWS = 500, 1999

with study_step(snakemake) as step:
    outcome, level, labels = step.config["outcomes"]["log"], step.level, step.labels
    seed, multipliers = step.bands["seed"], step.bands["multipliers"]
    panel, at = step.panel_of(stayed(step.compared_frame)), snakemake.params.coordinates
    how = {"studentized": True, "n_draws": REASSIGNMENTS, "seed": seed, "level": level}
    within = varies_within(stayed(step.compared_frame), step.roles["cluster"], step.roles["cohort"])
    by = step.roles["unit"] if within else step.roles["cluster"]
    every = {labels[by]: randomization_inference(panel, outcome, by=by if within else None, **how)}
    if strata := step.checks.get("randomisation"):
        cut, column, label = strata_of(stayed(step.compared_frame), step.roles, labels, strata)
        every[label] = randomization_inference(step.panel_of(cut), outcome, strata=column, **how)
    reassigned = next(iter(every.values()))
    frame, clusters = clusterings(step.compared_frame, step.roles, labels, step.places)
    above, sizes = level_above(frame, step.roles, sorted(set(snakemake.params.columns) - set(step.roles.values())))
    if above:
        clusters[above] = labels[above]
    variants = inference_variants(
        frame,
        outcome,
        step.roles,
        clusters=clusters,
        coordinates=middles(step.frame, step.roles["cluster"], at) if at else seats(step.places),
        reassigned=every,
        n_draws=WILD_DRAWS,
        multipliers=multipliers,
        seed=seed,
        level=level,
    )
    effect = TWFE().fit(step.compared, outcome)["treated"]
    shown = in_sentence(labels[outcome])
    cluster = labels[step.roles["cluster"]]
    told = [middles_note(cluster)] if at and step.roles["cluster"] != step.roles["unit"] else []
    told += [level_note(labels[above], sizes, cluster)] if above else []
    notes = inference_notes(effect, panel, outcome=shown, multipliers=multipliers, moved="moved" in frame)
    table = inference_table(
        variants,
        estimate=float(effect.values[0]),
        level=level,
        notes=" ".join([notes, *told]),
        simulated=step.simulated,
    )
    render.write(table, snakemake.output.table)
    figure = randomisation_figure(
        reassigned, xlabel=f"t statistic of the estimate on {shown}", simulated=step.simulated
    )
    save_figure(figure, snakemake.output.figure)
    ledger = Ledger(rule="inference")
    add_inference(ledger, effect, variants, reassigned, panel.n_rows, level)
    if within:
        ledger.add("randomisation_by", in_sentence(labels[by]), exhibit="figures/randomisation")
    if above:
        add_level(ledger, in_sentence(labels[above]), sizes)
    ledger.write(snakemake.output.numbers)

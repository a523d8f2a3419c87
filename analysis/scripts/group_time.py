"""Group-time effects."""

from aigreen import GroupTimeATT
from aigreen_study.run.step import study_step

with study_step(snakemake) as step:
    options = step.config["event_study"]
    names = ("control_group", "method", "base_period", "anticipation")
    estimator = GroupTimeATT(**{name: options[name] for name in names})
    att = estimator.fit(step.compared, step.config["outcomes"]["log"], covariates=options.get("covariates"))
    step.save({"group-time effects": att}, snakemake.output.estimates[:1])

"""The study from raw files to the typeset paper: `snakemake`, or `snakemake --config study=provinces`."""

from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from aigreen.errors import ConfigError
from aigreen.study import read_config

min_version("9.0")

try:
    config = read_config(config, Path(workflow.basedir) / "analysis/config")
except ConfigError as error:
    raise WorkflowError(str(error)) from None

STUDY = config["study"]
RESULTS = f"results/{STUDY}"
LOGS = f"logs/{STUDY}"


if config.get("kind") == "monte-carlo":

    include: "analysis/rules/monte_carlo.smk"

else:

    include: "analysis/rules/panel.smk"
    include: "analysis/rules/models.smk"
    include: "analysis/rules/paper.smk"


localrules:
    all,


rule all:
    default_target: True
    input:
        f"{RESULTS}/paper.pdf",
        expand(f"{RESULTS}/notebooks/{{name}}.html", name=config.get("notebooks", [])),

"""The study from raw files to the typeset paper: `snakemake`, or `snakemake --config study=provinces`."""

from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from aigreen.errors import AigreenError
from aigreen_study.run.lean import lean
from aigreen_study.run.one_run import only_run
from aigreen_study.run.same_numbers import same_numbers
from aigreen_study.run.scatter import check_scatter
from aigreen_study.run.terminal import name_results, short_messages
from aigreen_study.run.warm import warm_scripts
from aigreen_study.run.workflow import depend_on_code, show_in_report
from aigreen_study.specification.named import check_built
from aigreen_study.specification.partial import absent_columns, read_partial
from aigreen_study.config import read_config
from aigreen_study.own.registry import own_registry
from aigreen_study.own.study import is_own

min_version("9.0")

short_messages(workflow)
same_numbers()
lean()
if workflow.is_main_process and not workflow.output_settings.dryrun:
    warm_scripts()

# Another folder than the project's own holds studies of users, with their results.
ROOT = Path() if Path(workflow.basedir) == Path.cwd() else Path(workflow.basedir)
CONFIG = ROOT / "analysis/config"

try:
    check_scatter(workflow.resource_settings.overwrite_scatter)
    config = read_config(config, CONFIG)
    EXHIBITS, LEFT_OUT, USERS = {}, [], is_own(config)
    if USERS:
        EXHIBITS = own_registry(CONFIG, config)
    elif "kind" not in config:
        absent = absent_columns() if config["source"] == "licensed" else {}
        config, EXHIBITS, LEFT_OUT = read_partial(CONFIG, config, absent)
except AigreenError as error:
    raise WorkflowError(str(error)) from None

STUDY = config["study"]
RESULTS = f"results/{STUDY}"
LOGS = f"logs/{STUDY}"

# Here, not at the start of the first job: another run must not move files while this one looks which there are.
if workflow.is_main_process and not workflow.output_settings.dryrun:
    try:
        only_run(RESULTS)
    except AigreenError as error:
        raise WorkflowError(str(error)) from None


# A kind of study names its rules; a study of a panel has those of all steps.
STEPS = ["panel", "models", "exhibits", "robustness", "paper"]
# Whether the effect is split: every study of a panel does so, but for users' panels without channels and exposure.
PARTS = config.get("decomposition", {})
SPLIT = bool(PARTS.get("channels") or PARTS.get("exposure"))

for name in [config["kind"].replace("-", "_")] if "kind" in config else STEPS:

    include: f"analysis/rules/{name}.smk"


include: "analysis/rules/typeset.smk"
include: "analysis/rules/trust.smk"
include: "analysis/rules/site.smk"


localrules:
    all,


# Files that Snakemake would not make again where what was made of them is there.
KEPT = [*SHOWN, *([] if "kind" in config else [*rules.panel.output, *ESTIMATES])]


rule all:
    default_target: True
    input:
        f"{RESULTS}/paper.pdf",
        rules.appendix.output if "online_appendix" in config else [],
        KEPT,
        rules.provenance.output,
        rules.ledger.output,
        rules.site.output,
        expand(f"{RESULTS}/notebooks/{{name}}.html", name=config.get("notebooks", [])),


name_results(
    {
        "paper": f"{RESULTS}/paper.pdf",
        "appendix": f"{RESULTS}/appendix.pdf",
        "web edition": f"{RESULTS}/site/index.html",
        "provenance": f"{RESULTS}/provenance.json",
        "certificate": f"{RESULTS}/certificate.json",
    }
)


onstart:
    try:
        if "kind" not in config:
            check_built(config, workflow.dag, Path(RESULTS) / "codebook.csv")
    except AigreenError as error:
        raise WorkflowError(str(error)) from None


try:
    depend_on_code(workflow, workflow.basedir)
    show_in_report(workflow, workflow.basedir, RESULTS)
except AigreenError as error:
    raise WorkflowError(str(error)) from None

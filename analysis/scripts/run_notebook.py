"""Execute a notebook on the study's panel and render it to HTML."""

import subprocess
from pathlib import Path

from aigreen_study.run.log import logged
from aigreen_study.run.notebook import convert
from aigreen_study.trust.identifiers import refuse_identifiers

with logged(snakemake) as log:
    html = Path(snakemake.output.html)
    # What a cell prints arrives in pieces that depend on the time it takes.
    command = [
        "--execute",
        "--to",
        "html",
        "--Exporter.preprocessors=nbconvert.preprocessors.CoalesceStreamsPreprocessor",
    ]
    command += ["--output-dir", str(html.parent), "--output", html.name]
    # Warnings name the cell by this, not by a temporary file of the process.
    settings = {"AIGREEN_STUDY": snakemake.params.study, "IPYKERNEL_CELL_NAME": "cell"}
    code, told = convert([*command, snakemake.input.notebook], settings)
    log.info("nbconvert\n%s", told)
    if code:
        raise subprocess.CalledProcessError(code, ["nbconvert", *command])
    refuse_identifiers(snakemake.config, html.parents[1], {html.name: html.read_bytes()})

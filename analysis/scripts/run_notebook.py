"""Execute a notebook on the study's panel and render it to HTML."""

import os
import subprocess
import sys
from pathlib import Path

from aigreen_study.run.log import logged
from aigreen_study.trust.identifiers import refuse_identifiers

with logged(snakemake) as log:
    html = Path(snakemake.output.html)
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", "--output-dir", html.parent]
    command += ["--output", html.name, snakemake.input.notebook]
    # Warnings name the cell by this, not by a temporary file of the process.
    settings = {"AIGREEN_STUDY": snakemake.params.study, "IPYKERNEL_CELL_NAME": "cell"}
    run = subprocess.run(command, stderr=subprocess.PIPE, text=True, env=os.environ | settings)
    log.info("nbconvert\n%s", run.stderr)
    run.check_returncode()
    refuse_identifiers(snakemake.config, html.parents[1], {html.name: html.read_bytes()})

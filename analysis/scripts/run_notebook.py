"""Execute a notebook on the study's panel and render it to HTML."""

import os
import subprocess
import sys
from pathlib import Path

from aigreen_study.run.log import logged

with logged(snakemake):
    html = Path(snakemake.output.html)
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", "--output-dir", html.parent]
    command += ["--output", html.name, snakemake.input.notebook]
    # Warnings name the cell by this, not by a temporary file of the process.
    settings = {"AIGREEN_STUDY": snakemake.params.study, "IPYKERNEL_CELL_NAME": "cell"}
    with Path(snakemake.log[0]).open("a", encoding="utf-8") as log:
        subprocess.run(command, check=True, stderr=log, env=os.environ | settings)

"""Execute a notebook on the study's panel and render it to HTML."""

import os
import subprocess
import sys
from pathlib import Path

from aigreen.report.log import logged

with logged(snakemake):
    html = Path(snakemake.output.html)
    command = [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", "--output-dir", html.parent]
    command += ["--output", html.name, snakemake.input.notebook]
    with Path(snakemake.log[0]).open("a", encoding="utf-8") as log:
        subprocess.run(command, check=True, stderr=log, env=os.environ | {"AIGREEN_STUDY": snakemake.params.study})

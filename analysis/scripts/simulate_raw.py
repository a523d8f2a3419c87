"""Draw the synthetic firms and write their raw file; the truth goes to a file that no estimator reads."""

from pathlib import Path

from aigreen.report.log import logged
from aigreen.simulate.raw_files import write_raw_files
from aigreen.simulate.world import firm_panel

with logged(snakemake.log[0]):
    frame, truth = firm_panel(seed=snakemake.params.seed, **snakemake.params.simulation)
    folder = Path(snakemake.output.raw).parent
    write_raw_files(frame, truth, raw_folder=folder, truth_folder=folder)

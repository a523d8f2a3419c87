"""Draw US firms and patents and write them as the open files; the truth goes to a folder that no adapter reads."""

from pathlib import Path

from aigreen.data.assemble.us_build import from_config
from aigreen.simulate.us_patent_files import write, write_truth
from aigreen.simulate.us_patents import draw
from aigreen_study.run.log import logged

with logged(snakemake) as log:
    config = snakemake.params.config
    drawn = draw(seed=config["seed"], options=from_config(config).panel, **config.get("us_generated", {}))
    files = write(drawn, Path(snakemake.output.raw), seed=config["seed"])
    log.info("generated files of %d patents\n%s", len(drawn.patents), "\n".join(map(str, files)))
    write_truth(drawn, Path(snakemake.output.truth).parent)

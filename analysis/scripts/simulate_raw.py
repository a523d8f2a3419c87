"""Draw the synthetic economy and write its raw files; the truth goes to a folder that no adapter or estimator reads."""

from pathlib import Path

from aigreen.simulate.economy.calibration import calibration
from aigreen.simulate.economy.economy import draw, write, write_truth
from aigreen.simulate.economy.effects import EconomyEffects
from aigreen_study.run.log import logged

with logged(snakemake) as log:
    options = dict(snakemake.params.simulation)
    effects = EconomyEffects(**options.pop("effects", {}))
    economy = draw(seed=snakemake.params.seed, effects=effects, **options)
    files = write(economy, Path(snakemake.output.raw))
    log.info("raw files\n%s", "\n".join(map(str, files)))
    write_truth(economy, Path(snakemake.output.truth).parent)
    calibration(economy).to_csv(snakemake.output.calibration, index=False, lineterminator="\n")

"""What the scripts of a study share: its configuration, panel and labels, and the log of the step."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import pandas as pd

from aigreen.effects.effects import Effects
from aigreen.errors import EstimationError
from aigreen.panel.panel import Panel
from aigreen.simulate.economy.truth import study_truth
from aigreen_study.own.study import is_own
from aigreen_study.run.log import logged
from aigreen_study.run.periods import Periods
from aigreen_study.run.stem import stem
from aigreen_study.specification.mask import sample_mask
from aigreen_study.specification.named import NO_PLACES, check_named
from aigreen_study.specification.sample import parse
from aigreen_study.words import in_sentence

ECONOMY = "simulated"
ROLES = ("unit", "time", "cohort", "cluster")

# What an error advises, in the words of the library, and where it stands in the file of a user's own study.
_CONSERVATIVE, _IN_FILE = "variance='conservative'", "decomposition: {variance: conservative} in the study's file"


class Step:
    """A step of a study on a panel.

    Parameters
    ----------
    job : Job
        The script's `snakemake`, with the parameter `config`; panel and codebook are read when they are asked for.
    log : Logger

    Attributes
    ----------
    config : dict
        The study's configuration, or the keys of it that the step needs.
    roles : dict
        Columns unit, time, cohort and cluster, and `freq` where periods are no years.
    periods : Periods
        What the steps of a panel are called.
    level : float
        Coverage of intervals.
    bands : dict
        Options of the multiplier bootstrap: n_draws, multipliers, seed.
    simulated : bool
    """

    def __init__(self, job: Any, log: logging.Logger) -> None:
        self.log, self._input = log, job.input
        self.config: dict[str, Any] = job.params.config
        inference = self.config["inference"]
        panel = self.config["panel"]
        self.roles = {role: panel[role] for role in (*ROLES, "freq") if role in panel}
        self.periods = Periods(panel.get("freq", "Y"))
        self.level: float = inference["level"]
        self.bands = {
            "n_draws": inference["draws"],
            "multipliers": inference["multipliers"],
            "seed": self.config["seed"],
        }
        self.simulated: bool = self.config["simulated"]

    @property
    def checks(self) -> dict[str, Any]:
        """What the study sets for the exhibits that answer objections."""
        return self.config.get("checks", {})

    @property
    def places(self) -> str:
        """Whether treatment falls on prefectures or provinces, or on units without a place of their own (none)."""
        return self.config["panel"].get("places", "prefecture")

    @property
    def elsewhere(self) -> str:
        """What untreated units are exposed to, in words."""
        return "other treated units" if self.places == NO_PLACES else "zones elsewhere"

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Every row of the study's panel."""
        return pd.read_parquet(self._input.panel)

    @cached_property
    def codebook(self) -> pd.DataFrame:
        """By column: label, unit and what else the codebook says."""
        return pd.read_csv(self._input.codebook, keep_default_na=False).set_index("column")

    @cached_property
    def labels(self) -> pd.Series:
        """Printed names by column."""
        return self.codebook["label"]

    @cached_property
    def unit_names(self) -> pd.Series:
        """Names of the units, or their codes where they have none."""
        unit = self.roles["unit"]
        column = self.config["panel"].get("name", unit)
        return self.frame.drop_duplicates(unit).set_index(unit, drop=False)[column]

    @cached_property
    def panel(self) -> Panel:
        """The frame as a panel."""
        return self.panel_of(self.frame)

    @cached_property
    def compared_frame(self) -> pd.DataFrame:
        """Rows whose units treatment can reach, where the study compares these alone; else every row."""
        sample = self.config["panel"].get("compared", "")
        keys = {"unit": self.roles["unit"], "time": self.roles["time"]}
        return self.frame[sample_mask(sample, self.frame, **keys)].reset_index(drop=True)

    @cached_property
    def compared(self) -> Panel:
        """`compared_frame` as a panel."""
        return self.panel_of(self.compared_frame)

    @property
    def compared_in_words(self) -> str:
        """The same for the notes of a table, beginning with a semicolon; nothing where all rows are compared."""
        sample = self.config["panel"].get("compared", "")
        return "".join(f"; {in_sentence(self.labels[part.column])} alone" for part in parse(sample))

    @cached_property
    def truth(self) -> pd.DataFrame:
        """What a simulated study knows: by firm and year the means of the outcome and the logs of the parts.

        That of the synthetic economy is put to the study's channels; generated files have it so already.
        """
        table = pd.read_parquet(self._input.truth)
        return (
            study_truth(table, self.config["decomposition"]["channels"]) if self.config["source"] == ECONOMY else table
        )

    def panel_of(self, frame: pd.DataFrame) -> Panel:
        """Return some of the rows, or all with more columns, as a panel."""
        return Panel(frame, **self.roles)

    def save(self, results: Mapping[str, Effects], files: Iterable[str]) -> None:
        """Write results, each as .json and .parquet of the same name, and their summaries to the log."""
        for (name, result), file in zip(results.items(), files, strict=True):
            self.log.info("%s\n%s", name, result.overall().summary())
            result.save(stem([file]))


@contextmanager
def study_step(job: Any) -> Iterator[Step]:
    """Log a script's run, as `aigreen_study.run.log.logged` does, and hand it what the study says.

    Raises
    ------
    ConfigError
        For a column of the configuration that the panel does not have, before the script begins.
    """
    with logged(job) as log:
        step = Step(job, log)
        check_named(step.config, step.codebook["coding"].to_dict())
        try:
            yield step
        except EstimationError as error:
            if not is_own(step.config) or _CONSERVATIVE not in str(error):
                raise
            raise EstimationError(f"{error} ({_IN_FILE})") from error

"""Adoption of AI by firms as the treatment: parts of its effect, thresholds, the effect by dose, and what is true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aigreen.decomposition.decomposition import Decomposition
from aigreen.decomposition.parts import SPILLOVER, TOTAL
from aigreen.did.dose_response.dose_response import DoseResponse
from aigreen.effects.effects import Effects
from aigreen.panel.panel import Panel
from aigreen.simulate.economy.effects import EconomyEffects
from aigreen.simulate.economy.truth import adoption_truth, expected_log1p, true_log_parts
from aigreen_study.specification.decomposed import count_effects

WINDOW = (-5, 4)  # years since adoption that are shown
FEWEST = 5  # adopters of a year: of fewer, errors that leave a cluster out are not defined or rule all others
KEYS = ["firm_id", "year"]
CURVE = DoseResponse(degree=1, dose_path="constant")


@dataclass(frozen=True)
class Lines:
    """Estimates and, where the data are simulated, their truth in the same order.

    Attributes
    ----------
    effects : Effects
    truth : ndarray, optional
    """

    effects: Effects
    truth: np.ndarray | None = None

    def covered(self, level: float) -> np.ndarray:
        """Whether each pointwise interval holds the truth; only where it is known."""
        bounds = self.effects.conf_int(level)
        return (bounds["low"].to_numpy() <= self.truth) & (self.truth <= bounds["high"].to_numpy())


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """What a study asks about adoption, on its panel.

    Parameters
    ----------
    options : mapping
        Configuration under the key `adoption` of the checks.
    decomposition : mapping
        Configuration under the key `decomposition`.
    frame : DataFrame
    roles : mapping
        Columns unit, time and cluster; the cohort is that of `options`.
    outcome, log : str
        Counts, and ln(1 + counts).
    truth : DataFrame, optional
        Of a simulated study.
    effects : EconomyEffects, optional
        Those of its economy.
    """

    options: Mapping[str, Any]
    decomposition: Mapping[str, Any]
    frame: pd.DataFrame
    roles: Mapping[str, str]
    outcome: str
    log: str
    truth: pd.DataFrame | None = None
    effects: EconomyEffects | None = None

    def parts(self) -> tuple[Lines, Lines]:
        """Split the effect on the log of the mean: all parts averaged, and the total by years since adoption."""
        cohort, leads = self.options["cohort"], -WINDOW[0]
        found = self._decomposition(leads).fit(self._panel(cohort), self.outcome, covariates=self.options["covariates"])
        overall, study = found.overall(), found.event_study(window=WINDOW)[TOTAL]
        if self.truth is None:
            return Lines(overall), Lines(study)
        known = self._known(cohort)
        horizons = [true_log_parts(*known, cohort=cohort, **self._exposed, horizon=h) for h in range(WINDOW[1] + 1)]
        after = dict(enumerate(table.loc[TOTAL, "truth"] for table in horizons))
        return Lines(overall, self._true(cohort, overall)), Lines(
            study, np.array([after.get(h, 0.0) for h in study.index])
        )

    def thresholds(self) -> dict[str, Lines]:
        """Take the total under each threshold, the study's first."""
        result = {}
        for cohort in (self.options["cohort"], *self.options["others"]):
            model = self._decomposition(0)
            overall = model.fit(self._panel(cohort), self.outcome, covariates=self.options["covariates"]).overall()
            true = None if self.truth is None else self._true(cohort, overall)[:1]
            result[cohort] = Lines(overall.select(np.arange(len(overall)) == 0), true)
        return result

    def doses(self) -> tuple[Lines, Lines]:
        """Give the effect on ln(1 + counts) by dose at adoption, and its margins.

        Both are linear in the outcome, so that of the true effect is the truth.
        """
        dose, cohort = self.options["dose"], self.options["cohort"]
        panel = self._panel(cohort)
        curve, margins = (fit(panel, self.log, dose=dose) for fit in (CURVE.fit, CURVE.margins))
        if self.truth is None:
            return Lines(curve["level"]), Lines(margins)
        known = adoption_truth(self.truth, [], ways=[])
        effect = expected_log1p(known["mean_with"]) - expected_log1p(known["mean_without"])
        rows = self._rows(cohort).merge(known[KEYS].assign(effect=effect), on=KEYS, how="left", validate="one_to_one")
        panel = self._as_panel(rows, cohort)
        at = curve["level"].index.to_numpy()
        true = [fit(panel, "effect", dose=dose, **more) for fit, more in ((CURVE.fit, {"at": at}), (CURVE.margins, {}))]
        return Lines(curve["level"], true[0]["level"].values), Lines(margins, true[1].values)

    def adopters(self, cohort: str) -> int:
        """Count the units that adopt within the panel, in years with `FEWEST` adopters or more."""
        rows = self._rows(cohort)
        return int(rows.loc[rows[self.roles["time"]] >= rows[cohort], self.roles["unit"]].nunique())

    @property
    def _exposed(self) -> dict[str, list[str]]:
        return {"exposure": self.options["exposure"]}

    def _rows(self, cohort: str) -> pd.DataFrame:
        """Leave out units that adopt in a year with fewer than `FEWEST` adopters."""
        unit = self.roles["unit"]
        size = self.frame.groupby(cohort)[unit].nunique()
        return self.frame[~self.frame[cohort].isin(size.index[size < FEWEST])].reset_index(drop=True)

    def _panel(self, cohort: str) -> Panel:
        return self._as_panel(self._rows(cohort), cohort)

    def _as_panel(self, rows: pd.DataFrame, cohort: str) -> Panel:
        return Panel(rows, **{**self.roles, "cohort": cohort})

    def _decomposition(self, leads: int) -> Decomposition:
        return Decomposition(
            family="poisson",
            channels=self.options["channels"],
            response="linear",
            fixed_effects=count_effects(self.decomposition),
            variance=self.decomposition["variance"],
            leads=leads,
            **self._exposed,
        )

    def _known(self, cohort: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Rows, and true parts of each: spillovers are what the exposure that is seen does.

        Adopters among partners that no report names reach all firms, and stay in the mean without adoption.
        """
        rows = self._rows(cohort)
        known = adoption_truth(self.truth, self.options["channels"], ways=[])
        known = rows[[*KEYS, *self.options["exposure"]]].merge(known, on=KEYS, validate="one_to_one")
        seen = {
            f"{SPILLOVER}: {name}": getattr(self.effects, name) * known.pop(name) for name in self.options["exposure"]
        }
        return rows, known.assign(mean_without=known["mean_without"] * np.exp(-sum(seen.values())), **seen)

    def _true(self, cohort: str, overall: Effects) -> np.ndarray:
        truth = true_log_parts(*self._known(cohort), cohort=cohort, **self._exposed)["truth"]
        truth[SPILLOVER] = truth[[name for name in truth.index if name.startswith(f"{SPILLOVER}: ")]].sum()
        return truth.reindex(overall.index).to_numpy()

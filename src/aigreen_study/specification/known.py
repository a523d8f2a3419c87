"""What is true, in a simulated study, of the estimates of the registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from aigreen.decomposition.parts import SPILLOVER, TOTAL
from aigreen.effects.effects import Effects
from aigreen.errors import ConfigError, did_you_mean
from aigreen.panel.panel import Panel
from aigreen.simulate.economy.effects import EconomyEffects
from aigreen.simulate.economy.true_outcomes import STATES, UNMOVED, expected, true_means
from aigreen.simulate.economy.truth import study_truth, true_log_parts
from aigreen_study.specification.derived import SCALES
from aigreen_study.specification.estimate import Coded, one_effect, panel_of
from aigreen_study.specification.specification import Specification

Scale = Callable[[np.ndarray], np.ndarray]  # from means of a count to the expectation of the outcome
OPTION = "truth"
KEYS = ["firm_id", "year"]
ZONES = "zone_year"  # cohort columns that begin so date the zones whose effects are known
ADOPTION = "adoption_year"
# Outcomes that move by a column of the truth over this number, or over this slope.
MEASURES: Mapping[str, tuple[str, str | float]] = MappingProxyType(
    {
        "employees": ("labour", 1.0),
        "capital_per_worker": ("labour", -1.0),
        "industry_structure": ("industry_structure", "structure_slope"),
        "polluting_share": ("polluting_share", "polluting_slope"),
        "human_capital": ("human_capital", "human_slope"),
    }
)
# Exposures, and the effect of the economy that each is of.
REACH = {"ring_100km": "ring", "industry_peers": "peers", "customer_exposure": "customers",
         "supplier_exposure": "suppliers"}  # fmt: skip
NEAR_RINGS = ("ring_0_50", "ring_50_100", "ring_100km")  # within the distance at which zones reach others
OF_COUNTS = {"green_patents_log": ("green_patents", "log1p"), "any_green": ("green_patents", "any")}


@dataclass(frozen=True, kw_only=True)
class Known:
    """The truth of a simulated study.

    Parameters
    ----------
    truth : DataFrame
        Of the economy, a row a firm and year.
    shares : callable
        Returns those of flags by mechanism, as `aigreen.simulate.economy.true_outcomes.flag_shares` does. It is asked
        for counts of patents with a flag alone.
    effects : EconomyEffects
    frame : DataFrame
        The study's panel.
    roles : mapping
        Columns unit, time, cohort and cluster.
    """

    truth: pd.DataFrame
    shares: Callable[[], pd.DataFrame]
    effects: EconomyEffects
    frame: pd.DataFrame
    roles: Mapping[str, str]
    _means: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)  # by count and state, rows of `frame`
    _parts: dict[tuple[tuple[str, ...], ...], pd.Series] = field(default_factory=dict)  # by channels and exposure
    _coded: Coded = field(default_factory=dict)
    _scaled: dict[tuple[Any, ...], np.ndarray] = field(default_factory=dict)  # by scale and means

    def of(self, specification: Specification, fitted: Effects) -> float | None:
        """Give the truth of one estimate; None where none is defined.

        Averages over treated rows are those of the true effects on the same outcome, scale and rows, with the weights
        that the estimate gives to cohorts and years; coefficients of counts are the change in the log of the mean over
        treated rows. Zones nearby count as an effect unless the specification holds exposure to them equal.
        """
        named = specification.options.get(OPTION)
        if named is not None:
            return named_truth(named, self.effects, specification.name)
        adopted = specification.cohort.startswith(ADOPTION) and specification.outcome in MEASURES
        zones = not specification.cohort or specification.cohort.startswith(ZONES)
        if specification.dose or not (zones or adopted) or specification.options.get("term", "treated") != "treated":
            return None
        if specification.outcome in UNMOVED:
            return 0.0
        if specification.outcome in MEASURES:
            return self._of_measure(specification, fitted)
        count, scale = self._count_and_scale(specification)
        rows = self._rows(specification, count)
        if rows is None:
            return None
        if "exposure" in specification.method.reads and specification.estimator == "spillover":
            return _of_spillover(rows, specification, scale)
        if specification.estimator == "decomposition":
            return self._of_parts(specification)
        if specification.estimator == "mediation":
            return None
        held = set(NEAR_RINGS) & set(specification.covariates)
        if held:
            rows = replace(rows, whole="own", nothing="none")
        if scale is None:
            if not specification.method.counts:
                return None
            gain = rows.ratio()
            return gain if specification.estimator == "poisson_imputation" else float(np.log1p(gain))
        return rows.average(rows.changes(scale), one_effect(specification, fitted))

    def _of_parts(self, specification: Specification) -> float | None:
        """Give the truth of a part of the log of the mean; a spillover is what the exposure that is seen does."""
        if specification.options.get("family") != "poisson" or not set(specification.exposure) <= set(REACH):
            return None
        key = specification.channels, specification.exposure
        if key not in self._parts:
            self._parts[key] = self._true_parts(specification)
        return float(self._parts[key][specification.options.get("part", TOTAL).replace(":", ": ")])

    def _true_parts(self, specification: Specification) -> pd.Series:
        parts = study_truth(self.truth, specification.channels, ways=()).drop(columns="spillover")
        rows = self.frame[[*KEYS, *specification.exposure]].merge(parts, on=KEYS, validate="one_to_one")
        for name in specification.exposure:
            seen = rows.pop(name)
            rows[f"{SPILLOVER}: {name}"] = getattr(self.effects, REACH[name]) * seen
        added = rows.drop(columns=[*KEYS, "mean_with", "mean_without"]).sum(axis=1)
        rows["mean_without"] = rows["mean_with"] * np.exp(-added)
        true = true_log_parts(self.frame, rows, exposure=specification.exposure, cohort=self.roles["cohort"])["truth"]
        true[SPILLOVER] = true[[name for name in true.index if name.startswith(f"{SPILLOVER}: ")]].sum()
        return true

    def _of_measure(self, specification: Specification, fitted: Effects) -> float:
        """Give the average movement of a variable that zones, or adoption, shift by known amounts."""
        column, slope = MEASURES[specification.outcome]
        unit = getattr(self.effects, slope) if isinstance(slope, str) else slope
        prefix = "adoption_" if specification.cohort.startswith(ADOPTION) else ""
        moved = self.truth[KEYS].assign(true_move=self.truth[f"{prefix}{column}"] / unit)
        frame = self.frame.merge(moved, on=KEYS, how="left", validate="one_to_one")
        wanted = replace(specification, covariates=(*specification.covariates, "true_move"))
        panel = panel_of(wanted, frame, self.roles, self._coded)
        rows = _Rows(panel, {}, specification)
        return rows.average(panel.column("true_move"), one_effect(specification, fitted))

    def _rows(self, specification: Specification, count: str) -> _Rows | None:
        """Take the treated rows that the estimate is about, with true means."""
        names = {state: f"true_{state}" for state in STATES}
        if count not in self._means:
            found = true_means(self.truth, count, pd.DataFrame()) or true_means(self.truth, count, self.shares())
            if found is None:
                return None
            means = found.keys.assign(**{names[state]: means for state, means in found.means.items()})
            rows = self.frame[KEYS].merge(means, on=KEYS, how="left", validate="one_to_one")
            self._means[count] = {name: rows[name].to_numpy() for name in names.values()}
        frame = self.frame.assign(**self._means[count])
        exposure = tuple(name for name in specification.exposure if name not in specification.covariates)
        wanted = replace(specification, covariates=(*specification.covariates, *names.values(), *exposure))
        panel = panel_of(wanted, frame, self.roles, self._coded)
        return _Rows(panel, {state: panel.column(name) for state, name in names.items()}, specification)

    def _count_and_scale(self, specification: Specification) -> tuple[str, Scale | None]:
        """Return the count behind an outcome, and its expectation from a mean; None for the count itself."""
        count, written = specification.outcome, specification.options.get("outcome_as")
        units = float(specification.options.get("units", 1))
        if count in OF_COUNTS:
            count, written = OF_COUNTS[count]
        if written is None:
            return count, None

        def scale(mean: np.ndarray) -> np.ndarray:
            key = written, units, mean.tobytes()
            if key not in self._scaled:
                self._scaled[key] = expected(lambda k: SCALES[written](units * k), mean)
            return self._scaled[key]

        return count, scale


@dataclass(frozen=True)
class _Rows:
    """Rows of a view of the panel with true means, and which two states of the zones an estimate compares."""

    panel: Panel
    means: Mapping[str, np.ndarray]
    specification: Specification
    whole: str = "both"
    nothing: str = "none"

    @property
    def treated(self) -> np.ndarray:
        """Rows from the first treated year on, of units seen before it; the first of them where that is the effect."""
        since = self.panel.time - self.panel.unit_cohort[self.panel.unit_codes]
        begun = since >= 0
        before = np.bincount(self.panel.unit_codes[~begun], minlength=len(self.panel.units)) > 0
        first = self.specification.estimator in ("local_projection", "de_chaisemartin")
        return begun & before[self.panel.unit_codes] & ((since == 0) | (not first))

    def changes(self, scale: Scale) -> np.ndarray:
        """Give the true effect on the outcome, in every row."""
        return scale(self.means[self.whole]) - scale(self.means[self.nothing])

    def ratio(self) -> float:
        """Give the true effect on the mean of the treated rows, in proportion to the mean without it."""
        rows = self.treated
        return float(self.means[self.whole][rows].sum() / self.means[self.nothing][rows].sum() - 1)

    def average(self, changes: np.ndarray, effect: Effects) -> float:
        """Average over treated rows, with the weights of cohorts and years where an estimate has them."""
        rows, weights = self.treated, effect.weights
        if weights is None:
            return float(changes[rows].mean())
        cohort = self.panel.unit_cohort[self.panel.unit_codes[rows]]
        cells = pd.Series(changes[rows]).groupby([cohort, self.panel.time[rows]]).mean()
        share = weights.iloc[:, 0].groupby(["cohort", "time"]).sum()
        share = share[share != 0]
        return float(cells.reindex(share.index).to_numpy() @ share.to_numpy())


def _of_spillover(rows: _Rows, specification: Specification, scale: Scale | None) -> float | None:
    """Give what a spillover model estimates: the own effect net of exposure, or that of exposure on the untreated."""
    if scale is None:
        return None
    none, ring, own, both = (scale(rows.means[state]) for state in STATES)
    part = specification.options.get("part", "treated")
    if part == "net":
        return float(((both - ring + own - none) / 2)[rows.treated].mean())
    near = sum(rows.panel.column(name) for name in specification.exposure if name in NEAR_RINGS)
    wanted = specification.exposure if part == "exposed" else [part]
    exposed = sum(rows.panel.column(name) for name in wanted) > 0
    untreated = ~(rows.panel.time >= rows.panel.unit_cohort[rows.panel.unit_codes]) & exposed
    if part == "exposed":
        return float((ring - none)[untreated].mean())
    if part not in NEAR_RINGS:
        return 0.0
    share = rows.panel.column(part)[untreated] / near[untreated]
    return float(((ring - none)[untreated] * share).mean())


def named_truth(name: str, effects: EconomyEffects, where: str) -> float:
    """Look up a single effect of the economy, or read a number.

    Raises
    ------
    ConfigError
    """
    try:
        return float(name)
    except ValueError:
        pass
    single = {key: float(value) for key, value in asdict(effects).items() if isinstance(value, int | float)}
    if name not in single:
        raise ConfigError(f"specification {where}: no effect {name!r}{did_you_mean(name, list(single))}")
    return single[name]

"""Goodman-Bacon weights, switchers, local projections and synthetic controls of diff-diff, behind the same face.

The numbers are diff-diff's. It reports variances but no influence functions, so these results stand in a table next to
others, but cannot be aggregated, differenced or tested jointly (`NoInfluenceError`). Panels with weights are refused.
Without the extra ``robust`` (diff-diff) every estimator here raises `MissingExtraError`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from aigreen.arguments import check_fields, typed
from aigreen.effects.cluster_shares import effective
from aigreen.effects.effects import Effects
from aigreen.errors import (
    AigreenError,
    AigreenWarning,
    EstimationError,
    FewClustersWarning,
    NoControlsError,
    NoVariationError,
    OptionError,
    SmallCellWarning,
    TooFewClustersError,
    warn,
)
from aigreen.extras import require
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import ROUNDING, result_facts
from aigreen.panel.panel import Panel, require_panel
from aigreen.panel.untreated import no_treated

SynthVariance = Literal["placebo", "jackknife", "bootstrap"]
LocalControl = Literal["not_yet_treated", "never_treated"]


@typed
def bacon_weights(panel: Panel, outcome: str) -> pd.DataFrame:
    r"""Decompose the two-way fixed-effect estimate into two-group comparisons (Goodman-Bacon 2021, theorem 1).

    .. math:: \hat\beta^{TWFE} = \sum_j s_j \hat\beta_j, \quad \sum_j s_j = 1 .

    Parameters
    ----------
    panel : Panel
        Balanced, without weights.
    outcome : str

    Returns
    -------
    DataFrame
        One row a comparison: kind ("treated_vs_never", "earlier_vs_later", "later_vs_earlier"), treated (cohort),
        control (cohort; inf for never treated), weight, estimate. Units treated from the first period count as never
        treated. ``table.groupby("kind")["weight"].sum()`` gives the share of each kind,
        ``(table.weight * table.estimate).sum()`` the estimate of `TWFE`.

    Raises
    ------
    EstimationError, NoTreatedError
    """
    frame, _ = _frame(panel, outcome, [], Dropped())
    _balanced(frame, "the Goodman-Bacon decomposition")
    with _diff_diff("the Goodman-Bacon decomposition"):
        from diff_diff import BaconDecomposition

        result = BaconDecomposition().fit(frame, outcome="y", unit="unit", time="time", first_treat="first")
    table = result.to_dataframe()
    if (table["estimate"].abs() <= ROUNDING * frame["y"].abs().max()).all():
        raise NoVariationError(outcome)
    never = table["control_group"] == "never_treated"
    return pd.DataFrame(
        {
            "kind": table["comparison_type"],
            "treated": table["treated_group"].astype(float),
            "control": pd.to_numeric(table["control_group"].mask(never, np.inf)).astype(float),
            "weight": table["weight"].astype(float),
            "estimate": table["estimate"].astype(float),
        }
    )


@dataclass(frozen=True, kw_only=True)
class ChaisemartinDHaultfoeuille:
    """Event study of units whose treatment changes (de Chaisemartin and D'Haultfoeuille 2020, 2024).

    Parameters
    ----------
    horizons : int
        Last horizon, from zero; the same number of placebos is computed where the panel allows.

    Notes
    -----
    Errors are diff-diff's analytic ones, clustered by unit whatever the panel's clusters are; `Switchers` takes these.
    """

    horizons: int = 3

    def __post_init__(self) -> None:
        check_fields(self)
        if not isinstance(self.horizons, int) or self.horizons < 0:
            raise OptionError("horizons", self.horizons, [0, 1, 2, 3])

    @typed
    def fit(self, panel: Panel, outcome: str) -> Effects:
        """Fit and return effects by `horizon`, reference -1 included."""
        dropped = Dropped()
        frame, sample = _frame(panel, outcome, [], dropped)
        with _diff_diff("de Chaisemartin-D'Haultfoeuille"):
            from diff_diff import ChaisemartinDHaultfoeuille as Estimator

            result = Estimator(twfe_diagnostic=False).fit(
                frame, "y", unit="unit", time="time", treatment="treated", L_max=self.horizons + 1
            )
        effects = {step - 1: cell for step, cell in result.event_study_effects.items()}
        effects |= {step - 1: cell for step, cell in (result.placebo_event_study or {}).items()}
        rows = {h: (cell["effect"], cell["se"]) for h, cell in effects.items()}
        variance = "diff-diff, analytic, by unit"
        return _event_study(rows, sample, dropped, "de Chaisemartin-D'Haultfoeuille", outcome, variance, None)


@dataclass(frozen=True, kw_only=True)
class LocalProjections:
    """Local-projection event study with clean controls (Dube, Girardi, Jorda and Taylor 2025).

    Parameters
    ----------
    window : (int, int)
        First and last horizon; -1 is the reference.
    control_group : {"not_yet_treated", "never_treated"}
    reweight : bool
        Weight cohorts equally to their treated units instead of by variance; covariates then enter by regression
        adjustment.

    Notes
    -----
    Errors are diff-diff's, clustered by the panel's clusters. Intervals are t with one degree of freedom less than the
    effective number of treated clusters, or of comparison clusters where these are fewer (see
    `Effects.effective_clusters`): no more than Satterthwaite's.
    """

    window: tuple[int, int] = (-3, 3)
    control_group: LocalControl = "not_yet_treated"
    reweight: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        if self.control_group not in get_args(LocalControl):
            raise OptionError("control_group", self.control_group, get_args(LocalControl))
        if not self.window[0] <= -1 < 0 <= self.window[1]:
            raise OptionError("window", self.window, [(-3, 3), "(negative, zero or positive)"])

    @typed
    def fit(self, panel: Panel, outcome: str, *, covariates: str | Sequence[str] | None = None) -> Effects:
        """Fit and return effects by `horizon`, reference -1 included.

        Warns
        -----
        FewClustersWarning
            Of treated or comparison units in one cluster, which leave no error.
        """
        dropped = Dropped()
        frame, sample = _frame(panel, outcome, covariates, dropped)
        if sample.n_clusters < 2:
            raise TooFewClustersError("one cluster: no variance can be computed", count=1)
        names = [name for name in frame.columns if name.startswith("x")]
        low, high = self.window
        with _diff_diff("local projections"):
            from diff_diff import LPDiD

            result = LPDiD(
                pre_window=-low,
                post_window=high,
                control_group="clean" if self.control_group == "not_yet_treated" else "never_treated",
                reweight=self.reweight,
                cluster="cluster",
            ).fit(frame, "y", "unit", "time", "treated", covariates=names or None, only_event=True)
        table = result.event_study
        rows = {
            int(h): (b, se)
            for h, b, se in zip(table["horizon"], table["coefficient"], table["se"], strict=True)
            if h != -1
        }
        variance = f"diff-diff, clustered by {panel.clusters.name}"
        few = round(_fewest_clusters(sample))
        if few < 2:
            warn(FewClustersWarning("treated or comparison units stand in one cluster: no error", count=1))
            rows = {h: (effect, np.nan) for h, (effect, _) in rows.items()}
        return _event_study(
            rows, sample, dropped, "local projections", outcome, variance, max(1, few - 1), without_error=few < 2
        )


@dataclass(frozen=True, kw_only=True)
class SyntheticDiD:
    """Synthetic difference-in-differences (Arkhangelsky et al. 2021) for one cohort and never-treated units.

    Parameters
    ----------
    variance : {"placebo", "jackknife", "bootstrap"}
        placebo: the spread of the estimates where as many controls take the place of the treated (their algorithm 4,
        with the regularisation of the main fit). One treated unit: every control once, unless there are more than
        `n_draws`, so that no draw is random. Without more controls than treated units the error is nan, with a
        `FewClustersWarning`. jackknife, bootstrap: two treated units at least.
    n_draws, seed : int
        Of placebo and bootstrap.

    Notes
    -----
    Errors are by unit whatever the panel's clusters are. For California's cigarette tax all 38 controls once give 9.4;
    the paper has 8.4, by random draws.
    """

    variance: SynthVariance = "placebo"
    n_draws: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        if self.variance not in get_args(SynthVariance):
            raise OptionError("variance", self.variance, get_args(SynthVariance))

    @typed
    def fit(self, panel: Panel, outcome: str, *, covariates: str | Sequence[str] | None = None) -> Effects:
        """Fit on a balanced panel and return one effect.

        Raises
        ------
        EstimationError
            With more than one cohort (take a view of the panel), missing periods, or one treated unit where `variance`
            is not "placebo".
        """
        dropped = Dropped()
        frame, sample = _frame(panel, outcome, covariates, dropped)
        _balanced(frame, "synthetic difference-in-differences")
        cohorts = sample.cohorts
        if len(cohorts) != 1:
            listed = ", ".join(f"{g:g}" for g in cohorts[:5])
            raise EstimationError(
                f"synthetic difference-in-differences takes one cohort, this panel has {len(cohorts)} ({listed}); "
                "cut a view with one cohort and never-treated units"
            )
        if np.isfinite(sample.unit_cohort).all():
            raise NoControlsError("no unit is never treated", count=0)
        treated = np.isfinite(sample.unit_cohort)
        n_treated, n_controls = int(treated.sum()), int((~treated).sum())
        if n_treated == 1 and self.variance != "placebo":
            raise EstimationError(
                f"variance={self.variance!r} needs two treated units, and this panel has one; use variance='placebo'"
            )
        names = [name for name in frame.columns if name.startswith("x")]
        after = [int(t) for t in sample.times if t >= cohorts[0]]
        possible = n_controls > n_treated
        once = self.variance == "placebo" and possible and n_treated == 1 and n_controls <= self.n_draws
        frame = frame.assign(ever=(frame["first"] > 0).astype(int))
        with _diff_diff("synthetic difference-in-differences"):
            result = self._estimate(frame, after, names, self.variance, min(self.n_draws, 20) if once else self.n_draws)
            error = self._placebo_error(frame[frame["ever"] == 0], after, names, result) if once else result.se
        if self.variance == "placebo" and not possible:
            message = f"no placebo is possible with {n_controls} controls for {n_treated} treated units: no error"
            warn(FewClustersWarning(message, count=n_controls))
            error = np.nan
        how = "placebo, every control once" if once else self.variance
        return _effects(
            {"ATT": (result.att, error)}, "effect", sample, dropped, "synthetic DiD", outcome, f"diff-diff, {how}",
            None, None, without_error=not possible,
        )  # fmt: skip

    def _estimate(
        self,
        frame: pd.DataFrame,
        after: list[int],
        names: list[str],
        variance: str,
        n_draws: int,
        **regularisation: float,
    ) -> Any:
        from diff_diff import SyntheticDiD as Estimator

        estimator = Estimator(variance_method=variance, n_bootstrap=n_draws, seed=self.seed, **regularisation)
        return estimator.fit(frame, "y", "ever", "unit", "time", post_periods=after, covariates=names or None)

    def _placebo_error(self, controls: pd.DataFrame, after: list[int], names: list[str], result: Any) -> float:
        """Spread of the estimates with each control in the place of the treated unit."""
        units = controls["unit"].unique()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            placebos = [
                self._estimate(
                    controls.assign(ever=(controls["unit"] == unit).astype(int)), after, names, "jackknife", 2,
                    zeta_omega=result.zeta_omega, zeta_lambda=result.zeta_lambda,
                ).att
                for unit in units
            ]  # fmt: skip
        return float(np.std(placebos))


def _frame(
    panel: Panel, outcome: str, covariates: str | Sequence[str] | None, dropped: Dropped
) -> tuple[pd.DataFrame, Panel]:
    """Return checked columns under safe names, without rows with missing values, and their view."""
    require_panel(panel)
    panel.require_units("diff-diff")
    if panel.weights is not None:
        raise EstimationError("weights are not passed on to diff-diff; use GroupTimeATT, SunAbraham or Imputation")
    panel, covariates = panel.with_covariates(covariates, dropped)
    panel.check_roles(outcome, None, covariates=covariates)
    sample = panel.complete([outcome, *covariates], dropped)
    if not sample.treated.any():
        raise no_treated(panel.names, "no row is at or after a first treated period", dropped)
    frame = pd.DataFrame(
        {
            "unit": sample.unit_codes,
            "time": sample.time,
            "y": sample.column(outcome),
            "treated": sample.treated.astype(int),
            "first": np.where(np.isfinite(sample.cohort), sample.cohort, 0.0),
            "cluster": sample.cluster_codes,
        }
    )
    return frame.assign(**{f"x{j}": sample.column(name) for j, name in enumerate(covariates)}), sample


def _fewest_clusters(sample: Panel) -> float:
    """Effective number of treated clusters, or of comparison clusters where these are fewer."""
    first = sample.unit_cohort
    treated, never = (first > sample.times[0]) & (first <= sample.times[-1]), first > sample.times[-1]
    sides = (treated, never if never.any() else treated)
    return min(effective(np.bincount(sample.unit_cluster[side]) / max(1, side.sum())) for side in sides)


def _balanced(frame: pd.DataFrame, what: str) -> None:
    short = int((frame.groupby("unit")["time"].size() < frame["time"].nunique()).sum())
    if short:
        raise EstimationError(f"{what} needs a balanced panel; {short:,} units miss periods")


@contextmanager
def _diff_diff(what: str) -> Iterator[None]:
    """Turn diff-diff's absence, errors and warnings into typed ones."""
    require("robust", what)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            yield
        except AigreenError:
            raise
        except Exception as error:  # whatever another package raises
            raise EstimationError(f"{what}: {error or type(error).__name__}") from error
    for text in dict.fromkeys(str(w.message) for w in heard if issubclass(w.category, UserWarning)):
        warn(AigreenWarning(f"diff-diff, {what}: {text}"))


def _event_study(
    rows: dict[int, tuple[float, float]],
    sample: Panel,
    dropped: Dropped,
    method: str,
    outcome: str,
    variance: str,
    df: int | None,
    *,
    without_error: bool = False,
) -> Effects:
    lost = [h for h, (effect, _) in rows.items() if not np.isfinite(effect)]
    dropped.add(SmallCellWarning, "horizons", f"not estimated by diff-diff's {method}", len(lost), lost)
    rows = {h: cell for h, cell in rows.items() if h not in lost}
    if not any(h >= 0 for h in rows):
        raise EstimationError(f"{method}: no horizon after treatment can be estimated")
    rows = dict(sorted((rows | {-1: (0.0, 0.0)}).items()))
    post = np.array(list(rows)) >= 0
    return _effects(rows, "horizon", sample, dropped, method, outcome, variance, post, df, without_error=without_error)


def _effects(
    rows: dict, level: str, sample: Panel, dropped: Dropped, method: str, outcome: str, variance: str,
    post: np.ndarray | None, df: int | None, *, without_error: bool = False,
) -> Effects:  # fmt: skip
    """Estimates and errors, with unknown covariances."""
    values, errors = (np.array(column, dtype=float) for column in zip(*rows.values(), strict=True))
    facts = result_facts(sample, np.arange(sample.n_rows), outcome, dropped)
    if not (without_error or (np.append(errors[np.isfinite(errors)], np.abs(values)) > facts["resolution"]).any()):
        raise NoVariationError(outcome)
    if not (without_error or np.isfinite(errors).all()):
        which = ", ".join(str(label) for label, error in zip(rows, errors, strict=True) if not np.isfinite(error))
        raise EstimationError(f"{method}: diff-diff gives no standard error for {level} {which}")
    covariance = np.full((len(rows), len(rows)), np.nan)
    covariance[errors == 0, :] = covariance[:, errors == 0] = 0.0
    np.fill_diagonal(covariance, errors**2)
    return Effects(
        values=values,
        index=pd.Index(list(rows), name=level),
        psi=None,
        covariance=covariance,
        method=method,
        post=post,
        conventions={"variance": f"{variance}; covariances unknown"},
        **facts | {"df": df},
    )

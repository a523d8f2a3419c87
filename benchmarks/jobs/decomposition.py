"""Channels and the whole decomposition, which no other package has: against loops, and against plain imputation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from jobs.job import CLUSTER, COHORT, TIME, UNIT, Call, Job, Numbers, ours, static
from jobs.job import panel as in_panel

CHANNELS = ["channel_1", "channel_2"]
RINGS = ["ring_near", "ring_far"]
KEYS = (UNIT, TIME, COHORT, CLUSTER, "treated", *CHANNELS, "y")
REFITS = 20
REFIT_NOTE = (
    f"the loop makes {REFITS} of the 999 draws, so the full ratio is {999 / REFITS:.0f} times the one shown; errors of "
    "so few refits are rough"
)


def _aigreen_channels(panel) -> Numbers:
    from aigreen import Mediation

    drawn = Mediation(channels=CHANNELS).bootstrap(panel, "y", n_draws=999)
    return {"parts": drawn.effects.overall().estimates[CHANNELS], "bootstrap_se": drawn.std_errors[CHANNELS]}


def _parts(frame: pd.DataFrame) -> pd.Series:
    import pyfixest

    own = f"{' + '.join(CHANNELS)} + treated"
    slopes = pyfixest.feols(f"y ~ {own} | {UNIT} + {TIME}", frame, vcov="iid").coef()
    moved = {m: pyfixest.feols(f"{m} ~ treated | {UNIT} + {TIME}", frame, vcov="iid").coef() for m in CHANNELS}
    return pd.Series({m: slopes[m] * moved[m]["treated"] for m in CHANNELS})


def _refits(frame: pd.DataFrame, estimate: Callable[[pd.DataFrame], pd.Series]) -> pd.Series:
    """Standard deviation of refits on clusters drawn with replacement; a cluster drawn twice gets new units."""
    rng = np.random.default_rng(1)
    cities = [part for _, part in frame.groupby(CLUSTER)]
    width = frame[UNIT].max() + 1
    draws = []
    for _ in range(REFITS):
        drawn = rng.integers(0, len(cities), len(cities))
        parts = [cities[c].assign(**{UNIT: cities[c][UNIT] + i * width}) for i, c in enumerate(drawn)]
        draws.append(estimate(pd.concat(parts, ignore_index=True)))
    return pd.DataFrame(draws).std()


def _pyfixest_channels(frame: pd.DataFrame) -> Numbers:
    return {"parts": _parts(frame), "bootstrap_se": _refits(frame, _parts)}


CHANNEL_BOOTSTRAP = Job(
    f"channels under fixed effects, cluster bootstrap: 999 draws against {REFITS} refits",
    500 * REFITS / 999,
    (
        ours(_aigreen_channels),
        Call("pyfixest", _pyfixest_channels, name=f"pyfixest in a loop, {REFITS} refits"),
    ),
    KEYS,
    {"parts": 1e-6, "bootstrap_se": 0.6},
    note=REFIT_NOTE,
)


def _aigreen_decomposition(panel) -> Numbers:
    from aigreen import Decomposition

    fit = Decomposition(channels=CHANNELS, exposure=RINGS).fit(panel, "y")
    return {"parts_overall": fit.overall().estimates, "parts_study": fit.event_study().estimates}


def _diff_diff_plain(cluster: str) -> Call:
    def run(frame: pd.DataFrame) -> Numbers:
        import diff_diff

        fit = diff_diff.ImputationDiD(cluster=cluster).fit(frame, outcome="y", unit=UNIT, time=TIME, first_treat=COHORT)
        return {"overall": static(fit.overall_att)}

    return Call("diff-diff", run, name="diff-diff, imputation without any of it")


def _firms(frame: pd.DataFrame):
    from aigreen import Panel

    return Panel(frame, unit=UNIT, time=TIME, cohort=COHORT)


NOTE = (
    "different questions, so no numbers are compared: the other package imputes and stops; ours also fits the "
    "channels, the response to two rings, every part by cohort, year and horizon, and one joint covariance"
)
WHOLE = Job(
    "whole decomposition, two channels, two exposures, against plain imputation",
    1,
    (ours(_aigreen_decomposition), _diff_diff_plain(CLUSTER)),
    (*KEYS, *RINGS),
    {},
    note=NOTE,
)
WHOLE_BY_FIRM = Job(
    "the same, errors clustered by firm",
    1,
    (Call("aigreen", _aigreen_decomposition, _firms), _diff_diff_plain(UNIT)),
    (*KEYS, *RINGS),
    {},
    note=f"{NOTE}. With as many clusters as firms the influence functions of all parts, which are returned, are larger "
    "than the data",
)


COUNTED = (UNIT, TIME, COHORT, CLUSTER, "treated", *CHANNELS, *RINGS, "count")


def _aigreen_logs(panel) -> Numbers:
    from aigreen import Decomposition

    fit = Decomposition(channels=CHANNELS, exposure=RINGS, family="poisson").fit(panel, "count")
    return {"parts_overall": fit.overall().estimates, "parts_study": fit.event_study().estimates}


def _aigreen_one_imputation(panel) -> Numbers:
    from aigreen import Imputation

    fit = Imputation(family="poisson", scale="percent").fit(panel, "count")
    return {"overall": fit.overall().estimates}


def _fepois(frame: pd.DataFrame) -> Numbers:
    import pyfixest

    fit = pyfixest.fepois(f"count ~ treated | {UNIT} + {TIME}", frame, vcov={"CRV1": CLUSTER})
    return {"coefficient": fit.coef()}


LOGS = Job(
    "decomposition of the log of the mean of counts, two channels, two exposures, against one Poisson regression",
    1,
    (
        ours(_aigreen_logs),
        Call("pyfixest", _fepois, name="pyfixest, one Poisson regression"),
        Call("aigreen", _aigreen_one_imputation, in_panel, name="aigreen, one Poisson imputation"),
    ),
    COUNTED,
    {},
    note="different questions, so no numbers are compared; the goals: faster than one Poisson regression, and within "
    "four times one Poisson imputation of ours",
)


def _aigreen_draws(panel) -> Numbers:
    from aigreen import Decomposition

    drawn = Decomposition(channels=CHANNELS, exposure=RINGS).bootstrap(panel, "y", n_draws=999)
    return {"parts": drawn.effects.estimates, "bootstrap_se": drawn.std_errors}


def _split(frame: pd.DataFrame) -> pd.Series:
    """The decomposition by regressions: clean rows impute, exposed rows give the response, treated rows are split."""
    import pyfixest

    exposed, treated = (frame[RINGS] > 0).any(axis=1), frame["treated"] == 1
    clean, rest = frame[~exposed & ~treated], frame[exposed | treated]
    effects = f"{UNIT} + {TIME}"
    away = pd.DataFrame(index=rest.index)
    for name in ("y", *CHANNELS):
        fit = pyfixest.feols(f"{name} ~ 1 | {effects}", clean, vcov="iid")
        away[name] = rest[name] - fit.predict(rest, atol=1e-8, btol=1e-8)
    slopes = pyfixest.feols(f"y ~ {' + '.join(CHANNELS)} | {effects}", clean, vcov="iid").coef()[CHANNELS]
    away["net"] = away["y"] - away[CHANNELS] @ slopes
    reached, own = away.notna().all(axis=1), rest["treated"] == 1
    rings = 1.0 * (rest[RINGS] > 0)
    seen = reached & ~own
    response = np.linalg.lstsq(rings[seen], away.loc[seen, "net"], rcond=None)[0]
    on = away[reached & own].mean()
    parts = {name: slopes[name] * on[name] for name in CHANNELS}
    parts["spillover"] = float(rings[reached & own].mean() @ response)
    return pd.Series({"total": on["y"], "direct": on["net"] - parts["spillover"], **parts})


def _pyfixest_draws(frame: pd.DataFrame) -> Numbers:
    return {"parts": _split(frame), "bootstrap_se": _refits(frame, _split)}


SOLVED = "its predictions solve for the fixed effects up to 1e-8; up to 1e-13 parts agree to 2e-11", 1e-5
WHOLE_BOOTSTRAP = Job(
    f"whole decomposition, cluster bootstrap: 999 draws against {REFITS} refits",
    300 * REFITS / 999,
    (
        ours(_aigreen_draws),
        Call("pyfixest", _pyfixest_draws, differs={"parts": SOLVED}, name=f"pyfixest in a loop, {REFITS} refits"),
    ),
    (*KEYS, *RINGS),
    {"parts": 1e-6, "bootstrap_se": 0.6},
    note=REFIT_NOTE,
)

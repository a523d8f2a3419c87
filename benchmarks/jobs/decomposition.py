"""Channels and the whole decomposition, which no other package has: against loops, and against plain imputation."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jobs.job import CLUSTER, COHORT, TIME, UNIT, Call, Job, Numbers, ours, static

CHANNELS = ["channel_1", "channel_2"]
RINGS = ["ring_near", "ring_far"]
KEYS = (UNIT, TIME, COHORT, CLUSTER, "treated", *CHANNELS, "y")
REFITS = 20


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


def _pyfixest_channels(frame: pd.DataFrame) -> Numbers:
    """Refit on clusters drawn with replacement; a cluster drawn twice gets new units."""
    rng = np.random.default_rng(1)
    cities = [part for _, part in frame.groupby(CLUSTER)]
    width = frame[UNIT].max() + 1
    draws = []
    for _ in range(REFITS):
        drawn = rng.integers(0, len(cities), len(cities))
        parts = [cities[c].assign(**{UNIT: cities[c][UNIT] + i * width}) for i, c in enumerate(drawn)]
        draws.append(_parts(pd.concat(parts, ignore_index=True)))
    return {"parts": _parts(frame), "bootstrap_se": pd.DataFrame(draws).std()}


CHANNEL_BOOTSTRAP = Job(
    f"channels under fixed effects, cluster bootstrap: 999 draws against {REFITS} refits",
    500 * REFITS / 999,
    (
        ours(_aigreen_channels),
        Call("pyfixest", _pyfixest_channels, name=f"pyfixest in a loop, {REFITS} refits"),
    ),
    KEYS,
    {"parts": 1e-6, "bootstrap_se": 0.6},
    note=f"the loop makes {REFITS} of the 999 draws, so the full ratio is {999 / REFITS:.0f} times the one shown; "
    "errors of so few refits are rough",
)


def _aigreen_decomposition(panel) -> Numbers:
    from aigreen import Decomposition

    fit = Decomposition(channels=CHANNELS, exposure=RINGS).fit(panel, "y")
    return {"parts_overall": fit.overall().estimates, "parts_study": fit.event_study().estimates}


def _diff_diff_plain(frame: pd.DataFrame) -> Numbers:
    import diff_diff

    fit = diff_diff.ImputationDiD(cluster=CLUSTER).fit(frame, outcome="y", unit=UNIT, time=TIME, first_treat=COHORT)
    return {"overall": static(fit.overall_att)}


WHOLE = Job(
    "whole decomposition, two channels, two exposures, against plain imputation",
    1,
    (ours(_aigreen_decomposition), Call("diff-diff", _diff_diff_plain, name="diff-diff, imputation without any of it")),
    (*KEYS, *RINGS),
    {},
    note="different questions, so no numbers are compared: the other package imputes and stops; ours also fits the "
    "channels, the response to two rings, every part by cohort, year and horizon, and one joint covariance",
)

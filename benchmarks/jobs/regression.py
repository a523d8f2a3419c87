"""Regressions with absorbed fixed effects: least squares and Poisson."""

from __future__ import annotations

import pandas as pd

from jobs.job import CLUSTER, COHORT, TIME, UNIT, Call, Job, Numbers, ours

COVARIATES = ["size", "leverage"]
TERMS = ["treated", *COVARIATES]
CELLS = [UNIT, f"{CLUSTER}^{TIME}"]
KEYS = (UNIT, TIME, COHORT, CLUSTER, "treated", *COVARIATES)
FACTOR = (
    "small-sample factor N/(N-K) with all fixed effects in K and no G/(G-1); ours and pyfixest's leave out nested ones"
)


def _aigreen(family: str, outcome: str) -> Call:
    def run(panel) -> Numbers:
        from aigreen import TWFE

        fit = TWFE(family=family).fit(panel, outcome, covariates=COVARIATES)
        return {"estimate": fit.estimates, "std_error": fit.std_errors}

    return ours(run)


def _pyfixest(function: str, outcome: str) -> Call:
    def run(frame: pd.DataFrame) -> Numbers:
        import pyfixest

        formula = f"{outcome} ~ {' + '.join(TERMS)} | {UNIT} + {TIME}"
        fit = getattr(pyfixest, function)(formula, frame, vcov={"CRV1": CLUSTER})
        return {"estimate": fit.coef(), "std_error": fit.se()}

    return Call("pyfixest", run)


def _linearmodels(frame: pd.DataFrame) -> Numbers:
    from linearmodels import PanelOLS

    indexed = frame.set_index([UNIT, TIME])
    model = PanelOLS(indexed["y"], indexed[TERMS], entity_effects=True, time_effects=True)
    fit = model.fit(cov_type="clustered", clusters=indexed[CLUSTER])
    return {"estimate": fit.params, "std_error": fit.std_errors}


LEAST_SQUARES = Job(
    "two-way OLS, clustered",
    None,
    (
        _aigreen("gaussian", "y"),
        _pyfixest("feols", "y"),
        Call("linearmodels", _linearmodels, differs={"std_error": (FACTOR, 0.05)}),
    ),
    (*KEYS, "y"),
    {"estimate": 1e-7, "std_error": 1e-6},
    largest=7_500_000,
)

POISSON = Job(
    "Poisson fixed effects",
    3,
    (_aigreen("poisson", "count"), _pyfixest("fepois", "count")),
    (*KEYS, "count"),
    {"estimate": 1e-8, "std_error": 1e-6},
)


def _aigreen_cells(panel) -> Numbers:
    from aigreen import TWFE

    fit = TWFE(family="poisson", fixed_effects=CELLS).fit(panel, "count", treatment=COVARIATES)
    return {"estimate": fit.estimates, "std_error": fit.std_errors}


def _pyfixest_cells(frame: pd.DataFrame) -> Numbers:
    import pyfixest

    formula = f"count ~ {' + '.join(COVARIATES)} | {' + '.join(CELLS)}"
    fit = pyfixest.fepois(formula, frame, vcov={"CRV1": CLUSTER})
    return {"estimate": fit.coef(), "std_error": fit.se()}


POISSON_CELLS = Job(
    "Poisson, firms and cells of city and year",
    3,
    (ours(_aigreen_cells), Call("pyfixest", _pyfixest_cells)),
    (*KEYS, "count"),
    {"estimate": 1e-8, "std_error": 1e-4},
)

"""The jobs, by the name that `--jobs` takes. To add one: write its calls in a module here and name it below."""

from jobs.decomposition import CHANNEL_BOOTSTRAP, LOGS, WHOLE, WHOLE_BOOTSTRAP, WHOLE_BY_FIRM
from jobs.dose_response import DOSE_RESPONSE
from jobs.job import Call, Job
from jobs.regression import LEAST_SQUARES, POISSON, POISSON_CELLS
from jobs.resampling import RANDOMIZATION, WILD
from jobs.staggered import (
    GROUP_TIME,
    GROUP_TIME_BANDS,
    GROUP_TIME_VARYING,
    IMPUTATION,
    POISSON_IMPUTATION,
    SUN_ABRAHAM,
    TWO_STAGE,
)

JOBS = {
    "ols": LEAST_SQUARES,
    "poisson": POISSON,
    "poisson_cells": POISSON_CELLS,
    "sun_abraham": SUN_ABRAHAM,
    "group_time": GROUP_TIME,
    "group_time_varying": GROUP_TIME_VARYING,
    "group_time_bands": GROUP_TIME_BANDS,
    "dose_response": DOSE_RESPONSE,
    "imputation": IMPUTATION,
    "two_stage": TWO_STAGE,
    "poisson_imputation": POISSON_IMPUTATION,
    "wild": WILD,
    "randomization": RANDOMIZATION,
    "channels": CHANNEL_BOOTSTRAP,
    "decomposition": WHOLE,
    "decomposition_by_firm": WHOLE_BY_FIRM,
    "decomposition_logs": LOGS,
    "decomposition_bootstrap": WHOLE_BOOTSTRAP,
}

__all__ = ["JOBS", "Call", "Job"]

"""One thread a step: the last digits of a sum of floating-point numbers depend on how many threads share it."""

from __future__ import annotations

import os

# As in run.py. Snakemake itself sets those of OpenMP and linear algebra, to the threads of the rule, but leaves those
# of Rust (rayon, polars) and numba at the number of processors.
VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "POLARS_MAX_THREADS",
)


def one_thread() -> None:
    """Hold the numerical libraries of all processes that this one starts to one thread each."""
    os.environ.update(dict.fromkeys(VARIABLES, "1"))

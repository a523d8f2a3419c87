"""What the last digits of a number depend on beside its data, held fixed for every step however it is started.

A sum of floating-point numbers depends on how many threads share it, and on the order in which a set is walked, which
follows the seed of Python's hashes.
"""

from __future__ import annotations

import os

# As in run.py. Snakemake itself sets those of OpenMP and linear algebra, to the threads of the rule, but leaves those
# of Rust (rayon, polars) and numba at the number of processors.
THREADS = (
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
VARIABLES = {"PYTHONHASHSEED": "0", **dict.fromkeys(THREADS, "1")}


def same_numbers() -> None:
    """Give all processes that this one starts one thread for each numerical library, and one seed of hashes."""
    os.environ.update(VARIABLES)

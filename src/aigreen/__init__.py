"""Reproducible econometrics of how AI adoption changes firms' green innovation.

Panel in, Effects out: ``Panel(df, unit=..., time=..., cohort=...)``, an estimator's ``fit``, an `Effects` result.
"""

from aigreen.decomposition import Decomposition
from aigreen.did.diagnostics import ChaisemartinDHaultfoeuille, LocalProjections, SyntheticDiD, bacon_weights
from aigreen.did.group_time import GroupTimeATT
from aigreen.did.imputation import Imputation
from aigreen.did.stacked import StackedDiD
from aigreen.did.sun_abraham import SunAbraham
from aigreen.did.twfe import TWFE
from aigreen.effects import Effects
from aigreen.joint import concat, share
from aigreen.mediation import Mediation
from aigreen.panel import Panel
from aigreen.ring_curve import ring_curve
from aigreen.shift_share import ShiftShare
from aigreen.spillover import Spillover
from aigreen.storage import load

__version__ = "0.1.0"

__all__ = [
    "TWFE",
    "ChaisemartinDHaultfoeuille",
    "Decomposition",
    "Effects",
    "GroupTimeATT",
    "Imputation",
    "LocalProjections",
    "Mediation",
    "Panel",
    "ShiftShare",
    "Spillover",
    "StackedDiD",
    "SunAbraham",
    "SyntheticDiD",
    "bacon_weights",
    "concat",
    "load",
    "ring_curve",
    "share",
]

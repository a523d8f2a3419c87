"""What the library offers, each name with its place: `aigreen.on_demand` imports it when it is first asked for."""

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
from aigreen.rings import ring_curve
from aigreen.shift_share import ShiftShare
from aigreen.spillover import Spillover
from aigreen.storage import load

__version__: str

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

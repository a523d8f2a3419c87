"""What the library offers, each name with its place: `aigreen.on_demand` imports it when it is first asked for."""

from aigreen.decomposition.decomposition import Decomposition
from aigreen.decomposition.rings import ring_curve
from aigreen.did.diff_diff import ChaisemartinDHaultfoeuille, LocalProjections, SyntheticDiD, bacon_weights
from aigreen.did.dose_response.dose_response import DoseResponse
from aigreen.did.efficient import Efficient
from aigreen.did.group_time.group_time import GroupTimeATT
from aigreen.did.imputation import Imputation
from aigreen.did.stacked import StackedDiD
from aigreen.did.sun_abraham import SunAbraham
from aigreen.did.switchers import Switchers
from aigreen.did.triple import TripleDifference
from aigreen.effects.compare import compare
from aigreen.effects.effects import Effects, load, share
from aigreen.effects.joint import concat
from aigreen.mediation.mediation import Mediation
from aigreen.panel.panel import Panel
from aigreen.regression.shift_share import ShiftShare
from aigreen.regression.twfe import TWFE
from aigreen.spillover.spillover import Spillover

__version__: str

__all__ = [
    "TWFE",
    "ChaisemartinDHaultfoeuille",
    "Decomposition",
    "DoseResponse",
    "Effects",
    "Efficient",
    "GroupTimeATT",
    "Imputation",
    "LocalProjections",
    "Mediation",
    "Panel",
    "ShiftShare",
    "Spillover",
    "StackedDiD",
    "SunAbraham",
    "Switchers",
    "SyntheticDiD",
    "TripleDifference",
    "bacon_weights",
    "compare",
    "concat",
    "load",
    "ring_curve",
    "share",
]

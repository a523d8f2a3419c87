"""Inference beyond clustered errors: resampling, spatial errors, multiple testing, sensitivity."""

from aigreen.inference.channel_sensitivity import RhoSensitivity, channel_sensitivity, rho_sensitivity
from aigreen.inference.honest import HonestDiD, honest_did
from aigreen.inference.multiple import multiple_testing
from aigreen.inference.pretrends import PretrendPower, pretrend_power, slope_for_power
from aigreen.inference.randomization import Randomization, randomization_inference
from aigreen.inference.sensitivity import (
    Adjusted,
    Oster,
    Robustness,
    adjusted_estimate,
    benchmark,
    oster,
    partial_r2,
    robustness,
)
from aigreen.inference.spatial import conley
from aigreen.inference.wild import WildBootstrap, wild_cluster_bootstrap

__all__ = [
    "Adjusted",
    "HonestDiD",
    "Oster",
    "PretrendPower",
    "Randomization",
    "RhoSensitivity",
    "Robustness",
    "WildBootstrap",
    "adjusted_estimate",
    "benchmark",
    "channel_sensitivity",
    "conley",
    "honest_did",
    "multiple_testing",
    "oster",
    "partial_r2",
    "pretrend_power",
    "randomization_inference",
    "rho_sensitivity",
    "robustness",
    "slope_for_power",
    "wild_cluster_bootstrap",
]

"""Inference beyond clustered errors: wild bootstrap, randomisation, spatial errors, multiple testing."""

from aigreen.inference.multiple import multiple_testing
from aigreen.inference.randomization import Randomization, randomization_inference
from aigreen.inference.spatial import conley
from aigreen.inference.wild import WildBootstrap, wild_cluster_bootstrap

__all__ = [
    "Randomization",
    "WildBootstrap",
    "conley",
    "multiple_testing",
    "randomization_inference",
    "wild_cluster_bootstrap",
]

"""Joint tests as exhibits show them: where few treated clusters bear no joint covariance, the largest t statistic."""

from __future__ import annotations

from aigreen.effects.effects import Effects, PretrendTest
from aigreen.effects.wald import Wald
from aigreen.errors import FewClustersError

IN_WORDS = {
    "wild": "the wild bootstrap",
    "hotelling": "Hotelling's F",
    "max_t": "the largest t statistic, as the treated clusters bear no joint covariance of so many effects",
    "chi2": "the chi-squared distribution",
}


def joint_test(effects: Effects) -> Wald:
    """Test that all effects are zero."""
    try:
        return effects.test()
    except FewClustersError:
        return effects.test(method="max_t")


def has_leads(effects: Effects) -> bool:
    """Whether there is an effect before treatment to test."""
    study = effects.event_study()
    return bool((study.index[study.std_errors.to_numpy() > 0] < -study.anticipation).any())


def pretrend(effects: Effects) -> PretrendTest:
    """Test the effects before treatment jointly, and the slope of their path."""
    study = effects.event_study()
    try:
        return study.pretrend_test()
    except FewClustersError:
        return study.pretrend_test(method="max_t")

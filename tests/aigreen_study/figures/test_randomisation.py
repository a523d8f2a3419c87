"""The figure of randomisation inference."""

from types import SimpleNamespace

import numpy as np
import pytest

from aigreen.errors import ReportError
from aigreen_study.figures import (
    randomisation_figure,
)

from .drawn import legend


def test_dark_bars_are_the_draws_as_extreme():
    draws = np.array([-3.0, -1.5, -0.5, 0.2, 0.7, 1.2, 2.5, np.nan])
    result = SimpleNamespace(draws=draws, statistic=1.0, studentized=False, p_value=0.5, enumerated=False)
    ax = randomisation_figure(result).axes[0]
    by_label = {container.get_label(): sum(bar.get_height() for bar in container) for container in ax.containers}
    assert by_label == {"Less extreme": 3, "As extreme": 4}
    assert legend(ax)[0] == "Actual estimate 1.000: p = 0.500"
    result.studentized = True
    assert legend(randomisation_figure(result).axes[0])[0] == "Actual t statistic 1.000: p = 0.500"
    assert ax.get_ylabel() == "Number of 7 random assignments"
    with pytest.raises(ReportError, match="finite"):
        randomisation_figure(
            SimpleNamespace(draws=np.array([np.nan]), statistic=1.0, studentized=False, p_value=1.0, enumerated=True)
        )

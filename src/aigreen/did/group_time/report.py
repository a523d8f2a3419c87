"""What is said of group-time cells that cannot be computed or rest on little."""

from __future__ import annotations

import numpy as np

from aigreen.did.group_time.comparisons import NO_CONTROLS, Computed
from aigreen.did.group_time.plan import Cells
from aigreen.errors import EstimationError, NoControlsError, OverlapWarning, SmallCellWarning, counted, their, warn
from aigreen.panel.dropped import Dropped
from aigreen.panel.on_disk.sample import ScannedSample
from aigreen.panel.panel import Panel

SMALL = 5


def report(
    cells: Cells,
    result: Computed,
    computed: np.ndarray,
    sample: Panel | ScannedSample,
    cohort: np.ndarray,
    dropped: Dropped,
) -> None:
    """Count the cells that could not be computed, warn about small ones."""
    labels = cells.labels(sample.times)
    reasons = sorted(set(result.reasons.values()))
    if not computed.any():
        if reasons == [NO_CONTROLS]:
            message = "no unit is untreated for longer than another: there is nothing to compare with"
            raise NoControlsError(message + dropped.cause())
        raise EstimationError(f"no group-time effect can be computed: {'; '.join(reasons)}")
    for reason in reasons:
        which = [labels[cell] for cell in sorted(result.reasons) if result.reasons[cell] == reason]
        dropped.add(OverlapWarning, "group-time effects", reason, len(which), which)
    clusters = {g: sample.count_clusters(cohort == g) for g in np.unique(cells.cohort)}
    few = np.array([clusters[g] < SMALL for g in cells.cohort])
    small = np.flatnonzero(computed & (few | (result.smallest < SMALL)))
    if small.size:
        message = (
            f"{counted(small.size, 'group-time effect rests', 'group-time effects rest')} on fewer than {SMALL} "
            f"treated units, treated clusters or comparison units: {their(small.size)} errors are too small"
        )
        first = [labels[cell] for cell in small[:5]]
        warn(SmallCellWarning(message, count=small.size, first=first))

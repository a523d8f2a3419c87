"""Units eliminated block by block give the projection that `FixedEffects` makes of all rows at once."""

import numpy as np
import pytest

from aigreen.linalg.eliminated import Eliminated, Units
from aigreen.linalg.fixed_effects import FixedEffects


@pytest.mark.parametrize("n_effects", [1, 2])
@pytest.mark.parametrize("seed", range(8))
def test_blocks_give_the_fit_and_the_reach_of_the_whole(n_effects, seed):
    rng = np.random.default_rng(seed)
    n_units, sizes = 40, [7, 4][:n_effects]
    unit = np.sort(rng.integers(0, n_units, 150))
    levels = [rng.integers(0, size, 150) for size in sizes]
    levels[0][unit > 30] = 5 + unit[unit > 30] % 2  # a component of its own
    levels[0][unit <= 30] %= 5
    levels[0][149] = 0  # a row of the last unit that stands in the other component, and is not fitted
    fitted = rng.random(150) < 0.7
    fitted[149] = False
    w, y = rng.random(150) + 0.5, rng.standard_normal(150)
    equations = Eliminated(sizes, 1)
    for block in np.array_split(np.unique(unit), 4):
        at = np.isin(unit, block) & fitted
        local = np.searchsorted(block, unit[at])
        numbered = [level[at] + start for level, start in zip(levels, equations.offsets, strict=False)]
        equations.add(local, len(block), numbered, w[at], y[at, None])
    whole = FixedEffects([unit, *levels], fitted=fitted, weights=w)
    every = [level + start for level, start in zip(levels, equations.offsets, strict=False)]
    units = Units.of(unit[fitted], n_units, [level[fitted] for level in every], w[fitted], equations.n_levels)
    reached = equations.reaches(units, unit, every)
    assert np.array_equal(reached, whole.reached)
    assert not equations.whole
    left = y - sum(equations.solve(equations.right)[level, 0] for level in every)
    left -= units.mean(unit[fitted], w[fitted], left[fitted, None])[unit, 0]
    assert left[reached] == pytest.approx(whole.residualize(y)[reached], abs=1e-12)
    assert equations.gram[0, 0] - equations.right[:, 0] @ equations.solve(equations.right)[:, 0] == pytest.approx(
        (w * left**2)[fitted].sum(), rel=1e-12
    )

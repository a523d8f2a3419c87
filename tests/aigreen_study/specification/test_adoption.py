"""Adoption as the treatment of a study: parts, thresholds, doses, each with its truth."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from aigreen.errors import AigreenWarning
from aigreen.simulate.economy.economy import perfect_panel
from aigreen.simulate.economy.effects import EconomyEffects
from aigreen.simulate.economy.truth import adoption_truth, expected_log1p
from aigreen_study.specification.adoption import FEWEST, Adoption

EFFECTS = EconomyEffects(adopters=(0.06, 0.09), adopters_zone=0.3)
OPTIONS = {
    "cohort": "adoption_year",
    "others": ["late_year"],
    "dose": "adopted_dose",
    "channels": ["human_capital"],
    "exposure": ["adopted_customers", "adopted_suppliers"],
    "covariates": ["treated", "adopted_peers"],
}


@pytest.fixture(scope="module")
def asked():
    frame, truth = perfect_panel(seed=11, n_firms=900, effects=EFFECTS)
    frame["late_year"] = frame["adoption_year"].where(frame["adoption_year"] >= 2020)
    roles = {"unit": "firm_id", "time": "year", "cohort": "zone_year", "cluster": "firm_id"}
    return Adoption(
        options=OPTIONS,
        decomposition={"variance": "leave_one_out"},
        frame=frame,
        roles=roles,
        outcome="green_patents",
        log="green_patents_log",
        truth=truth,
        effects=EFFECTS,
    )


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AigreenWarning)
        yield


def test_true_parts_add_up_and_leads_are_zero(asked):
    overall, study = asked.parts()
    truth = dict(zip(overall.effects.index, overall.truth, strict=True))
    assert truth["total"] == pytest.approx(truth["direct"] + truth["human_capital"] + truth["spillover"], abs=1e-12)
    pieces = [value for part, value in truth.items() if part.startswith("spillover: ")]
    assert truth["spillover"] == pytest.approx(sum(pieces), abs=1e-12)
    assert 0.15 < truth["direct"] < 0.3 and 0.01 < truth["human_capital"] < 0.02
    horizons = study.effects.index.to_numpy()
    assert horizons.tolist() == list(range(-5, 5))
    assert (study.truth[horizons < 0] == 0).all() and (study.truth[horizons >= 0] > 0.15).all()


def test_an_exposure_that_nobody_reports_has_no_truth(asked):
    """A spillover is true as far as it is seen; the rest reaches clean rows too."""
    unseen = replace(asked, frame=asked.frame.assign(adopted_suppliers=0.0))
    known, less = (one._known("adoption_year")[1] for one in (asked, unseen))
    assert (less["spillover: adopted_suppliers"] == 0).all()
    seen = EFFECTS.adopted_suppliers * asked.frame["adopted_suppliers"]
    np.testing.assert_allclose(np.log(less["mean_without"] / known["mean_without"]), seen, atol=1e-12)


def test_years_with_few_adopters_are_left_out(asked):
    size = asked.frame.groupby("adoption_year")["firm_id"].nunique()
    within = size[(size >= FEWEST) & (size.index <= 2023)]
    assert asked.adopters("adoption_year") == within.sum()
    few = asked.frame["adoption_year"].where(asked.frame["adoption_year"] != 2019, 1999.0)
    moved = asked.frame.assign(adoption_year=few)
    lone = moved["firm_id"] == moved.loc[moved["adoption_year"] == 2018, "firm_id"].iloc[0]
    moved.loc[lone, "adoption_year"] = 2019.0
    some = replace(asked, frame=moved)
    assert some.adopters("adoption_year") == within.sum() - 1  # 1999 has many, 2019 one


def test_the_truth_of_thresholds_is_that_of_their_own_adopters(asked):
    totals = asked.thresholds()
    assert list(totals) == ["adoption_year", "late_year"]
    assert totals["adoption_year"].truth[0] == pytest.approx(asked.parts()[0].truth[0])
    assert totals["late_year"].truth[0] < totals["adoption_year"].truth[0]  # less time to ramp up


def test_effects_by_dose_of_the_true_effect_are_the_truth(asked):
    known = adoption_truth(asked.truth, [], ways=[])
    effect = expected_log1p(known["mean_with"]) - expected_log1p(known["mean_without"])
    curve, margins = replace(asked, frame=asked.frame.assign(green_patents_log=effect)).doses()
    np.testing.assert_allclose(curve.effects.values, curve.truth, atol=1e-10)
    np.testing.assert_allclose(margins.effects.values, margins.truth, atol=1e-10)
    assert margins.truth[list(margins.effects.index).index("acr")] > 0.02  # a log point of words does something


def test_without_truth_there_is_none(asked):
    plain = replace(asked, truth=None, effects=None)
    assert all(lines.truth is None for lines in (*plain.parts(), *plain.doses(), *plain.thresholds().values()))

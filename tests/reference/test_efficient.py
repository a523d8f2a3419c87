"""Efficient estimators: Roth and Sant'Anna against R staggered 1.2.2, Chen, Sant'Anna and Xie against diff-diff.

Named difference: diff-diff's covariance of moments leaves out that the two terms of the never treated move together, in
the moments that compare with the never treated in both. Without those moments, which repeat one 2 x 2 comparison, its
estimates equal ours; its errors lack the factor N/(N-1) of each cohort.
"""

import json

import diff_diff.efficient_did as peer
import numpy as np
import pandas as pd
import pytest

from aigreen import Efficient, Panel

CASES = {
    f"synth_{prefix}_{theirs}": (adjustment, ours)
    for prefix, adjustment in (
        ("staggered", "efficient"),
        ("staggered_cs", "callaway_santanna"),
        ("staggered_sa", "sun_abraham"),
    )
    for theirs, ours in (("simple", "simple"), ("cohort", "group"), ("calendar", "calendar"))
} | {
    "synth_staggered_es": ("efficient", "event_study"),
    "synth_cs_es": ("callaway_santanna", "event_study"),
    "synth_fisher": ("efficient", "simple"),
}
# R staggered 1.2.2 on synth_balanced.csv: estimate, adjusted and Neyman's error
SIMPLE = (1.09437854485016, 0.0998423929530335, 0.100310216559818)


@pytest.fixture(scope="module")
def frame(shared):
    return pd.read_csv(shared / "oracles/data/synth_balanced.csv")


@pytest.fixture(scope="module")
def panel(frame):
    return Panel(frame, unit="id", time="t", cohort="g")


@pytest.fixture(scope="module")
def oracle(shared):
    return json.loads((shared / "oracles/staggered_synth.json").read_text())["results"]


def fits(panel, adjustment, estimand):
    return [
        Efficient(kind="roth_santanna", estimand=estimand, adjustment=adjustment, variance=variance).fit(panel, "y")
        for variance in ("adjusted", "conservative")
    ]


def test_every_case_of_the_oracle_is_here(oracle):
    assert set(oracle) == {*CASES, "synth_balance"}


@pytest.mark.parametrize("case", CASES)
def test_equals_r_staggered(panel, oracle, case):
    adjusted, conservative = fits(panel, *CASES[case])
    for row in oracle[case]["table"]:
        label = row.get("eventTime", "ATT")
        for effects, error in ((adjusted, row["se"]), (conservative, row["se_neyman"])):
            assert effects.estimates[label] == pytest.approx(row["estimate"], abs=1e-12), label
            assert effects.std_errors[label] == pytest.approx(error, abs=1e-12), label


def test_numbers_of_r_staggered(panel):
    adjusted, conservative = fits(panel, "efficient", "simple")
    found = adjusted.values[0], adjusted.std_errors.iloc[0], conservative.std_errors.iloc[0]
    assert found == pytest.approx(SIMPLE, abs=1e-12)


def test_randomisation_test_of_r_staggered(panel, oracle):
    """R counts no draw of 500 as extreme; ours counts the actual timing among the draws."""
    (row,) = oracle["synth_fisher"]["table"]
    drawn = Efficient(kind="roth_santanna", estimand="simple").randomization_test(panel, "y", n_draws=99, seed=1)
    assert drawn.estimate == pytest.approx(row["estimate"] / row["se"], rel=1e-12)
    assert row["fisher_pval"] == row["fisher_pval_se_neyman"] == 0
    assert drawn.p_value == 1 / 100


def test_balance_check_of_r_staggered(panel, oracle):
    (row,) = oracle["synth_balance"]["resultsDF"]
    balance = Efficient(kind="roth_santanna", estimand="simple").balance(panel, "y")
    assert balance.values[0] == pytest.approx(row["Xhat"], abs=1e-12)
    assert balance.std_errors.iloc[0] == pytest.approx(row["se_Xhat"], abs=1e-12)
    test = balance.test(method="chi2")
    assert test.statistic == pytest.approx(row["Wald_test_Xhat"], rel=1e-9)
    assert test.p_value == pytest.approx(row["pvalue_Wald"], abs=1e-12)
    assert row["t_test"] == pytest.approx(abs(balance.values[0] / balance.std_errors.iloc[0]), rel=1e-9)


@pytest.mark.filterwarnings("ignore:Omega. condition number:UserWarning")
def test_equals_diff_diff_where_its_moments_are_right(panel, frame, monkeypatch):
    ours = Efficient(kind="chen_santanna_xie").fit(panel, "y")
    as_is = diff_diff(frame, ours)
    assert (ours.std_errors <= as_is["se"] * (1 + 1e-9) * np.sqrt(70 / 69)).all()
    np.testing.assert_allclose(ours.values, as_is["effect"], rtol=0, atol=0.05)
    pairs = peer.enumerate_valid_triples

    def distinct(**facts):
        finite = [pair for pair in pairs(**facts) if np.isfinite(pair[0])]
        return [(facts["treatment_groups"][0], facts["period_1"]), *finite]

    monkeypatch.setattr(peer, "enumerate_valid_triples", distinct)
    theirs = diff_diff(frame, ours)
    np.testing.assert_allclose(ours.values, theirs["effect"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(ours.std_errors / theirs["se"], 1, atol=0.01)


def diff_diff(frame, ours):
    fit = peer.EfficientDiD(omega_ridge=0).fit(
        frame.assign(g=frame["g"].replace(0, np.inf)), outcome="y", unit="id", time="t", first_treat="g"
    )
    return pd.DataFrame(fit.group_time_effects).T.reindex(ours.index)[["effect", "se"]].astype(float)

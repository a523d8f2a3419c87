"""What doses and options are refused, and what is left out with a count."""

from __future__ import annotations

import numpy as np
import pytest

from aigreen import DoseResponse, Panel
from aigreen.did.dose_response.basis import DoseBasis
from aigreen.errors import (
    AlwaysTreatedWarning,
    ClusterVariesError,
    CollinearError,
    DoseError,
    DoseVariesError,
    MissingRowsWarning,
    NoControlsError,
    NonNumericError,
    NotAPanelError,
    NoTreatedError,
    OptionError,
    OverlapWarning,
    RepeatedCrossSectionsError,
    UnknownColumnError,
    WrongTypeError,
)

from .doses import firms, fit, panel


@pytest.mark.parametrize(
    ("where", "dose", "message"),
    [
        (
            lambda f: (f["firm"] == f.loc[f["first"] == 3, "firm"].iloc[0]) & (f["year"] >= f["first"]),
            0.0,
            "treated rows with a dose of zero or less",
        ),
        (lambda f: (f["dose"] > 0) & (f["year"] == 6), -1.0, "treated rows with a dose of zero or less"),
        (lambda f: (f["first"] == 0) & (f["year"] == 2), 1.0, "rows of units never treated with a dose"),
        (lambda f: (f["first"] == 5) & (f["year"] == 4), 1.0, "rows before adoption with a dose other than zero"),
    ],
)
def test_doses_that_contradict_the_cohorts(where, dose, message):
    frame = firms()
    bad = where(frame)
    frame.loc[bad, "dose"] = dose
    with pytest.raises(DoseError, match=message) as error:
        fit(frame)
    assert (error.value.column, error.value.count) == ("dose", bad.sum())
    assert len(error.value.first) == min(bad.sum(), 5)


def test_doses_that_change():
    frame = firms()
    frame.loc[frame["year"] == 6, "dose"] *= 2
    with pytest.raises(DoseVariesError, match=r"dose_path='first'.*dose_path='current'") as error:
        fit(frame)
    assert error.value.count == (frame.loc[frame["year"] == 6, "dose"] > 0).sum()
    assert fit(frame, dose_path="first").psi is not None
    np.testing.assert_array_equal(fit(frame, dose_path="first").values, fit(firms()).values)


def test_a_dose_of_zero_after_adoption_is_one_that_changed():
    frame = firms()
    frame.loc[frame["year"] == 6, "dose"] = 0.0
    np.testing.assert_array_equal(fit(frame, dose_path="first").values, fit(firms()).values)
    for path in ("constant", "current"):
        with pytest.raises(DoseError, match="treated rows with a dose of zero or less"):
            fit(frame, dose_path=path)
    frame.loc[frame["year"] == frame["first"], "dose"] = 0.0
    with pytest.raises(DoseError, match="treated rows with a dose of zero or less"):
        fit(frame, dose_path="first")


def test_missing_doses_are_counted():
    frame = firms()
    someone = frame.loc[frame["first"] == 3, "firm"].iloc[0]
    without = frame.assign(dose=frame["dose"].where(frame["firm"] != someone))
    with pytest.warns(MissingRowsWarning, match="1 unit left out: no dose after adoption"):
        found = DoseResponse().fit(panel(without), "y", dose="dose")
    np.testing.assert_array_equal(found.values, fit(frame[frame["firm"] != someone]).values)
    once = frame.assign(dose=frame["dose"].where((frame["firm"] != someone) | (frame["year"] != 6)))
    np.testing.assert_array_equal(fit(once).values, fit(frame).values)
    with pytest.warns(MissingRowsWarning, match="1 row left out: missing dose"):
        found = DoseResponse(dose_path="current").fit(panel(once), "y", dose="dose")
    gone = frame[(frame["firm"] != someone) | (frame["year"] != 6)]
    np.testing.assert_allclose(found.values, fit(gone, dose_path="current").values, rtol=0, atol=1e-12)


def test_units_last_seen_before_adoption_have_the_dose_that_is_written_there():
    frame = firms()
    written = frame.assign(dose=frame.groupby("firm")["dose"].transform("max"))
    early = written["firm"] == written.loc[written["first"] == 5, "firm"].iloc[0]
    short = written[~early | (written["year"] < 5)]
    cells, whole = (fit(some, how="group_time", knots=[2.0, 3.0])["acr"] for some in (short, written))
    before = cells.index.get_level_values("time") < 5
    np.testing.assert_allclose(cells.select(before).values, whole.select(before).values, rtol=0, atol=1e-12)
    short.loc[early & (short["year"] == 2), "dose"] += 1
    with pytest.raises(DoseError, match="1 rows before adoption with a dose other than zero"):
        fit(short)


def test_treated_from_the_start():
    frame = firms(cohorts=(0, 1, 3))
    with pytest.warns(AlwaysTreatedWarning):
        found = DoseResponse().fit(panel(frame), "y", dose="dose")
    np.testing.assert_array_equal(found.values, fit(frame[frame["first"] != 1]).values)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"basis": "bin"}, "basis='bin'"),
        ({"degree": 0}, "degree=0"),
        ({"knots": -1}, "knots=-1"),
        ({"basis": "bins", "knots": 0}, "knots=0"),
        ({"knots": [3.0, 2.0]}, "knots="),
        ({"knots": [2.0, np.nan]}, "knots="),
        ({"dose_path": "last"}, "dose_path='last'"),
        ({"control_group": "treated"}, "control_group='treated'"),
        ({"base_period": "varying_window"}, "base_period='varying_window'"),
        ({"anticipation": -1}, "anticipation=-1"),
    ],
)
def test_options(options, message):
    with pytest.raises(OptionError, match=message):
        DoseResponse(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"knots": [100.0]}, "numbers between the doses of treated units"),
        ({"at": [0.0]}, "distinct doses between"),
        ({"at": [2.0, 2.0]}, "distinct doses between"),
        ({"at": [np.nan]}, "distinct doses between"),
    ],
)
def test_places_outside_the_doses(options, message):
    with pytest.raises(OptionError, match=message):
        fit(firms(), **options)


class TestHeapedDoses:
    @staticmethod
    def heaped(values):
        frame = firms()
        own = np.resize(values, frame["firm"].max() + 1)
        return frame.assign(dose=np.where(frame["dose"] > 0, own[frame["firm"]], 0.0))

    def test_one_dose(self):
        with pytest.raises(CollinearError, match="every treated unit has dose 2"):
            fit(self.heaped([2.0]))

    def test_fewer_doses_than_functions(self):
        with pytest.raises(CollinearError, match="3 distinct doses of treated units do not tell 4 functions"):
            fit(self.heaped([1.0, 2.0, 4.0, 4.0, 4.0]))
        assert len(fit(self.heaped([1.0, 2.0, 4.0]), degree=2, at=[1.5])) == 2

    def test_quantiles_that_coincide(self):
        with pytest.raises(CollinearError, match="knots=4: at quantiles of the doses only 1 differ"):
            fit(self.heaped([1.0, 2.0, 2.0, 2.0, 4.0]), knots=4, degree=1)

    def test_knots_without_doses_between(self):
        with pytest.raises(CollinearError, match="first on"):
            fit(self.heaped([1.0, 1.5, 2.0, 5.0, 5.5, 6.0]), knots=[3.0, 3.5, 4.0], degree=1)

    def test_empty_bins(self):
        with pytest.raises(CollinearError, match=r"first on \[2\.5, 3\)"):
            fit(self.heaped([1.0, 2.0, 4.0]), basis="bins", knots=[2.5, 3.0])

    def test_bins_take_any_doses(self):
        found = fit(self.heaped([1.0, 1.0, 2.0]), basis="bins", knots=[2.0])
        assert found.index.tolist() == [("level", 1.0), ("level", 2.0)]


def test_curves_are_not_continued_beyond_the_doses_of_a_cohort():
    frame = firms()
    high = frame.loc[frame["first"] == 3, "dose"].max() - 1e-3
    with pytest.warns(OverlapWarning, match="5 doses by cohort and time left out: outside the doses of the cohort"):
        cells = DoseResponse().group_time(panel(frame), "y", dose="dose", at=[3.0, high])
    assert set(cells["acr"][high].index.get_level_values("cohort")) == {3}
    assert set(cells["acr"][3.0].index.get_level_values("cohort")) == {3, 5}


def test_arguments_of_the_wrong_type_and_columns_in_two_roles():
    whole = panel(firms())
    for options in ({"degree": "3"}, {"knots": "many"}, {"anticipation": 0.5}, {"basis": 3}):
        with pytest.raises(WrongTypeError):
            DoseResponse(**options)
    for arguments in ({"dose": 1}, {"dose": "dose", "at": "2"}, {"dose": "dose", "covariates": 3}):
        with pytest.raises(WrongTypeError):
            DoseResponse().fit(whole, "y", **arguments)
    for call in (DoseResponse().fit, DoseResponse().group_time, DoseResponse().margins):
        with pytest.raises(NotAPanelError):
            call(firms(), "y", dose="dose")
        for arguments in ({"dose": "y"}, {"dose": "dose", "covariates": ["y"]}):
            with pytest.raises(OptionError, match="is the outcome"):
                call(whole, "y", **arguments)


def test_what_the_panel_must_have():
    frame = firms()
    with pytest.raises(UnknownColumnError, match="did you mean 'dose'"):
        DoseResponse().fit(panel(frame), "y", dose="dosis")
    with pytest.raises(NonNumericError):
        fit(frame.assign(dose="much"))
    with pytest.raises(RepeatedCrossSectionsError, match="DoseResponse follows units"):
        DoseResponse().fit(Panel(frame, time="year", cohort="first", repeated=True), "y", dose="dose")
    with pytest.raises(ClusterVariesError):
        fit(frame, keys={"cluster": "year"})
    with pytest.raises(NoTreatedError):
        fit(frame.assign(first=0, dose=0.0))
    with pytest.raises(NoControlsError, match="no unit is never treated"):
        fit(frame[frame["first"] > 0], control_group="never_treated")


def test_functions_add_up_to_one_and_derivatives_to_zero():
    basis = DoseBasis.choose("spline", 3, 2, np.linspace(1, 9, 40))
    doses = np.linspace(1, 9, 17)
    np.testing.assert_allclose(basis(doses).sum(axis=1), 1, atol=1e-14)
    np.testing.assert_allclose(basis.slope(doses).sum(axis=1), 0, atol=1e-13)
    step = (basis(doses[1:-1] + 1e-6) - basis(doses[1:-1] - 1e-6)) / 2e-6
    np.testing.assert_allclose(basis.slope(doses[1:-1]), step, atol=1e-8)
    bins = DoseBasis.choose("bins", 3, None, np.arange(1.0, 9.0))
    assert bins.terms == ["[1, 3)", "[3, 5)", "[5, 7)", "[7, 8]"]
    assert bins(np.array([1.0, 2.9, 3.0, 7.0, 8.0])).argmax(axis=1).tolist() == [0, 0, 1, 3, 3]

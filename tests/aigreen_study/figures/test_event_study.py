import numpy as np
import pandas as pd
import pytest

from aigreen.effects.effects import Effects
from aigreen.errors import ReportError, UnknownColumnError
from aigreen_study.figures import WIDTH, cohort_trends_figure, event_study_figure, save_figure, style


@pytest.fixture
def effects():
    horizons = np.arange(-3, 3)
    psi = np.random.default_rng(0).standard_normal((30, 6)) / 100
    psi[:, 2] = 0
    return Effects(
        values=np.array([0.01, -0.01, 0.0, 0.02, 0.04, 0.05]),
        index=pd.Index(horizons, name="horizon"),
        psi=psi,
        clusters=pd.RangeIndex(30, name="city"),
        n_rows=300,
        n_units=30,
        n_clusters=30,
        method="GroupTimeATT",
        outcome="y",
        post=horizons >= 0,
    )


@pytest.fixture
def frame():
    years = np.arange(2015, 2024)
    units = pd.DataFrame({"unit": range(4), "cohort": [0.0, np.inf, 2019.0, np.nan], "level": [1.0, 2.0, 7.0, 6.0]})
    return units.merge(pd.DataFrame({"year": years}), how="cross").assign(y=lambda d: d["level"] + d["year"] - 2015)


def texts(figure):
    return [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("ending", ["pdf", "svg"])
def test_same_bytes_twice(effects, frame, tmp_path, ending):
    for folder in ("a", "b"):
        save_figure(event_study_figure(effects, n_draws=99, simulated=True), tmp_path / folder / "event_study")
        trends = cohort_trends_figure(frame, outcome="y", time="year", cohort="cohort", ylabel="Patents")
        save_figure(trends, tmp_path / folder / "trends")
    for name in ("event_study", "trends"):
        first, second = ((tmp_path / folder / f"{name}.{ending}").read_bytes() for folder in ("a", "b"))
        assert first == second
        assert b"CreationDate" not in first
        assert b"<dc:date>" not in first


def test_event_study_draws_estimates_and_intervals(effects):
    figure = event_study_figure(effects, n_draws=99, ylabel="Effect on y")
    ax = figure.axes[0]
    points = next(line for line in ax.lines if line.get_marker() == "o")
    assert points.get_xdata().tolist() == [-3, -2, -1, 0, 1, 2]
    assert points.get_ydata() == pytest.approx(effects.values)
    wide, narrow = ([segment[:, 1] for segment in bars.get_segments()] for bars in ax.collections)
    assert np.array(narrow) == pytest.approx(effects.conf_int().to_numpy())
    assert np.array(wide) == pytest.approx(effects.conf_int(simultaneous=True, n_draws=99).to_numpy())
    assert ax.get_ylabel() == "Effect on y"
    assert figure.get_size_inches()[0] == WIDTH
    with pytest.raises(ReportError, match="by horizon"):
        event_study_figure(effects.aggregate(np.eye(6)))


def test_simulated_data_are_marked(effects):
    assert texts(event_study_figure(effects, n_draws=99)) == []
    assert texts(event_study_figure(effects, n_draws=99, simulated=True)) == ["SIMULATED DATA"]


def test_trends_are_raw_means_by_cohort(frame):
    figure = cohort_trends_figure(frame, outcome="y", time="year", cohort="cohort", ylabel="Patents")
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines if len(line.get_xdata()) == 9}
    assert lines["Never treated"] == pytest.approx(3 + np.arange(9))
    assert lines["Treated from 2019"] == pytest.approx(7 + np.arange(9))
    log = cohort_trends_figure(frame, outcome="y", time="year", cohort="cohort", ylabel="Patents", log_scale=True)
    assert log.axes[0].get_yscale() == "log"
    with pytest.raises(UnknownColumnError, match="did you mean 'cohort'"):
        cohort_trends_figure(frame, outcome="y", time="year", cohort="cohrt", ylabel="")


def test_style_leaves_the_users_settings(effects):
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 23, "svg.hashsalt": "other"}):
        with style():
            assert mpl.rcParams["font.size"] == pytest.approx(11)
        assert mpl.rcParams["font.size"] == 23
        assert mpl.rcParams["svg.hashsalt"] == "other"
